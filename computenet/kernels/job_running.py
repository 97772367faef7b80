"""Running jobs of a pool: their finishes as a heap, their expected ends in order, the books."""

from __future__ import annotations

import numpy as np

from computenet.kernels._jit import njit_inline
from computenet.kernels.job_state import (
    CONSERVATIVE,
    EASY,
    RUNNING,
    JobInputs,
    JobOut,
    JobState,
)

__all__ = [
    "account",
    "ends_remove",
    "expected_s",
    "fall_back",
    "heap_remove",
    "keeps_ends",
    "save_and_stop",
    "start",
]


@njit_inline
def keeps_ends(p: int, inputs: JobInputs) -> bool:
    """Return whether the discipline looks at the expected ends of running jobs."""
    return bool(inputs.discipline[p] == EASY or inputs.discipline[p] == CONSERVATIVE)


@njit_inline
def account(p: int, now_s: float, state: JobState, inputs: JobInputs, out: JobOut) -> None:
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
        if edge <= last and s < slots - 1:
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
def _rise(base: int, i: int, time_s: float, job: int, state: JobState) -> int:
    """Move later finishes down from place `i` upwards; return where this one belongs."""
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
    return i


@njit_inline
def _heap_push(p: int, time_s: float, job: int, state: JobState) -> None:
    base = state.arena[p]
    i = state.running[p]
    heap_s, heap_job = state.heap_s, state.heap_job
    i = _rise(base, i, time_s, job, state)
    heap_s[base + i] = time_s
    heap_job[base + i] = job
    state.running[p] += 1


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
def ends_remove(p: int, time_s: float, job: int, state: JobState) -> None:
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
def expected_s(job: int, p: int, state: JobState, inputs: JobInputs) -> float:
    """Return the run time the scheduler expects, from the estimate."""
    speed = inputs.speed[inputs.job_class[job], p]
    rest = max(inputs.estimate_s[job] / speed - state.saved_s[job], 0.0)
    if state.restarts[job] > 0:
        rest += inputs.restart_s[0]
    return float(rest)


@njit_inline
def start(job: int, p: int, now_s: float, state: JobState, inputs: JobInputs) -> None:
    """Give a waiting job, already out of its queue, its accelerators."""
    gang = inputs.accelerators[job]
    if np.isnan(state.start_s[job]):
        state.start_s[job] = now_s
    state.segment_s[job] = now_s
    state.status[job] = RUNNING
    state.free[p] -= gang
    state.busy[p, inputs.job_class[job]] += gang
    state.waiting[p] -= 1
    state.waiting_accelerators[p] -= gang
    if keeps_ends(p, inputs):
        _ends_insert(p, now_s + expected_s(job, p, state, inputs), job, state)
    _heap_push(p, now_s + _run_s(job, p, state, inputs), job, state)


@njit_inline
def heap_remove(p: int, i: int, state: JobState) -> None:
    """Take the job at place `i` out of the heap."""
    base = state.arena[p]
    heap_s, heap_job = state.heap_s, state.heap_job
    n = state.running[p] - 1
    state.running[p] = n
    time_s, job = heap_s[base + n], heap_job[base + n]
    i = _rise(base, i, time_s, job, state)
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


@njit_inline
def fall_back(job: int, p: int, now_s: float, state: JobState, inputs: JobInputs) -> None:
    """Stop a running job: it keeps what its last checkpoint holds and loses the rest.

    What a job did since its checkpoint, and the overhead of a restart it had just paid, are lost:
    held accelerators, no progress. The caller takes it out of the heap and puts it in its queue.
    """
    save_and_stop(job, p, np.inf, now_s, state, inputs)


@njit_inline
def save_and_stop(
    job: int, p: int, writing_s: float, now_s: float, state: JobState, inputs: JobInputs
) -> None:
    """Stop a running job that spent its last `writing_s` on a checkpoint; infinite = on none.

    It keeps what it had done when it began to write, or what an older checkpoint holds if that is
    more; a job that writes no checkpoints keeps nothing new. The rest is lost, the writing too.
    """
    gang = inputs.accelerators[job]
    elapsed = now_s - state.segment_s[job]
    useful = elapsed
    if state.restarts[job] > 0:
        useful = max(elapsed - inputs.restart_s[0], 0.0)
    every = inputs.checkpoint_s[job]
    kept = state.saved_s[job]
    if every > 0.0:
        kept = max(kept, np.floor((kept + useful) / every) * every, kept + useful - writing_s)
    state.lost_accelerator_s[job] += (elapsed - (kept - state.saved_s[job])) * gang
    state.saved_s[job] = kept
    state.restarts[job] += 1
    state.busy[p, inputs.job_class[job]] -= gang
