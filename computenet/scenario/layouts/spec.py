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

    accelerators: Items = Field(
        default_factory=list, description="accelerator types to add, with all fields that they need"
    )
    sites: Items = Field(
        default_factory=list, description="sites to add, with all fields that they need"
    )
    pools: Items = Field(
        default_factory=list, description="pools to add, with all fields that they need"
    )
    regions: Items = Field(
        default_factory=list, description="regions to add, with all fields that they need"
    )
    links: Items = Field(
        default_factory=list, description="links to add, with all fields that they need"
    )
    tariffs: Items = Field(
        default_factory=list, description="tariffs to add, with all fields that they need"
    )
    grids: Items = Field(
        default_factory=list, description="grids to add, with all fields that they need"
    )


class LayoutRemovals(Spec):
    """Items that a layout takes away, by id.

    The pools and links of a site go with it, as do the links of a region.
    """

    accelerators: Names = Field(
        default_factory=list, description="ids of accelerator types to take away"
    )
    sites: Names = Field(default_factory=list, description="ids of sites to take away")
    pools: Names = Field(default_factory=list, description="ids of pools to take away")
    regions: Names = Field(default_factory=list, description="ids of regions to take away")
    links: Names = Field(default_factory=list, description="ids of links to take away")
    tariffs: Names = Field(default_factory=list, description="ids of tariffs to take away")
    grids: Names = Field(default_factory=list, description="ids of grids to take away")


class LayoutSpec(Spec):
    """A topology as its difference from another one.

    What it sets is applied first, then what it removes goes, then what it adds comes.
    """

    extends: Text = Field(
        description="built-in topology or layout, or the path of either, relative to this file"
    )
    id: Identifier = Field(description="of the topology that it makes")
    title: Name = Field(description="name in English and Chinese")
    description: str = Field(default="", description="in words, for readers")
    source: Text = Field(description="document and year behind what is set or added here")
    grade: Grade = Field(description="how far source can be trusted")
    set: dict[str, Any] = Field(
        default_factory=dict,
        description="values by dotted path within the topology; items of lists by their id",
    )
    add: LayoutAdditions = Field(
        default_factory=LayoutAdditions, description="items that come, after remove"
    )
    remove: LayoutRemovals = Field(
        default_factory=LayoutRemovals, description="items that go, after set"
    )

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
