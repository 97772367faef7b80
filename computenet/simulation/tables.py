"""Result tables: data frames of a fixed schema, described in ``docs/reference/tables.md``."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from computenet.compiled import F8, I8, CompiledScenario
from computenet.kernels.arrival_counts import CACHED, OUTPUT, PREFILL, REQUESTS
from computenet.kernels.histogram import percentile
from computenet.scenario import Scenario
from computenet.scenario.provenance import number_sources
from computenet.simulation.accounting import Accounts, slot_lengths_s
from computenet.simulation.engine import Outcome
from computenet.simulation.job_totals import JobTotals
from computenet.simulation.revenue import bill_jobs
from computenet.simulation.sources import model_numbers
from computenet.simulation.totals import JOB_STATES, JobRecords, RequestTotals
from computenet.units import SECONDS_PER_HOUR

__all__ = ["job_frame", "make_tables"]


def make_tables(
    scenario: Scenario,
    compiled: CompiledScenario,
    outcome: Outcome,
    totals: JobTotals,
    accounts: Accounts,
) -> dict[str, pd.DataFrame]:
    """Return the tables of a run by name, but for that of jobs."""
    return {
        "requests": _requests(compiled, outcome),
        "request_flows": _flows(compiled, outcome),
        "pools": _pools(compiled, outcome),
        "groups": _groups(compiled, outcome.requests),
        "arrivals": _arrivals(compiled, outcome.requests),
        "sites": _sites(compiled, outcome, accounts),
        "links": _links(compiled, outcome),
        "link_flows": _link_flows(scenario, compiled, outcome),
        "bills": bill_jobs(scenario, compiled, totals.billed_accelerator_s).table(),
        "events": _events(outcome),
        "plans": _plans(compiled, outcome),
        "sources": _sources(scenario),
    }


def _category(codes: np.ndarray, names: tuple[str, ...]) -> Any:
    column: Any = pd.Categorical.from_codes(
        codes.astype(np.int64), dtype=pd.CategoricalDtype(list(names))
    )
    return column


def job_frame(compiled: CompiledScenario, jobs: JobRecords) -> pd.DataFrame:
    """Return the table of some jobs."""
    site = np.where(jobs.pool >= 0, compiled.pools.site[np.maximum(jobs.pool, 0)], -1)
    return pd.DataFrame(
        {
            "job_id": jobs.job_id,
            "job_class": _category(jobs.job_class, compiled.jobs.classes),
            "region": _category(jobs.region, compiled.regions),
            "data_region": _category(jobs.data_region, compiled.regions),
            "pool": _category(jobs.pool, compiled.pools.ids),
            "site": _category(site, compiled.sites.ids),
            "accelerators": jobs.accelerators,
            "held_accelerators": jobs.held_accelerators,
            "submit_s": jobs.submit_s,
            "ready_s": jobs.ready_s,
            "start_s": jobs.start_s,
            "finish_s": jobs.finish_s,
            "wait_s": jobs.start_s - jobs.submit_s,
            "state": _category(jobs.state, JOB_STATES),
            "work_s": jobs.work_s,
            "data_gb": jobs.data_gb,
            "lost_accelerator_s": jobs.lost_accelerator_s,
            "restarts": jobs.restarts,
            "recorded_wait_s": jobs.recorded_wait_s,
            "deadline_s": jobs.deadline_s,
        },
        copy=False,
    )


def _requests(compiled: CompiledScenario, outcome: Outcome) -> pd.DataFrame:
    totals = outcome.requests
    n_classes = len(compiled.requests.classes)
    rows = np.arange(len(totals.arrived))
    routed = totals.routed.sum(axis=1)
    inside = (totals.routed * compiled.requests.circle_ok).sum(axis=1)
    columns: dict[str, object] = {
        "region": _category(rows // max(n_classes, 1), compiled.regions),
        "service_class": _category(rows % max(n_classes, 1), compiled.requests.classes),
        "arrived": totals.arrived,
        "served": totals.served,
        "dropped": totals.dropped,
        "in_flight": totals.in_flight,
        "counted": totals.counted,
        "attained": totals.attained,
        "slo_attainment": _share(
            totals.measured.attained, totals.measured.served + totals.measured.dropped
        ),
        "circle_share": _share(inside, routed),
    }
    for name in ("ttft", "tpot", "e2e"):
        histogram: I8 = getattr(totals.measured, name)
        for q in (50, 95, 99):
            columns[f"{name}_p{q}_ms"] = [percentile(row, q / 100.0) for row in histogram]
    return pd.DataFrame(columns)


def _share(part: I8, whole: I8) -> F8:
    share: F8 = np.full(len(part), np.nan)
    np.divide(part, whole, out=share, where=whole > 0)
    return share


def _flows(compiled: CompiledScenario, outcome: Outcome) -> pd.DataFrame:
    n_classes, n_sites = max(len(compiled.requests.classes), 1), len(compiled.sites.ids)
    site = compiled.pools.site[compiled.groups.pool]
    by_site = np.zeros((len(outcome.requests.routed), n_sites), dtype=np.int64)
    for group, at in enumerate(site):
        by_site[:, at] += outcome.requests.routed[:, group]
    row, column = np.nonzero(by_site)
    return pd.DataFrame(
        {
            "region": _category(row // n_classes, compiled.regions),
            "site": _category(column, compiled.sites.ids),
            "service_class": _category(row % n_classes, compiled.requests.classes),
            "routed": by_site[row, column],
        }
    )


def _grid(compiled: CompiledScenario, ids: tuple[str, ...]) -> tuple[F8, Any]:
    """Return slot starts and items of a (slot, item) table, slots first."""
    slots = np.repeat(np.arange(compiled.n_slots) * compiled.slot_s, len(ids))
    return slots, _category(np.tile(np.arange(len(ids)), compiled.n_slots), ids)


def _flat(values: F8) -> F8:
    return np.ascontiguousarray(values.T).ravel()


def _pools(compiled: CompiledScenario, outcome: Outcome) -> pd.DataFrame:
    pools, p = outcome.pools, compiled.pools
    length = slot_lengths_s(compiled)
    slot, pool = _grid(compiled, p.ids)
    count = p.accelerators + p.serving_accelerators
    busy = pools.busy_accelerator_s / length
    serving = pools.serving_busy_accelerator_s / length
    on = count[:, None] * pools.available_s / length
    return pd.DataFrame(
        {
            "slot_start_s": slot,
            "pool": pool,
            "site": _category(np.tile(p.site, compiled.n_slots), compiled.sites.ids),
            "accelerator": pd.Categorical(list(p.accelerator) * compiled.n_slots),
            "accelerators": np.tile(count, compiled.n_slots),
            "busy_accelerators": _flat(busy),
            "off_accelerators": _flat(pools.off_accelerator_s / length),
            "lent_accelerators": _flat(pools.lent_accelerator_s / length),
            "serving_busy_accelerators": _flat(serving),
            "utilisation": _flat(_over(busy + serving, on)),
            "waiting_jobs": _flat(pools.waiting_job_s / length),
            "waiting_accelerators": _flat(pools.waiting_accelerator_s / length),
            "tokens_in": _flat(pools.tokens_in),
            "tokens_out": _flat(pools.tokens_out),
        }
    )


def _groups(compiled: CompiledScenario, totals: RequestTotals) -> pd.DataFrame:
    groups, length = compiled.groups, slot_lengths_s(compiled)
    slot, group = _grid(compiled, groups.ids)
    times = compiled.n_slots
    return pd.DataFrame(
        {
            "slot_start_s": slot,
            "group": group,
            "pool": _category(np.tile(groups.pool, times), compiled.pools.ids),
            "model": _category(np.tile(groups.model, times), compiled.requests.models),
            "replicas": np.tile(groups.replicas_real, times),
            "accelerators_per_replica": np.tile(groups.accelerators_per_replica, times),
            "busy_replicas": _flat(totals.busy_s / length),
            "prefill_replicas": _flat(totals.prefill_s / length),
            "tokens_in": _flat(totals.tokens_in),
            "tokens_out": _flat(totals.tokens_out),
        }
    )


def _arrivals(compiled: CompiledScenario, totals: RequestTotals) -> pd.DataFrame:
    slot, model = _grid(compiled, compiled.requests.models)
    return pd.DataFrame(
        {
            "slot_start_s": slot,
            "model": model,
            **{
                name: np.ascontiguousarray(totals.arrivals[kind].T).ravel()
                for name, kind in (
                    ("requests", REQUESTS),
                    ("prefill_tokens", PREFILL),
                    ("cached_tokens", CACHED),
                    ("tokens_out", OUTPUT),
                )
            },
        }
    )


def _over(part: F8, whole: F8) -> F8:
    out: F8 = np.zeros_like(part)
    np.divide(part, whole, out=out, where=whole > 0.0)
    return out


def _sites(compiled: CompiledScenario, outcome: Outcome, accounts: Accounts) -> pd.DataFrame:
    pools, p, sites = outcome.pools, compiled.pools, compiled.sites
    physical, balance = compiled.energy, accounts.balance
    length = slot_lengths_s(compiled)
    n = len(sites.ids)
    busy, on, up = np.zeros((3, n, compiled.n_slots))
    count = p.accelerators + p.serving_accelerators
    np.add.at(busy, p.site, pools.busy_accelerator_s + pools.serving_busy_accelerator_s)
    np.add.at(on, p.site, count[:, None] * pools.available_s)
    up[p.site] = pools.available_s / length
    slot, site = _grid(compiled, sites.ids)
    hours = length / SECONDS_PER_HOUR
    return pd.DataFrame(
        {
            "slot_start_s": slot,
            "site": site,
            "it_mw": _flat(accounts.it_mwh / hours),
            "facility_mw": _flat(accounts.facility_mwh / hours),
            "pue": _flat(accounts.pue),
            "temperature_c": _flat(physical.temperature_c),
            "import_mw": _flat(balance.imported / hours),
            "pv_mw": _flat(physical.pv_mw),
            "wind_mw": _flat(physical.wind_mw),
            "generation_used_mw": _flat(balance.used / hours),
            "charge_mw": _flat(balance.charged / hours),
            "discharge_mw": _flat(balance.discharged / hours),
            "stored_mwh": _flat(balance.stored),
            "curtailed_mw": _flat(balance.curtailed / hours),
            "unserved_mw": _flat(balance.unserved / hours),
            "price_cny_per_mwh": _flat(sites.price_cny_per_mwh),
            "carbon_kg_per_mwh": _flat(physical.emission_kg_per_mwh),
            "energy_cny": _flat(accounts.bill.energy),
            "carbon_kg": _flat(accounts.carbon_kg),
            "water_m3": _flat(accounts.water_m3),
            "utilisation": _flat(_over(busy, on)),
            "available": _flat(up),
        }
    )


def _links(compiled: CompiledScenario, outcome: Outcome) -> pd.DataFrame:
    network, carried = compiled.network, outcome.links.carried_gb
    slot, link = np.nonzero(carried.T)
    nodes = (*compiled.regions, *compiled.sites.ids)
    gb = carried[link, slot]
    capacity = network.capacity_gbps[link] / 8.0 * slot_lengths_s(compiled)[slot]
    return pd.DataFrame(
        {
            "slot_start_s": slot * compiled.slot_s,
            "link": _category(link, network.link_ids),
            "a": _category(network.a[link], nodes),
            "b": _category(network.b[link], nodes),
            "carried_gb": gb,
            "utilisation": gb / capacity,
        }
    )


def _link_flows(scenario: Scenario, compiled: CompiledScenario, outcome: Outcome) -> pd.DataFrame:
    flows, regions = outcome.link_flows, compiled.regions
    moves = scenario.network.bulk_moves
    senders = [("requests", r, c) for r in regions for c in compiled.requests.classes]
    senders += [("jobs", r, c) for r in regions for c in compiled.jobs.classes]
    senders += [("bulk-moves", move.region, move.name) for move in moves]
    kinds, places, names = (
        np.asarray([sender[k] for sender in senders], dtype=object)[flows.sender] for k in range(3)
    )
    return pd.DataFrame(
        {
            "epoch_s": flows.begin_s,
            "link": _category(flows.link, compiled.network.link_ids),
            "kind": pd.Categorical(kinds, categories=["requests", "jobs", "bulk-moves"]),
            "region": pd.Categorical(places, categories=list(regions)),
            "demand_class": pd.Categorical(names),
            "carried_gb": flows.carried_gb,
        }
    )


def _events(outcome: Outcome) -> pd.DataFrame:
    log = outcome.events
    return pd.DataFrame(
        {
            "time_s": np.asarray(log.time_s, dtype=np.float64),
            "kind": pd.array(log.kind, dtype="str"),
            "subject": pd.array(log.subject, dtype="str"),
            "detail": pd.array(log.detail, dtype="str"),
        }
    ).sort_values("time_s", kind="stable", ignore_index=True)  # some are known late


def _plans(compiled: CompiledScenario, outcome: Outcome) -> pd.DataFrame:
    """One row a positive share of a demand whose shares changed, and one a price."""
    regions, targets = compiled.regions, (*compiled.groups.ids, *compiled.pools.ids)
    services = [f"{r}/{c}" for r in regions for c in compiled.requests.classes]
    jobs = [f"{r}/{c}" for r in regions for c in compiled.jobs.classes]
    demands = tuple(services + jobs)
    epoch, kind, row, target, share = outcome.plans.columns()
    demand = row + kind * len(services)
    target = target + kind * len(compiled.groups.ids)
    priced = [(now_s, row) for now_s, rows in outcome.plans.prices for row in rows]
    items = tuple(dict.fromkeys((*targets, *(row.item for _, row in priced))))
    place = {item: index for index, item in enumerate(items)}
    n, more = len(epoch), len(priced)

    def longer(values: Any, rest: Any) -> Any:
        return np.concatenate([values, np.asarray(rest, dtype=np.float64)])

    nothing = np.full(more, np.nan)
    return pd.DataFrame(
        {
            "epoch_s": longer(epoch, [now_s for now_s, _ in priced]),
            "kind": _category(longer(kind, np.full(more, 2)), ("requests", "jobs", "price")),
            "demand": _category(longer(demand, np.full(more, -1)), demands),
            "target": _category(longer(target, [place[row.item] for _, row in priced]), items),
            "share": longer(share, nothing),
            "price": longer(np.full(n, np.nan), [row.value for _, row in priced]),
            "price_low": longer(np.full(n, np.nan), [row.low for _, row in priced]),
            "price_high": longer(np.full(n, np.nan), [row.high for _, row in priced]),
            "unit": pd.Categorical([None] * n + [row.unit for _, row in priced]),
        }
    )


def _sources(scenario: Scenario) -> pd.DataFrame:
    rows = [*number_sources(scenario), *model_numbers(scenario)]
    names = ("path", "field", "value", "unit", "source", "grade")
    return pd.DataFrame(
        {name: pd.array([getattr(row, name) or "" for row in rows], dtype="str") for name in names}
    )
