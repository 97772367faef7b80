"""Building sparse models and handing them to solvers."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import linprog

from benchmarks.optimizer.dispatch_case import network
from computenet.optimization import solvers
from computenet.optimization.conflicts import conflicts, explain
from computenet.optimization.dispatch_layout import layout_of
from computenet.optimization.dispatch_model import build_model
from computenet.optimization.matching import MatchingProblem, solve_matching
from computenet.optimization.solvers import SOLVERS, HotModel, SolverError, Status, solve
from computenet.optimization.sparse import ModelBuilder, SparseModel

LINEAR = ["glop", "pdlp", "scip", "highs", "highs-ipm"]


def diet(need: float = 10.0, most: float = np.inf) -> SparseModel:
    """Return: two foods at 2 and 3, ``x + 2 y >= need``, ``x <= 4``, ``x + y <= most``."""
    builder = ModelBuilder()
    food = builder.add_columns("food", (2,), cost=[2.0, 3.0], upper=[4.0, np.inf])
    row = builder.add_rows("protein", (1,), lower=need, axes=(("everyone",),))
    shelf = builder.add_rows("shelf", (), upper=most)
    builder.add_terms(row.index(0), food.index(), [1.0, 2.0])
    builder.add_terms(shelf.index(), food.index(), 1.0)
    return builder.build(offset=1.0)


@pytest.mark.parametrize("solver", LINEAR)
def test_every_solver_finds_the_optimum_and_its_dual(solver: str) -> None:
    answer = solve(diet(), solver)
    assert answer.status is Status.OPTIMAL
    assert answer.objective == pytest.approx(16.0, rel=1e-6)  # five of the second food
    assert answer.bound == pytest.approx(16.0, rel=1e-6)
    assert answer.violation <= 1e-6
    assert answer.row_duals.shape == (2,)
    assert answer.reduced_costs.shape == (2,)
    if solver != "scip":
        assert answer.row_duals[0] == pytest.approx(1.5, rel=1e-5)
        assert answer.reduced_costs[0] == pytest.approx(0.5, rel=1e-4)


@pytest.mark.parametrize("solver", ["glop", "scip", "highs"])
def test_infeasible_and_unbounded_are_told_apart(solver: str) -> None:
    assert solve(diet(10.0, most=4.0), solver).status is Status.INFEASIBLE
    builder = ModelBuilder()
    x = builder.add_columns("x", (2,), cost=-1.0)
    row = builder.add_rows("row", (1,), lower=0.0)
    builder.add_terms(row.index(0), x.index(), [1.0, -1.0])
    assert solve(builder.build(), solver).status is Status.UNBOUNDED


def test_what_decides_after_glop_has_the_time_that_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: list[float | None] = []

    class Watched(HotModel):
        def __init__(self, model: SparseModel, *, time_limit_s: float | None = None) -> None:
            given.append(time_limit_s)
            super().__init__(model, time_limit_s=time_limit_s)

    monkeypatch.setattr(solvers, "HotModel", Watched)
    for limit_s in (None, 60.0):
        assert solve(diet(10.0, most=4.0), "glop", time_limit_s=limit_s).status is Status.INFEASIBLE
    assert given[0] is None
    assert given[1] is not None
    assert 0.0 < given[1] < 60.0


def test_highs_decides_where_glop_ends_abnormally() -> None:
    """Unmet demand a million times as dear as what is met."""
    rng = np.random.default_rng(0)
    n = 20
    demands, pools = np.indices((n, n)).reshape(2, -1)
    problem = MatchingProblem(
        arc_demand=demands, arc_pool=pools, arc_use=np.ones(n * n), unmet_cny=np.full(n, 1e6),
        arc_cny=rng.uniform(0.5, 1.0, n * n), capacity=0.9 * rng.uniform(1.0, 5.0, n),
        demand=rng.uniform(1.0, 5.0, n),
    )  # fmt: skip
    answer = solve_matching(problem)
    assert answer.status is Status.OPTIMAL
    assert answer.objective == pytest.approx(solve_matching(problem, "highs").objective, rel=1e-9)


def test_highs_decides_where_pdlp_finds_nothing() -> None:
    size = 1e8
    builder = ModelBuilder()
    flow = builder.add_columns("flow", (4,), cost=[1.0, 2.0, 1.0, 5.0])
    unmet = builder.add_columns("unmet", (2,), cost=100.0)
    demand = builder.add_rows("demand", (2,), lower=[size, 2 * size], upper=[size, 2 * size])
    pool = builder.add_rows("capacity", (2,), upper=[1.5 * size, 5 * size])
    builder.add_terms(demand.index([0, 0, 1, 1]), flow.index(), 1.0)
    builder.add_terms(demand.index(), unmet.index(), 1.0)
    builder.add_terms(pool.index([0, 1, 0, 1]), flow.index(), 1.0)
    assert solve(builder.build(), "pdlp").status is Status.OPTIMAL


def test_further_tries_have_the_time_that_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    hot, limits = HotModel(diet(), time_limit_s=0.2), []
    run = HotModel._run

    def slow(self: HotModel) -> object:
        status = run(self)
        limits.append(self._highs.getOptionValue("time_limit")[1] - self._highs.getRunTime())
        time.sleep(0.15)
        raise SolverError(f"lost after {status}")

    monkeypatch.setattr(HotModel, "_run", slow)
    with pytest.raises(SolverError, match="found no answer"):
        hot.solve()
    assert limits[0] > 0.1
    assert limits[1] < 0.1
    assert limits[2] <= 0.0


@pytest.mark.parametrize("solver", ["cp-sat", "scip", "highs"])
def test_whole_numbers(solver: str) -> None:
    builder = ModelBuilder()
    x = builder.add_columns("x", (3,), cost=[-6.0, -5.0, -3.0], upper=1.0, integer=True)
    row = builder.add_rows("weight", (1,), upper=5.0)
    builder.add_terms(row.index(0), x.index(), [4.0, 3.0, 2.0])
    answer = solve(builder.build(), solver)
    assert answer.objective == pytest.approx(-8.0)
    assert answer.bound == pytest.approx(-8.0, rel=1e-6)
    assert answer.gap <= 1e-6


def test_a_solver_that_is_not_there_is_an_error() -> None:
    with pytest.raises(SolverError, match="no solver"):
        solve(diet(), "cplex")
    with pytest.raises(SolverError, match="no option"):
        HotModel(diet(), method="hipo9")
    builder = ModelBuilder()
    builder.add_columns("x", (1,), upper=1.0, integer=True)
    with pytest.raises(SolverError, match="whole-number"):
        solve(builder.build(), "glop")
    builder.add_columns("share", (2,), upper=1.0, axes=(("east", "west"),))
    for effort in (None, 1.0):
        with pytest.raises(SolverError, match=r"share \[east\] may be a fraction"):
            solve(builder.build(), "cp-sat", effort=effort)


@pytest.mark.parametrize("solver", sorted(SOLVERS))
def test_bulk_interface_keeps_its_contract(solver: str) -> None:
    """Dense random models with both-sided rows: every solver agrees with scipy."""
    rng = np.random.default_rng(7)
    n, m = 12, 6
    a = np.round(rng.normal(size=(m, n)), 2)
    inside = rng.integers(0, 3, size=n).astype(float)
    low, high = a @ inside - 1.0, a @ inside + 1.0
    cost = np.round(rng.normal(size=n), 2)
    builder = ModelBuilder()
    x = builder.add_columns("x", (n,), cost=cost, upper=3.0, integer=solver == "cp-sat")
    rows = builder.add_rows("row", (m,), lower=low, upper=high)
    builder.add_terms(rows.index()[:, None], x.index()[None, :], a)
    answer = solve(builder.build(), solver)
    integrality = np.ones(n) if solver == "cp-sat" else None
    expected = linprog(
        cost, np.vstack([a, -a]), np.concatenate([high, -low]), bounds=(0, 3),
        integrality=integrality,
    )  # fmt: skip
    assert answer.objective == pytest.approx(expected.fun, rel=1e-6, abs=1e-6)


def test_kept_models_follow_changes() -> None:
    hot = HotModel(diet())
    assert hot.solve().objective == pytest.approx(16.0)
    hot.set_row_bounds(np.asarray([0]), np.asarray([20.0]), np.asarray([np.inf]))
    assert hot.solve().objective == pytest.approx(31.0)
    hot.set_costs(np.asarray([0]), np.asarray([1.0]))
    assert hot.solve().objective == pytest.approx(1.0 + 4.0 + 24.0)
    hot.set_column_bounds(np.asarray([0]), np.asarray([0.0]), np.asarray([0.0]))
    assert hot.solve().objective == pytest.approx(31.0)
    hot.add_columns(
        np.asarray([1.0]), np.zeros(1), np.full(1, np.inf), np.asarray([0, 2]),
        np.asarray([0, 1]), np.asarray([4.0, 1.0]),
    )  # fmt: skip
    answer = hot.solve()
    assert answer.objective == pytest.approx(6.0)
    assert hot.model.n == 3
    assert hot.model.violation(answer.x) <= 1e-9


def test_kept_models_take_rows() -> None:
    hot = HotModel(diet())
    assert hot.solve().objective == pytest.approx(16.0)
    # At most 3 of the second food: the first makes up for it.
    hot.add_rows(
        np.array([-np.inf]), np.array([3.0]), np.array([0, 1]), np.array([1]), np.array([1.0])
    )
    answer = hot.solve()
    assert answer.x == pytest.approx([4.0, 3.0])
    assert hot.model.m == 3
    assert hot.model.dual_bound(answer.row_duals) == pytest.approx(answer.objective)
    hot.set_row_bounds(np.array([2]), np.array([-np.inf]), np.array([np.inf]))
    assert hot.solve().objective == pytest.approx(16.0)


def test_time_limits_are_told_with_and_without_a_solution() -> None:
    rng = np.random.default_rng(1)
    builder = ModelBuilder()
    weight = rng.integers(100, 1000, size=(20, 60)).astype(float)
    x = builder.add_columns("x", (60,), cost=-weight.mean(axis=0), upper=1.0, integer=True)
    rows = builder.add_rows("row", (20,), upper=weight.sum(axis=1) / 2.0)
    builder.add_terms(rows.index()[:, None], x.index()[None, :], weight)
    model = builder.build()
    answer = solve(model, "highs", time_limit_s=0.3)
    assert answer.status in (Status.FEASIBLE, Status.OPTIMAL)
    assert answer.bound <= answer.objective
    none = solve(model, "highs", time_limit_s=0.0)
    assert none.status in (Status.NO_SOLUTION, Status.FEASIBLE)


def test_conflicts_are_named() -> None:
    model = diet(10.0, most=4.0)
    found = conflicts(model)
    assert found
    assert all(item.constraint in ("protein [everyone]", "shelf") for item in found)
    assert "give way" in explain(model)
    assert conflicts(diet()) == []


def test_numbers_stand_in_for_names_that_are_missing() -> None:
    builder = ModelBuilder()
    row = builder.add_rows("demand", (2, 2), axes=(("east",), ()))
    model = builder.build()
    labels = [model.row_label(int(i)) for i in row.index().ravel()]
    assert labels == ["demand [east, 0]", "demand [east, 1]", "demand [1, 0]", "demand [1, 1]"]


def test_bad_numbers_are_named() -> None:
    builder = ModelBuilder()
    builder.add_columns("price", (2,), cost=[1.0, np.nan], axes=(("east", "west"),))
    with pytest.raises(ValueError, match=r"price \[west\]"):
        builder.build()
    builder = ModelBuilder()
    x = builder.add_columns("x", (1,))
    row = builder.add_rows("power", (1,), upper=np.nan)
    builder.add_terms(row.index(0), x.index(0), 1.0)
    with pytest.raises(ValueError, match="power"):
        builder.build()


def test_an_empty_model_is_solved() -> None:
    for solver in ("glop", "highs"):
        builder = ModelBuilder()
        builder.add_columns("x", (2,), cost=1.0)
        assert solve(builder.build(), solver).objective == 0.0


def test_highs_prints_nothing() -> None:
    code = (
        "from computenet.optimization.solvers import solve\n"
        "from computenet.optimization.sparse import ModelBuilder\n"
        "builder = ModelBuilder()\n"
        "builder.add_columns('x', (2,), cost=1.0)\n"
        "assert solve(builder.build(), 'highs').solved\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == ""


def test_effort_limits_whole_number_models_and_nothing_else() -> None:
    rng = np.random.default_rng(3)
    builder = ModelBuilder()
    x = builder.add_columns("x", (30,), cost=-rng.random(30), upper=1.0, integer=True)
    row = builder.add_rows("weight", (3,), upper=3.0)
    builder.add_terms(row.index()[:, None], x.index()[None, :], rng.random((3, 30)))
    model = builder.build()
    best = solve(model, "highs")
    for solver, effort in (("highs", 1e6), ("cp-sat", 100.0)):
        whole = solve(model, solver, effort=effort)
        assert whole.objective == pytest.approx(best.objective, rel=1e-6)
        small = solve(model, solver, effort=1e-3)
        assert small.bound <= best.objective + 1e-6 <= small.objective + 2e-6
    with pytest.raises(SolverError, match="no limit of effort"):
        solve(diet(), "glop", effort=1.0)


def test_scaled_bounds_change_nothing_but_the_unit() -> None:
    """Amounts of hundreds of millions, by interior point and crossover."""
    case = network(3, 12, streams=4, demands=5, seed=0)
    model = build_model(case, layout_of(case)).model
    sides = ("lower", "upper", "row_lower", "row_upper")
    large = replace(model, **{side: 1e4 * getattr(model, side) for side in sides})
    plain, scaled = (
        HotModel(large, method="ipm", scaled=scaled).solve() for scaled in (False, True)
    )
    small = HotModel(model, method="ipm", scaled=True).solve()
    assert scaled.status is Status.OPTIMAL
    assert scaled.objective == pytest.approx(plain.objective, rel=1e-9)
    assert scaled.objective == pytest.approx(1e4 * small.objective, rel=1e-9)
    assert scaled.violation < 1e-9
