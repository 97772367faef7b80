"""One replica of a language model: limited processor sharing, exact in virtual time.

A replica runs at most ``slots`` requests, and admits one when its cache holds the prompt. Prompts
are taken in one after the other, ``tokens / prefill rate`` seconds each; a request's first token
comes then. The other ``output - 1`` tokens are *decoded*: `m` decoding requests share the
replica's rate equally, ``r(m)``, or less while a prompt is taken in. The virtual clock ``V`` counts
the tokens each of them has got, so a request that starts to decode at ``V`` with `x` tokens to go
ends at ``V + x`` whatever happens meanwhile. Others wait first come, first served.

The cache fills as requests are decoded. When it is full, the request admitted last gives its cache
back and goes to the head of the queue: it keeps the tokens it has made, and takes them in again
with its prompt when it is admitted next (recomputation; Kwon et al., SOSP 2023). The last request
of a replica stays.

What happens to a replica at one instant happens in this order: ends of decoding, ends of prefill,
a full cache, arrivals.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from computenet.kernels._jit import njit, njit_inline
from computenet.kernels.engine import engine_arrive, engine_reset, fits_engine, run_engine
from computenet.kernels.replica_state import (
    ADMITTED,
    BASE,
    BLOCK,
    CONTINUOUS_BATCHING,
    DECODING,
    FREE_NODE,
    FREE_NODES,
    FRESH,
    LAW,
    NEXT_S,
    PREFILLED_S,
    PREFILLING,
    PRESENT,
    QUEUE_HEAD,
    QUEUE_TAIL,
    QUEUED,
    TOKENS,
    VIRTUAL,
    VIRTUAL_S,
    ReplicaFacts,
    RequestOut,
    RequestState,
    WaitArena,
    finish_request,
    integrate,
    leave_queue,
    pop,
    push,
    queue_back,
    queue_front,
    remove,
)

__all__ = ["arrive", "close_slot", "drop_all", "run_replica"]

F8 = NDArray[np.float64]

#: Tokens short of a whole one that count as rounding.
ROUNDING = 1e-9


@njit_inline
def _rate(r: int, g: int, state: RequestState, facts: ReplicaFacts) -> float:
    """Return tokens a second of each decoding request; at least one is decoding."""
    m = state.count[r, DECODING]
    if state.count[r, PREFILLING] > 0:
        return float(facts.mixed_tok_s[g, m] / m)
    return float(facts.decode_tok_s[g, m] / m)


@njit_inline
def _held(r: int, state: RequestState) -> float:
    """Return the cache tokens held at the replica's virtual time."""
    return float(state.clock[r, BASE] + state.count[r, DECODING] * state.clock[r, VIRTUAL])


@njit_inline
def _full_s(r: int, g: int, state: RequestState, facts: ReplicaFacts) -> float:
    """Return when the cache is full; never while one request runs alone."""
    m = state.count[r, DECODING]
    if m == 0 or m + state.count[r, PREFILLING] < 2:
        return np.inf
    left = facts.cache_tokens[g] - _held(r, state)
    return float(state.clock[r, VIRTUAL_S] + max(left, 0.0) / m / _rate(r, g, state, facts))


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
        if facts.limited[0] == 1:
            time_s = min(time_s, _full_s(r, g, state, facts))
    state.clock[r, NEXT_S] = time_s


@njit_inline
def _size(tokens: int, facts: ReplicaFacts) -> float:
    """Return the cache tokens of a prompt: half of the last block stays empty on average."""
    return float(tokens + 0.5 * (facts.engine[BLOCK] - 1))


@njit_inline
def _has_room(r: int, g: int, tokens: int, state: RequestState, facts: ReplicaFacts) -> bool:
    """Return whether a prompt may join; the first one always may."""
    running = state.count[r, DECODING] + state.count[r, PREFILLING]
    if running >= facts.slots[g]:
        return False
    if facts.limited[0] == 0 or running == 0:
        return True
    return bool(_held(r, state) + _size(tokens, facts) <= facts.cache_tokens[g])


