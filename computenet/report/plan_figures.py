"""The figures of a plan but the map."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from computenet.report.figures import PALETTE, style
from computenet.report.plan_view import PlanView, Row
from computenet.report.plan_words import PlanWords
from computenet.report.view import Names

__all__ = [
    "alternatives_figure",
    "buildout_figure",
    "chips_figure",
    "cost_figure",
    "coverage_figure",
    "green_figure",
    "money_unit",
    "pareto_figure",
    "power_figure",
    "served_figure",
    "simulated_figure",
    "yearly_figure",
]

#: Sites with a colour of their own; the rest is drawn together.
MOST_SITES = 14
SOURCES = {"own": "#e0b43a", "today": "#4f8f9f", "green": "#6b9e5a", "grid": "#8d9299",
           "unserved": "#b03a3a"}  # fmt: skip
REST, MARK = "#b9b4a6", "#22313a"
PLANNED, SIMULATED = "#2f6f9f", "#c8743c"
#: Parts of the cost that are paid for building; the others run every year.
BUILT = ("opening", "halls", "chips", "pv", "wind", "battery", "waves")


def money_unit(values: Iterable[float], word: PlanWords) -> tuple[float, str]:
    """Return the unit that suits amounts of CNY, and what it is called."""
    most = max((abs(value) for value in values), default=0.0)
    for step, name in ((1e10, "billion"), (1e6, "million")):
        if most >= step:
            return (1e9 if name == "billion" else 1e6), word(name)
    return 1.0, word("cny")


def _line(figure: go.Figure, height: int, legend: float = -0.16) -> go.Figure:
    style(figure, height)
    figure.update_layout(legend={"y": legend})
    figure.update_xaxes(type="category")
    return figure


def buildout_figure(view: PlanView, names: Names, word: PlanWords) -> go.Figure:
    """Return IT power in use by stage, stacked by site."""
    power = view.tables["sites"].pivot(index="site", columns="stage", values="nameplate_mw")
    power = power[list(view.stages)]
    order = power[view.stages[-1]].sort_values(ascending=False, kind="stable").index.tolist()
    figure = go.Figure()
    for number, site in enumerate(order[:MOST_SITES]):
        figure.add_bar(
            x=list(view.stages), y=power.loc[site].round(4).tolist(), name=escape(names.site(site)),
            marker={"color": PALETTE[number % len(PALETTE)]},
        )  # fmt: skip
    if rest := order[MOST_SITES:]:
        figure.add_bar(
            x=list(view.stages), y=power.loc[rest].sum().round(4).tolist(),
            name=word("others", n=len(rest)), marker={"color": REST},
        )  # fmt: skip
    figure.update_layout(barmode="stack")
    _line(figure, 380, -0.1)
    figure.update_yaxes(title=word("axis_mw"))
    return figure


def chips_figure(view: PlanView, word: PlanWords) -> go.Figure:
    """Return accelerators bought by type and stage, and the compute installed."""
    table = view.tables["accelerators"]
    bought = table.pivot_table(
        index="accelerator", columns="stage", values="bought", aggfunc="sum", fill_value=0.0
    ).reindex(columns=list(view.stages), fill_value=0.0)
    titles = {one.id: one.name for one in view.scenario.topology.accelerators}
    figure = make_subplots(specs=[[{"secondary_y": True}]])
    for number, (kind, values) in enumerate(bought.iterrows()):
        if values.sum() > 1e-6:
            figure.add_bar(
                x=list(view.stages), y=values.round(1).tolist(),
                name=escape(str(titles.get(str(kind), kind))),
                marker={"color": PALETTE[number % len(PALETTE)]},
            )  # fmt: skip
    figure.add_scatter(
        x=list(view.stages), y=[round(view.eflops("there", stage), 5) for stage in view.stages],
        name=word("installed"), mode="lines+markers", line={"color": MARK, "width": 2},
        secondary_y=True,
    )  # fmt: skip
    figure.update_layout(barmode="stack")
    _line(figure, 360, -0.1)
    figure.update_yaxes(title=word("axis_chips"), secondary_y=False, rangemode="tozero")
    figure.update_yaxes(title=word("axis_eflops"), secondary_y=True, rangemode="tozero",
                        showgrid=False)  # fmt: skip
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
                x=list(view.stages), y=sums[column].round(4).tolist(), name=word(f"source_{key}"),
                marker={"color": SOURCES[key]},
            )  # fmt: skip
    figure.update_layout(barmode="stack")
    _line(figure, 330, -0.1)
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
            x=[escape(names.site(site)) for site in order],
            y=[_percent(values.get(site)) for site in order], name=escape(stage),
            marker={"color": shade},
        )  # fmt: skip
    asked = {
        row["where"]: 100.0 * row["limit"]
        for row in view.rows("targets", target="green share") if row["where"] in order
    }  # fmt: skip
    if asked:
        figure.add_scatter(
            x=[escape(names.site(site)) for site in asked], y=list(asked.values()),
            name=word("target"), mode="markers",
            marker={"symbol": "line-ew", "size": 24, "line": {"width": 2.5, "color": "#b03a3a"}},
        )  # fmt: skip
    style(figure, 340, barmode="group")
    figure.update_layout(legend={"y": -0.34}, margin={"b": 90})
    figure.update_xaxes(tickangle=-40, type="category")
    figure.update_yaxes(title=word("axis_green"), range=[0, 105])
    return figure


def _percent(value: Any) -> float | None:
    if value is None or value != value:
        return None
    return round(100.0 * float(value), 3)


def cost_figure(view: PlanView, word: PlanWords) -> go.Figure:
    """Return the present value of each part, adding up to the plan's cost."""
    present = view.tables["costs"].groupby("part", sort=False)["present_cny"].sum()
    total = float(present.sum())
    shown = present[present.abs() > 1e-6 * max(abs(total), 1e-12)]
    unit, name = money_unit([total], word)
    figure = go.Figure(
        go.Waterfall(
            x=[*(word.or_own("part_", part) for part in shown.index), word("total")],
            y=[*(shown / unit).round(6), 0.0], measure=["relative"] * len(shown) + ["total"],
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
            "rows": [[word.or_own("part_", part), round(float(value), 2)]
                     for part, value in present.items()],
        }},
    )  # fmt: skip
    figure.update_yaxes(title=word("axis_present", unit=name))
    figure.update_xaxes(tickangle=-35)
    return figure


