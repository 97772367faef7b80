"""Alibaba image generation 2026 (GenTD26): one row a request, its work in seconds.

The requests have no tokens, so they are replayed as jobs of one accelerator (the trace's own
assumption: one GPU container a request), the user group being the tenant.
"""

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
from computenet.workload.traces.figures import (
    arrival_figures,
    distribution,
    mean_known,
    order_of,
)
from computenet.workload.traces.opening import Content
from computenet.workload.traces.trace import Labels, Trace

__all__ = ["GenaiReader"]

COLUMNS = (
    "gmt_create", "predict_type", "predict_status", "exec_time_seconds", "groupId",
    "prompt_length", "num_images_per_prompt", "num_inference_steps",
    "checkpoint_model_version_id", "num_lora",
)  # fmt: skip


class GenaiReader:
    """Image-generation requests."""

    name = "genai"

    def sniff(self, content: Content) -> bool:
        """Return whether the header has the columns."""
        return has_columns(content.head, COLUMNS)

    def read(self, content: Content, *, strict: bool) -> Trace:
        """Return the requests as jobs of one accelerator."""
        where = content.where
        table = csv_columns(content, COLUMNS)
        stamps = wall_clock(table["gmt_create"], "gmt_create", where)
        run = numbers(table["exec_time_seconds"], "exec_time_seconds", where, least=0.0)
        images = numbers(
            table["num_images_per_prompt"], "num_images_per_prompt", where, least=0.0, empty=True
        )
        steps = numbers(
            table["num_inference_steps"], "num_inference_steps", where, least=0.0, empty=True
        )
        lora = numbers(table["num_lora"], "num_lora", where, least=0.0, empty=True)
        submit = (stamps - stamps.min()) / 1e9
        order, notices = order_of(submit, where, table.index, strict=strict)
        raw = table["gmt_create"].str.strip()
        figures = {
            "kind": "requests",
            "rows": len(submit),
            **arrival_figures(submit),
            "rows_with_duration": len(run),
            **distribution("duration_s", run, shown=("mean", "p50", "p99", "max", "min")),
            "status_counts": counts(table["predict_status"]),
            "first_timestamp": str(raw.iloc[int(np.argmin(stamps))]),
            "last_timestamp": str(raw.iloc[int(np.argmax(stamps))]),
            "predict_type_counts": counts(table["predict_type"]),
            "groups": len(set(table["groupId"]) - {""}),
            "base_models": len(set(table["checkpoint_model_version_id"]) - {""}),
            "images_per_prompt_mean": mean_known(images),
            "steps_mean": mean_known(steps),
            "lora_mean": mean_known(lora),
            "rows_null_prompt": int((table["prompt_length"].str.strip() == "").sum()),
        }
        notices.append("requests without tokens run as jobs of one accelerator")
        tenant = Labels.of(table["groupId"]).code
        jobs = JobTable.of(
            submit[order],
            run[order],
            np.ones(len(run), dtype=np.int64),
            job_id=order.astype(np.int64),
            user=tenant[order],
        )
        return Trace(jobs, None, figures, tuple(notices), rows=order)
