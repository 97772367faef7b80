"""Column generation against the whole model, and the bound that it certifies."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from computenet.optimization.arc_pricing import ArcPricing
from computenet.optimization.column_generation import ColumnGeneration
from computenet.optimization.matcher import Matcher
from computenet.optimization.matching import (
    Congestion,
    LinkTraffic,
    MatchingProblem,
    SitePower,
    solve_matching,
)
from computenet.optimization.prices import shared_prices
from computenet.optimization.solvers import Status
from tests.optimization.matching_cases import PARTS, drawn, optimum, small


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("parts", [("power", "traffic"), PARTS])
def test_equals_the_whole_model(seed: int, parts: tuple[str, ...]) -> None:
    """Enough demands that the first model holds a part of the arcs only."""
    problem = drawn(seed, parts, demands=60)
    whole = solve_matching(problem, "highs")
    answer = ColumnGeneration(problem, gap=1e-9).solve()
    assert answer.status is Status.OPTIMAL
    assert answer.objective == pytest.approx(whole.objective, rel=1e-7)
    assert answer.bound <= whole.objective * (1 + 1e-9)
    assert answer.gap <= 1e-8


@given(seed=st.integers(0, 40), scale=st.floats(0.0, 30.0), parts=st.sets(st.sampled_from(PARTS)))
@settings(max_examples=60, deadline=None)
def test_any_prices_give_a_bound(seed: int, scale: float, parts: set[str]) -> None:
    problem = drawn(seed, tuple(sorted(parts)))
    pricing = ArcPricing(problem)
    rng = np.random.default_rng(seed)
    prices = rng.uniform(0.0, scale, len(pricing.limits))
    least = optimum(problem)
    slack = 1e-7 * max(abs(least), 1.0)
    assert pricing.bound(prices) <= least + slack
    assert pricing.bound(prices, rng.uniform(-5.0, 40.0, problem.n_demands)) <= least + slack


@pytest.mark.parametrize("seed", range(4))
def test_prices_of_the_optimum_give_the_optimum(seed: int) -> None:
    """Strong duality: at the optimum's own prices the bound is the objective."""
    problem = drawn(seed)
    answer = solve_matching(problem, "highs")
    found = ArcPricing(problem).bound(shared_prices(answer.prices), answer.prices.demand_cny)
    assert found == pytest.approx(answer.objective, rel=1e-7)


@pytest.mark.parametrize("parts", [("power", "traffic"), ("power", "traffic", "congestion")])
def test_the_soft_bound_lies_below_and_its_slope_is_right(parts: tuple[str, ...]) -> None:
    problem = drawn(2, parts)
    pricing = ArcPricing(problem)
    prices = np.random.default_rng(1).uniform(0.1, 2.0, len(pricing.limits))
    value, slope = pricing.soft(prices, 0.3)
    assert value <= pricing.bound(prices) + 1e-9
    step = 1e-6
    for i in range(len(prices)):
        moved = prices.copy()
        moved[i] += step
        up = pricing.soft(moved, 0.3)[0]
        moved[i] -= 2 * step
        down = pricing.soft(moved, 0.3)[0]
        assert (up - down) / (2 * step) == pytest.approx(slope[i], rel=1e-4, abs=1e-4)


def test_good_prices_without_a_linear_programme() -> None:
    problem = drawn(5, ("power", "traffic"), demands=60)
    pricing = ArcPricing(problem)
    start = np.zeros(len(pricing.limits))
    prices = pricing.approximate(start, np.inf, (0.3, 0.1, 0.03))
    least = optimum(problem)
    assert least >= pricing.bound(prices) >= 0.95 * least


@pytest.mark.parametrize("limit_s", [0.0, 1e-9])
def test_without_time_nothing_is_met_and_the_bound_holds(limit_s: float) -> None:
    problem = drawn(0, demands=60)
    answer = solve_matching(problem, "columns", time_limit_s=limit_s)
    assert answer.status is Status.FEASIBLE
    assert answer.objective == pytest.approx(float(problem.demand @ problem.unmet_cny))
    np.testing.assert_array_equal(answer.unmet, problem.demand)
    assert answer.bound <= optimum(problem) * (1 + 1e-9)
    must = small(unmet_cny=[np.inf, 20.0])
    nothing = solve_matching(must, "columns", time_limit_s=limit_s)
    assert nothing.status is Status.NO_SOLUTION
    assert "time limit" in nothing.explanation


def test_a_kept_one_goes_on_after_time_ran_out() -> None:
    problem = drawn(0, demands=60)
    kept = ColumnGeneration(problem, gap=1e-9)
    assert kept.solve(time_limit_s=0.0).status is Status.FEASIBLE
    assert kept.solve(problem).objective == pytest.approx(optimum(problem), rel=1e-7)


def test_a_wide_gap_ends_sooner_and_is_said() -> None:
    problem = drawn(1, demands=60)
    answer = solve_matching(problem, "columns", gap=0.2)
    assert answer.status is Status.OPTIMAL
    assert answer.gap <= 0.2
    assert answer.objective >= optimum(problem) * (1 - 1e-9)


