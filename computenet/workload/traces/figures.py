"""Figures that every trace has: arrivals, durations, tokens."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from computenet.errors import Problem, TraceError

__all__ = ["arrival_figures", "distribution", "mean_known", "order_of", "plain"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]


def plain(value: Any) -> Any:
    """Return a number as ``int`` where it is whole to 12 digits, else as ``float``."""
    number = float(value)
    if not number.is_integer():
        number = float(f"{number:.12g}")
    return int(number) if number.is_integer() else number


def arrival_figures(submit_s: F8, *, per_minute: bool = False) -> dict[str, Any]:
    """Return figures of arrivals, sorted or not; at least one.

    Interarrival times are differences of the sorted arrivals; hourly bins count from the first
    one, empty bins included.
    """
    times = np.sort(submit_s)
    first, last = float(times[0]), float(times[-1])
    gaps = np.diff(times)
    hours = np.unique((times - first) // 3600.0, return_counts=True)
    n_hours = int(hours[0][-1]) + 1
    out: dict[str, Any] = {
        "submit_first_s": plain(first),
        "submit_last_s": plain(last),
        "span_s": plain(last - first),
        "interarrival_mean_s": plain(gaps.mean()) if gaps.size else None,
        "interarrival_p99_s": plain(np.quantile(gaps, 0.99)) if gaps.size else None,
        "hours": n_hours,
        "peak_hour_count": int(hours[1].max()),
        "mean_hour_count": plain(len(times) / n_hours),
    }
    if per_minute:
        minutes = np.unique((times - first) // 60.0, return_counts=True)
        out["peak_minute_count"] = int(minutes[1].max())
    return out


def distribution(name: str, values: F8, *, shown: tuple[str, ...]) -> dict[str, Any]:
    """Return ``name_mean``, ``name_p50`` … of a sample; ``None`` when it is empty."""
    at = {"min": 0.0, "p50": 0.5, "p99": 0.99, "max": 1.0}
    return {
        f"{name}_{part}": plain(values.mean() if part == "mean" else np.quantile(values, at[part]))
        if values.size
        else None
        for part in shown
    }


def mean_known(values: F8) -> Any:
    """Return the mean of the values that are not NaN; ``None`` without any."""
    known = values[np.isfinite(values)]
    return plain(known.mean()) if known.size else None


def order_of(times: F8, where: str, first_line: int, *, strict: bool) -> tuple[I8, list[str]]:
    """Return the stable order of the rows by time, and a notice where they had to be sorted.

    Raises
    ------
    TraceError
        A time is missing or negative, or, when `strict`, rows are out of order.
    """
    missing = np.flatnonzero(~np.isfinite(times))
    negative = np.flatnonzero(times < 0.0)
    problems: list[Problem] = []
    for rows, message in ((missing, "the time is missing"), (negative, "the time is negative")):
        if rows.size:
            more = f" (and {rows.size - 1} more rows)" if rows.size > 1 else ""
            problems.append(Problem(f"{where}: line {rows[0] + first_line}", None, message + more))
    back = np.flatnonzero(np.diff(times) < 0.0)
    if strict and back.size:
        problems.append(
            Problem(
                f"{where}: line {back[0] + first_line + 1}",
                None,
                f"the time is before that of the line above ({back.size} such rows)",
                "rows in order of time, or no --strict",
            )
        )
    if problems:
        raise TraceError(problems)
    notices = [f"{back.size} rows out of order were sorted by time"] if back.size else []
    return np.argsort(times, kind="stable"), notices
