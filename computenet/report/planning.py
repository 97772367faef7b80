"""What a planning policy expected, what it says things are worth, and who would pay whom."""

from __future__ import annotations

import math
from html import escape
from typing import Any

import pandas as pd

from computenet.report.labels import Labels
from computenet.report.numbers import compact, plain, share
from computenet.report.sections import html_table
from computenet.report.view import Names, RunView
from computenet.results.nodal_prices import LINK, UNIT, nodal_prices

__all__ = ["plan_gap", "plan_section", "settled", "site_prices"]

#: Marks a price that is not unique.
DEGENERATE = "†"
#: Units in which small prices can be read: label, factor.
SHOWN_IN = {"kg/request": ("unit_g_request", 1000.0)}
KINDS = ("peak", "power", "link", "carbon")
OTHER = "other"


def site_prices(run: RunView) -> dict[str, float]:
    """Return the mean nodal price of each site's job pools by size, CNY per accelerator-hour."""
    price = {row["target"]: row["price"] for row in _records(run) if row["unit"] == UNIT}
    by_site: dict[str, list[tuple[float, int]]] = {}
    for pool in run.scenario.topology.pools:
        if pool.id in price:
            by_site.setdefault(pool.site, []).append((float(price[pool.id]), pool.count))
    return {
        site: sum(value * count for value, count in pairs) / sum(count for _, count in pairs)
        for site, pairs in by_site.items()
    }


def _records(run: RunView) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = nodal_prices(run).to_dict("records")  # type: ignore[assignment]
    return records


def plan_gap(run: RunView, label: Labels) -> str:
    """Return what plans expected energy and network to cost beside what was paid."""
    plan = run.summary.get("plan", {})
    if plan.get("gap") is None:
        return ""
    shown = (
        ("plan_gap", f"{plan['gap']:+.2%}".replace("-", "−"), "plan_gap_sub"),
        ("plan_expected", plain(plan["expected_cny"]), "plan_money_sub"),
        ("plan_simulated", plain(plan["simulated_cny"]), "plan_money_sub"),
    )
    return '<div class="cards">' + "".join(
        f'<div class="card"><span>{escape(label(key))}</span><b>{escape(value)}</b>'
        f"<small>{escape(label(sub))}</small></div>"
        for key, value, sub in shown
    ) + "</div>"  # fmt: skip


def plan_section(run: RunView, names: Names, label: Labels) -> str:
    """Return the tables of prices; empty where the policy gives none."""
    prices = _records(run)
    if not prices:
        return ""
    by_target = {row["target"]: row for row in prices if row["unit"] == UNIT}
    topology = run.scenario.topology
    kinds = {item.id: getattr(item.name, label.lang) or item.id for item in topology.accelerators}
    models = [
        model.name
        for model in run.scenario.workload.models
        if any(f"{pool.id}/{model.name}" in by_target for pool in topology.pools)
    ]
    head = [
        (label("col_site"), True), (label("plan_accelerator"), True), (label("plan_jobs"), False),
        *((label("plan_model", model=model), False) for model in models),
    ]  # fmt: skip
    rows = []
    for pool in topology.pools:
        found = [by_target.get(key) for key in (pool.id, *(f"{pool.id}/{m}" for m in models))]
        if any(row is not None for row in found):
            first = [escape(names.site(pool.site)), escape(kinds[pool.accelerator])]
            rows.append([*first, *(_cell(row) for row in found)])
    note = f'<p class="note">{escape(label("price_note", mark=DEGENERATE))}</p>'
    return note + html_table(head, rows) + _others(run, prices, names, label)


def _others(run: RunView, prices: list[dict[str, Any]], names: Names, label: Labels) -> str:
    """Return rents of peaks and links, prices of power and marginal carbon."""
    rows: list[list[str]] = []
    idle = 0
    for kind in (*KINDS, OTHER):
        for row in prices:
            if row["unit"] == UNIT or _kind(row["target"]) != kind:
                continue
            if kind == "link" and not float(row["high"]):
                idle += 1
                continue
            unit, factor = SHOWN_IN.get(row["unit"], (f"unit_{row['unit']}", 1.0))
            rows.append([
                escape(label(f"plan_{kind}")),
                escape(_name(run, row["target"], kind, names, label)),
                _cell(row, factor),
                escape(label.or_own("", unit).removeprefix("unit_")),
            ])  # fmt: skip
    if not rows:
        return ""
    head = [
        (label("plan_of"), True), (label("plan_item"), True), (label("plan_value"), False),
        (label("plan_unit"), True),
    ]  # fmt: skip
    foot = f'<p class="foot">{escape(label("plan_idle_links", n=idle))}</p>' if idle else ""
    return html_table(head, rows) + foot


