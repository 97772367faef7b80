"""Capacity expansion at its edges: numbers by hand, nothing to do, far too much, wrong arrays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from computenet.errors import InputError
from computenet.optimization.expansion import expand
from computenet.optimization.expansion_energy import SiteYear
from computenet.optimization.expansion_problem import annuity, in_service, present_value
from computenet.optimization.expansion_rounding import openings
from tests.optimization.expansion_cases import random_problem, with_limits


def test_annuity_present_value_and_service() -> None:
    assert annuity(0.0, np.array(4.0)) == 0.25
    # 100 at 10 % over 2 years: 57.619 a year pays it back.
    assert annuity(0.1, np.array(2.0)) == pytest.approx(0.57619047619)
    worth = present_value(0.1, np.array([1.0]), np.array([2.0]))
    assert worth == pytest.approx([1 / 1.1 + 1 / 1.21])
    assert present_value(0.0, np.array([3.0]), np.array([2.5])) == pytest.approx([2.5])
    serves = in_service(np.array([0.0, 2.0, 5.0]), 5.0)
    assert serves.tolist() == [[True, True, False], [False, True, True], [False, False, True]]


def test_openings_once_and_in_time() -> None:
    used = np.array([[0.0, 0.02, 0.5], [0.0, 0.0, 0.001], [0.3, 0.0, 0.0]])
    assert openings(used, 0.01).tolist() == [[0, 1, 0], [0, 0, 0], [1, 0, 0]]


def _plain() -> object:
    """Return one open site, one class, flat prices and nothing to build but halls and chips."""
    p = random_problem(0, sites=1, regions=1, count=1)
    d, s, c, e = p.demand, p.sites, p.chips, p.energy
    return replace(
        p,
        demand=replace(
            d, classes=("train",), streams=("far",), stream=np.array([0]),
            work=np.array([[[100.0]]]), need=np.array([[1.0, np.inf]]), room=np.array([[1.25]]),
            draw_kw=np.array([[0.7, 0.0]]), moves=np.array([True]), traffic=np.array([0.0]),
            transfer_cost=np.full((1, 1, 1, 1), 3.0), open_way=np.ones((1, 1, 1), dtype=bool),
            covered=np.ones((1, 1, 1), dtype=bool),
        ),
        chips=replace(c, fleet=np.array([[[25.0], [0.0]]])),
        sites=replace(
            s, halls=np.array([[40.0]]), most_halls=np.array([[200.0]]),
            open_cost=np.array([[50.0]]), hall_cost=np.array([[30.0]]),
            occupancy=np.array([0.5]),
        ),
        plants=replace(p.plants, most=np.zeros((3, 1))),
        energy=replace(
            e, price=np.full((1, 1, 24), 0.5), pue=np.full((1, 1, 24), 1.2),
            emission=np.full((1, 1, 24), 0.6), today=np.zeros((1, 24)), output=np.zeros((2, 1, 24)),
            peak_cost=np.array([0.0]), battery_power=np.zeros(1), battery_energy=np.zeros(1),
            green_share=np.zeros((1, 1)), carbon_cost=np.array([0.05]),
        ),
        limits=replace(
            p.limits, hub_share=0.0, coverage=np.zeros(1), must_run=np.zeros(1),
        ),
    )  # fmt: skip


def test_one_site_by_hand() -> None:
    """100 busy chips take 125; 25 are there, so 100 are bought, and 85 kW of halls built."""
    problem = _plain()
    plan = expand(problem, gap=0.0, method="whole")  # type: ignore[arg-type]
    assert plan.bought[0, 0, 0] == pytest.approx(100.0)
    assert plan.halls[0, 0] == pytest.approx(125.0 - 40.0)
    chips = 100.0 * 90.0 / 0.9 * (annuity(0.05, np.array(5.0)) + 0.02)
    halls = (50.0 + 30.0 * 85.0) * (annuity(0.05, np.array(20.0)) + 0.02)
    it_kw = 125.0 * 0.3 + 100.0 * 0.7
    electricity = it_kw * 1.2 * 8.76 * (0.5 + 0.05 * 0.6)
    yearly = chips + halls + electricity + 3.0
    assert plan.objective == pytest.approx(yearly / 1.05)
    parts = expand(problem, gap=1e-6, method="benders")  # type: ignore[arg-type]
    assert parts.objective == pytest.approx(yearly / 1.05, rel=1e-6)


def test_unmet_where_work_does_not_pay() -> None:
    problem = _plain()
    poor = replace(problem, demand=replace(problem.demand, unmet_cost=1.0))  # type: ignore[attr-defined,type-var]
    plan = expand(poor, method="whole")
    assert plan.bought.sum() == 0.0
    assert plan.unmet.max() > 0.5


def test_gradient_and_convexity_of_a_year() -> None:
    problem = random_problem(3)
    year = SiteYear(problem, 1, 0, True)
    rng = np.random.default_rng(0)
    for _ in range(5):
        one, two = rng.uniform(0.5, 20.0, (2, 7))
        one[6] = two[6] = rng.uniform(1.0, 500.0)
        at, other = year.cost(one), year.cost(two)
        # A cut never exceeds the cost it stands for.
        assert other.cost >= at.cost + at.gradient @ (two - one) - 1e-6 * abs(other.cost)
        middle = year.cost((one + two) / 2)
        assert middle.cost <= (at.cost + other.cost) / 2 + 1e-7 * abs(at.cost + other.cost)
        step = 1e-4 * (two - one)
        slope = (year.cost(one + step).cost - year.cost(one - step).cost) / 2.0
        assert slope == pytest.approx(at.gradient @ step, rel=0.05, abs=1e-5)


def test_no_demand_and_no_room() -> None:
    problem = random_problem(0)
    idle = replace(problem, demand=replace(problem.demand, work=problem.demand.work * 0.0))
    for method in ("whole", "benders"):
        plan = expand(idle, method=method)
        assert plan.bought.sum() == pytest.approx(0.0, abs=1e-6)
    nothing = with_limits(problem, must_run=np.zeros(2), hub_share=0.0, coverage=np.zeros(2))
    nothing = replace(
        nothing,
        sites=replace(
            nothing.sites,
            halls=np.zeros_like(nothing.sites.halls),
            most_halls=np.zeros_like(nothing.sites.most_halls),
        ),
        chips=replace(nothing.chips, fleet=np.zeros_like(nothing.chips.fleet)),
    )
    for method in ("whole", "benders"):
        assert expand(nothing, method=method).unmet.min() == pytest.approx(1.0)


def test_a_thousand_times_the_demand() -> None:
    problem = random_problem(0)
    flood = replace(problem, demand=replace(problem.demand, work=problem.demand.work * 1e3))
    free = with_limits(flood, must_run=np.zeros(2), coverage=np.zeros(2))
    whole, parts = (expand(free, gap=1e-4, method=name) for name in ("whole", "benders"))
    assert parts.objective == pytest.approx(whole.objective, rel=2e-4)
    with pytest.raises(InputError, match="must_run_share"):
        expand(flood, method="benders")


def test_wrong_numbers_are_all_named() -> None:
    problem = random_problem(0)
    price = problem.energy.price.copy()
    price[1, 0, 3] = np.nan
    halls = problem.sites.halls.copy()
    halls[0, 0] = -1.0
    wrong = replace(
        problem,
        energy=replace(problem.energy, price=price),
        sites=replace(problem.sites, halls=halls),
    )
    with pytest.raises(InputError) as caught:
        expand(wrong)
    paths = {item.path.split("[")[0] for item in caught.value.problems}
    assert paths == {"expansion.energy.price", "expansion.sites.halls"}


def test_prices_below_zero_and_no_money_for_anything() -> None:
    problem = random_problem(1)
    cheap = replace(problem, energy=replace(problem.energy, price=problem.energy.price - 0.6))
    whole, parts = (expand(cheap, gap=1e-5, method=name) for name in ("whole", "benders"))
    assert parts.objective == pytest.approx(whole.objective, rel=1e-4)
    broke = with_limits(problem, budget=np.zeros(2), must_run=np.zeros(2), coverage=np.zeros(2))
    assert expand(broke, method="benders").bought.sum() == pytest.approx(0.0, abs=1e-6)
