"""From integrals to MWh, CNY, kg and m3."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from computenet.compiled import F8, CompiledScenario
from computenet.energy import (
    Balance,
    Ledger,
    balance_sites,
    demand_charge_cny,
    energy_cost_cny,
    facility_energy_mwh,
    green_ledger,
    load_penalty,
    location_carbon_kg,
    matched_mwh,
    pool_it_energy_mwh,
    site_sum,
    water_m3,
)
from computenet.scenario.energy import EnergySpec
from computenet.simulation.job_totals import JobTotals
from computenet.simulation.totals import PoolTotals, RequestTotals
from computenet.units import SECONDS_PER_HOUR, WATTS_PER_MW

__all__ = ["Accounts", "settle_accounts", "slot_lengths_s"]

YEAR_S = 365.0 * 86_400.0


def slot_lengths_s(compiled: CompiledScenario) -> F8:
    """Return the length of every accounting slot, ``(S,)``; the last may be short."""
    edges = np.minimum(
        np.arange(compiled.n_slots + 1, dtype=np.float64) * compiled.slot_s, compiled.horizon_s
    )
    return np.diff(edges)


@dataclass(frozen=True, slots=True)
class Bill:
    """What each site pays, ``(I,)`` or ``(I, S)``, CNY."""

    energy: F8  # (I, S) import at the tariff
    demand_charge: F8  # (I,)
    generation: F8  # (I,) power bought on direct lines and from on-site plant
    cycling: F8  # (I,) wear of storage
    green: F8  # (I,) premium on contracts, and certificates
    carbon: F8  # (I,) price of location-based emissions
    voucher: float  # paid by vouchers, of all sites together

    @property
    def by_site(self) -> F8:
        """The bill of each site before vouchers, ``(I,)``."""
        total: F8 = (
            self.energy.sum(axis=1) + self.demand_charge + self.generation + self.cycling
            + self.green + self.carbon
        )  # fmt: skip
        return total


@dataclass(frozen=True, slots=True)
class Accounts:
    """Energy, money, carbon and water by site, and the network's bill."""

    it_mwh: F8  # (I, S)
    facility_mwh: F8  # (I, S)
    pue: F8  # (I, S)
    balance: Balance  # (I, S) each
    ledger: Ledger  # (I,) each
    bill: Bill
    carbon_kg: F8  # (I, S) location-based
    market_carbon_kg: F8  # (I,)
    embodied_kg: F8  # (I,) share of the making that falls on the run
    water_m3: F8  # (I, S)
    hourly_matched_share: float
    green_share: float
    network_cny: float
    total_cny: float


