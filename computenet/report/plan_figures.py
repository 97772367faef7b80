"""Figures of what a plan builds, what it draws and what it costs."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from computenet.report.figures import PALETTE, style
from computenet.report.plan_labels import wrapped
from computenet.report.plan_view import PlanView
from computenet.report.plan_words import PlanWords
from computenet.report.view import Names

__all__ = [
    "buildout_figure",
    "by_site",
    "chips_figure",
    "cost_figure",
    "green_figure",
    "money_unit",
    "power_figure",
    "stacked",
    "yearly_figures",
]

#: Sites with a colour of their own; the rest is drawn together.
MOST_SITES = 14
SOURCES = {"own": "#e0b43a", "today": "#4f8f9f", "green": "#6b9e5a", "grid": "#8d9299",
           "unserved": "#b03a3a"}  # fmt: skip
#: Units of money, the largest first.
UNITS = {"en": (1e9, 1e6), "zh": (1e8, 1e4)}
REST, MARK = "#b9b4a6", "#22313a"
#: Parts of the cost that are paid for building; the others run every year.
BUILT = ("opening", "halls", "chips", "pv", "wind", "battery", "waves")


def money_unit(values: Iterable[float], word: PlanWords) -> tuple[float, str]:
    """Return the unit that suits amounts of CNY, and what it is called."""
    most = max((abs(value) for value in values), default=0.0)
    for step in UNITS[word.lang]:
        if most >= 2.0 * step:
            return step, word(f"unit_{step:.0f}")
    return 1.0, word("unit_1")


def stacked(figure: go.Figure, height: int, legend: float = -0.1) -> go.Figure:
    """Return a figure of bars by stage in the report's looks, its legend in the bars' order."""
    style(figure, height, barmode="stack", bargap=0.45)
    figure.update_layout(legend={"y": legend, "traceorder": "normal"})
    figure.update_xaxes(type="category")
    figure.update_yaxes(hoverformat=",.4~f")
    return figure


def by_site(figure: go.Figure, height: int) -> go.Figure:
    """Return a figure of bars by site, whose long names stand below and the legend above."""
    style(figure, height, barmode="group")
    figure.update_layout(legend={"y": 1.02, "yanchor": "bottom", "traceorder": "normal"})
    figure.update_xaxes(tickangle=-40, type="category", automargin=True)
    figure.update_yaxes(hoverformat=",.4~f")
    return figure


def buildout_figure(view: PlanView, names: Names, word: PlanWords) -> go.Figure:
    """Return IT power in use by stage, stacked by site."""
    power = view.tables["sites"].pivot(index="site", columns="stage", values="nameplate_mw")
    power = power[list(view.stages)]
    order = power[view.stages[-1]].sort_values(ascending=False, kind="stable").index.tolist()
    figure = go.Figure()
    for number, site in enumerate(order[:MOST_SITES]):
        figure.add_bar(
            x=list(view.stages), y=power.loc[site].tolist(), name=escape(names.site(site)),
            marker={"color": PALETTE[number % len(PALETTE)]},
        )  # fmt: skip
    if rest := order[MOST_SITES:]:
        figure.add_bar(
            x=list(view.stages), y=power.loc[rest].sum().tolist(),
            name=word("others", n=len(rest)), marker={"color": REST},
        )  # fmt: skip
    stacked(figure, 380)
    figure.update_yaxes(title=word("axis_mw"))
    return figure


def chips_figure(view: PlanView, word: PlanWords) -> go.Figure:
    """Return accelerators bought by type and stage, and the compute installed."""
    table = view.tables["accelerators"]
    bought = table.pivot_table(
        index="accelerator", columns="stage", values="bought", aggfunc="sum", fill_value=0.0
    ).reindex(columns=list(view.stages), fill_value=0.0)
    titles = view.chips(word.lang)
    figure = make_subplots(specs=[[{"secondary_y": True}]])
    for number, (kind, values) in enumerate(bought.iterrows()):
        if values.sum() > 1e-6:
            figure.add_bar(
                x=list(view.stages), y=values.tolist(),
                name=escape(str(titles.get(str(kind), kind))),
                marker={"color": PALETTE[number % len(PALETTE)]},
            )  # fmt: skip
    figure.add_scatter(
        x=list(view.stages), y=[view.eflops("there", stage) for stage in view.stages],
        name=word("installed"), mode="lines+markers", line={"color": MARK, "width": 2},
        secondary_y=True,
    )  # fmt: skip
    stacked(figure, 360)
    figure.update_yaxes(title=word("axis_chips"), secondary_y=False, rangemode="tozero",
                        hoverformat=",.1~f")  # fmt: skip
    figure.update_yaxes(title=word("axis_eflops"), secondary_y=True, rangemode="tozero",
                        tickmode="auto", showgrid=False, hoverformat=",.5~f")  # fmt: skip
    figure.update_layout(margin={"r": 56})
    return figure


def power_figure(view: PlanView, word: PlanWords) -> go.Figure:
    """Return a year's electricity by source and stage."""
    columns = ["own_gwh", "today_gwh", "green_contract_gwh", "import_gwh", "unserved_gwh"]
    sums = view.tables["energy"].groupby("stage")[columns].sum().loc[list(view.stages)]
    sums["grid_gwh"] = (sums["import_gwh"] - sums["green_contract_gwh"]).clip(lower=0.0)
    figure = go.Figure()
    for key, column in (("own", "own_gwh"), ("today", "today_gwh"),
                        ("green", "green_contract_gwh"), ("grid", "grid_gwh"),
                        ("unserved", "unserved_gwh")):  # fmt: skip
        if float(sums[column].sum()) > 1e-6:
            figure.add_bar(
                x=list(view.stages), y=sums[column].tolist(), name=word(f"source_{key}"),
                marker={"color": SOURCES[key]},
            )  # fmt: skip
    stacked(figure, 330)
    figure.update_yaxes(title=word("axis_gwh"))
    return figure


