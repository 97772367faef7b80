"""Fronts of cost against emissions and against latency coverage, by the epsilon constraint.

Each point is the cheapest plan with one more limit (Haimes, Lasdon and Wismer, *IEEE Trans. SMC* 1,
1971): emissions of all years together, ``sum_y years_y sum_i L[i,y,carbon] <= e``, or the coverage
of one stream in every stage. The problem is solved again from the cuts it has. A plan that meets a
tighter limit meets a looser one, so costs never rise as a limit is loosened.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from computenet.optimization.expansion import Planner
from computenet.optimization.expansion_benders import Infeasible
from computenet.optimization.expansion_conflicts import misses
from computenet.optimization.expansion_plan import FIGURES, ExpansionPlan

__all__ = ["FrontPoint", "carbon_front", "coverage_front", "emissions", "front_of"]

F8 = NDArray[np.float64]

#: The front of emissions ends where a tonne less costs so much, kCNY.
DEAREST = 5.0


@dataclass(frozen=True, slots=True)
class FrontPoint:
    """A limit and the cheapest plan found under it.

    `plan` may be that of a tighter limit. `bound` is what no plan under `limit` can go below; the
    plan's own is of the limit it was made for.
    """

    limit: float
    plan: ExpansionPlan
    bound: float


def emissions(planner: Planner, plan: ExpansionPlan) -> float:
    """Return the emissions of all years together, in the problem's units."""
    by_stage = plan.energy[:, :, FIGURES.index("emissions")].sum(axis=0)
    return float(planner.problem.stages.years @ by_stage)


def carbon_front(planner: Planner, best: ExpansionPlan, count: int, gap: float) -> list[FrontPoint]:
    """Return `count` points from the best plan's emissions down, the loosest first.

    The last is the plan that a carbon price of `DEAREST` on top would bring.
    """
    hot, side = planner.side.hot, planner.side
    columns = side.investment.columns["link carbon"].index()
    years = np.broadcast_to(planner.problem.stages.years, columns.shape)
    flat, weight = columns.reshape(-1), years.reshape(-1).astype(np.float64)
    costs = hot.model.cost[flat].copy()
    worth = np.broadcast_to(planner.problem.stages.worth, columns.shape).reshape(-1)
    try:
        hot.set_costs(flat, costs + DEAREST * worth)
        side.costs[flat] += DEAREST * worth
        dear = planner.solve(gap=gap)
    finally:
        hot.set_costs(flat, costs)
        side.costs[flat] -= DEAREST * worth
    low, high = emissions(planner, dear), emissions(planner, best)
    limits = np.linspace(high, low, count)
    hot.add_rows(np.array([-np.inf]), np.array([np.inf]), np.array([0, len(flat)]), flat, weight)
    row = np.array([hot.model.m - 1])
    points = [FrontPoint(high, best, best.bound)]
    try:
        for limit in limits[1:]:
            hot.set_row_bounds(row, np.array([-np.inf]), np.array([limit * (1.0 + 1e-9)]))
            plan = planner.solve(gap=gap)
            points.append(FrontPoint(float(limit), plan, plan.bound))
    finally:
        hot.set_row_bounds(row, np.array([-np.inf]), np.array([np.inf]))
    return front_of(points)


def coverage_front(planner: Planner, stream: int, count: int, gap: float) -> list[FrontPoint]:
    """Return points from no coverage asked for to the most that any layout could give.

    Points that contradict other targets are left out.
    """
    demand = planner.problem.demand
    work = planner.problem.stream_work[:, stream]
    near = np.any((demand.covered & demand.open_way)[:, stream], axis=1)
    total = np.maximum(work.sum(axis=0), 1e-12)
    most = float(((work * np.asarray(near, np.float64)[:, None]).sum(axis=0) / total).min())
    hot = planner.side.hot
    rows = planner.side.investment.rows["coverage"].index()[stream]
    low, high = hot.model.row_lower[rows].copy(), hot.model.row_upper[rows].copy()
    points = []
    try:
        for limit in np.linspace(0.0, most, count):
            hot.set_row_bounds(rows, np.full(len(rows), limit * (1.0 - 1e-9)), high)
            try:
                plan = planner.search(gap=gap)
            except Infeasible:
                continue
            if not misses(planner.problem, plan):
                points.append(FrontPoint(float(limit), plan, plan.bound))
    finally:
        hot.set_row_bounds(rows, low, high)
    return front_of(points)


def front_of(points: Sequence[FrontPoint]) -> list[FrontPoint]:
    """Return a front from plans and bounds of each limit alone, the loosest first.

    A looser limit gets the plan of a tighter one where that is cheaper, and a tighter limit the
    bound of a looser one where that is higher. Never the other way: a bound of a tight limit can
    exceed the least cost under a loose one.
    """
    out: list[FrontPoint] = []
    plan: ExpansionPlan | None = None
    for point in reversed(points):
        if plan is None or point.plan.objective <= plan.objective:
            plan = point.plan
        out.append(replace(point, plan=plan))
    bounds = accumulate((point.bound for point in points), max)
    return [replace(one, bound=bound) for one, bound in zip(out[::-1], bounds, strict=True)]
