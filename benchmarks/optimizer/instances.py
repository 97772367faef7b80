"""Synthetic matching instances, drawn from a seed. They are calibrated on nothing.

31 backbone places (the provincial capitals' number) lie on a 4,000 by 3,000 km plane; a spanning
tree and the shortest further pairs make 59 ducts, 118 directed links. Regions and sites lie around
the places, more of both where the weight of a place is large; every site has each type of
accelerator. Demand of a (region, class) is log-normal (sigma 1.2) around its region's weight. An
arc exists where the class's latency circle (by distance and a detour factor) reaches the site.
Total capacity is 0.65 times what the demand takes at the mean speed, so the popular places are
short; some 1 in 10 sites is short of power, and links are wide by 1.1 of a gravity load.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra, minimum_spanning_tree

from computenet.optimization.matching import LinkTraffic, MatchingProblem, SitePower

__all__ = ["SIZES", "matching_instance"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]

#: Regions, sites, classes; five types of accelerators each.
SIZES = {"S": (31, 10, 5), "M": (300, 100, 10), "L": (1000, 300, 10)}
PLACES, TYPES = 31, 5
DETOUR, KM_PER_MS = 1.5, 200.0
UNMET = 50.0


def _backbone(rng: np.random.Generator, place: F8) -> tuple[I8, I8]:
    """Return the ends of directed links: a spanning tree and the shortest further pairs."""
    length = np.hypot(*(place[:, None] - place[None]).transpose(2, 0, 1))
    tree = minimum_spanning_tree(csr_matrix(length)).tocoo()
    chosen = {(min(i, j), max(i, j)) for i, j in zip(tree.row, tree.col, strict=True)}
    for flat in np.argsort(length * rng.uniform(0.7, 1.3, length.shape), axis=None):
        i, j = divmod(int(flat), PLACES)
        if i < j and len(chosen) < 59:
            chosen.add((i, j))
    ducts = np.asarray(sorted(chosen))
    return np.concatenate([ducts[:, 0], ducts[:, 1]]), np.concatenate([ducts[:, 1], ducts[:, 0]])


def _way(
    before: NDArray[np.int32], number: dict[tuple[int, int], int], i: int, j: int
) -> list[int]:
    hops: list[int] = []
    while j != i:
        k = int(before[i, j])
        hops.append(number[k, j])
        j = k
    return hops[::-1]


def _paths(
    rng: np.random.Generator, place: F8, tail: I8, head: I8
) -> tuple[list[tuple[int, list[int]]], F8]:
    """Return up to two paths for each pair of places, and the kilometres between them."""
    number = {(int(i), int(j)): k for k, (i, j) in enumerate(zip(tail, head, strict=True))}
    length = np.hypot(*(place[tail] - place[head]).T)
    paths: list[tuple[int, list[int]]] = []
    found: list[F8] = []
    for way in range(2):
        weight = length * (1.0 if way == 0 else rng.uniform(1.0, 2.5, len(length)))
        graph = csr_matrix((weight, (tail, head)), shape=(PLACES, PLACES))
        distance, before = dijkstra(graph, return_predecessors=True)
        found.append(distance)
        for i in range(PLACES):
            for j in range(PLACES):
                hops = _way(before, number, i, j)
                if i != j and (i * PLACES + j, hops) not in paths[-PLACES * PLACES * 2 :]:
                    paths.append((i * PLACES + j, hops))
    return paths, found[0]


def matching_instance(size: str | tuple[int, int, int], seed: int = 0) -> MatchingProblem:
    """Return an instance of a size named in `SIZES`, or of (regions, sites, classes)."""
    regions, sites, classes = SIZES[size] if isinstance(size, str) else size
    rng = np.random.default_rng([seed, regions, sites, classes])
    place = rng.uniform([0.0, 0.0], [4000.0, 3000.0], (PLACES, 2))
    weight = rng.lognormal(0.0, 0.7, PLACES)
    tail, head = _backbone(rng, place)
    paths, km = _paths(rng, place, tail, head)

    def spread(count: int, likely: F8) -> tuple[NDArray[np.int32], F8]:
        at = np.arange(count) % PLACES
        if count > PLACES:
            at[PLACES:] = rng.choice(PLACES, count - PLACES, p=likely / likely.sum())
        elif count < PLACES:
            at = rng.choice(PLACES, count, replace=False, p=likely / likely.sum())
        return at.astype(np.int32), rng.uniform(10.0, 150.0, count)

    region_at, region_km = spread(regions, weight)
    site_at, site_km = spread(sites, np.ones(PLACES))
    # Classes: unit = one reference accelerator busy; circles from a metro to the whole country.
    circle_ms = np.geomspace(5.0, 60.0, classes)
    gb_s = rng.lognormal(-6.0, 1.0, classes)
    lateness = np.geomspace(0.02, 1e-4, classes)
    speed = rng.uniform(0.4, 1.6, (classes, TYPES))
    kw = rng.uniform(0.5, 1.4, TYPES)
    price = rng.uniform(0.25, 0.85, sites) + 0.07 * rng.uniform(0.2, 0.9, sites)
    pue = rng.uniform(1.1, 1.5, sites)
    rent = rng.uniform(0.3, 0.9, TYPES)
    base = rng.lognormal(0.0, 1.2, (regions, classes)) * weight[region_at][:, None]
    demand = 1e6 * base / base.sum()

    one_way_ms = (
        DETOUR * km[region_at][:, site_at] + region_km[:, None] + site_km
    ) / KM_PER_MS  # (R, I)
    near = one_way_ms[:, None, :] <= circle_ms[:, None]  # (R, K, I)
    # Nobody is left without any site: the nearest is always reachable.
    near[np.arange(regions), :, one_way_ms.argmin(axis=1)] = True
    r, k, i = (index.astype(np.int32) for index in np.nonzero(near))
    use = (1.0 / speed)[k]  # (near, T)
    cost = use * (kw * 1.0 * (pue * price)[i][:, None] + rent)
    cost += (gb_s[k] * 20.0 * (1.0 + one_way_ms[r, i] / 5.0) + lateness[k] * one_way_ms[r, i])[
        :, None
    ]
    pool = (i[:, None] * TYPES + np.arange(TYPES)).astype(np.int32)
    capacity = rng.lognormal(0.0, 0.6, (sites, TYPES))
    capacity *= 0.65 * 1e6 * float((1.0 / speed).mean()) / capacity.sum()
    site_mw = (capacity * kw * pue[:, None]).sum(axis=1) / 1e3
    site_mw *= np.where(rng.uniform(size=sites) < 0.1, 0.7, 1.1)
    count = len(r) * TYPES

    def arcs(values: NDArray[np.generic]) -> NDArray[np.generic]:
        return np.broadcast_to(values[:, None], (len(r), TYPES)).reshape(count)

    pair = region_at[r] * PLACES + site_at[i]
    return MatchingProblem(
        demand=demand.ravel(),
        unmet_cny=np.full(regions * classes, UNMET),
        arc_demand=arcs(r * classes + k),
        arc_pool=pool.ravel(),
        arc_use=use.ravel(),
        arc_cny=cost.ravel(),
        capacity=capacity.ravel(),
        power=SitePower(
            pool_site=np.repeat(np.arange(sites), TYPES),
            arc_mw=(use * (kw * pue[i][:, None]) / 1e3).ravel(),
            site_mw=site_mw,
        ),
        traffic=_traffic(
            arcs(np.where(region_at[r] == site_at[i], -1, pair)), arcs(gb_s[k]), paths,
            demand, gb_s, region_at, capacity, site_at, len(tail),
        ),
    )  # fmt: skip


def _traffic(
    arc_pair: NDArray[np.generic],
    arc_gb_s: NDArray[np.generic],
    paths: list[tuple[int, list[int]]],
    demand: F8,
    gb_s: F8,
    region_at: NDArray[np.int32],
    capacity: F8,
    site_at: NDArray[np.int32],
    links: int,
) -> LinkTraffic:
    """Return the network of the pairs in use, its links as wide as 1.1 times a gravity load."""
    into = np.bincount(region_at, weights=demand @ gb_s, minlength=PLACES)
    out = np.bincount(site_at, weights=capacity.sum(axis=1), minlength=PLACES)
    gravity = np.outer(into, out / out.sum()).ravel()
    path_pair = np.asarray([pair for pair, _ in paths])
    ways = np.bincount(path_pair, minlength=PLACES * PLACES)
    start = np.concatenate([[0], np.cumsum([len(hops) for _, hops in paths])])
    link = np.asarray([hop for _, hops in paths for hop in hops])
    hop_load = np.repeat(gravity[path_pair] / ways[path_pair], np.diff(start))
    load = np.bincount(link, weights=hop_load, minlength=links)
    number = np.full(PLACES * PLACES + 1, -1)  # the last one stands for "no link is used"
    pairs = np.unique(arc_pair[arc_pair >= 0])
    number[pairs] = np.arange(len(pairs))
    kept = number[path_pair] >= 0
    link = link[np.repeat(kept, np.diff(start))]
    start = np.concatenate([[0], np.cumsum(np.diff(start)[kept])])
    path_pair = number[path_pair[kept]]
    return LinkTraffic(
        arc_pair=number[arc_pair],  # type: ignore[arg-type]
        arc_gb_s=arc_gb_s,  # type: ignore[arg-type]
        path_pair=path_pair,  # type: ignore[arg-type]
        path_start=start,  # type: ignore[arg-type]
        path_link=link,  # type: ignore[arg-type]
        path_cny=1e-4 * np.diff(start),
        link_gb_s=1.1 * load + 0.05 * load.mean(),
    )
