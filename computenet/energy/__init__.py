"""Energy, money, carbon and water as pure array functions.

The simulator charges with them, policies and optimisers take their coefficients from them, the
report recomputes from them: a formula stands here once.
"""

from computenet.energy.footprint import hourly_matched_green_share, location_carbon_kg, water_m3
from computenet.energy.power import facility_energy_mwh, pool_it_energy_mwh, site_sum
from computenet.energy.tariff import (
    demand_charge_cny,
    energy_cost_cny,
    hourly_to_slots,
    month_index,
)

__all__ = [
    "demand_charge_cny",
    "energy_cost_cny",
    "facility_energy_mwh",
    "hourly_matched_green_share",
    "hourly_to_slots",
    "location_carbon_kg",
    "month_index",
    "pool_it_energy_mwh",
    "site_sum",
    "water_m3",
]
