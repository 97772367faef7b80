"""Prices of an optimal transport flow."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from computenet.kernels._jit import njit

__all__ = ["least_prices"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
I4 = NDArray[np.int32]
B1 = NDArray[np.bool_]


@njit
def least_prices(
    arc_demand: I4,
    arc_pool: I4,
    cost: I8,
    flow: I8,
    upper: I8,
    unmet_cost: I8,
    unmet: I8,
    room_left: B1,
    pool_price: F8,
    demand_price: F8,
) -> bool:
    """Write the least prices that support an optimal flow; return whether they settle.

    Complementary slackness asks for ``demand_price <= cost + pool_price`` on arcs with room left
    and ``>=`` on arcs with flow, for prices of 0 on pools with room left, and the same on the way
    past the pools at `unmet_cost`. Starting at 0 every price is raised until it fits: shortest
    ways in the residual network by Bellman and Ford's passes, which end after at most as many
    passes as there are nodes if the flow is optimal. Costs are whole numbers, so sums are exact.

    Parameters
    ----------
    arc_demand, arc_pool, cost, flow, upper
        ``(A,)``.
    unmet_cost, unmet
        ``(D,)``.
    room_left
        ``(P,)`` whether the pool has capacity left.
    pool_price, demand_price
        ``(P,)`` and ``(D,)`` written; zeros at first.
    """
    demand_price[:] = -np.inf
    for d in range(unmet.shape[0]):
        if unmet[d] > 0:
            demand_price[d] = unmet_cost[d]
    for _ in range(unmet.shape[0] + pool_price.shape[0] + 2):
        changed = False
        for a in range(cost.shape[0]):
            d, p = arc_demand[a], arc_pool[a]
            if flow[a] > 0:
                least = cost[a] + pool_price[p]
                if least > demand_price[d]:
                    demand_price[d] = least
                    changed = True
        for a in range(cost.shape[0]):
            d, p = arc_demand[a], arc_pool[a]
            if flow[a] < upper[a]:
                least = demand_price[d] - cost[a]
                if least > pool_price[p] and least > 0.0:
                    if room_left[p]:
                        return False
                    pool_price[p] = least
                    changed = True
        if not changed:
            break
    else:
        return False
    # A demand without any flow is priced by its cheapest way.
    for d in range(unmet.shape[0]):
        if demand_price[d] == -np.inf:
            demand_price[d] = np.inf
    for a in range(cost.shape[0]):
        d = arc_demand[a]
        if demand_price[d] == np.inf and flow[a] < upper[a]:
            demand_price[d] = unmet_cost[d]
    for a in range(cost.shape[0]):
        d = arc_demand[a]
        if flow[a] < upper[a] and demand_price[d] > cost[a] + pool_price[arc_pool[a]]:
            demand_price[d] = cost[a] + pool_price[arc_pool[a]]
    for d in range(unmet.shape[0]):
        if demand_price[d] > unmet_cost[d]:
            demand_price[d] = unmet_cost[d]
    return True
