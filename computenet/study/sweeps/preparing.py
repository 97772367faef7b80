"""A study made ready: bases loaded, axes resolved, points drawn; all problems found at once."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import computenet
from computenet.errors import InputError, Problem, nearest
from computenet.policies import make_policy
from computenet.scenario import Scenario
from computenet.study.runs import load
from computenet.study.sweeps.design import MOST_RUNS, number_of_points, points
from computenet.study.sweeps.fields import Move, Place, find, total, value_at
from computenet.study.sweeps.inputs import Inputs, absolute, file_places, renamed, renamed_values
from computenet.study.sweeps.spec import TITLE, AxisSpec, Study
from computenet.study.sweeps.tasks import Task, Work, scenario_of

__all__ = ["Prepared", "prepare"]

#: Axes of these paths alone change what other axes find in the scenario.
WHOLE = ("topology", "workload")
#: Most values of an axis that are tried before anything runs.
MOST_TRIED = 64


@dataclass(frozen=True, slots=True)
class Prepared:
    """A study that can run: every field has been found, every end of an axis tried.

    Attributes
    ----------
    points
        Value of every axis at every point.
    seeds
        Of the runs of every point: the same at all, so that differences between points are not
        those of their demand.
    work
        What workers are sent.
    tasks
        The runs in order, point by point.
    """

    study: Study
    points: list[tuple[Any, ...]]
    seeds: tuple[int, ...]
    work: Work
    tasks: list[Task]


def prepare(study: Study) -> Prepared:
    """Make a study ready to run.

    Raises
    ------
    InputError
        With every problem found, of all axes.
    """
    spec = study.spec
    whole = [number for number, axis in enumerate(spec.axes) if axis.paths in _WHOLE]
    bases = _bases(study, whole)
    problems: list[Problem] = []
    # Records that are set whole come before fields of theirs.
    moved = sorted(
        (number for number in range(len(spec.axes)) if number not in whole),
        key=lambda number: min(path.count(".") for path in spec.axes[number].paths),
    )
    moves = [
        tuple(_move(spec.axes[number], raw, problems) for number in moved)
        for raw in bases.values()
    ]  # fmt: skip
    for found in moves:
        problems += _clashes([spec.axes[number] for number in moved], found)
    problems += _reference(study)
    seeds = tuple(spec.seeds or [next(iter(bases.values()))["seed"]])
    runs = number_of_points(spec.design, spec.axes) * len(seeds)
    if runs > MOST_RUNS:
        problems.append(Problem("design", f"{runs:,} runs", "are too many", f"{MOST_RUNS:,}"))
    if problems:
        raise InputError(list(dict.fromkeys(problems)), TITLE)
    number_of = {key: number for number, key in enumerate(bases)}
    work = Work("", tuple(bases.values()), tuple(moves))
    files = [file_places(of_base) for of_base in moves]

    def task(run: int, point: tuple[Any, ...], seed: int) -> Task:
        base = number_of[_key(point[number] for number in whole)]
        values = tuple(point[number] for number in moved)
        return Task(run, base, renamed_values(files[base], values, absolute), seed)

    middle, ends = _tried(study)
    problems = _tries(work, task(0, middle, seeds[0]), "")
    alone = bool(problems)
    for number, where, point in ends:
        one, of = work, task(0, point, seeds[0])
        if alone and number in moved:  # The others would hide what is wrong with this one.
            at = moved.index(number)
            one = Work("", work.bases, tuple((of_base[at],) for of_base in moves))
            of = Task(0, of.base, (of.values[at],), of.seed)
        problems += _tries(one, of, where)
    if problems:
        raise InputError(_once(problems), TITLE)
    drawn = points(spec.design, spec.axes)
    tasks = [
        task(run, point, seed)
        for run, (point, seed) in enumerate(itertools.product(drawn, seeds))
    ]  # fmt: skip
    inputs = Inputs()
    key = _hash(work, tasks, files, inputs)
    work = Work(key, work.bases, work.moves, dict(inputs.hashes))
    return Prepared(study, drawn, seeds, work, tasks)


_WHOLE = [[path] for path in WHOLE]


def _key(values: Iterator[Any]) -> str:
    return json.dumps(list(values), sort_keys=True, default=str)


def _bases(study: Study, whole: list[int]) -> dict[str, dict[str, Any]]:
    """Return the fields of the scenario for every combination of axes that change all of it."""
    spec = study.spec
    out: dict[str, dict[str, Any]] = {}
    problems: list[Problem] = []
    levels = []
    for number in whole:
        axis = spec.axes[number]
        if axis.levels is None or axis.way != "set":
            problems.append(Problem(f"axes.{axis.name}", None, "needs names, files or mappings",
                                    "values: [NAME, …]"))  # fmt: skip
        levels.append(axis.levels or [])
    if problems:
        raise InputError(problems, TITLE)
    for values in itertools.product(*levels):
        changes = dict(spec.overrides)
        named = []
        for number, value in zip(whole, values, strict=True):
            axis = spec.axes[number]
            changes[axis.paths[0]] = _found(study, value)
            named.append(f"axes.{axis.name} = {value}: ")
        try:
            loaded = load(study.source, overrides=changes)
        except InputError as error:
            problems += [_at("".join(named), problem) for problem in error.problems]
            continue
        out[_key(iter(values))] = renamed(loaded.model_dump(mode="json"), absolute)
    if problems:
        raise InputError(_once(problems), TITLE)
    return out


def _found(study: Study, value: Any) -> Any:
    """Return a file beside the study's by its path; anything else as it is."""
    if isinstance(value, str) and os.path.isfile(study.folder / value):
        return str((study.folder / value).resolve())
    return value


