"""Scenario to arrays: the only place that knows both sides."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from computenet.compilation.energy import compile_energy
from computenet.compilation.laws import held_gang, held_run_s
from computenet.compilation.series import site_series
from computenet.compilation.serving import request_demand, serving_groups
from computenet.compiled import (
    F8,
    CompiledScenario,
    JobDemandArrays,
    NetworkArrays,
    PoolArrays,
    SiteArrays,
)
from computenet.energy.power import capped
from computenet.energy.tariff import day_index, hourly_to_slots, month_index
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
from computenet.network import shortest_routes
from computenet.scenario import Scenario
from computenet.scenario.topology import SiteSpec, TariffSpec
from computenet.scenario.workload import JobClassSpec
from computenet.units import KWH_PER_MWH

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
    n_slots = scenario.n_slots
    month_of_slot, month_share = month_index(
        scenario.start, scenario.run.slot_s, n_slots, scenario.horizon_s,
        scenario.topology.utc_offset_h,
    )  # fmt: skip
    sites = _sites(scenario, n_slots)
    edges_s = np.minimum(np.arange(n_slots + 1) * scenario.run.slot_s, scenario.horizon_s)
    price, emission = site_series(scenario, sites, edges_s)
    energy = compile_energy(scenario, sites, n_slots, emission)
    sites = replace(sites, tariff_cny_per_mwh=price, price_cny_per_mwh=price * energy.price_factor)
    network = _network(scenario)
    pools = _pools(scenario)
    n_regions = len(scenario.topology.regions)
    oneway_ms, price = site_paths(network, n_regions, network.capacity_gbps > 0.0)
    _check_half_lives(scenario, pools)
    notes: list[str] = []
    jobs = _jobs(scenario, oneway_ms, price)
    groups, pools = serving_groups(scenario, pools, notes)
    requests = request_demand(scenario, pools, groups, oneway_ms, price)
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
        day_of_slot=day_index(
            scenario.start, scenario.run.slot_s, n_slots, scenario.topology.utc_offset_h
        ),
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
        price_cny_per_mwh=(tariff := np.stack([prices[site.tariff] for site in sites])),
        tariff_cny_per_mwh=tariff,
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
        paths=scenario.network.paths,
        stretch=scenario.network.stretch,
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
        )
        * scenario.failures.rate_factor,
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
    """Return GB per reference accelerator-second of a mean job."""
    weight = sum(item.sizes.values())
    gang = sum(size * share for size, share in item.sizes.items()) / weight
    data_gb = item.data_median_gb * math.exp(item.data_sigma**2 / 2.0)
    return data_gb / (gang * item.mean_held_s)
