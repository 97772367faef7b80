"""Why a demand is not met: the constraint that binds, found at the prices of the solution.

A demand of price `v` may go to a pool for ``cost + use x price of the capacity + MW x price of the
site's power + GB/s x price of the links``. It is unmet where that is above `v` at every pool that
may serve it. Each class of constraints is then relaxed for one further accelerator of this demand
alone, everything else as it is: a class *helps* if some pool then costs no more than `v`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from computenet.optimization.clearing import ANY
from computenet.optimization.matching_model import MatchingPrices
from computenet.study.clearing.alone import alone
from computenet.study.clearing.arcs import BLOCK_MARKS, CLOSE, Arcs, Kinds, reach
from computenet.study.clearing.sides import Demand, Supply
from computenet.study.clearing.ways import Ways
from computenet.units import SECONDS_PER_HOUR

__all__ = ["Rents", "Unmet", "rents_of", "why_unmet"]

F8 = NDArray[np.float64]
B1 = NDArray[np.bool_]
U1 = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Rents:
    """What scarcity adds to the cost of a reference accelerator for an hour, ``(K, P)``, CNY."""

    capacity: F8
    power: F8
    link: F8

    @property
    def total(self) -> F8:
        """All of them."""
        return self.capacity + self.power + self.link


@dataclass(frozen=True, slots=True)
class Unmet:
    """Why a demand is not met.

    Attributes
    ----------
    demand
        Its row.
    reason
        Its name; docs/match.md has them all.
    pool
        The pool that comes nearest to serving it, -1 = none.
    blocks
        What stands against that pool, names of reasons.
    cost_cny, price_cny
        What the pool costs a reference accelerator for an hour, without and with scarcity.
    helps
        Classes that would have let one more accelerator in, each relaxed alone.
    room
        Reference accelerators that there would be for it with nothing else served, where it takes
        all or nothing; NaN elsewhere.
    words
        Name of the sentence that says so, where it is not the reason's.
    """

    demand: int
    reason: str
    pool: int
    blocks: tuple[str, ...]
    cost_cny: float
    price_cny: float
    helps: tuple[str, ...]
    room: float = np.nan
    words: str = ""


def rents_of(kinds: Kinds, supply: Supply, ways: Ways, arcs: Arcs, prices: MatchingPrices) -> Rents:
    """Return rents by kind and pool at the prices of a solution."""
    zero = np.zeros(kinds.use.shape)
    power = zero
    if arcs.problem.power is not None:
        power = kinds.mw * prices.site_cny_per_mw[supply.site]
    link = zero
    if arcs.problem.traffic is not None:
        # The price of a pair is that of the links on its way.
        on_way = np.zeros(ways.latency_ms.shape)
        for at, route in ways.links.items():
            on_way[at] = prices.link_cny_per_gb_s[route].sum()
        gb_s = kinds.gb_per_h / SECONDS_PER_HOUR
        link = gb_s[:, None] * on_way[kinds.region][:, supply.site]
    return Rents(kinds.use * prices.pool_cny, power, link)


def why_unmet(
    demand: Demand, supply: Supply, ways: Ways, kinds: Kinds, rents: Rents, unmet: F8
) -> list[Unmet]:
    """Return a reason for every demand of which something is unmet, in their order."""
    out: list[Unmet] = []
    known: dict[tuple[int, float, bool], Unmet] = {}
    stocked = supply.count > 0.0
    cost, scarce = kinds.cost_cny, rents.total
    for row in np.flatnonzero(unmet > 0.0).tolist():
        k, price = int(kinds.of_demand[row]), float(demand.max_price_cny_per_h[row])
        whole = bool(demand.whole[row] != ANY)
        key = (k, price, whole)
        if key not in known:
            known[key] = _why(
                row, price, whole, stocked, kinds.blocked[k], cost[k], cost[k] + scarce[k],
                {"capacity": rents.capacity[k], "site_power": rents.power[k],
                 "link": rents.link[k]},
            )  # fmt: skip
        found = replace(known[key], demand=row)
        if found.reason == "whole":
            found = _alone(found, demand, supply, ways, kinds)
        out.append(found)
    return out


def _alone(found: Unmet, demand: Demand, supply: Supply, ways: Ways, kinds: Kinds) -> Unmet:
    """Say where all of a demand would not fit, or would be too dear, with nothing else served."""
    by_itself = alone(found.demand, demand, supply, ways, kinds)
    if not by_itself.fits:
        helps = dict.fromkeys([*found.helps, *by_itself.helps])
        helps.pop("whole", None)
        return replace(found, reason="too_large", helps=(*helps, "whole"), room=by_itself.room)
    if by_itself.barred:
        words = "price_limit_part"
    elif by_itself.cost_cny > reach(demand.max_price_cny_per_h[found.demand]):
        words = "price_limit_all"
    else:
        return found
    cost = by_itself.cost_cny
    return replace(found, reason="price_limit", cost_cny=cost, price_cny=cost, words=words)


def _why(
    row: int,
    price: float,
    whole: bool,
    stocked: B1,
    blocked: U1,
    cost: F8,
    asked: F8,
    parts: dict[str, F8],
) -> Unmet:
    """Return why a demand is unmet, from what stands for each pool, ``(P,)`` each.

    Parameters
    ----------
    price
        What it pays at most.
    whole
        Whether it takes all or nothing.
    stocked
        Whether the pool has any accelerators.
    blocked
        Why the pool may not serve it.
    cost, asked
        What the pool costs without and with scarcity.
    parts
        What each kind of scarcity adds.
    """
    if not stocked.any():
        return Unmet(row, "no_supply", -1, (), np.nan, np.nan, ())
    limit = float(reach(price))
    open_ = blocked == 0
    helps = [
        name
        for name, mark in BLOCK_MARKS.items()
        if (((blocked & ~np.uint8(mark)) == 0) & (blocked != 0) & (asked <= limit) & stocked).any()
    ]
    if not (open_ & stocked).any():
        # The pool against which least stands; among those the cheapest.
        count = np.where(stocked, np.bitwise_count(blocked), 99).astype(np.float64)
        pool = int(np.lexsort((asked, count))[0])
        blocks = tuple(name for name, mark in BLOCK_MARKS.items() if blocked[pool] & mark)
        reason = blocks[0] if len(blocks) == 1 else "several" if blocks else "capacity"
        return Unmet(row, reason, pool, blocks, cost[pool], asked[pool], tuple(helps))
    able = np.flatnonzero(open_ & stocked)
    if cost[able].min() > limit:
        pool = int(able[cost[able].argmin()])
        return Unmet(row, "price_limit", pool, (), cost[pool], asked[pool], tuple(helps))
    pool = int(able[asked[able].argmin()])
    for name, rent in parts.items():
        relaxed = asked - rent
        if ((relaxed <= limit) & (rent > 0.0) & open_).any():
            helps.append(name)
    if whole and asked[pool] < price - CLOSE * max(1.0, abs(price)):
        return Unmet(row, "whole", pool, (), cost[pool], asked[pool], (*helps, "whole"))
    reason = max(parts, key=lambda name: float(parts[name][pool]))
    if parts[reason][pool] <= 0.0:
        reason = "price_limit"
    return Unmet(row, reason, pool, (), cost[pool], asked[pool], tuple(helps))
