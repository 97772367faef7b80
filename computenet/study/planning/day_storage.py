"""Days closed: storage ends a simulated day as it began it, as on a plan's representative days."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from computenet.compiled import CompiledScenario
from computenet.energy import Balance, balance_sites
from computenet.units import SECONDS_PER_HOUR

__all__ = ["closed_day"]

F8 = NDArray[np.float64]

#: Days in a row after which a store has settled, within the share of it that does not matter.
MOST_DAYS, SETTLED = 30, 1e-6


def closed_day(
    compiled: CompiledScenario, first: int, facility_mwh: F8, setpoint_mw: F8
) -> Balance:
    """Return how each site's load of a day was met, had the days before been like it.

    A day that is simulated alone begins with storage as the hours before it leave it. Where that is
    less than it ends with, it buys what it leaves for the next day, and that once for every day it
    stands for. So the day is repeated, with its load, wind and sun and the storage's own rule,
    until it ends as it began: the plan's days do (``store`` of
    :mod:`computenet.optimization.expansion_energy`).

    Parameters
    ----------
    first
        First slot of the day.
    facility_mwh
        ``(I, S)`` load of the day's slots.
    setpoint_mw
        ``(I, S)`` discharge less charge, which storage of rule ``plan`` repeats.
    """
    physical, slots = compiled.energy, slice(first, first + facility_mwh.shape[1])
    hours = np.full(facility_mwh.shape[1], compiled.slot_s / SECONDS_PER_HOUR)
    own_mwh = (physical.onsite_mw + physical.direct_mw)[:, slots] * hours
    battery = physical.battery
    stored = battery.initial * battery.energy_mwh
    for _ in range(MOST_DAYS):
        found = balance_sites(
            facility_mwh, own_mwh, hours, compiled.sites.price_cny_per_mwh[:, slots], battery,
            np.ascontiguousarray(physical.limit_mw[:, slots]), setpoint_mw, stored,
        )  # fmt: skip
        change = np.abs(found.stored[:, -1] - stored)
        stored = found.stored[:, -1].copy()
        if (change <= SETTLED * battery.energy_mwh).all():
            break
    return found
