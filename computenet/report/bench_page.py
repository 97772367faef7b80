"""The page of a benchmark: a table and a figure a suite, in one file that needs no network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go

from computenet.report.figures import PALETTE, style
from computenet.report.page import draw, head, section
from computenet.report.view import Lang

__all__ = ["render_bench"]

_EN = {
    "title": "Scheduler benchmarks",
    "heading": "suites: {suites} · runs: {runs}",
    "read": "How to read it",
    "read_note": (
        "Figures are means over seeds, ± half of the {level} % confidence interval (Student's t). "
        "“Against” is the difference of cost from {baseline} over the same seeds; ~ marks a "
        "difference that cannot be told from 0 (paired t). “Gap” is cost above the least that the "
        "work a run did can cost, even with perfect foresight; nothing says that it can be "
        "reached. “Above idle” is the same without what a network pays that does no work. "
        "Read cost together with completed work: a policy that leaves work undone pays less for "
        "energy. Decision times are wall time on the machine that ran."
    ),
    "overview": "Cost by suite, against {baseline}",
    "first": "the first policy of each suite",
    "policy": "policy",
    "cost_cny": "cost, CNY",
    "against": "against {baseline}",
    "gap_to_bound": "gap to bound",
    "gap_above_idle": "gap above idle",
    "slo_attainment": "SLO met",
    "ttft_p99_ms": "TTFT p99, ms",
    "carbon_kg": "CO₂, kg",
    "wait_s": "wait, s",
    "deadlines_met": "deadlines met",
    "completed_share": "jobs completed",
    "decision_ms": "decision, ms",
    "seeds": "Seeds: {seeds}.",
    "cases": "Cases, of which figures are means: {cases}.",
    "no_bound": "No bound: {status}.",
    "skipped": "Left out",
    "axis_cost": "cost, CNY",
    "axis_slo": "requests within their SLO, %",
    "no_script": "Figures need JavaScript; tables do not.",
}
_ZH = {
    "title": "调度基准测试",
    "heading": "{suites} 个测试集，{runs} 次运行",
    "read": "如何阅读",
    "read_note": (
        "各数值为多个随机种子的均值，± 为 {level}% 置信区间的半宽（t 分布）。“相对”为同一组种子下与"
        "{baseline}的成本差；~ 表示该差异与 0 无法区分（配对 t 检验）。“差距”为成本高出下界的比例："
        "即使完全预知需求，完成该次运行同样的工作，成本也不会低于下界，但下界未必可达。“空载以上差距”"
        "不计网络空载也要支付的部分。成本应与作业完成率一并阅读：少完成工作，用电自然少。决策时间为运行机器上的实际耗时。"
    ),
    "overview": "各测试集相对{baseline}的成本",
    "first": "各测试集首个策略",
    "policy": "策略",
    "cost_cny": "成本（元）",
    "against": "相对 {baseline}",
    "gap_to_bound": "与下界差距",
    "gap_above_idle": "空载以上差距",
    "slo_attainment": "SLO 达成率",
    "ttft_p99_ms": "首字延迟 p99（毫秒）",
    "carbon_kg": "碳排放（千克）",
    "wait_s": "等待（秒）",
    "deadlines_met": "按期完成率",
    "completed_share": "作业完成率",
    "decision_ms": "决策耗时（毫秒）",
    "seeds": "随机种子：{seeds}。",
    "cases": "算例（数值为其均值）：{cases}。",
    "no_bound": "无下界：{status}。",
    "skipped": "未运行",
    "axis_cost": "成本（元）",
    "axis_slo": "满足 SLO 的请求（%）",
    "no_script": "图形需要 JavaScript，表格不需要。",
}
#: Many columns on one page: long heads are broken.
MORE_CSS = "th,td{padding:5px 6px;font-size:13px}th{white-space:normal;vertical-align:bottom}"
#: Marks that differ without their colours.
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "star", "x", "pentagon")
_TEXT: dict[Lang, dict[str, str]] = {"en": _EN, "zh": _ZH}
#: Columns from `figures`, with how a value is shown.
_COLUMNS = {
    "slo_attainment": ".1%",
    "ttft_p99_ms": ",.0f",
    "carbon_kg": ",.0f",
    "wait_s": ",.0f",
    "deadlines_met": ".1%",
    "completed_share": ".1%",
}


def render_bench(details: Mapping[str, Any], lang: Lang = "en") -> str:
    """Return a benchmark as one HTML page.

    Parameters
    ----------
    details
        What ``bench.json`` holds.
    lang
        ``en`` or ``zh``.
    """
    text = _TEXT[lang]
    suites: Mapping[str, Any] = details["suites"]
    level = f"{100.0 * details['confidence']:.0f}"
    names = {suite["baseline"] for suite in suites.values()}
    baseline = names.pop() if len(names) == 1 else text["first"]
    note = text["read_note"].format(level=level, baseline=baseline)
    overview = text["overview"].format(baseline=baseline)
    parts = [
        section("read", text["read"], "", note=note),
        section("overview", overview, _overview(suites, lang)),
    ]
    parts += [_suite(number, name, suite, lang) for number, (name, suite) in _numbered(suites)]
    if details["skipped"]:
        rows = "".join(
            f"<li>{escape(name)}: {escape(reason)}</li>"
            for name, reason in details["skipped"].items()
        )
        parts.append(section("skipped", text["skipped"], f"<ul>{rows}</ul>"))
    nav = "".join(
        f'<a href="#suite-{number}">{escape(suite["title"][lang])}</a>'
        for number, (_, suite) in _numbered(suites)
    )
    heading = text["heading"].format(suites=len(suites), runs=len(details["runs"]))
    return (
        f"{head(text['title'], lang, MORE_CSS)}<body>"
        f"<header><h1>{text['title']}</h1><p>{heading} · computenet "
        f"{escape(details['computenet'])}</p></header><nav>{nav}</nav>"
        f"<noscript><p>{text['no_script']}</p></noscript><main>{''.join(parts)}</main>"
        "</body></html>\n"
    )


def _numbered(suites: Mapping[str, Any]) -> list[tuple[int, tuple[str, Any]]]:
    return list(enumerate(suites.items(), 1))


def _suite(number: int, name: str, suite: Mapping[str, Any], lang: Lang) -> str:
    text = _TEXT[lang]
    foot = text["seeds"].format(seeds=", ".join(str(seed) for seed in suite["seeds"]))
    if len(suite["cases"]) > 1:
        foot += " " + text["cases"].format(cases=", ".join(suite["cases"]))
    if suite["bound_status"] != "optimal":
        foot += " " + text["no_bound"].format(status=suite["bound_status"])
    figure = _scatter(suite, text)
    body = _table(suite, text)
    if figure is not None:
        body += draw(figure, lang, f"suite-{number}")
    title = f"{suite['title'][lang]} · {name}"
    return section(f"suite-{number}", title, body, note=suite["stresses"][lang], foot=foot)


def _overview(suites: Mapping[str, Any], lang: Lang) -> str:
    """Return the cost of every policy on every suite against the baseline."""
    names = dict.fromkeys(name for suite in suites.values() for name in suite["policies"])
    rows = [
        [name, *(_against(suite["policies"].get(name)) for suite in suites.values())]
        for name in names
    ]
    return _grid(_TEXT[lang]["policy"], [suite["title"][lang] for suite in suites.values()], rows)


def _against(one: Mapping[str, Any] | None) -> str:
    """Return how much more a policy costs than the baseline; ~ where it cannot be told from 0."""
    told = {} if one is None else one["against_baseline"].get("cost_cny", {})
    if told.get("relative") is None:
        return "–"
    change = f"{told['relative']:+.1%}".replace("-", "−")
    return f"{change}{' ~' if told['significant'] is False else ''}"


def _grid(corner: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of text; the first column is of words, the others of figures."""
    head = f'<th class="t">{escape(corner)}</th>' + "".join(f"<th>{escape(h)}</th>" for h in heads)
    body = "".join(
        f'<tr><td class="t">{escape(row[0])}</td>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        "</div>"
    )


