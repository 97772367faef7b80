"""Figures of whom a plan serves, what else could be built, and what its simulation showed."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import pandas as pd
import plotly.graph_objects as go

from computenet.report.figures import PALETTE, style
from computenet.report.plan_figures import MARK, by_site, money_unit, stacked
from computenet.report.plan_labels import wrapped
from computenet.report.plan_view import PlanView
from computenet.report.plan_words import PlanWords
from computenet.report.view import Names

__all__ = [
    "alternatives_figure",
    "coverage_figure",
    "pareto_figures",
    "served_figure",
    "simulated_figures",
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
            x=names, y=[100.0 * float(share.get((stage, s), 0.0)) for s in streams],
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
    figure.update_yaxes(title=word("axis_coverage"), range=[0, 105], hoverformat=".3~f")
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
    shown = part.where(part > 1e-4)
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
            x=[wrapped(names.site(site)) for site in order], y=power.loc[order, key],
            name=word("the_plan") if key == 0 else word("alternative_n", n=number),
            marker={"color": MARK if key == 0 else PALETTE[(number - 1) % len(PALETTE)]},
        )  # fmt: skip
    by_site(figure, 380)
    figure.update_yaxes(title=word("axis_mw"))
    return figure


def pareto_figures(view: PlanView, titles: dict[str, str], word: PlanWords) -> list[go.Figure]:
    """Return cost against carbon and against coverage, with bounds: a figure a front."""
    table = view.tables["pareto"]
    unit, name = money_unit(table["cost_cny"].tolist(), word)
    return [
        _front(table[table["front"] == front], str(front), unit, name, titles, word)
        for front in dict.fromkeys(table["front"])
    ]


def _front(
    table: pd.DataFrame, front: str, unit: float, name: str, titles: dict[str, str],
    word: PlanWords,
) -> go.Figure:  # fmt: skip
    stream = front.removeprefix("coverage of ")
    what = titles.get(stream, escape(stream))
    title = word("front_carbon") if front == "carbon" else word("front_coverage", what=what)
    points = table.sort_values("value", kind="stable")
    factor = 1.0 if front == "carbon" else 100.0
    figure = go.Figure()
    for key, legend, mode, symbol, colour in (
        ("cost_cny", "least_cost", "lines+markers", "circle", PALETTE[0]),
        ("bound_cny", "lower_bound", "markers", "line-ew-open", MARK),
    ):
        figure.add_scatter(
            x=(factor * points["value"]).tolist(),
            y=(points[key] / unit).tolist(), mode=mode, name=word(legend),
            line={"color": PALETTE[0], "width": 1.5},
            marker={"symbol": symbol, "size": 9, "color": colour},
            text=[f"{100.0 * more:+.2f} %" for more in points["cost_over_plan"]],
            hovertemplate="%{x:,.4g}<br>%{y:,.4f} (%{text})",
        )  # fmt: skip
    style(figure, 360, title={"text": title, "font": {"size": 13}, "x": 0.5, "y": 0.98})
    figure.update_layout(legend={"y": -0.22}, margin={"l": 72, "t": 36})
    axis = "axis_emissions" if front == "carbon" else "axis_coverage_of"
    figure.update_xaxes(title=word(axis))
    figure.update_yaxes(title=word("axis_cost", unit=name))
    return figure


def simulated_figures(view: PlanView, word: PlanWords) -> dict[str, go.Figure]:
    """Return ``operation`` cost and ``electricity``, planned beside simulated, by stage."""
    assert view.simulated is not None
    stages = view.simulated.stages
    money = [*stages["operation_cny_planned"], *stages["operation_cny_simulated"]]
    unit, name = money_unit(money, word)
    out = {}
    for key, column, scale, title in (
        ("operation", "operation_cny", unit, word("axis_operation", unit=name)),
        ("electricity", "energy_gwh", 1.0, word("axis_electricity")),
    ):
        figure = go.Figure()
        for side, colour in (("planned", PLANNED), ("simulated", SIMULATED)):
            values = stages[f"{column}_{side}"] / scale
            figure.add_bar(
                x=stages["stage"].tolist(), y=values.tolist(), name=word(side),
                marker={"color": colour},
            )  # fmt: skip
        stacked(figure, 320, -0.12)
        figure.update_layout(barmode="group")
        figure.update_yaxes(title=title)
        out[key] = figure
    return out
