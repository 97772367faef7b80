"""The command that clears supply and demand once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from computenet.cli.options import Faults, JsonOpt, OverwriteOpt, print_json
from computenet.cli.outputs import reserve
from computenet.errors import InputError, Problem

__all__ = ["match"]


def match(
    tables: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="SUPPLY.csv DEMAND.csv",
            help="What is offered and what is wanted; --template shows the columns.",
        ),
    ] = None,
    template: Annotated[
        bool,
        typer.Option(
            "--template", help="Print tables to begin with, or write them: match --template DIR."
        ),
    ] = False,
    topology: Annotated[
        str | None,
        typer.Option(help="Scenario whose network, prices and accelerators fill what is left out."),
    ] = None,
    paths: Annotated[
        Path | None,
        typer.Option(
            help="CSV of the ways between regions and sites; --template shows the columns."
        ),
    ] = None,
    max_price: Annotated[
        float | None,
        typer.Option(
            help="Highest price of demands that name none and need not run, CNY per "
            "accelerator-hour."
        ),
    ] = None,
    carbon_price: Annotated[
        float | None, typer.Option(help="Price of carbon, CNY per tonne of CO2.")
    ] = None,
    time_limit: Annotated[
        float | None, typer.Option(help="Seconds that a solve may take; 60 by default.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Directory to write: tables as CSV, and the summary.")
    ] = None,
    overwrite: OverwriteOpt = False,
    lang: Annotated[
        str | None, typer.Option(help="Language of headings and reasons: en (default) or zh.")
    ] = None,
    as_json: JsonOpt = False,
) -> None:
    """Match supply and demand once: who is served, who is not and why, at what price."""
    given = tables or []
    if template:
        unused = {
            "--paths": paths, "--max-price": max_price, "--carbon-price": carbon_price,
            "--time-limit": time_limit, "--out": out, "--json": as_json or None,
            "--lang": lang,
        }  # fmt: skip
        _template(given, topology, overwrite, [name for name, v in unused.items() if v is not None])
        return
    from computenet import study
    from computenet.study.clearing.schema import MOST

    faults = Faults()
    tongue = faults.language(lang)
    faults.check(len(given) == 2, "match", " ".join(map(str, given)) or None, "needs two tables",
                 "SUPPLY.csv DEMAND.csv, or --template [DIR]")  # fmt: skip
    faults.check(not overwrite or out is not None, "--overwrite", None, "is not used without --out",
                 "--out DIR")  # fmt: skip
    faults.check(time_limit is None or time_limit > 0.0, "--time-limit", time_limit,
                 "is out of range", "above 0 s")  # fmt: skip
    for option, price in (("--max-price", max_price), ("--carbon-price", carbon_price)):
        faults.check(price is None or 0.0 <= price <= MOST, option, price, "is out of range",
                     f"a number from 0 to {MOST:,.0f}")  # fmt: skip
    facts = None
    if topology is not None:
        with faults.gathered(), _topology():
            facts = study.load(topology)
    if out is not None:
        with faults.gathered():
            reserve(out, overwrite=overwrite)
    if faults.problems:
        faults.problems += _table_problems([*given, None, None][:2], paths)
    faults.refuse("nothing was cleared")
    outcome = study.match(
        given[0],
        given[1],
        topology=facts,
        paths=paths,
        max_price_cny_per_accelerator_h=max_price,
        carbon_cny_per_t=carbon_price or 0.0,
        time_limit_s=60.0 if time_limit is None else time_limit,
        lang=tongue,
    )
    for note in outcome.notes:
        typer.echo(f"note: {note}", err=True)
    if out is not None:
        outcome.save(out, overwrite=overwrite)
    if as_json:
        print_json(outcome.as_dict())
        return
    from computenet.cli.show_match import print_match

    print_match(outcome, out, tongue)


@contextmanager
def _topology() -> Iterator[None]:
    """Say of ``--topology`` what is wrong with a scenario that is read within."""
    try:
        yield
    except InputError as error:
        problems = [
            replace(one, path="--topology") if one.path == "scenario" else one
            for one in error.problems
        ]
        raise InputError(problems, error.title) from error


def _table_problems(given: list[Path | None], paths: Path | None) -> list[Problem]:
    """Return what is wrong with the tables one by one, whatever they say of each other."""
    from computenet.study.clearing import DEMAND, PATHS, SUPPLY
    from computenet.study.clearing.reading import read_table
    from computenet.study.clearing.tables import Faults as TableFaults

    found = TableFaults()
    names = (("supply", SUPPLY), ("demand", DEMAND), ("paths", PATHS))
    for source, (name, columns) in zip([*given, paths], names, strict=True):
        if source is not None:
            read_table(source, name, columns, found)
    return found.all()


def _template(given: list[Path], topology: str | None, overwrite: bool, unused: list[str]) -> None:
    problems = [Problem(name, None, "is not used with --template") for name in unused]
    if len(given) > 1:
        problems.append(
            Problem("--template", " ".join(map(str, given)), "takes one directory", "DIR")
        )
    if overwrite and not given:
        problems.append(Problem("--overwrite", None, "is not used without a directory", "DIR"))
    if problems:
        raise InputError(problems, "nothing was written")
    from computenet import study

    with _topology():
        made = study.match_template(topology)
    if given:
        for path in made.save(given[0], overwrite=overwrite):
            typer.echo(str(path))
        typer.echo(f"# {made.command_in(given[0])}", err=True)
        return
    for name, text in made.files.items():
        typer.echo(f"# ---- {name}\n{text}")
    typer.echo(f"# {made.command}", err=True)
