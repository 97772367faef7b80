"""Jobs at pools: gangs, FCFS and EASY backfill, outages; exact and split-invariant.

Pools do not affect one another between two control events, so each advances alone. What happens
at one instant at one pool happens in this order: every finish (by job index), every arrival (by
job index), then one scheduling pass; a job of zero work that the pass starts finishes at the same
instant, and the three steps repeat.

EASY backfill (Lifka, JSSPP 1995): the head of the queue gets a reservation at the earliest time
the expected ends of the running jobs free enough accelerators, and a later job may start now if it
is expected to end before that time or uses only accelerators the head will not need. Expected ends
come from the users' estimates; a job past its estimate is expected to end now.

Shortest, longest and smallest-area first order the queue by the user's estimate, its negative, or
estimate times gang, the job submitted first among equals; a head that does not fit holds up the
rest.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from computenet.kernels._jit import njit, njit_inline
from computenet.kernels.job_state import (
    COMPLETED,
    EASY,
    LJF,
    RUNNING,
    SMALLEST_AREA,
    WAITING,
    JobInputs,
    JobOut,
    JobState,
)
from computenet.kernels.skew_heap import meld

__all__ = [
    "advance_jobs",
    "arrive_and_advance",
    "push_arrivals",
    "settle_jobs",
    "start_pool",
    "stop_pool",
]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
I4 = NDArray[np.int32]


@njit_inline
def _account(p: int, now_s: float, state: JobState, inputs: JobInputs, out: JobOut) -> None:
    """Write the integrals of pool `p` up to `now_s`, split at slot edges."""
    slot_s = inputs.slot_s[0]
    last = state.accounted_s[p]
    if now_s <= last:
        return
    classes = state.busy.shape[1]
    slots = out.waiting_s.shape[1]
    s = min(int(last / slot_s), slots - 1)
    while last < now_s:
        edge = (s + 1) * slot_s
        if edge <= last:
            s += 1
            continue
        until = min(edge, now_s)
        if s == slots - 1:
            until = now_s
        length = until - last
        for c in range(classes):
            if state.busy[p, c]:
                out.busy_s[p, c, s] += length * state.busy[p, c]
        if state.waiting[p]:
            out.waiting_s[p, s] += length * state.waiting[p]
            out.waiting_accelerator_s[p, s] += length * state.waiting_accelerators[p]
        last = until
        s += 1
    state.accounted_s[p] = now_s


@njit_inline
def _heap_push(p: int, time_s: float, job: int, state: JobState) -> None:
    base = state.arena[p]
    i = state.running[p]
    heap_s, heap_job = state.heap_s, state.heap_job
    while i > 0:
        up = (i - 1) >> 1
        if heap_s[base + up] < time_s or (
            heap_s[base + up] == time_s and heap_job[base + up] < job
        ):
            break
        heap_s[base + i] = heap_s[base + up]
        heap_job[base + i] = heap_job[base + up]
        i = up
    heap_s[base + i] = time_s
    heap_job[base + i] = job
    state.running[p] += 1


@njit_inline
def _heap_pop(p: int, state: JobState) -> int:
    base = state.arena[p]
    heap_s, heap_job = state.heap_s, state.heap_job
    top = heap_job[base]
    n = state.running[p] - 1
    state.running[p] = n
    time_s, job = heap_s[base + n], heap_job[base + n]
    i = 0
    while True:
        down = 2 * i + 1
        if down >= n:
            break
        right = down + 1
        if right < n and (
            heap_s[base + right] < heap_s[base + down]
            or (
                heap_s[base + right] == heap_s[base + down]
                and heap_job[base + right] < heap_job[base + down]
            )
        ):
            down = right
        if time_s < heap_s[base + down] or (
            time_s == heap_s[base + down] and job < heap_job[base + down]
        ):
            break
        heap_s[base + i] = heap_s[base + down]
        heap_job[base + i] = heap_job[base + down]
        i = down
    heap_s[base + i] = time_s
    heap_job[base + i] = job
    return int(top)


@njit_inline
def _ends_insert(p: int, time_s: float, job: int, state: JobState) -> None:
    """Insert an expected end; called before the job joins the heap."""
    base = state.arena[p]
    ends_s, ends_job = state.ends_s, state.ends_job
    i = base + state.running[p]
    while i > base and ends_s[i - 1] > time_s:
        ends_s[i] = ends_s[i - 1]
        ends_job[i] = ends_job[i - 1]
        i -= 1
    ends_s[i] = time_s
    ends_job[i] = job


@njit_inline
def _ends_remove(p: int, time_s: float, job: int, state: JobState) -> None:
    """Remove a job's expected end; called before the job leaves the heap."""
    base = state.arena[p]
    last = base + state.running[p] - 1
    ends_s, ends_job = state.ends_s, state.ends_job
    i = base + np.searchsorted(ends_s[base : last + 1], time_s)
    while ends_job[i] != job:
        i += 1
    while i < last:
        ends_s[i] = ends_s[i + 1]
        ends_job[i] = ends_job[i + 1]
        i += 1


