"""What power costs at each site: its own plant first, then the grid, then a higher peak.

Work that is sent to a site takes what its wind and sun have left, at their price; beyond that it
takes from the grid; and beyond the load that a demand charge has been paid for it makes a new peak.
So a site's power has a convex cost in steps. Where there is own plant there is one for requests and
one for jobs, since they decide for different times, requests for the coming epoch and jobs for as
long as they will be held; what is there already of the other kind is taken as it is.

Where the plant has `r_t` MW left beside the other kind's load in slot `t`, `J` MW of jobs take
``min(J, r_t)`` of it, so one more megawatt comes from the grid in the slots with ``r_t < J``. The
steps are those slots in order of `r_t`, in `GROUPS` equal parts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from computenet.energy import settled_balance
from computenet.policies.costs import held_slots, pue_factor, pue_now
from computenet.policies.outlook import (
    OutlookName,
    generation_ahead,
    generation_price_ahead,
    limit_ahead,
    price_ahead,
    slots_ahead,
    within_run,
)
from computenet.policies.protocol import SystemView
from computenet.units import SECONDS_PER_HOUR, WATTS_PER_MW

__all__ = ["GROUPS", "PowerSteps", "idle_mw", "own_power_mw", "power_steps", "running_jobs_mw"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
B1 = NDArray[np.bool_]

#: Parts into which the slots of own power are taken together.
GROUPS = 4


@dataclass(frozen=True, slots=True)
class PowerSteps:
    """Power's price in steps, axis ``W``: by site of requests, then by site of jobs.

    Where no site has own plant both have one row a site together, and ``W = I``, else ``2 I``.
    Megawatts are those of the annual PUE, so that what work draws is the same in every epoch;
    limits, widths and prices have the PUE of now in them.

    Attributes
    ----------
    saving_cny
        ``(W,)`` what a megawatt-hour costs less than the grid's, its carbon included, while
        there is own plant to draw on.
    limit_mw
        ``(W,)`` power that is to be had at the lowest price.
    excess_cny, excess_mw
        ``(W, E)`` what a megawatt-hour costs more in the steps beyond, and their widths.
    excess_grid
        ``(W, E)`` share of the time in which power in a step comes from the grid though that
        below the limit does not.
    """

    saving_cny: F8
    limit_mw: F8
    excess_cny: F8
    excess_mw: F8
    excess_grid: F8

    @property
    def own(self) -> bool:
        """Whether there is own plant: power below the limits is then not the grid's."""
        return bool(self.excess_grid.any())


def power_steps(
    view: SystemView,
    up: B1,
    own_mw: F8 | None,
    carbon_cny_per_mwh: F8,
    peak_hours: float,
    outlook: OutlookName,
) -> PowerSteps | None:
    """Return the steps of this epoch; ``None`` where no site has own plant or a peak to look at.

    Parameters
    ----------
    up
        ``(I,)`` sites that are up.
    own_mw
        As `own_power_mw` gives it.
    carbon_cny_per_mwh
        ``(I,)`` price of the grid's carbon.
    peak_hours
        Hours of a month over which the demand charge is spread; 0 = peaks are not looked at.
    outlook
        How tariffs are foreseen.
    """
    compiled = view.compiled
    charge = np.zeros(len(compiled.sites.ids))
    if peak_hours and (view.site_peak_mw > 0.0).any():
        charge = compiled.sites.demand_charge_cny_per_mw_month / peak_hours
    elif own_mw is None:
        return None
    idle, factor = idle_mw(view, up), pue_factor(view)
    if own_mw is None:
        free = np.maximum(view.site_peak_mw - idle, 0.0)
        endless = np.full((len(free), 1), np.inf)
        paid = (factor * charge)[:, None]
        return PowerSteps(np.zeros(len(free)), free / factor, paid, endless, np.zeros(paid.shape))
    # The load that is there beside requests, and beside jobs.
    jobs = running_jobs_mw(view)
    beside = idle + np.stack([jobs, np.maximum(view.site_load_mw - idle - jobs, 0.0)])
    slots = slots_ahead(view)[: _jobs_slots(view)]
    dearer = carbon_cny_per_mwh[:, None] - generation_price_ahead(view, slots, outlook)
    prices = (view.price_cny_per_mwh[:, None], price_ahead(view, slots, outlook))
    parts = [
        _groups(own_mw[:, : price.shape[1]] - other[:, None], price + dearer[:, : price.shape[1]])
        for price, other in zip(prices, beside, strict=True)
    ]
    left, lost = (np.concatenate([part[i] for part in parts]) for i in range(2))
    highest = left[:, -1]
    if charge.any():
        highest = np.maximum(highest, (view.site_peak_mw + own_mw[:, 0] - beside).ravel())
    levels = np.column_stack([left, highest])
    factor, charge = np.tile(factor, 2), np.tile(charge, 2)
    return PowerSteps(
        saving_cny=factor * lost.sum(axis=1),
        limit_mw=levels[:, 0] / factor,
        excess_cny=factor[:, None] * np.cumsum(np.column_stack([lost, charge]), axis=1),
        excess_mw=np.diff(levels, axis=1, append=np.inf) / factor[:, None],
        excess_grid=np.tile(
            np.minimum(np.arange(1, GROUPS + 2), GROUPS) / GROUPS, (len(factor), 1)
        ),
    )


