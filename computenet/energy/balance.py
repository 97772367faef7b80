"""A site's power from slot to slot: generation, storage by rule or plan, import, curtailment.

Power is constant within a slot. ``generation + import + discharge = load + charge + curtailed``
holds in every slot; losses stay in the store.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from computenet.kernels._jit import njit

__all__ = ["RULES", "Balance", "Battery", "balance_sites", "settled_balance"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]

#: Rules of storage: none; store surplus and give it back at once; besides, fill in valley hours and
#: give back in peak hours only; keep import at a target; follow a plan's set-points.
RULES = {"none": 0, "self-consumption": 1, "arbitrage": 2, "peak-shaving": 3, "plan": 4}
_ARBITRAGE, _PEAK_SHAVING, _PLAN = 2, 3, 4
#: Times in a row after which a store has settled, within the share of it that does not matter.
_MOST_TIMES, _SETTLED = 30, 1e-6


class Battery(NamedTuple):
    """Storage of sites, axis ``I``."""

    power_mw: F8
    energy_mwh: F8
    efficiency: F8  # round trip; half of the loss each way
    initial: F8  # state of charge at the start, 0 to 1
    rule: I8  # see `RULES`
    target_mw: F8  # import aimed at by peak shaving


class Balance(NamedTuple):
    """Energies by site and slot, ``(I, S)``, MWh."""

    used: F8  # generation that met load or filled the store
    imported: F8
    charged: F8  # into the store, before losses
    discharged: F8  # out of the store, after losses
    stored: F8  # at the end of the slot
    curtailed: F8  # generation without use
    curtailed_power: F8  # of it, because the store takes no more power; the rest: it is full
    unserved: F8  # load beyond what the import limit lets in


@njit
def _steps(
    load: F8,
    generation: F8,
    hours: F8,
    fill: NDArray[np.bool_],
    give: NDArray[np.bool_],
    setpoint_mw: F8,
    limit_mw: F8,
    power_mw: F8,
    energy_mwh: F8,
    each_way: F8,
    rule: I8,
    target_mw: F8,
    stored_mwh: F8,
    out: F8,
) -> None:
    """Write the eight energies of every site and slot to ``out``, ``(8, I, S)``."""
    for i in range(load.shape[0]):
        stored = stored_mwh[i]
        eta = each_way[i]
        for s in range(load.shape[1]):
            most = power_mw[i] * hours[s]
            limit = limit_mw[i, s] * hours[s]
            net = load[i, s] - generation[i, s]
            surplus, deficit = max(-net, 0.0), max(net, 0.0)
            room = (energy_mwh[i] - stored) / eta
            ready = stored * eta
            charge, discharge = 0.0, 0.0
            if rule[i] == _PLAN:
                wanted = setpoint_mw[i, s] * hours[s]
                if wanted > 0.0:
                    discharge = min(wanted, most, ready, deficit)
                else:
                    charge = min(-wanted, most, room, surplus + max(limit - deficit, 0.0))
            elif rule[i] > 0:
                charge = min(surplus, most, room)
                if rule[i] == _ARBITRAGE:
                    if fill[i, s]:
                        spare = surplus - charge + max(limit - deficit, 0.0)
                        charge += min(most - charge, room - charge, spare)
                    elif give[i, s]:
                        discharge = min(deficit, most, ready)
                elif rule[i] == _PEAK_SHAVING:
                    aim = target_mw[i] * hours[s]
                    if deficit > aim:
                        discharge = min(deficit - aim, most, ready)
                    else:
                        spare = min(aim, limit) - deficit
                        charge += max(min(most - charge, room - charge, spare), 0.0)
                else:
                    discharge = min(deficit, most, ready)
            # Beyond the import limit the store helps whatever its rule.
            if deficit - discharge > limit and charge == 0.0:
                discharge += min(deficit - discharge - limit, most - discharge, ready - discharge)
            from_surplus = min(charge, surplus)
            curtailed = surplus - from_surplus
            bought = deficit + (charge - from_surplus) - discharge
            unserved = max(bought - limit, 0.0)
            stored += charge * eta - discharge / eta
            stored = min(max(stored, 0.0), energy_mwh[i])
            out[0, i, s] = generation[i, s] - curtailed
            out[1, i, s] = bought - unserved
            out[2, i, s] = charge
            out[3, i, s] = discharge
            out[4, i, s] = stored
            out[5, i, s] = curtailed
            if curtailed > 0.0 and most > 0.0 and charge >= most * (1.0 - 1e-12):
                out[6, i, s] = curtailed
            out[7, i, s] = unserved


def balance_sites(
    load_mwh: F8,
    generation_mwh: F8,
    hours: F8,
    price_cny_per_mwh: F8,
    battery: Battery,
    limit_mw: F8,
    setpoint_mw: F8 | None = None,
    stored_mwh: F8 | None = None,
    day_of_slot: NDArray[np.integer] | None = None,
) -> Balance:
    """Return how each site's load was met.

    Parameters
    ----------
    load_mwh, generation_mwh
        ``(I, S)`` facility load, and generation at the site or on its direct line.
    hours
        ``(S,)`` length of the slots.
    price_cny_per_mwh
        ``(I, S)``; arbitrage fills in slots at the site's lowest price of the day and gives back
        at its highest.
    battery
        Storage; power 0 = none.
    limit_mw
        ``(I, S)`` most import; infinite = no limit.
    setpoint_mw
        ``(I, S)`` discharge, negative = charge; rule ``plan`` only.
    stored_mwh
        ``(I,)`` energy stored at the start; ``None`` = as `battery` says.
    day_of_slot
        ``(S,)`` day that each slot is in, rising; ``None`` = all are one day.
    """
    sites, slots = load_mwh.shape
    low, high = _extremes(price_cny_per_mwh, hours, day_of_slot)
    rounding = 1e-9 * np.maximum(np.abs(low), np.abs(high))
    differ = high > low + rounding
    fill = (price_cny_per_mwh <= low + rounding) & differ
    give = (price_cny_per_mwh >= high - rounding) & differ
    out = np.zeros((8, sites, slots))
    _steps(
        np.ascontiguousarray(load_mwh), np.ascontiguousarray(generation_mwh), hours, fill, give,
        np.zeros((sites, slots)) if setpoint_mw is None else setpoint_mw, limit_mw,
        battery.power_mw, battery.energy_mwh, np.sqrt(battery.efficiency), battery.rule,
        battery.target_mw,
        battery.initial * battery.energy_mwh if stored_mwh is None else stored_mwh, out,
    )  # fmt: skip
    return Balance(*out)


def _extremes(price: F8, hours: F8, day_of_slot: NDArray[np.integer] | None) -> tuple[F8, F8]:
    """Return the lowest and highest price of the day of each slot, ``(I, S)``.

    Of a day that the slots hold a part of, it is the 24 hours beside it that count too.
    """
    slots = price.shape[1]
    low, high = np.empty_like(price), np.empty_like(price)
    first = [0] if day_of_slot is None else np.flatnonzero(np.diff(day_of_slot, prepend=-1))
    whole = slots if day_of_slot is None else max(round(24.0 / float(hours[0])), 1)
    for begin, end in pairwise([*map(int, first), slots]):
        day = slice(min(begin, max(end - whole, 0)), max(end, min(begin + whole, slots)))
        low[:, begin:end] = price[:, day].min(axis=1, keepdims=True)
        high[:, begin:end] = price[:, day].max(axis=1, keepdims=True)
    return low, high


def settled_balance(
    load_mwh: F8,
    generation_mwh: F8,
    hours: F8,
    price_cny_per_mwh: F8,
    battery: Battery,
    limit_mw: F8,
    setpoint_mw: F8 | None = None,
) -> Balance:
    """Return how load was met, had the slots before been like these: storage ends as it began.

    Arguments are those of `balance_sites`. The slots are repeated with the storage's own rule until
    no store changes by more than a millionth, at most thirty times.
    """
    stored = battery.initial * battery.energy_mwh
    for _ in range(_MOST_TIMES):
        found = balance_sites(
            load_mwh, generation_mwh, hours, price_cny_per_mwh, battery, limit_mw, setpoint_mw,
            stored,
        )  # fmt: skip
        change = np.abs(found.stored[:, -1] - stored)
        stored = found.stored[:, -1].copy()
        if (change <= _SETTLED * battery.energy_mwh).all():
            break
    return found
