"""Waiting jobs of a pool: lists by ready time, a heap by rank, or a list a tenant or priority."""

from __future__ import annotations

import math

import numpy as np

from computenet.kernels._jit import njit_inline
from computenet.kernels.job_chunks import chunk_insert, chunk_remove
from computenet.kernels.job_running import expected_s
from computenet.kernels.job_state import (
    CONSERVATIVE,
    EASY,
    FAIR_SHARE,
    LJF,
    MULTIFACTOR,
    PREEMPTIVE,
    SMALLEST_AREA,
    WAITING,
    JobInputs,
    JobState,
)
from computenet.kernels.skew_heap import meld

__all__ = ["charge", "dequeue", "dequeue_lane", "enqueue", "first_waiting", "refund"]


@njit_inline
def _list_insert(lane: int, job: int, state: JobState) -> int:
    """Put a job into a list at its place by (ready time, index); return the one before, or -1."""
    following, ready_s = state.following, state.ready_s
    before = state.tail[lane]
    if before < 0:
        state.head[lane] = job
        state.tail[lane] = job
        following[job] = -1
        return -1
    if ready_s[before] < ready_s[job] or (ready_s[before] == ready_s[job] and before < job):
        following[before] = job
        following[job] = -1
        state.tail[lane] = job
        return int(before)
    before = np.int64(-1)
    here = state.head[lane]
    while ready_s[here] < ready_s[job] or (ready_s[here] == ready_s[job] and here < job):
        before = here
        here = following[here]
    following[job] = here
    if before < 0:
        state.head[lane] = job
    else:
        following[before] = job
    return int(before)


@njit_inline
def _rank(job: int, p: int, state: JobState, inputs: JobInputs) -> float:
    """Return what orders the heap of a pool, least first."""
    discipline = inputs.discipline[p]
    estimate_s = inputs.estimate_s[job]
    if discipline == LJF:
        return float(-estimate_s)
    if discipline == SMALLEST_AREA:
        return float(estimate_s * inputs.accelerators[job])
    if discipline == MULTIFACTOR:
        return float(
            state.ready_s[job]
            - inputs.priority_weight_s[p] * inputs.priority[inputs.job_class[job]]
            - inputs.size_weight_s[p] * (inputs.accelerators[job] / state.size[p])
        )
    return float(estimate_s)


@njit_inline
def _settle_lane(p: int, lane: int, state: JobState) -> None:
    """Move an active lane to its place in the heap by (usage, lane) after its usage changed."""
    base = state.lanes[p]
    heap, place, usage = state.lane_heap, state.lane_place, state.usage
    n = state.active[p]
    i = place[lane]
    mine = usage[lane]
    while i > 0:
        up = (i - 1) >> 1
        other = heap[base + up]
        if usage[other] < mine or (usage[other] == mine and other < lane):
            break
        heap[base + i] = other
        place[other] = i
        i = up
    while True:
        down = 2 * i + 1
        if down >= n:
            break
        right = down + 1
        one = heap[base + down]
        if right < n:
            two = heap[base + right]
            if usage[two] < usage[one] or (usage[two] == usage[one] and two < one):
                down = right
                one = two
        if mine < usage[one] or (mine == usage[one] and lane < one):
            break
        heap[base + i] = one
        place[one] = i
        i = down
    heap[base + i] = lane
    place[lane] = i


@njit_inline
def enqueue(job: int, p: int, state: JobState, inputs: JobInputs) -> None:
    """Put a job into its pool's queue."""
    state.status[job] = WAITING
    state.waiting[p] += 1
    state.waiting_accelerators[p] += inputs.accelerators[job]
    discipline = inputs.discipline[p]
    lane = state.lanes[p]
    if discipline > CONSERVATIVE and discipline < FAIR_SHARE:
        state.rank[job] = _rank(job, p, state, inputs)
        state.following[job] = -1
        state.right[job] = -1
        state.head[lane] = meld(state.head[lane], job, state.rank, state.following, state.right)
        return
    if discipline == FAIR_SHARE:
        lane += inputs.tenant[job]
        if state.head[lane] < 0:
            state.lane_place[lane] = state.active[p]
            state.active[p] += 1
            _settle_lane(p, lane, state)
    elif discipline == PREEMPTIVE:
        lane += inputs.lane[inputs.job_class[job]]
    before = _list_insert(lane, job, state)
    if discipline == EASY:
        chunk_insert(job, before, p, state, inputs)


@njit_inline
def first_waiting(p: int, state: JobState, inputs: JobInputs) -> int:
    """Return the job that is first in turn, or -1."""
    lane = state.lanes[p]
    if inputs.discipline[p] == FAIR_SHARE:
        if state.active[p] == 0:
            return -1
        return int(state.head[state.lane_heap[lane]])
    if inputs.discipline[p] == PREEMPTIVE:
        while lane < state.lanes[p + 1] - 1 and state.head[lane] < 0:
            lane += 1
    return int(state.head[lane])


@njit_inline
def dequeue_lane(lane: int, state: JobState) -> None:
    """Take the first job of a list out of it."""
    state.head[lane] = state.following[state.head[lane]]
    if state.head[lane] < 0:
        state.tail[lane] = -1


@njit_inline
def dequeue(p: int, state: JobState, inputs: JobInputs) -> None:
    """Take the job that is first in turn out of the queue."""
    discipline = inputs.discipline[p]
    lane = state.lanes[p]
    if discipline > CONSERVATIVE and discipline < FAIR_SHARE:
        job = state.head[lane]
        state.head[lane] = meld(
            state.following[job], state.right[job], state.rank, state.following, state.right
        )
        return
    if discipline == FAIR_SHARE:
        lane = state.lane_heap[lane]
    elif discipline == PREEMPTIVE:
        while state.head[lane] < 0:
            lane += 1
    if discipline == EASY:
        chunk_remove(state.head[lane], state)
    dequeue_lane(lane, state)
    if state.head[lane] < 0 and discipline == FAIR_SHARE:
        last = state.lane_heap[state.lanes[p] + state.active[p] - 1]
        state.active[p] -= 1
        state.lane_place[lane] = -1
        if last != lane:
            state.lane_place[last] = 0
            _settle_lane(p, last, state)


@njit_inline
def charge(job: int, p: int, now_s: float, state: JobState, inputs: JobInputs) -> None:
    """Charge a tenant for a start: expected accelerator-seconds, later ones weighing more.

    Dividing every older charge by two each half-life, or doubling every newer one, orders the
    tenants alike; only the second needs no pass over them.
    """
    weight = math.exp(math.log(2.0) * now_s / inputs.half_life_s[p])
    state.rank[job] = weight
    lane = state.lanes[p] + inputs.tenant[job]
    state.usage[lane] += expected_s(job, p, state, inputs) * inputs.accelerators[job] * weight
    if state.lane_place[lane] >= 0:
        _settle_lane(p, lane, state)


@njit_inline
def refund(job: int, p: int, now_s: float, state: JobState, inputs: JobInputs) -> None:
    """Put the charge right once a run has ended: by what it used, not what was expected."""
    lane = state.lanes[p] + inputs.tenant[job]
    used_s = now_s - state.segment_s[job]
    state.usage[lane] += (
        (used_s - expected_s(job, p, state, inputs)) * inputs.accelerators[job] * state.rank[job]
    )
    if state.lane_place[lane] >= 0:
        _settle_lane(p, lane, state)
