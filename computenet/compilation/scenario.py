"""Scenario to arrays: the only place that knows both sides."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from computenet.compilation.energy import compile_energy
from computenet.compilation.laws import PROMPT_POINTS, held_gang, held_run_s, prompt_quantiles
from computenet.compilation.series import site_series
from computenet.compiled import (
    F8,
    I8,
    CompiledScenario,
    GroupArrays,
    JobDemandArrays,
    NetworkArrays,
    PoolArrays,
    RequestDemandArrays,
    SiteArrays,
)
from computenet.energy.power import capped
from computenet.energy.tariff import hourly_to_slots, month_index
from computenet.engines import (
    BLOCK_TOKENS,
    Device,
    ServedModel,
    cache_capacity_tokens,
    step_costs,
)
from computenet.errors import InputError, Problem
from computenet.kernels.job_state import (
    CONSERVATIVE,
    EASY,
    FAIR_SHARE,
    FCFS,
    LJF,
    MULTIFACTOR,
    ON_DEMAND,
    PREEMPTIVE,
    RESERVED,
    SJF,
    SMALLEST_AREA,
    SPOT,
)
from computenet.network import LATENCY_FACTORS, shortest_routes
from computenet.scenario import Scenario
from computenet.scenario.topology import SiteSpec, TariffSpec
from computenet.scenario.workload import JobClassSpec
from computenet.serving import (
    DECODE_ACTIVITY,
    PREFILL_ACTIVITY,
    ReplicaRates,
    divide_fleet,
    replica_rates,
)
from computenet.units import KWH_PER_MWH, SECONDS_PER_HOUR, WATTS_PER_MW

__all__ = ["DISCIPLINES", "compile_scenario"]

DISCIPLINES = {
    "fcfs": FCFS,
    "easy": EASY,
    "conservative": CONSERVATIVE,
    "sjf": SJF,
    "ljf": LJF,
    "smallest-area": SMALLEST_AREA,
    "multifactor": MULTIFACTOR,
    "fair-share": FAIR_SHARE,
    "preemptive": PREEMPTIVE,
}
OPERATIONS = {"reserved": RESERVED, "on-demand": ON_DEMAND, "spot": SPOT}
#: Reservations of conservative backfill where a pool names none: enough for dense schedules, few
#: enough for a pass to be quick (Slurm's bf_max_job_test is the same limit, 500 by default).
BACKFILL_DEPTH = 50
#: Waiting time that a step of priority is worth, and the half-life of past use: the latter is
#: Slurm's PriorityDecayHalfLife, the former is judgement.
PRIORITY_WEIGHT_S, USAGE_HALF_LIFE_S = 86_400.0, 7 * 86_400.0
#: Half-lives a run may have: newer use weighs 2^(time / half-life), which ends at 2^1024.
MOST_HALF_LIVES = 900


def compile_scenario(scenario: Scenario) -> CompiledScenario:
    """Turn a scenario into arrays.

    Raises
    ------
    InputError
        The scenario is well formed but cannot run, e.g. a model fits on no accelerator.
    """
    if scenario.run.checkpoints == "young-daly" and scenario.run.checkpoint_cost_s == 0.0:
        raise InputError(
            [Problem("run.checkpoint_cost_s", 0.0, "young-daly needs what a checkpoint costs",
                     "above 0 s")]
        )  # fmt: skip
    if 3600.0 * scenario.run.warmup_h >= scenario.horizon_s:
        raise InputError(
            [
                Problem(
                    "run.warmup_h", scenario.run.warmup_h, "leaves nothing to measure",
                    f"less than the run's {24.0 * scenario.days:g} h",
                )
            ]
        )  # fmt: skip
    n_slots = math.ceil(scenario.horizon_s / scenario.run.slot_s - 1e-9)
    month_of_slot, month_share = month_index(
        scenario.start, scenario.run.slot_s, n_slots, scenario.horizon_s
    )
    sites = _sites(scenario, n_slots)
    edges_s = np.minimum(np.arange(n_slots + 1) * scenario.run.slot_s, scenario.horizon_s)
    price, emission = site_series(scenario, sites, edges_s)
    sites = replace(sites, price_cny_per_mwh=price)
    energy = compile_energy(scenario, sites, n_slots, emission)
    sites = replace(sites, price_cny_per_mwh=sites.price_cny_per_mwh * energy.price_factor)
    network = _network(scenario)
    pools = _pools(scenario)
    n_regions = len(scenario.topology.regions)
    oneway_ms, price = site_paths(network, n_regions, network.capacity_gbps > 0.0)
    _check_half_lives(scenario, pools)
    notes: list[str] = []
    jobs = _jobs(scenario, oneway_ms, price)
    groups, pools = _groups(scenario, pools, notes)
    requests = _requests(scenario, sites, pools, groups, oneway_ms, price)
    return CompiledScenario(
        name=scenario.name,
        start=scenario.start,
        seed=scenario.seed,
        horizon_s=scenario.horizon_s,
        warmup_s=3600.0 * scenario.run.warmup_h,
        slot_s=scenario.run.slot_s,
        epoch_s=scenario.run.epoch_s,
        sampling=scenario.run.sampling,
        checkpoint_cost_s=scenario.run.checkpoint_cost_s,
        young_daly=scenario.run.checkpoints == "young-daly",
        kill_at_estimate=scenario.run.kill_at_estimate,
        restart_s=scenario.run.restart_s,
        month_of_slot=month_of_slot,
        month_share=month_share,
        regions=tuple(region.id for region in scenario.topology.regions),
        sites=sites,
        energy=energy,
        pools=pools,
        jobs=jobs,
        groups=groups,
        requests=requests,
        network=network,
        notes=tuple(notes),
    )


def _index(ids: list[str]) -> dict[str, int]:
    return {name: index for index, name in enumerate(ids)}


def _or(value: float | None, default: float) -> float:
    return default if value is None else value


def _array(values: list[float]) -> F8:
    return np.asarray(values, dtype=np.float64)


def _hourly_by_month(tariff: TariffSpec) -> F8:
    """Return prices ``(12, 24)``, CNY/MWh."""
    table = np.full((12, 24), np.nan)
    for season in tariff.seasons:
        for month in season.months:
            table[month - 1] = season.price_cny_per_mwh
    return table


def _sites(scenario: Scenario, n_slots: int) -> SiteArrays:
    topology = scenario.topology
    tariffs = {tariff.id: tariff for tariff in topology.tariffs}
    grids = {grid.id: grid for grid in topology.grids}
    prices = {
        name: hourly_to_slots(
            _hourly_by_month(tariff),
            scenario.start,
            topology.utc_offset_h,
            scenario.run.slot_s,
            n_slots,
            scenario.horizon_s,
        )
        for name, tariff in tariffs.items()
    }
    sites = topology.sites
    return SiteArrays(
        ids=tuple(site.id for site in sites),
        it_capacity_mw=_array([site.it_capacity_mw for site in sites]),
        pue=_array([site.pue for site in sites]),
        water_l_per_kwh=_array([site.water_l_per_kwh for site in sites]),
        green_contract_share=_array([site.green_contract_share for site in sites]),
        green_generation_min=_array([_generation_min(scenario, site) for site in sites]),
        emission_kg_per_mwh=_array([grids[site.grid].emission_kg_per_mwh for site in sites]),
        price_cny_per_mwh=np.stack([prices[site.tariff] for site in sites]),
        dataset_storage_gb=_array([1000.0 * site.dataset_storage_tb for site in sites]),
        demand_charge_cny_per_mw_month=_array(
            [tariffs[site.tariff].demand_charge_cny_per_kw_month * KWH_PER_MWH for site in sites]
        ),
    )


def _generation_min(scenario: Scenario, site: SiteSpec) -> float:
    """Return the share of consumption that a site's green target needs from its generation.

    Generation counts towards the contracts' share, so it helps only beyond that; certificates come
    on top. A target that contracts and certificates meet needs none, and the simple model has none.
    """
    target = site.targets.green_share_min
    bought = scenario.energy.certificate_share
    if scenario.energy.model != "full" or target is None:
        return 0.0
    return 0.0 if site.green_contract_share + bought >= target else target - bought


def _network(scenario: Scenario) -> NetworkArrays:
    topology = scenario.topology
    node = _index([item.id for item in topology.regions] + [item.id for item in topology.sites])
    links = topology.links
    return NetworkArrays(
        link_ids=tuple(link.id for link in links),
        a=np.asarray([node[link.a] for link in links], dtype=np.int32),
        b=np.asarray([node[link.b] for link in links], dtype=np.int32),
        latency_ms=_array([link.latency_ms for link in links]),
        capacity_gbps=_array([link.capacity_gbps for link in links]),
        price_cny_per_gb=_array([link.price_cny_per_gb for link in links]),
        n_nodes=len(node),
    )


def _check_half_lives(scenario: Scenario, pools: PoolArrays) -> None:
    """Refuse half-lives so short that the weights of late use leave the range of numbers."""
    problems = [
        Problem(
            f"topology.pools.{name}.usage_half_life_s",
            float(half_life_s),
            f"is too short for a run of {scenario.days:g} days",
            f"at least {scenario.horizon_s / MOST_HALF_LIVES:.0f}",
        )
        for name, half_life_s in zip(pools.ids, pools.usage_half_life_s, strict=True)
        if scenario.horizon_s > MOST_HALF_LIVES * half_life_s
    ]
    if problems:
        raise InputError(problems)


def _pools(scenario: Scenario) -> PoolArrays:
    topology = scenario.topology
    site = _index([item.id for item in topology.sites])
    types = {item.id: item for item in topology.accelerators}
    kinds = [types[pool.accelerator] for pool in topology.pools]
    serving = np.asarray(
        [round(pool.count * pool.serving_share) for pool in topology.pools], dtype=np.int64
    )
    count = np.asarray([pool.count for pool in topology.pools], dtype=np.int64)
    return PoolArrays(
        ids=tuple(pool.id for pool in topology.pools),
        site=np.asarray([site[pool.site] for pool in topology.pools], dtype=np.int32),
        accelerators=count - serving,
        serving_accelerators=serving,
        idle_w=_array([kind.idle_w for kind in kinds]),
        active_w=_array([kind.tdp_w - kind.idle_w for kind in kinds]),
        overhead_w=_array(
            [kind.server_overhead_w / kind.accelerators_per_server for kind in kinds]
        ),
        fp16_tflops=_array([kind.fp16_tflops for kind in kinds]),
        discipline=np.asarray(
            [DISCIPLINES[scenario.run.discipline or pool.discipline] for pool in topology.pools],
            dtype=np.int32,
        ),
        backfill_depth=np.asarray(
            [pool.backfill_depth or BACKFILL_DEPTH for pool in topology.pools], dtype=np.int64
        ),
        priority_weight_s=_array(
            [_or(pool.priority_weight_s, PRIORITY_WEIGHT_S) for pool in topology.pools]
        ),
        size_weight_s=_array([_or(pool.size_weight_s, 0.0) for pool in topology.pools]),
        usage_half_life_s=_array(
            [_or(pool.usage_half_life_s, USAGE_HALF_LIFE_S) for pool in topology.pools]
        ),
        failures_per_server_s=_array(
            [kind.failures_per_1000_server_days / 1000.0 / 86_400.0 for kind in kinds]
        ),
        accelerators_per_server=np.asarray(
            [kind.accelerators_per_server for kind in kinds], dtype=np.int64
        ),
        accelerator=tuple(kind.id for kind in kinds),
        reserved_accelerators=np.rint(scenario.run.reserved_share * (count - serving)).astype(
            np.int64
        ),
    )


def site_paths(network: NetworkArrays, n_regions: int, up: np.ndarray) -> tuple[F8, F8]:
    """Return one-way latency (ms) and price (CNY/GB) from every region to every site.

    Parameters
    ----------
    network
        Links and nodes, regions first.
    n_regions
        Number of regions.
    up
        ``(L,)`` which links may be used.

    Returns
    -------
    tuple
        Two ``(R, I)`` arrays; latency is infinite where there is no way.
    """
    routes = shortest_routes(network, up, n_regions)
    return routes.oneway_ms, routes.price_cny_per_gb


def _jobs(scenario: Scenario, oneway_ms: F8, price: F8) -> JobDemandArrays:
    topology, workload = scenario.topology, scenario.workload
    types = {item.id: item for item in topology.accelerators}
    classes = workload.job_classes
    speed = np.asarray(
        [
            [types[pool.accelerator].speed.get(item.name, 0.0) for pool in topology.pools]
            for item in classes
        ],
        dtype=np.float64,
    ).reshape(len(classes), len(topology.pools))
    activity, slow = capped(_array([item.activity for item in classes]), scenario.energy.power_cap)
    return JobDemandArrays(
        classes=tuple(item.name for item in classes),
        speed=speed * slow[:, None],
        activity=activity,
        checkpoint_s=np.full(len(classes), scenario.run.checkpoint_interval_s),
        transfer_weight=_array([item.transfer_weight for item in classes]),
        priority=np.asarray([item.priority for item in classes], dtype=np.int64),
        operation=np.asarray([OPERATIONS[item.operation] for item in classes], dtype=np.int64),
        oneway_ms=oneway_ms,
        transfer_cny_per_gb=price,
        data_gb_per_accelerator_s=_array([_data_per_work(item) for item in classes]),
        held_run_s=_array([held_run_s(item) for item in classes]),
        held_gang=_array([held_gang(item) for item in classes]),
        estimate_factor=_array([item.estimate_factor for item in classes]),
        deadline_s=_array(
            [np.inf if item.deadline_h is None else 3600.0 * item.deadline_h for item in classes]
        ),
    )


def _data_per_work(item: JobClassSpec) -> float:
    """Return GB per reference accelerator-second of a mean job; caps of times are ignored."""
    weight = sum(item.sizes.values())
    gang = sum(size * share for size, share in item.sizes.items()) / weight
    data_gb = item.data_median_gb * math.exp(item.data_sigma**2 / 2.0)
    return data_gb / (gang * item.mean_run_time_s)


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


def _groups(
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


def _requests(
    scenario: Scenario,
    sites: SiteArrays,
    pools: PoolArrays,
    groups: GroupArrays,
    oneway_ms: F8,
    price: F8,
) -> RequestDemandArrays:
    topology, workload = scenario.topology, scenario.workload
    classes = workload.service_classes
    models = _index([model.name for model in workload.models])
    model_of_class = np.asarray([models[item.model] for item in classes], dtype=np.int32)
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
