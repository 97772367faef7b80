"""Requests of the whole network: deficit-credit routing to groups, then replicas.

A request of demand `d` adds its plan shares to the credits of the row's arcs and goes to the group
with the largest credit, which pays one. After `n` requests every group has got its share of `n`
to within one request (the argument of weighted round-robin by deficit: Shreedhar and Varghese,
SIGCOMM 1995), so an LP's split is carried out request by request.

Where requests are a sample of a larger stream the split is random instead: taking turns among a few
sampled requests would make arrivals smoother than they are at any of the real replicas.

Integrals of replicas are written to their lane at the edges of accounting slots, replica by replica
in index order: sums of floats then have one order, whatever cuts the control plane makes. A lane is
a whole group, or a number of neighbouring replicas of one.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from computenet.kernels._jit import njit, njit_inline
from computenet.kernels.histogram import N_BINS
from computenet.kernels.replica import arrive, close_slot, drop_all, run_replica
from computenet.kernels.replica_state import (
    BLOCK,
    CONTINUOUS_BATCHING,
    CURSOR,
    DECODING,
    FREE_BLOCKS,
    FREE_NODE,
    FREE_NODES,
    FRESH,
    LAW,
    NEXT_S,
    PREFILLING,
    PRESENT,
    PROCESSOR_SHARING,
    QUEUE_HEAD,
    QUEUE_TAIL,
    SLOT,
    TOKENS,
    ReplicaFacts,
    RequestOut,
    RequestState,
    WaitArena,
)

__all__ = [
    "EngineFacts",
    "RequestChunk",
    "RoutingPlan",
    "advance_requests",
    "advance_requests_packed",
    "choose_replica",
    "close_requests",
    "close_slots",
    "count_present",
    "fail_group",
    "grow_arena",
    "make_arena",
    "make_replica_facts",
    "make_request_out",
    "make_request_state",
    "route_request",
    "settle_requests",
]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
I4 = NDArray[np.int32]
U1 = NDArray[np.uint8]

ROUND_ROBIN, RANDOM, LEAST_WORK, TWO_CHOICES = 0, 1, 2, 3


class RequestChunk(NamedTuple):
    """Arrivals sorted by time, axis n; `count` of them are valid."""

    arrival_s: F8
    demand: I4
    input_tokens: I4
    output_tokens: I4
    cached_tokens: I4  # of the input, in the prefix cache already
    choice: NDArray[np.float32]  # in [0, 1), for the choice of a replica
    count: I8  # type: ignore[assignment]  # (1,)


class RoutingPlan(NamedTuple):
    """Positive shares by row (compressed), credits and network times."""

    row: I8  # (D + 1,)
    group: I4  # (arcs,)
    share: F8  # (arcs,)
    upto: F8  # (arcs,) sum of the row's shares up to and with the arc
    credit: F8  # (D, G)
    rtt_s: F8  # (D, G)
    circle_ok: U1  # (D, G)
    split: I8  # (1,) 0 = by deficit credit, 1 = at random


class EngineFacts(NamedTuple):
    """What continuous batching needs of groups (axis G)."""

    lag: int  # steps that decisions lag behind, 0 or 1
    block: int  # tokens of a block of cache
    blocks: I8  # (G,) blocks of cache
    budget: I8  # (G,) most tokens of a step
    step: F8  # (G, 7) fixed s; weights s; s a token, computed and communicated; s a token of cache
    # read; s a query-key pair; share of the weights that one token reads


def make_replica_facts(
    replicas: I8,
    slots: I8,
    prefill_tok_s: F8,
    decode_tok_s: F8,
    ttft_slo_s: F8,
    tpot_slo_s: F8,
    choice: int,
    slot_s: float,
    *,
    mixed_tok_s: F8 | None = None,
    cache_tokens: I8 | None = None,
    block: int = 1,
    engine: EngineFacts | None = None,
    lane: I4 | None = None,
) -> ReplicaFacts:
    """Return the facts of groups of `replicas`.

    Parameters
    ----------
    replicas, slots, prefill_tok_s
        ``(G,)`` replicas, most running requests in each, prompt tokens a second.
    decode_tok_s
        ``(G, at least max(slots) + 1)`` rate of a replica with m requests decoding.
    ttft_slo_s, tpot_slo_s
        ``(D,)`` objectives, s.
    choice
        How a replica is chosen: 0 round-robin, 1 random, 2 least work, 3 better of two.
    slot_s
        Accounting slot, s.
    mixed_tok_s
        As `decode_tok_s`, while a prompt is taken in; ``None`` = the same.
    cache_tokens
        ``(G,)`` tokens that the cache of a replica holds; ``None`` = no limit.
    block
        Tokens of a block of that cache; a request leaves half of its last one empty.
    engine
        What continuous batching needs; ``None`` = limited processor sharing.
    lane
        ``(replicas,)`` lane of every replica; ``None`` = its group.
    """
    n = len(replicas)
    if engine is None:
        engine = EngineFacts(
            0, block, np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros((n, 7))
        )
        law = PROCESSOR_SHARING
    else:
        law = CONTINUOUS_BATCHING
    first = np.zeros(len(replicas) + 1, dtype=np.int64)
    np.cumsum(replicas, out=first[1:])
    group = np.repeat(np.arange(len(replicas), dtype=np.int32), replicas)
    return ReplicaFacts(
        group=group,
        lane=group if lane is None else lane.astype(np.int32),
        first_replica=first,
        slots=slots.astype(np.int64),
        cache_tokens=(
            np.full(n, 2**40) if cache_tokens is None else np.asarray(cache_tokens)
        ).astype(np.int64),
        limited=np.asarray([int(cache_tokens is not None)], dtype=np.int64),
        prefill_tok_s=prefill_tok_s.astype(np.float64),
        decode_tok_s=np.ascontiguousarray(decode_tok_s, dtype=np.float64),
        mixed_tok_s=np.ascontiguousarray(
            decode_tok_s if mixed_tok_s is None else mixed_tok_s, dtype=np.float64
        ),
        choice=np.asarray([choice], dtype=np.int64),
        slot_s=np.asarray([slot_s]),
        width=np.asarray([int(slots.max(initial=1))], dtype=np.int64),
        ttft_slo_s=ttft_slo_s.astype(np.float64),
        tpot_slo_s=tpot_slo_s.astype(np.float64),
        engine=np.asarray([law, engine.lag, engine.block], dtype=np.int64),
        blocks=np.asarray(engine.blocks).astype(np.int64),
        budget=np.asarray(engine.budget).astype(np.int64),
        step=np.ascontiguousarray(engine.step, dtype=np.float64),
    )


def make_request_state(facts: ReplicaFacts) -> RequestState:
    """Return the state of idle replicas."""
    n, width = len(facts.group), int(facts.width[0])

    def whole(size: int) -> I8:
        return np.zeros(size, dtype=np.int64)

    def small(size: int) -> I4:
        return np.zeros(size, dtype=np.int32)

    batching = int(facts.engine[LAW] == CONTINUOUS_BATCHING)
    engine = np.zeros((n * batching, 6), dtype=np.int64)
    if batching:
        engine[:, FREE_BLOCKS] = facts.blocks[facts.group]
    each = n * width * batching
    known = n * width * max(batching, int(facts.limited[0]))
    clock = np.zeros((n, 6))
    clock[:, NEXT_S] = np.inf
    count = np.zeros((n, 7), dtype=np.int64)
    count[:, QUEUE_HEAD] = count[:, QUEUE_TAIL] = -1
    scalar = whole(7)
    scalar[FREE_NODE] = -1
    return RequestState(
        clock=clock,
        count=count,
        decode_key=np.zeros(n * width),
        decode_slot=small(n * width),
        prefill_key=np.zeros(n * width),
        prefill_slot=small(n * width),
        free_slot=np.tile(np.arange(width, dtype=np.int32), n),
        arrival_s=np.zeros(n * width),
        first_s=np.zeros(n * width),
        demand=small(n * width),
        input=small(n * width),
        output=small(n * width),
        integral=np.zeros((n, 4)),
        turn=whole(len(facts.slots)),
        active=np.diff(facts.first_replica),
        scalar=scalar,
        held=np.zeros(n * width * int(facts.limited[0])),
        engine=engine,
        segment=np.zeros((n * batching, 3)),
        phase=whole(n * int(facts.engine[BLOCK]) * batching),
        left=small(each),
        chunk=small(each),
        made=small(known),
        order=whole(known),
    )


def make_arena() -> WaitArena:
    """Return an arena without nodes."""
    none = np.zeros(0, dtype=np.int32)
    return WaitArena(
        np.zeros(0, dtype=np.int64), np.zeros(0), none, none, none, none, none, np.zeros(0)
    )


def grow_arena(arena: WaitArena, state: RequestState, wanted: int) -> WaitArena:
    """Return an arena with nodes for `wanted` arrivals; call it before a chunk.

    Where a cache may run out every running request may come back to the queue as well.
    """
    missing = wanted + len(state.made) - int(state.scalar[FREE_NODES])
    if missing <= 0:
        return arena
    old = len(arena.following)
    extra = max(missing, old)
    following = np.concatenate([arena.following, np.arange(old + 1, old + extra + 1)])
    following[-1] = state.scalar[FREE_NODE]
    state.scalar[FREE_NODE] = old
    state.scalar[FREE_NODES] += extra

    def longer(values: I4) -> I4:
        return np.concatenate([values, np.zeros(extra, dtype=np.int32)])

    return WaitArena(
        following,
        np.concatenate([arena.arrival_s, np.zeros(extra)]),
        longer(arena.demand),
        longer(arena.input),
        longer(arena.output),
        longer(arena.cached),
        longer(arena.made),
        np.concatenate([arena.first_s, np.zeros(extra)]),
    )


def make_request_out(
    n_demands: int,
    n_groups: int,
    n_slots: int,
    record_rows: int = 0,
    n_lanes: int | None = None,
) -> RequestOut:
    """Return zeroed sums; without `n_lanes` every group is one lane."""

    def counts(*shape: int) -> I8:
        return np.zeros(shape, dtype=np.int64)

    return RequestOut(
        integral=np.zeros((n_groups if n_lanes is None else n_lanes, n_slots, 4)),
        tokens_in=counts(n_groups, n_slots),
        tokens_out=counts(n_groups, n_slots),
        arrived=counts(n_demands),
        served=counts(n_demands),
        dropped=counts(n_demands),
        attained=counts(n_demands),
        routed=counts(n_demands, n_groups),
        ttft=np.zeros((n_demands, N_BINS), dtype=np.int32),
        tpot=np.zeros((n_demands, N_BINS), dtype=np.int32),
        e2e=np.zeros((n_demands, N_BINS), dtype=np.int32),
        latency_us=counts(n_demands, 3),
        record=np.full((record_rows, 5), np.nan),
    )


@njit_inline
def route_request(d: int, u: float, plan: RoutingPlan) -> tuple[int, float]:
    """Return the group of the next request of `d` and what is left of its uniform number.

    The group is -1 when the row is empty. At random, `u` in [0, 1) falls into one share, and its
    place within the share is uniform again.
    """
    first, last = plan.row[d], plan.row[d + 1]
    if first == last:
        return -1, u
    if last - first == 1:
        return int(plan.group[first]), u
    if plan.split[0] == 1:
        arc = first
        while arc < last - 1 and u >= plan.upto[arc]:
            arc += 1
        low = plan.upto[arc - 1] if arc > first else 0.0
        rest = (u - low) / plan.share[arc]
        return int(plan.group[arc]), min(max(rest, 0.0), 1.0 - 1e-12)
    best, most = -1, -np.inf
    for arc in range(first, last):
        g = plan.group[arc]
        credit = plan.credit[d, g] + plan.share[arc]
        plan.credit[d, g] = credit
        if credit > most:
            best, most = g, credit
    plan.credit[d, best] -= 1.0
    return int(best), u


@njit
def _by_work(
    g: int,
    u: float,
    now_s: float,
    plan: RoutingPlan,
    state: RequestState,
    facts: ReplicaFacts,
    arena: WaitArena,
    out: RequestOut,
) -> int:
    """Return the replica with least work, of all or of two drawn; kept apart from the hot path."""
    first = facts.first_replica[g]
    n = state.active[g]
    if facts.choice[0] == TWO_CHOICES:
        scaled = u * n
        one = min(int(scaled), n - 1)
        other = min(int((scaled - one) * (n - 1)), n - 2)
        if other >= one:
            other += 1
        for r in (first + one, first + other):
            run_replica(r, now_s, plan.rtt_s, plan.circle_ok, state, facts, arena, out, False)
        nearer = state.count[first + one, TOKENS] <= state.count[first + other, TOKENS]
        return int(first + one if nearer else first + other)
    best = first
    for r in range(first, first + n):
        run_replica(r, now_s, plan.rtt_s, plan.circle_ok, state, facts, arena, out, False)
        if state.count[r, TOKENS] < state.count[best, TOKENS]:
            best = r
    return int(best)


@njit_inline
def choose_replica(
    g: int,
    u: float,
    now_s: float,
    plan: RoutingPlan,
    state: RequestState,
    facts: ReplicaFacts,
    arena: WaitArena,
    out: RequestOut,
) -> int:
    first = facts.first_replica[g]
    n = state.active[g]
    choice = facts.choice[0]
    if choice == RANDOM or n == 1:
        return int(first + min(int(u * n), n - 1))
    if choice == ROUND_ROBIN:
        turn = state.turn[g] if state.turn[g] < n else 0
        state.turn[g] = turn + 1 if turn + 1 < n else 0
        return int(first + turn)
    return _by_work(g, u, now_s, plan, state, facts, arena, out)


@njit
def close_slots(
    until_s: float,
    plan: RoutingPlan,
    state: RequestState,
    facts: ReplicaFacts,
    arena: WaitArena,
    out: RequestOut,
) -> float:
    """Close every slot that ends at or before `until_s`; return the end of the present one."""
    slot_s = facts.slot_s[0]
    last = out.integral.shape[1] - 1
    edge_s = (state.scalar[SLOT] + 1) * slot_s
    while edge_s <= until_s and state.scalar[SLOT] < last:
        # Nobody there at its start, nobody came: every integral of the slot is zero.
        if state.scalar[FRESH] == 1:
            for r in range(facts.group.shape[0]):
                run_replica(r, edge_s, plan.rtt_s, plan.circle_ok, state, facts, arena, out, False)
                close_slot(r, edge_s, state.scalar[SLOT], state, facts, out)
            state.scalar[FRESH] = 1 if state.scalar[PRESENT] > 0 else 0
        state.scalar[SLOT] += 1
        edge_s = (state.scalar[SLOT] + 1) * slot_s
    if state.scalar[SLOT] == last:
        return np.inf
    return float(edge_s)


@njit
def advance_requests(
    chunk: RequestChunk,
    plan: RoutingPlan,
    state: RequestState,
    facts: ReplicaFacts,
    arena: WaitArena,
    until_s: float,
    out: RequestOut,
) -> None:
    """Take the chunk's arrivals before `until_s`, from the cursor on, and close slots.

    Ends of decoding and prefill are processed when their replica is next looked at, in the order
    of their own times; call `settle_requests` before reading counts.
    """
    i = state.scalar[CURSOR]
    count = chunk.count[0]
    edge_s = (state.scalar[SLOT] + 1) * facts.slot_s[0]
    if state.scalar[SLOT] == out.integral.shape[1] - 1:
        edge_s = np.inf
    while i < count:
        now_s = chunk.arrival_s[i]
        if now_s >= until_s:
            break
        if now_s >= edge_s:
            edge_s = close_slots(now_s, plan, state, facts, arena, out)
        d = chunk.demand[i]
        out.arrived[d] += 1
        g, u = route_request(d, chunk.choice[i], plan)
        if g < 0:
            out.dropped[d] += 1
        else:
            out.routed[d, g] += 1
            r = choose_replica(g, u, now_s, plan, state, facts, arena, out)
            # Ends at this very instant come before the arrival.
            run_replica(r, now_s, plan.rtt_s, plan.circle_ok, state, facts, arena, out, True)
            arrive(
                r, now_s, d, chunk.input_tokens[i], chunk.output_tokens[i],
                chunk.cached_tokens[i], state, facts, arena, out,
            )  # fmt: skip
        i += 1
    state.scalar[CURSOR] = i
    if edge_s <= until_s and i == count:
        close_slots(until_s, plan, state, facts, arena, out)


@njit
def advance_requests_packed(
    chunk: tuple[Any, ...],
    plan: tuple[Any, ...],
    state: tuple[Any, ...],
    facts: tuple[Any, ...],
    arena: tuple[Any, ...],
    until_s: float,
    out: tuple[Any, ...],
) -> None:
    """Do `advance_requests` with plain tuples, which cross from Python in a third of the time."""
    advance_requests(
        RequestChunk(*chunk),
        RoutingPlan(*plan),
        RequestState(*state),
        ReplicaFacts(*facts),
        WaitArena(*arena),
        until_s,
        RequestOut(*out),
    )


@njit
def settle_requests(
    plan: RoutingPlan,
    state: RequestState,
    facts: ReplicaFacts,
    arena: WaitArena,
    until_s: float,
    out: RequestOut,
) -> None:
    """Process everything before `until_s`, so that counts hold then; changes no number."""
    close_slots(until_s, plan, state, facts, arena, out)
    if state.scalar[PRESENT] == 0:
        return
    for r in range(facts.group.shape[0]):
        run_replica(r, until_s, plan.rtt_s, plan.circle_ok, state, facts, arena, out, False)


@njit
def close_requests(
    plan: RoutingPlan,
    state: RequestState,
    facts: ReplicaFacts,
    arena: WaitArena,
    horizon_s: float,
    out: RequestOut,
) -> None:
    """End the run: settle and write the integrals of the last slot."""
    settle_requests(plan, state, facts, arena, horizon_s, out)
    for r in range(facts.group.shape[0]):
        close_slot(r, horizon_s, state.scalar[SLOT], state, facts, out)


@njit
def fail_group(
    g: int,
    now_s: float,
    state: RequestState,
    facts: ReplicaFacts,
    arena: WaitArena,
    out: RequestOut,
) -> int:
    """Drop what a group holds; call `settle_requests` first. Return the number dropped."""
    dropped = 0
    for r in range(facts.first_replica[g], facts.first_replica[g + 1]):
        dropped += drop_all(r, now_s, state, facts, arena, out)
    return dropped


@njit
def count_present(state: RequestState, facts: ReplicaFacts, arena: WaitArena, present: I8) -> None:
    """Add the requests running or waiting in all replicas to ``present``, ``(D,)``."""
    for r in range(facts.group.shape[0]):
        base = r * facts.width[0]
        for i in range(state.count[r, DECODING]):
            present[state.demand[base + state.decode_slot[base + i]]] += 1
        for i in range(state.count[r, PREFILLING]):
            present[state.demand[base + state.prefill_slot[base + i]]] += 1
        node = state.count[r, QUEUE_HEAD]
        while node >= 0:
            present[arena.demand[node]] += 1
            node = arena.following[node]
