"""What one request or one accelerator-second costs on each arc, in money and in carbon."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from computenet.policies.outlook import (
    OutlookName,
    price_ahead,
    slot_now,
    slots_ahead,
    slots_of_a_day,
)
from computenet.policies.protocol import SystemView
from computenet.units import SECONDS_PER_HOUR, WATTS_PER_MW

__all__ = [
    "held_price_cny_per_mwh",
    "held_slots",
    "job_energy_mwh",
    "job_transfer_cny",
    "outside_circle_last",
    "pue_factor",
    "pue_now",
    "request_facility_mwh",
]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]


def pue_now(view: SystemView) -> F8:
    """Return the PUE of each site at the reference load in the weather of now, ``(I,)``."""
    value: F8 = view.compiled.energy.pue[:, slot_now(view)]
    return value


def pue_factor(view: SystemView) -> F8:
    """Return the PUE of now over the annual one, ``(I,)``."""
    factor: F8 = pue_now(view) / view.compiled.sites.pue
    return factor


def request_facility_mwh(view: SystemView, pue: F8 | None = None) -> F8:
    """Return the facility energy of a mean request, ``(D, G)``: marginal IT energy times PUE.

    Parameters
    ----------
    pue
        ``(I,)``; that of now by default.
    """
    compiled = view.compiled
    site = compiled.pools.site[compiled.groups.pool]
    energy = compiled.requests.energy_mwh
    energy = np.where(np.isfinite(energy), energy, 0.0)
    mwh: F8 = energy * (pue_now(view) if pue is None else pue)[site]
    return mwh


def job_energy_mwh(view: SystemView, pue: F8 | None = None) -> F8:
    """Return the facility energy of a reference accelerator-second, ``(Q, P)``.

    Only what runs is counted: idle power is drawn wherever the job goes.

    Parameters
    ----------
    pue
        ``(I,)``; that of now by default.
    """
    compiled = view.compiled
    jobs, pools = compiled.jobs, compiled.pools
    runs = jobs.speed > 0.0
    seconds = np.where(runs, 1.0 / np.where(runs, jobs.speed, 1.0), 0.0)
    by_site = pue_now(view) if pue is None else pue
    watts = jobs.activity[:, None] * pools.active_w * by_site[pools.site]
    one: F8 = watts * seconds / (WATTS_PER_MW * SECONDS_PER_HOUR)
    return np.tile(one, (len(compiled.regions), 1))


def job_transfer_cny(view: SystemView) -> F8:
    """Return the price of moving the data of a reference accelerator-second, ``(Q, P)``."""
    compiled = view.compiled
    price = compiled.jobs.transfer_cny_per_gb[:, compiled.pools.site]
    each = price[:, None, :] * compiled.jobs.data_gb_per_accelerator_s[None, :, None]
    flat: F8 = each.reshape(-1, price.shape[1])
    moved: F8 = np.where(view.data_there[:, compiled.pools.site], 0.0, flat)
    return moved


def outside_circle_last(score: F8, view: SystemView) -> F8:
    """Return `score` with every arc outside its latency circle after all those inside."""
    finite = score[np.isfinite(score)]
    step = 1.0 + float(np.abs(finite).max(initial=0.0)) * 2.0
    later: F8 = score + np.where(view.circle_ok, 0.0, step)
    return later


def held_price_cny_per_mwh(view: SystemView, outlook: OutlookName) -> F8:
    """Return the mean price over the time that work placed now is held, ``(C, I)``, CNY/MWh.

    A job stays where it was placed, so it pays the tariff of all its hours; those of work that
    lasts a day or more are a whole day's.
    """
    running = np.cumsum(price_ahead(view, slots_ahead(view), outlook), axis=1)
    count = held_slots(view)
    mean: F8 = (running[:, count - 1] / count).T
    return mean


def held_slots(view: SystemView) -> I8:
    """Return the slots of the day ahead that work of each class is held for, ``(C,)``."""
    count = np.ceil(view.compiled.jobs.held_run_s / view.compiled.slot_s)
    return np.clip(count, 1, slots_of_a_day(view.compiled)).astype(np.int64)
