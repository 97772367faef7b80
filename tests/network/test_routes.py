"""Shortest ways, prices and links that are down."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from computenet.network import shortest_routes

# Nodes: regions 0 and 1, sites 2 and 3. Links: 0-2, 1-3, 2-3, and a slower twin of 2-3.
LINKS = SimpleNamespace(
    a=np.asarray([0, 1, 2, 3], dtype=np.int32),
    b=np.asarray([2, 3, 3, 2], dtype=np.int32),
    latency_ms=np.asarray([1.0, 2.0, 10.0, 12.0]),
    price_cny_per_gb=np.asarray([0.1, 0.2, 1.0, 0.5]),
    n_nodes=4,
)


def test_latency_price_and_links() -> None:
    routes = shortest_routes(LINKS, np.ones(4, dtype=bool), 2)
    np.testing.assert_allclose(routes.oneway_ms, [[1.0, 11.0], [12.0, 2.0]])
    np.testing.assert_allclose(routes.price_cny_per_gb, [[0.1, 1.1], [1.2, 0.2]])
    paths = [
        routes.path_link[routes.path_start[r] : routes.path_start[r + 1]].tolist() for r in range(4)
    ]
    assert paths == [[0], [0, 2], [1, 2], [1]]


def test_a_cut_link_gives_way_to_its_twin_and_then_to_nothing() -> None:
    up = np.asarray([True, True, False, True])
    routes = shortest_routes(LINKS, up, 2)
    np.testing.assert_allclose(routes.oneway_ms, [[1.0, 13.0], [14.0, 2.0]])
    up[3] = False
    routes = shortest_routes(LINKS, up, 2)
    assert np.isinf(routes.oneway_ms[0, 1])
    assert routes.price_cny_per_gb[0, 1] == 0.0
    assert routes.path_start[-1] == 2
