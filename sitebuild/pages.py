"""Notebooks as pages: their text, their code and, where they were run, what came out."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from typing import Any

import nbformat

__all__ = ["notebook_page", "run_notebook"]

PLOTLY = "application/vnd.plotly.v1+json"
#: Longest text output shown, lines.
MOST_LINES = 60


def run_notebook(path: Path) -> Any:
    """Return a notebook with its outputs, run where it stands.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        A cell raised.
    """
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    where = {"metadata": {"path": str(path.parent)}}
    client = NotebookClient(notebook, timeout=300, kernel_name="python3", resources=where)
    return client.execute()


def notebook_page(notebook: Any, file_name: str, *, plotly: str) -> str:
    """Return a notebook as Markdown.

    Parameters
    ----------
    notebook
        With or without outputs.
    file_name
        The notebook beside the page, to take away.
    plotly
        Where the page finds the drawing library.
    """
    parts: list[str] = []
    drawn = 0
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
            continue
        parts.append(f"```python\n{cell.source}\n```")
        for output in cell.get("outputs", ()):
            shown = _shown(output, f"figure-{drawn}")
            drawn += PLOTLY in output.get("data", {})
            if shown:
                parts.append(f'<div class="notebook-output">{shown}</div>')
    title, _, rest = "\n\n".join(parts).partition("\n")
    ran = any(cell.get("outputs") for cell in notebook.cells if cell.cell_type == "code")
    note = "" if ran else " Outputs are left out here: run it to see them."
    library = f'<script src="{plotly}"></script>\n\n' if drawn else ""
    return f"{title}\n\n[Take the notebook]({file_name}).{note}\n\n{library}{rest}\n"


def _shown(output: Any, identifier: str) -> str:
    """Return an output as HTML on one line, so that Markdown leaves it alone."""
    if output.output_type == "stream":
        return _text(output.text) if output.name == "stdout" else ""
    data = output.get("data", {})
    if PLOTLY in data:
        figure = data[PLOTLY]
        packed = json.dumps({key: figure[key] for key in ("data", "layout")}).replace("</", r"<\/")
        height = figure["layout"].get("height", 450)
        return (
            f'<div id="{identifier}" style="height:{height}px"></div>'
            f"<script>(function () {{var f = {packed}; "
            f'Plotly.newPlot("{identifier}", f.data, f.layout, '
            "{responsive: true, displayModeBar: false});})();</script>"
        )
    if "text/html" in data:
        return " ".join(line.strip() for line in data["text/html"].splitlines())
    return _text(data["text/plain"]) if "text/plain" in data else ""


def _text(text: str) -> str:
    lines = text.rstrip().splitlines()
    if len(lines) > MOST_LINES:
        lines = [*lines[:MOST_LINES], "…"]
    return "<pre>" + "&#10;".join(escape(line) for line in lines) + "</pre>"
