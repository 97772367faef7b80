"""Shanghai AI Lab Acme, cluster Kalos: submit, latency from submit to end, and queueing."""

from __future__ import annotations

import numpy as np

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

__all__ = ["AcmeReader"]

COLUMNS = ("gpu_type", "gpu_count", "timestamp", "e2e_latency_s", "queue_wait_s")


class AcmeReader:
    """Training jobs of Kalos. Run time is the latency less the queueing, which is on record."""

    name = "acme"

    def sniff(self, content: Content) -> bool:
        """Return whether the header has the measured columns."""
        return has_columns(content.head, COLUMNS)

    def read(self, content: Content, *, strict: bool) -> Trace:
        """Return the jobs."""
        where = content.where
        table = csv_columns(content, COLUMNS)
        stamps = wall_clock(table["timestamp"], "timestamp", where)
        gpus = numbers(table["gpu_count"], "gpu_count", where, least=1.0, whole=True)
        latency = numbers(table["e2e_latency_s"], "e2e_latency_s", where, least=0.0)
        wait = numbers(table["queue_wait_s"], "queue_wait_s", where, least=0.0)
        run = latency - wait
        wrong = np.flatnonzero(run < 0.0)
        if wrong.size:
            raise TraceError(
                [
                    fault(
                        where,
                        table.index,
                        wrong,
                        float(run[wrong[0]]),
                        "the wait is longer than the whole latency",
                    )
                ]
            )
        submit = (stamps - stamps.min()) / 1e9
        order, notices = order_of(submit, where, table.index, strict=strict)
        raw = table["timestamp"].str.strip()
        figures = {
            "kind": "jobs",
            "rows": len(submit),
            **arrival_figures(submit),
            "rows_with_duration": len(run),
            **distribution("duration_s", run, shown=("mean", "p50", "p99", "max", "min")),
            **distribution("gpus", gpus, shown=("mean", "max")),
            "gpu_hours": plain((run * gpus).sum() / 3600.0),
            "first_timestamp": str(raw.iloc[int(np.argmin(stamps))]),
            "last_timestamp": str(raw.iloc[int(np.argmax(stamps))]),
            "e2e_latency_s_mean": plain(latency.mean()),
            "queue_wait_s_mean": plain(wait.mean()),
            "gpu_count_counts": counts(table["gpu_count"]),
            "gpu_hours_by_e2e": plain((latency * gpus).sum() / 3600.0),
        }
        jobs = JobTable.of(
            submit[order],
            run[order],
            gpus[order].astype(np.int64),
            job_id=order.astype(np.int64),
            recorded_wait_s=wait[order],
        )
        types = Labels.of(table["gpu_type"], order)
        return Trace(
            jobs, None, figures, tuple(notices), rows=order, labels={"gpu_type": types},
            origin=Origin.of(int(stamps.min()), str(raw.iloc[int(np.argmin(stamps))])),
        )  # fmt: skip
