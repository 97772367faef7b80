"""What is matched: demand rows, supply pools, and the arcs between them, as flat arrays.

Requests and jobs, and demand read from a file, stand side by side in one problem: an arc says what
one unit of its demand takes of its pool, of the site's power and of the network, and what it costs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from computenet.optimization.problem_checks import ProblemChecks, as_indices, as_numbers

__all__ = ["Congestion", "LinkTraffic", "MatchingProblem", "SitePower"]

F8 = NDArray[np.float64]
I4 = NDArray[np.int32]


def _store(instance: object, *, numbers: tuple[str, ...], indices: tuple[str, ...]) -> None:
    """Keep arrays contiguous and of one type each, without a copy where they are so already."""
    for names, keep in ((numbers, as_numbers), (indices, as_indices)):
        for name in names:
            values = getattr(instance, name)
            if values is not None:
                object.__setattr__(instance, name, keep(values))


@dataclass(frozen=True, slots=True)
class SitePower:
    """What arcs draw and sites may draw.

    Attributes
    ----------
    pool_site
        ``(P,)`` site of each pool.
    arc_mw
        ``(A,)`` MW a unit of flow draws at the pool's site.
    site_mw
        ``(I,)`` most power; infinite = no limit.
    excess_cny
        ``(I, E)`` price of a MW beyond it, in steps that never get cheaper, or nothing: none may
        be drawn beyond it. ``(I,)`` is one step. An infinite price closes its step.
    excess_mw
        ``(I, E)`` width of each step, or nothing: all are endless.
    """

    pool_site: I4
    arc_mw: F8
    site_mw: F8
    excess_cny: F8 | None = None
    excess_mw: F8 | None = None

    def __post_init__(self) -> None:
        _store(
            self, numbers=("arc_mw", "site_mw", "excess_cny", "excess_mw"), indices=("pool_site",)
        )
        if self.excess_cny is not None and self.excess_cny.ndim == 1:
            object.__setattr__(self, "excess_cny", self.excess_cny[:, None])

    def excess_bounds(self) -> tuple[F8, F8]:
        """Return price and width of every step, ``(I, E)``; a closed one is free and empty."""
        if self.excess_cny is None:
            none = np.zeros((len(self.site_mw), 0))
            return none, none
        closed = np.isinf(self.excess_cny)
        width = np.inf if self.excess_mw is None else self.excess_mw
        return np.where(closed, 0.0, self.excess_cny), np.where(closed, 0.0, width)

    def excess_paid_cny(self, load_mw: F8) -> F8:
        """Return what power beyond the limits costs at loads, ``(I,)``."""
        price, width = self.excess_bounds()
        before = np.cumsum(np.pad(width, ((0, 0), (1, 0))), axis=1)[:, :-1]
        over = np.maximum(load_mw - self.site_mw, 0.0)[:, None]
        paid: F8 = (np.clip(over - before, 0.0, width) * price).sum(axis=1)
        return paid


@dataclass(frozen=True, slots=True)
class LinkTraffic:
    """Traffic between places, summed to pairs of places before it touches links.

    A pair is (where the traffic enters, where the site is); it has one or more paths over links.
    Arcs carry a coefficient in the row of their pair only, so the model stays small.

    Attributes
    ----------
    arc_pair
        ``(A,)`` pair of each arc; -1 = no link is used.
    arc_gb_s
        ``(A,)`` traffic of a unit of flow, GB/s.
    path_pair
        ``(H,)`` pair that each path serves. Arcs of a pair without paths carry nothing.
    path_start, path_link
        Links of each path, compressed: ``path_link[path_start[h]:path_start[h + 1]]``. A path may
        be several ways with a fixed split between them.
    path_cny
        ``(H,)`` cost of a GB/s on the path, in the objective's unit.
    link_gb_s
        ``(L,)`` most traffic; infinite = no limit.
    path_share
        Share of the path's traffic that goes over each entry of `path_link`; ``None`` = all of it.
    """

    arc_pair: I4
    arc_gb_s: F8
    path_pair: I4
    path_start: I4
    path_link: I4
    path_cny: F8
    link_gb_s: F8
    path_share: F8 | None = None

    def __post_init__(self) -> None:
        _store(
            self,
            numbers=("arc_gb_s", "path_cny", "link_gb_s", "path_share"),
            indices=("arc_pair", "path_pair", "path_start", "path_link"),
        )

    @property
    def hop_share(self) -> F8:
        """Share of its path's traffic of each entry of `path_link`."""
        return np.ones(len(self.path_link)) if self.path_share is None else self.path_share

    @property
    def n_pairs(self) -> int:
        """Number of pairs, ``Q``."""
        return 1 + int(max(self.arc_pair.max(initial=-1), self.path_pair.max(initial=-1)))


