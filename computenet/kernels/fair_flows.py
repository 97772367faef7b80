"""Weighted max-min rates of millions of flows with caps, on fixed paths, by progressive filling.

Flows on one path are one *route*: its flows are kept in order of the level at which they reach
their caps, with a pointer to the first that has not. A step of the level then costs the routes and
links of the network and the flows that reach their caps in it, never all flows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from computenet.kernels._jit import njit

__all__ = ["fill_routes", "group_by_route", "spread_levels"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]


@njit
def group_by_route(
    order: I8,
    route: I8,
    weight: F8,
    cap: F8,
    reach: F8,
    begin: I8,
    at: I8,
    cap_by: F8,
    reach_by: F8,
    weight_from: F8,
) -> None:
    """Put flows in order of route, and within a route in the order given.

    Parameters
    ----------
    order
        ``(n,)`` flows by rising `reach`.
    route, weight, cap, reach
        ``(n,)`` of each flow; `reach` is the level ``cap / weight`` of its cap.
    begin
        ``(R + 1,)`` written: where each route begins.
    at
        ``(R,)`` scratch.
    cap_by, reach_by
        ``(n,)`` written: caps and their levels in the new order.
    weight_from
        ``(n,)`` written: weights from each flow to the last of its route.
    """
    routes = at.shape[0]
    for r in range(routes + 1):
        begin[r] = 0
    for i in range(route.shape[0]):
        begin[route[i] + 1] += 1
    for r in range(routes):
        begin[r + 1] += begin[r]
        at[r] = begin[r]
    for k in range(order.shape[0]):
        i = order[k]
        place = at[route[i]]
        at[route[i]] = place + 1
        cap_by[place] = cap[i]
        reach_by[place] = reach[i]
        weight_from[place] = weight[i]
    for r in range(routes):
        for k in range(begin[r + 1] - 2, begin[r] - 1, -1):
            weight_from[k] += weight_from[k + 1]


@njit
def fill_routes(
    first: I8,
    link: I8,
    capacity: F8,
    begin: I8,
    cap_by: F8,
    reach_by: F8,
    weight_from: F8,
    at: I8,
    held: F8,
    rate: F8,
    used: F8,
    bottleneck: I8,
    level_of: F8,
) -> int:
    """Find the level at which each route's flows stop rising; return the number of steps.

    A link `l` fills at the level ``t`` with ``sum_(flows i over l) min(cap_i, weight_i t) =
    capacity_l`` (flows stopped earlier stay where they are). Steps are Newton's, from the left, on
    the link that fills first.

    Parameters
    ----------
    first, link
        ``(R + 1,)`` and links of each route, each at most once.
    capacity
        ``(L,)``.
    begin, cap_by, reach_by, weight_from
        Flows by route and rising level of their caps, from `group_by_route`.
    at
        ``(R,)`` scratch: first flow of each route below its cap.
    held
        ``(R,)`` scratch: caps of the flows that have reached them.
    rate, used
        ``(L,)`` scratch.
    bottleneck
        ``(R,)`` written: the link that stopped the route, -1 = none, all flows have their caps.
    level_of
        ``(R,)`` written; infinite where `bottleneck` is -1.
    """
    routes, links = at.shape[0], capacity.shape[0]
    running = 0
    for r in range(routes):
        at[r] = begin[r]
        held[r] = 0.0
        bottleneck[r] = -1
        level_of[r] = np.inf
        if at[r] < begin[r + 1]:
            running += 1
    level, steps = 0.0, 0
    while running > 0:
        for i in range(links):
            rate[i] = 0.0
            used[i] = 0.0
        for r in range(routes):
            rising = at[r] < begin[r + 1] and bottleneck[r] < 0
            now = held[r]
            if bottleneck[r] >= 0:
                now += weight_from[at[r]] * level_of[r]
            for k in range(first[r], first[r + 1]):
                used[link[k]] += now
                if rising:
                    rate[link[k]] += weight_from[at[r]]
        least, reach = -1, np.inf
        for i in range(links):
            if rate[i] > 0.0:
                t = max((capacity[i] - used[i]) / rate[i], level)
                if t < reach:
                    least, reach = i, t
        level = reach
        steps += 1
        moved = False
        for r in range(routes):
            if bottleneck[r] >= 0 or at[r] == begin[r + 1]:
                continue
            place = at[r]
            while place < begin[r + 1] and reach_by[place] <= level:
                held[r] += cap_by[place]
                place += 1
            if place > at[r]:
                moved = True
                at[r] = place
                if place == begin[r + 1]:
                    running -= 1
        if moved:
            continue
        for r in range(routes):
            if bottleneck[r] >= 0 or at[r] == begin[r + 1]:
                continue
            for k in range(first[r], first[r + 1]):
                if link[k] == least:
                    bottleneck[r] = least
                    level_of[r] = level
                    running -= 1
                    break
    return steps


@njit
def spread_levels(route: I8, weight: F8, cap: F8, level_of: F8, rate: F8) -> None:
    """Write ``rate_i = min(cap_i, weight_i level_(route i))``, ``(n,)``."""
    for i in range(route.shape[0]):
        level = level_of[route[i]]
        rate[i] = cap[i] if np.isinf(level) else min(cap[i], weight[i] * level)
