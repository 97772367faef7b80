"""The command ``report``: pages and figures of what was written earlier."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from computenet.cli.options import Faults, LangOpt
from computenet.errors import InputError, Problem, nearest

__all__ = ["report"]


def report(
    run_dir: Annotated[
        Path,
        typer.Argument(
            metavar="DIR", help="What --out wrote: a run, comparison, benchmark, plan or study."
        ),
    ],
    lang: LangOpt = None,
    out: Annotated[
        Path | None, typer.Option(help="File to write; by default the page in DIR itself.")
    ] = None,
    figures: Annotated[
        Path | None, typer.Option(help="Folder to write: not the page, but every figure of it.")
    ] = None,
    formats: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="With --figures: png, svg, csv, or several with commas; all by default.",
        ),
    ] = None,
) -> None:
    """Write the page of an earlier result again, in either language, or its figures."""
    from computenet import study

    faults = Faults()
    tongue = faults.language(lang)
    chosen: list[str] = []
    with faults.gathered():
        chosen = _formats(formats, figures, out)
    if not os.path.isdir(run_dir):
        with faults.gathered():
            study.page_of(run_dir)
    faults.refuse("nothing was written", own=True)
    page = study.page_of(run_dir, "zh" if tongue == "zh" else "en")
    if figures is not None:
        for path in page.save_figures(figures, formats=chosen):
            typer.echo(str(path))
        return
    typer.echo(str(page.save(out)))


def _formats(formats: str | None, figures: Path | None, out: Path | None) -> list[str]:
    from computenet.report.export import FORMATS

    problems = []
    if formats is not None and figures is None:
        problems.append(Problem("--format", formats, "is not used without --figures", "--figures"))
    if out is not None and figures is not None:
        problems.append(Problem("--out", str(out), "is not used with --figures"))
    if out is not None and os.path.isdir(out):
        problems.append(Problem("--out", str(out), "is a directory, not a file", "PAGE.html"))
    named = ",".join(FORMATS) if formats is None else formats
    chosen = [name.strip() for name in named.split(",") if name.strip()]
    if not chosen:
        problems.append(Problem("--format", formats, "names no format", ", ".join(FORMATS)))
    problems += [
        Problem("--format", name, "is no format of figures", ", ".join(FORMATS),
                nearest(name, FORMATS))
        for name in chosen if name not in FORMATS
    ]  # fmt: skip
    if problems:
        raise InputError(problems, "nothing was written")
    return chosen
