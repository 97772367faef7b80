"""A matching solved again and again: the model stays, demand, costs and limits change."""

from __future__ import annotations

import time
from dataclasses import fields, is_dataclass

import numpy as np

from computenet.optimization.matching import Matching, MatchingProblem, read_matching
from computenet.optimization.matching_model import (
    MatchingModel,
    matching_model,
    segment_limits,
    unmet_bounds,
)
from computenet.optimization.solvers import HotModel

__all__ = ["Matcher"]

#: What may change between epochs without a new model: bounds and costs, no coefficient.
CHANGING = {
    "demand", "unmet_cny", "arc_cny", "arc_upper", "capacity", "site_mw", "excess_cny", "link_gb_s",
    "path_cny", "extra_cny", "share", "demand_names", "pool_names", "site_names", "link_names",
}  # fmt: skip


class Matcher:
    """Solves matchings one after another, each from the basis of the last.

    Problems of one structure (the same arcs and coefficients) go on from the last solution; one of
    another structure is built anew, which is told by ``rebuilt``. To close an arc for an epoch set
    its `arc_upper` to 0 rather than leave it out.

    Parameters
    ----------
    time_limit_s
        Wall time of each solve; a result then depends on the machine's speed.
    """

    def __init__(self, *, time_limit_s: float | None = None) -> None:
        self._time_limit_s = time_limit_s
        self._problem: MatchingProblem | None = None
        self._whole: MatchingModel | None = None
        self._hot: HotModel | None = None
        self.rebuilt = 0

    def solve(self, problem: MatchingProblem) -> Matching:
        """Return the cheapest matching of this epoch.

        Raises
        ------
        InputError
            The problem cannot be used; all faults are told.
        SolverError
            The solver fails.
        """
        problem.check()
        began = time.perf_counter()
        if self._problem is None or not same_structure(self._problem, problem):
            self.rebuilt += 1
            self._whole = matching_model(problem)
            self._hot = HotModel(self._whole.model, time_limit_s=self._time_limit_s)
        else:
            self._change(problem)
        assert self._whole is not None
        assert self._hot is not None
        self._problem = problem
        answer = self._hot.solve()
        whole = MatchingModel(
            self._hot.model, *(getattr(self._whole, f.name) for f in fields(self._whole)[1:])
        )
        return read_matching(problem, whole, answer, "highs", time.perf_counter() - began)

    def _change(self, problem: MatchingProblem) -> None:
        """Hand over the costs and bounds that differ."""
        whole, hot = self._whole, self._hot
        assert whole is not None
        assert hot is not None
        model = hot.model
        cost, upper = model.cost.copy(), model.upper.copy()
        low, high = model.row_lower.copy(), model.row_upper.copy()
        cost[whole.flow.slice] = problem.arc_cny
        upper[whole.flow.slice] = np.inf if problem.arc_upper is None else problem.arc_upper
        cost[whole.unmet.slice], upper[whole.unmet.slice] = unmet_bounds(problem.unmet_cny)
        low[whole.demand.slice] = high[whole.demand.slice] = problem.demand
        if problem.congestion is None:
            high[whole.pool.slice] = problem.capacity
        else:
            cost[whole.segment.slice] = problem.congestion.extra_cny.ravel()
            limits = segment_limits(problem.congestion, problem.capacity)
            upper[whole.segment.slice] = limits.ravel()
        if problem.power is not None:
            high[whole.site.slice] = problem.power.site_mw
            if problem.power.excess_cny is not None:
                of_excess = whole.excess.slice
                cost[of_excess], upper[of_excess] = unmet_bounds(problem.power.excess_cny)
        if problem.traffic is not None:
            cost[whole.path.slice] = problem.traffic.path_cny
            high[whole.link.slice] = problem.traffic.link_gb_s
        columns = np.flatnonzero(cost != model.cost)
        if columns.size:
            hot.set_costs(columns, cost[columns])
        columns = np.flatnonzero(upper != model.upper)
        if columns.size:
            hot.set_column_bounds(columns, model.lower[columns], upper[columns])
        rows = np.flatnonzero((low != model.row_lower) | (high != model.row_upper))
        if rows.size:
            hot.set_row_bounds(rows, low[rows], high[rows])


def same_structure(one: object, other: object) -> bool:
    """Return whether two problems differ in costs and bounds only."""
    for field in fields(one):  # type: ignore[arg-type]
        a, b = getattr(one, field.name), getattr(other, field.name)
        if is_dataclass(a) and type(a) is type(b):
            if not same_structure(a, b):
                return False
        elif a is None or b is None:
            # An arc limit that comes or goes is a bound; a whole part that does is not.
            if field.name != "arc_upper" and a is not b:
                return False
        elif field.name in CHANGING:
            if np.shape(a) != np.shape(b) and not field.name.endswith("names"):
                return False
        elif a is not b and not np.array_equal(a, b):
            return False
    return True
