"""One replica of a language model under continuous batching, exact step by step.

The engine runs in *steps* (iterations). A step gives every decoding request one token and spends
what is left of its token budget on prompts, in chunks, first come, first served (Sarathi-Serve:
Agrawal et al., OSDI 2024). A request is admitted when a slot is free and the blocks of its whole
prompt are (paged key-value cache: Kwon et al., SOSP 2023). When a step needs more blocks than are
free, the request admitted last is preempted: it loses its cache, goes to the front of the queue
and computes prompt and tokens anew. A step takes

``fixed + max(weights w(T), token T) + communication T + cache K + attention A``

for `T` tokens in the step, `K` tokens of cache read and `A` query-key pairs of prompts; a
mixture-of-experts model reads the share ``w(T) = 1 - (1 - s)^T`` of its weights.

An engine with a *lag* of one step decides a step while the one before it runs (asynchronous
scheduling, as in vLLM): what arrives or is given back during a step counts one step later.

Steps that only decode differ by the cache they read, which grows by the same amount every step:
their times add up in closed form, so a run of them is one event. It ends at the first last token,
when blocks run out, or at the first step boundary after an arrival that could be admitted.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from computenet.kernels._jit import njit, njit_inline
from computenet.kernels.replica_state import (
    ALPHA,
    ATTENTION,
    BETA,
    BLOCK,
    CACHE,
    CACHED,
    COMMUNICATION,
    DECODING,
    FIXED,
    FREE_BLOCKS,
    LAG,
    LAST_STEP_S,
    NEXT_S,
    ORDER,
    PENDING_BLOCKS,
    PENDING_SLOTS,
    PREFILLING,
    QUEUE_HEAD,
    QUEUED,
    SPARSE,
    STEPS,
    TOKEN,
    VIRTUAL,
    VIRTUAL_S,
    WEIGHTS,
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
)

__all__ = ["engine_arrive", "engine_reset", "fits_engine", "run_engine"]

F8 = NDArray[np.float64]


@njit_inline
def _blocks(tokens: int, block: int) -> int:
    return (tokens + block - 1) // block


@njit_inline
def _linear_s(g: int, tokens: int, facts: ReplicaFacts) -> float:
    """Return the time of a step without the cache and prompts' attention."""
    step = facts.step
    weights_s = step[g, WEIGHTS]
    if step[g, SPARSE] < 1.0:
        weights_s *= 1.0 - (1.0 - step[g, SPARSE]) ** tokens
    return float(
        step[g, FIXED] + max(weights_s, step[g, TOKEN] * tokens) + step[g, COMMUNICATION] * tokens
    )


@njit_inline
def _after_steps(r: int, steps: int, state: RequestState) -> float:
    """Return the time at which `steps` steps of the present segment have ended."""
    return float(
        state.clock[r, VIRTUAL_S]
        + state.segment[r, ALPHA] * steps
        + state.segment[r, BETA] * (0.5 * steps * (steps - 1))
    )


@njit_inline
def _phase(r: int, virtual: int, block: int) -> int:
    """Return where the requests are counted that need a block in the step after `virtual`."""
    return int(r * block + (-virtual) % block)


@njit_inline
def fits_engine(g: int, tokens_in: int, tokens_out: int, facts: ReplicaFacts) -> bool:
    """Return whether a request alone in the replica can be answered to its end."""
    block = facts.engine[BLOCK]
    return bool(_blocks(tokens_in + tokens_out - 1, block) <= facts.blocks[g])


@njit_inline
def _give_slot(r: int, g: int, slot: int, state: RequestState, facts: ReplicaFacts) -> None:
    """Give a slot's number back; the counters are lowered already."""
    running = state.count[r, DECODING] + state.count[r, PREFILLING]
    state.free_slot[r * facts.width[0] + facts.slots[g] - 1 - running] = slot


