"""Jobs at pools: what the kernel reads, keeps and writes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "COMPLETED",
    "EASY",
    "FCFS",
    "LJF",
    "NOT_ARRIVED",
    "RUNNING",
    "SJF",
    "SMALLEST_AREA",
    "WAITING",
    "JobInputs",
    "JobOut",
    "JobState",
    "make_job_out",
    "make_job_state",
]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
I4 = NDArray[np.int32]

#: First come first served; with EASY backfill; shortest, longest, smallest area first.
FCFS, EASY, SJF, LJF, SMALLEST_AREA = 0, 1, 2, 3, 4
NOT_ARRIVED, WAITING, RUNNING, COMPLETED = 0, 1, 2, 3


class JobInputs(NamedTuple):
    """Jobs (axis n), classes (C) and pools (P); never written by the kernel."""

    job_class: I4  # (n,)
    accelerators: I8  # (n,) gang size, >= 1
    work_s: F8  # (n,) run time at speed 1
    estimate_s: F8  # (n,) expected run time at speed 1
    speed: F8  # (C, P)
    checkpoint_s: F8  # (C,) run time between checkpoints; 0 = none
    restart_s: F8  # (1,) overhead of a restart
    discipline: I4  # (P,)
    slot_s: F8  # (1,) accounting slot


class JobState(NamedTuple):
    """All state; arrays of O(jobs + accelerators held at once)."""

    size: I8  # (P,) accelerators
    available: I8  # (P,) 1 = up
    free: I8  # (P,)
    waiting: I8  # (P,) jobs
    waiting_accelerators: I8  # (P,)
    running: I8  # (P,) jobs
    busy: I8  # (P, C) accelerators busy by class
    next_event_s: F8  # (P,)
    accounted_s: F8  # (P,) time up to which integrals are written
    pending_head: I8  # (P,) jobs on their way, by ready time
    pending_tail: I8
    queue_head: I8  # (P,) waiting jobs: a list by ready time, or the top of a heap by rank
    queue_tail: I8
    following: I8  # (n,) next job in whichever list the job is, or its left child in the heap
    right: I8  # (n,) its right child
    rank: F8  # (n,) what orders the heap
    pool: I4  # (n,)
    status: I8  # (n,)
    ready_s: F8  # (n,)
    start_s: F8  # (n,) first start
    segment_s: F8  # (n,) start of the present run
    finish_s: F8  # (n,)
    saved_s: F8  # (n,) run time kept by checkpoints, at the pool's speed
    lost_accelerator_s: F8  # (n,)
    restarts: I8  # (n,)
    arena: I8  # (P + 1,) where each pool's running jobs are kept
    heap_s: F8  # heap of finish times
    heap_job: I8
    ends_s: F8  # sorted expected ends
    ends_job: I8


class JobOut(NamedTuple):
    """Integrals by accounting slot, written at events and by `settle_jobs` only."""

    busy_s: F8  # (P, C, S) accelerator-seconds
    waiting_s: F8  # (P, S) job-seconds
    waiting_accelerator_s: F8  # (P, S)


def make_job_state(n_jobs: int, n_classes: int, pool_size: I8) -> JobState:
    """Return the state of an empty system of up to `n_jobs` jobs."""
    pools = len(pool_size)
    arena = np.zeros(pools + 1, dtype=np.int64)
    np.cumsum(np.minimum(pool_size, n_jobs), out=arena[1:])
    held = int(arena[-1])

    def whole(n: int, value: int = 0) -> I8:
        return np.full(n, value, dtype=np.int64)

    def real(n: int, value: float = 0.0) -> F8:
        return np.full(n, value, dtype=np.float64)

    return JobState(
        size=pool_size.astype(np.int64),
        available=whole(pools, 1),
        free=pool_size.astype(np.int64),
        waiting=whole(pools),
        waiting_accelerators=whole(pools),
        running=whole(pools),
        busy=np.zeros((pools, n_classes), dtype=np.int64),
        next_event_s=real(pools, np.inf),
        accounted_s=real(pools),
        pending_head=whole(pools, -1),
        pending_tail=whole(pools, -1),
        queue_head=whole(pools, -1),
        queue_tail=whole(pools, -1),
        following=whole(n_jobs, -1),
        right=whole(n_jobs, -1),
        rank=real(n_jobs),
        pool=np.full(n_jobs, -1, dtype=np.int32),
        status=whole(n_jobs),
        ready_s=real(n_jobs, np.nan),
        start_s=real(n_jobs, np.nan),
        segment_s=real(n_jobs, np.nan),
        finish_s=real(n_jobs, np.nan),
        saved_s=real(n_jobs),
        lost_accelerator_s=real(n_jobs),
        restarts=whole(n_jobs),
        arena=arena,
        heap_s=real(held),
        heap_job=whole(held),
        ends_s=real(held),
        ends_job=whole(held),
    )


def make_job_out(n_pools: int, n_classes: int, n_slots: int) -> JobOut:
    """Return zeroed integrals."""
    return JobOut(
        np.zeros((n_pools, n_classes, n_slots)),
        np.zeros((n_pools, n_slots)),
        np.zeros((n_pools, n_slots)),
    )
