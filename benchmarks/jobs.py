"""Jobs: a whole ``simulate`` call against the plain SimPy twin, on real jobs.

The Alibaba PAI jobs (``COMPUTENET_TRACES``) are compressed in time to load ten FCFS pools of 400
accelerators to 80 %; both sides route by deficit credit, queue, run and integrate the busy time
into 15-minute slots, from which energy is charged. The simulate call compiles the scenario, makes
all tables and runs the audit as well; imports and JIT compilation are not counted.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import simpy

import computenet as cn
from benchmarks.measure import Figure, median_s
from computenet.policies import make_policy
from computenet.scenario import Scenario
from computenet.simulation import run_scenario
from computenet.simulation.reference import ReferenceJob, ReferencePool, run_jobs
from computenet.simulation.reference.jobs import route_by_credit
from computenet.workload.replay import ReplayDemand
from computenet.workload.tables import JobTable, RequestTable
from computenet.workload.traces import read_trace

POOLS, SIZE, LOAD = 10, 400, 0.8


def ten_pools(days: float) -> Scenario:
    """Return ten equal sites of one FCFS pool each."""
    plain = cn.load("two-hubs").model_dump(mode="json", exclude_none=True)
    topology = plain["topology"]
    site = topology["sites"][1]
    topology["sites"] = [{**site, "id": f"s{i}"} for i in range(POOLS)]
    topology["pools"] = [
        {"id": f"p{i}", "site": f"s{i}", "accelerator": "unit", "count": SIZE, "discipline": "fcfs"}
        for i in range(POOLS)
    ]
    topology["links"] = [
        {
            "id": f"{region}-s{i}", "a": region, "b": f"s{i}", "length_km": 1, "latency_ms": 1,
            "capacity_gbps": 1, "price_cny_per_gb": 0,
        }
        for region in ("RE", "RW")
        for i in range(POOLS)
    ]  # fmt: skip
    plain["workload"]["request_rate_per_day"] = 0
    return cn.load(plain, overrides={"days": days, "policy": "proportional", "run.epoch_s": 86_400})


def draw(count: int) -> tuple[JobTable, float]:
    """Return `count` PAI jobs, all of them or drawn with replacement, and the days they span."""
    path = Path(os.environ["COMPUTENET_TRACES"]) / "alibaba-pai-2020" / "pai-100k.csv.gz"
    real = read_trace(path).jobs
    assert real is not None
    if count <= real.rows:
        submit, rows = real.submit_s[:count], np.arange(count)
    else:
        rng = np.random.default_rng(7)
        rows = rng.integers(0, real.rows, count)
        submit = np.sort(rng.random(count)) * count
    work = real.duration_s[rows] * real.accelerators[rows]
    span = float(work.sum()) / (LOAD * POOLS * SIZE)
    submit = submit * (span / max(float(submit[-1]), 1.0))
    table = JobTable.of(
        submit, real.duration_s[rows], real.accelerators[rows], job_classes=("short", "long")
    )
    return table, float(np.ceil((span + 5e5) / 86_400.0))


def twin(table: JobTable, horizon_s: float) -> float:
    """Run the plain SimPy twin; return the IT energy, MWh."""
    env = simpy.Environment()
    pools = [ReferencePool(env, SIZE) for _ in range(POOLS)]
    jobs = [
        ReferenceJob(i, submit, gang, work, estimate)
        for i, (submit, gang, work, estimate) in enumerate(
            zip(
                table.submit_s.tolist(),
                table.accelerators.tolist(),
                table.duration_s.tolist(),
                table.estimate_s.tolist(),
                strict=True,
            )
        )
    ]
    route_by_credit(jobs, [1.0 / POOLS] * POOLS, pools)
    run_jobs(env, jobs, pools, horizon_s)
    busy = sum(sum(pool.busy_by_slot.values()) for pool in pools)
    return (200.0 * SIZE * POOLS * horizon_s + 400.0 * 0.8 * busy) / 3.6e9


def measure(count: int, wanted: float, times: int) -> list[Figure]:
    """Compare both on `count` jobs."""
    table, days = draw(count)
    scenario = ten_pools(days)
    demand = ReplayDemand(table, RequestTable.merged([]), days)
    policy = make_policy("proportional", {})
    results = run_scenario(scenario, policy, demand=demand)
    fast = median_s(lambda: run_scenario(scenario, policy, demand=demand), times)
    begin = time.perf_counter()
    energy = twin(table, days * 86_400.0)
    slow = time.perf_counter() - begin
    ours = results.summary["energy"]["it_mwh"]
    assert abs(energy - ours) <= 1e-6 * ours, (energy, ours)
    assert results.summary["jobs"]["completed"] == count
    ratio = slow / fast
    return [
        Figure(f"simulate, {count:,} jobs", count / fast, "jobs/s", "", True),
        Figure(f"plain SimPy twin, {count:,} jobs", count / slow, "jobs/s", "", True),
        Figure(f"ratio at {count:,} jobs", ratio, "x", f">= {wanted:g}", ratio >= wanted),
    ]


def run() -> list[Figure]:
    """Run both sizes."""
    if "COMPUTENET_TRACES" not in os.environ:
        print("jobs: COMPUTENET_TRACES is not set, left out")
        return []
    return measure(99_998, 25.0, 5) + measure(1_000_000, 60.0, 3)
