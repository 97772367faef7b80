"""Gang placement: gap to the bound and time, at 100, 1,000 and 10,000 jobs.

Instances are drawn from a seed and calibrated on nothing. Gangs of 8 to 8,192 accelerators follow
a bounded Pareto law; the total load is 1.3 times the capacity; a job runs in a pool with
probability 0.6 and takes 0.8 to 2.5 times the accelerators there, by type; pools are log-normal in
size (sigma 0.7). A job is worth ``accelerators * priority * (1 + 2 / slack)`` times its hours;
energy and the transfer of its data are taken off. Times are processor time of one call on one core
with compiled code; the answer is the same on any machine, the time is not.
"""

from __future__ import annotations

import statistics
import time

import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import Figure
from computenet.optimization.gang import (
    Fragmentation,
    GangJobs,
    GangPools,
    GangProblem,
    Placement,
    place_gangs,
)
from computenet.optimization.gang_bound import gang_prices

__all__ = ["gang_instance", "run"]

F8 = NDArray[np.float64]

#: Exponent of the Pareto law; the smaller, the heavier the tail.
TAIL = 1.0
SEEDS = range(5)
LOAD = 1.3


def gang_instance(
    jobs: int,
    pools: int,
    seed: int,
    *,
    tail: float = TAIL,
    running: float = 0.0,
    fragment_cny: float = 0.0,
) -> GangProblem:
    """Return an instance.

    Parameters
    ----------
    tail
        Exponent of the law of gang sizes; 0 = uniform in the logarithm.
    running
        Share of the jobs that run now, as far as they fit somewhere.
    fragment_cny
        Price of an accelerator in a fragment; gangs to come are like those of the instance.
    """
    rng = np.random.default_rng([seed, jobs, pools])
    u = rng.random(jobs)
    span = 8192.0 / 8.0
    size = 8.0 * (span**u if tail == 0.0 else (1.0 - u * (1.0 - span**-tail)) ** (-1.0 / tail))
    gang = np.clip(np.ceil(size / 8.0) * 8.0, 8.0, 8192.0)
    ratio = np.array([0.8, 1.0, 1.6, 2.5])[rng.integers(0, 4, pools)]
    classes = 64
    runs = rng.random((classes, pools)) < 0.6
    speed = np.where(runs, rng.uniform(0.8, 1.2, (classes, pools)), 0.0)
    job_class = rng.integers(0, classes, jobs)
    shape = rng.lognormal(0.0, 0.7, pools)
    servers = np.ceil(np.ceil(gang[:, None] * ratio) / 8.0)
    open_arc = runs[job_class]
    load = (servers * open_arc).sum(axis=1) / np.maximum(open_arc.sum(axis=1), 1)
    free = 8.0 * np.floor(shape / shape.sum() * load.sum() / LOAD)
    slack = rng.uniform(1.0, 20.0, jobs)
    priority = rng.choice([1.0, 2.0, 4.0], jobs, p=[0.6, 0.3, 0.1])
    hours = rng.uniform(1.0, 24.0, jobs)
    site = rng.integers(0, 10, pools)
    pool = np.full(jobs, -1)
    room = free / 8.0
    for j in np.flatnonzero(rng.random(jobs) < running):
        fits = np.flatnonzero(open_arc[j] & (servers[j] <= room))
        if fits.size:
            pool[j] = rng.choice(fits)
            room[pool[j]] -= servers[j, pool[j]]
    return GangProblem(
        GangJobs(
            accelerators=gang,
            job_class=job_class,
            work_s=3600.0 * hours,
            value_cny=gang * hours * priority * (1.0 + 2.0 / slack),
            slack_s=3600.0 * slack * hours,
            late_cny_per_s=gang / 3600.0,
            data_site=rng.integers(0, 10, jobs),
            data_gb=rng.lognormal(3.0, 1.0, jobs) * gang,
            pool=pool,
            checkpoint_gb=2.0 * gang,
            lost_s=rng.uniform(0.0, 3600.0, jobs),
            restart_s=np.full(jobs, 600.0),
        ),
        GangPools(
            free=free,
            per_server=np.full(pools, 8.0),
            site=site,
            mw=1e-3 * rng.uniform(0.6, 1.2, pools),
            price_cny_per_mwh=rng.uniform(250.0, 650.0, pools),
            accelerator_cny_per_s=np.full(pools, 1.0 / 3600.0),
        ),
        speed,
        np.broadcast_to(ratio, speed.shape),
        rng.uniform(0.005, 0.05, (10, 10)) * (1.0 - np.eye(10)),
        rng.uniform(0.05, 0.2, (10, 10)) * (1.0 - np.eye(10)),
        _to_come(gang, np.full(pools, fragment_cny)) if fragment_cny > 0.0 else None,
    )


def _to_come(gang: F8, price: F8) -> Fragmentation:
    size, count = np.unique(gang, return_counts=True)
    return Fragmentation(size, count / count.sum(), price)


def _median(jobs: int, pools: int, tail: float) -> tuple[float, float, list[Placement]]:
    """Return the medians over the seeds of the gap, %, and of the time, s."""
    answers, walls = [], []
    for seed in SEEDS:
        problem = gang_instance(jobs, pools, seed, tail=tail)
        began = time.process_time()
        answers.append(place_gangs(problem))
        walls.append(time.process_time() - began)
    gap = statistics.median(100.0 * answer.gap for answer in answers)
    return gap, statistics.median(walls), answers


def _searching(jobs: int, pools: int) -> Figure:
    """Return iterations of the search a second, the rest of a call taken off."""
    problem = gang_instance(jobs, pools, 0)
    walls = []
    for iterations in (0, 1_000):
        began = time.process_time()
        place_gangs(problem, "search", iterations=iterations, starts=1)
        walls.append(time.process_time() - began)
    rate = 1_000 / max(walls[1] - walls[0], 1e-9)
    return Figure(f"search, {jobs:,} x {pools}", rate, "iterations/s", "", True)


def run() -> list[Figure]:
    """Measure all sizes."""
    place_gangs(gang_instance(300, 5, 0))
    place_gangs(gang_instance(30, 5, 0))
    figures = []
    for jobs, pools, tail, gap_wanted, wanted_s in (
        (100, 10, TAIL, 0.1, 1.0),
        (1_000, 50, 0.0, 2.5, 1.0),
        (1_000, 50, 0.5, 2.5, 1.0),
        (1_000, 50, TAIL, 2.5, 1.0),
        (10_000, 50, TAIL, 0.5, 5.0),
    ):
        name = f"{jobs:,} x {pools}, tail {tail:g}"
        gap, wall, answers = _median(jobs, pools, tail)
        worst = max(100.0 * answer.gap for answer in answers)
        figures += [
            Figure(f"gap, {name}", gap, "%", f"<= {gap_wanted:g}", gap <= gap_wanted),
            Figure(f"largest gap of {len(answers)}, {name}", worst, "%", "", True),
            Figure(f"time, {name}", wall, "s", f"<= {wanted_s:g}", wall <= wanted_s),
        ]
    for jobs in (1_000, 10_000):
        table = gang_instance(jobs, 50, 0).arcs()
        began = time.process_time()
        gang_prices(table)
        wall = time.process_time() - began
        figures += [Figure(f"bound alone, {jobs:,} x 50", wall, "s", "", True)]
        figures += [_searching(jobs, 50)]
    return figures
