"""Money for electricity: time-of-use energy and a monthly demand charge."""

from __future__ import annotations

import calendar
from datetime import datetime, timedelta, timezone

import numpy as np
from numpy.typing import NDArray

from computenet.units import SECONDS_PER_DAY, SECONDS_PER_HOUR

__all__ = ["day_index", "demand_charge_cny", "energy_cost_cny", "hourly_to_slots", "month_index"]

F8 = NDArray[np.float64]
I4 = NDArray[np.int32]


def _local(start: datetime, utc_offset_h: float) -> datetime:
    return start.astimezone(timezone(timedelta(hours=utc_offset_h)))


def hourly_to_slots(
    by_month_and_hour: F8,
    start: datetime,
    utc_offset_h: float,
    slot_s: float,
    n_slots: int,
    horizon_s: float,
) -> F8:
    """Return the mean of an hourly series over each accounting slot, ``(S,)``.

    Parameters
    ----------
    by_month_and_hour
        ``(12, 24)`` value of each local hour of the day in each month.
    start
        Start of the run, aware of its zone.
    utc_offset_h
        Local time of the series.
    slot_s, n_slots, horizon_s
        The accounting slots; the last ends at the horizon.
    """
    local = _local(start, utc_offset_h)
    first = local.replace(minute=0, second=0, microsecond=0)
    lead_s = (local - first).total_seconds()
    hours = int(np.ceil((lead_s + horizon_s) / SECONDS_PER_HOUR)) + 1
    values = np.empty(hours)
    for index in range(hours):
        when = first + timedelta(hours=index)
        values[index] = by_month_and_hour[when.month - 1, when.hour]
    # The integral of the series is piecewise linear; a slot's mean is a difference of it.
    knots_s = np.arange(hours + 1) * SECONDS_PER_HOUR - lead_s
    integral = np.concatenate([[0.0], np.cumsum(values * SECONDS_PER_HOUR)])
    edges_s = np.minimum(np.arange(n_slots + 1, dtype=np.float64) * slot_s, horizon_s)
    low = np.clip(((edges_s[:-1] + lead_s) // SECONDS_PER_HOUR).astype(np.int64), 0, hours - 1)
    inside = edges_s[1:] <= knots_s[low + 1]
    mean: F8 = np.diff(np.interp(edges_s, knots_s, integral)) / np.diff(edges_s)
    # A slot within one hour gets that hour's value itself, without rounding.
    return np.where(inside, values[low], mean)


def month_index(
    start: datetime, slot_s: float, n_slots: int, horizon_s: float, utc_offset_h: float
) -> tuple[I4, F8]:
    """Return the running month of each slot and the share of each month in the run.

    Returns
    -------
    tuple
        ``(S,)`` month 0, 1, … of the slot's beginning, local time; ``(M,)`` share of the calendar
        month's seconds that the run covers.
    """
    local = _local(start, utc_offset_h)
    bounds_s: list[float] = []
    shares: list[float] = []
    year, month = local.year, local.month
    begin_s = 0.0
    while begin_s < horizon_s:
        days = calendar.monthrange(year, month)[1]
        following = (year + 1, 1) if month == 12 else (year, month + 1)
        end = local.replace(
            year=following[0], month=following[1], day=1, hour=0, minute=0, second=0, microsecond=0
        )
        end_s = (end - local).total_seconds()
        stop_s = min(end_s, horizon_s)
        shares.append((stop_s - begin_s) / (days * SECONDS_PER_DAY))
        bounds_s.append(end_s)
        begin_s = end_s
        year, month = following
    starts_s = np.arange(n_slots) * slot_s
    index = np.searchsorted(np.asarray(bounds_s), starts_s, side="right")
    return np.minimum(index, len(shares) - 1).astype(np.int32), np.asarray(shares)


def day_index(start: datetime, slot_s: float, n_slots: int, utc_offset_h: float) -> I4:
    """Return the running day of each slot's beginning, local time, ``(S,)``."""
    local = _local(start, utc_offset_h)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    since_s = (local - midnight).total_seconds() + np.arange(n_slots) * slot_s
    return (since_s // SECONDS_PER_DAY).astype(np.int32)


def energy_cost_cny(facility_mwh: F8, price_cny_per_mwh: F8) -> F8:
    """Return the energy charge ``E x price``, ``(I, S)``, CNY."""
    cost: F8 = facility_mwh * price_cny_per_mwh
    return cost


def demand_charge_cny(
    facility_mw: F8, month_of_slot: I4, month_share: F8, charge_cny_per_mw_month: F8
) -> F8:
    """Return the demand charge of each site, ``(I,)``, CNY.

    The highest slot mean of each month times the charge, times the share of the month that the run
    covers: a run of a week pays a quarter of the month's charge on its own maximum.
    In a month in which no slot lies nothing is charged.

    Parameters
    ----------
    facility_mw
        ``(I, S)`` mean facility power of the slots.
    month_of_slot, month_share
        From `month_index`.
    charge_cny_per_mw_month
        ``(I,)``.
    """
    total = np.zeros(len(facility_mw))
    for month, share in enumerate(month_share):
        inside = month_of_slot == month
        if inside.any():
            total += facility_mw[:, inside].max(axis=1) * charge_cny_per_mw_month * share
    return total
