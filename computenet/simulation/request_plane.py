"""Requests: the control plane's side of their queues, which may be in one place or shared."""

from __future__ import annotations

import numpy as np

from computenet.compiled import B1, F8, I8, CompiledScenario
from computenet.engines import BLOCK_TOKENS, STEP_TOKENS
from computenet.kernels.replica_state import BUSY, PREFILL
from computenet.kernels.request_state import EngineFacts
from computenet.serving import decode_table
from computenet.sharding import LANE, LoneQueues, QueueFacts, ShardTeam, Source, Sums
from computenet.simulation.request_windows import WindowBooks
from computenet.simulation.totals import RequestTotals, Served
from computenet.workload.generators.windows import Windows

__all__ = ["Queues", "RequestPlane", "queue_facts"]

CHOICES = {"round-robin": 0, "random": 1, "least-work": 2, "two-choices": 3}


Queues = LoneQueues | ShardTeam


def queue_facts(
    compiled: CompiledScenario, choice: str, windows: Windows | None = None
) -> QueueFacts:
    """Return what the request queues of a scenario stand on."""
    groups, requests = compiled.groups, compiled.requests
    return QueueFacts(
        replicas=groups.replicas,
        slots=groups.slots,
        prefill_tok_s=groups.prefill_tok_s,
        decode_tok_s=decode_table(groups.slots, groups.request_tok_s, groups.decode_tok_s),
        ttft_slo_s=requests.ttft_slo_ms / 1000.0,
        tpot_slo_s=requests.tpot_slo_ms / 1000.0,
        choice=CHOICES[choice],
        slot_s=compiled.slot_s,
        engine=_engine(compiled),
        rtt_s=np.where(np.isfinite(requests.rtt_s), requests.rtt_s, 0.0),
        circle_ok=requests.circle_ok,
        split_at_random=compiled.sampling > 1,
        model=np.tile(requests.model_of_class, len(compiled.regions)),
        n_models=len(requests.models),
        n_slots=compiled.n_slots if windows is None else windows.inner_slots,
        horizon_s=compiled.horizon_s,
        windows=windows,
    )


