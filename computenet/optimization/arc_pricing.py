"""A matching problem at prices: a certified bound, soft choices, and good prices without an LP.

Put prices on what arcs share, ``lambda`` on pools, ``sigma`` on sites' power and ``beta`` on links,
and every demand is left alone with its cheapest arc. What that costs, less what the limits are
worth at the prices, is a lower bound on the optimum *whatever the prices* (Lagrangian duality;
Geoffrion, *Math. Programming Study* 2, 1974):

    L = sum_d D_d min(v_d, min_a (c_a + k_a lambda_p + m_a sigma_i + b_a mu_q))
        - sum_pk s_pk C_p max(0, lambda_p - e_pk) - sum_l B_l beta_l
        - sum_i (P_i sigma_i + sum_e O_ie max(0, sigma_i - z_ie))
    sigma_i <= z_ie where O_ie is infinite
    mu_q = min_(h of q) (g_h + sum_(l in h) beta_l)

The bound trusts no solver: it is computed from the prices and the data alone.
"""

from __future__ import annotations

import time
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from computenet.kernels.pricing import PricedArcs, cheap_arcs, lowest_costs, soft_flows
from computenet.optimization.descent import minimise_within
from computenet.optimization.matching_model import path_of_hop, segment_limits
from computenet.optimization.matching_problem import MatchingProblem
from computenet.optimization.must_demand import must_price

