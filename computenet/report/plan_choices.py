"""Figures of whom a plan serves, what else could be built, and what its simulation showed."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from computenet.report.figures import PALETTE, style
from computenet.report.plan_figures import MARK, by_site, money_unit, stacked
from computenet.report.plan_labels import wrapped
from computenet.report.plan_view import PlanView
from computenet.report.plan_words import PlanWords
from computenet.report.view import Names

__all__ = [
    "alternatives_figure",
    "coverage_figure",
    "pareto_figure",
    "served_figure",
    "simulated_figure",
]

PLANNED, SIMULATED = "#2f6f9f", "#c8743c"


def coverage_figure(view: PlanView, titles: dict[str, str], word: PlanWords) -> go.Figure | None:
    """Return the share of demand within each class's circle by stage; ``None`` without any."""
    table = view.tables["assignment"]
    asked = {row["where"]: 100.0 * row["limit"]
             for row in view.rows("targets", target="latency coverage")}  # fmt: skip
    jobs = {item.name for item in view.scenario.workload.job_classes}
    streams = [s for s in dict.fromkeys(table["classes"]) if not set(str(s).split("+")) <= jobs]
    if not streams:
        return None
    figure = go.Figure()
    names = [titles.get(str(stream), str(stream)) for stream in streams]
    near = table[table["within_circle"]].groupby(["stage", "classes"])["reference_accelerators"]
    every = table.groupby(["stage", "classes"])["reference_accelerators"].sum()
    share = (near.sum() / every).fillna(0.0)
    for number, stage in enumerate(view.stages):
        figure.add_bar(
            x=names, y=[round(100.0 * float(share.get((stage, s), 0.0)), 3) for s in streams],
            name=escape(stage), marker={"color": PALETTE[number % len(PALETTE)]},
        )  # fmt: skip
    if asked:
        figure.add_scatter(
            x=[titles.get(str(s), str(s)) for s in streams if s in asked],
            y=[asked[s] for s in streams if s in asked], mode="markers", name=word("target"),
            marker={"symbol": "line-ew", "size": 60, "line": {"width": 2.5, "color": "#b03a3a"}},
        )  # fmt: skip
    style(figure, 320, barmode="group", bargap=0.45)
    figure.update_layout(legend={"y": -0.18, "traceorder": "normal"})
    figure.update_yaxes(title=word("axis_coverage"), range=[0, 105])
    return figure


def served_figure(view: PlanView, names: Names, word: PlanWords) -> go.Figure:
    """Return which part of each region's demand each site serves, in the last stage."""
    table = view.tables["assignment"]
    table = table[table["stage"] == view.stages[-1]]
    wide = table.pivot_table(
        index="region", columns="site", values="reference_accelerators", aggfunc="sum",
        fill_value=0.0,
    )  # fmt: skip
    part = 100.0 * wide.div(wide.sum(axis=1).clip(lower=1e-12), axis=0)
    regions = [r.id for r in view.scenario.topology.regions if r.id in part.index]
    sites = [s.id for s in view.scenario.topology.sites if s.id in part.columns]
    sites += [site for site in part.columns if site not in sites]
    part = part.loc[regions, sites]
    shown = part.round(3).where(part > 1e-4)
    figure = go.Figure(
        go.Heatmap(
            z=[[None if v != v else v for v in row] for row in shown.to_numpy().tolist()],
            x=[word("unmet") if s == "unmet" else wrapped(names.site(s)) for s in sites],
            y=[escape(names.region(region)) for region in regions], zmin=0, zmax=100, xgap=1,
            ygap=1, colorscale=[[0.0, "#eef3f6"], [0.25, "#9cc3dc"], [1.0, "#173f63"]],
            colorbar={"title": {"text": "%"}, "thickness": 10},
            hovertemplate="%{y} → %{x}<br>%{z:.1f} %<extra></extra>",
        )
    )  # fmt: skip
    style(figure, 200 + 17 * len(regions))
    figure.update_xaxes(
        tickangle=-50 if len(sites) > 8 else 0, tickfont={"size": 10}, showgrid=False,
        automargin=True,
    )  # fmt: skip
    figure.update_yaxes(
        autorange="reversed", tickfont={"size": 10}, showgrid=False, automargin=True
    )
    return figure


