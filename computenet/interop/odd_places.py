"""Candidate sites that lie where they can hardly be meant to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from computenet.errors import Problem
from computenet.interop.candidate_rows import Row
from computenet.network.distance import great_circle_km
from computenet.scenario.topology import RegionSpec, SiteSpec, TopologySpec

__all__ = ["FAR_KM", "odd_places"]

#: A site farther than this from every site and region of the topology is worth a word, km.
FAR_KM = 3000.0


def odd_places(rows: Sequence[Row], base: TopologySpec, problems: list[Problem]) -> list[str]:
    """Return notes on sites far from all others and on two at one point.

    A site that is far, and would be near with latitude and longitude swapped, is a problem.
    """
    notes: list[str] = []
    there: dict[tuple[float, float], str] = {
        (site.latitude, site.longitude): f"site {site.id}" for site in base.sites
    }
    for row in rows:
        latitude, longitude = row.values.get("latitude"), row.values.get("longitude")
        if latitude is None or longitude is None:
            continue
        away_km = _away_km(base, latitude, longitude)
        if away_km > FAR_KM:
            words = f"is {away_km:,.0f} km from the nearest site or region of the topology"
            swapped = abs(longitude) <= 90.0 and _away_km(base, longitude, latitude) < FAR_KM
            if swapped:
                problems.append(
                    Problem(f"{row.where}: latitude", latitude, words,
                            "degrees north; latitude and longitude seem to be swapped",
                            f"latitude {longitude:g}, longitude {latitude:g}")
                )  # fmt: skip
            else:
                notes.append(f"{row.where}: {words}")
        place = (latitude, longitude)
        if place in there:
            notes.append(f"{row.where}: lies at the same point as {there[place]}")
        there.setdefault(place, f"site {row.values.get('id', '')}".strip())
    return notes


def _away_km(base: TopologySpec, latitude: float, longitude: float) -> float:
    """Return the distance to the nearest site or region of a topology, km."""
    places: list[SiteSpec | RegionSpec] = [*base.sites, *base.regions]
    away = great_circle_km(
        np.asarray([latitude]), np.asarray([longitude]),
        np.asarray([one.latitude for one in places]), np.asarray([one.longitude for one in places]),
    )  # fmt: skip
    return float(away.min())
