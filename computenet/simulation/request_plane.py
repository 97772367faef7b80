"""Requests: chunks from a source through the router to the replicas."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from computenet.compiled import B1, F8, I8, CompiledScenario
from computenet.engines import BLOCK_TOKENS, STEP_TOKENS
from computenet.kernels.arrival_counts import count_arrivals
from computenet.kernels.arrivals import Draws
from computenet.kernels.replica_state import (
    BUSY,
    CURSOR,
    DECODING,
    PREFILL,
    PREFILLING,
    QUEUED,
    SLOT,
)
from computenet.kernels.requests import (
    EngineFacts,
    RequestChunk,
    RoutingPlan,
    advance_requests_packed,
    close_requests,
    count_present,
    fail_group,
    grow_arena,
    make_arena,
    make_replica_facts,
    make_request_out,
    make_request_state,
    settle_requests,
)
from computenet.serving import decode_table
from computenet.simulation.totals import RequestTotals, Served

__all__ = ["RequestPlane", "Source"]

CHOICES = {"round-robin": 0, "random": 1, "least-work": 2, "two-choices": 3}


class Source(Protocol):
    """Where requests come from: `chunk` is filled by `next_chunk`, in order of time."""

    chunk: Draws

    def next_chunk(self) -> float:
        """Fill `chunk`; return the time up to which it is complete, infinite at the end."""
        ...


class RequestPlane:
    """State of all replicas and of the router."""

    def __init__(self, compiled: CompiledScenario, source: Source, choice: str) -> None:
        groups, requests = compiled.groups, compiled.requests
        self._compiled = compiled
        self._source = source
        self._facts = make_replica_facts(
            groups.replicas,
            groups.slots,
            groups.prefill_tok_s,
            decode_table(groups.slots, groups.request_tok_s, groups.decode_tok_s),
            requests.ttft_slo_ms / 1000.0,
            requests.tpot_slo_ms / 1000.0,
            CHOICES[choice],
            compiled.slot_s,
            engine=_engine(compiled),
        )
        self._state = make_request_state(self._facts)
        n_demands, n_groups = requests.feasible.shape
        self.out = make_request_out(n_demands, n_groups, compiled.n_slots)
        self._arena = make_arena()
        self._complete_s = 0.0
        self._model = np.tile(requests.model_of_class, len(compiled.regions))
        self._arrivals = np.zeros((4, len(requests.models), compiled.n_slots), dtype=np.int64)
        self._chunk = _as_chunk(source.chunk)
        self._plan = RoutingPlan(
            np.zeros(n_demands + 1, dtype=np.int64),
            np.zeros(0, dtype=np.int32),
            np.zeros(0),
            np.zeros(0),
            np.zeros((n_demands, n_groups)),
            np.where(np.isfinite(requests.rtt_s), requests.rtt_s, 0.0),
            requests.circle_ok.astype(np.uint8),
            np.asarray([int(compiled.sampling > 1)], dtype=np.int64),
        )
        self._priced = np.zeros((n_demands, n_groups), dtype=np.int64)
        self._transfer_cny = 0.0
        self._price = requests.transfer_cny
        self._quiet_s = 0.0
        self._before = self._served()

    def set_shares(self, shares: F8) -> None:
        """Follow new shares, ``(D, G)``; credits are kept."""
        row, group = np.nonzero(shares > 0.0)
        first = np.zeros(len(shares) + 1, dtype=np.int64)
        np.cumsum(np.bincount(row, minlength=len(shares)), out=first[1:])
        self._plan = self._plan._replace(
            row=first,
            group=group.astype(np.int32),
            share=np.ascontiguousarray(shares[row, group]),
            upto=np.ascontiguousarray(np.cumsum(shares, axis=1)[row, group]),
        )

    def set_network(self, rtt_s: F8, circle_ok: B1, transfer_cny: F8) -> None:
        """Go over to other network times and prices; requests so far are charged the old."""
        self._charge()
        self._plan = self._plan._replace(
            rtt_s=np.where(np.isfinite(rtt_s), rtt_s, 0.0),
            circle_ok=circle_ok.astype(np.uint8),
        )
        self._price = transfer_cny

    def _charge(self) -> None:
        self._transfer_cny += float(((self.out.routed - self._priced) * self._price).sum())
        self._priced = self.out.routed.copy()

    def set_active(self, group: int, replicas: int) -> None:
        """Let only the first simulated replicas of a group take new requests, at least one.

        The others finish what they have.
        """
        self._state.active[group] = replicas

    def advance(self, until_s: float) -> None:
        """Take all arrivals before `until_s`."""
        if until_s <= self._quiet_s:
            return
        while True:
            advance_requests_packed(
                tuple(self._chunk), tuple(self._plan), tuple(self._state), tuple(self._facts),
                tuple(self._arena), min(until_s, self._complete_s), tuple(self.out),
            )  # fmt: skip
            at, count = int(self._state.scalar[CURSOR]), int(self._chunk.count[0])
            if at < count:
                edge_s = (int(self._state.scalar[SLOT]) + 1) * self._compiled.slot_s
                self._quiet_s = min(float(self._chunk.arrival_s[at]), edge_s)
                return
            if until_s <= self._complete_s:
                edge_s = (int(self._state.scalar[SLOT]) + 1) * self._compiled.slot_s
                self._quiet_s = min(self._complete_s, edge_s)
                return
            self._complete_s = self._source.next_chunk()
            self._chunk = chunk = _as_chunk(self._source.chunk)
            count_arrivals(
                chunk.arrival_s, chunk.demand, chunk.input_tokens, chunk.output_tokens,
                chunk.cached_tokens, int(chunk.count[0]), self._model, self._compiled.slot_s,
                self._compiled.horizon_s, self._arrivals,
            )  # fmt: skip
            self._state.scalar[CURSOR] = 0
            self._arena = grow_arena(self._arena, self._state, int(self._chunk.count[0]))

    def settle(self, now_s: float) -> None:
        """Bring counts up to `now_s`."""
        settle_requests(self._plan, self._state, self._facts, self._arena, now_s, self.out)

    def running_by_group(self) -> F8:
        """Return requests running and waiting in the replicas of every group, ``(G,)``."""
        state = self._state
        present = state.count[:, DECODING] + state.count[:, PREFILLING] + state.count[:, QUEUED]
        counts: F8 = np.bincount(
            self._facts.group, weights=present, minlength=len(self._compiled.groups.ids)
        ).astype(np.float64)
        return counts

    def _served(self) -> Served:
        return Served(
            *(getattr(self.out, name).astype(np.int64, copy=True) for name in Served._fields)
        )

    def begin_measuring(self, now_s: float) -> None:
        """Leave out of latencies and SLO what has ended so far."""
        self.settle(now_s)
        self._before = self._served()

    def fail(self, group: int, now_s: float) -> int:
        """Drop what a group holds."""
        self.settle(now_s)
        return int(fail_group(group, now_s, self._state, self._facts, self._arena, self.out))

    def arrived(self) -> I8:
        """Return simulated requests arrived by demand, a copy."""
        return self.out.arrived.copy()

    def simulated(self) -> int:
        """Return simulated requests arrived so far."""
        return int(self.out.arrived.sum())

    def finish(self, horizon_s: float) -> RequestTotals:
        """Close the run."""
        close_requests(self._plan, self._state, self._facts, self._arena, horizon_s, self.out)
        self._charge()
        k = self._compiled.sampling
        out = self.out
        present = np.zeros_like(out.arrived)
        count_present(self._state, self._facts, self._arena, present)
        routed_gb = (out.routed.sum(axis=1) * self._compiled.requests.gb_per_request).sum()
        return RequestTotals(
            sampling=k,
            arrived=out.arrived * k,
            served=out.served * k,
            dropped=out.dropped * k,
            in_flight=present * k,
            routed=out.routed * k,
            measured=Served(
                *(now - then for now, then in zip(self._served(), self._before, strict=True))
            ),
            transfer_cny=self._transfer_cny * k,
            transfer_gb=float(routed_gb) * k,
            busy_s=out.integral[:, :, BUSY] * float(k),
            prefill_s=out.integral[:, :, PREFILL] * float(k),
            tokens_in=out.tokens_in.astype(np.float64) * k,
            tokens_out=out.tokens_out.astype(np.float64) * k,
            arrivals=self._arrivals * k,
        )

    def load_in_slot(self, slot: int) -> F8:
        """Return real activity-weighted accelerators serving in a closed slot, ``(G,)``."""
        groups, demand = self._compiled.groups, self._compiled.requests
        busy, prefill = self.out.integral[:, slot, BUSY], self.out.integral[:, slot, PREFILL]
        load_s = demand.decode_activity * (busy - prefill) + demand.prefill_activity * prefill
        scale = groups.accelerators_per_replica * (self._compiled.sampling / self._compiled.slot_s)
        load: F8 = load_s * scale
        return load

    def serving_integrals(self) -> tuple[F8, F8]:
        """Return real busy and activity-weighted accelerator-seconds, two ``(G, S)``."""
        groups = self._compiled.groups
        scale = (groups.accelerators_per_replica * self._compiled.sampling)[:, None]
        busy = self.out.integral[:, :, BUSY]
        prefill = self.out.integral[:, :, PREFILL]
        demand = self._compiled.requests
        load = demand.decode_activity * (busy - prefill) + demand.prefill_activity * prefill
        return busy * scale, load * scale


def _engine(compiled: CompiledScenario) -> EngineFacts | None:
    """Return what continuous batching needs, or ``None`` under processor sharing."""
    groups = compiled.groups
    if not groups.blocks.any():
        return None
    budget = np.full(len(groups.ids), STEP_TOKENS, dtype=np.int64)
    return EngineFacts(1, BLOCK_TOKENS, groups.blocks, budget, groups.step)


def _as_chunk(draws: Draws) -> RequestChunk:
    return RequestChunk(
        draws.arrival_s,
        draws.source,
        draws.input_tokens,
        draws.output_tokens,
        draws.cached_tokens,
        draws.choice,
        draws.count,
    )
