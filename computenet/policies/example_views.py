"""Small views of many kinds, for trying policies on."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from computenet.compiled import (
    CompiledScenario,
    EnergyArrays,
    GroupArrays,
    JobDemandArrays,
    NetworkArrays,
    PoolArrays,
    RequestDemandArrays,
    SiteArrays,
)
from computenet.energy import Battery, Usual
from computenet.policies.protocol import RunningGangs, SystemView, WaitingGangs

__all__ = ["example_views"]


def example_views(moves_gangs: bool = False) -> dict[str, SystemView]:
    """Return small views of many kinds: usual, own plant, a site down, no demand, overload, ….

    Parameters
    ----------
    moves_gangs
        As the policy says of itself: whether it is shown the large jobs that run.
    """
    compiled = _example_compiled()
    usual = _usual_view(compiled)
    down = usual.request_arc_open.copy()
    down[:, compiled.pools.site[compiled.groups.pool] == 0] = False
    jobs_down = usual.job_arc_open.copy()
    jobs_down[:, compiled.pools.site == 0] = False
    return {
        "usual": usual,
        "own plant": replace(usual, compiled=replace(compiled, energy=_own_plant())),
        "site down": replace(usual, request_arc_open=down, job_arc_open=jobs_down),
        "no demand": replace(
            usual,
            request_rate_per_s=np.zeros_like(usual.request_rate_per_s),
            job_load_accelerators=np.zeros_like(usual.job_load_accelerators),
        ),
        "overload": replace(
            usual,
            request_rate_per_s=usual.request_rate_per_s * 1e4,
            job_load_accelerators=usual.job_load_accelerators * 1e4,
            pool_free=np.zeros_like(usual.pool_free),
            pool_waiting_accelerators=np.full_like(usual.pool_waiting_accelerators, 1e6),
            group_running=np.full_like(usual.group_running, 1e6),
            job_waiting_accelerator_s=np.full_like(usual.job_waiting_accelerator_s, 1e12),
            job_held_accelerator_s=np.full_like(usual.job_held_accelerator_s, 1e9),
        ),
        "gangs wait": replace(usual, gangs=_example_gangs()),
        "gangs run": replace(
            usual,
            gangs=_example_gangs(),
            running=_example_running() if moves_gangs else None,
            pool_free=np.zeros_like(usual.pool_free),
            pool_waiting_accelerators=np.zeros_like(usual.pool_free),
        ),
        "nothing open": replace(
            usual,
            request_arc_open=np.zeros_like(down),
            job_arc_open=np.zeros_like(jobs_down),
        ),
    }


def _example_gangs() -> WaitingGangs:
    """Three gangs, of which one fits in one pool alone."""
    return WaitingGangs(
        demand=np.asarray([1, 3, 0], dtype=np.int64),
        accelerators=_row(32.0, 96.0, 16.0),
        estimate_s=_row(7200.0, 36_000.0, 600.0),
        data_gb=_row(100.0, 0.0, 1.0),
        data_region=np.asarray([0, 1, 0], dtype=np.int64),
        waited_s=_row(4000.0, 900.0, 0.0),
        fits=np.asarray([[True, False, True], [False, False, True], [True, True, True]]),
        slack_s=_row(np.inf, 40_000.0, -60.0),
        pool=np.asarray([-1, -1, 2], dtype=np.int64),
        coming_accelerators=_row(0.0, 8.0, 0.0),
    )


def _example_running() -> RunningGangs:
    """Two gangs, of which one can run in one pool alone."""
    return RunningGangs(
        demand=np.asarray([1, 2], dtype=np.int64),
        accelerators=_row(32.0, 64.0),
        pool=np.asarray([0, 2], dtype=np.int64),
        left_s=_row(36_000.0, 0.0),
        overhead_s=_row(900.0, 4500.0),
        data_gb=_row(10.0, 0.0),
        data_region=np.asarray([0, 1], dtype=np.int64),
        slack_s=_row(np.inf, 100.0),
        fits=np.asarray([[True, True, True], [False, False, True]]),
    )


def _row(*values: float) -> NDArray[np.float64]:
    return np.asarray(values, dtype=np.float64)


def _example_compiled() -> CompiledScenario:
    """Two regions, two sites, three pools, two models in four groups, two classes each."""
    oneway = np.asarray([[1.0, 12.0], [11.0, 2.0]])
    pools = PoolArrays(
        ids=("a/x", "a/y", "b/x"),
        site=np.asarray([0, 0, 1], dtype=np.int32),
        accelerators=np.asarray([64, 32, 256], dtype=np.int64),
        serving_accelerators=np.asarray([32, 0, 64], dtype=np.int64),
        idle_w=_row(60.0, 50.0, 60.0),
        active_w=_row(340.0, 300.0, 340.0),
        overhead_w=_row(250.0, 200.0, 250.0),
        fp16_tflops=_row(312.0, 192.0, 312.0),
        discipline=np.asarray([0, 1, 1], dtype=np.int32),
        backfill_depth=np.full(3, 50, dtype=np.int64),
        priority_weight_s=np.zeros(3),
        size_weight_s=np.zeros(3),
        usage_half_life_s=np.full(3, np.inf),
        accelerators_per_server=np.full(3, 8, dtype=np.int64),
        failures_per_server_s=np.zeros(3),
        accelerator=("x", "y", "x"),
        reserved_accelerators=np.zeros(3, dtype=np.int64),
    )
    groups = GroupArrays(
        ids=("a/x/small", "a/x/large", "b/x/small", "b/x/large"),
        pool=np.asarray([0, 0, 2, 2], dtype=np.int32),
        model=np.asarray([0, 1, 0, 1], dtype=np.int32),
        replicas=np.asarray([16, 4, 32, 8], dtype=np.int64),
        replicas_real=np.asarray([16, 4, 32, 8], dtype=np.int64),
        accelerators_per_replica=np.asarray([1, 4, 1, 4], dtype=np.int64),
        slots=np.asarray([32, 16, 32, 16], dtype=np.int64),
        prefill_tok_s=_row(8000.0, 4000.0, 8000.0, 4000.0),
        request_tok_s=_row(60.0, 40.0, 60.0, 40.0),
        decode_tok_s=_row(1500.0, 600.0, 1500.0, 600.0),
        blocks=np.zeros(4, dtype=np.int64),
        step=np.zeros((4, 7)),
    )
    model_of_class = np.asarray([0, 1], dtype=np.int32)
    serves = np.tile(model_of_class[:, None] == groups.model, (2, 1))
    arc_ms = np.repeat(oneway[:, pools.site[groups.pool]], 2, axis=0)
    requests = RequestDemandArrays(
        classes=("chat", "think"),
        models=("small", "large"),
        model_of_class=model_of_class,
        mean_rate_per_s=_row(40.0, 4.0, 20.0, 2.0),
        feasible=serves,
        rtt_s=2e-3 * arc_ms,
        circle_ok=arc_ms <= 5.0,
        circle_ms=_row(5.0, 5.0),
        latency_factor=_row(1.0, 1.0),
        ttft_slo_ms=_row(500.0, 2000.0, 500.0, 2000.0),
        tpot_slo_ms=_row(50.0, 100.0, 50.0, 100.0),
        replica_s=np.where(serves, np.tile(_row(0.2, 1.5)[:, None], (2, 4)), np.inf),
        energy_mwh=np.where(serves, 2e-8, np.inf),
        transfer_cny=np.full((4, 4), 1e-6),
        gb_per_request=np.full(4, 1e-5),
        prompt_tokens=np.asarray([[100.0, 400.0, 1000.0], [200.0, 800.0, 3000.0]]),
        prefill_activity=0.85,
        decode_activity=0.6,
    )
    return CompiledScenario(
        name="example",
        start=datetime.fromisoformat("2025-07-07T00:00:00+08:00"),
        seed=1,
        horizon_s=7200.0,
        warmup_s=0.0,
        slot_s=900.0,
        epoch_s=900.0,
        sampling=1,
        checkpoint_cost_s=0.0,
        young_daly=False,
        kill_at_estimate=False,
        restart_s=900.0,
        month_of_slot=np.zeros(8, dtype=np.int32),
        month_share=_row(7200.0 / (31 * 86400.0)),
        day_of_slot=np.zeros(8, dtype=np.int32),
        regions=("A", "B"),
        sites=SiteArrays(
            ids=("a", "b"),
            it_capacity_mw=_row(1.0, 1.0),
            pue=_row(1.4, 1.2),
            water_l_per_kwh=_row(1.5, 1.0),
            green_contract_share=_row(0.2, 0.8),
            green_generation_min=np.zeros(2),
            emission_kg_per_mwh=_row(600.0, 500.0),
            price_cny_per_mwh=(price := np.stack([np.full(8, 700.0), np.full(8, 350.0)])),
            tariff_cny_per_mwh=price,
            demand_charge_cny_per_mw_month=_row(40000.0, 30000.0),
            dataset_storage_gb=np.zeros(2),
        ),
        energy=_plain_energy(),
        pools=pools,
        jobs=JobDemandArrays(
            classes=("batch", "train"),
            speed=np.asarray([[1.0, 0.6, 1.0], [1.0, 0.0, 1.0]]),
            activity=_row(0.6, 0.85),
            checkpoint_s=_row(1800.0, 1800.0),
            priority=np.zeros(2, dtype=np.int64),
            operation=np.ones(2, dtype=np.int64),
            transfer_weight=np.ones(2),
            oneway_ms=oneway,
            transfer_cny_per_gb=np.asarray([[0.01, 0.05], [0.05, 0.01]]),
            data_gb_per_accelerator_s=_row(1e-3, 1e-4),
            held_run_s=_row(3600.0, 200_000.0),
            held_gang=_row(4.0, 32.0),
            estimate_factor=_row(2.0, 1.5),
            deadline_s=_row(86_400.0, np.inf),
        ),
        groups=groups,
        requests=requests,
        network=NetworkArrays(
            link_ids=("A-a", "B-b", "a-b"),
            a=np.asarray([0, 1, 2], dtype=np.int32),
            b=np.asarray([2, 3, 3], dtype=np.int32),
            latency_ms=_row(1.0, 2.0, 10.0),
            capacity_gbps=_row(100.0, 100.0, 40.0),
            price_cny_per_gb=_row(0.01, 0.01, 0.05),
            n_nodes=4,
        ),
        notes=(),
    )


def _usual_view(compiled: CompiledScenario) -> SystemView:
    runs = np.tile(compiled.jobs.speed > 0.0, (len(compiled.regions), 1))
    return SystemView(
        now_s=0.0,
        epoch_s=compiled.epoch_s,
        compiled=compiled,
        request_rate_per_s=compiled.requests.mean_rate_per_s.copy(),
        job_load_accelerators=_row(20.0, 60.0, 10.0, 80.0),
        request_arc_open=compiled.requests.feasible.copy(),
        job_arc_open=runs,
        rtt_s=compiled.requests.rtt_s.copy(),
        circle_ok=compiled.requests.circle_ok.copy(),
        data_there=np.asarray([[True, False], [False] * 2, [False] * 2, [False, True]]),
        pool_free=_row(10.0, 32.0, 100.0),
        pool_waiting_accelerators=_row(40.0, 0.0, 8.0),
        group_running=_row(100.0, 10.0, 50.0, 4.0),
        price_cny_per_mwh=compiled.sites.price_cny_per_mwh[:, 0].copy(),
        carbon_kg_per_mwh=compiled.sites.emission_kg_per_mwh.copy(),
        job_waiting_accelerator_s=_row(1e5, 0.0, 0.0, 3e5),
        job_held_accelerator_s=_row(0.0, 2e5, 0.0, 0.0),
        job_submitted_per_s=_row(30.0, 70.0, 15.0, 100.0),
        pool_running=np.asarray([[14.0, 40.0], [0.0, 0.0], [56.0, 100.0]]),
        site_load_mw=_row(0.05, 0.11),
        site_peak_mw=_row(0.06, 0.13),
        link_up=np.ones(3, dtype=np.bool_),
        link_gbps=compiled.network.capacity_gbps.copy(),
        future=_Steady(compiled),
    )


class _Steady:
    """A future in which everything goes on at its mean rate."""

    def __init__(self, compiled: CompiledScenario) -> None:
        self._rate = compiled.requests.mean_rate_per_s

    def request_rate_per_s(self, edges_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the mean rates, ``(T, D)``."""
        return np.tile(self._rate, (len(edges_s) - 1, 1))

    def job_work_accelerator_s(self, edges_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the work of a fixed load, ``(T, Q)``."""
        return np.diff(edges_s)[:, None] * _row(20.0, 60.0, 10.0, 80.0)[None, :]


def _own_plant() -> EnergyArrays:
    """Return sun and storage at the first site, wind by line at the second."""
    sun = _row(0.0, 0.02, 0.08, 0.12, 0.12, 0.08, 0.02, 0.0)
    none, zero = np.zeros(8), np.zeros(2)
    storage = Battery(
        _row(0.02, 0.0), _row(0.02, 0.0), np.full(2, 0.9), _row(0.5, 0.0),
        np.asarray([1, 0], dtype=np.int64), zero,
    )  # fmt: skip
    wind = np.full(8, 0.1)
    return replace(
        _plain_energy(), full=True, onsite_mw=np.stack([sun, none]),
        direct_mw=np.stack([none, wind]), pv_mw=np.stack([sun, none]),
        wind_mw=np.stack([none, wind]), generation_cny_per_mwh=np.stack([none, none + 200.0]),
        battery=storage,
        usual_mw=Usual(np.stack([sun, wind]), 0.2 * np.stack([sun, wind]), np.full(2, 6.0)),
    )  # fmt: skip


def _plain_energy() -> EnergyArrays:
    """Return two sites with annual PUE and nothing but the grid."""
    none, zero = np.zeros((2, 8)), np.zeros(2)
    return EnergyArrays(
        full=False,
        pue=np.asarray([[1.4], [1.2]]) + none,
        water_l_per_kwh=np.asarray([[1.5], [1.0]]) + none,
        temperature_c=np.full((2, 8), np.nan),
        usual_pue=Usual(np.asarray([[1.4], [1.2]]) + none, none, np.ones(2)),
        price_factor=np.ones((2, 8)),
        emission_factor=np.ones((2, 8)),
        emission_kg_per_mwh=np.asarray([[600.0], [500.0]]) + none,
        onsite_mw=none,
        direct_mw=none,
        pv_mw=none,
        wind_mw=none,
        usual_mw=Usual(none, none, np.ones(2)),
        generation_cny_per_mwh=none,
        limit_mw=np.full((2, 8), np.inf),
        battery=Battery(zero, zero, np.ones(2), zero, np.zeros(2, dtype=np.int64), zero),
        cycle_cny_per_mwh=zero,
        off_power_share=0.0,
        carbon_cny_per_t=0.0,
    )
