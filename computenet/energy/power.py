"""Electric power of accelerators and the facility around them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from computenet.units import SECONDS_PER_HOUR, WATTS_PER_MW

__all__ = ["facility_energy_mwh", "pool_it_energy_mwh", "site_sum"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
I4 = NDArray[np.int32]


def pool_it_energy_mwh(
    idle_w: F8,
    overhead_w: F8,
    active_w: F8,
    accelerators: I8,
    available_s: F8,
    load_accelerator_s: F8,
) -> F8:
    """Return the IT energy of pools by accounting slot, ``(P, S)``, MWh.

    ``E = ((P_idle + P_overhead) n t_on + P_active x load) / 3.6e9``: an accelerator that is
    switched on draws its idle power and its share of the server's overhead all the time, and
    ``P_active = P_max - P_idle`` times its activity while it works (idle plus slope; Fan, Weber
    and Barroso, ISCA 2007).

    Parameters
    ----------
    idle_w, overhead_w, active_w
        ``(P,)`` watts per accelerator.
    accelerators
        ``(P,)`` accelerators switched on.
    available_s
        ``(P, S)`` seconds of the slot the pool was up.
    load_accelerator_s
        ``(P, S)`` busy accelerator-seconds weighted by activity (0 to 1).
    """
    on_ws = ((idle_w + overhead_w) * accelerators)[:, None] * available_s
    energy: F8 = (on_ws + active_w[:, None] * load_accelerator_s) / (
        WATTS_PER_MW * SECONDS_PER_HOUR
    )
    return energy


def site_sum(values: F8, site_of_pool: I4, n_sites: int) -> F8:
    """Return ``(P, S)`` values added up by site, ``(I, S)``."""
    total = np.zeros((n_sites, values.shape[1]))
    np.add.at(total, site_of_pool, values)
    return total


def facility_energy_mwh(it_mwh: F8, pue: F8) -> F8:
    """Return facility energy ``PUE x IT``, both ``(I, S)``, MWh."""
    energy: F8 = it_mwh * pue
    return energy