def yearly_figure(view: PlanView, word: PlanWords) -> go.Figure:
    """Return what is paid for building, and what a year costs to run, by stage and part."""
    paid = view.tables["investment"].pivot(index="part", columns="stage", values="cny")
    costs = view.tables["costs"]
    runs = costs[~costs["part"].isin(BUILT)]
    yearly = runs.pivot(index="part", columns="stage", values="cny_per_year")
    unit, name = money_unit([*paid.sum().tolist(), *yearly.sum().tolist()], word)
    figure = make_subplots(
        rows=1, cols=2, horizontal_spacing=0.09,
        subplot_titles=[word("axis_paid", unit=name), word("axis_yearly", unit=name)],
    )  # fmt: skip
    parts = [part for part in dict.fromkeys(costs["part"])]
    colour = {part: PALETTE[number % len(PALETTE)] for number, part in enumerate(parts)}
    for column, table in ((1, paid), (2, yearly)):
        table = table[list(view.stages)] / unit
        least = 1e-6 * max(float(table.to_numpy().sum()), 1e-12)
        for part in (part for part in parts if part in table.index):
            if float(table.loc[part].abs().sum()) > least:
                figure.add_bar(
                    x=list(view.stages), y=table.loc[part].round(6).tolist(),
                    name=word.or_own("part_", part), marker={"color": colour[part]},
                    row=1, col=column,
                )  # fmt: skip
    figure.update_annotations(font={"size": 12})
    figure.update_layout(barmode="stack")
    return _line(figure, 360, -0.1)


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
    style(figure, 320, barmode="group")
    figure.update_layout(legend={"y": -0.18})
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
            x=[word("unmet") if s == "unmet" else escape(names.site(s)) for s in sites],
            y=[escape(names.region(region)) for region in regions], zmin=0, zmax=100, xgap=1,
            ygap=1, colorscale=[[0.0, "#eef3f6"], [0.25, "#9cc3dc"], [1.0, "#173f63"]],
            colorbar={"title": {"text": "%"}, "thickness": 10},
            hovertemplate="%{y} → %{x}<br>%{z:.1f} %<extra></extra>",
        )
    )  # fmt: skip
    style(figure, 150 + 17 * len(regions))
    figure.update_layout(margin={"l": 90, "b": 100})
    figure.update_xaxes(tickangle=-50, tickfont={"size": 10}, showgrid=False)
    figure.update_yaxes(autorange="reversed", tickfont={"size": 10}, showgrid=False)
    return figure


def alternatives_figure(
    view: PlanView, kept: Sequence[int], names: Names, word: PlanWords
) -> go.Figure:
    """Return the IT power of each site in the plan and in its alternatives."""
    table = view.tables["alternative_sites"]
    power = table.pivot(index="site", columns="alternative", values="it_mw")[list(kept)]
    least = 1e-3 * max(float(power.to_numpy().max()), 1e-12)
    order = [site.id for site in view.scenario.topology.sites
             if float(power.loc[site.id].max()) > least]  # fmt: skip
    figure = go.Figure()
    for number, key in enumerate(kept):
        figure.add_bar(
            x=[escape(names.site(site)) for site in order], y=power.loc[order, key].round(4),
            name=word("the_plan") if key == 0 else word("alternative_n", n=number),
            marker={"color": MARK if key == 0 else PALETTE[(number - 1) % len(PALETTE)]},
        )  # fmt: skip
    style(figure, 360, barmode="group")
    figure.update_layout(legend={"y": -0.32}, margin={"b": 90})
    figure.update_xaxes(tickangle=-40)
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
            values: list[Row] | Any = stages[f"{key}_{side}"] / scale
            figure.add_bar(
                x=stages["stage"].tolist(), y=np.asarray(values).round(6), name=word(side),
                marker={"color": colour}, legendgroup=side, showlegend=column == 1,
                row=1, col=column,
            )  # fmt: skip
    figure.update_annotations(font={"size": 12})
    figure.update_layout(barmode="group")
    return _line(figure, 320, -0.12)
