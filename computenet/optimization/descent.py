"""Minimising a smooth function within bounds, on one thread and the same on every machine.

Limited-memory BFGS (Liu and Nocedal, *Math. Programming* 45, 1989) on the variables that are free
to move, steps projected onto the bounds (Bertsekas, *SIAM J. Control Optim.* 20, 1982). scipy has a
finer method, but its dense algebra runs on as many threads as there are, and sums in their order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["minimise_within"]

F8 = NDArray[np.float64]
B1 = NDArray[np.bool_]

#: Pairs of steps and slopes that are remembered.
MEMORY = 20
#: Part of the fall that the slope promises that a step must bring (Armijo).
ENOUGH = 1e-4
#: Trials of one step, and how each is shortened; first gently, then fast.
TRIALS, GENTLE, SHORTER, MUCH_SHORTER = 20, 3, 0.5, 0.1
#: Free slopes below this share of the value are flat.
FLAT = 1e-12


def minimise_within(
    function: Callable[[F8], tuple[float, F8]],
    start: F8,
    most: F8,
    steps: int,
    stop: Callable[[], bool] = lambda: False,
) -> F8:
    """Return a point between 0 and `most` that is lower than `start`, or `start`.

    Parameters
    ----------
    function
        Gives value and slope at a point.
    start
        ``(n,)`` within the bounds.
    most
        ``(n,)`` upper bounds; infinite = none.
    steps
        Most steps; each takes one value, or a few.
    stop
        Asked before each step whether to end.
    """
    at = start
    value, slope = function(at)
    memory: deque[tuple[F8, F8]] = deque(maxlen=MEMORY)
    for _ in range(steps):
        free = ~(((at <= 0.0) & (slope > 0.0)) | ((at >= most) & (slope < 0.0)))
        if stop() or not (np.abs(slope[free]) > FLAT * max(abs(value), 1.0)).any():
            break
        way = _direction(slope, free, memory)
        if float(way @ slope) >= 0.0:
            memory.clear()
            way = _direction(slope, free, memory)
        found = _line_search(function, at, value, slope, way, most)
        if found is None:
            break
        moved, value, new_slope = found
        step, bend = moved - at, new_slope - slope
        if float(step @ bend) > 0.0:
            memory.append((step, bend))
        at, slope = moved, new_slope
    return at


def _direction(slope: F8, free: B1, memory: deque[tuple[F8, F8]]) -> F8:
    """Return the quasi-Newton direction of the free variables (two-loop recursion)."""
    way = np.where(free, slope, 0.0)
    used: list[tuple[F8, F8, float, float]] = []
    for full_step, full_bend in reversed(memory):
        step, bend = np.where(free, full_step, 0.0), np.where(free, full_bend, 0.0)
        curve = float(step @ bend)
        if curve > 1e-12 * float(bend @ bend):
            share = float(step @ way) / curve
            way = way - share * bend
            used.append((step, bend, curve, share))
    if used:
        _, bend, curve, _ = used[0]
        way = way * (curve / float(bend @ bend))
    else:
        way = way / max(float(np.abs(way).sum()), 1.0)
    for step, bend, curve, share in reversed(used):
        way = way + (share - float(bend @ way) / curve) * step
    return np.where(free, -way, 0.0)


def _line_search(
    function: Callable[[F8], tuple[float, F8]], at: F8, value: float, slope: F8, way: F8, most: F8
) -> tuple[F8, float, F8] | None:
    """Return the first shorter and shorter step that brings enough, its value and slope."""
    length = 1.0
    for trial in range(TRIALS):
        moved = np.clip(at + length * way, 0.0, most)
        new_value, new_slope = function(moved)
        promised = ENOUGH * float(slope @ (moved - at))
        if np.isfinite(new_value) and new_value <= value + promised:
            return moved, new_value, new_slope
        length *= SHORTER if trial < GENTLE else MUCH_SHORTER
    return None
