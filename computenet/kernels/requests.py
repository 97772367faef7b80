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

from typing import Any

import numpy as np
from numpy.typing import NDArray

from computenet.kernels._jit import njit, njit_inline
from computenet.kernels.replica import arrive, close_slot, drop_all, run_replica
from computenet.kernels.replica_state import (
    CURSOR,
    DECODING,
    FRESH,
    PREFILLING,
    PRESENT,
    QUEUE_HEAD,
    SLOT,
    TOKENS,
    ReplicaFacts,
    RequestOut,
    RequestState,
    WaitArena,
)
from computenet.kernels.request_state import RequestChunk, RoutingPlan

__all__ = [
    "advance_requests",
    "advance_requests_packed",
    "choose_replica",
    "close_requests",
    "close_slots",
    "count_present",
    "fail_group",
    "route_request",
    "settle_requests",
]

I8 = NDArray[np.int64]

ROUND_ROBIN, RANDOM, LEAST_WORK, TWO_CHOICES = 0, 1, 2, 3


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
