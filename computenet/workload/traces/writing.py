"""Traces cut, thinned and loaded, and written in computenet's own format or as SWF."""

from __future__ import annotations

import gzip
import io
import os
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from computenet.errors import InputError, Problem, RunError
from computenet.workload.generators.streams import named_stream
from computenet.workload.tables import JobTable, RequestTable
from computenet.workload.traces.native import native_frame
from computenet.workload.traces.reading import read_trace

__all__ = ["convert_trace", "scale_trace"]

Table = TypeVar("Table", JobTable, RequestTable)

SUFFIXES = (".parquet", ".csv", ".csv.gz", ".swf", ".swf.gz")


def convert_trace(
    source: str | Path, target: str | Path, *, format: str = "auto", overwrite: bool = False
) -> list[str]:
    """Write what can be replayed of a trace to `target`, in the format of its suffix.

    Parameters
    ----------
    source
        A trace of any format that is read.
    target
        ``.parquet`` or ``.csv`` (native; perhaps ``.csv.gz``), or ``.swf`` (jobs; ``.swf.gz``).

    Returns
    -------
    list
        What was sorted, left out or assumed on reading.

    Raises
    ------
    InputError
        The target exists, or cannot hold what the trace has.
    RunError
        The target cannot be written; nothing is left behind.
    """
    return scale_trace(source, target, format=format, overwrite=overwrite)


def scale_trace(
    source: str | Path,
    target: str | Path,
    *,
    format: str = "auto",
    from_h: float = 0.0,
    to_h: float | None = None,
    keep: float = 1.0,
    load: float = 1.0,
    seed: int = 1,
    overwrite: bool = False,
) -> list[str]:
    """Write a window of a trace, thinned and with another load; see `convert_trace`.

    Parameters
    ----------
    from_h, to_h
        Window of arrivals, hours from the trace's start; times in the result begin at 0.
    keep
        Share of the rows kept, each by its own draw.
    load
        Arrivals come this many times as fast; run times and tokens stay.
    seed
        Of the draws.
    """
    out = Path(target)
    _check(out, from_h, to_h, keep, load, overwrite=overwrite)
    trace = read_trace(source, format=format)
    notices = list(trace.notices)
    table: JobTable | RequestTable | None = trace.jobs if trace.jobs is not None else trace.requests
    if table is None:
        raise InputError(
            [Problem(str(source), trace.figures["kind"], "holds no jobs and no requests")],
            "nothing was written",
        )
    if out.name.endswith((".swf", ".swf.gz")) and isinstance(table, RequestTable):
        raise InputError(
            [Problem(str(out), None, "SWF holds jobs, not requests", ".parquet, .csv")],
            "nothing was written",
        )
    scaled = (
        _scaled(table, "submit_s", from_h, to_h, keep, load, seed)
        if isinstance(table, JobTable)
        else _scaled(table, "arrival_s", from_h, to_h, keep, load, seed)
    )
    if scaled.rows == 0:
        raise InputError([Problem(str(source), None, "no row is left")], "nothing was written")
    _write(out, _encoded(scaled, out.name))
    notices.append(f"{scaled.rows:,} of {trace.figures.get('rows', table.rows):,} rows written")
    return notices


def _check(
    out: Path, from_h: float, to_h: float | None, keep: float, load: float, *, overwrite: bool
) -> None:
    problems: list[Problem] = []
    if not out.name.endswith(SUFFIXES):
        problems.append(Problem(str(out), out.suffix, "is no format to write", ", ".join(SUFFIXES)))
    if out.exists() and not (overwrite and out.is_file()):
        problems.append(Problem(str(out), None, "exists already", "a new file, or --overwrite"))
    if not 0.0 < keep <= 1.0:
        problems.append(Problem("keep", keep, "is out of range", "over 0 to 1"))
    if not 0.0 < load < float("inf"):
        problems.append(Problem("load", load, "is out of range", "over 0"))
    if from_h < 0.0 or (to_h is not None and to_h <= from_h):
        problems.append(Problem("from_h, to_h", f"{from_h}, {to_h}", "is no window"))
    if problems:
        raise InputError(problems, "nothing was written")


def _scaled(
    table: Table,
    column: str,
    from_h: float,
    to_h: float | None,
    keep: float,
    load: float,
    seed: int,
) -> Table:
    time_s = getattr(table, column)
    inside = time_s >= 3600.0 * from_h
    if to_h is not None:
        inside &= time_s < 3600.0 * to_h
    if keep < 1.0:
        draw = np.random.default_rng(named_stream(seed, "trace.scale"))
        inside &= draw.random(len(time_s)) < keep
    rows = np.flatnonzero(inside)
    columns: dict[str, Any] = {
        field.name: value[rows]
        for field in fields(table)
        if isinstance(value := getattr(table, field.name), np.ndarray)
    }
    columns[column] = (columns[column] - 3600.0 * from_h) / load
    return replace(table, **columns)


def _encoded(table: JobTable | RequestTable, name: str) -> bytes:
    if name.endswith(".parquet"):
        buffer = io.BytesIO()
        native_frame(table).to_parquet(buffer, index=False, compression="zstd")
        return buffer.getvalue()
    if isinstance(table, JobTable) and ".swf" in name:
        text = _swf(table)
    else:
        text = native_frame(table).to_csv(index=False, lineterminator="\n")
    raw = text.encode()
    return gzip.compress(raw, mtime=0) if name.endswith(".gz") else raw


def _swf(table: JobTable) -> str:
    """Return jobs in Standard Workload Format 2.2."""
    wait = np.where(np.isfinite(table.recorded_wait_s), table.recorded_wait_s, -1.0)
    lines = [
        "; Version: 2.2",
        "; Computer: unknown",
        f"; MaxJobs: {table.rows}",
        f"; MaxRecords: {table.rows}",
        "; Note: written by computenet; estimates stand in field 9",
    ]
    lines += [
        f"{job} {submit:.10g} {waited:.10g} {run:.10g} {gang} -1 -1 {gang} {estimate:.10g} -1 1 "
        f"{user} -1 -1 -1 -1 -1 -1"
        for job, submit, waited, run, gang, estimate, user in zip(
            table.job_id.tolist(),
            table.submit_s.tolist(),
            wait.tolist(),
            table.duration_s.tolist(),
            table.accelerators.tolist(),
            table.estimate_s.tolist(),
            table.user.tolist(),
            strict=True,
        )
    ]
    return "\n".join(lines) + "\n"


def _write(path: Path, raw: bytes) -> None:
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(raw)
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise RunError(f"cannot write {path}: {error.strerror or error}") from error
