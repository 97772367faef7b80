"""One scenario on several layouts, side by side."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from computenet.errors import InputError, Problem, nearest
from computenet.policies import Policy
from computenet.results import Results
from computenet.scenario import LayoutSpec, Scenario
from computenet.scenario.catalogue import layout_files, topology_files
from computenet.study.bounds import RunBound, bound_runs, note
from computenet.study.comparing import check_named, given_policies, run_under
from computenet.study.comparison import Comparison
from computenet.study.runs import Source, load

if TYPE_CHECKING:
    from computenet.simulation import Progress

__all__ = [
    "BASE",
    "LayoutSource",
    "check_layouts",
    "compare_layouts",
    "layout_names",
    "with_layouts",
]

LayoutSource = str | Path | Mapping[str, Any] | LayoutSpec

#: The scenario's own topology among layouts.
BASE = "base"


NOTHING = "nothing was run"
#: What the bound common to all runs says.
OWN = "each layout has its own"


def _name(layout: LayoutSource) -> str:
    """Return what a layout's runs are called; it is the name of a directory as well."""
    if isinstance(layout, LayoutSpec):
        name = layout.id
    elif isinstance(layout, Mapping):
        name = str(layout.get("id", "layout"))
    else:
        path = Path(layout)
        name = path.stem if path.suffix in (".yaml", ".yml") else str(layout)
    return re.sub(r"[^\w.-]", "-", name).strip(".") or "layout"


def check_layouts(layouts: Sequence[LayoutSource]) -> None:
    """Check that layouts given by name are built in or files, whatever is in them.

    Raises
    ------
    InputError
        With every layout at fault.
    """
    files = {**layout_files(), **topology_files()}
    problems = [
        Problem("--layouts", str(layout), "is neither built in nor a file",
                f"{', '.join([BASE, *files])}, or a file", nearest(str(layout), [BASE, *files]))
        for layout in layouts
        if isinstance(layout, (str, Path))
        and layout != BASE
        and str(layout) not in files
        and not os.path.exists(layout)
    ]  # fmt: skip
    if problems:
        raise InputError(problems, NOTHING)


def with_layouts(
    scenario: Source,
    layouts: Sequence[LayoutSource],
    overrides: Mapping[str, object] | None = None,
) -> dict[str, Scenario]:
    """Return the scenario on each layout, by the layout's name, after the scenario itself.

    Parameters
    ----------
    layouts
        Built-in names, files, mappings, or ``base`` for the scenario's own topology.
    overrides
        Changes by dotted path; those of ``topology`` are made to every layout.

    Raises
    ------
    InputError
        With the problems of every layout.
    """
    changes = dict(overrides or {})
    out: dict[str, Scenario] = {"": load(scenario, overrides=changes)}
    if not layouts:
        raise InputError([Problem("--layouts", "", "names no layout", "west-first,base")], NOTHING)
    problems: list[Problem] = []
    for layout in layouts:
        name = _name(layout)
        if name in out:
            problems.append(Problem("--layouts", name, "is named twice"))
            continue
        if layout == BASE:
            out[name] = out[""]
            continue
        topology = layout.model_dump(mode="json") if isinstance(layout, LayoutSpec) else layout
        given = str(topology) if isinstance(topology, Path) else topology
        try:
            out[name] = load(scenario, overrides={**changes, "topology": given})
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems, NOTHING)
    return out


def layout_names(scenarios: Mapping[str, Scenario], policies: Sequence[str] | None) -> list[str]:
    """Return the names of the runs: the layouts', with the policy's where there are several."""
    names = [name for name in scenarios if name]
    if policies is None:
        return names
    return [f"{name}+{policy}" for name in names for policy in policies]


def compare_layouts(
    scenario: Source,
    layouts: Sequence[LayoutSource],
    *,
    policies: str | Policy | Sequence[str | Policy] | None = None,
    parameters: Mapping[str, object] | None = None,
    seed: int | None = None,
    overrides: Mapping[str, object] | None = None,
    progress: Callable[[Progress], None] | None = None,
    bound: bool = True,
) -> Comparison:
    """Run one scenario on each layout, under its own policy or under each of some.

    Every layout has its own bound, which its runs are measured by.

    Parameters
    ----------
    layouts
        See `with_layouts`.
    policies
        Names or objects: each is run on each layout; nothing = the scenario's own.
    parameters
        Values for all policies given by name that have them.
    """
    changes = {**(overrides or {}), **({} if seed is None else {"seed": seed})}
    chosen: list[str | Policy] | list[None] = [None]
    if policies is not None:
        chosen = given_policies(policies)
        check_named(chosen, parameters)
    scenarios = with_layouts(scenario, layouts, changes)
    runs: dict[str, Results] = {}
    each: dict[str, RunBound] = {}
    for name, one in scenarios.items():
        if not name:
            continue
        found: dict[str, Results] = {}
        for policy in chosen:
            run_name = name
            if policy is not None:
                run_name += f"+{policy if isinstance(policy, str) else type(policy).__name__}"
            while run_name in found:
                run_name += "'"

            def told(state: Progress, run: str = run_name) -> None:
                if progress is not None:
                    progress(replace(state, run=run))

            found[run_name] = run_under(one, policy, parameters, told)
        limits = bound_runs(found) if bound else RunBound()
        for run_name, results in found.items():
            runs[run_name] = note(results, limits) if bound else results
            each[run_name] = limits
    return Comparison(runs, RunBound(status=OWN if bound else "not computed"), each,
                      scenarios[""].topology)  # fmt: skip