def _move(axis: AxisSpec, raw: dict[str, Any], problems: list[Problem]) -> Move:
    """Return what an axis changes in a scenario, adding to the problems."""
    where = f"axes.{axis.name}: "
    places: list[Any] = []
    for path in axis.paths:
        found = find(raw, path, new=axis.way == "set")
        if isinstance(found, Problem):
            problems.append(_at(where, found))
            continue
        if axis.way != "set":
            problem = _not_numbers(raw, found, path)
            problems += [] if problem is None else [_at(where, problem)]
        if ("seed",) in found:
            problems.append(
                Problem(f"{where}{path}", None, "is that of every run", "seeds: [1, 2]")
            )
            continue
        places += found
    rest: list[Any] = []
    if axis.balance is not None:
        all_of = find(raw, axis.balance)
        if isinstance(all_of, Problem):
            problems.append(_at(f"{where}balance ", all_of))
        else:
            rest = [place for place in all_of if place not in places]
            problem = _not_numbers(raw, all_of, axis.balance)
            if axis.way == "set":
                problem = Problem(axis.balance, None, "is used with factor and offset only")
            elif not rest or len(rest) == len(all_of):
                problem = Problem(axis.balance, None, "names some fields that the axis moves and "
                                  "some that it does not")  # fmt: skip
            elif problem is None and not total(raw, rest):
                problem = Problem(axis.balance, None, "leaves only fields that are 0 or not set, "
                                  "which cannot be scaled")  # fmt: skip
            problems += [] if problem is None else [_at(f"{where}balance ", problem)]
    return Move(axis.way, tuple(dict.fromkeys(places)), tuple(rest))


def _not_numbers(raw: dict[str, Any], places: list[Any], path: str) -> Problem | None:
    values = [value_at(raw, place) for place in places]
    flat = [item for value in values for item in (value if isinstance(value, list) else [value])]
    set_ = [value for value in flat if value is not None]
    wrong = [v for v in set_ if isinstance(v, bool) or not isinstance(v, (int, float))]
    if wrong:
        shown = None if isinstance(wrong[0], (dict, list)) else wrong[0]
        return Problem(path, shown, "is no number, so it cannot be moved", "values: or other path")
    if not set_:
        return Problem(path, None, "is not set, so it cannot be moved", "values: or distribution:")
    return None


