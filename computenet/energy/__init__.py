"""Energy, money, carbon and water as pure array functions.

The simulator charges with them, policies and optimisers take their coefficients from them, the
report recomputes from them: a formula stands here once.
"""

from computenet.energy.balance import RULES, Balance, Battery, balance_sites, settled_balance
from computenet.energy.cooling import load_penalty
from computenet.energy.footprint import location_carbon_kg, water_m3
from computenet.energy.ledger import Ledger, green_ledger
from computenet.energy.matched import matched_mwh
from computenet.energy.power import capped, facility_energy_mwh, pool_it_energy_mwh, site_sum
from computenet.energy.tariff import (
    demand_charge_cny,
    energy_cost_cny,
    hourly_to_slots,
    month_index,
)
from computenet.energy.usual import Usual, expected_ahead
from computenet.energy.weather import Climate, Weather

__all__ = [
    "RULES",
    "Balance",
    "Battery",
    "Climate",
    "Ledger",
    "Usual",
    "Weather",
    "balance_sites",
    "capped",
    "demand_charge_cny",
    "energy_cost_cny",
    "expected_ahead",
    "facility_energy_mwh",
    "green_ledger",
    "hourly_to_slots",
    "load_penalty",
    "location_carbon_kg",
    "matched_mwh",
    "month_index",
    "pool_it_energy_mwh",
    "settled_balance",
    "site_sum",
    "water_m3",
]
