"""The map's ground: provincial borders in the standard projection of maps of China."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Ground", "ground", "project"]

F8 = NDArray[np.float64]

#: Albers equal-area conic with the parallels 25° and 47° N and the meridian 105° E, as on the
#: standard national map (Snyder, USGS Professional Paper 1395, 1987, eqs. 14-1 to 14-6, sphere).
PARALLELS = np.deg2rad([25.0, 47.0])
MERIDIAN = np.deg2rad(105.0)
EARTH_KM = 6371.0


def project(longitude: Any, latitude: Any) -> tuple[F8, F8]:
    """Return (x, y) in km of points given in degrees."""
    lon = np.deg2rad(np.asarray(longitude, dtype=np.float64))
    lat = np.deg2rad(np.asarray(latitude, dtype=np.float64))
    one, two = np.sin(PARALLELS)
    n = (one + two) / 2.0
    c = np.cos(PARALLELS[0]) ** 2 + 2.0 * n * one
    rho = np.sqrt(c - 2.0 * n * np.sin(lat)) / n
    theta = n * (lon - MERIDIAN)
    x: F8 = EARTH_KM * rho * np.sin(theta)
    y: F8 = -EARTH_KM * rho * np.cos(theta)
    return x, y + EARTH_KM * np.sqrt(c - 2.0 * n * np.sin(np.deg2rad(35.0))) / n


@dataclass(frozen=True, slots=True)
class Ground:
    """Lines of the map in km; NaN separates them.

    Attributes
    ----------
    land
        Closed rings, for filling.
    borders
        Borders between provinces.
    coast
        Outer borders and coasts.
    dashes
        The dashes in the South China Sea.
    undefined
        Borders not yet defined.
    islets
        Islands too small to draw, as points.
    source
        Where the borders come from.
    """

    land: tuple[F8, F8]
    borders: tuple[F8, F8]
    coast: tuple[F8, F8]
    dashes: tuple[F8, F8]
    undefined: tuple[F8, F8]
    islets: tuple[F8, F8]
    source: str


def _joined(lines: list[F8]) -> tuple[F8, F8]:
    gap = np.full((1, 2), np.nan)
    parts = [part for line in lines for part in (line, gap)]
    every = np.concatenate(parts) if parts else np.zeros((0, 2))
    x, y = project(every[:, 0], every[:, 1])
    return np.round(x, 1), np.round(y, 1)


@cache
def ground() -> Ground:
    """Return the map of China: 34 provincial units, Taiwan and the South China Sea included."""
    raw = json.loads(
        files("computenet.report.data").joinpath("china.json").read_text(encoding="utf-8")
    )
    step = float(raw["step_deg"])

    def line(flat: list[int]) -> F8:
        points = np.asarray(flat, dtype=np.float64).reshape(-1, 2).cumsum(axis=0) * step
        return np.asarray(points, dtype=np.float64)

    arcs = [line(flat) for flat in raw["arcs"]]
    shared = set(raw["shared"])

    def arc(number: int) -> F8:
        return arcs[number] if number >= 0 else arcs[~number][::-1]

    rings = [
        np.concatenate([arc(number) for number in ring])
        for province in raw["provinces"]
        for ring in province["rings"]
    ]
    islets = np.asarray(
        [point for province in raw["provinces"] for point in province["islets"]], dtype=np.float64
    ).reshape(-1, 2)
    sea = [line(flat) for flat in raw["provincial_lines_at_sea"]]
    return Ground(
        land=_joined(rings),
        borders=_joined([arcs[i] for i in sorted(shared)] + sea),
        coast=_joined([part for i, part in enumerate(arcs) if i not in shared]),
        dashes=_joined([line(flat) for flat in raw["south_china_sea_dashes"]]),
        undefined=_joined([line(flat) for flat in raw["undefined_border"]]),
        islets=project(islets[:, 0], islets[:, 1]),
        source=str(raw["source"]),
    )
