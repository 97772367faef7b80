"""Azure LLM inference traces: ``TIMESTAMP,ContextTokens,GeneratedTokens``.

Timestamps have up to nine fraction digits (the 2023 files seven, 100 ns) and, in the 2024 files, a
zone. Lines may end in CR LF and the last one may have no end.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from computenet.workload.traces.columns import csv_blocks, has_columns, numbers, wall_clock
from computenet.workload.traces.growing import Columns, read_block, since_first
from computenet.workload.traces.opening import Content
from computenet.workload.traces.requests import request_trace
from computenet.workload.traces.trace import Trace

__all__ = ["AzureLlmReader"]

COLUMNS = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")


class AzureLlmReader:
    """Requests of the Azure LLM inference traces."""

    name = "azure-llm"

    def sniff(self, content: Content) -> bool:
        """Return whether the header has the three columns."""
        return has_columns(content.head, COLUMNS)

    def read(self, content: Content, *, strict: bool) -> Trace:
        """Return the requests."""
        where = content.where
        columns = Columns(stamp=np.int64, into=np.int32, out=np.int32)
        ends: dict[str, tuple[int, str]] = {}
        for table in csv_blocks(content, COLUMNS, numeric=COLUMNS[1:]):
            stamp, into, out = read_block(
                partial(wall_clock, table[COLUMNS[0]], COLUMNS[0], where),
                *(
                    partial(numbers, table[name], name, where, least=0.0, whole=True)
                    for name in COLUMNS[1:]
                ),
            )
            for key, at in (("first", int(stamp.argmin())), ("last", int(stamp.argmax()))):
                seen = (int(stamp[at]), str(table["TIMESTAMP"].iloc[at]).strip())
                old = ends.get(key, seen)
                ends[key] = min(old, seen) if key == "first" else max(old, seen)
            columns.append(table.index, stamp=stamp, into=into, out=out)
        arrival = since_first(columns.take("stamp"))
        more: dict[str, Any] = {f"{key}_timestamp": text for key, (_, text) in ends.items()}
        return request_trace(
            arrival, columns.take("into"), columns.take("out"), where, columns.lines,
            strict=strict, facts=more,
        )  # fmt: skip
