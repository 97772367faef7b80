"""One scheduling pass of every discipline, written to be read rather than to be fast."""

from __future__ import annotations

from collections.abc import Callable, Collection
from math import exp, inf, log
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from computenet.simulation.reference.jobs import ReferenceJob, ReferencePool

__all__ = ["schedule"]


def schedule(pool: ReferencePool) -> None:
    """Start what may start."""
    if pool.discipline == "conservative":
        _conservative(pool)
        return
    key = _keys(pool)
    while pool.queue:
        head = min(pool.queue, key=key)
        if pool.discipline == "preemptive":
            _preempt(pool, head)
            if not _leaves_reserve(pool, head):
                break
        if head.accelerators > pool.free:
            break
        if pool.discipline == "fair-share":
            _charge(pool, head)
        pool.start(head)
    if pool.discipline == "preemptive":
        for job in sorted((job for job in pool.queue if job.operation == 2), key=key):
            if job.accelerators > pool.free:
                break
            pool.start(job)
    if pool.discipline == "easy" and len(pool.queue) > 1 and pool.free > 0:
        _easy(pool)


def _in_turn(job: ReferenceJob) -> tuple[float, int]:
    return job.ready_s, job.index


def _keys(pool: ReferencePool) -> Callable[[ReferenceJob], tuple[float, ...]]:
    """Return what the jobs of a queue are ordered by."""
    if pool.discipline == "sjf":
        return lambda job: (job.estimate_s, job.index)
    if pool.discipline == "ljf":
        return lambda job: (-job.estimate_s, job.index)
    if pool.discipline == "smallest-area":
        return lambda job: (job.estimate_s * job.accelerators, job.index)
    if pool.discipline == "multifactor":
        return lambda job: (
            job.ready_s
            - pool.priority_weight_s * job.priority
            - pool.size_weight_s * (job.accelerators / pool.size),
            job.index,
        )
    if pool.discipline == "fair-share":
        return lambda job: (pool.usage.get(job.tenant, 0.0), job.tenant, *_in_turn(job))
    if pool.discipline == "preemptive":
        return lambda job: (job.operation, -job.priority, *_in_turn(job))
    return _in_turn


def _charge(pool: ReferencePool, job: ReferenceJob) -> None:
    weight = exp(log(2.0) * pool.env.now / pool.half_life_s)
    expected_s = pool.expected_s(job)
    held = pool.usage.get(job.tenant, 0.0)
    pool.usage[job.tenant] = held + expected_s * job.accelerators * weight
    pool.charged[job.index] = (weight, expected_s)


def _leaves_reserve(
    pool: ReferencePool, head: ReferenceJob, but: Collection[ReferenceJob] = ()
) -> bool:
    """Return whether jobs on demand stay out of what is held for, or held by, reserved ones."""
    if head.operation != 1 or not pool.reserved:
        return True
    busy = [0, 0, 0]
    for _, job in pool.running:
        if not any(job is other for other in but):
            busy[job.operation] += job.accelerators
    return busy[1] + head.accelerators <= pool.size - max(pool.reserved, busy[0])


def _preempt(pool: ReferencePool, head: ReferenceJob) -> None:
    def rank(job: ReferenceJob) -> tuple[int, int]:
        return -job.operation, job.priority

    lower = [job for _, job in pool.running if rank(job) < rank(head)]
    if head.operation == 0:
        lower = [job for job in lower if job.operation != 1]
    lower.sort(key=lambda job: (*rank(job), -job.segment_s, -job.index))
    if pool.free + sum(job.accelerators for job in lower) < head.accelerators:
        return
    if not _leaves_reserve(pool, head, lower):
        return
    for job in lower:
        if pool.free < head.accelerators:
            pool.stop(job)
    running = [job for _, job in pool.running]
    for job in lower:
        if _leaves_reserve(pool, head):
            return
        if job.operation == 1 and any(job is other for other in running):
            pool.stop(job)


def _easy(pool: ReferencePool) -> None:
    now = pool.env.now
    queue = sorted(pool.queue, key=_in_turn)
    need = queue[0].accelerators
    ends = sorted((max(end, now), job.accelerators) for end, job in pool.running)
    will_be_free, shadow_s = pool.free, inf
    for end, gang in ends:
        if end > shadow_s:
            break
        will_be_free += gang
        if will_be_free >= need and shadow_s == inf:
            shadow_s = end
    extra = will_be_free - need
    for job in queue[1:]:
        if job.accelerators > pool.free:
            continue
        if now + pool.expected_s(job) <= shadow_s:
            pool.start(job)
        elif job.accelerators <= extra:
            extra -= job.accelerators
            pool.start(job)


def _conservative(pool: ReferencePool) -> None:
    now = pool.env.now
    # What is held when: (begin, end, accelerators); a job past its expected end is done now.
    held = [(now, max(end, now), job.accelerators) for end, job in pool.running]

    def free_at(time_s: float) -> int:
        return pool.size - sum(gang for begin, end, gang in held if begin <= time_s < end)

    reservations = 0
    for job in sorted(pool.queue, key=_in_turn):
        if pool.free < 1 or reservations >= pool.depth:
            return
        run_s, gang = pool.expected_s(job), job.accelerators
        changes = sorted({now} | {time_s for span in held for time_s in span[:2] if time_s > now})
        for begin in changes:
            inside = [begin, *(time_s for time_s in changes if begin < time_s < begin + run_s)]
            if all(free_at(time_s) >= gang for time_s in inside):
                break
        if begin == now and gang <= pool.free:
            pool.start(job)
        else:
            reservations += 1
        held.append((begin, begin + run_s, gang))
