"""Mooncake: JSON lines of ``timestamp`` (ms), token lengths and hashes of prefix blocks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from computenet.workload.tables import RequestTable
from computenet.workload.traces.columns import MOST, MOST_WHOLE
from computenet.workload.traces.figures import order_of, request_figures
from computenet.workload.traces.json_lines import first_object, json_lines
from computenet.workload.traces.opening import Content
from computenet.workload.traces.trace import Trace

__all__ = ["MooncakeReader", "prefix_hits"]

#: Tokens of a prefix block.
BLOCK_TOKENS = 512
FIELDS = ("timestamp", "input_length", "output_length")


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
        if not 0 <= value < math.inf:
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
        first = first_object(content)
        return all(f'"{name}"' in first for name in FIELDS[:2])

    def read(self, content: Content, *, strict: bool) -> Trace:
        """Return the requests."""
        where = content.where
        rows, lines = json_lines(content, _fault)
        arrival = np.asarray([row["timestamp"] for row in rows], dtype=np.float64) / 1000.0
        into = np.asarray([row["input_length"] for row in rows], dtype=np.float64)
        out = np.asarray([row["output_length"] for row in rows], dtype=np.float64)
        order, notices = order_of(arrival, where, lines, strict=strict)
        figures: dict[str, Any] = {
            **request_figures(arrival, into, out),
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
        }
        in_time = [rows[i].get("hash_ids") or [] for i in order]
        found = np.asarray(prefix_hits(in_time), dtype=np.float64) * BLOCK_TOKENS
        requests = RequestTable.of(
            arrival[order],
            into[order].astype(np.int64),
            out[order].astype(np.int64),
            cached_tokens=np.minimum(found, into[order]).astype(np.int64),
        )
        return Trace(None, requests, figures, tuple(notices), rows=order)
