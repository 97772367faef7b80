"""What policies know of the hours to come: nothing but tariffs, unless they ask for it by name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import computenet as cn
from computenet.compilation import compile_scenario
from computenet.energy import Usual, expected_ahead
from computenet.energy.usual import usual_year
from computenet.errors import InputError
from computenet.policies import (
    Plan,
    SystemView,
    check_policy,
    example_views,
    make_policy,
    policy_names,
)
from computenet.policies.other_future import other_future
from computenet.policies.outlook import (
    emission_ahead,
    generation_ahead,
    limit_ahead,
    price_ahead,
    pue_ahead,
    slots_ahead,
    within_run,
)
from computenet.policies.shares import normal_rows

PLANNERS = ["matching", "dispatch", "gang"]
AHEAD = (price_ahead, emission_ahead, limit_ahead, generation_ahead, pue_ahead)


def plan_of(name: str, view: SystemView, **parameters: str) -> Plan:
    policy = make_policy(name, parameters)
    policy.reset(view.compiled, np.random.SeedSequence(1))
    return policy.plan(view)


@pytest.mark.parametrize("name", [name for name in policy_names() if name != "replay"])
@pytest.mark.parametrize("kind", ["own plant", "usual"])
def test_no_policy_sees_what_is_to_come(name: str, kind: str) -> None:
    view = replace(example_views()[kind], now_s=1800.0)
    mine, theirs = (plan_of(name, seen) for seen in (view, other_future(view)))
    np.testing.assert_array_equal(mine.request_shares, theirs.request_shares)
    np.testing.assert_array_equal(mine.job_shares, theirs.job_shares)
    assert np.array_equal(mine.setpoint_mw, theirs.setpoint_mw)
    assert repr((mine.hold, mine.prices)) == repr((theirs.hold, theirs.prices))


@pytest.mark.parametrize("name", PLANNERS)
def test_a_policy_that_asks_for_it_does(name: str) -> None:
    view = replace(example_views()["own plant"], now_s=1800.0)
    plans = [plan_of(name, seen, outlook="perfect") for seen in (view, other_future(view))]
    assert not np.array_equal(plans[0].job_shares, plans[1].job_shares)


def test_a_policy_that_looks_ahead_must_say_so() -> None:
    class Clairvoyant:
        sees_ahead = True

        def reset(self, compiled, seed) -> None:
            pass

        def plan(self, view):
            price = view.compiled.sites.price_cny_per_mwh.mean(axis=1)
            groups = view.compiled.pools.site[view.compiled.groups.pool]
            return Plan(
                normal_rows(np.tile(price[groups], (4, 1)), view.request_arc_open),
                normal_rows(np.ones(view.job_arc_open.shape), view.job_arc_open),
            )

    check_policy(Clairvoyant)
    Clairvoyant.sees_ahead = False
    with pytest.raises(InputError, match="weather or grid events to come"):
        check_policy(Clairvoyant)
    check_policy(lambda: make_policy("dispatch", {"outlook": "perfect"}))


@pytest.mark.parametrize("name", PLANNERS)
def test_an_outlook_that_there_is_not_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=r"policy\.parameters\.outlook"):
        make_policy(name, {"outlook": "prophet"})


def test_what_is_expected_goes_from_now_to_the_usual() -> None:
    usual = Usual(np.asarray([[10.0, 20.0, 0.0]]), np.asarray([[2.0, 6.0, 0.0]]), np.asarray([5.0]))
    ahead = expected_ahead(
        np.asarray([13.0]), usual, 0, np.asarray([0, 1, 2, 1]), np.asarray([0.0, 5.0, 5.0, 1e3])
    )
    # A spread and a half above the mean now; at night, where nothing varies, the mean.
    np.testing.assert_allclose(ahead, [[13.0, 20.0 + 9.0 / np.e, 0.0, 20.0]])
    night = expected_ahead(np.asarray([0.0]), usual, 2, np.asarray([1]), np.asarray([1.0]))
    np.testing.assert_allclose(night, 20.0)


def test_the_usual_of_a_year_and_its_memory() -> None:
    """A day's curve times an autoregression of known memory is found again."""
    rng = np.random.default_rng(5)
    keep, hours = np.exp(-1.0 / 12.0), np.arange(8760)
    noise = np.empty(8760)
    noise[0] = rng.standard_normal()
    for t in range(1, 8760):
        noise[t] = keep * noise[t - 1] + np.sqrt(1.0 - keep**2) * rng.standard_normal()
    shape = np.maximum(np.sin(2.0 * np.pi * (hours % 24 - 6) / 24.0), 0.0)
    year = np.stack([shape * (5.0 + noise), np.full(8760, 1.3)])
    found = usual_year(year)
    assert found.memory_h[0] == pytest.approx(12.0, rel=0.15)
    noon = hours % 24 == 12
    assert found.mean[0, noon].mean() == pytest.approx(5.0, abs=0.2)
    assert found.spread[0, noon].mean() == pytest.approx(1.0, abs=0.15)
    assert not found.spread[0, hours % 24 == 0].any()
    np.testing.assert_allclose(found.mean[1], 1.3)
    assert not found.spread[1].any()
    np.testing.assert_allclose(found.mean.mean(axis=1), year.mean(axis=1))


