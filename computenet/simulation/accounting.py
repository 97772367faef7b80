"""From integrals to MWh, CNY, kg and m3, and the audit that checks them another way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from computenet.compiled import F8, CompiledScenario
from computenet.energy import (
    demand_charge_cny,
    energy_cost_cny,
    facility_energy_mwh,
    hourly_matched_green_share,
    location_carbon_kg,
    pool_it_energy_mwh,
    site_sum,
    water_m3,
)
from computenet.results.audit import Audit, relative_residual
from computenet.simulation.totals import (
    COMPLETED,
    FAILED,
    JOB_STATES,
    KILLED,
    RUNNING,
    WAITING,
    JobRecords,
    LinkTotals,
    PoolTotals,
    RequestTotals,
)
from computenet.units import SECONDS_PER_HOUR, WATTS_PER_MW

__all__ = ["Accounts", "audit_run", "settle_accounts", "slot_lengths_s"]


def slot_lengths_s(compiled: CompiledScenario) -> F8:
    """Return the length of every accounting slot, ``(S,)``; the last may be short."""
    edges = np.minimum(
        np.arange(compiled.n_slots + 1, dtype=np.float64) * compiled.slot_s, compiled.horizon_s
    )
    return np.diff(edges)


@dataclass(frozen=True, slots=True)
class Accounts:
    """Energy, money, carbon and water by site, and the network's bill."""

    it_mwh: F8  # (I, S)
    facility_mwh: F8  # (I, S)
    energy_cny: F8  # (I, S)
    demand_charge_cny: F8  # (I,)
    carbon_kg: F8  # (I, S)
    water_m3: F8  # (I, S)
    hourly_matched_share: float
    green_share: float
    network_cny: float
    total_cny: float


def settle_accounts(
    compiled: CompiledScenario, pools: PoolTotals, jobs: JobRecords, requests: RequestTotals
) -> Accounts:
    """Charge a run with the formulas of :mod:`computenet.energy`."""
    p, sites = compiled.pools, compiled.sites
    it_mwh = site_sum(
        pool_it_energy_mwh(
            p.idle_w,
            p.overhead_w,
            p.active_w,
            p.accelerators + p.serving_accelerators,
            pools.available_s,
            pools.load_accelerator_s + pools.serving_load_accelerator_s,
        ),
        p.site,
        len(sites.ids),
    )
    facility_mwh = facility_energy_mwh(it_mwh, sites.pue)
    energy_cny = energy_cost_cny(facility_mwh, sites.price_cny_per_mwh)
    facility_mw = facility_mwh * SECONDS_PER_HOUR / slot_lengths_s(compiled)
    charge = demand_charge_cny(
        facility_mw,
        compiled.month_of_slot,
        compiled.month_share,
        sites.demand_charge_cny_per_mw_month,
    )
    network_cny = float(jobs.transfer_cny.sum()) + requests.transfer_cny
    load = float(facility_mwh.sum())
    green = float((facility_mwh.sum(axis=1) * sites.green_contract_share).sum())
    return Accounts(
        it_mwh=it_mwh,
        facility_mwh=facility_mwh,
        energy_cny=energy_cny,
        demand_charge_cny=charge,
        carbon_kg=location_carbon_kg(facility_mwh, sites.emission_kg_per_mwh),
        water_m3=water_m3(it_mwh, sites.water_l_per_kwh),
        hourly_matched_share=hourly_matched_green_share(facility_mwh, sites.green_contract_share),
        green_share=green / load if load > 0.0 else 0.0,
        network_cny=network_cny,
        total_cny=float(energy_cny.sum()) + float(charge.sum()) + network_cny,
    )


def audit_run(
    compiled: CompiledScenario,
    accounts: Accounts,
    pools: PoolTotals,
    jobs: JobRecords,
    requests: RequestTotals,
    links: LinkTotals,
) -> Audit:
    """Compute every balance a second way: from jobs instead of slots, from sites instead of pools.

    Energy: the facility load of a site is recomputed from the residence of its jobs (start to
    finish, lost work included), the busy time of its replicas and the idle power of what was
    switched on. Work: accelerator-seconds of pools against those of jobs.
    """
    p, sites = compiled.pools, compiled.sites
    job_accel_s = job_residence_accelerator_s(compiled, jobs)
    placed = jobs.pool >= 0
    load_by_pool = np.zeros(len(p.ids))
    np.add.at(
        load_by_pool,
        jobs.pool[placed],
        (job_accel_s * compiled.jobs.activity[jobs.job_class])[placed],
    )
    load_by_pool += pools.serving_load_accelerator_s.sum(axis=1)
    idle_ws = (p.idle_w + p.overhead_w) * (
        (p.accelerators + p.serving_accelerators) * pools.available_s.sum(axis=1)
    )
    pool_mwh = (idle_ws + p.active_w * load_by_pool) / (WATTS_PER_MW * SECONDS_PER_HOUR)
    load_mwh = float((pool_mwh * sites.pue[p.site]).sum())
    by_site = [
        float(accounts.energy_cny[i].sum()) + float(accounts.demand_charge_cny[i])
        for i in range(len(sites.ids))
    ]
    price_of_load = float(
        (accounts.it_mwh * sites.pue[:, None] * sites.price_cny_per_mwh).sum()
    ) + float(accounts.demand_charge_cny.sum())
    money = max(
        relative_residual(accounts.total_cny, sum(by_site) + accounts.network_cny),
        relative_residual(sum(by_site), price_of_load),
    )
    counted = int(np.bincount(jobs.state, minlength=len(JOB_STATES)).sum())
    return Audit(
        energy_mwh=relative_residual(float(accounts.facility_mwh.sum()), load_mwh),
        work_accelerator_s=relative_residual(
            float(pools.busy_accelerator_s.sum()), float(job_accel_s[placed].sum())
        ),
        bytes_gb=relative_residual(float(links.carried_gb.sum()), links.expected_gb),
        money_cny=money,
        jobs=len(jobs.job_id)
        - counted
        + int(((jobs.state == COMPLETED) & ~np.isfinite(jobs.finish_s)).sum()),
        requests=int(
            requests.arrived.sum()
            - requests.served.sum()
            - requests.dropped.sum()
            - requests.in_flight.sum()
        ),
    )


def job_residence_accelerator_s(compiled: CompiledScenario, jobs: JobRecords) -> F8:
    """Return the accelerator-seconds every job held, from its own times, ``(n,)``.

    A finished job held its gang for its run time, for what interruptions lost it and for one
    restart that led to the end; others for what they kept, lost and are running now.
    """
    placed = np.maximum(jobs.pool, 0)
    speed = compiled.jobs.speed[jobs.job_class, placed]
    run_s = jobs.work_s / np.where(speed > 0.0, speed, 1.0)
    lost_s = jobs.lost_accelerator_s / jobs.held_accelerators
    restart = np.where(jobs.restarts > 0, compiled.restart_s, 0.0)
    ended = np.isin(jobs.state, (COMPLETED, KILLED, FAILED))
    held_s = np.select(
        [ended, jobs.state == RUNNING, jobs.state == WAITING],
        [
            run_s + lost_s + restart,
            jobs.saved_s + lost_s + (compiled.horizon_s - jobs.segment_s),
            jobs.saved_s + lost_s,
        ],
        0.0,
    )
    held: F8 = held_s * jobs.held_accelerators
    return held
