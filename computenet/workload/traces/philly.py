"""Microsoft Philly 2017 in Sia's form: ``timestamp,duration,num_gpus,gpu_time,cluster``."""

from __future__ import annotations

import numpy as np

from computenet.workload.tables import JobTable
from computenet.workload.traces.columns import (
    counts,
    csv_columns,
    has_columns,
    numbers,
    wall_clock,
)
from computenet.workload.traces.figures import arrival_figures, distribution, order_of, plain
from computenet.workload.traces.opening import Content
from computenet.workload.traces.trace import Labels, Origin, Trace

__all__ = ["PhillyReader"]

COLUMNS = ("timestamp", "duration", "num_gpus", "cluster")
#: Says what the others say already, and may be missing.
GPU_TIME = "gpu_time"


class PhillyReader:
    """Training jobs of the Philly log; the virtual cluster is the tenant, the zone is unknown."""

    name = "philly"

    def sniff(self, content: Content) -> bool:
        """Return whether the header has the columns."""
        return has_columns(content.head, COLUMNS)

    def read(self, content: Content, *, strict: bool) -> Trace:
        """Return the jobs."""
        where = content.where
        timed = has_columns(content.head, (GPU_TIME,))
        table = csv_columns(content, (*COLUMNS, GPU_TIME) if timed else COLUMNS)
        stamps = wall_clock(table["timestamp"], "timestamp", where)
        duration = numbers(table["duration"], "duration", where, least=0.0)
        gpus = numbers(table["num_gpus"], "num_gpus", where, least=1.0, whole=True)
        submit = (stamps - stamps.min()) / 1e9
        order, notices = order_of(submit, where, table.index, strict=strict)
        raw = table["timestamp"].str.strip()
        figures = {
            "kind": "jobs",
            "rows": len(submit),
            **arrival_figures(submit),
            "rows_with_duration": len(duration),
            **distribution("duration_s", duration, shown=("mean", "p50", "p99", "max", "min")),
            **distribution("gpus", gpus, shown=("mean", "max")),
            "gpu_hours": plain((duration * gpus).sum() / 3600.0),
            "first_timestamp": str(raw.iloc[int(np.argmin(stamps))]),
            "last_timestamp": str(raw.iloc[int(np.argmax(stamps))]),
            "cluster_counts": counts(table["cluster"]),
            "num_gpus_counts": counts(table["num_gpus"]),
            "sorted_by_time": bool((np.diff(submit) >= 0.0).all()),
        }
        if timed:
            gpu_time = numbers(table[GPU_TIME], GPU_TIME, where, least=0.0)
            figures["rows_gpu_time_mismatch"] = int((gpu_time != duration * gpus).sum())
        tenant = Labels.of(table["cluster"]).code
        jobs = JobTable.of(
            submit[order],
            duration[order],
            gpus[order].astype(np.int64),
            job_id=order.astype(np.int64),
            user=tenant[order],
        )
        return Trace(
            jobs, None, figures, tuple(notices), rows=order,
            origin=Origin.of(int(stamps.min()), str(raw.iloc[int(np.argmin(stamps))])),
        )  # fmt: skip
