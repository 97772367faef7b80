"""Bounds beside whole runs: never above one, equal where only one schedule is possible."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import computenet as cn
from computenet.policies import make_policy, policy_names
from computenet.report import render_report
from computenet.report.labels import LABELS
from computenet.results import load_run
from computenet.simulation import run_scenario
from computenet.study import bound_runs, compare, compare_shocks, with_bound
from computenet.study.bound_inputs import bound_case
from computenet.workload.replay import ReplayDemand
from computenet.workload.tables import JobTable, RequestTable

POLICIES = [name for name in policy_names() if name != "replay"]
JOBS_ONLY = {"topology.pools.east/unit.serving_share": 0.0,
             "topology.pools.west/unit.serving_share": 0.0}  # fmt: skip
BATTERY = {"power_mw": 0.01, "energy_mwh": 0.03, "cycle_cny_per_mwh": 20.0}
SUN = {"id": "roof", "kind": "pv", "connection": "on-site", "capacity_mw": 0.02,
       "capacity_factor": 0.15, "price_cny_per_mwh": 0.0}  # fmt: skip
LINE = {**SUN, "id": "line", "kind": "wind", "connection": "direct-line", "capacity_factor": 0.3,
        "price_cny_per_mwh": 250.0}  # fmt: skip
CLIMATE = {"annual_c": 12.0, "january_c": 0.0, "july_c": 26.0}
STATES = {"reserve": 0.05, "start_up_s": 240.0, "review_s": 300.0}
OUTAGE = [{"kind": "site-outage", "site": "east", "at_h": 2.1, "duration_h": 1.3},
          {"kind": "link-cut", "link": "east-west", "at_h": 3, "duration_h": 1}]  # fmt: skip
RATES = {"failures.model": "sampled", "run.checkpoint_cost_s": 30.0,
         "topology.accelerators.unit.failures_per_1000_server_days": 3000.0}  # fmt: skip
SITES = {"energy.model": "full", "topology.sites.east.climate": CLIMATE,
         "topology.sites.west.climate": {**CLIMATE, "annual_c": 8.0}}  # fmt: skip
CASES = {
    "plain": {},
    "disturbed": {"events": OUTAGE, **RATES},
    "crowded": {"workload.job_classes.short.rate_per_day": 12000.0},
    "physical": {
        **SITES, "topology.sites.west.battery": BATTERY, "topology.sites.west.generators": [LINE],
        "topology.sites.east.generators": [SUN], "topology.sites.east.import_limit_mw": 0.026,
    },
    "charged": {
        **SITES, "energy.power_states": STATES, "energy.power_cap": 0.7,
        "energy.carbon_price_cny_per_t": 90.0, "energy.certificate_share": 0.5,
        "energy.voucher_share": 0.2, "energy.voucher_budget_cny": 20.0,
        "topology.sites.east.generators": [SUN], "events": OUTAGE, **RATES,
    },
    "batched": {"run.service_law": "continuous-batching",
                "workload.models.small.layers": 32,
                "workload.models.small.attention_width": 4096},
    "many ways": {"network.paths": 2, "topology.sites.west.dataset_storage_tb": 1.0,
                  "network.replicas": [{"site": "west", "job_class": "long"}]},
    "sampled": {"run.sampling": 2, "run.slot_s": 1800.0},
}  # fmt: skip


def runs_of(days: float = 0.3, **changes: object) -> dict[str, cn.Results]:
    scenario = cn.load("two-hubs", overrides={"days": days, **changes})
    return {name: run_scenario(scenario, make_policy(name, {})) for name in POLICIES}


@pytest.mark.parametrize("case", CASES)
def test_no_policy_is_below_the_bound(case: str) -> None:
    runs = runs_of(seed=3 + len(case), **CASES[case])
    bound = bound_runs(runs)
    assert bound.status == "optimal"
    assert bound.compared == len(runs)
    for name, run in runs.items():
        s = run.summary
        assert bound.cost_cny <= s["cost"]["total_cny"], name
        assert bound.carbon_kg <= s["carbon"]["kg"], name
        assert bound.waiting_accelerator_h <= s["work"]["waiting_accelerator_h"], name
    assert bound.idle_cost_cny < bound.cost_cny
    assert bound.idle_carbon_kg < bound.carbon_kg
    if case == "plain":
        # It is no bound that says nothing: work is more than half of what the cheapest pays for it.
        cheapest = min(run.summary["cost"]["total_cny"] for run in runs.values())
        assert bound.cost_cny - bound.idle_cost_cny > 0.5 * (cheapest - bound.idle_cost_cny)
    if case == "physical":
        assert max(run.summary["energy"]["unserved_mwh"] for run in runs.values()) > 0.0
    if case == "crowded":
        assert bound.waiting_accelerator_h > 0.0


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_run_alone_has_a_bound_no_lower_than_that_of_several(seed: int) -> None:
    runs = runs_of(seed=seed)
    together = bound_runs(runs)
    for name in ("nearest", "cheapest"):
        alone = bound_runs({name: runs[name]})
        assert together.cost_cny <= alone.cost_cny * (1.0 + 1e-9)
        assert alone.cost_cny <= runs[name].summary["cost"]["total_cny"]


class HoldsAndLends:
    """The nearest site, long jobs held for a while, and half of the replicas lent out in turns."""

    lends = True

    def reset(self, compiled, seed) -> None:
        self.inner = make_policy("nearest", {})
        self.inner.reset(compiled, seed)

    def plan(self, view):
        demands = len(view.job_load_accelerators)
        replicas = view.compiled.groups.replicas.astype(float)
        once = view.now_s == 9000.0
        return replace(
            self.inner.plan(view),
            hold=np.where(np.arange(demands) % 2 == 1, 1.0, 0.0),
            release_accelerator_s=np.full(demands, 1.0) if once else None,
            serving_replicas=replicas * (0.25 if int(view.now_s / 1800.0) % 2 else 1.0),
        )


def test_plans_that_hold_jobs_and_lend_replicas_are_not_below_the_bound() -> None:
    # Every replica is needed, so those that stop have requests to finish while they are lent.
    busy = {"workload.request_rate_per_day": 6e6,
            "workload.job_classes.short.rate_per_day": 20000.0}  # fmt: skip
    scenario = cn.load("two-hubs", overrides={"days": 0.25, **busy})
    runs = {"nearest": cn.simulate(scenario), "lends": run_scenario(scenario, HoldsAndLends())}
    assert runs["lends"].summary["capacity"]["lent_accelerator_h"] > 0.0
    assert runs["lends"].summary["jobs"]["held"] > 0
    case = bound_case(list(runs.values()))
    assert case.overlap_h.max() > 0.0
    for which in (runs, {"lends": runs["lends"]}):
        bound = bound_runs(which)
        assert bound.status == "optimal"
        for run in which.values():
            s = run.summary
            assert bound.cost_cny <= s["cost"]["total_cny"]
            assert bound.carbon_kg <= s["carbon"]["kg"]
            assert bound.waiting_accelerator_h <= s["work"]["waiting_accelerator_h"]


def one_job(begin_h: float, hours: float, **changes: object) -> cn.Results:
    scenario = cn.load("two-hubs", overrides={**JOBS_ONLY, **changes})
    jobs = JobTable.of(
        np.asarray([3600.0 * begin_h]), np.asarray([3600.0 * hours]), np.asarray([8]),
        job_class=np.asarray([1], dtype=np.int32), region=np.asarray([1], dtype=np.int32),
        job_classes=("short", "long"),
    )  # fmt: skip
    demand = ReplayDemand(jobs, RequestTable.merged([]), 1.0)
    return run_scenario(scenario, make_policy("nearest", {}), demand=demand)


@pytest.mark.parametrize("changes", [{}, {"run.slot_s": 3600.0}, {"energy.model": "full"},
                                     {"energy.model": "full", "energy.carbon_price_cny_per_t": 70,
                                      "energy.voucher_share": 0.1,
                                      "energy.voucher_budget_cny": 30.0}])  # fmt: skip
def test_the_bound_is_the_cost_where_only_one_schedule_is_possible(
    changes: dict[str, object],
) -> None:
    # From 07:00 to the end without a moment to spare, at the cheaper of the two sites.
    run = one_job(7.0, 17.0, **changes)
    bound = bound_runs({"nearest": run})
    # Cooling by load is concave, and its chord is no more than near it.
    rel = 1e-8 if "energy.model" not in changes else 3e-3
    assert bound.cost_cny == pytest.approx(run.summary["cost"]["total_cny"], rel=rel)
    assert bound.carbon_kg == pytest.approx(run.summary["carbon"]["kg"], rel=rel)
    assert bound.cost_cny <= run.summary["cost"]["total_cny"]


def test_work_with_time_to_spare_is_spread_under_the_demand_charge() -> None:
    # 16 accelerator-hours in the 17 h from 07:00 on, by hand: the least peak is an even one.
    run = one_job(7.0, 2.0)
    bound = bound_runs({"nearest": run})
    west_idle = 1.2 * 128 * 200.0 / 1e6
    even = 1.2 * 16.0 / 17.0 * 400 * 0.9 / 1e6
    east = 1.5 * 64 * 200.0 / 1e6
    energy = 12 * east * (400 + 800) + 300 * (24 * west_idle + 17 * even)
    peaks = (40_000 * east + 30_000 * (west_idle + even)) / 31
    assert bound.cost_cny == pytest.approx(energy + peaks, rel=1e-8)
    idle = 12 * east * (400 + 800) + 300 * 24 * west_idle
    idle += (40_000 * east + 30_000 * west_idle) / 31
    assert bound.idle_cost_cny == pytest.approx(idle, rel=1e-8)
    assert bound.idle_cost_cny <= bound.cost_cny <= run.summary["cost"]["total_cny"]


def test_nothing_to_do_costs_what_idling_does() -> None:
    none = {"workload.request_rate_per_day": 0, "workload.bursts": [],
            "workload.job_classes.short.rate_per_day": 0.0,
            "workload.job_classes.long.rate_per_day": 0.0}  # fmt: skip
    run = cn.simulate(cn.load("two-hubs", overrides={"days": 0.2, **none}))
    bound = bound_runs({"nearest": run})
    assert bound.cost_cny == pytest.approx(run.summary["cost"]["total_cny"], rel=1e-8)
    assert bound.cost_cny == pytest.approx(bound.idle_cost_cny, rel=1e-8)
    assert bound.waiting_accelerator_h == 0.0
    assert with_bound(run).summary["bound"]["gap_above_idle"] is None


def test_bulk_moves_are_paid_for_idle_or_not() -> None:
    move = {"name": "m", "region": "RE", "site": "west", "size_tb": 40, "by": "shipped"}
    moves = {"network.bulk_moves": [{**move, "cny_per_tb": 5.0}]}
    plain, moved = (bound_runs(runs_of(days=0.1, **more)) for more in ({}, moves))
    assert moved.cost_cny == pytest.approx(plain.cost_cny + 200.0, rel=1e-9)
    assert moved.idle_cost_cny == pytest.approx(plain.idle_cost_cny + 200.0, rel=1e-9)


def test_runs_of_different_scenarios_have_no_common_bound() -> None:
    scenario = cn.load("two-hubs", days=0.1)
    one, other = cn.simulate(scenario), cn.simulate(scenario, seed=9)
    status = bound_runs({"a": one, "b": other}).status
    assert status == "not computed: b and a are runs of different scenarios"
    shocks = compare_shocks(cn.load("two-hubs", days=0.1), ["none"])
    assert shocks.bound["status"] == "optimal"
    assert bound_runs({}).status == "not computed: there are no runs"


def test_what_recorded_demand_differs_in_is_told() -> None:
    run = one_job(7.0, 2.0)
    other = cn.Results(
        run.scenario, run.summary, {**run.manifest, "inputs": {"trace.csv": "1"}}, run.tables,
        run.audit,
    )  # fmt: skip
    assert bound_runs({"a": run, "b": other}).status.endswith("replay different demand")


def test_runs_from_disk_have_the_same_bound(tmp_path: Path) -> None:
    comparison = compare(cn.load("two-hubs", days=0.2), ["nearest", "cheapest"])
    comparison.save(tmp_path / "out")
    again = bound_runs({name: load_run(tmp_path / "out" / name) for name in comparison.runs})
    assert again.as_dict() == comparison.limits.as_dict()
    run = load_run(tmp_path / "out" / "cheapest")
    assert run.summary["bound"]["compared"] == 2
    for place, lang in enumerate(("en", "zh")):
        html = render_report(run, lang)
        assert LABELS["bound"][place] in html
        assert 'id="bound"' in html
    assert 'id="bound"' not in render_report(cn.simulate("two-hubs", policy="nearest"), "en")


def test_windows_over_crowded_replicas_have_a_bound() -> None:
    """What slots without requests would take beyond their replicas is not made in them."""
    scenario = cn.load(
        "two-hubs",
        overrides={
            "days": 0.45, "seed": 11, "run.request_window_h": 0.5, "run.request_period_h": 1.5,
            "run.request_warmup_h": 0.25, "workload.job_classes.short.rate_per_day": 0.0,
            "workload.job_classes.long.rate_per_day": 0.0,
            "topology.pools.east/unit.serving_share": 0.1,
            "topology.pools.west/unit.serving_share": 0.0,
            "workload.request_rate_per_day": 5e6,
        },
    )  # fmt: skip
    run = run_scenario(scenario, make_policy("nearest", {}))
    found = bound_runs({"run": run})
    assert found.status == "optimal"
    assert found.cost_cny is not None
    assert 0.0 < found.cost_cny <= run.summary["cost"]["total_cny"]


def test_a_scenario_that_cannot_be_compiled_again_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from computenet.errors import InputError, Problem

    def gone(scenario: object) -> None:
        raise InputError([Problem("energy.series_files.west", "x.csv", "cannot be read")])

    run = cn.simulate(cn.load("two-hubs", days=0.1))
    monkeypatch.setattr("computenet.study.bound_inputs.compile_scenario", gone)
    bound = bound_runs({"a": run})
    assert bound.cost_cny is None
    assert "cannot be compiled again" in bound.status


def test_tables_of_groups_and_arrivals_add_up() -> None:
    run = cn.simulate(cn.load("two-hubs", overrides={"days": 0.3, "run.sampling": 2}))
    groups, arrivals, pools = run.groups, run.arrivals, run.pools
    for name in ("tokens_in", "tokens_out"):
        by_pool = groups.groupby(["slot_start_s", "pool"], observed=True)[name].sum()
        whole = pools.set_index(["slot_start_s", "pool"])[name]
        np.testing.assert_array_equal(by_pool.sort_index(), whole.loc[by_pool.index].sort_index())
    assert arrivals["requests"].sum() == run.summary["requests"]["arrived"]
    served = run.summary["work"]["requests"]["small"]
    assert served["served"] == run.summary["requests"]["served"]
    assert served["tokens_in"] == groups["tokens_in"].sum() <= arrivals["prefill_tokens"].sum()
    assert served["tokens_out"] == groups["tokens_out"].sum() <= arrivals["tokens_out"].sum()
    assert arrivals["cached_tokens"].sum() == 0
    busy = groups.groupby("slot_start_s")["busy_replicas"].sum()
    serving = pools.groupby("slot_start_s")["serving_busy_accelerators"].sum()
    np.testing.assert_allclose(busy, serving, rtol=1e-12)
    assert (groups["prefill_replicas"] <= groups["busy_replicas"] + 1e-12).all()


def test_work_done_is_what_pools_were_busy_with_less_what_was_lost() -> None:
    run = cn.simulate(cn.load("two-hubs", days=0.25))
    busy_h = 0.25 * run.pools["busy_accelerators"].sum()
    assert sum(run.summary["work"]["jobs"].values()) == pytest.approx(busy_h, rel=1e-9)
    run = cn.simulate(cn.load("two-hubs", overrides={"days": 0.25, **CASES["disturbed"]}))
    busy_h = 0.25 * run.pools["busy_accelerators"].sum()
    lost_h = run.summary["jobs"]["lost_accelerator_h"]
    done_h = sum(run.summary["work"]["jobs"].values())
    assert lost_h > 0.0
    assert done_h < busy_h - lost_h
    waiting = (0.25 * run.pools["waiting_accelerators"]).sum()
    assert run.summary["work"]["waiting_accelerator_h"] >= waiting * (1.0 - 1e-9)


def test_a_case_keeps_the_order_of_least_and_most() -> None:
    runs = runs_of(seed=2)
    work = bound_case(list(runs.values())).work
    assert (work.jobs_h <= work.jobs_most_h[:, -1] * (1.0 + 1e-9)).all()
    assert (work.prefill_least <= work.prefill_most).all()
    assert (work.decode_least <= work.decode_most).all()
    assert (np.diff(work.jobs_most_h, axis=1) >= 0.0).all()