def _kind(target: str) -> str:
    first = target.partition(" ")[0]
    return first if first in KINDS else OTHER


def _name(run: RunView, item: str, kind: str, names: Names, label: Labels) -> str:
    """Return the name of a site, a class or a link."""
    if kind == OTHER:
        return item
    item = item.partition(" ")[2]
    if kind == "carbon":
        workload = run.scenario.workload
        titles = {each.name: each.title for each in workload.service_classes}
        titles |= {each.name: each.title for each in workload.job_classes}
        return str(getattr(titles[item], label.lang)) if item in titles else item
    return item if kind == "link" else names.site(item)


def _number(value: float) -> str:
    """Return a price to three decimals, or to three digits where it is large."""
    if not math.isfinite(value):
        return "∞" if value > 0.0 else "–"
    if value == 0.0:
        return "0"
    if abs(value) < 0.0005:
        return "<0.001" if value > 0.0 else ">−0.001"
    return plain(value, 3 if abs(value) < 100.0 else 0)


def _cell(row: dict[str, Any] | None, factor: float = 1.0) -> str:
    """Return a price; one that is not unique with its mark, and its range where digits show it."""
    if row is None:
        return "–"
    price = escape(_number(factor * float(row["price"])))
    if bool(row["unique"]):
        return price
    low, high = (escape(_number(factor * float(row[end]))) for end in ("low", "high"))
    spread = f"<small>{low} – {high}</small> " if low != high else ""
    return f'<span class="range">{spread}{price}{DEGENERATE}</span>'


def settled(
    paid: pd.DataFrame, earned: pd.DataFrame, rents: pd.DataFrame, names: Names, label: Labels
) -> str:
    """Return what regions pay, and what sites and links earn, each with its sum.

    Parameters
    ----------
    paid, earned, rents
        What `settlement`, `site_earnings` and `link_earnings` return.
    """
    rents = rents[rents["earned_cny"] != 0.0]
    linked = not rents.empty
    on_link = paid["target"].str.startswith(LINK)
    both = pd.concat([
        earned, rents.assign(kind=LINK, site=LINK + rents["link"], accelerator_h=0.0),
    ], ignore_index=True)  # fmt: skip
    sides = (
        (paid.assign(kind=paid["kind"].mask(on_link, LINK)), "region", "paid_cny", "plan_pays"),
        (both if linked else earned, "site", "earned_cny", "plan_earns"),
    )

    def named(key: str, item: str) -> str:
        if not item:
            return label("plan_moved")
        if item.startswith(LINK):
            return f"{label('plan_link')} {item.removeprefix(LINK)}"
        return names.region(item) if key == "region" else names.site(item)

    out = ""
    parts = ["jobs", "requests", LINK] if linked else ["jobs", "requests"]
    for frame, key, money, verb in sides:
        table = frame.assign(
            **{part: frame[money].where(frame["kind"] == part, 0.0) for part in parts},
            both=frame[money],
        )
        sums = table.groupby(key)[["accelerator_h", *parts, "both"]].sum()
        sums = sums.sort_values("both", ascending=False, kind="stable")
        total = float(sums["both"].sum())
        rows = [
            _settled_row(named(key, str(item)), row, parts, total, label)
            for item, row in zip(sums.index, sums.to_dict("records"), strict=True)
        ]
        whole = _settled_row(label("total"), sums.sum().to_dict(), parts, total, label)
        last = "".join(
            f'<td class="{"t" if at == 0 else ""}">{cell}</td>' for at, cell in enumerate(whole)
        )
        of_links = ("plan_for_links",) if linked else ()
        titles = ("col_hours", "plan_for_jobs", "plan_for_requests", *of_links, verb, "plan_part")
        head = [(label(f"col_{key}"), True), *((label(title), False) for title in titles)]
        out += html_table(head, rows, f'<tr class="sum">{last}</tr>')
    return out


def _settled_row(
    name: str, row: dict[Any, Any], parts: list[str], total: float, label: Labels
) -> list[str]:
    amounts = [plain(row[key], 2) for key in (*parts, "both")]
    part = share(row["both"] / total if total else None)
    return [escape(name), compact(row["accelerator_h"], label.lang), *amounts, part]
