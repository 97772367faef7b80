"""Compare policies, layouts or runs made earlier."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from computenet.arguments import checked
from computenet.errors import InputError, Problem, nearest
from computenet.policies import Policy, make_policy, policy_names, policy_parameters
from computenet.results import Results, load_run
from computenet.scenario import Scenario
from computenet.study.bounds import bound_runs, note
from computenet.study.comparison import Comparison
from computenet.study.runs import Source, load, simulate

if TYPE_CHECKING:
    from computenet.simulation import Progress
    from computenet.study.layouts import LayoutSource

__all__ = [
    "bounded",
    "check_named",
    "check_policies",
    "compare",
    "compare_runs",
    "given_policies",
    "named_policy",
    "run_under",
]


def check_policies(names: Sequence[str], parameters: Mapping[str, object] | None = None) -> None:
    """Raise `InputError` naming every policy that is not known, and repeated names.

    Parameters
    ----------
    parameters
        Values for every policy that has them; what none has, or one cannot take, is a problem.
    """
    problems: list[Problem] = []
    given = parameters or {}
    if not names:
        problems.append(Problem("--policies", "", "names no policy", ", ".join(policy_names())))
    unused = dict(given)
    every: list[str] = []
    for index, name in enumerate(names):
        if name in names[:index]:
            problems.append(Problem("--policies", name, "is named twice"))
            continue
        try:
            make_policy(name, {})
            own = policy_parameters(name)
            every += [key for key in own if key not in every]
            fits = {key: value for key, value in given.items() if key in own}
            unused = {key: value for key, value in unused.items() if key not in own}
            make_policy(name, fits)
        except InputError as error:
            problems.extend(problem for problem in error.problems if problem not in problems)
    problems += [
        Problem(f"policy.parameters.{key}", value, "is a parameter of none of these policies",
                ", ".join(every), nearest(key, every))
        for key, value in unused.items()
    ]  # fmt: skip
    if problems:
        raise InputError(problems, "nothing was run")


def given_policies(policies: str | Policy | Sequence[str | Policy]) -> list[str | Policy]:
    """Return names and objects of policies; a class is made into an object.

    Raises
    ------
    InputError
        Something is neither a name nor a policy.
    """
    every: list[Any] = [policies]
    if isinstance(policies, Sequence) and not isinstance(policies, str):
        every = list(policies)
    out: list[str | Policy] = []
    problems: list[Problem] = []
    for one in every:
        made = one() if isinstance(one, type) else one
        if isinstance(made, (str, Policy)):
            out.append(made)
        else:
            words = "is neither a policy's name nor has it methods reset and plan"
            problems.append(Problem("policies", type(made).__name__, words))
    if problems:
        raise InputError(problems, "nothing was run")
    return out


def named_policy(scenario: Scenario, name: str, parameters: Mapping[str, object]) -> Scenario:
    """Return the scenario under a policy, with the parameters that it has.

    Those of the scenario's file are kept if the policy is its own.
    """
    known = policy_parameters(name)
    changes: dict[str, object] = {
        f"policy.parameters.{key}": value for key, value in parameters.items() if key in known
    }
    return load(scenario, overrides={"policy": name, **changes})


@checked("nothing was run")
def compare(
    scenario: Source,
    policies: str | Policy | Sequence[str | Policy] | None = None,
    *,
    layouts: Sequence[LayoutSource] | None = None,
    parameters: Mapping[str, object] | None = None,
    seed: int | None = None,
    progress: Callable[[Progress], None] | None = None,
    bound: bool = True,
) -> Comparison:
    """Run one scenario under several policies, on several layouts, or both, with the same demand.

    Parameters
    ----------
    policies
        Names or objects; an object is named after its class. A policy that is the scenario's own
        keeps the parameters that it has there.
    layouts
        Built-in names, files or mappings of layouts, or ``base`` for the scenario's own topology;
        with `policies` every policy is run on every layout.
    parameters
        Values for all policies given by name that have them.
    bound
        Whether to compute what no policy can better, with perfect foresight.
    """
    if layouts is not None:
        from computenet.study.layouts import compare_layouts

        return compare_layouts(
            scenario, layouts, policies=policies, parameters=parameters, seed=seed,
            progress=progress, bound=bound,
        )  # fmt: skip
    if policies is None:
        raise InputError(
            [Problem("compare", None, "compares nothing", "policies=[…], layouts=[…] or both")],
            "nothing was run",
        )
    chosen = given_policies(policies)
    loaded = load(scenario, overrides={} if seed is None else {"seed": seed})
    check_named(chosen, parameters)
    runs: dict[str, Results] = {}
    for policy in chosen:
        name = policy if isinstance(policy, str) else type(policy).__name__
        while name in runs:
            name += "'"

        def named(state: Progress, name: str = name) -> None:
            if progress is not None:
                progress(replace(state, run=name))

        runs[name] = run_under(loaded, policy, parameters, named)
    return bounded(runs) if bound else Comparison(runs)


def check_named(
    policies: Sequence[str | Policy], parameters: Mapping[str, object] | None = None
) -> None:
    """Check the names among policies, and that there is a policy at all; see `check_policies`."""
    names = [policy for policy in policies if isinstance(policy, str)]
    if names or parameters or not policies:
        check_policies(names, parameters)


def run_under(
    scenario: Scenario,
    policy: str | Policy | None,
    parameters: Mapping[str, object] | None,
    progress: Callable[[Progress], None],
) -> Results:
    """Run a scenario under a policy by name, an object, or its own."""
    if isinstance(policy, str):
        return simulate(named_policy(scenario, policy, parameters or {}), progress=progress)
    return simulate(scenario, policy=policy, progress=progress)


def bounded(runs: Mapping[str, Results]) -> Comparison:
    """Return runs side by side with their bounds, which are noted in every summary."""
    limits = bound_runs(runs)
    return Comparison({name: note(run, limits) for name, run in runs.items()}, limits)


def compare_runs(directories: Sequence[str | Path], *, bound: bool = True) -> Comparison:
    """Compare runs made earlier, named after their directories.

    Runs in directories of one name are told apart by the directories that these are in. Runs of one
    scenario, seed and demand get a common bound; others none, and the status says so.

    Raises
    ------
    InputError
        A directory is no run, or is named twice.
    """
    names = _names([Path(directory) for directory in directories])
    runs = {name: load_run(directory) for name, directory in zip(names, directories, strict=True)}
    return bounded(runs) if bound else Comparison(runs)


def _names(directories: Sequence[Path]) -> list[str]:
    """Return the name of each run: its directory's, with those above where two are called alike.

    Raises
    ------
    InputError
        A directory is named twice.
    """
    whole = [directory.resolve() for directory in directories]
    problems = [
        Problem("compare", str(directories[at]), "is named twice", "runs that differ")
        for at, one in enumerate(whole)
        if one in whole[:at]
    ]
    if problems:
        raise InputError(problems, "nothing was compared")
    names = [one.name or str(one) for one in whole]
    for parts in range(2, max((len(one.parts) for one in whole), default=0) + 1):
        names = [
            "/".join(one.parts[-parts:]) if names.count(name) > 1 else name
            for name, one in zip(names, whole, strict=True)
        ]
    return names
