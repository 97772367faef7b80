"""A topology from another one and a layout."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from computenet.errors import InputError, Problem, nearest
from computenet.scenario.common import Sourced
from computenet.scenario.layouts.paths import bare, item_name, locate
from computenet.scenario.layouts.spec import PARTS, LayoutSpec
from computenet.scenario.problems import spec_problems
from computenet.scenario.topology import TopologySpec

__all__ = ["TITLE", "apply_layout", "changed_by", "read_layout"]

TITLE = "layout cannot be used"
#: Fields of items that go with the site or region named in them.
ENDS = {"pools": ("site",), "links": ("a", "b")}


def apply_layout(
    topology: Mapping[str, Any],
    layout: Mapping[str, Any] | LayoutSpec,
    *,
    where: str | None = None,
) -> dict[str, Any]:
    """Return a raw topology with a layout applied; the given one stays as it is.

    Values that the layout sets or adds take its source and grade, unless they bring their own.

    Parameters
    ----------
    topology
        What the layout extends, raw; ``extends`` itself is not looked up.
    layout
        A layout, raw or validated.
    where
        What problems call the layout; its id.

    Raises
    ------
    InputError
        With every problem found: fields that do not exist, items that do not or already do.
    """
    problems: list[Problem] = []
    spec = layout if isinstance(layout, LayoutSpec) else read_layout(layout, where, problems)
    if spec is None:
        raise InputError(problems, TITLE)
    changed = changed_by(topology, spec, where, problems)
    if problems:
        raise InputError(problems, TITLE)
    return changed


def read_layout(
    raw: Mapping[str, Any], where: str | None, problems: list[Problem]
) -> LayoutSpec | None:
    """Return a layout, or ``None`` after noting its problems."""
    name = where or _shown(raw)
    try:
        return LayoutSpec.model_validate(raw)
    except ValidationError as error:
        found = spec_problems(error, raw, LayoutSpec)
        problems += [replace(one, path=f"{name}: {one.path}") for one in found]
        return None


def _shown(raw: Mapping[str, Any]) -> str:
    name = raw.get("id")
    return name if isinstance(name, str) and name else "layout"


def changed_by(
    topology: Mapping[str, Any], layout: LayoutSpec, where: str | None, problems: list[Problem]
) -> dict[str, Any]:
    """Return `topology` with as much of `layout` applied as can be, noting its problems."""
    out = copy.deepcopy(dict(topology))
    found: list[Problem] = []
    _set(out, layout, found)
    _remove(out, layout, found)
    _add(out, layout, found)
    out["id"], out["title"] = layout.id, layout.title.model_dump()
    if layout.description:
        out["description"] = layout.description
    name = where or layout.id
    problems += [replace(one, path=f"{name}: {one.path}") for one in found]
    return out


def _items(topology: Mapping[str, Any], part: str) -> list[Any]:
    items = topology.get(part)
    return items if isinstance(items, list) else []


def _names(topology: Mapping[str, Any], part: str) -> list[str]:
    return [name for name in map(item_name, _items(topology, part)) if name]


def _set(topology: dict[str, Any], layout: LayoutSpec, problems: list[Problem]) -> None:
    explicit: list[tuple[dict[str, Any], str]] = []
    defaults: list[tuple[dict[str, Any], str]] = []
    # What holds a field is set before the field, whatever their order in the file.
    for path, given in sorted(layout.set.items(), key=lambda change: change[0].count(".")):
        problem = _unsettable(path, layout)
        place = problem or locate(topology, path)
        if isinstance(place, Problem):
            shown = None if isinstance(given, (dict, list)) else given
            problems.append(replace(place, path=f"set.{place.path}", value=shown))
            continue
        value = _sourced(copy.deepcopy(given), place.annotation, layout)
        if isinstance(place.holder, list) and isinstance(value, dict):
            value.setdefault("id", item_name(place.holder[place.key]))
        place.put(value)
        if place.record is None:
            continue
        if place.field == "provenance":
            explicit.append((place.record, path.rpartition("provenance")[2].strip(".")))
        else:
            defaults.append((place.record, place.field))
    for record, field in defaults:
        if not any(other is record and name in ("", field) for other, name in explicit):
            own = record.get("provenance")
            if not isinstance(own, dict):
                own = record["provenance"] = {}
            own[field] = layout.provenance.model_dump()


def _unsettable(path: str, layout: LayoutSpec) -> Problem | None:
    part, _, rest = path.partition(".")
    if path in ("id", "title", "description"):
        return Problem(path, None, "is the layout's own", f"{path}: of the layout itself")
    if part in PARTS and rest.endswith(".id") and rest.count(".") == 1:
        return Problem(path, None, "cannot be changed", "remove the item and add another")
    for name in getattr(layout.remove, part, []) if part in PARTS else []:
        if rest == name or rest.startswith(f"{name}."):
            return Problem(path, None, "is set, but the layout removes it")
    for item in getattr(layout.add, part, []) if part in PARTS else []:
        name = item_name(item) or ""
        if name and (rest == name or rest.startswith(f"{name}.")):
            return Problem(path, None, "is set, but the layout adds it", f"the value in add.{part}")
    return None


def _sourced(value: Any, annotation: Any, layout: LayoutSpec) -> Any:
    """Give every record within a value the layout's source and grade where it has none."""
    kind = bare(annotation)
    if get_origin(kind) is list and isinstance(value, list):
        return [_sourced(item, get_args(kind)[0], layout) for item in value]
    if not (isinstance(kind, type) and issubclass(kind, BaseModel) and isinstance(value, dict)):
        return value
    out = {
        key: _sourced(item, kind.model_fields[key].annotation, layout)
        if key in kind.model_fields and key != "provenance"
        else item
        for key, item in value.items()
    }
    if issubclass(kind, Sourced) and isinstance(out.setdefault("provenance", {}), dict):
        out["provenance"] = {"*": layout.provenance.model_dump(), **out["provenance"]}
    return out


