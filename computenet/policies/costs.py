"""What one request or one accelerator-second costs on each arc, in money and in carbon."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from computenet.policies.protocol import SystemView
from computenet.units import SECONDS_PER_DAY, SECONDS_PER_HOUR, WATTS_PER_MW

__all__ = [
    "held_price_cny_per_mwh",
    "job_energy_mwh",
    "job_transfer_cny",
    "outside_circle_last",
    "request_facility_mwh",
]

F8 = NDArray[np.float64]


def request_facility_mwh(view: SystemView) -> F8:
    """Return the facility energy of a mean request, ``(D, G)``: marginal IT energy times PUE."""
    compiled = view.compiled
    site = compiled.pools.site[compiled.groups.pool]
    energy = compiled.requests.energy_mwh
    energy = np.where(np.isfinite(energy), energy, 0.0)
    mwh: F8 = energy * compiled.sites.pue[site]
    return mwh


def job_energy_mwh(view: SystemView) -> F8:
    """Return the facility energy of a reference accelerator-second, ``(Q, P)``.

    Only what runs is counted: idle power is drawn wherever the job goes.
    """
    compiled = view.compiled
    jobs, pools = compiled.jobs, compiled.pools
    runs = jobs.speed > 0.0
    seconds = np.where(runs, 1.0 / np.where(runs, jobs.speed, 1.0), 0.0)
    watts = jobs.activity[:, None] * pools.active_w * compiled.sites.pue[pools.site]
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


def held_price_cny_per_mwh(view: SystemView) -> F8:
    """Return the mean price over the time that work placed now is held, ``(C, I)``, CNY/MWh.

    A job stays where it was placed, so it pays the tariff of all its hours; those of work that
    lasts a day or more are a whole day's, and beyond the end of the run the last day goes on.
    Tariffs are published ahead; measured price series are read as day-ahead prices.
    """
    compiled = view.compiled
    price, slot_s = compiled.sites.price_cny_per_mwh, compiled.slot_s
    slots_a_day = max(round(SECONDS_PER_DAY / slot_s), 1)
    first = min(int(view.now_s / slot_s + 1e-9), compiled.n_slots - 1)
    ahead = np.minimum(np.arange(first, first + slots_a_day), compiled.n_slots - 1)
    if compiled.n_slots > slots_a_day:
        over = np.arange(first, first + slots_a_day) >= compiled.n_slots
        ahead = np.where(over, np.arange(first, first + slots_a_day) - slots_a_day, ahead)
    running = np.cumsum(price[:, ahead], axis=1)
    count = np.clip(np.ceil(compiled.jobs.held_run_s / slot_s), 1, slots_a_day).astype(np.int64)
    mean: F8 = (running[:, count - 1] / count).T
    return mean
