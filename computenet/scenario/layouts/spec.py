"""What a layout file says, and how it is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import yaml
from pydantic import Field, StringConstraints

from computenet.scenario.common import Grade, Identifier, Name, Provenance, Spec

__all__ = ["PARTS", "LayoutAdditions", "LayoutRemovals", "LayoutSpec", "dump_layout"]

#: Lists of a topology whose items a layout adds and removes.
PARTS = ("accelerators", "sites", "pools", "regions", "links", "tariffs", "grids")

Text = Annotated[str, StringConstraints(min_length=1)]
Items = list[dict[str, Any]]
Names = list[Identifier]


class LayoutAdditions(Spec):
    """Whole items that a layout adds; they are checked as parts of the topology they join."""

    accelerators: Items = Field(default_factory=list)
    sites: Items = Field(default_factory=list)
    pools: Items = Field(default_factory=list)
    regions: Items = Field(default_factory=list)
    links: Items = Field(default_factory=list)
    tariffs: Items = Field(default_factory=list)
    grids: Items = Field(default_factory=list)


class LayoutRemovals(Spec):
    """Items that a layout takes away, by id.

    The pools and links of a site go with it, as do the links of a region.
    """

    accelerators: Names = Field(default_factory=list)
    sites: Names = Field(default_factory=list)
    pools: Names = Field(default_factory=list)
    regions: Names = Field(default_factory=list)
    links: Names = Field(default_factory=list)
    tariffs: Names = Field(default_factory=list)
    grids: Names = Field(default_factory=list)


class LayoutSpec(Spec):
    """A topology as its difference from another one.

    What it sets is applied first, then what it removes goes, then what it adds comes.
    """

    extends: Text = Field(
        description="built-in topology or layout, or the path of either, relative to this file"
    )
    id: Identifier
    title: Name
    description: str = ""
    source: Text = Field(description="document and year behind what is set or added here")
    grade: Grade
    set: dict[str, Any] = Field(
        default_factory=dict,
        description="values by dotted path within the topology; items of lists by their id",
    )
    add: LayoutAdditions = Field(default_factory=LayoutAdditions)
    remove: LayoutRemovals = Field(default_factory=LayoutRemovals)

    @property
    def provenance(self) -> Provenance:
        """What stands behind a value that says nothing else."""
        return Provenance(source=self.source, grade=self.grade)


class _Dumper(yaml.SafeDumper):
    """Writes repeated values in full, without anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def dump_layout(layout: LayoutSpec | Mapping[str, Any]) -> str:
    """Return a layout as YAML; what it leaves empty is left out.

    Raises
    ------
    pydantic.ValidationError
        A mapping that is no layout.
    """
    spec = layout if isinstance(layout, LayoutSpec) else LayoutSpec.model_validate(layout)
    content = spec.model_dump(mode="json")
    if not content["description"]:
        del content["description"]
    for part in ("add", "remove"):
        content[part] = {name: items for name, items in content[part].items() if items}
    for part in ("set", "add", "remove"):
        if not content[part]:
            del content[part]
    text: str = yaml.dump(
        content, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=100,
        default_flow_style=None,
    )  # fmt: skip
    return text