class RequestPlane:
    """Demand's counts, charges and loads, from queues that run elsewhere.

    Parameters
    ----------
    compiled
        The scenario.
    queues
        The queues, or a source of requests for queues of this plane alone.
    choice
        How a replica is chosen.
    windows
        Stretches in which requests are simulated; the kernels then run by their inner clock, which
        stands still outside of them.
    """

    def __init__(
        self,
        compiled: CompiledScenario,
        queues: Queues | Source,
        choice: str,
        windows: Windows | None = None,
    ) -> None:
        if not isinstance(queues, LoneQueues | ShardTeam):
            queues = LoneQueues(queue_facts(compiled, choice, windows), queues)
        self._compiled = compiled
        self._queues = queues
        n_demands, n_groups = compiled.requests.feasible.shape
        lanes = np.maximum(-(-compiled.groups.replicas // LANE), 1)
        self._first_lane = np.cumsum(lanes) - lanes
        slots = compiled.n_slots if windows is None else windows.inner_slots
        self._books = None if windows is None else WindowBooks(compiled, windows, queues.expected)
        self._measures = compiled.warmup_s <= 0.0
        self._open = False  # whether what ends now is counted
        self._priced: I8 | F8 = np.zeros((n_demands, n_groups), dtype=np.int64)
        self._transfer_cny = 0.0
        self._price = compiled.requests.transfer_cny
        self._read_s = -1.0
        self._arrived = np.zeros(n_demands, dtype=np.int64)
        self._present = np.zeros(n_groups, dtype=np.int64)
        self._serving_s = np.zeros((n_groups, slots, 2))  # of slots up to the last reading
        self._next_slot = 0
        self._before: Served | None = None
        self._counted_s, self._count_begin = 0.0, self._arrived
        self._sums: Sums | None = None

    def set_shares(self, shares: F8) -> None:
        """Follow new shares, ``(D, G)``; credits are kept. Everything before must be settled."""
        if self._books is not None:
            self._books.follow(shares)
        self._queues.set_shares(shares)

    def set_network(self, now_s: float, rtt_s: F8, circle_ok: B1, transfer_cny: F8) -> None:
        """Go over to other network times and prices; requests so far are charged the old."""
        self._charge(self._queues.routed())
        rtt_s = np.where(np.isfinite(rtt_s), rtt_s, 0.0)
        self._queues.set_network(now_s, rtt_s, circle_ok)
        self._price = transfer_cny

    def routed(self) -> F8:
        """Return real requests routed so far, ``(D, G)``."""
        real = self._queues.routed().astype(np.float64) * self._compiled.sampling
        return real if self._books is None else real + self._books.routed

    def _charge(self, counted: I8) -> None:
        routed: I8 | F8 = counted
        if self._books is not None:
            routed = routed + self._books.routed / self._compiled.sampling
        self._transfer_cny += float(((routed - self._priced) * self._price).sum())
        self._priced = routed

    def set_active(self, group: int, replicas: int) -> None:
        """Let only the first simulated replicas of a group take new requests, at least one.

        The others finish what they have.
        """
        self._queues.set_active(group, replicas)

    def advance(self, until_s: float) -> None:
        """Take all arrivals before `until_s`."""
        if self._books is not None:
            edges = self._books.edges
            while edges and edges[0][0] <= until_s:
                edge_s, opens = edges.pop(0)
                self._queues.advance(edge_s)
                self._mark(edge_s, opens)
        self._queues.advance(until_s)
        if self._books is not None:
            self._books.account(until_s)

    def _mark(self, now_s: float, opens: bool) -> None:
        """Begin or end to count what ends."""
        assert self._books is not None
        self._queues.settle(now_s)
        if self._open and self._measures:
            self._books.count(self._begin(), self._served())
        self._open = opens
        if opens and self._measures:
            self._before = self._served()

    def settle(self, now_s: float) -> None:
        """Bring counts up to `now_s`."""
        if now_s == self._read_s:
            return
        reading = self._queues.read(now_s, self._next_slot)
        self._read_s = now_s
        self._arrived, self._present = reading.arrived, reading.present
        more = reading.serving_s.shape[1]
        if more > 0:
            last = self._next_slot + more
            self._serving_s[:, self._next_slot : last] = self._by_group(reading.serving_s)
            self._next_slot = last

    def _by_group(self, by_lane: F8) -> F8:
        """Add lanes up to groups, in index order."""
        sums: F8 = np.add.reduceat(by_lane, self._first_lane, axis=0)
        return sums

    def running_by_group(self, now_s: float) -> F8:
        """Return requests running and waiting in the replicas of every group, ``(G,)``."""
        self.settle(now_s)
        return self._present.astype(np.float64)

    def _served(self) -> Served:
        ended = self._queues.ended()
        return Served(*(ended[name].astype(np.int64) for name in Served._fields))

    def _begin(self) -> Served:
        """Return what had ended when counting began."""
        if self._before is None:
            return Served(*(np.zeros_like(item) for item in self._served()))
        return self._before

    def begin_measuring(self, now_s: float) -> None:
        """Leave out of latencies and SLO what has ended so far."""
        self._queues.settle(now_s)
        self._measures = True
        self._before = self._served()

    def fail(self, group: int, now_s: float) -> int:
        """Drop what a group holds."""
        self._read_s = -1.0
        return self._queues.fail(group, now_s)

    def arrived(self) -> I8:
        """Return simulated requests arrived by demand, as of the last settling."""
        return self._arrived

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
        return self._queues.simulated()

    def finish(self) -> RequestTotals:
        """Close the run."""
        self._queues.close()
        out = self._sums = self._queues.sums()
        self._charge(out.routed)
        k = self._compiled.sampling
        books, present, begin = self._books, out.present, self._begin()
        measured = Served(
            *(getattr(out, name).astype(np.int64) - getattr(begin, name) for name in Served._fields)
        )
        gb = self._compiled.requests.gb_per_request
        busy, prefill, tokens_in, tokens_out = self._by_slot()
        totals = RequestTotals(
            sampling=k,
            simulated=int(out.arrived.sum()),
            arrived=out.arrived * k,
            served=out.served * k,
            dropped=out.dropped * k,
            in_flight=present * k,
            routed=out.routed * k,
            measured=measured,
            counted=(measured.served + measured.dropped) * k,
            attained=measured.attained * k,
            transfer_cny=self._transfer_cny * k,
            transfer_gb=float((out.routed.sum(axis=1) * gb).sum()) * k,
            busy_s=busy * float(k),
            prefill_s=prefill * float(k),
            tokens_in=tokens_in * k,
            tokens_out=tokens_out * k,
            arrivals=(out.arrivals if books is None else books.arrivals(out.arrivals)) * k,
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
        busy, prefill = self._serving_s[:, at, 0], self._serving_s[:, at, 1]
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
        assert self._sums is not None
        out, books = self._sums, self._books
        serving_s = self._by_group(out.integral[:, :, [BUSY, PREFILL]])
        busy, prefill = serving_s[:, :, 0], serving_s[:, :, 1]
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
        # What would be at work beyond what there is waits: its tokens are not made in the slot.
        most = self._compiled.groups.replicas[:, None] * lengths
        done = np.minimum(1.0, np.divide(most, busy, out=np.ones(busy.shape), where=busy > 0.0))
        return busy * done, prefill * done, tokens_in * done, tokens_out * done


def _engine(compiled: CompiledScenario) -> EngineFacts | None:
    """Return what continuous batching needs, or ``None`` under processor sharing."""
    groups = compiled.groups
    if not groups.blocks.any():
        return None
    budget = np.full(len(groups.ids), STEP_TOKENS, dtype=np.int64)
    return EngineFacts(1, BLOCK_TOKENS, groups.blocks, budget, groups.step)
