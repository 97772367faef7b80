"""BurstGPT: ``Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type``, by name.

Timestamps are seconds from midnight of the first day. A response of 0 tokens is a failed request;
it is counted and not replayed.
"""

from __future__ import annotations

from collections import Counter
from functools import partial

import numpy as np

from computenet.workload.traces.columns import counts, csv_blocks, has_columns, numbers
from computenet.workload.traces.growing import Columns, read_block
from computenet.workload.traces.opening import Content
from computenet.workload.traces.requests import request_trace
from computenet.workload.traces.trace import Origin, Trace

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
        columns = Columns(time=np.float64, into=np.int32, out=np.int32)
        models: Counter[str] = Counter()
        for table in csv_blocks(content, COLUMNS, numeric=(COLUMNS[0], *COLUMNS[2:])):
            with content.part():
                time, into, out = read_block(
                    *(
                        partial(numbers, table[name], name, where, least=0.0, whole=whole)
                        for name, whole in (
                            ("Timestamp", False), ("Request tokens", True),
                            ("Response tokens", True),
                        )
                    )
                )  # fmt: skip
                models.update(counts(table["Model"]))
                columns.append(table.index, time=time, into=into, out=out)
        out = columns.take("out")
        return request_trace(
            columns.take("time"), columns.take("into"), out, where, columns.lines,
            strict=strict, drop_unanswered=True, origin=Origin(0.0),
            facts=lambda: {
                "model_counts": dict(sorted(models.items())),
                "rows_failed": int((out == 0).sum()),
            },
        )  # fmt: skip
