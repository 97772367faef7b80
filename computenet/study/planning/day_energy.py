"""A simulated day's electricity counted as a plan counts it.

Storage ends a day as it began it, and what is paid for by use is used last.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from computenet.compiled import CompiledScenario
from computenet.energy import Balance, balance_sites
from computenet.scenario.topology import SiteSpec
from computenet.units import SECONDS_PER_HOUR

__all__ = ["closed_day", "generation_cny"]

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


def generation_cny(
    compiled: CompiledScenario, sites: Sequence[SiteSpec], first: int, used_mwh: F8
) -> float:
    """Return what generation costs that is paid for by use, dearest unused: a plan buys it last.

    Within a slot plant that is paid for already goes first, then the rest at its mean price.

    Parameters
    ----------
    sites
        Of the topology, in the order of the arrays.
    first
        First slot of the day.
    used_mwh
        ``(I, S)`` generation used or stored in the day's slots.
    """
    physical, slots = compiled.energy, slice(first, first + used_mwh.shape[1])
    cny = 0.0
    for i, site in enumerate(sites):
        paid_mw, price, weight = np.zeros(used_mwh.shape[1]), 0.0, 0.0
        for kind, power_mw in (("pv", physical.pv_mw), ("wind", physical.wind_mw)):
            mine = [item for item in site.generators if item.kind == kind]
            mean = [item.capacity_mw * item.capacity_factor for item in mine]
            paid = [
                mw if item.price_cny_per_mwh else 0.0 for mw, item in zip(mean, mine, strict=True)
            ]
            if sum(paid) > 0.0:
                paid_mw += power_mw[i, slots] * (sum(paid) / sum(mean))
                weight += sum(paid)
                price += sum(
                    mw * item.price_cny_per_mwh for mw, item in zip(mean, mine, strict=True)
                )
        if weight > 0.0:
            own_mw = physical.onsite_mw[i, slots] + physical.direct_mw[i, slots]
            free_mwh = (own_mw - paid_mw) * (compiled.slot_s / SECONDS_PER_HOUR)
            bought = np.maximum(used_mwh[i] - np.maximum(free_mwh, 0.0), 0.0)
            cny += float(bought.sum()) * price / weight
    return cny
