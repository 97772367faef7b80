"""Figures of the physical side: power by source, where it came from, links, what went wrong."""

from __future__ import annotations

from html import escape

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from computenet.report.figures import PALETTE, style, times, wide
from computenet.report.labels import Labels
from computenet.report.view import Names, RunView

__all__ = ["energy_figure", "ledger_figure", "link_figure", "timeline_figure"]

#: Colours of the sources of power and of the ledger's origins.
SOURCES = {
    "pv": "#e0b43a", "wind": "#4f8f9f", "storage": "#7a68a6", "grid": "#8d9299",
    "curtailed": "#c8743c", "onsite": "#e0b43a", "direct": "#4f8f9f", "contract": "#6b9e5a",
    "certificate": "#a9c49a", "residual": "#8d9299",
}  # fmt: skip
#: Events of the control plane that are not shocks.
ORDINARY = {"tariff", "month", "note", "warm-up", "rejected"}
MOST_LINKS = 8


def energy_figure(run: RunView, names: Names, label: Labels) -> go.Figure | None:
    """Return power by source over time, PUE and temperature by site; ``None`` without weather."""
    sites = run.tables["sites"]
    if "temperature_c" not in sites or sites["temperature_c"].isna().all():
        return None
    part = {
        name: wide(run, "sites", "site", column)
        for name, column in (
            ("pv", "pv_mw"), ("wind", "wind_mw"), ("used", "generation_used_mw"),
            ("storage", "discharge_mw"), ("grid", "import_mw"), ("curtailed", "curtailed_mw"),
            ("load", "facility_mw"),
        )
    }  # fmt: skip
    total = {name: frame.sum(axis=1).to_numpy() for name, frame in part.items()}
    made = total["pv"] + total["wind"]
    kept = np.divide(total["used"], made, out=np.zeros_like(made), where=made > 0.0)
    clock = times(run, part["load"].index)
    titles = [label(f"axis_{name}") for name in ("sources", "pue", "temperature")]
    figure = make_subplots(
        rows=3, cols=1, shared_xaxes=True, vertical_spacing=0.07, subplot_titles=titles,
        row_heights=[0.5, 0.25, 0.25],
    )  # fmt: skip
    for name, values in (
        ("pv", total["pv"] * kept), ("wind", total["wind"] * kept), ("storage", total["storage"]),
        ("grid", total["grid"]),
    ):  # fmt: skip
        figure.add_scatter(
            x=clock, y=values, name=label(f"source_{name}"), stackgroup="power",
            mode="lines", line={"width": 0.5, "color": SOURCES[name]}, row=1, col=1,
        )  # fmt: skip
    figure.add_scatter(
        x=clock, y=total["load"], name=label("source_load"), mode="lines",
        line={"width": 1.5, "color": "#22313a"}, row=1, col=1,
    )  # fmt: skip
    figure.add_scatter(
        x=clock, y=0.0 - total["curtailed"], name=label("source_curtailed"), mode="lines",
        fill="tozeroy", line={"width": 0.5, "color": SOURCES["curtailed"]}, row=1, col=1,
    )  # fmt: skip
    for row, column in ((2, "pue"), (3, "temperature_c")):
        frame = wide(run, "sites", "site", column)
        for number, site in enumerate(run.scenario.topology.sites):
            figure.add_scatter(
                x=clock, y=frame[site.id], name=escape(names.site(site.id)),
                legendgroup=site.id, showlegend=row == 2, mode="lines",
                line={"width": 1, "color": PALETTE[number % len(PALETTE)]}, row=row, col=1,
            )  # fmt: skip
    for row, shown in ((1, ",.2~f"), (2, ".3~f"), (3, ".3~f")):
        figure.update_yaxes(hoverformat=shown, row=row, col=1)
    return style(figure, 760)


def ledger_figure(run: RunView, names: Names, label: Labels) -> go.Figure | None:
    """Return where each site's electricity came from; ``None`` where nothing was consumed."""
    by_site = run.summary["by_site"]
    shown = ("onsite", "direct", "contract", "certificate", "residual")
    keys = {"direct": "direct_line_mwh"}
    rows = {
        name: [
            float(site.get(keys.get(name, f"{name}_mwh"), 0.0) or 0.0) for site in by_site.values()
        ]
        for name in shown
    }
    if not any(sum(values) for values in rows.values()):
        return None
    figure = go.Figure()
    for name in shown:
        if sum(rows[name]) > 0.0:
            figure.add_bar(
                y=[escape(names.site(site)) for site in by_site], x=rows[name],
                name=label(f"origin_{name}"), orientation="h", marker={"color": SOURCES[name]},
            )  # fmt: skip
    figure.update_layout(barmode="stack")
    figure.update_xaxes(title="MWh", hoverformat=",.3~f")
    figure.update_yaxes(autorange="reversed")
    return style(figure, 120 + 30 * len(by_site))


def link_figure(run: RunView, label: Labels) -> go.Figure | None:
    """Return the use of the busiest links over time; ``None`` where nothing was moved."""
    links = run.tables["links"]
    if links.empty:
        return None
    # A link has rows of the slots in which it carried something.
    frame = 100.0 * wide(run, "links", "link", "utilisation").fillna(0.0)
    busiest = frame.sum().sort_values(ascending=False).index[:MOST_LINKS]
    figure = go.Figure()
    clock = times(run, frame.index)
    for number, name in enumerate(busiest):
        figure.add_scatter(
            x=clock, y=frame[name], name=escape(str(name)), mode="lines",
            line={"width": 1.2, "color": PALETTE[number % len(PALETTE)]},
        )  # fmt: skip
    figure.update_yaxes(title=label("axis_link"), hoverformat=".2~f")
    return style(figure, 320)


def timeline_figure(run: RunView, label: Labels) -> go.Figure | None:
    """Return failures and shocks over time by kind; ``None`` where nothing happened."""
    events = run.tables["events"]
    events = events[~events["kind"].isin(ORDINARY)]
    if events.empty:
        return None
    figure = go.Figure()
    kinds = sorted(events["kind"].unique())
    for number, kind in enumerate(kinds):
        rows = events[events["kind"] == kind]
        figure.add_scatter(
            x=times(run, rows["time_s"]), y=[label.or_own("event_", str(kind))] * len(rows),
            mode="markers", showlegend=False,
            marker={"size": 8, "opacity": 0.6, "color": PALETTE[number % len(PALETTE)]},
            text=[
                escape(f"{subject}: {detail}" if detail else str(subject))
                for subject, detail in zip(rows["subject"], rows["detail"], strict=True)
            ],
        )  # fmt: skip
    return style(figure, 120 + 34 * len(kinds))
