"""Where a dotted path leads within a raw topology, told from its spec."""

from __future__ import annotations

import dataclasses
import types
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from computenet.errors import Problem, nearest
from computenet.scenario.common import Sourced
from computenet.scenario.topology import TopologySpec

__all__ = ["Place", "bare", "item_name", "locate"]


@dataclasses.dataclass(slots=True)
class Place:
    """Where a value stands.

    Attributes
    ----------
    holder, key
        The mapping or list that holds it, and under what.
    annotation
        Its type, without ``Annotated`` and ``None``.
    record, field
        The innermost record with provenance around it, and the field of it on the way; ``None``
        where the value is such a record itself.
    missing
        Mappings to be made on the way, as (holder, key, new mapping).
    """

    holder: Any
    key: Any
    annotation: Any
    record: dict[str, Any] | None
    field: str
    missing: list[tuple[Any, Any, dict[str, Any]]] = dataclasses.field(default_factory=list)

    def put(self, value: Any) -> None:
        """Set the value, making the mappings that lead to it."""
        for holder, key, made in self.missing:
            holder[key] = made
        self.holder[self.key] = value


def bare(annotation: Any) -> Any:
    """Return a type without ``Annotated`` and ``| None``."""
    if get_origin(annotation) is Annotated:
        return bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        inner = [part for part in get_args(annotation) if part is not type(None)]
        return bare(inner[0]) if len(inner) == 1 else annotation
    return annotation


def item_name(item: Any) -> str | None:
    """Return the id of an item of a list, if it has one."""
    name = item.get("id") if isinstance(item, dict) else None
    return name if isinstance(name, str) else None


def _is(annotation: Any, kind: type) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, kind)


def _longest(parts: list[str], start: int, names: list[str]) -> int | None:
    """Return where the longest of `names` that begins at `start` ends; names may hold dots."""
    for stop in range(len(parts), start, -1):
        if ".".join(parts[start:stop]) in names:
            return stop
    return None


def locate(topology: dict[str, Any], path: str) -> Place | Problem:
    """Return where `path` leads, or what is wrong with it; nothing is changed.

    Items of lists are named by their id or, without ids, by their number; an id may hold dots.
    """
    walk = _Walk(topology, path.split("."))
    while walk.at < len(walk.parts):
        problem = walk.step()
        if problem is not None:
            return problem
    return walk.place


class _Walk:
    """A walk along a path, one record, list or mapping at a time."""

    def __init__(self, topology: dict[str, Any], parts: list[str]) -> None:
        self.parts, self.at = parts, 0
        self.here: Any = topology
        self.place = Place(None, None, TopologySpec, None, "")

    def step(self) -> Problem | None:
        annotation = self.place.annotation
        if _is(annotation, BaseModel):
            return self._field(annotation)
        if get_origin(annotation) is list:
            return self._item(get_args(annotation)[0])
        if get_origin(annotation) is dict:
            return self._entry(get_args(annotation)[1])
        return Problem(".".join(self.parts[: self.at]), None, "has no fields of its own")

    def _go(self, key: Any, annotation: Any, stop: int) -> None:
        place = self.place
        place.holder, place.key, place.annotation = self.here, key, bare(annotation)
        known = self.here.get(key) if isinstance(self.here, dict) else self.here[key]
        self.here, self.at = known, stop
        if known is None and stop < len(self.parts) and get_origin(place.annotation) is not list:
            self.here = {}
            place.missing.append((place.holder, key, self.here))

    def _field(self, model: type[BaseModel]) -> Problem | None:
        name, done = self.parts[self.at], ".".join(self.parts[: self.at + 1])
        if name not in model.model_fields:
            names = sorted(model.model_fields)
            return Problem(
                done, None, "is not a known field", ", ".join(names), nearest(name, names)
            )
        if not isinstance(self.here, dict):
            return Problem(done, None, "is part of something that is no mapping of fields")
        if _is(model, Sourced):
            self.place.record, self.place.field = self.here, name
        self._go(name, model.model_fields[name].annotation, self.at + 1)
        return None

    def _item(self, annotation: Any) -> Problem | None:
        items = self.here if isinstance(self.here, list) else []
        names = [name for name in map(item_name, items) if name]
        stop = _longest(self.parts, self.at, names)
        if stop is not None:
            name = ".".join(self.parts[self.at : stop])
            index = next(i for i, item in enumerate(items) if item_name(item) == name)
        else:
            name, stop = self.parts[self.at], self.at + 1
            if names or not name.isdigit() or int(name) >= len(items):
                done = ".".join(self.parts[:stop])
                allowed = ", ".join(names[:40]) + (" …" if len(names) > 40 else "")
                if not names:
                    allowed = f"0 to {len(items) - 1}" if items else "nothing: the list is empty"
                return Problem(done, None, "names no item", allowed, nearest(name, names))
            index = int(name)
        self._go(index, annotation, stop)
        if _is(self.place.annotation, Sourced):
            self.place.record, self.place.field = None, ""
        return None

    def _entry(self, annotation: Any) -> Problem | None:
        if not isinstance(self.here, dict):
            done = ".".join(self.parts[: self.at + 1])
            return Problem(done, None, "is part of something that is no mapping of fields")
        stop = _longest(self.parts, self.at, [str(key) for key in self.here]) or len(self.parts)
        self._go(".".join(self.parts[self.at : stop]), annotation, stop)
        return None
