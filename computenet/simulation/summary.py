"""The figures of ``summary.json`` from tables and accounts."""

from __future__ import annotations

from typing import Any

import numpy as np

from computenet.compiled import I8, CompiledScenario
from computenet.kernels.histogram import percentile
from computenet.results.audit import Audit
from computenet.scenario import Scenario
from computenet.simulation.accounting import Accounts, slot_lengths_s
from computenet.simulation.fairness import fairness_of_regions
from computenet.simulation.job_totals import JobSamples, JobTotals
from computenet.simulation.plan_log import PlanLog
from computenet.simulation.revenue import bill_jobs
from computenet.simulation.totals import (
    COMPLETED,
    FAILED,
    HELD,
    KILLED,
    NOT_SUBMITTED,
    REJECTED,
    RUNNING,
    TRANSFERRING,
    WAITING,
    FaultTotals,
    LinkTotals,
    PoolTotals,
    RequestTotals,
)
from computenet.simulation.work import work_done
from computenet.units import SECONDS_PER_HOUR, TFLOPS_PER_EFLOPS

__all__ = ["summarise"]

#: A result this close to its target, relative to it, has met it: sums round.
TARGET_ROUNDING = 1e-9


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole > 0.0 else None


def histogram_spread(histogram: I8, sum_us: int) -> dict[str, float | None]:
    """Return mean and percentiles of a histogram and a sum, ms; ``None`` when it is empty."""
    count = int(histogram.sum())
    if count == 0:
        return {"mean": None, "p50": None, "p95": None, "p99": None}
    return {
        "mean": sum_us / count / 1000.0,
        **{f"p{q}": float(percentile(histogram, q / 100.0)) for q in (50, 95, 99)},
    }


