"""Jobs at pools: gangs, queues and outages; exact and split-invariant.

Pools do not affect one another between two control events, so each advances alone. What happens
at one instant at one pool happens in this order: every finish (by job index), every arrival (by
job index), then one scheduling pass; a job of zero work that the pass starts finishes at the same
instant, and the three steps repeat.

Disciplines, of which all but backfill let a head that does not fit hold up the rest:

- First come first served, by ready time.
- EASY backfill (Lifka, JSSPP 1995): the head of the queue gets a reservation at the earliest time
  the expected ends of the running jobs free enough accelerators, and a later job may start now if
  it is expected to end before that time or uses only accelerators the head will not need.
- Conservative backfill (Mu'alem and Feitelson, IEEE TPDS 12(6), 2001): every waiting job, up to a
  depth, has a reservation that no later job may delay. Reservations are made anew, in turn, at
  each pass, which is the schedule compressed when a job ends early.
- Shortest, longest and smallest area first: by the user's estimate, its negative, or estimate
  times gang.
- Multifactor: by waiting time plus weights for the class's priority and the gang (Slurm's
  multifactor priority, with an age factor that is never capped, so nobody starves). As all wait
  at one pace the order of two jobs never changes.
- Fair share: the tenant that has used least, past use halved every half-life; a start is charged
  what it is expected to use and put right when it ends.
- Preemptive: reserved classes first, then those on demand, then spot; within each by the class's
  priority. A head that does not fit stops running jobs of lower rank, which fall back to their last
  checkpoint and wait at their old place; a reserved job stops spot jobs only. Jobs on demand leave
  a pool's reserved accelerators alone, spot jobs may use them, and spot jobs also take what is free
  behind a head that waits, as they can be stopped for it.

Expected ends come from the users' estimates; a job past its estimate is expected to end now.
Among equals the job that was ready first goes first, then the lowest index.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from computenet.kernels._jit import njit, njit_inline
from computenet.kernels.job_backfill import conservative_backfill, easy_backfill
from computenet.kernels.job_lanes import (
    charge,
    dequeue,
    dequeue_lane,
    enqueue,
    first_waiting,
    refund,
)
from computenet.kernels.job_running import (
    account,
    ends_remove,
    expected_s,
    fall_back,
    heap_remove,
    keeps_ends,
    start,
)
from computenet.kernels.job_state import (
    COMPLETED,
    CONSERVATIVE,
    EASY,
    FAIR_SHARE,
    ON_DEMAND,
    PREEMPTIVE,
    RESERVED,
    SPOT,
    JobInputs,
    JobOut,
    JobState,
)

__all__ = [
    "advance_jobs",
    "arrive_and_advance",
    "next_event",
    "push_arrivals",
    "schedule",
    "settle_jobs",
    "start_pool",
    "stop_pool",
]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
I4 = NDArray[np.int32]


@njit_inline
def _may_stop(head: int, c: int, inputs: JobInputs) -> bool:
    """Return whether a job may stop class `c`: of lower rank; a reserved job none on demand."""
    mine = inputs.job_class[head]
    if inputs.lane[c] <= inputs.lane[mine]:
        return False
    return bool(inputs.operation[mine] != RESERVED or inputs.operation[c] != ON_DEMAND)


@njit_inline
def _leaves_reserve(p: int, job: int, stopping: bool, state: JobState, inputs: JobInputs) -> bool:
    """Return whether a job may start without touching what is held for reserved classes.

    Jobs on demand together stay within the pool less what is held, or less what reserved jobs
    have if that is more; with `stopping`, once all that the job may stop have been stopped.
    """
    if inputs.reserved[p] == 0 or inputs.operation[inputs.job_class[job]] != ON_DEMAND:
        return True
    reserved, on_demand = 0, 0
    for c in range(inputs.operation.shape[0]):
        if inputs.operation[c] == RESERVED:
            reserved += state.busy[p, c]
        elif inputs.operation[c] == ON_DEMAND and not (stopping and _may_stop(job, c, inputs)):
            on_demand += state.busy[p, c]
    room = state.size[p] - state.withheld[p] - max(inputs.reserved[p], reserved)
    return bool(on_demand + inputs.accelerators[job] <= room)


@njit_inline
def _preempt(p: int, head: int, now_s: float, state: JobState, inputs: JobInputs) -> None:
    """Stop jobs that `head` may stop until it fits, where stopping them all would do.

    The lowest rank goes first, the latest start among equals, then the highest index; once there
    are enough accelerators, only jobs on demand stop, to leave what is held.
    """
    need = inputs.accelerators[head]
    if state.free[p] >= need and _leaves_reserve(p, head, False, state, inputs):
        return
    within_reach = state.free[p]
    for c in range(inputs.lane.shape[0]):
        if _may_stop(head, c, inputs):
            within_reach += state.busy[p, c]
    if within_reach < need or not _leaves_reserve(p, head, True, state, inputs):
        return
    base = state.arena[p]
    while state.free[p] < need or not _leaves_reserve(p, head, False, state, inputs):
        victim, place, lowest = -1, -1, -1
        for i in range(state.running[p]):
            job = state.heap_job[base + i]
            c = inputs.job_class[job]
            its = inputs.lane[c]
            if its < lowest or not _may_stop(head, c, inputs):
                continue
            if state.free[p] >= need and inputs.operation[c] != ON_DEMAND:
                continue
            later = victim < 0 or its > lowest
            if not later:
                gap_s = state.segment_s[job] - state.segment_s[victim]
                later = gap_s > 0.0 or (gap_s == 0.0 and job > victim)
            if later:
                victim, place, lowest = job, i, its
        heap_remove(p, place, state)
        fall_back(victim, p, now_s, state, inputs)
        state.free[p] += inputs.accelerators[victim]
        enqueue(victim, p, state, inputs)


@njit_inline
def _start_spot(p: int, now_s: float, state: JobState, inputs: JobInputs) -> None:
    """Start spot jobs in turn on what is free behind a head that waits."""
    for lane in range(state.lanes[p], state.lanes[p + 1]):
        while state.head[lane] >= 0:
            job = state.head[lane]
            if inputs.operation[inputs.job_class[job]] != SPOT:
                break
            if inputs.accelerators[job] > state.free[p]:
                return
            dequeue_lane(lane, state)
            start(job, p, now_s, state, inputs)


@njit_inline
def schedule(p: int, now_s: float, state: JobState, inputs: JobInputs) -> None:
    """Start what may start, in the order of the discipline; a head that does not fit waits."""
    if state.available[p] == 0:
        return
    discipline = inputs.discipline[p]
    if discipline == CONSERVATIVE:
        conservative_backfill(p, now_s, state, inputs)
        return
    while True:
        job = first_waiting(p, state, inputs)
        if job < 0:
            return
        if discipline == PREEMPTIVE:
            _preempt(p, job, now_s, state, inputs)
            if not _leaves_reserve(p, job, False, state, inputs):
                break
        if inputs.accelerators[job] > state.free[p]:
            break
        dequeue(p, state, inputs)
        if discipline == FAIR_SHARE:
            charge(job, p, now_s, state, inputs)
        start(job, p, now_s, state, inputs)
    if discipline == PREEMPTIVE:
        _start_spot(p, now_s, state, inputs)
    elif discipline == EASY and state.waiting[p] > 1 and state.free[p] > 0:
        easy_backfill(p, now_s, state, inputs)


@njit_inline
def next_event(p: int, state: JobState) -> float:
    """Return the time of a pool's next finish or arrival."""
    time_s = np.inf
    if state.running[p] > 0:
        time_s = state.heap_s[state.arena[p]]
    job = state.pending_head[p]
    if job >= 0 and state.ready_s[job] < time_s:
        time_s = state.ready_s[job]
    return float(time_s)