def settle_accounts(
    compiled: CompiledScenario,
    energy: EnergySpec,
    pools: PoolTotals,
    jobs: JobTotals,
    requests: RequestTotals,
    bulk_moves_cny: float = 0.0,
    setpoint_mw: F8 | None = None,
) -> Accounts:
    """Charge a run with the formulas of :mod:`computenet.energy`.

    `setpoint_mw`, ``(I, S)``, is what storage of rule ``plan`` follows.
    """
    p, sites, physical = compiled.pools, compiled.sites, compiled.energy
    accelerators = p.accelerators + p.serving_accelerators
    it_mwh = site_sum(
        pool_it_energy_mwh(
            p.idle_w,
            p.overhead_w,
            p.active_w,
            accelerators[:, None] * pools.available_s
            - (1.0 - compiled.energy.off_power_share) * pools.off_accelerator_s,
            pools.load_accelerator_s + pools.serving_load_accelerator_s,
        ),
        p.site,
        len(sites.ids),
    )
    lengths_s = slot_lengths_s(compiled)
    hours = lengths_s / SECONDS_PER_HOUR
    pue = physical.pue
    if physical.full:
        most_w = ((p.idle_w + p.overhead_w + p.active_w) * accelerators)[:, None]
        most_mwh = site_sum(most_w / WATTS_PER_MW * hours, p.site, len(sites.ids))
        load = np.divide(it_mwh, most_mwh, out=np.zeros_like(it_mwh), where=most_mwh > 0.0)
        pue = np.maximum(pue + load_penalty(load), 1.0)
    facility_mwh = facility_energy_mwh(it_mwh, pue)
    generation_mw = physical.onsite_mw + physical.direct_mw
    balance = balance_sites(
        facility_mwh, generation_mw * hours, hours, sites.tariff_cny_per_mwh, physical.battery,
        physical.limit_mw, setpoint_mw, day_of_slot=compiled.day_of_slot,
    )  # fmt: skip
    part = np.divide(
        physical.onsite_mw, generation_mw, out=np.zeros_like(generation_mw),
        where=generation_mw > 0.0,
    )  # fmt: skip
    onsite = balance.used * part
    ledger = green_ledger(
        onsite,
        balance.used - onsite,
        balance.imported,
        sites.green_contract_share,
        np.full(len(sites.ids), energy.certificate_share),
    )
    carbon = location_carbon_kg(balance.imported, physical.emission_kg_per_mwh)
    bill = _bill(compiled, energy, balance, ledger, carbon, lengths_s)
    network_cny = jobs.transfer_cny + requests.transfer_cny + bulk_moves_cny
    consumed = float((ledger.green + ledger.residual).sum())
    met_mwh = facility_mwh - balance.unserved
    matched = matched_mwh(met_mwh, balance, physical.battery, ledger.contract, hours)
    met = float(met_mwh.sum())
    embodied = np.zeros(len(sites.ids))
    life_s = energy.embodied_years * YEAR_S
    np.add.at(
        embodied, p.site,
        accelerators * energy.embodied_kg_per_accelerator * (compiled.horizon_s / life_s),
    )  # fmt: skip
    return Accounts(
        it_mwh=it_mwh,
        facility_mwh=facility_mwh,
        pue=pue,
        balance=balance,
        ledger=ledger,
        bill=bill,
        carbon_kg=carbon,
        market_carbon_kg=ledger.residual * energy.residual_mix_kg_per_mwh,
        embodied_kg=embodied,
        water_m3=water_m3(it_mwh, physical.water_l_per_kwh),
        hourly_matched_share=float(matched.sum()) / met if met > 0.0 else 0.0,
        green_share=float(ledger.green.sum()) / consumed if consumed > 0.0 else 0.0,
        network_cny=network_cny,
        total_cny=float(bill.by_site.sum()) - bill.voucher + network_cny,
    )


def _demand_charge(compiled: CompiledScenario, imported_mw: F8) -> F8:
    """Return the demand charge of each site, ``(I,)``, CNY.

    The run may end in a month in which no slot begins: the last slot goes on into it, and its mean
    power is the month's highest.
    """
    month_of_slot, fee = compiled.month_of_slot, compiled.sites.demand_charge_cny_per_mw_month
    beyond = float(compiled.month_share[month_of_slot[-1] + 1 :].sum())
    charge = demand_charge_cny(imported_mw, month_of_slot, compiled.month_share, fee)
    return charge + imported_mw[:, -1] * fee * beyond


def _bill(
    compiled: CompiledScenario,
    energy: EnergySpec,
    balance: Balance,
    ledger: Ledger,
    carbon_kg: F8,
    lengths_s: F8,
) -> Bill:
    sites, physical = compiled.sites, compiled.energy
    cost = energy_cost_cny(balance.imported, sites.price_cny_per_mwh)
    charge = _demand_charge(compiled, balance.imported * SECONDS_PER_HOUR / lengths_s)
    none = np.zeros(len(sites.ids))
    premium = energy.green_premium_cny_per_mwh * ledger.contract if physical.full else none
    bill = Bill(
        energy=cost,
        demand_charge=charge,
        generation=(physical.generation_cny_per_mwh * balance.used).sum(axis=1),
        cycling=physical.cycle_cny_per_mwh * balance.discharged.sum(axis=1),
        green=premium + energy.certificate_cny_per_mwh * ledger.certificate,
        carbon=energy.carbon_price_cny_per_t / 1000.0 * carbon_kg.sum(axis=1),
        voucher=0.0,
    )
    # A bill below nothing, as negative prices can make it, is not for vouchers to pay.
    bought = max(float(bill.by_site.sum()), 0.0)
    voucher = min(energy.voucher_share * bought, energy.voucher_budget_cny)
    return Bill(
        bill.energy, bill.demand_charge, bill.generation, bill.cycling, bill.green, bill.carbon,
        voucher,
    )  # fmt: skip
