"""What differs between two topologies, item by item."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from computenet.scenario.layouts.spec import PARTS
from computenet.scenario.topology import TopologySpec

__all__ = ["Change", "topology_changes"]

Kind = Literal["added", "removed", "grown", "shrunk", "changed"]


@dataclass(frozen=True, slots=True)
class Change:
    """One difference.

    Attributes
    ----------
    part, item
        List of the topology and id in it; the item is empty for a field of the topology itself.
    field
        Dotted path within the item; empty where the whole item came or went.
    before, after
        Values; of a pool that came or went its accelerators, of a site its megawatts, of a link
        its Gbps.
    """

    part: str
    item: str
    field: str
    kind: Kind
    before: Any = None
    after: Any = None


#: The figure that stands for a whole item.
SIZE = {"sites": "it_capacity_mw", "pools": "count", "links": "capacity_gbps"}


def topology_changes(base: TopologySpec, changed: TopologySpec) -> list[Change]:
    """Return what differs, in the order of a topology's lists; sources do not count."""
    out: list[Change] = []
    old, new = base.model_dump(mode="json"), changed.model_dump(mode="json")
    for field in TopologySpec.model_fields:
        if field not in ("id", "title", "description", "provenance", *PARTS):
            out += _differences("", "", field, old[field], new[field])
    for part in PARTS:
        before = {item["id"]: item for item in old[part]}
        after = {item["id"]: item for item in new[part]}
        size = SIZE.get(part, "")
        for name in [*before, *(name for name in after if name not in before)]:
            if name not in after:
                out.append(Change(part, name, "", "removed", before[name].get(size), None))
            elif name not in before:
                out.append(Change(part, name, "", "added", None, after[name].get(size)))
            else:
                out += _differences(part, name, "", before[name], after[name])
    return out


def _of(part: str, item: str, field: str, before: Any, after: Any) -> Change:
    kind: Kind = "changed"
    if all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in (before, after)):
        kind = "grown" if after > before else "shrunk"
    return Change(part, item, field, kind, before, after)


def _differences(part: str, item: str, path: str, old: Any, new: Any) -> list[Change]:
    if old == new:
        return []
    if isinstance(old, dict) and isinstance(new, dict):
        out: list[Change] = []
        for key in [*old, *(key for key in new if key not in old)]:
            if key != "provenance":
                deeper = f"{path}.{key}" if path else key
                out += _differences(part, item, deeper, old.get(key), new.get(key))
        return out
    if (
        isinstance(old, list) and isinstance(new, list) and len(old) == len(new)
        and all(isinstance(one, dict) for one in (*old, *new))
    ):  # fmt: skip
        out = []
        for index, (before, after) in enumerate(zip(old, new, strict=True)):
            name = before.get("id", index)
            out += _differences(part, item, f"{path}.{name}", before, after)
        return out
    return [_of(part, item, path, old, new)]
