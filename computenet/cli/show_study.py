"""What ``computenet sweep`` and ``computenet study`` print."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    import pandas as pd

    from computenet.study import StudyOutcome

__all__ = ["print_state", "print_study", "print_table"]

#: Rows of a table that are shown; the data set has all.
SHOWN = 40
#: Columns of an answer that are shown beside each other.
WIDE = 12
#: key: (English, Chinese).
WORDS: dict[str, tuple[str, str]] = {
    "done": ("{runs:,} runs, {failed:,} failed", "共 {runs:,} 次运行，{failed:,} 次失败"),
    "distributions": ("outcomes over all points", "各点结果的分布"),
    "outcome": ("outcome", "结果"),
    "mean": ("mean", "均值"),
    "sensitivity": ("what it depends on most: share of the variance", "主要影响因素：方差占比"),
    "written": ("data set and page: {path}", "数据集与页面：{path}"),
    "failed": ("failed, for one: {error}", "失败原因之一：{error}"),
}


def print_study(outcome: StudyOutcome, lang: str = "en") -> None:
    """Print a study's outcomes and what they depend on."""
    tongue = 1 if lang == "zh" else 0
    console = _console()
    distributions = outcome.distributions
    if len(distributions):
        table = Table(title=WORDS["distributions"][tongue], title_justify="left", box=None)
        table.add_column(WORDS["outcome"][tongue])
        for head in (WORDS["mean"][tongue], "p05", "p50", "p95"):
            table.add_column(head, justify="right")
        for row in distributions.itertuples(index=False):
            table.add_row(escape(str(row.outcome)), *(_figure(v) for v in
                          (row.mean, row.p05, row.p50, row.p95)))  # fmt: skip
        console.print(table)
        console.print()
    first = outcome.sensitivity
    first = first[first["index"] == "first"]
    if len(first):
        table = Table(title=WORDS["sensitivity"][tongue], title_justify="left", box=None)
        table.add_column(WORDS["outcome"][tongue])
        for head in ("1", "2", "3"):
            table.add_column(head)
        for name, rows in first.groupby("outcome", sort=False):
            best = rows.sort_values("value", ascending=False, kind="stable").head(3)
            cells = [
                f"{escape(str(a))} {max(v, 0.0):.0%}"
                for a, v in zip(best["axis"], best["value"], strict=True)
            ]
            table.add_row(escape(str(name)), *cells, *[""] * (3 - len(cells)))
        console.print(table)
        console.print()
    console.print(
        WORDS["done"][tongue].format(runs=len(outcome.runs), failed=outcome.failed)
    )  # fmt: skip
    wrong = outcome.runs[outcome.runs["status"] != "done"]
    if len(wrong):
        console.print(WORDS["failed"][tongue].format(error=escape(str(wrong["error"].iloc[0]))))
    if outcome.directory is not None:
        console.print(WORDS["written"][tongue].format(path=escape(str(outcome.directory))))


def print_table(frame: pd.DataFrame) -> None:
    """Print the answer of a query: its first rows and columns."""
    table = Table(box=None)
    kept = frame.iloc[:SHOWN, :WIDE]
    for name, kind in kept.dtypes.items():
        table.add_column(escape(str(name)), justify="right" if kind.kind in "iuf" else "left")
    for row in kept.itertuples(index=False):
        table.add_row(*(escape(_cell(value)) for value in row))
    console = _console()
    console.print(table)
    more = [
        f"{total - shown:,} {what}"
        for total, shown, what in zip(frame.shape, kept.shape, ("rows", "columns"), strict=True)
        if total > shown
    ]
    if more:
        console.print(f"… and {' and '.join(more)} more; --csv gives all")


def print_state(facts: Mapping[str, Any]) -> None:
    """Print what a study is and how far it has come."""
    console = _console()
    for key, value in facts.items():
        shown = ", ".join(map(str, value)) if isinstance(value, list) else value
        console.print(f"{key + ':':<12} {escape(str(shown))}")


def _console() -> Console:
    return Console(highlight=False, width=None if sys.stdout.isatty() else 160)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return _figure(value)
    return "-" if value is None else str(value)


def _figure(value: Any) -> str:
    return "-" if value is None or value != value else f"{value:,.6g}"
