"""The map: provinces, hubs by capacity and utilisation, demand regions, flows as arcs."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from computenet.report.geography import Ground, ground, project
from computenet.report.labels import Labels
from computenet.report.numbers import compact, duration, plain, share, significant
from computenet.report.planning import site_prices
from computenet.report.view import Names, RunView

__all__ = ["MOST_FLOWS", "draw_ground", "frame", "label_sides", "map_figure", "map_note"]

F8 = NDArray[np.float64]

MOST_FLOWS = 60
#: Sites nearer than this to another have their labels set aside.
CROWDED_KM = 700.0
#: Corners of the main map and of the inset, degrees (west, south, east, north).
MAIN = (76.0, 16.5, 132.5, 53.6)
INSET = (106.5, 2.5, 122.5, 25.5)
LAND, BORDER, COAST = "#f1efe8", "#c9c4b5", "#8d8878"
REQUESTS, JOBS = "#2f6f9f", "#b4602a"


def _extent(corner: tuple[float, float, float, float]) -> tuple[list[float], list[float]]:
    west, south, east, north = corner
    lon = np.concatenate([np.linspace(west, east, 40)] * 2 + [[west, east]] * 10)
    lat = np.concatenate([np.full(40, south), np.full(40, north), *[[v, v] for v in
                         np.linspace(south, north, 10)]])  # fmt: skip
    x, y = project(lon, lat)
    return [float(x.min()), float(x.max())], [float(y.min()), float(y.max())]


def _lines(figure: go.Figure, base: Ground, axis: str) -> None:
    at = {"xaxis": f"x{axis}", "yaxis": f"y{axis}", "hoverinfo": "skip", "showlegend": False}
    x, y = base.land
    figure.add_scatter(
        x=x, y=y, fill="toself", fillcolor=LAND, line={"width": 0}, mode="lines", **at
    )
    for (x, y), colour, width, dash in (
        (base.borders, BORDER, 0.7, None),
        (base.coast, COAST, 0.9, None),
        (base.dashes, COAST, 1.8, None),
        (base.undefined, COAST, 1.0, "dash"),
    ):
        figure.add_scatter(
            x=x, y=y, mode="lines", line={"color": colour, "width": width, "dash": dash}, **at
        )
    x, y = base.islets
    figure.add_scatter(x=x, y=y, mode="markers", marker={"size": 1.6, "color": COAST}, **at)


def draw_ground(figure: go.Figure) -> None:
    """Draw provinces, coasts and islands on the main map and the inset."""
    for axis in ("", "2"):
        _lines(figure, ground(), axis)


def _arc(start: F8, end: F8) -> tuple[F8, F8]:
    """Return a bowed line between two points; the way back bows to the other side."""
    t = np.linspace(0.0, 1.0, 17)[:, None]
    across = np.asarray([-(end - start)[1], (end - start)[0]])
    bend = (start + end) / 2.0 + 0.16 * across
    curve = (1 - t) ** 2 * start + 2 * t * (1 - t) * bend + t**2 * end
    return np.round(curve[:, 0], 1), np.round(curve[:, 1], 1)


def request_flows(run: RunView) -> pd.DataFrame:
    """Return requests by (region, site), the largest first."""
    table = run.tables["request_flows"]
    grouped = table.groupby(["region", "site"], observed=True)["routed"].sum()
    flows = grouped[grouped > 0].sort_values(ascending=False, kind="stable")
    return pd.DataFrame(flows.reset_index())


def job_flows(run: RunView) -> pd.DataFrame:
    """Return gigabytes of jobs' data by (region, site), the largest first."""
    sums = [
        part[part["site"].notna()].groupby(["region", "site"], observed=True)["data_gb"].sum()
        for part in run.parts("jobs", ["region", "site", "data_gb"])
    ]
    grouped = sums[0] if len(sums) == 1 else pd.concat(sums).groupby(level=[0, 1]).sum()
    flows = grouped[grouped > 0].sort_values(ascending=False, kind="stable")
    return pd.DataFrame(flows.reset_index())


def _flows(
    figure: go.Figure, flows: pd.DataFrame, column: str, name: str, colour: str,
    points: dict[str, F8], names: Names, label: Labels, *, visible: bool | str,
) -> None:  # fmt: skip
    if flows.empty:
        return
    drawn = flows.head(MOST_FLOWS)
    most = float(drawn[column].max())
    steps = np.asarray([0.02, 0.1, 0.3, 1.01])
    band = np.searchsorted(steps, drawn[column].to_numpy(dtype=np.float64) / most)
    first = True
    for level, width in enumerate((0.7, 1.4, 2.6, 4.2)):
        chosen = drawn[band == level]
        if chosen.empty:
            continue
        xs: list[F8] = []
        ys: list[F8] = []
        for row in chosen.itertuples():
            x, y = _arc(points[f"r:{row.region}"], points[f"s:{row.site}"])
            xs += [x, np.asarray([np.nan])]
            ys += [y, np.asarray([np.nan])]
        figure.add_scatter(
            x=np.concatenate(xs), y=np.concatenate(ys), mode="lines", name=name, legendgroup=name,
            line={"color": colour, "width": width}, opacity=0.45, hoverinfo="skip",
            showlegend=first, visible=visible, xaxis="x", yaxis="y",
        )  # fmt: skip
        first = False


