"""``computenet sweep`` and ``computenet study``: many runs of one scenario, and their data set."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from computenet.cli.options import Faults, JsonOpt, LangOpt, overrides, print_json
from computenet.errors import InputError, Problem, RunError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["study_app", "sweep"]

DirectoryArg = Annotated[
    Path, typer.Argument(metavar="DIR", help="Directory that sweep --out wrote.")
]


def sweep(
    study: Annotated[
        str,
        typer.Argument(
            metavar="STUDY", help="Built-in name (computenet list studies) or YAML file."
        ),
    ],
    engine: Annotated[
        str, typer.Option(help="Where runs go: local (processes) or ray (a cluster).")
    ] = "local",
    address: Annotated[
        str | None,
        typer.Option(help="Ray cluster, HOST:PORT; by default one is started here."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Runs at a time; one a core by default.")
    ] = None,
    pairs: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="PATH=VALUE",
            help="Change a field of the study, e.g. seeds=20 or axes.policy=[nearest]; may be "
            "repeated.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Directory to write: the data set, tables and the page.")
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Replace an earlier study in the directory of --out."),
    ] = False,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Go on with a study in the directory of --out that was stopped."
        ),
    ] = False,
    lang: LangOpt = None,
    as_json: JsonOpt = False,
) -> None:
    """Run a study: one scenario at many points, with intervals and sensitivities."""
    from computenet import study as studies

    faults = Faults()
    tongue = faults.language(lang)
    with faults.gathered():
        _check(out, overwrite, resume)
    with faults.gathered():
        studies.check_engine(engine, address, workers)
    prepared = None
    with faults.gathered():
        prepared = studies.prepare_study(study, overrides(pairs))
    faults.refuse("nothing was run", own=True)
    assert prepared is not None
    done = _Counter(len(prepared.tasks))
    try:
        with _progress(done, quiet=as_json):
            outcome = studies.run_study(
                prepared, engine=engine, address=address, workers=workers, out=out,
                overwrite=overwrite, resume=resume, progress=done, lang=tongue,
            )  # fmt: skip
    except KeyboardInterrupt:
        typer.echo(f"stopped {done.told(out)}", err=True)
        raise SystemExit(1) from None
    if as_json:
        print_json(outcome.as_dict())
    else:
        from computenet.cli.show_study import print_study

        print_study(outcome, tongue)
    if outcome.failed == len(outcome.runs):
        raise RunError(f"all runs failed; the first: {outcome.runs['error'].iloc[0]}")


class _Counter:
    """Counts runs, and tells a bar of them where there is one."""

    def __init__(self, total: int) -> None:
        self.total, self.runs = total, 0
        self.bar: Callable[[int, int], None] | None = None

    def __call__(self, runs: int, failed: int) -> None:
        self.runs = runs
        if self.bar is not None:
            self.bar(runs, failed)

    def told(self, out: Path | None) -> str:
        """Return how far a study that was stopped has come, and what is left of it."""
        after = f"after {self.runs} of {self.total} runs"
        if out is None:
            return f"{after}: nothing was kept"
        if self.runs:
            return f"{after}: they are kept in {out}; --resume goes on"
        left = f"{out} is as it was" if os.path.exists(out) else "nothing was written"
        return f"before any of {self.total} runs was done: {left}"


def _check(out: Path | None, overwrite: bool, resume: bool) -> None:
    problems = [
        Problem(name, None, "is not used without --out", "--out DIR")
        for name, used in (("--overwrite", overwrite), ("--resume", resume))
        if used and out is None
    ]
    if overwrite and resume:
        problems.append(Problem("--resume", None, "cannot be used with --overwrite"))
    if problems:
        raise InputError(problems, "nothing was run")


@contextmanager
def _progress(count: _Counter, *, quiet: bool) -> Iterator[None]:
    """Show a bar of runs on a terminal, and nothing in a pipe."""
    if quiet or not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeElapsedColumn as Elapsed
    from rich.progress import TimeRemainingColumn as Remaining

    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("runs"),
        Elapsed(), Remaining(), console=Console(stderr=True), transient=True,
    ) as bar:  # fmt: skip
        task = bar.add_task("sweep", total=count.total)

        def report(runs: int, failed: int) -> None:
            words = f"sweep, {failed} failed" if failed else "sweep"
            bar.update(task, completed=runs, description=words)

        count.bar = report
        yield


study_app = typer.Typer(
    no_args_is_help=True, help="Look into a study that sweep has run: by SQL, or how far it is."
)


@study_app.command("query")
def query(
    directory: DirectoryArg,
    sql: Annotated[
        str, typer.Argument(metavar="SQL", help="DuckDB's SQL, e.g. 'SELECT * FROM runs LIMIT 5'.")
    ],
    csv: Annotated[bool, typer.Option("--csv", help="Print the answer as CSV.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
) -> None:
    """Ask the tables runs, points, distributions and sensitivity of a study by SQL."""
    from computenet import study as studies

    if csv and as_json:
        raise InputError([Problem("--csv", None, "cannot be used with --json")])
    table = studies.query_study(directory, sql)
    if as_json:
        print_json(_records(table))
    elif csv:
        sys.stdout.write(table.to_csv(index=False))
    else:
        from computenet.cli.show_study import print_table

        print_table(table)


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(
        table.to_json(orient="records", date_format="iso", double_precision=15)
    )
    return rows


@study_app.command("show")
def show(directory: DirectoryArg, as_json: JsonOpt = False) -> None:
    """Say what a study is and how far it has come."""
    from computenet import study as studies

    facts = studies.study_state(directory)
    if as_json:
        print_json(facts)
        return
    from computenet.cli.show_study import print_state

    print_state(facts)
