"""The figures of a study's page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from computenet.report.figures import PALETTE, style
from computenet.report.study_words import TEXT, outcome_scale, outcome_title
from computenet.report.view import Lang

__all__ = ["bars", "effects", "front_figure", "histograms", "panels"]

DARK, LIGHT, ALERT = PALETTE[0], "#b9d2e3", PALETTE[1]
#: Panels beside each other.
ACROSS = 3
#: Parts of an axis over which the mean of an effect is taken.
PARTS = 8


def panels(titles: Sequence[str], height: int, **more: Any) -> tuple[go.Figure, list[Any]]:
    """Return a figure of equal panels and the place of each."""
    across = min(ACROSS, len(titles))
    down = -(-len(titles) // across)
    total = height * down + 40
    figure = make_subplots(
        rows=down, cols=across, subplot_titles=[escape(t) for t in titles],
        vertical_spacing=min(0.3, 62.0 / total), **more,
    )  # fmt: skip
    figure.update_annotations(font={"size": 13})
    style(figure, total, showlegend=False)
    return figure, [{"row": i // across + 1, "col": i % across + 1} for i in range(len(titles))]


def histograms(points: pd.DataFrame, names: Sequence[str], lang: Lang) -> go.Figure:
    """Return the distribution of every outcome over points, its quantiles marked."""
    titles = [outcome_title(name, lang) for name in names]
    figure, at = panels(titles, 190, horizontal_spacing=0.07)
    for name, place in zip(names, at, strict=True):
        values = _of(points, name) * outcome_scale(name)
        values = values[np.isfinite(values)]
        if not len(values):
            continue
        count, edges = np.histogram(values, bins=min(30, max(5, int(np.sqrt(2 * len(values))))))
        figure.add_bar(
            x=(edges[:-1] + edges[1:]) / 2.0, y=count, width=np.diff(edges), marker_color=LIGHT,
            marker_line={"color": "#ffffff", "width": 1}, hovertemplate="%{x:,.4g}: %{y}",
            name="", **place,
        )  # fmt: skip
        for part, dash in ((0.05, "dot"), (0.5, "solid"), (0.95, "dot")):
            figure.add_vline(
                float(np.quantile(values, part)), line={"color": DARK, "width": 1.6, "dash": dash},
                **place,
            )  # fmt: skip
    return figure


def _of(points: pd.DataFrame, name: str) -> NDArray[np.float64]:
    rows = points[points["outcome"] == name]
    return rows["mean"].to_numpy(np.float64, na_value=np.nan)


def bars(
    table: pd.DataFrame,
    names: Sequence[str],
    axes: Mapping[str, str],
    lang: Lang,
    indices: Sequence[str],
) -> go.Figure:
    """Return bars of every axis by outcome, the most important on top.

    Parameters
    ----------
    table
        Sensitivities.
    axes
        Title by axis.
    indices
        What is drawn, the first in front; ``rank`` has a sign and is coloured by it.
    """
    text = TEXT[lang]
    titles = [outcome_title(name, lang) for name in names]
    longest = max(len(title) for title in axes.values()) * (1 if lang == "en" else 2)
    figure, at = panels(
        titles, 60 + 21 * len(axes), horizontal_spacing=min(0.22, 0.035 + 0.0062 * longest)
    )
    for name, place in zip(names, at, strict=True):
        rows = table[(table["outcome"] == name) & (table["index"].isin(indices))]
        main = rows[rows["index"] == indices[0]].set_index("axis")["value"].abs()
        order = [axis for axis in main.sort_values(kind="stable").index if axis in axes]
        for index in reversed(indices):
            one = rows[rows["index"] == index].set_index("axis").reindex(order)
            value = one["value"].to_numpy(np.float64)
            signed = index == "rank"
            colours: Any = (
                [DARK if v >= 0.0 else ALERT for v in value]
                if signed
                else (DARK if index == indices[0] else LIGHT)
            )
            figure.add_bar(
                y=[escape(axes[axis]) for axis in order], orientation="h", name=text.get(index, ""),
                x=value if signed else np.maximum(value, 0.0), marker_color=colours,
                width=0.72 if len(indices) == 1 or index != indices[0] else 0.36,
                error_x=_error(one, value, signed), hovertemplate="%{y}: %{x:.3f}",
                **place,
            )  # fmt: skip
        figure.update_xaxes(range=[-1.05, 1.05] if indices == ["rank"] else [0, 1.05], **place)
    figure.update_layout(barmode="overlay")
    figure.update_yaxes(tickfont={"size": 11}, automargin=True)
    return figure


def _error(rows: pd.DataFrame, value: NDArray[np.float64], signed: bool) -> dict[str, Any] | None:
    low = rows["low"].to_numpy(np.float64, na_value=np.nan)
    high = rows["high"].to_numpy(np.float64, na_value=np.nan)
    if not np.isfinite(low).any():
        return None
    base = value if signed else np.maximum(value, 0.0)
    return {
        "type": "data", "symmetric": False, "array": np.maximum(high - base, 0.0),
        "arrayminus": np.maximum(base - np.maximum(low, low if signed else 0.0), 0.0),
        "color": "#5d6b73", "thickness": 1, "width": 2,
    }  # fmt: skip


def effects(points: pd.DataFrame, name: str, axes: Mapping[str, str], lang: Lang) -> go.Figure:
    """Return an outcome of every point against every axis, with the mean over parts of it."""
    rows = points[points["outcome"] == name]
    y = _of(points, name) * outcome_scale(name)
    figure, at = panels(list(axes.values()), 190, horizontal_spacing=0.07, shared_yaxes=True)
    for axis, place in zip(axes, at, strict=True):
        x = rows[axis]
        numeric = pd.api.types.is_numeric_dtype(x) and not pd.api.types.is_bool_dtype(x)
        shown: Any = x if numeric else [escape(str(v)) for v in x]
        figure.add_scatter(
            x=shown, y=y, mode="markers", marker={"color": LIGHT, "size": 5},
            hovertemplate="%{x}<br>%{y:,.4g}", name="", **place,
        )  # fmt: skip
        groups: Any = shown
        if numeric and x.nunique() > PARTS:
            groups = pd.qcut(x, PARTS, labels=False, duplicates="drop").to_numpy()
        of_parts = pd.DataFrame({"x": shown, "y": y}).groupby(np.asarray(groups), sort=numeric)
        means = of_parts.mean() if numeric else of_parts["y"].mean()
        figure.add_scatter(
            x=means["x"] if numeric else list(means.index), y=means["y"] if numeric else means,
            mode="lines+markers" if numeric else "markers",
            line={"color": DARK, "width": 2}, marker={"color": DARK, "size": 7},
            hovertemplate="%{y:,.4g}", name="", **place,
        )  # fmt: skip
    return figure


def front_figure(
    points: pd.DataFrame, goals: Sequence[str], on_front: NDArray[np.bool_], lang: Lang
) -> go.Figure:
    """Return two outcomes of every point, and the line of those that no other betters."""
    text = TEXT[lang]
    x, y = (_of(points, goal) * outcome_scale(goal) for goal in goals)
    figure = go.Figure()
    order = np.flatnonzero(on_front)[np.argsort(x[on_front], kind="stable")]
    rows = points[points["outcome"] == goals[0]]
    names = [str(point) for point in rows["point"]]
    figure.add_scatter(
        x=x[~on_front], y=y[~on_front], mode="markers", name=text["others"],
        text=[name for name, on in zip(names, on_front, strict=True) if not on],
        marker={"color": LIGHT, "size": 7}, hovertemplate="%{text}: %{x:,.4g}, %{y:,.4g}",
    )  # fmt: skip
    figure.add_scatter(
        x=x[order], y=y[order], mode="lines+markers", name=text["on_front"],
        text=[names[row] for row in order], line={"color": ALERT, "width": 1.5, "shape": "hv"},
        marker={"color": ALERT, "size": 9}, hovertemplate="%{text}: %{x:,.4g}, %{y:,.4g}",
    )  # fmt: skip
    style(figure, 400, showlegend=True)
    figure.update_layout(legend={"y": -0.18})
    figure.update_xaxes(title=outcome_title(goals[0], lang))
    figure.update_yaxes(title=outcome_title(goals[1], lang))
    return figure
