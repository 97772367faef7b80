"""Who sent what over the links that plans put a price on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from computenet.compiled import F8, I8, CompiledScenario
from computenet.kernels.transfers import Paths
from computenet.network import Routes
from computenet.policies.protocol import PriceRow
from computenet.results.nodal_prices import LINK, LINK_UNIT, UNIT

__all__ = ["LinkFlows", "LinkUse", "SentBy"]


class SentBy:
    """Gigabytes that senders put on each link; a flow tells what it has sent whenever it is asked.

    Parameters
    ----------
    senders, links
        How many there are.
    flows
        Flows at first.

    Attributes
    ----------
    owner
        ``(n,)`` sender of each flow.
    told_gb
        ``(n,)`` what each flow has told so far.
    gb
        ``(senders, L)``.
    """

    def __init__(self, senders: int, links: int, flows: int) -> None:
        self.owner = np.zeros(flows, dtype=np.int64)
        self.told_gb = np.zeros(flows)
        self.gb = np.zeros((senders, links))

    def tell(self, flows: I8, sent_gb: F8, routes: I8, paths: Paths) -> None:
        """Count what flows have sent by now, ``(n,)``, on the links that their routes have had."""
        fresh = sent_gb - self.told_gb[flows]
        self.told_gb[flows] = sent_gb
        first = paths.first[routes]
        hops = paths.first[routes + 1] - first
        at = np.repeat(first - (np.cumsum(hops) - hops), hops) + np.arange(int(hops.sum()))
        owner = np.repeat(self.owner[flows], hops)
        np.add.at(self.gb, (owner, paths.link[at]), np.repeat(fresh, hops))


class LinkFlows(NamedTuple):
    """Positive amounts by set of prices, sender and link; senders are requests, jobs, bulk moves.

    Demands ``D`` of requests come first, then those of jobs ``Q``, then bulk moves.
    """

    begin_s: F8  # (n,) from when the set holds; the run's begin for what was before the first
    sender: I8  # (n,)
    link: I8  # (n,)
    carried_gb: F8  # (n,)


class LinkUse:
    """Keeps what every sender puts on links from one set of prices to the next.

    Only links that the set in force names are kept: those it does not name cannot bind. What comes
    before the first set is settled at the first, and kept for its links.

    Parameters
    ----------
    compiled
        The scenario.
    """

    def __init__(self, compiled: CompiledScenario) -> None:
        self._compiled = compiled
        demands, links = len(compiled.requests.gb_per_request), len(compiled.network.link_ids)
        self._place = {f"{LINK}{name}": at for at, name in enumerate(compiled.network.link_ids)}
        self._routed = np.zeros(compiled.requests.feasible.shape)
        self._requests_gb = np.zeros((demands, links))
        self._before: F8 | None = None
        self._named: list[int] | None = None  # by the set in force
        self._begin_s = 0.0
        self._parts: list[LinkFlows] = []

    def is_set(self, prices: tuple[PriceRow, ...]) -> bool:
        """Whether prices are of compute or of links: then they replace those before."""
        return any(row.unit == UNIT or self._priced(row) for row in prices)

    def _priced(self, row: PriceRow) -> bool:
        return row.unit == LINK_UNIT and row.item in self._place

    def route(self, routed: F8, routes: Routes) -> None:
        """Put the requests routed since the last time on their ways.

        Parameters
        ----------
        routed
            ``(D, G)`` real requests since the start.
        routes
            The ways that they have had.
        """
        compiled = self._compiled
        regions, sites = len(compiled.regions), len(compiled.sites.ids)
        fresh_gb = (routed - self._routed) * compiled.requests.gb_per_request[:, None]
        self._routed = routed
        by_site = np.zeros((len(fresh_gb), sites))
        np.add.at(by_site.T, compiled.pools.site[compiled.groups.pool], fresh_gb.T)
        over = np.zeros((regions * sites, self._requests_gb.shape[1]))
        owner = np.repeat(np.arange(regions * sites), np.diff(routes.path_start))
        np.add.at(over, (owner, routes.path_link), 1.0)
        self._requests_gb += np.einsum(
            "rki,ril->rkl",
            by_site.reshape(regions, -1, sites), over.reshape(regions, sites, -1),
        ).reshape(self._requests_gb.shape)  # fmt: skip

    def follow(self, now_s: float, prices: tuple[PriceRow, ...], bulk_gb: F8) -> None:
        """Go over to a set of prices; requests must have been put on their ways.

        Parameters
        ----------
        bulk_gb
            ``(Q + moves, L)`` sent by jobs and bulk moves since the start.
        """
        named = [self._place[row.item] for row in prices if self._priced(row)]
        self._close(bulk_gb, named if self._named is None else self._named)
        self._named, self._begin_s = named, now_s

    def finish(self, bulk_gb: F8) -> LinkFlows:
        """Return what was sent at every set of prices, up to the end."""
        if self._named is not None:
            self._close(bulk_gb, self._named)
        parts = [part for part in self._parts if len(part.link)]
        if not parts:
            nothing = np.zeros(0, dtype=np.int64)
            return LinkFlows(np.zeros(0), nothing, nothing, np.zeros(0))
        return LinkFlows(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    def _close(self, bulk_gb: F8, named: list[int]) -> None:
        """Keep what was sent over some links since the last time."""
        total = np.concatenate([self._requests_gb, bulk_gb])
        fresh = total if self._before is None else total - self._before
        self._before = total
        links = np.unique(np.asarray(named, dtype=np.int64))
        sender, column = np.nonzero(fresh[:, links] > 0.0)
        link = links[column]
        begin_s = np.full(len(link), self._begin_s)
        self._parts.append(LinkFlows(begin_s, sender, link, fresh[sender, link]))