def map_figure(run: RunView, names: Names, label: Labels) -> go.Figure:
    """Return the map of a run."""
    topology = run.scenario.topology
    figure = go.Figure()
    draw_ground(figure)
    points: dict[str, F8] = {}
    for kind, places in (("r", topology.regions), ("s", topology.sites)):
        for place in places:
            x, y = project(place.longitude, place.latitude)
            points[f"{kind}:{place.id}"] = np.asarray([float(x), float(y)])
    _flows(figure, request_flows(run), "routed", label("request_flows"), REQUESTS, points, names,
           label, visible=True)  # fmt: skip
    _flows(figure, job_flows(run), "data_gb", label("job_flows"), JOBS, points, names, label,
           visible="legendonly")  # fmt: skip
    _regions(figure, run, points, names, label)
    _sites(figure, run, points, names, label)
    frame(figure, label)
    figure.update_layout(meta={"table": _table(run, names, label)})
    return figure


def frame(figure: go.Figure, label: Labels) -> None:
    """Give a map its extent, its inset and the looks of maps."""
    main_x, main_y = _extent(MAIN)
    inset_x, inset_y = _extent(INSET)
    hidden = {"visible": False, "fixedrange": True}
    ratio = (inset_y[1] - inset_y[0]) / (inset_x[1] - inset_x[0])
    width = 0.16
    whole = (main_y[1] - main_y[0]) / (main_x[1] - main_x[0])
    height = min(width * ratio / whole, 0.5)
    figure.update_layout(
        xaxis={**hidden, "range": main_x, "domain": [0, 1]},
        yaxis={**hidden, "range": main_y, "domain": [0, 1], "scaleanchor": "x", "scaleratio": 1},
        xaxis2={**hidden, "range": inset_x, "domain": [1 - width, 1], "anchor": "y2"},
        yaxis2={**hidden, "range": inset_y, "domain": [0, height], "anchor": "x2"},
        shapes=[
            {"type": "rect", "xref": "paper", "yref": "paper", "x0": 1 - width, "x1": 1, "y0": 0,
             "y1": height, "line": {"color": COAST, "width": 1}, "layer": "above"},
            {"type": "rect", "xref": "paper", "yref": "paper", "x0": 1 - width, "x1": 1, "y0": 0,
             "y1": height, "line": {"width": 0}, "fillcolor": "#ffffff", "layer": "below"},
        ],
        annotations=[
            {"text": label("south_china_sea"), "xref": "paper", "yref": "paper", "x": 1 - width / 2,
             "y": 0.01, "showarrow": False, "font": {"size": 9, "color": COAST},
             "yanchor": "bottom"},
        ],
        autosize=True,
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        legend={"orientation": "h", "x": 0, "y": 1, "yanchor": "top"},
        plot_bgcolor="#eef3f6",
        hovermode="closest",
        dragmode=False,
    )  # fmt: skip


def _table(run: RunView, names: Names, label: Labels) -> dict[str, list[Any]]:
    """Return what the map shows as rows: sites, regions and flows between them."""
    topology, sites, regions = run.scenario.topology, run.summary["by_site"], run.summary
    columns = [label(f"map_{name}") for name in
               ("kind", "from", "to", "longitude", "latitude", "value", "unit")]  # fmt: skip
    rows: list[list[Any]] = []
    for site in topology.sites:
        at = [label("sites"), names.site(site.id), None, site.longitude, site.latitude]
        use = sites[site.id]["utilisation"]
        rows.append([*at, site.it_capacity_mw, f"{label('it_capacity')}, MW"])
        rows.append([*at, use, label("col_utilisation")])
    for region in topology.regions:
        at = [label("regions"), names.region(region.id), None, region.longitude, region.latitude]
        arrived = regions["by_region"][region.id]["requests_arrived"]
        rows.append([*at, arrived, label("col_arrived")])
    for flows, column, name, unit in (
        (request_flows(run), "routed", "request_flows", label("what_requests")),
        (job_flows(run), "data_gb", "job_flows", "GB"),
    ):
        for row in flows.to_dict("records"):
            ends = [names.region(row["region"]), names.site(row["site"])]
            rows.append([label(name), *ends, None, None, float(row[column]), unit])
    return {"columns": columns, "rows": rows}


