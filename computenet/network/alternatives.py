"""Several ways between a region and a site."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from computenet.network.routes import Links

__all__ = ["Alternatives", "alternative_routes"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Alternatives:
    """Up to `k` ways of every pair, the shortest first; pair ``region * I + site``.

    Attributes
    ----------
    paths
        Links of each way: ``paths[pair][j]``; a pair without a way has none.
    until
        ``(R * I, k)`` cumulative share of transfers up to each way, by bottleneck; 1 from the last.
    price_cny_per_gb
        ``(R * I, k)`` sum of the links' prices; 0 beyond the last way.
    """

    paths: list[list[list[int]]]
    until: F8
    price_cny_per_gb: F8


def alternative_routes(
    links: Links,
    capacity_gbps: F8,
    up: NDArray[np.bool_],
    n_regions: int,
    count: int,
    stretch: float,
) -> Alternatives:
    """Return the `count` loopless ways of least latency (J. Y. Yen, Management Science 17, 1971).

    Parameters
    ----------
    links, up, n_regions
        As for `shortest_routes`.
    capacity_gbps
        ``(L,)``; a way's share of transfers goes with its narrowest link (weighted-cost multipath).
    count
        Most ways of a pair.
    stretch
        Longest latency over that of the best.
    """
    import networkx

    graph = networkx.Graph()
    graph.add_nodes_from(range(links.n_nodes))
    for link in np.flatnonzero(up).tolist():
        a, b, latency = int(links.a[link]), int(links.b[link]), float(links.latency_ms[link])
        if not graph.has_edge(a, b) or latency < graph.edges[a, b]["latency"]:
            graph.add_edge(a, b, latency=latency, link=link)
    sites = links.n_nodes - n_regions
    paths: list[list[list[int]]] = []
    until = np.ones((n_regions * sites, count))
    price = np.zeros((n_regions * sites, count))
    for pair in range(n_regions * sites):
        region, site = divmod(pair, sites)
        ways: list[list[int]] = []
        longest = np.inf
        if networkx.has_path(graph, region, n_regions + site):
            for nodes in networkx.shortest_simple_paths(
                graph, region, n_regions + site, weight="latency"
            ):
                hops = [graph.edges[edge]["link"] for edge in pairwise(nodes)]
                length = float(links.latency_ms[hops].sum())
                longest = min(longest, stretch * length)
                if len(ways) == count or length > longest * (1.0 + 1e-12):
                    break
                ways.append(hops)
        paths.append(ways)
        price[pair, : len(ways)] = [float(links.price_cny_per_gb[hops].sum()) for hops in ways]
        width = np.asarray([capacity_gbps[hops].min() for hops in ways])
        if ways and width.sum() > 0.0:
            until[pair, : len(ways)] = np.cumsum(width) / width.sum()
            until[pair, len(ways) - 1 :] = 1.0
    return Alternatives(paths, until, price)
