"""Links that traffic may fill, as the limits of a matching."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from computenet.network import Routes, alternative_routes, shortest_routes
from computenet.optimization.matching import LinkTraffic
from computenet.policies.protocol import SystemView
from computenet.units import BITS_PER_BYTE

__all__ = ["LinkLimits"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
B1 = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Ways:
    """Where traffic goes: requests of a pair ``region * I + site``, then jobs' data of a pair.

    A pair is one path, of which each link carries a share.
    """

    start: I8  # (pairs + 1,)
    link: I8
    share: F8
    first_of_jobs: int  # pair; 0 where their data goes the way of requests
    requests: F8  # (D, L) most of its traffic that a demand can put on each link
    jobs: F8  # (Q, L)


class LinkLimits:
    """The links of a network that expected traffic may fill.

    Traffic of a link is at most what all demands can put on it, whatever the plan::

        T_l = sum_d rate_d gb_d max_i s_dil + sum_q load_q gb_q max_i s_qil

    with the share `s` of traffic to site `i` that goes over link `l`. Where ``T_l`` is at most the
    capacity, the link cannot bind and is left out, so a network with wide links has the same
    problem as one without. A link once limited stays so until links change: the model then keeps
    its shape. Requests go the way of least latency; so does jobs' data, or it is spread over
    ``network.paths`` ways in fixed shares, all as in the simulator. It counts as its mean rate
    while the work lasts.
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
        pairs = region * sites + site
        pairs[len(d) :] += ways.first_of_jobs
        over = self._limited[ways.link]
        hops = np.concatenate([[0], np.cumsum(over)])[ways.start]
        used = np.flatnonzero(np.diff(hops))
        pair = np.full(len(ways.start) - 1, -1)
        pair[used] = np.arange(len(used))
        names = compiled.network.link_ids
        return LinkTraffic(
            arc_pair=pair[pairs].astype(np.int32),
            arc_gb_s=np.concatenate([gb[d], moved_gb]),
            path_pair=np.arange(len(used), dtype=np.int32),
            path_start=np.append(hops[used], hops[-1]).astype(np.int32),
            path_link=number[ways.link[over]].astype(np.int32),
            path_cny=np.zeros(len(used)),
            link_gb_s=limit_gb_s[self._limited],
            path_share=ways.share[over] if ways.first_of_jobs else None,
        ), tuple(names[int(at)] for at in np.flatnonzero(self._limited))

    def _find(self, view: SystemView) -> _Ways:
        """Return the ways, found anew where links or arcs changed."""
        key = (view.link_up.tobytes() + view.request_arc_open.tobytes()
               + view.job_arc_open.tobytes())  # fmt: skip
        if self._ways is not None and key == self._key:
            return self._ways
        compiled, network = view.compiled, view.compiled.network
        regions, sites = len(compiled.regions), len(compiled.sites.ids)
        links = len(network.link_ids)
        shortest = shortest_routes(network, view.link_up, regions)
        every = of_requests = of_jobs = _shares(shortest, links)
        if network.paths > 1:
            of_jobs = _spread(view)
            every = np.concatenate([of_requests, of_jobs])
        paths = csr_array(every)

        def most(open_arcs: B1, place: I8, of_pair: F8) -> F8:
            """Return the most that each demand can put on a link, of all it sends."""
            out = np.zeros((len(open_arcs), links))
            classes = max(len(open_arcs) // regions, 1)
            for demand, may in enumerate(open_arcs):
                pairs = demand // classes * sites + np.unique(place[may])
                out[demand] = of_pair[pairs].max(axis=0, initial=0.0)
            return out

        site = compiled.pools.site.astype(np.int64)
        self._ways = _Ways(
            paths.indptr.astype(np.int64), paths.indices.astype(np.int64), paths.data,
            len(every) - len(of_jobs),
            most(view.request_arc_open, site[compiled.groups.pool], of_requests),
            most(view.job_arc_open, site, of_jobs),
        )  # fmt: skip
        self._key, self._limited = key, np.zeros(links, dtype=np.bool_)
        return self._ways


def _shares(routes: Routes, links: int) -> F8:
    """Return which links each pair goes over, ``(pairs, L)``."""
    out = np.zeros((len(routes.path_start) - 1, links))
    owner = np.repeat(np.arange(len(out)), np.diff(routes.path_start))
    out[owner, routes.path_link] = 1.0
    return out


def _spread(view: SystemView) -> F8:
    """Return what share of its jobs' data each pair sends over each link, ``(pairs, L)``."""
    compiled, network = view.compiled, view.compiled.network
    ways = alternative_routes(
        network, network.capacity_gbps, view.link_up, len(compiled.regions), network.paths,
        network.stretch,
    )  # fmt: skip
    out = np.zeros((len(ways.paths), len(network.link_ids)))
    share = np.diff(ways.until, axis=1, prepend=0.0)
    for pair, paths in enumerate(ways.paths):
        for way, hops in enumerate(paths):
            out[pair, hops] += share[pair, way]
    return out
