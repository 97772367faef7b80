"""What dispatch decisions cost, computed from the decisions with the formulas of :mod:`energy`.

The model's objective is the same quantity another way; the two agree to rounding.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from computenet.energy import (
    demand_charge_cny,
    energy_cost_cny,
    facility_energy_mwh,
    location_carbon_kg,
    site_sum,
)
from computenet.optimization.dispatch_problem import DispatchProblem
from computenet.optimization.dispatch_result import Dispatch
from computenet.units import KG_PER_TONNE, SECONDS_PER_HOUR, WATTS_PER_MW

__all__ = ["DispatchCost", "dispatch_cost", "facility_mw"]

F8 = NDArray[np.float64]


class DispatchCost(NamedTuple):
    """Terms of the objective, CNY."""

    energy: float  # import at the tariff
    green: float  # premium on green import
    generation: float  # generation used
    cycling: float  # wear of storage
    demand_charge: float  # highest import beyond the month's so far
    carbon: float  # price of emissions
    requests: float  # transfer and others of requests served
    unmet: float  # requests not served
    shipping: float  # data shipped, and held at sites
    waiting: float  # work that waits
    late: float  # work that is late
    unfinished: float  # work left at the end
    switching: float  # accelerators lent and given back
    stored: float  # value of energy in the store at the end, negative
    relaxed: float  # unserved load, green share and carbon cap that gave way

    @property
    def total(self) -> float:
        """The objective."""
        return float(sum(self))


def facility_mw(problem: DispatchProblem, plan: Dispatch) -> F8:
    """Return the facility power of sites, ``(T, I)``, MW."""
    work, requests, fleet = problem.work, problem.requests, problem.fleet
    n = len(fleet.sites)
    by_pool = np.einsum("tjp,jp->pt", plan.training, work.active_w) / WATTS_PER_MW
    it = site_sum(by_pool, fleet.pool_site.astype(np.int32), n)
    of_arc = (plan.served_per_s * requests.arc_it_mwh * SECONDS_PER_HOUR).T
    pool = requests.group_pool[requests.arc_group]
    it += site_sum(of_arc, fleet.pool_site[pool].astype(np.int32), n)
    return facility_energy_mwh(problem.power.fixed_mw + it.T, problem.power.pue)


def dispatch_cost(problem: DispatchProblem, plan: Dispatch) -> DispatchCost:
    """Return what the decisions of a plan cost.

    Only decisions are read: accelerators, requests, shipments, set-points, generation used, green
    import, load unserved and accelerators lent. Import, what waits or is late, peaks, emissions and
    what is left at the end follow from them.
    """
    work, power, carry, h = problem.work, problem.power, problem.carry, problem.hours[:, None]
    requests, green = problem.requests, problem.green
    imported = (
        facility_mw(problem, plan) + plan.charge_mw - plan.discharge_mw - plan.generation_mw
        - plan.unserved_mw
    )  # fmt: skip
    seconds = h * SECONDS_PER_HOUR
    done = h * np.einsum("tjp,jp->tj", plan.training, work.speed)
    left = carry.backlog_accelerator_h + np.cumsum(work.arrivals_accelerator_h - done, axis=0)
    late = np.maximum(left - problem.not_due_accelerator_h, 0.0)
    late_cny = np.where(np.isinf(work.late_cny), problem.deadline_cny, work.late_cny)
    late_cny = np.where(np.isinf(late_cny), 0.0, late_cny)
    eta = np.sqrt(power.battery_efficiency)
    stored = carry.stored_mwh + (h * (eta * plan.charge_mw - plan.discharge_mw / eta)).sum(axis=0)
    moved = np.abs(np.diff(plan.lent, axis=0, prepend=carry.lent[None, :]))
    switch = np.where(np.isinf(problem.fleet.switch_cny), 0.0, problem.fleet.switch_cny)
    premium = carbon = relaxed = 0.0
    if green is not None:
        premium = float((h * green.premium_cny_per_mwh * plan.green_import_mw).sum())
        kg = _emissions_kg(problem, plan, imported)
        carbon = green.carbon_cny_per_t / KG_PER_TONNE * float(kg.sum())
        relaxed = _given_way(problem, plan, imported, kg)
    if not np.isinf(problem.unserved_cny_per_mwh):
        relaxed += problem.unserved_cny_per_mwh * float((h * plan.unserved_mw).sum())
    return DispatchCost(
        energy=float(energy_cost_cny(h * imported, power.price_cny_per_mwh).sum()),
        green=premium,
        generation=float((h * power.generation_cny_per_mwh * plan.generation_mw).sum()),
        cycling=float((h * power.cycle_cny_per_mwh * plan.discharge_mw).sum()),
        demand_charge=_peak_cny(problem, imported),
        carbon=carbon,
        requests=float((seconds * plan.served_per_s * requests.arc_cny).sum()),
        unmet=float((seconds * plan.unmet_per_s * requests.unmet_cny).sum()),
        shipping=_shipping_cny(problem, plan),
        waiting=float((h * left * work.waiting_cny).sum()),
        late=float((h * late * late_cny).sum()),
        unfinished=float((left[-1] * work.unfinished_cny).sum()),
        switching=float((moved * switch).sum()),
        stored=-float((stored * power.stored_cny_per_mwh).sum()),
        relaxed=relaxed,
    )


def _shipping_cny(problem: DispatchProblem, plan: Dispatch) -> float:
    data = problem.data
    if data is None:
        return 0.0
    held = data.holding_cny_per_gb_h * (problem.hours[:, None, None] * plan.buffer_gb).sum()
    return float((plan.shipped_gb * data.price_cny_per_gb).sum() + held)


def _emissions_kg(problem: DispatchProblem, plan: Dispatch, imported: F8) -> F8:
    green, h = problem.green, problem.hours[:, None]
    assert green is not None
    counted = imported - plan.green_import_mw if green.market_based else imported
    return location_carbon_kg(h * counted, green.emission_kg_per_mwh)


def _given_way(problem: DispatchProblem, plan: Dispatch, imported: F8, kg: F8) -> float:
    """Return the price of green shares and carbon caps not met."""
    green, carry, h = problem.green, problem.carry, problem.hours[:, None]
    assert green is not None
    zones = len(green.zones)

    def by_zone(values: F8) -> F8:
        total: F8 = np.bincount(green.zone, values.sum(axis=0), zones).astype(np.float64)
        return total

    counted = carry.green_mwh + by_zone(h * (plan.generation_mw + plan.green_import_mw))
    consumed = carry.consumed_mwh + by_zone(h * (plan.generation_mw + imported))
    total = 0.0
    if not np.isinf(problem.green_short_cny_per_mwh):
        short = np.maximum(green.share_min * consumed - counted, 0.0)
        short = np.where(green.share_min > 0.0, short, 0.0)
        total += problem.green_short_cny_per_mwh * float(short.sum())
    if not np.isinf(problem.carbon_over_cny_per_kg):
        over = np.maximum(carry.carbon_kg + by_zone(kg) - green.carbon_cap_kg, 0.0)
        total += problem.carbon_over_cny_per_kg * float(over.sum())
    return total


def _peak_cny(problem: DispatchProblem, imported: F8) -> float:
    """Return the demand charge of the window beyond what the month's peak so far costs."""
    power = problem.power
    so_far = problem.carry.peak_mw[:, None]
    month = power.month_of_slot.astype(np.int32)
    first = np.zeros(1, dtype=np.int32)
    charges = [
        demand_charge_cny(load, months, power.month_share, power.demand_charge_cny_per_mw).sum()
        for load, months in (
            (np.concatenate([so_far, imported.T], axis=1), np.concatenate([first, month])),
            (so_far, first),
        )
    ]
    return float(charges[0] - charges[1])
