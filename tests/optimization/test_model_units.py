"""Models whose costs or amounts are all tiny, against the same ones of ordinary size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from computenet.optimization.matcher import Matcher
from computenet.optimization.matching import MatchingProblem, solve_matching
from computenet.optimization.model_units import ModelUnits, units_of
from computenet.optimization.solvers import HotModel, Status, solve
from computenet.optimization.sparse import ModelBuilder, SparseModel
from tests.optimization.matching_cases import small

SIZES = [(1e-8, 1.0), (1e-10, 1.0), (1e-8, 1e8), (1.0, 1e-8), (1e-6, 1e-6)]


def sized(cost: float, amount: float) -> MatchingProblem:
    p = small()
    return replace(p.in_units(1.0 / amount), arc_cny=p.arc_cny * cost, unmet_cny=p.unmet_cny * cost)


@pytest.mark.parametrize(("cost", "amount"), SIZES)
@pytest.mark.parametrize("method", ["highs", "highs-ipm", "columns"])
def test_tiny_costs_and_amounts_have_their_optimum(method: str, cost: float, amount: float) -> None:
    answer = solve_matching(sized(cost, amount), method)
    assert answer.status is Status.OPTIMAL
    assert answer.objective / (cost * amount) == pytest.approx(22.0, rel=1e-6)
    np.testing.assert_allclose(answer.prices.pool_cny, [cost, 0.0], atol=1e-6 * cost)


@pytest.mark.parametrize(("cost", "amount"), SIZES)
def test_kept_models_change_their_units(cost: float, amount: float) -> None:
    """From ordinary size to tiny, on to other costs, and back."""
    matcher = Matcher()
    for c, a in ((1.0, 1.0), (cost, amount), (cost / 3.0, amount / 5.0), (1.0, 1.0)):
        answer = matcher.solve(sized(c, a))
        assert answer.objective / (c * a) == pytest.approx(22.0, rel=1e-9)
        other = replace(sized(c, a), arc_cny=small().arc_cny[::-1] * c)
        again = matcher.solve(other).objective / (c * a)
        ordinary = replace(small(), arc_cny=small().arc_cny[::-1])
        assert again == pytest.approx(solve_matching(ordinary).objective, rel=1e-9)
    assert matcher.rebuilt == 1


def knapsack(size: float) -> SparseModel:
    builder = ModelBuilder()
    worth = np.array([60.0, 100.0, 120.0]) * size
    x = builder.add_columns("x", (3,), cost=-worth, upper=1.0, integer=True)
    row = builder.add_rows("weight", (), upper=50.0)
    builder.add_terms(row.index(), x.index(), [10.0, 20.0, 30.0])
    return replace(builder.build(), offset=1e-9 * size)


def test_whole_numbers_with_tiny_costs() -> None:
    answer = solve(knapsack(1e-9), "highs")
    assert answer.objective == pytest.approx(-220e-9, rel=1e-9)
    assert answer.bound == pytest.approx(-220e-9, rel=1e-9)


def test_columns_and_rows_that_come_are_told_in_the_units_of_the_model() -> None:
    builder = ModelBuilder()
    x = builder.add_columns("x", (), cost=2e-9, upper=np.inf)
    row = builder.add_rows("row", (), lower=4e-7)
    builder.add_terms(row.index(), x.index(), 1.0)
    hot = HotModel(builder.build())
    assert hot.solve().objective == pytest.approx(8e-16)
    hot.add_columns(
        np.array([1e-9]), np.zeros(1), np.array([1e-7]), np.array([0, 1]), np.zeros(1, int),
        np.ones(1),
    )  # fmt: skip
    answer = hot.solve()
    np.testing.assert_allclose(answer.x, [3e-7, 1e-7], rtol=1e-9)
    np.testing.assert_allclose(answer.row_duals, [2e-9], rtol=1e-9)
    np.testing.assert_allclose(answer.reduced_costs, [0.0, -1e-9], atol=1e-18)
    hot.add_rows(np.full(1, -np.inf), np.array([5e-8]), np.array([0, 1]), np.ones(1, int),
                 np.ones(1))  # fmt: skip
    np.testing.assert_allclose(hot.solve().x, [3.5e-7, 5e-8], rtol=1e-9)
    hot.set_costs(np.array([0]), np.array([3.0]))
    assert hot.solve().objective == pytest.approx(3.0 * 3.5e-7 + 5e-17, rel=1e-9)


def test_ordinary_sizes_are_told_as_they_are() -> None:
    one = ModelUnits()
    assert units_of(knapsack(1.0)) == units_of(knapsack(1e-4)) == one
    builder = ModelBuilder()
    builder.add_columns("x", (2,), cost=[0.0, 1e-3], upper=[1e-16, np.inf])
    assert units_of(builder.build()) == one
