"""What a plan says besides shares is carried out: holds, releases, set-points; and the future."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import computenet as cn
from computenet.compilation import compile_scenario
from computenet.errors import InputError
from computenet.policies import Plan, PriceRow, SystemView, make_policy
from computenet.scenario.scenario import LinkCut
from computenet.simulation import run_scenario
from computenet.simulation.demand import demand_of
from computenet.simulation.engine import LOAD_MEMORY_S
from computenet.simulation.foresight import Foresight
from computenet.simulation.held_jobs import HeldJobs


class Planned:
    """The nearest site, with something besides."""

    def __init__(self, add) -> None:
        self.add = add
        self.views: list[SystemView] = []

    def reset(self, compiled, seed) -> None:
        self.inner = make_policy("nearest", {})
        self.inner.reset(compiled, seed)
        self.views = []

    def plan(self, view: SystemView) -> Plan:
        self.views.append(view)
        return replace(self.inner.plan(view), **self.add(view))


def held_until(hour: float):
    """Hold every long job back until an hour of the run, then let all go."""

    def add(view: SystemView) -> dict[str, object]:
        demands = len(view.job_load_accelerators)
        long_ones = np.arange(demands) % 2 == 1
        if view.now_s < 3600.0 * hour:
            return {"hold": np.where(long_ones, 1.0, 0.0)}
        return {"release_accelerator_s": np.full(demands, np.inf)}

    return add


def test_held_jobs_start_when_they_are_released() -> None:
    policy = Planned(held_until(10.0))
    results = run_scenario(cn.load("two-hubs", days=1), policy)
    jobs = results.jobs
    early = jobs[(jobs["job_class"] == "long") & (jobs["submit_s"] < 36_000.0)]
    assert len(early) > 3
    assert (early["ready_s"] >= 36_000.0).all()
    assert (early["start_s"] >= 36_000.0).all()
    short = jobs[(jobs["job_class"] == "short") & (jobs["submit_s"] < 30_000.0)]
    assert (short["start_s"] < 36_000.0).mean() > 0.9
    held = [float(view.job_held_accelerator_s.sum()) for view in policy.views]
    assert held[0] == 0.0
    assert max(held) > 0.0
    assert held[-1] == 0.0
    assert results.summary["jobs"]["held"] == 0


def test_jobs_held_at_the_end_are_counted_as_waiting() -> None:
    results = run_scenario(cn.load("two-hubs", days=1), Planned(held_until(1e9)))
    jobs = results.jobs
    held = jobs[jobs["state"] == "held"]
    assert len(held) == (jobs["job_class"] == "long").sum()
    assert held["pool"].isna().all()
    s = results.summary["jobs"]
    assert s["held"] == len(held)
    assert s["rejected"] == 0
    assert s["submitted"] == (
        s["completed"] + s["running"] + s["waiting"] + s["failed"] + s["rejected"]
    )


def test_holding_does_not_depend_on_when_the_data_plane_is_driven() -> None:
    def part(view: SystemView) -> dict[str, object]:
        demands = len(view.job_load_accelerators)
        return {
            "hold": np.full(demands, 0.4),
            "release_accelerator_s": np.full(demands, 3000.0 if view.now_s % 3600 else 0.0),
        }

    scenario = cn.load("two-hubs", days=0.5)
    runs = [run_scenario(scenario, Planned(part), tick_s=tick_s) for tick_s in (None, 61.7)]
    for name in ("jobs", "pools", "sites", "plans"):
        pd.testing.assert_frame_equal(runs[0].tables[name], runs[1].tables[name], check_exact=True)


def test_releasing_nothing_changes_nothing() -> None:
    scenario = cn.load("two-hubs", days=0.3)
    runs = [
        run_scenario(scenario, Planned(lambda view, add=add: add))
        for add in ({}, {"release_accelerator_s": np.full(4, np.inf)})
    ]
    pd.testing.assert_frame_equal(runs[0].jobs, runs[1].jobs, check_exact=True)


def test_the_share_held_is_that_of_the_work() -> None:
    held = HeldJobs(2)
    held.share = np.asarray([0.3, 0.0])
    rng = np.random.default_rng(4)
    work = rng.exponential(size=4000)
    demand = np.zeros(4000, dtype=np.int32)
    demand[::5] = 1
    taken = held.take(0, 4000, demand, work, np.zeros(4000, dtype=np.bool_))
    mine = demand == 0
    assert work[taken].sum() == pytest.approx(0.3 * work[mine].sum(), abs=work.max())
    assert held.work()[0] == pytest.approx(work[taken].sum())
    first = held.release(np.asarray([work[taken[0]] * 0.5, 1.0]))
    assert first == taken[:1]
    assert held.release(np.asarray([np.inf, np.inf])) == taken[1:]
    assert held.jobs().size == 0


BATTERY = {"power_mw": 0.004, "energy_mwh": 0.016, "efficiency": 0.81, "initial": 0.5,
           "rule": "plan"}  # fmt: skip


def by_plan(**changes: object) -> cn.Scenario:
    scenario = cn.load("two-hubs", days=1)
    raw = scenario.model_dump(mode="json")
    raw["energy"]["model"] = "full"
    climate = {"annual_c": 15.0, "january_c": 5.0, "july_c": 28.0}
    for site in raw["topology"]["sites"]:
        site["climate"] = climate
    raw["topology"]["sites"][1]["battery"] = {**BATTERY, **changes}
    return cn.load(raw)


def test_storage_follows_the_set_points() -> None:
    """Charge 2 kW from 02:00, give back 3 kW from 18:00, each for an hour; 0.81 = 0.9 each way."""

    def add(view: SystemView) -> dict[str, object]:
        hour = view.now_s / 3600.0
        power = -0.002 if 2.0 <= hour < 3.0 else 0.003 if 18.0 <= hour < 19.0 else 0.0
        return {"setpoint_mw": np.asarray([0.0, power])}

    sites = run_scenario(by_plan(), Planned(add)).sites
    west = sites[sites["site"] == "west"].set_index("slot_start_s")
    assert west["charge_mw"].sum() / 4.0 == pytest.approx(0.002)
    assert west["charge_mw"].loc[7200.0:9900.0].tolist() == pytest.approx([0.002] * 4)
    assert west["discharge_mw"].sum() / 4.0 == pytest.approx(0.003)
    assert west["stored_mwh"].iloc[-1] == pytest.approx(0.008 + 0.002 * 0.9 - 0.003 / 0.9)


def test_storage_by_plan_needs_a_policy_that_plans_it() -> None:
    with pytest.raises(InputError, match="storage of west follows the plan"):
        run_scenario(by_plan(), make_policy("nearest", {}))


def test_amounts_out_of_range_are_all_told() -> None:
    def add(view: SystemView) -> dict[str, object]:
        return {
            "hold": np.full(4, 1.5), "release_accelerator_s": np.full(3, 1.0),
            "setpoint_mw": np.asarray([np.inf, 0.0]),
        }  # fmt: skip

    with pytest.raises(InputError) as caught:
        run_scenario(cn.load("two-hubs", days=0.1), Planned(add))
    assert [problem.path for problem in caught.value.problems] == [
        "plan.hold", "plan.release_accelerator_s", "plan.setpoint_mw"
    ]  # fmt: skip


def test_prices_stand_in_the_plans_table() -> None:
    def add(view: SystemView) -> dict[str, object]:
        return {"prices": (PriceRow("west/unit", "CNY/accelerator-h", 2.0, 1.5, 2.5),)}

    plans = run_scenario(cn.load("two-hubs", days=0.1), Planned(add)).plans
    priced = plans[plans["kind"] == "price"]
    assert (priced["target"] == "west/unit").all()
    assert (priced["price_low"] < priced["price"]).all()
    assert priced["share"].isna().all()
    assert len(priced) == 10


def test_foresight_is_what_comes() -> None:
    scenario = cn.load("two-hubs", days=1)
    compiled = compile_scenario(scenario)
    demand = demand_of(scenario, compiled, None)
    future = Foresight(scenario, compiled, demand)
    edges_s = np.asarray([0.0, 900.0, 40_000.0, 86_400.0, 90_000.0])
    counts = future.request_rate_per_s(edges_s) * np.diff(edges_s)[:, None]
    assert counts[-1].sum() == 0.0
    results = cn.simulate(scenario)
    assert counts.sum(axis=0) == pytest.approx(results.requests["arrived"].to_numpy())
    work = future.job_work_accelerator_s(edges_s)
    jobs = demand.jobs
    first = jobs.submit_s < 900.0
    assert work[0].sum() == pytest.approx((jobs.duration_s * jobs.accelerators)[first].sum())
    assert work.sum() == pytest.approx((jobs.duration_s * jobs.accelerators).sum())


def test_only_who_asks_is_shown_the_future_and_meters_read_the_load() -> None:
    policy = Planned(lambda view: {})
    results = run_scenario(cn.load("two-hubs", days=1), policy)
    assert all(view.future is None for view in policy.views)
    policy.wants_future = True
    run_scenario(cn.load("two-hubs", days=0.1), policy)
    assert all(view.future is not None for view in policy.views)
    # Read at an instant, against the mean of the slot before.
    policy = Planned(lambda view: {})
    results = run_scenario(cn.load("two-hubs", days=1), policy)
    facility = results.sites.pivot(index="slot_start_s", columns="site", values="facility_mw")
    read = np.asarray([view.site_load_mw for view in policy.views[1:]])
    assert read.mean(axis=0) == pytest.approx(facility.to_numpy()[:-1].mean(axis=0), rel=0.02)
    peak = policy.views[-1].site_peak_mw
    assert peak == pytest.approx(read.max(axis=0))


def half_serving(view: SystemView) -> dict[str, object]:
    """From 02:00 to 06:00 half of the replicas serve."""
    replicas = view.compiled.groups.replicas_real.astype(np.float64)
    night = 7200.0 <= view.now_s < 21_600.0
    return {"serving_replicas": replicas / 2.0 if night else None}


def test_serving_accelerators_are_lent_and_come_back() -> None:
    policy = Planned(half_serving)
    policy.lends = True
    # The east has 48 accelerators for jobs; a queue of jobs of 8 needs more.
    scenario = cn.load(
        "two-hubs", days=0.5, overrides={"workload.job_classes.long.rate_per_day": 400}
    )
    results = run_scenario(scenario, policy)
    pools = results.pools
    lent = pools.pivot(index="slot_start_s", columns="pool", values="lent_accelerators")
    assert lent["east/unit"].loc[7200.0:20_700.0].tolist() == pytest.approx([8.0] * 16)
    assert lent["west/unit"].sum() == pytest.approx(16.0 * 16)
    busy = pools.pivot(index="slot_start_s", columns="pool", values="busy_accelerators")[
        "east/unit"
    ]
    assert busy.loc[9000.0:20_700.0].max() > 48.0
    assert busy.loc[21_600.0:].max() <= 48.0
    assert busy.loc[:6300.0].max() <= 48.0
    s = results.summary
    assert s["capacity"]["lent_accelerator_h"] == pytest.approx(4.0 * 24.0)
    assert s["failures"]["jobs_stopped_by_tide"] > 0
    assert s["requests"]["served"] + s["requests"]["in_flight"] == s["requests"]["arrived"]


@pytest.mark.parametrize("failures", [False, True])
def test_what_was_lent_comes_back_from_accelerators_that_are_off(failures: bool) -> None:
    """All idle accelerators, lent ones too, are off, starting or broken when they are wanted."""
    policy = Planned(half_serving)
    policy.lends = True
    changes: dict[str, object] = {
        "days": 0.5, "energy.model": "full",
        "energy.power_states": {"reserve": 0.0, "start_up_s": 1800.0, "review_s": 60.0,
                                "off_power_share": 0.1},
        "workload.job_classes.long.rate_per_day": 0.0,
        "workload.job_classes.short.rate_per_day": 20.0 if failures else 0.0,
    }  # fmt: skip
    if failures:
        changes |= {
            "failures.model": "sampled",
            "topology.accelerators.unit.failures_per_1000_server_days": 20_000.0,
        }
    results = run_scenario(cn.load("two-hubs", overrides=changes), policy)
    assert results.audit.failures() == []
    own = policy.views[0].compiled.pools.accelerators
    before = [view for view in policy.views if view.now_s < 7200.0]
    after = [view for view in policy.views if view.now_s > 21_600.0]
    held = [view.pool_free + view.pool_running.sum(axis=1) for view in after]
    assert (np.asarray(held) <= own).all()
    if not failures:
        assert (np.asarray(held) == own).all()
        assert (np.asarray([view.pool_free for view in before]) == own).all()
        during = [view.pool_free for view in policy.views if 9000.0 < view.now_s < 21_600.0]
        assert (np.asarray(during) > own).all()


def test_lending_nothing_changes_nothing() -> None:
    scenario = cn.load("two-hubs", days=0.5, failures={"model": "sampled", "rate_factor": 50})
    runs = []
    for lends in (False, True):
        policy = Planned(lambda view: {})
        policy.lends = lends
        runs.append(run_scenario(scenario, policy))
    for name in ("jobs", "requests", "pools", "sites"):
        pd.testing.assert_frame_equal(runs[0].tables[name], runs[1].tables[name], check_exact=True)


def test_a_policy_that_lends_says_so() -> None:
    with pytest.raises(InputError, match="lends = True"):
        run_scenario(cn.load("two-hubs", days=0.2), Planned(half_serving))


def test_jobs_let_go_between_two_epochs_are_counted_once() -> None:
    """A cut replans within an epoch: jobs submitted and held since it began are let go there."""
    cut_s = 36_400.0

    def add(view: SystemView) -> dict[str, object]:
        demands = len(view.job_load_accelerators)
        if view.now_s < cut_s:
            return {"hold": np.ones(demands)}
        return {"release_accelerator_s": np.full(demands, np.inf)}

    scenario = cn.load("two-hubs", days=0.5)
    cut = LinkCut(kind="link-cut", at_h=cut_s / 3600.0, duration_h=0.1, link="east-west")
    scenario = scenario.model_copy(update={"events": [cut]})
    policy = Planned(add)
    jobs = run_scenario(scenario, policy).jobs
    between = (jobs["submit_s"] > 36_000.0) & (jobs["submit_s"] < cut_s)
    assert between.sum() > 3
    before, after = (
        next(view for view in policy.views if view.now_s == now_s) for now_s in (36_000.0, 36_900.0)
    )
    compiled = after.compiled
    there = jobs[(jobs["submit_s"] <= 36_900.0) & ~(jobs["finish_s"] <= 36_900.0)]
    kind = there["job_class"].astype(str).map(compiled.jobs.classes.index).to_numpy(np.int64)
    pool = there["pool"].astype(str).map(compiled.pools.ids.index).to_numpy(np.int64)
    asked = there["accelerators"].to_numpy(np.float64) * compiled.jobs.speed[kind, pool]
    keep = np.exp(-900.0 / LOAD_MEMORY_S)
    load = after.job_load_accelerators - keep * before.job_load_accelerators
    assert load.sum() == pytest.approx((1.0 - keep) * asked.sum())
