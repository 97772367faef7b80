"""Generators fitted to traces, and requests drawn from published rates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from computenet.errors import InputError, Problem
from computenet.workload.fitting import draw_servegen, fit_trace, goodness
from computenet.workload.traces import read_trace, write_frame, write_table

__all__ = ["draw", "fit"]


def fit(
    trace: str | Path,
    *,
    out: str | Path | None = None,
    drawn: str | Path | None = None,
    seed: int = 1,
    format: str = "auto",
    lenient: bool = False,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Fit the generators to a trace and compare a synthetic trace of the same length with it.

    Parameters
    ----------
    out
        Workload file to write; a scenario takes it as ``workload: FILE``.
    drawn
        File for the synthetic trace, in the format of its suffix.
    seed
        Of the synthetic trace.

    Returns
    -------
    dict
        ``workload``, ``notes`` and the figures of `computenet.workload.fitting.goodness`.

    Raises
    ------
    TraceError
        The trace cannot be read, or holds too little.
    InputError
        A file exists already.
    """
    path = Path(trace)
    for name, target in (("--out", out), ("--drawn", drawn)):
        if target is not None and Path(target).exists() and not overwrite:
            raise InputError(
                [Problem(name, str(target), "exists already", "a new file, or --overwrite")],
                "nothing was written",
            )
    fitted = fit_trace(read_trace(path, format=format, lenient=lenient), path.name.split(".", 1)[0])
    table = fitted.draw(seed)
    figures = goodness(fitted.table, table, fitted.span_s)
    if out is not None:
        text = yaml.safe_dump(fitted.workload, allow_unicode=True, sort_keys=False, width=100)
        Path(out).write_text(text, encoding="utf-8")
    if drawn is not None:
        write_table(table, drawn, overwrite=overwrite)
    return {"workload": fitted.workload, "notes": list(fitted.notes), **figures}


def draw(
    rates: str | Path,
    lengths: str | Path,
    target: str | Path,
    *,
    from_h: float = 0.0,
    to_h: float | None = None,
    keep: float = 1.0,
    seed: int = 1,
    overwrite: bool = False,
) -> list[str]:
    """Write requests drawn from ServeGen's rates; see `draw_servegen`."""
    frame, notes = draw_servegen(rates, lengths, from_h=from_h, to_h=to_h, keep=keep, seed=seed)
    write_frame(frame, target, overwrite=overwrite)
    return [*notes, f"{len(frame):,} requests drawn"]