@njit_inline
def _preempt(r: int, g: int, state: RequestState, facts: ReplicaFacts, arena: WaitArena) -> None:
    """Send the request admitted last back to the queue."""
    base = r * facts.width[0]
    block = facts.engine[BLOCK]
    slot, place = np.int32(-1), -1
    if state.count[r, PREFILLING] > 0:
        slot = state.prefill_slot[base + state.count[r, PREFILLING] - 1]
        state.count[r, PREFILLING] -= 1
        at = base + slot
        made = state.made[at]
        state.engine[r, FREE_BLOCKS] += _blocks(state.input[at] + made, block)
    else:
        for i in range(state.count[r, DECODING]):
            one = state.decode_slot[base + i]
            if place < 0 or state.order[base + one] > state.order[base + slot]:
                slot, place = one, i
        at = base + slot
        virtual = int(state.clock[r, VIRTUAL])
        made = state.output[at] - (np.int64(state.decode_key[base + place]) - virtual)
        length = state.input[at] + made - 1
        state.engine[r, FREE_BLOCKS] += _blocks(length, block)
        state.engine[r, CACHED] -= length
        state.phase[r * block + (length - virtual) % block] -= 1
        # Raise it above all others and take it off the top.
        key, slots = state.decode_key, state.decode_slot
        i = place
        while i > 0:
            up = (i - 1) >> 1
            key[base + i] = key[base + up]
            slots[base + i] = slots[base + up]
            i = up
        pop(key, slots, base, state.count[r, DECODING])
        state.count[r, DECODING] -= 1
    queue_front(
        r, state.arrival_s[at], state.demand[at], state.input[at], state.output[at], made,
        state.first_s[at], state, arena,
    )  # fmt: skip
    _give_slot(r, g, int(slot), state, facts)


@njit_inline
def _admit(r: int, g: int, state: RequestState, facts: ReplicaFacts, arena: WaitArena) -> int:
    """Move the head of the queue into a slot; return how many tokens it has to compute."""
    base = r * facts.width[0]
    node = state.count[r, QUEUE_HEAD]
    running = state.count[r, DECODING] + state.count[r, PREFILLING]
    slot = state.free_slot[base + facts.slots[g] - 1 - running]
    at = base + slot
    state.arrival_s[at] = arena.arrival_s[node]
    state.demand[at] = arena.demand[node]
    state.input[at] = arena.input[node]
    state.output[at] = arena.output[node]
    state.made[at] = arena.made[node]
    state.first_s[at] = arena.first_s[node]
    state.order[at] = state.engine[r, ORDER]
    state.engine[r, ORDER] += 1
    whole = arena.input[node] + arena.made[node]
    left = whole - min(arena.cached[node], whole - 1)
    state.left[at] = left
    state.engine[r, FREE_BLOCKS] -= _blocks(whole, facts.engine[BLOCK])
    state.prefill_slot[base + state.count[r, PREFILLING]] = slot
    state.count[r, PREFILLING] += 1
    leave_queue(r, state, arena)
    return int(left)


@njit_inline
def _needed(r: int, first: int, last: int, m: int, state: RequestState, block: int) -> int:
    """Return the blocks that `m` decoding requests need in steps ``first .. last - 1``."""
    steps = last - first
    whole = steps // block
    total = whole * m
    for virtual in range(first + whole * block, last):
        total += state.phase[_phase(r, virtual, block)]
    return int(total)