@njit
def push_arrivals(jobs: I8, ready_s: F8, pool: I4, count: int, state: JobState) -> None:
    """Hand over jobs that reach their pools, sorted by (ready time, index); `pool` is by job.

    Every ready time must be at or after the last `until_s` given to `advance_jobs`.
    """
    for k in range(count):
        job = jobs[k]
        p = pool[job]
        state.pool[job] = p
        state.ready_s[job] = ready_s[k]
        state.following[job] = -1
        if state.pending_tail[p] < 0:
            state.pending_head[p] = job
        else:
            state.following[state.pending_tail[p]] = job
        state.pending_tail[p] = job
        if ready_s[k] < state.next_event_s[p]:
            state.next_event_s[p] = ready_s[k]


@njit
def advance_jobs(state: JobState, inputs: JobInputs, until_s: float, out: JobOut) -> float:
    """Advance every pool over all events before `until_s`; return the time of the next one."""
    earliest = np.inf
    for p in range(state.next_event_s.shape[0]):
        now_s = state.next_event_s[p]
        if now_s >= until_s:
            earliest = min(earliest, now_s)
            continue
        base = state.arena[p]
        ends = keeps_ends(p, inputs)
        fair = inputs.discipline[p] == FAIR_SHARE
        while now_s < until_s:
            account(p, now_s, state, inputs, out)
            while state.running[p] > 0 and state.heap_s[base] == now_s:
                job = state.heap_job[base]
                if ends:
                    expected = state.segment_s[job] + expected_s(job, p, state, inputs)
                    ends_remove(p, expected, job, state)
                elif fair:
                    refund(job, p, now_s, state, inputs)
                heap_remove(p, 0, state)
                state.status[job] = COMPLETED
                state.finish_s[job] = now_s
                state.free[p] += inputs.accelerators[job]
                state.busy[p, inputs.job_class[job]] -= inputs.accelerators[job]
            while state.pending_head[p] >= 0 and state.ready_s[state.pending_head[p]] == now_s:
                job = state.pending_head[p]
                state.pending_head[p] = state.following[job]
                if state.pending_head[p] < 0:
                    state.pending_tail[p] = -1
                enqueue(job, p, state, inputs)
            schedule(p, now_s, state, inputs)
            now_s = next_event(p, state)
        state.next_event_s[p] = now_s
        earliest = min(earliest, now_s)
    return float(earliest)


