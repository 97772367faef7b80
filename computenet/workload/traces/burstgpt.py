"""BurstGPT: ``Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type``, by name.

Timestamps are seconds from midnight of the first day. A response of 0 tokens is a failed request;
it is counted and not replayed.
"""

from __future__ import annotations

import numpy as np

from computenet.workload.tables import RequestTable
from computenet.workload.traces.columns import counts, csv_columns, has_columns, numbers
from computenet.workload.traces.figures import arrival_figures, distribution, order_of, plain
from computenet.workload.traces.opening import Content
from computenet.workload.traces.trace import Trace

__all__ = ["BurstGptReader"]

COLUMNS = ("Timestamp", "Model", "Request tokens", "Response tokens")


class BurstGptReader:
    """Requests of the BurstGPT traces, with or without sessions."""

    name = "burstgpt"

    def sniff(self, content: Content) -> bool:
        """Return whether the header has the columns."""
        return has_columns(content.head, COLUMNS)

    def read(self, content: Content, *, strict: bool) -> Trace:
        """Return the requests that were answered."""
        where = content.where
        table = csv_columns(content.text, where, COLUMNS)
        arrival = numbers(table["Timestamp"], "Timestamp", where, least=0.0)
        into = numbers(table["Request tokens"], "Request tokens", where, least=0.0, whole=True)
        out = numbers(table["Response tokens"], "Response tokens", where, least=0.0, whole=True)
        order, notices = order_of(arrival, where, 2, strict=strict)
        shown = ("mean", "p50", "p99", "max", "min")
        failed = out == 0.0
        figures = {
            "kind": "requests",
            "rows": len(arrival),
            **arrival_figures(arrival, per_minute=True),
            "input_tokens_sum": plain(into.sum()),
            "output_tokens_sum": plain(out.sum()),
            **distribution("input_tokens", into, shown=shown),
            **distribution("output_tokens", out, shown=shown),
            "model_counts": counts(table["Model"]),
            "rows_failed": int(failed.sum()),
        }
        if failed.any():
            notices.append(f"{int(failed.sum()):,} failed requests (no output) are not replayed")
        kept = order[~failed[order]]
        requests = RequestTable.of(
            arrival[kept], into[kept].astype(np.int64), out[kept].astype(np.int64)
        )
        return Trace(None, requests, figures, tuple(notices))