@njit_inline
def _run_s(job: int, p: int, state: JobState, inputs: JobInputs) -> float:
    """Return the run time still to do, restart overhead included."""
    speed = inputs.speed[inputs.job_class[job], p]
    rest = inputs.work_s[job] / speed - state.saved_s[job]
    if state.restarts[job] > 0:
        rest += inputs.restart_s[0]
    return float(rest)


@njit_inline
def _expected_s(job: int, p: int, state: JobState, inputs: JobInputs) -> float:
    """Return the run time the scheduler expects, from the estimate."""
    speed = inputs.speed[inputs.job_class[job], p]
    rest = max(inputs.estimate_s[job] / speed - state.saved_s[job], 0.0)
    if state.restarts[job] > 0:
        rest += inputs.restart_s[0]
    return float(rest)


@njit_inline
def _start(job: int, p: int, now_s: float, state: JobState, inputs: JobInputs) -> None:
    gang = inputs.accelerators[job]
    if np.isnan(state.start_s[job]):
        state.start_s[job] = now_s
    state.segment_s[job] = now_s
    state.status[job] = RUNNING
    state.free[p] -= gang
    state.busy[p, inputs.job_class[job]] += gang
    state.waiting[p] -= 1
    state.waiting_accelerators[p] -= gang
    if inputs.discipline[p] == EASY:
        _ends_insert(p, now_s + _expected_s(job, p, state, inputs), job, state)
    _heap_push(p, now_s + _run_s(job, p, state, inputs), job, state)


@njit_inline
def _backfill(p: int, now_s: float, state: JobState, inputs: JobInputs) -> None:
    """Start jobs behind the head that do not delay it."""
    following = state.following
    head = state.queue_head[p]
    need = inputs.accelerators[head]
    base = state.arena[p]
    will_be_free = state.free[p]
    shadow_s = np.inf
    for i in range(base, base + state.running[p]):
        will_be_free += inputs.accelerators[state.ends_job[i]]
        if will_be_free >= need:
            shadow_s = max(state.ends_s[i], now_s)
            # Every job expected to end by then frees its accelerators too.
            k = i + 1
            while k < base + state.running[p] and max(state.ends_s[k], now_s) <= shadow_s:
                will_be_free += inputs.accelerators[state.ends_job[k]]
                k += 1
            break
    extra = will_be_free - need
    before = head
    job = following[head]
    while job >= 0 and state.free[p] > 0:
        after = following[job]
        gang = inputs.accelerators[job]
        starts = False
        if gang <= state.free[p]:
            if now_s + _expected_s(job, p, state, inputs) <= shadow_s:
                starts = True
            elif gang <= extra:
                starts = True
                extra -= gang
        if starts:
            following[before] = after
            if after < 0:
                state.queue_tail[p] = before
            _start(job, p, now_s, state, inputs)
        else:
            before = job
        job = after


@njit_inline
def _schedule(p: int, now_s: float, state: JobState, inputs: JobInputs) -> None:
    """Start what may start, in the order of the discipline; a head that does not fit waits."""
    if state.available[p] == 0:
        return
    head = state.queue_head[p]
    while head >= 0 and inputs.accelerators[head] <= state.free[p]:
        if inputs.discipline[p] > EASY:
            state.queue_head[p] = meld(
                state.following[head], state.right[head], state.rank, state.following, state.right
            )
        else:
            state.queue_head[p] = state.following[head]
            if state.queue_head[p] < 0:
                state.queue_tail[p] = -1
        _start(head, p, now_s, state, inputs)
        head = state.queue_head[p]
    if inputs.discipline[p] == EASY and head >= 0 and state.waiting[p] > 1 and state.free[p] > 0:
        _backfill(p, now_s, state, inputs)


