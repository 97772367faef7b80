"""Carbon and water."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["location_carbon_kg", "water_m3"]

F8 = NDArray[np.float64]


def location_carbon_kg(import_mwh: F8, emission_kg_per_mwh: F8) -> F8:
    """Return location-based emissions, ``(I, S)``, kg CO2.

    Grid import times the provincial average factor (GHG Protocol Scope 2, location-based method).

    Parameters
    ----------
    import_mwh
        ``(I, S)`` grid import, MWh.
    emission_kg_per_mwh
        ``(I, S)`` factor, kg/MWh.
    """
    carbon: F8 = import_mwh * emission_kg_per_mwh
    return carbon


def water_m3(it_mwh: F8, water_l_per_kwh: F8) -> F8:
    """Return water use, ``(I, S)``, m3: litres per kWh equal cubic metres per MWh."""
    water: F8 = it_mwh * water_l_per_kwh
    return water
