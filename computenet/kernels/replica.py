"""One replica of a language model: limited processor sharing, exact in virtual time.

A replica runs at most ``slots`` requests. An admitted request is in *prefill* for ``input tokens /
prefill rate`` seconds, at its own rate; its first token comes then. The other ``output - 1``
tokens are *decoded*: `m` decoding requests share the replica's rate ``r(m)`` equally. The virtual
clock ``V`` counts the tokens each of them has got, so a request that starts to decode at ``V``
with `x` tokens to go ends at ``V + x`` whatever happens meanwhile. Others wait first come, first
served.

What happens to a replica at one instant happens in this order: ends of decoding, ends of prefill,
arrivals. The virtual clock is moved by the first two only.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from computenet.kernels._jit import njit, njit_inline
from computenet.kernels.histogram import bin_index

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
I4 = NDArray[np.int32]

#: Columns of `RequestState.integral`.
BUSY, PREFILL, RUNNING, WAITING = 0, 1, 2, 3
#: Columns of `RequestState.clock`: tokens got, the time of that, next end, time of the integrals.
VIRTUAL, VIRTUAL_S, NEXT_S, INTEGRAL_S = 0, 1, 2, 3
#: Columns of `RequestState.count`: requests by stage, tokens present, nodes of the waiting queue.
DECODING, PREFILLING, QUEUED, TOKENS, QUEUE_HEAD, QUEUE_TAIL = 0, 1, 2, 3, 4, 5
#: Places of `RequestState.scalar`: next request of the chunk, accounting slot, free nodes of the
#: arena (head and number), requests recorded one by one, requests present (ends not yet looked at
#: included), and whether any was there or came since the last slot edge.
CURSOR, SLOT, FREE_NODE, FREE_NODES, RECORDED, PRESENT, FRESH = 0, 1, 2, 3, 4, 5, 6


class ReplicaFacts(NamedTuple):
    """What does not change: groups (axis G) of replicas and demands (axis D)."""

    group: I4  # (N,) group of each replica
    first_replica: I8  # (G + 1,)
    slots: I8  # (G,)
    prefill_tok_s: F8  # (G,)
    decode_tok_s: F8  # (G, most slots + 1) rate of a replica with m decoding
    choice: I8  # (1,) 0 round-robin, 1 random, 2 least work, 3 better of two
    slot_s: F8  # (1,) accounting slot
    width: I8  # (1,) most slots of any group
    ttft_slo_s: F8  # (D,)
    tpot_slo_s: F8  # (D,)


class RequestState(NamedTuple):
    """State of replicas (axis N, with W slots each) and of the router.

    What belongs to one replica lies side by side: it is read and written together, and fewer
    arrays make a call from Python cheaper.
    """

    clock: F8  # (N, 4) VIRTUAL tokens each decoding request has got, and times in s
    count: I8  # type: ignore[assignment]  # (N, 6)
    decode_key: F8  # (N * W,) heap of virtual ends
    decode_slot: I4
    prefill_key: F8  # (N * W,) heap of prefill ends
    prefill_slot: I4
    free_slot: I4  # (N * W,) stack of free slots
    arrival_s: F8  # (N * W,) by slot
    first_s: F8
    demand: I4
    input: I4
    output: I4
    integral: F8  # (N, 4) since the last slot edge
    turn: I8  # (G,) round-robin
    scalar: I8  # (7,)


class WaitArena(NamedTuple):
    """Nodes of waiting requests; grown between chunks, never inside the kernel."""

    following: I8
    arrival_s: F8
    demand: I4
    input: I4
    output: I4


class RequestOut(NamedTuple):
    """Sums. Integrals are added at slot edges, counts at events."""

    integral: F8  # (G, S, 4) replica-seconds busy, in prefill; request-seconds running, waiting
    tokens_in: I8  # (G, S) at the end of a request
    tokens_out: I8  # (G, S)
    arrived: I8  # (D,)
    served: I8
    dropped: I8
    attained: I8
    routed: I8  # (D, G)
    ttft: I4  # (D, N_BINS), ms; 32 bits keep more of them in the processor's cache
    tpot: I4
    e2e: I4
    record: F8  # (rows, 5) demand, arrival s, TTFT s, TPOT s, e2e s; 0 rows = off


@njit_inline
def _push(key: F8, slot: I4, base: int, n: int, value: float, item: int) -> None:
    i = n
    while i > 0:
        up = (i - 1) >> 1
        if key[base + up] <= value:
            break
        key[base + i] = key[base + up]
        slot[base + i] = slot[base + up]
        i = up
    key[base + i] = value
    slot[base + i] = item


@njit_inline
def _pop(key: F8, slot: I4, base: int, n: int) -> None:
    """Remove the top of a heap of `n`."""
    n -= 1
    value, item = key[base + n], slot[base + n]
    i = 0
    while True:
        down = 2 * i + 1
        if down >= n:
            break
        if down + 1 < n and key[base + down + 1] < key[base + down]:
            down += 1
        if value <= key[base + down]:
            break
        key[base + i] = key[base + down]
        slot[base + i] = slot[base + down]
        i = down
    key[base + i] = value
    slot[base + i] = item


@njit_inline
def _integrate(r: int, now_s: float, state: RequestState) -> None:
    length = now_s - state.clock[r, INTEGRAL_S]
    if length <= 0.0:
        return
    state.clock[r, INTEGRAL_S] = now_s
    running = state.count[r, DECODING] + state.count[r, PREFILLING]
    if running > 0:
        state.integral[r, BUSY] += length
        state.integral[r, RUNNING] += length * running
        if state.count[r, PREFILLING] > 0:
            state.integral[r, PREFILL] += length
        if state.count[r, QUEUED] > 0:
            state.integral[r, WAITING] += length * state.count[r, QUEUED]


@njit_inline
def _rate(r: int, g: int, state: RequestState, facts: ReplicaFacts) -> float:
    """Return tokens a second of each decoding request; at least one is decoding."""
    m = state.count[r, DECODING]
    return float(facts.decode_tok_s[g, m] / m)


@njit_inline
def _find_next(r: int, g: int, state: RequestState, facts: ReplicaFacts) -> None:
    base = r * facts.width[0]
    time_s = np.inf
    if state.count[r, PREFILLING] > 0:
        time_s = state.prefill_key[base]
    if state.count[r, DECODING] > 0:
        left = state.decode_key[base] - state.clock[r, VIRTUAL]
        end_s = state.clock[r, VIRTUAL_S] + left / _rate(r, g, state, facts)
        if end_s <= time_s:
            time_s = end_s
    state.clock[r, NEXT_S] = time_s


@njit_inline
def _admit(
    r: int,
    g: int,
    now_s: float,
    arrival_s: float,
    demand: int,
    tokens_in: int,
    tokens_out: int,
    state: RequestState,
    facts: ReplicaFacts,
) -> None:
    base = r * facts.width[0]
    running = state.count[r, DECODING] + state.count[r, PREFILLING]
    slot = state.free_slot[base + facts.slots[g] - 1 - running]
    at = base + slot
    state.arrival_s[at] = arrival_s
    state.demand[at] = demand
    state.input[at] = tokens_in
    state.output[at] = tokens_out
    end_s = now_s + tokens_in / facts.prefill_tok_s[g]
    _push(state.prefill_key, state.prefill_slot, base, state.count[r, PREFILLING], end_s, slot)
    state.count[r, PREFILLING] += 1


@njit_inline
def _finish(
    r: int,
    g: int,
    slot: int,
    now_s: float,
    rtt_s: F8,
    circle_ok: NDArray[np.uint8],
    state: RequestState,
    facts: ReplicaFacts,
    out: RequestOut,
) -> None:
    """Record a request that has its last token; its slot is still held."""
    at = r * facts.width[0] + slot
    d = state.demand[at]
    made = state.output[at]
    network_s = rtt_s[d, g]
    ttft_s = network_s + state.first_s[at] - state.arrival_s[at]
    e2e_s = network_s + now_s - state.arrival_s[at]
    out.ttft[d, bin_index(1000.0 * ttft_s)] += 1
    out.e2e[d, bin_index(1000.0 * e2e_s)] += 1
    tpot_s = 0.0
    if made > 1:
        tpot_s = (now_s - state.first_s[at]) / (made - 1)
        out.tpot[d, bin_index(1000.0 * tpot_s)] += 1
    out.served[d] += 1
    state.scalar[PRESENT] -= 1
    if ttft_s <= facts.ttft_slo_s[d] and tpot_s <= facts.tpot_slo_s[d] and circle_ok[d, g]:
        out.attained[d] += 1
    out.tokens_in[g, state.scalar[SLOT]] += state.input[at]
    out.tokens_out[g, state.scalar[SLOT]] += made
    state.count[r, TOKENS] -= state.input[at] + made
    row = state.scalar[RECORDED]
    if row < out.record.shape[0]:
        out.record[row, 0] = d
        out.record[row, 1] = state.arrival_s[at]
        out.record[row, 2] = ttft_s
        out.record[row, 3] = tpot_s if made > 1 else np.nan
        out.record[row, 4] = e2e_s
        state.scalar[RECORDED] += 1


@njit_inline
def _release(
    r: int,
    g: int,
    slot: int,
    now_s: float,
    state: RequestState,
    facts: ReplicaFacts,
    arena: WaitArena,
) -> None:
    """Give the slot back (the counters are lowered already) and admit who waits."""
    base = r * facts.width[0]
    running = state.count[r, DECODING] + state.count[r, PREFILLING]
    state.free_slot[base + facts.slots[g] - 1 - running] = slot
    node = state.count[r, QUEUE_HEAD]
    if node < 0:
        return
    state.count[r, QUEUE_HEAD] = arena.following[node]
    if state.count[r, QUEUE_HEAD] < 0:
        state.count[r, QUEUE_TAIL] = -1
    state.count[r, QUEUED] -= 1
    _admit(
        r, g, now_s, arena.arrival_s[node], arena.demand[node], arena.input[node],
        arena.output[node], state, facts,
    )  # fmt: skip
    arena.following[node] = state.scalar[FREE_NODE]
    state.scalar[FREE_NODE] = node
    state.scalar[FREE_NODES] += 1


@njit_inline
def run_replica(
    r: int,
    until_s: float,
    rtt_s: F8,
    circle_ok: NDArray[np.uint8],
    state: RequestState,
    facts: ReplicaFacts,
    arena: WaitArena,
    out: RequestOut,
    through: bool,
) -> None:
    """Process the ends of decoding and prefill before `until_s`, or `through` that instant."""
    g = facts.group[r]
    base = r * facts.width[0]
    while state.clock[r, NEXT_S] < until_s or (through and state.clock[r, NEXT_S] == until_s):
        now_s = state.clock[r, NEXT_S]
        _integrate(r, now_s, state)
        m = state.count[r, DECODING]
        ends = False
        if m > 0:
            left = state.decode_key[base] - state.clock[r, VIRTUAL]
            rate = facts.decode_tok_s[g, m] / m
            ends = state.clock[r, VIRTUAL_S] + left / rate <= now_s
            if ends:
                state.clock[r, VIRTUAL] = state.decode_key[base]
            else:
                state.clock[r, VIRTUAL] += rate * (now_s - state.clock[r, VIRTUAL_S])
        state.clock[r, VIRTUAL_S] = now_s
        if ends:
            slot = state.decode_slot[base]
            _pop(state.decode_key, state.decode_slot, base, m)
            _finish(r, g, slot, now_s, rtt_s, circle_ok, state, facts, out)
            state.count[r, DECODING] = m - 1
            if m == 1:
                state.clock[r, VIRTUAL] = 0.0
            _release(r, g, slot, now_s, state, facts, arena)
        else:
            slot = state.prefill_slot[base]
            _pop(state.prefill_key, state.prefill_slot, base, state.count[r, PREFILLING])
            state.count[r, PREFILLING] -= 1
            at = base + slot
            state.first_s[at] = now_s
            if state.output[at] > 1:
                key = state.clock[r, VIRTUAL] + (state.output[at] - 1)
                _push(state.decode_key, state.decode_slot, base, m, key, slot)
                state.count[r, DECODING] = m + 1
            else:
                _finish(r, g, slot, now_s, rtt_s, circle_ok, state, facts, out)
                _release(r, g, slot, now_s, state, facts, arena)
        _find_next(r, g, state, facts)


@njit_inline
def arrive(
    r: int,
    now_s: float,
    demand: int,
    tokens_in: int,
    tokens_out: int,
    state: RequestState,
    facts: ReplicaFacts,
    arena: WaitArena,
) -> None:
    """Give a request to a replica whose events before `now_s` are processed."""
    g = facts.group[r]
    _integrate(r, now_s, state)
    state.scalar[PRESENT] += 1
    state.scalar[FRESH] = 1
    state.count[r, TOKENS] += tokens_in + tokens_out
    if state.count[r, DECODING] + state.count[r, PREFILLING] < facts.slots[g]:
        _admit(r, g, now_s, now_s, demand, tokens_in, tokens_out, state, facts)
        top_s = state.prefill_key[r * facts.width[0]]
        if top_s < state.clock[r, NEXT_S]:
            state.clock[r, NEXT_S] = top_s
        return
    node = state.scalar[FREE_NODE]
    state.scalar[FREE_NODE] = arena.following[node]
    state.scalar[FREE_NODES] -= 1
    arena.following[node] = -1
    arena.arrival_s[node] = now_s
    arena.demand[node] = demand
    arena.input[node] = tokens_in
    arena.output[node] = tokens_out
    if state.count[r, QUEUE_TAIL] < 0:
        state.count[r, QUEUE_HEAD] = node
    else:
        arena.following[state.count[r, QUEUE_TAIL]] = node
    state.count[r, QUEUE_TAIL] = node
    state.count[r, QUEUED] += 1


@njit
def close_slot(
    r: int, edge_s: float, slot: int, state: RequestState, facts: ReplicaFacts, out: RequestOut
) -> None:
    """Write the replica's integrals of a slot; its events before the edge are processed."""
    _integrate(r, edge_s, state)
    g = facts.group[r]
    for column in range(4):
        out.integral[g, slot, column] += state.integral[r, column]
        state.integral[r, column] = 0.0


