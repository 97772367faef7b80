"""Jobs that come in chunks and are streamed to disk: the same as those kept in memory."""

from __future__ import annotations

import gc
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import computenet as cn
from computenet.errors import RunError
from computenet.policies import Plan, SystemView, make_policy
from computenet.results import load_run
from computenet.simulation import demand as demand_module
from computenet.simulation import run_scenario

SITE = "west"
POOLS = ("east/unit", "west/unit")
#: Queues that build up, gangs that fail, jobs and their data that go elsewhere, a bulk move.
ROUGH: dict[str, Any] = {
    "days": 1.5,
    "workload.scale": 3.0,
    "workload.request_rate_per_day": 1000,
    "run.checkpoint_cost_s": 60,
    "run.checkpoints": "young-daly",
    "run.on_outage": "move",
    "run.warmup_h": 6.0,
    "events": [
        {"kind": "site-outage", "site": SITE, "at_h": 5.1, "duration_h": 4},
        {"kind": "site-outage", "site": SITE, "at_h": 20, "duration_h": 8},
    ],
}


def run(overrides: dict[str, Any], stream_over: int, **more: Any) -> cn.Results:
    scenario = cn.load("two-hubs", overrides=overrides)
    return run_scenario(scenario, make_policy("nearest", {}), stream_over=stream_over, **more)


def nearly(one: Any, other: Any, path: str = "") -> None:
    """Compare summaries: counts are equal, sums of floats were added in another order."""
    if isinstance(one, dict):
        assert one.keys() == other.keys(), path
        for key in one:
            nearly(one[key], other[key], f"{path}.{key}")
    elif isinstance(one, list):
        for at, pair in enumerate(zip(one, other, strict=True)):
            nearly(*pair, f"{path}.{at}")
    elif isinstance(one, float):
        near = math.isclose(one, other, rel_tol=1e-11, abs_tol=1e-9)
        assert near, (path, one, other)
    else:
        assert one == other, path


@pytest.mark.parametrize("discipline", ["easy", "fcfs", "conservative", "sjf", "preemptive"])
def test_streamed_jobs_are_those_kept(
    discipline: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demand_module, "JOBS_A_CHUNK", 300)
    hits = [f"{3000 * n},{pool},7200,{n % 7 / 7}" for n in range(1, 40) for pool in POOLS]
    (tmp_path / "hits.csv").write_text("time_s,pool,repair_s,place\n" + "\n".join(hits) + "\n")
    failures = {"failures.model": "file", "failures.file": str(tmp_path / "hits.csv")}
    overrides = {**ROUGH, **failures, "run.discipline": discipline}
    kept, streamed = run(overrides, 10**9), run(overrides, 0)
    assert not kept.streamed
    assert set(streamed.streamed) == {"jobs"}
    assert (kept.jobs["state"] == "waiting").any()
    assert kept.summary["failures"]["jobs_stopped"] > 0
    pd.testing.assert_frame_equal(kept.jobs, streamed.jobs, check_exact=True)
    for name, table in kept.tables.items():
        if name != "jobs":
            exact = name != "bills"  # sums over jobs, added in another order
            pd.testing.assert_frame_equal(
                table,
                streamed.tables[name],
                check_exact=exact,
                **({} if exact else {"rtol": 1e-12}),
            )
    nearly(kept.summary, streamed.summary)


def test_plans_see_the_same_work_submitted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demand_module, "JOBS_A_CHUNK", 30)

    class Notes:
        def __init__(self) -> None:
            self.seen: list[list[float]] = []
            self.inner = make_policy("nearest", {})
            self.reset = self.inner.reset

        def plan(self, view: SystemView) -> Plan:
            self.seen.append(view.job_submitted_per_s.tolist())
            return self.inner.plan(view)

    changes = {"days": 1, "workload.request_rate_per_day": 1000, "run.epoch_s": 7200.0}
    kept, streamed = Notes(), Notes()
    for policy, stream_over in ((kept, 10**9), (streamed, 0)):
        scenario = cn.load("two-hubs", overrides=changes)
        run_scenario(scenario, policy, stream_over=stream_over, tick_s=300.0)
    assert max(max(row) for row in kept.seen) > 0.0
    assert streamed.seen == kept.seen


def test_bulk_moves_and_moved_jobs_keep_their_flows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demand_module, "JOBS_A_CHUNK", 100)
    scenario = cn.load("two-hubs")
    move = {
        "name": "weights", "region": scenario.topology.regions[0].id, "site": SITE,
        "size_tb": 3.0, "ready_h": 2.0, "by": "best-effort",
    }  # fmt: skip
    overrides = {**ROUGH, "network.bulk_moves": [move]}
    kept, streamed = run(overrides, 10**9), run(overrides, 0)
    assert kept.summary["failures"]["jobs_moved"] > 0
    assert kept.summary["network"]["bulk_moves"][0]["finish_h"] is not None
    nearly(kept.summary, streamed.summary)
    pd.testing.assert_frame_equal(kept.tables["links"], streamed.tables["links"], check_exact=True)


def test_a_streamed_run_is_saved_read_back_and_reported(tmp_path: Path) -> None:
    results = run({"days": 0.5}, 0, scratch=tmp_path)
    where = results.streamed["jobs"].path
    assert where.is_file()
    results.save(tmp_path / "run")
    again = load_run(tmp_path / "run")
    assert again.summary["jobs"] == results.summary["jobs"]
    assert len(again.jobs) == results.streamed["jobs"].rows
    columns = ["job_class", "wait_s"]
    pd.testing.assert_frame_equal(results.table("jobs", columns), again.table("jobs", columns))
    kept = run({"days": 0.5}, 10**9)
    report = results.report(tmp_path / "a.html").read_text(encoding="utf-8")
    assert len(report) == pytest.approx(
        len(kept.report(tmp_path / "b.html").read_text(encoding="utf-8")), rel=0.01
    )
    del results
    gc.collect()
    assert not where.exists()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_run_that_fails_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from computenet.simulation import job_sink

    def full(*_: object) -> None:
        raise RunError("the disk is full")

    monkeypatch.setattr(job_sink.JobSink, "_flush", full)
    with pytest.raises(RunError, match="disk is full"):
        run({"days": 0.5}, 0, scratch=tmp_path)
    gc.collect()
    assert list(tmp_path.iterdir()) == []


def test_fair_share_is_kept_in_memory() -> None:
    assert not run({"days": 0.1, "run.discipline": "fair-share"}, 0).streamed
