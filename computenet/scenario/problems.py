"""Pydantic's errors in the words of a user: dotted paths by id, what is allowed, spelling."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from computenet.errors import Problem, nearest
from computenet.scenario.scenario import Scenario

__all__ = ["dotted_path", "spec_problems"]

#: What a value off scale probably means, by field.
_HINTS: dict[str, str] = {
    "pue": "PUE is facility energy over IT energy and never below 1 (1.25, not 0.8 or 125)",
    "pue_max": "PUE is facility energy over IT energy and never below 1 (1.25, not 0.8 or 125)",
    "green_contract_share": "a share between 0 and 1, not per cent",
    "green_share_min": "a share between 0 and 1, not per cent",
    "serving_share": "a share between 0 and 1, not per cent",
}


def dotted_path(loc: tuple[int | str, ...], raw: Any) -> str:
    """Return a location as a dotted path; items of lists are named by their id or name."""
    parts: list[str] = []
    here = raw
    for part in loc:
        if isinstance(part, int) and isinstance(here, list) and part < len(here):
            here = here[part]
            name = None
            if isinstance(here, dict):
                name = next((here[k] for k in ("id", "name") if isinstance(here.get(k), str)), None)
            parts.append(str(name) if name else str(part))
        elif isinstance(here, dict) and part in here:
            here = here[part]
            parts.append(str(part))
        elif isinstance(here, dict) and part == here.get("kind"):
            continue  # the tag of a union is not a field
        elif part != "[key]":
            parts.append(str(part))
    return ".".join(parts)


def _models(annotation: Any, tag: object = None) -> list[type[BaseModel]]:
    """Return the models a type can hold."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _models(get_args(annotation)[0], tag)
    if origin in (Union, types.UnionType, list):
        return [model for part in get_args(annotation) for model in _models(part, tag)]
    if origin is dict:
        return _models(get_args(annotation)[1], tag)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return []


def _fields_at(loc: tuple[int | str, ...], root: type[BaseModel]) -> list[str]:
    """Return the names of the fields of the record at `loc` below `root`."""
    models = [root]
    for part in loc:
        following: list[type[BaseModel]] = []
        for model in models:
            if isinstance(part, str) and part in model.model_fields:
                following += _models(model.model_fields[part].annotation)
            elif isinstance(part, str) and _tag(model) == part:
                following = [model]
                break
        if following:
            models = following
    return sorted({name for model in models for name in model.model_fields})


def _tag(model: type[BaseModel]) -> object:
    kind = model.model_fields.get("kind")
    if kind is None or get_origin(kind.annotation) is not Literal:
        return None
    return get_args(kind.annotation)[0]


def spec_problems(
    error: ValidationError, raw: Mapping[str, Any], root: type[BaseModel] = Scenario
) -> list[Problem]:
    """Return a problem for every error in what should have been a `root`."""
    return [_one(item, raw, root) for item in error.errors(include_url=False)]


_LIMITS = {
    "greater_than": ("gt", "greater than {}"),
    "greater_than_equal": ("ge", "at least {}"),
    "less_than": ("lt", "less than {}"),
    "less_than_equal": ("le", "at most {}"),
}


def _one(item: Any, raw: Mapping[str, Any], root: type[BaseModel]) -> Problem:
    loc, kind, context = item["loc"], item["type"], item.get("ctx", {})
    path = dotted_path(loc, raw)
    value = item["input"]
    shown = None if isinstance(value, (dict, list)) else value
    field = str(loc[-1]) if loc else ""
    if kind == "extra_forbidden":
        fields = _fields_at(loc[:-1], root)
        return Problem(
            path, shown, "is not a known field", ", ".join(fields), nearest(field, fields)
        )
    if kind == "missing":
        return Problem(path, None, "is missing")
    if kind in _LIMITS:
        key, words = _LIMITS[kind]
        allowed = words.format(context[key])
        if field in _HINTS:
            allowed += f"; {_HINTS[field]}"
        return Problem(path, shown, "is out of range", allowed)
    if kind in ("literal_error", "union_tag_invalid"):
        allowed = str(context.get("expected") or context.get("expected_tags", ""))
        words_allowed = [word.strip(" '") for word in allowed.replace(" or ", ", ").split(",")]
        if kind == "union_tag_invalid":
            shown = context.get("tag")
            path += ".kind"
        return Problem(
            path, shown, "is not one of the choices", allowed, nearest(str(shown), words_allowed)
        )
    message = str(item["msg"])
    message = message.removeprefix("Value error, ").removeprefix("Input should be ")
    if kind == "value_error":
        return Problem(path, shown, message)
    return Problem(path, shown, "has the wrong form", message)
