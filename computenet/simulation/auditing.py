"""The audit: every balance of a run computed a second way."""

from __future__ import annotations

import numpy as np

from computenet.compiled import CompiledScenario
from computenet.results.audit import Audit, relative_residual
from computenet.simulation.accounting import Accounts
from computenet.simulation.job_totals import JobTotals
from computenet.simulation.totals import LinkTotals, PoolTotals, RequestTotals
from computenet.units import SECONDS_PER_HOUR, WATTS_PER_MW

__all__ = ["audit_run"]


def audit_run(
    compiled: CompiledScenario,
    accounts: Accounts,
    pools: PoolTotals,
    jobs: JobTotals,
    requests: RequestTotals,
    links: LinkTotals,
    submitted: int,
) -> Audit:
    """Compute every balance a second way: from jobs instead of slots, from sites instead of pools.

    Energy: the IT load of a site is recomputed from the residence of its jobs (start to finish,
    lost work included), the busy time of its replicas and the idle power of what was switched on;
    and in every slot generation, import and discharge are what load, charge and curtailment take,
    the store ends where its charges and discharges leave it, and the ledger's origins add up. Work:
    accelerator-seconds of pools against those of jobs, and these against what they were held for.
    Jobs: those that were given out (`submitted` counts them where they come from) against those
    found in a state at the end.
    """
    p = compiled.pools
    load_by_pool = jobs.load_by_pool + pools.serving_load_accelerator_s.sum(axis=1)
    idle_ws = (p.idle_w + p.overhead_w) * (
        (p.accelerators + p.serving_accelerators) * pools.available_s.sum(axis=1)
        - (1.0 - compiled.energy.off_power_share) * pools.off_accelerator_s.sum(axis=1)
    )
    pool_mwh = (idle_ws + p.active_w * load_by_pool) / (WATTS_PER_MW * SECONDS_PER_HOUR)
    return Audit(
        energy_mwh=max(
            relative_residual(float(accounts.it_mwh.sum()), float(pool_mwh.sum())),
            _power(compiled, accounts),
        ),
        work_accelerator_s=max(
            relative_residual(float(pools.busy_accelerator_s.sum()), jobs.held_accelerator_s),
            relative_residual(
                jobs.held_accelerator_s,
                jobs.goodput_accelerator_s
                + jobs.checkpoint_accelerator_s
                + jobs.unfinished_accelerator_s
                + jobs.lost_accelerator_s,
            ),
        ),
        bytes_gb=relative_residual(float(links.carried_gb.sum()), links.expected_gb),
        money_cny=_money(compiled, accounts),
        jobs=submitted - int(jobs.by_state.sum()) + jobs.unfinished,
        requests=int(
            requests.arrived.sum()
            - requests.served.sum()
            - requests.dropped.sum()
            - requests.in_flight.sum()
        ),
    )


def _power(compiled: CompiledScenario, accounts: Accounts) -> float:
    """Return the largest residual of the power balance, of the stores and of the ledger."""
    b, ledger, battery = accounts.balance, accounts.ledger, compiled.energy.battery
    sources = b.used + b.imported + b.discharged + b.unserved
    uses = accounts.facility_mwh + b.charged
    scale = max(float(uses.max(initial=0.0)), 1e-12)
    slots = float(np.abs(sources - uses).max(initial=0.0)) / scale
    each_way = np.sqrt(battery.efficiency)
    left = (
        battery.initial * battery.energy_mwh
        + b.charged.sum(axis=1) * each_way
        - b.discharged.sum(axis=1) / each_way
    )
    stores = max(
        (relative_residual(float(x), float(y)) for x, y in zip(b.stored[:, -1], left, strict=True)
         if max(abs(x), abs(y)) > 1e-6),
        default=0.0,
    )  # fmt: skip
    origins = relative_residual(
        float((ledger.green + ledger.residual).sum()), float((b.used + b.imported).sum())
    )
    return max(slots, stores, origins)


def _money(compiled: CompiledScenario, accounts: Accounts) -> float:
    bill, b = accounts.bill, accounts.balance
    tariff = float((b.imported * compiled.sites.price_cny_per_mwh).sum())
    again = (
        tariff
        + float(bill.demand_charge.sum())
        + float((b.used * compiled.energy.generation_cny_per_mwh).sum())
        + float(bill.cycling.sum() + bill.green.sum() + bill.carbon.sum())
        - bill.voucher
        + accounts.network_cny
    )
    return relative_residual(accounts.total_cny, again)
