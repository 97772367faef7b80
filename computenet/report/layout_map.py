"""The map of a layout, with what sets it apart from its base."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any, Protocol

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from computenet.report.geography import project
from computenet.report.labels import Labels
from computenet.report.map import draw_ground, frame, label_sides
from computenet.report.numbers import plain, significant
from computenet.scenario import TopologySpec
from computenet.scenario.topology import LinkSpec, RegionSpec, SiteSpec

__all__ = ["ChangeView", "layout_map", "link_status", "site_status"]

COLOURS = {
    "added": "#2f8f4e", "grown": "#d9822b", "shrunk": "#7a68a6", "removed": "#b03a3a",
    "changed": "#2f6f9f", "same": "#b9b4a6",
}  # fmt: skip
SYMBOLS = {"added": "diamond", "grown": "circle", "shrunk": "circle", "removed": "x-thin",
           "changed": "circle", "same": "circle"}  # fmt: skip


class ChangeView(Protocol):
    """One difference; see `computenet.scenario.layouts.Change`."""

    @property
    def part(self) -> str: ...
    @property
    def item(self) -> str: ...
    @property
    def field(self) -> str: ...
    @property
    def kind(self) -> Any: ...
    @property
    def before(self) -> Any: ...
    @property
    def after(self) -> Any: ...


def _accelerators(topology: TopologySpec, site: str) -> int:
    return sum(pool.count for pool in topology.pools if pool.site == site)


def site_status(
    base: TopologySpec, topology: TopologySpec, changes: Sequence[ChangeView]
) -> dict[str, str]:
    """Return what became of every site of either topology: ``grown``, say, or ``same``."""
    old, new = ({site.id: site for site in one.sites} for one in (base, topology))
    touched = {change.item for change in changes if change.part == "sites"}
    out: dict[str, str] = {}
    for name in [*old, *(name for name in new if name not in old)]:
        if name not in new:
            out[name] = "removed"
        elif name not in old:
            out[name] = "added"
        else:
            more = (
                _accelerators(topology, name) - _accelerators(base, name)
                or new[name].it_capacity_mw - old[name].it_capacity_mw
            )
            out[name] = "grown" if more > 0 else "shrunk" if more < 0 else "same"
            if not more and name in touched:
                out[name] = "changed"
    return out


def link_status(
    base: TopologySpec, topology: TopologySpec, changes: Sequence[ChangeView]
) -> dict[str, str]:
    """Return what became of every link of either topology."""
    out = {link.id: "same" for link in (*base.links, *topology.links)}
    for change in changes:
        if change.part != "links":
            continue
        if change.field in ("", "capacity_gbps"):
            out[change.item] = str(change.kind)
        elif out[change.item] == "same":
            out[change.item] = "changed"
    return out


def layout_map(
    base: TopologySpec,
    topology: TopologySpec,
    changes: Sequence[ChangeView],
    label: Labels,
    most_mw: float,
) -> go.Figure:
    """Return the map of a layout beside its base.

    Parameters
    ----------
    most_mw
        Capacity of the largest site of all maps that stand side by side: they share a scale.
    """
    figure = go.Figure()
    draw_ground(figure)
    _links(figure, base, topology, link_status(base, topology, changes), label)
    _regions(figure, topology, label)
    status = site_status(base, topology, changes)
    _sites(figure, base, topology, status, label, most_mw)
    frame(figure, label)
    figure.update_layout(
        meta={"table": _table(base, topology, changes, label)},
        legend={"y": 0.0, "font": {"size": 11}}, margin={"b": 52},
    )  # fmt: skip
    return figure


def _places(*topologies: TopologySpec) -> dict[str, NDArray[np.float64]]:
    out: dict[str, NDArray[np.float64]] = {}
    for topology in topologies:
        places: list[RegionSpec | SiteSpec] = [*topology.regions, *topology.sites]
        for place in places:
            x, y = project(place.longitude, place.latitude)
            out.setdefault(place.id, np.asarray([float(x), float(y)]))
    return out


def _links(
    figure: go.Figure, base: TopologySpec, topology: TopologySpec, status: dict[str, str],
    label: Labels,
) -> None:  # fmt: skip
    places = _places(topology, base)
    old = {link.id: link for link in base.links}
    links: dict[str, LinkSpec] = {**old, **{link.id: link for link in topology.links}}
    regions = {region.id for region in topology.regions}
    for kind, width, dash in (("same", 0.5, None), ("changed", 1.6, None), ("shrunk", 1.6, "dot"),
                              ("removed", 1.6, "dash"), ("grown", 3.2, None),
                              ("added", 3.2, None)):  # fmt: skip
        chosen = [
            link for name, link in links.items()
            if status[name] == kind and (kind != "same" or not {link.a, link.b} & regions)
        ]  # fmt: skip
        if not chosen:
            continue
        gap = np.asarray([[np.nan, np.nan]])
        line = np.concatenate(
            [part for link in chosen for part in (places[link.a][None], places[link.b][None], gap)]
        )
        colour, quiet = COLOURS[kind], kind == "same"
        shared = {"legendgroup": f"link-{kind}", "xaxis": "x", "yaxis": "y"}
        figure.add_scatter(
            x=line[:, 0], y=line[:, 1], mode="lines", hoverinfo="skip", showlegend=not quiet,
            name=f"{label('change_links')}: {label(f'change_{kind}')}",
            opacity=0.6 if quiet else 0.9,
            line={"color": colour, "width": width, "dash": dash}, **shared,
        )  # fmt: skip
        if quiet:
            continue
        middle = np.asarray([(places[link.a] + places[link.b]) / 2.0 for link in chosen])
        texts = [
            f"<b>{escape(link.id)}</b><br>{_gbps(old.get(link.id), kind == 'added')} → "
            f"{_gbps(link, kind == 'removed')} Gbps"
            for link in chosen
        ]
        figure.add_scatter(
            x=middle[:, 0], y=middle[:, 1], mode="markers", text=texts, showlegend=False,
            hovertemplate="%{text}<extra></extra>", marker={"size": 5, "color": colour}, **shared,
        )  # fmt: skip


def _gbps(link: LinkSpec | None, absent: bool) -> str:
    return "0" if link is None or absent else significant(link.capacity_gbps)


def _regions(figure: go.Figure, topology: TopologySpec, label: Labels) -> None:
    x, y = project([r.longitude for r in topology.regions], [r.latitude for r in topology.regions])
    figure.add_scatter(
        x=x, y=y, mode="markers", name=label("regions"), hoverinfo="skip",
        marker={"size": 3.5, "color": "#5b7f95", "opacity": 0.6},
    )  # fmt: skip


def _sites(
    figure: go.Figure, base: TopologySpec, topology: TopologySpec, status: dict[str, str],
    label: Labels, most_mw: float,
) -> None:  # fmt: skip
    old = {site.id: site for site in base.sites}
    sites: dict[str, SiteSpec] = {**old, **{site.id: site for site in topology.sites}}
    spots = np.stack(project([s.longitude for s in sites.values()],
                             [s.latitude for s in sites.values()]), axis=1)  # fmt: skip
    sides = label_sides(spots)
    for kind in ("same", "changed", "shrunk", "grown", "added", "removed"):
        chosen = [i for i, name in enumerate(sites) if status[name] == kind]
        if not chosen:
            continue
        items = [list(sites.values())[i] for i in chosen]
        more = {
            site.id: (0 if kind == "removed" else _accelerators(topology, site.id))
            - _accelerators(base, site.id)
            for site in items
        }
        under = {key: f"<br>{_signed(value)}" if value else "" for key, value in more.items()}
        size = [9.0 + 27.0 * (site.it_capacity_mw / most_mw) ** 0.5 for site in items]
        figure.add_scatter(
            x=spots[chosen, 0], y=spots[chosen, 1], mode="markers+text",
            name=f"{label('sites')}: {label(f'change_{kind}')}",
            text=[_broken(getattr(site.name, label.lang)) + under[site.id] for site in items],
            textposition=[sides[i] for i in chosen], textfont={"size": 11, "color": "#22313a"},
            customdata=[_told(site, old.get(site.id), more[site.id], kind, label)
                        for site in items],
            hovertemplate="%{customdata}<extra></extra>",
            marker={
                "size": size, "color": COLOURS[kind], "symbol": SYMBOLS[kind], "opacity": 0.9,
                "line": {"width": 3 if kind == "removed" else 1.2,
                         "color": COLOURS[kind] if kind == "removed" else "#5a3b1e"},
            },
        )  # fmt: skip


def _broken(name: str) -> str:
    """Return a name for the map, a long one in two lines."""
    if len(name) <= (18 if name.isascii() else 9):
        return escape(name)
    middle = len(name) // 2
    spaces = [at for at, letter in enumerate(name) if letter == " "]
    at = min(spaces, key=lambda place: abs(place - middle)) if spaces else middle
    return f"{escape(name[:at].rstrip())}<br>{escape(name[at:].lstrip())}"


def _signed(value: float) -> str:
    return ("+" if value > 0 else "") + plain(value)


def _told(site: SiteSpec, before: SiteSpec | None, more: int, kind: str, label: Labels) -> str:
    was = 0.0 if before is None else before.it_capacity_mw
    now = 0.0 if kind == "removed" else site.it_capacity_mw
    power = significant(now)
    if was != now:
        power = f"{significant(was)} → {power}"
    return (
        f"<b>{escape(getattr(site.name, label.lang))}</b><br>{label(f'change_{kind}')}<br>"
        f"{label('it_capacity')} {power} MW<br>{label('col_accelerators')} {_signed(more)}"
    )


def _table(
    base: TopologySpec, topology: TopologySpec, changes: Sequence[ChangeView], label: Labels
) -> dict[str, list[Any]]:
    """Return the sites of either topology, and every change, as rows."""
    columns = [label(f"map_{name}") for name in ("kind", "from", "longitude", "latitude")]
    columns += [label("change_what"), label("change_before"), label("change_after")]
    old, new = ({site.id: site for site in one.sites} for one in (base, topology))
    rows: list[list[Any]] = []
    for name, site in {**old, **new}.items():
        powers = [one[name].it_capacity_mw if name in one else None for one in (old, new)]
        what = label("change_field_it_capacity_mw")
        rows.append([label("sites"), name, site.longitude, site.latitude, what, *powers])
    for change in changes:
        if (change.part, change.field) != ("sites", "it_capacity_mw"):
            kind = label(f"change_{change.kind}")
            values = [_plain_cell(change.before), _plain_cell(change.after)]
            part = label.or_own("change_part_", change.part)
            what = label.or_own("change_field_", change.field) if change.field else kind
            rows.append([part, change.item, None, None, what, *values])
    return {"columns": columns, "rows": rows}


def _plain_cell(value: Any) -> Any:
    return value if value is None or isinstance(value, (int, float, str)) else str(value)
