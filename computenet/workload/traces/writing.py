"""Traces cut, thinned and loaded, and written in computenet's own format or as SWF."""

from __future__ import annotations

import gzip
import io
import os
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from computenet.errors import InputError, Problem, RunError
from computenet.streams import named_stream
from computenet.workload.tables import JobTable, RequestTable
from computenet.workload.traces.native import LABELS, native_frame
from computenet.workload.traces.reading import read_trace
from computenet.workload.traces.trace import Labels

__all__ = [
    "SUFFIXES",
    "SWF_SUFFIXES",
    "convert_trace",
    "scale_trace",
    "target_problems",
    "write_frame",
    "write_table",
    "write_whole",
]

SWF_SUFFIXES = (".swf", ".swf.gz")
SUFFIXES = (".parquet", ".csv", ".csv.gz", *SWF_SUFFIXES)


def convert_trace(
    source: str | Path,
    target: str | Path,
    *,
    format: str = "auto",
    lenient: bool = False,
    overwrite: bool = False,
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
    return scale_trace(source, target, format=format, lenient=lenient, overwrite=overwrite)


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
    regions: str | None = None,
    region_column: str | None = None,
    lenient: bool = False,
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
    regions
        Topology whose regions are written beside the rows: one tenant, one region, in proportion
        to demand shares.
    region_column
        Column that tells the region instead of the tenant; only with `regions`.
    """
    out = Path(target)
    _check(out, from_h, to_h, keep, load, overwrite=overwrite)
    from computenet.workload.mapping import region_labels

    if region_column is not None and regions is None:
        raise InputError(
            [Problem("--region-column", region_column, "is not used without --regions")],
            "nothing was written",
        )
    words = () if region_column is None else (region_column,)
    trace = read_trace(source, format=format, lenient=lenient, words=words)
    notices = list(trace.notices)
    table: JobTable | RequestTable | None = trace.jobs if trace.jobs is not None else trace.requests
    if table is None:
        raise InputError(
            [Problem(str(source), trace.figures["kind"], "holds no jobs and no requests")],
            "nothing was written",
        )
    swf = out.name.endswith(SWF_SUFFIXES)
    if swf and isinstance(table, RequestTable):
        raise _no_requests(out)
    if swf and regions is not None:
        raise InputError(
            [Problem("--regions", regions, "SWF holds no regions", ".parquet, .csv")],
            "nothing was written",
        )
    labels = dict(trace.labels)
    if regions is not None:
        labels["region"], more = region_labels(trace, regions, region_column, seed)
        notices += more
    time_s = table.submit_s if isinstance(table, JobTable) else table.arrival_s
    rows = _chosen(time_s, from_h, to_h, keep, seed)
    if not rows.size:
        raise InputError([Problem(str(source), None, "no row is left")], "nothing was written")
    scaled = _scaled(table, rows, 3600.0 * from_h, load)
    kept = {name: Labels(item.names, item.code[rows]) for name, item in labels.items()}
    write_whole(out, _encoded(scaled, out.name, kept))
    if swf and isinstance(scaled, JobTable):
        notices += _not_in_swf(scaled, kept)
    notices.append(f"{scaled.rows:,} of {trace.figures.get('rows', table.rows):,} rows written")
    return notices


def write_table(
    table: JobTable | RequestTable, target: str | Path, *, overwrite: bool = False
) -> None:
    """Write a table in the format of the target's suffix; see `convert_trace`."""
    out = Path(target)
    _check(out, 0.0, None, 1.0, 1.0, overwrite=overwrite)
    if out.name.endswith(SWF_SUFFIXES) and isinstance(table, RequestTable):
        raise _no_requests(out)
    write_whole(out, _encoded(table, out.name, {}))


def write_frame(frame: pd.DataFrame, target: str | Path, *, overwrite: bool = False) -> None:
    """Write a data frame of native columns, and any others, as parquet or CSV."""
    out = Path(target)
    _check(out, 0.0, None, 1.0, 1.0, overwrite=overwrite)
    if out.name.endswith(SWF_SUFFIXES):
        raise _no_requests(out)
    write_whole(out, _framed(frame, out.name))


def target_problems(
    out: Path, suffixes: tuple[str, ...] = (), *, overwrite: bool = False
) -> list[Problem]:
    """Return what forbids a file to be written, before there is anything to write.

    Parameters
    ----------
    suffixes
        Ends of its name that tell a format; none = any name.
    """
    problems: list[Problem] = []
    if suffixes and not out.name.endswith(suffixes):
        problems.append(Problem(str(out), out.suffix, "is no format to write", ", ".join(suffixes)))
    if os.path.exists(out) and not (overwrite and os.path.isfile(out)):
        problems.append(Problem(str(out), None, "exists already", "a new file, or --overwrite"))
    folder = next(place for place in out.absolute().parents if os.path.exists(place))
    if not folder.is_dir():
        problems.append(Problem(str(out), str(folder), "is no folder"))
    return problems


def _check(
    out: Path, from_h: float, to_h: float | None, keep: float, load: float, *, overwrite: bool
) -> None:
    problems = target_problems(out, SUFFIXES, overwrite=overwrite)
    if not 0.0 < keep <= 1.0:
        problems.append(Problem("keep", keep, "is out of range", "over 0 to 1"))
    if not 0.0 < load < float("inf"):
        problems.append(Problem("load", load, "is out of range", "over 0"))
    if from_h < 0.0 or (to_h is not None and to_h <= from_h):
        problems.append(Problem("from_h, to_h", f"{from_h}, {to_h}", "is no window"))
    if problems:
        raise InputError(problems, "nothing was written")


def _no_requests(out: Path) -> InputError:
    problem = Problem(str(out), None, "SWF holds jobs, not requests", ".parquet, .csv")
    return InputError([problem], "nothing was written")


def _chosen(
    time_s: NDArray[np.float64], from_h: float, to_h: float | None, keep: float, seed: int
) -> NDArray[np.intp]:
    """Return the rows in the window that were drawn."""
    inside = time_s >= 3600.0 * from_h
    if to_h is not None:
        inside &= time_s < 3600.0 * to_h
    if keep < 1.0:
        draw = np.random.default_rng(named_stream(seed, "trace.scale"))
        inside &= draw.random(len(time_s)) < keep
    return np.flatnonzero(inside)


def _scaled(
    table: JobTable | RequestTable, rows: NDArray[np.intp], from_s: float, load: float
) -> JobTable | RequestTable:
    column = "submit_s" if isinstance(table, JobTable) else "arrival_s"
    columns: dict[str, Any] = {
        field.name: value[rows]
        for field in fields(table)
        if isinstance(value := getattr(table, field.name), np.ndarray)
    }
    columns[column] = (columns[column] - from_s) / load
    return replace(table, **columns)


def _encoded(table: JobTable | RequestTable, name: str, labels: Mapping[str, Labels]) -> bytes:
    if isinstance(table, JobTable) and name.endswith(SWF_SUFFIXES):
        raw = _swf(table).encode()
        return gzip.compress(raw, mtime=0) if name.endswith(".gz") else raw
    return _framed(native_frame(table, labels), name)


def _framed(frame: pd.DataFrame, name: str) -> bytes:
    if name.endswith(".parquet"):
        buffer = io.BytesIO()
        frame.to_parquet(buffer, index=False, compression="zstd")
        return buffer.getvalue()
    raw = frame.to_csv(index=False, lineterminator="\n").encode()
    return gzip.compress(raw, mtime=0) if name.endswith(".gz") else raw


def _text(value: float) -> str:
    """Return a number as SWF has it: whole where it is whole, else with every digit."""
    return str(int(value)) if value.is_integer() else repr(value)


def _not_in_swf(table: JobTable, labels: Mapping[str, Labels]) -> list[str]:
    """Return what SWF has no field for, where jobs have it."""
    rows = {
        "share": table.share < 1.0,
        "whole_nodes": table.whole_nodes > 0,
        "data_gb": table.data_gb > 0.0,
        **{name: item.code >= 0 for name, item in labels.items() if name in LABELS},
    }
    lost = [f"{name} ({int(has.sum()):,} jobs)" for name, has in rows.items() if has.any()]
    return [f"SWF has no field for {', '.join(lost)}: not written"] if lost else []


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
        f"{job} {_text(submit)} {_text(waited)} {_text(run)} {gang} -1 -1 {gang} {_text(estimate)} "
        f"-1 -1 {user} -1 -1 -1 -1 -1 -1"
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


def write_whole(path: Path, raw: bytes) -> None:
    """Write a file whole or not at all, with the folders above it.

    Raises
    ------
    RunError
        It cannot be written; nothing is left behind.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(raw)
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise RunError(f"cannot write {path}: {error.strerror or error}") from error
