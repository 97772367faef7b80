"""OpenDC's parquet: tasks, fragments of their CPU use, and carbon intensity.

Times are epoch milliseconds, UTC. Tasks are not sorted; ``cpu_capacity`` and ``cpu_usage`` are MHz
of all cores of a task together.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet as pq

from computenet.errors import Problem, TraceError, nearest
from computenet.workload.tables import JobTable
from computenet.workload.traces.columns import MOST, fault
from computenet.workload.traces.figures import arrival_figures, distribution, order_of, plain
from computenet.workload.traces.growing import read_block
from computenet.workload.traces.opening import Content
from computenet.workload.traces.trace import Origin, Trace

__all__ = ["OpenDcCarbonReader", "OpenDcFragmentsReader", "OpenDcTasksReader"]

TASKS = ("id", "submission_time", "duration", "cpu_count", "cpu_capacity")
FRAGMENTS = ("id", "duration", "cpu_usage")
CARBON = ("timestamp", "carbon_intensity")


def _columns(content: Content) -> list[str]:
    if not content.is_parquet:
        return []
    try:
        return list(pq.read_schema(content.path).names)
    except (pyarrow.ArrowException, OSError):
        return []


def _table(content: Content, wanted: tuple[str, ...]) -> pd.DataFrame:
    try:
        table: pd.DataFrame = pq.read_table(content.path).to_pandas()
    except (pyarrow.ArrowException, OSError) as error:
        message = str(error).splitlines()[0]
        raise TraceError([Problem(content.where, None, f"is damaged: {message}")]) from error
    missing = [name for name in wanted if name not in table]
    if missing:
        raise TraceError(
            [
                Problem(content.where, name, "the column is missing", None,
                        nearest(name, [str(column) for column in table]))
                for name in missing
            ]
        )  # fmt: skip
    table.index = pd.RangeIndex(1, len(table) + 1)
    table = table[~table.index.isin(content.skip)]
    if table.empty:
        raise TraceError([Problem(content.where, None, "has columns but no rows")])
    problems = [
        fault(content.where, table.index, rows, None, f"{name} is missing")
        for name in wanted
        if (rows := np.flatnonzero(table[name].isna())).size
    ]
    if problems:
        raise TraceError(problems)
    return table


def _numbers(table: pd.DataFrame, name: str, where: str, *, least: float = 0.0) -> np.ndarray:
    """Return a column of numbers, none of them less than `least`."""
    try:
        found = table[name].to_numpy(dtype=np.float64)
    except (ValueError, TypeError) as error:
        kind = str(table[name].dtype)
        raise TraceError([Problem(where, name, f"holds no numbers but {kind}")]) from error
    wrong = np.flatnonzero(~((found >= least) & (found <= MOST)))
    if wrong.size:
        value, allowed = float(found[wrong[0]]), f"{least:g} to {MOST:g}"
        words = f"{name} cannot be used"
        raise TraceError([fault(where, table.index, wrong, value, words, allowed)])
    return found


def _milliseconds(table: pd.DataFrame, name: str, where: str) -> np.ndarray:
    """Return epoch milliseconds of integers or of timestamps."""
    values = table[name]
    if pd.api.types.is_datetime64_any_dtype(values):
        stamps = values.to_numpy(dtype="datetime64[ms]")
        return np.asarray(stamps.astype(np.int64), dtype=np.float64)
    return _numbers(table, name, where, least=-MOST)


class OpenDcTasksReader:
    """Tasks, replayed as jobs of their cores."""

    name = "opendc-tasks"

    def sniff(self, content: Content) -> bool:
        """Return whether it is parquet with the tasks' columns."""
        return set(TASKS) <= set(_columns(content))

    def read(self, content: Content, *, strict: bool) -> Trace:
        """Return the tasks."""
        where = content.where
        table = _table(content, TASKS)
        epoch, duration, cores, capacity = read_block(
            lambda: _milliseconds(table, "submission_time", where),
            lambda: _numbers(table, "duration", where) / 1000.0,
            lambda: _numbers(table, "cpu_count", where, least=1.0),
            lambda: _numbers(table, "cpu_capacity", where),
        )
        submit = (epoch - epoch.min()) / 1000.0
        order, notices = order_of(submit, where, table.index, strict=strict)
        figures: dict[str, Any] = {
            "kind": "tasks",
            "rows": len(table),
            **arrival_figures(submit),
            "rows_with_duration": len(duration),
            **distribution("duration_s", duration, shown=("mean", "p50", "p99", "max", "min")),
            **distribution("cores", cores, shown=("mean", "max")),
            "core_hours": plain((duration * cores).sum() / 3600.0),
            "first_submit_epoch_ms": int(epoch.min()),
            "last_submit_epoch_ms": int(epoch.max()),
            "columns": list(table.columns),
            "ids": int(table["id"].nunique()),
            "cpu_capacity_mhz_sum": plain(capacity.sum()),
            "sorted_by_submit": bool((np.diff(submit) >= 0.0).all()),
        }
        jobs = JobTable.of(
            submit[order],
            duration[order],
            cores[order].astype(np.int64),
            job_id=order.astype(np.int64),
        )
        origin = Origin.of(int(epoch.min()) * 1_000_000)
        return Trace(jobs, None, figures, tuple(notices), rows=order, origin=origin)


