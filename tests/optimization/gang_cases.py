"""Gang problems for tests, and their worth written down a second time, job by job."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
from hypothesis import strategies as st

from computenet.optimization.gang import Fragmentation, GangJobs, GangPools, GangProblem


def gang_jobs(accelerators: list[float], **others: Any) -> GangJobs:
    """Return waiting jobs of class 0 worth 100 each, that run an hour and move nothing."""
    n = len(accelerators)
    plain: dict[str, Any] = {
        "accelerators": accelerators, "job_class": np.zeros(n), "work_s": np.full(n, 3600.0),
        "value_cny": np.full(n, 100.0), "slack_s": np.full(n, np.inf),
        "late_cny_per_s": np.zeros(n), "data_site": np.full(n, -1), "data_gb": np.zeros(n),
        "pool": np.full(n, -1), "checkpoint_gb": np.zeros(n), "lost_s": np.zeros(n),
        "restart_s": np.zeros(n),
    }  # fmt: skip
    return GangJobs(**{**plain, **others})


def gang_pools(free: list[float], **others: Any) -> GangPools:
    """Return pools of servers of eight, each at a site of its own, that cost nothing."""
    n = len(free)
    plain: dict[str, Any] = {
        "free": free, "per_server": np.full(n, 8.0), "site": np.arange(n), "mw": np.zeros(n),
        "price_cny_per_mwh": np.zeros(n), "accelerator_cny_per_s": np.zeros(n),
    }  # fmt: skip
    return GangPools(**{**plain, **others})


def plain_worth(problem: GangProblem, pool: np.ndarray) -> float:
    """Return what a placement is worth, or minus infinity where it cannot be."""
    jobs, pools = problem.jobs, problem.pools
    used = [0] * problem.n_pools
    total = 0.0
    for j in range(problem.n_jobs):
        c, p, now = int(jobs.job_class[j]), int(pool[j]), int(jobs.pool[j])

        def gang(at: int, j: int = j, c: int = c) -> int:
            ratio = 1.0 if problem.ratio is None else float(problem.ratio[c, at])
            return math.ceil(float(jobs.accelerators[j]) * ratio)

        if p < 0:
            if now >= 0:
                again_s = float(jobs.lost_s[j] + jobs.restart_s[j])
                total -= again_s * gang(now) * float(pools.accelerator_cny_per_s[now])
            continue
        if problem.speed[c, p] == 0.0:
            return -math.inf
        used[p] += math.ceil(gang(p) / int(pools.per_server[p]))
        run_s = float(jobs.work_s[j] / problem.speed[c, p])
        total += float(jobs.value_cny[j])
        total -= gang(p) * float(pools.mw[p]) * run_s / 3600 * float(pools.price_cny_per_mwh[p])
        origin = int(pools.site[now]) if now >= 0 else int(jobs.data_site[j])
        moved_gb = float(jobs.data_gb[j]) if origin >= 0 and now != p else 0.0
        if now >= 0 and now != p:
            moved_gb += float(jobs.checkpoint_gb[j])
            total -= float(jobs.restart_s[j]) * gang(p) * float(pools.accelerator_cny_per_s[p])
            run_s += float(jobs.restart_s[j])
        if moved_gb > 0.0:
            site = int(pools.site[p])
            if problem.transfer_cny_per_gb is not None:
                total -= moved_gb * float(problem.transfer_cny_per_gb[origin, site])
            if problem.transfer_s_per_gb is not None:
                run_s += moved_gb * float(problem.transfer_s_per_gb[origin, site])
        if not math.isfinite(run_s):
            return -math.inf
        total -= float(jobs.late_cny_per_s[j]) * max(run_s - float(jobs.slack_s[j]), 0.0)
    for p in range(problem.n_pools):
        room = int(pools.free[p] // pools.per_server[p]) - used[p]
        if room < 0:
            return -math.inf
        to_come = problem.fragmentation
        if to_come is not None:
            lost = sum(
                share
                for size, share in zip(to_come.accelerators, to_come.share, strict=True)
                if math.ceil(size / pools.per_server[p]) > room
            )
            price = to_come.cny_per_accelerator[p] * pools.per_server[p]
            total -= float(room * lost * price)
    return total


def best_of_all(problem: GangProblem) -> float:
    """Return the worth of the best placement, by trying all."""
    choices = range(-1, problem.n_pools)
    return max(
        plain_worth(problem, np.asarray(pool))
        for pool in itertools.product(choices, repeat=problem.n_jobs)
    )


@st.composite
def problems(draw: st.DrawFn, most_jobs: int = 5, most_pools: int = 3) -> GangProblem:
    """Draw a problem with every part in it: moves, deadlines, data, fragments, closed ways."""
    jobs = draw(st.integers(0, most_jobs))
    pools = draw(st.integers(1, most_pools))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    classes, sites = 2, 3
    free = rng.integers(0, 60, pools).astype(float)
    way_cny = rng.uniform(0.0, 0.2, (sites, sites))
    way_cny[rng.random((sites, sites)) < 0.1] = np.inf
    np.fill_diagonal(way_cny, 0.0)
    sizes = np.unique(rng.integers(1, 40, 3)).astype(float)
    return GangProblem(
        GangJobs(
            accelerators=rng.integers(1, 40, jobs).astype(float),
            job_class=rng.integers(0, classes, jobs),
            work_s=rng.uniform(0.0, 7200.0, jobs),
            value_cny=rng.uniform(-5.0, 100.0, jobs),
            slack_s=np.where(rng.random(jobs) < 0.5, np.inf, rng.uniform(-600.0, 7200.0, jobs)),
            late_cny_per_s=rng.uniform(0.0, 0.01, jobs),
            data_site=rng.integers(-1, sites, jobs),
            data_gb=rng.uniform(0.0, 200.0, jobs),
            pool=rng.integers(-1, pools, jobs),
            checkpoint_gb=rng.uniform(0.0, 100.0, jobs),
            lost_s=rng.uniform(0.0, 1800.0, jobs),
            restart_s=rng.uniform(0.0, 600.0, jobs),
        ),
        GangPools(
            free=free,
            per_server=rng.choice([1.0, 4.0, 8.0], pools),
            site=rng.integers(0, sites, pools),
            mw=rng.uniform(0.0, 0.002, pools),
            price_cny_per_mwh=rng.uniform(-50.0, 600.0, pools),
            accelerator_cny_per_s=rng.uniform(0.0, 0.001, pools),
        ),
        np.where(rng.random((classes, pools)) < 0.25, 0.0, rng.uniform(0.5, 2.0, (classes, pools))),
        rng.choice([0.5, 1.0, 1.5], (classes, pools)),
        way_cny,
        rng.uniform(0.0, 20.0, (sites, sites)),
        Fragmentation(sizes, np.full(len(sizes), 1.0 / len(sizes)), rng.choice([0.0, 0.5], pools))
        if draw(st.booleans())
        else None,
    )
