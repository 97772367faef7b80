"""Jobs at pools in plain SimPy: gangs, every discipline, deficit-credit routing."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from math import floor, inf, isnan, nan
from typing import Any

import simpy
from simpy.events import EventPriority

from computenet.simulation.reference.disciplines import schedule

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
    tenant: int = 0
    priority: int = 0
    operation: int = 1  # 0 reserved, 1 on demand, 2 spot
    start_s: float = nan
    finish_s: float = nan
    segment_s: float = nan
    saved_s: float = 0.0
    lost_accelerator_s: float = 0.0
    restarts: int = 0
    process: simpy.Process | None = None


@dataclass(slots=True)
class ReferencePool:
    """A pool with one queue.

    Attributes
    ----------
    discipline
        As a scenario names it.
    checkpoint_s, restart_s
        What a preempted job keeps and what a restart costs.
    busy_by_slot
        Accelerator-seconds in each accounting slot.
    """

    env: simpy.Environment
    size: int
    speed: float = 1.0
    discipline: str = "fcfs"
    slot_s: float = 900.0
    checkpoint_s: float = 0.0
    restart_s: float = 0.0
    depth: int = 100
    priority_weight_s: float = 0.0
    size_weight_s: float = 0.0
    half_life_s: float = inf
    reserved: int = 0
    free: int = 0
    queue: list[ReferenceJob] = field(default_factory=list)
    running: list[tuple[float, ReferenceJob]] = field(default_factory=list)
    started: dict[int, simpy.Event] = field(default_factory=dict)
    usage: dict[int, float] = field(default_factory=dict)
    charged: dict[int, tuple[float, float]] = field(default_factory=dict)
    busy_by_slot: dict[int, float] = field(default_factory=dict)
    accounted_s: float = 0.0
    pass_is_due: bool = False
    available: bool = True

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
        rest = max(job.estimate_s / self.speed - job.saved_s, 0.0)
        return rest + self.restart_s if job.restarts else rest

    def run_s(self, job: ReferenceJob) -> float:
        """Return how long a job will run here."""
        rest = job.work_s / self.speed - job.saved_s
        return rest + self.restart_s if job.restarts else rest

    def schedule(self) -> None:
        """Start what may start."""
        self.pass_is_due = False
        self.account()
        if self.available:
            schedule(self)

    def take_down(self) -> None:
        """Stop everything; what is free is out of reach too."""
        self.account()
        self.available = False
        for _, job in list(self.running):
            self.stop(job)
        self.free = self.size

    def bring_up(self) -> None:
        """Serve the queue again."""
        self.available = True
        self.call_pass()

    def start(self, job: ReferenceJob) -> None:
        """Take a job out of the queue and give it its accelerators."""
        self.queue.remove(job)
        self.free -= job.accelerators
        if isnan(job.start_s):
            job.start_s = self.env.now
        job.segment_s = self.env.now
        self.running.append((self.env.now + self.expected_s(job), job))
        # Kept: a job that is stopped and starts again in one pass comes for it afterwards.
        self.started[job.index].succeed()

    def enqueue(self, job: ReferenceJob) -> None:
        """Put a job into the queue."""
        self.queue.append(job)
        self.started[job.index] = self.env.event()

    def stop(self, job: ReferenceJob) -> None:
        """Send a running job back to its last checkpoint and into the queue."""
        elapsed = self.env.now - job.segment_s
        useful = max(elapsed - self.restart_s, 0.0) if job.restarts else elapsed
        kept = job.saved_s
        if self.checkpoint_s > 0.0:
            whole = floor((kept + useful) / self.checkpoint_s)
            kept = max(kept, whole * self.checkpoint_s)
        job.lost_accelerator_s += (elapsed - (kept - job.saved_s)) * job.accelerators
        job.saved_s = kept
        self._leave(job)
        job.restarts += 1
        self.enqueue(job)
        assert job.process is not None
        job.process.interrupt()

    def release(self, job: ReferenceJob) -> None:
        """Take the accelerators of a finished job back."""
        self.account()
        self._leave(job)
        self.call_pass()

    def _leave(self, job: ReferenceJob) -> None:
        self.free += job.accelerators
        self.running = [entry for entry in self.running if entry[1] is not job]
        if job.index in self.charged:
            weight, expected_s = self.charged.pop(job.index)
            used_s = self.env.now - job.segment_s
            self.usage[job.tenant] += (used_s - expected_s) * job.accelerators * weight


def _at(env: simpy.Environment, time_s: float, do: Callable[[], None]) -> None:
    """Do something at a time, before anything else of that instant."""
    event = env.event()
    event._ok, event._value = True, None
    event.callbacks.append(lambda _: do())
    env.schedule(event, priority=EventPriority(0), delay=time_s)


def _life(
    env: simpy.Environment, job: ReferenceJob, pools: Sequence[ReferencePool]
) -> Generator[simpy.Event, Any, None]:
    pool = pools[job.pool]
    yield env.timeout(job.ready_s)
    pool.enqueue(job)
    pool.call_pass()
    while True:
        yield pool.started[job.index]
        try:
            yield env.timeout(pool.run_s(job))
            break
        except simpy.Interrupt:
            continue
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
    outages: Sequence[tuple[int, float, float]] = (),
) -> None:
    """Run jobs, sorted by index; every job must fit in its pool.

    Outages are pools with the times at which they go down and come back.
    """
    for p, down_s, up_s in outages:
        _at(env, down_s, pools[p].take_down)
        _at(env, up_s, pools[p].bring_up)
    for job in jobs:
        job.process = env.process(_life(env, job, pools))
    if until_s == inf:
        env.run()
    else:
        env.run(until=until_s)
        for pool in pools:
            pool.account()
