"""Pydantic's errors in the words of a user.

One problem for every mistake, at the dotted path of the field: items of lists are named by their
id, and the branches of a type such as ``float | list[float]`` are told as one.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from computenet.errors import Problem, nearest
from computenet.wording import LIMITS, choices_of, in_words, listed, number

__all__ = ["Numbers", "find_item", "item_key", "one_of", "problems_of"]

#: What names an item of a list, the first that it has.
_KEYS = ("id", "name", "accelerator", "year")
_ONE_OF = "one_of"


class _Told(NamedTuple):
    """An error: what is left of its location, and what pydantic says of it."""

    loc: tuple[int | str, ...]
    item: Any


def item_key(item: Any) -> str | None:
    """Return what an item of a list is called: its id, name, accelerator or year, if any."""
    if isinstance(item, Mapping):
        for field in _KEYS:
            value = item.get(field)
            if isinstance(value, str) or (field == "year" and isinstance(value, int)):
                return str(value)
    return None


def find_item(items: Sequence[Any], part: str) -> int | list[str]:
    """Return the index of the item that is called `part`, or else what could have been said.

    Parameters
    ----------
    part
        What `item_key` gives, or the item's index.
    """
    keys = [item_key(item) for item in items]
    if part in keys:
        return keys.index(part)
    if part.isdigit() and int(part) < len(items):
        return int(part)
    return [key for key in keys if key]


def one_of(value: str, choices: Iterable[str], message: str) -> str:
    """Return `value` if it is one of the choices; for validators of names known at run time.

    Raises
    ------
    PydanticCustomError
        It is none of them; `problems_of` tells them all, and the nearest.
    """
    known = list(choices)
    if value not in known:
        raise PydanticCustomError(_ONE_OF, "{message}", {"message": message, "choices": known})
    return value


class Numbers(BaseModel):
    """A record in which yes and no are no numbers: they would be taken for 1 and 0."""

    @model_validator(mode="before")
    @classmethod
    def _no_switches(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        fields = cls.model_fields
        return {
            key: _marked(fields[key].annotation, value) if key in fields else value
            for key, value in data.items()
        }


class _Switch:
    """Stands for yes or no where a number is wanted, so that the field is told as wrong."""

    def __init__(self, value: bool) -> None:
        self.value = value


def _marked(kind: Any, value: Any) -> Any:
    """Return a value with its switches marked where only a number will do."""
    if not isinstance(value, bool | dict | list | tuple):
        return value
    if isinstance(value, bool):
        return _Switch(value) if _is_number(kind) else value
    mapped = isinstance(value, dict)
    below: tuple[Any, ...] = (dict, Mapping) if mapped else (list, tuple, Sequence)
    members = [_bare(member)[0] for member in _members(kind)]
    kinds = [get_args(one)[1 if mapped else 0] for one in members if get_origin(one) in below]
    if len(kinds) != 1:
        return value
    if isinstance(value, dict):
        return {key: _marked(kinds[0], item) for key, item in value.items()}
    return [_marked(kinds[0], item) for item in value]


def _is_number(kind: Any) -> bool:
    """Return whether a type takes numbers, but no switches."""
    members = [_bare(member)[0] for member in _members(kind)]
    return (int in members or float in members) and not (bool in members or Any in members)


def problems_of(
    error: ValidationError,
    raw: Mapping[str, Any],
    root: type[BaseModel],
    *,
    prefix: str = "",
    hints: Mapping[str, str] | None = None,
) -> list[Problem]:
    """Return a problem for every mistake in what should have been a `root`.

    Parameters
    ----------
    prefix
        Comes before every path.
    hints
        By field: what a number out of range probably means.
    """
    told = [_Told(item["loc"], item) for item in error.errors(include_url=False)]
    return _Walk(hints or {}).at(told, root, raw, (prefix,) if prefix else ())


class _Walk:
    """Follows errors down the types of a record and what was given for it."""

    def __init__(self, hints: Mapping[str, str]) -> None:
        self.hints = hints

    def at(self, told: list[_Told], kind: Any, raw: Any, path: tuple[str, ...]) -> list[Problem]:
        """Return the problems of a value `raw` that should have been a `kind`."""
        bare, tagged = _bare(kind)
        if get_origin(bare) in (Union, types.UnionType):
            return self._union(told, kind, raw, path, tagged=tagged)
        out: list[Problem] = []
        for part, below in _grouped(told).items():
            if part is None:
                out += [self._leaf(one.item, kind, raw, path) for one in below]
                continue
            name = item_key(raw[part]) if _is_index(part, raw) else None
            deeper = (*path, name or str(part))
            wrong_keys = [one for one in below if one.loc[1:] == ("[key]",)]
            if wrong_keys:
                keys = get_args(bare)[0] if get_args(bare) else Any
                out.append(
                    Problem(".".join(deeper), None, "is no key of this mapping", in_words(keys))
                )
                continue
            rest = [_Told(one.loc[1:], one.item) for one in below]
            unknown = rest[0].item["type"] == "extra_forbidden" and not rest[0].loc
            child = kind if unknown else _child(bare, part)
            out += self.at(rest, child, _below(raw, part), deeper)
        return _without_twins(out)

    def _union(
        self, told: list[_Told], kind: Any, raw: Any, path: tuple[str, ...], *, tagged: bool
    ) -> list[Problem]:
        members = [one for one in _members(kind) if one is not type(None)]
        if len(members) == 1:
            return self.at(told, members[0], raw, path)
        groups = _grouped(told)
        if None in groups:
            return [self._leaf(one.item, kind, raw, path) for one in groups[None]]
        if tagged:
            return [
                problem
                for tag, below in groups.items()
                for problem in self.at(
                    [_Told(one.loc[1:], one.item) for one in below],
                    next((one for one in members if _tag(one) == tag), Any), raw, path,
                )
            ]  # fmt: skip
        # Every branch has errors of its own, in the order of the branches.
        if len(groups) == len(members):
            alike = [
                (member, below)
                for member, below in zip(members, groups.values(), strict=True)
                if _has_form(raw, member)
            ]
            if len(alike) == 1:
                member, below = alike[0]
                return self.at([_Told(one.loc[1:], one.item) for one in below], member, raw, path)
        if len(members) < len(groups):
            kind = Any
        return [self._wrong(kind, raw, path)]

    def _wrong(self, kind: Any, raw: Any, path: tuple[str, ...]) -> Problem:
        choices = choices_of(kind)
        message = "is not one of the choices" if choices else "has the wrong form"
        if raw is None:
            message = "is empty (null)"
        elif isinstance(_shown(raw), bool) and _is_number(kind):
            message = "is yes or no where a number is wanted (YAML reads yes, no, on and off so)"
        allowed = in_words(kind) if kind is not Any else None
        like = nearest(str(raw), choices) if choices and _shown(raw) is not None else None
        return Problem(".".join(path), _shown(raw), message, allowed, like)

    def _leaf(self, item: Any, kind: Any, raw: Any, path: tuple[str, ...]) -> Problem:
        error, context = item["type"], item.get("ctx", {})
        where, shown = ".".join(path), _shown(item["input"])
        field = path[-1] if path else ""
        if error == "extra_forbidden":
            fields = sorted(_fields(kind))
            allowed = ", ".join(fields) if fields else "it has no fields"
            return Problem(where, shown, "is not a known field", allowed, nearest(field, fields))
        if error == "missing":
            return Problem(where, None, "is missing")
        if error in LIMITS:
            allowed = LIMITS[error].format(*map(number, context.values()))
            if field in self.hints:
                allowed += f"; {self.hints[field]}"
            return Problem(where, shown, "is out of range", allowed)
        if error == _ONE_OF:
            names = context["choices"]
            return Problem(
                where, shown, context["message"], ", ".join(names), nearest(str(shown), names)
            )
        if error in ("union_tag_invalid", "union_tag_not_found"):
            tags = [str(tag) for tag in map(_tag, _members(kind)) if tag]
            if error == "union_tag_not_found":
                return Problem(f"{where}.kind", None, "is missing", ", ".join(tags))
            tag = context["tag"]
            return Problem(
                f"{where}.kind", tag, "is not one of the choices", ", ".join(tags),
                nearest(str(tag), tags),
            )  # fmt: skip
        message = str(item["msg"]).removeprefix("Value error, ")
        if error in ("value_error", "assertion_error"):
            return Problem(where, shown, message)
        if error in ("too_short", "string_too_short"):
            what = "item" if error == "too_short" else "character"
            least = context["min_length"]
            return Problem(where, shown, "is too short", f"at least {listed(least, what)}")
        if error in ("too_long", "string_too_long"):
            what = "item" if error == "too_long" else "character"
            return Problem(
                where, shown, "is too long", f"at most {listed(context['max_length'], what)}"
            )
        if kind is Any:
            return Problem(where, shown, "has the wrong form", message)
        return self._wrong(kind, item["input"], path)


def _grouped(told: list[_Told]) -> dict[int | str | None, list[_Told]]:
    """Return errors by the next part of their location; `None` = they end here."""
    out: dict[int | str | None, list[_Told]] = {}
    for one in told:
        out.setdefault(one.loc[0] if one.loc else None, []).append(one)
    return out


def _without_twins(problems: list[Problem]) -> list[Problem]:
    """Leave out missing fields that stand there misspelt."""
    meant = {
        f"{one.path.rpartition('.')[0]}.{one.suggestion}".removeprefix(".")
        for one in problems
        if one.message == "is not a known field" and one.suggestion
    }
    return [one for one in problems if not (one.message == "is missing" and one.path in meant)]


def _shown(value: Any) -> Any:
    if isinstance(value, _Switch):
        return value.value
    if isinstance(value, date):
        return value.isoformat()
    return None if isinstance(value, dict | list | BaseModel) else value


def _is_index(part: int | str, raw: Any) -> bool:
    return isinstance(part, int) and isinstance(raw, list) and part < len(raw)


def _below(raw: Any, part: int | str) -> Any:
    if _is_index(part, raw):
        return raw[part]
    if isinstance(raw, Mapping):
        return raw.get(part, next((raw[key] for key in raw if str(key) == str(part)), None))
    return None


def _bare(kind: Any) -> tuple[Any, bool]:
    """Return a type without its conditions, and whether a field ``kind`` chooses its branch."""
    tagged = False
    while get_origin(kind) is Annotated:
        kind, *metadata = get_args(kind)
        tagged |= any(isinstance(one, FieldInfo) and one.discriminator for one in metadata)
    return kind, tagged


def _members(kind: Any) -> list[Any]:
    """Return the branches of a union, those of branches that are unions as well."""
    bare = _bare(kind)[0]
    if get_origin(bare) not in (Union, types.UnionType):
        return [kind]
    return [inner for one in get_args(bare) for inner in _members(one)]


def _has_form(raw: Any, kind: Any) -> bool:
    bare = _bare(kind)[0]
    origin = get_origin(bare) or bare
    if not isinstance(origin, type):
        return False
    if isinstance(raw, list):
        return issubclass(origin, list | tuple)
    return isinstance(raw, Mapping) and issubclass(origin, dict | Mapping | BaseModel)


def _child(bare: Any, part: int | str) -> Any:
    """Return the type of a field, an item or a value of a mapping."""
    if isinstance(bare, type) and issubclass(bare, BaseModel):
        field = bare.model_fields.get(str(part))
        if field is None:
            return Any
        kind: Any = field.annotation
        for condition in field.metadata:
            kind = Annotated[kind, condition]
        return Annotated[kind, field] if field.discriminator else kind
    parts = get_args(bare)
    origin = get_origin(bare)
    if origin in (dict, Mapping) and len(parts) == 2:
        return parts[1]
    if origin in (list, tuple, Sequence) and parts:
        return parts[min(part, len(parts) - 1) if isinstance(part, int) else 0]
    return Any


def _fields(kind: Any) -> set[str]:
    """Return the fields of all records that a type can be."""
    out: set[str] = set()
    for member in _members(kind):
        bare = _bare(member)[0]
        if isinstance(bare, type) and issubclass(bare, BaseModel):
            out |= set(bare.model_fields)
    return out


def _tag(member: Any) -> object:
    """Return the value of ``kind`` that chooses a branch."""
    bare = _bare(member)[0]
    is_record = isinstance(bare, type) and issubclass(bare, BaseModel)
    field = bare.model_fields.get("kind") if is_record else None
    if field is None or get_origin(field.annotation) is not Literal:
        return None
    return get_args(field.annotation)[0]
