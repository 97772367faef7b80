"""The commands ``export`` and ``layout``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from computenet.cli.options import JsonOpt, ReplaceOpt, print_json
from computenet.errors import InputError, Problem

__all__ = ["export", "layout_app"]

layout_app = typer.Typer(
    no_args_is_help=True, help="Make a layout: a topology as a difference from another."
)


@layout_app.callback()
def _layout() -> None:
    """Make a layout: a topology as a difference from another."""


def export(
    format_: Annotated[
        str, typer.Argument(metavar="FORMAT", help="pypsa, netcdf, swf or geojson.")
    ],
    source: Annotated[
        str,
        typer.Argument(
            metavar="RUN | SCENARIO", help="Directory of a run; or a scenario by name or file."
        ),
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="File to write; a folder for pypsa.")],
    dispatch: Annotated[
        str,
        typer.Option(help="pypsa: fixed = generators held to what the run did, or free."),
    ] = "fixed",
    overwrite: ReplaceOpt = False,
) -> None:
    """Write a run, or a scenario, in another tool's format."""
    from computenet import interop

    notes: list[str] = []
    path = interop.export(format_, source, out, dispatch=dispatch, overwrite=overwrite, notes=notes)
    for note in notes:
        typer.echo(f"note: {note}", err=True)
    typer.echo(str(path))


@layout_app.command("from-sites")
def from_sites(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="CSV or GeoJSON of candidate sites.")
    ] = None,
    topology: Annotated[
        str, typer.Option(help="Topology or layout, by name or file, that the sites are added to.")
    ] = "china-2025",
    links: Annotated[
        int | None, typer.Option(help="Links of each candidate to the nearest sites; 3 by default.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Layout file to write; by default it is printed.")
    ] = None,
    overwrite: ReplaceOpt = False,
    template: Annotated[
        bool, typer.Option("--template", help="Print a table to begin with, columns explained.")
    ] = False,
    as_json: JsonOpt = False,
) -> None:
    """Make a layout of a list of candidate sites."""
    from computenet import interop
    from computenet.results.storage import write_text
    from computenet.scenario import dump_layout

    problems = []
    if template:
        given = {"FILE": file, "--out": out, "--links": links, "--overwrite": overwrite or None,
                 "--json": as_json or None}  # fmt: skip
        problems = [Problem(name, None, "is not used with --template")
                    for name, value in given.items() if value is not None]  # fmt: skip
    elif file is None:
        problems.append(Problem("layout from-sites", None, "needs a file", "FILE, or --template"))
    if overwrite and out is None and not template:
        problems.append(Problem("--overwrite", None, "is not used without --out", "--out FILE"))
    if out is not None and os.path.exists(out) and not overwrite:
        problems.append(Problem("--out", str(out), "exists already", "--overwrite"))
    if problems:
        raise InputError(problems, "nothing was written")
    if template or file is None:
        made = interop.candidate_template(topology)
        typer.echo(made.text, nl=False)
        typer.echo(f"# {made.command}", err=True)
        return
    notes: list[str] = []
    layout = interop.layout_from_sites(
        file, topology=topology, links=3 if links is None else links,
        id=None if out is None else out.stem, notes=notes,
    )  # fmt: skip
    for note in notes:
        typer.echo(f"note: {note}", err=True)
    if out is not None:
        if os.path.isfile(topology):  # a path within a layout is relative to it
            base = os.path.relpath(topology, out.parent)
            layout = layout.model_copy(update={"extends": base})
        write_text(out, dump_layout(layout))
    if as_json:
        print_json({"layout": layout.id, "sites": len(layout.add.sites),
                    "pools": len(layout.add.pools), "links": len(layout.add.links)})  # fmt: skip
    else:
        typer.echo(dump_layout(layout) if out is None else str(out), nl=out is not None)