def test_columns_are_far_fewer_than_arcs_and_stay() -> None:
    """Many pools for a demand: the restricted model holds a part of them, epoch after epoch."""
    rng = np.random.default_rng(0)
    d, p = np.indices((40, 200)).reshape(2, -1)
    problem = replace(
        small(demand_names=(), pool_names=()),
        demand=rng.lognormal(0.0, 1.0, 40), unmet_cny=np.full(40, 30.0), arc_demand=d, arc_pool=p,
        arc_use=rng.uniform(0.5, 2.0, len(d)), arc_cny=rng.uniform(1.0, 3.0, len(d)),
        capacity=rng.uniform(0.1, 0.5, 200),
    )  # fmt: skip
    kept = ColumnGeneration(problem, gap=1e-9)
    for _ in range(4):
        answer = kept.solve(problem)
        assert answer.objective == pytest.approx(
            solve_matching(problem, "highs").objective, rel=1e-7
        )
        assert answer.columns < 0.25 * problem.n_arcs
        problem = replace(
            problem,
            demand=problem.demand * rng.lognormal(0.0, 0.05, 40),
            arc_cny=problem.arc_cny * rng.lognormal(0.0, 0.02, 200)[p],
        )


def test_crowded_columns_are_thinned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("computenet.optimization.column_generation.CROWDED", 0.5)
    problem = drawn(1, demands=60)
    kept = ColumnGeneration(problem, gap=1e-9)
    for _ in range(3):
        assert kept.solve(problem).objective == pytest.approx(optimum(problem), rel=1e-7)


# ---- what must be met ------------------------------------------------------------------------


def one_way(**changes: object) -> MatchingProblem:
    """Return one unit that must be met by one arc."""
    values: dict[str, object] = {
        "demand": [1.0], "unmet_cny": [np.inf], "arc_demand": [0], "arc_pool": [0],
        "arc_use": [1.0], "arc_cny": [1.0], "capacity": [1.0],
    }  # fmt: skip
    return MatchingProblem(**(values | changes))  # type: ignore[arg-type]


#: Ways to meet a unit that are dear by something else than the cost of the arc, and their cost.
DEAR = {
    "displaced": (
        one_way(demand=[1.0, 1.0], unmet_cny=[np.inf, 1e6], arc_demand=[0, 1], arc_pool=[0, 0],
                arc_use=[1.0, 1.0], arc_cny=[1.0, 1.0]),
        1e6 + 1,
    ),
    "path": (one_way(traffic=LinkTraffic([0], [2.0], [0], [0, 1], [0], [1e5], [10.0])), 2e5 + 1),
    "fullness": (one_way(congestion=Congestion([[0.5, 0.5]], [[0.0, 2e4]])), 1e4 + 1),
    "power": (one_way(power=SitePower([0], [2.0], [0.0], [1e5])), 2e5 + 1),
    "many for one": (
        one_way(demand=[1.0, 50.0], unmet_cny=[np.inf, 1e6], arc_demand=[0, 1], arc_pool=[0, 0],
                arc_use=[50.0, 1.0], arc_cny=[1.0, 1.0], capacity=[50.0]),
        50e6 + 1,
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", DEAR)
def test_what_must_be_met_is_at_any_cost(kind: str) -> None:
    problem, cost = DEAR[kind]
    answer = solve_matching(problem, "columns")
    assert answer.status is Status.OPTIMAL, answer.explanation
    assert answer.objective == pytest.approx(cost, rel=1e-9)
    assert answer.gap <= 1e-9
    assert answer.unmet[0] == 0.0


def test_what_must_be_met_is_priced_anew_each_epoch() -> None:
    matcher = Matcher(whole=0)
    for cost in (1.0, 2e4, 1e9, 1.0):
        answer = matcher.solve(one_way(arc_cny=[cost]))
        assert answer.status is Status.OPTIMAL, answer.explanation
        assert answer.objective == pytest.approx(cost)


@pytest.mark.parametrize("price", [1e-3, 1e4])
@pytest.mark.parametrize("seed", range(3))
def test_no_price_makes_what_can_be_met_infeasible(
    seed: int, price: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever stands in for the price of demand that must be met, HiGHS says the same."""
    monkeypatch.setattr("computenet.optimization.arc_pricing.must_price", lambda _: price)
    problem = drawn(seed, demands=20)
    must = np.random.default_rng(seed).uniform(size=20) < 0.3
    kept = ColumnGeneration(problem, gap=1e-9)
    for less in (1.0, 0.2, 1.0, 5.0, 0.3):
        problem = replace(
            problem, unmet_cny=np.where(must, np.inf, problem.unmet_cny),
            demand=np.where(must, less * problem.demand, problem.demand),
        )  # fmt: skip
        answer, whole = kept.solve(problem), solve_matching(problem, "highs")
        assert answer.status is whole.status
        if whole.solved:
            assert answer.objective == pytest.approx(whole.objective, rel=1e-7)
            assert answer.gap <= 1e-7
            assert answer.unmet[must].max(initial=0.0) <= 1e-7


@pytest.mark.parametrize("method", ["columns", "transport"])
def test_a_row_that_is_small_must_be_met_too(method: str) -> None:
    short = one_way(
        demand=[1e-7, 10.0], unmet_cny=[np.inf, 5.0], arc_demand=[0, 1], arc_pool=[0, 0],
        arc_use=[1.0, 1.0], arc_cny=[1.0, 1.0], capacity=[0.0],
    )  # fmt: skip
    answer = solve_matching(short, method)
    assert answer.status is Status.INFEASIBLE
    assert answer.explanation.endswith("demand [0] by 1e-07")


def test_without_time_for_a_proof_nothing_is_said_to_be_infeasible(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept = ColumnGeneration(one_way(capacity=[0.5]))
    rounds = kept._rounds

    def slow(until_s: float) -> int:
        done = rounds(until_s)
        time.sleep(max(until_s - time.perf_counter(), 0.0))
        return done

    monkeypatch.setattr(kept, "_rounds", slow)
    late = kept.solve(time_limit_s=0.5)
    assert late.status is Status.NO_SOLUTION
    assert "time limit" in late.explanation
    monkeypatch.undo()
    assert kept.solve().explanation.endswith("demand [0] by 0.5")
