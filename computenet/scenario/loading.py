"""From a name, a file or a mapping to a scenario, with every problem reported at once."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from computenet.errors import InputError, Problem, nearest
from computenet.scenario.catalogue import (
    layout_files,
    planning_files,
    scenario_files,
    topology_files,
    workload_files,
)
from computenet.scenario.layouts import is_layout, resolve_layout
from computenet.scenario.problems import spec_problems
from computenet.scenario.references import reference_problems
from computenet.scenario.scenario import PolicySpec, Scenario
from computenet.scenario.yaml_text import read_yaml
from computenet.validation import find_item, item_key

__all__ = ["dump_scenario", "load_scenario"]

TITLE = "scenario cannot be used"
DEFAULT_POLICY = PolicySpec().name


def load_scenario(
    source: str | Path | Mapping[str, Any], overrides: Mapping[str, object] | None = None
) -> Scenario:
    """Return a scenario.

    Parameters
    ----------
    source
        A built-in name, the path of a YAML file, or a mapping. ``topology``, ``workload`` and
        ``planning`` in it may be built-in names or paths relative to the file; the topology may be
        a layout (a mapping or file with ``extends``). A topology alone (a file with ``sites``) is
        run with the workload ``national-week``. A layout alone is run as the built-in scenario of
        the topology it comes from, if that is built in, and like a topology alone otherwise.
    overrides
        Values by dotted path; items of lists are named by their id, name, accelerator or year, or
        by their index, e.g. ``topology.sites.zhongwei.pue``; what holds other fields is set before
        them. ``policy`` may be a name alone: its parameters are those given here and, if it is the
        scenario's own, the scenario's. A ``topology`` or ``workload`` given here may be a path
        relative to the working directory.

    Raises
    ------
    InputError
        With every problem found.
    """
    raw, folder, told = _raw(source)
    changes = dict(overrides or {})
    parts = ("topology", "workload", "planning")
    folders = {part: [folder] for part in parts}
    for part in parts:
        if part in changes:
            raw[part] = changes.pop(part)
            folders[part] = [Path(), folder]
    problems: list[Problem] = []
    absent: list[str] = []
    for part, files in (
        ("topology", {**layout_files(), **topology_files()}),
        ("workload", workload_files()),
        ("planning", planning_files()),
    ):
        if part in raw:
            before = len(problems)
            raw[part] = _resolve(part, raw[part], files, folders[part], problems, told)
            if len(problems) > before:
                absent.append(part)
    if isinstance(raw.get("policy"), str):
        raw["policy"] = {"name": raw["policy"]}
    # What holds other fields comes before them, whatever the order in which they were given.
    for path, value in sorted(changes.items(), key=lambda change: change[0].count(".")):
        if path == "policy" and isinstance(value, str):
            _name_policy(raw, value)
        elif path.partition(".")[0] not in absent:
            _override(raw, path, value, problems)
    return _validated(raw, [*told, *problems], absent)


def _validated(raw: dict[str, Any], told: list[Problem], absent: list[str]) -> Scenario:
    """Return the scenario unless it has problems, or some have been found before.

    Parameters
    ----------
    absent
        Parts that could not be read, of which nothing more is said.
    """
    scenario: Scenario | None = None
    problems: list[Problem] = list(told)
    try:
        scenario = Scenario.model_validate(raw)
    except ValidationError as error:
        problems += [
            one for one in spec_problems(error, raw) if one.path.partition(".")[0] not in absent
        ]
    if not absent:
        # Numbers may have been given as texts: once they are read, they are held to the rules.
        given = raw if scenario is None else scenario.model_dump(mode="json", exclude_unset=True)
        problems += reference_problems(given)
    if problems or scenario is None:
        raise InputError(problems, TITLE)
    return scenario


def _raw(source: str | Path | Mapping[str, Any]) -> tuple[dict[str, Any], Path, list[Problem]]:
    """Return a raw scenario, the folder its paths are relative to, and problems of its layout."""
    if isinstance(source, Mapping):
        return _whole(copy.deepcopy(dict(source)), "scenario", Path())
    if not isinstance(source, (str, Path)):
        raise InputError(
            [Problem("scenario", source, "has the wrong form", "a name, a file or a mapping")],
            TITLE,
        )
    files = {**layout_files(), **scenario_files()}
    path = _file(source, "scenario", files, [Path()])
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise InputError([Problem(str(path), None, "holds no mapping of fields")], TITLE)
    # What comes through a pipe stands nowhere: its paths are those of the one who sends it.
    return _whole(content, str(path), path.parent if os.path.isfile(path) else Path())


def _whole(
    content: dict[str, Any], where: str, folder: Path
) -> tuple[dict[str, Any], Path, list[Problem]]:
    wrong = [key for key in content if not isinstance(key, str)]
    if wrong:
        raise InputError([Problem(where, key, "is not a field name") for key in wrong], TITLE)
    if is_layout(content):
        return _of_layout(content, where, folder)
    if "sites" in content and "topology" not in content:
        return _of_topology(content), folder, []
    return content, folder, []


def _of_topology(topology: dict[str, Any]) -> dict[str, Any]:
    name = topology.get("id", "topology")
    return {
        "name": name,
        "title": topology.get("title", {"en": str(name), "zh": str(name)}),
        "topology": topology,
        "workload": "national-week",
    }


def _of_layout(
    layout: dict[str, Any], where: str, folder: Path
) -> tuple[dict[str, Any], Path, list[Problem]]:
    """Return the scenario of a layout alone."""
    found = resolve_layout(layout, folder, None if where == "scenario" else where)
    if found.topology is None:
        raise InputError(found.problems, TITLE)
    alone = _of_topology(found.topology)
    if found.root not in scenario_files():
        return alone, folder, found.problems
    path = scenario_files()[found.root]
    own = {key: alone[key] for key in ("name", "title", "topology")}
    return {**read_yaml(path), **own}, path.parent, found.problems


def _file(source: str | Path, kind: str, files: Mapping[str, Path], folders: list[Path]) -> Path:
    text = str(source)
    if text in files:
        return files[text]
    paths = [folder / source for folder in folders]
    for path in paths:
        # Unlike those of paths, these checks hold for names that no file can have, too.
        if os.path.isfile(path):
            return path
        if text and os.path.exists(path) and (path.is_fifo() or path.is_char_device()):
            return path
    like = nearest(text, files)
    is_folder = any(os.path.isdir(path) for path in paths)
    message = "is a directory, not a file" if is_folder else "is neither built in nor a file"
    message = message if text.strip() else "is empty"
    raise InputError(
        [Problem(kind, text, message, allowed=f"{', '.join(files)}, or a file", suggestion=like)],
        f"{kind} not found",
    )


def _resolve(
    part: str,
    value: Any,
    files: Mapping[str, Path],
    folders: list[Path],
    problems: list[Problem],
    told: list[Problem],
) -> Any:
    """Return a topology or workload in full; `told` takes the problems of layouts."""
    folder, where = folders[0], None
    if isinstance(value, str | Path):
        try:
            path = _file(value, part, files, folders)
            value = read_yaml(path)
        except InputError as error:
            problems.extend(error.problems)
            return value
        folder, where = path.parent, str(path)
    if part == "topology" and is_layout(value):
        found = resolve_layout(value, folder, where)
        if found.topology is None:
            problems.extend(found.problems)
            return value
        told.extend(found.problems)
        return found.topology
    return value


def _name_policy(raw: dict[str, Any], name: str) -> None:
    """Name the policy; it keeps its parameters if it is the scenario's own."""
    own = raw.get("policy")
    if not isinstance(own, dict) or own.get("name", DEFAULT_POLICY) != name:
        raw["policy"] = {"name": name}


