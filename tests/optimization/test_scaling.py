"""Models in even units."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csc_array

from benchmarks.optimizer.dispatch_case import network
from computenet.optimization.dispatch import Dispatcher, solve_dispatch
from computenet.optimization.dispatch_layout import layout_of
from computenet.optimization.dispatch_model import build_model
from computenet.optimization.scaling import Scaling, geometric_scaling
from computenet.optimization.solvers import HotModel, SolverError, Status
from computenet.optimization.sparse import ModelBuilder, SparseModel


def uneven(seed: int) -> SparseModel:
    """Return a feasible bounded model with an empty row and column; coefficients lie far apart."""
    rng = np.random.default_rng(seed)
    builder = ModelBuilder()
    x = builder.add_columns("x", (12,), cost=rng.normal(size=12), upper=rng.uniform(1.0, 9.0, 12))
    builder.add_columns("idle", (1,), cost=1.0)
    y = builder.add_rows("y", (7,), upper=10.0 ** rng.uniform(-2.0, 3.0, 7))
    builder.add_rows("empty", (1,), upper=1.0)
    some = rng.uniform(size=(7, 12)) < 0.5
    row, column = np.nonzero(some)
    values = 10.0 ** rng.uniform(-4.0, 4.0, len(row))
    builder.add_terms(y.index(row), x.index(column), values)
    return builder.build(offset=3.0)


def spread(matrix: csc_array) -> float:
    size = np.abs(matrix.data)
    return float(size.max() / size.min())


@pytest.mark.parametrize("seed", range(6))
def test_coefficients_come_closer_and_the_optimum_is_the_same(seed: int) -> None:
    model = uneven(seed)
    scaling = geometric_scaling(model)
    scaled = scaling.of(model)
    assert spread(scaled.matrix) < 0.1 * spread(model.matrix)
    for factors in scaling:
        np.testing.assert_array_equal(np.exp2(np.round(np.log2(factors))), factors)
    assert scaling.columns[-1] == 1.0
    assert scaling.rows[-1] == 1.0
    answer, whole = HotModel(scaled).solve(), HotModel(model).solve()
    back = scaling.undone(model, answer)
    assert back.status is Status.OPTIMAL
    assert back.objective == pytest.approx(whole.objective, rel=1e-9)
    assert back.objective == pytest.approx(answer.objective, rel=1e-12)
    # Duals and reduced costs are those of the model: c = y A + d, and they prove the optimum.
    reduced = model.cost - model.matrix.T @ back.row_duals
    np.testing.assert_allclose(back.reduced_costs, reduced, rtol=1e-9, atol=1e-9)
    finite = SparseModel(
        model.cost, model.lower, np.minimum(model.upper, 1e3), model.row_lower, model.row_upper,
        model.matrix, model.integer, model.offset,
    )  # fmt: skip
    assert finite.dual_bound(back.row_duals) == pytest.approx(whole.objective, rel=1e-6)


def test_without_coefficients_and_without_a_solution() -> None:
    builder = ModelBuilder()
    builder.add_columns("x", (2,), lower=1.0, upper=2.0)
    builder.add_rows("y", (2,), upper=1.0)
    model = builder.build()
    scaling = geometric_scaling(model)
    assert (scaling.columns == 1.0).all()
    assert (scaling.rows == 1.0).all()
    builder.add_terms([0, 0], [0, 1], [8.0, 8.0])
    model = builder.build()
    scaling = geometric_scaling(model)
    answer = scaling.undone(model, HotModel(scaling.of(model)).solve())
    assert answer.status is Status.INFEASIBLE
    assert np.isnan(answer.x).all()


def test_a_window_in_even_units_has_the_same_optimum_and_a_basis_of_its_own_units() -> None:
    for seed in range(4):
        problem = network(3, 10, seed=seed)
        plan = Dispatcher().solve(problem)
        assert plan.objective_cny == pytest.approx(solve_dispatch(problem).objective_cny, rel=1e-8)
        model = build_model(problem, layout_of(problem)).model
        scaling = geometric_scaling(model)
        hot = HotModel(scaling.of(model), method="ipm", scaled=True)
        hot.solve()
        basis = hot.basis()
        assert basis is not None
        again = HotModel(model)
        again.load(model, basis)
        assert again.solve().iterations <= 0.02 * model.m


def test_where_even_units_lead_nowhere_the_window_is_solved_as_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def wrong(self: Scaling, model: SparseModel, answer: object) -> object:
        raise SolverError("violates a row")

    expected = solve_dispatch(network(3, 10)).objective_cny
    monkeypatch.setattr(Scaling, "undone", wrong)
    plan = Dispatcher().solve(network(3, 10))
    assert plan.objective_cny == pytest.approx(expected, rel=1e-8)
