"""The map of a plan: sites, halls, green power and links by stage, with a slider."""

from __future__ import annotations

import math
from html import escape, unescape
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from computenet.report.geography import project
from computenet.report.map import draw_ground, frame
from computenet.report.numbers import decimals, plain, share
from computenet.report.plan_labels import label_places, wrapped
from computenet.report.plan_view import PlanView, Row
from computenet.report.plan_words import PlanWords
from computenet.report.view import Names
from computenet.scenario.topology import RegionSpec, SiteSpec

__all__ = ["plan_map"]

F8 = NDArray[np.float64]

NEW, OLD, EDGE, QUIET = "#d9822b", "#6f7a80", "#5a3b1e", "#9fb0ba"
#: From the grid's mix to green.
GREEN = [[0.0, "#8d8478"], [0.5, "#d9cf8f"], [0.8, "#7fb069"], [1.0, "#1f7a46"]]
#: Power below this part of the largest site's is none.
NOTHING = 1e-4
LEAST_PX, MORE_PX = 4.0, 34.0
#: Names stay legible over lines and marks.
HALO = "1px 1px 1px #fff, -1px 1px 1px #fff, 1px -1px 1px #fff, -1px -1px 1px #fff"
#: Scale for which names are placed: the map at its full width.
KM_PER_PX = 4.6


def plan_map(view: PlanView, names: Names, word: PlanWords) -> go.Figure:
    """Return the map with the traces of every stage, of which the slider shows one."""
    figure = go.Figure()
    draw_ground(figure)
    topology = view.scenario.topology
    x, y = project([r.longitude for r in topology.regions], [r.latitude for r in topology.regions])
    figure.add_scatter(
        x=x, y=y, mode="markers", name=word.label("regions"), showlegend=False,
        text=[escape(names.region(region.id)) for region in topology.regions],
        hovertemplate="%{text}<extra></extra>",
        marker={"size": 3.5, "color": "#5b7f95", "opacity": 0.6},
    )  # fmt: skip
    always = len(figure.data)
    places = _places(view)
    of_stage = []
    for stage in view.stages:
        before = len(figure.data)
        _links(figure, view, stage, places, word)
        _sites(figure, view, stage, places, names, word)
        of_stage.append(len(figure.data) - before)
    frame(figure, word.label)
    last = len(view.stages) - 1
    masks = [_mask(always, of_stage, chosen) for chosen in range(len(view.stages))]
    for trace, seen in zip(figure.data, masks[last], strict=True):
        trace.visible = seen
    figure.update_layout(
        meta={"table": _table(view, names, word)}, margin={"b": 74},
        legend={"y": 1.0, "font": {"size": 11}},
    )  # fmt: skip
    if last > 0:
        figure.update_layout(sliders=[_slider(view, masks, word)])
    return figure


def _mask(always: int, of_stage: list[int], chosen: int) -> list[bool]:
    """Return which traces are seen in a stage."""
    out = [True] * always
    for number, count in enumerate(of_stage):
        out += [number == chosen] * count
    return out


def _slider(view: PlanView, masks: list[list[bool]], word: PlanWords) -> dict[str, Any]:
    return {
        "active": len(masks) - 1, "x": 0.03, "len": 0.78, "y": 0.0, "pad": {"t": 12, "b": 6},
        "currentvalue": {"prefix": f"{word('stage')} ", "font": {"size": 14}},
        "steps": [
            {"label": escape(stage), "method": "restyle", "args": [{"visible": mask}]}
            for stage, mask in zip(view.stages, masks, strict=True)
        ],
    }  # fmt: skip


def _places(view: PlanView) -> dict[str, F8]:
    out = {}
    places: list[RegionSpec | SiteSpec] = [*view.scenario.topology.regions]
    for place in [*places, *view.scenario.topology.sites]:
        x, y = project(place.longitude, place.latitude)
        out[place.id] = np.asarray([float(x), float(y)])
    return out


