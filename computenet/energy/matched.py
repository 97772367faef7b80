"""Green electricity matched with consumption in the slot of its use, as 24/7 scores count it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from computenet.energy.balance import Balance, Battery
from computenet.kernels._jit import njit

__all__ = ["matched_mwh"]

F8 = NDArray[np.float64]


@njit
def _steps(
    load: F8,
    used: F8,
    imported: F8,
    charged: F8,
    discharged: F8,
    stored: F8,
    flat: F8,
    each_way: F8,
    initial: F8,
    out: F8,
) -> None:
    """Write what is matched of each site and slot, ``(I, S)``."""
    for i in range(load.shape[0]):
        before, green, eta = initial[i], 0.0, each_way[i]
        for s in range(load.shape[1]):
            own = min(used[i, s], load[i, s])
            surplus = used[i, s] - own
            bought_to_store = max(charged[i, s] - surplus, 0.0)
            contract = min(flat[i, s], max(imported[i, s] - bought_to_store, 0.0))
            given = 0.0
            if discharged[i, s] > 0.0 and before > 0.0:
                part = min(green / before, 1.0)
                given = part * discharged[i, s]
                green = max(green - given / eta, 0.0)
            green += (surplus + min(flat[i, s] - contract, bought_to_store)) * eta
            out[i, s] = min(own + contract + given, load[i, s])
            before = stored[i, s]
            green = min(green, before)


def matched_mwh(
    load_mwh: F8, balance: Balance, battery: Battery, contract_mwh: F8, hours: F8
) -> F8:
    """Return the consumption of every slot that green electricity met in that slot, ``(I, S)``.

    That is the contracted part of a 24/7 score (Google, *24/7 Carbon-Free Energy: Methodologies
    and Metrics*, 2021): own generation, then contracts as a flat profile, up to the load of the
    same site. Certificates are not of an hour, and the clean part of the grid's mix is left out.
    What is stored counts when it is given back, after losses: a store gives green energy in the
    proportion it holds, and what it held at the start is not green.

    Parameters
    ----------
    load_mwh
        ``(I, S)`` facility load that was met.
    contract_mwh
        ``(I,)`` delivered under contracts, spread over the run by the length of slots.
    hours
        ``(S,)`` length of the slots.
    """
    flat = contract_mwh[:, None] * (hours / max(float(hours.sum()), 1e-300))
    out = np.zeros(load_mwh.shape)
    _steps(
        np.ascontiguousarray(load_mwh), balance.used, balance.imported, balance.charged,
        balance.discharged, balance.stored, flat, np.sqrt(battery.efficiency),
        battery.initial * battery.energy_mwh, out,
    )  # fmt: skip
    return out
