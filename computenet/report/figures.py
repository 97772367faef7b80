"""The figures of a report but the map."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import timedelta, timezone
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from computenet.report.labels import Labels
from computenet.report.view import Names, RunView

__all__ = [
    "PALETTE",
    "queue_figure",
    "series_figure",
    "slo_figure",
    "style",
    "times",
    "ttft_figure",
    "wait_figure",
    "wide",
]

PALETTE = (
    "#2f6f9f", "#c8743c", "#4f8f5b", "#a84a5b", "#7a68a6", "#8c6d46", "#c77fa8", "#7d7d7d",
    "#a8a33c", "#3fa3a8", "#5873b8", "#d0a13a", "#6b9e8a", "#9c5fa0", "#b35c44", "#4d6b7c",
)  # fmt: skip
#: Longest series drawn slot by slot.
MOST_POINTS = 800


def times(run: RunView, seconds: Any) -> list[str]:
    """Return local wall-clock times."""
    zone = timezone(timedelta(hours=run.scenario.topology.utc_offset_h))
    start = run.scenario.start.astimezone(zone)
    return [(start + timedelta(seconds=float(s))).strftime("%Y-%m-%d %H:%M:%S") for s in seconds]


def wide(run: RunView, table: str, key: str, column: str, how: str = "mean") -> pd.DataFrame:
    """Return one column by item over time, coarse enough to draw; NaN where there is no value."""
    groups = run.tables[table].groupby(["slot_start_s", key], observed=False)
    wide = groups[column].sum(min_count=1).unstack(key)
    step = int(np.ceil(len(wide) / MOST_POINTS))
    if step > 1:
        coarse = np.arange(len(wide)) // step
        times = wide.index.to_numpy()[::step]
        wide = getattr(wide.groupby(coarse), how)()
        wide.index = pd.Index(times)
    return wide


def log_axis(low: float, high: float) -> dict[str, Any]:
    """Return a logarithmic axis that names 1, 2 and 5 of every power of ten in full."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [step * 10.0**power for power in powers for step in (1, 2, 5)]
    if len(powers) > 4:
        ticks = [10.0**power for power in powers]
    return {"type": "log", "tickvals": ticks, "ticktext": [f"{tick:,g}" for tick in ticks]}


def style(figure: go.Figure, height: int, **more: Any) -> go.Figure:
    """Return the figure in the report's looks."""
    figure.update_layout(
        height=height, margin={"l": 56, "r": 12, "t": 26, "b": 40},
        legend={"orientation": "h", "yanchor": "top", "y": -0.08, "x": 0},
        plot_bgcolor="#ffffff", paper_bgcolor="#ffffff", dragmode=False, **more,
    )  # fmt: skip
    figure.update_xaxes(gridcolor="#eceae4", fixedrange=True)
    figure.update_yaxes(gridcolor="#eceae4", zerolinecolor="#d8d5cc", fixedrange=True)
    return figure


def series_figure(run: RunView, names: Names, label: Labels) -> go.Figure:
    """Return power, utilisation, price and carbon of every site over time, in four panels."""
    titles = [label(f"axis_{name}") for name in ("power", "utilisation", "price", "carbon")]
    figure = make_subplots(
        rows=4, cols=1, shared_xaxes=True, vertical_spacing=0.05, subplot_titles=titles
    )
    power = wide(run, "sites", "site", "facility_mw")
    use = 100.0 * wide(run, "sites", "site", "utilisation")
    price = wide(run, "sites", "site", "price_cny_per_mwh")
    factor = wide(run, "sites", "site", "carbon_kg_per_mwh")
    clock = times(run, power.index)
    order = [site.id for site in run.scenario.topology.sites]
    for number, site in enumerate(order):
        colour = PALETTE[number % len(PALETTE)]
        shared: dict[str, Any] = {
            "x": clock, "name": escape(names.site(site)), "legendgroup": site, "mode": "lines",
        }  # fmt: skip
        figure.add_scatter(
            **shared, y=power[site], stackgroup="power",
            line={"width": 0.5, "color": colour}, row=1, col=1,
        )  # fmt: skip
        for row, values, shape in ((2, use, None), (3, price, "hv")):
            figure.add_scatter(
                **shared, y=values[site], showlegend=False, row=row, col=1,
                line={"width": 1.3, "color": colour, "shape": shape},
            )  # fmt: skip
        figure.add_scatter(
            **shared, y=power[site] * factor[site] / 1000.0, stackgroup="carbon",
            line={"width": 0.5, "color": colour}, showlegend=False, row=4, col=1,
        )  # fmt: skip
    for row, shown in enumerate((",.3~f", ".2~f", ",.2~f", ",.3~f"), start=1):
        figure.update_yaxes(hoverformat=shown, row=row, col=1)
    figure.update_annotations(font={"size": 12}, x=0, xanchor="left")
    return style(figure, 900, hovermode="x")


