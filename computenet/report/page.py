"""The report: one HTML file that opens without a network."""

from __future__ import annotations

from html import escape
from typing import Any

import plotly.graph_objects as go
from plotly.io import to_html
from plotly.offline import get_plotlyjs

from computenet.report import figures, physical, planning, provenance, sections
from computenet.report.export import TOOLS, drawn, prepare, toolbar
from computenet.report.geography import ground
from computenet.report.labels import Labels, labels_of
from computenet.report.map import map_figure, map_note
from computenet.report.style import CSS
from computenet.report.view import Lang, Names, RunView
from computenet.results.settlement import link_earnings, settlement, site_earnings

__all__ = ["FONT", "draw", "head", "render_report", "section"]

FONT = {
    "en": "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif",
    "zh": "system-ui, 'PingFang SC', 'Microsoft YaHei', 'Noto Sans CJK SC', 'Noto Sans SC', "
    "sans-serif",
}


def render_report(run: RunView, lang: Lang = "en") -> str:
    """Return the report of a run as HTML.

    Parameters
    ----------
    run
        Finished results, or anything with the same four attributes.
    lang
        ``en`` or ``zh``.
    """
    label, names = labels_of(lang), Names.of(run, lang)
    plan = _plan(run, names, label)
    planned = [("plan", "plan")] if plan else []
    parts = [
        section("cards", label("key_figures"), sections.cards(run, label)),
        section(
            "map",
            label("map"),
            draw(map_figure(run, names, label), lang, "map", NARROW),
            note=map_note(run, label),
            foot=f"{label('map_source')}: {ground().source}",
        ),
        section(
            "series",
            label("series"),
            draw(figures.series_figure(run, names, label), lang, "series"),
        ),
        *_physical(run, names, label),
        _figure("slo", "slo_note", "what_requests", figures.slo_figure(run, names, label), label),
        _figure(
            "latency",
            "latency_note",
            "what_requests",
            figures.ttft_figure(run, names, label),
            label,
        ),
        _queues(run, names, label),
        *_bound(run, label),
        *plan,
        section("targets", label("targets"), sections.targets(run, names, label)),
        section("by_site", label("by_site"), sections.by_site(run, names, label)),
        section("by_region", label("by_region"), sections.by_region(run, names, label)),
        _revenue(run, names, label),
        section("links", label("links"), sections.links(run, names, label)),
        section("events", label("events"), sections.events(run, label)),
        section("audit", label("audit"), sections.audit(run, label), note=label("audit_note")),
        section(
            "sources", label("sources"), provenance.sources(run, label), note=label("sources_note")
        ),
        section("limits", label("limits"), provenance.limits(label)),
        section("run", label("run"), provenance.provenance(run, label)),
    ]
    title = escape(getattr(run.scenario.title, lang))
    nav = "".join(
        f'<a href="#{key}">{label(name)}</a>'
        for key, name in (
            ("cards", "key_figures"), ("map", "map"), ("series", "series"), ("slo", "slo"),
            ("queues", "queues"), *planned, ("targets", "targets"), ("by_site", "by_site"),
            ("sources", "sources"),
        )
    )  # fmt: skip
    return (
        f"{head(title, lang)}<body>"
        f"<header><h1>{title}</h1>{sections.heading(run, label)}</header><nav>{nav}</nav>"
        f"<noscript><p>{label('no_script')}</p></noscript><main>{''.join(parts)}</main>"
        "</body></html>\n"
    )


def head(title: str, lang: Lang, css: str = "") -> str:
    """Return the begin of a page: style, plotly's script and what the figures' buttons do."""
    return (
        f'<!doctype html>\n<html lang="{"zh-CN" if lang == "zh" else "en"}"><head>'
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title} · computenet</title><style>:root{{--font:{FONT[lang]}}}{CSS}{css}</style>"
        f"<script>{get_plotlyjs()}</script><script>{TOOLS}</script></head>"
    )


def section(key: str, title: str, body: str, *, note: str = "", foot: str = "") -> str:
    """Return a section of a page; ``body`` is HTML, everything else is text."""
    above = f'<p class="note">{escape(note)}</p>' if note else ""
    below = f'<p class="foot">{escape(foot)}</p>' if foot else ""
    return f'<section id="{key}"><h2>{escape(title)}</h2>{above}{body}{below}</section>'


