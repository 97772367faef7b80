"""Power states and caps over whole runs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import computenet as cn
from computenet.compiled import CompiledScenario
from computenet.errors import InputError
from computenet.policies import Plan, SystemView, make_policy
from computenet.simulation import run_scenario

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


GRID = [{"kind": "grid-event", "site": "west", "at_h": 6, "duration_h": 3, "shed_mw": 0.02}]


def test_a_grid_event_is_not_undone_by_servers_that_start() -> None:
    states = {"review_s": 60.0, "start_up_s": 60.0, "reserve": 0.0}
    busy = {"energy.model": "full", "energy.power_states": states,
            "workload.job_classes.short.rate_per_day": 1000.0}  # fmt: skip
    found = cn.simulate(cn.load("two-hubs", overrides={"days": 1, **busy, "events": GRID}))
    assert found.audit.failures() == []
    assert found.summary["grid_events"][0]["jobs_paused"] > 0
    west = found.pools[found.pools["pool"] == "west/unit"].set_index("slot_start_s")
    held = west["busy_accelerators"] + west["off_accelerators"]
    assert held.max() <= west["accelerators"].iloc[0]
    during = west.loc[6.25 * 3600.0 : 8.75 * 3600.0 - 900.0]
    assert west.loc[5.75 * 3600.0, "off_accelerators"] > 0.0
    assert during["waiting_jobs"].max() > 0.0
    # What runs at the start is the most that runs until the end.
    assert during["busy_accelerators"].max() <= west.loc[6 * 3600.0, "busy_accelerators"] + 1e-9
    assert during["off_accelerators"].min() >= 0.99 * west.loc[6 * 3600.0, "off_accelerators"]
    after = west.loc[9.25 * 3600.0 : 10 * 3600.0]
    assert after["busy_accelerators"].max() > during["busy_accelerators"].max()


class Lends:
    """Keeps one replica of each group from half past six."""

    lends = True

    def reset(self, compiled: CompiledScenario, seed: np.random.SeedSequence) -> None:
        self.inner = make_policy("nearest", {})
        self.inner.reset(compiled, seed)

    def plan(self, view: SystemView) -> Plan:
        groups = view.compiled.groups.replicas * view.compiled.sampling
        few = np.ones(len(groups)) if view.now_s >= 6.5 * 3600.0 else groups.astype(float)
        return replace(self.inner.plan(view), serving_replicas=few)


def test_nothing_is_lent_while_a_grid_event_lasts() -> None:
    busy = {"days": 0.5, "run.epoch_s": 900.0, "workload.job_classes.short.rate_per_day": 3000.0}
    found = run_scenario(cn.load("two-hubs", overrides={**busy, "events": GRID}), Lends())
    assert found.audit.failures() == []
    lent = found.pools.pivot_table(index="slot_start_s", columns="pool", values="lent_accelerators")
    assert lent.loc[7 * 3600.0, "east/unit"] > 0.0
    assert (lent.loc[: 9 * 3600.0 - 900.0, "west/unit"] == 0.0).all()
    assert lent.loc[9.25 * 3600.0, "west/unit"] > 0.0


class Watches:
    """Notes what sites draw."""

    def reset(self, compiled: CompiledScenario, seed: np.random.SeedSequence) -> None:
        self.inner = make_policy("nearest", {})
        self.inner.reset(compiled, seed)
        self.compiled = compiled
        self.views: list[SystemView] = []

    def plan(self, view: SystemView) -> Plan:
        self.views.append(view)
        return self.inner.plan(view)


def test_the_meter_of_sites_knows_what_is_off() -> None:
    idle = {**QUIET, "days": 0.25, "workload.job_classes.short.rate_per_day": 0.0}
    policy = Watches()
    run_scenario(cn.load("two-hubs", overrides={**idle, "energy.power_states": STATES}), policy)
    view, p = policy.views[-1], policy.compiled.pools
    # Everything is off and draws a tenth of what it does when idle.
    each_w = (p.idle_w + p.overhead_w) * STATES["off_power_share"]
    watts = np.bincount(p.site, each_w * p.accelerators, minlength=2)
    slot = int(view.now_s / policy.compiled.slot_s)
    facility_mw = watts / 1e6 * policy.compiled.energy.pue[:, slot]
    assert view.site_load_mw == pytest.approx(facility_mw)
