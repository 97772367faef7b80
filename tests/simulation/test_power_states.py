"""Power states and caps over whole runs."""

from __future__ import annotations

import pytest

import computenet as cn
from computenet.errors import InputError

#: Two quiet pools of jobs alone.
QUIET = {
    "days": 2, "energy.model": "full", "workload.request_rate_per_day": 0, "workload.bursts": [],
    "topology.pools.east/unit.serving_share": 0.0, "topology.pools.west/unit.serving_share": 0.0,
    "workload.job_classes.long.rate_per_day": 0.0,
    "workload.job_classes.short.rate_per_day": 12.0,
    "workload.job_classes.short.sizes": {8: 1.0},
    "workload.job_classes.short.session_jobs_mean": 1.0,
    "workload.job_classes.short.data_median_gb": 0.0,
}  # fmt: skip
STATES = {"reserve": 0.0, "start_up_s": 240.0, "review_s": 60.0, "off_power_share": 0.1}


def test_idle_accelerators_go_off_and_jobs_wait_for_a_start() -> None:
    on = cn.simulate(cn.load("two-hubs", overrides=QUIET))
    saved = cn.simulate(cn.load("two-hubs", overrides={**QUIET, "energy.power_states": STATES}))
    assert saved.audit.failures() == []
    waits = (saved.jobs["start_s"] - saved.jobs["submit_s"]).dropna()
    # Nearly every job comes to a pool that is off: it waits for a review and for the start.
    assert waits.median() > 240.0
    assert waits.max() <= 240.0 + 60.0 + 1e-6
    capacity = saved.summary["capacity"]
    assert capacity["accelerator_starts"] >= 0.9 * 8 * len(waits)
    assert capacity["off_accelerators"] > 0.8 * capacity["accelerators"] * (
        1.0 - capacity["utilisation"]
    )
    unit = saved.scenario.topology.accelerators[0]
    each_w = unit.idle_w + unit.server_overhead_w / unit.accelerators_per_server
    off = saved.pools["off_accelerators"].sum() * 900.0
    spared = off * each_w * 0.9 / 3.6e9
    work = [results.pools["busy_accelerators"].sum() * 900.0 for results in (on, saved)]
    assert work[0] == pytest.approx(work[1], rel=0.01)
    less = on.summary["energy"]["it_mwh"] - saved.summary["energy"]["it_mwh"]
    assert less == pytest.approx(spared, rel=0.01)


def test_a_reserve_spares_the_wait() -> None:
    states = {**STATES, "reserve": 0.5}
    saved = cn.simulate(cn.load("two-hubs", overrides={**QUIET, "energy.power_states": states}))
    waits = (saved.jobs["start_s"] - saved.jobs["submit_s"]).dropna()
    assert waits.quantile(0.9) == 0.0


def test_states_hold_through_outages_and_failures() -> None:
    events = [
        {"kind": "site-outage", "site": "east", "at_h": 5.1, "duration_h": 3.3},
        {"kind": "grid-event", "site": "west", "at_h": 6, "duration_h": 3, "shed_mw": 0.02},
    ]
    changes = {**QUIET, "energy.power_states": STATES, "events": events,
               "failures.model": "sampled",
               "topology.accelerators.unit.failures_per_1000_server_days": 2000.0}  # fmt: skip
    saved = cn.simulate(cn.load("two-hubs", overrides=changes))
    assert saved.audit.failures() == []
    assert saved.summary["failures"]["servers"] > 5
    down = saved.pools[(saved.pools["pool"] == "east/unit")].set_index("slot_start_s")
    assert down.loc[6 * 3600.0, "off_accelerators"] == 0.0


def test_a_power_cap_trades_time_for_energy() -> None:
    free, capped = (
        cn.simulate(cn.load("two-hubs", overrides={**QUIET, "energy.power_cap": cap}))
        for cap in (1.0, 0.4)
    )
    assert capped.audit.failures() == []
    # Activity 0.x of jobs is cut to 0.4, and they run as much longer.
    activity = free.scenario.workload.job_classes[0].activity
    done = free.jobs["finish_s"].notna() & capped.jobs["finish_s"].notna()
    longer = (capped.jobs["finish_s"] - capped.jobs["start_s"])[done] / (
        free.jobs["finish_s"] - free.jobs["start_s"]
    )[done]
    assert longer.median() == pytest.approx((activity / 0.4) ** (1 / 3), rel=1e-6)


def test_the_simple_model_refuses_both() -> None:
    with pytest.raises(InputError, match=r"used only with energy.model=full"):
        cn.load("two-hubs", overrides={"energy.power_cap": 0.5})
    with pytest.raises(InputError, match=r"used only with energy.model=full"):
        cn.load("two-hubs", overrides={"energy.power_states": {}})
