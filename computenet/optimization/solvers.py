"""The one place that hands models to solvers: OR-Tools in bulk, and HiGHS, cold or kept hot.

OR-Tools' solvers take the whole matrix at once through ``fill_model_from_sparse_data``, which lies
on a helper class outside the documented interface; a contract test checks it on every upgrade.
HiGHS takes it through the array overload of ``passModel``. Per-term interfaces are a hundred times
slower on models of millions of terms.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from computenet.errors import ComputenetError
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

F8 = NDArray[np.float64]
I4 = NDArray[np.int32]
I8 = NDArray[np.int64]
I1 = NDArray[np.int8]

#: Largest relative violation at which a solution counts as feasible.
FEASIBLE = 1e-6


class SolverError(ComputenetError):
    """A solver that is missing, refuses the model, crashes, or returns what is not feasible."""


class Status(StrEnum):
    """How a solve ended."""

    OPTIMAL = "optimal"
    FEASIBLE = "feasible"  # a limit was reached, with a solution
    INFEASIBLE = "infeasible"
    UNBOUNDED = "unbounded"
    NO_SOLUTION = "no solution"  # a limit was reached, without one


class Basis(NamedTuple):
    """Where a simplex solve ended: HiGHS' status of each column and row."""

    columns: I1
    rows: I1


@dataclass(frozen=True, slots=True)
class Solution:
    """What a solver returned.

    Attributes
    ----------
    status
        How it ended.
    objective
        Value of `x`, computed here as ``cost . x + offset``; infinite without a solution.
    bound
        Lower bound on the optimum; minus infinity where none is known.
    seconds, iterations
        Wall time of building and solving; simplex or interior-point iterations, -1 = not told.
    violation
        Largest relative violation of a row or bound, computed here.
    x
        ``(n,)``; NaN without a solution.
    row_duals, reduced_costs
        ``(m,)`` and ``(n,)`` in the convention of minimisation: a dual is the change of the
        optimum per unit of the row's bound, so <= 0 at an upper bound that binds. NaN where the
        model is integer or has no solution.
    """

    status: Status
    objective: float
    bound: float
    seconds: float
    iterations: int
    violation: float
    x: F8
    row_duals: F8
    reduced_costs: F8
    solver: str

    @property
    def solved(self) -> bool:
        """Whether there is a solution."""
        return self.status in (Status.OPTIMAL, Status.FEASIBLE)

    @property
    def gap(self) -> float:
        """Relative gap between objective and bound."""
        return relative_gap(self.objective, self.bound)


def relative_gap(objective: float, bound: float) -> float:
    """Return ``(objective - bound) / |objective|``, at least 0; infinite without either."""
    if not (np.isfinite(objective) and np.isfinite(bound)):
        return float("inf")
    return max(objective - bound, 0.0) / max(abs(objective), 1e-12)


def _no_solution(
    model: SparseModel, status: Status, seconds: float, bound: float, solver: str
) -> Solution:
    nothing = np.full(model.n, np.nan)
    return Solution(
        status, np.inf, bound, seconds, -1, np.inf, nothing, np.full(model.m, np.nan),
        nothing, solver,
    )  # fmt: skip


def _checked(
    model: SparseModel,
    status: Status,
    x: F8,
    row_duals: F8,
    reduced_costs: F8,
    bound: float,
    seconds: float,
    iterations: int,
    solver: str,
) -> Solution:
    """Re-check a solution with numpy and return it; one that is not feasible is an error."""
    violation = model.violation(x)
    if violation > FEASIBLE:
        raise SolverError(f"{solver} returned a solution that violates a row by {violation:.2g}")
    objective = float(model.cost @ x) + model.offset
    if status is Status.OPTIMAL and not model.integer.any():
        bound = objective
    return Solution(
        status, objective, min(bound, objective), seconds, iterations, violation, x, row_duals,
        reduced_costs, solver,
    )  # fmt: skip


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
        The solver is missing or fails, or cannot take whole-number columns.
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


