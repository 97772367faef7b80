"""All arcs of a matching at given prices: the cheapest of each demand, and soft choices.

Arcs lie sorted by demand. What an arc costs at prices is computed where it is needed,
``c + k * price[pool] + m * power_price[pool] + b * pair_price[pair]``, and kept nowhere: on
millions of arcs reading memory is what takes the time. Arrays of absent parts have length 0.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from computenet.kernels._jit import njit, njit_inline

__all__ = ["PricedArcs", "cheap_arcs", "lowest_costs", "soft_flows"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
I4 = NDArray[np.int32]
B1 = NDArray[np.bool_]


class PricedArcs(NamedTuple):
    """Arcs sorted by demand: ``first[d] .. first[d + 1] - 1`` belong to demand `d`."""

    first: I8
    pool: I4
    use: F8
    cny: F8
    upper: F8  # length 0 = no arc has a limit
    mw: F8  # length 0 = no power limits
    pair: I4  # length 0 = no links; -1 = this arc uses none
    gb_s: F8


@njit_inline
def _priced(a: int, arcs: PricedArcs, pool_price: F8, power_price: F8, pair_price: F8) -> float:
    """Return the cost of an arc at prices."""
    p = arcs.pool[a]
    cost = arcs.cny[a] + arcs.use[a] * pool_price[p]
    if arcs.mw.shape[0] > 0:
        cost += arcs.mw[a] * power_price[p]
    if arcs.pair.shape[0] > 0:
        q = arcs.pair[a]
        if q >= 0:
            cost += arcs.gb_s[a] * pair_price[q]
    return float(cost)


@njit
def lowest_costs(
    arcs: PricedArcs,
    demand: F8,
    unmet: F8,
    start: F8,
    pool_price: F8,
    power_price: F8,
    pair_price: F8,
    lowest: F8,
) -> float:
    """Return the demands' part of the Lagrangian bound and write each demand's lowest cost.

    For a demand without limits on its arcs that is ``D_d * min(v_d, min_a cost_a)``; with limits
    ``D_d * y - sum_a X_a * max(0, y - cost_a)`` at `y` = the demand's price in `start` or, where
    it is less, the lowest cost among `v_d` and the arcs without a limit; any such `y` is a bound.

    Parameters
    ----------
    demand, unmet
        ``(D,)`` units and their price when unmet.
    start
        ``(D,)`` demand prices to begin from; looked at where arcs have limits only.
    pool_price, power_price
        ``(P,)`` CNY per unit of use, and per MW at the pool's site.
    pair_price
        ``(Q,)`` CNY per GB/s.
    lowest
        ``(D,)`` written: the price `y` of each demand.
    """
    total = 0.0
    limited = arcs.upper.shape[0] > 0
    for d in range(demand.shape[0]):
        least = unmet[d]
        if limited and start[d] < least:
            least = start[d]
        for a in range(arcs.first[d], arcs.first[d + 1]):
            if limited and arcs.upper[a] < demand[d]:
                continue
            cost = _priced(a, arcs, pool_price, power_price, pair_price)
            if cost < least:
                least = cost
        lowest[d] = least
        total += demand[d] * least
        if limited:
            for a in range(arcs.first[d], arcs.first[d + 1]):
                if arcs.upper[a] < demand[d]:
                    cost = _priced(a, arcs, pool_price, power_price, pair_price)
                    if cost < least:
                        total -= arcs.upper[a] * (least - cost)
    return total


@njit
def cheap_arcs(
    arcs: PricedArcs,
    below: F8,
    most: int,
    taken: B1,
    pool_price: F8,
    power_price: F8,
    pair_price: F8,
    chosen: I8,
    chosen_cost: F8,
) -> int:
    """Choose the cheapest arcs of each demand at prices; return how many.

    Parameters
    ----------
    below
        ``(D,)`` only arcs that cost less.
    most
        Most arcs of one demand.
    taken
        ``(A,)`` arcs to leave out; those chosen are written.
    chosen
        Written: the arcs. Its length is the most that are chosen.
    chosen_cost
        ``(most,)`` scratch.
    """
    count = 0
    for d in range(below.shape[0]):
        kept = 0
        base = count
        for a in range(arcs.first[d], arcs.first[d + 1]):
            if taken[a] or (arcs.upper.shape[0] > 0 and arcs.upper[a] <= 0.0):
                continue
            cost = _priced(a, arcs, pool_price, power_price, pair_price)
            if cost >= below[d] or (kept == most and cost >= chosen_cost[most - 1]):
                continue
            place = kept
            if kept < most:
                if base + kept >= chosen.shape[0]:
                    continue
                kept += 1
            else:
                place = most - 1
            while place > 0 and chosen_cost[place - 1] > cost:
                chosen_cost[place] = chosen_cost[place - 1]
                chosen[base + place] = chosen[base + place - 1]
                place -= 1
            chosen_cost[place] = cost
            chosen[base + place] = a
        count += kept
    for i in range(count):
        taken[chosen[i]] = True
    return count


@njit
def soft_flows(
    arcs: PricedArcs,
    demand: F8,
    unmet: F8,
    temperature: float,
    pool_price: F8,
    power_price: F8,
    pair_price: F8,
    cost: F8,
    use: F8,
    mw: F8,
    gb_s: F8,
) -> float:
    """Split each demand over its arcs by ``exp(-cost / temperature)``; return the soft minimum.

    The soft minimum ``-T log(exp(-v_d / T) + sum_a exp(-cost_a / T))`` is smooth in the prices and
    lies below the minimum by at most ``T log(arcs + 1)``; its gradient is what the split uses.

    Parameters
    ----------
    temperature
        CNY.
    cost
        Scratch, as long as the most arcs of one demand.
    use, mw
        ``(P,)`` written: use, and MW drawn.
    gb_s
        ``(Q,)`` written: traffic.
    """
    use[:] = 0.0
    mw[:] = 0.0
    gb_s[:] = 0.0
    total = 0.0
    cut = 30.0 * temperature
    for d in range(demand.shape[0]):
        first = arcs.first[d]
        least = unmet[d]
        for a in range(first, arcs.first[d + 1]):
            priced = _priced(a, arcs, pool_price, power_price, pair_price)
            if arcs.upper.shape[0] > 0 and arcs.upper[a] <= 0.0:
                priced = np.inf
            cost[a - first] = priced
            if priced < least:
                least = priced
        weight = 0.0
        if unmet[d] - least < cut:
            weight = np.exp((least - unmet[d]) / temperature)
        for i in range(arcs.first[d + 1] - first):
            above = cost[i] - least
            if above < cut:
                cost[i] = np.exp(-above / temperature)
                weight += cost[i]
            else:
                cost[i] = 0.0
        total += demand[d] * (least - temperature * np.log(weight))
        scale = demand[d] / weight
        for i in range(arcs.first[d + 1] - first):
            if cost[i] > 0.0:
                a = first + i
                flow = scale * cost[i]
                p = arcs.pool[a]
                use[p] += flow * arcs.use[a]
                if arcs.mw.shape[0] > 0:
                    mw[p] += flow * arcs.mw[a]
                if arcs.pair.shape[0] > 0 and arcs.pair[a] >= 0:
                    gb_s[arcs.pair[a]] += flow * arcs.gb_s[a]
    return total
