"""Links to a new place, after the links that a topology has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from computenet.network.distance import DETOUR, FIBRE_KM_PER_MS, great_circle_km
from computenet.scenario.topology import LinkSpec, TopologySpec

__all__ = ["Ways"]

F8 = NDArray[np.float64]

#: Where a topology has no links to learn from: orders of magnitude, Gbps and CNY/GB.
CAPACITY_GBPS, PRICE_CNY_PER_GB = 400.0, 0.05


@dataclass(frozen=True, slots=True)
class Ways:
    """What links of a topology are like.

    Attributes
    ----------
    factor
        Length over great-circle distance, median.
    latency, price
        Slope by km and intercept, of latency in ms and of price in CNY/GB.
    between_sites_gbps, to_regions_gbps
        Median capacities.
    """

    topology: TopologySpec
    factor: float
    latency: tuple[float, float]
    price: tuple[float, float]
    between_sites_gbps: float
    to_regions_gbps: float

    @classmethod
    def of(cls, topology: TopologySpec) -> Ways:
        """Learn from a topology's links."""
        links = topology.links
        places = {p.id: (p.latitude, p.longitude) for group in (topology.regions, topology.sites)
                  for p in group}  # fmt: skip
        straight = np.asarray(
            [_km(places[link.a], places[link.b]) for link in links], dtype=np.float64
        )
        length = np.asarray([link.length_km for link in links], dtype=np.float64)
        far = straight > 1.0
        factor = float(np.median(length[far] / straight[far])) if far.any() else DETOUR
        regions = {region.id for region in topology.regions}
        inner = [link for link in links if not {link.a, link.b} & regions]
        outer = [link for link in links if {link.a, link.b} & regions]
        return cls(
            topology, factor,
            _line(length, [link.latency_ms for link in links], (1.0 / FIBRE_KM_PER_MS, 0.0)),
            _line(length, [link.price_cny_per_gb for link in links], (0.0, PRICE_CNY_PER_GB)),
            _median(inner or links), _median(outer or links),
        )  # fmt: skip

    def links(self, site: dict[str, Any], count: int) -> list[dict[str, Any]]:
        """Return links of a new site to its region and to the nearest `count` sites."""
        at = (float(site["latitude"]), float(site["longitude"]))
        sites = sorted(
            self.topology.sites,
            key=lambda other: (_km(at, (other.latitude, other.longitude)), other.id),
        )
        region = next(one for one in self.topology.regions if one.id == site["province"])
        ends = [(region.id, (region.latitude, region.longitude), self.to_regions_gbps)]
        ends += [
            (one.id, (one.latitude, one.longitude), self.between_sites_gbps)
            for one in sites[:count]
        ]
        out = []
        for name, place, capacity in ends:
            length = round(self.factor * _km(at, place), 1)
            out.append(
                {
                    "id": f"{name}-{site['id']}", "a": name, "b": site["id"],
                    "length_km": length,
                    "latency_ms": round(max(0.0, self.latency[0] * length + self.latency[1]), 3),
                    "capacity_gbps": capacity,
                    "price_cny_per_gb": round(
                        max(0.0, self.price[0] * length + self.price[1]), 4
                    ),
                }
            )  # fmt: skip
        return out


def _km(one: tuple[float, float], other: tuple[float, float]) -> float:
    first, second = (np.asarray([[lat], [lon]]) for lat, lon in (one, other))
    return float(great_circle_km(first[0], first[1], second[0], second[1])[0, 0])


def _line(length: F8, values: list[float], usual: tuple[float, float]) -> tuple[float, float]:
    """Return slope and intercept by least squares; through the mean where lengths are alike."""
    if not values:
        return usual
    if len(values) < 2 or float(np.ptp(length)) < 1.0:
        return 0.0, float(np.mean(values))
    slope, intercept = np.polyfit(length, np.asarray(values, dtype=np.float64), 1)
    return float(slope), float(intercept)


def _median(links: list[LinkSpec]) -> float:
    return float(np.median([link.capacity_gbps for link in links])) if links else CAPACITY_GBPS
