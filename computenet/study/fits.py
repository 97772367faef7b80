"""Generators fitted to traces, and requests drawn from published rates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from computenet.errors import InputError, Problem
from computenet.workload.fitting import draw_servegen, fit_trace, goodness
from computenet.workload.traces import (
    SUFFIXES,
    SWF_SUFFIXES,
    read_trace,
    target_problems,
    write_frame,
    write_table,
    write_whole,
)

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
        A file exists already or has no place, or the synthetic trace no format.
    RunError
        A file cannot be written.
    """
    path = Path(trace)
    problems: list[Problem] = []
    for target, suffixes in ((out, ()), (drawn, SUFFIXES)):
        if target is not None:
            problems += target_problems(Path(target), suffixes, overwrite=overwrite)
    if problems:
        raise InputError(problems, "nothing was written")
    source = read_trace(path, format=format, lenient=lenient)
    if drawn is not None and Path(drawn).name.endswith(SWF_SUFFIXES) and source.jobs is None:
        raise InputError(
            [Problem(str(drawn), None, "SWF holds jobs, not requests", ".parquet, .csv")],
            "nothing was written",
        )
    fitted = fit_trace(source, path.name.split(".", 1)[0])
    table = fitted.draw(seed)
    figures = goodness(fitted.table, table, fitted.span_s)
    if out is not None:
        text = yaml.safe_dump(fitted.workload, allow_unicode=True, sort_keys=False, width=100)
        write_whole(Path(out), text.encode())
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
