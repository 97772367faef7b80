"""Layouts: a topology told as a small difference from another one."""

from computenet.scenario.layouts.applying import apply_layout
from computenet.scenario.layouts.between import layout_between, without_provenance
from computenet.scenario.layouts.chain import Resolved, is_layout, resolve_layout
from computenet.scenario.layouts.changes import Change, topology_changes
from computenet.scenario.layouts.spec import (
    PARTS,
    LayoutAdditions,
    LayoutRemovals,
    LayoutSpec,
    dump_layout,
)

__all__ = [
    "PARTS",
    "Change",
    "LayoutAdditions",
    "LayoutRemovals",
    "LayoutSpec",
    "Resolved",
    "apply_layout",
    "dump_layout",
    "is_layout",
    "layout_between",
    "resolve_layout",
    "topology_changes",
    "without_provenance",
]
