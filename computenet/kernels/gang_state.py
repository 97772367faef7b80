"""Where gang jobs are placed, kept so that the best job that fits is found in O(log jobs).

An *arc* is a job that may go to a pool. Arcs stand once by job and once by pool; a pool's arcs are
sorted by the servers they take, and over each pool's list lies a tree of maxima whose leaves are
the arcs of jobs that wait. The best waiting job that takes at most `x` servers is then one binary
search and one walk up the tree; a job that starts or stops waiting is one walk in each of its
pools' trees.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from computenet.kernels._jit import njit, njit_inline

__all__ = [
    "GangArcs", "GangState", "assign", "best_waiting", "fragments", "gang_arcs", "gang_state",
    "load_state",
]  # fmt: skip

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]

_NONE = -1


class GangArcs(NamedTuple):
    """What does not change: ``J`` jobs, ``P`` pools, ``A`` arcs, ``K`` sizes of gangs."""

    job_first: I8  # (J + 1,) arcs of job j are job_first[j] to job_first[j + 1]
    job: I8  # (A,)
    pool: I8  # (A,) by `profit - price * weight` within a job, the best first
    weight: I8  # (A,) servers taken
    profit: F8  # (A,)
    pool_first: I8  # (P + 1,) a pool's stretch of the two arrays below
    by_weight: I8  # (A,) arcs of the pools, lightest first
    sorted_weight: I8  # (A,) their weights
    place: I8  # (A,) where an arc stands in its pool's stretch
    leaves: I8  # (P,) leaves of a pool's tree, a power of two
    tree_first: I8  # (P,) the tree's node n is entry tree_first + n; its root is node 1
    capacity: I8  # (P,) servers
    size: I8  # (P, K) servers that the gang sizes to come take, ascending
    share: F8  # (P, K) share of gangs to come that take at least so many servers
    penalty: F8  # (P,) per server that is left as a fragment
    price: F8  # (P,) of a server, by which arcs are ranked


class GangState(NamedTuple):
    """A placement, and what is looked up in it."""

    arc: I8  # (J,) arc of a placed job; -1 waits
    room: I8  # (P,) servers left
    members: I8  # (A,) jobs in a pool, in its stretch
    filled: I8  # (P,) how many
    slot: I8  # (J,) where a placed job stands in its pool's stretch
    tree: I8  # arc of largest profit; -1 = no job of the leaves below waits


def gang_arcs(
    job: I8, pool: I8, weight: I8, profit: F8, jobs: int, capacity: I8, size: I8, share: F8,
    penalty: F8, price: F8,
) -> GangArcs:  # fmt: skip
    """Return the arcs with their orders; see `GangArcs`. Every weight must fit its pool."""
    pools = len(capacity)
    rank = np.lexsort((pool, price[pool] * weight - profit, job))
    job, pool, weight, profit = job[rank], pool[rank], weight[rank], profit[rank]
    job_first = np.concatenate([[0], np.cumsum(np.bincount(job, minlength=jobs))])
    held = np.bincount(pool, minlength=pools)
    pool_first = np.concatenate([[0], np.cumsum(held)])
    by_weight = np.lexsort((weight, pool))
    place = np.empty(len(job), dtype=np.int64)
    place[by_weight] = np.arange(len(job)) - pool_first[pool[by_weight]]
    leaves = np.left_shift(1, np.ceil(np.log2(np.maximum(held, 1))).astype(np.int64))
    tree_first = np.concatenate([[0], np.cumsum(2 * leaves)])[:pools]
    return GangArcs(
        job_first.astype(np.int64), job, pool, weight, profit, pool_first.astype(np.int64),
        by_weight, weight[by_weight], place, leaves, tree_first.astype(np.int64), capacity, size,
        share, penalty, price,
    )  # fmt: skip


def gang_state(arcs: GangArcs) -> GangState:
    """Return room for a placement; `load_state` fills it."""
    jobs, pools, count = len(arcs.job_first) - 1, len(arcs.capacity), len(arcs.job)
    return GangState(
        np.full(jobs, -1), arcs.capacity.copy(), np.empty(count, dtype=np.int64),
        np.zeros(pools, dtype=np.int64), np.full(jobs, -1),
        np.full(int(2 * arcs.leaves.sum()), -1),
    )  # fmt: skip


@njit_inline
def fragments(arcs: GangArcs, p: int, room: int) -> float:
    """Return the penalty of leaving `room` servers in pool `p`."""
    if arcs.penalty[p] <= 0.0 or room <= 0:
        return 0.0
    low, high = 0, arcs.size.shape[1]
    while low < high:  # the first size that does not fit
        middle = (low + high) // 2
        if arcs.size[p, middle] > room:
            high = middle
        else:
            low = middle + 1
    if low == arcs.size.shape[1]:
        return 0.0
    return float(arcs.penalty[p] * room * arcs.share[p, low])


@njit_inline
def _better(a: int, b: int, profit: F8) -> int:
    """Return the arc of larger profit, the first among equals; -1 is none."""
    if b < 0 or (a >= 0 and profit[a] >= profit[b]):
        return a
    return b


@njit_inline
def best_waiting(p: int, limit: int, arcs: GangArcs, state: GangState) -> int:
    """Return the arc of largest profit of a waiting job that takes at most `limit` of pool `p`."""
    low, high = arcs.pool_first[p], arcs.pool_first[p + 1]
    first = low
    while low < high:
        middle = (low + high) // 2
        if arcs.sorted_weight[middle] <= limit:
            low = middle + 1
        else:
            high = middle
    tree, base = state.tree, arcs.tree_first[p]
    node = arcs.leaves[p] + (low - first)  # one past the last leaf that fits
    found = -1
    if low - first == arcs.leaves[p]:
        return int(tree[base + 1])
    while node > 1:
        if node & 1:
            found = _better(tree[base + node - 1], found, arcs.profit)
        node >>= 1
    return int(found)


@njit_inline
def _set_leaves(j: int, waits: bool, arcs: GangArcs, state: GangState) -> None:
    tree, profit = state.tree, arcs.profit
    for a in range(arcs.job_first[j], arcs.job_first[j + 1]):
        p = arcs.pool[a]
        base = arcs.tree_first[p]
        node = arcs.leaves[p] + arcs.place[a]
        tree[base + node] = a if waits else _NONE
        node >>= 1
        while node >= 1:
            best = _better(tree[base + 2 * node], tree[base + 2 * node + 1], profit)
            if tree[base + node] == best:
                break
            tree[base + node] = best
            node >>= 1


@njit_inline
def assign(j: int, a: int, arcs: GangArcs, state: GangState) -> float:
    """Move job `j` to arc `a`, or let it wait (-1), whatever it does now; return the gain."""
    gain = 0.0
    old = state.arc[j]
    if old >= 0:
        p = arcs.pool[old]
        gain += fragments(arcs, p, state.room[p]) - arcs.profit[old]
        state.room[p] += arcs.weight[old]
        gain -= fragments(arcs, p, state.room[p])
        state.filled[p] -= 1
        last = state.members[arcs.pool_first[p] + state.filled[p]]
        state.members[arcs.pool_first[p] + state.slot[j]] = last
        state.slot[last] = state.slot[j]
        state.slot[j] = -1
    if a >= 0:
        p = arcs.pool[a]
        gain += fragments(arcs, p, state.room[p]) + arcs.profit[a]
        state.room[p] -= arcs.weight[a]
        gain -= fragments(arcs, p, state.room[p])
        state.slot[j] = state.filled[p]
        state.members[arcs.pool_first[p] + state.filled[p]] = j
        state.filled[p] += 1
    state.arc[j] = a
    if (old < 0) != (a < 0):
        _set_leaves(j, a < 0, arcs, state)
    return gain


@njit
def load_state(placed: I8, arcs: GangArcs, state: GangState) -> float:
    """Fill the state with a placement that fits, and return what it is worth.

    Parameters
    ----------
    placed
        ``(J,)`` arcs, -1 waits.
    """
    for p in range(len(arcs.capacity)):
        state.room[p] = arcs.capacity[p]
        state.filled[p] = 0
    for n in range(len(state.tree)):
        state.tree[n] = _NONE
    worth = 0.0
    for j in range(len(placed)):
        a = placed[j]
        state.arc[j] = a
        if a >= 0:
            p = arcs.pool[a]
            state.room[p] -= arcs.weight[a]
            state.slot[j] = state.filled[p]
            state.members[arcs.pool_first[p] + state.filled[p]] = j
            state.filled[p] += 1
            worth += arcs.profit[a]
        else:
            state.slot[j] = -1
            for b in range(arcs.job_first[j], arcs.job_first[j + 1]):
                q = arcs.pool[b]
                state.tree[arcs.tree_first[q] + arcs.leaves[q] + arcs.place[b]] = b
    for p in range(len(arcs.capacity)):
        base = arcs.tree_first[p]
        for node in range(arcs.leaves[p] - 1, 0, -1):
            state.tree[base + node] = _better(
                state.tree[base + 2 * node], state.tree[base + 2 * node + 1], arcs.profit
            )
        worth -= fragments(arcs, p, state.room[p])
    return worth
