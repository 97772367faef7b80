"""Who draws which demand and who serves which replica: a division that no result depends on."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from computenet.kernels.requests import RANDOM
from computenet.sharding.queues import F8, I4, QueueFacts

__all__ = ["Division", "divide", "share_out", "units"]

#: Part of a replica's work that is taken to follow the plan at the start of the run; the rest is
#: taken to follow the fleet, because plans change and a division stays.
PLANNED = 0.75


@dataclass(frozen=True, slots=True)
class Division:
    """Worker of every demand and of every replica.

    Attributes
    ----------
    workers
        How many there are.
    of_demand
        ``(D,)``.
    of_replica
        ``(N,)``.
    """

    workers: int
    of_demand: I4
    of_replica: I4

    def idle(self) -> int:
        """Return how many workers have nothing to do."""
        busy = np.union1d(self.of_demand, self.of_replica)
        return self.workers - len(busy)


def share_out(weight: F8, workers: int) -> NDArray[np.int64]:
    """Return the worker of each item: the heaviest first, to whoever has least.

    Longest processing time first: at most 4/3 of the best possible (Graham 1969).
    """
    worker = np.zeros(len(weight), dtype=np.int64)
    load = [(0.0, 0, index) for index in range(workers)]
    for item in np.argsort(-weight, kind="stable").tolist():
        sum_, count, index = heapq.heappop(load)
        worker[item] = index
        heapq.heappush(load, (sum_ + float(weight[item]), count + 1, index))
    return worker


def units(facts: QueueFacts) -> tuple[I4, NDArray[np.int64]]:
    """Return the unit of every replica ``(N,)``, what stays together, and the group of each unit.

    Lanes where a replica is drawn at random; whole groups where the choice looks at others of the
    group.
    """
    group = np.repeat(np.arange(len(facts.replicas)), facts.replicas)
    if facts.choice != RANDOM:
        return group.astype(np.int32), np.arange(len(facts.replicas))
    lane, _ = facts.lanes()
    of_unit = np.zeros(facts.n_lanes(), dtype=np.int64)
    of_unit[lane] = group
    return lane, of_unit


def divide(facts: QueueFacts, workers: int, rate_per_s: F8, shares: F8) -> Division:
    """Return a division by the requests expected.

    Parameters
    ----------
    facts
        What the queues stand on.
    workers
        How many there are.
    rate_per_s
        ``(D,)`` requests a second of each demand.
    shares
        ``(D, G)`` the plan at the start.
    """
    unit, group = units(facts)
    size = np.bincount(unit, minlength=len(group)).astype(np.float64)
    arcs = rate_per_s @ shares
    planned = arcs[group] * size / np.maximum(facts.replicas[group], 1)
    work = np.zeros(len(group))
    for part, total in ((PLANNED, planned), (1.0 - PLANNED, size)):
        if total.sum() > 0.0:
            work += part * total / total.sum()
    return Division(
        workers,
        share_out(np.asarray(rate_per_s, dtype=np.float64), workers).astype(np.int32),
        share_out(work, workers)[unit].astype(np.int32),
    )
