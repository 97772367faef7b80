"""Fields of a study by dotted path, set before it is checked."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from computenet.errors import Problem

__all__ = ["listed_axes", "override"]

#: Fields of an axis that say what it takes, of which it has one.
WAYS = ("values", "distribution", "factor", "offset")
#: Fields of a study whose keys are dotted paths themselves.
DOTTED = ("overrides", "reference")


def listed_axes(raw: Mapping[str, Any]) -> list[Any]:
    """Return axes that are given by path or name as a list of their fields."""
    axes = []
    for key, one in raw.items():
        axis = {"values": one} if isinstance(one, list) else one
        if isinstance(axis, Mapping):
            named = "path" in axis or "paths" in axis
            axis = {**axis, "name": key} if named else {**axis, "path": key}
        axes.append(axis)
    return axes


def override(
    raw: dict[str, Any], overrides: Mapping[str, object], fields: Collection[str]
) -> list[Problem]:
    """Set fields of a study as it was read, and return what cannot be set.

    ``axes.NAME`` is the axis of that name, path or number; one that is not there is added.

    Parameters
    ----------
    fields
        Names of the fields of an axis.
    """
    problems = []
    for path, value in overrides.items():
        first, _, rest = path.partition(".")
        if first == "scenario" and rest:
            words = "is a field of the scenario, which the study changes by its overrides"
            problems.append(Problem(path, value, words, None, f"overrides.{rest}"))
        elif first in DOTTED and rest:
            raw[first] = {**(raw.get(first) or {}), rest: value}
        elif first == "axes" and rest:
            problems += _set_axis(raw, rest, value, fields)
        else:
            _set(raw, path.split("."), value)
    return problems


def _set(here: dict[str, Any], parts: list[str], value: object) -> None:
    for part in parts[:-1]:
        below = here.get(part)
        if part == "design" and isinstance(below, str):
            below = {"method": below}
        here[part] = dict(below) if isinstance(below, Mapping) else {}
        here = here[part]
    here[parts[-1]] = value


def _set_axis(
    raw: dict[str, Any], path: str, value: object, fields: Collection[str]
) -> list[Problem]:
    axes = raw.get("axes") or []
    axes = listed_axes(axes) if isinstance(axes, Mapping) else axes
    if not isinstance(axes, list):
        return []  # Told of when the study is checked.
    raw["axes"] = axes = [dict(axis) if isinstance(axis, Mapping) else axis for axis in axes]
    number, rest = _axis_of(axes, path, fields)
    if number is None:
        axes += listed_axes({path: value})
    elif rest:
        parts = rest.split(".")
        _drop(axes[number], {parts[0]})
        _set(axes[number], parts, value)
    elif isinstance(value, list):
        way = next((way for way in ("factor", "offset") if way in axes[number]), "values")
        _drop(axes[number], {way})
        axes[number][way] = value
    elif isinstance(value, Mapping):
        _drop(axes[number], value.keys())
        axes[number].update(value)
    else:
        return [Problem(f"axes.{path}", value, "is no axis", "a list of values, or its fields")]
    return []


def _axis_of(axes: list[Any], path: str, fields: Collection[str]) -> tuple[int | None, str]:
    """Return the number of the axis that a path begins with, and the field of it that follows."""
    found: tuple[int | None, str] = (None, "")
    longest = 0
    for number, axis in enumerate(axes):
        if not isinstance(axis, Mapping):
            continue
        paths = axis.get("paths", axis.get("path"))
        paths = paths if isinstance(paths, list) else [paths]
        for name in (axis.get("name"), *paths, str(number)):
            if not isinstance(name, str) or len(name) <= longest:
                continue
            rest = path[len(name) + 1 :]
            if path == name or (path.startswith(f"{name}.") and rest.split(".")[0] in fields):
                found, longest = (number, rest), len(name)
    return found


def _drop(axis: dict[str, Any], given: Collection[str]) -> None:
    """Remove what another field is given in place of."""
    for same in (WAYS, ("path", "paths")):
        if any(field in same for field in given):
            for field in same:
                if field not in given:
                    axis.pop(field, None)
