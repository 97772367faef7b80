"""The page of a comparison: figures of runs side by side, and map beside map of layouts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Protocol

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from computenet.report.figures import PALETTE, style
from computenet.report.geography import ground
from computenet.report.labels import Labels, labels_of
from computenet.report.layout_map import ChangeView, layout_map
from computenet.report.numbers import plain, significant
from computenet.report.page import NARROW, draw, head, section
from computenet.report.sections import html_table
from computenet.report.view import Lang, RunView
from computenet.scenario import TopologySpec
from computenet.units import MANY_CNY

__all__ = ["ComparisonView", "render_comparison"]

#: Changes of one layout shown before the rest is folded away.
MOST_ROWS = 12
MORE_CSS = (
    ".maps{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,480px),1fr));"
    "gap:14px}.maps h3{margin:4px 0;font-size:15px}.maps p{margin:0 0 4px}"
)

#: Maps side by side are narrower than one alone and keep their names for longer.
SMALL = NARROW.replace("< 600", "< 420")


class RowView(Protocol):
    """A line of the table of figures."""

    @property
    def name(self) -> str: ...
    @property
    def values(self) -> list[str]: ...


class ComparisonView(Protocol):
    """Runs side by side; `computenet.study.Comparison` is one."""

    @property
    def runs(self) -> Mapping[str, RunView]: ...
    @property
    def base(self) -> TopologySpec | None: ...
    @property
    def changes(self) -> Mapping[str, Sequence[ChangeView]]: ...
    @property
    def bounds_cny(self) -> Mapping[str, float | None]: ...
    def rows(self) -> Sequence[RowView]: ...


def render_comparison(comparison: ComparisonView, lang: Lang = "en") -> str:
    """Return a comparison as one HTML page that needs no network."""
    label = labels_of(lang)
    figures = draw(_figures(comparison, label), lang, "figures")
    parts = [
        section(
            "table",
            label("compare_table"),
            _table(comparison, label),
            foot=_foot(comparison, label),
        ),
        section("figures", label("compare_figures"), figures, note=label("compare_figures_note")),
    ]
    nav = [("table", "compare_table"), ("figures", "compare_figures")]
    if comparison.base is not None:
        parts += [_maps(comparison, comparison.base, label), _changes(comparison, label)]
        nav += [("layouts", "compare_maps"), ("changes", "compare_changes")]
    first = next(iter(comparison.runs.values()))
    title = label("compare_title")
    links = "".join(f'<a href="#{key}">{label(name)}</a>' for key, name in nav)
    scenario = escape(getattr(first.scenario.title, lang))
    if comparison.base is not None:
        scenario = escape(getattr(comparison.base.title, lang))
    span = label("days", n=f"{first.scenario.days:g}")
    return (
        f"{head(title, lang, MORE_CSS)}<body>"
        f"<header><h1>{title}</h1><p>{scenario} · {span} · {label('seed')} {first.scenario.seed} · "
        f"{label('compare_runs', n=len(comparison.runs))}</p></header><nav>{links}</nav>"
        f"<noscript><p>{label('no_script')}</p></noscript><main>{''.join(parts)}</main>"
        "</body></html>\n"
    )


def _foot(comparison: ComparisonView, label: Labels) -> str:
    """Return the least each run could have cost, in words."""
    bounds = comparison.bounds_cny
    known = {name: value for name, value in bounds.items() if value is not None}
    if not known:
        return label("compare_no_bounds")
    if len(known) == len(bounds) and len(set(known.values())) == 1:
        return label("compare_one_bound", cny=plain(next(iter(known.values()))))
    shown = "; ".join(f"{name} {plain(value)}" for name, value in bounds.items())
    return label("compare_bounds", list=shown)


def _table(comparison: ComparisonView, label: Labels) -> str:
    heads = [("", True), *((name, False) for name in comparison.runs)]
    rows = []
    for row in comparison.rows():
        inner = row.name.startswith(" ")
        name = label.or_own("compare_row_", row.name.strip())
        cells = [escape(value) for value in row.values]
        rows.append([("&nbsp;&nbsp;" if inner else "") + escape(name), *cells])
    return html_table(heads, rows)


def _figures(comparison: ComparisonView, label: Labels) -> go.Figure:
    """Return cost, carbon, SLO and waiting of the runs, in four panels."""
    names = [escape(name) for name in comparison.runs]
    runs = [run.summary for run in comparison.runs.values()]
    large = max(run["cost"]["total_cny"] for run in runs) >= MANY_CNY
    unit = 1e6 if large else 1.0
    titles = [label("compare_cost" if large else "compare_cost_cny"),
              *(label(f"compare_{key}") for key in ("carbon", "slo", "wait"))]  # fmt: skip
    figure = make_subplots(
        rows=2, cols=2, subplot_titles=titles, vertical_spacing=0.2, horizontal_spacing=0.09
    )
    for key, colour in (("energy", PALETTE[0]), ("network", PALETTE[1])):
        figure.add_bar(
            x=names, y=[run["cost"][f"{key}_cny"] / unit for run in runs],
            name=label(f"cost_{key}"), marker={"color": colour},
            hovertemplate="%{x}<br>%{y:,.3f}", row=1, col=1,
        )  # fmt: skip
    bounds = [comparison.bounds_cny.get(name) for name in comparison.runs]
    if any(value is not None for value in bounds):
        figure.add_scatter(
            x=names, y=[None if value is None else value / unit for value in bounds],
            name=label("compare_bound"), mode="markers", row=1, col=1,
            marker={"symbol": "line-ew", "size": 34, "line": {"width": 3, "color": "#22313a"}},
        )  # fmt: skip
    slo = [run["requests"]["slo_attainment"] for run in runs]
    for place, values, colour in (
        ((1, 2), [run["carbon"]["kg"] / 1e3 for run in runs], PALETTE[7]),
        ((2, 1), [None if value is None else 100.0 * value for value in slo], PALETTE[2]),
        ((2, 2), [run["jobs"]["wait_s"]["mean"] for run in runs], PALETTE[4]),
    ):
        figure.add_bar(
            x=names, y=values, showlegend=False, marker={"color": colour}, row=place[0],
            col=place[1], hovertemplate="%{x}<br>%{y:,.2f}",
        )  # fmt: skip
    figure.update_annotations(font={"size": 12})
    figure.update_layout(barmode="stack")
    known = [100.0 * value for value in slo if value is not None]
    style(figure, 620)
    if known:  # where all runs do well, the difference is what is worth seeing
        low = max(0.0, min(known) - 0.25 * max(100.0 - min(known), 1e-3))
        figure.update_yaxes(range=[low, 100.0], row=2, col=1)
    return figure


def _layouts(comparison: ComparisonView) -> dict[str, str]:
    """Return the first run of each layout by the layout's name, the base's first."""
    out: dict[str, str] = {}
    for run in comparison.runs:
        out.setdefault(run.split("+")[0], run)
    base = [name for name, run in out.items() if not comparison.changes[run]]
    return {name: out[name] for name in [*base, *(name for name in out if name not in base)]}


def _maps(comparison: ComparisonView, base: TopologySpec, label: Labels) -> str:
    shown = _layouts(comparison)
    topologies = [base, *(comparison.runs[run].scenario.topology for run in shown.values())]
    most = max(site.it_capacity_mw for topology in topologies for site in topology.sites)
    cells = []
    for number, (name, run) in enumerate(shown.items(), 1):
        topology = comparison.runs[run].scenario.topology
        figure = layout_map(base, topology, comparison.changes[run], label, most)
        title = escape(f"{getattr(topology.title, label.lang)} · {name}")
        cells.append(
            f'<div class="map"><h3>{title}</h3><p class="note">{escape(_totals(topology, label))}'
            f"</p>{draw(figure, label.lang, f'map-{number}', SMALL)}</div>"
        )
    return section(
        "layouts", label("compare_maps"), f'<div class="maps">{"".join(cells)}</div>',
        note=label("compare_maps_note"), foot=f"{label('map_source')}: {ground().source}",
    )  # fmt: skip


def _totals(topology: TopologySpec, label: Labels) -> str:
    kinds = {kind.id: kind.fp16_tflops for kind in topology.accelerators}
    return label(
        "compare_totals",
        sites=len(topology.sites),
        mw=significant(sum(site.it_capacity_mw for site in topology.sites)),
        accelerators=plain(sum(pool.count for pool in topology.pools)),
        eflops=significant(sum(p.count * kinds[p.accelerator] for p in topology.pools) / 1e6),
        gbps=significant(sum(link.capacity_gbps for link in topology.links)),
    )


def _changes(comparison: ComparisonView, label: Labels) -> str:
    """Return what differs, a table a layout."""
    out = []
    for name, run in _layouts(comparison).items():
        changes = comparison.changes[run]
        if not changes:
            out.append(f"<h3>{escape(name)}</h3><p>{escape(label('change_none'))}</p>")
            continue
        columns = ("kind", "part", "item", "what", "before", "after", "by")
        heads = [(label(f"change_{key}"), key in columns[:4]) for key in columns]
        rows = [_change(change, label) for change in changes]
        body = html_table(heads, rows[:MOST_ROWS])
        if len(rows) > MOST_ROWS:
            rest = label("change_rest", n=len(rows) - MOST_ROWS)
            more = html_table(heads, rows[MOST_ROWS:])
            body += f"<details><summary>{escape(rest)}</summary>{more}</details>"
        out.append(f"<h3>{escape(name)}</h3>{body}")
    return section("changes", label("compare_changes"), "".join(out))


def _change(change: ChangeView, label: Labels) -> list[str]:
    if change.field:
        what = label.or_own("change_field_", change.field)
    else:
        sized = change.part in ("sites", "pools", "links")
        what = label(f"change_whole_{change.part}" if sized else "change_whole")
    by = "–"
    both = (change.before, change.after)
    if all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in both):
        by = ("+" if change.after > change.before else "") + _value(change.after - change.before)
        if change.before:
            by += f" ({(change.after / change.before - 1.0):+.1%})"
    css = {"added": "ok", "grown": "ok", "removed": "bad", "shrunk": "bad"}.get(change.kind, "")
    cells = [label.or_own("change_part_", change.part), change.item, what,
             *(_value(value) for value in both), by]  # fmt: skip
    kind = f'<span class="{css}">{escape(label(f"change_{change.kind}"))}</span>'
    return [kind, *(escape(cell) for cell in cells)]


def _value(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return plain(value, 0 if value == round(value) else 3)
    if isinstance(value, int) and not isinstance(value, bool):
        return plain(value)
    text = str(value)
    return text if len(text) <= 60 else text[:59] + "…"
