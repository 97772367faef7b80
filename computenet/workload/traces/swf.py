"""Standard Workload Format 2.2 (Chapin et al., JSSPP 1999): 18 fields a line, -1 = unknown."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from computenet.errors import Problem, TraceError
from computenet.workload.tables import JobTable
from computenet.workload.traces.columns import MOST
from computenet.workload.traces.figures import arrival_figures, distribution, order_of, plain
from computenet.workload.traces.opening import Content
from computenet.workload.traces.trace import Trace

__all__ = ["SwfReader"]

F8 = NDArray[np.float64]
B1 = NDArray[np.bool_]
FIELDS = 18
#: Header directives shown by ``trace describe``.
SHOWN = ("MaxJobs", "MaxRecords", "UnixStartTime", "TimeZoneString", "MaxNodes", "MaxProcs")
SUBMIT, WAIT, RUN, PROCS, CPU, ASKED, ASKED_S, STATUS, USER = 1, 2, 3, 4, 5, 7, 8, 10, 11


def _is_row(line: str) -> bool:
    parts = line.split()
    if len(parts) != FIELDS:
        return False
    try:
        [float(part) for part in parts]
    except ValueError:
        return False
    return True


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
        """Return the jobs whose run time and processors are known; the others are counted."""
        text, where = content.text, content.where
        header, header_lines, data = self._parse(text, where)
        submit, wait, run = data[:, SUBMIT], data[:, WAIT], data[:, RUN]
        procs, asked, status = data[:, PROCS], data[:, ASKED], data[:, STATUS]
        order, notices = order_of(submit, where, header_lines + 1, strict=strict)
        cores = np.where(procs > 0.0, procs, asked)
        known = run >= 0.0
        figures = self._figures(header, header_lines, data, cores, known)
        usable = known & (cores >= 1.0)
        if not usable.all():
            notices.append(
                f"{int((~usable).sum())} rows cannot be replayed: run time unknown "
                f"({int((~known).sum())}) or processors unknown ({int((cores < 1.0).sum())})"
            )
        kept = order[usable[order]]
        estimate = np.where(data[:, ASKED_S] > 0.0, data[:, ASKED_S], run)
        jobs = JobTable.of(
            submit[kept],
            run[kept],
            cores[kept].astype(np.int64),
            job_id=data[kept, 0].astype(np.int64),
            estimate_s=estimate[kept],
            user=data[kept, USER].astype(np.int32),
            recorded_wait_s=np.where(wait >= 0.0, wait, np.nan)[kept],
        )
        figures["status_counts"] = {
            f"{plain(code)}": int(count)
            for code, count in zip(*np.unique(status, return_counts=True), strict=True)
        }
        return Trace(jobs, None, figures, tuple(notices))

    def _parse(self, text: str, where: str) -> tuple[dict[str, str], int, F8]:
        header: dict[str, str] = {}
        rows: list[str] = []
        lines: list[int] = []
        comments = 0
        for number, line in enumerate(text.split("\n"), start=1):
            stripped = line.strip()
            if stripped.startswith(";"):
                comments += 1
                key, colon, value = stripped.lstrip("; \t").partition(":")
                if colon and key.strip() not in header:
                    header[key.strip()] = value.strip()
            elif stripped:
                rows.append(stripped.partition(";")[0])
                lines.append(number)
        if not rows:
            raise TraceError([Problem(where, None, "has a header but no jobs")])
        problems = [
            Problem(f"{where}: line {lines[i]}", row[:60], "has not 18 fields", "18 numbers")
            for i, row in enumerate(rows)
            if len(row.split()) != FIELDS
        ]
        if not problems:
            table = pd.read_csv(
                io.StringIO("\n".join(rows)), sep=r"\s+", header=None, dtype=str
            ).apply(pd.to_numeric, errors="coerce")
            data = table.to_numpy(dtype=np.float64)
            problems += [
                Problem(
                    f"{where}: line {lines[row]}",
                    rows[row][:60],
                    "is not all numbers, or some are too large",
                )
                for row in np.flatnonzero(~(np.abs(data) <= MOST).all(axis=1))
            ]
            unknown = np.flatnonzero(data[:, SUBMIT] < 0.0)
            problems += [
                Problem(f"{where}: line {lines[row]}", rows[row][:60], "the time is missing")
                for row in unknown
            ]
        if problems:
            shown = problems[:10]
            if len(problems) > len(shown):
                shown.append(Problem(where, None, f"{len(problems) - len(shown)} more lines"))
            raise TraceError(shown)
        return header, comments, data

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
