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
from computenet.simulation.request_windows import WindowBooks
from computenet.simulation.totals import RequestTotals, Served
from computenet.workload.generators.windows import Windows

__all__ = ["RequestPlane", "Source"]

CHOICES = {"round-robin": 0, "random": 1, "least-work": 2, "two-choices": 3}


class Source(Protocol):
    """Where requests come from: `chunk` is filled by `next_chunk`, in order of time."""

    chunk: Draws
    expected: F8  # (D, S) real requests expected in each slot; read only with windows

    def next_chunk(self) -> float:
        """Fill `chunk`; return the time up to which it is complete, infinite at the end."""
        ...


class RequestPlane:
    """State of all replicas and of the router.

    With `windows` the kernels run by their inner clock, which stands still outside of them.
    """

    def __init__(
        self,
        compiled: CompiledScenario,
        source: Source,
        choice: str,
        windows: Windows | None = None,
    ) -> None:
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
        slots = compiled.n_slots if windows is None else windows.inner_slots
        self.out = make_request_out(n_demands, n_groups, slots)
        self._books = None if windows is None else WindowBooks(compiled, windows, source.expected)
        self._measures = compiled.warmup_s <= 0.0
        self._settled_s = -1.0
        self._open = False  # whether what ends now is counted
        self._arena = make_arena()
        self._complete_s = 0.0
        self._model = np.tile(requests.model_of_class, len(compiled.regions))
        self._arrivals = np.zeros((4, len(requests.models), slots), dtype=np.int64)
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
        self._priced: I8 | F8 = np.zeros((n_demands, n_groups), dtype=np.int64)
        self._transfer_cny = 0.0
        self._price = requests.transfer_cny
        self._quiet_s = 0.0
        self._before = self._served()
        self._counted_s, self._count_begin = 0.0, self.arrived()

    def set_shares(self, shares: F8) -> None:
        """Follow new shares, ``(D, G)``; credits are kept. Everything before must be settled."""
        if self._books is not None:
            self._books.follow(shares)
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
        routed: I8 | F8 = self.out.routed
        if self._books is not None:
            routed = routed + self._books.routed / self._compiled.sampling
        self._transfer_cny += float(((routed - self._priced) * self._price).sum())
        self._priced = routed.copy()

    def set_active(self, group: int, replicas: int) -> None:
        """Let only the first simulated replicas of a group take new requests, at least one.

        The others finish what they have.
        """
        self._state.active[group] = replicas

    def advance(self, until_s: float) -> None:
        """Take all arrivals before `until_s`."""
        if self._books is not None:
            edges = self._books.edges
            while edges and edges[0][0] <= until_s:
                edge_s, opens = edges.pop(0)
                self._run(edge_s)
                self._mark(edge_s, opens)
        self._run(until_s)
        if self._books is not None:
            self._books.account(until_s)
            self._quiet_s = 0.0

    def _mark(self, now_s: float, opens: bool) -> None:
        """Begin or end to count what ends."""
        assert self._books is not None
        self._settle(now_s)
        if self._open and self._measures:
            self._books.count(self._before, self._served())
        self._open = opens
        if opens and self._measures:
            self._before = self._served()

    def _inner(self, time_s: float) -> float:
        """Return the kernels' time at a time of the run."""
        if self._books is None or not np.isfinite(time_s):
            return time_s
        return self._books.windows.inner_s(time_s)

    def _run(self, until_s: float) -> None:
        if until_s <= self._quiet_s:
            return
        while True:
            advance_requests_packed(
                tuple(self._chunk), tuple(self._plan), tuple(self._state), tuple(self._facts),
                tuple(self._arena), self._inner(min(until_s, self._complete_s)), tuple(self.out),
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
                self._inner(self._compiled.horizon_s), self._arrivals,
            )  # fmt: skip
            self._state.scalar[CURSOR] = 0
            self._arena = grow_arena(self._arena, self._state, int(self._chunk.count[0]))

    def settle(self, now_s: float) -> None:
        """Bring counts up to `now_s`."""
        if self._books is None or self._inner(now_s) > self._settled_s:
            self._settle(now_s)

    def _settle(self, now_s: float) -> None:
        self._settled_s = self._inner(now_s)
        settle_requests(
            self._plan, self._state, self._facts, self._arena, self._settled_s, self.out
        )

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
        self._settle(now_s)
        self._measures = True
        self._before = self._served()

    def fail(self, group: int, now_s: float) -> int:
        """Drop what a group holds."""
        self._settle(now_s)
        inner_s = self._inner(now_s)
        return int(fail_group(group, inner_s, self._state, self._facts, self._arena, self.out))

    def arrived(self) -> I8:
        """Return simulated requests arrived by demand, a copy."""
        return self.out.arrived.copy()

    def rate_until(self, now_s: float) -> F8:
        """Return real requests a second since the last call, ``(D,)``.

        Counted, or expected where some of the time was not simulated.
        """
        begin_s, self._counted_s = self._counted_s, now_s
        arrived = self.arrived()
        fresh = (arrived - self._count_begin).astype(np.float64)
        self._count_begin = arrived
        if self._books is not None and not self._books.windows.holds(begin_s, now_s):
            expected: F8 = self._books.requests(begin_s, now_s) / (now_s - begin_s)
            return expected
        rate: F8 = fresh * (self._compiled.sampling / (now_s - begin_s))
        return rate

    def simulated(self) -> int:
        """Return simulated requests arrived so far."""
        return int(self.out.arrived.sum())

    def finish(self, horizon_s: float) -> RequestTotals:
        """Close the run."""
        inner_s = self._inner(horizon_s)
        close_requests(self._plan, self._state, self._facts, self._arena, inner_s, self.out)
        self._charge()
        k = self._compiled.sampling
        out, books = self.out, self._books
        present = np.zeros_like(out.arrived)
        count_present(self._state, self._facts, self._arena, present)
        measured = Served(
            *(now - then for now, then in zip(self._served(), self._before, strict=True))
        )
        gb = self._compiled.requests.gb_per_request
        busy, prefill, tokens_in, tokens_out = self._by_slot()
        totals = RequestTotals(
            sampling=k,
            simulated=self.simulated(),
            arrived=out.arrived * k,
            served=out.served * k,
            dropped=out.dropped * k,
            in_flight=present * k,
            routed=out.routed * k,
            measured=measured,
            attained=measured.attained * k,
            transfer_cny=self._transfer_cny * k,
            transfer_gb=float((out.routed.sum(axis=1) * gb).sum()) * k,
            busy_s=busy * float(k),
            prefill_s=prefill * float(k),
            tokens_in=tokens_in * k,
            tokens_out=tokens_out * k,
            arrivals=self._arrivals * k if books is None else books.arrivals(self._arrivals) * k,
        )
        return totals if books is None else books.completed(totals, gb)

    def load_in_slot(self, slot: int) -> F8:
        """Return real activity-weighted accelerators serving in a closed slot, ``(G,)``.

        Of a slot that was not simulated, what its work would take at the ratio seen last.
        """
        k, at = self._compiled.sampling, slot
        if self._books is not None:
            at = int(self._books.inner[slot])
            if at < 0:
                return self._books.load_in_slot(slot)
        groups, demand = self._compiled.groups, self._compiled.requests
        busy, prefill = self.out.integral[:, at, BUSY], self.out.integral[:, at, PREFILL]
        load_s = demand.decode_activity * (busy - prefill) + demand.prefill_activity * prefill
        scale = groups.accelerators_per_replica * (k / self._compiled.slot_s)
        load: F8 = load_s * scale
        if self._books is not None:
            self._books.saw_load(slot, load)
        return load

    def serving_integrals(self) -> tuple[F8, F8]:
        """Return real busy and activity-weighted accelerator-seconds, two ``(G, S)``."""
        groups = self._compiled.groups
        scale = (groups.accelerators_per_replica * self._compiled.sampling)[:, None]
        busy, prefill, _, _ = self._by_slot()
        demand = self._compiled.requests
        load = demand.decode_activity * (busy - prefill) + demand.prefill_activity * prefill
        return busy * scale, load * scale

    def _by_slot(self) -> tuple[F8, F8, F8, F8]:
        """Return busy and prefill seconds of simulated replicas, and tokens, ``(G, S)`` each."""
        out, books = self.out, self._books
        busy, prefill = out.integral[:, :, BUSY], out.integral[:, :, PREFILL]
        tokens_in, tokens_out = (
            tokens.astype(np.float64) for tokens in (out.tokens_in, out.tokens_out)
        )
        if books is None:
            return busy, prefill, tokens_in, tokens_out
        busy, prefill, tokens_in, tokens_out = books.imputed(
            np.stack([busy, prefill, tokens_in, tokens_out])
        )
        edges = np.arange(self._compiled.n_slots + 1) * self._compiled.slot_s
        lengths = np.diff(np.minimum(edges, self._compiled.horizon_s))
        busy = np.minimum(busy, self._compiled.groups.replicas[:, None] * lengths)
        return busy, np.minimum(prefill, busy), tokens_in, tokens_out


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
