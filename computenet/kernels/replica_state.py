"""State of the replicas of language models, and what both laws of service share.

The laws are limited processor sharing (`computenet.kernels.replica`) and continuous batching
(`computenet.kernels.engine`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from computenet.kernels._jit import njit_inline
from computenet.kernels.histogram import bin_index

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
I4 = NDArray[np.int32]

#: Laws of service.
PROCESSOR_SHARING, CONTINUOUS_BATCHING = 0, 1
#: Columns of `RequestState.integral`.
BUSY, PREFILL, RUNNING, WAITING = 0, 1, 2, 3
#: Columns of `RequestState.clock`: tokens got (or steps made), the time of that, next end, time of
#: the integrals, end of the last prompt taken in; cache tokens held less what grows with VIRTUAL.
VIRTUAL, VIRTUAL_S, NEXT_S, INTEGRAL_S, PREFILLED_S, BASE = 0, 1, 2, 3, 4, 5
#: Columns of `RequestState.count`: requests by stage, tokens present, nodes of the waiting queue,
#: next number of admission.
DECODING, PREFILLING, QUEUED, TOKENS, QUEUE_HEAD, QUEUE_TAIL, ADMITTED = 0, 1, 2, 3, 4, 5, 6
#: Places of `RequestState.scalar`: next request of the chunk, accounting slot, free nodes of the
#: arena (head and number), requests recorded one by one, requests present (ends not yet looked at
#: included), and whether any was there or came since the last slot edge.
CURSOR, SLOT, FREE_NODE, FREE_NODES, RECORDED, PRESENT, FRESH = 0, 1, 2, 3, 4, 5, 6
#: Columns of `RequestState.engine`: blocks of cache free, blocks and slots given back in the step
#: before, steps of the present segment, cache tokens read by a step, next number of admission.
FREE_BLOCKS, PENDING_BLOCKS, PENDING_SLOTS, STEPS, CACHED, ORDER = 0, 1, 2, 3, 4, 5
#: Columns of `RequestState.segment`: time of its first step, growth of a step, begin of its last.
ALPHA, BETA, LAST_STEP_S = 0, 1, 2
#: Columns of `ReplicaFacts.step`, and places of `ReplicaFacts.engine`.
FIXED, WEIGHTS, TOKEN, COMMUNICATION, CACHE, ATTENTION, SPARSE = 0, 1, 2, 3, 4, 5, 6
LAW, LAG, BLOCK = 0, 1, 2


class ReplicaFacts(NamedTuple):
    """What does not change: groups (axis G) of replicas and demands (axis D)."""

    group: I4  # (N,) group of each replica
    lane: I4  # (N,) row of `RequestOut.integral` its integrals are added to
    first_replica: I8  # (G + 1,)
    slots: I8  # (G,) most running requests
    cache_tokens: I8  # (G,) tokens the cache holds (processor sharing)
    limited: I8  # (1,) 1 = some cache has a limit
    prefill_tok_s: F8  # (G,)
    decode_tok_s: F8  # (G, most slots + 1) rate of a replica with m decoding
    mixed_tok_s: F8  # (G, most slots + 1) the same while a prompt is taken in
    choice: I8  # (1,) 0 round-robin, 1 random, 2 least work, 3 better of two
    slot_s: F8  # (1,) accounting slot
    width: I8  # (1,) most slots of any group
    ttft_slo_s: F8  # (D,)
    tpot_slo_s: F8  # (D,)
    engine: I8  # (3,) law; steps that decisions lag behind, 0 or 1; tokens of a block
    blocks: I8  # (G,) blocks of cache
    budget: I8  # (G,) most tokens of a step
    step: F8  # (G, 7) what a step costs, s


class RequestState(NamedTuple):
    """State of replicas (axis N, with W slots each) and of the router.

    What belongs to one replica lies side by side: it is read and written together, and fewer
    arrays make a call from Python cheaper.
    """

    clock: F8  # (N, 6) VIRTUAL tokens each decoding request has got, and times in s
    count: I8  # type: ignore[assignment]  # (N, 7)
    decode_key: F8  # (N * W,) heap of virtual ends
    decode_slot: I4
    prefill_key: F8  # (N * W,) heap of prefill ends
    prefill_slot: I4  # the heap's slots; under continuous batching a list in order of admission
    free_slot: I4  # (N * W,) stack of free slots
    arrival_s: F8  # (N * W,) by slot
    first_s: F8
    demand: I4
    input: I4
    output: I4
    integral: F8  # (N, 4) since the last slot edge
    turn: I8  # (G,) round-robin
    active: I8  # (G,) replicas that take new requests: the first so many
    scalar: I8  # (7,)
    held: F8  # (N * W,) cache tokens a request adds to BASE; empty without a limit
    engine: I8  # (N, 6); this and what follows is empty under processor sharing
    segment: F8  # (N, 3)
    phase: I8  # (N * block,) decoding requests by when they next need a block
    left: I4  # (N * W,) prompt tokens still to compute
    chunk: I4  # (N * W,) those of the present step
    made: I4  # (N * W,) output tokens before this admission; also where a cache has a limit
    order: I8  # (N * W,) number of the admission; also where a cache has a limit


class WaitArena(NamedTuple):
    """Nodes of waiting requests; grown between chunks, never inside the kernel."""

    following: I8
    arrival_s: F8
    demand: I4
    input: I4
    output: I4
    cached: I4  # prompt tokens whose cache is there already
    made: I4  # output tokens made before a preemption
    first_s: F8  # first token, if there was one before a preemption


class RequestOut(NamedTuple):
    """Sums. Integrals are added at slot edges, counts at events."""

    integral: F8  # (L, S, 4) replica-seconds busy, in prefill; request-seconds running, waiting
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
    latency_us: I8  # (D, 3) sums of TTFT, TPOT, e2e, each rounded: whole, so in any order
    record: F8  # (rows, 5) demand, arrival s, TTFT s, TPOT s, e2e s; 0 rows = off


@njit_inline
def push(key: F8, slot: I4, base: int, n: int, value: float, item: int) -> None:
    """Put an item into a heap of `n`."""
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
def pop(key: F8, slot: I4, base: int, n: int) -> None:
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
def remove(key: F8, slot: I4, base: int, n: int, place: int) -> None:
    """Remove the item at a place of a heap of `n`."""
    i = place
    while i > 0:
        up = (i - 1) >> 1
        key[base + i] = key[base + up]
        slot[base + i] = slot[base + up]
        i = up
    pop(key, slot, base, n)


@njit_inline
def integrate(r: int, now_s: float, state: RequestState) -> None:
    """Bring a replica's integrals up to now."""
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
def finish_request(
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
    out.latency_us[d, 0] += np.int64(1e6 * ttft_s + 0.5)
    out.latency_us[d, 2] += np.int64(1e6 * e2e_s + 0.5)
    tpot_s = 0.0
    if made > 1:
        tpot_s = (now_s - state.first_s[at]) / (made - 1)
        out.tpot[d, bin_index(1000.0 * tpot_s)] += 1
        out.latency_us[d, 1] += np.int64(1e6 * tpot_s + 0.5)
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
def queue_back(
    r: int,
    now_s: float,
    demand: int,
    tokens_in: int,
    tokens_out: int,
    cached: int,
    state: RequestState,
    arena: WaitArena,
) -> None:
    """Put a request at the end of a replica's queue."""
    node = state.scalar[FREE_NODE]
    state.scalar[FREE_NODE] = arena.following[node]
    state.scalar[FREE_NODES] -= 1
    arena.following[node] = -1
    arena.arrival_s[node] = now_s
    arena.demand[node] = demand
    arena.input[node] = tokens_in
    arena.output[node] = tokens_out
    arena.cached[node] = cached
    arena.made[node] = 0
    arena.first_s[node] = np.nan
    if state.count[r, QUEUE_TAIL] < 0:
        state.count[r, QUEUE_HEAD] = node
    else:
        arena.following[state.count[r, QUEUE_TAIL]] = node
    state.count[r, QUEUE_TAIL] = node
    state.count[r, QUEUED] += 1


@njit_inline
def queue_front(
    r: int,
    arrival_s: float,
    demand: int,
    tokens_in: int,
    tokens_out: int,
    made: int,
    first_s: float,
    state: RequestState,
    arena: WaitArena,
) -> None:
    """Put a request at the head of a replica's queue, with the tokens it has made."""
    node = state.scalar[FREE_NODE]
    state.scalar[FREE_NODE] = arena.following[node]
    state.scalar[FREE_NODES] -= 1
    arena.following[node] = state.count[r, QUEUE_HEAD]
    arena.arrival_s[node] = arrival_s
    arena.demand[node] = demand
    arena.input[node] = tokens_in
    arena.output[node] = tokens_out
    arena.cached[node] = 0
    arena.made[node] = made
    arena.first_s[node] = first_s
    state.count[r, QUEUE_HEAD] = node
    if state.count[r, QUEUE_TAIL] < 0:
        state.count[r, QUEUE_TAIL] = node
    state.count[r, QUEUED] += 1


@njit_inline
def leave_queue(r: int, state: RequestState, arena: WaitArena) -> None:
    """Take the head out of a replica's queue; its node is free, its fields still readable."""
    node = state.count[r, QUEUE_HEAD]
    state.count[r, QUEUE_HEAD] = arena.following[node]
    if state.count[r, QUEUE_HEAD] < 0:
        state.count[r, QUEUE_TAIL] = -1
    state.count[r, QUEUED] -= 1
    arena.following[node] = state.scalar[FREE_NODE]
    state.scalar[FREE_NODE] = node
    state.scalar[FREE_NODES] += 1
