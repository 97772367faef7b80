"""Failures, checkpoints, grid events and surges: hand cases, theory, and the audit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import computenet as cn
from computenet.compilation import DISCIPLINES
from computenet.errors import InputError
from computenet.kernels.job_faults import give_back, hit_pool, shed_pool
from computenet.kernels.job_queue import advance_jobs, push_arrivals, settle_jobs
from computenet.kernels.job_state import make_job_inputs, make_job_out, make_job_state


def pool(
    rows: list[tuple[float, int, float]], size: int = 8, discipline: str = "easy",
    checkpoint_s: float = 10.0, restart_s: float = 0.0,
):  # fmt: skip
    submit, gang, work = (np.asarray([row[k] for row in rows], dtype=float) for k in range(3))
    n = len(rows)
    inputs = make_job_inputs(
        accelerators=gang.astype(np.int64), work_s=work, estimate_s=work.copy(),
        discipline=np.asarray([DISCIPLINES[discipline]], dtype=np.int32), speed=np.ones((1, 1)),
        tenant=np.arange(n, dtype=np.int32) % 3, checkpoint_s=np.asarray([checkpoint_s]),
        restart_s=restart_s, half_life_s=np.asarray([1000.0]), slot_s=1e9,
    )  # fmt: skip
    state = make_job_state(inputs, np.asarray([size]))
    push_arrivals(np.arange(n), submit, np.zeros(n, dtype=np.int32), n, state)
    return state, inputs, make_job_out(1, 1, 1)


def test_a_failing_server_stops_its_job_and_shrinks_the_pool() -> None:
    state, inputs, out = pool([(0.0, 4, 100.0), (0.0, 2, 100.0), (5.0, 4, 50.0)])
    advance_jobs(state, inputs, 25.0, out)
    # The accelerator at 0.6 x 8 = 4.8 is the fifth: the second job holds it.
    job, taken = hit_pool(0, 0.6, 3, 25.0, state, inputs, out)
    assert (job, taken) == (1, 3)
    # Four are busy, three are out, one is free: the job of two waits.
    assert state.free[0] == 1
    advance_jobs(state, inputs, 40.0, out)
    give_back(0, 3, 40.0, state, inputs, out)
    assert state.segment_s[2] == 40.0 or state.segment_s[1] == 40.0
    advance_jobs(state, inputs, np.inf, out)
    assert state.restarts.tolist() == [0, 1, 0]
    # It had run 25 s, of which 20 were kept.
    assert state.lost_accelerator_s[1] == 2 * 5.0
    assert np.isfinite(state.finish_s).all()
    busy = float(out.busy_s.sum())
    settle_jobs(state, inputs, float(state.finish_s.max()), out)
    busy = float(out.busy_s.sum())
    assert busy == pytest.approx(4 * 100.0 + 2 * 100.0 + 4 * 50.0 + 10.0)


def test_shedding_pauses_the_latest_and_keeps_them_paused() -> None:
    state, inputs, out = pool([(0.0, 3, 100.0), (1.0, 3, 100.0), (2.0, 2, 100.0)])
    advance_jobs(state, inputs, 10.0, out)
    jobs, held, taken = shed_pool(0, 4, 10.0, state, inputs, out)
    assert (jobs, held, taken) == (2, 5, 5)
    advance_jobs(state, inputs, 60.0, out)
    assert state.running[0] == 1
    give_back(0, 5, 60.0, state, inputs, out)
    assert state.running[0] == 3


@pytest.mark.parametrize("discipline", sorted(DISCIPLINES))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(1, 8), st.integers(0, 60)), max_size=25),
    st.lists(
        st.tuples(st.integers(0, 100), st.floats(0.0, 0.999), st.integers(1, 4), st.booleans()),
        max_size=8,
    ),
)
def test_accelerator_seconds_balance_through_failures(discipline: str, rows, faults) -> None:
    state, inputs, out = pool(
        [(float(a), b, float(c)) for a, b, c in sorted(rows)], discipline=discipline, restart_s=2.0
    )
    back: list[tuple[float, int]] = []
    for time, place, count, shed in sorted(faults):
        for when, taken in sorted(one for one in back if one[0] <= time):
            advance_jobs(state, inputs, when, out)
            give_back(0, taken, when, state, inputs, out)
        back = [one for one in back if one[0] > time]
        advance_jobs(state, inputs, float(time), out)
        if shed:
            taken = shed_pool(0, count, float(time), state, inputs, out)[2]
        else:
            taken = hit_pool(0, place, count, float(time), state, inputs, out)[1]
        back.append((time + 15.0, taken))
        assert 0 <= state.free[0] <= 8
    for when, taken in sorted(back):
        advance_jobs(state, inputs, when, out)
        give_back(0, taken, when, state, inputs, out)
    assert state.withheld[0] == 0
    advance_jobs(state, inputs, np.inf, out)
    end = float(np.nanmax(state.finish_s)) if rows else 0.0
    settle_jobs(state, inputs, end, out)
    assert np.isfinite(state.finish_s).all()
    assert state.free[0] == 8
    held = (inputs.work_s + 2.0 * (state.restarts > 0)) * inputs.accelerators
    total = float(held.sum() + state.lost_accelerator_s.sum())
    assert float(out.busy_s.sum()) == pytest.approx(total, rel=1e-9, abs=1e-6)


#: One pool of 64 servers that fail every other day each, gangs of 32 servers for days.
HARSH = {
    "days": 120, "workload.request_rate_per_day": 0, "workload.bursts": [],
    "topology.accelerators.unit.failures_per_1000_server_days": 15.0,
    "topology.pools.east/unit.serving_share": 0.0, "topology.pools.west/unit.serving_share": 0.0,
    "topology.pools.east/unit.count": 4096, "topology.pools.west/unit.count": 4096,
    "workload.job_classes.long.rate_per_day": 0.0,
    "workload.job_classes.short.rate_per_day": 4.0,
    "workload.job_classes.short.sizes": {1024: 1.0},
    "workload.job_classes.short.run_time_median_s": 400_000.0,
    "workload.job_classes.short.run_time_sigma": 0.0,
    "workload.job_classes.short.run_time_most_s": 400_000.0,
    "workload.job_classes.short.session_jobs_mean": 1.0,
    "workload.job_classes.short.data_median_gb": 0.0,
    "failures.model": "sampled", "run.checkpoints": "young-daly",
    "run.checkpoint_cost_s": 120.0, "run.restart_s": 300.0,
}  # fmt: skip


def test_goodput_meets_young_and_daly() -> None:
    results = cn.simulate(cn.load("two-hubs", overrides=HARSH))
    assert results.audit.failures() == []
    jobs = results.jobs[results.jobs["state"] == "completed"]
    assert len(jobs) > 100
    mean_s = 86_400.0 * 1000.0 / 15.0 / (1024 / 8)
    cost_s, restart_s, work_s = 120.0, 300.0, 400_000.0
    every_s = np.sqrt(2.0 * cost_s * mean_s)
    # Each segment of tau + cost is repeated until it fits between failures (Daly 2006, exact for
    # exponential failures): M exp(R / M) (exp((tau + cost) / M) - 1) a segment.
    segment = mean_s * np.exp(restart_s / mean_s) * np.expm1((every_s + cost_s) / mean_s)
    expected = work_s / every_s * segment
    held = jobs["finish_s"] - jobs["start_s"]
    lost = jobs["lost_accelerator_s"] / jobs["accelerators"]
    # Time in the queue after a failure is not run time.
    run = jobs["work_s"] + lost + restart_s * (jobs["restarts"] > 0)
    assert (run <= held + 1e-6).all()
    error = run.std() / np.sqrt(len(run))
    assert run.mean() == pytest.approx(expected, abs=4.0 * error + 0.01 * expected)
    rate = jobs["restarts"].sum() / run.sum()
    assert rate == pytest.approx(1.0 / mean_s, rel=4.0 / np.sqrt(jobs["restarts"].sum()))


def test_the_interval_of_checkpoints_follows_the_rate_factor() -> None:
    base = {**HARSH, "days": 10}
    name = "topology.accelerators.unit.failures_per_1000_server_days"
    one, other = (
        cn.simulate(cn.load("two-hubs", overrides={**base, name: rate, **more})).jobs
        for rate, more in ((60.0, {}), (15.0, {"failures.rate_factor": 4.0}))
    )
    assert len(one) > 10
    assert other["work_s"].tolist() == pytest.approx(one["work_s"].tolist(), rel=1e-12)
    assert other["restarts"].sum() == one["restarts"].sum() > 0


def test_a_gang_is_hit_in_proportion_to_its_size() -> None:
    sizes = {**HARSH, "workload.job_classes.short.sizes": {256: 0.5, 1024: 0.5}, "days": 60}
    jobs = cn.simulate(cn.load("two-hubs", overrides=sizes)).jobs
    hits = jobs.groupby("accelerators")["restarts"].mean()
    assert hits[1024] / hits[256] == pytest.approx(4.0, rel=0.35)


def test_failures_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "failures.csv"
    file.write_text("time_s,pool,repair_s,place\n3600,east/unit,600,0.01\n7200,west/unit,600,0.5\n")
    overrides = {"days": 0.25, "failures.model": "file", "failures.file": str(file)}
    results = cn.simulate(cn.load("two-hubs", overrides=overrides))
    assert results.summary["failures"]["servers"] == 2
    assert (results.events["kind"] == "failure").sum() == 2
    file.write_text("time_s,pool,repair_s\n3600,east,600\n-5,west/unit,0\n")
    with pytest.raises(InputError, match=r"(?s)did you mean: east/unit.*time_s cannot be used"):
        cn.simulate(cn.load("two-hubs", overrides=overrides))
    with pytest.raises(InputError, match=r"file belongs to failures.model=file"):
        cn.load("two-hubs", overrides={"failures.model": "sampled", "failures.file": "x.csv"})
    with pytest.raises(InputError, match="needs what a checkpoint costs"):
        cn.simulate(cn.load("two-hubs", overrides={"run.checkpoints": "young-daly"}))


def test_a_grid_event_is_answered_by_jobs() -> None:
    event = {"kind": "grid-event", "site": "west", "at_h": 6, "duration_h": 3, "shed_mw": 0.02}
    busy = {"days": 1, "workload.job_classes.short.rate_per_day": 3000}
    results = cn.simulate(cn.load("two-hubs", overrides={**busy, "events": [event]}))
    assert results.audit.failures() == []
    answer = results.summary["grid_events"][0]
    assert answer["asked_mw"] == 0.02
    assert 0.0 < answer["shed_mw"] <= 0.03
    assert answer["jobs_paused"] > 0
    west = results.sites[results.sites["site"] == "west"].set_index("slot_start_s")["facility_mw"]
    usual = cn.simulate(cn.load("two-hubs", overrides=busy))
    before = usual.sites[usual.sites["site"] == "west"].set_index("slot_start_s")["facility_mw"]
    shed = before.loc[6 * 3600.0] - west.loc[6 * 3600.0]
    assert shed == pytest.approx(answer["shed_mw"], rel=0.2)
    assert set(results.events["kind"]) >= {"grid-event", "grid-event-end"}


def test_a_surge_brings_more_requests_from_its_region_only() -> None:
    event = {"kind": "demand-surge", "regions": ["RE"], "at_h": 2, "duration_h": 2, "factor": 3.0}
    plain, surge = (
        cn.simulate(cn.load("two-hubs", overrides={"days": 0.25, "events": events}))
        for events in ([], [event])
    )
    one, other = (
        {name: row["requests_arrived"] for name, row in results.summary["by_region"].items()}
        for results in (plain, surge)
    )
    assert one["RW"] == other["RW"]
    assert other["RE"] / one["RE"] == pytest.approx(1.0 + 2.0 * 2.0 / 6.0, rel=0.2)


def test_events_name_what_is_there() -> None:
    events = [{"kind": "grid-shift", "sites": ["eest"], "at_h": 0, "duration_h": 1},
              {"kind": "weather-shift", "sites": ["east"], "at_h": 0, "duration_h": 1,
               "temperature_c": 5.0}]  # fmt: skip
    with pytest.raises(InputError, match=r"(?s)did you mean: .*used only with energy.model"):
        cn.load("two-hubs", overrides={"events": events})


def test_datasets_stay_where_they_were_moved() -> None:
    busy = {
        "days": 3, "workload.job_classes.short.session_jobs_mean": 10.0,
        "workload.job_classes.short.session_pause_s": 3600.0,
        "workload.job_classes.short.data_median_gb": 50.0,
    }  # fmt: skip
    kept = {f"topology.sites.{name}.dataset_storage_tb": 5.0 for name in ("east", "west")}
    plain, stores = (
        cn.simulate(cn.load("two-hubs", overrides={**busy, **more})) for more in ({}, kept)
    )
    one, other = plain.summary["network"], stores.summary["network"]
    assert one["reused_gb"] == 0.0 < other["reused_gb"]
    assert other["carried_gb"] < one["carried_gb"]
    assert stores.summary["cost"]["network_cny"] < plain.summary["cost"]["network_cny"]
    assert stores.audit.failures() == []


def test_private_lines_go_before_best_effort() -> None:
    slow = {
        "days": 2, "topology.links.east-west.capacity_gbps": 1.0, "policy": "cheapest",
        "workload.job_classes.short.data_median_gb": 200.0,
        "workload.job_classes.long.data_median_gb": 200.0,
    }  # fmt: skip

    def moving_s(weight: float) -> float:
        changes = {**slow, "workload.job_classes.long.transfer_weight": weight}
        jobs = cn.simulate(cn.load("two-hubs", overrides=changes)).jobs
        jobs = jobs[(jobs["job_class"] == "long") & jobs["ready_s"].notna()]
        return float((jobs["ready_s"] - jobs["submit_s"]).mean())

    assert moving_s(10.0) < moving_s(1.0) < moving_s(0.1)
