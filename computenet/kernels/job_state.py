"""Jobs at pools: what the kernel reads, keeps and writes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "CHUNK_JOBS",
    "COMPLETED",
    "CONSERVATIVE",
    "EASY",
    "FAIR_SHARE",
    "FCFS",
    "LJF",
    "MULTIFACTOR",
    "NOT_ARRIVED",
    "ON_DEMAND",
    "PREEMPTIVE",
    "RESERVED",
    "RUNNING",
    "SJF",
    "SMALLEST_AREA",
    "SPOT",
    "WAITING",
    "JobInputs",
    "JobOut",
    "JobState",
    "chunk_places",
    "make_job_inputs",
    "make_job_out",
    "make_job_state",
]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
I4 = NDArray[np.int32]

#: Disciplines of a pool. The first three keep one list by ready time, the next four a heap.
FCFS, EASY, CONSERVATIVE = 0, 1, 2
SJF, LJF, SMALLEST_AREA, MULTIFACTOR = 3, 4, 5, 6
#: These keep a list a tenant and a list a priority.
FAIR_SHARE, PREEMPTIVE = 7, 8
#: Operation of a class, in the order of turns.
RESERVED, ON_DEMAND, SPOT = 0, 1, 2
#: Jobs that a chunk of an EASY queue holds at most, those that come back after a stop aside.
CHUNK_JOBS = 64
NOT_ARRIVED, WAITING, RUNNING, COMPLETED = 0, 1, 2, 3


class JobInputs(NamedTuple):
    """Jobs (axis n), classes (C) and pools (P); never written by the kernel."""

    job_class: I4  # (n,)
    accelerators: I8  # (n,) gang size, >= 1
    work_s: F8  # (n,) run time at speed 1
    estimate_s: F8  # (n,) expected run time at speed 1
    tenant: I4  # (n,) lane of the tenant, 0 = unknown; fair share only
    speed: F8  # (C, P)
    checkpoint_s: F8  # (n,) run time between checkpoints; 0 = none
    priority: I8  # (C,) a larger number goes first
    lane: I8  # (C,) 0 for the largest priority, 1 for the next, ...
    restart_s: F8  # (1,) overhead of a restart
    discipline: I4  # (P,)
    depth: I8  # (P,) reservations that conservative backfill holds at most
    priority_weight_s: F8  # (P,) waiting that one step of priority is worth (multifactor)
    size_weight_s: F8  # (P,) waiting that a gang as large as the pool is worth (multifactor)
    half_life_s: F8  # (P,) in which a tenant's past use counts half (fair share); inf = never
    slot_s: F8  # (1,) accounting slot
    operation: I8  # (C,) reserved, on demand or spot; preemptive only
    reserved: I8  # (P,) accelerators that on-demand jobs leave to reserved ones; preemptive only


class JobState(NamedTuple):
    """All state; arrays of O(jobs + accelerators held at once)."""

    size: I8  # (P,) accelerators
    available: I8  # (P,) 1 = up
    free: I8  # (P,)
    withheld: I8  # (P,) out of service
    waiting: I8  # (P,) jobs
    waiting_accelerators: I8  # (P,)
    running: I8  # (P,) jobs
    busy: I8  # (P, C) accelerators busy by class
    next_event_s: F8  # (P,)
    accounted_s: F8  # (P,) time up to which integrals are written
    pending_head: I8  # (P,) jobs on their way, by ready time
    pending_tail: I8
    lanes: I8  # (P + 1,) where each pool's lanes are: one, or one a tenant or a priority
    head: I8  # (lanes,) waiting jobs: a list by ready time, or the top of a heap by rank
    tail: I8
    usage: F8  # (lanes,) accelerator-seconds charged to a tenant, older ones counting less
    active: I8  # (P,) lanes with waiting jobs (fair share)
    lane_heap: I8  # (lanes,) those lanes as a heap by usage
    lane_place: I8  # (lanes,) where a lane is in it; -1 = nowhere
    following: I8  # (n,) next job in whichever list the job is, or its left child in the heap
    right: I8  # (n,) its right child; under EASY the job before it
    chunk: I8  # (n,) chunk of the queue the job waits in (EASY)
    chunks: I8  # (P + 1,) where each pool's chunks are
    queued: I8  # (P,) jobs appended to the queue so far
    chunk_first: I8  # (chunks,) first waiting job of the chunk; -1 = none
    chunk_gang: I8  # (chunks,) no job of the chunk is smaller
    chunk_s: F8  # (chunks,) no job of the chunk is expected to run shorter
    rank: F8  # (n,) what orders the heap; under fair share what the start was charged
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
    profile_s: F8  # free accelerators to come, while conservative backfill looks at one pool
    profile_free: I8


class JobOut(NamedTuple):
    """Integrals by accounting slot, written at events and by `settle_jobs` only."""

    busy_s: F8  # (P, C, S) accelerator-seconds
    waiting_s: F8  # (P, S) job-seconds
    waiting_accelerator_s: F8  # (P, S)


def make_job_inputs(
    *,
    accelerators: I8,
    work_s: F8,
    estimate_s: F8,
    discipline: I4,
    speed: F8,
    job_class: I4 | None = None,
    tenant: I4 | None = None,
    checkpoint_s: F8 | None = None,
    priority: I8 | None = None,
    restart_s: float = 0.0,
    depth: I8 | None = None,
    priority_weight_s: F8 | None = None,
    size_weight_s: F8 | None = None,
    half_life_s: F8 | None = None,
    slot_s: float = 900.0,
    operation: I8 | None = None,
    reserved: I8 | None = None,
) -> JobInputs:
    """Return inputs with defaults: one class, no checkpoints, equal priorities, no weights.

    Parameters
    ----------
    tenant
        ``(n,)`` tenant of each job, -1 = unknown; all unknown ones count as one tenant.
    checkpoint_s
        ``(C,)`` run time between checkpoints, by class.
    operation
        ``(C,)``; nothing = all on demand. Priorities go within one operation.
    reserved
        ``(P,)`` accelerators held for reserved classes; nothing = none.
    """
    n, (classes, pools) = len(work_s), speed.shape
    one = np.zeros(classes, dtype=np.int64) if priority is None else priority.astype(np.int64)
    kind = np.full(classes, ON_DEMAND, dtype=np.int64) if operation is None else operation
    turns = sorted({(int(o), -int(v)) for o, v in zip(kind, one, strict=True)})
    return JobInputs(
        job_class=np.zeros(n, dtype=np.int32) if job_class is None else job_class,
        accelerators=accelerators,
        work_s=work_s,
        estimate_s=estimate_s,
        tenant=(np.zeros(n) if tenant is None else tenant + 1).astype(np.int32),
        speed=speed,
        checkpoint_s=(np.zeros(classes) if checkpoint_s is None else checkpoint_s)[
            np.zeros(n, dtype=np.int32) if job_class is None else job_class
        ].astype(np.float64),
        priority=one,
        lane=np.asarray(
            [turns.index((int(o), -int(v))) for o, v in zip(kind, one, strict=True)],
            dtype=np.int64,
        ),
        restart_s=np.asarray([restart_s]),
        discipline=discipline,
        depth=np.full(pools, 50, dtype=np.int64) if depth is None else depth,
        priority_weight_s=np.zeros(pools) if priority_weight_s is None else priority_weight_s,
        size_weight_s=np.zeros(pools) if size_weight_s is None else size_weight_s,
        half_life_s=np.full(pools, np.inf) if half_life_s is None else half_life_s,
        slot_s=np.asarray([slot_s]),
        operation=kind.astype(np.int64),
        reserved=np.zeros(pools, dtype=np.int64) if reserved is None else reserved.astype(np.int64),
    )


def make_job_state(inputs: JobInputs, pool_size: I8, most_jobs: int = 0) -> JobState:
    """Return the state of an empty system for these jobs, of which up to `most_jobs` may come."""
    pools, n_jobs = len(pool_size), len(inputs.work_s)
    most = max(n_jobs, most_jobs)
    arena = np.zeros(pools + 1, dtype=np.int64)
    np.cumsum(np.minimum(pool_size, most), out=arena[1:])
    held = int(arena[-1])
    wanted = np.ones(pools, dtype=np.int64)
    wanted[inputs.discipline == FAIR_SHARE] = int(inputs.tenant.max(initial=0)) + 1
    wanted[inputs.discipline == PREEMPTIVE] = int(inputs.lane.max(initial=0)) + 1
    lanes = np.zeros(pools + 1, dtype=np.int64)
    np.cumsum(wanted, out=lanes[1:])
    n_lanes = int(lanes[-1])
    chunks = chunk_places(inputs, n_jobs)
    n_chunks = int(chunks[-1])
    careful = inputs.discipline == CONSERVATIVE
    profile = 0
    if careful.any():
        # Every running job ends once, every job placed begins once and ends once.
        spans = np.diff(arena) + 2 * (np.minimum(inputs.depth, most) + pool_size) + 3
        profile = int(spans[careful].max())

    def whole(n: int, value: int = 0) -> I8:
        return np.full(n, value, dtype=np.int64)

    def real(n: int, value: float = 0.0) -> F8:
        return np.full(n, value, dtype=np.float64)

    return JobState(
        size=pool_size.astype(np.int64),
        available=whole(pools, 1),
        free=pool_size.astype(np.int64),
        withheld=whole(pools),
        waiting=whole(pools),
        waiting_accelerators=whole(pools),
        running=whole(pools),
        busy=np.zeros((pools, inputs.speed.shape[0]), dtype=np.int64),
        next_event_s=real(pools, np.inf),
        accounted_s=real(pools),
        pending_head=whole(pools, -1),
        pending_tail=whole(pools, -1),
        lanes=lanes,
        head=whole(n_lanes, -1),
        tail=whole(n_lanes, -1),
        usage=real(n_lanes),
        active=whole(pools),
        lane_heap=whole(n_lanes),
        lane_place=whole(n_lanes, -1),
        following=whole(n_jobs, -1),
        right=whole(n_jobs, -1),
        chunk=whole(n_jobs if n_chunks else 0, -1),
        chunks=chunks,
        queued=whole(pools),
        chunk_first=whole(n_chunks, -1),
        chunk_gang=whole(n_chunks),
        chunk_s=real(n_chunks),
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
        profile_s=real(profile),
        profile_free=whole(profile),
    )


def chunk_places(inputs: JobInputs, n_jobs: int) -> I8:
    """Return where each pool's chunks are, ``(P + 1,)``."""
    places = np.zeros(len(inputs.discipline) + 1, dtype=np.int64)
    np.cumsum(np.where(inputs.discipline == EASY, n_jobs // CHUNK_JOBS + 1, 0), out=places[1:])
    return places


def make_job_out(n_pools: int, n_classes: int, n_slots: int) -> JobOut:
    """Return zeroed integrals."""
    return JobOut(
        np.zeros((n_pools, n_classes, n_slots)),
        np.zeros((n_pools, n_slots)),
        np.zeros((n_pools, n_slots)),
    )
