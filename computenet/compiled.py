"""A scenario as arrays: everything by integer index, units fixed, ready for kernels.

Axes, in this order everywhere, dropping what is absent: ``(slot S, region R, site I, pool P,
class)``. Two demand axes combine region and class: requests ``D = R x K`` with
``d = region * K + service_class``, and jobs ``Q = R x C`` with ``q = region * C + job_class``.
A *group* (axis ``G``) is the replicas of one model in one pool.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from computenet.energy.balance import Battery
from computenet.energy.usual import Usual

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
I4 = NDArray[np.int32]
B1 = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class SiteArrays:
    """Sites, axis ``I``."""

    ids: tuple[str, ...]
    it_capacity_mw: F8
    pue: F8  # annual mean, facility energy / IT energy
    water_l_per_kwh: F8  # litres per kWh of IT energy
    green_contract_share: F8
    green_generation_min: (
        F8  # share of consumption that a green target needs of generation; 0 = none
    )
    emission_kg_per_mwh: F8
    price_cny_per_mwh: F8  # (I, S), mean over each accounting slot
    tariff_cny_per_mwh: F8  # (I, S), the same without what events make of it
    demand_charge_cny_per_mw_month: F8
    dataset_storage_gb: F8  # for datasets that stay where they were moved; 0 = none


@dataclass(frozen=True, slots=True)
class EnergyArrays:
    """The physical side of sites by accounting slot, ``(I, S)`` unless said."""

    full: bool  # PUE goes with weather and load; otherwise annual
    pue: F8  # at the reference load
    water_l_per_kwh: F8
    temperature_c: F8  # outdoor dry bulb; NaN where no weather is modelled
    usual_pue: Usual  # for the month and hour, as a record of the climate has it
    price_factor: F8  # on the tariff, by events
    emission_factor: F8  # on the grid's emissions, by events
    emission_kg_per_mwh: F8
    onsite_mw: F8  # generation on site and on direct lines
    direct_mw: F8
    pv_mw: F8  # the same by kind
    wind_mw: F8
    usual_mw: Usual  # generation on site and on direct lines
    generation_cny_per_mwh: F8  # mean price of what is generated; of a year where nothing is
    limit_mw: F8  # most import
    battery: Battery
    cycle_cny_per_mwh: F8  # (I,)
    off_power_share: float  # of idle power, drawn by what is switched off
    carbon_cny_per_t: float  # paid on location-based emissions


@dataclass(frozen=True, slots=True)
class PoolArrays:
    """Pools of accelerators, axis ``P``."""

    ids: tuple[str, ...]
    site: I4
    accelerators: I8  # for jobs
    serving_accelerators: I8  # set aside for replicas
    idle_w: F8  # per accelerator
    active_w: F8  # per accelerator at activity 1, above idle
    overhead_w: F8  # server overhead, per accelerator
    fp16_tflops: F8  # per accelerator
    discipline: I4  # codes of `computenet.kernels.job_state`
    backfill_depth: I8  # reservations of conservative backfill
    priority_weight_s: F8  # multifactor
    size_weight_s: F8
    usage_half_life_s: F8  # fair share
    accelerators_per_server: I8
    failures_per_server_s: F8
    accelerator: tuple[str, ...]  # accelerator type
    reserved_accelerators: I8  # held for reserved job classes


@dataclass(frozen=True, slots=True)
class JobDemandArrays:
    """Job classes (axis ``C``) and how they run in pools."""

    classes: tuple[str, ...]
    speed: F8  # (C, P) relative to the reference accelerator; 0 = does not run there
    activity: F8  # (C,) share of ``active_w`` drawn while running
    checkpoint_s: F8  # (C,) run time between checkpoints; 0 = none
    priority: I8  # (C,) larger goes first
    operation: I8  # (C,) codes of `computenet.kernels.job_state`
    transfer_weight: F8  # (C,) share of a link that a transfer gets beside others
    oneway_ms: F8  # (R, I) one-way latency
    transfer_cny_per_gb: F8  # (R, I)
    data_gb_per_accelerator_s: F8  # (C,) input data of a mean job over its work
    held_run_s: F8  # (C,) mean run time weighed by itself: how long placed work stays
    held_gang: F8  # (C,) mean gang weighed by itself
    estimate_factor: F8  # (C,) users' estimates over run times, mean
    deadline_s: F8  # (C,) slack of the deadline besides the run time; infinite = none


@dataclass(frozen=True, slots=True)
class GroupArrays:
    """Groups of replicas, axis ``G``: one model served in one pool."""

    ids: tuple[str, ...]
    pool: I4
    model: I4
    replicas: I8  # simulated replicas
    replicas_real: I8  # replicas they stand for (simulated x sampling)
    accelerators_per_replica: I8
    slots: I8  # most running requests in a replica
    prefill_tok_s: F8
    request_tok_s: F8  # decode cap of one request
    decode_tok_s: F8  # decode rate of a whole replica
    blocks: I8  # blocks of key-value cache; continuous batching only, else 0
    step: F8  # (G, 7) what an engine step costs, s; continuous batching only, else 0


@dataclass(frozen=True, slots=True)
class RequestDemandArrays:
    """Service classes (axis ``K``), request demands (axis ``D``) and their arcs to groups."""

    classes: tuple[str, ...]
    models: tuple[str, ...]
    model_of_class: I4  # (K,)
    mean_rate_per_s: F8  # (D,) real requests per second, mean over the run
    feasible: B1  # (D, G) the group serves the class's model and a route exists
    rtt_s: F8  # (D, G)
    circle_ok: B1  # (D, G) within the class's latency circle
    circle_ms: F8  # (K,) latency circle, one way
    latency_factor: F8  # (K,) of what carries the requests, over the links' own
    ttft_slo_ms: F8  # (D,)
    tpot_slo_ms: F8  # (D,)
    replica_s: F8  # (D, G) replica-seconds a mean request takes of a full replica
    energy_mwh: F8  # (D, G) marginal IT energy of a mean request
    transfer_cny: F8  # (D, G) network cost of a mean request
    gb_per_request: F8  # (D,)
    prompt_tokens: F8  # (K, points) prompts at equal steps of probability
    prefill_activity: float  # share of the power above idle
    decode_activity: float


@dataclass(frozen=True, slots=True)
class NetworkArrays:
    """Links (axis ``L``) between nodes; nodes are regions first, then sites."""

    link_ids: tuple[str, ...]
    a: I4
    b: I4
    latency_ms: F8
    capacity_gbps: F8
    price_cny_per_gb: F8
    n_nodes: int
    paths: int = 1  # ways that transfers of a pair are spread over
    stretch: float = 1.5  # longest latency of a way over that of the best


@dataclass(frozen=True, slots=True)
class CompiledScenario:
    """The whole scenario as arrays. Picklable, never changed by a run."""

    name: str
    start: datetime
    seed: int
    horizon_s: float
    warmup_s: float
    slot_s: float
    epoch_s: float
    sampling: int
    checkpoint_cost_s: float  # time to write a checkpoint; 0 = none
    young_daly: bool  # checkpoints at the best interval for the gang's failure rate
    kill_at_estimate: bool  # a job is stopped once it has run for its estimate
    restart_s: float  # overhead of restarting an interrupted job
    month_of_slot: I4  # (S,) running month number, for demand charges
    month_share: F8  # (months,) share of the calendar month that the run covers
    day_of_slot: I4  # (S,) running day, local time of the tariffs
    regions: tuple[str, ...]
    sites: SiteArrays
    energy: EnergyArrays
    pools: PoolArrays
    jobs: JobDemandArrays
    groups: GroupArrays
    requests: RequestDemandArrays
    network: NetworkArrays
    notes: tuple[str, ...]

    @property
    def n_slots(self) -> int:
        """Number of accounting slots, the last one possibly short."""
        return int(self.month_of_slot.shape[0])
