"""Demand of a scenario in reference chips, by region and class, and which chips do its work."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from computenet.optimization.expansion_problem import Demand
from computenet.scenario import Scenario
from computenet.scenario.planning import PlanningSpec
from computenet.study.planning.year import Year
from computenet.units import BITS_PER_BYTE, SECONDS_PER_DAY, SECONDS_PER_HOUR

__all__ = ["Streams", "demand_of", "growth", "streams_of"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]

HOURS_PER_YEAR = 8760.0


@dataclass(frozen=True, slots=True)
class Streams:
    """Classes that are assigned together.

    Attributes
    ----------
    names
        ``(G,)`` names: the classes of each.
    stream
        ``(C,)`` of each class, services first, then jobs.
    circle_ms, factor
        ``(G,)`` latency circle (infinite for jobs) and what carries it over the links' own latency.
    coverage
        ``(G,)`` share to serve within the circle; 0 = none.
    """

    names: tuple[str, ...]
    stream: I8
    circle_ms: F8
    factor: F8
    coverage: F8


def streams_of(scenario: Scenario, planning: PlanningSpec, year: Year) -> Streams:
    """Put classes of one kind, latency circle, carrier and coverage target together."""
    requests = year.could.requests
    wanted = planning.targets.latency_coverage_min
    others = planning.targets.latency_coverage_others
    keys: list[tuple[str, float, float, float]] = [
        ("requests", float(circle), float(factor), wanted.get(name, others))
        for name, circle, factor in zip(
            requests.classes, requests.circle_ms, requests.latency_factor, strict=True
        )
    ]
    keys += [("jobs", np.inf, 1.0, 0.0)] * len(scenario.workload.job_classes)
    distinct = list(dict.fromkeys(keys))
    stream = np.asarray([distinct.index(key) for key in keys], dtype=np.int64)
    classes = [*requests.classes, *year.could.jobs.classes]
    names = tuple(
        "+".join(name for name, at in zip(classes, stream, strict=True) if at == g)
        for g in range(len(distinct))
    )
    columns = np.asarray([key[1:] for key in distinct], dtype=np.float64).reshape(-1, 3)
    return Streams(names, stream, columns[:, 0], columns[:, 1], columns[:, 2])


def growth(planning: PlanningSpec, name: str, kind: str, after_years: F8) -> F8:
    """Return a class's demand over today's, ``(Y,)``."""
    demand = planning.demand
    rate = demand.by_class.get(name, demand.inference if kind == "requests" else demand.training)
    factor: F8 = (1.0 + rate) ** after_years
    return factor


def demand_of(
    scenario: Scenario,
    planning: PlanningSpec,
    year: Year,
    streams: Streams,
    after_years: F8,
    unit: float,
) -> Demand:
    """Return the demand of every stage.

    A class's reference chip is its best one (least chips for the work) for requests, and the
    reference accelerator of the topology's speeds for jobs.
    """
    could = year.could
    regions = len(could.regions)
    rate, need_k, draw_k, gb_k = _requests(year)
    work_c, need_c, draw_c, gb_c = _jobs(scenario, year)
    names = (*could.requests.classes, *could.jobs.classes)
    kinds = ("requests",) * len(could.requests.classes) + ("jobs",) * len(could.jobs.classes)
    grown = np.stack(
        [growth(planning, n, k, after_years) for n, k in zip(names, kinds, strict=True)]
    )
    work = np.concatenate([rate, work_c], axis=1)[:, :, None] * grown[None] / unit
    gb_per_chip_s = np.concatenate([gb_k, gb_c])
    operation = planning.operation
    room = np.concatenate(
        [
            year.class_peak / operation.serving_utilisation,
            np.full(len(could.jobs.classes), 1.0 / operation.job_utilisation),
        ]
    )
    oneway = could.jobs.oneway_ms
    way = np.isfinite(oneway)
    price = np.where(way, could.jobs.transfer_cny_per_gb, 0.0)
    sites, groups = oneway.shape[1], len(streams.names)
    yearly_gb = np.zeros((regions, groups, len(after_years)))
    for c, g in enumerate(streams.stream.tolist()):
        yearly_gb[:, g] += work[:, c] * unit * gb_per_chip_s[c]
    yearly_gb *= HOURS_PER_YEAR * SECONDS_PER_HOUR
    felt = oneway[:, None, :] * streams.factor[None, :, None]
    return Demand(
        regions=could.regions,
        classes=names,
        streams=streams.names,
        stream=streams.stream,
        work=work,
        need=np.concatenate([need_k, need_c]),
        room=np.repeat(room[:, None], len(after_years), axis=1),
        draw_kw=np.concatenate([draw_k, draw_c]),
        moves=np.asarray([kind == "jobs" for kind in kinds]),
        traffic=gb_per_chip_s * BITS_PER_BYTE * 1e3,
        transfer_cost=yearly_gb[:, :, None, :] * price[:, None, :, None] / (1e3 * unit),
        open_way=np.broadcast_to(way[:, None, :], (regions, groups, sites)).copy(),
        covered=way[:, None, :] & (felt <= streams.circle_ms[None, :, None]),
        unmet_cost=operation.unmet_cny_per_accelerator_h * HOURS_PER_YEAR / 1e3,
    )


def _requests(year: Year) -> tuple[F8, F8, F8, F8]:
    """Return work ``(R, K)``, need and draw ``(K, T)``, and GB a second of a chip ``(K,)``.

    A chip on which a request served alone misses its class's time per token or to the first token
    does not serve the class, unless all of them do.
    """
    could = year.could
    requests, groups = could.requests, could.groups
    regions, classes, chips = len(could.regions), len(requests.classes), len(year.chips)
    seconds = np.full((classes, chips), np.inf)
    energy = np.zeros((classes, chips))
    late = np.zeros((classes, chips), dtype=np.bool_)
    prompt_tokens = requests.prompt_tokens.mean(axis=1)
    for g, pool in enumerate(groups.pool.tolist()):
        each = float(groups.accelerators_per_replica[g])
        for k in range(classes):
            if np.isfinite(requests.replica_s[k, g]):
                seconds[k, pool] = requests.replica_s[k, g] * each
                energy[k, pool] = requests.energy_mwh[k, g]
                token_ms = 1e3 / groups.request_tok_s[g]
                first_ms = 1e3 * prompt_tokens[k] / groups.prefill_tok_s[g]
                late[k, pool] = (
                    token_ms > requests.tpot_slo_ms[k] or first_ms > requests.ttft_slo_ms[k]
                )
    able = np.isfinite(seconds) & ~late
    seconds[late & able.any(axis=1, keepdims=True)] = np.inf
    best = np.min(seconds, axis=1, initial=np.inf)
    known = np.where(np.isfinite(best), best, 1.0)
    draw_kw = np.where(
        np.isfinite(seconds), energy * SECONDS_PER_HOUR * 1e3 / np.maximum(seconds, 1e-300), 0.0
    )
    rate = requests.mean_rate_per_s.reshape(regions, classes) * known
    gb = requests.gb_per_request[:classes] / known
    return rate, seconds / known[:, None], draw_kw, gb


def _jobs(scenario: Scenario, year: Year) -> tuple[F8, F8, F8, F8]:
    """Return the same for job classes; work in accelerators of reference speed."""
    jobs, pools = year.could.jobs, year.could.pools
    workload = scenario.workload
    busy = []
    for item in workload.job_classes:
        weight = sum(item.sizes.values())
        gang = sum(size * share for size, share in item.sizes.items()) / weight
        busy.append(item.rate_per_day * workload.scale * gang * item.mean_held_s / SECONDS_PER_DAY)
    share = np.asarray([region.training_share for region in scenario.topology.regions])
    need = np.divide(1.0, jobs.speed, out=np.full(jobs.speed.shape, np.inf), where=jobs.speed > 0.0)
    draw_kw = jobs.activity[:, None] * pools.active_w[None, :] / 1e3
    work = share[:, None] * np.asarray(busy)[None, :]
    return work, need, draw_kw, np.asarray(jobs.data_gb_per_accelerator_s)
