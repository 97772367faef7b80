"""All request queues of a run in one place: what every other division must agree with."""

from __future__ import annotations

from computenet.kernels.arrival_counts import count_arrivals
from computenet.kernels.replica_state import CURSOR, SLOT
from computenet.kernels.request_state import grow_arena
from computenet.kernels.requests import advance_requests_packed
from computenet.sharding.queues import F8, QueueFacts, ReplicaQueues, Source, as_chunk

__all__ = ["LoneQueues"]


class LoneQueues(ReplicaQueues):
    """All replicas of a run, routed to and served in one pass over the requests."""

    def __init__(self, facts: QueueFacts, source: Source) -> None:
        super().__init__(facts)
        self._source = source
        self._chunk = as_chunk(source.chunk)
        self._complete_s = 0.0
        self._quiet_s = 0.0

    @property
    def expected(self) -> F8:
        """Real requests expected in each slot, as far as requests are drawn."""
        return self._source.expected

    def simulated(self) -> int:
        """Return requests arrived so far."""
        return int(self.out.arrived.sum())

    def advance(self, until_s: float) -> None:
        """Take all arrivals before `until_s`."""
        if until_s <= self._quiet_s:
            return
        scalar, slot_s = self.state.scalar, self.facts.slot_s
        while True:
            inner_s = self.facts.inner(min(until_s, self._complete_s))
            advance_requests_packed(
                tuple(self._chunk), tuple(self.plan), tuple(self.state),
                tuple(self.replica_facts), tuple(self.arena), inner_s, tuple(self.out),
            )  # fmt: skip
            at, count = int(scalar[CURSOR]), int(self._chunk.count[0])
            if at < count or until_s <= self._complete_s:
                if self.facts.windows is None:
                    next_s = float(self._chunk.arrival_s[at]) if at < count else self._complete_s
                    self._quiet_s = min(next_s, (int(scalar[SLOT]) + 1) * slot_s)
                return
            self._complete_s = self._source.next_chunk()
            self._chunk = chunk = as_chunk(self._source.chunk)
            count = int(chunk.count[0])
            count_arrivals(
                chunk.arrival_s, chunk.demand, chunk.input_tokens, chunk.output_tokens,
                chunk.cached_tokens, count, self.facts.model, slot_s,
                self.facts.inner(self.facts.horizon_s), self.arrivals,
            )  # fmt: skip
            scalar[CURSOR] = 0
            self.arena = grow_arena(self.arena, self.state, count)
