"""computenet's own format: parquet or CSV with plainly named columns, units in the names.

Jobs: ``submit_s``, ``duration_s``, ``accelerators`` must be there; ``job_id``, ``estimate_s``,
``user`` (-1 = unknown), ``data_gb``, ``recorded_wait_s``, ``share`` (of each accelerator, above 0,
at most 1) and ``whole_nodes`` (1 = takes whole servers) may be. Requests: ``arrival_s``,
``input_tokens``, ``output_tokens``. Times are seconds from the trace's start.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet as pq

from computenet.errors import Problem, TraceError
from computenet.workload.tables import JobTable, RequestTable
from computenet.workload.traces.columns import csv_columns, numbers
from computenet.workload.traces.figures import arrival_figures, distribution, order_of, plain
from computenet.workload.traces.opening import Content
from computenet.workload.traces.trace import Trace

__all__ = ["JOB_COLUMNS", "REQUEST_COLUMNS", "NativeReader", "native_frame"]

JOBS = ("submit_s", "duration_s", "accelerators")
OPTIONAL = (
    "job_id", "estimate_s", "user", "data_gb", "recorded_wait_s", "share", "whole_nodes",
)  # fmt: skip
JOB_COLUMNS = (*JOBS, *OPTIONAL)
REQUEST_COLUMNS = ("arrival_s", "input_tokens", "output_tokens")
WHOLE = {"whole_nodes", "accelerators", "job_id", "user", "input_tokens", "output_tokens"}
LEAST = {"accelerators": 1.0, "user": -1.0}
MAGIC = b"PAR1"


def _names(content: Content) -> set[str]:
    if content.raw[:4] == MAGIC:
        try:
            return set(pq.read_schema(io.BytesIO(content.raw)).names)
        except (pyarrow.ArrowException, OSError):
            return set()
    return {name.strip() for name in content.head.split("\n", 1)[0].split(",")}


class NativeReader:
    """Jobs or requests in computenet's own format."""

    name = "native"

    def sniff(self, content: Content) -> bool:
        """Return whether the columns of jobs or of requests are there."""
        names = _names(content)
        return set(JOBS) <= names or set(REQUEST_COLUMNS) <= names

    def read(self, content: Content, *, strict: bool) -> Trace:
        """Return the jobs or the requests."""
        names = _names(content)
        wanted = JOBS if set(JOBS) <= names else REQUEST_COLUMNS
        present = [*wanted, *(name for name in OPTIONAL if wanted is JOBS and name in names)]
        columns = self._columns(content, tuple(present))
        time_s = columns[wanted[0]]
        _bounded(columns, content.where)
        order, notices = order_of(time_s, content.where, 2, strict=strict)
        if wanted is JOBS:
            return _jobs(columns, order, notices)
        return _requests(columns, order, notices)

    def _columns(self, content: Content, names: tuple[str, ...]) -> dict[str, np.ndarray]:
        if content.raw[:4] == MAGIC:
            try:
                table = pq.read_table(io.BytesIO(content.raw), columns=list(names)).to_pandas()
            except (pyarrow.ArrowException, OSError) as error:
                message = str(error).splitlines()[0]
                raise TraceError(
                    [Problem(content.where, None, f"is damaged: {message}")]
                ) from error
            table = table.map(lambda value: "" if pd.isna(value) else str(value))
            if table.empty:
                raise TraceError([Problem(content.where, None, "has columns but no rows")])
        else:
            table = csv_columns(content.text, content.where, names)
        return {
            name: numbers(
                table[name],
                name,
                content.where,
                least=LEAST.get(name, 0.0),
                whole=name in WHOLE,
                empty=name == "recorded_wait_s",
            )
            for name in names
        }


def _bounded(columns: dict[str, np.ndarray], where: str) -> None:
    """Refuse shares that are none, and flags that are neither 0 nor 1."""
    problems: list[Problem] = []
    for name, allowed in (("share", "above 0, at most 1"), ("whole_nodes", "0 or 1")):
        if name not in columns:
            continue
        values = columns[name]
        wrong = np.flatnonzero((values > 1.0) | ((values <= 0.0) & (name == "share")))
        if wrong.size:
            row = int(wrong[0])
            problems.append(
                Problem(
                    f"{where}: line {row + 2}",
                    float(values[row]),
                    f"{name} cannot be used",
                    allowed,
                )
            )
    if problems:
        raise TraceError(problems)


def _jobs(columns: dict[str, np.ndarray], order: np.ndarray, notices: list[str]) -> Trace:
    run, gang = columns["duration_s"], columns["accelerators"]
    figures: dict[str, Any] = {
        "kind": "jobs",
        "rows": len(run),
        **arrival_figures(columns["submit_s"]),
        "rows_with_duration": len(run),
        **distribution("duration_s", run, shown=("mean", "p50", "p99", "max", "min")),
        **distribution("gpus", gang, shown=("mean", "max")),
        "gpu_hours": plain((run * gang).sum() / 3600.0),
    }
    kinds = {"job_id": np.int64, "user": np.int32, "whole_nodes": np.int32}
    more = {
        name: columns[name][order].astype(kinds.get(name, np.float64))
        for name in OPTIONAL
        if name in columns
    }
    jobs = JobTable.of(columns["submit_s"][order], run[order], gang[order].astype(np.int64), **more)
    return Trace(jobs, None, figures, tuple(notices))


def _requests(columns: dict[str, np.ndarray], order: np.ndarray, notices: list[str]) -> Trace:
    into, out = columns["input_tokens"], columns["output_tokens"]
    shown = ("mean", "p50", "p99", "max", "min")
    figures: dict[str, Any] = {
        "kind": "requests",
        "rows": len(into),
        **arrival_figures(columns["arrival_s"], per_minute=True),
        "input_tokens_sum": plain(into.sum()),
        "output_tokens_sum": plain(out.sum()),
        **distribution("input_tokens", into, shown=shown),
        **distribution("output_tokens", out, shown=shown),
    }
    requests = RequestTable.of(
        columns["arrival_s"][order], into[order].astype(np.int64), out[order].astype(np.int64)
    )
    return Trace(None, requests, figures, tuple(notices))


def native_frame(table: JobTable | RequestTable) -> pd.DataFrame:
    """Return a table as a data frame of the native columns."""
    names = JOB_COLUMNS if isinstance(table, JobTable) else REQUEST_COLUMNS
    return pd.DataFrame({name: getattr(table, name) for name in names})
