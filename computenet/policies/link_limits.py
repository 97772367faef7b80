"""Links that traffic may fill, as the limits of a matching."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from computenet.network import shortest_routes
from computenet.optimization.matching import LinkTraffic
from computenet.policies.protocol import SystemView
from computenet.units import BITS_PER_BYTE

__all__ = ["LinkLimits"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
B1 = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Ways:
    """Ways of least latency, and the links that each demand may use."""

    start: I8  # (R * I + 1,)
    link: I8
    requests: B1  # (D, L)
    jobs: B1  # (Q, L)


class LinkLimits:
    """The links of a network that expected traffic may fill.

    Traffic of a link is at most that of all demands that may use it, whatever the plan::

        T_l = sum_d rate_d gb_d [d may go over l] + sum_q load_q gb_q [q may go over l]

    Where ``T_l`` is at most the capacity, the link cannot bind and is left out, so a network with
    wide links has the same problem as one without. A link once limited stays so until links change:
    the model then keeps its shape. Everything goes the way of least latency, as requests do in the
    simulator; jobs' data counts as its mean rate while the work lasts, and is not spread over
    several ways where ``network.paths`` does so in the simulator.
    """

    def __init__(self) -> None:
        self._key = b""
        self._ways: _Ways | None = None
        self._limited: B1 = np.zeros(0, dtype=np.bool_)

    def traffic(
        self, view: SystemView, rate: F8, requests: tuple[I8, I8], jobs: tuple[I8, I8]
    ) -> tuple[LinkTraffic | None, tuple[str, ...]]:
        """Return the limits and the names of their links; nothing where no link can bind.

        Parameters
        ----------
        rate
            ``(D,)`` expected requests a second.
        requests, jobs
            Arcs of the problem, those of requests first: demand and group, demand and pool.
        """
        compiled = view.compiled
        ways = self._find(view)
        gb = compiled.requests.gb_per_request
        job_gb = np.tile(compiled.jobs.data_gb_per_accelerator_s, len(compiled.regions))
        most = (rate * gb) @ ways.requests + (view.job_load_accelerators * job_gb) @ ways.jobs
        limit_gb_s = view.link_gbps / BITS_PER_BYTE
        self._limited |= most > limit_gb_s
        if not self._limited.any():
            return None, ()
        sites = len(compiled.sites.ids)
        d, g = requests
        q, p = jobs
        site = np.concatenate([compiled.pools.site[compiled.groups.pool[g]],
                               compiled.pools.site[p]])  # fmt: skip
        region = np.concatenate([d // max(len(compiled.requests.classes), 1),
                                 q // max(len(compiled.jobs.classes), 1)])  # fmt: skip
        moved_gb = np.where(view.data_there[q, compiled.pools.site[p]], 0.0, job_gb[q])
        number = np.cumsum(self._limited) - 1
        over = self._limited[ways.link]
        hops = np.concatenate([[0], np.cumsum(over)])[ways.start]
        used = np.flatnonzero(np.diff(hops))
        pair = np.full(len(ways.start) - 1, -1)
        pair[used] = np.arange(len(used))
        names = compiled.network.link_ids
        return LinkTraffic(
            arc_pair=pair[region * sites + site].astype(np.int32),
            arc_gb_s=np.concatenate([gb[d], moved_gb]),
            path_pair=np.arange(len(used), dtype=np.int32),
            path_start=np.append(hops[used], hops[-1]).astype(np.int32),
            path_link=number[ways.link[over]].astype(np.int32),
            path_cny=np.zeros(len(used)),
            link_gb_s=limit_gb_s[self._limited],
        ), tuple(names[int(at)] for at in np.flatnonzero(self._limited))

    def _find(self, view: SystemView) -> _Ways:
        """Return the ways, found anew where links or arcs changed."""
        key = (view.link_up.tobytes() + view.request_arc_open.tobytes()
               + view.job_arc_open.tobytes())  # fmt: skip
        if self._ways is not None and key == self._key:
            return self._ways
        compiled = view.compiled
        regions, sites = len(compiled.regions), len(compiled.sites.ids)
        links = len(compiled.network.link_ids)
        routes = shortest_routes(compiled.network, view.link_up, regions)
        over = np.zeros((regions * sites, links), dtype=np.bool_)
        owner = np.repeat(np.arange(regions * sites), np.diff(routes.path_start))
        over[owner, routes.path_link] = True
        of_site = over.reshape(regions, sites, links)

        def of_demand(open_arcs: B1, place: I8) -> B1:
            """Return the links that arcs of each demand use, ``(demands, L)``."""
            classes = len(open_arcs) // regions
            may = np.zeros((len(open_arcs), sites), dtype=np.int64)
            np.add.at(may.T, place, open_arcs.T)
            region = np.arange(len(open_arcs)) // max(classes, 1)
            used: B1 = np.einsum("di,dil->dl", may, of_site[region].astype(np.int64)) > 0
            return used

        site = compiled.pools.site.astype(np.int64)
        self._ways = _Ways(
            routes.path_start, routes.path_link,
            of_demand(view.request_arc_open, site[compiled.groups.pool]),
            of_demand(view.job_arc_open, site),
        )  # fmt: skip
        self._key, self._limited = key, np.zeros(links, dtype=np.bool_)
        return self._ways
