"""Stretches of a run in which requests are simulated, and the clock that runs only in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Windows"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
B1 = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Windows:
    """Stretch `k` runs from ``k period`` to ``k period + warmup + window``, cut at the horizon.

    The *inner* clock stands still between stretches: requests under way at the end of one go on at
    the beginning of the next. Only what lies behind the warm-up of a stretch is counted.

    Attributes
    ----------
    period_s, warmup_s, window_s
        Multiples of the slot; the first two together are less than the period.
    horizon_s, slot_s
        Length of the run and of an accounting slot.
    """

    period_s: float
    warmup_s: float
    window_s: float
    horizon_s: float
    slot_s: float

    @property
    def length_s(self) -> float:
        """Length of a whole stretch."""
        return self.warmup_s + self.window_s

    def inner_s(self, time_s: float) -> float:
        """Return the inner time at a time of the run."""
        number = int(time_s / self.period_s)
        return number * self.length_s + min(time_s - number * self.period_s, self.length_s)

    def holds(self, begin_s: float, end_s: float) -> bool:
        """Return whether all of an interval lies in one stretch."""
        number = int(begin_s / self.period_s)
        return end_s <= number * self.period_s + self.length_s

    def edge_after(self, time_s: float) -> float:
        """Return the next begin or end of a stretch after a time."""
        begin_s = int(time_s / self.period_s) * self.period_s
        end_s = begin_s + self.length_s
        return end_s if time_s < end_s else begin_s + self.period_s

    def outside_s(self, begin_s: float, end_s: float) -> float:
        """Return how much of an interval lies outside all stretches."""
        return end_s - begin_s - (self.inner_s(end_s) - self.inner_s(begin_s))

    def counted(self) -> list[tuple[float, float]]:
        """Return begin and end of what is counted of each stretch."""
        found = []
        for begin_s in np.arange(0.0, self.horizon_s, self.period_s).tolist():
            end_s = min(begin_s + self.length_s, self.horizon_s)
            if begin_s + self.warmup_s < end_s:
                found.append((begin_s + self.warmup_s, end_s))
        return found

    @property
    def inner_slots(self) -> int:
        """Slots of the inner clock."""
        return int(np.ceil(self.inner_s(self.horizon_s) / self.slot_s - 1e-9))

    def slots(self) -> tuple[I8, B1]:
        """Return the inner slot of every slot (-1 = none), and whether the slot is counted."""
        count = int(np.ceil(self.horizon_s / self.slot_s - 1e-9))
        a_period, warmup, length = (
            round(value / self.slot_s) for value in (self.period_s, self.warmup_s, self.length_s)
        )
        number, place = np.divmod(np.arange(count, dtype=np.int64), a_period)
        inner: I8 = np.where(place < length, number * length + place, -1)
        counted: B1 = (place >= warmup) & (place < length)
        return inner, counted
