"""A matching solved again and again: the model stays, demand, costs and limits change."""

from __future__ import annotations

import time
from dataclasses import fields, is_dataclass, replace

import numpy as np

from computenet.optimization.column_generation import ColumnGeneration
from computenet.optimization.matching import WHOLE, Matching, MatchingProblem, read_matching
from computenet.optimization.matching_model import (
    MatchingModel,
    matching_model,
    segment_limits,
    unmet_bounds,
)
from computenet.optimization.matching_start import cheapest_paths
from computenet.optimization.sifting import SiftedModel
from computenet.optimization.solvers import Status

__all__ = ["Matcher"]

#: What may change between epochs without a new model: bounds and costs, no coefficient.
CHANGING = {
    "demand", "unmet_cny", "arc_cny", "arc_upper", "capacity", "site_mw", "excess_cny", "excess_mw",
    "link_gb_s", "path_cny", "extra_cny", "share", "demand_names", "pool_names", "site_names",
    "link_names",
}  # fmt: skip


class Matcher:
    """Solves matchings one after another, each from the basis of the last.

    Problems of one structure (the same arcs and coefficients) go on from the last solution; one of
    another structure is built anew. To close an arc for an epoch set
    its `arc_upper` to 0 rather than leave it out.

    Up to `whole` arcs the model is solved whole at first, then on the arcs that matter, and exactly
    (:mod:`computenet.optimization.sifting`): by the primal simplex where costs changed, by the
    dual where only limits and demand did. Above that column generation keeps its columns.

    Parameters
    ----------
    time_limit_s
        Wall time of each solve; a result then depends on the machine's speed.
    gap
        Relative gap at which column generation stops.
    whole
        Arcs up to which answers are exact.

    Attributes
    ----------
    rebuilt
        How often a model was built anew.
    """

    def __init__(
        self, *, time_limit_s: float | None = None, gap: float = 1e-4, whole: int = WHOLE
    ) -> None:
        self._time_limit_s, self._gap, self._most = time_limit_s, gap, whole
        self._columns: ColumnGeneration | None = None
        self._problem: MatchingProblem | None = None
        self._whole: MatchingModel | None = None
        self._hot: SiftedModel | None = None
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
        same = self._problem is not None and same_structure(self._problem, problem)
        self._problem = problem
        self.rebuilt += not same
        if problem.n_arcs > self._most:
            if not same or self._columns is None:
                self._columns = ColumnGeneration(problem, gap=self._gap)
            return self._columns.solve(problem, time_limit_s=self._time_limit_s)
        if same and self._hot is not None:
            self._change(problem)
        else:
            self._whole = matching_model(problem)
            group = np.full(self._whole.model.n, -1, dtype=np.int64)
            group[self._whole.flow.slice] = problem.arc_demand
            self._hot = SiftedModel(
                self._whole.model, group, time_limit_s=self._time_limit_s,
                start=cheapest_paths(problem, self._whole),
            )  # fmt: skip
        assert self._whole is not None
        assert self._hot is not None
        answer = self._hot.solve()
        whole = replace(self._whole, model=self._hot.model)
        if answer.status is Status.INFEASIBLE:
            whole = matching_model(problem)  # the kept one has the names of an earlier epoch
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
                price, width = problem.power.excess_bounds()
                cost[whole.excess.slice] = price.ravel()
                upper[whole.excess.slice] = width.ravel()
        if problem.traffic is not None:
            cost[whole.path.slice] = problem.traffic.path_cny
            high[whole.link.slice] = problem.traffic.link_gb_s
        hot.change(cost, upper, low, high)


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
