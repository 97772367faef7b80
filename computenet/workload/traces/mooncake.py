"""Mooncake: JSON lines of ``timestamp`` (ms), token lengths and hashes of prefix blocks."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from computenet.errors import Problem, TraceError
from computenet.workload.tables import RequestTable
from computenet.workload.traces.columns import MOST, MOST_WHOLE
from computenet.workload.traces.figures import arrival_figures, distribution, order_of, plain
from computenet.workload.traces.opening import Content
from computenet.workload.traces.trace import Trace

__all__ = ["MooncakeReader", "prefix_hits"]

#: Tokens of a prefix block.
BLOCK_TOKENS = 512
FIELDS = ("timestamp", "input_length", "output_length")
#: Faults shown before the rest are only counted.
MOST_SHOWN = 10


def prefix_hits(blocks: list[list[int]]) -> list[int]:
    """Return, for each request, the blocks that a cache without limit would have held already.

    Requests come in the order of the list; a block counts as a hit while every block before it in
    the same request was one too.
    """
    seen: set[int] = set()
    hits: list[int] = []
    for request in blocks:
        found = 0
        for block in request:
            if block not in seen:
                break
            found += 1
        hits.append(found)
        seen.update(request)
    return hits


def _fault(row: Any) -> str | None:
    if not isinstance(row, dict):
        return "is no JSON object"
    for name in FIELDS:
        value = row.get(name)
        if value is None:
            return f"{name} is missing"
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return f"{name} is no number"
        if not math.isfinite(value) or value < 0:
            return f"{name} is negative or not finite"
        if value > (MOST if name == "timestamp" else MOST_WHOLE):
            return f"{name} is too large"
        if name != "timestamp" and value != int(value):
            return f"{name} is not whole"
    hashes = row.get("hash_ids")
    if hashes is not None and not (
        isinstance(hashes, list) and all(isinstance(block, (int, str)) for block in hashes)
    ):
        return "hash_ids is no list of block hashes"
    return None


class MooncakeReader:
    """Requests of the Mooncake traces."""

    name = "mooncake"

    def sniff(self, content: Content) -> bool:
        """Return whether the first line is an object with the three fields."""
        head = content.head
        first = head.lstrip().split("\n", 1)[0]
        return first.startswith("{") and all(f'"{name}"' in first for name in FIELDS[:2])

    def read(self, content: Content, *, strict: bool) -> Trace:
        """Return the requests."""
        text, where = content.text, content.where
        rows: list[dict[str, Any]] = []
        problems: list[Problem] = []
        faults = 0
        for number, line in enumerate(text.split("\n"), start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
                fault = _fault(row)
            except ValueError:
                row, fault = None, "is no JSON"
            if fault is None:
                rows.append(row)
                continue
            faults += 1
            if faults <= MOST_SHOWN:
                problems.append(Problem(f"{where}: line {number}", line[:60], fault))
        if problems:
            if faults > MOST_SHOWN:
                problems.append(Problem(where, None, f"{faults - MOST_SHOWN} more lines"))
            raise TraceError(problems)
        arrival = np.asarray([row["timestamp"] for row in rows], dtype=np.float64) / 1000.0
        into = np.asarray([row["input_length"] for row in rows], dtype=np.float64)
        out = np.asarray([row["output_length"] for row in rows], dtype=np.float64)
        order, notices = order_of(arrival, where, 1, strict=strict)
        shown = ("mean", "p50", "p99", "max", "min")
        figures: dict[str, Any] = {
            "kind": "requests",
            "rows": len(rows),
            **arrival_figures(arrival, per_minute=True),
            "input_tokens_sum": plain(into.sum()),
            "output_tokens_sum": plain(out.sum()),
        }
        if any("hash_ids" in row for row in rows):
            blocks = [row.get("hash_ids") or [] for row in rows]
            figures |= {
                "hash_blocks": sum(len(request) for request in blocks),
                "hash_blocks_distinct": len({block for request in blocks for block in request}),
                "infinite_cache_prefix_hit_blocks": sum(prefix_hits(blocks)),
                "rows_blocks_not_ceil_len_over_512": sum(
                    len(request) != math.ceil(row["input_length"] / BLOCK_TOKENS)
                    for request, row in zip(blocks, rows, strict=True)
                ),
            }
        figures |= {
            "distinct_timestamps": len(np.unique(arrival)),
            **distribution("input_tokens", into, shown=shown),
            **distribution("output_tokens", out, shown=shown),
        }
        in_time = [rows[i].get("hash_ids") or [] for i in order]
        found = np.asarray(prefix_hits(in_time), dtype=np.float64) * BLOCK_TOKENS
        requests = RequestTable.of(
            arrival[order],
            into[order].astype(np.int64),
            out[order].astype(np.int64),
            cached_tokens=np.minimum(found, into[order]).astype(np.int64),
        )
        return Trace(None, requests, figures, tuple(notices))
