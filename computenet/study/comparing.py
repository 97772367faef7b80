"""Compare policies, layouts or runs made earlier."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from computenet.errors import InputError, Problem
from computenet.policies import Policy, make_policy, policy_names
from computenet.results import Results, load_run
from computenet.study.bounds import bound_runs, note
from computenet.study.comparison import Comparison
from computenet.study.runs import Source, load, simulate

if TYPE_CHECKING:
    from computenet.simulation import Progress
    from computenet.study.layouts import LayoutSource

__all__ = ["bounded", "check_policies", "compare", "compare_runs"]


def check_policies(names: Sequence[str]) -> None:
    """Raise `InputError` naming every policy that is not known, and repeated names."""
    problems: list[Problem] = []
    if not names:
        problems.append(Problem("--policies", "", "names no policy", ", ".join(policy_names())))
    for index, name in enumerate(names):
        if name in names[:index]:
            problems.append(Problem("--policies", name, "is named twice"))
            continue
        try:
            make_policy(name, {})
        except InputError as error:
            problems.extend(error.problems)
    if problems:
        raise InputError(problems, "nothing was run")


def compare(
    scenario: Source,
    policies: Sequence[str | Policy] | None = None,
    *,
    layouts: Sequence[LayoutSource] | None = None,
    seed: int | None = None,
    progress: Callable[[Progress], None] | None = None,
    bound: bool = True,
) -> Comparison:
    """Run one scenario under several policies, on several layouts, or both, with the same demand.

    Parameters
    ----------
    policies
        Names or objects; an object is named after its class.
    layouts
        Built-in names, files or mappings of layouts, or ``base`` for the scenario's own topology;
        with `policies` every policy is run on every layout.
    bound
        Whether to compute what no policy can better, with perfect foresight.
    """
    if layouts is not None:
        from computenet.study.layouts import compare_layouts

        return compare_layouts(
            scenario, layouts, policies=policies, seed=seed, progress=progress, bound=bound
        )
    if policies is None:
        raise InputError(
            [Problem("compare", None, "compares nothing", "policies=[…], layouts=[…] or both")],
            "nothing was run",
        )
    loaded = load(scenario, overrides={} if seed is None else {"seed": seed})
    check_policies([policy for policy in policies if isinstance(policy, str)] or ["nearest"])
    runs: dict[str, Results] = {}
    for policy in policies:
        name = policy if isinstance(policy, str) else type(policy).__name__
        while name in runs:
            name += "'"

        def named(state: Progress, name: str = name) -> None:
            if progress is not None:
                progress(replace(state, run=name))

        runs[name] = simulate(loaded, policy=policy, progress=named)
    return bounded(runs) if bound else Comparison(runs)


def bounded(runs: Mapping[str, Results]) -> Comparison:
    """Return runs side by side with their bounds, which are noted in every summary."""
    limits = bound_runs(runs)
    return Comparison({name: note(run, limits) for name, run in runs.items()}, limits)


def compare_runs(directories: Sequence[str | Path], *, bound: bool = True) -> Comparison:
    """Compare runs made earlier, named after their directories.

    Runs of one scenario, seed and demand get a common bound; others none, and the status says so.
    """
    runs: dict[str, Results] = {}
    for directory in directories:
        name = Path(directory).name if Path(directory).name not in runs else str(directory)
        runs[name] = load_run(directory)
    return bounded(runs) if bound else Comparison(runs)
