"""Azure LLM inference traces: ``TIMESTAMP,ContextTokens,GeneratedTokens``.

Timestamps have up to nine fraction digits (the 2023 files seven, 100 ns) and, in the 2024 files, a
zone. Lines may end in CR LF and the last one may have no end.
"""

from __future__ import annotations

import re
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from computenet.errors import Problem, TraceError
from computenet.workload.tables import RequestTable
from computenet.workload.traces.columns import csv_columns, numbers
from computenet.workload.traces.figures import arrival_figures, distribution, order_of, plain
from computenet.workload.traces.opening import Content
from computenet.workload.traces.trace import Trace

__all__ = ["AzureLlmReader"]

I8 = NDArray[np.int64]
COLUMNS = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")
PARTS = re.compile(
    r"\s*(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?\s*(Z|[+-]\d{2}:?\d{2})?\s*$"
)


def _nanoseconds(stamp: str) -> int | None:
    """Return nanoseconds since 1970; ``None`` when it is no timestamp."""
    found = PARTS.match(stamp)
    if not found:
        return None
    day, clock, fraction, zone = found.groups()
    text = f"{day}T{clock}"
    zone = "+00:00" if zone in (None, "Z") else zone
    try:
        seconds = int(datetime.fromisoformat(text + zone).timestamp())
    except ValueError:
        return None
    return seconds * 1_000_000_000 + int((fraction or "").ljust(9, "0"))


class AzureLlmReader:
    """Requests of the Azure LLM inference traces."""

    name = "azure-llm"

    def sniff(self, content: Content) -> bool:
        """Return whether the header has the three columns."""
        head = content.head
        names = {name.strip() for name in head.split("\n", 1)[0].split(",")}
        return set(COLUMNS) <= names

    def read(self, content: Content, *, strict: bool) -> Trace:
        """Return the requests."""
        text, where = content.text, content.where
        table = csv_columns(text, where, COLUMNS)
        problems: list[Problem] = []
        stamps = [_nanoseconds(stamp) for stamp in table["TIMESTAMP"]]
        wrong = [row for row, stamp in enumerate(stamps) if stamp is None]
        if wrong:
            value = str(table["TIMESTAMP"].iloc[wrong[0]])
            more = f" (and {len(wrong) - 1} more rows)" if len(wrong) > 1 else ""
            problems.append(
                Problem(
                    f"{where}: line {wrong[0] + 2}",
                    value,
                    ("the time is missing" if not value.strip() else "is no timestamp") + more,
                    "YYYY-MM-DD HH:MM:SS.fffffff",
                )
            )
        tokens = {}
        for name in COLUMNS[1:]:
            try:
                tokens[name] = numbers(table[name], name, where, least=0.0, whole=True)
            except TraceError as error:
                problems.extend(error.problems)
        if problems:
            raise TraceError(problems)
        times: I8 = np.asarray(stamps, dtype=np.int64)
        arrival = (times - times.min()) / 1e9
        order, notices = order_of(arrival, where, 2, strict=strict)
        first, last = int(np.argmin(times)), int(np.argmax(times))
        into, out = tokens["ContextTokens"], tokens["GeneratedTokens"]
        shown = ("mean", "p50", "p99", "max", "min")
        raw = pd.Series(table["TIMESTAMP"]).str.strip()
        figures = {
            "kind": "requests",
            "rows": len(arrival),
            **arrival_figures(arrival, per_minute=True),
            "first_timestamp": str(raw.iloc[first]),
            "last_timestamp": str(raw.iloc[last]),
            "input_tokens_sum": plain(into.sum()),
            "output_tokens_sum": plain(out.sum()),
            **distribution("input_tokens", into, shown=shown),
            **distribution("output_tokens", out, shown=shown),
        }
        requests = RequestTable.of(
            arrival[order], into[order].astype(np.int64), out[order].astype(np.int64)
        )
        return Trace(None, requests, figures, tuple(notices))
