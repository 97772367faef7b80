"""An upper bound on what any gang placement is worth, from prices of servers.

For any prices ``y >= 0`` of a server in each pool the dual

    L(y) = sum_p y_p C_p + sum_j max(0, max_p (v_jp - y_p w_jp))

is at least the worth of every placement: capacity is relaxed, each job takes what suits it (Fisher,
*The Lagrangian relaxation method for solving integer programming problems*, 1981). Its least value
is the optimum of the linear relaxation, because the jobs' problems have whole-number solutions.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from computenet.kernels.gang_prices import smooth_dual
from computenet.optimization.gang_problem import GangArcTable

__all__ = ["GangPrices", "gang_dual", "gang_prices"]

F8 = NDArray[np.float64]

#: Levels of smoothing, each a quarter of the last; Newton steps at each; halvings of a step.
LEVELS, STEPS, HALVINGS = tuple(0.05 * 0.25**n for n in range(8)), 8, 20
#: Least damping of a step; length below which a step is short.
DAMPING, SHORT = 1e-9, 0.1


class GangPrices(NamedTuple):
    """Prices of servers, and the bound that they prove."""

    price_cny: F8  # (P,)
    bound_cny: float  # on the sum of `profit_cny` of the arcs taken
    evaluations: int


def gang_dual(arcs: GangArcTable, price_cny: F8) -> float:
    """Return ``L``, an upper bound on the sum of profits whatever the prices, if not negative."""
    reduced = arcs.profit_cny - price_cny[arcs.pool] * arcs.servers
    best = np.zeros(len(arcs.stop_cny))
    np.maximum.at(best, arcs.job, reduced)
    return float(price_cny @ arcs.capacity + best.sum())


def gang_prices(arcs: GangArcTable) -> GangPrices:
    """Return prices near the least of the dual, by Newton steps on ever less smoothed duals.

    The smoothed dual is convex and has as many variables as there are pools, so a step costs one
    pass over the arcs. Prices stay between 0 and the largest profit per server of their pool,
    above which a pool stands empty; steps are halved until the smoothed dual falls enough
    (Armijo). The bound holds wherever the steps end; it is computed anew, not taken from them.
    """
    jobs, pools = len(arcs.stop_cny), len(arcs.capacity)
    first = np.concatenate([[0], np.cumsum(np.bincount(arcs.job, minlength=jobs))])
    scale, most = np.zeros(jobs), np.zeros(pools)
    np.maximum.at(scale, arcs.job, arcs.profit_cny)
    np.maximum.at(most, arcs.pool, arcs.profit_cny / arcs.servers)
    slope, curvature = np.zeros(pools), np.zeros((pools, pools))
    share, near = np.zeros(pools), np.zeros(pools, dtype=np.int64)

    def dual(price: F8, level: float, curved: bool) -> tuple[float, float]:
        exact, smooth = smooth_dual(
            first, arcs.pool, arcs.servers, arcs.profit_cny, arcs.capacity, price, scale, level,
            curved, slope, curvature, share, near,
        )  # fmt: skip
        return float(exact), float(smooth)

    price = 0.5 * most
    best, least, evaluations, damping = price, np.inf, 0, DAMPING
    for level in LEVELS:
        for _ in range(STEPS):
            exact, smooth = dual(price, level, True)
            evaluations += 1
            if exact < least:
                best, least = price, exact
            step, fall = _newton(price, most, slope, curvature, damping)
            if fall <= 1e-9 * abs(smooth):
                break
            before, length = slope.copy(), 1.0
            for _ in range(HALVINGS):
                tried = np.clip(price + length * step, 0.0, most)
                exact, value = dual(tried, level, False)
                evaluations += 1
                if exact < least:
                    best, least = tried, exact
                if value <= smooth + 1e-4 * float(before @ (tried - price)):
                    break
                length *= 0.5
            if length == 1.0:
                damping = max(0.1 * damping, DAMPING)
            elif length < SHORT:
                damping = min(1e3 * damping, 1.0)
            price = tried
    return GangPrices(best, gang_dual(arcs, best), evaluations)


def _newton(price: F8, most: F8, slope: F8, curvature: F8, damping: float) -> tuple[F8, float]:
    """Return a Newton step over the prices that are free to move, and the fall it promises.

    The diagonal is raised by a part `damping` (Levenberg 1944), more after steps that had to be
    shortened much: where hardly a job hesitates the smoothed dual is nearly straight.
    """
    free = ~(((price <= 0.0) & (slope >= 0.0)) | ((price >= most) & (slope <= 0.0)))
    step = np.zeros(len(price))
    if not free.any():
        return step, 0.0
    square = curvature[np.ix_(free, free)].copy()
    diagonal = np.diagonal(square)
    raised = damping * diagonal + 1e-9 * diagonal.max(initial=0.0)
    square[np.diag_indices_from(square)] += np.where(diagonal > 0.0, raised, 1.0)
    try:
        step[free] = -np.linalg.solve(square, slope[free])
    except np.linalg.LinAlgError:
        step[free] = -slope[free]
    step = np.clip(price + step, 0.0, most) - price
    fall = -float(step @ slope)
    if fall <= 1e-9 * float(np.abs(step) @ np.abs(slope)):
        # Cut off at its limits the step leads nowhere; along each price alone it does not.
        scale = np.where(diagonal > 0.0, diagonal, 1.0)
        step[free] = -slope[free] / scale
        step = np.clip(price + step, 0.0, most) - price
        fall = -float(step @ slope)
    return step, fall
