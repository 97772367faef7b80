"""What bounds need of runs, from their tables; runs read back from disk have all of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from computenet.compilation import compile_scenario
from computenet.compiled import B1, F8, I8, CompiledScenario
from computenet.optimization.bound_case import BoundCase, Parcels, Work
from computenet.optimization.bound_periods import slot_hours
from computenet.optimization.bound_power import Charges
from computenet.optimization.bound_waiting import least_waiting_h, ramps
from computenet.results import Results
from computenet.scenario import LinkCut, Scenario
from computenet.units import SECONDS_PER_HOUR

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["bound_case", "least_waiting"]

#: Kinds of jobs, by gigabytes for their work, that a class and region is divided into.
DATA_BINS = 4


def bound_case(every: Sequence[Results]) -> BoundCase:
    """Put together what a bound has to do from the tables of runs of one scenario."""
    scenario = every[0].scenario
    compiled, energy = compile_scenario(scenario), scenario.energy
    prices = _least_prices(scenario, compiled)
    arrivals = _arrivals(compiled, every[0])
    ended = [_ended(compiled, run) for run in every]
    before = {name: np.cumsum(values, axis=1) for name, values in arrivals.items()}
    # A prompt whose cache was there already is not computed; the first token comes with the prompt.
    prefill_least = np.min([done[0] for done in ended], axis=0) - before["cached_tokens"]
    decode_least = np.min([done[1] for done in ended], axis=0) - before["requests"]
    work = Work(
        jobs_h=np.asarray(
            [min(run.summary["work"]["jobs"][name] for run in every)
             for name in compiled.jobs.classes], dtype=np.float64,
        ),
        jobs_most_h=_most_work_h(compiled, every),
        prefill_least=np.maximum(prefill_least, 0.0),
        prefill_most=before["prefill_tokens"],
        decode_least=np.maximum(decode_least, 0.0),
        decode_most=np.maximum(before["tokens_out"] - before["requests"], 0.0),
        network_cny=_request_network_cny(compiled, every, prices),
        bulk_cny=min(float(run.summary["network"]["bulk_moves_cny"]) for run in every),
    )  # fmt: skip
    moved_cny, parcels = _parcels(scenario, compiled, every, prices)
    work = replace(work, network_cny=work.network_cny + moved_cny, parcels=parcels)
    available = _by_slot(compiled, every[0].sites, "available")
    return BoundCase(
        compiled=compiled,
        charges=Charges(
            energy.green_premium_cny_per_mwh, energy.certificate_share,
            energy.certificate_cny_per_mwh, energy.carbon_price_cny_per_t / 1000.0,
            energy.voucher_share, energy.voucher_budget_cny,
        ),
        work=work,
        available=available,
        unserved_mwh=np.max(
            [_by_slot(compiled, run.sites, "unserved_mw") for run in every], axis=0
        ) * slot_hours(compiled),
        overlap_h=_overlap_h(compiled, every, available),
        switch_off=energy.power_states is not None,
    )  # fmt: skip


def _edges_s(compiled: CompiledScenario) -> F8:
    edges: F8 = np.minimum(
        np.arange(compiled.n_slots + 1, dtype=np.float64) * compiled.slot_s, compiled.horizon_s
    )
    return edges


def _by_slot(compiled: CompiledScenario, table: pd.DataFrame, column: str) -> F8:
    """Return a column of a (slot, site) or (slot, pool) table, ``(I, S)`` or ``(P, S)``."""
    values: F8 = table[column].to_numpy(np.float64)
    return np.ascontiguousarray(values.reshape(compiled.n_slots, -1).T)


def _overlap_h(compiled: CompiledScenario, every: Sequence[Results], available: F8) -> F8:
    """Return accelerator-hours that were lent to jobs and served requests still, ``(P, S)``."""
    p = compiled.pools
    room = p.serving_accelerators[:, None] * available[p.site]
    used = [
        _by_slot(compiled, run.pools, "lent_accelerators")
        + _by_slot(compiled, run.pools, "serving_busy_accelerators")
        for run in every
    ]
    over = np.maximum(np.max(used, axis=0) - room * (1.0 + 1e-12), 0.0)
    out: F8 = over * slot_hours(compiled)
    return out


def _arrivals(compiled: CompiledScenario, run: Results) -> dict[str, F8]:
    """Return requests and tokens that came in each slot, ``(M, S)`` each."""
    names = ("requests", "prefill_tokens", "cached_tokens", "tokens_out")
    models = len(compiled.requests.models)
    return {
        name: run.tables["arrivals"][name]
        .to_numpy(np.float64)
        .reshape(compiled.n_slots, models)
        .T.copy()
        for name in names
    }


def _ended(compiled: CompiledScenario, run: Results) -> tuple[F8, F8]:
    """Return tokens in and out of requests that had ended by each slot's end, ``(M, S)``."""
    out = []
    for name in ("tokens_in", "tokens_out"):
        values = run.tables["groups"][name].to_numpy(np.float64)
        by_group = values.reshape(compiled.n_slots, -1).T
        total = np.zeros((len(compiled.requests.models), compiled.n_slots))
        np.add.at(total, compiled.groups.model, by_group)
        out.append(np.cumsum(total, axis=1))
    return out[0], out[1]


