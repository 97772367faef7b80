"""What a benchmark is to run: suites, policies and seeds, all checked before anything runs."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from computenet.errors import InputError, Problem, nearest, without_repeats
from computenet.policies import Policy, policy_names
from computenet.policies.from_file import FilePolicy, policy_classes
from computenet.scenario.catalogue import suite_files
from computenet.study.bench_runs import Entrant, Task
from computenet.study.comparing import check_policies
from computenet.study.replays import Replay
from computenet.study.runs import validate
from computenet.study.suites import Suite, read_suite

__all__ = ["Policies", "Preparation", "SuiteSource", "prepare_bench"]

SuiteSource = str | Path | Mapping[str, Any]
Policies = Sequence[str | Policy] | Mapping[str, str | Policy]
#: Follows a record in place of deciding.
NOT_COMPARED = ("replay",)


@dataclass(frozen=True, slots=True)
class Preparation:
    """What is to be run: every suite has been read and every scenario checked."""

    suites: tuple[Suite, ...]
    seeds: dict[str, tuple[int, ...]]
    entrants: dict[str, tuple[Entrant, ...]]
    baselines: dict[str, str]
    skipped: dict[str, str]

    @property
    def tasks(self) -> list[Task]:
        """The tasks, suite by suite."""
        return [
            Task(suite, case, seed, self.entrants[suite.spec.name])
            for suite in self.suites
            for case in range(len(suite.cases))
            for seed in self.seeds[suite.spec.name]
        ]

    @property
    def runs(self) -> int:
        """Number of runs."""
        return sum(len(task.entrants) for task in self.tasks)


def prepare_bench(
    suites: SuiteSource | Sequence[SuiteSource] | None = None,
    *,
    policies: Policies | None = None,
    policy_files: Sequence[str | Path] = (),
    seeds: int | None = None,
    baseline: str | None = None,
) -> Preparation:
    """Read suites and policies and check every scenario; see `bench`."""
    if suites is None:
        chosen: list[SuiteSource] = list(suite_files())
    else:
        single = isinstance(suites, (str, Path, Mapping)) or not isinstance(suites, Iterable)
        chosen = [suites] if single else list(suites)  # type: ignore[list-item, arg-type]
    problems: list[Problem] = []
    found: list[Suite] = []
    for source in chosen:
        suite, wrong = read_suite(source)
        problems += wrong
        if suite is not None:
            found.append(suite)
    names = [suite.spec.name for suite in found]
    problems += [
        Problem("suite", name, "is named twice") for name in sorted(set(names))
        if names.count(name) > 1 and name != "-"
    ]  # fmt: skip
    if not chosen:
        problems.append(Problem("suite", None, "names no suite", ", ".join(suite_files())))
    if seeds is not None and seeds < 1:
        problems.append(Problem("seeds", seeds, "is out of range", "at least 1"))
    given, joining = _entrants(policies, policy_files, problems)
    if given:
        problems += _named(given, joining, "policies")
    skipped = {suite.spec.name: reason for suite in found if (reason := suite.missing())}
    if suites is not None and len(skipped) == len(found):
        problems += [Problem(f"suite {name}", None, reason) for name, reason in skipped.items()]
    kept = tuple(suite for suite in found if suite.spec.name not in skipped)
    entrants: dict[str, tuple[Entrant, ...]] = {}
    for suite in kept:
        own = given or [Entrant(name, name) for name in dict.fromkeys(suite.spec.policies)]
        if not given:
            problems += _named(own, joining, f"{suite.where}: policies")
        entrants[suite.spec.name] = (*own, *joining)
        names = [entrant.name for entrant in entrants[suite.spec.name]]
        if baseline is not None and baseline not in names:
            problems.append(
                Problem("baseline", baseline, f"does not take part in suite {suite.spec.name}",
                        ", ".join(names), nearest(baseline, names))
            )  # fmt: skip
        problems += _scenarios(suite, [one.source for one in entrants[suite.spec.name]])
    if baseline is not None and given and not kept:
        names = [entrant.name for entrant in (*given, *joining)]
        if baseline not in names:
            problems.append(Problem("baseline", baseline, "is none of the policies",
                                    ", ".join(names), nearest(baseline, names)))  # fmt: skip
    if problems:
        raise InputError(without_repeats(problems), "nothing was run")
    return Preparation(
        suites=kept,
        seeds={suite.spec.name: _seeds(suite.spec.seeds, seeds) for suite in kept},
        entrants=entrants,
        baselines={name: baseline or those[0].name for name, those in entrants.items()},
        skipped=skipped,
    )


def _seeds(own: Sequence[int], number: int | None) -> tuple[int, ...]:
    if number is None:
        return tuple(own)
    more = range(max(own) + 1, max(own) + 1 + max(number - len(own), 0))
    return (*own[:number], *more)


def _scenarios(suite: Suite, policies: Sequence[str | FilePolicy | Policy]) -> list[Problem]:
    """Return what is wrong with the scenarios of a suite, and with its policies' parameters."""
    known = policy_names()
    names = [one for one in policies if isinstance(one, str) and one in known]
    problems: list[Problem] = []
    for case in suite.cases:
        found = [
            Problem(path, None, "is not used: a suite's policies are named by `policies`")
            for path in suite.unused(case)
        ]
        try:
            prepared = suite.prepare(case, suite.spec.seeds[0])
            validate(prepared.scenario if isinstance(prepared, Replay) else prepared)
        except InputError as error:
            found += error.problems
        if parameters := suite.parameters(case):
            try:
                check_policies(list(dict.fromkeys(names)), parameters)
            except InputError as error:
                found += error.problems
        at = suite.where + (f", case {case.name}" if suite.spec.cases else "")
        problems += [replace(problem, path=f"{at}: {problem.path}") for problem in found]
    return problems