# ---- OR-Tools -----------------------------------------------------------------------------


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
    label = name.lower()
    bound = -np.inf
    if solver.has_response() and model.integer.any():
        bound = float(solver.best_objective_bound()) + model.offset
    if status == states.OPTIMAL or (status == states.FEASIBLE and solver.has_solution()):
        x = np.asarray(solver.variable_values(), dtype=np.float64)
        duals, reduced = np.full(model.m, np.nan), np.full(model.n, np.nan)
        if not model.integer.any() and len(duals) and name != "SAT":
            duals = np.asarray(solver.dual_values(), dtype=np.float64)
            reduced = np.asarray(solver.reduced_costs(), dtype=np.float64)
        ended = Status.OPTIMAL if status == states.OPTIMAL else Status.FEASIBLE
        return _checked(model, ended, x, duals, reduced, bound, seconds, -1, label)
    if status == states.INFEASIBLE and name == "GLOP":
        # GLOP's presolve says so of unbounded models too; HiGHS tells which.
        return HotModel(model).solve()
    if status == states.INFEASIBLE:
        return _no_solution(model, Status.INFEASIBLE, seconds, np.inf, label)
    if status == states.UNBOUNDED:
        return _no_solution(model, Status.UNBOUNDED, seconds, -np.inf, label)
    limited = time_limit_s is not None or effort is not None
    if status in (states.NOT_SOLVED, states.UNKNOWN_STATUS) and limited:
        return _no_solution(model, Status.NO_SOLUTION, seconds, bound, label)
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


# ---- HiGHS --------------------------------------------------------------------------------


def _quiet(highspy: Any) -> Any:
    """Return a HiGHS that prints nothing, not even the banner that its callbacks bring up."""

    class Quiet(highspy.Highs):  # type: ignore[misc]
        def enableCallbacks(self) -> None:
            self.setOptionValue("output_flag", False)
            super().enableCallbacks()

    return Quiet()