class OpenDcFragmentsReader:
    """Fragments: the CPU use of tasks over time; described, not replayed."""

    name = "opendc-fragments"

    def sniff(self, content: Content) -> bool:
        """Return whether it is parquet with the fragments' columns."""
        columns = set(_columns(content))
        return set(FRAGMENTS) <= columns and "submission_time" not in columns

    def read(self, content: Content, *, strict: bool) -> Trace:
        """Return the figures of the fragments."""
        table = _table(content, FRAGMENTS)
        length, usage = read_block(
            lambda: _numbers(table, "duration", content.where),
            lambda: _numbers(table, "cpu_usage", content.where),
        )
        total = float(length.sum())
        return Trace(
            None,
            None,
            {
                "kind": "fragments",
                "rows": len(table),
                "ids": int(table["id"].nunique()),
                "duration_ms_sum": plain(total),
                "duration_ms_min": plain(length.min()),
                "duration_ms_max": plain(length.max()),
                "cpu_usage_mhz_mean_unweighted": plain(usage.mean()),
                "cpu_usage_mhz_mean_time_weighted": plain((usage * length).sum() / total)
                if total
                else None,
                "cpu_usage_mhz_max": plain(usage.max()),
                "mhz_hours": plain((usage * length).sum() / 3.6e6),
            },
        )


class OpenDcCarbonReader:
    """Carbon intensity over time; described, not replayed."""

    name = "opendc-carbon"

    def sniff(self, content: Content) -> bool:
        """Return whether it is parquet with the two columns."""
        return set(CARBON) <= set(_columns(content))

    def read(self, content: Content, *, strict: bool) -> Trace:
        """Return the figures of the series."""
        table = _table(content, CARBON)
        values = _numbers(table, "carbon_intensity", content.where)
        try:
            times = pd.to_datetime(table["timestamp"])
        except (ValueError, TypeError) as error:
            raise TraceError(
                [Problem(content.where, "timestamp", "holds no dates and times")]
            ) from error
        steps = times.sort_values().diff().dropna().dt.total_seconds().astype(np.int64)
        seconds, often = np.unique(steps.to_numpy(dtype=np.int64), return_counts=True)
        return Trace(
            None,
            None,
            {
                "kind": "carbon_series",
                "rows": len(table),
                "first_timestamp": str(times.min()),
                "last_timestamp": str(times.max()),
                "step_s": int(seconds[often.argmax()]) if often.size else None,
                "step_counts": {
                    str(key): int(value) for key, value in zip(seconds, often, strict=True)
                },
                **distribution("value", values, shown=("mean", "min", "max", "p99")),
            },
        )