def green_figure(view: PlanView, names: Names, word: PlanWords) -> go.Figure:
    """Return green over all electricity by site and stage, with targets."""
    energy = view.tables["energy"]
    used = energy[energy["import_gwh"] + energy["own_gwh"] + energy["today_gwh"] > 1e-6]
    order = [site.id for site in view.scenario.topology.sites if (used["site"] == site.id).any()]
    shades = ["#cfe0c3", "#a9c49a", "#84aa72", "#5f8f4e", "#3c7231", "#1f5420"]
    figure = go.Figure()
    for number, stage in enumerate(view.stages):
        values = used[used["stage"] == stage].set_index("site")["green_share"]
        shade = shades[round(number * (len(shades) - 1) / max(len(view.stages) - 1, 1))]
        figure.add_bar(
            x=[wrapped(names.site(site)) for site in order],
            y=[_percent(values.get(site)) for site in order], name=escape(stage),
            marker={"color": shade},
        )  # fmt: skip
    asked = {
        row["where"]: 100.0 * row["limit"]
        for row in view.rows("targets", target="green share") if row["where"] in order
    }  # fmt: skip
    if asked:
        figure.add_scatter(
            x=[wrapped(names.site(site)) for site in asked], y=list(asked.values()),
            name=word("target"), mode="markers",
            marker={"symbol": "line-ew", "size": 24, "line": {"width": 2.5, "color": "#b03a3a"}},
        )  # fmt: skip
    by_site(figure, 380)
    figure.update_yaxes(title=word("axis_green"), range=[0, 105])
    return figure


def _percent(value: Any) -> float | None:
    if value is None or value != value:
        return None
    return 100.0 * float(value)


def cost_figure(view: PlanView, word: PlanWords) -> go.Figure:
    """Return the present value of each part, adding up to the plan's cost."""
    present = view.tables["costs"].groupby("part", sort=False)["present_cny"].sum()
    total = float(present.sum())
    shown = present[present.abs() > 1e-6 * max(abs(total), 1e-12)]
    unit, name = money_unit([total], word)
    figure = go.Figure(
        go.Waterfall(
            x=[*(word.or_own("part_", part) for part in shown.index), word("total")],
            y=[*(shown / unit), 0.0], measure=["relative"] * len(shown) + ["total"],
            connector={"line": {"color": "#d8d5cc", "width": 1}}, name=word("present"),
            increasing={"marker": {"color": PALETTE[0]}},
            decreasing={"marker": {"color": PALETTE[2]}}, totals={"marker": {"color": MARK}},
            hovertemplate="%{x}<br>%{delta:,.3f}<extra></extra>",
        )
    )  # fmt: skip
    style(figure, 360, showlegend=False)
    figure.update_layout(
        margin={"b": 90},
        meta={"table": {
            "columns": [word("part"), f"{word('present')}, CNY"],
            "rows": [[word.or_own("part_", part), float(value)]
                     for part, value in present.items()],
        }},
    )  # fmt: skip
    figure.update_yaxes(title=word("axis_present", unit=name))
    figure.update_xaxes(tickangle=-35)
    return figure


def yearly_figures(view: PlanView, word: PlanWords) -> dict[str, go.Figure]:
    """Return what is ``paid`` for building, and what a year costs to run, by stage and part."""
    paid = view.tables["investment"].pivot(index="part", columns="stage", values="cny")
    costs = view.tables["costs"]
    runs = costs[~costs["part"].isin(BUILT)]
    yearly = runs.pivot(index="part", columns="stage", values="cny_per_year")
    parts = list(dict.fromkeys(costs["part"]))
    colour = {part: PALETTE[number % len(PALETTE)] for number, part in enumerate(parts)}
    out = {}
    for key, table in (("paid", paid), ("yearly", yearly)):
        unit, name = money_unit(table.sum().tolist(), word)
        shown = table[list(view.stages)] / unit
        least = 1e-6 * max(float(shown.to_numpy().sum()), 1e-12)
        figure = go.Figure()
        for part in (part for part in parts if part in shown.index):
            if float(shown.loc[part].abs().sum()) > least:
                figure.add_bar(
                    x=list(view.stages), y=shown.loc[part].tolist(),
                    name=word.or_own("part_", part), marker={"color": colour[part]},
                )  # fmt: skip
        stacked(figure, 360)
        figure.update_yaxes(title=word(f"axis_{key}", unit=name))
        out[key] = figure
    return out