def summarise(
    scenario: Scenario,
    compiled: CompiledScenario,
    accounts: Accounts,
    pools: PoolTotals,
    jobs: JobTotals,
    samples: JobSamples,
    requests: RequestTotals,
    links: LinkTotals,
    faults: FaultTotals,
    plans: PlanLog,
    audit: Audit,
) -> dict[str, Any]:
    """Return the summary; every figure is real (scaled by sampling) unless its name says so."""
    p = compiled.pools
    measured = requests.measured
    sum_us = [int(value) for value in measured.latency_us.sum(axis=0)]
    bills = bill_jobs(scenario, compiled, jobs.billed_accelerator_s)
    balance, ledger, bill = accounts.balance, accounts.ledger, accounts.bill
    busy = pools.busy_accelerator_s + pools.serving_busy_accelerator_s
    installed = (p.accelerators + p.serving_accelerators).astype(np.float64)
    on_s = installed * pools.available_s.sum(axis=1)
    facility, it = float(accounts.facility_mwh.sum()), float(accounts.it_mwh.sum())
    hours = compiled.horizon_s / SECONDS_PER_HOUR
    delivered = float((busy.sum(axis=1) * p.fp16_tflops).sum()) / TFLOPS_PER_EFLOPS
    carbon = float(accounts.carbon_kg.sum())
    eflop_h = delivered / SECONDS_PER_HOUR
    west = np.asarray([site.role == "west" for site in scenario.topology.sites])
    by_pool_work = busy.sum(axis=1) * p.fp16_tflops
    carried = float(links.carried_gb.sum())
    network_mwh = scenario.network.kwh_per_gb * (links.sent_gb + requests.transfer_gb) / 1000.0
    return {
        "jobs": _jobs(jobs, samples),
        "work": work_done(compiled, pools, jobs, requests),
        "requests": {
            "arrived": int(requests.arrived.sum()),
            "served": int(requests.served.sum()),
            "dropped": int(requests.dropped.sum()),
            "in_flight": int(requests.in_flight.sum()),
            "simulated": requests.simulated,
            "sampling": requests.sampling,
            "ttft_ms": histogram_spread(measured.ttft.sum(axis=0), sum_us[0]),
            "tpot_ms": histogram_spread(measured.tpot.sum(axis=0), sum_us[1]),
            "e2e_ms": histogram_spread(measured.e2e.sum(axis=0), sum_us[2]),
            "slo_attainment": _ratio(
                float(measured.attained.sum()),
                float(measured.served.sum() + measured.dropped.sum()),
            ),
        },
        "capacity": {
            "utilisation": _ratio(float(busy.sum()), float(on_s.sum())),
            "utilisation_jobs": _ratio(
                float(pools.busy_accelerator_s.sum()),
                float(
                    (p.accelerators * pools.available_s.sum(axis=1)).sum()
                    + pools.lent_accelerator_s.sum()
                ),
            ),
            "utilisation_serving": _ratio(
                float(pools.serving_busy_accelerator_s.sum()),
                float(
                    (p.serving_accelerators * pools.available_s.sum(axis=1)).sum()
                    - pools.lent_accelerator_s.sum()
                ),
            ),
            "accelerators": int(installed.sum()),
            "eflops_fp16_installed": float((installed * p.fp16_tflops).sum()) / TFLOPS_PER_EFLOPS,
            "eflops_fp16_delivered": delivered / compiled.horizon_s,
            "off_accelerators": float(pools.off_accelerator_s.sum()) / compiled.horizon_s,
            "accelerator_starts": int(pools.starts.sum()),
            "lent_accelerator_h": float(pools.lent_accelerator_s.sum()) / SECONDS_PER_HOUR,
        },
        "energy": {
            "it_mwh": it,
            "facility_mwh": facility,
            "pue": _ratio(facility, it),
            "grid_import_mwh": float(balance.imported.sum()),
            "onsite_used_mwh": float(ledger.onsite.sum()),
            "direct_line_mwh": float(ledger.direct.sum()),
            "contract_mwh": float(ledger.contract.sum()),
            "certificate_mwh": float(ledger.certificate.sum()),
            "residual_mwh": float(ledger.residual.sum()),
            "charged_mwh": float(balance.charged.sum()),
            "discharged_mwh": float(balance.discharged.sum()),
            "curtailed_mwh": float(balance.curtailed.sum()),
            "curtailed_by_power_mwh": float(balance.curtailed_power.sum()),
            "unserved_mwh": float(balance.unserved.sum()),
            "mean_facility_mw": facility / hours,
            "green_share": accounts.green_share if facility > 0.0 else None,
            "hourly_matched_green_share": (
                accounts.hourly_matched_share if facility > 0.0 else None
            ),
        },
        "carbon": {
            "kg": carbon,
            "market_kg": float(accounts.market_carbon_kg.sum()),
            "embodied_kg": float(accounts.embodied_kg.sum()),
            "kg_per_eflop_h": _ratio(carbon, eflop_h),
        },
        "water": {"m3": float(accounts.water_m3.sum())},
        "cost": {
            "energy_cny": float(bill.by_site.sum()) - bill.voucher,
            "import_cny": float(bill.energy.sum()),
            "demand_charge_cny": float(bill.demand_charge.sum()),
            "generation_cny": float(bill.generation.sum()),
            "storage_cny": float(bill.cycling.sum()),
            "green_cny": float(bill.green.sum()),
            "carbon_cny": float(bill.carbon.sum()),
            "voucher_cny": bill.voucher,
            "network_cny": accounts.network_cny,
            "total_cny": accounts.total_cny,
        },
        "failures": {
            "servers": faults.servers,
            "jobs_stopped": faults.jobs,
            "reclaims": faults.reclaimed,
            "jobs_reclaimed": faults.reclaimed_jobs,
            "jobs_moved": faults.moved_jobs,
            "jobs_stopped_by_plan": faults.planned_stops,
            "jobs_moved_by_plan": faults.planned_moves,
            "jobs_stopped_by_tide": faults.tide_jobs,
        },
        "plan": _plan(compiled, plans, accounts),
        "grid_events": faults.grid_events,
        "network": {
            "carried_gb": carried,
            "request_gb": requests.transfer_gb,
            "reused_gb": faults.reused_gb,
            "bulk_moves": faults.bulk_moves,
            "bulk_moves_cny": faults.bulk_moves_cny,
            "energy_mwh": network_mwh,
            "carbon_kg": network_mwh * (_ratio(carbon, float(balance.imported.sum())) or 0.0),
            "west_share": _ratio(
                float(by_pool_work[west[p.site]].sum()), float(by_pool_work.sum())
            ),
        },
        "audit": audit.as_dict(),
        "by_site": _by_site(scenario, compiled, accounts, pools, jobs),
        "by_region": _by_region(compiled, jobs, requests),
        "fairness": fairness_of_regions(compiled, jobs, requests),
        "revenue": bills.summary(accounts.total_cny),
        "targets": _targets(scenario, compiled, accounts, pools),
        "notes": list(compiled.notes),
    }


