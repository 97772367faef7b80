"""One worker's part of a run: it draws and routes some demands, and serves some replicas.

A step has two halves. `RequestShard.route` draws the requests of its demands up to a time, routes
them, and puts them into boxes, one for each worker. `RequestShard.serve` takes the boxes all
workers made for this one, and serves what is in them. The same object works in this process, in
another one, and as an actor of a cluster.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from computenet.kernels.arrival_counts import count_arrivals
from computenet.kernels.replica_state import SLOT
from computenet.kernels.request_shards import (
    ROUTED,
    Fleet,
    fill_boxes,
    group_routed,
    order_routed,
    route_arrivals,
    serve_routed,
)
from computenet.kernels.request_state import grow_arena
from computenet.sharding.division import Division
from computenet.sharding.queues import F8, I8, QueueFacts, ReplicaQueues, as_chunk
from computenet.workload.generators.requests import RequestSource

__all__ = ["MakeSource", "RequestShard"]

#: Makes the source of some demands, ``only=(D,) mask``, source by source: ``merged=False``.
MakeSource = Callable[..., RequestSource]
Room = Callable[[int], NDArray[Any]]


def _room(count: int) -> NDArray[Any]:
    return np.empty(count, dtype=ROUTED)


class RequestShard(ReplicaQueues):
    """Demands and replicas of one worker.

    Parameters
    ----------
    facts
        What the queues of the run stand on.
    make_source
        Makes the source of this worker's demands.
    division, index
        Who does what, and which worker this is.
    """

    def __init__(
        self, facts: QueueFacts, make_source: MakeSource, division: Division, index: int
    ) -> None:
        mine = division.of_replica == index
        super().__init__(facts, mine)
        self._source = make_source(only=division.of_demand == index, merged=False)
        self._chunk = as_chunk(self._source.chunk)
        self._segments = self._source.segments
        self._cursor = self._segments[:-1].copy()
        first = np.zeros(len(facts.replicas) + 1, dtype=np.int64)
        np.cumsum(facts.replicas, out=first[1:])
        self._fleet = Fleet(
            first, facts.replicas.copy(), division.of_replica,
            np.asarray([facts.choice], dtype=np.int64),
        )  # fmt: skip
        self._local = (np.cumsum(mine) - 1).astype(np.int32)
        self._workers = division.workers
        self._complete_s = self._reached_s = 0.0
        self._served_s = 0.0
        self._routed, self._to = _room(0), np.zeros(0, dtype=np.int32)
        self._inbox, self._order = _room(0), np.zeros(0, dtype=np.int32)
        self._grouped = self._order
        keys = len(self.replica_facts.group) + len(facts.replicas) + 1
        self._place = np.zeros(keys, dtype=np.int64)
        self._bucket = np.zeros(3, dtype=np.int64)

    def set_active(self, group: int, replicas: int) -> None:
        """Let only the first replicas of a group take new requests, at least one."""
        super().set_active(group, replicas)
        self._fleet.active[group] = replicas

    def expected(self, first_slot: int) -> F8:
        """Return real requests expected of this worker's demands from a slot on, ``(D, slots)``.

        As far as is known, in slots of the run; read only with windows.
        """
        return self._source.expected[:, first_slot : self._source.expected_slots]

    def _draw(self) -> None:
        self._complete_s = self._source.next_chunk()
        self._chunk = chunk = as_chunk(self._source.chunk)
        self._segments = self._source.segments
        self._cursor = self._segments[:-1].copy()
        count = int(chunk.count[0])
        count_arrivals(
            chunk.arrival_s, chunk.demand, chunk.input_tokens, chunk.output_tokens,
            chunk.cached_tokens, count, self.facts.model, self.facts.slot_s,
            self.facts.inner(self.facts.horizon_s), self.arrivals,
        )  # fmt: skip
        if len(self._routed) < count:
            self._routed, self._to = (
                _room(count + count // 8),
                np.zeros(count + count // 8, np.int32),
            )

    def route(self, until_s: float, room: Room = _room) -> tuple[float, NDArray[Any], I8]:
        """Route what arrives before `until_s`, or as much as is drawn at once.

        Parameters
        ----------
        until_s
            A time of the run.
        room
            Returns a place for so many requests.

        Returns
        -------
        float
            The time reached, the same for all workers.
        requests
            In order of the worker they go to.
        place
            ``(W + 1,)`` where the box of each worker begins.
        """
        if until_s > self._complete_s and self._reached_s >= self._complete_s:
            self._draw()
        # A step ends with a slot, so that within one replicas may be served one after the other.
        slot_s = self.facts.slot_s
        edge_s = (int(self._reached_s / slot_s + 1e-9) + 1) * slot_s
        self._reached_s = min(until_s, self._complete_s, edge_s)
        box = np.zeros(self._workers, dtype=np.int64)
        count = route_arrivals(
            self._chunk, self._segments, self._cursor, self.facts.inner(self._reached_s), self.plan,
            self._fleet, self._routed, self._to, box, self.out,
        )  # fmt: skip
        first = np.zeros(self._workers + 1, dtype=np.int64)
        np.cumsum(box, out=first[1:])
        boxes = room(count)
        fill_boxes(self._routed, self._to, count, first[:-1].copy(), boxes)
        return self._reached_s, boxes, first

    def serve(self, reached_s: float, boxes: Sequence[NDArray[Any]]) -> None:
        """Serve what all workers routed here up to the time reached; boxes in order of workers."""
        count = sum(len(box) for box in boxes)
        if len(self._inbox) < count:
            size = count + count // 8
            self._inbox, self._order = _room(size), np.zeros(size, dtype=np.int32)
            self._grouped = np.zeros(size, dtype=np.int32)
        at = 0
        for box in boxes:
            self._inbox[at : at + len(box)] = box
            at += len(box)
        begin_s, end_s = self._served_s, self.facts.inner(reached_s)
        if count > 0:
            buckets = max(count // 4, 2) + 1
            if len(self._bucket) < buckets or len(self._bucket) > 4 * buckets:
                self._bucket = np.zeros(buckets + buckets // 8, dtype=np.int64)
            order_routed(self._inbox, count, begin_s, end_s, self._bucket, self._order)
            self.arena = grow_arena(self.arena, self.state, count)
        order = self._order
        if count > 0 and end_s <= (int(self.state.scalar[SLOT]) + 1) * self.facts.slot_s:
            order = self._grouped
            group_routed(
                self._inbox, self._order, count, self._local, len(self.replica_facts.group),
                self._place, order,
            )  # fmt: skip
        self._served_s = end_s
        serve_routed(
            self._inbox, order, count, self._local, self.plan, self.state,
            self.replica_facts, self.arena, end_s, self.out,
        )  # fmt: skip
