"""Ways through the network: shortest latency over the links that are up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

__all__ = ["LATENCY_FACTORS", "Links", "Routes", "shortest_routes"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
I4 = NDArray[np.int32]


#: Latency over that of the optical layer, means between the hubs' cities (CAICT, bulletin on the
#: quality of the national compute network, 2024-Q1: 9.7, 14.6 and 16.7 ms).
LATENCY_FACTORS = {"wavelength": 1.0, "private-ip": 14.6 / 9.7, "internet": 16.7 / 9.7}


class Links(Protocol):
    """Undirected links between numbered nodes, regions first, then sites."""

    @property
    def a(self) -> I4:
        """``(L,)`` one end."""
        ...

    @property
    def b(self) -> I4:
        """``(L,)`` the other end."""
        ...

    @property
    def latency_ms(self) -> F8:
        """``(L,)`` one-way latency, ms."""
        ...

    @property
    def price_cny_per_gb(self) -> F8:
        """``(L,)`` price of a gigabyte, CNY."""
        ...

    @property
    def n_nodes(self) -> int:
        """Number of nodes."""
        ...


@dataclass(frozen=True, slots=True)
class Routes:
    """The way from every region to every site; route ``region * I + site``.

    Attributes
    ----------
    oneway_ms
        ``(R, I)`` sum of the links' latencies, infinite where there is no way.
    price_cny_per_gb
        ``(R, I)`` sum of the links' prices, 0 where there is no way.
    path_start, path_link
        Links of each route, compressed: ``path_link[path_start[r]:path_start[r + 1]]``.
    """

    oneway_ms: F8
    price_cny_per_gb: F8
    path_start: I8
    path_link: I8


def shortest_routes(links: Links, up: NDArray[np.bool_], n_regions: int) -> Routes:
    """Return the ways of least one-way latency (Dijkstra) from regions to sites.

    Parallel links: the fastest that is up is used, the first of equals.

    Parameters
    ----------
    links
        The network.
    up
        ``(L,)`` links that may be used.
    n_regions
        The first this many nodes are regions, the others sites.
    """
    n = links.n_nodes
    n_sites = n - n_regions
    best: dict[tuple[int, int], int] = {}
    for link in np.flatnonzero(up):
        a, b = int(links.a[link]), int(links.b[link])
        ends = (min(a, b), max(a, b))
        if ends not in best or links.latency_ms[link] < links.latency_ms[best[ends]]:
            best[ends] = int(link)
    used = np.asarray(list(best.values()), dtype=np.int64)
    # Dijkstra of scipy takes stored zeros for edges of no length only when they are explicit.
    graph = csr_matrix((links.latency_ms[used], (links.a[used], links.b[used])), shape=(n, n))
    distance, before = dijkstra(
        graph, directed=False, indices=np.arange(n_regions), return_predecessors=True
    )
    price = np.zeros((n_regions, n_sites))
    start = np.zeros(n_regions * n_sites + 1, dtype=np.int64)
    path: list[int] = []
    for region in range(n_regions):
        for site in range(n_sites):
            node = n_regions + site
            hops: list[int] = []
            if np.isfinite(distance[region, node]):
                while node != region:
                    previous = int(before[region, node])
                    hops.append(best[min(previous, node), max(previous, node)])
                    node = previous
                hops.reverse()
            price[region, site] = float(links.price_cny_per_gb[hops].sum()) if hops else 0.0
            path += hops
            start[region * n_sites + site + 1] = len(path)
    return Routes(
        np.ascontiguousarray(distance[:, n_regions:]),
        price,
        start,
        np.asarray(path, dtype=np.int64),
    )
