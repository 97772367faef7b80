"""Backfill: jobs that may start ahead of their turn because they delay nobody's reservation."""

from __future__ import annotations

import numpy as np

from computenet.kernels._jit import njit_inline
from computenet.kernels.job_chunks import chunk_remove
from computenet.kernels.job_running import expected_s, start
from computenet.kernels.job_state import JobInputs, JobState

__all__ = ["conservative_backfill", "easy_backfill"]


@njit_inline
def easy_backfill(p: int, now_s: float, state: JobState, inputs: JobInputs) -> None:
    """Start jobs behind the head that do not delay it."""
    following = state.following
    lane = state.lanes[p]
    head = state.head[lane]
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
    last = state.chunk[state.tail[lane]]
    c = state.chunk[head]
    while c <= last and state.free[p] > 0:
        job = state.chunk_first[c]
        if job == head:
            job = following[head]
        # Waiting jobs are never below their chunk's bounds: a job that starts is within them.
        if (
            job < 0
            or state.chunk_gang[c] > state.free[p]
            or (state.chunk_gang[c] > extra and now_s + state.chunk_s[c] > shadow_s)
        ):
            c += 1
            continue
        smallest, shortest_s = np.int64(0), np.inf
        while job >= 0 and state.chunk[job] == c:
            after = following[job]
            gang = inputs.accelerators[job]
            run_s = expected_s(job, p, state, inputs)
            starts = False
            if gang <= state.free[p]:
                if now_s + run_s <= shadow_s:
                    starts = True
                elif gang <= extra:
                    starts = True
                    extra -= gang
            if starts:
                before = state.right[job]
                chunk_remove(job, state)
                following[before] = after
                if after < 0:
                    state.tail[lane] = before
                start(job, p, now_s, state, inputs)
            else:
                smallest = gang if smallest == 0 else min(smallest, gang)
                shortest_s = min(shortest_s, run_s)
            job = after
        if smallest > 0 and state.chunk[head] != c:
            state.chunk_gang[c] = smallest
            state.chunk_s[c] = shortest_s
        c += 1


@njit_inline
def _profile(p: int, now_s: float, state: JobState, inputs: JobInputs) -> int:
    """Write what will be free when, if nothing more starts; return the number of steps.

    Step 0 begins now and holds what is free. Jobs past their expected end are expected to end
    now, in a step of its own: what they hold is not free yet.
    """
    time_s, free = state.profile_s, state.profile_free
    time_s[0] = now_s
    free[0] = state.free[p]
    steps = 1
    base = state.arena[p]
    for i in range(base, base + state.running[p]):
        end_s = max(state.ends_s[i], now_s)
        gang = inputs.accelerators[state.ends_job[i]]
        if steps > 1 and time_s[steps - 1] == end_s:
            free[steps - 1] += gang
        else:
            time_s[steps] = end_s
            free[steps] = free[steps - 1] + gang
            steps += 1
    return steps


@njit_inline
def _earliest(gang: int, run_s: float, steps: int, state: JobState) -> int:
    """Return the step at whose begin a job finds its accelerators for as long as it runs.

    `steps` where it never does, as accelerators are out of service.
    """
    time_s, free = state.profile_s, state.profile_free
    if free[steps - 1] < gang:
        return steps
    begin = 0
    for k in range(steps - 1):
        if free[k] < gang:
            begin = k + 1
        elif time_s[k + 1] >= time_s[begin] + run_s and time_s[k + 1] > time_s[begin]:
            return begin
    return begin


@njit_inline
def _hold(begin: int, gang: int, run_s: float, steps: int, state: JobState) -> int:
    """Take a job's accelerators out of the profile; return the number of steps."""
    time_s, free = state.profile_s, state.profile_free
    end_s = time_s[begin] + run_s
    k = begin + 1
    free[begin] -= gang
    while k < steps and time_s[k] < end_s:
        free[k] -= gang
        k += 1
    if k == steps or time_s[k] > end_s:
        for i in range(steps, k, -1):
            time_s[i] = time_s[i - 1]
            free[i] = free[i - 1]
        time_s[k] = end_s
        free[k] = free[k - 1] + gang
        steps += 1
    return steps


@njit_inline
def _shortest_candidate(
    job: int, count: int, p: int, state: JobState, inputs: JobInputs
) -> tuple[float, int]:
    """Return the least run time and gang among the next `count` jobs that fit in what is free."""
    shortest_s, smallest = np.inf, np.int64(0)
    while job >= 0 and count > 0:
        gang = inputs.accelerators[job]
        if gang <= state.free[p]:
            shortest_s = min(shortest_s, expected_s(job, p, state, inputs))
            smallest = gang if smallest == 0 else min(smallest, gang)
        job = state.following[job]
        count -= 1
    return shortest_s, int(smallest)


@njit_inline
def conservative_backfill(p: int, now_s: float, state: JobState, inputs: JobInputs) -> None:
    """Give waiting jobs, in turn, the earliest place that delays none before them.

    Those whose place is now start. The pass ends when as many jobs as the pool's depth hold
    reservations, or as soon as no job left could start: none is small enough for what is free, or
    all are too long for the time until a reservation needs it.
    """
    if state.free[p] == 0 or state.waiting[p] == 0:
        return
    following, depth = state.following, inputs.depth[p]
    time_s, free = state.profile_s, state.profile_free
    lane = state.lanes[p]
    held, steps = 0, 0
    before = np.int64(-1)
    job = state.head[lane]
    shortest_s, smallest = _shortest_candidate(job, depth, p, state, inputs)
    while job >= 0 and smallest > 0 and held < depth:
        if steps == 0:
            steps = _profile(p, now_s, state, inputs)
        after = following[job]
        gang = inputs.accelerators[job]
        run_s = expected_s(job, p, state, inputs)
        begin = _earliest(gang, run_s, steps, state)
        if begin == steps:
            held += 1
            before = job
        elif begin > 0:
            if run_s > 0.0:
                steps = _hold(begin, gang, run_s, steps, state)
            held += 1
            before = job
            k = 0
            while k < steps and free[k] >= smallest:
                k += 1
            if k < steps and time_s[k] < now_s + shortest_s:
                return
        else:
            steps = _hold(0, gang, run_s, steps, state)
            if before < 0:
                state.head[lane] = after
            else:
                following[before] = after
            if after < 0:
                state.tail[lane] = before
            start(job, p, now_s, state, inputs)
            shortest_s, smallest = _shortest_candidate(after, depth - held, p, state, inputs)
        job = after
