"""Alibaba PAI 2020 in GAIA's form: ``arrival_time,length,cpus``.

The same header is used for hours (one-year files) and for seconds (one-week files); no field says
which. GAIA's hours have fractions and its seconds have none; seconds with fractions show in lengths
that no job has in hours.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from computenet.workload.tables import JobTable
from computenet.workload.traces.columns import csv_columns, has_columns, numbers
from computenet.workload.traces.figures import arrival_figures, distribution, order_of, plain
from computenet.workload.traces.growing import read_block
from computenet.workload.traces.opening import Content
from computenet.workload.traces.trace import Trace

__all__ = ["PaiReader", "time_unit_s"]

F8 = NDArray[np.float64]
COLUMNS = ("arrival_time", "length", "cpus")


def _whole(values: F8) -> bool:
    return bool((np.abs(values - np.rint(values)) <= 1e-4).all())


def time_unit_s(arrival: F8, length: F8) -> int:
    """Return 3600 where times are hours and 1 where they are seconds.

    Whole numbers throughout are seconds. Where there are fractions, a median length under 100
    means hours: as seconds it would be under two minutes, and jobs of five minutes or less are
    not in these files; as hours, 100 would be more than four days.
    """
    if _whole(np.concatenate([arrival, length])):
        return 1
    return 3600 if float(np.median(length)) < 100.0 else 1


class PaiReader:
    """Jobs of the Alibaba PAI 2020 and Azure VM 2017 samples of GAIA."""

    name = "pai"

    def sniff(self, content: Content) -> bool:
        """Return whether the header has the three columns."""
        return has_columns(content.head, COLUMNS)

    def read(self, content: Content, *, strict: bool) -> Trace:
        """Return the jobs."""
        where = content.where
        table = csv_columns(content, COLUMNS)
        columns = read_block(
            *(
                partial(
                    numbers,
                    table[name],
                    name,
                    where,
                    least=1.0 if name == "cpus" else 0.0,
                    whole=name == "cpus",
                )
                for name in COLUMNS
            )
        )
        arrival, length, cpus = columns
        unit = time_unit_s(arrival, length)
        submit, duration = arrival * unit, length * unit
        if _whole(submit) and _whole(duration):
            submit, duration = np.rint(submit), np.rint(duration)
        order, notices = order_of(submit, where, table.index, strict=strict)
        figures = {
            "kind": "jobs",
            "rows": len(submit),
            **arrival_figures(submit),
            "rows_with_duration": len(duration),
            **distribution("duration_s", duration, shown=("mean", "p50", "p99", "max", "min")),
            **distribution("cores", cpus, shown=("mean", "max")),
            "core_hours": plain((duration * cpus).sum() / 3600.0),
            "time_unit_seconds": unit,
        }
        jobs = JobTable.of(
            submit[order],
            duration[order],
            cpus[order].astype(np.int64),
            job_id=order.astype(np.int64),
        )
        return Trace(jobs, None, figures, tuple(notices), rows=order)
