"""From a layout to its topology, along ``extends``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from computenet.errors import InputError, Problem, nearest
from computenet.scenario.catalogue import layout_files, topology_files
from computenet.scenario.layouts.applying import changed_by, read_layout
from computenet.scenario.layouts.spec import LayoutSpec
from computenet.scenario.yaml_text import read_yaml

__all__ = ["Resolved", "is_layout", "resolve_layout"]


@dataclass(slots=True)
class Resolved:
    """The topology a layout stands for.

    Attributes
    ----------
    topology
        Raw; ``None`` where there is no base to start from.
    root
        Name of the built-in topology at the end of the chain, if it is one.
    problems
        Every problem of every layout on the way.
    """

    topology: dict[str, Any] | None = None
    root: str | None = None
    problems: list[Problem] = field(default_factory=list)


def is_layout(content: Any) -> bool:
    """Return whether a raw mapping is a layout rather than a topology or scenario."""
    return isinstance(content, Mapping) and "extends" in content and "topology" not in content


def resolve_layout(content: Mapping[str, Any], folder: Path, where: str | None = None) -> Resolved:
    """Return the topology that a raw layout stands for, with the problems found on the way.

    Parameters
    ----------
    folder
        What ``extends`` is relative to.
    where
        What problems call the layout: its file; otherwise its id.
    """
    out = Resolved()
    layers: list[tuple[LayoutSpec | None, str]] = []
    seen = [Path(where).resolve()] if where is not None else []
    raw: Mapping[str, Any] = content
    while True:
        name = where or str(raw.get("id", "layout"))
        layers.append((read_layout(raw, name, out.problems), name))
        extends = raw.get("extends")
        if not isinstance(extends, str) or not extends:
            return out  # told by the layout's own problems
        base = _base(extends, folder, name, seen, out)
        if base is None:
            return out
        following, path = base
        if not is_layout(following):
            out.topology = following
            break
        raw, folder, where = following, path.parent, str(path)
    for spec, name in reversed(layers):
        if spec is not None:
            out.topology = changed_by(out.topology, spec, name, out.problems)
    return out


def _base(
    extends: str, folder: Path, name: str, seen: list[Path], out: Resolved
) -> tuple[dict[str, Any], Path] | None:
    """Read what a layout extends, or note why that cannot be."""

    def wrong(message: str, allowed: str | None = None, like: str | None = None) -> None:
        out.problems.append(Problem(f"{name}: extends", extends, message, allowed, like))

    topologies, layouts = topology_files(), layout_files()
    known = {**layouts, **topologies}
    path = known.get(extends, folder / extends)
    if not os.path.isfile(path):
        folder_there = os.path.isdir(path)
        words = "is a directory, not a file" if folder_there else "is neither built in nor a file"
        wrong(words, f"{', '.join(known)}, or a file", nearest(extends, known))
        return None
    if path.resolve() in seen:
        round_ = [one.name for one in seen[seen.index(path.resolve()) :]]
        wrong(f"leads round in a circle: {' -> '.join([*round_, path.name])}")
        return None
    seen.append(path.resolve())
    try:
        content = read_yaml(path)
    except InputError as error:
        out.problems.extend(error.problems)
        return None
    if not isinstance(content, dict) or ("sites" not in content and not is_layout(content)):
        wrong("is neither a topology nor a layout", "a file with sites, or with extends")
        return None
    out.root = extends if extends in topologies else None
    return content, path
