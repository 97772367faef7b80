"""The shape of a day and of a week in arrivals, by the clock where the trace tells it."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from computenet.workload.generators.calendar import day_kinds
from computenet.workload.traces.trace import Origin

__all__ = ["DAY_S", "Calendar", "calendar_of", "kinds_of"]

F8 = NDArray[np.float64]

DAY_S, HOUR_S, WEEK_S = 86_400.0, 3600.0, 604_800.0
#: A Monday.
MONDAY = date(2025, 7, 7)
#: First of the weekdays 0 to 6 that is free.
SATURDAY = 5


class Calendar(NamedTuple):
    """How arrivals follow the calendar.

    Attributes
    ----------
    hourly
        ``(24,)`` shape of a day from the first row on, mean 1.
    clock
        ``(24,)`` shape of a day from midnight on, mean 1; the same where no clock is on record.
    weekend
        Weekend over weekday.
    first_day
        Weekday of the first row, 0 to 6 = Monday to Sunday; Monday where it is not needed.
    notes
        What the trace could not tell.
    """

    hourly: F8
    clock: F8
    weekend: float
    first_day: int
    notes: tuple[str, ...]


def calendar_of(times: F8, first_s: float, span_s: float, origin: Origin | None) -> Calendar:
    """Return how arrivals follow the calendar.

    Parameters
    ----------
    times, first_s
        ``(n,)`` seconds since the first row, and where that stands in the trace's time.
    span_s
        Length of the trace.
    origin
        The wall clock at the trace's time 0, where it is known.
    """
    if span_s < DAY_S:
        return Calendar(np.ones(24), np.ones(24), 1.0, 0, ("shorter than a day: no daily shape",))
    notes: list[str] = []
    hourly = clock = _from_first(times, span_s)
    days, begin_s = divmod(first_s + (0.0 if origin is None else origin.second_s), DAY_S)
    if origin is None:
        notes.append("the hour of the first row is not on record: it counts as 0 h")
    else:
        clock = _from_midnight(times, begin_s, span_s)
    if span_s < WEEK_S:
        return Calendar(hourly, clock, 1.0, 0, tuple(notes))
    if origin is None or origin.weekday is None:
        notes.append("weekdays are not on record: the two quietest days in a row are the weekend")
        return Calendar(hourly, clock, _quietest(times, span_s), 0, tuple(notes))
    first_day = int(origin.weekday + days) % 7
    day = np.bincount(((begin_s + times) // DAY_S).astype(np.int64))
    whole = slice(int(begin_s > 0.0), int((begin_s + span_s) // DAY_S))
    free = ((first_day + np.arange(len(day))) % 7 >= SATURDAY)[whole]
    rest, work = day[whole][free].mean(), day[whole][~free].mean()
    weekend = float(rest / work) if work > 0.0 else 1.0
    return Calendar(hourly, clock, weekend, first_day, tuple(notes))


def _from_first(times: F8, span_s: float) -> F8:
    """Return the shape of a day that begins with the first row, of whole hours."""
    hours = np.bincount((times // HOUR_S).astype(np.int64))[: int(span_s // HOUR_S)]
    at = np.arange(len(hours)) % 24
    often = np.bincount(at, minlength=24)
    shape: F8 = np.bincount(at, weights=hours, minlength=24) / np.maximum(often, 1)
    return shape / shape.mean() if shape.mean() > 0.0 else np.ones(24)


def _from_midnight(times: F8, begin_s: float, span_s: float) -> F8:
    """Return the shape of a day that begins at midnight: rows over the time that was seen.

    Parameters
    ----------
    begin_s
        Seconds from midnight to the first row; `span_s` is a day or more.
    """
    hours = np.bincount(((begin_s + times) // HOUR_S).astype(np.int64))
    edges = np.clip(HOUR_S * np.arange(len(hours) + 1), begin_s, begin_s + span_s)
    at = np.arange(len(hours)) % 24
    seen_s = np.bincount(at, weights=np.diff(edges), minlength=24)
    shape: F8 = np.bincount(at, weights=hours, minlength=24) / seen_s
    return np.asarray(shape / shape.mean(), dtype=np.float64)


def _quietest(times: F8, span_s: float) -> float:
    """Return the two days in a row with fewest rows over the other days of a week."""
    day = np.bincount((times // DAY_S).astype(np.int64))[: int(span_s // DAY_S)]
    mean = np.asarray([day[at::7].mean() for at in range(7)])
    pairs = mean + np.roll(mean, -1)
    low = int(pairs.argmin())
    rest = np.delete(mean, [low, (low + 1) % 7]).mean()
    return float(pairs[low] / 2.0 / rest) if rest > 0.0 else 1.0


def kinds_of(span_s: float, first_day: int) -> NDArray[np.int64]:
    """Return the kind of each day of a span that begins on a weekday; see `day_kinds`."""
    first = MONDAY.replace(day=MONDAY.day + first_day)
    return day_kinds(first, int(np.ceil(span_s / DAY_S)) + 1, (), ())
