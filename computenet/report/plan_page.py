"""The page of a plan: what to build, where and when, what it costs, and how it was checked."""

from __future__ import annotations

from html import escape

import plotly.graph_objects as go

from computenet.report import plan_checked as checked
from computenet.report import plan_choices as choices
from computenet.report import plan_figures as figures
from computenet.report import plan_tables as tables
from computenet.report.geography import ground
from computenet.report.numbers import duration, share
from computenet.report.page import draw, head, section
from computenet.report.plan_map import plan_map
from computenet.report.plan_view import PlanView
from computenet.report.plan_words import PlanWords
from computenet.report.provenance import source_list
from computenet.report.view import Lang, Names

__all__ = ["render_plan"]

MORE_CSS = (
    "h3{margin:14px 0 6px;font-size:15px;font-weight:650}"
    ".verdict{margin:0 0 4px;font-size:19px;font-weight:650}"
    ".checked{border-left:4px solid #2f6f9f}"
    "th{white-space:normal;word-break:keep-all;vertical-align:bottom}"
    ".pair{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,420px),1fr));gap:14px}"
    ".pair>div{min-width:0}"
    "@media(min-width:601px){#cards .cards{grid-template-columns:"
    "repeat(auto-fill,minmax(min(250px,100%),1fr))}}"
)

#: Part of the cost by which variants that are cheaper than the plan are explained.
CHEAPER = 5e-5

#: On a narrow screen the map has no room for names: sites shrink, a touch shows what they are.
SMALL = """
var map = document.getElementById("{plot_id}");
if (map.clientWidth < 600) {
  map.data.forEach(function (trace, i) {
    if (!trace.marker || !Array.isArray(trace.marker.size)) return;
    var size = trace.marker.size.map(function (s) { return 0.5 * s; });
    var change = {"marker.size": [size]};
    if (trace.mode === "markers+text") {
      change.mode = "markers";
      change["marker.showscale"] = false;
    }
    Plotly.restyle(map, change, [i]);
  });
  Plotly.relayout(map, {showlegend: false});
}
"""


def render_plan(view: PlanView, lang: Lang = "en") -> str:
    """Return a plan as one HTML page that needs no network.

    Parameters
    ----------
    view
        The plan and, where there is one, its simulation.
    lang
        ``en`` or ``zh``.
    """
    word = PlanWords(lang)
    names, titles = view.names(lang), tables.class_titles(view, word)
    parts = [
        section("cards", word("cards"), tables.cards(view, word) + _notes(view, word)),
        section("checked", word("checked"), checked.headline(view, word)),
        section(
            "map", word("map"), draw(plan_map(view, names, word), lang, "map", SMALL),
            note=word("map_note"),
            foot=f"{word('map_foot')} {word.label('map_source')}: {ground().source}",
        ),
        _buildout(view, names, word),
        _chips(view, word),
        section(
            "power", word("power"),
            draw(figures.power_figure(view, word), lang, "power")
            + draw(figures.green_figure(view, names, word), lang, "green"),
            note=word("power_note"),
        ),
        section(
            "costs", word("costs"),
            draw(figures.cost_figure(view, word), lang, "costs")
            + tables.costs_table(view, word)
            + _pair(figures.yearly_figures(view, word), word),
            note=word("costs_note"),
        ),
        section("targets", word("targets"), tables.targets_table(view, names, titles, word),
                note=word("targets_note")),
        section("binding", word("binding"), tables.binding_list(view, names, titles, word),
                note=word("binding_note")),
        *_service(view, names, titles, word),
        _alternatives(view, names, word),
        _pareto(view, titles, word),
        *_verification(view, names, titles, word),
        section("days", word("days"), tables.days_table(view, word), note=word("days_note")),
        section("sources", word("sources"), source_list(view.tables["sources"], word.label),
                note=word("sources_note")),
        section("limits", word("limits"),
                "<ul>" + "".join(f"<li>{escape(text)}</li>" for text in word.limits()) + "</ul>"),
    ]  # fmt: skip
    return _page(view, parts, word)


def _page(view: PlanView, parts: list[str], word: PlanWords) -> str:
    lang, planning = word.lang, view.planning
    title = f"{word('page')} · {escape(getattr(view.scenario.topology.title, lang))}"
    topology = view.scenario.topology
    stages = view.stages[0] if len(view.stages) == 1 else f"{view.stages[0]}–{view.stages[-1]}"
    heading = word(
        "heading", stages=stages, sites=len(topology.sites), regions=len(topology.regions),
        base=planning.base_year, rate=share(planning.discount_rate),
    )  # fmt: skip
    made = word("made", seconds=duration(view.seconds, lang), version=view.version,
                base=planning.base_year)  # fmt: skip
    about = escape(getattr(planning.title, lang))
    shown = ["cards", "checked", "map", "buildout", "chips", "power", "costs", "targets", "served",
             "alternatives", "pareto", "sources", "limits"]  # fmt: skip
    if view.simulated is not None:
        shown.insert(-2, "verification")
    nav = "".join(f'<a href="#{key}">{escape(word(f"nav_{key}"))}</a>' for key in shown)
    return (
        f"{head(title, lang, MORE_CSS)}<body>"
        f"<header><h1>{title}</h1><p>{about} · {escape(heading)}</p>"
        f"<p>{escape(made)}</p></header><nav>{nav}</nav>"
        f"<noscript><p>{word.label('no_script')}</p></noscript><main>{''.join(parts)}</main>"
        "</body></html>\n"
    )


