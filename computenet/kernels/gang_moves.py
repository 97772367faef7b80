"""Moves of gang jobs, which can be taken back, and local search by them (see `gang_state`)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from computenet.kernels._jit import njit, njit_inline
from computenet.kernels.gang_state import GangArcs, GangState, assign, best_waiting, fragments

__all__ = ["descend", "has_room", "make_move", "move_log", "settle", "take_back"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]


def move_log(jobs: int) -> I8:
    """Return room for the moves of one iteration: how many, then (job, arc before) of each."""
    return np.zeros(2 * (8 * jobs + 64) + 2, dtype=np.int64)


@njit_inline
def has_room(log: I8) -> bool:
    """Return whether a few more moves can be written down."""
    return bool(2 * log[0] + 16 < len(log))


@njit_inline
def make_move(j: int, a: int, arcs: GangArcs, state: GangState, log: I8) -> float:
    """Move a job as `assign` does, and write down where it was."""
    n = log[0]
    log[1 + 2 * n] = j
    log[2 + 2 * n] = state.arc[j]
    log[0] = n + 1
    return assign(j, a, arcs, state)


@njit
def take_back(arcs: GangArcs, state: GangState, log: I8) -> None:
    """Undo the moves written down, the last first."""
    for n in range(log[0] - 1, -1, -1):
        assign(log[1 + 2 * n], log[2 + 2 * n], arcs, state)


# ---- local search -------------------------------------------------------------------------


@njit_inline
def _insert(p: int, tolerance: float, arcs: GangArcs, state: GangState, log: I8) -> float:
    """Place the best waiting jobs that fit into pool `p` while each gains; return the gain."""
    total = 0.0
    while has_room(log):
        k = best_waiting(p, state.room[p], arcs, state)
        if k < 0:
            break
        room = state.room[p]
        gain = fragments(arcs, p, room) - fragments(arcs, p, room - arcs.weight[k])
        if arcs.profit[k] + gain <= tolerance:
            break
        total += make_move(arcs.job[k], k, arcs, state, log)
    return total


@njit_inline
def _cheapest_out(
    b: int, gain: float, best: float, arcs: GangArcs, state: GangState
) -> tuple[float, int]:
    """Return the best gain above `best` of letting arc `b` in and one job out, and that job."""
    q = arcs.pool[b]
    need = arcs.weight[b] - state.room[q]
    found = -1
    if gain - best <= arcs.price[q] * need:  # no job of that weight is worth so little
        return best, found
    now = fragments(arcs, q, state.room[q])
    first = arcs.pool_first[q]
    for s in range(first, first + state.filled[q]):
        m = state.members[s]
        c = state.arc[m]
        if arcs.weight[c] >= need and gain - arcs.profit[c] + now > best:
            less = now - fragments(arcs, q, arcs.weight[c] - need)
            if gain - arcs.profit[c] + less > best:
                best, found = gain - arcs.profit[c] + less, m
    return best, found


@njit_inline
def _improve_job(
    i: int, idle: float, tolerance: float, arcs: GangArcs, state: GangState, dirty: I8, log: I8
) -> float:
    """Make the best gaining move that takes job `i` out of its pool; return the gain.

    The best waiting job takes its place, if there is one, while `i` waits (swap), goes to another
    pool with room (shift), or throws a job out of another pool (ejection chain). Arcs are ranked,
    so the rest cannot gain once one falls short by more than `idle`, the largest priced room.
    """
    a = state.arc[i]
    p = arcs.pool[a]
    free = state.room[p] + arcs.weight[a]
    k = best_waiting(p, free, arcs, state)
    inside = fragments(arcs, p, state.room[p]) - arcs.profit[a]
    if k >= 0 and arcs.profit[k] > 0.0:
        inside += arcs.profit[k] - fragments(arcs, p, free - arcs.weight[k])
    else:
        k = -1
        inside -= fragments(arcs, p, free)
    best, to, out = tolerance, -2, -1
    if inside > best:
        best, to = inside, -1
    for b in range(arcs.job_first[i], arcs.job_first[i + 1]):
        q = arcs.pool[b]
        gain = inside + arcs.profit[b]
        if gain - arcs.price[q] * arcs.weight[b] + idle <= best:
            break
        if q == p or gain <= best:
            continue
        room = state.room[q]
        if room >= arcs.weight[b]:
            gain += fragments(arcs, q, room) - fragments(arcs, q, room - arcs.weight[b])
            if gain > best:
                best, to, out = gain, b, -1
        else:
            gain, m = _cheapest_out(b, gain, best, arcs, state)
            if m >= 0:
                best, to, out = gain, b, m
    if to == -2:
        return 0.0
    total = 0.0
    if out >= 0:
        total += make_move(out, -1, arcs, state, log)
    total += make_move(i, to, arcs, state, log)
    if out >= 0:
        dirty[arcs.pool[to]] = 1
    if k >= 0:
        total += make_move(arcs.job[k], k, arcs, state, log)
    return total


@njit
def _improve_pool(
    p: int, tolerance: float, arcs: GangArcs, state: GangState, dirty: I8, log: I8
) -> float:
    """Make moves of pool `p`'s jobs until none gains; return the gain."""
    total = 0.0
    again = True
    while again and has_room(log):
        again = False
        idle = 0.0
        for q in range(len(arcs.capacity)):
            if q != p:
                room = state.room[q]
                idle = max(idle, arcs.price[q] * room + fragments(arcs, q, room))
        total += _insert(p, tolerance, arcs, state, log)
        at = 0
        while at < state.filled[p] and has_room(log):
            i = state.members[arcs.pool_first[p] + at]
            gain = _improve_job(i, idle, tolerance, arcs, state, dirty, log)
            total += gain
            again = again or gain > 0.0
            at += 1
    return total


@njit
def settle(tolerance: float, arcs: GangArcs, state: GangState, dirty: I8, log: I8) -> float:
    """Improve pools marked in `dirty`, and those that this marks, until none is."""
    total = 0.0
    again = True
    while again:
        again = False
        for p in range(len(dirty)):
            if dirty[p]:
                dirty[p] = 0
                if has_room(log):
                    total += _improve_pool(p, tolerance, arcs, state, dirty, log)
                    again = True
    return total


@njit
def descend(tolerance: float, arcs: GangArcs, state: GangState, dirty: I8, log: I8) -> float:
    """Improve all pools until no move gains; return the gain."""
    total = 0.0
    while True:
        log[0] = 0
        for p in range(len(dirty)):
            dirty[p] = 1
        gain = settle(tolerance, arcs, state, dirty, log)
        total += gain
        if gain <= tolerance:
            return total
