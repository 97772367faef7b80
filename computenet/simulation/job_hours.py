"""Accelerator-seconds that jobs held, and what became of them, from the jobs' own times."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from computenet.compiled import F8, CompiledScenario
from computenet.simulation.totals import (
    COMPLETED,
    FAILED,
    HELD,
    KILLED,
    RUNNING,
    TRANSFERRING,
    WAITING,
    JobRecords,
)

__all__ = ["JobHours", "job_hours"]


class JobHours(NamedTuple):
    """What jobs held, ``(n,)`` accelerator-seconds, at whatever accelerators they had."""

    held_s: F8  # at the pool that each has now
    progress_s: F8  # that brought it on, pools that it left included
    useful_s: F8  # of it, what was no writing of checkpoints
    lost_s: F8  # that did not: since a checkpoint, and in restarts


def job_hours(compiled: CompiledScenario, jobs: JobRecords) -> JobHours:
    """Return what every job held and what for; nothing of jobs without a pool.

    A finished job held its gang for its run time, for what interruptions lost it and for one
    restart that led to the end; others for what they kept, lost and are running now. All pools
    together, a job held ``progress_s + lost_s``.
    """
    placed = jobs.pool >= 0
    speed = compiled.jobs.speed[jobs.job_class, np.maximum(jobs.pool, 0)]
    run_s = jobs.work_s / np.where(speed > 0.0, speed, 1.0)
    running = jobs.state == RUNNING
    ended = np.isin(jobs.state, (COMPLETED, KILLED, FAILED))
    since_s = np.where(running, compiled.horizon_s - jobs.segment_s, 0.0)
    again_s = np.where((jobs.restarts > 0) & (ended | running), compiled.restart_s, 0.0)
    again_s = np.where(running, np.minimum(again_s, since_s), again_s)
    on_s = np.select(
        [ended, running, np.isin(jobs.state, (WAITING, TRANSFERRING, HELD))],
        [run_s, jobs.saved_s + (since_s - again_s), jobs.saved_s],
        0.0,
    )
    here: F8 = np.where(placed, on_s * jobs.held_accelerators, 0.0)
    lost: F8 = np.where(placed, jobs.lost_accelerator_s + again_s * jobs.held_accelerators, 0.0)
    share = np.divide(
        jobs.useful_s, jobs.work_s, out=np.ones_like(jobs.work_s), where=jobs.work_s > 0.0
    )
    return JobHours(
        held_s=here + lost,
        progress_s=here + jobs.elsewhere_accelerator_s,
        useful_s=here * share + jobs.elsewhere_useful_accelerator_s,
        lost_s=lost,
    )
