"""Fair division by progressive filling: one resource, and several resources at once.

A *level* rises from zero and every user gets what its weight makes of the level, until it has all
that it wants or a resource that it needs is full. The level at which a resource fills is the root
of a concave, piecewise linear function of the level; Newton's method from the left reaches it in
finitely many steps, because each step lands on the line of the piece it is on. With n pieces the
number of steps grows only with the logarithm of the range of the numbers (T. Radzik, *Fractional
combinatorial optimization*, 1998, lemma 2.1: the residual times the slope falls at least fourfold
a step). So the result is exact up to rounding, without sorting.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from computenet.kernels._jit import njit

__all__ = ["fill_dominant_shares", "fill_level"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]

#: Terms added up at a time, so that rounding does not grow with the number of users.
BLOCK = 4096


@njit
def fill_level(capacity: float, weight: F8, cap: F8) -> tuple[float, int]:
    """Return the level ``t`` with ``sum_i min(cap_i, weight_i t) = capacity``, and the steps taken.

    The level is infinite where the capacity covers every cap.

    Parameters
    ----------
    capacity
        Amount to divide, at least 0.
    weight
        ``(n,)`` at least 0; a user of weight 0 gets nothing unless there is enough for all.
    cap
        ``(n,)`` most that each user takes; may be infinite.
    """
    n = weight.shape[0]
    total = 0.0
    for i in range(n):
        total += cap[i]
    if total <= capacity:
        return np.inf, 0
    level, capped_before, steps = 0.0, -1, 0
    while True:
        held, rate, capped = 0.0, 0.0, 0
        for begin in range(0, n, BLOCK):
            part_held, part_rate = 0.0, 0.0
            for i in range(begin, min(begin + BLOCK, n)):
                if cap[i] <= weight[i] * level:
                    part_held += cap[i]
                    capped += 1
                else:
                    part_rate += weight[i]
            held += part_held
            rate += part_rate
        if capped == capped_before:
            return level, steps
        steps += 1
        capped_before = capped
        if rate <= 0.0:
            return level if steps > 1 else np.inf, steps
        level = max(level, (capacity - held) / rate)


@njit
def fill_dominant_shares(
    demand: F8,
    capacity: F8,
    speed: F8,
    cap: F8,
    active: I8,
    used: F8,
    rate: F8,
    full: I8,
    tasks: F8,
    level_of: F8,
) -> int:
    """Raise all tasks ``speed_i t`` together until caps or full resources stop them.

    Returns the number of Newton steps.

    Parameters
    ----------
    demand
        ``(n, R)`` of each resource by one task.
    capacity
        ``(R,)``.
    speed
        ``(n,)`` tasks a unit of level, i.e. weight over dominant share of one task.
    cap
        ``(n,)`` most tasks.
    active
        ``(n,)`` scratch.
    used, rate
        ``(R,)`` scratch: what is held by users that have stopped, and used a unit of level.
    full
        ``(R,)`` written: 1 = the resource is full.
    tasks
        ``(n,)`` written.
    level_of
        ``(n,)`` written: the level at which each user stopped.
    """
    n, resources = demand.shape
    count = 0
    for r in range(resources):
        used[r] = 0.0
        full[r] = 0
    for i in range(n):
        tasks[i] = 0.0
        level_of[i] = 0.0
        blocked = False
        for r in range(resources):
            blocked = blocked or (demand[i, r] > 0.0 and capacity[r] <= 0.0)
        if not blocked:
            active[count] = i
            count += 1
    level, steps = 0.0, 0
    while count > 0:
        # One step: the earliest that any resource can be full if nobody else reaches its cap.
        for r in range(resources):
            rate[r] = 0.0
        for a in range(count):
            i = active[a]
            for r in range(resources):
                rate[r] += demand[i, r] * speed[i]
        least, reach = -1, np.inf
        for r in range(resources):
            if full[r] == 0 and rate[r] > 0.0:
                t = max((capacity[r] - used[r]) / rate[r], level)
                if t < reach:
                    least, reach = r, t
        level = reach
        steps += 1
        kept = 0
        for a in range(count):
            i = active[a]
            if cap[i] <= speed[i] * level:
                tasks[i] = cap[i]
                level_of[i] = cap[i] / speed[i]
                for r in range(resources):
                    used[r] += demand[i, r] * cap[i]
            else:
                active[kept] = i
                kept += 1
        if kept < count:
            count = kept
            continue
        full[least] = 1
        kept = 0
        for a in range(count):
            i = active[a]
            if demand[i, least] > 0.0:
                tasks[i] = speed[i] * level
                level_of[i] = level
                for r in range(resources):
                    used[r] += demand[i, r] * tasks[i]
            else:
                active[kept] = i
                kept += 1
        count = kept
    return steps
