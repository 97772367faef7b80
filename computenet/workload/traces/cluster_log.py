"""Job logs of Helios and Acme in their origins' form, told apart by nothing but their columns.

``job_id,user,…,gpu_num,…,state,submit_time,start_time,end_time,duration,queue``: Helios has a
virtual cluster (``vc``) and local times without zone, Acme a job ``type`` and offsets. Run time is
the time between start and end; ``gpu_num`` 0 is a CPU job.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from computenet.errors import TraceError
from computenet.workload.tables import JobTable
from computenet.workload.traces.columns import (
    counts,
    csv_columns,
    fault,
    has_columns,
    numbers,
    wall_clock,
)
from computenet.workload.traces.figures import arrival_figures, distribution, order_of, plain
from computenet.workload.traces.opening import Content
from computenet.workload.traces.trace import Labels, Origin, Trace

__all__ = ["ClusterLogReader"]

COLUMNS = ("job_id", "user", "gpu_num", "state", "submit_time", "start_time", "end_time")


def _seconds(values: pd.Series, name: str, where: str) -> np.ndarray:
    """Return wall-clock times in seconds since 1970, NaN where a cell is empty."""
    out = np.full(len(values), np.nan)
    given = (values.str.strip() != "").to_numpy()
    if given.any():
        out[given] = wall_clock(values[given], name, where) / 1e9
    return out


class ClusterLogReader:
    """GPU jobs of a cluster log; the user is the tenant."""

    name = "cluster-log"

    def sniff(self, content: Content) -> bool:
        """Return whether the header has the columns both logs share."""
        return has_columns(content.head, COLUMNS)

    def read(self, content: Content, *, strict: bool) -> Trace:
        """Return the GPU jobs that started and ended."""
        where = content.where
        table = csv_columns(content, COLUMNS)
        stamps = wall_clock(table["submit_time"], "submit_time", where)
        submitted = stamps / 1e9
        started = _seconds(table["start_time"], "start_time", where)
        ended = _seconds(table["end_time"], "end_time", where)
        gpus = numbers(table["gpu_num"], "gpu_num", where, least=0.0, whole=True)
        run = ended - started
        wrong = np.flatnonzero(run < 0.0)
        if wrong.size:
            raise TraceError(
                [fault(where, table.index, wrong, None, "the job ends before it starts")]
            )
        known = np.isfinite(run)
        submit = submitted - submitted.min()
        order, notices = order_of(submit, where, table.index, strict=strict)
        tenant = Labels.of(table["user"])
        figures: dict[str, Any] = {
            "kind": "jobs",
            "rows": len(submit),
            **arrival_figures(submit),
            "rows_with_duration": int(known.sum()),
            **distribution("duration_s", run[known], shown=("mean", "p50", "p99", "max", "min")),
            **distribution("gpus", gpus, shown=("mean", "max")),
            "gpu_hours": plain((run * gpus)[known].sum() / 3600.0),
            "status_counts": counts(table["state"]),
            "users": len(tenant.names),
            "rows_without_gpu": int((gpus == 0.0).sum()),
        }
        usable = known & (gpus >= 1.0)
        if not usable.all():
            notices.append(
                f"{int((~usable).sum()):,} jobs are not replayed: without a GPU "
                f"({int((gpus == 0.0).sum()):,}), or that never started or ended"
            )
        kept = order[usable[order]]
        jobs = JobTable.of(
            submit[kept],
            run[kept],
            gpus[kept].astype(np.int64),
            job_id=kept.astype(np.int64),
            user=tenant.code[kept],
            recorded_wait_s=np.maximum((started - submitted)[kept], 0.0),
        )
        first = int(np.argmin(stamps))
        origin = Origin.of(int(stamps[first]), str(table["submit_time"].iloc[first]))
        return Trace(jobs, None, figures, tuple(notices), rows=kept, origin=origin)
