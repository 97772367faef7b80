"""Gavel's training jobs (OSDI'20): seven tab-separated fields without a header.

A job has steps, not a run time: ``total_steps / throughput`` of its kind and size on a GPU type.
The throughputs stand in ``simulation_throughputs.json``, looked for beside the trace and above it;
jobs of a kind and size that it does not know have no run time and are not replayed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from computenet.errors import Problem, TraceError
from computenet.workload.tables import JobTable
from computenet.workload.traces.columns import MOST, MOST_WHOLE
from computenet.workload.traces.figures import arrival_figures, distribution, order_of, plain
from computenet.workload.traces.opening import Content, open_content
from computenet.workload.traces.trace import Trace

__all__ = ["GavelReader", "GavelThroughputsReader"]

FIELDS = 7
TABLE = "simulation_throughputs.json"
NO_TABLE = "is no table of throughputs"
DAMAGES = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)
#: GPU type whose throughput gives the run time.
BASIS = "v100"
#: How many folders above the trace are looked into.
LEVELS = 3


def _throughputs(where: str) -> dict[str, float] | None:
    """Return steps a second on the basis GPU by job kind; ``None`` where no table is found."""
    folder = Path(where).resolve().parent
    for place in [folder, *folder.parents][:LEVELS]:
        for path in (place / TABLE, place / f"{TABLE}.gz"):
            if path.is_file():
                try:
                    found = json.loads(open_content(path).text).get(BASIS, {})
                    rates = {kind: float(entry.get("null", 0.0)) for kind, entry in found.items()}
                except DAMAGES as error:
                    raise TraceError([Problem(str(path), None, NO_TABLE)]) from error
                return rates
    return None


def _kind(job_type: str, size: int) -> str:
    return f"('{job_type}', {size})"


class GavelReader:
    """Training jobs of the Gavel traces."""

    name = "gavel"

    def sniff(self, content: Content) -> bool:
        """Return whether the first line has seven tab-separated fields ending in numbers."""
        parts = content.head.split("\n", 1)[0].split("\t")
        if len(parts) != FIELDS:
            return False
        try:
            [float(part) for part in parts[-3:]]
        except ValueError:
            return False
        return "batch size" in parts[0] or parts[3] in {"0", "1"}

    def read(self, content: Content, *, strict: bool) -> Trace:
        """Return the jobs whose run time on a V100 is known."""
        where = content.where
        numbered = [(number, line.split("\t")) for number, line in content.lines()]
        rows = [row for _, row in numbered]
        problems = []
        for number, row in numbered:
            try:
                good = len(row) == FIELDS and 0 <= float(row[5]) <= MOST
                good = good and 1 <= int(row[6]) <= MOST_WHOLE and 0 <= float(row[4]) <= MOST
            except ValueError:
                good = False
            if not good:
                problems.append(
                    Problem(
                        f"{where}: line {number}",
                        "\t".join(row)[:60],
                        "is no Gavel job",
                        rows=(number,),
                    )
                )
        if problems:
            rest = tuple(row for problem in problems[10:] for row in problem.rows)
            more = [Problem(where, None, f"{len(rest):,} more lines", rows=rest)] if rest else []
            raise TraceError(problems[:10] + more)
        if not rows:
            raise TraceError([Problem(where, None, "has no rows")])
        submit = np.asarray([float(row[5]) for row in rows])
        steps = np.asarray([float(row[4]) for row in rows])
        size = np.asarray([int(row[6]) for row in rows], dtype=np.int64)
        order, notices = order_of(
            submit, where, pd.Index([at for at, _ in numbered]), strict=strict
        )
        table = _throughputs(where)
        rate = np.zeros(len(rows))
        if table is None:
            notices.append(f"{TABLE} was not found: no job has a run time")
        else:
            for index, row in enumerate(rows):
                rate[index] = table.get(_kind(row[0], int(row[6])), 0.0)
        known = (rate > 0.0) & np.isfinite(rate)
        run = np.divide(steps, rate, out=np.full(len(rows), np.nan), where=known)
        sizes, often = np.unique(size, return_counts=True)
        figures: dict[str, Any] = {
            "kind": "jobs",
            "rows": len(rows),
            **arrival_figures(submit),
            "rows_with_duration": int(known.sum()),
            **distribution("duration_s", run[known], shown=("mean", "p50", "p99", "max", "min")),
            **distribution("gpus", size.astype(np.float64), shown=("mean", "max")),
            "gpu_hours": plain((run * size)[known].sum() / 3600.0),
            "total_steps_sum": plain(steps.sum()),
            "scale_factor_counts": {
                str(key): int(value) for key, value in zip(sizes, often, strict=True)
            },
            "job_types": len({row[0] for row in rows}),
            "rows_no_v100_throughput": int((~known).sum()),
            "duration_basis": (
                "total_steps / v100 isolated throughput of (job_type, scale_factor)"
            ),
        }
        if not known.all() and table is not None:
            notices.append(f"{int((~known).sum()):,} jobs have no {BASIS} throughput: not replayed")
        kept = order[known[order]]
        jobs = JobTable.of(submit[kept], run[kept], size[kept], job_id=kept.astype(np.int64))
        return Trace(jobs, None, figures, tuple(notices), rows=kept)


class GavelThroughputsReader:
    """Steps a second of every job kind on every GPU type; described, not replayed."""

    name = "gavel-throughputs"

    def sniff(self, content: Content) -> bool:
        """Return whether it is JSON of GPU types with job kinds."""
        return content.head.lstrip().startswith("{") and "(batch size" in content.head

    def read(self, content: Content, *, strict: bool) -> Trace:
        """Return how many kinds each GPU type knows, and how many do not fit."""
        try:
            table = json.loads(content.text)
            kinds = {gpu: len(entries) for gpu, entries in table.items()}
            zeros = {
                gpu: sum(float(entry["null"]) == 0.0 for entry in entries.values())
                for gpu, entries in table.items()
            }
        except DAMAGES as error:
            raise TraceError([Problem(content.where, None, f"{NO_TABLE}: {error}")]) from error
        figures = {"kind": "throughputs", "gpu_types": kinds, "zero_isolated": zeros}
        return Trace(None, None, figures)
