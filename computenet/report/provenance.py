"""Where the numbers of a page come from, what they are not valid for, and how they were made."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from html import escape
from typing import Any

import pandas as pd

from computenet.report.labels import Labels
from computenet.report.numbers import plain
from computenet.report.sections import html_table
from computenet.report.view import RunView

__all__ = ["limits", "provenance", "source_list", "sources"]

GRADES = ("assumed", "estimated", "published", "measured")


def sources(run: RunView, label: Labels) -> str:
    """Return how many numbers of a run are of which grade, and the whole list folded away."""
    return source_list(run.tables["sources"], label)


def source_list(table: pd.DataFrame, label: Labels) -> str:
    """Return how many numbers are of which grade, and the whole list folded away."""
    if table.empty:
        return f'<p class="note">{label("no_sources")}</p>'
    counts = table["grade"].value_counts()
    head = [(label("col_grade"), True), ("", True), (label("col_count"), False)]
    summary = html_table(
        head,
        (
            (
                _grade(grade, label),
                escape(label(f"meaning_{grade}")),
                plain(int(counts.get(grade, 0))),
            )
            for grade in GRADES
        ),
    )
    rank = {grade: number for number, grade in enumerate(GRADES)}
    ordered = table.assign(rank=table["grade"].map(rank).fillna(-1)).sort_values(
        "rank", kind="stable"
    )
    rows = "".join(_row(row, label) for row in ordered.to_dict("records"))
    titles = "".join(
        f'<th class="t">{label(name)}</th>'
        for name in ("col_grade", "col_path", "col_value", "col_source")
    )
    text = label("full_list", n=len(table), sources=table["source"].nunique())
    return (
        f"{summary}<details><summary>{escape(text)}</summary>"
        f'<div class="scroll"><table><thead><tr>{titles}</tr></thead><tbody>{rows}</tbody></table>'
        "</div></details>"
    )


def _row(row: Mapping[Hashable, Any], label: Labels) -> str:
    value = f"{_short(str(row['value']))} {row['unit']}"
    return (
        f'<tr><td class="t">{_grade(str(row["grade"]), label)}</td>'
        f'<td class="t">{escape(str(row["path"]))}</td><td class="t w">{escape(value)}</td>'
        f'<td class="t w">{escape(str(row["source"]))}</td></tr>'
    )


def _grade(grade: str, label: Labels) -> str:
    if grade not in GRADES:
        return "–"
    return f'<span class="grade g-{grade}">{label(f"grade_{grade}")}</span>'


def _short(text: str, most: int = 120) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def limits(label: Labels) -> str:
    """Return what the results are not valid for."""
    return "<ul>" + "".join(f"<li>{escape(text)}</li>" for text in label.limits()) + "</ul>"


def provenance(run: RunView, label: Labels) -> str:
    """Return version, machine, times and hashes."""
    m = run.manifest
    wall = ", ".join(f"{name} {value:.1f} s" for name, value in m["wall_s"].items())
    packages = ", ".join(f"{name} {value}" for name, value in m["packages"].items())
    machine = ", ".join(f"{name} {value}" for name, value in m["machine"].items())
    rows = (
        ("version", f"computenet {m['computenet']}"),
        ("seed", str(m["seed"])),
        ("notes", "; ".join([*m["sampling"]["notes"], *m["notices"]]) or "–"),
        ("wall", wall),
        ("peak_rss", f"{m['peak_rss_mb']:,.0f} MB"),
        ("machine", machine),
        ("packages", packages),
        ("inputs", ", ".join(f"{name} {value}" for name, value in m["inputs"].items())),
    )
    body = "".join(
        f'<tr><td class="t">{label(name)}</td><td class="t w">{escape(value)}</td></tr>'
        for name, value in rows
    )
    return f'<div class="scroll"><table><tbody>{body}</tbody></table></div>'
