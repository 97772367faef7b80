"""``computenet bench``: scheduler benchmarks on screen, as JSON and as a page."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from computenet.cli.options import (
    Faults,
    JsonOpt,
    LangOpt,
    OverwriteOpt,
    needs_out,
    print_json,
)
from computenet.cli.outputs import reserve
from computenet.errors import Problem

if TYPE_CHECKING:
    from rich.console import Console

    from computenet.study import Benchmark
    from computenet.study.benching import SuiteResult

__all__ = ["bench"]


def bench(
    suites: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SUITE…",
            help="Built-in names (computenet list suites) or YAML files; all by default.",
        ),
    ] = None,
    policies: Annotated[
        str | None,
        typer.Option(
            help="Policies (computenet list policies), with commas, in place of the suites' own."
        ),
    ] = None,
    policy_file: Annotated[
        list[Path] | None,
        typer.Option(
            help="Python file, which is executed: policies that it defines join; may be repeated."
        ),
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(help="Number of seeds, in place of the suites' own.")
    ] = None,
    baseline: Annotated[
        str | None, typer.Option(help="Policy others are compared with; the first by default.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes; one a core by default. Results do not change.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Directory to write: the page, bench.csv and bench.json.")
    ] = None,
    overwrite: OverwriteOpt = False,
    lang: LangOpt = None,
    as_json: JsonOpt = False,
) -> None:
    """Run scheduler benchmarks: policies by suites by seeds, with confidence intervals."""
    from computenet import study
    from computenet.study.benching import MARK

    faults = Faults()
    tongue = faults.language(lang)
    with faults.gathered():
        needs_out(out, overwrite, lang)
    if workers is not None:
        with faults.gathered():
            study.check_workers(workers)
    names = None if policies is None else [p.strip() for p in policies.split(",") if p.strip()]
    if names == []:
        faults.problems.append(Problem("--policies", policies, "names no policy"))
    if out is not None:
        with faults.gathered():
            reserve(out, overwrite=overwrite, mark=MARK)
    with faults.gathered():
        prepared = study.prepare_bench(
            list(suites) if suites else None,
            policies=names or None,
            policy_files=policy_file or [],
            seeds=seeds,
            baseline=baseline,
        )
    faults.refuse("nothing was run")
    for name, reason in prepared.skipped.items():
        typer.echo(f"note: suite {name} is left out: {reason}", err=True)
    with _progress(prepared.runs, quiet=as_json) as report:
        done = study.run_bench(
            prepared, workers=_cores() if workers is None else workers, progress=report
        )
    if out is not None:
        done.save(out, overwrite=overwrite, lang=tongue)
    if as_json:
        print_json(done.as_dict())
        return
    _print(done, out)


def _cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def _progress(total: int, *, quiet: bool) -> Iterator[Callable[[int, str], None] | None]:
    """Show a bar of runs on a terminal, and nothing in a pipe."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeElapsedColumn as Elapsed

    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("runs"),
        Elapsed(), console=Console(stderr=True), transient=True,
    ) as bar:  # fmt: skip
        task = bar.add_task("bench", total=total)

        def report(runs: int, suite: str) -> None:
            bar.update(task, advance=runs, description=suite)

        yield report


def _print(done: Benchmark, out: Path | None) -> None:
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    for suite in done.suites.values():
        _print_suite(console, suite)
    if len(done.suites) > 1:
        _print_overview(console, done)
    console.print(
        "± half the 95 % interval of the mean over seeds; ~ the difference from "
        f"{escape(_baseline(done))} cannot be told from 0;\n"
        "gap: cost above the least possible for the same work; above idle: "
        "the same without what a network pays that does nothing"
    )
    if out is not None:
        console.print(f"page: {escape(str(out / 'bench.html'))}")


def _print_overview(console: Console, done: Benchmark) -> None:
    """Print the cost of every policy on every suite, against the baseline."""
    from rich.markup import escape
    from rich.table import Table

    title = f"cost against {escape(_baseline(done))}"
    table = Table("policy", title=title, title_justify="left", box=None)
    for suite in done.suites:
        table.add_column(escape(suite), justify="right", overflow="fold")
    names = dict.fromkeys(name for suite in done.suites.values() for name in suite.policies)
    for name in names:
        table.add_row(escape(name), *(_against(suite, name) for suite in done.suites.values()))
    console.print(table)
    console.print()


def _baseline(done: Benchmark) -> str:
    """Return the name of the baseline, or what it is where suites have different ones."""
    names = {suite.baseline for suite in done.suites.values()}
    return names.pop() if len(names) == 1 else "the first policy of each suite"


def _against(suite: SuiteResult, name: str) -> str:
    """Return how much more a policy costs than the baseline; ~ where that cannot be told from 0."""
    told = suite.policies[name].against.get("cost_cny") if name in suite.policies else None
    if told is None or told.relative is None:
        return "-"
    return f"{told.relative:+.1%}{'~' if told.significant is False else ''}"


def _print_suite(console: Console, suite: SuiteResult) -> None:
    from rich.markup import escape
    from rich.table import Table

    spec = suite.suite.spec
    table = Table(
        "policy", title=f"{escape(spec.name)}: {escape(spec.title.en)}", title_justify="left",
        box=None,
    )  # fmt: skip
    for name in _HEAD:
        name = f"against {escape(suite.baseline)}" if name == "against" else name
        table.add_column(name, justify="right", no_wrap=True)
    for name in suite.policies:
        table.add_row(escape(name), *_cells(suite, name))
    console.print(table)
    if suite.bound_status != "optimal":
        console.print(f"bound: {escape(suite.bound_status)}")
    console.print()


_HEAD = (
    "cost, CNY", "against", "gap", "above idle", "SLO", "carbon, kg", "wait, s", "deadlines",
    "completed", "decision, ms",
)  # fmt: skip


def _cells(suite: SuiteResult, name: str) -> list[str]:
    """Return the figures of a policy, formatted."""
    one = suite.policies[name]
    figures = one.figures

    def half(key: str) -> float | None:
        value = figures[key]
        return None if value.high is None or value.mean is None else value.high - value.mean

    def mark(key: str) -> str:
        told = one.against.get(key)
        return "~" if told is not None and told.significant is False else ""

    def number(key: str, spec: str) -> str:
        mean, more = figures[key].mean, half(key)
        text = "-" if mean is None else f"{mean:{spec}}"
        return text + ("" if more is None else f" ± {more:{spec}}") + mark(key)

    return [
        number("cost_cny", ",.0f"),
        _against(suite, name),
        "-" if one.gap_to_bound is None else f"{one.gap_to_bound:.1%}",
        "-" if one.gap_above_idle is None else f"{one.gap_above_idle:.0%}",
        number("slo_attainment", ".1%"),
        number("carbon_kg", ",.0f"),
        number("wait_s", ",.0f"),
        number("deadlines_met", ".1%"),
        number("completed_share", ".1%"),
        "-" if one.decision_ms is None else f"{one.decision_ms:,.2f}",
    ]
