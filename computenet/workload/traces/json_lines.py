"""JSON lines: an object a line, with faults told by line."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pandas as pd

from computenet.errors import Problem, TraceError
from computenet.workload.traces.opening import Content

__all__ = ["first_object", "json_lines"]

#: Faults that are named one by one.
MOST_NAMED = 10


def first_object(content: Content) -> str:
    """Return the first line that is not blank, where it begins an object; else nothing."""
    first = content.head.lstrip().split("\n", 1)[0]
    return first if first.startswith("{") else ""


def json_lines(
    content: Content, fault_of: Callable[[Any], str | None]
) -> tuple[list[dict[str, Any]], pd.Index]:
    """Return the objects and the line of each.

    Parameters
    ----------
    fault_of
        Returns what is wrong with a value, ``None`` if nothing.

    Raises
    ------
    TraceError
        Lines are no JSON or at fault; the first are named, all are carried.
    """
    rows: list[dict[str, Any]] = []
    lines: list[int] = []
    problems: list[Problem] = []
    for number, line in content.lines():
        try:
            row = json.loads(line)
            fault = fault_of(row)
        except (ValueError, RecursionError):
            row, fault = None, "is no JSON"
        if fault is None:
            rows.append(row)
            lines.append(number)
        else:
            problems.append(
                Problem(f"{content.where}: line {number}", line[:60], fault, rows=(number,))
            )
    if len(problems) > MOST_NAMED:
        rest = tuple(row for problem in problems[MOST_NAMED:] for row in problem.rows)
        problems = [
            *problems[:MOST_NAMED],
            Problem(content.where, None, f"{len(rest):,} more lines", rows=rest),
        ]
    if problems:
        raise TraceError(problems)
    if not rows:
        raise TraceError([Problem(content.where, None, "has no rows")])
    return rows, pd.Index(lines)
