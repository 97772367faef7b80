"""Levels of priority solved one after the other, whole-number decisions, and ties.

Of a market's model as :mod:`computenet.optimization.clearing_model` makes it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from computenet.optimization.clearing_model import Market, fixed
from computenet.optimization.solvers import HotModel, Solution, Status
from computenet.optimization.sparse import SparseModel

__all__ = ["ROUNDING", "by_level", "decided", "ties_served"]

F8 = NDArray[np.float64]
B1 = NDArray[np.bool_]

#: What is within this of nothing or of all is rounding; solvers hold rows to 1e-7.
ROUNDING = 1e-6
#: What breaks a tie between serving a bid and not, relative to its price; above what solvers hold
#: prices to. And what is within rounding of the same cost, relative.
TIE, SAME = 1e-6, 1e-9


def by_level(hot: HotModel, market: Market) -> tuple[Solution, B1]:
    """Solve for the least unmet amount of each level in turn, then for the least cost.

    Returns
    -------
    tuple
        The last solution, without a bound where a level was stopped before its best; ``(m,)``
        whether a row may have held a level back.
    """
    felt = np.zeros(hot.model.m, dtype=np.bool_)
    if not len(market.levels):
        return hot.solve(), felt
    cost = hot.model.cost.copy()
    everything = np.arange(hot.model.n)
    every = market.level.index()
    hot.set_row_bounds(every, np.full(len(every), -np.inf), np.full(len(every), np.inf))
    exact = True
    for row in range(len(market.levels)):
        goal = np.zeros(hot.model.n)
        goal[market.rejected.slice] = market.level_of == row
        hot.set_costs(everything, goal * market.scale)
        answer = hot.solve() if row == 0 else _solve_below(hot, market, row)
        if not answer.solved:
            break
        exact &= answer.status is Status.OPTIMAL
        felt |= np.isnan(answer.row_duals) | (answer.row_duals != 0.0)
        at = market.level.index([row])
        least = max(answer.objective, 0.0) + 1e-9
        hot.set_row_bounds(at, np.full(1, -np.inf), np.full(1, least))
    hot.set_costs(everything, cost)
    if answer.solved:
        answer = _solve_below(hot, market, len(market.levels))
    if answer.solved and not exact:
        answer = replace(answer, status=Status.FEASIBLE, bound=-np.inf)
    return answer, felt


def _solve_below(hot: HotModel, market: Market, row: int) -> Solution:
    """Solve with the levels before `row` kept.

    What they had can be kept, but whole numbers are held to a tolerance: where the solver finds no
    way, the levels may give way by what is rounding of their largest bid.
    """
    answer = hot.solve()
    if answer.status is Status.INFEASIBLE:
        kept = market.level.index(np.arange(row))
        rounding = ROUNDING * float(market.scale[market.rejected.slice].max(initial=1.0))
        hot.set_row_bounds(kept, np.full(len(kept), -np.inf), hot.model.row_upper[kept] + rounding)
        answer = hot.solve()
    if answer.status is Status.INFEASIBLE:
        return replace(answer, status=Status.NO_SOLUTION)
    return answer


def decided(
    model: SparseModel, found: Solution, time_limit_s: float | None
) -> tuple[HotModel, Solution]:
    """Return the linear model in which whole-number decisions are taken, and its solution.

    Solvers hold whole numbers to a tolerance. Where all of a large bid does not fit by a little,
    its decision stays as it was found, and rows give way to what it takes.
    """
    hot = HotModel(fixed(model, np.round(found.x)), time_limit_s=time_limit_s)
    answer = hot.solve()
    if answer.status is Status.INFEASIBLE:
        does = model.matrix @ found.x
        eased = replace(
            fixed(model, found.x),
            row_lower=np.minimum(model.row_lower, does),
            row_upper=np.maximum(model.row_upper, does),
        )
        hot = HotModel(eased, time_limit_s=time_limit_s)
        answer = hot.solve()
    if answer.status is Status.INFEASIBLE:
        answer = replace(answer, status=Status.NO_SOLUTION)
    elif answer.status is Status.OPTIMAL:
        answer = replace(answer, status=found.status)
    return hot, answer


def ties_served(hot: HotModel, market: Market, answer: Solution) -> F8:
    """Return a solution of the same cost in which bids that pay just what they cost are served.

    What is left out is made dearer by `TIE`; a solution that then costs what the first one does is
    as good, and any prices of one optimum support every other.
    """
    left = market.rejected.of(answer.x)
    if not (left > ROUNDING).any():
        return answer.x
    at, cost = market.rejected.index(), hot.model.cost
    value = cost[at]
    hot.set_costs(at, value + TIE * np.maximum(1.0, np.abs(value)))
    other = hot.solve()
    hot.set_costs(at, value)
    allowed = SAME * max(1.0, abs(answer.objective))
    same = other.solved and float(cost @ other.x) <= answer.objective + allowed
    return other.x if same else answer.x
