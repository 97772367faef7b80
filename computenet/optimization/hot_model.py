"""Models kept in HiGHS: handed over through the array overload of ``passModel``, then changed."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from computenet.optimization.model_units import units_of
from computenet.optimization.solution import Solution, SolverError, Status, checked, no_solution
from computenet.optimization.sparse import SparseModel

__all__ = ["Basis", "HotModel"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
I1 = NDArray[np.int8]

#: Options of further tries where a solve ends without an answer; each begins from nothing.
TRIES: tuple[dict[str, object], ...] = (
    {"presolve": "on"},
    {"presolve": "off", "simplex_scale_strategy": 4, "primal_feasibility_tolerance": 1e-9},
    {"presolve": "off", "simplex_scale_strategy": 0},
    {"presolve": "on", "solver": "ipm", "run_crossover": "on"},
)


#: HiGHS' numbers of what a column or row is in a basis: at its lower bound, basic.
AT_LOWER, BASIC = 0, 1
#: HiGHS' tolerance of reduced costs, in the units it is told costs in.
DUAL_TOLERANCE = 1e-7
#: Largest bound of a model whose bounds are scaled.
LARGEST = 1000.0


class Basis(NamedTuple):
    """Where a simplex solve ended: HiGHS' status of each column and row."""

    columns: I1
    rows: I1