def own_power_mw(view: SystemView, outlook: OutlookName) -> F8 | None:
    """Return what wind, sun and storage give in each slot of the day ahead, ``(I, slots)``, MW.

    Storage follows its rule with the load of now, on a day that ends with what it began with; where
    it takes up more than is generated nothing is left. ``None`` where no site has plant.
    """
    compiled, ahead = view.compiled, slots_ahead(view)
    physical = compiled.energy
    own = generation_ahead(view, ahead, outlook)
    if not own.any():
        return None
    if not (physical.battery.power_mw > 0.0).any():
        return own
    hours = np.full(len(ahead), compiled.slot_s / SECONDS_PER_HOUR)
    load = np.tile(view.site_load_mw[:, None], (1, len(ahead)))
    balance = settled_balance(
        load * hours, own * hours, hours,
        compiled.sites.tariff_cny_per_mwh[:, within_run(compiled, ahead)],
        physical.battery, np.ascontiguousarray(limit_ahead(view, ahead, outlook)),
    )  # fmt: skip
    net: F8 = np.maximum(own + (balance.discharged - balance.charged) / hours, 0.0)
    return net


def idle_mw(view: SystemView, up: B1) -> F8:
    """Return the facility power of what is switched on and does nothing, ``(I,)``."""
    p = view.compiled.pools
    watts = (p.idle_w + p.overhead_w) * (p.accelerators + p.serving_accelerators) * up[p.site]
    return _facility_mw(view, watts)


def running_jobs_mw(view: SystemView) -> F8:
    """Return the facility power of running jobs above idle, ``(I,)``."""
    compiled = view.compiled
    return _facility_mw(
        view, (view.pool_running @ compiled.jobs.activity) * compiled.pools.active_w
    )


def _facility_mw(view: SystemView, watts: F8) -> F8:
    """Return facility power by site of the power of its pools."""
    compiled = view.compiled
    it_w = np.bincount(compiled.pools.site, watts, minlength=len(compiled.sites.ids))
    power: F8 = pue_now(view) * it_w / WATTS_PER_MW
    return power


def _jobs_slots(view: SystemView) -> int:
    """Return for how many slots a mean piece of work is held."""
    slots = held_slots(view)
    if not len(slots):
        return 1
    work = view.job_load_accelerators.reshape(-1, len(slots)).sum(axis=0)
    mean = float(np.average(slots, weights=work)) if work.sum() > 0.0 else float(slots.mean())
    return max(round(mean), 1)


def _groups(left_mw: F8, dearer_cny: F8) -> tuple[F8, F8]:
    """Return own power left in each group of slots, rising, and what is lost beyond it.

    Parameters
    ----------
    left_mw
        ``(I, n)`` by slot.
    dearer_cny
        ``(I, n)`` what the grid's megawatt-hour costs more in the slot.

    Returns
    -------
    left, lost
        ``(I, GROUPS)`` MW, and CNY by megawatt-hour of work held in all slots.
    """
    shape = (len(left_mw), GROUPS, -1)
    order = np.argsort(left_mw, axis=1, kind="stable")
    # Every slot GROUPS times, so that groups are equal whatever the number of slots.
    left = np.maximum(np.take_along_axis(left_mw, order, axis=1), 0.0)
    lost = np.maximum(np.take_along_axis(dearer_cny, order, axis=1), 0.0)
    lost = np.repeat(lost, GROUPS, axis=1).reshape(shape).mean(axis=2) / GROUPS
    return np.repeat(left, GROUPS, axis=1).reshape(shape).mean(axis=2), lost
