"""What the coming hours bring, as far as it is known now: tariffs, the grid, weather.

Tariffs are published ahead, and a measured series of prices is read as day-ahead prices. Nothing
else of the future is known unless it is asked for: by default wind, sun and cooling go from what
they are now to what is usual for the month and hour, and what events make of the grid stays as it
is. With ``perfect`` comes what will come. Beyond the end of the run its last day goes on.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from computenet.compiled import CompiledScenario
from computenet.energy import Usual, expected_ahead
from computenet.policies.protocol import SystemView
from computenet.units import SECONDS_PER_DAY, SECONDS_PER_HOUR

__all__ = [
    "OutlookName",
    "emission_ahead",
    "generation_ahead",
    "generation_price_ahead",
    "limit_ahead",
    "price_ahead",
    "pue_ahead",
    "slot_now",
    "slots_ahead",
    "slots_of_a_day",
    "within_run",
]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
#: How wind, sun, cooling and the grid are foreseen.
OutlookName = Literal["persistence", "perfect"]


def slot_now(view: SystemView) -> int:
    """Return the accounting slot of now; its weather is taken as measured."""
    return min(int(view.now_s / view.compiled.slot_s + 1e-9), view.compiled.n_slots - 1)


def slots_of_a_day(compiled: CompiledScenario) -> int:
    """Return how many accounting slots a day has."""
    return max(round(SECONDS_PER_DAY / compiled.slot_s), 1)


def slots_ahead(view: SystemView) -> I8:
    """Return the slots of the day ahead, the first that of now; they may lie beyond the run."""
    now = slot_now(view)
    return np.arange(now, now + slots_of_a_day(view.compiled))


def within_run(compiled: CompiledScenario, slots: I8) -> I8:
    """Return slots with those beyond the run replaced by the same times of its last day."""
    a_day, last = slots_of_a_day(compiled), compiled.n_slots - 1
    back = slots - a_day * -(-np.maximum(slots - last, 0) // a_day)
    return np.where(back >= 0, back, last)


def price_ahead(view: SystemView, slots: I8, outlook: OutlookName) -> F8:
    """Return prices of grid energy, ``(I, n)``, CNY/MWh.

    Parameters
    ----------
    slots
        ``(n,)`` as `slots_ahead` gives them.
    """
    sites, at = view.compiled.sites, within_run(view.compiled, slots)
    if outlook == "perfect":
        return sites.price_cny_per_mwh[:, at]
    factor = view.compiled.energy.price_factor[:, [slot_now(view)]]
    expected: F8 = sites.tariff_cny_per_mwh[:, at] * factor
    return expected


def emission_ahead(view: SystemView, slots: I8, outlook: OutlookName) -> F8:
    """Return the grid's emissions, ``(I, n)``, kg/MWh: those of the same time yesterday.

    On the first day those of now. What events make of them stays as it is.
    """
    compiled = view.compiled
    physical, at = compiled.energy, within_run(compiled, slots)
    if outlook == "perfect":
        return physical.emission_kg_per_mwh[:, at]
    now, a_day = slot_now(view), slots_of_a_day(compiled)
    past = slots - a_day * -(-np.maximum(slots - now, 0) // a_day)
    past = np.where(past >= 0, past, now)
    factor = physical.emission_factor
    plain = np.divide(physical.emission_kg_per_mwh, factor, out=np.zeros_like(factor),
                      where=factor > 0.0)  # fmt: skip
    expected: F8 = plain[:, past] * factor[:, [now]]
    return expected


def limit_ahead(view: SystemView, slots: I8, outlook: OutlookName) -> F8:
    """Return the most that sites may import, ``(I, n)``, MW."""
    limit = view.compiled.energy.limit_mw
    if outlook == "perfect":
        return limit[:, within_run(view.compiled, slots)]
    return np.tile(limit[:, [slot_now(view)]], (1, len(slots)))


def generation_ahead(view: SystemView, slots: I8, outlook: OutlookName) -> F8:
    """Return what wind and sun of the sites' own give, ``(I, n)``, MW."""
    physical = view.compiled.energy

    def made(at: I8 | list[int]) -> F8:
        total: F8 = physical.onsite_mw[:, at] + physical.direct_mw[:, at]
        return total

    if outlook == "perfect":
        return made(within_run(view.compiled, slots))
    now = made([slot_now(view)])[:, 0]
    return np.maximum(_weather_ahead(view, now, physical.usual_mw, slots), 0.0)


def generation_price_ahead(view: SystemView, slots: I8, outlook: OutlookName) -> F8:
    """Return the mean price of the sites' own wind and sun, ``(I, n)``, CNY/MWh."""
    price = view.compiled.energy.generation_cny_per_mwh
    if outlook == "perfect":
        return price[:, within_run(view.compiled, slots)]
    return np.tile(price[:, [slot_now(view)]], (1, len(slots)))


def pue_ahead(view: SystemView, slots: I8, outlook: OutlookName) -> F8:
    """Return PUE at the reference load, ``(I, n)``."""
    physical = view.compiled.energy
    if outlook == "perfect":
        return physical.pue[:, within_run(view.compiled, slots)]
    now = physical.pue[:, slot_now(view)]
    return np.maximum(_weather_ahead(view, now, physical.usual_pue, slots), 1.0)


def _weather_ahead(view: SystemView, now: F8, usual: Usual, slots: I8) -> F8:
    begin_s = slots * view.compiled.slot_s - view.now_s
    lead_h = np.maximum(begin_s, 0.0) / SECONDS_PER_HOUR
    at = within_run(view.compiled, slots)
    return expected_ahead(now, usual, slot_now(view), at, lead_h)
