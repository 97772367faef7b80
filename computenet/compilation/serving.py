"""Serving in arrays: what replicas do, how fleets divide among models, and requests' demand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from computenet.compilation.laws import PROMPT_POINTS, prompt_quantiles
from computenet.compiled import F8, I8, GroupArrays, PoolArrays, RequestDemandArrays
from computenet.energy.power import capped
from computenet.engines import (
    BLOCK_TOKENS,
    Device,
    ServedModel,
    cache_capacity_tokens,
    step_costs,
)
from computenet.errors import InputError, Problem
from computenet.network import LATENCY_FACTORS
from computenet.scenario import Scenario
from computenet.serving import (
    DECODE_ACTIVITY,
    PREFILL_ACTIVITY,
    ReplicaRates,
    divide_fleet,
    replica_rates,
)
from computenet.units import SECONDS_PER_HOUR, WATTS_PER_MW

__all__ = ["request_demand", "serving_groups"]


def _array(values: list[float]) -> F8:
    return np.asarray(values, dtype=np.float64)


def _rates(scenario: Scenario) -> dict[tuple[int, str], ReplicaRates]:
    """Return the rates of every model on every accelerator type it fits on."""
    workload = scenario.workload
    slow = _serving_activity(scenario)[1]
    out: dict[tuple[int, str], ReplicaRates] = {}
    for index, model in enumerate(workload.models):
        served = [item for item in workload.service_classes if item.model == model.name]
        share = sum(item.share for item in served)
        context = (
            sum(
                item.share * (item.mean_prompt_tokens(reuse=False) + item.output_tokens.mean / 2.0)
                for item in served
            )
            / share
            if share > 0.0
            else 1.0
        )
        refused: list[Problem] = []
        for kind in scenario.topology.accelerators:
            try:
                out[index, kind.id] = replica_rates(
                    parameters_b=model.parameters_b,
                    active_parameters_b=model.active_parameters_b,
                    bytes_per_parameter=model.bytes_per_parameter,
                    cache_kb_per_token=model.cache_kb_per_token,
                    context_tokens=context,
                    fp16_tflops=kind.fp16_tflops * slow[0],
                    memory_gb=kind.memory_gb,
                    memory_bandwidth_tb_s=kind.memory_bandwidth_tb_s * slow[1],
                    path=f"workload.models.{model.name} on {kind.id}",
                )
            except InputError as error:
                refused.extend(error.problems)
        if len(refused) == len(scenario.topology.accelerators):
            raise InputError(refused, "model does not fit in memory anywhere")
    return out


def serving_groups(
    scenario: Scenario, pools: PoolArrays, notes: list[str]
) -> tuple[GroupArrays, PoolArrays]:
    """Divide every pool's serving accelerators among models and size the replicas.

    With sampling `k` a group has a multiple of `k` real replicas: the run *is* a sample of that
    fleet. Serving accelerators that make no whole replica run jobs.
    """
    models, sampling = scenario.workload.models, scenario.run.sampling
    rates = _rates(scenario)
    shape = (len(pools.ids), len(models))
    each, share = np.zeros(shape, dtype=np.int64), np.zeros(shape)
    for pool, kind in enumerate(pools.accelerator):
        own = scenario.topology.pools[pool].serving_models
        for m, model in enumerate(models):
            part = model.serving_share if own is None else own.get(model.name, 0.0)
            if part > 0.0 and (m, kind) in rates:
                each[pool, m] = rates[m, kind].accelerators
                share[pool, m] = part
    total = share.sum(axis=1, keepdims=True)
    refused = [
        Problem(f"topology.pools.{pools.ids[pool]}.serving_models", None,
                f"none of these models fits on {pools.accelerator[pool]}")
        for pool, item in enumerate(scenario.topology.pools)
        if item.serving_models is not None and total[pool, 0] == 0.0
    ]  # fmt: skip
    if refused:
        raise InputError(refused, "scenario cannot be used")
    share = np.divide(share, total, out=np.zeros(shape), where=total > 0.0)
    wanted = pools.serving_accelerators
    count = divide_fleet(wanted, share, each, sampling)
    serving = (count * each).sum(axis=1) * sampling
    if sampling > 1 and wanted.sum() > 0:
        notes.append(
            f"sampling 1 in {sampling}: a model has a multiple of {sampling} replicas in a pool; "
            f"of {int(wanted.sum()):,} accelerators meant for serving {int(serving.sum()):,} serve "
            f"({serving.sum() / wanted.sum():.1%}), the others run jobs"
        )
    run = scenario.run
    if run.request_window_h > 0.0:
        notes.append(
            f"requests are simulated in windows of {run.request_window_h:g} h every "
            f"{run.request_period_h:g} h, each after {run.request_warmup_h:g} h of warm-up: "
            "latencies and SLO are those of the windows; in between, arrivals are the expected "
            "ones, and busy time and tokens are those of simulated slots with nearly as much work"
        )
    pool_of, model_of = np.nonzero(count)
    rows = [rates[int(m), pools.accelerator[p]] for p, m in zip(pool_of, model_of, strict=True)]

    def column(values: list[int]) -> I8:
        return np.asarray(values, dtype=np.int64)

    blocks, step = _engine_costs(scenario, pools, pool_of, model_of, rows)
    groups = GroupArrays(
        ids=tuple(
            f"{pools.ids[p]}/{models[m].name}" for p, m in zip(pool_of, model_of, strict=True)
        ),
        pool=pool_of.astype(np.int32),
        model=model_of.astype(np.int32),
        replicas=count[pool_of, model_of],
        replicas_real=count[pool_of, model_of] * sampling,
        accelerators_per_replica=column([row.accelerators for row in rows]),
        slots=column([row.slots for row in rows]),
        prefill_tok_s=_array([row.prefill_tok_s for row in rows]),
        request_tok_s=_array([row.request_tok_s for row in rows]),
        decode_tok_s=_array([row.decode_tok_s for row in rows]),
        blocks=blocks,
        step=step,
    )
    pools = replace(
        pools,
        accelerators=pools.accelerators + pools.serving_accelerators - serving,
        serving_accelerators=serving,
    )
    return groups, pools


def _engine_costs(
    scenario: Scenario, pools: PoolArrays, pool_of: I8, model_of: I8, rows: list[ReplicaRates]
) -> tuple[I8, F8]:
    """Return blocks of cache and costs of a step by group; zero under processor sharing."""
    blocks = np.zeros(len(rows), dtype=np.int64)
    slow = _serving_activity(scenario)[1]
    step = np.zeros((len(rows), 7))
    if scenario.run.service_law == "continuous-batching":
        types = {item.id: item for item in scenario.topology.accelerators}
        for g, (p, m, row) in enumerate(zip(pool_of, model_of, rows, strict=True)):
            model, kind = scenario.workload.models[m], types[pools.accelerator[p]]
            served = ServedModel(
                model.name, model.parameters_b, model.active_parameters_b,
                model.bytes_per_parameter, model.layers or 0, 0, model.attention_width or 0,
                model.cache_kb_per_token, "", "",
            )  # fmt: skip
            # Topologies name no links inside servers, so exchange within a replica costs nothing.
            device = Device(
                kind.id, kind.fp16_tflops * slow[0], kind.memory_gb,
                kind.memory_bandwidth_tb_s * slow[1], np.inf, "",
            )  # fmt: skip
            room = cache_capacity_tokens(served, device, row.accelerators)
            blocks[g] = room // BLOCK_TOKENS
            step[g] = step_costs(served, device, row.accelerators)
    return blocks, step


def request_demand(
    scenario: Scenario,
    pools: PoolArrays,
    groups: GroupArrays,
    oneway_ms: F8,
    price: F8,
) -> RequestDemandArrays:
    """Return the demand of every region and class, and what each group makes of it.

    `oneway_ms` and `price` ``(R, I)`` are those of the way from a region to a site.
    """
    topology, workload = scenario.topology, scenario.workload
    classes = workload.service_classes
    models = [model.name for model in workload.models]
    model_of_class = np.asarray([models.index(item.model) for item in classes], dtype=np.int32)
    n_regions, n_classes = len(topology.regions), len(classes)
    activity = _serving_activity(scenario)[0]
    region_share = _array([region.inference_share for region in topology.regions])
    national = workload.request_rate_per_day * workload.scale / 86_400.0
    mean_rate = national * region_share[:, None] * _array([c.share for c in classes])[None, :]
    site = pools.site[groups.pool]
    reuse = scenario.run.prefix_cache != "none"
    prompt = _array([c.mean_prompt_tokens(reuse=reuse) for c in classes])
    prefill_s = prompt[:, None] / groups.prefill_tok_s
    decode_s = _array([c.output_tokens.mean for c in classes])[:, None] / groups.decode_tok_s
    served = model_of_class[:, None] == groups.model[None, :]
    replica_s = np.where(served, prefill_s + decode_s, np.inf)
    energy_mwh = (
        (activity[0] * prefill_s + activity[1] * decode_s)
        * groups.accelerators_per_replica
        * pools.active_w[groups.pool]
        / (WATTS_PER_MW * SECONDS_PER_HOUR)
    )
    arc_ms = oneway_ms[:, site]
    gb = _array([c.gb_per_request for c in classes])
    circle = _array([c.latency_circle_ms for c in classes])
    factor = _array([LATENCY_FACTORS[c.network] for c in classes])
    felt_ms = arc_ms[:, None, :] * factor[None, :, None]

    def arcs(values: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(values.reshape(n_regions * n_classes, len(groups.ids)))

    reachable = np.isfinite(arc_ms)
    return RequestDemandArrays(
        classes=tuple(c.name for c in classes),
        models=tuple(model.name for model in workload.models),
        model_of_class=model_of_class,
        mean_rate_per_s=mean_rate.ravel(),
        feasible=arcs(served[None, :, :] & reachable[:, None, :]),
        rtt_s=arcs(2e-3 * felt_ms),
        circle_ok=arcs(felt_ms <= circle[None, :, None]),
        circle_ms=circle,
        latency_factor=factor,
        ttft_slo_ms=np.tile(_array([c.ttft_slo_ms for c in classes]), n_regions),
        tpot_slo_ms=np.tile(_array([c.tpot_slo_ms for c in classes]), n_regions),
        replica_s=arcs(np.broadcast_to(replica_s, (n_regions, *replica_s.shape))),
        energy_mwh=arcs(np.broadcast_to(energy_mwh, (n_regions, *energy_mwh.shape))),
        transfer_cny=arcs(gb[None, :, None] * np.where(reachable, price[:, site], 0.0)[:, None, :]),
        gb_per_request=np.tile(gb, n_regions),
        prompt_tokens=np.asarray([prompt_quantiles(item, reuse=reuse) for item in classes]).reshape(
            len(classes), PROMPT_POINTS
        ),
        prefill_activity=float(activity[0]),
        decode_activity=float(activity[1]),
    )


def _serving_activity(scenario: Scenario) -> tuple[F8, F8]:
    """Return activity and relative speed of prefill and decode, ``(2,)`` each.

    Prefill goes at the speed of arithmetic, decode at that of memory; a power cap slows each by
    what it draws.
    """
    return capped(np.asarray([PREFILL_ACTIVITY, DECODE_ACTIVITY]), scenario.energy.power_cap)