def _clashes(axes: list[AxisSpec], moves: tuple[Move, ...]) -> list[Problem]:
    """Return fields that one axis sets and another one changes too."""
    out = []
    for (first, a), (second, b) in itertools.combinations(zip(axes, moves, strict=True), 2):
        if "set" not in (a.way, b.way):
            continue
        for one, other in itertools.product(a.places, b.places):
            length = min(len(one), len(other))
            if one[:length] == other[:length] and "parameters" not in (*one, *other):
                words = f"is changed by {first.name} as well, and one of the two is lost"
                out.append(Problem(f"axes.{second.name}", None, words))
                break
    return out


def _reference(study: Study) -> list[Problem]:
    spec = study.spec
    if spec.reference is None:
        return []
    names = [axis.name for axis in spec.axes]
    if spec.design.method != "grid":
        return [Problem("reference", None, "is used with design: grid only")]
    out = [
        Problem(f"reference.{name}", None, "names no axis", ", ".join(names), nearest(name, names))
        for name in spec.reference
        if name not in names
    ]
    for axis in spec.axes:
        levels = axis.levels or []
        if axis.name not in spec.reference:
            out.append(Problem(f"reference.{axis.name}", None, "is missing"))
        elif spec.reference[axis.name] not in levels:
            out.append(Problem(f"reference.{axis.name}", spec.reference[axis.name],
                               "is no value of the axis", ", ".join(map(str, levels))))  # fmt: skip
    return out


def _tried(study: Study) -> tuple[tuple[Any, ...], list[tuple[int, str, tuple[Any, ...]]]]:
    """Return the middle of all axes, and every end of every axis with its number and name."""
    axes = study.spec.axes
    middle = [
        levels[0] if (levels := axis.levels) else axis.law.at(np.array([0.5]))[0] for axis in axes
    ]
    ends = []
    for number, axis in enumerate(axes):
        for end in axis.law.ends()[:MOST_TRIED]:
            if isinstance(end, float):
                shown = f" = {end:.6g}"
            else:
                shown = f" = {end}" if isinstance(end, (bool, int, str)) else ""
            point = (*middle[:number], end, *middle[number + 1 :])
            ends.append((number, f"axes.{axis.name}{shown}: ", point))
    return tuple(middle), ends


def _tries(work: Work, task: Task, where: str) -> list[Problem]:
    from computenet.compilation import compile_scenario

    try:
        scenario: Scenario = scenario_of(work, task)
        make_policy(scenario.policy.name, dict(scenario.policy.parameters))
        compile_scenario(scenario)
    except InputError as error:
        return [_at(where, problem) for problem in error.problems]
    return []


def _at(where: str, problem: Problem) -> Problem:
    return Problem(
        where + problem.path, problem.value, problem.message, problem.allowed, problem.suggestion
    )


def _once(problems: list[Problem]) -> list[Problem]:
    """Return problems without those that are the same but for the axis they were found by."""
    seen: dict[Any, Problem] = {}
    for problem in problems:
        key = (problem.path.split(": ")[-1], str(problem.value), problem.message)
        seen.setdefault(key, problem)
    return list(seen.values())


def _hash(work: Work, tasks: list[Task], files: list[dict[int, Place]], inputs: Inputs) -> str:
    """Return the hash of everything that decides on results, this program's version included.

    Of files it is what they hold, not where they are.
    """
    digest = hashlib.sha256(computenet.__version__.encode())
    content = {
        "bases": [renamed(base, inputs.content) for base in work.bases],
        "moves": [[(m.way, m.places, m.rest) for m in moves] for moves in work.moves],
        "tasks": [
            (t.run, t.base, renamed_values(files[t.base], t.values, inputs.content), t.seed)
            for t in tasks
        ],
    }
    digest.update(json.dumps(content, sort_keys=True, default=str).encode())
    return digest.hexdigest()
