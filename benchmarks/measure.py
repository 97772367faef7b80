"""Timing: medians of several, and how they are shown."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Figure", "median_s"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure and what it must reach."""

    name: str
    value: float
    unit: str
    wanted: str
    met: bool

    def line(self) -> str:
        """Return the figure as a line of text."""
        mark = "met" if self.met else "MISSED"
        return f"{self.name:<58} {self.value:>12,.3f} {self.unit:<14} {self.wanted:<12} {mark}"


def median_s(action: Callable[[], object], times: int) -> float:
    """Return the median wall time of calling `action`."""
    walls = []
    for _ in range(times):
        begin = time.perf_counter()
        action()
        walls.append(time.perf_counter() - begin)
    return statistics.median(walls)
