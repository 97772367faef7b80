"""Greedy filling, local search and perturbation of gang placements (see `gang_state`).

The search is iterated (Lourenço, Martin and Stützle, *Iterated Local Search*, 2003): jobs are
forced into pools or thrown out of them at random, what they leave is filled again, moves of single
jobs and chains of up to four are made while they gain, and the whole is taken back when it is
worth less than before. Which job is forced is drawn in a tournament by regret: what the job would
be worth at given prices of servers, less what it is worth where it is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from computenet.kernels._jit import njit, njit_inline
from computenet.kernels.gang_state import GangArcs, GangState, assign, best_waiting, fragments
from computenet.kernels.random_streams import uniform

__all__ = ["descend", "fill_greedily", "move_log", "search"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
U8 = NDArray[np.uint64]

#: Shares of forced placements among perturbations, and of tournaments among those; entrants of a
#: tournament; most jobs thrown out of a pool. Found by trial on the benchmark's instances.
_FORCED, _TOURNAMENT, _ENTRANTS, _THROWN = 0.8, 0.6, 16, 4


@njit
def fill_greedily(order: I8, arcs: GangArcs, room: I8, placed: I8) -> None:
    """Place jobs one by one at their best-ranked arc that gains and fits; write `placed`, arcs."""
    for j in range(len(placed)):
        placed[j] = -1
    for p in range(len(room)):
        room[p] = arcs.capacity[p]
    for j in order:
        for a in range(arcs.job_first[j], arcs.job_first[j + 1]):
            if arcs.profit[a] > 0.0 and arcs.weight[a] <= room[arcs.pool[a]]:
                placed[j] = a
                room[arcs.pool[a]] -= arcs.weight[a]
                break


# ---- moves that can be taken back ---------------------------------------------------------


def move_log(jobs: int) -> I8:
    """Return room for the moves of one iteration: how many, then (job, arc before) of each."""
    return np.zeros(2 * (8 * jobs + 64) + 2, dtype=np.int64)


@njit_inline
def _has_room(log: I8) -> bool:
    return bool(2 * log[0] + 16 < len(log))


@njit_inline
def _move(j: int, a: int, arcs: GangArcs, state: GangState, log: I8) -> float:
    n = log[0]
    log[1 + 2 * n] = j
    log[2 + 2 * n] = state.arc[j]
    log[0] = n + 1
    return assign(j, a, arcs, state)


@njit
def _take_back(arcs: GangArcs, state: GangState, log: I8) -> None:
    for n in range(log[0] - 1, -1, -1):
        assign(log[1 + 2 * n], log[2 + 2 * n], arcs, state)


# ---- local search -------------------------------------------------------------------------


@njit_inline
def _insert(p: int, tolerance: float, arcs: GangArcs, state: GangState, log: I8) -> float:
    """Place the best waiting jobs that fit into pool `p` while each gains; return the gain."""
    total = 0.0
    while _has_room(log):
        k = best_waiting(p, state.room[p], arcs, state)
        if k < 0:
            break
        room = state.room[p]
        gain = fragments(arcs, p, room) - fragments(arcs, p, room - arcs.weight[k])
        if arcs.profit[k] + gain <= tolerance:
            break
        total += _move(arcs.job[k], k, arcs, state, log)
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
        total += _move(out, -1, arcs, state, log)
    total += _move(i, to, arcs, state, log)
    if to >= 0:
        dirty[arcs.pool[to]] = 1
    if k >= 0:
        total += _move(arcs.job[k], k, arcs, state, log)
    return total


@njit
def _improve_pool(
    p: int, tolerance: float, arcs: GangArcs, state: GangState, dirty: I8, log: I8
) -> float:
    """Make moves of pool `p`'s jobs until none gains; return the gain."""
    total = 0.0
    again = True
    while again and _has_room(log):
        again = False
        idle = 0.0
        for q in range(len(arcs.capacity)):
            if q != p:
                room = state.room[q]
                idle = max(idle, arcs.price[q] * room + fragments(arcs, q, room))
        total += _insert(p, tolerance, arcs, state, log)
        at = 0
        while at < state.filled[p] and _has_room(log):
            i = state.members[arcs.pool_first[p] + at]
            gain = _improve_job(i, idle, tolerance, arcs, state, dirty, log)
            total += gain
            again = again or gain > 0.0
            at += 1
    return total


@njit
def _settle(tolerance: float, arcs: GangArcs, state: GangState, dirty: I8, log: I8) -> float:
    """Improve pools marked in `dirty`, and those that this marks, until none is."""
    total = 0.0
    again = True
    while again:
        again = False
        for p in range(len(dirty)):
            if dirty[p]:
                dirty[p] = 0
                if _has_room(log):
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
        gain = _settle(tolerance, arcs, state, dirty, log)
        total += gain
        if gain <= tolerance:
            return total


# ---- perturbation -------------------------------------------------------------------------


@njit_inline
def _regret(j: int, arcs: GangArcs, state: GangState) -> float:
    first = arcs.job_first[j]
    if first == arcs.job_first[j + 1]:
        return 0.0
    regret = max(arcs.profit[first] - arcs.price[arcs.pool[first]] * arcs.weight[first], 0.0)
    a = state.arc[j]
    if a >= 0:
        regret -= arcs.profit[a] - arcs.price[arcs.pool[a]] * arcs.weight[a]
    return float(regret)


