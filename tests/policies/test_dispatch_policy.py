"""What the dispatch policy asks of its windows: where each limit binds, and where it is slack."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import computenet as cn
from computenet.errors import InputError
from computenet.policies import example_views, make_policy
from computenet.policies.dispatch import DispatchPolicy
from computenet.policies.dispatch_holds import JobHolds
from computenet.policies.dispatch_limits import DispatchLimits
from computenet.policies.dispatch_window import WindowBuilder
from computenet.policies.forecast import make_forecaster
from computenet.simulation import run_scenario

EAST = 0


def notes(results: cn.Results) -> list[str]:
    return list(results.events[results.events["kind"] == "note"]["detail"])


def priced(east: float | list[float], west: float | list[float], days: float = 1) -> dict[str, Any]:
    """Two hubs with these prices by hour."""
    raw: dict[str, Any] = cn.load("two-hubs", days=days).model_dump(mode="json")
    for tariff in raw["topology"]["tariffs"]:
        price = east if tariff["id"] == "east" else west
        for season in tariff["seasons"]:
            season["price_cny_per_mwh"] = price if isinstance(price, list) else [price] * 24
    return raw


def dispatched(raw: dict[str, Any], **parameters: object) -> cn.Results:
    raw["policy"] = {"name": "dispatch", "parameters": parameters}
    return cn.simulate(cn.load(raw))


# ---- what may be asked for ---------------------------------------------------------------------


def test_power_that_is_paid_for_is_used_now() -> None:
    """At the same price below zero all day no hour is worth waiting for, and windows are solved."""
    raw = priced(-100.0, -100.0, days=0.5)
    for item in raw["workload"]["job_classes"]:
        item["deadline_h"] = 30.0
    results = dispatched(raw)
    assert not [note for note in notes(results) if "no dispatch" in note]
    assert (results.jobs["state"] != "held").all()
    assert results.summary["jobs"]["wait_s"]["p50"] < 60.0


def test_windows_reach_beyond_the_end_of_a_run_whose_last_day_is_in_two_months() -> None:
    night = cn.load("two-hubs", days=1, overrides={"start": "2025-01-31T12:00:00+08:00"})
    assert not [note for note in notes(cn.simulate(night, policy="dispatch")) if "dispatch" in note]


@pytest.mark.parametrize(
    ("given", "path"),
    [({"window_h": 4, "every_h": 6.0}, "every_h"),
     ({"pace_jobs": True, "hold_jobs": False}, "pace_jobs")],
)  # fmt: skip
def test_what_would_be_ignored_is_refused(given: dict[str, Any], path: str) -> None:
    with pytest.raises(InputError) as error:
        make_policy("dispatch", given)
    assert [problem.path for problem in error.value.problems] == [f"policy.parameters.{path}"]
    make_policy("dispatch", {"window_h": 6, "every_h": 6.0, "pace_jobs": True})


# ---- carbon ------------------------------------------------------------------------------------


def test_a_carbon_cap_that_binds_is_kept_and_one_that_is_wide_changes_nothing() -> None:
    """The west is cleaner (400 against 600 kg/MWh) and, here, dear."""

    def run(**parameters: object) -> dict[str, Any]:
        return dispatched(priced(500.0, 900.0), **parameters).summary

    free = run()
    kg = free["carbon"]["kg"]
    tight = run(carbon_cap_t_per_day=0.97 * kg / 1000.0)
    assert tight["carbon"]["kg"] <= 0.97 * kg
    assert tight["cost"]["total_cny"] > free["cost"]["total_cny"]
    east, before = (each["by_site"]["east"]["facility_mwh"] for each in (tight, free))
    assert east < before
    wide = run(carbon_cap_t_per_day=1.5 * kg / 1000.0)
    assert wide["carbon"]["kg"] == kg
    assert wide["cost"] == free["cost"]


def test_a_cap_and_green_targets_are_not_looked_at_together() -> None:
    both = {"carbon_cap_t_per_day": 1.0, "green_short_cny_per_mwh": 1.0}
    with pytest.raises(InputError, match="does not go together"):
        make_policy("dispatch", both)


# ---- green targets -----------------------------------------------------------------------------


def green(wind_mw: float = 0.0, certificates: float = 0.0, **parameters: object) -> cn.Results:
    """The east is cheap, has a fifth of its power by contract and a target of four fifths."""
    raw = priced(500.0, 700.0)
    raw["energy"] |= {"model": "full", "certificate_share": certificates}
    for site in raw["topology"]["sites"]:
        site["climate"] = {"annual_c": 15.0, "january_c": 5.0, "july_c": 28.0}
    if wind_mw:
        raw["topology"]["sites"][EAST]["generators"] = [
            {"id": "east/wind", "kind": "wind", "connection": "on-site", "capacity_mw": wind_mw,
             "capacity_factor": 0.3, "price_cny_per_mwh": 0.0}
        ]  # fmt: skip
    return dispatched(raw, **parameters)


def share(results: cn.Results) -> float:
    return float(results.summary["by_site"]["east"]["green_share"])


def test_a_green_target_that_is_missed_moves_work_from_its_site() -> None:
    free, asked = green(wind_mw=0.1), green(wind_mw=0.1, green_short_cny_per_mwh=800.0)
    assert share(free) < 0.5 < 0.55 < share(asked)
    east = [r.summary["by_site"]["east"]["facility_mwh"] for r in (free, asked)]
    assert east[1] < 0.9 * east[0]
    notes = asked.events[asked.events["kind"] == "note"]["detail"]
    assert notes.str.contains("green share [east]", regex=False).any()


@pytest.mark.parametrize("met", [{"wind_mw": 1.0}, {"certificates": 0.6}])
def test_a_green_target_that_is_met_changes_nothing(met: dict[str, float]) -> None:
    """By wind of its own, or by contracts and certificates together."""
    free, asked = green(**met), green(**met, green_short_cny_per_mwh=800.0)
    assert share(free) >= 0.8 - 1e-9
    assert asked.summary["cost"] == free.summary["cost"]


@pytest.mark.parametrize(
    ("model", "contract", "certificates", "expected"),
    [("full", 0.2, 0.0, 0.8), ("full", 0.2, 0.1, 0.7), ("full", 0.8, 0.0, 0.0),
     ("full", 0.2, 0.6, 0.0), ("simple", 0.2, 0.0, 0.0)],
)  # fmt: skip
def test_what_a_target_asks_of_generation(
    model: str, contract: float, certificates: float, expected: float
) -> None:
    from computenet.compilation import compile_scenario

    overrides = {
        "energy.model": model,
        "energy.certificate_share": certificates,
        "topology.sites.east.green_contract_share": contract,
    }
    if model == "full":
        climate = {"annual_c": 15.0, "january_c": 5.0, "july_c": 28.0}
        overrides |= {f"topology.sites.{name}.climate": climate for name in ("east", "west")}
    compiled = compile_scenario(cn.load("two-hubs", overrides=overrides))
    assert compiled.sites.green_generation_min[EAST] == pytest.approx(expected)


def test_what_was_used_so_far_is_what_the_run_accounts_for() -> None:
    raw = priced(500.0, 700.0)
    raw["energy"]["model"] = "full"
    for site in raw["topology"]["sites"]:
        site["climate"] = {"annual_c": 15.0, "january_c": 5.0, "july_c": 28.0}
    raw["topology"]["sites"][EAST]["generators"] = [
        {"id": "east/pv", "kind": "pv", "connection": "on-site", "capacity_mw": 0.05,
         "capacity_factor": 0.2, "price_cny_per_mwh": 0.0}
    ]  # fmt: skip
    policy = DispatchPolicy(green_short_cny_per_mwh=100.0)
    results = run_scenario(cn.load(raw), policy)
    carried, sites = policy._limits.carried(), results.summary["by_site"]
    for i, name in enumerate(("east", "west")):
        assert carried["consumed_mwh"][i] == pytest.approx(sites[name]["facility_mwh"], rel=0.05)
        assert carried["green_mwh"][i] == pytest.approx(sites[name]["onsite_mwh"], rel=0.05)
        assert carried["carbon_kg"][i] == pytest.approx(sites[name]["carbon_kg"], rel=0.05)


# ---- data --------------------------------------------------------------------------------------


def test_windows_know_where_data_lies_and_what_moving_it_costs() -> None:
    view = example_views()["usual"]
    compiled = view.compiled
    limits = DispatchLimits(compiled, 0.0, None, 0.0)
    builder = WindowBuilder(compiled, 1e-4, 0.02, limits, np.inf, "persistence")
    builder.observe(view)
    edges_s = view.now_s + 3600.0 * np.arange(3.0)
    expected = make_forecaster("persistence").expect(view, edges_s)
    data = builder.window(view, edges_s, expected).problem.data
    assert data is not None
    load = view.job_load_accelerators.reshape(2, 2)
    part = load / load.sum(axis=0)
    price = compiled.jobs.transfer_cny_per_gb
    # Region A's data of class 0 lies at site a, region B's of class 1 at b.
    assert not data.here.any()
    assert data.price_cny_per_gb[0, 0] == pytest.approx(part[1, 0] * price[1, 0])
    assert data.price_cny_per_gb[0, 1] == pytest.approx(part[:, 0] @ price[:, 1])
    assert data.price_cny_per_gb[1, 1] == pytest.approx(part[0, 1] * price[0, 1])


def test_jobs_wait_for_a_cheap_night_elsewhere_only_where_their_data_can_follow() -> None:
    """Power is cheap in the west by night; data lies in the east, and a gigabyte costs 1 CNY."""

    def night_starts(replicas: list[dict[str, str]]) -> float:
        raw = priced(600.0, [200.0] * 8 + [900.0] * 16, days=2)
        for item in raw["workload"]["job_classes"]:
            if item["name"] == "long":
                item |= {"deadline_h": 30.0, "rate_per_day": 40, "run_time_median_s": 5400.0}
        for link in raw["topology"]["links"]:
            link["price_cny_per_gb"] = 1.0 if link["id"] == "east-west" else 0.0
        for region in raw["topology"]["regions"]:
            region["training_share"] = float(region["id"] == "RE")
        raw["network"]["replicas"] = replicas
        results = dispatched(raw, pace_jobs=False)
        jobs = results.jobs[results.jobs["job_class"] == "long"].dropna(subset=["start_s"])
        return float((jobs["start_s"] % 86_400.0 < 8 * 3600.0).mean())

    there = night_starts([{"site": "west", "job_class": "long"}])
    away = night_starts([])
    assert there > 0.7
    assert away < 0.45


# ---- what comes --------------------------------------------------------------------------------


def test_work_that_came_in_an_epoch_counts_once_whatever_breaks_in_the_next() -> None:
    view = example_views()["usual"]
    coming = []
    for times_s in ([0.0, 900.0, 1800.0], [0.0, 300.0, 900.0, 1000.0, 1200.0, 1800.0]):
        limits = DispatchLimits(view.compiled, 0.0, None, 0.0)
        builder = WindowBuilder(view.compiled, 1e-4, 0.02, limits, np.inf, "persistence")
        for now_s in times_s:
            fresh = view.job_submitted_per_s * (1.0 + (now_s >= 900.0))
            builder.observe(replace(view, now_s=now_s, job_submitted_per_s=fresh))
        coming.append(builder.coming)
    np.testing.assert_array_equal(*coming)


# ---- start hours -------------------------------------------------------------------------------


def later_is_cheaper(price: list[list[float]], pue: list[float], run_h: int = 1) -> bool:
    """Whether class 0 waits at prices of facility power by hour and site, ``(T, I)``."""
    view = example_views()["usual"]
    compiled = view.compiled
    limits = DispatchLimits(compiled, 0.0, None, 0.0)
    builder = WindowBuilder(compiled, 1e-4, 0.0, limits, np.inf, "persistence")
    compiled.jobs.held_run_s[0] = 3600.0 * run_h
    compiled.jobs.deadline_s[0] = 7200.0 * len(price)
    values = np.asarray(price)
    power = SimpleNamespace(pue=np.tile(pue, (len(values), 1)))
    horizon: Any = SimpleNamespace(
        edges_s=3600.0 * np.arange(len(values) + 1.0),
        problem=SimpleNamespace(power=power, data=None),
    )
    answer: Any = SimpleNamespace(power_cny_per_mwh=values)
    return JobHolds(compiled, builder, 0.0, pace=False)._later_is_cheaper(0, answer, horizon, 0)


def test_power_for_cooling_counts_where_work_may_go_elsewhere_later() -> None:
    """Now 100 in one place; later 90 in the other, whose cooling takes a half more."""
    prices = [[100.0, 1000.0], [1000.0, 90.0]]
    assert later_is_cheaper(prices, [1.0, 1.0])
    assert not later_is_cheaper(prices, [1.0, 1.5])


def test_hours_after_a_window_are_those_of_its_last_day() -> None:
    """A window of 36 hours; jobs of 24 h that start at its end run on where it is dear by night.

    All prices are those of hours of a day, so each run of a day costs the same and none waits.
    """
    day = [[100.0, 100.0]] * 12 + [[900.0, 900.0]] * 12
    assert not later_is_cheaper((3 * day)[:36], [1.0, 1.0], run_h=24)
    # What comes after half a day is not known: a cheap last hour says little of a day's run.
    half = [[200.0, 200.0]] * 11 + [[100.0, 100.0]]
    assert later_is_cheaper(half, [1.0, 1.0], run_h=1)
    assert not later_is_cheaper(half, [1.0, 1.0], run_h=12)


# ---- hourly amounts ----------------------------------------------------------------------------


def crowded(rate_per_day: float, **parameters: object) -> cn.Results:
    night = [200.0] * 8 + [900.0] * 16
    raw = priced(night, night, days=2)
    for item in raw["workload"]["job_classes"]:
        if item["name"] == "long":
            item |= {"deadline_h": 30.0, "rate_per_day": rate_per_day,
                     "run_time_median_s": 5400.0}  # fmt: skip
    return dispatched(raw, **parameters)


def test_no_more_starts_than_the_dispatch_has_at_work_where_all_cannot_start() -> None:
    """All long jobs in the cheap hours would be more than there is room for."""
    paced, at_once = (crowded(60.0, pace_jobs=pace) for pace in (True, False))
    waits = [float(r.jobs.query("job_class == 'short'")["wait_s"].mean()) for r in (paced, at_once)]
    assert waits[0] < 0.5 * waits[1]
    for results in (paced, at_once):
        deadlines = results.summary["jobs"]["deadlines"]
        assert deadlines["met"] == deadlines["jobs"] > 0


def test_pace_is_slack_where_there_is_room() -> None:
    """No hour is better than another, no charge on peaks spreads work, the best place has room."""
    flat = [500.0] * 24
    runs = []
    for pace in (True, False):
        raw = priced(flat, flat, days=0.5)
        for tariff in raw["topology"]["tariffs"]:
            tariff["demand_charge_cny_per_kw_month"] = 0.0
        for pool in raw["topology"]["pools"]:
            pool["count"] *= 8
        for item in raw["workload"]["job_classes"]:
            if item["name"] == "long":
                item["deadline_h"] = 30.0
        runs.append(dispatched(raw, pace_jobs=pace))
    assert runs[0].summary["cost"] == runs[1].summary["cost"]
    assert runs[0].jobs["start_s"].equals(runs[1].jobs["start_s"])


def test_the_amount_that_may_start_by_hand() -> None:
    """Ten accelerators for two hours, then none; jobs of four hours: 5 on the mean, times 4 h."""
    view = example_views()["usual"]
    compiled = view.compiled
    limits = DispatchLimits(compiled, 0.0, None, 0.0)
    builder = WindowBuilder(compiled, 1e-4, 0.02, limits, np.inf, "persistence")
    holds = JobHolds(compiled, builder, 0.02, pace=True)
    pools = len(compiled.pools.ids)
    training = np.zeros((8, 2, pools))
    training[1:3, 0, 0] = 10.0
    compiled.jobs.held_run_s[0] = 4 * 3600.0
    answer: Any = SimpleNamespace(training=training)
    assert holds._amounts(answer, 1)[0] == pytest.approx(5.0 * 4 * 3600.0)
    assert holds._amounts(answer, 3)[0] == 0.0
    assert holds._amounts(answer, 2)[0] == pytest.approx(2.5 * 4 * 3600.0)
