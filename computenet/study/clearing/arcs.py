"""Which pool may serve which demand, and what it takes: the arrays of the clearing model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from computenet.optimization.clearing import ONE_POOL, Bids
from computenet.optimization.matching_problem import LinkTraffic, MatchingProblem, SitePower
from computenet.study.clearing.sides import Demand, Supply
from computenet.study.clearing.topology import TopologyFacts
from computenet.study.clearing.ways import Ways
from computenet.units import BITS_PER_BYTE, KG_PER_TONNE, KWH_PER_MWH, SECONDS_PER_HOUR

__all__ = ["BLOCK_MARKS", "CLOSE", "Arcs", "Kinds", "kinds_of", "make_arcs", "problem_of", "reach"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
B1 = NDArray[np.bool_]
U1 = NDArray[np.uint8]

#: Why a pool may not serve a demand; they may stand together.
TYPE, WAY, LATENCY, HOURS = 1, 2, 4, 8
BLOCK_MARKS = {"accelerator_type": TYPE, "no_way": WAY, "latency": LATENCY, "free_hours": HOURS}
#: Prices this close are equal.
CLOSE = 1e-6


@dataclass(frozen=True, slots=True)
class Kinds:
    """Kinds of demand (``K``): what may go where, and at what cost, is the same within one.

    Per reference accelerator and hour, ``(K, P)`` each unless said.
    """

    of_demand: I8  # (D,)
    region: I8  # (K,)
    blocked: U1  # why the pool may not serve it; 0 = it may
    use: F8  # accelerators of the pool
    ask_cny: F8
    energy_cny: F8
    carbon_cny: F8
    network_cny: F8
    mw: F8
    kg: F8
    gb_per_h: F8  # (K,)

    @property
    def cost_cny(self) -> F8:
        """What a reference accelerator costs for an hour, without prices of scarcity."""
        return self.ask_cny + self.energy_cny + self.carbon_cny + self.network_cny


@dataclass(frozen=True, slots=True)
class Arcs:
    """The problem by groups of demands, and the demands as bids on it."""

    problem: MatchingProblem
    bids: Bids


def kinds_of(
    demand: Demand,
    supply: Supply,
    ways: Ways,
    facts: TopologyFacts | None,
    carbon_cny_per_t: float,
    ignore: int = 0,
) -> Kinds:
    """Return the kinds of demand.

    Parameters
    ----------
    ignore
        Reasons that are not to block, of `TYPE`, `WAY`, `LATENCY`, `HOURS`.
    """
    none = np.zeros(len(demand.hours))
    # Demands that differ only in what plays no part here are of one kind.
    timed = bool(np.isfinite(supply.free_h).any())
    carried = bool(ways.price_cny_per_gb.any() or np.isfinite(ways.link_gbps).any())
    gb_per_h = demand.gb_per_unit_h if carried else none
    keys = np.stack(
        [
            demand.region, demand.accepted_of, demand.class_of, demand.latency_ms, gb_per_h,
            demand.hours if timed else none,
        ],
        axis=1,
    )  # fmt: skip
    first, of_demand = _unique_rows(keys)
    region = demand.region[first]
    speed, runs = _speeds(demand, supply, facts)
    pair_speed = (demand.accepted_of[first], demand.class_of[first])
    row_of = {pair: k for k, pair in enumerate(speed)}
    rows = np.asarray([row_of[int(a), int(c)] for a, c in zip(*pair_speed, strict=True)], np.int64)
    size = (len(first), len(supply.pools))
    table = np.stack(list(speed.values())) if speed else np.zeros((0, size[1]))
    allowed = np.stack(list(runs.values())) if runs else np.zeros((0, size[1]), dtype=np.bool_)
    use = 1.0 / table[rows]
    ms, price = (
        values[region][:, supply.site] for values in (ways.latency_ms, ways.price_cny_per_gb)
    )
    blocked = np.zeros(size, dtype=np.uint8)
    no_way = np.isinf(ms)
    blocked[~allowed[rows]] |= TYPE
    blocked[no_way] |= WAY
    blocked[~no_way & (ms > demand.latency_ms[first][:, None] + 1e-9)] |= LATENCY
    blocked[demand.hours[first][:, None] > supply.free_h + 1e-9] |= HOURS
    blocked &= np.uint8(255 - ignore)
    gb = gb_per_h[first]
    mw = use * supply.facility_kw / KWH_PER_MWH
    kg = mw * supply.emission_kg_per_mwh
    return Kinds(
        of_demand=of_demand,
        region=region,
        blocked=blocked,
        use=use,
        ask_cny=use * supply.ask_cny_per_h,
        energy_cny=mw * supply.electricity_cny_per_mwh,
        carbon_cny=kg * carbon_cny_per_t / KG_PER_TONNE,
        network_cny=gb[:, None] * np.where(no_way, 0.0, price),
        mw=mw,
        kg=kg,
        gb_per_h=gb,
    )


def _unique_rows(keys: F8) -> tuple[I8, I8]:
    """Return the first row of each kind and the kind of each row; kinds by first appearance."""
    if not len(keys):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    order = np.lexsort(keys.T[::-1])
    changed = np.zeros(len(order), dtype=np.bool_)
    changed[1:] = (keys[order][1:] != keys[order][:-1]).any(axis=1)
    number = np.empty(len(order), dtype=np.int64)
    number[order] = np.cumsum(changed)
    first = np.full(int(number.max()) + 1, len(order))
    np.minimum.at(first, number, np.arange(len(order)))
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return np.sort(first), rank[number]


def _speeds(
    demand: Demand, supply: Supply, facts: TopologyFacts | None
) -> tuple[dict[tuple[int, int], F8], dict[tuple[int, int], B1]]:
    """Return the speed of each pool and whether it runs there, by what is accepted and class.

    A speed beside the type in the demand goes before the supply's, which goes before the
    topology's for the class.
    """
    speed: dict[tuple[int, int], F8] = {}
    runs: dict[tuple[int, int], B1] = {}
    for a, c in dict.fromkeys(
        zip(demand.accepted_of.tolist(), demand.class_of.tolist(), strict=True)
    ):
        accepted = demand.accepted[a]
        by_class = facts.speeds[demand.classes[c]] if facts is not None and c >= 0 else None
        values, may = np.ones(len(supply.pools)), np.zeros(len(supply.pools), dtype=np.bool_)
        for p, kind in enumerate(supply.accelerator):
            may[p] = accepted.any or kind in accepted.speeds
            stated = accepted.speeds.get(kind)
            if stated is not None:
                values[p] = stated
            elif np.isfinite(supply.speed[p]):
                values[p] = supply.speed[p]
            elif by_class is not None and facts is not None:
                # A type of the topology that the class has no speed on does not run it.
                values[p] = by_class.get(kind, 1.0)
                may[p] &= kind in by_class or kind not in facts.kw
        speed[a, c], runs[a, c] = values, may
    return speed, runs


def reach(price: ArrayLike) -> F8:
    """Return what a price pays for: up to rounding above it."""
    value = np.asarray(price, dtype=np.float64)
    return np.asarray(value + CLOSE * np.maximum(1.0, np.abs(value)))


def make_arcs(demand: Demand, supply: Supply, ways: Ways, kinds: Kinds) -> Arcs:
    """Return the arrays of the clearing model."""
    group_of, kind_of_group, limit = _groups(demand, kinds)
    open_ = kinds.blocked[kind_of_group] == 0
    open_ &= kinds.cost_cny[kind_of_group] <= limit[:, None]
    names = _group_names(demand, group_of, len(kind_of_group))
    problem = problem_of(kinds, supply, ways, kind_of_group, open_, names)
    bids = Bids(
        group=group_of,
        amount=demand.amount,
        price_cny=np.nan_to_num(demand.max_price_cny_per_h),
        priority=demand.priority,
        must_run=demand.must_run & (demand.amount > 0.0),
        whole=demand.whole,
    )
    return Arcs(problem, bids)


def problem_of(
    kinds: Kinds, supply: Supply, ways: Ways, kind_of_group: I8, open_: B1, names: tuple[str, ...]
) -> MatchingProblem:
    """Return the problem of groups of demand, as yet without amounts and prices.

    Parameters
    ----------
    kind_of_group
        ``(G,)``.
    open_
        ``(G, P)`` pools that a group may go to.
    """
    group, pool = np.nonzero(open_)
    kind = kind_of_group[group]
    power = None
    if np.isfinite(supply.site_mw).any():
        power = SitePower(supply.site.astype(np.int32), kinds.mw[kind, pool], supply.site_mw)
    return MatchingProblem(
        demand=np.zeros(len(kind_of_group)),
        unmet_cny=np.zeros(len(kind_of_group)),
        arc_demand=group.astype(np.int32),
        arc_pool=pool.astype(np.int32),
        arc_use=kinds.use[kind, pool],
        arc_cny=kinds.cost_cny[kind, pool],
        capacity=supply.count,
        power=power,
        traffic=_traffic(kinds, supply, ways, kind, pool),
        demand_names=names,
        pool_names=supply.pools,
        site_names=supply.sites,
        link_names=ways.link_names,
    )


def _groups(demand: Demand, kinds: Kinds) -> tuple[I8, I8, F8]:
    """Return the group of each demand, and each group's kind and dearest cost.

    Demands that go before others of a lower priority must not be served above their own price, so
    what is dearer is closed to them. The others are held to their price by the objective.
    """
    wanting = ~demand.must_run & (demand.amount > 0.0)
    lowest = demand.priority[wanting].min() if wanting.any() else 0
    ahead = wanting & (demand.priority > lowest)
    pools = kinds.blocked.shape[1]
    cost = np.sort(np.where(kinds.blocked == 0, kinds.cost_cny, np.inf), axis=1)
    may = (kinds.blocked == 0).sum(axis=1)
    count = np.full(len(demand.amount), pools)
    most = reach(demand.max_price_cny_per_h)
    for row in np.flatnonzero(ahead).tolist():
        kind = kinds.of_demand[row]
        cheap = np.searchsorted(cost[kind], most[row], side="right")
        if cheap < may[kind]:
            count[row] = cheap
    alone = np.where(demand.whole == ONE_POOL, 1 + np.arange(len(demand.amount)), 0)
    keys = np.stack([kinds.of_demand, count, alone], axis=1).astype(np.float64)
    first, group_of = _unique_rows(keys)
    limit = np.where(count[first] < pools, -np.inf, np.inf)
    held = np.flatnonzero(count < pools)
    np.maximum.at(limit, group_of[held], most[held])
    return group_of, kinds.of_demand[first], limit


def _group_names(demand: Demand, group_of: I8, count: int) -> tuple[str, ...]:
    """Return names of groups for messages: those of their first demands."""
    size = np.bincount(group_of, minlength=count)
    names = [""] * count
    for row, group in enumerate(group_of.tolist()):
        if not names[group]:
            more = f" and {size[group] - 1} like it" if size[group] > 1 else ""
            names[group] = f"{demand.ids[row]}{more}"
    return tuple(names)


def _traffic(kinds: Kinds, supply: Supply, ways: Ways, kind: I8, pool: I8) -> LinkTraffic | None:
    """Return the traffic over links that have a limit; a pair is a region and a site."""
    if not len(ways.link_gbps) or not kinds.gb_per_h.any():
        return None
    pair = np.full(ways.latency_ms.shape, -1)
    start, links = [0], []
    for at, route in ways.links.items():
        if route:
            pair[at] = len(start) - 1
            links += route
            start.append(len(links))
    paths = len(start) - 1
    arc_pair = pair[kinds.region[kind], supply.site[pool]]
    gb_s = kinds.gb_per_h[kind] / SECONDS_PER_HOUR
    return LinkTraffic(
        arc_pair=np.where(gb_s > 0.0, arc_pair, -1).astype(np.int32),
        arc_gb_s=gb_s,
        path_pair=np.arange(paths, dtype=np.int32),
        path_start=np.asarray(start, dtype=np.int32),
        path_link=np.asarray(links, dtype=np.int32),
        path_cny=np.zeros(paths),
        link_gb_s=ways.link_gbps / BITS_PER_BYTE,
    )
