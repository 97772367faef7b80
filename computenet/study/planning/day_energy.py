"""A simulated day's electricity counted as a plan counts it.

Storage ends a day as it began it, and what is paid for by use is used last.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from computenet.compiled import CompiledScenario
from computenet.energy import Balance, settled_balance
from computenet.scenario.topology import SiteSpec
from computenet.units import SECONDS_PER_HOUR

__all__ = ["closed_day"]

F8 = NDArray[np.float64]


def closed_day(
    compiled: CompiledScenario,
    sites: Sequence[SiteSpec],
    first: int,
    facility_mwh: F8,
    setpoint_mw: F8,
) -> tuple[Balance, float]:
    """Return how each site's load of a day was met, had the days before been like it, and a cost.

    A day that is simulated alone begins with storage as the hours before it leave it. Where that is
    less than it ends with, it buys what it leaves for the next day, and that once for every day it
    stands for. So the day is repeated, with its load, wind and sun and the storage's own rule,
    until it ends as it began: the plan's days do (``store`` of
    :mod:`computenet.optimization.expansion_energy`).

    Wind and sun that are paid for by use come last: after plant that is paid for already, and after
    storage, in place of what the grid would sell dearer.

    Parameters
    ----------
    sites
        Of the topology, in the order of the arrays.
    first
        First slot of the day.
    facility_mwh
        ``(I, S)`` load of the day's slots.
    setpoint_mw
        ``(I, S)`` discharge less charge, which storage of rule ``plan`` repeats.

    Returns
    -------
    balance, cny
        Of the day's slots, and what generation costs that is paid for by use.
    """
    physical, slots = compiled.energy, slice(first, first + facility_mwh.shape[1])
    hours = np.full(facility_mwh.shape[1], compiled.slot_s / SECONDS_PER_HOUR)
    price = compiled.sites.price_cny_per_mwh[:, slots]
    paid_mwh, paid_cny = _paid_by_use(compiled, sites, slots)
    own_mwh = (physical.onsite_mw + physical.direct_mw)[:, slots] * hours
    free_mwh = np.maximum(own_mwh - paid_mwh, 0.0)
    found = settled_balance(
        facility_mwh, free_mwh, hours, compiled.sites.tariff_cny_per_mwh[:, slots],
        physical.battery,
        np.ascontiguousarray(physical.limit_mw[:, slots]), setpoint_mw,
    )  # fmt: skip
    wanted = found.imported * (price > paid_cny[:, None]) + found.unserved
    bought = np.minimum(paid_mwh, wanted)
    relieved = np.minimum(bought, found.unserved)
    balance = found._replace(
        used=found.used + bought,
        imported=found.imported - (bought - relieved),
        unserved=found.unserved - relieved,
        curtailed=found.curtailed + paid_mwh - bought,
    )
    return balance, float(bought.sum(axis=1) @ paid_cny)


def _paid_by_use(
    compiled: CompiledScenario, sites: Sequence[SiteSpec], slots: slice
) -> tuple[F8, F8]:
    """Return generation that is paid for by use, ``(I, S)``, and its mean price, ``(I,)``."""
    physical = compiled.energy
    paid_mw, price = np.zeros(physical.pv_mw[:, slots].shape), np.zeros(len(sites))
    for i, site in enumerate(sites):
        cny, total = 0.0, 0.0
        for kind, power_mw in (("pv", physical.pv_mw), ("wind", physical.wind_mw)):
            mean = [
                (item.capacity_mw * item.capacity_factor, item.price_cny_per_mwh)
                for item in site.generators
                if item.kind == kind
            ]
            paid = sum(mw for mw, each in mean if each > 0.0)
            if paid > 0.0:
                paid_mw[i] += power_mw[i, slots] * (paid / sum(mw for mw, _ in mean))
                cny += sum(mw * each for mw, each in mean)
                total += paid
        price[i] = cny / total if total > 0.0 else 0.0
    return paid_mw * (compiled.slot_s / SECONDS_PER_HOUR), price