def alternatives_figure(
    view: PlanView, kept: Sequence[int], names: Names, word: PlanWords
) -> go.Figure:
    """Return the IT power of each site in the plan and in its alternatives."""
    table = view.tables["alternative_sites"]
    power = table.pivot(index="site", columns="alternative", values="it_mw")[list(kept)]
    least = 1e-3 * max(float(power.to_numpy().max()), 1e-12)
    order = [site.id for site in view.scenario.topology.sites
             if power.loc[site.id].to_numpy().max() > least]  # fmt: skip
    figure = go.Figure()
    for number, key in enumerate(kept):
        figure.add_bar(
            x=[wrapped(names.site(site)) for site in order], y=power.loc[order, key].round(4),
            name=word("the_plan") if key == 0 else word("alternative_n", n=number),
            marker={"color": MARK if key == 0 else PALETTE[(number - 1) % len(PALETTE)]},
        )  # fmt: skip
    by_site(figure, 380)
    figure.update_yaxes(title=word("axis_mw"))
    return figure


def pareto_figure(view: PlanView, titles: dict[str, str], word: PlanWords) -> go.Figure:
    """Return cost against carbon and against coverage, with bounds."""
    table = view.tables["pareto"]
    fronts = list(dict.fromkeys(table["front"]))
    unit, name = money_unit(table["cost_cny"].tolist(), word)
    heads = []
    for front in fronts:
        stream = str(front).removeprefix("coverage of ")
        what = titles.get(stream, escape(stream))
        heads.append(word("front_carbon") if front == "carbon"
                     else word("front_coverage", what=what))  # fmt: skip
    figure = make_subplots(rows=1, cols=len(fronts), subplot_titles=heads, horizontal_spacing=0.12)
    for column, front in enumerate(fronts, 1):
        points = table[table["front"] == front].sort_values("value", kind="stable")
        factor = 1.0 if front == "carbon" else 100.0
        for key, what, mode, symbol in (
            ("cost_cny", "least_cost", "lines+markers", "circle"),
            ("bound_cny", "lower_bound", "markers", "line-ew-open"),
        ):
            figure.add_scatter(
                x=(factor * points["value"]).round(6), y=(points[key] / unit).round(6), mode=mode,
                name=word(what), showlegend=column == 1, legendgroup=what, row=1, col=column,
                line={"color": PALETTE[0], "width": 1.5},
                marker={"symbol": symbol, "size": 9,
                        "color": PALETTE[0] if key == "cost_cny" else MARK},
                text=[f"{100.0 * more:+.2f} %" for more in points["cost_over_plan"]],
                hovertemplate="%{x:,.4g}<br>%{y:,.4f} (%{text})",
            )  # fmt: skip
        axis = "axis_emissions" if front == "carbon" else "axis_coverage_of"
        figure.update_xaxes(title=word(axis), row=1, col=column)
    figure.update_annotations(font={"size": 12})
    style(figure, 360)
    figure.update_layout(legend={"y": -0.24})
    figure.update_yaxes(title=word("axis_cost", unit=name), row=1, col=1)
    return figure


def simulated_figure(view: PlanView, word: PlanWords) -> go.Figure:
    """Return cost of operation and electricity, planned beside simulated, by stage."""
    assert view.simulated is not None
    stages = view.simulated.stages
    money = [*stages["operation_cny_planned"], *stages["operation_cny_simulated"]]
    unit, name = money_unit(money, word)
    figure = make_subplots(
        rows=1, cols=2, horizontal_spacing=0.1,
        subplot_titles=[word("axis_operation", unit=name), word("axis_electricity")],
    )  # fmt: skip
    for column, key, scale in ((1, "operation_cny", unit), (2, "energy_gwh", 1.0)):
        for side, colour in (("planned", PLANNED), ("simulated", SIMULATED)):
            values: Any = stages[f"{key}_{side}"] / scale
            figure.add_bar(
                x=stages["stage"].tolist(), y=np.asarray(values).round(6), name=word(side),
                marker={"color": colour}, legendgroup=side, showlegend=column == 1,
                row=1, col=column,
            )  # fmt: skip
    figure.update_annotations(font={"size": 12})
    stacked(figure, 320, -0.12)
    figure.update_layout(barmode="group")
    return figure
