"""Alibaba ServeGen: rates of clients by 10-minute window, and token-length distributions.

Both are described; single requests are not in these files.
"""

from __future__ import annotations

import ast
import json
from typing import Any

import numpy as np

from computenet.errors import Problem, TraceError
from computenet.workload.traces.columns import counts, csv_columns, has_columns, numbers
from computenet.workload.traces.figures import plain
from computenet.workload.traces.opening import Content
from computenet.workload.traces.trace import Trace

__all__ = ["ServeGenLengthsReader", "ServeGenRatesReader"]

COLUMNS = ("client", "timestamp", "rate", "cv", "pattern", "arg1", "arg2")


class ServeGenRatesReader:
    """Rates of every client in every window."""

    name = "servegen-rates"

    def sniff(self, content: Content) -> bool:
        """Return whether the header has the seven columns."""
        return has_columns(content.head, COLUMNS)

    def read(self, content: Content, *, strict: bool) -> Trace:
        """Return the figures of the rates."""
        where = content.where
        table = csv_columns(content, COLUMNS)
        start = numbers(table["timestamp"], "timestamp", where, least=0.0)
        rate = numbers(table["rate"], "rate", where, least=0.0)
        windows, place = np.unique(start, return_inverse=True)
        total = np.bincount(place, weights=rate)
        steps = np.diff(windows)
        step = float(steps.min()) if steps.size else 0.0
        return Trace(
            None,
            None,
            {
                "kind": "client_rates",
                "rows": len(table),
                "clients": int(table["client"].nunique()),
                "windows": len(windows),
                "window_s": plain(step),
                "span_s": plain(windows[-1] - windows[0] + step),
                "pattern_counts": counts(table["pattern"]),
                "zero_rate_rows": int((rate == 0.0).sum()),
                "total_rate_mean_per_s": plain(total.mean()),
                "total_rate_peak_per_s": plain(total.max()),
                "total_rate_min_per_s": plain(total.min()),
                "peak_window_start_s": plain(windows[int(total.argmax())]),
                "expected_requests": round(float(total.sum()) * step),
            },
        )


class ServeGenLengthsReader:
    """Token-length distributions of one client by window."""

    name = "servegen-lengths"

    def sniff(self, content: Content) -> bool:
        """Return whether it is JSON of windows that hold token distributions."""
        head = content.head.lstrip()
        return head.startswith("{") and '_tokens": "{' in head

    def read(self, content: Content, *, strict: bool) -> Trace:
        """Return the figures of the distributions."""
        where = content.where
        try:
            raw = json.loads(content.text)
            starts = sorted(float(key) for key in raw)
            fields = sorted({field for window in raw.values() for field in window})
            means: dict[str, list[float]] = {field: [] for field in fields}
            for window in raw.values():
                for field, text in window.items():
                    law = ast.literal_eval(text)
                    weight = sum(law.values())
                    if weight > 0:
                        means[field].append(sum(k * p for k, p in law.items()) / weight)
        except (ValueError, SyntaxError, TypeError, AttributeError) as error:
            raise TraceError(
                [Problem(where, None, f"is no file of length distributions: {error}")]
            ) from error
        figures: dict[str, Any] = {
            "kind": "length_distributions",
            "windows": len(raw),
            "window_starts_first": plain(starts[0]) if starts else None,
            "window_starts_last": plain(starts[-1]) if starts else None,
            "fields": fields,
        }
        for field, values in means.items():
            figures[f"{field}_mean_of_window_means"] = plain(np.mean(values)) if values else None
            figures[f"{field}_windows"] = len(values)
        return Trace(None, None, figures)