@njit_inline
def _admit(
    r: int,
    g: int,
    now_s: float,
    arrival_s: float,
    demand: int,
    tokens_in: int,
    tokens_out: int,
    cached: int,
    made: int,
    first_s: float,
    state: RequestState,
    facts: ReplicaFacts,
) -> None:
    base = r * facts.width[0]
    running = state.count[r, DECODING] + state.count[r, PREFILLING]
    slot = state.free_slot[base + facts.slots[g] - 1 - running]
    at = base + slot
    state.arrival_s[at] = arrival_s
    state.first_s[at] = first_s
    state.demand[at] = demand
    state.input[at] = tokens_in
    state.output[at] = tokens_out
    if facts.limited[0] == 1:
        state.made[at] = made
        state.order[at] = state.count[r, ADMITTED]
        state.count[r, ADMITTED] += 1
        state.held[at] = _size(tokens_in + made, facts)
        state.clock[r, BASE] += state.held[at]
    begin_s = max(now_s, state.clock[r, PREFILLED_S])
    end_s = begin_s + max(tokens_in + made - cached, 1) / facts.prefill_tok_s[g]
    state.clock[r, PREFILLED_S] = end_s
    push(state.prefill_key, state.prefill_slot, base, state.count[r, PREFILLING], end_s, slot)
    state.count[r, PREFILLING] += 1


@njit_inline
def _give_back(r: int, g: int, slot: int, state: RequestState, facts: ReplicaFacts) -> None:
    """Give slot and cache back; the counters are lowered already."""
    base = r * facts.width[0]
    running = state.count[r, DECODING] + state.count[r, PREFILLING]
    if facts.limited[0] == 1:
        state.clock[r, BASE] -= state.held[base + slot]
        if state.count[r, DECODING] == 0:
            # Only whole prompts are left: no rounding is carried on.
            state.clock[r, BASE] = np.rint(2.0 * state.clock[r, BASE]) / 2.0
    state.free_slot[base + facts.slots[g] - 1 - running] = slot


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
    _give_back(r, g, slot, state, facts)
    while state.count[r, QUEUED] > 0:
        node = state.count[r, QUEUE_HEAD]
        if not _has_room(r, g, arena.input[node] + arena.made[node], state, facts):
            return
        leave_queue(r, state, arena)
        _admit(
            r, g, now_s, arena.arrival_s[node], arena.demand[node], arena.input[node],
            arena.output[node], arena.cached[node], arena.made[node], arena.first_s[node], state,
            facts,
        )  # fmt: skip


@njit
def _preempt(
    r: int, g: int, now_s: float, state: RequestState, facts: ReplicaFacts, arena: WaitArena
) -> None:
    """Put the request admitted last back at the head of the queue."""
    base = r * facts.width[0]
    m, prompts = state.count[r, DECODING], state.count[r, PREFILLING]
    last, place, decoding = -1, -1, False
    for i in range(prompts):
        slot = state.prefill_slot[base + i]
        if last < 0 or state.order[base + slot] > state.order[base + last]:
            last, place = slot, i
    for i in range(m):
        slot = state.decode_slot[base + i]
        if last < 0 or state.order[base + slot] > state.order[base + last]:
            last, place, decoding = slot, i, True
    at = base + last
    made = state.made[at]
    if decoding:
        left = state.decode_key[base + place] - state.clock[r, VIRTUAL]
        made = state.output[at] - int(np.ceil(left - ROUNDING))
        remove(state.decode_key, state.decode_slot, base, m, place)
        state.count[r, DECODING] = m - 1
        if m == 1:
            state.clock[r, VIRTUAL] = 0.0
    else:
        remove(state.prefill_key, state.prefill_slot, base, prompts, place)
        state.count[r, PREFILLING] = prompts - 1
        state.clock[r, PREFILLED_S] = now_s
        for i in range(prompts - 1):
            end_s = state.prefill_key[base + i]
            state.clock[r, PREFILLED_S] = max(state.clock[r, PREFILLED_S], end_s)
    queue_front(
        r, state.arrival_s[at], state.demand[at], state.input[at], state.output[at], made,
        state.first_s[at], state, arena,
    )  # fmt: skip
    _give_back(r, g, last, state, facts)


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
    """Process what ends at a replica before `until_s`, or `through` that instant."""
    if facts.engine[LAW] == CONTINUOUS_BATCHING:
        next_s = state.clock[r, NEXT_S]
        if next_s < until_s or (through and next_s == until_s):
            run_engine(r, until_s, rtt_s, circle_ok, state, facts, arena, out, through)
        return
    g = facts.group[r]
    base = r * facts.width[0]
    while state.clock[r, NEXT_S] < until_s or (through and state.clock[r, NEXT_S] == until_s):
        now_s = state.clock[r, NEXT_S]
        integrate(r, now_s, state)
        m = state.count[r, DECODING]
        ends = False
        if m > 0:
            left = state.decode_key[base] - state.clock[r, VIRTUAL]
            rate = _rate(r, g, state, facts)
            ends = state.clock[r, VIRTUAL_S] + left / rate <= now_s
            if ends:
                state.clock[r, VIRTUAL] = state.decode_key[base]
            else:
                state.clock[r, VIRTUAL] += rate * (now_s - state.clock[r, VIRTUAL_S])
        state.clock[r, VIRTUAL_S] = now_s
        if ends:
            slot = state.decode_slot[base]
            pop(state.decode_key, state.decode_slot, base, m)
            finish_request(r, g, slot, now_s, rtt_s, circle_ok, state, facts, out)
            state.count[r, DECODING] = m - 1
            if m == 1:
                state.clock[r, VIRTUAL] = 0.0
            _release(r, g, slot, now_s, state, facts, arena)
        elif state.count[r, PREFILLING] == 0 or state.prefill_key[base] > now_s:
            _preempt(r, g, now_s, state, facts, arena)
        else:
            slot = state.prefill_slot[base]
            pop(state.prefill_key, state.prefill_slot, base, state.count[r, PREFILLING])
            state.count[r, PREFILLING] -= 1
            at = base + slot
            made = 0
            if facts.limited[0] == 1:
                made = state.made[at]
            if made == 0:
                state.first_s[at] = now_s
            if state.output[at] > made + 1:
                key = state.clock[r, VIRTUAL] + (state.output[at] - made - 1)
                push(state.decode_key, state.decode_slot, base, m, key, slot)
                state.count[r, DECODING] = m + 1
                if facts.limited[0] == 1:
                    grown = 1.0 - state.clock[r, VIRTUAL]
                    state.held[at] += grown
                    state.clock[r, BASE] += grown
            else:
                finish_request(r, g, slot, now_s, rtt_s, circle_ok, state, facts, out)
                _release(r, g, slot, now_s, state, facts, arena)
        _find_next(r, g, state, facts)


