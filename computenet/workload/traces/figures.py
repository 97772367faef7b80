"""Figures that every trace has: arrivals, durations, tokens."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from computenet.errors import Problem, TraceError
from computenet.workload.traces.columns import fault

__all__ = [
    "arrival_figures",
    "distribution",
    "mean_known",
    "order_of",
    "plain",
    "request_figures",
    "sorting_of",
]

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


def distribution(name: str, values: NDArray[Any], *, shown: tuple[str, ...]) -> dict[str, Any]:
    """Return ``name_mean``, ``name_p50`` … of a sample; ``None`` when it is empty."""
    at = {"min": 0.0, "p50": 0.5, "p99": 0.99, "max": 1.0}
    return {
        f"{name}_{part}": plain(values.mean() if part == "mean" else np.quantile(values, at[part]))
        if values.size
        else None
        for part in shown
    }


def request_figures(arrival_s: F8, into: NDArray[Any], out: NDArray[Any]) -> dict[str, Any]:
    """Return what every trace of requests has: rows, arrivals, tokens."""
    return {
        "kind": "requests",
        "rows": len(arrival_s),
        **arrival_figures(arrival_s, per_minute=True),
        **token_figures(into, out),
    }


def token_figures(into: NDArray[Any], out: NDArray[Any]) -> dict[str, Any]:
    """Return sums and distributions of tokens."""
    shown = ("mean", "p50", "p99", "max", "min")
    return {
        "input_tokens_sum": plain(into.sum(dtype=np.int64)),
        "output_tokens_sum": plain(out.sum(dtype=np.int64)),
        **distribution("input_tokens", into, shown=shown),
        **distribution("output_tokens", out, shown=shown),
    }


def mean_known(values: F8) -> Any:
    """Return the mean of the values that are not NaN; ``None`` without any."""
    known = values[np.isfinite(values)]
    return plain(known.mean()) if known.size else None


def order_of(times: F8, where: str, lines: pd.Index, *, strict: bool) -> tuple[I8, list[str]]:
    """Return the stable order of the rows by time, and a notice where they had to be sorted.

    Parameters
    ----------
    lines
        Line of every row.

    Raises
    ------
    TraceError
        A time is missing or negative, or, when `strict`, rows are out of order.
    """
    order, notices = sorting_of(times, where, lines, strict=strict)
    return np.arange(len(times)) if order is None else order, notices


def sorting_of(
    times: F8, where: str, lines: pd.Index, *, strict: bool
) -> tuple[I8 | None, list[str]]:
    """Return what `order_of` does, or ``None`` for the order where rows are sorted already."""
    if (times[:1] >= 0.0).all() and (times[1:] >= times[:-1]).all() and np.isfinite(times[-1:]):
        return None, []
    missing = np.flatnonzero(~np.isfinite(times))
    negative = np.flatnonzero(times < 0.0)
    problems: list[Problem] = []
    for rows, message in ((missing, "the time is missing"), (negative, "the time is negative")):
        if rows.size:
            problems.append(fault(where, lines, rows, None, message))
    back = np.flatnonzero(times[1:] < times[:-1])
    if strict and back.size:
        problems.append(
            Problem(
                f"{where}: line {lines[int(back[0]) + 1]}",
                None,
                f"the time is before that of the line above ({back.size} such rows)",
                "rows in order of time, or no --strict",
            )
        )
    if problems:
        raise TraceError(problems)
    return (
        np.argsort(times, kind="stable"),
        [f"{back.size:,} rows out of order were sorted by time"],
    )
