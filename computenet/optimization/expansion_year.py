"""A year of electricity of every site and stage, on representative days."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["EnergyYear"]

F8 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class EnergyYear:
    """A year of electricity on representative days, the same days for every site and stage.

    Attributes
    ----------
    days
        Names of the days.
    day_weight
        ``(days,)`` days of the year that each stands for, 365 in all.
    serving_shape
        ``(H,)`` load of requests over its mean of the year.
    pue, price, emission
        ``(I, Y, H)``: facility over IT power; CNY/kWh; kg/kWh.
    output
        ``(2, I, H)`` output over capacity of pv and wind.
    today
        ``(I, H)`` output of generators that exist.
    today_cost
        ``(I,)`` paid for it when used, CNY/kWh.
    most_import
        ``(I, H)`` of grid power; infinite = no limit.
    peak_cost
        ``(I,)`` demand charge of a year, kCNY/kW.
    battery_power, battery_energy
        ``(I,)`` of batteries that exist.
    battery_hours, efficiency, cycle_cost
        Energy over power of new ones; round trip; wear, CNY/kWh given back.
    contract_share
        ``(I, Y)`` most of the year's grid power that can be bought green.
    contract_cost
        Premium, CNY/kWh.
    green_share
        ``(I, Y)`` least green part of the year's electricity; 0 = none.
    flexible_share, flexible_room
        Part of the jobs' energy that may move within the day; most power over its mean.
    unserved_cost, short_cost, over_cost
        In the model only: power not had and green power short of the target, CNY/kWh; emissions
        over the cap, kCNY/t. All are far above what leaving the work undone costs, and power not
        had above green power short.
    carbon_cost
        ``(Y,)`` kCNY/t.
    """

    days: tuple[str, ...]
    day_weight: F8
    serving_shape: F8
    pue: F8
    price: F8
    emission: F8
    output: F8
    today: F8
    today_cost: F8
    most_import: F8
    peak_cost: F8
    battery_power: F8
    battery_energy: F8
    battery_hours: float
    efficiency: float
    cycle_cost: float
    contract_share: F8
    contract_cost: float
    green_share: F8
    flexible_share: float
    flexible_room: float
    unserved_cost: float
    short_cost: float
    over_cost: float
    carbon_cost: F8

    @property
    def hours(self) -> int:
        """Hours of the representative days together."""
        return len(self.serving_shape)

    @property
    def hour_weight(self) -> F8:
        """Energy of a constant unit of power in each hour over the year, ``(H,)``.

        Unit MWh of unit kW, so the weights of a year sum to 8.76.
        """
        weight: F8 = np.repeat(self.day_weight, 24) / 1000.0
        return weight