def _jobs(jobs: JobTotals, samples: JobSamples) -> dict[str, Any]:
    """Return the figures of jobs; waits and slowdowns are of those submitted after the warm-up."""
    count = jobs.by_state
    return {
        "submitted": int(count.sum() - count[NOT_SUBMITTED]),
        "completed": int(count[COMPLETED]),
        "running": int(count[RUNNING]),
        "waiting": int(count[WAITING] + count[TRANSFERRING] + count[HELD]),
        "transferring": int(count[TRANSFERRING]),
        "held": int(count[HELD]),
        "failed": int(count[KILLED] + count[FAILED]),
        "rejected": int(count[REJECTED]),
        "restarts": jobs.restarts,
        "deadlines": {
            "jobs": jobs.deadlines,
            "met": jobs.deadlines_met,
            "met_share": _ratio(float(jobs.deadlines_met), float(jobs.deadlines)),
            "lateness_s": samples.lateness_s,
        },
        "wait_s": samples.wait_s,
        "recorded": {
            "jobs": samples.recorded_jobs,
            "wait_s": samples.recorded_wait_s,
            "simulated_wait_s": samples.simulated_wait_s,
        },
        "turnaround_s": samples.turnaround_s,
        "bounded_slowdown": samples.bounded_slowdown,
        "goodput_accelerator_h": jobs.goodput_accelerator_s / SECONDS_PER_HOUR,
        "checkpoint_accelerator_h": jobs.checkpoint_accelerator_s / SECONDS_PER_HOUR,
        "unfinished_accelerator_h": jobs.unfinished_accelerator_s / SECONDS_PER_HOUR,
        "lost_accelerator_h": jobs.lost_accelerator_s / SECONDS_PER_HOUR,
        "held_accelerator_h": jobs.held_accelerator_s / SECONDS_PER_HOUR,
    }


def _plan(compiled: CompiledScenario, plans: PlanLog, accounts: Accounts) -> dict[str, Any]:
    """Return what plans expected energy and network to cost, and what they did cost.

    Only where every plan says what it expects; of a plan that was replaced early, its part.
    """
    expected = plans.expected_cny
    if not expected or len(expected) < len(plans.decision_s):
        return {"expected_cny": None, "simulated_cny": None, "gap": None}
    times_s = np.asarray([time_s for time_s, _ in expected] + [compiled.horizon_s])
    parts = np.diff(times_s) / compiled.epoch_s
    total = float((parts * np.asarray([cny for _, cny in expected])).sum())
    paid = float(accounts.bill.energy.sum()) + accounts.network_cny
    return {
        "expected_cny": total,
        "simulated_cny": paid,
        "gap": paid / total - 1.0 if total > 0.0 else None,
    }


def _by_site(
    scenario: Scenario,
    compiled: CompiledScenario,
    accounts: Accounts,
    pools: PoolTotals,
    jobs: JobTotals,
) -> dict[str, Any]:
    p = compiled.pools
    busy = (pools.busy_accelerator_s + pools.serving_busy_accelerator_s).sum(axis=1)
    on_s = (p.accelerators + p.serving_accelerators) * pools.available_s.sum(axis=1)
    waits, wait_s = jobs.waits_by_site, jobs.wait_s_by_site
    out: dict[str, Any] = {}
    ledger = accounts.ledger
    for i, site in enumerate(scenario.topology.sites):
        here = p.site == i
        facility = float(accounts.facility_mwh[i].sum())
        energy_cny = float(accounts.bill.by_site[i])
        consumed = float(ledger.green[i] + ledger.residual[i])
        out[site.id] = {
            "utilisation": _ratio(float(busy[here].sum()), float(on_s[here].sum())),
            "accelerators": int((p.accelerators + p.serving_accelerators)[here].sum()),
            "facility_mwh": facility,
            "it_mwh": float(accounts.it_mwh[i].sum()),
            "energy_cny": energy_cny,
            "cny_per_mwh": _ratio(energy_cny, facility),
            "carbon_kg": float(accounts.carbon_kg[i].sum()),
            "water_m3": float(accounts.water_m3[i].sum()),
            "green_share": _ratio(float(ledger.green[i]), consumed),
            "pue": _ratio(facility, float(accounts.it_mwh[i].sum())),
            "import_mwh": float(accounts.balance.imported[i].sum()),
            "onsite_mwh": float(ledger.onsite[i]),
            "direct_line_mwh": float(ledger.direct[i]),
            "contract_mwh": float(ledger.contract[i]),
            "certificate_mwh": float(ledger.certificate[i]),
            "residual_mwh": float(ledger.residual[i]),
            "discharged_mwh": float(accounts.balance.discharged[i].sum()),
            "curtailed_mwh": float(accounts.balance.curtailed[i].sum()),
            "jobs_started": int(jobs.started_by_site[i]),
            "job_wait_s_mean": _ratio(float(wait_s[i]), float(waits[i])),
            "tokens_out": float(pools.tokens_out[here].sum()),
        }
    return out