@dataclass(frozen=True, slots=True)
class _Jobs:
    """Jobs that were submitted, as one run has them."""

    kind: I8
    region: I8  # of their data
    submit_s: F8
    accelerators: F8
    work_s: F8  # at the reference accelerator, writing of checkpoints included
    data_gb: F8
    fastest: F8  # highest speed of the class anywhere
    placed: B1  # has a pool in every run, so its data is paid for
    refused: B1  # by some run


def _jobs(compiled: CompiledScenario, every: Sequence[Results]) -> _Jobs:
    table = every[0].jobs
    placed = np.logical_and.reduce([run.jobs["pool"].notna().to_numpy() for run in every])
    refused = np.logical_or.reduce([(run.jobs["state"] == "rejected").to_numpy() for run in every])
    there = (table["state"] != "not_submitted").to_numpy()
    table = table[there]

    def codes(column: str, names: tuple[str, ...]) -> I8:
        return np.asarray(table[column].cat.set_categories(list(names)).cat.codes, np.int64)

    kind = codes("job_class", compiled.jobs.classes)
    # With shares of accelerators a job holds less than it names, with whole servers more.
    gang = np.minimum(
        table["accelerators"].to_numpy(np.float64), table["held_accelerators"].to_numpy(np.float64)
    )
    fastest = compiled.jobs.speed.max(axis=1, initial=0.0)[kind]
    return _Jobs(
        kind,
        codes("data_region", compiled.regions),
        table["submit_s"].to_numpy(np.float64),
        gang,
        np.where(fastest > 0.0, table["work_s"].to_numpy(np.float64), 0.0),
        table["data_gb"].to_numpy(np.float64),
        np.where(fastest > 0.0, fastest, 1.0),
        placed[there],
        refused[there],
    )


def _most_work_h(compiled: CompiledScenario, every: Sequence[Results]) -> F8:
    """Return the most useful work of each class that can be done by each slot's end, ``(C, S)``.

    Every job begins when it is submitted, on the fastest accelerators.
    """

    jobs, edges = _jobs(compiled, every), _edges_s(compiled)[1:]
    out = np.zeros((len(compiled.jobs.classes), compiled.n_slots))
    for c in range(len(out)):
        here = jobs.kind == c
        if not here.any():
            continue
        rate = jobs.accelerators[here] * jobs.fastest[here]
        begin = jobs.submit_s[here]
        end = begin + jobs.work_s[here] / jobs.fastest[here]
        out[c] = np.maximum(ramps(begin, rate, edges) - ramps(end, rate, edges), 0.0)
        # A hair more, for the rounding of sums of squares and products of large times.
        out[c] = out[c] * (1.0 + 1e-9) + 1e-15 * rate.sum() * edges
    return out / SECONDS_PER_HOUR


