"""computenet's own format: parquet or CSV with plainly named columns, units in the names.

Jobs: ``submit_s``, ``duration_s``, ``accelerators`` must be there; ``job_id``, ``estimate_s``,
``user`` (-1 = unknown), ``data_gb``, ``recorded_wait_s``, ``share`` (of each accelerator, above 0,
at most 1) and ``whole_nodes`` (1 = takes whole servers) may be. Requests: ``arrival_s``,
``input_tokens``, ``output_tokens`` must be there; ``cached_tokens`` (of the prompt, whose key-value
cache is there already) may be. Times are seconds from the trace's start. Words beside either:
``region`` (of the demand), ``site`` (where it ran), ``gpu_type`` (alternatives joined by ``|``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.compute
import pyarrow.parquet as pq
from numpy.typing import NDArray

from computenet.errors import Problem, TraceError, nearest
from computenet.workload.tables import JobTable, RequestTable
from computenet.workload.traces.columns import (
    MOST,
    csv_blocks,
    fault,
    header_of,
    numbers,
)
from computenet.workload.traces.figures import arrival_figures, distribution, order_of, plain
from computenet.workload.traces.growing import Columns, read_block
from computenet.workload.traces.opening import Content
from computenet.workload.traces.requests import request_trace
from computenet.workload.traces.trace import Labels, Trace

__all__ = ["JOB_COLUMNS", "LABELS", "REQUEST_COLUMNS", "NativeReader", "native_frame"]

JOBS = ("submit_s", "duration_s", "accelerators")
OPTIONAL = (
    "job_id", "estimate_s", "user", "data_gb", "recorded_wait_s", "share", "whole_nodes",
)  # fmt: skip
LABELS = ("region", "site", "gpu_type")
JOB_COLUMNS = (*JOBS, *OPTIONAL)
REQUEST_COLUMNS = ("arrival_s", "input_tokens", "output_tokens")
CACHED = "cached_tokens"
WHOLE = {
    "whole_nodes", "accelerators", "job_id", "user", "input_tokens", "output_tokens", CACHED,
}  # fmt: skip
#: Numbers of jobs are those of any source: bound only by what a float counts.
LEAST = {"accelerators": 1.0, "user": -1.0, "job_id": -MOST}
KINDS: dict[str, type] = {
    "accelerators": np.int64, "job_id": np.int64, "user": np.int32, "whole_nodes": np.int32,
    "input_tokens": np.int32, "output_tokens": np.int32, "cached_tokens": np.int32,
}  # fmt: skip
#: Rows of parquet taken at once.
BATCH = 1 << 18


def _names(content: Content) -> list[str]:
    if content.is_parquet:
        try:
            return list(pq.read_schema(content.path).names)
        except (pyarrow.ArrowException, OSError):
            return []
    return header_of(content.head)


class NativeReader:
    """Jobs or requests in computenet's own format."""

    name = "native"

    def sniff(self, content: Content) -> bool:
        """Return whether the columns of jobs or of requests are there."""
        names = set(_names(content))
        return set(JOBS) <= names or set(REQUEST_COLUMNS) <= names

    def read(self, content: Content, *, strict: bool) -> Trace:
        """Return the jobs or the requests."""
        names = _names(content)
        # Named by the user, a file may lack some: it is what it has most columns of.
        wanted = max((JOBS, REQUEST_COLUMNS), key=lambda columns: len(set(columns) & set(names)))
        more = OPTIONAL if wanted is JOBS else (CACHED,)
        present = (*wanted, *(name for name in more if name in names))
        words = {name: [] for name in LABELS if name in names}  # type: dict[str, list[pd.Series]]
        columns = Columns(**{name: KINDS.get(name, np.float64) for name in present})
        for table in _tables(content, present, tuple(words)):
            with content.part():
                found = read_block(
                    *(partial(_column, table[name], name, content.where) for name in present)
                )
                values = dict(zip(present, found, strict=True))
                _bounded(values, content.where, table.index)
                columns.append(table.index, **values)
                for name, parts in words.items():
                    parts.append(table[name])
        _refuse_unused(names, (*present, *words), content.where)
        labels = {name: pd.concat(parts) for name, parts in words.items()}
        if wanted is JOBS:
            whole = {name: columns.take(name) for name in present}
            return _jobs(whole, content.where, columns.lines, labels, strict=strict)
        # Handed over without a name here, so that a column can be let go of.
        trace = request_trace(
            columns.take("arrival_s"), columns.take("input_tokens"), columns.take("output_tokens"),
            content.where, columns.lines, strict=strict,
            cached_tokens=columns.take(CACHED) if CACHED in present else None,
        )  # fmt: skip
        return Trace(
            None, trace.requests, trace.facts, trace.notices, trace.rows,
            {name: Labels.of(text, trace.rows) for name, text in labels.items()},
        )  # fmt: skip


def _refuse_unused(names: list[str], used: tuple[str, ...], where: str) -> None:
    """Refuse columns that are misspelt names of the format; others are the user's own."""
    problems = [
        Problem(where, name, "is no column of the native format", None, close)
        for name in names
        if name not in used
        and (close := nearest(name, [*JOB_COLUMNS, *REQUEST_COLUMNS, CACHED, *LABELS])) is not None
        and close not in names
    ]
    if problems:
        raise TraceError(problems)


