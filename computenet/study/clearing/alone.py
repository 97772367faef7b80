"""What a demand that takes all or nothing would find in an empty market: room, and at what cost."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from computenet.optimization.clearing import ONE_POOL
from computenet.optimization.matching import solve_matching
from computenet.optimization.solvers import SolverError
from computenet.study.clearing.arcs import CLOSE, Kinds, problem_of, reach
from computenet.study.clearing.sides import Demand, Supply
from computenet.study.clearing.ways import Ways
from computenet.units import BITS_PER_BYTE, SECONDS_PER_HOUR

__all__ = ["Alone", "alone"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
B1 = NDArray[np.bool_]

#: Price of what does not fit, over the dearest cost.
DEAR = 1e3


@dataclass(frozen=True, slots=True)
class Alone:
    """What there would be for a demand with nothing else served.

    Attributes
    ----------
    room
        Reference accelerators, at most what it wants.
    fits
        Whether all of it has room.
    cost_cny
        Least that a reference accelerator of it costs for an hour, in the mean of all; where it is
        `barred` the dearest of them. NaN where every pool costs less than it pays.
    helps
        Limits that leave more room where they are lifted for it, where it does not fit.
    barred
        Whether it has no room without pools that cost more than it pays, which are closed to
        demands that go before others.
    """

    room: float
    fits: bool
    cost_cny: float = np.nan
    helps: tuple[str, ...] = ()
    barred: bool = False


def alone(row: int, demand: Demand, supply: Supply, ways: Ways, kinds: Kinds) -> Alone:
    """Return what there would be for one demand.

    Raises
    ------
    SolverError
        The solver fails.
    """
    case = _Case(
        int(kinds.of_demand[row]), float(demand.amount[row]),
        bool(demand.whole[row] == ONE_POOL), kinds,
    )  # fmt: skip
    open_ = kinds.blocked[case.kind] == 0
    room, enough = case.room(open_, supply, ways), case.wanted * (1.0 - CLOSE)
    if room < enough:
        helps = [
            name
            for name, limits in _lifted(supply, ways).items()
            if case.room(open_, *limits) > room + case.wanted * CLOSE
        ]
        return Alone(room, False, helps=tuple(helps))
    cost, most = kinds.cost_cny[case.kind], reach(demand.max_price_cny_per_h[row])
    paid = open_ & (cost <= most)
    if (paid == open_).all():
        return Alone(room, True)
    mean, dearest = case.cost(open_, supply, ways)
    wanting = ~demand.must_run & (demand.amount > 0.0)
    ahead = demand.priority[row] > demand.priority[wanting].min()
    if ahead and case.room(paid, supply, ways) < enough:
        return Alone(room, True, dearest, barred=True)
    return Alone(room, True, mean)


def _lifted(supply: Supply, ways: Ways) -> dict[str, tuple[Supply, Ways]]:
    """Return supply and ways without each class of limits that there is."""
    none = np.full_like
    out = {"capacity": (replace(supply, count=none(supply.count, np.inf)), ways)}
    if np.isfinite(supply.site_mw).any():
        out["site_power"] = (replace(supply, site_mw=none(supply.site_mw, np.inf)), ways)
    if np.isfinite(ways.link_gbps).any():
        out["link"] = (supply, replace(ways, link_gbps=none(ways.link_gbps, np.inf)))
    return out


@dataclass(frozen=True, slots=True)
class _Case:
    """One demand: its kind, reference accelerators, and whether they go to one pool."""

    kind: int
    wanted: float
    one_pool: bool
    kinds: Kinds

    def room(self, open_: B1, supply: Supply, ways: Ways) -> float:
        """Return the reference accelerators that there are for it, at most `wanted`."""
        pools = np.flatnonzero(open_ & (supply.count > 0.0))
        if not pools.size:
            return 0.0
        if self.one_pool:
            return min(float(self._each(pools, supply, ways).max()), self.wanted)
        if self.kinds.gb_per_h[self.kind] > 0.0 and np.isfinite(ways.link_gbps).any():
            return self.wanted * float(self._flow(open_, supply, ways)[0].sum())
        units = supply.count[pools] / self.kinds.use[self.kind, pools]
        mw, site = self.kinds.mw[self.kind, pools], supply.site[pools]
        room = 0.0
        # At each site power goes to the most frugal pools first.
        for i in np.unique(site).tolist():
            left = float(supply.site_mw[i])
            at = np.flatnonzero(site == i)
            for p in at[np.argsort(mw[at], kind="stable")].tolist():
                take = min(float(units[p]), left / mw[p] if mw[p] > 0.0 else np.inf)
                room += take
                left = max(left - take * mw[p], 0.0) if np.isfinite(left) else left
        return min(room, self.wanted)

    def cost(self, open_: B1, supply: Supply, ways: Ways) -> tuple[float, float]:
        """Return mean and dearest cost of the cheapest way to serve all of it, CNY an hour."""
        cost = self.kinds.cost_cny[self.kind]
        if self.one_pool:
            pools = np.flatnonzero(open_ & (supply.count > 0.0))
            large = self._each(pools, supply, ways) >= self.wanted * (1.0 - CLOSE)
            least = float(cost[pools[large]].min())
            return least, least
        share, pool = self._flow(open_, supply, ways)
        return float(share @ cost[pool] / share.sum()), float(cost[pool[share > CLOSE]].max())

    def _flow(self, open_: B1, supply: Supply, ways: Ways) -> tuple[F8, I8]:
        """Return the cheapest way to serve as much as can be: shares of `wanted`, and pools."""
        problem = problem_of(
            self.kinds, supply, ways, np.asarray([self.kind]), open_[None], ("all of it",)
        )
        dear = DEAR * (1.0 + np.abs(problem.arc_cny).max(initial=0.0))
        problem = replace(
            problem, demand=np.full(1, self.wanted), unmet_cny=np.full(1, dear)
        ).in_units(self.wanted)
        answer = solve_matching(problem, "glop")
        if not answer.solved:
            raise SolverError(f"the room for one demand was not found: {answer.status}")
        return answer.flow, problem.arc_pool.astype(np.int64)

    def _each(self, pools: I8, supply: Supply, ways: Ways) -> F8:
        """Return the reference accelerators for which each pool has room by itself."""
        units = supply.count[pools] / self.kinds.use[self.kind, pools]
        mw = self.kinds.mw[self.kind, pools]
        gb_s = float(self.kinds.gb_per_h[self.kind]) / SECONDS_PER_HOUR
        power, link = np.full(len(pools), np.inf), np.full(len(pools), np.inf)
        np.divide(supply.site_mw[supply.site[pools]], mw, out=power, where=mw > 0.0)
        if gb_s > 0.0:
            region = int(self.kinds.region[self.kind])
            for i, site in enumerate(supply.site[pools].tolist()):
                route = ways.links.get((region, site), [])
                link[i] = ways.link_gbps[route].min(initial=np.inf) / BITS_PER_BYTE / gb_s
        return np.asarray(np.minimum(np.minimum(units, power), link))
