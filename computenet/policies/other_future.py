"""A view in a world that is the same until now and another one after: does a policy look ahead?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from computenet.policies.outlook import slot_now
from computenet.policies.protocol import SystemView

__all__ = ["other_future"]

F8 = NDArray[np.float64]
SEED = 3
#: Most import after the present slot, MW.
LIMIT_MW = 0.05


def other_future(view: SystemView) -> SystemView:
    """Return the view with other weather and other grid events after the present slot.

    Tariffs are the same, since they are published ahead.
    """
    rng = np.random.default_rng(SEED)
    compiled = view.compiled
    energy, sites = compiled.energy, compiled.sites
    later = np.arange(compiled.n_slots) > slot_now(view)

    def moved(values: F8, low: float, high: float) -> F8:
        return np.where(later, values * rng.uniform(low, high, values.shape), values)

    price, emission = (
        moved(factor, 0.1, 3.0) for factor in (energy.price_factor, energy.emission_factor)
    )
    changed = replace(
        energy,
        pue=moved(energy.pue, 1.0, 1.5),
        water_l_per_kwh=moved(energy.water_l_per_kwh, 0.5, 2.0),
        temperature_c=np.where(later, energy.temperature_c + 8.0, energy.temperature_c),
        price_factor=price,
        emission_factor=emission,
        emission_kg_per_mwh=moved(energy.emission_kg_per_mwh, 0.1, 3.0),
        onsite_mw=moved(energy.onsite_mw, 0.0, 9.0),
        direct_mw=moved(energy.direct_mw, 0.0, 9.0),
        pv_mw=moved(energy.pv_mw, 0.0, 9.0),
        wind_mw=moved(energy.wind_mw, 0.0, 9.0),
        limit_mw=np.where(later, LIMIT_MW, energy.limit_mw),
    )
    prices = sites.tariff_cny_per_mwh * price
    sites = replace(sites, price_cny_per_mwh=prices)
    return replace(view, compiled=replace(compiled, energy=changed, sites=sites))
