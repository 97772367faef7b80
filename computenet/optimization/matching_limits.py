"""What a matching leaves full, and why demand stays unmet."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from computenet.optimization.matching_model import Matching, path_of_hop, segment_limits
from computenet.optimization.matching_problem import LinkTraffic, MatchingProblem

__all__ = ["Binding", "Loads", "Unmet", "binding_limits", "matching_loads", "why_unmet"]

F8 = NDArray[np.float64]

#: A limit is full when this share of it or less is free.
FULL = 1e-7
#: Relative rounding of costs.
ROUNDING = 1e-9
#: Why demand stays unmet where every way costs too much.
TOO_DEAR = "what is in reach costs more than leaving it unmet"


@dataclass(frozen=True, slots=True)
class Loads:
    """What flows take.

    Attributes
    ----------
    pool_use, site_mw, link_gb_s
        ``(P,)``, ``(I,)`` and ``(L,)``.
    """

    pool_use: F8
    site_mw: F8
    link_gb_s: F8


@dataclass(frozen=True, slots=True)
class Binding:
    """A limit that is full.

    Attributes
    ----------
    kind
        ``pool``, ``site``, ``link`` or ``arc``.
    name
        Of the pool, site or link; an arc by both its ends.
    load, limit
        In the limit's unit.
    price_cny
        Of a unit of it; 0 where the next best costs the same.
    """

    kind: str
    name: str
    load: float
    limit: float
    price_cny: float


@dataclass(frozen=True, slots=True)
class Unmet:
    """Demand that is not met, and what stands in its way, the most frequent first."""

    demand: str
    amount: float
    reasons: tuple[str, ...]


def matching_loads(problem: MatchingProblem, matching: Matching) -> Loads:
    """Return what the flows take of pools, of power and of links."""
    p, x = problem, matching.flow
    use = _sums(p.arc_pool, x * p.arc_use, p.n_pools)
    mw, gb_s = np.zeros(0), np.zeros(0)
    if p.power is not None:
        site = p.power.pool_site[p.arc_pool]
        mw = _sums(site, x * p.power.arc_mw, len(p.power.site_mw))
    if p.traffic is not None:
        over = matching.path_gb_s[path_of_hop(p.traffic)] * p.traffic.hop_share
        gb_s = _sums(p.traffic.path_link, over, len(p.traffic.link_gb_s))
    return Loads(use, mw, gb_s)


def _sums(index: NDArray[np.int32], values: F8, count: int) -> F8:
    """Return the sums of values by index."""
    return np.bincount(index, values, minlength=count).astype(np.float64)


def _limits(problem: MatchingProblem, matching: Matching) -> list[tuple[str, F8, F8, F8]]:
    """Return kind, load, limit and price of every limit that several arcs share."""
    loads, prices = matching_loads(problem, matching), matching.prices
    found = [("pool", loads.pool_use, problem.capacity, prices.pool_cny)]
    if problem.power is not None:
        found.append(("site", loads.site_mw, problem.power.site_mw, prices.site_cny_per_mw))
    if problem.traffic is not None:
        limit = problem.traffic.link_gb_s
        found.append(("link", loads.link_gb_s, limit, prices.link_cny_per_gb_s))
    return found


def binding_limits(problem: MatchingProblem, matching: Matching) -> list[Binding]:
    """Return the limits that are full, by kind and the highest price first.

    A limit of 0 is full whatever it carries.
    """
    found: list[Binding] = []
    for kind, load, limit, price in _limits(problem, matching):
        full = np.flatnonzero(load >= limit * (1.0 - FULL))
        found += [
            Binding(kind, problem.name(kind, int(i)), float(load[i]), float(limit[i]),
                    float(price[i]))
            for i in full[np.argsort(-price[full], kind="stable")]
        ]  # fmt: skip
    if problem.arc_upper is not None:
        upper, flow = problem.arc_upper, matching.flow
        full = np.flatnonzero((flow >= upper * (1.0 - FULL)) & (matching.prices.arc_cny > 0.0))
        rent = matching.prices.arc_cny
        found += [
            Binding("arc", _arc_name(problem, int(a)), float(flow[a]), float(upper[a]),
                    float(rent[a]))
            for a in full[np.argsort(-rent[full], kind="stable")]
        ]  # fmt: skip
    return found


def _arc_name(p: MatchingProblem, arc: int) -> str:
    demand, pool = int(p.arc_demand[arc]), int(p.arc_pool[arc])
    return f"{p.name('demand', demand)} to {p.name('pool', pool)}"


def why_unmet(problem: MatchingProblem, matching: Matching, *, most: int = 5) -> list[Unmet]:
    """Return the demands that are not met and why, the largest first.

    Every arc of such a demand is either dearer than leaving the demand unmet, or goes over a limit
    that is full; the limits are counted over the demand's arcs. (In an optimum no third case is
    possible: the arc would be used.) An arc costs its own price, its traffic on the cheapest path
    with room, and the next unit of its pool's congestion and of power beyond its site's limit.

    Parameters
    ----------
    most
        Most reasons of one demand.
    """
    p, unmet = problem, matching.unmet
    floor = FULL * np.maximum(p.demand, float(p.demand.mean()) if p.n_demands else 0.0)
    rows = np.flatnonzero(unmet > floor)
    rows = rows[np.argsort(-unmet[rows], kind="stable")]
    if not rows.size:
        return []
    state = _State(problem, matching)
    order = np.argsort(p.arc_demand, kind="stable")
    first = np.searchsorted(p.arc_demand[order], np.arange(p.n_demands + 1))
    found = []
    for d in rows:
        counted: Counter[str] = Counter()
        for a in order[first[d] : first[d + 1]]:
            counted.update(state.obstacles(int(a)))
        # With ways and nothing in theirs, a solution to a tolerance took the dearer of two.
        rest = TOO_DEAR if first[d] < first[d + 1] else "no pool is in reach"
        reasons = tuple(reason for reason, _ in counted.most_common(most)) or (rest,)
        found.append(Unmet(p.name("demand", int(d)), float(unmet[d]), reasons))
    return found


class _State:
    """Which limits are full, and what the next unit of each costs."""

    def __init__(self, problem: MatchingProblem, matching: Matching) -> None:
        p = self._problem = problem
        self._flow = matching.flow
        loads = matching_loads(p, matching)
        self._full_pool = _full(loads.pool_use, p.capacity)
        self._pool_cny = np.zeros(p.n_pools)
        if p.congestion is not None:
            limits = np.cumsum(segment_limits(p.congestion, p.capacity), axis=1)
            self._pool_cny = _next_step(loads.pool_use, limits, p.congestion.extra_cny)
        if p.power is not None:
            price, width = p.power.excess_bounds()
            steps = np.cumsum(np.column_stack([p.power.site_mw, width]), axis=1)
            self._full_site = _full(loads.site_mw, steps[:, -1])
            price = np.column_stack([np.zeros(len(steps)), price])
            self._site_cny = _next_step(loads.site_mw, steps, price)
        if p.traffic is not None:
            self._full_link = _full(loads.link_gb_s, p.traffic.link_gb_s)

    def obstacles(self, arc: int) -> list[str]:
        """Return what keeps an arc from carrying more."""
        p = self._problem
        pool = int(p.arc_pool[arc])
        cost = float(p.arc_cny[arc] + p.arc_use[arc] * self._pool_cny[pool])
        found = []
        if p.arc_upper is not None and self._flow[arc] >= p.arc_upper[arc] * (1.0 - FULL):
            closed = p.arc_upper[arc] <= 0.0
            found.append(f"the way to {p.label('pool', pool)} is {'closed' if closed else 'full'}")
        if self._full_pool[pool] and p.arc_use[arc] > 0.0:
            found.append(f"{p.label('pool', pool)} is full")
        if p.power is not None and p.power.arc_mw[arc] > 0.0:
            site = int(p.power.pool_site[pool])
            cost += float(p.power.arc_mw[arc] * self._site_cny[site])
            if self._full_site[site]:
                found.append(f"{p.label('site', site)} is short of power")
        if p.traffic is not None and p.traffic.arc_pair[arc] >= 0 and p.traffic.arc_gb_s[arc] > 0.0:
            blocked, path_cny = self._paths(p.traffic, int(p.traffic.arc_pair[arc]))
            if path_cny is None:
                found += blocked or [f"no path leads to {p.label('pool', pool)}"]
            else:
                cost += float(p.traffic.arc_gb_s[arc]) * path_cny
        worth = float(p.unmet_cny[p.arc_demand[arc]])
        if cost >= worth - ROUNDING * abs(worth):
            found.insert(0, TOO_DEAR)
        return found

    def _paths(self, traffic: LinkTraffic, pair: int) -> tuple[list[str], float | None]:
        """Return the full links of paths, and the least cost of those with room, if any."""
        start, blocked, least = traffic.path_start, [], None
        for h in np.flatnonzero(traffic.path_pair == pair):
            links = traffic.path_link[start[h] : start[h + 1]]
            over = links[self._full_link[links]]
            if over.size:
                blocked.append(f"{self._problem.label('link', int(over[0]))} is full")
            elif least is None or traffic.path_cny[h] < least:
                least = float(traffic.path_cny[h])
        return blocked, least


def _full(load: F8, limit: F8) -> NDArray[np.bool_]:
    return np.asarray(load >= limit * (1.0 - FULL))


def _next_step(load: F8, limits: F8, price: F8) -> F8:
    """Return the price of a unit more of loads ``(n,)`` in steps ``(n, K)`` that end at limits."""
    step = np.minimum((load[:, None] >= limits * (1.0 - FULL)).sum(axis=1), limits.shape[1] - 1)
    return np.asarray(price[np.arange(len(load)), step], dtype=np.float64)
