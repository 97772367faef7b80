"""``computenet plan``: what to build, where and when."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from computenet.cli.options import (
    Faults,
    JsonOpt,
    OverwriteOpt,
    ScenarioArg,
    SetOpt,
    load,
    print_json,
)
from computenet.cli.outputs import reserve

if TYPE_CHECKING:
    from rich.status import Status

    from computenet.study import PlanProgress
    from computenet.study.planning import VerificationProgress
    from computenet.study.planning.verification import Round

__all__ = ["plan"]


def plan(
    scenario: ScenarioArg,
    days: Annotated[
        int | None,
        typer.Option(help="Representative days, in place of the planning data's own number."),
    ] = None,
    stages: Annotated[
        int | None, typer.Option(help="Plan only so many stages, from the first; all by default.")
    ] = None,
    alternatives: Annotated[
        int, typer.Option(help="Also find so many layouts that cost little more and differ most.")
    ] = 0,
    within: Annotated[
        float | None,
        typer.Option(help="Share that alternatives may cost more than the plan; 0.02 by default."),
    ] = None,
    pareto: Annotated[
        int,
        typer.Option(help="Also find so many points of cost against carbon, and against coverage."),
    ] = 0,
    gap: Annotated[
        float,
        typer.Option(
            help="Stop when the cost is proved to be within this share of the least possible."
        ),
    ] = 0.01,
    time_limit: Annotated[
        float | None, typer.Option(help="Seconds that the plan may take; no limit by default.")
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Simulate the plan, and plan anew until both agree.")
    ] = False,
    policy: Annotated[
        str | None,
        typer.Option(
            help="With --verify: who schedules (computenet list policies); matching by default."
        ),
    ] = None,
    rounds: Annotated[
        int | None, typer.Option(help="With --verify: most plans that are simulated; 8 by default.")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(help="With --verify: processes that simulate; one a core by default."),
    ] = None,
    pairs: SetOpt = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Directory to write: tables, the layout of each stage, and the page."),
    ] = None,
    overwrite: OverwriteOpt = False,
    lang: Annotated[
        str | None, typer.Option(help="Language of page and headings: en (default) or zh.")
    ] = None,
    as_json: JsonOpt = False,
) -> None:
    """Plan sites, accelerators, links, wind, sun and storage over years, with a certified gap."""
    from computenet import study

    faults = Faults()
    tongue = faults.language(lang)
    faults.check(not overwrite or out is not None, "--overwrite", None, "is not used without --out",
                 "--out DIR")  # fmt: skip
    faults.check(within is None or alternatives != 0, "--within", within,
                 "is not used without --alternatives", "--alternatives N")  # fmt: skip
    for name, value in (("--policy", policy), ("--rounds", rounds), ("--workers", workers)):
        faults.check(value is None or verify, name, value, "is not used without --verify",
                     "--verify")  # fmt: skip
    if policy is not None:
        with faults.gathered():
            study.check_policies([policy])
    if workers is not None:
        with faults.gathered():
            study.check_workers(workers)
    if out is not None:
        with faults.gathered():
            reserve(out, overwrite=overwrite, mark="plan.json")
    near = 0.02 if within is None else within
    most = 8 if rounds is None else rounds
    loaded = None
    with faults.gathered():
        loaded = load(scenario, None, None, None, pairs)
    with faults.gathered():
        study.check_plan(
            loaded, stages=stages, days=days, alternatives=alternatives, within=near,
            pareto=pareto, gap=gap, time_limit_s=time_limit, rounds=most if verify else None,
        )  # fmt: skip
    faults.refuse("nothing was planned")
    assert loaded is not None
    with _progress(status=not as_json) as report:
        outcome = study.plan(
            loaded,
            stages=stages,
            days=days,
            alternatives=0 if verify else alternatives,
            within=near,
            pareto=0 if verify else pareto,
            gap=gap,
            time_limit_s=time_limit,
            progress=report.solving,
        )
        if verify:
            outcome = outcome.verify(
                policy=policy or "matching",
                rounds=most,
                gap=gap,
                time_limit_s=time_limit,
                workers=(os.cpu_count() or 1) if workers is None else workers,
                progress=report.verifying,
            )
            outcome = outcome.with_variants(
                alternatives=alternatives,
                within=near,
                pareto=pareto,
                gap=gap,
                keep=True,
                progress=report.solving,
            )
    if out is not None:
        outcome.save(out, overwrite=overwrite, lang="zh" if tongue == "zh" else "en")
    for note in outcome.notes:
        typer.echo(f"note: {note}", err=True)
    if as_json:
        print_json(outcome.as_dict())
        return
    from computenet.cli.show_plan import print_plan

    print_plan(outcome, out, tongue)


class _Lines:
    """Tells each round of a verification in a line of its own."""

    def __init__(self) -> None:
        self._told: Round | None = None

    def solving(self, state: PlanProgress) -> None:
        """Say nothing."""

    def verifying(self, state: VerificationProgress) -> None:
        """Write the line of a round once it has ended."""
        if state.last is not None and state.last is not self._told:
            self._told = state.last
            typer.echo(f"round {state.round}: {_gaps(state.last)}, {state.seconds:.0f} s", err=True)


class _Status:
    """Shows what is done on a status line."""

    def __init__(self, status: Status) -> None:
        self._status = status

    def solving(self, state: PlanProgress) -> None:
        """Show the cost so far and its gap."""
        gap = max(state.cost - state.bound, 0.0) / max(abs(state.cost), 1e-12)
        shown = f"{gap:.2%}" if gap < 10.0 else "-"
        self._status.update(
            f"{state.step}: round {state.rounds}, gap {shown}, {state.seconds:.0f} s"
        )

    def verifying(self, state: VerificationProgress) -> None:
        """Show the round, its days, and what the last round showed."""
        shown = (
            f"plan {state.round}: simulated {state.done} of {state.of} days"
            if state.of
            else f"plan {state.round}: with what the simulation showed"
        )
        if state.last is not None:
            shown += f"; last round: {_gaps(state.last)}"
        self._status.update(f"{shown}, {state.seconds:.0f} s")


def _gaps(last: Round) -> str:
    """Return the gaps between a plan and its simulation in words."""
    service, green = (
        f"{max(100.0 * gap, 0.0):.1f} points short" for gap in (last.service_gap, last.green_gap)
    )
    return (
        f"cost {last.cost_gap:+.1%}, energy {last.energy_gap:+.1%}, service {service}, "
        f"green {green}, jobs wait {last.delay:.2f} of their run time"
        f"{'' if last.targets_met else ', a target missed'}"
    )


@contextmanager
def _progress(*, status: bool) -> Iterator[_Status | _Lines]:
    """Show what is done: on a status line in a terminal, else a line for each round.

    Parameters
    ----------
    status
        Whether there may be a status line.
    """
    if not status or not sys.stderr.isatty():
        yield _Lines()
        return
    from rich.console import Console

    with Console(stderr=True).status("reading the scenario's year") as line:
        yield _Status(line)