@njit_inline
def arrive(
    r: int,
    now_s: float,
    demand: int,
    tokens_in: int,
    tokens_out: int,
    cached: int,
    state: RequestState,
    facts: ReplicaFacts,
    arena: WaitArena,
    out: RequestOut,
) -> None:
    """Give a request to a replica whose events before `now_s` are processed.

    One that no empty replica could hold to its end is dropped.
    """
    g = facts.group[r]
    if facts.engine[LAW] == CONTINUOUS_BATCHING and not fits_engine(
        g, tokens_in, tokens_out, facts
    ):
        out.dropped[demand] += 1
        return
    integrate(r, now_s, state)
    state.scalar[PRESENT] += 1
    state.scalar[FRESH] = 1
    state.count[r, TOKENS] += tokens_in + tokens_out
    if facts.engine[LAW] == CONTINUOUS_BATCHING:
        engine_arrive(r, now_s, demand, tokens_in, tokens_out, cached, state, facts, arena)
        return
    if state.count[r, QUEUED] > 0 or not _has_room(r, g, tokens_in, state, facts):
        queue_back(r, now_s, demand, tokens_in, tokens_out, cached, state, arena)
        return
    m = state.count[r, DECODING]
    if state.count[r, PREFILLING] == 0 and m > 0:
        # Decoding slows down from now on.
        rate = _rate(r, g, state, facts)
        state.clock[r, VIRTUAL] += rate * (now_s - state.clock[r, VIRTUAL_S])
        state.clock[r, VIRTUAL_S] = now_s
    _admit(
        r, g, now_s, now_s, demand, tokens_in, tokens_out, cached, 0, np.nan, state, facts
    )  # fmt: skip
    _find_next(r, g, state, facts)


@njit
def close_slot(
    r: int, edge_s: float, slot: int, state: RequestState, facts: ReplicaFacts, out: RequestOut
) -> None:
    """Write the replica's integrals of a slot; its events before the edge are processed."""
    integrate(r, edge_s, state)
    lane = facts.lane[r]
    for column in range(4):
        out.integral[lane, slot, column] += state.integral[r, column]
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
    integrate(r, now_s, state)
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
    state.clock[r, PREFILLED_S] = 0.0
    state.count[r, TOKENS] = 0
    state.clock[r, BASE] = 0.0
    state.clock[r, NEXT_S] = np.inf
    if facts.engine[LAW] == CONTINUOUS_BATCHING:
        engine_reset(r, state, facts)
    for i in range(facts.slots[facts.group[r]]):
        state.free_slot[base + i] = i
    state.scalar[PRESENT] -= dropped
    return dropped
