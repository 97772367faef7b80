"""The control clock: what happens at one instant happens in a fixed order."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

import simpy
from simpy.events import EventPriority

__all__ = ["Agenda", "Rank"]


class Rank(IntEnum):
    """Order of control events at the same time, first to last."""

    OUTAGE = 0
    LINK = 1
    GRID = 2
    POWER = 3
    TARIFF = 4
    CHECKPOINT = 5
    PLAN = 6
    TICK = 7


class Agenda:
    """Calls actions at given times on a SimPy environment.

    SimPy orders events of one instant by priority and then by the order they were scheduled in;
    `Rank` is the priority, so the order never depends on who scheduled first.
    """

    def __init__(self) -> None:
        self.env = simpy.Environment()

    def at(self, time_s: float, rank: Rank, action: Callable[[float], None]) -> None:
        """Call ``action(now_s)`` at `time_s`."""
        event = self.env.event()
        event._ok = True
        event._value = None
        event.callbacks.append(lambda _: action(time_s))
        self.env.schedule(event, priority=EventPriority(int(rank)), delay=time_s - self.env.now)

    def every(
        self, period_s: float, until_s: float, rank: Rank, action: Callable[[float], None]
    ) -> None:
        """Call ``action(now_s)`` at 0, `period_s`, 2 `period_s` … before `until_s`.

        The times are multiples of the period, not sums, so they carry no rounding drift.
        """
        index = 0

        def call(now_s: float) -> None:
            nonlocal index
            action(now_s)
            index += 1
            if index * period_s < until_s:
                self.at(index * period_s, rank, call)

        self.at(0.0, rank, call)

    def run(self, until_s: float) -> None:
        """Run to the end of the horizon; events at `until_s` itself are not called."""
        self.env.run(until=until_s)