def _exponent(model: SparseModel) -> int:
    """Return the power of two, at most 0, that brings the largest bound down to `LARGEST`."""
    sides = (model.lower, model.upper, model.row_lower, model.row_upper)
    largest = max(np.abs(side[np.isfinite(side)]).max(initial=1.0) for side in sides)
    return -max(int(np.log2(largest / LARGEST)), 0)


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

    Where all costs, or all amounts of a continuous model, are tiny, HiGHS is told them in smaller
    units (:mod:`computenet.optimization.model_units`); `self.model` and solutions are in its own.

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
    scaled
        Whether bounds are told in a unit in which the largest is about `LARGEST`. HiGHS holds rows
        to an absolute tolerance, and a crossover that ends a rounding of large amounts beside it is
        put right by thousands of pivots.
    scaling
        HiGHS' ``simplex_scale_strategy``; ``None`` = its own choice.
    nodes
        Most nodes of branch and bound; ``None`` = no limit.
    tolerance
        To which rows and bounds are kept; ``None`` = HiGHS' own, 1e-7. Its least is 1e-10.
    """

    def __init__(
        self,
        model: SparseModel,
        *,
        method: str = "choose",
        crossover: bool = True,
        presolve: bool = True,
        scaled: bool = False,
        scaling: int | None = None,
        time_limit_s: float | None = None,
        gap: float = 0.0,
        seed: int = 0,
        nodes: int | None = None,
        tolerance: float | None = None,
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
        if tolerance is not None:
            self._option("primal_feasibility_tolerance", tolerance)
        if scaled:
            self._option("user_bound_scale", _exponent(model))
        if scaling is not None:
            self._option("simplex_scale_strategy", scaling)
        self._presolve = "choose" if presolve else "off"
        self._option("presolve", self._presolve)
        self.model = model
        self._time_limit_s = time_limit_s
        self._until_s = np.inf
        self._pass(model)

    def _pass(self, model: SparseModel) -> None:
        matrix, highspy = model.matrix, self._highspy
        self._units = units_of(model)
        cost, amount = self._units
        self._require(
            self._highs.passModel(
                model.n, model.m, matrix.nnz, int(highspy.MatrixFormat.kColwise),
                int(highspy.ObjSense.kMinimize), model.offset * cost * amount, model.cost * cost,
                model.lower * amount, model.upper * amount, model.row_lower * amount,
                model.row_upper * amount,
                matrix.indptr.astype(np.int32), matrix.indices.astype(np.int32), matrix.data,
                model.integer.astype(np.int32),
            ),
            "takes no such model",
        )  # fmt: skip

    def _change_units(self) -> None:
        """Tell costs and bounds anew where they have come to call for other units."""
        model, before = self.model, self._units
        self._units = units_of(model)
        if self._units == before:
            return
        self._highs.changeObjectiveOffset(model.offset * self._units.cost * self._units.amount)
        if model.n:
            self.set_costs(np.arange(model.n), model.cost)
            self.set_column_bounds(np.arange(model.n), model.lower, model.upper)
        if model.m:
            self.set_row_bounds(np.arange(model.m), model.row_lower, model.row_upper)

    @property
    def dual_tolerance(self) -> float:
        """Reduced cost below 0 that counts as 0."""
        return DUAL_TOLERANCE / self._units.cost

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

    def start_from(self, basis: Basis) -> None:
        """Start the next solve from a basis.

        Raises
        ------
        SolverError
            The basis is not one of the model: as many basic columns and rows as there are rows.
        """
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
        self.start_from(basis)
        self._option("solver", "simplex")
        most = np.iinfo(np.int32).max if iterations is None else iterations
        self._option("simplex_iteration_limit", int(most))
        self._option("dual_simplex_cost_perturbation_multiplier", 1.0 if perturb else 0.0)

    def use_primal(self, primal: bool) -> None:
        """Go on with the primal simplex (after costs changed or columns came) or the dual."""
        self._option("simplex_strategy", 4 if primal else 1)

    def limit(self, time_limit_s: float | None) -> None:
        """Set the wall time of each solve from now on, whatever is tried in it."""
        self._time_limit_s = time_limit_s
        if time_limit_s is None:
            self._option("time_limit", float("inf"))

    def follow(self, cost: F8, upper: F8, row_lower: F8, row_upper: F8) -> tuple[bool, bool]:
        """Hand over costs and bounds that differ; return whether costs do, and whether bounds."""
        model = self.model
        dearer = np.flatnonzero(cost != model.cost)
        limited = np.flatnonzero(upper != model.upper)
        rows = np.flatnonzero((row_lower != model.row_lower) | (row_upper != model.row_upper))
        if dearer.size:
            self.set_costs(dearer, cost[dearer])
        if limited.size:
            self.set_column_bounds(limited, model.lower[limited], upper[limited])
        if rows.size:
            self.set_row_bounds(rows, row_lower[rows], row_upper[rows])
        return bool(dearer.size), bool(limited.size or rows.size)

    def set_row_bounds(self, rows: I8, lower: F8, upper: F8) -> None:
        """Change the bounds of rows."""
        low, high = self.model.row_lower.copy(), self.model.row_upper.copy()
        low[rows], high[rows] = lower, upper
        self._require(
            self._highs.changeRowsBounds(
                len(rows), np.asarray(rows, dtype=np.int32),
                low[rows] * self._units.amount, high[rows] * self._units.amount,
            ),
            "takes no such row bounds",
        )  # fmt: skip
        self._replace(row_lower=low, row_upper=high)

    def set_column_bounds(self, columns: I8, lower: F8, upper: F8) -> None:
        """Change the bounds of columns."""
        low, high = self.model.lower.copy(), self.model.upper.copy()
        low[columns], high[columns] = lower, upper
        self._require(
            self._highs.changeColsBounds(
                len(columns), np.asarray(columns, dtype=np.int32),
                low[columns] * self._units.amount, high[columns] * self._units.amount,
            ),
            "takes no such column bounds",
        )  # fmt: skip
        self._replace(lower=low, upper=high)

    def set_costs(self, columns: I8, cost: F8) -> None:
        """Change the costs of columns."""
        costs = self.model.cost.copy()
        costs[columns] = cost
        self._require(
            self._highs.changeColsCost(
                len(columns), np.asarray(columns, dtype=np.int32),
                costs[columns] * self._units.cost,
            ),
            "takes no such costs",
        )  # fmt: skip
        self._replace(cost=costs)

    def add_columns(self, cost: F8, lower: F8, upper: F8, first: I8, rows: I8, values: F8) -> None:
        """Add columns, given as compressed columns: ``first`` has one entry more than `cost`."""
        from scipy.sparse import csc_array, hstack

        count = len(cost)
        self._require(
            self._highs.addCols(
                count, np.asarray(cost) * self._units.cost, np.asarray(lower) * self._units.amount,
                np.asarray(upper) * self._units.amount, len(rows),
                np.asarray(first[:-1], dtype=np.int32), np.asarray(rows, dtype=np.int32), values,
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

    def delete_columns(self, columns: I8) -> None:
        """Delete columns; the basis stays where all are at a bound."""
        numbers = np.asarray(columns, dtype=np.int32)
        self._require(self._highs.deleteCols(len(numbers), numbers), "deletes no such columns")
        model = self.model
        stay = np.ones(model.n, dtype=np.bool_)
        stay[columns] = False
        self._replace(
            cost=model.cost[stay],
            lower=model.lower[stay],
            upper=model.upper[stay],
            integer=model.integer[stay],
            matrix=model.matrix[:, np.flatnonzero(stay)],
        )

    def add_rows(self, lower: F8, upper: F8, first: I8, columns: I8, values: F8) -> None:
        """Add rows, given as compressed rows: ``first`` has one entry more than `lower`."""
        from scipy.sparse import csc_array, csr_array, vstack

        count = len(lower)
        self._require(
            self._highs.addRows(
                count, np.asarray(lower) * self._units.amount,
                np.asarray(upper) * self._units.amount, len(columns),
                np.asarray(first[:-1], dtype=np.int32), np.asarray(columns, dtype=np.int32), values,
            ),
            "takes no such rows",
        )  # fmt: skip
        more = csr_array((values, columns, first), shape=(count, self.model.n))
        self._replace(
            row_lower=np.concatenate([self.model.row_lower, lower]),
            row_upper=np.concatenate([self.model.row_upper, upper]),
            matrix=csc_array(vstack([self.model.matrix, more])),
        )

    def _replace(self, **changes: object) -> None:
        from dataclasses import replace

        self.model = replace(self.model, **changes)  # type: ignore[arg-type]

    def _run(self) -> Any:
        """Run HiGHS in the time that is left of the solve; return the status it ends with."""
        if self._time_limit_s is not None:
            # The clock of a kept model runs on from solve to solve.
            left_s = max(self._until_s - time.perf_counter(), 0.0)
            self._option("time_limit", self._highs.getRunTime() + left_s)
        self._require(self._highs.run(), "failed")
        return self._highs.getModelStatus()

    def _begin_again(self, options: dict[str, object]) -> Any:
        """Run from nothing with other options, which are put back, and return the status."""
        before = {name: self._highs.getOptionValue(name)[1] for name in options}
        self._require(self._highs.clearSolver(), "cannot begin again")
        try:
            for name, value in options.items():
                self._option(name, value)
            return self._run()
        finally:
            for name, value in before.items():
                self._option(name, value)

    def solve(self) -> Solution:
        """Solve from the last basis, or from nothing at first.

        From a basis of long ago the simplex may lose its way in rounding and give up, or end with a
        solution that does not keep to the model, where there is one that does: then other ways are
        tried, each from nothing (`TRIES`).

        Raises
        ------
        SolverError
            None of the ways gives an answer.
        """
        began = self._began if self._began else time.perf_counter()
        self._began = 0.0
        if self._time_limit_s is not None:
            self._until_s = time.perf_counter() + self._time_limit_s
        self._change_units()
        try:
            return self._read(self._run(), began)
        except SolverError as error:
            failed = error
        for options in TRIES:
            try:
                return self._read(self._begin_again(options), began)
            except SolverError:
                continue
        raise SolverError(
            f"the solver HiGHS found no answer ({failed}), nor from the beginning, with other "
            "scaling, or by interior point; a limit or a target that is a little different may be "
            "solved"
        )

    def _read(self, status: Any, began: float) -> Solution:
        """Return what a run that ended with a status has found; nothing is an error."""
        highs, model = self._highs, self.model
        states = self._highspy.HighsModelStatus
        stopped = (
            states.kTimeLimit, states.kIterationLimit, states.kSolutionLimit, states.kInterrupt
        )  # fmt: skip
        good = (states.kOptimal, states.kModelEmpty)
        if status == states.kUnboundedOrInfeasible:
            # Without presolve the two are told apart.
            self._option("presolve", "off")
            status = self._run()
            self._option("presolve", self._presolve)
        seconds = time.perf_counter() - began
        info = highs.getInfo()
        mixed = bool(model.integer.any())
        iterations = int(max(info.simplex_iteration_count, 0) + max(info.ipm_iteration_count, 0))
        cost, amount = self._units
        bound = float(info.mip_dual_bound) / cost if mixed else -np.inf
        if status == states.kInfeasible:
            return no_solution(model, Status.INFEASIBLE, seconds, np.inf, "highs")
        if status in (states.kUnbounded, states.kUnboundedOrInfeasible):
            return no_solution(model, Status.UNBOUNDED, seconds, -np.inf, "highs")
        if status not in (*good, *stopped):
            raise SolverError(f"it ended with {highs.modelStatusToString(status)}")
        answer = highs.getSolution()
        feasible = info.primal_solution_status == 2 or status == states.kModelEmpty
        if status in stopped and not feasible:
            return no_solution(model, Status.NO_SOLUTION, seconds, bound, "highs")
        x = np.asarray(answer.col_value, dtype=np.float64) / amount
        duals, reduced = np.full(model.m, np.nan), np.full(model.n, np.nan)
        if not mixed and answer.dual_valid:
            duals = np.asarray(answer.row_dual, dtype=np.float64) / cost
            reduced = np.asarray(answer.col_dual, dtype=np.float64) / cost
        ended = Status.FEASIBLE if status in stopped else Status.OPTIMAL
        return checked(model, ended, x, duals, reduced, bound, seconds, iterations, "highs")
