"""Fields of a scenario by dotted path: finding them before a study runs, changing them in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal

from computenet.errors import InputError, Problem, nearest

__all__ = ["Move", "Place", "changed", "find", "total", "value_at"]

#: Keys and indices from the top of a scenario's fields to one of them.
Place = tuple[str | int, ...]

#: Mappings in which a scenario may have keys that the base does not have.
FREE = ("parameters", "speed", "reclaim", "weather_files", "series_files")


@dataclass(frozen=True, slots=True)
class Move:
    """The places that an axis changes, and how.

    Attributes
    ----------
    way
        ``set``, ``factor`` or ``offset``.
    places
        What is changed.
    rest
        What is scaled so that the sum of both stays; empty without balance.
    """

    way: Literal["set", "factor", "offset"]
    places: tuple[Place, ...]
    rest: tuple[Place, ...] = ()


def _key(item: Any) -> str | None:
    if isinstance(item, dict):
        for field in ("id", "name"):
            if isinstance(item.get(field), str):
                return str(item[field])
    return None


def find(raw: dict[str, Any], pattern: str, *, new: bool = False) -> list[Place] | Problem:
    """Return the places that a dotted path names, or what is wrong with it.

    Parameters
    ----------
    raw
        A scenario's fields, all of them present.
    pattern
        Parts between dots are names of fields, ids or names of items, or numbers of items; ``*``
        and ``?`` in a part stand for any letters of an id, so ``*`` alone is every item.
    new
        The last part may be a new key where keys are free, such as a policy's parameters.
    """
    heres: list[tuple[Place, Any]] = [((), raw)]
    parts = pattern.split(".")
    for number, part in enumerate(parts):
        done = ".".join(parts[: number + 1])
        following: list[tuple[Place, Any]] = []
        names: dict[str, None] = {}
        found: Sequence[tuple[str | int, Any]]
        for place, here in heres:
            if isinstance(here, dict):
                found, known = _of_mapping(here, part)
                last = number == len(parts) - 1
                if not found and new and last and place and place[-1] in FREE and part:
                    found = [(part, None)]
            elif isinstance(here, list):
                found, known = _of_list(here, part)
            else:
                found, known = [], []
            names.update(dict.fromkeys(known))
            following += [((*place, key), value) for key, value in found]
        if not following:
            if not names:
                empty = all(here is None for _, here in heres)
                words = "names no field: nothing is set there" if empty else "names no field there"
                return Problem(done, None, words)
            listed = list(names)
            shown = ", ".join(listed[:40]) + (" …" if len(listed) > 40 else "")
            like = nearest(part, listed)
            whole = ".".join([*parts[:number], like, *parts[number + 1 :]]) if like else None
            return Problem(done, None, "names no field", shown, whole)
        heres = following
    return [place for place, _ in heres]


def _of_mapping(here: dict[str, Any], part: str) -> tuple[list[tuple[str, Any]], list[str]]:
    names = [str(key) for key in here if key != "provenance"]
    if part in here:
        return [(part, here[part])], names
    if "*" in part or "?" in part:
        return [(name, here[name]) for name in names if fnmatchcase(name, part)], names
    return [], names


def _of_list(here: list[Any], part: str) -> tuple[list[tuple[int, Any]], list[str]]:
    keys = [_key(item) for item in here]
    if part in keys:
        at = keys.index(part)
        return [(at, here[at])], []
    if part.isdigit() and int(part) < len(here):
        return [(int(part), here[int(part)])], []
    names = [key if key else str(at) for at, key in enumerate(keys)]
    if "*" in part or "?" in part:
        return [(at, here[at]) for at, name in enumerate(names) if fnmatchcase(name, part)], names
    return [], names


def value_at(raw: dict[str, Any], place: Place) -> Any:
    """Return what stands at a place; ``None`` where there is nothing yet."""
    here: Any = raw
    for key in place:
        if isinstance(here, dict):
            here = here.get(str(key))
        elif isinstance(here, list) and isinstance(key, int):
            here = here[key]
    return here


def changed(raw: dict[str, Any], moves: Sequence[Move], values: Sequence[Any]) -> dict[str, Any]:
    """Return the fields with every move made by its value, in order.

    What no move touches is shared with `raw`, which itself is left as it is. A policy that is named
    keeps the parameters of `raw` if it is the one named there.

    Raises
    ------
    InputError
        A move is of a field of something that has none.
    """
    fresh: dict[int, Any] = {}
    out: dict[str, Any] = _own(raw, fresh)
    for move, value in zip(moves, values, strict=True):
        if move.way == "set":
            for place in move.places:
                named = place == ("policy",) and isinstance(value, str)
                _put(out, place, _policy(raw, value) if named else value, fresh)
            continue
        before = total(out, (*move.places, *move.rest)) if move.rest else 0.0
        for place in move.places:
            _put(out, place, _moved(value_at(out, place), move.way, value), fresh)
        if move.rest:
            others = total(out, move.rest)
            left = before - total(out, move.places)
            factor = left / others if others else 0.0
            for place in move.rest:
                _put(out, place, _moved(value_at(out, place), "factor", factor), fresh)
    return out


def _policy(raw: dict[str, Any], name: str) -> dict[str, Any]:
    own: Any = raw.get("policy")
    if isinstance(own, dict) and own.get("name") == name:
        return own
    return {"name": name, "parameters": {}}


def total(raw: dict[str, Any], places: Sequence[Place]) -> float:
    """Return the sum of the numbers at some places, those in lists too; what is unset adds 0."""
    return float(sum(_sum(value_at(raw, place)) for place in places))


def _sum(value: Any) -> float:
    if isinstance(value, list):
        return sum(_sum(item) for item in value)
    return 0.0 if value is None else value


def _moved(old: Any, way: str, by: float) -> Any:
    """Return a number moved; whole numbers stay whole, lists move item by item."""
    if isinstance(old, list):
        return [_moved(item, way, by) for item in old]
    if old is None or isinstance(old, (bool, str, dict)):
        return old
    new = old * by if way == "factor" else old + by
    return round(new) if isinstance(old, int) else new


def _own(holder: Any, fresh: dict[int, Any]) -> Any:
    """Return a copy of a mapping or list, once."""
    if id(holder) in fresh:
        return holder
    mine = dict(holder) if isinstance(holder, dict) else list(holder)
    fresh[id(mine)] = mine  # Kept, so that its id is nobody else's.
    return mine


def _put(out: dict[str, Any], place: Place, value: Any, fresh: dict[int, Any]) -> None:
    here: Any = out
    for number, key in enumerate(place[:-1]):
        below = here.get(key) if isinstance(here, dict) else here[key]
        if below is None:  # A record that was set whole, without its optional part.
            below = {}
        if not isinstance(below, (dict, list)):
            where = ".".join(map(str, place[: number + 1]))
            raise InputError([Problem(where, below, "holds no fields", "a mapping")])
        here[key] = _own(below, fresh)
        here = here[key]
    here[place[-1]] = value
