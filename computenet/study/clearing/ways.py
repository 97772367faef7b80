"""Ways between regions of demand and sites: listed, by a topology's network, or by distance."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from computenet.network import great_circle_km, optical_ms
from computenet.study.clearing.schema import PATHS
from computenet.study.clearing.tables import Faults, Table
from computenet.study.clearing.topology import TopologyFacts

__all__ = ["Ways", "check_paths", "find_ways"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Ways:
    """Ways of regions (``R``) to sites (``I``).

    Attributes
    ----------
    known
        Whether anything is known of the network; without it everything is reached at no cost.
    latency_ms
        ``(R, I)`` one way; infinite where there is no way.
    price_cny_per_gb
        ``(R, I)``.
    links
        Links of the way from a region to a site, for those that have any.
    link_names, link_gbps
        ``(L,)``.
    unused
        Ends of listed ways that are in no table, by ``region`` and ``site``.
    """

    known: bool
    latency_ms: F8
    price_cny_per_gb: F8
    links: dict[tuple[int, int], list[int]]
    link_names: tuple[str, ...]
    link_gbps: F8
    unused: dict[str, list[str]] = field(default_factory=dict)


def find_ways(
    regions: list[str],
    sites: list[str],
    region_at: F8,
    site_at: F8,
    facts: TopologyFacts | None,
    paths: Table | None,
    faults: Faults,
) -> Ways:
    """Return the ways: a listed one goes before the topology's, which goes before distance.

    Parameters
    ----------
    regions, sites
        Names.
    region_at, site_at
        ``(R, 2)`` and ``(I, 2)`` latitude and longitude; NaN = unknown.
    facts
        The topology.
    paths
        The table of paths.
    """
    shape = (len(regions), len(sites))
    latency, price = np.full(shape, np.inf), np.zeros(shape)
    links: dict[tuple[int, int], list[int]] = {}
    names: list[str] = []
    gbps: list[float] = []
    near = optical_ms(great_circle_km(*region_at.T, *site_at.T))
    latency = np.where(np.isfinite(near), near, latency)
    known = bool(np.isfinite(near).any()) or facts is not None or paths is not None
    if facts is not None:
        names += facts.link_ids
        gbps += facts.link_gbps.tolist()
        _by_topology(regions, sites, facts, latency, price, links)
    unused: dict[str, list[str]] = {}
    if paths is not None:
        _listed(regions, sites, paths, faults, latency, price, links, names, gbps)
        for column, there in (("region", regions), ("site", sites)):
            unused[column] = [
                name for name in dict.fromkeys(paths.texts(column)) if name and name not in there
            ]
    if not known:
        latency[:] = 0.0
    limits = np.asarray(gbps, dtype=np.float64)
    return Ways(known, latency, price, links, tuple(names), limits, unused)


def _by_topology(
    regions: list[str],
    sites: list[str],
    facts: TopologyFacts,
    latency: F8,
    price: F8,
    links: dict[tuple[int, int], list[int]],
) -> None:
    routes, count = facts.routes, len(facts.site_index)
    for r, region in enumerate(regions):
        for i, site in enumerate(sites):
            if region not in facts.region_index or site not in facts.site_index:
                continue
            a, b = facts.region_index[region], facts.site_index[site]
            route = a * count + b
            latency[r, i] = routes.oneway_ms[a, b]
            price[r, i] = routes.price_cny_per_gb[a, b]
            start, stop = routes.path_start[route : route + 2]
            links[r, i] = routes.path_link[start:stop].tolist()


def check_paths(paths: Table, faults: Faults) -> tuple[F8, F8, F8]:
    """Return latency, free capacity and price of the listed ways; faults are kept."""
    columns = {column.name: column for column in PATHS}
    ms, free, cny = (
        paths.numbers(columns[name], faults)
        for name in ("latency_ms", "capacity_gbps", "price_cny_per_gb")
    )
    seen: dict[tuple[str, str], int] = {}
    for row, ends in enumerate(zip(paths.texts("region"), paths.texts("site"), strict=True)):
        before = seen.setdefault(ends, row)
        if before != row:
            faults.add(paths, row, "region", " - ".join(ends),
                       f"is listed already in {paths.unit} {paths.lines[before]}")  # fmt: skip
    return ms, free, cny


def _listed(
    regions: list[str],
    sites: list[str],
    paths: Table,
    faults: Faults,
    latency: F8,
    price: F8,
    links: dict[tuple[int, int], list[int]],
    names: list[str],
    gbps: list[float],
) -> None:
    """Put the listed ways in place; each is a link of its own."""
    ms, free, cny = check_paths(paths, faults)
    region_of = {name: r for r, name in enumerate(regions)}
    site_of = {name: i for i, name in enumerate(sites)}
    ends = zip(paths.texts("region"), paths.texts("site"), strict=True)
    for row, (region, site) in enumerate(ends):
        if region not in region_of or site not in site_of:
            continue
        at = region_of[region], site_of[site]
        latency[at], price[at] = ms[row], np.nan_to_num(cny[row])
        links[at] = []
        if np.isfinite(free[row]):
            links[at] = [len(names)]
            names.append(f"{region} - {site}")
            gbps.append(float(free[row]))