def _links(
    figure: go.Figure, view: PlanView, stage: str, places: dict[str, F8], word: PlanWords
) -> None:
    ends = {link.id: (link.a, link.b) for link in view.scenario.topology.links}
    used = [row for row in view.rows("links", stage=stage) if row["link"] in ends]
    digits = decimals(row["traffic_gbps"] for row in used)
    for lit, colour, width in ((False, QUIET, 0.9), (True, NEW, 2.2)):
        chosen = [row for row in used if (row["waves_in_service"] > 0) == lit]
        gap = np.asarray([[np.nan, np.nan]])
        line = [
            part
            for row in chosen
            for part in (*(places[end][None] for end in ends[row["link"]]), gap)
        ]
        xy = np.concatenate(line) if line else gap
        name = word("links_lit" if lit else "links_same")
        shared = {"legendgroup": name, "xaxis": "x", "yaxis": "y"}
        figure.add_scatter(
            x=xy[:, 0].round(1), y=xy[:, 1].round(1), mode="lines", name=name, hoverinfo="skip",
            line={"color": colour, "width": width}, opacity=0.8, showlegend=bool(chosen), **shared,
        )  # fmt: skip
        if not lit:
            continue
        middle = [(places[ends[row["link"]][0]] + places[ends[row["link"]][1]]) / 2.0
                  for row in chosen]  # fmt: skip
        figure.add_scatter(
            x=[spot[0] for spot in middle], y=[spot[1] for spot in middle], mode="markers",
            text=[
                f"<b>{escape(str(row['link']))}</b><br>+{row['waves_in_service']} × "
                f"{view.planning.links.wave_gbps:g} Gbps<br>"
                f"{plain(row['traffic_gbps'], digits)} / {plain(row['capacity_gbps'])} Gbps"
                for row in chosen
            ],
            hovertemplate="%{text}<extra></extra>", showlegend=False,
            marker={"size": 6, "color": NEW}, **shared,
        )  # fmt: skip


def _sites(
    figure: go.Figure, view: PlanView, stage: str, places: dict[str, F8], names: Names,
    word: PlanWords,
) -> None:  # fmt: skip
    rows = view.rows("sites", stage=stage)
    energy = {row["site"]: row for row in view.rows("energy", stage=stage)}
    table = view.tables["sites"]
    most = max(float(table["nameplate_mw"].max()),
               float((table["halls_new_mw"] + table["halls_old_mw"]).max()), 1e-12)  # fmt: skip
    used = [row for row in rows if row["nameplate_mw"] > NOTHING * most]
    idle = [row for row in rows if row["nameplate_mw"] <= NOTHING * most]
    if idle:
        figure.add_scatter(
            x=[places[row["site"]][0] for row in idle], y=[places[row["site"]][1] for row in idle],
            mode="markers", name=word("unused"), text=[escape(names.site(r["site"])) for r in idle],
            hovertemplate="%{text}<extra></extra>",
            marker={"size": 8, "symbol": "x-thin", "line": {"width": 1.6, "color": OLD}},
        )  # fmt: skip

    def size(mw: float) -> float:
        return LEAST_PX + MORE_PX * math.sqrt(max(mw, 0.0) / most)

    for new in (False, True):
        ring = [row for row in used if (row["halls_new_mw"] > NOTHING * most) == new]
        if not ring:
            continue
        figure.add_scatter(
            x=[places[row["site"]][0] for row in ring], y=[places[row["site"]][1] for row in ring],
            mode="markers", name=word("room_new" if new else "room"), hoverinfo="skip",
            marker={
                "size": [size(row["halls_new_mw"] + row["halls_old_mw"]) + 5.0 for row in ring],
                "symbol": [_symbol(row) for row in ring], "color": "rgba(255,255,255,0.55)",
                "line": {"width": 2.6 if new else 1.4, "color": NEW if new else OLD},
            },
        )  # fmt: skip
    digits = decimals(float(value) for value in table["nameplate_mw"])
    used.sort(key=lambda row: -row["nameplate_mw"])
    lines = [_lines(names.site(row["site"]), plain(row["nameplate_mw"], digits)) for row in used]
    rings = [size(row["halls_new_mw"] + row["halls_old_mw"]) / 2.0 + 3.0 for row in used]
    spots = np.asarray([places[row["site"]] for row in used]).reshape(-1, 2)
    sides = label_places(spots, rings, lines, KM_PER_PX)
    figure.add_scatter(
        x=[places[row["site"]][0] for row in used], y=[places[row["site"]][1] for row in used],
        mode="markers+text", name=word("in_use"),
        textposition=[side or "top center" for side in sides],
        text=["<br>".join(map(escape, line)) if side else ""
              for line, side in zip(lines, sides, strict=True)],
        textfont={"size": 10.5, "color": "#22313a", "shadow": HALO},
        customdata=[_told(view, row, energy[row["site"]], names, word) for row in used],
        hovertemplate="%{customdata}<extra></extra>",
        marker={
            "size": [size(row["nameplate_mw"]) for row in used],
            "symbol": [_symbol(row) for row in used], "opacity": 0.95,
            "color": [_known(energy[row["site"]]["green_share"]) for row in used],
            "cmin": 0.0, "cmax": 1.0, "colorscale": GREEN, "line": {"width": 0.8, "color": EDGE},
            "colorbar": {
                "title": {"text": word("site_green"), "side": "top"}, "tickformat": ".0%",
                "orientation": "h", "len": 0.26, "thickness": 9, "x": 0.02, "xanchor": "left",
                "y": 0.02, "yanchor": "bottom",
            },
        },
    )  # fmt: skip