def test_expected_wind_and_sun_are_nearer_than_what_is_usual_or_what_is_now() -> None:
    """Over a month the forecast has the least error, at every lead."""
    climate = {"annual_c": 15.0, "january_c": 5.0, "july_c": 28.0}
    plant = {"connection": "on-site", "capacity_mw": 10.0, "price_cny_per_mwh": 0.0}
    overrides = {
        "energy.model": "full",
        "topology.sites.east.climate": climate,
        "topology.sites.west.climate": climate,
        "topology.sites.east.generators": [
            {"id": "east/wind", "kind": "wind", "capacity_factor": 0.3, **plant}
        ],
        "topology.sites.west.generators": [
            {"id": "west/sun", "kind": "pv", "capacity_factor": 0.15, **plant}
        ],
    }
    compiled = compile_scenario(cn.load("two-hubs", days=31, overrides=overrides))
    energy, day = compiled.energy, compiled.n_slots // 31
    made = energy.onsite_mw + energy.direct_mw
    view = replace(example_views()["usual"], compiled=compiled)
    errors = {name: np.zeros(day) for name in ("forecast", "usual", "now")}
    for start in range(0, compiled.n_slots - day, day // 4 + 1):
        slots = np.arange(start, start + day)
        seen = replace(view, now_s=start * compiled.slot_s)
        truth = made[:, slots]
        expected = {
            "forecast": generation_ahead(seen, slots, "persistence"),
            "usual": energy.usual_mw.mean[:, slots],
            "now": made[:, [start]] * np.ones((1, day)),
        }
        for name, value in expected.items():
            errors[name] += ((value - truth) ** 2).sum(axis=0)
    for lead in (1, day // 8, day // 4, day // 2, day - 1):
        best = min(errors["usual"][lead], errors["now"][lead])
        assert errors["forecast"][lead] <= 1.02 * best, lead
    np.testing.assert_allclose(errors["forecast"][0], 0.0, atol=1e-9)


def test_perfect_is_what_comes_and_the_last_day_goes_on() -> None:
    view = example_views()["own plant"]
    energy, sites = view.compiled.energy, view.compiled.sites
    slots = np.arange(8)
    comes = (
        sites.price_cny_per_mwh, energy.emission_kg_per_mwh, energy.limit_mw,
        energy.onsite_mw + energy.direct_mw, energy.pue,
    )  # fmt: skip
    for ahead, values in zip(AHEAD, comes, strict=True):
        np.testing.assert_array_equal(ahead(view, slots, "perfect"), values)
        assert ahead(view, slots_ahead(view), "persistence").shape == (2, 96)
    two_days = compile_scenario(cn.load("two-hubs", days=2))
    np.testing.assert_array_equal(
        within_run(two_days, np.asarray([0, 191, 192, 200, 400])), [0, 191, 96, 104, 112]
    )
    np.testing.assert_array_equal(within_run(view.compiled, np.asarray([7, 8, 90])), [7, 7, 7])


def test_grid_events_stay_as_they_are_and_carbon_comes_back_daily() -> None:
    compiled = compile_scenario(cn.load("two-hubs", days=2))
    hours = np.arange(192) % 96
    carbon = np.stack([500.0 + hours, np.full(192, 300.0)])
    factor = np.ones((2, 192))
    factor[0, 100:] = 2.0
    limit = np.full((2, 192), np.inf)
    limit[0, 100:110] = 3.0
    energy = replace(
        compiled.energy, emission_factor=factor, emission_kg_per_mwh=carbon * factor,
        price_factor=factor, limit_mw=limit,
    )  # fmt: skip
    sites = replace(compiled.sites, price_cny_per_mwh=compiled.sites.tariff_cny_per_mwh * factor)
    compiled = replace(compiled, energy=energy, sites=sites)
    view = replace(example_views()["usual"], compiled=compiled, now_s=99 * 900.0)
    slots = np.asarray([99, 100, 194, 195, 196])
    tariff = compiled.sites.tariff_cny_per_mwh[:, [99, 100, 98, 99, 100]]
    np.testing.assert_allclose(price_ahead(view, slots, "persistence"), tariff)
    np.testing.assert_allclose(
        emission_ahead(view, slots, "persistence")[0], 500.0 + np.asarray([3, 4, 2, 3, 4])
    )
    assert np.isinf(limit_ahead(view, slots, "persistence")).all()
    later = replace(view, now_s=100 * 900.0)
    np.testing.assert_allclose(price_ahead(later, slots[1:], "persistence")[0], 2.0 * tariff[0, 1:])
    np.testing.assert_allclose(
        emission_ahead(later, slots[1:], "persistence")[0], 2.0 * (500.0 + np.asarray([4, 2, 3, 4]))
    )
    assert (limit_ahead(later, slots[1:], "persistence")[0] == 3.0).all()
