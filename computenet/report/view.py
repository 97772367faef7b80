"""What a report needs of a run, and how its things are called in either language."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    import pandas as pd

    from computenet.scenario import Scenario, TopologySpec

__all__ = ["Lang", "Names", "RunView", "number_at"]

Lang = Literal["en", "zh"]


class RunView(Protocol):
    """A finished run; `computenet.results.Results` is one.

    Attributes
    ----------
    scenario
        The resolved scenario.
    summary
        The figures of ``summary.json``.
    manifest
        Version, seed, policy, packages, machine, sampling.
    tables
        Data frames by name: sites, pools, requests, request_flows, jobs, links, events, plans,
        sources. Those that are on disk are not among them; `parts` yields columns of either kind.
    """

    @property
    def scenario(self) -> Scenario: ...
    @property
    def summary(self) -> dict[str, Any]: ...
    @property
    def manifest(self) -> dict[str, Any]: ...
    @property
    def tables(self) -> dict[str, pd.DataFrame]: ...
    def parts(self, name: str, columns: Sequence[str]) -> Iterator[pd.DataFrame]: ...


@dataclass(frozen=True, slots=True)
class Names:
    """Display names by id in one language; an id without a name stands for itself."""

    lang: Lang
    sites: Mapping[str, str]
    regions: Mapping[str, str]

    @classmethod
    def of(cls, run: RunView, lang: Lang) -> Names:
        """Collect the names of a run's topology."""
        return cls.of_topology(run.scenario.topology, lang)

    @classmethod
    def of_topology(cls, topology: TopologySpec, lang: Lang) -> Names:
        """Collect the names of a topology."""
        return cls(
            lang,
            {site.id: getattr(site.name, lang) or site.id for site in topology.sites},
            {region.id: getattr(region.name, lang) or region.id for region in topology.regions},
        )

    def site(self, key: object) -> str:
        """Return a site's name."""
        return self.sites.get(str(key), str(key))

    def region(self, key: object) -> str:
        """Return a region's name."""
        return self.regions.get(str(key), str(key))


def number_at(tree: Mapping[str, Any], path: str) -> float | None:
    """Return the number at a dotted path; ``None`` where there is none."""
    value: Any = tree
    for key in path.split("."):
        if not isinstance(value, Mapping) or key not in value:
            return None
        value = value[key]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value)