@njit_inline
def _draw_job(arcs: GangArcs, state: GangState, streams: U8) -> int:
    jobs = len(arcs.job_first) - 1
    chosen = int(uniform(streams, 0) * jobs)
    if uniform(streams, 0) < _TOURNAMENT:
        worst = _regret(chosen, arcs, state)
        for _ in range(_ENTRANTS - 1):
            j = int(uniform(streams, 0) * jobs)
            regret = _regret(j, arcs, state)
            if regret > worst:
                worst, chosen = regret, j
    return chosen


@njit_inline
def _force(b: int, arcs: GangArcs, state: GangState, streams: U8, dirty: I8, log: I8) -> float:
    """Place a job by arc `b`, throwing out jobs that are worth little; return the gain.

    Those thrown out are the ones of least profit per server that helps, times a random number;
    each goes to its best-ranked pool with room, if any.
    """
    j, p = arcs.job[b], arcs.pool[b]
    gain = 0.0
    if state.arc[j] >= 0:
        dirty[arcs.pool[state.arc[j]]] = 1
        gain += _move(j, -1, arcs, state, log)
    began = log[0]
    while state.room[p] < arcs.weight[b]:
        need = arcs.weight[b] - state.room[p]
        out, least = -1, 0.0
        first = arcs.pool_first[p]
        for s in range(first, first + state.filled[p]):
            m = state.members[s]
            c = state.arc[m]
            worth = arcs.profit[c] / min(arcs.weight[c], need) * (0.5 + uniform(streams, 0))
            if out < 0 or worth < least:
                out, least = m, worth
        gain += _move(out, -1, arcs, state, log)
    gain += _move(j, b, arcs, state, log)
    for n in range(began, log[0] - 1):
        m = log[1 + 2 * n]
        for c in range(arcs.job_first[m], arcs.job_first[m + 1]):
            if arcs.profit[c] > 0.0 and arcs.weight[c] <= state.room[arcs.pool[c]]:
                gain += _move(m, c, arcs, state, log)
                dirty[arcs.pool[c]] = 1
                break
    dirty[p] = 1
    return gain


@njit_inline
def _throw_out(p: int, arcs: GangArcs, state: GangState, streams: U8, log: I8) -> float:
    gain = 0.0
    for _ in range(1 + int(uniform(streams, 0) * _THROWN)):
        if state.filled[p] == 0:
            break
        at = arcs.pool_first[p] + int(uniform(streams, 0) * state.filled[p])
        gain += _move(state.members[at], -1, arcs, state, log)
    return gain


@njit_inline
def _refill(p: int, arcs: GangArcs, state: GangState, streams: U8, log: I8) -> float:
    """Fill a pool with the best waiting job of at most a random part of the room, and again."""
    gain = 0.0
    while state.room[p] > 0 and _has_room(log):
        limit = int(state.room[p] * uniform(streams, 0))
        k = best_waiting(p, limit, arcs, state)
        if k < 0 or arcs.profit[k] <= 0.0:
            break
        gain += _move(arcs.job[k], k, arcs, state, log)
    return gain


@njit
def _perturb(arcs: GangArcs, state: GangState, streams: U8, dirty: I8, log: I8) -> float:
    pools = len(arcs.capacity)
    gain = 0.0
    if uniform(streams, 0) < _FORCED:
        j = _draw_job(arcs, state, streams)
        u = uniform(streams, 0)
        first = arcs.job_first[j]
        # Mostly among the best-ranked arcs.
        b = first + int(u * u * u * (arcs.job_first[j + 1] - first))
        if b == arcs.job_first[j + 1] or b == state.arc[j] or arcs.profit[b] <= 0.0:
            return 0.0
        gain += _force(b, arcs, state, streams, dirty, log)
    else:
        for _ in range(2):
            p = int(uniform(streams, 0) * pools)
            gain += _throw_out(p, arcs, state, streams, log)
            dirty[p] = 1
    for p in range(pools):
        if dirty[p]:
            gain += _refill(p, arcs, state, streams, log)
    return gain


@njit
def search(
    iterations: int, worth: float, tolerance: float, arcs: GangArcs, state: GangState, best: I8,
    streams: U8, dirty: I8, log: I8,
) -> float:  # fmt: skip
    """Perturb and improve a placement `iterations` times; return what the best is worth.

    Parameters
    ----------
    worth
        Of the placement in `state`, which is left at the last one kept.
    tolerance
        Least gain of a move.
    best
        ``(J,)`` arcs of the best placement, written.
    streams
        Random numbers; row 0 is used.
    dirty, log
        ``(P,)`` and `move_log`: working memory.
    """
    for j in range(len(best)):
        best[j] = state.arc[j]
    top = worth
    for _ in range(iterations):
        log[0] = 0
        gain = _perturb(arcs, state, streams, dirty, log)
        if log[0] == 0:
            continue
        gain += _settle(tolerance, arcs, state, dirty, log)
        if gain < 0.0:
            _take_back(arcs, state, log)
            continue
        worth += gain
        if worth > top + tolerance:
            top = worth
            for j in range(len(best)):
                best[j] = state.arc[j]
    return top
