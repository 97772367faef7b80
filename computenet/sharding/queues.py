"""The request queues of some replicas: state, kernels, sums."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from computenet.kernels.arrivals import Draws
from computenet.kernels.replica_state import BUSY, DECODING, PREFILL, PREFILLING, QUEUED
from computenet.kernels.request_state import (
    EngineFacts,
    RequestChunk,
    RoutingPlan,
    make_arena,
    make_replica_facts,
    make_request_out,
    make_request_state,
)
from computenet.kernels.requests import close_requests, count_present, fail_group, settle_requests
from computenet.workload.generators.windows import Windows

__all__ = ["LANE", "QueueFacts", "Reading", "ReplicaQueues", "Source", "Sums", "as_chunk"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
I4 = NDArray[np.int32]
B1 = NDArray[np.bool_]

#: Replicas of a lane: the smallest number that always stays together. Sums of floats are added up
#: within lanes first, then over them, so the order does not depend on who serves which lane.
LANE = 16


class Source(Protocol):
    """Where requests come from: `chunk` is filled by `next_chunk`, in order of time."""

    chunk: Draws
    expected: F8  # (D, S) real requests expected in each slot; read only with windows

    def next_chunk(self) -> float:
        """Fill `chunk`; return the time up to which it is complete, infinite at the end."""
        ...


@dataclass(frozen=True, slots=True)
class QueueFacts:
    """What all queues of a run stand on: groups (G) of replicas, demands (D), models (M).

    Attributes
    ----------
    replicas, slots, prefill_tok_s, decode_tok_s, ttft_slo_s, tpot_slo_s, choice, slot_s, engine
        As in `computenet.kernels.requests.make_replica_facts`.
    rtt_s, circle_ok
        ``(D, G)`` network times and whether they keep to the circle, at the start.
    split_at_random
        Whether requests are split among groups at random.
    model
        ``(D,)`` model of each demand.
    n_models, n_slots
        Models; accounting slots of the kernels' clock.
    horizon_s
        End of the run.
    windows
        Stretches in which requests are simulated; ``None`` = all the time.
    """

    replicas: I8
    slots: I8
    prefill_tok_s: F8
    decode_tok_s: F8
    ttft_slo_s: F8
    tpot_slo_s: F8
    choice: int
    slot_s: float
    engine: EngineFacts | None
    rtt_s: F8
    circle_ok: B1
    split_at_random: bool
    model: I4
    n_models: int
    n_slots: int
    horizon_s: float
    windows: Windows | None

    def lanes(self) -> tuple[I4, I8]:
        """Return the lane of every replica ``(N,)``, and where each group's lanes begin ``(G,)``.

        Groups without replicas have one lane all the same.
        """
        count = np.maximum(-(-self.replicas // LANE), 1)
        first: I8 = np.cumsum(count) - count
        place = np.arange(int(self.replicas.sum())) - np.repeat(
            np.cumsum(self.replicas) - self.replicas, self.replicas
        )
        lane: I4 = (np.repeat(first, self.replicas) + place // LANE).astype(np.int32)
        return lane, first

    def n_lanes(self) -> int:
        """Return the number of lanes."""
        return int(np.maximum(-(-self.replicas // LANE), 1).sum())

    def inner(self, time_s: float) -> float:
        """Return the kernels' time at a time of the run."""
        if self.windows is None or not np.isfinite(time_s):
            return time_s
        return self.windows.inner_s(time_s)


class Reading(NamedTuple):
    """What the control plane looks at between two advances; simulated, not scaled."""

    arrived: I8  # (D,)
    present: I8  # (G,) requests running and waiting
    slot: int  # the first of the slots that follow
    serving_s: F8  # (L, slots, 2) replica-seconds busy and in prefill, by lane


class Sums(NamedTuple):
    """What queues have added up; counts by demand, simulated, not scaled."""

    integral: F8  # (L, S, 4) by lane
    tokens_in: I8  # (G, S)
    tokens_out: I8
    arrived: I8  # (D,)
    served: I8
    dropped: I8
    attained: I8
    routed: I8  # (D, G)
    ttft: NDArray[np.int32]  # (D, bins)
    tpot: NDArray[np.int32]
    e2e: NDArray[np.int32]
    latency_us: I8  # (D, 3) sums of TTFT, TPOT, e2e
    present: I8  # (D,) running and waiting
    arrivals: I8  # (4, M, S) `computenet.kernels.arrival_counts`


#: Columns of `Sums` that count or add up what ended.
ENDED = ("served", "dropped", "attained", "ttft", "tpot", "e2e", "latency_us")