__all__ = ["ArcPricing"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
B1 = NDArray[np.bool_]
N = TypeVar("N", bound=np.generic)

#: Price of a pair without a path: no arc of it is ever cheap.
NO_WAY = 1e15
#: Temperatures of the soft choices, over the typical cost of a unit.
TEMPERATURES = (0.15, 0.04, 0.015, 0.004)
#: Steps at each temperature.
STEPS = 40


class ArcPricing:
    """The arcs of a problem, sorted by demand, and what they cost at prices.

    A vector of prices holds those of pools, sites and links, one after the other; parts that the
    problem does not have are empty.

    Parameters
    ----------
    problem
        A checked problem. Where the price of unmet demand is infinite a high one stands in for it
        (`must_price`); any gives a bound.
    """

    def __init__(self, problem: MatchingProblem) -> None:
        p = problem
        #: Numbers in the problem of the sorted arcs; nothing where they lie sorted already.
        self.order: I8 | None = None
        if p.n_arcs and (np.diff(p.arc_demand) < 0).any():
            self.order = np.argsort(p.arc_demand, kind="stable").astype(np.int64)
        first = np.searchsorted(self._sorted(p.arc_demand), np.arange(p.n_demands + 1))
        self._first = first.astype(np.int64)
        self._longest = int(np.diff(self._first).max(initial=0))
        self._pools, self._traffic = p.n_pools, p.traffic
        self._sites = 0 if p.power is None else len(p.power.site_mw)
        self._links = 0 if p.traffic is None else len(p.traffic.link_gb_s)
        self._pairs = 0 if p.traffic is None else p.traffic.n_pairs
        if p.traffic is not None:
            hop = path_of_hop(p.traffic)
            self._over = csr_array(
                (p.traffic.hop_share, (hop, p.traffic.path_link)),
                shape=(len(p.traffic.path_pair), self._links),
            )
        self.update(problem)

    def _sorted(self, values: NDArray[N]) -> NDArray[N]:
        return values if self.order is None else values[self.order]

    def update(self, problem: MatchingProblem) -> None:
        """Take the costs and limits of a problem of the same structure."""
        p = problem
        self.problem = p
        nothing = np.zeros(0)
        self.arcs = PricedArcs(
            first=self._first,
            pool=self._sorted(p.arc_pool),
            use=self._sorted(p.arc_use),
            cny=self._sorted(p.arc_cny),
            upper=nothing if p.arc_upper is None else self._sorted(p.arc_upper),
            mw=nothing if p.power is None else self._sorted(p.power.arc_mw),
            pair=np.zeros(0, np.int32) if p.traffic is None else self._sorted(p.traffic.arc_pair),
            gb_s=nothing if p.traffic is None else self._sorted(p.traffic.arc_gb_s),
        )
        self.unmet = p.unmet_cny
        if np.isinf(p.unmet_cny).any():
            self.unmet = np.where(np.isinf(p.unmet_cny), must_price(p), p.unmet_cny)
        self.limits = np.concatenate([
            p.capacity,
            nothing if p.power is None else p.power.site_mw,
            nothing if p.traffic is None else p.traffic.link_gb_s,
        ])  # fmt: skip
        self.most_price = np.where(np.isinf(self.limits), 0.0, np.inf)
        if p.congestion is not None:
            # A pool without end still has the cost of its fullness.
            self.most_price[: self._pools] = np.inf
        if p.power is not None and p.power.excess_cny is not None:
            # Power beyond the limit may be had at an endless step's price, so none is worth more.
            of_sites = slice(self._pools, self._pools + self._sites)
            price, width = p.power.excess_bounds()
            most = np.where(np.isinf(width), price, np.inf).min(axis=1, initial=np.inf)
            self.most_price[of_sites] = np.minimum(self.most_price[of_sites], most)
        self._scale_rows()

    def raise_must(self, cny: float) -> None:
        """Let a price, where it is higher, stand in for that of demand that must be met."""
        must = np.isinf(self.problem.unmet_cny)
        self.unmet = np.where(must, np.maximum(self.unmet, cny), self.unmet)

    def _scale_rows(self) -> None:
        """Find a typical cost of a unit, and the price of each limit that comes to as much."""
        p = self.problem
        prices = np.zeros(len(self.limits))
        self.bound(prices)
        demanded = p.demand > 0.0
        typical = np.abs(self.lowest[demanded])
        weight = p.demand[demanded]
        self.typical_cny = float(typical @ weight / weight.sum()) if weight.size else 0.0
        if self.typical_cny <= 0.0:
            self.typical_cny = float(self.unmet[demanded].min(initial=np.inf))
        if not 0.0 < self.typical_cny < np.inf:
            self.typical_cny = 1.0
        self.typical_price = np.concatenate([
            np.full(self._pools, self.typical_cny / _middle(p.arc_use)),
            np.full(self._sites, 0.0 if p.power is None
                    else self.typical_cny / _middle(p.power.arc_mw)),
            np.full(self._links, 0.0 if p.traffic is None
                    else self.typical_cny / _middle(p.traffic.arc_gb_s)),
        ])  # fmt: skip

    def split(self, prices: F8) -> tuple[F8, F8, F8]:
        """Return the prices of pools, of power at each *pool's* site, and of pairs."""
        pool = prices[: self._pools]
        site = prices[self._pools : self._pools + self._sites]
        power = np.zeros(0) if self.problem.power is None else site[self.problem.power.pool_site]
        pair = np.zeros(0)
        if self._traffic is not None:
            path = self._path_prices(prices)
            pair = np.full(self._pairs, NO_WAY)
            np.minimum.at(pair, self._traffic.path_pair, path)
        return pool, power, pair

    def _path_prices(self, prices: F8) -> F8:
        assert self._traffic is not None
        path: F8 = self._traffic.path_cny + self._over @ prices[self._pools + self._sites :]
        return path

    def _worth(self, prices: F8) -> float:
        """Return what the limits are worth at prices."""
        p = self.problem
        total = 0.0
        if p.power is not None and p.power.excess_cny is not None:
            price, width = p.power.excess_bounds()
            site = prices[self._pools : self._pools + self._sites, None]
            total += _above(site, price, np.where(np.isinf(width), 0.0, width))
        first = 0
        if p.congestion is not None:
            first = self._pools
            segments = segment_limits(p.congestion, p.capacity)
            total += _above(prices[:first, None], p.congestion.extra_cny, segments)
        others, limits = prices[first:], self.limits[first:]
        return total + float((others * np.where(others > 0.0, limits, 0.0)).sum())

    def bound(self, prices: F8, demand_prices: F8 | None = None) -> float:
        """Return the Lagrangian bound at prices of at least 0.

        ``self.lowest`` is left at each demand's price there. Where arcs have limits of their own,
        `demand_prices` (``(D,)``, of a restricted solution) make the bound tighter.
        """
        prices = np.minimum(prices, self.most_price)
        pool, power, pair = self.split(prices)
        self.lowest = np.empty(self.problem.n_demands)
        start = self.unmet if demand_prices is None else demand_prices
        total = lowest_costs(
            self.arcs, self.problem.demand, self.unmet, start, pool, power, pair, self.lowest
        )
        return total - self._worth(prices)

    def choose(self, prices: F8, below: F8, most: int, taken: B1) -> I8:
        """Return, and mark in `taken`, the cheapest arcs of each demand below a cost.

        Parameters
        ----------
        below
            ``(D,)`` CNY.
        most
            Most arcs of one demand.
        taken
            ``(A,)`` in sorted order.
        """
        pool, power, pair = self.split(prices)
        chosen = np.empty(most * len(below), dtype=np.int64)
        count = cheap_arcs(self.arcs, below, most, taken, pool, power, pair, chosen, np.empty(most))
        return np.sort(chosen[:count])

    def soft(self, prices: F8, temperature: float) -> tuple[float, F8]:
        """Return the soft bound, smooth in the prices, and its gradient.

        Demands split over arcs, and pairs over paths, by ``exp(-cost / temperature)``, paths at a
        temperature in CNY per GB/s that moves a typical unit as much.
        """
        p = self.problem
        pool, power, pair = self.split(prices)
        use, mw, gb_s = np.empty(self._pools), np.empty(self._pools), np.empty(self._pairs)
        share = np.zeros(0)
        if self._traffic is not None and len(self._traffic.path_pair):
            of = self._traffic.path_pair
            warmth = temperature * self._link_scale
            weight = np.exp(-(self._path_prices(prices) - pair[of]) / warmth)
            total = np.bincount(of, weight, minlength=self._pairs)
            share = weight / total[of]
            pair = pair - warmth * np.log(np.where(total > 0.0, total, 1.0))
        value = soft_flows(
            self.arcs, p.demand, self.unmet, temperature, pool, power, pair,
            np.empty(self._longest), use, mw, gb_s,
        ) - self._worth(prices)  # fmt: skip
        room = np.where(np.isinf(self.limits), 0.0, self.limits)
        if p.congestion is not None:
            above = pool[:, None] > p.congestion.extra_cny
            segments = segment_limits(p.congestion, p.capacity)
            room[: self._pools] = np.where(above, segments, 0.0).sum(axis=1)
        if p.power is not None and p.power.excess_cny is not None:
            price, width = p.power.excess_bounds()
            of_sites = slice(self._pools, self._pools + self._sites)
            above = (prices[of_sites, None] > price) & np.isfinite(width)
            room[of_sites] += np.where(above, width, 0.0).sum(axis=1)
        slope = -room
        slope[: self._pools] += use
        if p.power is not None:
            slope[self._pools : self._pools + self._sites] += np.bincount(
                p.power.pool_site, mw, minlength=self._sites
            )
        if share.size:
            assert self._traffic is not None
            slope[self._pools + self._sites :] += self._over.T @ (
                share * gb_s[self._traffic.path_pair]
            )
        return value, slope

    @property
    def _link_scale(self) -> float:
        """GB/s price per CNY of a typical unit's cost."""
        return float(self.typical_price[-1] / self.typical_cny) if self._links else 1.0

    def approximate(self, start: F8, until_s: float, temperatures: tuple[float, ...]) -> F8:
        """Return prices near the best, found by climbing the soft bound at falling temperatures.

        An entropy-smoothed dual (Nesterov, *Math. Programming* 103, 2005). Every price is scaled by
        the root of its limit, so that all directions are about as curved.

        Parameters
        ----------
        start
            Prices to begin from.
        until_s
            Reading of the performance counter at which to stop.
        temperatures
            Over the typical cost of a unit.
        """
        scale = np.sqrt(np.where((self.limits > 0.0) & np.isfinite(self.limits), self.limits, 1.0))
        most = self.most_price * scale
        at = np.minimum(start * scale, most)

        def late() -> bool:
            return time.perf_counter() > until_s

        for temperature in temperatures:
            if late():
                break

            def fall(x: F8, warmth: float = temperature * self.typical_cny) -> tuple[float, F8]:
                value, slope = self.soft(x / scale, warmth)
                return -value, -slope / scale

            at = minimise_within(fall, at, most, STEPS, late)
        return np.asarray(at / scale)


def _above(prices: F8, steps: F8, widths: F8) -> float:
    """Return what steps of limited width are worth that are cheaper than prices."""
    above = np.maximum(prices - steps, 0.0)
    return float((above * np.where(above > 0.0, widths, 0.0)).sum())


def _middle(values: F8) -> float:
    """Return the median of what is above 0, or 1."""
    above = values[values > 0.0]
    return float(np.median(above)) if above.size else 1.0