@njit_inline
def _enqueue(job: int, p: int, state: JobState, inputs: JobInputs) -> None:
    """Put a job into the queue at its place by (ready time, index), or by rank."""
    state.status[job] = WAITING
    state.waiting[p] += 1
    state.waiting_accelerators[p] += inputs.accelerators[job]
    discipline = inputs.discipline[p]
    if discipline > EASY:
        rank = inputs.estimate_s[job]
        if discipline == LJF:
            rank = -rank
        elif discipline == SMALLEST_AREA:
            rank *= inputs.accelerators[job]
        state.rank[job] = rank
        state.following[job] = -1
        state.right[job] = -1
        state.queue_head[p] = meld(
            state.queue_head[p], job, state.rank, state.following, state.right
        )
        return
    following, ready_s = state.following, state.ready_s
    tail = state.queue_tail[p]
    if tail < 0:
        state.queue_head[p] = job
        state.queue_tail[p] = job
        following[job] = -1
        return
    if ready_s[tail] < ready_s[job] or (ready_s[tail] == ready_s[job] and tail < job):
        following[tail] = job
        following[job] = -1
        state.queue_tail[p] = job
        return
    before = np.int64(-1)
    here = state.queue_head[p]
    while ready_s[here] < ready_s[job] or (ready_s[here] == ready_s[job] and here < job):
        before = here
        here = following[here]
    following[job] = here
    if before < 0:
        state.queue_head[p] = job
    else:
        following[before] = job


@njit_inline
def _next_event(p: int, state: JobState) -> float:
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
        easy = inputs.discipline[p] == EASY
        while now_s < until_s:
            _account(p, now_s, state, inputs, out)
            while state.running[p] > 0 and state.heap_s[base] == now_s:
                job = state.heap_job[base]
                if easy:
                    expected = state.segment_s[job] + _expected_s(job, p, state, inputs)
                    _ends_remove(p, expected, job, state)
                _heap_pop(p, state)
                state.status[job] = COMPLETED
                state.finish_s[job] = now_s
                state.free[p] += inputs.accelerators[job]
                state.busy[p, inputs.job_class[job]] -= inputs.accelerators[job]
            while state.pending_head[p] >= 0 and state.ready_s[state.pending_head[p]] == now_s:
                job = state.pending_head[p]
                state.pending_head[p] = state.following[job]
                if state.pending_head[p] < 0:
                    state.pending_tail[p] = -1
                _enqueue(job, p, state, inputs)
            _schedule(p, now_s, state, inputs)
            now_s = _next_event(p, state)
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
        _account(p, until_s, state, inputs, out)


@njit
def stop_pool(p: int, now_s: float, state: JobState, inputs: JobInputs, out: JobOut) -> int:
    """Take a pool down: running jobs fall back to their last checkpoint and wait in place.

    All events before `now_s` must have been processed. What a job did since its checkpoint, and
    the overhead of a restart it had just paid, are lost: held accelerators, no progress.

    Returns
    -------
    int
        Jobs that were stopped.
    """
    if state.available[p] == 0:
        return 0
    _account(p, now_s, state, inputs, out)
    base = state.arena[p]
    stopped = state.running[p]
    state.running[p] = 0
    for i in range(base, base + stopped):
        job = state.heap_job[i]
        gang = inputs.accelerators[job]
        elapsed = now_s - state.segment_s[job]
        useful = elapsed
        if state.restarts[job] > 0:
            useful = max(elapsed - inputs.restart_s[0], 0.0)
        every = inputs.checkpoint_s[inputs.job_class[job]]
        kept = state.saved_s[job]
        if every > 0.0:
            kept = max(kept, np.floor((kept + useful) / every) * every)
        state.lost_accelerator_s[job] += (elapsed - (kept - state.saved_s[job])) * gang
        state.saved_s[job] = kept
        state.restarts[job] += 1
        state.busy[p, inputs.job_class[job]] -= gang
        _enqueue(job, p, state, inputs)
    state.available[p] = 0
    state.free[p] = 0
    state.next_event_s[p] = _next_event(p, state)
    return int(stopped)


@njit
def start_pool(p: int, now_s: float, state: JobState, inputs: JobInputs, out: JobOut) -> None:
    """Bring a pool back: it is empty, and its queue is scheduled at once."""
    if state.available[p] == 1:
        return
    _account(p, now_s, state, inputs, out)
    state.available[p] = 1
    state.free[p] = state.size[p]
    _schedule(p, now_s, state, inputs)
    state.next_event_s[p] = _next_event(p, state)