def _regions(
    figure: go.Figure, run: RunView, points: dict[str, F8], names: Names, label: Labels
) -> None:
    regions = run.scenario.topology.regions
    spots = np.asarray([points[f"r:{region.id}"] for region in regions])
    most = max((region.inference_share for region in regions), default=0.0) or 1.0
    by_region = run.summary["by_region"]
    texts = [
        f"<b>{escape(names.region(region.id))}</b><br>"
        f"{label('col_arrived')} {compact(by_region[region.id]['requests_arrived'], label.lang)}"
        f"<br>{label('col_slo')} {share(by_region[region.id]['slo_attainment'])}"
        f"<br>{label('col_jobs')} {plain(by_region[region.id]['jobs_submitted'])}"
        for region in regions
    ]
    figure.add_scatter(
        x=spots[:, 0], y=spots[:, 1], mode="markers", name=label("regions"), text=texts,
        hovertemplate="%{text}<extra></extra>",
        marker={
            "size": [3.0 + 11.0 * (region.inference_share / most) ** 0.5 for region in regions],
            "color": "#5b7f95", "opacity": 0.75, "line": {"width": 0.6, "color": "#ffffff"},
        },
    )  # fmt: skip


def _sites(
    figure: go.Figure, run: RunView, points: dict[str, F8], names: Names, label: Labels
) -> None:
    sites = run.scenario.topology.sites
    spots = np.asarray([points[f"s:{site.id}"] for site in sites])
    most = max(site.it_capacity_mw for site in sites)
    by_site = run.summary["by_site"]
    use = [by_site[site.id]["utilisation"] or 0.0 for site in sites]
    nodal = site_prices(run)
    worth = {key: f"<br>{label('plan_price')} {plain(nodal[key], 3)}" for key in nodal}
    under = {key: f"<br>{plain(nodal[key], 3)}" for key in nodal}
    texts = [
        f"<b>{escape(names.site(site.id))}</b><br>"
        f"{label('it_capacity')} {significant(site.it_capacity_mw)} MW<br>"
        f"{label('col_accelerators')} {plain(by_site[site.id]['accelerators'])}<br>"
        f"{label('col_utilisation')} {share(by_site[site.id]['utilisation'])}<br>"
        f"{label('col_price')} {plain(by_site[site.id]['cny_per_mwh'])}<br>"
        f"{label('col_wait')} {duration(by_site[site.id]['job_wait_s_mean'], label.lang)}"
        f"{worth.get(site.id, '')}"
        for site in sites
    ]
    figure.add_scatter(
        x=spots[:, 0], y=spots[:, 1], mode="markers+text", name=label("sites"),
        text=[escape(names.site(site.id)) + under.get(site.id, "") for site in sites],
        textposition=label_sides(spots),
        textfont={"size": 11, "color": "#22313a"},
        customdata=texts, hovertemplate="%{customdata}<extra></extra>",
        marker={
            "size": [9.0 + 27.0 * (site.it_capacity_mw / most) ** 0.5 for site in sites],
            "color": use, "cmin": 0.0, "cmax": 1.0, "colorscale": "YlOrRd", "opacity": 0.92,
            "line": {"width": 1.2, "color": "#5a3b1e"},
            "colorbar": {
                "title": {"text": label("col_utilisation"), "side": "top"}, "tickformat": ".0%",
                "orientation": "h", "len": 0.3, "thickness": 9, "x": 0.02, "xanchor": "left",
                "y": 0.02, "yanchor": "bottom",
            },
        },
    )  # fmt: skip


def label_sides(spots: F8) -> list[str]:
    """Return where each label stands: away from the nearest other site, else on top."""
    out: list[str] = []
    for number, spot in enumerate(spots):
        away = spots - spot
        distance = np.hypot(away[:, 0], away[:, 1])
        distance[number] = np.inf
        near = int(distance.argmin()) if len(spots) > 1 else number
        if not distance[near] < CROWDED_KM:
            out.append("top center")
        elif abs(away[near, 0]) >= abs(away[near, 1]):
            out.append("middle left" if away[near, 0] > 0.0 else "middle right")
        else:
            out.append("bottom center" if away[near, 1] > 0.0 else "top center")
    return out


def map_note(run: RunView, label: Labels) -> str:
    """Return what the map shows, in words."""
    flows = request_flows(run)
    total = float(flows["routed"].sum()) if not flows.empty else 0.0
    part = float(flows.head(MOST_FLOWS)["routed"].sum()) / total if total else None
    note = label("map_note", n=min(MOST_FLOWS, len(flows)), all=len(flows), part=share(part))
    between = " " if label.lang == "en" else ""
    return note + (between + label("map_prices") if site_prices(run) else "")
