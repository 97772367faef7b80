"""Electric power of accelerators and the facility around them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from computenet.units import SECONDS_PER_HOUR, WATTS_PER_MW

__all__ = ["capped", "facility_energy_mwh", "pool_it_energy_mwh", "site_sum"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
I4 = NDArray[np.int32]


def pool_it_energy_mwh(
    idle_w: F8,
    overhead_w: F8,
    active_w: F8,
    on_accelerator_s: F8,
    load_accelerator_s: F8,
) -> F8:
    """Return the IT energy of pools by accounting slot, ``(P, S)``, MWh.

    ``E = ((P_idle + P_overhead) t_on + P_active x load) / 3.6e9``: an accelerator that is
    switched on draws its idle power and its share of the server's overhead all the time, and
    ``P_active = P_max - P_idle`` times its activity while it works (idle plus slope; Fan, Weber
    and Barroso, ISCA 2007).

    Parameters
    ----------
    idle_w, overhead_w, active_w
        ``(P,)`` watts per accelerator.
    on_accelerator_s
        ``(P, S)`` accelerator-seconds switched on; the draw of those that are off is counted as
        the part of it that it is of idle power.
    load_accelerator_s
        ``(P, S)`` busy accelerator-seconds weighted by activity (0 to 1).
    """
    on_ws = (idle_w + overhead_w)[:, None] * on_accelerator_s
    energy: F8 = (on_ws + active_w[:, None] * load_accelerator_s) / (
        WATTS_PER_MW * SECONDS_PER_HOUR
    )
    return energy


def capped(activity: F8, cap: float) -> tuple[F8, F8]:
    """Return the activity and the relative speed of work under a power cap.

    Dynamic power goes with the cube of the clock where voltage follows it (T. Mudge, "Power: a
    first-class architectural design constraint", IEEE Computer 34(4), 2001), so work that would
    draw a share `a` of the power above idle runs at ``(cap / a)^(1/3)`` of its speed where
    ``a > cap``, and as before where it does not.

    Parameters
    ----------
    activity
        Share of the power above idle that the work draws, 0 to 1, any shape.
    cap
        Most that may be drawn, above 0.

    Returns
    -------
    tuple
        Activity and speed, of the same shape.
    """
    over = np.maximum(activity / cap, 1.0)
    return np.minimum(activity, cap), over ** (-1.0 / 3.0)


def site_sum(values: F8, site_of_pool: I4, n_sites: int) -> F8:
    """Return ``(P, S)`` values added up by site, ``(I, S)``."""
    total = np.zeros((n_sites, values.shape[1]))
    np.add.at(total, site_of_pool, values)
    return total


def facility_energy_mwh(it_mwh: F8, pue: F8) -> F8:
    """Return facility energy ``PUE x IT``, both ``(I, S)``, MWh."""
    energy: F8 = it_mwh * pue
    return energy
