"""A serving engine's own log, request by request, as vLLM benchmarks write it (JSON lines).

``queued_ts``, ``first_token_ts`` and ``last_token_ts`` are seconds of one monotonic clock. TTFT is
first token less queued, TPOT the time from first to last token over the tokens between, end to end
the last token less queued.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from computenet.workload.tables import RequestTable
from computenet.workload.traces.figures import order_of, plain, request_figures
from computenet.workload.traces.json_lines import first_object, json_lines
from computenet.workload.traces.opening import Content
from computenet.workload.traces.trace import Trace

__all__ = ["VllmReader", "latency_figures"]

FIELDS = ("input_toks", "output_toks", "queued_ts", "first_token_ts", "last_token_ts")


def latency_figures(name: str, values_s: np.ndarray) -> dict[str, Any]:
    """Return mean and percentiles of a latency, ms."""
    p50, p90, p99 = np.quantile(values_s, [0.5, 0.9, 0.99])
    shown = (("mean", values_s.mean()), ("p50", p50), ("p90", p90), ("p99", p99))
    return {f"{name}_ms_{key}": plain(1000.0 * value) for key, value in shown}


def _fault(row: Any) -> str | None:
    if not isinstance(row, dict):
        return "is no object"
    for name in FIELDS:
        value = row.get(name)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return f"{name} is missing or no number"
        if not 0 <= value < 1e15:
            return f"{name} is out of range"
    if row["input_toks"] < 1 or row["output_toks"] < 1:
        return "a request has at least 1 token in and 1 out"
    if not row["queued_ts"] <= row["first_token_ts"] <= row["last_token_ts"]:
        return "queued, first and last token are not in this order"
    return None


class VllmReader:
    """Requests of a serving engine with their measured latencies."""

    name = "vllm"

    def sniff(self, content: Content) -> bool:
        """Return whether the first line is an object with the engine's fields."""
        first = first_object(content)
        return all(f'"{name}"' in first for name in FIELDS)

    def read(self, content: Content, *, strict: bool) -> Trace:
        """Return the requests; they arrive when the engine queued them."""
        rows, lines = json_lines(content, _fault)

        def column(name: str) -> np.ndarray:
            return np.asarray([row[name] for row in rows], dtype=np.float64)

        queued, first, last = (column(name) for name in FIELDS[2:])
        into, out = column("input_toks"), column("output_toks")
        arrival = queued - queued.min()
        order, notices = order_of(arrival, content.where, lines, strict=strict)
        many = out > 1.0
        figures: dict[str, Any] = {
            **request_figures(arrival, into, out),
            **latency_figures("ttft", first - queued),
            **(
                latency_figures("tpot", ((last - first)[many] / (out - 1.0)[many]))
                if many.any()
                else {}
            ),
            **latency_figures("e2e", last - queued),
        }
        requests = RequestTable.of(
            arrival[order], into[order].astype(np.int64), out[order].astype(np.int64)
        )
        return Trace(None, requests, figures, tuple(notices), rows=order)
