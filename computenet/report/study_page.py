"""The page of a study: what was varied, what came out, and what it depends on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import pandas as pd

from computenet.report.labels import labels_of
from computenet.report.page import draw, head, section
from computenet.report.study_figures import bars, effects, front_figure, histograms
from computenet.report.study_words import TEXT, law_text, outcome_title, shown
from computenet.report.view import Lang

__all__ = ["render_study"]

#: Points of a grid that the page lists.
MOST_POINTS = 60
#: Points that are drawn against an axis; of more, every so many.
MOST_DRAWN = 2000
MORE_CSS = (
    "th,td{padding:5px 7px;font-size:13px}th{white-space:normal;vertical-align:bottom}"
    "td code{font-size:12px;white-space:normal;overflow-wrap:anywhere}"
)


def render_study(page: Mapping[str, Any], lang: Lang = "en") -> str:
    """Return a study as one HTML page that needs no network.

    Parameters
    ----------
    page
        ``spec`` (the study's fields), ``seeds``, ``runs``, ``points``, ``distributions``,
        ``sensitivity`` (tables), ``front`` (which points no other betters), ``confidence`` and
        ``computenet`` (the version).
    lang
        ``en`` or ``zh``.
    """
    text, spec = TEXT[lang], page["spec"]
    parts = [
        section("axes", text["axes"], _axes(spec, lang), note=text["axes_note"]),
        *_outcomes(page, lang),
        *_points(page, lang),
        *_sensitivity(page, lang),
        *_front(page, lang),
        *_effects(page, lang),
        *_failed(page["runs"], lang),
    ]
    title = escape(spec["title"][lang])
    about = spec.get("description")
    note = f"<p>{escape(about[lang])}</p>" if about else ""
    nav = "".join(f'<a href="#{key}">{name}</a>' for key, name in _nav(parts))
    return (
        f"{head(title, lang, MORE_CSS)}<body>"
        f"<header><h1>{title}</h1>{note}<p>{_heading(page, lang)}</p></header><nav>{nav}</nav>"
        f"<noscript><p>{text['no_script']}</p></noscript><main>{''.join(parts)}</main>"
        "</body></html>\n"
    )


def _nav(parts: Sequence[str]) -> list[tuple[str, str]]:
    """Return key and title of every section, as HTML."""
    out = []
    for part in parts:
        key = part.split('"', 2)[1]
        title = part.split("<h2>", 1)[1].split("</h2>", 1)[0]
        out.append((key, title))
    return out


def _heading(page: Mapping[str, Any], lang: Lang) -> str:
    text, runs, seeds = TEXT[lang], page["runs"], len(page["seeds"])
    words = text["heading"].format(
        design=text[page["spec"]["design"]["method"]],
        points=f"{len(runs) // seeds:,}",
        seeds=seeds,
        runs=f"{len(runs):,}",
        failed=int((runs["status"] != "done").sum()),
    )
    return f"{escape(words)} · computenet {escape(page['computenet'])}"


def _level(page: Mapping[str, Any]) -> str:
    return f"{100.0 * page['confidence']:.0f}"


def _titles(spec: Mapping[str, Any], lang: Lang) -> dict[str, str]:
    return {
        axis["name"]: axis["title"][lang] if axis.get("title") else axis["name"]
        for axis in spec["axes"]
    }


def _grid(heads: Sequence[str], rows: Sequence[Sequence[str]], words: int = 1) -> str:
    """Return a table of HTML cells; the first columns are of words, the others of figures."""
    head = "".join(
        f'<th class="t">{escape(h)}</th>' if i < words else f"<th>{escape(h)}</th>"
        for i, h in enumerate(heads)
    )
    body = "".join(
        "<tr>"
        + "".join(
            f'<td class="t w">{cell}</td>' if i < words else f"<td>{cell}</td>"
            for i, cell in enumerate(row)
        )
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        "</div>"
    )


def _axes(spec: Mapping[str, Any], lang: Lang) -> str:
    text, titles, label = TEXT[lang], _titles(spec, lang), labels_of(lang)
    rows = []
    for axis in spec["axes"]:
        way = next((w for w in ("factor", "offset", "distribution") if axis.get(w)), "values")
        law = axis.get(way) if way != "values" else {"kind": "choice", "values": axis["values"]}
        words = text[way if way in ("factor", "offset") else "set"].format(law=law_text(law, lang))
        grade = axis.get("grade")
        mark = f'<span class="grade g-{grade}">{label("grade_" + grade)}</span> ' if grade else ""
        rows.append(
            [
                escape(titles[axis["name"]]),
                "<br>".join(f"<code>{escape(path)}</code>" for path in axis["paths"]),
                escape(words),
                mark + escape(axis.get("source") or ""),
            ]
        )
    heads = [text[key] for key in ("axis", "fields", "range", "source")]
    return _grid(heads, rows, 4)


def _outcomes(page: Mapping[str, Any], lang: Lang) -> list[str]:
    text, table = TEXT[lang], page["distributions"]
    if not len(table):
        return []
    columns = ("least", "p05", "p50", "p95", "most")
    rows = []
    for row in table.to_dict("records"):
        name = row["outcome"]
        half = ""
        if row["low"] is not None and row["low"] == row["low"]:
            half = f" ± {shown(name, row['high'] - row['mean'])}"
        cells = [shown(name, row["mean"]) + half, *(shown(name, row[key]) for key in columns)]
        rows.append([escape(outcome_title(name, lang)), *map(escape, cells), str(row["n"])])
    heads = [text["outcome"], text["mean"], text["least"], "p05", "p50", "p95", text["most"]]
    body = _grid([*heads, text["count"]], rows)
    if page["spec"]["design"]["method"] != "grid":
        drawn = [row["outcome"] for row in table.to_dict("records") if row["least"] != row["most"]]
        if drawn:
            body += draw(histograms(page["points"], drawn, lang), lang, "histograms")
    of_mean = text[f"interval_{page['spec']['design']['method']}"].format(level=_level(page))
    note = text["distributions_note"].format(interval=of_mean)
    return [section("distributions", text["distributions"], body, note=note)]


def _points(page: Mapping[str, Any], lang: Lang) -> list[str]:
    """Return the points of a grid with their differences from the reference."""
    spec, table, text = page["spec"], page["points"], TEXT[lang]
    if spec["design"]["method"] != "grid" or not len(table):
        return []
    titles = _titles(spec, lang)
    names = list(dict.fromkeys(table["outcome"]))
    by_point = {name: table[table["outcome"] == name].to_dict("records") for name in names}
    count = len(by_point[names[0]])
    rows = [
        [*(escape(str(by_point[names[0]][point][axis])) for axis in titles),
         *(_cell(name, by_point[name][point]) for name in names)]
        for point in range(min(count, MOST_POINTS))
    ]  # fmt: skip
    chosen = spec.get("reference") or {axis: by_point[names[0]][0][axis] for axis in titles}
    reference = ", ".join(f"{titles[axis]} {value}" for axis, value in chosen.items())
    heads = [*titles.values(), *(outcome_title(name, lang) for name in names)]
    foot = text["first_of"].format(n=MOST_POINTS, all=count) if count > MOST_POINTS else ""
    note = text["points_note"].format(level=_level(page), reference=reference)
    body = _grid(heads, rows, len(titles))
    return [section("points", text["points"], body, note=note, foot=foot)]


def _cell(name: str, row: Mapping[str, Any]) -> str:
    def known(key: str) -> bool:
        return row.get(key) is not None and row[key] == row[key]

    out = shown(name, row["mean"])
    if known("low"):
        out += f" ± {shown(name, row['high'] - row['mean'])}"
    if known("difference") and row["difference"] != 0.0:
        unsure = known("difference_low") and row["difference_low"] <= 0.0 <= row["difference_high"]
        told = (
            f"{row['relative']:+.1%}"
            if known("relative")
            else shown(name, row["difference"], sign=True)
        )
        out += f" ({told}{' ~' if unsure else ''})"
    return escape(out)


def _sensitivity(page: Mapping[str, Any], lang: Lang) -> list[str]:
    text, table, axes = TEXT[lang], page["sensitivity"], _titles(page["spec"], lang)
    level = _level(page)
    names = list(dict.fromkeys(table["outcome"]))
    if not names:
        empty = f'<p class="note">{escape(text["none"])}</p>'
        return [section("sensitivity", text["sensitivity"], empty)]
    method = next(m for m in table["method"] if m != "rank-regression")
    indices = [i for i in ("first", "total") if (table["index"] == i).any()]
    out = [
        section(
            "sensitivity", text["sensitivity"],
            draw(bars(table, names, axes, lang, indices), lang, "sensitivity"),
            note=text[f"sensitivity_{method}"].format(level=level),
        )
    ]  # fmt: skip
    ranked = list(dict.fromkeys(table[table["index"] == "rank"]["outcome"]))
    if ranked:
        known = {
            a: t for a, t in axes.items() if (table[table["index"] == "rank"]["axis"] == a).any()
        }
        figure = bars(table, ranked, known, lang, ["rank"])
        note = text["tornado_note"].format(level=level)
        out.append(section("tornado", text["tornado"], draw(figure, lang, "tornado"), note=note))
    return out


def _front(page: Mapping[str, Any], lang: Lang) -> list[str]:
    text, points, goals = TEXT[lang], page["points"], page["spec"]["pareto"]
    names = [goal["outcome"] for goal in goals]
    if page["front"] is None or not page["front"].any():
        return []
    titles = [outcome_title(name, lang) for name in names]
    figure = front_figure(points, names, page["front"], lang)
    note = text["front_note"].format(
        x=titles[0], y=titles[1], bx=text[goals[0]["better"]], by=text[goals[1]["better"]]
    )
    title = text["front"].format(x=titles[0], y=titles[1])
    return [section("front", title, draw(figure, lang, "front"), note=note)]


def _effects(page: Mapping[str, Any], lang: Lang) -> list[str]:
    text, points = TEXT[lang], page["points"]
    if not len(points):
        return []
    name = points["outcome"].iloc[0]
    axes = _titles(page["spec"], lang)
    note = text["effects_note"].format(outcome=outcome_title(name, lang))
    every = max(1, -(-int((points["outcome"] == name).sum()) // MOST_DRAWN))
    figure = effects(points[points["outcome"] == name].iloc[::every], name, axes, lang)
    return [section("effects", text["effects"], draw(figure, lang, "effects"), note=note)]


def _failed(runs: pd.DataFrame, lang: Lang) -> list[str]:
    text = TEXT[lang]
    wrong = runs[runs["status"] != "done"]
    if not len(wrong):
        return []
    counts = wrong["error"].fillna("").value_counts().head(20)
    rows = [[escape(str(error)), f"{n:,}"] for error, n in counts.items()]
    body = _grid([text["error"], text["runs"]], rows)
    return [section("failed", text["failed"], body, note=text["failed_note"])]