def _remove(topology: dict[str, Any], layout: LayoutSpec, problems: list[Problem]) -> None:
    gone = {part: set(getattr(layout.remove, part)) for part in PARTS}
    for part in PARTS:
        names = _names(topology, part)
        for name in getattr(layout.remove, part):
            if name not in names:
                shown = ", ".join(names[:40]) + (" …" if len(names) > 40 else "")
                problems.append(
                    Problem(f"remove.{part}", name, "names no item", shown, nearest(name, names))
                )
        repeated = sorted(n for n in gone[part] if getattr(layout.remove, part).count(n) > 1)
        problems += [Problem(f"remove.{part}", name, "is named twice") for name in repeated]

    def stays(part: str, item: Any) -> bool:
        if not isinstance(item, dict):
            return True
        ends = [item.get(field) for field in ENDS.get(part, ())]
        without = gone["sites"] if part == "pools" else gone["sites"] | gone["regions"]
        if any(end in without for end in ends if isinstance(end, str)):
            return False
        return item_name(item) not in gone[part]

    for part in PARTS:
        if isinstance(topology.get(part), list):
            topology[part] = [item for item in topology[part] if stays(part, item)]


def _add(topology: dict[str, Any], layout: LayoutSpec, problems: list[Problem]) -> None:
    for part in PARTS:
        new: list[dict[str, Any]] = getattr(layout.add, part)
        taken = set(_names(topology, part))
        kind = TopologySpec.model_fields[part].annotation
        for index, item in enumerate(new):
            name = item_name(item)
            if name is None:
                problems.append(Problem(f"add.{part}.{index}.id", item.get("id"), "is missing"))
            elif name in taken:
                problems.append(
                    Problem(f"add.{part}.{name}", None, "exists already",
                            "a new id, values under set, or the old one under remove")
                )  # fmt: skip
            else:
                taken.add(name)
                whole = _sourced([copy.deepcopy(item)], kind, layout)
                topology[part] = [*_items(topology, part), *whole]