def _drawn(key: str, figure: go.Figure, word: PlanWords) -> str:
    return section(key, word(key), draw(figure, word.lang, key), note=word(f"{key}_note"))


def _pair(shown: dict[str, go.Figure], word: PlanWords) -> str:
    """Return figures side by side, below one another where there is no room."""
    cells = "".join(f"<div>{draw(one, word.lang, key)}</div>" for key, one in shown.items())
    return f'<div class="pair">{cells}</div>'


def _notes(view: PlanView, word: PlanWords) -> str:
    """Return what a reader must know before anything else."""
    notes = []
    if view.status != "optimal":
        notes.append(word("note_status", status=word.or_own("status_", view.status)))
    if view.unmet_share >= 5e-5:  # less is 0.00 %
        notes.append(word("note_unmet", share=share(view.unmet_share, 2)))
    if view.scenario.energy.model == "simple":
        notes.append(word("note_simple"))
    return "".join(f'<p class="banner">{escape(note)}</p>' for note in notes)


def _buildout(view: PlanView, names: Names, word: PlanWords) -> str:
    """Return power by stage, the last stage's sites, and those of the others folded away."""
    last = view.stages[-1]
    body = draw(figures.buildout_figure(view, names, word), word.lang, "buildout")
    body += f"<h3>{escape(word('stage_of', stage=last))}</h3>"
    body += tables.sites_table(view, last, names, word)
    for stage in view.stages[:-1]:
        body += (
            f"<details><summary>{escape(word('stage_of', stage=stage))}</summary>"
            f"{tables.sites_table(view, stage, names, word)}</details>"
        )
    return section("buildout", word("buildout"), body, note=word("buildout_note"),
                   foot=word("sites_note"))  # fmt: skip


def _chips(view: PlanView, word: PlanWords) -> str:
    body = draw(figures.chips_figure(view, word), word.lang, "chips")
    if not view.eflops("bought") > 1e-9:
        body = f'<p class="note">{escape(word("chips_none"))}</p>{body}'
    return section("chips", word("chips"), body, note=word("chips_note"))


def _service(view: PlanView, names: Names, titles: dict[str, str], word: PlanWords) -> list[str]:
    """Return coverage by class, and who serves whom in the last stage."""
    figure = choices.coverage_figure(view, titles, word)
    out = [] if figure is None else [_drawn("coverage", figure, word)]
    served = draw(choices.served_figure(view, names, word), word.lang, "served")
    title = word("served", stage=view.stages[-1])
    return [*out, section("served", title, served, note=word("served_note"))]


def _alternatives(view: PlanView, names: Names, word: PlanWords) -> str:
    kept = tables.distinct_alternatives(view)
    if not kept:
        none = f'<p class="note">{escape(word("alternatives_none"))}</p>'
        return section("alternatives", word("alternatives"), none)
    same = max(len(view.tables["alternatives"]), view.alternatives_asked + 1) - len(kept)
    body = draw(choices.alternatives_figure(view, kept, names, word), word.lang, "alternatives")
    body += tables.alternatives_table(view, kept, names, word)
    return section(
        "alternatives", word("alternatives"), body, note=word("alternatives_note"),
        foot=" ".join(
            [*([word("alternatives_same", n=same)] if same else []),
             *_cheaper(view, "alternatives", word)]
        ),
    )  # fmt: skip


def _pareto(view: PlanView, titles: dict[str, str], word: PlanWords) -> str:
    if view.tables["pareto"].empty:
        none = f'<p class="note">{escape(word("pareto_none"))}</p>'
        return section("pareto", word("pareto"), none)
    fronts = choices.pareto_figures(view, titles, word)
    body = _pair({f"pareto-{number}": one for number, one in enumerate(fronts, 1)}, word)
    return section("pareto", word("pareto"), body, note=word("pareto_note"),
                   foot="".join(_cheaper(view, "pareto", word)))  # fmt: skip


def _cheaper(view: PlanView, table: str, word: PlanWords) -> list[str]:
    """Return why variants cost less than the plan, where some do."""
    less = -min((row["cost_over_plan"] for row in view.rows(table)), default=0.0)
    if less < CHEAPER:
        return []
    return [word("cheaper", less=share(less, 2), gap=share(view.gap, 2))]


def _verification(
    view: PlanView, names: Names, titles: dict[str, str], word: PlanWords
) -> list[str]:
    found = view.simulated
    if found is None:
        return []
    body = _pair(choices.simulated_figures(view, word), word)
    for key, part in (
        ("by_class", checked.by_class(found, titles, word)),
        ("by_site", checked.by_site(view, found, names, word)),
        ("rounds", checked.rounds(found, word)),
        ("derated", checked.derated(found, names, titles, word)),
    ):
        title = word(key)
        if key == "by_site":
            title += f" · {word('stage_of', stage=view.stages[-1])}"
        if part:
            body += f"<h3>{escape(title)}</h3>{part}"
    return [section("verification", word("verification"), body, note=word("verification_note"),
                    foot=word("rounds_note"))]  # fmt: skip