@njit
def drop_all(
    r: int,
    now_s: float,
    state: RequestState,
    facts: ReplicaFacts,
    arena: WaitArena,
    out: RequestOut,
) -> int:
    """Drop every request of a replica that fails; return how many."""
    _integrate(r, now_s, state)
    base = r * facts.width[0]
    dropped = 0
    for i in range(state.count[r, DECODING]):
        out.dropped[state.demand[base + state.decode_slot[base + i]]] += 1
        dropped += 1
    for i in range(state.count[r, PREFILLING]):
        out.dropped[state.demand[base + state.prefill_slot[base + i]]] += 1
        dropped += 1
    node = state.count[r, QUEUE_HEAD]
    while node >= 0:
        out.dropped[arena.demand[node]] += 1
        dropped += 1
        after = arena.following[node]
        arena.following[node] = state.scalar[FREE_NODE]
        state.scalar[FREE_NODE] = node
        state.scalar[FREE_NODES] += 1
        node = after
    state.count[r, QUEUE_HEAD] = -1
    state.count[r, QUEUE_TAIL] = -1
    state.count[r, QUEUED] = 0
    state.count[r, DECODING] = 0
    state.count[r, PREFILLING] = 0
    state.clock[r, VIRTUAL] = 0.0
    state.clock[r, VIRTUAL_S] = now_s
    state.count[r, TOKENS] = 0
    state.clock[r, NEXT_S] = np.inf
    for i in range(facts.slots[facts.group[r]]):
        state.free_slot[base + i] = i
    state.scalar[PRESENT] -= dropped
    return dropped
