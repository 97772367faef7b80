"""Records that the kernels of requests work on, and their making."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from computenet.kernels.histogram import N_BINS
from computenet.kernels.replica_state import (
    BLOCK,
    CONTINUOUS_BATCHING,
    FREE_BLOCKS,
    FREE_NODE,
    FREE_NODES,
    LAW,
    NEXT_S,
    PROCESSOR_SHARING,
    QUEUE_HEAD,
    QUEUE_TAIL,
    ReplicaFacts,
    RequestOut,
    RequestState,
    WaitArena,
)

__all__ = [
    "EngineFacts",
    "RequestChunk",
    "RoutingPlan",
    "grow_arena",
    "make_arena",
    "make_replica_facts",
    "make_request_out",
    "make_request_state",
]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
I4 = NDArray[np.int32]
U1 = NDArray[np.uint8]


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
