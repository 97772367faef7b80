"""Cooling: power usage effectiveness and water by outdoor temperature and load."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "COOLING",
    "CoolingLaw",
    "Plant",
    "calibrate",
    "load_penalty",
    "plant_pue",
    "plant_water",
]

F8 = NDArray[np.float64]


class CoolingLaw(NamedTuple):
    """How a kind of plant sheds heat.

    Below `free_c` of its bulb it needs no compressor, above `none_c` nothing but; in between the
    share falls in a line. The compressor's coefficient of performance is
    ``5 - 0.1 (T - 25)`` (SustainCluster's constants), kept between 2.5 and 8.
    """

    wet: bool  # by wet bulb
    free_c: float
    none_c: float
    fans: float  # power of fans and pumps over IT power


#: Thresholds and fan shares by kind (engineering judgement, grade assumed; free cooling below 18
#: degrees: fact base, workload shapes, power and cooling).
COOLING = {
    "economiser": CoolingLaw(False, 18.0, 27.0, 0.04),
    "chiller": CoolingLaw(True, 6.0, 12.0, 0.03),
    "evaporative": CoolingLaw(True, 18.0, 24.0, 0.04),
    "liquid": CoolingLaw(True, 27.0, 32.0, 0.02),
}
#: Additional PUE at no load over full load, by the fact base's +0.05 at 30 % load.
LOAD_PENALTY, REFERENCE_LOAD = 0.05 / 0.7, 0.65
#: Least part of PUE that is not cooling: transformers, lighting.
LEAST_FIXED = 0.02


def _compressor(law: CoolingLaw, dry_c: F8, wet_c: F8) -> F8:
    """Return the share of heat that the compressor sheds."""
    bulb = wet_c if law.wet else dry_c
    share: F8 = np.clip((bulb - law.free_c) / (law.none_c - law.free_c), 0.0, 1.0)
    return share


class Plant(NamedTuple):
    """A site's plant, calibrated: what is fixed, and how much its own power is scaled."""

    kind: str
    fixed: float
    scale: float
    water_mean: float  # mean of the year of the unscaled water use


def _plant_power(law: CoolingLaw, dry_c: F8, wet_c: F8) -> F8:
    cop = np.clip(5.0 - 0.1 * (dry_c - 25.0), 2.5, 8.0)
    power: F8 = law.fans + _compressor(law, dry_c, wet_c) / cop
    return power


def calibrate(kind: str, dry_c: F8, wet_c: F8, annual_pue: float) -> Plant:
    """Return the plant whose PUE has the annual mean given over a year of weather.

    ``PUE = 1 + fixed + fans + compressor share / COP``; `fixed` is what makes the mean right, and
    where the plant alone would exceed the mean, it is scaled down.

    Parameters
    ----------
    kind
        One of `COOLING`.
    dry_c, wet_c
        ``(8760,)`` outdoor bulbs.
    annual_pue
        Mean of the year.
    """
    law = COOLING[kind]
    mean = float(_plant_power(law, dry_c, wet_c).mean())
    least = min(LEAST_FIXED, annual_pue - 1.0)
    fixed, scale = annual_pue - 1.0 - mean, 1.0
    if fixed < least:
        fixed, scale = least, (annual_pue - 1.0 - least) / mean
    water = float(_water(kind, dry_c, wet_c).mean())
    return Plant(kind, fixed, scale, water)


def plant_pue(plant: Plant, dry_c: F8, wet_c: F8) -> F8:
    """Return PUE at the reference load at these temperatures."""
    pue: F8 = 1.0 + plant.fixed + plant.scale * _plant_power(COOLING[plant.kind], dry_c, wet_c)
    return pue


def load_penalty(load: F8) -> F8:
    """Return what load adds to PUE: nothing at the reference load, more below it."""
    extra: F8 = LOAD_PENALTY * (REFERENCE_LOAD - np.clip(load, 0.0, 1.0))
    return extra


def _water(kind: str, dry_c: F8, wet_c: F8) -> F8:
    if kind == "liquid":
        return np.ones_like(dry_c)
    use: F8 = 0.2 + 0.8 * _compressor(COOLING[kind], dry_c, wet_c)
    return use


def plant_water(plant: Plant, dry_c: F8, wet_c: F8) -> F8:
    """Return water use over its annual mean: most when free cooling fails.

    A fifth is humidification and blow-down all the year; the rest goes with the compressor's share
    of heat, whose condensers are wet (assumed). Liquid cooling uses water alike all the year.
    """
    factor: F8 = _water(plant.kind, dry_c, wet_c) / plant.water_mean
    return factor
