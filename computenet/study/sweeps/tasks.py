"""One run of a study: from a point to its row, the same wherever it is run."""

from __future__ import annotations

import contextlib
import sys
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, ValidationError

from computenet.errors import ComputenetError
from computenet.policies import make_policy
from computenet.scenario import Scenario, load_scenario
from computenet.scenario.references import reference_problems
from computenet.study.sweeps.fields import Move, changed

__all__ = ["Record", "Task", "Work", "figures_of", "run_task", "scenario_of", "simulated"]

Figures = dict[str, float | None]


@dataclass(frozen=True, slots=True)
class Task:
    """A run: its row, the base it starts from, the value of every move, and the seed."""

    run: int
    base: int
    values: tuple[Any, ...]
    seed: int


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """What every worker needs of a study, sent once.

    Attributes
    ----------
    key
        Hash of all that decides on results.
    bases
        Fields of the scenarios that runs start from.
    moves
        Of every base, the moves that tasks have values for.
    files
        SHA-256 of every file that is read, by its name; empty for one that is no file here.
    """

    key: str
    bases: tuple[dict[str, Any], ...]
    moves: tuple[tuple[Move, ...], ...]
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Record:
    """What is kept of a run.

    Attributes
    ----------
    run
        Its row.
    status
        ``done``; ``failed``, which the same run always would; or ``lost`` with its worker, which
        is tried again when the study is resumed.
    error
        Why it is not done.
    wall_s
        Wall time from the point to the row.
    figures
        Numbers of the summary by dotted path.
    """

    run: int
    status: str
    error: str | None
    wall_s: float
    figures: Figures = field(default_factory=dict)


def run_task(work: Work, task: Task) -> Record:
    """Run a task on one core; whatever a run raises is in its record, but `MemoryError`."""
    begin = time.perf_counter()
    figures: Figures = {}
    error: str | None = None
    try:
        with contextlib.redirect_stdout(sys.stderr):
            figures = simulated(scenario_of(work, task))
    except MemoryError:
        raise
    except ComputenetError as problem:
        error = str(problem)
    except Exception as problem:
        frame = traceback.extract_tb(problem.__traceback__)[-1]
        place = f"{frame.filename.rsplit('/', 1)[-1]}: line {frame.lineno}"
        error = f"{type(problem).__name__}: {problem} ({place})"
    wall_s = time.perf_counter() - begin
    return Record(task.run, "done" if error is None else "failed", error, wall_s, figures)


def scenario_of(work: Work, task: Task) -> Scenario:
    """Return the scenario of a task.

    Records that no move touches are those of the base, checked once; everything else is checked
    as if it had been read from a file.

    Raises
    ------
    InputError
        With every problem found.
    """
    base = work.bases[task.base]
    raw = changed(base, work.moves[task.base], task.values)
    raw["seed"] = task.seed
    # Numbers given as texts are held to the rules between records only once they are read.
    if not _number_as_text(task.values) and not reference_problems(raw):
        with contextlib.suppress(ValidationError):
            return Scenario.model_validate(_mixed(_model(work, task.base), base, raw))
    return load_scenario(raw)


def _number_as_text(value: Any) -> bool:
    """Return whether a value is a text that reads as a number, or holds one."""
    if isinstance(value, Mapping):
        return any(map(_number_as_text, value.values()))
    if isinstance(value, (list, tuple)):
        return any(map(_number_as_text, value))
    if not isinstance(value, str):
        return False
    try:
        float(value)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=8)
def _model(work: Work, base: int) -> Scenario:
    return load_scenario(work.bases[base])


def _mixed(model: Any, old: Any, new: Any) -> Any:
    """Return `new` with the checked record in place of every part that is the base's own."""
    if new is old:
        return model
    if isinstance(new, dict) and isinstance(old, dict) and isinstance(model, BaseModel):
        return {
            key: _mixed(getattr(model, key), old[key], value)
            if key in old and hasattr(model, key)
            else value
            for key, value in new.items()
        }
    lists = isinstance(new, list) and isinstance(old, list) and isinstance(model, list)
    if lists and len(new) == len(old) == len(model):
        return [_mixed(m, o, n) for m, o, n in zip(model, old, new, strict=True)]
    return new


def simulated(scenario: Scenario) -> Figures:
    """Return the figures of a run, which keeps to one core: others are for other runs."""
    from computenet.simulation import run_scenario

    policy = make_policy(scenario.policy.name, dict(scenario.policy.parameters))
    return figures_of(run_scenario(scenario, policy, one_core=True).summary)


def figures_of(summary: Mapping[str, Any]) -> Figures:
    """Return the numbers of a summary by dotted path; items of lists go by what they are of."""
    out: Figures = {}
    _flatten("", summary, out)
    return out


def _flatten(path: str, value: Any, out: Figures) -> None:
    if isinstance(value, Mapping):
        for key, item in value.items():
            _flatten(f"{path}.{key}" if path else str(key), item, out)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            _flatten(f"{path}.{_name(item, number)}", item, out)
    elif value is None or isinstance(value, (bool, int, float)):
        out[path] = None if value is None else float(value)


def _name(item: Any, number: int) -> str:
    if isinstance(item, Mapping):
        parts = [item[key] for key in ("id", "name", "site", "target") if key in item]
        if parts and all(isinstance(part, str) for part in parts):
            return ".".join(parts)
    return str(number)