def least_waiting(case: BoundCase, every: Sequence[Results]) -> float:
    """Return the least that the jobs of runs can wait, accelerator-hours."""
    compiled, p = case.compiled, case.compiled.pools
    jobs = _jobs(compiled, every)
    # What is written into checkpoints depends on the pool; without it a job is at its shortest.
    run_s = jobs.work_s / jobs.fastest / _most_overhead(compiled, jobs)
    takes = ~jobs.refused
    return least_waiting_h(
        jobs.submit_s[takes], run_s[takes], jobs.accelerators[takes], jobs.kind[takes],
        compiled.jobs.speed > 0.0,
        (p.accelerators + p.serving_accelerators).astype(np.float64),
        case.available[p.site] * slot_hours(compiled) * SECONDS_PER_HOUR, _edges_s(compiled),
    )  # fmt: skip


def _most_overhead(compiled: CompiledScenario, jobs: _Jobs) -> F8:
    """Return at most how many times as long the writing of checkpoints makes each job, ``(n,)``."""
    cost_s = compiled.checkpoint_cost_s
    if cost_s <= 0.0:
        return np.ones(len(jobs.kind))
    every_s = compiled.jobs.checkpoint_s[jobs.kind]
    if compiled.young_daly:
        p = compiled.pools
        # The interval is sqrt(2 c M): shortest where the gang fails most often.
        rate = p.failures_per_server_s.max(initial=0.0) * np.maximum(jobs.accelerators, 1.0)
        every_s = np.sqrt(2.0 * cost_s / np.maximum(rate, 1e-30))
    writes = every_s > 0.0
    return np.where(writes, 1.0 + cost_s / np.where(writes, every_s, 1.0), 1.0)


# ---- the network ------------------------------------------------------------------------------


def _least_prices(scenario: Scenario, compiled: CompiledScenario) -> F8:
    """Return the least price of a gigabyte from regions to sites, ``(R, I)``; infinite = no way.

    Where ways change or there are several, it is that of the cheapest way of all, whatever its
    latency; otherwise that of the one way.
    """
    import networkx

    fixed = scenario.network.paths == 1 and not any(
        isinstance(event, LinkCut) for event in scenario.events
    )
    if fixed:
        reach = np.isfinite(compiled.jobs.oneway_ms)
        return np.where(reach, compiled.jobs.transfer_cny_per_gb, np.inf)
    network, regions = compiled.network, len(compiled.regions)
    graph = networkx.Graph()
    graph.add_nodes_from(range(network.n_nodes))
    for a, b, price in zip(
        network.a.tolist(), network.b.tolist(), network.price_cny_per_gb.tolist(), strict=True
    ):
        if not graph.has_edge(a, b) or price < graph.edges[a, b]["price"]:
            graph.add_edge(a, b, price=price)
    out = np.full((regions, len(compiled.sites.ids)), np.inf)
    for region in range(regions):
        reached = networkx.single_source_dijkstra_path_length(graph, region, weight="price")
        for node, price in reached.items():
            if node >= regions:
                out[region, node - regions] = price
    return out


def _request_network_cny(compiled: CompiledScenario, every: Sequence[Results], prices: F8) -> float:
    """Return what requests' traffic costs at least: each goes to the cheapest site of its model."""
    requests = compiled.requests
    classes, regions = len(requests.classes), len(compiled.regions)
    if not classes or not len(compiled.groups.ids):
        return 0.0
    routed = []
    for run in every:
        table = run.request_flows
        number = np.zeros(regions * classes)
        region = table["region"].cat.set_categories(list(compiled.regions)).cat.codes.to_numpy()
        kind = table["service_class"].cat.set_categories(list(requests.classes)).cat.codes
        np.add.at(
            number, region.astype(np.int64) * classes + kind.to_numpy(np.int64),
            table["routed"].to_numpy(np.float64),
        )  # fmt: skip
        routed.append(number)
    serves = np.zeros((len(requests.models), len(compiled.sites.ids)), dtype=np.bool_)
    serves[compiled.groups.model, compiled.pools.site[compiled.groups.pool]] = True
    model = np.tile(requests.model_of_class, regions)
    each = np.where(serves[model], np.repeat(prices, classes, axis=0), np.inf).min(axis=1)
    least = np.min(routed, axis=0)
    return float((least * requests.gb_per_request * np.where(least > 0.0, each, 0.0)).sum())


