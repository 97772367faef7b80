"""From a name, a file or a mapping to a scenario, with every problem reported at once."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from computenet.errors import InputError, Problem, nearest
from computenet.scenario.catalogue import (
    planning_files,
    scenario_files,
    topology_files,
    workload_files,
)
from computenet.scenario.problems import spec_problems
from computenet.scenario.references import reference_problems
from computenet.scenario.scenario import Scenario
from computenet.scenario.yaml_text import read_yaml

__all__ = ["dump_scenario", "load_scenario"]

TITLE = "scenario cannot be used"


def load_scenario(
    source: str | Path | Mapping[str, Any], overrides: Mapping[str, object] | None = None
) -> Scenario:
    """Return a scenario.

    Parameters
    ----------
    source
        A built-in name, the path of a YAML file, or a mapping. ``topology``, ``workload`` and
        ``planning`` in it may be built-in names or paths relative to the file. A topology alone
        (a file with ``sites``) is run with the workload ``national-week``.
    overrides
        Values by dotted path; items of lists are named by their id, e.g.
        ``topology.sites.zhongwei.pue``. ``policy`` may be a name alone.

    Raises
    ------
    InputError
        With every problem found.
    """
    raw, folder = _raw(source)
    changes = dict(overrides or {})
    for part in ("topology", "workload", "planning"):
        if part in changes:
            raw[part] = changes.pop(part)
    problems: list[Problem] = []
    for part, files in (
        ("topology", topology_files()),
        ("workload", workload_files()),
        ("planning", planning_files()),
    ):
        if part in raw:
            raw[part] = _resolve(part, raw[part], files, folder, problems)
    for path, value in changes.items():
        _override(raw, path, value, problems)
    if isinstance(raw.get("policy"), str):
        raw["policy"] = {"name": raw["policy"]}
    if problems:
        raise InputError(problems, TITLE)
    return _validated(raw)


def _validated(raw: dict[str, Any]) -> Scenario:
    scenario: Scenario | None = None
    problems: list[Problem] = []
    try:
        scenario = Scenario.model_validate(raw)
    except ValidationError as error:
        problems = spec_problems(error, raw)
    problems += reference_problems(raw)
    if problems or scenario is None:
        raise InputError(problems, TITLE)
    return scenario


def _raw(source: str | Path | Mapping[str, Any]) -> tuple[dict[str, Any], Path]:
    if isinstance(source, Mapping):
        return _whole(copy.deepcopy(dict(source)), "scenario"), Path()
    path = _file(source, "scenario", scenario_files(), Path())
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise InputError([Problem(str(path), None, "holds no mapping of fields")], TITLE)
    return _whole(content, str(path)), path.parent


def _whole(content: dict[str, Any], where: str) -> dict[str, Any]:
    wrong = [key for key in content if not isinstance(key, str)]
    if wrong:
        raise InputError([Problem(where, key, "is not a field name") for key in wrong], TITLE)
    if "sites" in content and "topology" not in content:
        name = content.get("id", "topology")
        return {
            "name": name,
            "title": content.get("title", {"en": str(name), "zh": str(name)}),
            "topology": content,
            "workload": "national-week",
        }
    return content


def _file(source: str | Path, kind: str, files: Mapping[str, Path], folder: Path) -> Path:
    text = str(source)
    if text in files:
        return files[text]
    path = folder / source
    if path.is_file():
        return path
    like = nearest(text, files)
    message = "is a directory, not a file" if path.is_dir() else "is neither built in nor a file"
    raise InputError(
        [Problem(kind, text, message, allowed=f"{', '.join(files)}, or a file", suggestion=like)],
        f"{kind} not found",
    )


def _resolve(
    part: str, value: Any, files: Mapping[str, Path], folder: Path, problems: list[Problem]
) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return read_yaml(_file(value, part, files, folder))
    except InputError as error:
        problems.extend(error.problems)
        return value


def _key(item: Any) -> str | None:
    if isinstance(item, dict):
        for field in ("id", "name"):
            if isinstance(item.get(field), str):
                return str(item[field])
    return None


def _override(raw: dict[str, Any], path: str, value: object, problems: list[Problem]) -> None:
    """Set one field; a missing mapping on the way is made, a missing item is a problem."""
    here: Any = raw
    parts = path.split(".")
    for index, part in enumerate(parts):
        last = index == len(parts) - 1
        done = ".".join(parts[: index + 1])
        if isinstance(here, list):
            keys = [_key(item) for item in here]
            if part in keys:
                at = keys.index(part)
            elif part.isdigit() and int(part) < len(here):
                at = int(part)
            else:
                named = [key for key in keys if key]
                allowed = ", ".join(named) if named else f"0 to {len(here) - 1}"
                problems.append(Problem(done, None, "names no item", allowed, nearest(part, named)))
                return
            if last:
                here[at] = value
            here = here[at]
        elif isinstance(here, dict):
            if last:
                here[part] = value
                return
            if part == "policy" and isinstance(here.get(part), str):
                here[part] = {"name": here[part]}
            if part not in here:
                here[part] = {}
            here = here[part]
        else:
            problems.append(Problem(done, None, "has no fields of its own"))
            return


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
