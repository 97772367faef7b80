"""``computenet plan``: what to build, where and when."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from computenet.cli.options import (
    JsonOpt,
    OutOpt,
    OverwriteOpt,
    ScenarioArg,
    SetOpt,
    language,
    overrides,
    print_json,
)
from computenet.errors import InputError, Problem

if TYPE_CHECKING:
    from computenet.study import PlanProgress

__all__ = ["plan"]


def plan(
    scenario: ScenarioArg,
    days: Annotated[
        int | None, typer.Option(help="Representative days, for the planning data's own.")
    ] = None,
    stages: Annotated[int | None, typer.Option(help="Plan only the first so many stages.")] = None,
    alternatives: Annotated[
        int, typer.Option(help="So many layouts that cost little more and differ most.")
    ] = 0,
    within: Annotated[
        float | None, typer.Option(help="What alternatives may cost more, as a share; 0.02.")
    ] = None,
    pareto: Annotated[
        int, typer.Option(help="Points of the fronts of cost against carbon and coverage.")
    ] = 0,
    gap: Annotated[
        float, typer.Option(help="Relative gap to the least possible cost at which to stop.")
    ] = 0.01,
    time_limit: Annotated[float | None, typer.Option(help="Most seconds of the plan.")] = None,
    pairs: SetOpt = None,
    out: OutOpt = None,
    overwrite: OverwriteOpt = False,
    lang: Annotated[
        str | None, typer.Option(help="Language of headings: en (default) or zh.")
    ] = None,
    as_json: JsonOpt = False,
) -> None:
    """Plan sites, accelerators, links, wind, sun and storage over years, with a certified gap."""
    from computenet import study
    from computenet.results.storage import require_free

    tongue = language(lang)
    problems = []
    if overwrite and out is None:
        problems.append(Problem("--overwrite", None, "is not used without --out", "--out DIR"))
    if within is not None and not alternatives:
        problems.append(
            Problem("--within", within, "is not used without --alternatives", "--alternatives N")
        )
    if problems:
        raise InputError(problems, "nothing was planned")
    if out is not None:
        require_free(out, overwrite=overwrite, mark="plan.json")
    loaded = study.load(scenario, overrides=overrides(pairs))
    with _progress(quiet=as_json) as report:
        outcome = study.plan(
            loaded,
            stages=stages,
            days=days,
            alternatives=alternatives,
            within=0.02 if within is None else within,
            pareto=pareto,
            gap=gap,
            time_limit_s=time_limit,
            progress=report,
        )
    if out is not None:
        outcome.save(out, overwrite=overwrite)
    for note in outcome.notes:
        typer.echo(f"note: {note}", err=True)
    if as_json:
        print_json(outcome.as_dict())
        return
    from computenet.cli.show_plan import print_plan

    print_plan(outcome, out, tongue)


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[PlanProgress], None] | None]:
    """Show what is done, the cost so far and its gap, on a terminal only."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console

    console = Console(stderr=True)
    with console.status("reading the scenario's year") as status:

        def report(state: PlanProgress) -> None:
            gap = max(state.cost - state.bound, 0.0) / max(abs(state.cost), 1e-12)
            shown = f"{gap:.2%}" if gap < 10.0 else "-"
            status.update(f"{state.step}: round {state.rounds}, gap {shown}, {state.seconds:.0f} s")

        yield report
