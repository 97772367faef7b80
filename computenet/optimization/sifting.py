"""Sifting: a linear model of many columns kept in HiGHS with only those that matter.

An optimum uses few of the columns that compete for a row. So a model is solved whole once. After
that each group of columns keeps the few of least reduced cost; when bounds and costs change the
small model goes on from its basis, all columns are priced at its duals, those that would pay are
added, and it is solved again until none would: the optimum of the whole model, to the solver's own
tolerance, not an approximation (Bixby, Gregory, Lustig, Marsten and Shanno, *Operations Research*
40, 1992).
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from computenet.optimization.hot_model import Basis, HotModel
from computenet.optimization.solution import Solution, Status, no_solution
from computenet.optimization.sparse import SparseModel

__all__ = ["SiftedModel"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
B1 = NDArray[np.bool_]

#: Columns of a group that are added at a time.
ADDED = 5


class SiftedModel:
    """A continuous model whose bounds and costs change, solved on the columns that matter.

    Parameters
    ----------
    model
        The model; `self.model` follows every change.
    group
        ``(n,)`` number of the group a column competes in; -1 = it always stays. Columns of groups
        have a lower bound of 0.
    keep
        Columns that a group keeps when others are left out, which is when it has more than twice
        as many in the mean.
    time_limit_s
        Wall time of each solve.
    start
        Basis of the whole model from which the first solve starts; ``None`` = from nothing.
    """

    def __init__(
        self,
        model: SparseModel,
        group: I8,
        *,
        keep: int = 8,
        time_limit_s: float | None = None,
        start: Basis | None = None,
    ) -> None:
        self.model = model
        self._group, self._keep, self._time_limit_s = group, keep, time_limit_s
        self._groups = int(group.max(initial=-1)) + 1
        # Scaled by largest entries: from nothing small models are solved a fifth sooner.
        self._hot = HotModel(model, presolve=False, scaling=4, time_limit_s=time_limit_s)
        if start is not None:
            self._hot.start_from(start)
        self._at: I8 = np.arange(model.n)
        self._taken: B1 = np.ones(model.n, dtype=np.bool_)
        self._last: Solution | None = None

    @property
    def columns(self) -> int:
        """Number of columns in the kept model."""
        return len(self._at)

    def change(self, cost: F8, upper: F8, row_lower: F8, row_upper: F8) -> None:
        """Take other costs, upper bounds and sides of rows."""
        self._leave_out()
        self.model = replace(
            self.model, cost=cost, upper=upper, row_lower=row_lower, row_upper=row_upper
        )
        costs, _ = self._hot.follow(cost[self._at], upper[self._at], row_lower, row_upper)
        self._hot.use_primal(costs)

    def solve(self) -> Solution:
        """Solve, from the last basis.

        Raises
        ------
        SolverError
            The solver gives no answer.
        """
        began = time.perf_counter()
        iterations = 0
        while True:
            answer = self._hot.solve()
            iterations += answer.iterations
            if answer.status in (Status.OPTIMAL, Status.INFEASIBLE):
                more = self._to_add(answer)
                if more.size:
                    self._add(more)
                    # Columns come at 0: what was feasible stays so, and costs are in disorder.
                    self._hot.use_primal(answer.solved)
                    if self._time_limit_s is not None:
                        self._hot.limit(max(began + self._time_limit_s - time.perf_counter(), 0.0))
                    continue
            self._hot.limit(self._time_limit_s)
            return self._whole(answer, time.perf_counter() - began, iterations)

    def _to_add(self, answer: Solution) -> I8:
        """Return the columns that would pay at a solution's prices; all where there are none."""
        out = ~self._taken & (self.model.upper > 0.0)
        if not out.any():
            return np.zeros(0, dtype=np.int64)
        if not answer.solved or not np.isfinite(answer.row_duals).all():
            return np.flatnonzero(~self._taken)
        reduced = self._reduced(answer)
        pay = np.flatnonzero(out & (reduced < -self._hot.dual_tolerance))
        return pay[self._least(reduced[pay], self._group[pay], ADDED)] if pay.size else pay

    def _reduced(self, answer: Solution) -> F8:
        return np.asarray(self.model.cost - self.model.matrix.T @ answer.row_duals)

    def _least(self, value: F8, group: I8, count: int) -> I8:
        """Return places of the least values of each group."""
        order = np.lexsort((value, group))
        of = group[order]
        rank = np.arange(len(order)) - np.searchsorted(of, of)
        return np.asarray(order[rank < count], dtype=np.int64)

    def _add(self, columns: I8) -> None:
        model = self.model
        part = model.matrix[:, columns]
        self._hot.add_columns(
            model.cost[columns], model.lower[columns], model.upper[columns],
            part.indptr.astype(np.int64), part.indices.astype(np.int64), part.data,
        )  # fmt: skip
        self._at = np.concatenate([self._at, columns])
        self._taken[columns] = True

    def _leave_out(self) -> None:
        """Leave out columns that are at 0 and dear, once there are many."""
        last = self._last
        if last is None or last.status is not Status.OPTIMAL:
            return
        group = self._group[self._at]
        if (group >= 0).sum() <= 2 * self._keep * self._groups:
            return
        reduced = last.reduced_costs[self._at]
        stay = (group < 0) | ~(reduced > self._hot.dual_tolerance) | (last.x[self._at] != 0.0)
        rest = np.flatnonzero(group >= 0)
        stay[rest[self._least(reduced[rest], group[rest], self._keep)]] = True
        self._hot.delete_columns(np.flatnonzero(~stay))
        self._taken[self._at[~stay]] = False
        self._at = self._at[stay]

    def _whole(self, answer: Solution, seconds: float, iterations: int) -> Solution:
        """Return a solution of the kept model as one of the whole."""
        model = self.model
        if not answer.solved:
            self._last = None
            return no_solution(model, answer.status, seconds, answer.bound, answer.solver)
        x = np.zeros(model.n)
        x[self._at] = answer.x
        self._last = replace(
            answer, x=x, reduced_costs=self._reduced(answer), seconds=seconds,
            iterations=iterations,
        )  # fmt: skip
        return self._last