class ReplicaQueues:
    """State of replicas and of the router.

    Parameters
    ----------
    facts
        What the queues stand on.
    mine
        ``(N,)`` which of the run's replicas are served here; ``None`` = all.
    """

    def __init__(self, facts: QueueFacts, mine: B1 | None = None) -> None:
        n_demands, n_groups = facts.rtt_s.shape
        lane, _ = facts.lanes()
        group = np.repeat(np.arange(n_groups), facts.replicas)
        replicas = facts.replicas
        if mine is not None:
            replicas = np.bincount(group[mine], minlength=n_groups).astype(np.int64)
            lane = lane[mine]
        self.facts = facts
        self.replica_facts = make_replica_facts(
            replicas, facts.slots, facts.prefill_tok_s, facts.decode_tok_s, facts.ttft_slo_s,
            facts.tpot_slo_s, facts.choice, facts.slot_s, engine=facts.engine, lane=lane,
        )  # fmt: skip
        self.state = make_request_state(self.replica_facts)
        self.out = make_request_out(n_demands, n_groups, facts.n_slots, n_lanes=facts.n_lanes())
        self.arena = make_arena()
        self.arrivals = np.zeros((4, facts.n_models, facts.n_slots), dtype=np.int64)
        self.plan = RoutingPlan(
            np.zeros(n_demands + 1, dtype=np.int64),
            np.zeros(0, dtype=np.int32),
            np.zeros(0),
            np.zeros(0),
            np.zeros((n_demands, n_groups)),
            facts.rtt_s,
            facts.circle_ok.astype(np.uint8),
            np.asarray([int(facts.split_at_random)], dtype=np.int64),
        )
        self._settled_s = -1.0

    def set_shares(self, shares: F8) -> None:
        """Follow new shares, ``(D, G)``; credits are kept."""
        row, group = np.nonzero(shares > 0.0)
        first = np.zeros(len(shares) + 1, dtype=np.int64)
        np.cumsum(np.bincount(row, minlength=len(shares)), out=first[1:])
        self.plan = self.plan._replace(
            row=first,
            group=group.astype(np.int32),
            share=np.ascontiguousarray(shares[row, group]),
            upto=np.ascontiguousarray(np.cumsum(shares, axis=1)[row, group]),
        )

    def set_network(self, now_s: float, rtt_s: F8, circle_ok: B1) -> None:
        """Go over to other network times; what has ended by now keeps the old."""
        self.settle(now_s)
        self.plan = self.plan._replace(rtt_s=rtt_s, circle_ok=circle_ok.astype(np.uint8))

    def set_active(self, group: int, replicas: int) -> None:
        """Let only the first replicas of a group take new requests, at least one."""
        self.state.active[group] = replicas

    def settle(self, now_s: float) -> None:
        """Bring counts up to `now_s`."""
        inner_s = self.facts.inner(now_s)
        if inner_s > self._settled_s:
            self._settled_s = inner_s
            settle_requests(
                self.plan, self.state, self.replica_facts, self.arena, inner_s, self.out
            )

    def fail(self, group: int, now_s: float) -> int:
        """Drop what a group holds."""
        self.settle(now_s)
        inner_s = self.facts.inner(now_s)
        return int(fail_group(group, inner_s, self.state, self.replica_facts, self.arena, self.out))

    def read(self, now_s: float, first_slot: int) -> Reading:
        """Settle and say how things stand; busy time of the slots from `first_slot` on."""
        self.settle(now_s)
        state = self.state
        present = state.count[:, DECODING] + state.count[:, PREFILLING] + state.count[:, QUEUED]
        by_group = np.zeros(len(self.facts.replicas), dtype=np.int64)
        np.add.at(by_group, self.replica_facts.group, present)
        slot_s = self.facts.slot_s
        closed = min(int(self.facts.inner(now_s) / slot_s + 1e-9), self.facts.n_slots)
        return Reading(
            self.out.arrived.copy(),
            by_group,
            first_slot,
            self.out.integral[:, first_slot:closed, [BUSY, PREFILL]],
        )

    def close(self) -> None:
        """End the run: settle, and write the integrals of the last slot."""
        inner_s = self.facts.inner(self.facts.horizon_s)
        close_requests(
            self.plan, self.state, self.replica_facts, self.arena, inner_s, self.out
        )  # fmt: skip

    def routed(self) -> I8:
        """Return requests routed so far, ``(D, G)``, a copy."""
        return self.out.routed.copy()

    def ended(self) -> dict[str, NDArray[Any]]:
        """Return counts and histograms of requests that ended by the last settling, copies."""
        return {name: getattr(self.out, name).copy() for name in ENDED}

    def sums(self) -> Sums:
        """Return what was added up so far; the arrays go on being written."""
        present = np.zeros_like(self.out.arrived)
        count_present(self.state, self.replica_facts, self.arena, present)
        return Sums(
            **{name: getattr(self.out, name) for name in Sums._fields[:-2]},
            present=present,
            arrivals=self.arrivals,
        )


def as_chunk(draws: Draws) -> RequestChunk:
    """Return draws as the kernels take them."""
    return RequestChunk(
        draws.arrival_s,
        draws.source,
        draws.input_tokens,
        draws.output_tokens,
        draws.cached_tokens,
        draws.choice,
        draws.count,
    )
