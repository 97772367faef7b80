"""Standard Workload Format 2.2 (Chapin et al., JSSPP 1999): 18 fields a line, -1 = unknown.

A job that was checkpointed or swapped out may have a line for each part (status 2, 3, 4) beside the
one of its whole (0, 1, 5), under one number.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow
from numpy.typing import NDArray

from computenet.errors import Problem, TraceError
from computenet.workload.tables import JobTable
from computenet.workload.traces.columns import MOST, MOST_WHOLE, fault, numbers, table_of
from computenet.workload.traces.figures import arrival_figures, distribution, order_of, plain
from computenet.workload.traces.growing import Columns, read_block
from computenet.workload.traces.opening import Block, Content
from computenet.workload.traces.trace import Origin, Trace

__all__ = ["SwfReader"]

F8 = NDArray[np.float64]
B1 = NDArray[np.bool_]
FIELDS = 18
SPACE, NEWLINE = 32, 10
#: Header directives shown by ``trace describe``.
SHOWN = ("MaxJobs", "MaxRecords", "UnixStartTime", "TimeZoneString", "MaxNodes", "MaxProcs")
SUBMIT, WAIT, RUN, PROCS, CPU, ASKED, ASKED_S, STATUS, USER = 1, 2, 3, 4, 5, 7, 8, 10, 11


NAMES = (
    "job", "submit", "wait", "run", "processors", "cpu", "memory", "asked", "asked_s",
    "asked_memory", "status", "user", "group", "executable", "queue", "partition", "preceding",
    "think",
)  # fmt: skip


def _uncommented(raw: bytes) -> tuple[bytes, list[bytes]]:
    """Return the lines with comments blanked, and the lines that are nothing but comment."""
    notes: list[bytes] = []
    blank = 0
    while raw.startswith(b";", blank):
        end = raw.index(b"\n", blank)
        notes.append(raw[blank:end].strip())
        raw = raw[:blank] + raw[end:]
        blank += 1
    if b";" not in raw:
        return raw, notes
    lines = raw.split(b"\n")
    for at, line in enumerate(lines):
        if b";" in line:
            if line.lstrip().startswith(b";"):
                notes.append(line.strip())
            lines[at] = line.partition(b";")[0].rstrip()
    return b"\n".join(lines), notes


def _single_spaced(raw: bytes) -> bytes:
    """Return lines whose fields are parted by one space, without any at the ends."""
    if b"\t" in raw:
        raw = raw.replace(b"\t", b" ")
    text = np.frombuffer(raw, dtype=np.uint8)
    space = text == SPACE
    # A space goes where a space or a line's end stands before it, or a line's end after it.
    ends = text == NEWLINE
    gone = space.copy()
    gone[1:] &= space[:-1] | ends[:-1]
    gone[:-1] |= space[:-1] & ends[1:]
    return text[~gone].tobytes() if gone.any() else raw


def _is_row(line: str) -> bool:
    parts = line.split()
    if len(parts) != FIELDS:
        return False
    try:
        [float(part) for part in parts]
    except ValueError:
        return False
    return True


def _origin(header: dict[str, str]) -> Origin | None:
    """Return the clock at time 0, where the header tells when and in which zone that was."""
    try:
        start = int(header["UnixStartTime"])
    except (KeyError, ValueError):
        return None
    if not 0 < start <= MOST_WHOLE:
        return None
    try:
        zone = ZoneInfo(header["TimeZoneString"])
        offset = datetime.fromtimestamp(start, zone).utcoffset()
        offset_s = offset.total_seconds() if offset is not None else 0.0
    except (KeyError, ValueError, OSError):
        # A zone that is not known here; the field before it told seconds.
        told = header.get("TimeZone", "")
        if not told.lstrip("+-").isdecimal():
            return None
        offset_s = float(told)
    return Origin.of(start * 1_000_000_000, offset_s=offset_s)


def _parts(job: F8, status: F8) -> B1:
    """Return which rows are parts (status 2 to 4) of a job that a row sums up (0, 1 or 5)."""
    part = (status >= 2.0) & (status <= 4.0)
    if part.any():
        part &= np.isin(job, job[np.isin(status, (0.0, 1.0, 5.0))])
    return np.asarray(part, dtype=bool)


class SwfReader:
    """Jobs of the Parallel Workloads Archive."""

    name = "swf"

    def sniff(self, content: Content) -> bool:
        """Return whether the file begins with comments or a line of 18 numbers."""
        head = content.head
        lines = [line for line in head.split("\n") if line.strip()]
        body = [line for line in lines if not line.lstrip().startswith(";")]
        if not body:
            return bool(lines)
        if len(body) == 1 and not head.endswith("\n"):
            return len(body) < len(lines) or _is_row(body[0])
        return _is_row(body[0])

    def read(self, content: Content, *, strict: bool) -> Trace:
        """Return the jobs whose run time and processors are known; other rows are counted."""
        where = content.where
        header, header_lines, data, lines = self._parse(content)
        submit, wait, run = data[:, SUBMIT], data[:, WAIT], data[:, RUN]
        procs, asked, status = data[:, PROCS], data[:, ASKED], data[:, STATUS]
        order, notices = order_of(submit, where, lines, strict=strict)
        cores = np.where(procs > 0.0, procs, asked)
        known = run >= 0.0
        usable = known & (cores >= 1.0)
        if not usable.all():
            notices.append(
                f"{int((~usable).sum())} rows cannot be replayed: run time unknown "
                f"({int((~known).sum())}) or processors unknown ({int((cores < 1.0).sum())})"
            )
        parts = _parts(data[:, 0], status)
        if parts.any():
            notices.append(
                f"{int(parts.sum()):,} rows are parts of jobs that have a row of their whole, and "
                "are not replayed"
            )
        kept = order[(usable & ~parts)[order]]
        told = (data[:, USER] >= 0.0) & (data[:, USER] <= MOST_WHOLE)
        estimate = np.where(data[:, ASKED_S] > 0.0, data[:, ASKED_S], run)
        jobs = JobTable.of(
            submit[kept],
            run[kept],
            cores[kept].astype(np.int64),
            job_id=data[kept, 0].astype(np.int64),
            estimate_s=estimate[kept],
            user=np.where(told, data[:, USER], -1.0)[kept].astype(np.int32),
            recorded_wait_s=np.where(wait >= 0.0, wait, np.nan)[kept],
        )

        def figures() -> dict[str, Any]:
            return {
                **self._figures(header, header_lines, data, cores, known),
                "status_counts": {
                    f"{plain(code)}": int(count)
                    for code, count in zip(*np.unique(status, return_counts=True), strict=True)
                },
            }

        return Trace(jobs, None, figures, tuple(notices), rows=kept, origin=_origin(header))

    def _parse(self, content: Content) -> tuple[dict[str, str], int, F8, pd.Index]:
        header: dict[str, str] = {}
        comments = 0
        columns = Columns(**dict.fromkeys(NAMES, np.float64))
        for block in content.blocks():
            raw, notes = _uncommented(block.raw)
            comments += len(notes)
            for note in notes:
                key, colon, value = note.decode(errors="replace").lstrip("; \t").partition(":")
                if colon and key.strip() not in header:
                    header[key.strip()] = value.strip()
            with content.part():
                table = table_of(
                    Block(block.first, _single_spaced(raw), block.count),
                    content.where,
                    NAMES,
                    NAMES,
                    kinds=dict.fromkeys(NAMES, pyarrow.float64()),
                    delimiter=" ",
                )
                if not len(table):
                    continue
                found = read_block(
                    *(
                        partial(numbers, table[name], name, content.where, least=-MOST)
                        for name in NAMES
                    )
                )
                unknown = np.flatnonzero(found[SUBMIT] < 0.0)
                if unknown.size:
                    words = "the time is missing"
                    raise TraceError([fault(content.where, table.index, unknown, None, words)])
                columns.append(table.index, **dict(zip(NAMES, found, strict=True)))
        content.parts_read()
        if not columns.rows:
            raise TraceError([Problem(content.where, None, "has a header but no jobs")])
        lines = columns.lines
        data = np.empty((columns.rows, FIELDS), order="F")
        for at, name in enumerate(NAMES):
            data[:, at] = columns.take(name)
        return header, comments, data, lines

    def _figures(
        self, header: dict[str, str], header_lines: int, data: F8, cores: F8, known: B1
    ) -> dict[str, Any]:
        submit, wait, run = data[:, SUBMIT], data[:, WAIT], data[:, RUN]
        both = known & (cores > 0.0)
        core_s = (run * cores)[both].sum()
        out: dict[str, Any] = {
            "kind": "jobs",
            "rows": len(data),
            **arrival_figures(submit),
            "rows_with_duration": int(known.sum()),
            **distribution("duration_s", run[known], shown=("mean", "p50", "p99", "max", "min")),
            **distribution("cores", cores[cores > 0.0], shown=("mean", "max")),
            "core_hours": plain(core_s / 3600.0),
            "header": {key: header[key] for key in SHOWN if key in header},
            "header_lines": header_lines,
            "users": len(np.unique(data[:, USER][data[:, USER] >= 0.0])),
            "rows_run_unknown": int((~known).sum()),
            "rows_run_zero": int((run == 0.0).sum()),
            "rows_wait_unknown": int((wait < 0.0).sum()),
            "wait_mean_s_known": plain(wait[wait >= 0.0].mean()) if (wait >= 0.0).any() else None,
            "rows_procs_unknown": int((data[:, PROCS] < 0.0).sum()),
            "rows_no_procs_at_all": int((cores <= 0.0).sum()),
            "rows_fractional_avg_cpu": int((data[:, CPU] != np.floor(data[:, CPU])).sum()),
            "sorted_by_submit": bool((np.diff(submit) >= 0.0).all()),
        }
        procs = header.get("MaxProcs", "")
        if procs.isdigit() and int(procs) > 0:
            end = submit + np.maximum(wait, 0.0) + np.maximum(run, 0.0)
            span = float(end.max() - submit.min())
            out["utilisation_of_maxprocs"] = plain(core_s / int(procs) / span) if span else None
        return out
