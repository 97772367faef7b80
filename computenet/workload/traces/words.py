"""Any column of a trace by the name the user gives it: the words that tell where demand is from."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet as pq

from computenet.errors import Problem, TraceError, nearest
from computenet.workload.traces.columns import csv_columns, header_of
from computenet.workload.traces.opening import Content
from computenet.workload.traces.swf import NAMES
from computenet.workload.traces.trace import Labels, Trace

__all__ = ["words_of"]

#: What stands for no value in SWF, and for no user in the native format.
UNKNOWN = -1.0


def words_of(content: Content, trace: Trace, name: str) -> Labels:
    """Return a column of a trace as words beside its table.

    Raises
    ------
    TraceError
        The trace has no such column; the nearest name is told.
    """
    if name in trace.labels:
        return trace.labels[name]
    if trace.format == "pai-tables":
        # Its rows are jobs of several files joined; no file has a line for each.
        _require(name, list(trace.labels), content)
    values = pd.Series(_values(content, trace.format, name), dtype=object)
    if trace.format == "swf" or (trace.format, name) == ("native", "user"):
        values = values.where(pd.to_numeric(values, errors="coerce") != UNKNOWN, "")
    return Labels.of(values, trace.rows)


def _values(content: Content, format: str, name: str) -> Any:
    if content.is_parquet:
        try:
            names = list(pq.read_schema(content.path).names)
            _require(name, names, content)
            found = pq.read_table(content.path, columns=[name])[name].to_pandas()
            return found[~np.isin(np.arange(1, len(found) + 1), list(content.skip))].to_numpy()
        except (pyarrow.ArrowException, OSError) as error:
            raise TraceError([Problem(content.where, None, "is damaged")]) from error
    if format == "swf":
        _require(name, list(NAMES), content)
        at = NAMES.index(name)
        rows = (line.partition(";")[0].split() for _, line in content.lines())
        return np.asarray([row[at] for row in rows if row], dtype=object)
    if content.head.lstrip().startswith("{"):
        found = [json.loads(line) for _, line in content.lines()]
        _require(name, sorted({key for row in found for key in row}), content)
        return np.asarray([row.get(name) for row in found], dtype=object)
    names = header_of(content.head)
    _require(name, names, content)
    return csv_columns(content, (name,))[name].to_numpy(dtype=object)


def _require(name: str, names: list[str], content: Content) -> None:
    if name not in names:
        raise TraceError(
            [
                Problem(
                    content.where, name, "the trace has no such column", ", ".join(names[:30]),
                    nearest(name, names),
                )
            ]
        )  # fmt: skip