def _parcels(
    scenario: Scenario, compiled: CompiledScenario, every: Sequence[Results], prices: F8
) -> tuple[float, Parcels]:
    """Return what moving the jobs' data costs at least, and what more it costs to other sites.

    Sites that have a copy of the data, or may get one, cost nothing.
    """

    jobs = _jobs(compiled, every)
    regions, sites, classes = compiled.regions, compiled.sites, compiled.jobs.classes
    price = np.repeat(prices[None], len(classes), axis=0)  # (C, R, I)
    price[:, :, sites.dataset_storage_gb > 0.0] = 0.0
    for item in scenario.network.replicas:
        row = slice(None) if item.region is None else regions.index(item.region)
        price[classes.index(item.job_class), row, sites.ids.index(item.site)] = 0.0
    for move in scenario.network.bulk_moves:
        if move.job_class is not None:
            price[
                classes.index(move.job_class), regions.index(move.region),
                sites.ids.index(move.site),
            ] = 0.0  # fmt: skip
    runs_at = np.zeros((len(classes), len(sites.ids)), dtype=np.bool_)
    c, p = np.nonzero(compiled.jobs.speed > 0.0)
    runs_at[c, compiled.pools.site[p]] = True
    price = np.where(runs_at[:, None, :], price, np.inf)
    cheapest = price.min(axis=2, initial=np.inf)
    cheapest = np.where(np.isfinite(cheapest), cheapest, 0.0)
    paid_gb = np.where(jobs.placed, jobs.data_gb, 0.0)
    moved_cny = float((paid_gb * cheapest[jobs.kind, jobs.region]).sum())
    work_s = jobs.accelerators * jobs.work_s
    has = (work_s > 0.0) & (jobs.data_gb >= 0.0)
    ratio = np.divide(jobs.data_gb, work_s, out=np.zeros_like(work_s), where=has)
    number = _bins(jobs.kind, ratio, work_s, len(classes))
    key = (jobs.kind * DATA_BINS + number) * len(regions) + jobs.region
    size = len(classes) * DATA_BINS * len(regions)
    amount = np.bincount(key, weights=work_s, minlength=size)
    least = np.full(size, np.inf)
    np.minimum.at(least, key[has], ratio[has])
    there = np.flatnonzero(amount > 0.0)
    kind, region = there // (DATA_BINS * len(regions)), there % len(regions)
    excess = price[kind, region] - cheapest[kind, region][:, None]
    per_h = SECONDS_PER_HOUR * least[there][:, None] * np.where(np.isfinite(excess), excess, 0.0)
    return moved_cny * (1.0 - 1e-12), Parcels(
        job_class=kind,
        work_h=amount[there] / SECONDS_PER_HOUR * (1.0 + 1e-9),
        excess_cny_per_h=np.where(np.isfinite(excess), per_h, np.inf),
    )


def _bins(kind: I8, ratio: F8, work: F8, classes: int) -> I8:
    """Return bins of like ratio within each class, with much the same work in each."""
    out = np.zeros(len(kind), dtype=np.int64)
    for c in range(classes):
        at = np.flatnonzero(kind == c)
        at = at[np.argsort(ratio[at], kind="stable")]
        total = np.cumsum(work[at])
        if len(at) and total[-1] > 0.0:
            out[at] = np.minimum(total / total[-1] * DATA_BINS, DATA_BINS - 1).astype(np.int64)
    return out
