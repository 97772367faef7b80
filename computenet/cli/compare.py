"""The command ``compare``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from computenet.cli.options import (
    DaysOpt,
    Faults,
    JsonOpt,
    LangOpt,
    OverwriteOpt,
    SeedOpt,
    SetOpt,
    given_twice,
    needs_out,
    overrides,
    print_json,
)
from computenet.cli.outputs import reserve
from computenet.errors import InputError, Problem

if TYPE_CHECKING:
    from computenet.scenario import Scenario
    from computenet.simulation import Progress
    from computenet.study import Comparison

__all__ = ["compare"]

Run = Callable[[Callable[["Progress"], None] | None], "Comparison"]


def compare(
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="SCENARIO | RUN RUN…", help="A scenario, or directories of runs made earlier."
        ),
    ],
    policies: Annotated[
        str | None,
        typer.Option(help="Policies to compare, separated by commas (computenet list policies)."),
    ] = None,
    shocks: Annotated[
        str | None,
        typer.Option(
            help="Shocks to compare, separated by commas (computenet list shocks); none = without."
        ),
    ] = None,
    layouts: Annotated[
        str | None,
        typer.Option(
            help="Layouts to compare, separated by commas: names (computenet list layouts), files, "
            "or base = the scenario's own. With --policies every policy is run on every layout."
        ),
    ] = None,
    days: DaysOpt = None,
    seed: SeedOpt = None,
    pairs: SetOpt = None,
    bound: Annotated[
        bool,
        typer.Option(
            "--bound/--no-bound", help="Compute the least cost, carbon and waiting possible."
        ),
    ] = True,
    out: Annotated[
        Path | None, typer.Option(help="Directory to write: every run, and the page of all.")
    ] = None,
    overwrite: OverwriteOpt = False,
    lang: LangOpt = None,
    as_json: JsonOpt = False,
) -> None:
    """Compare policies, layouts or shocks on one scenario, or runs made earlier."""
    from computenet.cli.show import print_comparison

    faults = Faults()
    tongue = faults.language(lang)
    with faults.gathered():
        needs_out(out, overwrite, lang)
    if policies is None and shocks is None and layouts is None:
        comparison = _earlier(faults, what, days, seed, pairs, out, bound)
    else:
        with faults.gathered():
            _check(what, policies, shocks, layouts)
        comparison = _run(
            faults, what[0], _names(policies), _names(shocks), _names(layouts), days, seed, pairs,
            bound, out, overwrite, as_json,
        )  # fmt: skip
        if out is not None:
            comparison.save(out, overwrite=overwrite, lang=tongue)
    if as_json:
        print_json(comparison.as_dict())
        return
    print_comparison(comparison, out)


def _names(text: str | None) -> list[str] | None:
    if text is None:
        return None
    return [name.strip() for name in text.split(",") if name.strip()]


def _check(what: list[str], policies: str | None, shocks: str | None, layouts: str | None) -> None:
    given = {"--policies": policies, "--layouts": layouts, "--shocks": shocks}
    if shocks is not None:
        for name, value in (("--policies", policies), ("--layouts", layouts)):
            if value is not None:
                instead = "policy=NAME" if name == "--policies" else "topology=LAYOUT"
                words = f"cannot be used with {name}; name one by --set {instead}"
                raise InputError([Problem("--shocks", shocks, words, f"--set {instead}")])
    if len(what) != 1:
        option = next(name for name, value in given.items() if value is not None)
        words = f"{option} takes one scenario"
        raise InputError([Problem("compare", " ".join(what), words, "SCENARIO")])


def _run(
    faults: Faults, source: str, policies: list[str] | None, shocks: list[str] | None,
    layouts: list[str] | None, days: float | None, seed: int | None, pairs: list[str] | None,
    bound: bool, out: Path | None, overwrite: bool, quiet: bool,
) -> Comparison:  # fmt: skip
    from computenet import study
    from computenet.cli.show import progress
    from computenet.study.comparison import MARK

    if out is not None:
        with faults.gathered():
            reserve(out, overwrite=overwrite, mark=MARK)
    changes: dict[str, object] = {}
    parameters: dict[str, object] | None = None
    with faults.gathered():
        changes = overrides(pairs)
    faults.add(given_twice(changes, {"--days": days, "--seed": seed}))
    if policies is not None:
        with faults.gathered():
            changes, parameters = _apart(changes)
        with faults.gathered():
            study.check_policies(policies, parameters)
    with faults.gathered():
        study.check_shocks(shocks or [])
    with faults.gathered():
        study.check_layouts(layouts or [])
    changes |= {"days": days} if days is not None else {}
    changes |= {"seed": seed} if seed is not None else {}
    with faults.gathered():
        scenario = study.load(source, overrides=changes)
    faults.refuse("nothing was run")
    runs, names = _planned(source, scenario, policies, parameters, shocks, layouts, changes, bound)
    with progress(scenario, quiet=quiet, runs=names) as report:
        return runs(report)


def _apart(changes: dict[str, object]) -> tuple[dict[str, object], dict[str, object]]:
    """Return changes of the scenario, and parameters for all policies that have them."""
    prefix = "policy.parameters."
    parameters = {
        path.removeprefix(prefix): value
        for path, value in changes.items()
        if path.startswith(prefix)
    }
    unused = [path for path in ("policy", "policy.name") if path in changes]
    if unused:
        raise InputError(
            [Problem(f"--set {path}", changes[path], "is not used with --policies", "one of both")
             for path in unused]
        )  # fmt: skip
    rest = {path: value for path, value in changes.items() if not path.startswith(prefix)}
    return rest, parameters


def _planned(
    source: str, scenario: Scenario, policies: list[str] | None,
    parameters: dict[str, object] | None, shocks: list[str] | None, layouts: list[str] | None,
    changes: dict[str, object], bound: bool,
) -> tuple[Run, list[str]]:  # fmt: skip
    """Return what makes the comparison, and the names of its runs."""
    from computenet import study

    if shocks is not None:
        return lambda report: study.compare_shocks(
            scenario, shocks, progress=report, bound=bound
        ), study.shock_names(shocks)
    if layouts is not None:
        names = study.layout_names(study.with_layouts(source, layouts, changes), policies)
        return lambda report: study.compare_layouts(
            source, layouts, policies=policies, parameters=parameters, overrides=changes,
            progress=report, bound=bound,
        ), names  # fmt: skip
    wanted = policies or []
    return lambda report: study.compare(
        scenario, policies=wanted, parameters=parameters, progress=report, bound=bound
    ), wanted


def _earlier(
    faults: Faults, what: list[str], days: float | None, seed: int | None, pairs: list[str] | None,
    out: Path | None, bound: bool,
) -> Comparison:  # fmt: skip
    from computenet import study
    from computenet.results.storage import require_run

    options = (("--days", days), ("--seed", seed), ("--set", pairs), ("--out", out))
    unused = [name for name, value in options if value is not None]
    if unused or len(what) < 2:
        faults.add(
            [Problem(name, None, "is not used when runs are compared") for name in unused]
            or [Problem("compare", what[0], "give --policies, --layouts or --shocks, or two runs",
                        "RUN RUN …")]
        )  # fmt: skip
        faults.refuse("nothing was compared")
    for name in what:
        with faults.gathered():
            require_run(name)
    faults.refuse("nothing was compared")
    return study.compare_runs(what, bound=bound)
