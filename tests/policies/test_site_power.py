"""Own plant before the grid: the steps against sums over slots, and what runs make of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import computenet as cn
from computenet.policies import SystemView, example_views
from computenet.policies.matching import MatchingPolicy
from computenet.policies.outlook import OutlookName
from computenet.policies.site_power import (
    GROUPS,
    _groups,
    idle_mw,
    own_power_mw,
    power_steps,
    running_jobs_mw,
)
from computenet.simulation import run_scenario

NO_CARBON = np.zeros(2)
PERFECT: OutlookName = "perfect"
UP = np.ones(2, dtype=np.bool_)


def test_without_plant_only_a_peak_is_priced() -> None:
    view = example_views()["usual"]
    steps = power_steps(view, UP, own_power_mw(view, PERFECT), NO_CARBON, 60.0, PERFECT)
    assert steps is not None
    assert not steps.own
    np.testing.assert_allclose(steps.saving_cny, 0.0)
    fee = np.asarray([40_000.0, 30_000.0]) / 60.0
    np.testing.assert_allclose(steps.excess_cny[:, 0], fee)
    expected = np.maximum(view.site_peak_mw - idle_mw(view, UP), 0.0)
    np.testing.assert_allclose(steps.limit_mw, expected)
    assert np.isinf(steps.excess_mw).all()
    assert power_steps(view, UP, own_power_mw(view, PERFECT), NO_CARBON, 0.0, PERFECT) is None
    assert (
        power_steps(
            replace(view, site_peak_mw=np.zeros(2)),
            UP,
            own_power_mw(replace(view, site_peak_mw=np.zeros(2)), PERFECT),
            NO_CARBON,
            60.0,
            PERFECT,
        )
        is None
    )


def test_steps_are_what_own_plant_saves_over_the_slots() -> None:
    """With as many groups as slots, or slots alike within a group, the steps are exact."""
    rng = np.random.default_rng(2)
    left = rng.uniform(-1.0, 3.0, (2, GROUPS))
    dearer = rng.uniform(0.0, 500.0, (2, GROUPS))
    for repeat in (1, 3):
        slots = np.repeat(left, repeat, axis=1), np.repeat(dearer, repeat, axis=1)
        level, lost = _groups(*slots)
        for load in (0.0, 0.4, 1.7, 5.0):
            saved = (np.minimum(load, np.maximum(slots[0], 0.0)) * slots[1]).mean(axis=1)
            np.testing.assert_allclose((np.minimum(load, level) * lost).sum(axis=1), saved)
    # Whatever the number of slots, a load that is always met saves the mean.
    for count in (1, 2, 7):
        level, lost = _groups(np.full((1, count), 9.0), dearer[:1, :1] * np.ones((1, count)))
        np.testing.assert_allclose(lost.sum(axis=1), dearer[:1, 0])
        np.testing.assert_allclose(level, 9.0)


def test_own_plant_is_cheaper_than_the_grid_by_its_price_and_carbon() -> None:
    view = example_views()["own plant"]
    steps = power_steps(
        view, UP, own_power_mw(view, PERFECT), np.asarray([30.0, 25.0]), 0.0, PERFECT
    )
    assert steps is not None
    assert steps.own
    # The first site's sun costs nothing, the second's wind 200; the grid 700 and 350.
    np.testing.assert_allclose(steps.saving_cny[:2], [730.0, 175.0])
    np.testing.assert_allclose(steps.excess_cny[:, -1], steps.saving_cny)
    assert (np.diff(steps.excess_cny, axis=1) >= 0.0).all()
    assert np.isinf(steps.excess_mw[:, -1]).all()
    # A peak is priced beyond own plant and beyond what has been drawn from the grid.
    jobs, idle = running_jobs_mw(view), idle_mw(view, UP)
    peak = power_steps(view, UP, own_power_mw(view, PERFECT), NO_CARBON, 60.0, PERFECT)
    own = own_power_mw(view, PERFECT)
    assert peak is not None
    assert own is not None
    serving = np.maximum(view.site_load_mw - idle - jobs, 0.0)
    beside = np.concatenate([idle + jobs, idle + serving])
    free = np.tile(view.site_peak_mw + own[:, 0], 2) - beside
    width = peak.limit_mw + peak.excess_mw[:, :-1].sum(axis=1)
    assert (width >= free - 1e-12).all()
    fee = np.tile([40_000.0, 30_000.0], 2) / 60.0
    np.testing.assert_allclose(peak.excess_cny[:, -1] - peak.excess_cny[:, -2], fee)
    # Plant that costs more than the grid saves nothing.
    dear = replace(view.compiled.energy, generation_cny_per_mwh=np.full((2, 8), 900.0))
    dear_view = replace(view, compiled=replace(view.compiled, energy=dear))
    none = power_steps(dear_view, UP, own_power_mw(dear_view, PERFECT), NO_CARBON, 0.0, PERFECT)
    assert none is not None
    np.testing.assert_allclose(none.saving_cny, 0.0)


def test_storage_takes_from_the_surplus_and_gives_to_the_deficit() -> None:
    view = example_views()["own plant"]
    own = own_power_mw(view, PERFECT)
    assert own is not None
    plant = (view.compiled.energy.onsite_mw + view.compiled.energy.direct_mw)[:, :8]
    surplus = plant[0] > view.site_load_mw[0]
    assert (own[0, :8][surplus] <= plant[0][surplus]).all()
    assert own[0, :8][surplus].sum() < plant[0][surplus].sum()
    assert own[0, :8][~surplus].sum() > plant[0][~surplus].sum()
    np.testing.assert_allclose(own[1], 0.1)
    assert own_power_mw(example_views()["usual"], PERFECT) is None


def test_requests_go_where_the_wind_is_left() -> None:
    """Of two sites alike but for wind at the first, it gets the work that the wind can carry."""
    view = example_views()["own plant"]
    windy = np.stack([np.full(8, 5.0), np.zeros(8)])
    plain = replace(
        view.compiled.energy, onsite_mw=windy, direct_mw=np.zeros((2, 8)),
        generation_cny_per_mwh=np.zeros((2, 8)),
    )  # fmt: skip
    prices = np.full((2, 8), 500.0)
    sites = replace(view.compiled.sites, price_cny_per_mwh=prices, pue=np.full(2, 1.2))
    compiled = replace(view.compiled, energy=plain, sites=sites)
    policy, shares = MatchingPolicy(miss_cny=0.0, outlook="perfect"), []
    for energy in (plain, replace(plain, onsite_mw=windy[::-1].copy())):
        policy.reset(compiled, np.random.SeedSequence(0))
        now = replace(
            view, compiled=replace(compiled, energy=energy), price_cny_per_mwh=prices[:, 0],
            circle_ok=np.ones_like(view.circle_ok),
        )  # fmt: skip
        shares.append(policy.plan(now))
    first = compiled.pools.site[compiled.groups.pool] == 0
    at_first = [float(plan.request_shares[:, first].sum()) for plan in shares]
    assert at_first[0] > at_first[1]
    jobs_first = [float(plan.job_shares[:, compiled.pools.site == 0].sum()) for plan in shares]
    assert jobs_first[0] > jobs_first[1]


def windy(policy: str, capacity_mw: float = 0.5) -> cn.Scenario:
    """A day of two hubs with wind in the dear east that its own load does not use up."""
    climate = {"annual_c": 15.0, "january_c": 5.0, "july_c": 28.0}
    wind = {
        "id": "east/wind", "kind": "wind", "connection": "on-site", "capacity_mw": capacity_mw,
        "capacity_factor": 0.3, "price_cny_per_mwh": 0.0,
    }  # fmt: skip
    overrides = {
        "policy": policy,
        "energy.model": "full",
        "topology.sites.east.generators": [wind],
        **{f"topology.sites.{name}.climate": climate for name in ("east", "west")},
    }
    return cn.load("two-hubs", days=1, overrides=overrides)


def test_matching_uses_more_of_the_wind_and_pays_less_than_the_rules() -> None:
    matching, cheapest = (cn.simulate(windy(name)).summary for name in ("matching", "cheapest"))
    assert matching["energy"]["onsite_used_mwh"] > cheapest["energy"]["onsite_used_mwh"]
    assert matching["cost"]["total_cny"] < cheapest["cost"]["total_cny"]
    # What the plans said the grid and the network would cost is what they did.
    assert matching["plan"]["gap"] == pytest.approx(0.0, abs=0.01)


def test_the_peak_that_is_seen_is_what_comes_from_the_grid() -> None:
    seen: list[SystemView] = []

    class Watched(MatchingPolicy):
        def plan(self, view, *args):
            seen.append(view)
            return super().plan(view, *args)

    results = run_scenario(windy("matching", capacity_mw=1e4), Watched())
    assert results.summary["by_site"]["east"]["onsite_mwh"] > 0.0
    last = seen[-1]
    assert last.site_load_mw[0] > 0.0
    own = last.compiled.energy.onsite_mw[0]
    expected = max(max(0.0, v.site_load_mw[0] - own[int(v.now_s // 900)]) for v in seen[1:])
    assert last.site_peak_mw[0] == pytest.approx(expected)
    assert last.site_peak_mw[0] < last.site_load_mw[0]
    assert last.site_peak_mw[1] >= last.site_load_mw[1]
