"""Alibaba GPU cluster 2023 "openb" (FGD, ATC'23): pods, and the nodes they ran on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from computenet.workload.tables import JobTable
from computenet.workload.traces.columns import (
    counts,
    csv_columns,
    has_columns,
    header_of,
    numbers,
)
from computenet.workload.traces.figures import (
    arrival_figures,
    distribution,
    mean_known,
    order_of,
    plain,
)
from computenet.workload.traces.opening import Content
from computenet.workload.traces.trace import Labels, NodeGroup, Trace

__all__ = ["OpenbNodesReader", "OpenbPodsReader", "by_model", "node_groups"]

#: What every list of pods has; when they ran, which some have not; and what only figures need.
SHAPES = ("cpu_milli", "memory_mib", "num_gpu", "gpu_milli")
TIMES = ("creation_time", "deletion_time", "scheduled_time")
SPEC, QOS, PHASE = "gpu_spec", "qos", "pod_phase"
NODES = ("sn", "cpu_milli", "memory_mib", "gpu", "model")


class OpenbPodsReader:
    """Pods. Those that share a GPU hold its share in a replay."""

    name = "openb-pods"

    def sniff(self, content: Content) -> bool:
        """Return whether the header has the columns of pods' shapes."""
        return has_columns(content.head, SHAPES)

    def read(self, content: Content, *, strict: bool) -> Trace:
        """Return the GPU pods that were scheduled; without times, how many pods of what size."""
        where = content.where
        names = header_of(content.head)
        timed = any(name in names for name in TIMES)
        more = [name for name in (SPEC, QOS, PHASE) if name in names]
        table = csv_columns(content, (*SHAPES, *(TIMES if timed else ()), *more))

        def column(name: str, *, empty: bool = False) -> np.ndarray:
            return numbers(table[name], name, where, least=0.0, empty=empty)

        count, milli = column("num_gpu"), column("gpu_milli")
        cores, memory = column("cpu_milli") / 1000.0, column("memory_mib")
        gpus = count * milli / 1000.0
        shared = (count == 1.0) & (milli < 1000.0)
        shapes: dict[str, Any] = {
            **distribution("gpus", gpus, shown=("mean", "max")),
            **distribution("cores", cores, shown=("mean", "max")),
            "num_gpu_counts": counts(table["num_gpu"]),
            "gpu_rows": int((count > 0.0).sum()),
            "fractional_gpu_rows": int(shared.sum()),
            "gpus_requested_sum": plain(round(float(gpus.sum()), 9)),
            "cpu_cores_requested_sum": plain(round(float(cores.sum()), 9)),
            "memory_mib_sum": plain(memory.sum()),
            "memory_zero_rows": int((memory == 0.0).sum()),
        }
        if SPEC in names:
            shapes["gpu_spec_rows"] = int((table[SPEC] != "").sum())
        if QOS in names:
            shapes["qos_counts"] = counts(table[QOS])
        if PHASE in names:
            shapes["status_counts"] = counts(table[PHASE])
        if not timed:
            return Trace(None, None, {"kind": "shapes", "rows": len(table), **shapes})
        submit, ends = column("creation_time"), column("deletion_time", empty=True)
        scheduled = column("scheduled_time", empty=True)
        run, wait = ends - scheduled, scheduled - submit
        known = np.isfinite(run)
        order, notices = order_of(submit, where, table.index, strict=strict)
        figures: dict[str, Any] = {
            "kind": "jobs",
            "rows": len(submit),
            **arrival_figures(submit),
            "rows_with_duration": int(known.sum()),
            **distribution("duration_s", run[known], shown=("mean", "p50", "p99", "max", "min")),
            "gpu_hours": plain((run * gpus)[known].sum() / 3600.0),
            "core_hours": plain((run * cores)[known].sum() / 3600.0),
            "queue_wait_mean_s": mean_known(wait),
            "queue_wait_p99_s": plain(np.nanquantile(wait, 0.99)) if known.any() else None,
            **shapes,
        }
        if PHASE in names:
            figures["rows_pending_no_schedule"] = int(
                ((table[PHASE] == "Pending").to_numpy() & ~np.isfinite(scheduled)).sum()
            )
        usable = known & (count > 0.0) & (run >= 0.0)
        for words, left in (
            ("never scheduled", ~known),
            ("without a GPU", known & (count == 0.0)),
            ("deleted before they were scheduled", known & (count > 0.0) & (run < 0.0)),
        ):
            if left.any():
                notices.append(f"{int(left.sum()):,} pods {words} are not replayed")
        if (shared & usable).any():
            notices.append(
                f"{int((shared & usable).sum()):,} pods hold a share of a GPU, packed without "
                "fragmentation"
            )
        kept = order[usable[order]]
        jobs = JobTable.of(
            submit[kept],
            run[kept],
            np.maximum(np.ceil(count[kept]), 1.0).astype(np.int64),
            share=np.where(shared, np.clip(milli / 1000.0, 0.001, 1.0), 1.0)[kept],
            job_id=kept.astype(np.int64),
            recorded_wait_s=np.maximum(wait[kept], 0.0),
        )
        labels = {"gpu_type": Labels.of(table[SPEC], kept)} if SPEC in names else {}
        return Trace(jobs, None, figures, tuple(notices), rows=kept, labels=labels)


class OpenbNodesReader:
    """Nodes: what the cluster is made of; nothing to replay."""

    name = "openb-nodes"

    def sniff(self, content: Content) -> bool:
        """Return whether the header has the nodes' columns."""
        return has_columns(content.head, NODES)

    def read(self, content: Content, *, strict: bool) -> Trace:
        """Return the figures of the nodes."""
        where = content.where
        table = csv_columns(content, NODES)
        gpus = numbers(table["gpu"], "gpu", where, least=0.0, whole=True)
        cores = numbers(table["cpu_milli"], "cpu_milli", where, least=0.0) / 1000.0
        memory = numbers(table["memory_mib"], "memory_mib", where, least=0.0)
        return Trace(
            None,
            None,
            {
                "kind": "nodes",
                "rows": len(table),
                "gpus": int(gpus.sum()),
                "cpu_cores": plain(cores.sum()),
                "memory_mib": plain(memory.sum()),
                **by_model(table["model"], gpus),
            },
            nodes=node_groups(table["model"], gpus),
        )


def node_groups(model: pd.Series, gpus: np.ndarray) -> tuple[NodeGroup, ...]:
    """Return the nodes with GPUs by model, in order of name."""
    frame = pd.DataFrame({"model": model.astype(object).to_numpy(), "gpus": gpus})
    groups = frame[(frame["gpus"] >= 1.0) & (frame["model"] != "")].groupby("model", sort=True)
    return tuple(
        NodeGroup(str(name), len(rows), int(rows.sum()), int(rows.mode().iloc[-1]))
        for name, rows in groups["gpus"]
    )


def by_model(model: pd.Series, gpus: np.ndarray) -> dict[str, dict[str, int]]:
    """Return accelerators and nodes of each model; no model is ``nan``."""
    names = model.where(model != "", "nan")
    held = pd.Series(gpus).groupby(names.to_numpy()).sum()
    return {
        "gpus_by_model": {str(key): int(held[key]) for key in sorted(held.index)},
        "nodes_by_model": counts(model),
    }