@dataclass(frozen=True, slots=True)
class Congestion:
    """A convex extra cost of use: the fuller a pool, the dearer the next unit.

    Attributes
    ----------
    share
        ``(P, K)`` share of the capacity in each segment; a row sums to 1.
    extra_cny
        ``(P, K)`` CNY per unit of use in the segment; a row never falls.
    """

    share: F8
    extra_cny: F8

    def __post_init__(self) -> None:
        _store(self, numbers=("share", "extra_cny"), indices=())

    @classmethod
    def chords(cls, cost: Callable[[F8], F8], edges: ArrayLike, pools: int) -> Congestion:
        """Return the chords of a convex `cost` of utilisation, the same for every pool.

        Parameters
        ----------
        cost
            CNY per unit of capacity at a utilisation; e.g. ``rho**2 / (1 - rho)`` times the price
            of waiting, the work in an M/M/1 queue (Kleinrock, *Queueing Systems* I, 1975).
        edges
            Utilisations from 0 to 1 between which `cost` is taken as straight; it must be finite
            there, so a law with a pole is to be cut off before 1.
        pools
            Number of pools.
        """
        at = np.asarray(edges, dtype=np.float64)
        share = np.diff(at)
        slope = np.diff(np.asarray(cost(at), dtype=np.float64)) / share
        return cls(np.tile(share, (pools, 1)), np.tile(slope, (pools, 1)))


