"""Accelerators that fail, or are switched off for a while: jobs stop, the pool is smaller."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from computenet.kernels._jit import njit, njit_inline
from computenet.kernels.job_lanes import dequeue, enqueue, first_waiting, refund
from computenet.kernels.job_queue import next_event, schedule
from computenet.kernels.job_running import (
    account,
    ends_remove,
    expected_s,
    fall_back,
    heap_remove,
    keeps_ends,
    save_and_stop,
)
from computenet.kernels.job_state import FAIR_SHARE, NOT_ARRIVED, JobInputs, JobOut, JobState

__all__ = [
    "drain_pool",
    "give_back",
    "hit_pool",
    "reclaim_pool",
    "shed_pool",
    "take_out",
    "withhold_idle",
]

I8 = NDArray[np.int64]


@njit_inline
def _leave(p: int, place: int, now_s: float, state: JobState, inputs: JobInputs) -> int:
    """Take the running job at a place of the heap off the lists of what runs. Return the job."""
    job = state.heap_job[state.arena[p] + place]
    if keeps_ends(p, inputs):
        expected = state.segment_s[job] + expected_s(job, p, state, inputs)
        ends_remove(p, expected, job, state)
    elif inputs.discipline[p] == FAIR_SHARE:
        refund(job, p, now_s, state, inputs)
    heap_remove(p, place, state)
    return int(job)


@njit_inline
def _stop(p: int, place: int, now_s: float, state: JobState, inputs: JobInputs) -> int:
    """Stop the running job at a place of the heap; it falls back and waits. Return the job."""
    job = _leave(p, place, now_s, state, inputs)
    fall_back(job, p, now_s, state, inputs)
    state.free[p] += inputs.accelerators[job]
    enqueue(job, p, state, inputs)
    return job


@njit_inline
def _latest(p: int, state: JobState) -> int:
    """Return the place in the heap of the running job that started last."""
    base = state.arena[p]
    victim = 0
    for i in range(1, state.running[p]):
        job, other = state.heap_job[base + i], state.heap_job[base + victim]
        gap_s = state.segment_s[job] - state.segment_s[other]
        if gap_s > 0.0 or (gap_s == 0.0 and job > other):
            victim = i
    return victim


@njit_inline
def _withhold(p: int, count: int, state: JobState) -> int:
    taken = min(count, state.free[p])
    state.free[p] -= taken
    state.withheld[p] += taken
    return int(taken)


@njit
def withhold_idle(p: int, count: int, state: JobState) -> int:
    """Take at most `count` idle accelerators out of service; return how many."""
    taken = _withhold(p, count, state) if state.available[p] != 0 else 0
    state.next_event_s[p] = next_event(p, state)
    return int(taken)


@njit
def hit_pool(
    p: int,
    u: float,
    count: int,
    now_s: float,
    state: JobState,
    inputs: JobInputs,
    out: JobOut,
) -> tuple[int, int]:
    """Let one accelerator of a pool fail, and its server with it.

    The accelerator is the one at the share `u` of the pool's; where a job holds it, the job stops:
    a gang of n is n times as likely to be hit. All events before `now_s` must have been processed.

    Parameters
    ----------
    count
        Accelerators that go out of service.

    Returns
    -------
    tuple
        The job that stopped, -1 = none, and the accelerators withheld.
    """
    if state.available[p] == 0:
        return -1, 0
    account(p, now_s, state, inputs, out)
    place = int(u * state.size[p])
    base = state.arena[p]
    job = -1
    for i in range(state.running[p]):
        place -= inputs.accelerators[state.heap_job[base + i]]
        if place < 0:
            job = _stop(p, i, now_s, state, inputs)
            break
    taken = _withhold(p, count, state)
    schedule(p, now_s, state, inputs)
    state.next_event_s[p] = next_event(p, state)
    return job, taken


@njit
def shed_pool(
    p: int, count: int, now_s: float, state: JobState, inputs: JobInputs, out: JobOut
) -> tuple[int, int, int]:
    """Pause jobs until `count` accelerators that were busy are idle, latest start first.

    Returns
    -------
    tuple
        Jobs paused, accelerators they held, and accelerators withheld until they are given back.
    """
    if state.available[p] == 0:
        return 0, 0, 0
    account(p, now_s, state, inputs, out)
    jobs, held = 0, 0
    while held < count and state.running[p] > 0:
        job = _stop(p, _latest(p, state), now_s, state, inputs)
        held += inputs.accelerators[job]
        jobs += 1
    # Whatever is idle now stays idle: nothing takes the place of what was paused.
    taken = _withhold(p, state.free[p], state)
    state.next_event_s[p] = next_event(p, state)
    return jobs, held, taken


@njit
def reclaim_pool(
    p: int, count: int, now_s: float, state: JobState, inputs: JobInputs, out: JobOut
) -> tuple[int, int]:
    """Take accelerators away from a pool: idle ones first, then those of the latest jobs.

    Returns
    -------
    tuple
        Jobs stopped, and accelerators withheld.
    """
    count = min(count, state.size[p] - state.withheld[p])
    if state.available[p] == 0:
        state.withheld[p] += count
        return 0, count
    account(p, now_s, state, inputs, out)
    jobs = 0
    while state.free[p] < count and state.running[p] > 0:
        _stop(p, _latest(p, state), now_s, state, inputs)
        jobs += 1
    taken = _withhold(p, count, state)
    schedule(p, now_s, state, inputs)
    state.next_event_s[p] = next_event(p, state)
    return jobs, taken


@njit
def take_out(
    p: int,
    job: int,
    writing_s: float,
    now_s: float,
    state: JobState,
    inputs: JobInputs,
    out: JobOut,
) -> None:
    """Stop a running job and take it out of its pool, whose queue is scheduled at once.

    Parameters
    ----------
    writing_s
        What it spent of the time until now on a checkpoint that holds what it did before.
    """
    account(p, now_s, state, inputs, out)
    place = 0
    while state.heap_job[state.arena[p] + place] != job:
        place += 1
    _leave(p, place, now_s, state, inputs)
    save_and_stop(job, p, writing_s, now_s, state, inputs)
    state.free[p] += inputs.accelerators[job]
    state.status[job] = NOT_ARRIVED
    schedule(p, now_s, state, inputs)
    state.next_event_s[p] = next_event(p, state)


@njit
def drain_pool(
    p: int, now_s: float, jobs: I8, state: JobState, inputs: JobInputs, out: JobOut
) -> int:
    """Take every waiting job out of a pool, first in turn first; return how many.

    Parameters
    ----------
    jobs
        At least as long as the queue; written.
    """
    account(p, now_s, state, inputs, out)
    count = 0
    while True:
        job = first_waiting(p, state, inputs)
        if job < 0:
            break
        dequeue(p, state, inputs)
        state.waiting[p] -= 1
        state.waiting_accelerators[p] -= inputs.accelerators[job]
        state.status[job] = NOT_ARRIVED
        jobs[count] = job
        count += 1
    state.next_event_s[p] = next_event(p, state)
    return count


@njit
def give_back(
    p: int, count: int, now_s: float, state: JobState, inputs: JobInputs, out: JobOut
) -> None:
    """Bring accelerators back into service; the queue is scheduled at once."""
    state.withheld[p] -= count
    if state.available[p] == 0:
        return
    account(p, now_s, state, inputs, out)
    state.free[p] += count
    schedule(p, now_s, state, inputs)
    state.next_event_s[p] = next_event(p, state)