def _lines(name: str, value: str) -> list[str]:
    """Return a name in lines, and the value below it."""
    return [unescape(part) for part in wrapped(name, 18).split("<br>")] + [value]


def _known(value: float) -> float | None:
    return float(min(max(value, 0.0), 1.0)) if value == value else None


def _symbol(row: Row) -> str:
    return "circle" if row["hub"] else "square"


def _told(view: PlanView, row: Row, energy: Row, names: Names, word: PlanWords) -> str:
    lines = [
        f"<b>{escape(names.site(row['site']))}</b>",
        f"{word('in_use')} {plain(row['nameplate_mw'], 2)} MW",
        f"{word('halls_new')} {plain(row['halls_new_mw'], 2)}",
        f"{word('halls_old')} {plain(row['halls_old_mw'], 2)}",
        f"{word('accelerators')} {plain(row['accelerators'])}",
        f"{word('pv')} {plain(row['pv_mw'], 1)} · {word('wind')} {plain(row['wind_mw'], 1)} · "
        f"{word('battery')} {plain(row['battery_mwh'], 1)}",
        f"{word('pue')} {plain(row['pue'], 3)} · {word('green_col')} "
        f"{share(energy['green_share'])}",
    ]
    return "<br>".join(lines)


def _table(view: PlanView, names: Names, word: PlanWords) -> dict[str, list[Any]]:
    """Return what the map shows as rows, for export."""
    spots = {site.id: site for site in view.scenario.topology.sites}
    green = {(row["stage"], row["site"]): _known(row["green_share"]) for row in view.rows("energy")}
    columns = [word("stage"), word("site"), word.label("map_longitude"),
               word.label("map_latitude"), f"{word('in_use')}, MW", word("halls_new"),
               word("halls_old"), word("accelerators"), word("green_col")]  # fmt: skip
    rows = [
        [
            row["stage"], names.site(row["site"]), spots[row["site"]].longitude,
            spots[row["site"]].latitude,
            *(float(row[key])
              for key in ("nameplate_mw", "halls_new_mw", "halls_old_mw", "accelerators")),
            green[row["stage"], row["site"]],
        ]
        for row in view.rows("sites")
    ]  # fmt: skip
    return {"columns": columns, "rows": rows}
