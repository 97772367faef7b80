"""All shards of a run as one: the control plane sees the queues as if they were in one place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from computenet.kernels.histogram import N_BINS
from computenet.sharding.division import Division, divide
from computenet.sharding.queues import B1, ENDED, F8, I8, QueueFacts, Reading, Sums
from computenet.sharding.shard import MakeSource

__all__ = ["ShardTeam", "Transport"]


class Transport(Protocol):
    """Workers and the way to them.

    Every method raises `computenet.errors.RunError` when a worker is lost.
    """

    workers: int
    idle: int  # of them, who have nothing to do

    def begin(self, facts: QueueFacts, make_source: MakeSource, division: Division) -> None:
        """Let every worker make its shard."""
        ...

    def step(self, until_s: float) -> float:
        """Route and serve up to `until_s`, or as much as is drawn at once; return the time."""
        ...

    def ask(self, method: str, *arguments: Any) -> Sequence[Any]:
        """Call a method of every shard; return the answers in order of workers."""
        ...

    def close(self) -> None:
        """Let the workers go; harmless when called again."""
        ...


class ShardTeam:
    """Request queues shared by workers.

    Shards are made when the first plan is known. They advance while the caller does something
    else; whatever looks at them waits.

    Parameters
    ----------
    transport
        The workers.
    facts, make_source
        What the queues stand on, and what makes the source of some demands.
    rate_per_s
        ``(D,)`` mean rate of every demand, by which the work is divided.
    expected
        ``(D, S)`` is filled with the requests expected; without windows it has no columns.
    """

    def __init__(
        self,
        transport: Transport,
        facts: QueueFacts,
        make_source: MakeSource,
        rate_per_s: F8,
        expected: F8,
    ) -> None:
        self._transport = transport
        self._facts, self._make_source = facts, make_source
        self._rate_per_s = rate_per_s
        self._begun = False
        self._network = facts.rtt_s, facts.circle_ok
        self._reached_s = self._target_s = 0.0
        self._driver = ThreadPoolExecutor(max_workers=1, thread_name_prefix="shards")
        self._driving: Future[None] | None = None
        self.expected = expected
        self._expected_slots = 0
        self._arrived = 0

    def _begin(self, shares: F8) -> None:
        division = divide(self._facts, self._transport.workers, self._rate_per_s, shares)
        self._transport.begin(self._facts, self._make_source, division)
        self._begun = True
        self._transport.ask("set_network", 0.0, *self._network)

    def set_shares(self, shares: F8) -> None:
        """Follow new shares, ``(D, G)``; credits are kept."""
        self._wait()
        if not self._begun:
            self._begin(shares)
        self._transport.ask("set_shares", shares)

    def set_network(self, now_s: float, rtt_s: F8, circle_ok: B1) -> None:
        """Go over to other network times; what has ended by now keeps the old."""
        self._wait()
        self._network = rtt_s, circle_ok
        if self._begun:
            self._transport.ask("set_network", now_s, rtt_s, circle_ok)

    def set_active(self, group: int, replicas: int) -> None:
        """Let only the first replicas of a group take new requests, at least one."""
        self._require()
        self._transport.ask("set_active", group, replicas)

    def advance(self, until_s: float) -> None:
        """Take all arrivals before `until_s`, soon."""
        self._target_s = max(self._target_s, until_s)
        if self._driving is not None and self._driving.done():
            self._wait()
        if self._target_s > self._reached_s and self._driving is None:
            self._require()
            self._driving = self._driver.submit(self._drive)
        if self._facts.windows is not None:
            self._wait()
            if self._begun:
                self._learn_expected()

    def _drive(self) -> None:
        while self._reached_s < self._target_s:
            self._reached_s = self._transport.step(self._target_s)

    def _wait(self) -> None:
        """Wait until the shards stand where they were sent."""
        if self._driving is not None:
            driving, self._driving = self._driving, None
            driving.result()
        self._drive()

    def _require(self) -> None:
        """Wait; make the shards if there is no plan yet."""
        if not self._begun:
            self._begin(np.zeros(self._facts.rtt_s.shape))
        elif self._driving is not None:
            self._wait()

    def _learn_expected(self) -> None:
        parts = self._transport.ask("expected", self._expected_slots)
        last = self._expected_slots + parts[0].shape[1]
        self.expected[:, self._expected_slots : last] = _total(parts)
        self._expected_slots = last

    def settle(self, now_s: float) -> None:
        """Bring counts up to `now_s`."""
        self._wait()
        if self._begun:
            self._transport.ask("settle", now_s)

    def fail(self, group: int, now_s: float) -> int:
        """Drop what a group holds."""
        self._wait()
        if not self._begun:
            return 0
        return int(sum(self._transport.ask("fail", group, now_s)))

    def read(self, now_s: float, first_slot: int) -> Reading:
        """Settle and say how things stand; busy time of the slots from `first_slot` on."""
        self._wait()
        if not self._begun:
            nothing = np.zeros(len(self._rate_per_s), dtype=np.int64)
            idle = np.zeros(len(self._facts.replicas), dtype=np.int64)
            return Reading(nothing, idle, 0, np.zeros((self._facts.n_lanes(), 0, 2)))
        parts: Sequence[Reading] = self._transport.ask("read", now_s, first_slot)
        reading = Reading(
            _total(part.arrived for part in parts),
            _total(part.present for part in parts),
            first_slot,
            _total(part.serving_s for part in parts),
        )
        self._arrived = int(reading.arrived.sum())
        return reading

    def routed(self) -> I8:
        """Return requests routed so far, ``(D, G)``."""
        self._wait()
        if not self._begun:
            return np.zeros(self._facts.rtt_s.shape, dtype=np.int64)
        routed: I8 = _total(self._transport.ask("routed"))
        return routed

    def ended(self) -> dict[str, NDArray[Any]]:
        """Return counts and histograms of requests that ended by the last settling."""
        self._wait()
        if not self._begun:
            count = np.zeros(len(self._rate_per_s), dtype=np.int64)
            bins = np.zeros((len(count), N_BINS), dtype=np.int64)
            sums = np.zeros((len(count), 3), dtype=np.int64)
            return dict(zip(ENDED, (count, count, count, bins, bins, bins, sums), strict=True))
        parts = self._transport.ask("ended")
        return {name: _total(part[name] for part in parts) for name in ENDED}

    def simulated(self) -> int:
        """Return requests arrived by the last reading, without waiting."""
        return self._arrived

    def close(self) -> None:
        """End the run: settle, and write the integrals of the last slot."""
        self._require()
        self._transport.ask("close")

    def sums(self) -> Sums:
        """Return what was added up so far: of whole numbers, and of lanes that one shard has."""
        self._wait()
        self._require()
        parts: Sequence[Sums] = self._transport.ask("sums")
        return Sums(*(_total(columns) for columns in zip(*parts, strict=True)))


def _total(parts: Iterable[NDArray[Any]]) -> NDArray[Any]:
    """Return the sum of shards' arrays: whole numbers, or floats of which one alone is not zero."""
    total: NDArray[Any] = sum(parts)  # type: ignore[assignment]
    return total
