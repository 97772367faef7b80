"""Types in the words of a user: what a field takes."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import AwareDatetime, BaseModel
from pydantic.fields import FieldInfo

__all__ = ["LIMITS", "choices_of", "in_words", "listed", "number"]

#: Bound of whole numbers of 64 bits, of which nobody needs to be told.
_LARGEST = 2**63
#: What is allowed, by pydantic's name of the error.
LIMITS = {
    "greater_than": "greater than {}",
    "greater_than_equal": "at least {}",
    "less_than": "less than {}",
    "less_than_equal": "at most {}",
}
_WORDS: dict[Any, str] = {
    bool: "yes or no",
    int: "a whole number",
    float: "a number",
    str: "a text",
    type(None): "null",
    date: "a date such as 2025-07-07",
    datetime: "a date and time such as 2025-07-07T00:00:00",
    AwareDatetime: "a date and time with its timezone such as 2025-07-07T00:00:00+08:00",
}


def listed(count: int, what: str) -> str:
    """Return ``1 item``, ``2 items``."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def choices_of(kind: Any) -> list[str]:
    """Return the words that a type names one by one, those of its branches together."""
    origin = get_origin(kind)
    if origin is Annotated:
        return choices_of(get_args(kind)[0])
    if origin is Literal:
        return [str(one) for one in get_args(kind)]
    if origin in (Union, types.UnionType):
        return [word for one in get_args(kind) for word in choices_of(one)]
    return ["yes", "no", "true", "false"] if kind is bool else []


def in_words(kind: Any) -> str:
    """Return what a type takes: ``max-min, proportional, or a number above 0``."""
    return _in_words(kind, [])


def _in_words(kind: Any, conditions: list[Any]) -> str:
    origin = get_origin(kind)
    if origin is Annotated:
        inner, *more = get_args(kind)
        return _in_words(inner, [*more, *conditions])
    if origin is Literal:
        return ", ".join(str(one) for one in get_args(kind))
    if origin in (Union, types.UnionType):
        return _any_of([one for one in get_args(kind) if one is not type(None)])
    if kind in _WORDS:
        return _WORDS[kind] + _range(conditions)
    parts = get_args(kind)
    if origin in (list, tuple, Sequence):
        return f"a list, each item {in_words(parts[0])}" if parts else "a list"
    if origin in (dict, Mapping):
        return (
            f"a mapping of {in_words(parts[0])} to {in_words(parts[1])}" if parts else "a mapping"
        )
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        fields = [name for name in kind.model_fields if name != "provenance"]
        return f"a mapping with the fields {', '.join(fields)}" if fields else "a mapping"
    return {list: "a list", dict: "a mapping"}.get(kind, "another value")


def _any_of(kinds: list[Any]) -> str:
    """Return the words of branches; a number that is not whole stands for whole ones as well."""
    words = list(dict.fromkeys(in_words(kind) for kind in kinds))
    if _WORDS[float] in words and _WORDS[int] in words:
        words.remove(_WORDS[int])
    if len(words) < 2:
        return "".join(words)
    if len(words) == 2 and ", " not in words[0]:
        return " or ".join(words)
    return f"{', '.join(words[:-1])}, or {words[-1]}"


def number(value: Any) -> str:
    """Return a bound as text: ``1`` for 1.0, the day of a time."""
    if isinstance(value, datetime):
        return value.date().isoformat()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _range(conditions: list[Any]) -> str:
    """Return the bounds of a number: `` from 0 to 1``, `` above 0``."""
    flat: list[Any] = []
    for one in conditions:
        flat += one.metadata if isinstance(one, FieldInfo) else [one]
    low = high = ""
    both = ["", ""]
    for one in flat:
        match one:
            case annotated_types.Ge(ge=value):
                low, both[0] = f"of at least {number(value)}", f"from {number(value)}"
            case annotated_types.Gt(gt=value):
                low = both[0] = f"above {number(value)}"
            case annotated_types.Le(le=value):
                high, both[1] = f"of at most {number(value)}", f"to {number(value)}"
            case annotated_types.Lt(lt=value) if value != _LARGEST:
                high = both[1] = f"below {number(value)}"
            case _:
                pass
    if low and high:
        joiner = " " if both[0].startswith("from") and both[1].startswith("to") else " and "
        upper = both[1] if joiner == " " else both[1].replace("to ", "at most ")
        return f" {both[0]}{joiner}{upper}"
    return f" {low or high}" if low or high else ""
