"""The end that readers of requests share: order, figures, table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from computenet.workload.tables import RequestTable
from computenet.workload.traces.figures import request_figures, sorting_of
from computenet.workload.traces.trace import Trace

__all__ = ["request_trace"]


def request_trace(
    arrival_s: NDArray[np.float64],
    input_tokens: NDArray[Any],
    output_tokens: NDArray[Any],
    where: str,
    lines: pd.Index,
    *,
    strict: bool,
    facts: dict[str, Any] | None = None,
    drop_unanswered: bool = False,
) -> Trace:
    """Return a trace of requests whose figures are computed when they are asked for.

    Parameters
    ----------
    arrival_s, input_tokens, output_tokens
        ``(n,)`` columns in the order of the file.
    lines
        Line of every row.
    facts
        More figures.
    drop_unanswered
        Requests without output failed: they are counted and not replayed.
    """
    order, notices = sorting_of(arrival_s, where, lines, strict=strict)
    kept = order
    if drop_unanswered and not output_tokens.all():
        answered = output_tokens > 0
        notices.append(f"{int((~answered).sum()):,} failed requests (no output) are not replayed")
        kept = np.flatnonzero(answered) if order is None else order[answered[order]]
    columns = (
        (arrival_s, input_tokens, output_tokens)
        if kept is None
        else (arrival_s[kept], input_tokens[kept], output_tokens[kept])
    )

    def figures() -> dict[str, Any]:
        return {**request_figures(arrival_s, input_tokens, output_tokens), **(facts or {})}

    return Trace(None, RequestTable.of(*columns), figures, tuple(notices), rows=kept)