def _table(suite: Mapping[str, Any], text: Mapping[str, str]) -> str:
    heads = [
        text["cost_cny"],
        text["against"].format(baseline=suite["baseline"]),
        text["gap_to_bound"],
        text["gap_above_idle"],
        *(text[key] for key in _COLUMNS),
        text["decision_ms"],
    ]
    rows = [[name, *_cells(one)] for name, one in suite["policies"].items()]
    return _grid(text["policy"], heads, rows)


def _cells(one: Mapping[str, Any]) -> list[str]:
    """Return the figures of a policy, formatted."""
    against = one["against_baseline"]

    def mark(key: str) -> str:
        return " ~" if against.get(key, {}).get("significant") is False else ""

    def interval(key: str, spec: str) -> str:
        low, mean, high = (one["figures"][key][part] for part in ("low", "mean", "high"))
        if mean is None:
            return "–"
        half = "" if low is None else f" ± {(high - low) / 2.0:{spec}}"
        return f"{mean:{spec}}{half}{mark(key)}"

    gap, idle, decision = one["gap_to_bound"], one["gap_above_idle"], one["decision_ms"]
    return [
        interval("cost_cny", ",.0f"),
        _against(one),
        "–" if gap is None else f"{gap:.1%}",
        "–" if idle is None else f"{idle:.0%}",
        *(interval(key, spec) for key, spec in _COLUMNS.items()),
        "–" if decision is None else f"{decision:,.2f}",
    ]


def _scatter(suite: Mapping[str, Any], text: Mapping[str, str]) -> go.Figure | None:
    """Return cost against SLO with intervals; right is dear, up is good."""
    figure = go.Figure()
    for number, (name, one) in enumerate(suite["policies"].items()):
        cost, slo = (one["figures"][key] for key in ("cost_cny", "slo_attainment"))
        if cost["mean"] is None or slo["mean"] is None:
            continue
        colour = PALETTE[number % len(PALETTE)]
        figure.add_scatter(
            x=[cost["mean"]], y=[100.0 * slo["mean"]], name=escape(name), mode="markers",
            marker={"size": 11, "color": colour, "symbol": SYMBOLS[number % len(SYMBOLS)]},
            error_x=_bar(cost, 1.0, colour), error_y=_bar(slo, 100.0, colour),
            hovertemplate="%{x:,.0f} CNY<br>%{y:.2f} %",
        )  # fmt: skip
    if not figure.data:
        return None
    style(figure, 360, showlegend=True)
    figure.update_layout(legend={"y": -0.22})
    figure.update_xaxes(title=text["axis_cost"], tickformat=",.0f")
    figure.update_yaxes(title=text["axis_slo"])
    return figure


def _bar(value: Mapping[str, Any], factor: float, colour: str) -> dict[str, Any] | None:
    if value["low"] is None:
        return None
    half = factor * (value["high"] - value["low"]) / 2.0
    return {"type": "data", "array": [half], "color": colour, "thickness": 1.2, "width": 4}
