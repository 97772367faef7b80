"""Candidate sites of a planner's list (CSV or GeoJSON) as a layout over a topology."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from computenet.errors import InputError, Problem, nearest
from computenet.interop.candidate_rows import COLUMNS, Row, read_rows, template_lines
from computenet.interop.odd_places import odd_places
from computenet.interop.ways import Ways
from computenet.network.distance import great_circle_km
from computenet.scenario import LayoutSpec, load_scenario
from computenet.scenario.common import Name
from computenet.scenario.layouts import LayoutAdditions
from computenet.scenario.topology import SiteSpec, TopologySpec

__all__ = ["CandidateTemplate", "candidate_template", "layout_from_sites"]

TITLE = "candidate sites cannot be used"
#: What is taken from the nearest site where a row leaves it out.
FROM_NEAREST = ("pue", "water_l_per_kwh", "green_contract_share", "tariff", "grid", "cooling",
                "role")  # fmt: skip


@dataclass(frozen=True, slots=True)
class CandidateTemplate:
    """A table to begin with: columns explained, and rows that can be used as they are."""

    text: str
    command: str


def candidate_template(topology: str = "china-2025") -> CandidateTemplate:
    """Return a CSV of candidate sites to begin with, every column explained above it."""
    base = load_scenario(topology).topology
    command = f"computenet layout from-sites sites.csv --topology {topology} --out layout.yaml"
    return CandidateTemplate(template_lines(base), command)


def layout_from_sites(
    path: str | Path,
    *,
    topology: str = "china-2025",
    links: int = 3,
    id: str | None = None,
    title: Name | Mapping[str, str] | None = None,
    source: str | None = None,
    notes: list[str] | None = None,
) -> LayoutSpec:
    """Return the layout that adds the candidate sites of a file to a topology.

    A row becomes a site, a pool where it names an accelerator, and links to the region it lies in
    and to the nearest sites. What a row leaves out is taken from the nearest site of its region,
    or the nearest of all. Links follow the topology's own: the length is the great-circle distance
    times the median factor of its links, latency and price lie on the straight lines through its
    links' lengths (least squares), the capacity is the median of links of the kind.

    Parameters
    ----------
    path
        CSV (UTF-8) or GeoJSON of points; columns or properties as in `candidate_template`.
    topology
        Built-in topology or layout, or the path of one.
    links
        How many of the nearest sites of the topology each candidate is linked to.
    id, title
        Of the layout; after the file's name.
    source
        Behind the layout's numbers; the file's name.
    notes
        Takes what is odd and still used, sites far from all others and two sites at one point,
        and how many features of an exported topology are no sites.

    Raises
    ------
    InputError
        With the problems of every row.
    """
    file = Path(path)
    base = load_scenario(topology).topology
    problems: list[Problem] = []
    if links < 0:
        problems.append(Problem("links", links, "is out of range", "0 or more"))
    odd: list[str] = []
    rows = read_rows(file, problems, odd)
    _check(rows, base, problems)
    odd += odd_places(rows, base, problems)
    if problems:
        raise InputError(problems, TITLE)
    if notes is not None:
        notes += odd
    ways = Ways.of(base)
    add: dict[str, list[dict[str, Any]]] = {"sites": [], "pools": [], "links": []}
    taken = {link.id for link in base.links}
    for row in rows:
        site = _site(row, base)
        add["sites"].append(site)
        pool = _pool(row, base, site["role"])
        if pool is not None:
            add["pools"].append(pool)
        for link in ways.links(site, links):
            if link["id"] not in taken:
                taken.add(link["id"])
                add["links"].append(link)
    name = re.sub(r"[^\w-]+", "-", id or file.stem).strip("-") or "candidates"
    head = title if title is not None else {"en": f"Candidate sites: {file.stem}",
                                            "zh": f"候选站点：{file.stem}"}  # fmt: skip
    return LayoutSpec(
        extends=topology, id=name,
        title=head if isinstance(head, Name) else Name(**dict(head)),
        description=f"{len(rows)} candidate sites of {file.name}.",
        source=source or f"candidate sites of {file.name}; what it leaves out after the nearest "
        "site, links after those of the topology",
        grade="assumed", add=LayoutAdditions(**add),
    )  # fmt: skip


def _check(rows: Sequence[Row], base: TopologySpec, problems: list[Problem]) -> None:
    """Note what rows say of other records that is not so."""
    choices = {
        "province": [region.id for region in base.regions],
        "tariff": [tariff.id for tariff in base.tariffs],
        "grid": [grid.id for grid in base.grids],
        "accelerator": [kind.id for kind in base.accelerators],
    }
    taken = {site.id for site in base.sites} | {region.id for region in base.regions}
    seen: set[str] = set()
    for row in rows:
        for field, names in choices.items():
            value = row.values.get(field)
            if isinstance(value, str) and value not in names:
                listed = ", ".join(names[:40]) + (" …" if len(names) > 40 else "")
                problems.append(
                    Problem(f"{row.where}: {field}", value, f"names no {field} of the topology",
                            listed, nearest(value, names))
                )  # fmt: skip
        name = row.values.get("id")
        if name in taken:
            problems.append(Problem(f"{row.where}: id", name, "is in the topology already"))
        elif name in seen:
            problems.append(Problem(f"{row.where}: id", name, "stands in an earlier row"))
        if name is not None:
            seen.add(str(name))


def _nearest_site(row: Row, base: TopologySpec, province: str) -> SiteSpec:
    at = np.asarray([row.values["latitude"]]), np.asarray([row.values["longitude"]])
    sites = [site for site in base.sites if site.province == province] or base.sites
    away = great_circle_km(
        *at, np.asarray([s.latitude for s in sites]), np.asarray([s.longitude for s in sites])
    )[0]
    return sites[int(away.argmin())]


def _province(row: Row, base: TopologySpec) -> str:
    given = row.values.get("province")
    if given is not None:
        return str(given)
    at = np.asarray([row.values["latitude"]]), np.asarray([row.values["longitude"]])
    away = great_circle_km(
        *at, np.asarray([r.latitude for r in base.regions]),
        np.asarray([r.longitude for r in base.regions]),
    )[0]  # fmt: skip
    return base.regions[int(away.argmin())].id


def _site(row: Row, base: TopologySpec) -> dict[str, Any]:
    values = row.values
    province = _province(row, base)
    like = _nearest_site(row, base, province)
    name = str(values["id"])
    english = str(values.get("name_en") or name)
    site: dict[str, Any] = {
        "id": name,
        "name": {"en": english, "zh": str(values.get("name_zh") or english)},
        "province": province,
        "latitude": values["latitude"],
        "longitude": values["longitude"],
        "it_capacity_mw": values["it_capacity_mw"],
    }
    for field in FROM_NEAREST:
        given = values.get(field)
        site[field] = getattr(like, field) if given is None else given
    if like.climate is not None:
        site["climate"] = like.climate.model_dump(mode="json", exclude_defaults=True)
    if values.get("source"):
        own = {"source": values["source"], "grade": values.get("grade", "assumed")}
        borrowed = f"like {like.id}, the nearest site"
        given_fields = [f for f in (*COLUMNS, "province") if values.get(f) is not None]
        site["provenance"] = {
            "*": {"source": borrowed, "grade": "assumed"},
            **{field: own for field in given_fields if field in SiteSpec.model_fields
               and field not in ("id", "province", "role", "tariff", "grid", "cooling")},
        }  # fmt: skip
    return site


def _pool(row: Row, base: TopologySpec, role: str) -> dict[str, Any] | None:
    kind = row.values.get("accelerator")
    if kind is None:
        return None
    share = row.values.get("serving_share")
    if share is None:
        alike = {site.id for site in base.sites if site.role == role}
        shares = [pool.serving_share for pool in base.pools if pool.site in alike]
        share = float(np.median(shares)) if shares else 0.0
    site = str(row.values["id"])
    return {"id": f"{site}/{kind}", "site": site, "accelerator": kind,
            "count": row.values["count"], "serving_share": share}  # fmt: skip
