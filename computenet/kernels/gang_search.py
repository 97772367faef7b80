"""Greedy filling and iterated search of gang placements (see `gang_state`, `gang_moves`).

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
from computenet.kernels.gang_moves import has_room, make_move, settle, take_back
from computenet.kernels.gang_state import GangArcs, GangState, best_waiting
from computenet.kernels.random_streams import uniform

__all__ = ["fill_greedily", "search"]

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
        gain += make_move(j, -1, arcs, state, log)
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
        gain += make_move(out, -1, arcs, state, log)
    gain += make_move(j, b, arcs, state, log)
    for n in range(began, log[0] - 1):
        m = log[1 + 2 * n]
        for c in range(arcs.job_first[m], arcs.job_first[m + 1]):
            if arcs.profit[c] > 0.0 and arcs.weight[c] <= state.room[arcs.pool[c]]:
                gain += make_move(m, c, arcs, state, log)
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
        gain += make_move(state.members[at], -1, arcs, state, log)
    return gain


@njit_inline
def _refill(p: int, arcs: GangArcs, state: GangState, streams: U8, log: I8) -> float:
    """Fill a pool with the best waiting job of at most a random part of the room, and again."""
    gain = 0.0
    while state.room[p] > 0 and has_room(log):
        limit = int(state.room[p] * uniform(streams, 0))
        k = best_waiting(p, limit, arcs, state)
        if k < 0 or arcs.profit[k] <= 0.0:
            break
        gain += make_move(arcs.job[k], k, arcs, state, log)
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
        gain += settle(tolerance, arcs, state, dirty, log)
        if gain < 0.0:
            take_back(arcs, state, log)
            continue
        worth += gain
        if worth > top + tolerance:
            top = worth
            for j in range(len(best)):
                best[j] = state.arc[j]
    return top
