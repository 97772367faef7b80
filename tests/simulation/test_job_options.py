"""Options of jobs and pools, end to end: what a run does with them and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

import computenet as cn
from computenet import study
from computenet.errors import InputError
from computenet.policies import make_policy
from computenet.results import Results
from computenet.simulation import run_scenario
from computenet.workload.replay import ReplayDemand
from computenet.workload.tables import JobTable, RequestTable

BIG = 64


def one_pool(**overrides: object):
    """Return two-hubs with a single pool of 64 accelerators and no requests."""
    plain = cn.load("two-hubs").model_dump(mode="json", exclude_none=True)
    pool = {**plain["topology"]["pools"][0], "count": BIG, "discipline": "fcfs"}
    plain["topology"]["pools"] = [{**pool, "serving_share": 0.0}]
    plain["workload"]["request_rate_per_day"] = 0
    return cn.load(plain, overrides={"days": 1, "policy": "proportional", **overrides})


def run(scenario, **columns: object) -> Results:
    n = len(columns["submit_s"])  # type: ignore[arg-type]
    table = JobTable.of(
        **{
            name: value if name == "kinds" else np.asarray(value) for name, value in columns.items()
        },
        job_classes=tuple(item.name for item in scenario.workload.job_classes),
    )
    assert table.rows == n
    demand = ReplayDemand(table, RequestTable.merged([]), scenario.days)
    results = run_scenario(scenario, make_policy("proportional", {}), demand=demand)
    assert max(abs(value) for value in results.summary["audit"].values()) < 1e-6
    return results


def test_a_job_is_stopped_at_its_estimate_where_asked() -> None:
    columns = {
        "submit_s": [0.0, 0.0],
        "duration_s": [5000.0, 100.0],
        "accelerators": [4, 4],
        "estimate_s": [1000.0, 200.0],
    }
    scenario = one_pool()
    speed = scenario.topology.accelerators[0].speed[scenario.workload.job_classes[0].name]
    free = run(scenario, **columns)
    cut = run(one_pool(**{"run.kill_at_estimate": True}), **columns)
    assert free.jobs["state"].tolist() == ["completed", "completed"]
    assert cut.jobs["state"].tolist() == ["killed", "completed"]
    assert cut.jobs["finish_s"].iloc[0] == pytest.approx(1000.0 / speed)
    assert cut.summary["jobs"]["failed"] == 1
    assert cut.summary["jobs"]["completed"] == 1


def test_shares_of_accelerators_run_side_by_side() -> None:
    # 128 jobs of half an accelerator fill 64; the 129th waits.
    n = 2 * BIG + 1
    results = run(
        one_pool(),
        submit_s=np.zeros(n),
        duration_s=np.full(n, 600.0),
        accelerators=np.ones(n, dtype=np.int64),
        share=np.full(n, 0.5),
    )
    assert (results.jobs["wait_s"] > 0.0).sum() == 1
    assert (results.jobs["held_accelerators"] == 0.5).all()
    busy_s = results.pools["busy_accelerators"].sum() * 900.0
    run_s = (results.jobs["finish_s"] - results.jobs["start_s"]).sum()
    assert busy_s == pytest.approx(0.5 * run_s)


def test_whole_nodes_are_rounded_up_to_servers() -> None:
    results = run(
        one_pool(),
        submit_s=np.zeros(2),
        duration_s=np.full(2, 600.0),
        accelerators=np.asarray([3, 3]),
        whole_nodes=np.asarray([1, 0]),
    )
    each = one_pool().topology.accelerators[0].accelerators_per_server
    assert results.jobs["held_accelerators"].tolist() == [-(-3 // each) * each, 3]


def test_a_kind_runs_only_where_it_may() -> None:
    results = run(
        one_pool(),
        submit_s=np.zeros(2),
        duration_s=np.full(2, 600.0),
        accelerators=np.ones(2, dtype=np.int64),
        kind=np.asarray([0, 1]),
        kinds=("nowhere", one_pool().topology.pools[0].accelerator),
    )
    assert results.jobs["state"].tolist() == ["rejected", "completed"]


@pytest.mark.parametrize("name", ["conservative", "multifactor", "fair-share", "preemptive"])
def test_a_run_takes_one_discipline_for_all_pools(name: str) -> None:
    rng = np.random.default_rng(5)
    n = 300
    results = run(
        one_pool(**{"run.discipline": name}),
        submit_s=np.sort(rng.random(n)) * 20_000.0,
        duration_s=rng.random(n) * 1000.0,
        accelerators=rng.integers(1, 32, n),
        user=rng.integers(0, 5, n),
    )
    assert results.summary["jobs"]["completed"] == n


def test_parameters_that_no_discipline_reads_are_refused() -> None:
    plain = cn.load("two-hubs").model_dump(mode="json", exclude_none=True)
    plain["topology"]["pools"][0]["backfill_depth"] = 10
    with pytest.raises(InputError, match="conservative only"):
        cn.load(plain)
    plain["topology"]["pools"][0]["discipline"] = "conservative"
    cn.load(plain)
    with pytest.raises(InputError, match=r"run\.discipline is fcfs"):
        cn.load(plain, overrides={"run.discipline": "fcfs"})
    plain["workload"]["job_classes"][0]["priority"] = 3
    with pytest.raises(InputError, match="no pool is multifactor or preemptive"):
        cn.load(plain)


def test_a_half_life_too_short_for_the_run_is_refused() -> None:
    plain = cn.load("two-hubs").model_dump(mode="json", exclude_none=True)
    plain["topology"]["pools"][0] |= {"discipline": "fair-share", "usage_half_life_s": 3600}
    study.validate(cn.load(plain, overrides={"days": 30}))
    with pytest.raises(InputError, match="too short for a run of 60 days"):
        study.validate(cn.load(plain, overrides={"days": 60}))