def _entrants(
    policies: Policies | None,
    files: Sequence[str | Path],
    problems: list[Problem],
) -> tuple[list[Entrant], list[Entrant]]:
    """Return the policies given by name, and those that join whatever others there are."""
    named: list[Entrant] = []
    joining: list[Entrant] = []
    if isinstance(policies, str):
        policies = [policies]
    pairs: list[tuple[str | None, Any]] = (
        list(policies.items()) if isinstance(policies, Mapping)
        else [(None, policy) for policy in policies or []]
    )  # fmt: skip
    for label, policy in pairs:
        if isinstance(policy, str):
            named.append(Entrant(label or policy, policy))
            continue
        made = policy() if isinstance(policy, type) else policy
        if isinstance(made, Policy):
            joining.append(Entrant(label or type(made).__name__, made))
        else:
            shown = type(made).__name__
            problems.append(Problem("policies", shown, "has no methods reset and plan"))
    for path in files:
        try:
            # What the file prints must not mix with figures.
            with contextlib.redirect_stdout(sys.stderr):
                joining += [Entrant(name, one) for name, one in policy_classes(path).items()]
        except InputError as error:
            problems += error.problems
    return named, joining


def _named(own: Sequence[Entrant], joining: Sequence[Entrant], where: str) -> list[Problem]:
    """Return what is wrong with the names of policies."""
    known = [name for name in policy_names() if name not in NOT_COMPARED]
    problems = [
        Problem(where, one.source, "follows a record and decides nothing to compare"
                if one.source in NOT_COMPARED else "names no policy",
                ", ".join(known), nearest(one.source, known))
        for one in own
        if isinstance(one.source, str) and one.source not in known
    ]  # fmt: skip
    names = [one.name for one in (*own, *joining)]
    problems += [
        Problem(where, name, "is the name of two policies", "a mapping of names to policies")
        for name in sorted({name for name in names if names.count(name) > 1})
    ]
    return problems
