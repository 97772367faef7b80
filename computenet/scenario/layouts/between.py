"""The layout that leads from one topology to another."""

from __future__ import annotations

from typing import Any, get_args, get_origin

from pydantic import BaseModel, TypeAdapter

from computenet.scenario.common import Grade, Name
from computenet.scenario.layouts.applying import apply_layout
from computenet.scenario.layouts.paths import bare, item_name
from computenet.scenario.layouts.spec import PARTS, LayoutAdditions, LayoutRemovals, LayoutSpec
from computenet.scenario.topology import TopologySpec

__all__ = ["layout_between", "without_provenance"]

Raw = dict[str, Any]


def layout_between(
    base: TopologySpec,
    changed: TopologySpec,
    *,
    id: str,
    title: Name,
    source: str,
    grade: Grade,
    extends: str | None = None,
    description: str | None = None,
) -> LayoutSpec:
    """Return the layout that makes `changed` of `base`.

    Applied to `base` it gives every value of `changed`. Values that differ take `source` and
    `grade`, unless `changed` has another provenance for them than `base`.

    Parameters
    ----------
    id, title, description
        Of the layout; the description is `changed`'s where none is given.
    extends
        How the layout calls `base`; its id.
    """
    old, new = base.model_dump(mode="json"), changed.model_dump(mode="json")
    if description is None:
        description = changed.description if changed.description != base.description else ""
    head = {
        "extends": extends or base.id,
        "id": id,
        "title": title,
        "description": description,
        "source": source,
        "grade": grade,
    }
    whole = {part for part in PARTS if not _by_id(old[part], new[part])}
    layout = _layout(old, new, head, whole)
    wanted = without_provenance(new)
    got = without_provenance(
        TopologySpec.model_validate(apply_layout(old, layout)).model_dump(mode="json")
    )
    unequal = {part for part in PARTS if got[part] != wanted[part]}
    return _layout(old, new, head, whole | unequal) if unequal else layout


def without_provenance(value: Any) -> Any:
    """Return a raw topology without what its numbers stand on."""
    if isinstance(value, dict):
        return {k: without_provenance(item) for k, item in value.items() if k != "provenance"}
    if isinstance(value, list):
        return [without_provenance(item) for item in value]
    return value


def _by_id(old: list[Raw], new: list[Raw]) -> bool:
    """Return whether what is left of the old items stands in order before all the new ones."""
    before, after = [item["id"] for item in old], [item["id"] for item in new]
    kept = [name for name in before if name in set(after)]
    unique = len(set(before)) == len(before) and len(set(after)) == len(after)
    return unique and after[: len(kept)] == kept


def _layout(old: Raw, new: Raw, head: Raw, whole: set[str]) -> LayoutSpec:
    changes: Raw = {}
    add: dict[str, list[Raw]] = {}
    remove: dict[str, list[str]] = {}
    for name, field in TopologySpec.model_fields.items():
        if name in ("id", "title", "description", "provenance", *PARTS):
            continue
        changes |= _value(old[name], new[name], field.annotation, name, head)
    changes |= _provenance(old, new, changes, "", head)
    for part in PARTS:
        if part in whole:
            changes[part] = _short(new[part], TopologySpec.model_fields[part].annotation, head)
            continue
        before = {item["id"]: item for item in old[part]}
        after = {item["id"]: item for item in new[part]}
        model = get_args(bare(TopologySpec.model_fields[part].annotation))[0]
        for name in before.keys() & after.keys():
            changes |= _record(before[name], after[name], model, f"{part}.{name}", head)
        remove[part] = [name for name in before if name not in after]
        add[part] = [
            _short(item, model, head) for name, item in after.items() if name not in before
        ]
    _leave_to_cascade(old, remove)
    order = {name: place for place, name in enumerate(TopologySpec.model_fields)}
    ranked = sorted(changes, key=lambda path: (order[path.split(".")[0]], path))
    return LayoutSpec(
        **head,
        set={path: changes[path] for path in ranked},
        add=LayoutAdditions(**add),
        remove=LayoutRemovals(**remove),
    )


def _leave_to_cascade(old: Raw, remove: dict[str, list[str]]) -> None:
    """Do not name pools and links that go with their site or region."""
    sites = set(remove.get("sites", ()))
    nodes = sites | set(remove.get("regions", ()))
    going = {
        "pools": {item["id"] for item in old["pools"] if item["site"] in sites},
        "links": {item["id"] for item in old["links"] if {item["a"], item["b"]} & nodes},
    }
    for part, names in going.items():
        remove[part] = [name for name in remove.get(part, ()) if name not in names]


def _short(value: Any, annotation: Any, head: Raw) -> Any:
    """Return a value without what it leaves open and what the layout says for all."""
    kind: TypeAdapter[Any] = TypeAdapter(annotation)
    brief = kind.dump_python(kind.validate_python(value), mode="json", exclude_defaults=True)
    return _tidy(brief, {"*": {key: head[key] for key in ("source", "grade")}})


def _tidy(value: Any, usual: Raw) -> Any:
    """Put provenance last, and leave it out where it is the usual."""
    if isinstance(value, list):
        return [_tidy(item, usual) for item in value]
    if not isinstance(value, dict):
        return value
    out = {key: _tidy(item, usual) for key, item in value.items() if key != "provenance"}
    if value.get("provenance", usual) != usual:
        out["provenance"] = value["provenance"]
    return out


def _record(old: Raw, new: Raw, model: type[BaseModel], path: str, head: Raw) -> Raw:
    out: Raw = {}
    for name, field in model.model_fields.items():
        if name not in ("id", "provenance"):
            out |= _value(old[name], new[name], field.annotation, f"{path}.{name}", head)
    if "provenance" in model.model_fields:
        out |= _provenance(old, new, out, path, head)
    return out


def _provenance(old: Raw, new: Raw, values: Raw, path: str, head: Raw) -> Raw:
    """Return what must be said of a record's numbers besides what the layout says of its own."""
    before, after = old["provenance"], new["provenance"]
    where = f"{path}.provenance".removeprefix(".")
    said = {name.removeprefix(f"{path}.").split(".")[0] for name in values}
    usual = {key: head[key] for key in ("source", "grade")}
    expected = before | {name: usual for name in said if after.get(name) == usual}
    if expected == after:
        return {}
    if before.keys() <= after.keys():
        keys = [key for key in after if expected.get(key) != after[key]]
        return {f"{where}.{key}": after[key] for key in keys}
    return {where: after}


def _value(old: Any, new: Any, annotation: Any, path: str, head: Raw) -> Raw:
    """Return what must be set below `path`, as finely as paths reach."""
    if old == new:
        return {}
    kind = bare(annotation)
    if new is None:
        return {path: None}
    if old is None:
        return {path: _short(new, annotation, head)}
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return _record(old, new, kind, path, head)
    if get_origin(kind) is dict and old.keys() <= new.keys():
        return {f"{path}.{key}": new[key] for key in new if old.get(key) != new[key]}
    if get_origin(kind) is list and len(old) == len(new):
        model = bare(get_args(kind)[0])
        is_record = isinstance(model, type) and issubclass(model, BaseModel)
        names = [item_name(item) for item in old]
        if is_record and names == [item_name(item) for item in new]:
            out: Raw = {}
            for index, (before, after) in enumerate(zip(old, new, strict=True)):
                out |= _record(before, after, model, f"{path}.{names[index] or index}", head)
            return out
    return {path: _short(new, annotation, head)}