class HotModel:
    """A model kept in HiGHS: bounds and costs change, columns come, the basis stays.

    After a change of row or column bounds the dual simplex goes on from the last basis, which is
    tens of times faster than from nothing; a change of costs gains little.

    Parameters
    ----------
    model
        The model; `self.model` follows every change.
    method
        ``"choose"``, ``"simplex"`` or ``"ipm"``.
    crossover
        Whether an interior point is turned into a basis.
    presolve
        Whether the first solve simplifies the model; without it small models are solved sooner.
    nodes
        Most nodes of branch and bound; ``None`` = no limit.
    """

    def __init__(
        self,
        model: SparseModel,
        *,
        method: str = "choose",
        crossover: bool = True,
        presolve: bool = True,
        time_limit_s: float | None = None,
        gap: float = 0.0,
        seed: int = 0,
        nodes: int | None = None,
    ) -> None:
        try:
            import highspy
        except ImportError as error:  # pragma: no cover - a broken installation
            raise SolverError("HiGHS is not installed (package highspy)") from error
        self._highspy = highspy
        self._began = time.perf_counter()
        self._highs: Any = _quiet(highspy)
        self._option("output_flag", False)
        self._option("threads", 1)
        self._option("random_seed", seed)
        self._option("solver", method)
        self._option("run_crossover", "on" if crossover else "off")
        self._option("mip_rel_gap", gap)
        if nodes is not None:
            self._option("mip_max_nodes", nodes)
        self._presolve = "choose" if presolve else "off"
        self._option("presolve", self._presolve)
        self._limited = time_limit_s is not None
        self.model = model
        self._time_limit_s = time_limit_s
        self._pass(model)

    def _pass(self, model: SparseModel) -> None:
        matrix, highspy = model.matrix, self._highspy
        self._require(
            self._highs.passModel(
                model.n, model.m, matrix.nnz, int(highspy.MatrixFormat.kColwise),
                int(highspy.ObjSense.kMinimize), model.offset, model.cost, model.lower,
                model.upper, model.row_lower, model.row_upper,
                matrix.indptr.astype(np.int32), matrix.indices.astype(np.int32), matrix.data,
                model.integer.astype(np.int32),
            ),
            "takes no such model",
        )  # fmt: skip

    def _option(self, name: str, value: object) -> None:
        # A solver that is not there is answered with an error here and by simplex later.
        self._require(self._highs.setOptionValue(name, value), f"has no option {name}={value}")

    def _require(self, status: object, problem: str) -> None:
        if status == self._highspy.HighsStatus.kError:
            raise SolverError(f"HiGHS {problem}")

    def basis(self) -> Basis | None:
        """Return the basis of the last solve, ``None`` without one (no crossover, not solved)."""
        kept = self._highs.getBasis()
        if not kept.valid:
            return None
        columns, rows = (
            np.fromiter(map(int, statuses), dtype=np.int8, count=len(statuses))
            for statuses in (kept.col_status, kept.row_status)
        )
        return Basis(columns, rows)

    def load(
        self,
        model: SparseModel,
        basis: Basis,
        iterations: int | None = None,
        *,
        perturb: bool = True,
    ) -> None:
        """Take another model, whose solve starts by simplex from a basis.

        For a model much like the last one of which every number may differ: handing a model over
        takes a small part of the time of solving it.

        Parameters
        ----------
        iterations
            Most iterations of its solve; ``None`` = no limit.
        perturb
            Whether the dual simplex changes costs a little, at random, against ties.

        Raises
        ------
        SolverError
            The basis is not one of the model: as many basic columns and rows as there are rows.
        """
        self._began = time.perf_counter()
        self.model = model
        self._pass(model)
        known = self._highspy.HighsBasisStatus
        order = (known.kLower, known.kBasic, known.kUpper, known.kZero, known.kNonbasic)
        statuses = np.empty(len(order), dtype=object)
        for status in order:
            statuses[int(status)] = status
        given = self._highspy.HighsBasis()
        given.col_status = statuses[basis.columns].tolist()
        given.row_status = statuses[basis.rows].tolist()
        given.valid = True
        self._require(self._highs.setBasis(given), "takes no such basis")
        self._option("solver", "simplex")
        most = np.iinfo(np.int32).max if iterations is None else iterations
        self._option("simplex_iteration_limit", int(most))
        self._option("dual_simplex_cost_perturbation_multiplier", 1.0 if perturb else 0.0)

    def use_primal(self, primal: bool) -> None:
        """Go on with the primal simplex (after costs changed or columns came) or the dual."""
        self._option("simplex_strategy", 4 if primal else 1)

    def limit(self, time_limit_s: float | None) -> None:
        """Set the wall time of each solve from now on."""
        self._time_limit_s = time_limit_s
        if time_limit_s is None:
            self._option("time_limit", float("inf"))

    def set_row_bounds(self, rows: I8, lower: F8, upper: F8) -> None:
        """Change the bounds of rows."""
        low, high = self.model.row_lower.copy(), self.model.row_upper.copy()
        low[rows], high[rows] = lower, upper
        self._require(
            self._highs.changeRowsBounds(
                len(rows), np.asarray(rows, dtype=np.int32), low[rows], high[rows]
            ),
            "takes no such row bounds",
        )
        self._replace(row_lower=low, row_upper=high)

    def set_column_bounds(self, columns: I8, lower: F8, upper: F8) -> None:
        """Change the bounds of columns."""
        low, high = self.model.lower.copy(), self.model.upper.copy()
        low[columns], high[columns] = lower, upper
        self._require(
            self._highs.changeColsBounds(
                len(columns), np.asarray(columns, dtype=np.int32), low[columns], high[columns]
            ),
            "takes no such column bounds",
        )
        self._replace(lower=low, upper=high)

    def set_costs(self, columns: I8, cost: F8) -> None:
        """Change the costs of columns."""
        costs = self.model.cost.copy()
        costs[columns] = cost
        self._require(
            self._highs.changeColsCost(
                len(columns), np.asarray(columns, dtype=np.int32), costs[columns]
            ),
            "takes no such costs",
        )
        self._replace(cost=costs)

    def add_columns(self, cost: F8, lower: F8, upper: F8, first: I8, rows: I8, values: F8) -> None:
        """Add columns, given as compressed columns: ``first`` has one entry more than `cost`."""
        from scipy.sparse import csc_array, hstack

        count = len(cost)
        self._require(
            self._highs.addCols(
                count, cost, lower, upper, len(rows), np.asarray(first[:-1], dtype=np.int32),
                np.asarray(rows, dtype=np.int32), values,
            ),
            "takes no such columns",
        )  # fmt: skip
        more = csc_array((values, rows, first), shape=(self.model.m, count))
        self._replace(
            cost=np.concatenate([self.model.cost, cost]),
            lower=np.concatenate([self.model.lower, lower]),
            upper=np.concatenate([self.model.upper, upper]),
            integer=np.concatenate([self.model.integer, np.zeros(count, dtype=np.bool_)]),
            matrix=csc_array(hstack([self.model.matrix, more])),
        )

    def _replace(self, **changes: object) -> None:
        from dataclasses import replace

        self.model = replace(self.model, **changes)  # type: ignore[arg-type]

    def solve(self) -> Solution:
        """Solve from the last basis, or from nothing at first.

        Raises
        ------
        SolverError
            HiGHS fails.
        """
        highs, model = self._highs, self.model
        began = self._began if self._began else time.perf_counter()
        self._began = 0.0
        if self._time_limit_s is not None:
            # The clock of a kept model runs on from solve to solve.
            self._option("time_limit", highs.getRunTime() + self._time_limit_s)
        self._require(highs.run(), "failed")
        seconds = time.perf_counter() - began
        states = self._highspy.HighsModelStatus
        status = highs.getModelStatus()
        info = highs.getInfo()
        mixed = bool(model.integer.any())
        iterations = int(max(info.simplex_iteration_count, 0) + max(info.ipm_iteration_count, 0))
        bound = float(info.mip_dual_bound) if mixed else -np.inf
        if status in (states.kUnboundedOrInfeasible,):
            # Without presolve the two are told apart.
            self._option("presolve", "off")
            self._require(highs.run(), "failed")
            self._option("presolve", self._presolve)
            status = highs.getModelStatus()
        if status == states.kInfeasible:
            return _no_solution(model, Status.INFEASIBLE, seconds, np.inf, "highs")
        if status in (states.kUnbounded, states.kUnboundedOrInfeasible):
            return _no_solution(model, Status.UNBOUNDED, seconds, -np.inf, "highs")
        stopped = (
            states.kTimeLimit, states.kIterationLimit, states.kSolutionLimit, states.kInterrupt
        )  # fmt: skip
        if status not in (states.kOptimal, states.kModelEmpty, *stopped):
            raise SolverError(f"HiGHS ended with {highs.modelStatusToString(status)}")
        answer = highs.getSolution()
        feasible = info.primal_solution_status == 2 or status == states.kModelEmpty
        if status in stopped and not feasible:
            return _no_solution(model, Status.NO_SOLUTION, seconds, bound, "highs")
        x = np.asarray(answer.col_value, dtype=np.float64)
        duals, reduced = np.full(model.m, np.nan), np.full(model.n, np.nan)
        if not mixed and answer.dual_valid:
            duals = np.asarray(answer.row_dual, dtype=np.float64)
            reduced = np.asarray(answer.col_dual, dtype=np.float64)
        ended = Status.FEASIBLE if status in stopped else Status.OPTIMAL
        return _checked(model, ended, x, duals, reduced, bound, seconds, iterations, "highs")


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


#: Solvers by name. ``cp-sat``, ``scip`` and ``highs`` take whole-number columns.
SOLVERS: dict[str, Callable[[SparseModel, float | None, float, int], Solution]] = {
    "glop": _ortools("GLOP", integer=False),
    "pdlp": _ortools("PDLP", integer=False),
    "cp-sat": _ortools("SAT", integer=True),
    "scip": _ortools("SCIP", integer=True),
    "highs": _highs("choose", crossover=True),
    "highs-ipm": _highs("ipm", crossover=False),
}