@njit_inline
def _length_of_segment(
    r: int, seen_s: float, m: int, state: RequestState, facts: ReplicaFacts, arena: WaitArena
) -> int:
    """Return how many steps that only decode can run as one."""
    base = r * facts.width[0]
    block = facts.engine[BLOCK]
    virtual = int(state.clock[r, VIRTUAL])
    steps = np.int64(state.decode_key[base]) - virtual
    if state.count[r, QUEUED] > 0 and (
        state.engine[r, PENDING_BLOCKS] > 0
        or state.engine[r, PENDING_SLOTS] > 0
        or arena.arrival_s[state.count[r, QUEUE_HEAD]] > seen_s
    ):
        return 1
    free = state.engine[r, FREE_BLOCKS]
    if (steps // block + 1) * m <= free:
        return int(steps)
    # The blocks of the first step are taken already.
    free += state.phase[_phase(r, virtual, block)]
    whole = free // m if m > 0 else 0
    most = whole * block
    free -= whole * m
    while most < steps:
        need = state.phase[_phase(r, virtual + most, block)]
        if need > free:
            break
        free -= need
        most += 1
    return int(max(min(most, steps), 1))


@njit_inline
def _compose(
    r: int, g: int, now_s: float, seen_s: float, state: RequestState, facts: ReplicaFacts,
    arena: WaitArena,
) -> None:  # fmt: skip
    """Decide the next step or run of steps; requests that arrived by `seen_s` may be admitted."""
    base = r * facts.width[0]
    block = facts.engine[BLOCK]
    virtual = int(state.clock[r, VIRTUAL])
    while True:
        preempted = False
        while state.phase[_phase(r, virtual, block)] > state.engine[r, FREE_BLOCKS]:
            _preempt(r, g, state, facts, arena)
            preempted = True
        state.engine[r, FREE_BLOCKS] -= state.phase[_phase(r, virtual, block)]
        m = state.count[r, DECODING]
        budget = facts.budget[g] - m
        spent, read, pairs = 0, 0, 0.0
        for i in range(state.count[r, PREFILLING]):
            at = base + state.prefill_slot[base + i]
            chunk = min(state.left[at], max(budget - spent, 0))
            state.chunk[at] = chunk
            done = state.input[at] + state.made[at] - state.left[at]
            spent += chunk
            if chunk > 0:
                read += done
                pairs += chunk * (done + 0.5 * chunk)
        while (
            not preempted
            and spent < budget
            and state.count[r, QUEUED] > 0
            and state.count[r, DECODING]
            + state.count[r, PREFILLING]
            + state.engine[r, PENDING_SLOTS]
            < facts.slots[g]
        ):
            node = state.count[r, QUEUE_HEAD]
            whole = arena.input[node] + arena.made[node]
            if (
                arena.arrival_s[node] > seen_s
                or _blocks(whole, block) > state.engine[r, FREE_BLOCKS]
            ):
                break
            left = _admit(r, g, state, facts, arena)
            at = base + state.prefill_slot[base + state.count[r, PREFILLING] - 1]
            chunk = min(left, budget - spent)
            state.chunk[at] = chunk
            spent += chunk
            read += whole - left
            pairs += chunk * (whole - left + 0.5 * chunk)
        if m + state.count[r, PREFILLING] > 0 or state.count[r, QUEUED] == 0:
            break
        # Nothing is under way, so nothing is waited for: what was given back and all who wait
        # count at once.
        state.engine[r, FREE_BLOCKS] += state.engine[r, PENDING_BLOCKS]
        state.engine[r, PENDING_BLOCKS] = 0
        state.engine[r, PENDING_SLOTS] = 0
        seen_s = now_s
    state.clock[r, VIRTUAL_S] = now_s
    if m + state.count[r, PREFILLING] == 0:
        state.engine[r, FREE_BLOCKS] += state.engine[r, PENDING_BLOCKS]
        state.engine[r, PENDING_BLOCKS] = 0
        state.engine[r, PENDING_SLOTS] = 0
        state.clock[r, VIRTUAL] = 0.0
        state.clock[r, NEXT_S] = np.inf
        return
    cached = state.engine[r, CACHED]
    state.segment[r, ALPHA] = (
        _linear_s(g, m + spent, facts)
        + facts.step[g, CACHE] * (cached + read)
        + facts.step[g, ATTENTION] * pairs
    )
    state.segment[r, BETA] = facts.step[g, CACHE] * m
    steps = 1
    if state.count[r, PREFILLING] == 0 and not preempted:
        steps = _length_of_segment(r, seen_s, m, state, facts, arena)
    state.engine[r, STEPS] = steps
    state.clock[r, NEXT_S] = _after_steps(r, steps, state)
    state.segment[r, LAST_STEP_S] = _after_steps(r, steps - 1, state)


@njit
def run_engine(
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
    """Process the ends of steps before `until_s`, or `through` that instant."""
    g = facts.group[r]
    base = r * facts.width[0]
    lag, block = facts.engine[LAG], facts.engine[BLOCK]
    while state.clock[r, NEXT_S] < until_s or (through and state.clock[r, NEXT_S] == until_s):
        now_s = state.clock[r, NEXT_S]
        integrate(r, now_s, state)
        m, steps = state.count[r, DECODING], state.engine[r, STEPS]
        virtual = int(state.clock[r, VIRTUAL])
        if steps > 1:
            state.engine[r, FREE_BLOCKS] -= _needed(
                r, virtual + 1, virtual + steps, m, state, block
            )
        virtual += steps
        state.clock[r, VIRTUAL] = virtual
        state.engine[r, CACHED] += m * steps
        state.engine[r, FREE_BLOCKS] += state.engine[r, PENDING_BLOCKS]
        state.engine[r, PENDING_BLOCKS] = 0
        state.engine[r, PENDING_SLOTS] = 0
        given, ended = 0, 0
        while state.count[r, DECODING] > 0 and state.decode_key[base] <= virtual:
            slot = state.decode_slot[base]
            at = base + slot
            length = state.input[at] + state.output[at] - 1
            pop(state.decode_key, state.decode_slot, base, state.count[r, DECODING])
            state.count[r, DECODING] -= 1
            state.phase[r * block + (length - virtual) % block] -= 1
            state.engine[r, CACHED] -= length
            given += _blocks(length, block)
            ended += 1
            finish_request(r, g, slot, now_s, rtt_s, circle_ok, state, facts, out)
            _give_slot(r, g, slot, state, facts)
        # Prompts are taken in, in order, so those that are complete stand first.
        present, done = state.count[r, PREFILLING], 0
        while done < present:
            slot = state.prefill_slot[base + done]
            at = base + slot
            state.left[at] -= state.chunk[at]
            if state.left[at] > 0:
                break
            done += 1
            state.count[r, PREFILLING] -= 1
            if np.isnan(state.first_s[at]):
                state.first_s[at] = now_s
            made = state.made[at] + 1
            length = state.input[at] + made - 1
            if made == state.output[at]:
                given += _blocks(length, block)
                ended += 1
                finish_request(r, g, slot, now_s, rtt_s, circle_ok, state, facts, out)
                _give_slot(r, g, slot, state, facts)
                continue
            push(
                state.decode_key, state.decode_slot, base, state.count[r, DECODING],
                float(virtual + state.output[at] - made), slot,
            )  # fmt: skip
            state.count[r, DECODING] += 1
            state.phase[r * block + (length - virtual) % block] += 1
            state.engine[r, CACHED] += length
        for i in range(done, present):
            state.prefill_slot[base + i - done] = state.prefill_slot[base + i]
        seen_s = now_s
        if lag == 1:
            state.engine[r, PENDING_BLOCKS] = given
            state.engine[r, PENDING_SLOTS] = ended
            seen_s = state.segment[r, LAST_STEP_S]
        else:
            state.engine[r, FREE_BLOCKS] += given
        _compose(r, g, now_s, seen_s, state, facts, arena)


@njit
def engine_arrive(
    r: int,
    now_s: float,
    demand: int,
    tokens_in: int,
    tokens_out: int,
    cached: int,
    state: RequestState,
    facts: ReplicaFacts,
    arena: WaitArena,
) -> None:
    """Give a request to a replica whose steps up to `now_s` are processed."""
    g = facts.group[r]
    queue_back(r, now_s, demand, tokens_in, tokens_out, cached, state, arena)
    running = state.count[r, DECODING] + state.count[r, PREFILLING]
    if running == 0:
        _compose(r, g, now_s, now_s, state, facts, arena)
        return
    most = state.engine[r, STEPS]
    if most == 1 or state.count[r, QUEUED] > 1 or running >= facts.slots[g]:
        return
    # The run of steps ends at the first boundary from now on.
    alpha, beta = state.segment[r, ALPHA], state.segment[r, BETA]
    gone_s = now_s - state.clock[r, VIRTUAL_S]
    steps = gone_s / alpha
    if beta > 0.0:
        half = alpha - 0.5 * beta
        steps = (np.sqrt(half * half + 2.0 * beta * gone_s) - half) / beta
    k = max(min(np.int64(np.ceil(steps)), most), 1)
    while k < most and _after_steps(r, k, state) < now_s:
        k += 1
    while k > 1 and _after_steps(r, k - 1, state) >= now_s:
        k -= 1
    state.engine[r, STEPS] = k
    state.clock[r, NEXT_S] = _after_steps(r, k, state)
    state.segment[r, LAST_STEP_S] = _after_steps(r, k - 1, state)


@njit_inline
def engine_reset(r: int, state: RequestState, facts: ReplicaFacts) -> None:
    """Empty the cache of a replica that failed."""
    block = facts.engine[BLOCK]
    for i in range(block):
        state.phase[r * block + i] = 0
    for column in range(6):
        state.engine[r, column] = 0
    state.engine[r, FREE_BLOCKS] = facts.blocks[facts.group[r]]
