"""Carbon, green power and water."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["hourly_matched_green_share", "location_carbon_kg", "water_m3"]

F8 = NDArray[np.float64]


def location_carbon_kg(import_mwh: F8, emission_kg_per_mwh: F8) -> F8:
    """Return location-based emissions, ``(I, S)``, kg CO2.

    Grid import times the provincial average factor (GHG Protocol Scope 2, location-based method).

    Parameters
    ----------
    import_mwh
        ``(I, S)`` grid import, MWh.
    emission_kg_per_mwh
        ``(I,)`` factor, kg/MWh.
    """
    carbon: F8 = import_mwh * emission_kg_per_mwh[:, None]
    return carbon


def hourly_matched_green_share(load_mwh: F8, contract_share: F8) -> float:
    """Return the share of load matched, slot by slot, by green contracts; 0 without load.

    A contract delivers a flat profile of its share of the site's mean load:
    ``sum min(load, share x mean) / sum load``.

    Parameters
    ----------
    load_mwh
        ``(I, S)`` facility energy of equal slots, MWh.
    contract_share
        ``(I,)`` share of the run's energy under contract.
    """
    total = float(load_mwh.sum())
    if total <= 0.0:
        return 0.0
    flat = contract_share * load_mwh.mean(axis=1)
    return float(np.minimum(load_mwh, flat[:, None]).sum()) / total


def water_m3(it_mwh: F8, water_l_per_kwh: F8) -> F8:
    """Return water use, ``(I, S)``, m3: litres per kWh equal cubic metres per MWh."""
    water: F8 = it_mwh * water_l_per_kwh[:, None]
    return water
