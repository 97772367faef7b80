"""Capacity expansion: whole plans of national scenarios, from compiling the year to the tables.

Ten candidate sites: ``china-2025`` with all its sites closed and no limit on the supply of chips,
so that everything is decided anew. Twenty-two: ``china-2025-cities`` as shipped. Fifty: the same
with a candidate in every region that has room for one, at the region's centroid, with tariff, grid
and climate of the nearest site, links by great circles times 1.8, the sites outside hubs closed,
the supply of chips doubled, and the years 2028 to 2030, when today's fleet has gone.
"""

from __future__ import annotations

import math
import time
from typing import Any

from benchmarks.measure import Figure
from computenet.scenario import Scenario
from computenet.study import load, plan

__all__ = ["fifty_sites", "run", "ten_candidates"]

#: Route over great circle, and km a millisecond in fibre.
ROUTE, KM_PER_MS = 1.8, 203.0
EARTH_KM = 6371.0


def ten_candidates() -> Scenario:
    """Return ``china-2025`` with every site closed, over three years and four days."""
    raw = load("china-2025").model_dump(mode="json", exclude_none=True)
    raw["planning"]["sites"]["closed"] = [site["id"] for site in raw["topology"]["sites"]]
    for chip in raw["planning"]["chips"]:
        chip.pop("supply_per_year", None)
    raw["planning"]["stages"] = raw["planning"]["stages"][:3]
    return load(raw)


def fifty_sites(count: int = 50) -> Scenario:
    """Return ``china-2025-cities`` with forty candidates, over three years."""
    raw = load("china-2025-cities").model_dump(mode="json", exclude_none=True)
    topology = raw["topology"]
    sites, regions = topology["sites"], topology["regions"]
    old = list(sites)
    for region in regions[: count - len(old)]:
        nearest = min(old, key=lambda site: _km(site, region))
        site = {**nearest, "id": f"new-{region['id']}", "name": region["name"],
                "latitude": region["latitude"], "longitude": region["longitude"],
                "province": region["id"], "it_capacity_mw": 200.0, "generators": [],
                "targets": {}, "provenance": {}}  # fmt: skip
        site.pop("hub", None)
        site.pop("battery", None)
        sites.append(site)
        topology["links"] += [_link(place, site) for place in (*regions, *old)]
    raw["planning"]["sites"]["closed"] = [site["id"] for site in old if "hub" not in site]
    raw["planning"]["stages"] = raw["planning"]["stages"][-3:]
    for chip in raw["planning"]["chips"]:
        chip["supply_per_year"] *= 2.0
    return load(raw)


def _km(a: dict[str, Any], b: dict[str, Any]) -> float:
    one, two = math.radians(a["latitude"]), math.radians(b["latitude"])
    turn = math.radians(a["longitude"] - b["longitude"])
    half = math.sin((one - two) / 2) ** 2 + math.cos(one) * math.cos(two) * math.sin(turn / 2) ** 2
    return 2.0 * EARTH_KM * math.asin(math.sqrt(half))


def _link(a: dict[str, Any], b: dict[str, Any]) -> dict[str, Any]:
    length = max(ROUTE * _km(a, b), 20.0)
    return {
        "id": f"{a['id']}-{b['id']}", "a": a["id"], "b": b["id"], "length_km": round(length, 1),
        "latency_ms": round(length / KM_PER_MS, 3), "capacity_gbps": 800.0,
        "price_cny_per_gb": round(0.03 + 1.7e-5 * length, 4),
    }  # fmt: skip


def run() -> list[Figure]:
    """Plan at growing size."""
    plan("two-hubs")
    figures = []
    for name, scenario, gap, most_s in (
        ("10 candidates x 3 years x 4 days", ten_candidates(), 0.01, 30.0),
        ("22 sites x 5 years x 4 days", load("china-2025-cities"), 0.02, 300.0),
        ("50 sites x 3 years x 4 days", fifty_sites(), 0.05, 600.0),
        ("50 sites, to 1 %", fifty_sites(), 0.01, 600.0),
    ):
        began = time.perf_counter()
        outcome = plan(scenario, gap=gap, time_limit_s=most_s)
        wall_s = time.perf_counter() - began
        figures += [
            Figure(f"{name}: wall time", wall_s, "s", f"<= {most_s:g}", wall_s <= most_s),
            Figure(f"{name}: certified gap", 100.0 * outcome.gap, "%", f"<= {100 * gap:g}",
                   outcome.gap <= gap),
        ]  # fmt: skip
    return figures