@dataclass(frozen=True, slots=True)
class MatchingProblem:
    """Demand rows (axis ``D``), pools (``P``) and arcs between them (``A``).

    Attributes
    ----------
    demand
        ``(D,)`` units.
    unmet_cny
        ``(D,)`` price of a unit that is not met; infinite = the row must be met.
    arc_demand, arc_pool
        ``(A,)`` ends of each arc; a pair of ends may stand more than once.
    arc_use
        ``(A,)`` units of capacity that a unit of flow takes.
    arc_cny
        ``(A,)`` cost of a unit of flow: energy at its hour, network, carbon, lateness, summed.
    capacity
        ``(P,)``; infinite = no limit.
    arc_upper
        ``(A,)`` most flow, or nothing; 0 closes an arc.
    power, traffic, congestion
        Limits of sites and links, and the cost of fullness, or nothing.
    demand_names, pool_names, site_names, link_names
        For messages; numbers stand in where they are missing.
    """

    demand: F8
    unmet_cny: F8
    arc_demand: I4
    arc_pool: I4
    arc_use: F8
    arc_cny: F8
    capacity: F8
    arc_upper: F8 | None = None
    power: SitePower | None = None
    traffic: LinkTraffic | None = None
    congestion: Congestion | None = None
    demand_names: tuple[str, ...] = ()
    pool_names: tuple[str, ...] = ()
    site_names: tuple[str, ...] = ()
    link_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _store(
            self,
            numbers=("demand", "unmet_cny", "arc_use", "arc_cny", "capacity", "arc_upper"),
            indices=("arc_demand", "arc_pool"),
        )

    @property
    def n_demands(self) -> int:
        """Number of demand rows, ``D``."""
        return len(self.demand)

    @property
    def n_pools(self) -> int:
        """Number of pools, ``P``."""
        return len(self.capacity)

    @property
    def n_arcs(self) -> int:
        """Number of arcs, ``A``."""
        return len(self.arc_pool)

    def name(self, kind: str, number: int) -> str:
        """Return the name of a ``demand``, ``pool``, ``site`` or ``link``."""
        names: tuple[str, ...] = getattr(self, f"{kind}_names")
        return names[number] if number < len(names) else f"{kind} {number}"

    def label(self, kind: str, number: int) -> str:
        """Return kind and name, e.g. ``link beijing-wuhan``."""
        names: tuple[str, ...] = getattr(self, f"{kind}_names")
        return f"{kind} {names[number] if number < len(names) else number}"

    def bracketed(self, kind: str, number: int) -> str:
        """Return kind and name as rows of a model are told, e.g. ``demand [chat]``."""
        names: tuple[str, ...] = getattr(self, f"{kind}_names")
        return f"{kind} [{names[number] if number < len(names) else number}]"

    def in_units(self, unit: float) -> MatchingProblem:
        """Return the problem with every amount in units of so many: flows are too, prices are not.

        Solvers hold rows to absolute tolerances: amounts of millions are better told in thousands.
        """

        def less(values: F8 | None) -> F8 | None:
            return None if values is None else values / unit

        power, traffic = self.power, self.traffic
        if power is not None:
            power = replace(power, site_mw=power.site_mw / unit, excess_mw=less(power.excess_mw))
        if traffic is not None:
            traffic = replace(traffic, link_gb_s=traffic.link_gb_s / unit)
        return replace(
            self, demand=self.demand / unit, capacity=self.capacity / unit,
            arc_upper=less(self.arc_upper), power=power, traffic=traffic,
        )  # fmt: skip

    def check(self) -> None:
        """Raise if the problem cannot be solved as it stands.

        Raises
        ------
        InputError
            Values that are no numbers, negative or of the wrong shape, and indices out of range:
            all of them at once.
        """
        checks = ProblemChecks("matching")
        d, p, a = self.n_demands, self.n_pools, self.n_arcs
        checks.numbers("demand", self.demand, (d,), self.demand_names, infinite=False)
        checks.numbers("unmet_cny", self.unmet_cny, (d,), self.demand_names)
        checks.numbers("capacity", self.capacity, (p,), self.pool_names)
        checks.indices("arc_demand", self.arc_demand, (a,), d)
        checks.indices("arc_pool", self.arc_pool, (a,), p)
        checks.numbers("arc_use", self.arc_use, (a,), infinite=False)
        checks.numbers("arc_cny", self.arc_cny, (a,), negative=True, infinite=False)
        if self.arc_upper is not None:
            checks.numbers("arc_upper", self.arc_upper, (a,))
        if self.power is not None:
            self._check_power(self.power, checks)
        if self.traffic is not None:
            self._check_traffic(self.traffic, checks)
        if self.congestion is not None:
            self._check_congestion(self.congestion, checks)
        checks.done()

    def _check_power(self, power: SitePower, checks: ProblemChecks) -> None:
        sites = len(power.site_mw)
        checks.indices("power.pool_site", power.pool_site, (self.n_pools,), sites)
        checks.numbers("power.arc_mw", power.arc_mw, (self.n_arcs,), infinite=False)
        checks.numbers("power.site_mw", power.site_mw, (sites,), self.site_names)
        self._check_excess(power, checks)

    def _check_excess(self, power: SitePower, checks: ProblemChecks) -> None:
        price, width, sites = power.excess_cny, power.excess_mw, len(power.site_mw)
        if price is None:
            if width is not None:
                checks.add("power.excess_mw", width.shape, "has no prices", "excess_cny beside it")
            return
        shape = (sites, *price.shape[1:2])
        before = checks.count
        checks.numbers("power.excess_cny", price, shape, self.site_names)
        if width is not None:
            checks.numbers("power.excess_mw", width, shape, self.site_names)
        if checks.count > before:
            return
        cheaper = np.greater(price[:, :-1], price[:, 1:]).any(axis=1)
        for site in np.flatnonzero(cheaper)[:1]:
            checks.add(
                f"power.excess_cny[{self.name('site', int(site))}]", price[site].tolist(),
                "falls from one step to the next", "prices that never fall (a convex cost)",
            )  # fmt: skip

    def _check_traffic(self, traffic: LinkTraffic, checks: ProblemChecks) -> None:
        paths, links = len(traffic.path_pair), len(traffic.link_gb_s)
        of_pairs = (traffic.arc_pair, traffic.path_pair)
        whole = all(values.dtype == np.int32 for values in of_pairs)
        pairs = traffic.n_pairs if whole else np.iinfo(np.int32).max
        checks.indices("traffic.arc_pair", traffic.arc_pair, (self.n_arcs,), pairs, least=-1)
        checks.numbers("traffic.arc_gb_s", traffic.arc_gb_s, (self.n_arcs,), infinite=False)
        checks.indices("traffic.path_pair", traffic.path_pair, (paths,), pairs)
        checks.numbers("traffic.path_cny", traffic.path_cny, (paths,), infinite=False)
        checks.numbers("traffic.link_gb_s", traffic.link_gb_s, (links,), self.link_names)
        checks.indices("traffic.path_link", traffic.path_link, traffic.path_link.shape, links)
        share = traffic.path_share
        if share is not None:
            checks.numbers("traffic.path_share", share, traffic.path_link.shape, infinite=False)
        start = traffic.path_start
        if start.shape != (paths + 1,):
            checks.add("traffic.path_start", start.shape, "has the wrong shape", f"({paths + 1},)")
        elif (
            start.dtype != np.int32 or start[0] != 0 or start[-1] != len(traffic.path_link)
            or (np.diff(start) < 0).any()
        ):  # fmt: skip
            checks.add(
                "traffic.path_start", None, "does not cut `path_link` into paths",
                "0, then never falling, then the number of links in all paths",
            )  # fmt: skip

    def _check_congestion(self, congestion: Congestion, checks: ProblemChecks) -> None:
        shape = congestion.share.shape
        if len(shape) != 2 or shape[0] != self.n_pools:
            checks.add(
                "congestion.share", shape, "has the wrong shape", f"({self.n_pools}, segments)"
            )
            return
        before = checks.count
        checks.numbers("congestion.share", congestion.share, shape, self.pool_names)
        checks.numbers("congestion.extra_cny", congestion.extra_cny, shape, self.pool_names)
        if checks.count > before:
            return
        total = congestion.share.sum(axis=1)
        for pool in np.flatnonzero(np.abs(total - 1.0) > 1e-9)[:1]:
            checks.add(
                f"congestion.share[{self.name('pool', int(pool))}]", float(total[pool]),
                "segments do not make up the capacity", "shares that sum to 1",
            )  # fmt: skip
        for pool in np.flatnonzero((np.diff(congestion.extra_cny, axis=1) < 0.0).any(axis=1))[:1]:
            checks.add(
                f"congestion.extra_cny[{self.name('pool', int(pool))}]",
                congestion.extra_cny[pool].tolist(), "falls from one segment to the next",
                "costs that never fall (a convex cost)",
            )  # fmt: skip