def slo_figure(run: RunView, names: Names, label: Labels) -> go.Figure | None:
    """Return the heat map of SLO attainment by region and class; ``None`` without requests."""
    table = run.tables["requests"]
    if table.empty or not table["arrived"].sum():
        return None
    wide = table.pivot_table(
        index="service_class", columns="region", values="slo_attainment", observed=False
    )
    titles = {item.name: item.title for item in run.scenario.workload.service_classes}
    classes = [
        escape(getattr(titles[str(key)], label.lang)) if str(key) in titles else escape(str(key))
        for key in wide.index
    ]
    figure = go.Figure(
        go.Heatmap(
            z=100.0 * wide.to_numpy(), x=[escape(names.region(key)) for key in wide.columns],
            y=classes, zmin=50, zmax=100, colorscale="RdYlGn", xgap=1, ygap=1,
            colorbar={"title": {"text": "%"}, "thickness": 10},
            hovertemplate="%{x} · %{y}<br>%{z:.1f} %<extra></extra>",
        )
    )  # fmt: skip
    style(figure, 110 + 48 * len(classes))
    figure.update_xaxes(tickangle=-60, tickfont={"size": 10})
    figure.update_layout(margin={"l": 90, "r": 12, "t": 10, "b": 80})
    return figure


def queue_figure(run: RunView, names: Names, label: Labels) -> go.Figure:
    """Return accelerators asked for by waiting jobs, by site over time."""
    pools = run.tables["pools"]
    frame = (
        pools.groupby(["slot_start_s", "site"], observed=True)["waiting_accelerators"]
        .sum()
        .unstack("site")
    )
    step = int(np.ceil(len(frame) / MOST_POINTS))
    drawn = frame.iloc[::step] if step > 1 else frame
    clock = times(run, drawn.index)
    figure = go.Figure()
    for number, site in enumerate(item.id for item in run.scenario.topology.sites):
        if site in drawn and float(drawn[site].max()) > 0.0:
            figure.add_scatter(
                x=clock, y=drawn[site], name=escape(names.site(site)), mode="lines",
                stackgroup="queue", line={"width": 0.5, "color": PALETTE[number % len(PALETTE)]},
            )  # fmt: skip
    style(figure, 320)
    figure.update_yaxes(
        title=label("tab_waiting_accelerators"), rangemode="tozero", hoverformat=",.1~f"
    )
    return figure


def wait_figure(run: RunView, names: Names, label: Labels) -> go.Figure | None:
    """Return the share of jobs that waited longer, by class; ``None`` when no job started."""
    most: dict[str, float] = {}
    for key, waits in _waits_by_class(run):
        most[key] = max(most.get(key, 0.0), float(waits[-1]))
    if not most:
        return None
    places = {key: np.geomspace(1.0, max(value, 10.0), 120) for key, value in most.items()}
    within = {key: np.zeros(120, dtype=np.int64) for key in most}
    count = dict.fromkeys(most, 0)
    for key, waits in _waits_by_class(run):
        within[key] += np.searchsorted(waits, places[key], side="right")
        count[key] += len(waits)
    titles = {item.name: item.title for item in run.scenario.workload.job_classes}
    figure = go.Figure()
    known = [key for key in titles if key in most]
    for number, key in enumerate(known + [key for key in most if key not in titles]):
        at = places[key]
        longer = 1.0 - within[key] / count[key]
        name = getattr(titles[str(key)], label.lang) if str(key) in titles else str(key)
        figure.add_scatter(
            x=at, y=np.where(longer > 0.0, longer, np.nan), name=escape(name), mode="lines",
            line={"width": 1.8, "color": PALETTE[number % len(PALETTE)]},
        )  # fmt: skip
    style(figure, 340)
    figure.update_xaxes(title=label("axis_wait"), **log_axis(1.0, max(10.0, *most.values())))
    figure.update_yaxes(type="log", title=label("axis_ccdf"), tickformat=".3~%")
    figure.update_layout(legend={"y": -0.22})
    return figure


def _waits_by_class(run: RunView) -> Iterator[tuple[str, np.ndarray]]:
    """Yield (class, sorted waits of its jobs that started), some rows of the table at a time."""
    for part in run.parts("jobs", ["job_class", "wait_s"]):
        started = part[part["wait_s"].notna()]
        for key, waits in started.groupby("job_class", observed=True)["wait_s"]:
            yield str(key), np.sort(waits.to_numpy(dtype=np.float64))


def ttft_figure(run: RunView, names: Names, label: Labels) -> go.Figure | None:
    """Return TTFT percentiles by class, one dot a region; ``None`` without requests."""
    table = run.tables["requests"]
    table = table[table["served"] > 0]
    if table.empty:
        return None
    titles = {item.name: item.title for item in run.scenario.workload.service_classes}
    figure = go.Figure()
    for number, (key, rows) in enumerate(table.groupby("service_class", observed=True)):
        name = getattr(titles[str(key)], label.lang) if str(key) in titles else str(key)
        for q in (50, 95, 99):
            values = rows[f"ttft_p{q}_ms"].to_numpy(dtype=np.float64)
            spread = np.linspace(-0.28, 0.28, len(values))
            figure.add_scatter(
                x=[[escape(name)] * len(values), [f"p{q}"] * len(values)], y=values,
                mode="markers", showlegend=False, opacity=0.7,
                text=[escape(names.region(region)) for region in rows["region"]],
                hovertemplate="%{text}<br>%{y:.0f} ms<extra></extra>",
                marker={"size": 5 + 0 * spread, "color": PALETTE[number % len(PALETTE)]},
            )  # fmt: skip
    style(figure, 340)
    shown = table[["ttft_p50_ms", "ttft_p99_ms"]].to_numpy(dtype=np.float64)
    shown = shown[shown > 0.0]
    span = log_axis(shown.min(), shown.max()) if len(shown) else {"type": "log"}
    figure.update_yaxes(title=label("axis_ttft"), **span)
    return figure
