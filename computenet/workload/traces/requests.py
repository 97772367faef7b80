"""The end that readers of requests share: order, figures, table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from computenet.workload.tables import RequestTable
from computenet.workload.traces.figures import request_figures, sorting_of
from computenet.workload.traces.trace import Origin, Trace

__all__ = ["request_trace"]


def request_trace(
    arrival_s: NDArray[np.float64],
    input_tokens: NDArray[Any],
    output_tokens: NDArray[Any],
    where: str,
    lines: pd.Index,
    *,
    strict: bool,
    facts: Callable[[], dict[str, Any]] | None = None,
    drop_unanswered: bool = False,
    cached_tokens: NDArray[Any] | None = None,
    origin: Origin | None = None,
) -> Trace:
    """Return a trace of requests whose figures are computed when they are asked for.

    Parameters
    ----------
    arrival_s, input_tokens, output_tokens
        ``(n,)`` columns in the order of the file.
    lines
        Line of every row.
    facts
        Returns more figures when they are asked for.
    drop_unanswered
        Requests without output failed: they are counted and not replayed.
    cached_tokens
        ``(n,)`` prompt tokens whose key-value cache is there already; ``None`` = none.
    origin
        The wall clock at time 0, where it is known.
    """
    order, notices = sorting_of(arrival_s, where, lines, strict=strict)
    if order is not None:
        # One column after the other, so that no more than one is there twice.
        arrival_s = arrival_s[order]
        input_tokens = input_tokens[order]
        output_tokens = output_tokens[order]
        cached_tokens = None if cached_tokens is None else cached_tokens[order]
    columns, rows = (arrival_s, input_tokens, output_tokens), order
    if drop_unanswered and not output_tokens.all():
        kept = np.flatnonzero(output_tokens)
        failed = len(output_tokens) - len(kept)
        notices.append(f"{failed:,} failed requests (no output) are not replayed")
        columns = (arrival_s[kept], input_tokens[kept], output_tokens[kept])
        cached_tokens = None if cached_tokens is None else cached_tokens[kept]
        rows = kept if order is None else order[kept]

    def figures() -> dict[str, Any]:
        return {
            **request_figures(arrival_s, input_tokens, output_tokens),
            **(facts() if facts else {}),
        }

    table = RequestTable.of(*columns, cached_tokens=cached_tokens)
    return Trace(None, table, figures, tuple(notices), rows=rows, origin=origin)