def _by_region(
    compiled: CompiledScenario, jobs: JobTotals, requests: RequestTotals
) -> dict[str, Any]:
    n = len(compiled.regions)

    def fold(values: I8) -> I8:
        folded: I8 = values.reshape(n, -1).sum(axis=1)
        return folded

    arrived, served, dropped = (
        fold(values) for values in (requests.arrived, requests.served, requests.dropped)
    )
    attained = fold(requests.measured.attained)
    ended = fold(requests.measured.served + requests.measured.dropped)
    submitted = jobs.submitted_by_region
    waits, wait_s = jobs.waits_by_region, jobs.wait_s_by_region
    out: dict[str, Any] = {}
    for r, region in enumerate(compiled.regions):
        out[region] = {
            "requests_arrived": int(arrived[r]),
            "requests_served": int(served[r]),
            "requests_dropped": int(dropped[r]),
            "slo_attainment": _ratio(float(attained[r]), float(ended[r])),
            "jobs_submitted": int(submitted[r]),
            "job_wait_s_mean": _ratio(float(wait_s[r]), float(waits[r])),
        }
    return out


def _targets(
    scenario: Scenario, compiled: CompiledScenario, accounts: Accounts, pools: PoolTotals
) -> list[dict[str, Any]]:
    """Return every policy target with its limit, the result, the margin (positive = met)."""
    rows: list[dict[str, Any]] = []

    def add(site: str, target: str, limit: float, result: float, margin: float) -> None:
        rows.append(
            {
                "site": site,
                "target": target,
                "limit": limit,
                "result": result,
                "margin": margin,
                "met": bool(margin >= -TARGET_ROUNDING * max(abs(limit), 1.0)),
            }
        )

    # Racks are not simulated; the share of accelerators busy stands for their occupancy.
    p = compiled.pools
    busy = (pools.busy_accelerator_s + pools.serving_busy_accelerator_s).sum(axis=1)
    held = (p.accelerators + p.serving_accelerators) * float(slot_lengths_s(compiled).sum())
    for i, site in enumerate(scenario.topology.sites):
        targets = site.targets
        if targets.pue_max is not None:
            it_mwh = float(accounts.it_mwh[i].sum())
            pue = _ratio(float(accounts.facility_mwh[i].sum()), it_mwh)
            result = site.pue if pue is None or not compiled.energy.full else pue
            add(site.id, "pue_max", targets.pue_max, result, targets.pue_max - result)
        if targets.green_share_min is not None:
            share = site.green_contract_share
            if compiled.energy.full:
                consumed = float(accounts.ledger.green[i] + accounts.ledger.residual[i])
                share = float(accounts.ledger.green[i]) / consumed if consumed > 0.0 else share
            add(
                site.id,
                "green_share_min",
                targets.green_share_min,
                share,
                share - targets.green_share_min,
            )
        if targets.rack_occupancy_min is not None:
            here = p.site == i
            whole = float(held[here].sum())
            occupied = float(busy[here].sum()) / whole if whole > 0.0 else 0.0
            add(
                site.id,
                "rack_occupancy_min",
                targets.rack_occupancy_min,
                occupied,
                occupied - targets.rack_occupancy_min,
            )
    return rows
