"""The dispatch model: a window from nothing, and the next hours from the last basis."""

from __future__ import annotations

import time
from collections.abc import Iterator
from statistics import median

from benchmarks.measure import Figure
from benchmarks.optimizer.dispatch_case import network
from computenet.optimization.dispatch import Dispatcher, carry_after, window

__all__ = ["run"]


def _size(sites: int, hours: int, rolls: int, cold_s: float, rolling_s: float) -> Iterator[Figure]:
    whole = network(sites, hours + rolls)
    name = f"{sites} sites x {hours} h"
    dispatcher, carry, walls = Dispatcher(), None, []
    warm = 0
    for hour in range(rolls + 1):
        problem = window(whole, hour, hour + hours, carry)
        begin = time.perf_counter()
        answer = dispatcher.solve(problem)
        walls.append(time.perf_counter() - begin)
        warm += answer.warm
        carry = carry_after(problem, answer)
    yield Figure(f"{name}: cold", walls[0], "s", f"<= {cold_s:g}", walls[0] <= cold_s)
    rolling = median(walls[1:])
    yield Figure(f"{name}: rolling hour", rolling, "s", f"<= {rolling_s:g}", rolling <= rolling_s)
    yield Figure("    slowest of them", max(walls[1:]), "s", "", True)
    yield Figure("    solved from the last basis", 100.0 * warm / rolls, "%", "", True)


def run() -> Iterator[Figure]:
    """Measure the sizes that matter."""
    yield from _size(10, 24, 12, 1.0, 0.1)
    yield from _size(30, 72, 6, 20.0, 1.0)