def _tables(
    content: Content, present: tuple[str, ...], words: tuple[str, ...]
) -> Iterator[pd.DataFrame]:
    if not content.is_parquet:
        yield from csv_blocks(content, (*present, *words), numeric=present)
        return
    missing = [name for name in present if name not in _names(content)]
    if missing:
        raise TraceError(
            [Problem(content.where, name, "the column is missing") for name in missing]
        )
    first, found = 1, False
    try:
        for batch in pq.ParquetFile(content.path, pre_buffer=False).iter_batches(
            batch_size=BATCH, columns=[*present, *words]
        ):
            lines = pd.RangeIndex(first, first + batch.num_rows)
            first += batch.num_rows
            table = pd.DataFrame(
                {
                    name: _series(batch.column(name), lines, text=name in words)
                    for name in (*present, *words)
                },
                index=lines,
            )
            table = table[~lines.isin(content.skip)] if content.skip else table
            if len(table):
                found = True
                yield table
    except (pyarrow.ArrowException, OSError) as error:
        message = str(error).splitlines()[0]
        raise TraceError([Problem(content.where, None, f"is damaged: {message}")]) from error
    content.parts_read()
    if not found:
        raise TraceError([Problem(content.where, None, "has columns but no rows")])


def _series(values: pyarrow.Array, lines: pd.Index, *, text: bool) -> pd.Series:
    """Return a column of parquet; numbers in words are read as those of CSV are."""
    kind = values.type
    plain_number = pyarrow.types.is_floating(kind) or pyarrow.types.is_integer(kind)
    if text or not plain_number:
        values = pyarrow.compute.fill_null(values.cast(pyarrow.string()), "")
    elif pyarrow.types.is_floating(kind) and kind != pyarrow.float16():
        # NaN is how data frames write a missing number.
        nan = pyarrow.compute.is_nan(values)
        values = pyarrow.compute.if_else(nan, pyarrow.scalar(None, kind), values)
    return pd.Series(values, dtype=pd.ArrowDtype(values.type), index=lines)


def _column(values: pd.Series, name: str, where: str) -> NDArray[np.float64]:
    return numbers(
        values,
        name,
        where,
        least=LEAST.get(name, 0.0),
        whole=name in WHOLE,
        empty=name == "recorded_wait_s",
        most=MOST if name == "job_id" else None,
    )


def _bounded(columns: dict[str, NDArray[Any]], where: str, lines: pd.Index) -> None:
    """Refuse shares that are none, flags that are neither 0 nor 1, and more cached than asked."""
    problems: list[Problem] = []
    if CACHED in columns:
        wrong = np.flatnonzero(columns[CACHED] > columns["input_tokens"])
        if wrong.size:
            value, allowed = int(columns[CACHED][wrong[0]]), "at most input_tokens"
            words = f"{CACHED} cannot be used"
            problems.append(fault(where, lines, wrong, value, words, allowed))
    for name, allowed in (("share", "above 0, at most 1"), ("whole_nodes", "0 or 1")):
        if name not in columns:
            continue
        values = columns[name]
        wrong = np.flatnonzero((values > 1.0) | ((values <= 0.0) & (name == "share")))
        if wrong.size:
            problems.append(
                fault(
                    where, lines, wrong, float(values[wrong[0]]), f"{name} cannot be used", allowed
                )
            )
    if problems:
        raise TraceError(problems)


def _jobs(
    columns: dict[str, NDArray[Any]],
    where: str,
    lines: pd.Index,
    labels: dict[str, pd.Series],
    *,
    strict: bool,
) -> Trace:
    order, notices = order_of(columns["submit_s"], where, lines, strict=strict)
    run, gang = columns["duration_s"], columns["accelerators"]

    def figures() -> dict[str, Any]:
        return {
            "kind": "jobs",
            "rows": len(run),
            **arrival_figures(columns["submit_s"]),
            "rows_with_duration": len(run),
            **distribution("duration_s", run, shown=("mean", "p50", "p99", "max", "min")),
            **distribution("gpus", gang, shown=("mean", "max")),
            "gpu_hours": plain((run * gang).sum() / 3600.0),
        }

    more: dict[str, Any] = {name: columns[name][order] for name in OPTIONAL if name in columns}
    jobs = JobTable.of(columns["submit_s"][order], run[order], gang[order], **more)
    words = {name: Labels.of(text, order) for name, text in labels.items()}
    return Trace(jobs, None, figures, tuple(notices), rows=order, labels=words)


def native_frame(
    table: JobTable | RequestTable, labels: Mapping[str, Labels] | None = None
) -> pd.DataFrame:
    """Return a table as a data frame of the native columns, with its words where it has any."""
    names: tuple[str, ...] = JOB_COLUMNS
    if isinstance(table, RequestTable):
        names = (*REQUEST_COLUMNS, *([CACHED] if table.cached_tokens.any() else []))
    words = {
        name: np.asarray([*item.names, ""], dtype=object)[item.code]
        for name, item in (labels or {}).items()
        if name in LABELS
    }
    return pd.DataFrame({**{name: getattr(table, name) for name in names}, **words})