def _override(raw: dict[str, Any], path: str, value: object, problems: list[Problem]) -> None:
    """Set a field, or all those that a path with ``*`` and ``?`` names.

    A missing mapping on the way is made, a missing item is a problem.
    """
    _set(raw, path.split("."), 0, value, problems)


def _set(here: Any, parts: list[str], at: int, value: object, problems: list[Problem]) -> None:
    part, last = parts[at], at == len(parts) - 1
    done = ".".join(parts[: at + 1])
    keys: list[Any]
    if isinstance(here, list):
        names = [item_key(item) or str(number) for number, item in enumerate(here)]
        found = find_item(here, part)
        if isinstance(found, int):
            keys = [found]
        else:
            keys = [number for number, name in enumerate(names) if _fits(name, part)]
            if not keys:
                allowed = ", ".join(found) if found else f"0 to {len(here) - 1}"
                problems.append(Problem(done, None, "names no item", allowed, nearest(part, found)))
    elif isinstance(here, dict):
        keys = [part]
        if part not in here and ("*" in part or "?" in part):
            keys = [key for key in here if key != "provenance" and _fits(str(key), part)]
            if not keys:
                problems.append(Problem(done, None, "names no field there", ", ".join(here)))
        elif not last:
            here.setdefault(part, {})
    else:
        problems.append(Problem(done, None, "has no fields of its own"))
        return
    for key in keys:
        if last:
            here[key] = copy.deepcopy(value)
        else:
            _set(here[key], parts, at + 1, value, problems)


def _fits(name: str, part: str) -> bool:
    return ("*" in part or "?" in part) and fnmatchcase(name, part)


def dump_scenario(scenario: Scenario) -> str:
    """Return a scenario as YAML, enough to run it again bit for bit."""
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text: str = yaml.dump(
        scenario.model_dump(mode="json", exclude_none=True),
        Dumper=dumper,
        allow_unicode=True,
        sort_keys=False,
        width=100,
    )
    return text
