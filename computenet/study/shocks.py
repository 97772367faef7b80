"""One scenario with and without shocks, side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from computenet.errors import InputError, Problem, nearest
from computenet.results import Results
from computenet.scenario import Scenario, list_shocks
from computenet.scenario.catalogue import shock_files
from computenet.scenario.yaml_text import read_yaml
from computenet.study.comparing import bounded
from computenet.study.comparison import Comparison
from computenet.study.runs import Source, load, simulate

if TYPE_CHECKING:
    from computenet.simulation import Progress

__all__ = ["check_shocks", "compare_shocks", "with_shock"]

#: The run without any.
NONE = "none"


def _events(name: str) -> list[Mapping[str, Any]]:
    files = shock_files()
    path = files.get(name, Path(name))
    if name not in files and not path.is_file():
        raise InputError(
            [Problem("--shocks", name, "is neither built in nor a file",
                     ", ".join([NONE, *list_shocks()]), nearest(name, files))],
            "nothing was run",
        )  # fmt: skip
    raw = read_yaml(path)
    events = raw.get("events") if isinstance(raw, dict) else None
    if not isinstance(events, list) or not events:
        raise InputError([Problem(str(path), None, "holds no events")], "nothing was run")
    return events


def check_shocks(names: Sequence[str]) -> None:
    """Check that shocks are built in or files that hold events.

    Raises
    ------
    InputError
        With every shock at fault.
    """
    problems: list[Problem] = []
    for name in names:
        try:
            if name != NONE:
                _events(name)
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems, "nothing was run")


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
        No such shock, or the scenario has not what it names.
    """
    loaded = load(scenario, overrides={"energy.model": "full"})
    if name == NONE:
        return loaded
    events = [
        event for event in _events(name) if float(event.get("at_h", 0.0)) < 24.0 * loaded.days
    ]
    if not events:
        raise InputError(
            [Problem("--shocks", name, f"begins after the run's {loaded.days:g} days")],
            "nothing was run",
        )
    own = [event.model_dump(mode="json") for event in loaded.events]
    return load(loaded, overrides={"events": [*own, *events]})


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
        Names, see `with_shock`; each once.
    bound
        Whether to compute a bound; shocks make different scenarios, which have none in common.
    """
    repeated = sorted({name for name in shocks if list(shocks).count(name) > 1})
    if repeated or not shocks:
        raise InputError(
            [Problem("--shocks", name, "is named twice") for name in repeated]
            or [Problem("--shocks", "", "names no shock", ", ".join([NONE, *list_shocks()]))],
            "nothing was run",
        )
    scenarios = {name: with_shock(scenario, name) for name in shocks}
    runs: dict[str, Results] = {}
    for name, one in scenarios.items():

        def named(state: Progress, name: str = name) -> None:
            if progress is not None:
                progress(replace(state, run=name))

        runs[name] = simulate(one, progress=named)
    return bounded(runs) if bound else Comparison(runs)