@njit
def arrive_and_advance(
    jobs: I8,
    ready_s: F8,
    pool: I4,
    count: int,
    state: tuple[Any, ...],
    inputs: tuple[Any, ...],
    until_s: float,
    out: tuple[Any, ...],
) -> float:
    """Do `push_arrivals` and `advance_jobs` in one call.

    State, inputs and sums come as plain tuples, which cross from Python in a third of the time.
    """
    named = JobState(*state)
    push_arrivals(jobs, ready_s, pool, count, named)
    return advance_jobs(named, JobInputs(*inputs), until_s, JobOut(*out))


@njit
def settle_jobs(state: JobState, inputs: JobInputs, until_s: float, out: JobOut) -> None:
    """Write the integrals up to `until_s`; only at the end of a run."""
    for p in range(state.free.shape[0]):
        account(p, until_s, state, inputs, out)


@njit
def stop_pool(p: int, now_s: float, state: JobState, inputs: JobInputs, out: JobOut) -> int:
    """Take a pool down: running jobs fall back to their last checkpoint and wait in place.

    All events before `now_s` must have been processed.

    Returns
    -------
    int
        Jobs that were stopped.
    """
    if state.available[p] == 0:
        return 0
    account(p, now_s, state, inputs, out)
    base = state.arena[p]
    stopped = state.running[p]
    state.running[p] = 0
    for i in range(base, base + stopped):
        job = state.heap_job[i]
        if inputs.discipline[p] == FAIR_SHARE:
            refund(job, p, now_s, state, inputs)
        fall_back(job, p, now_s, state, inputs)
        enqueue(job, p, state, inputs)
    state.available[p] = 0
    state.free[p] = 0
    state.next_event_s[p] = next_event(p, state)
    return int(stopped)


@njit
def start_pool(p: int, now_s: float, state: JobState, inputs: JobInputs, out: JobOut) -> None:
    """Bring a pool back: it is empty, and its queue is scheduled at once."""
    if state.available[p] == 1:
        return
    account(p, now_s, state, inputs, out)
    state.available[p] = 1
    state.free[p] = state.size[p] - state.withheld[p]
    schedule(p, now_s, state, inputs)
    state.next_event_s[p] = next_event(p, state)
