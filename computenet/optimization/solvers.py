"""The one place that hands models to solvers: OR-Tools in bulk, and HiGHS (:mod:`.hot_model`).

OR-Tools' solvers take the whole matrix at once through ``fill_model_from_sparse_data``, which lies
on a helper class outside the documented interface; a contract test checks it on every upgrade.
Per-term interfaces are a hundred times slower on models of millions of terms.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from computenet.optimization.hot_model import Basis, HotModel
from computenet.optimization.solution import (
    Solution,
    SolverError,
    Status,
    checked,
    no_solution,
    relative_gap,
)
from computenet.optimization.sparse import SparseModel

__all__ = [
    "SOLVERS",
    "Basis",
    "HotModel",
    "Solution",
    "SolverError",
    "Status",
    "relative_gap",
    "solve",
]

#: Solvers after which HiGHS decides where they end without a solution: GLOP's presolve says
#: infeasible of unbounded models too, and far-apart costs make it end abnormally; a first-order
#: method takes very large or small amounts for a sign that there is no solution.
UNSURE = ("GLOP", "PDLP")


def solve(
    model: SparseModel,
    solver: str = "glop",
    *,
    time_limit_s: float | None = None,
    gap: float = 0.0,
    seed: int = 0,
    effort: float | None = None,
) -> Solution:
    """Solve a model once.

    Parameters
    ----------
    solver
        A name of `SOLVERS`.
    time_limit_s
        Wall time; a result then depends on the machine's speed.
    gap
        Relative gap at which an integer model is solved.
    seed
        Of solvers that draw random numbers; each runs on one thread.
    effort
        Limit of whole-number models that does not depend on the machine's speed: nodes of
        ``highs``, deterministic seconds of ``cp-sat``. Other solvers know none.

    Raises
    ------
    SolverError
        The solver is missing or fails, or cannot take whole-number columns, or (``cp-sat``) others.
    """
    run = SOLVERS.get(solver)
    if run is None:
        raise SolverError(f"no solver {solver!r}; there are {', '.join(SOLVERS)}")
    if effort is None:
        return run(model, time_limit_s, gap, seed)
    if solver == "highs":
        return HotModel(
            model, time_limit_s=time_limit_s, gap=gap, seed=seed, nodes=int(effort)
        ).solve()
    if solver == "cp-sat":
        return _solve_ortools(model, "SAT", time_limit_s, gap, seed, effort)
    raise SolverError(f"{solver} has no limit of effort; highs and cp-sat have")


def _ortools(
    name: str, integer: bool
) -> Callable[[SparseModel, float | None, float, int], Solution]:
    def run(model: SparseModel, time_limit_s: float | None, gap: float, seed: int) -> Solution:
        if model.integer.any() and not integer:
            raise SolverError(f"{name.lower()} cannot solve models with whole-number columns")
        return _solve_ortools(model, name, time_limit_s, gap, seed)

    return run


def _solve_ortools(
    model: SparseModel,
    name: str,
    time_limit_s: float | None,
    gap: float,
    seed: int,
    effort: float | None = None,
) -> Solution:
    from ortools.linear_solver.python import model_builder_helper

    helper: Any = model_builder_helper
    began = time.perf_counter()
    label = name.lower()
    if name == "SAT" and not model.integer.all():
        first = model.column_label(int(np.argmin(model.integer)))
        raise SolverError(
            f"cp-sat solves models of whole-number columns only; {first} may be a fraction"
        )
    if not helper.ModelSolverHelper(name.lower()).solver_is_supported():
        raise SolverError(f"OR-Tools was built without {name}")
    handed = helper.ModelBuilderHelper()
    handed.fill_model_from_sparse_data(
        model.lower, model.upper, model.cost, model.row_lower, model.row_upper,
        model.matrix.tocsr(),
    )  # fmt: skip
    for column in np.flatnonzero(model.integer).tolist():
        handed.set_var_integrality(column, True)
    solver = helper.ModelSolverHelper(name.lower())
    if time_limit_s is not None:
        solver.set_time_limit_in_seconds(time_limit_s)
    parameters = _parameters(name, gap, seed)
    if effort is not None:
        parameters += f" max_deterministic_time: {effort}"
    if parameters:
        solver.set_solver_specific_parameters(parameters)
    solver.solve(handed)
    seconds = time.perf_counter() - began
    states = helper.SolveStatus
    status = solver.status()
    bound = -np.inf
    if solver.has_response() and model.integer.any():
        bound = float(solver.best_objective_bound()) + model.offset
    if status == states.OPTIMAL or (status == states.FEASIBLE and solver.has_solution()):
        x = np.asarray(solver.variable_values(), dtype=np.float64)
        duals, reduced = np.full(model.m, np.nan), np.full(model.n, np.nan)
        if not model.integer.any() and name != "SAT":
            # SCIP hands back none.
            told = np.asarray(solver.dual_values(), dtype=np.float64)
            told_reduced = np.asarray(solver.reduced_costs(), dtype=np.float64)
            if len(told) == model.m and len(told_reduced) == model.n:
                duals, reduced = told, told_reduced
        ended = Status.OPTIMAL if status == states.OPTIMAL else Status.FEASIBLE
        return checked(model, ended, x, duals, reduced, bound, seconds, -1, label)
    if name in UNSURE and status in (states.INFEASIBLE, states.UNBOUNDED, states.ABNORMAL):
        left_s = None if time_limit_s is None else max(time_limit_s - seconds, 0.0)
        return HotModel(model, time_limit_s=left_s).solve()
    if status == states.INFEASIBLE:
        return no_solution(model, Status.INFEASIBLE, seconds, np.inf, label)
    if status == states.UNBOUNDED:
        return no_solution(model, Status.UNBOUNDED, seconds, -np.inf, label)
    limited = time_limit_s is not None or effort is not None
    if status in (states.NOT_SOLVED, states.UNKNOWN_STATUS) and limited:
        return no_solution(model, Status.NO_SOLUTION, seconds, bound, label)
    raise SolverError(f"{label} ended with {status.name}: {solver.status_string()}")


def _parameters(name: str, gap: float, seed: int) -> str:
    if name == "SAT":
        return (
            f"num_workers: 1 random_seed: {seed} relative_gap_limit: {gap} interleave_search: false"
        )
    if name == "SCIP":
        return f"limits/gap = {gap}\nrandomization/randomseedshift = {seed}"
    if name == "PDLP":
        return (
            "num_threads: 1 termination_criteria { simple_optimality_criteria "
            "{ eps_optimal_absolute: 1e-8 eps_optimal_relative: 1e-8 } }"
        )
    return ""


def _highs(
    method: str, crossover: bool
) -> Callable[[SparseModel, float | None, float, int], Solution]:
    def run(model: SparseModel, time_limit_s: float | None, gap: float, seed: int) -> Solution:
        hot = HotModel(
            model, method=method, crossover=crossover, time_limit_s=time_limit_s, gap=gap,
            seed=seed,
        )  # fmt: skip
        return hot.solve()

    return run


#: Solvers by name. ``cp-sat``, ``scip`` and ``highs`` take whole-number columns, ``cp-sat`` only
#: such.
SOLVERS: dict[str, Callable[[SparseModel, float | None, float, int], Solution]] = {
    "glop": _ortools("GLOP", integer=False),
    "pdlp": _ortools("PDLP", integer=False),
    "cp-sat": _ortools("SAT", integer=True),
    "scip": _ortools("SCIP", integer=True),
    "highs": _highs("choose", crossover=True),
    "highs-ipm": _highs("ipm", crossover=False),
}
