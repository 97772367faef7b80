"""Azure LLM inference traces: ``TIMESTAMP,ContextTokens,GeneratedTokens``.

Timestamps have up to nine fraction digits (the 2023 files seven, 100 ns) and, in the 2024 files, a
zone. Lines may end in CR LF and the last one may have no end.
"""

from __future__ import annotations

import csv
from functools import partial
from typing import Any

import numpy as np

from computenet.workload.traces.columns import (
    csv_blocks,
    csv_columns,
    has_columns,
    header_of,
    numbers,
    wall_clock,
)
from computenet.workload.traces.growing import Columns, read_block, since_first
from computenet.workload.traces.opening import Content
from computenet.workload.traces.requests import request_trace
from computenet.workload.traces.trace import Origin, Trace

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
        ends: dict[str, tuple[int, int]] = {}
        for table in csv_blocks(content, COLUMNS, numeric=COLUMNS[1:], times=COLUMNS[:1]):
            with content.part():
                stamp, into, out = read_block(
                    partial(wall_clock, table[COLUMNS[0]], COLUMNS[0], where),
                    *(
                        partial(numbers, table[name], name, where, least=0.0, whole=True)
                        for name in COLUMNS[1:]
                    ),
                )
                for key, at, better in (
                    ("first", int(stamp.argmin()), min), ("last", int(stamp.argmax()), max)
                ):  # fmt: skip
                    seen = int(stamp[at]), columns.rows + at
                    ends[key] = better(ends.get(key, seen), seen)
                columns.append(table.index, stamp=stamp, into=into, out=out)

        def clock() -> dict[str, Any]:
            raw = csv_columns(content, COLUMNS[:1])[COLUMNS[0]]
            return {
                f"{key}_timestamp": str(raw.iloc[row]).strip() for key, (_, row) in ends.items()
            }

        # Times with a zone are UTC by now; the first line still tells which it was.
        at = header_of(content.head).index(COLUMNS[0])
        cells = next(csv.reader(content.head.split("\n", 2)[1:2]), [])
        origin = Origin.of(ends["first"][0], cells[at] if at < len(cells) else "")
        return request_trace(
            since_first(columns.take("stamp")), columns.take("into"), columns.take("out"), where,
            columns.lines, strict=strict, facts=clock, origin=origin,
        )  # fmt: skip
