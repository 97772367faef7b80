"""Jobs at pools in plain SimPy: gangs, FCFS and EASY backfill, deficit-credit routing."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from math import inf, nan
from typing import Any

import simpy
from simpy.events import EventPriority

__all__ = ["ReferenceJob", "ReferencePool", "route_by_credit", "run_jobs"]

#: Scheduling passes come after every finish and arrival of their instant.
PASS = 2


@dataclass(slots=True)
class ReferenceJob:
    """A job and what became of it."""

    index: int
    ready_s: float
    accelerators: int
    work_s: float
    estimate_s: float
    pool: int = 0
    start_s: float = nan
    finish_s: float = nan


@dataclass(slots=True)
class ReferencePool:
    """A pool with one queue.

    Attributes
    ----------
    order
        ``ready`` (first come first served), ``shortest``, ``longest`` or ``smallest`` (area).
    busy_by_slot
        Accelerator-seconds in each accounting slot.
    """

    env: simpy.Environment
    size: int
    speed: float = 1.0
    backfill: bool = False
    order: str = "ready"
    slot_s: float = 900.0
    free: int = 0
    queue: list[ReferenceJob] = field(default_factory=list)
    running: list[tuple[float, ReferenceJob]] = field(default_factory=list)
    started: dict[int, simpy.Event] = field(default_factory=dict)
    busy_by_slot: dict[int, float] = field(default_factory=dict)
    accounted_s: float = 0.0
    pass_is_due: bool = False

    def __post_init__(self) -> None:
        self.free = self.size

    def account(self) -> None:
        """Write the busy accelerator-seconds up to now, split at slot edges."""
        busy = self.size - self.free
        while self.accounted_s < self.env.now:
            slot = int(self.accounted_s / self.slot_s)
            if (slot + 1) * self.slot_s <= self.accounted_s:
                slot += 1
            until = min((slot + 1) * self.slot_s, self.env.now)
            if busy:
                held = self.busy_by_slot.get(slot, 0.0)
                self.busy_by_slot[slot] = held + busy * (until - self.accounted_s)
            self.accounted_s = until

    def call_pass(self) -> None:
        """Ask for one scheduling pass at the end of this instant."""
        if self.pass_is_due:
            return
        self.pass_is_due = True
        event = self.env.event()
        event._ok, event._value = True, None
        event.callbacks.append(lambda _: self.schedule())
        self.env.schedule(event, priority=EventPriority(PASS))

    def expected_s(self, job: ReferenceJob) -> float:
        """Return how long the scheduler expects a job to run here."""
        return job.estimate_s / self.speed

    def schedule(self) -> None:
        """Start what may start."""
        self.pass_is_due = False
        self.account()
        while self.queue and self.queue[0].accelerators <= self.free:
            self.start(self.queue.pop(0))
        if not self.backfill or len(self.queue) < 2 or self.free < 1:
            return
        now, need = self.env.now, self.queue[0].accelerators
        ends = sorted((max(end, now), job.accelerators) for end, job in self.running)
        will_be_free, shadow_s = self.free, inf
        for end, gang in ends:
            if end > shadow_s:
                break
            will_be_free += gang
            if will_be_free >= need and shadow_s == inf:
                shadow_s = end
        extra = will_be_free - need
        for job in self.queue[1:]:
            if self.free <= 0:
                break
            if job.accelerators > self.free:
                continue
            if now + self.expected_s(job) <= shadow_s:
                self.queue.remove(job)
                self.start(job)
            elif job.accelerators <= extra:
                extra -= job.accelerators
                self.queue.remove(job)
                self.start(job)

    def start(self, job: ReferenceJob) -> None:
        """Give a job its accelerators."""
        self.free -= job.accelerators
        self.running.append((self.env.now + self.expected_s(job), job))
        self.started.pop(job.index).succeed()

    def key(self, job: ReferenceJob) -> tuple[float, int]:
        """Return what orders the queue."""
        by = {
            "ready": job.ready_s,
            "shortest": job.estimate_s,
            "longest": -job.estimate_s,
            "smallest": job.estimate_s * job.accelerators,
        }
        return by[self.order], job.index

    def enqueue(self, job: ReferenceJob) -> simpy.Event:
        """Put a job into the queue at its place; return the event of its start."""
        place = len(self.queue)
        while place and self.key(self.queue[place - 1]) > self.key(job):
            place -= 1
        self.queue.insert(place, job)
        event: simpy.Event = self.env.event()
        self.started[job.index] = event
        self.call_pass()
        return event

    def release(self, job: ReferenceJob) -> None:
        """Take the accelerators of a finished job back."""
        self.account()
        self.free += job.accelerators
        self.running = [entry for entry in self.running if entry[1] is not job]
        self.call_pass()


def _life(
    env: simpy.Environment, job: ReferenceJob, pools: Sequence[ReferencePool]
) -> Generator[simpy.Event, Any, None]:
    pool = pools[job.pool]
    yield env.timeout(job.ready_s)
    yield pool.enqueue(job)
    job.start_s = env.now
    yield env.timeout(job.work_s / pool.speed)
    job.finish_s = env.now
    pool.release(job)


def route_by_credit(
    jobs: Sequence[ReferenceJob],
    shares: Sequence[float],
    pools: Sequence[ReferencePool],
) -> None:
    """Give every job a pool by deficit credit, weighed by expected work."""
    credit = [0.0] * len(pools)
    for job in jobs:
        work = job.accelerators * job.estimate_s
        best, most = -1, -inf
        for p, share in enumerate(shares):
            if share <= 0.0:
                continue
            credit[p] += share * work
            if credit[p] > most and job.accelerators <= pools[p].size:
                best, most = p, credit[p]
        credit[best] -= work
        job.pool = best


def run_jobs(
    env: simpy.Environment,
    jobs: Sequence[ReferenceJob],
    pools: Sequence[ReferencePool],
    until_s: float = inf,
) -> None:
    """Run jobs, sorted by index; every job must fit in its pool."""
    for job in jobs:
        env.process(_life(env, job, pools))
    if until_s == inf:
        env.run()
    else:
        env.run(until=until_s)
        for pool in pools:
            pool.account()
