"""One scenario with and without shocks, side by side."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, ValidationError

from computenet.errors import InputError, Problem, nearest, without_repeats
from computenet.results import Results
from computenet.scenario import Scenario, list_shocks
from computenet.scenario.catalogue import shock_files
from computenet.scenario.common import Spec
from computenet.scenario.problems import spec_problems
from computenet.scenario.scenario import Event
from computenet.scenario.yaml_text import read_yaml
from computenet.study.comparing import bounded
from computenet.study.comparison import Comparison
from computenet.study.runs import Source, load, simulate

if TYPE_CHECKING:
    from computenet.simulation import Progress

__all__ = ["check_shocks", "compare_shocks", "shock_names", "with_shock"]

#: The run without any.
NONE = "none"
NOTHING = "nothing was run"


class _Events(Spec):
    """What the file of a shock holds."""

    events: list[Event] = Field(description="what happens, as in a scenario")


def _name(shock: str) -> str:
    """Return what a shock's run is called; it is the name of a directory as well."""
    path = Path(shock)
    name = path.stem if path.suffix in (".yaml", ".yml") else shock
    return re.sub(r"[^\w.-]", "-", name).strip(".") or "shock"


def shock_names(shocks: Sequence[str]) -> list[str]:
    """Return the names of the runs with shocks: a file's is its stem."""
    return [_name(shock) for shock in shocks]


def _events(name: str) -> list[dict[str, Any]]:
    """Return the events of a shock, raw.

    Raises
    ------
    InputError
        There is no such shock, or something in it is no event.
    """
    files = shock_files()
    path = files.get(name, Path(name))
    if name not in files and not os.path.isfile(path):
        raise InputError(
            [Problem("--shocks", name, "is neither built in nor a file",
                     ", ".join([NONE, *list_shocks()]), nearest(name, files))],
            NOTHING,
        )  # fmt: skip
    raw = read_yaml(path)
    events = raw.get("events") if isinstance(raw, dict) else None
    if not isinstance(events, list) or not events:
        raise InputError([Problem(str(path), None, "holds no events")], NOTHING)
    try:
        known = _Events.model_validate({"events": events}).events
    except ValidationError as error:
        told = spec_problems(error, {"events": events}, _Events)
        problems = [replace(one, path=f"{path}: {one.path}") for one in told]
        raise InputError(problems, NOTHING) from error
    return [event.model_dump(mode="json") for event in known]


def check_shocks(names: Sequence[str]) -> None:
    """Check that shocks are built in or files that hold events, and that each has its own name.

    Raises
    ------
    InputError
        With every shock at fault.
    """
    problems: list[Problem] = []
    called = {NONE: NONE}
    for index, name in enumerate(names):
        other = called.setdefault(_name(name), name)
        if name in names[:index]:
            problems.append(Problem("--shocks", name, "is named twice"))
        elif other != name:
            words = f"has a name in common with {other}"
            problems.append(Problem("--shocks", name, words, "another name of the file"))
        try:
            if name != NONE:
                _events(name)
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(without_repeats(problems), NOTHING)


def with_shock(scenario: Source, name: str) -> Scenario:
    """Return a scenario with a shock's events added, under the full energy model.

    Events that begin after the run's end are left out; if none is left, that is an error.

    Parameters
    ----------
    name
        A built-in shock, a YAML file with ``events``, or ``none``.

    Raises
    ------
    InputError
        No such shock, it holds what is no event, or the scenario has not what it names.
    """
    loaded = load(scenario, overrides={"energy.model": "full"})
    if name == NONE:
        return loaded
    events = [event for event in _events(name) if event["at_h"] < 24.0 * loaded.days]
    if not events:
        raise InputError(
            [Problem("--shocks", name, f"begins after the run's {loaded.days:g} days")], NOTHING
        )
    own = [event.model_dump(mode="json") for event in loaded.events]
    return load(loaded, overrides={"events": [*own, *events]})


def _shocked(scenario: Source, shocks: Sequence[str]) -> dict[str, Scenario]:
    """Return the scenario with each shock, by the names of the runs; see `with_shock`.

    Raises
    ------
    InputError
        With the problems of every shock.
    """
    if not shocks:
        allowed = ", ".join([NONE, *list_shocks()])
        raise InputError([Problem("--shocks", "", "names no shock", allowed)], NOTHING)
    check_shocks(shocks)
    out: dict[str, Scenario] = {}
    problems: list[Problem] = []
    for shock in shocks:
        try:
            out[_name(shock)] = with_shock(scenario, shock)
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(without_repeats(problems), NOTHING)
    return out


def compare_shocks(
    scenario: Source,
    shocks: Sequence[str],
    *,
    progress: Callable[[Progress], None] | None = None,
    bound: bool = True,
) -> Comparison:
    """Run one scenario under its policy with each shock, all under the full energy model.

    Parameters
    ----------
    shocks
        Built-in names, files or ``none``, each once; a file's run is called by the file's stem.
    bound
        Whether to compute a bound; shocks make different scenarios, which have none in common.

    Raises
    ------
    InputError
        With the problems of every shock; nothing has been run then.
    """
    scenarios = _shocked(scenario, shocks)
    runs: dict[str, Results] = {}
    for name, one in scenarios.items():

        def named(state: Progress, name: str = name) -> None:
            if progress is not None:
                progress(replace(state, run=name))

        runs[name] = simulate(one, progress=named)
    return bounded(runs) if bound else Comparison(runs)
