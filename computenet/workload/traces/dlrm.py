"""Alibaba GPU-disaggregated DLRM serving 2025 (NSDI'25): instances of inference services.

No creation time means the instance was there before the trace, no deletion time that it was there
at its end; neither can be replayed with a known run time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from computenet.workload.tables import JobTable
from computenet.workload.traces.columns import counts, csv_columns, has_columns, numbers
from computenet.workload.traces.figures import arrival_figures, distribution, order_of, plain
from computenet.workload.traces.opening import Content
from computenet.workload.traces.trace import Labels, Trace

__all__ = ["DlrmReader"]

COLUMNS = (
    "role", "app_name", "cpu_request", "gpu_request", "memory_request", "creation_time",
    "scheduled_time", "deletion_time",
)  # fmt: skip


class DlrmReader:
    """Instances; the service is the tenant."""

    name = "dlrm"

    def sniff(self, content: Content) -> bool:
        """Return whether the header has the columns."""
        return has_columns(content.head, COLUMNS)

    def read(self, content: Content, *, strict: bool) -> Trace:
        """Return the GPU instances whose beginning and end are in the trace."""
        where = content.where
        table = csv_columns(content, COLUMNS)

        def column(name: str, *, empty: bool = False) -> np.ndarray:
            return numbers(table[name], name, where, least=0.0, empty=empty)

        created, ends = column("creation_time", empty=True), column("deletion_time", empty=True)
        scheduled = column("scheduled_time", empty=True)
        gpus, cores, memory = column("gpu_request"), column("cpu_request"), column("memory_request")
        run = ends - scheduled
        known, submitted = np.isfinite(run), np.isfinite(created)
        tenant = Labels.of(table["app_name"])
        figures: dict[str, Any] = {
            "kind": "instances",
            "rows": len(table),
            "rows_with_submit": int(submitted.sum()),
            **(arrival_figures(created[submitted]) if submitted.any() else {}),
            "rows_with_duration": int(known.sum()),
            **distribution("duration_s", run[known], shown=("mean", "p50", "p99", "max", "min")),
            **distribution("gpus", gpus, shown=("mean", "max")),
            "gpu_hours": plain((run * gpus)[known].sum() / 3600.0),
            **distribution("cores", cores, shown=("mean", "max")),
            "core_hours": plain((run * cores)[known].sum() / 3600.0),
            "role_counts": counts(table["role"]),
            "apps": len(tenant.names),
            "rows_no_creation": int((~submitted).sum()),
            "rows_no_deletion": int((~np.isfinite(ends)).sum()),
            "gpus_requested_sum": plain(gpus.sum()),
            "memory_gib_sum": plain(memory.sum()),
        }
        usable = known & submitted & (gpus >= 1.0) & (run >= 0.0)
        rows = np.flatnonzero(usable)
        notices = [
            f"{int((~usable).sum()):,} instances are not replayed: without a GPU, or there before "
            "the trace or after it"
        ]
        if rows.size:
            order, more = order_of(created[rows], where, table.index[rows], strict=strict)
            rows, notices = rows[order], notices + more
        jobs = JobTable.of(
            created[rows],
            run[rows],
            gpus[rows].astype(np.int64),
            job_id=rows.astype(np.int64),
            user=tenant.code[rows],
            recorded_wait_s=np.maximum((scheduled - created)[rows], 0.0),
        )
        return Trace(jobs, None, figures, tuple(notices), rows=rows)