def _figure(key: str, note: str, what: str, figure: go.Figure | None, label: Labels) -> str:
    if figure is None:
        empty = f'<p class="note">{escape(label("no_data", what=label(what)))}</p>'
        return section(key, label(key), empty)
    return section(key, label(key), draw(figure, label.lang, key), note=label(note))


def _physical(run: RunView, names: Names, label: Labels) -> list[str]:
    """Return the sections of the physical side that the run has something to show for."""
    lost = run.summary.get("failures", {})
    note = label(
        "timeline_note",
        servers=f"{int(lost.get('servers', 0)):,}",
        jobs=f"{int(lost.get('jobs_stopped', 0)):,}",
        hours=f"{run.summary['jobs']['lost_accelerator_h']:,.0f}",
        dropped=f"{run.summary['requests']['dropped']:,}",
        unserved=f"{run.summary['energy'].get('unserved_mwh', 0.0):,.1f}",
    )
    found = (
        ("balance", physical.energy_figure(run, names, label), label("balance_note")),
        ("ledger", physical.ledger_figure(run, names, label), label("ledger_note")),
        ("flows", physical.link_figure(run, label), label("flows_note")),
        ("timeline", physical.timeline_figure(run, label), note),
    )
    return [
        section(key, label(key), draw(figure, label.lang, key), note=text)
        for key, figure, text in found
        if figure is not None
    ]


def _plan(run: RunView, names: Names, label: Labels) -> list[str]:
    """Return the sections of plan and prices, and of settlement, where a policy has any."""
    body = planning.plan_gap(run, label) + planning.plan_section(run, names, label)
    if not body:
        return []
    parts = [section("plan", label("plan"), body)]
    paid = settlement(run)
    if not paid.empty:
        parts.append(
            section(
                "settlement", label("settlement"),
                planning.settled(paid, site_earnings(run), link_earnings(run), names, label),
                note=label("settlement_note"),
            )
        )  # fmt: skip
    return parts


def _bound(run: RunView, label: Labels) -> list[str]:
    """Return the section of the bound where one was computed."""
    found = run.summary.get("bound")
    if found is None:
        return []
    note = label("bound_note", n=int(found["compared"]), status=_status(found["status"], label))
    return [section("bound", label("bound"), sections.bound(run, label), note=note)]


def _status(told: str, label: Labels) -> str:
    """Return the status of a bound in words; what a solver says of itself stays as it is."""
    what, colon, rest = told.partition(": ")
    words = label.or_own("bound_status_", what)
    return label("bound_status", what=words, status=_status(rest, label)) if colon else words


def _revenue(run: RunView, names: Names, label: Labels) -> str:
    body = sections.revenue(run, names, label)
    return section("revenue", label("revenue"), body) if body else ""


def _queues(run: RunView, names: Names, label: Labels) -> str:
    waits = figures.wait_figure(run, names, label)
    body = draw(figures.queue_figure(run, names, label), label.lang, "queue")
    parts = run.parts("jobs", ["wait_s"])
    unstarted = sum(int(part["wait_s"].isna().sum()) for part in parts)
    if waits is None:
        body += f'<p class="note">{escape(label("no_data", what=label("what_jobs")))}</p>'
    else:
        body += draw(waits, label.lang, "wait")
    return section("queues", label("queues"), body, note=label("wait_note", n=f"{unstarted:,}"))


#: On a narrow screen the map has no room for names: sites shrink, a touch shows what they are.
NARROW = """
var map = document.getElementById("{plot_id}");
if (map.clientWidth < 600) {
  map.data.forEach(function (trace, i) {
    if (trace.mode !== "markers+text") return;
    var size = trace.marker.size.map(function (s) { return 0.5 * s; });
    Plotly.restyle(map, {mode: "markers", "marker.size": [size], "marker.showscale": false}, [i]);
  });
  Plotly.relayout(map, {showlegend: false});
}
"""


def draw(figure: go.Figure, lang: Lang, key: str, script: str | None = None) -> str:
    """Return a figure, with the buttons that save it, as a part of a page begun by `head`."""
    figure.update_layout(font={"family": FONT[lang], "size": 12, "color": "#22313a"})
    prepare(figure, lang)
    drawn(key, figure)
    config: dict[str, Any] = {"displayModeBar": False, "responsive": True, "scrollZoom": False}
    html: str = to_html(
        figure, include_plotlyjs=False, full_html=False, config=config,
        div_id=f"figure-{key}", post_script=script,
        default_width="100%",
    )  # fmt: skip
    return f'<div class="figure {key}">{html}{toolbar(lang)}</div>'
