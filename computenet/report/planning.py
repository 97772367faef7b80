"""What a planning policy expected, and what it says things are worth."""

from __future__ import annotations

from html import escape
from typing import Any

import pandas as pd

from computenet.report.labels import Labels
from computenet.report.numbers import plain, share
from computenet.report.sections import html_table
from computenet.report.view import Names, RunView
from computenet.results.nodal_prices import UNIT, nodal_prices

__all__ = ["plan_note", "plan_section", "site_prices"]


def site_prices(run: RunView) -> dict[str, float]:
    """Return the mean nodal price of each site's job pools, CNY per accelerator-hour."""
    price = {row["target"]: row["price"] for row in _records(run) if row["unit"] == UNIT}
    by_site: dict[str, list[float]] = {}
    for pool in run.scenario.topology.pools:
        if pool.id in price:
            by_site.setdefault(pool.site, []).append(float(price[pool.id]))
    return {site: sum(values) / len(values) for site, values in by_site.items()}


def _records(run: RunView) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = nodal_prices(run).to_dict("records")  # type: ignore[assignment]
    return records


def plan_note(run: RunView, label: Labels) -> str:
    """Return how far energy and network were from what the plans expected."""
    plan = run.summary.get("plan", {})
    if plan.get("gap") is None:
        return ""
    return label(
        "plan_note", expected=plain(plan["expected_cny"]), paid=plain(plan["simulated_cny"]),
        gap=f"{plan['gap']:+.2%}",
    )  # fmt: skip


def plan_section(run: RunView, names: Names, label: Labels) -> str:
    """Return the tables of prices; empty where the policy gives none."""
    prices = _records(run)
    if not prices:
        return ""
    by_target = {row["target"]: row for row in prices}
    topology = run.scenario.topology
    kinds = {item.id: getattr(item.name, label.lang) or item.id for item in topology.accelerators}
    head = [(label("col_site"), True), (label("plan_accelerator"), True)] + [
        (label(name), False) for name in ("plan_price", "plan_range")
    ]
    rows = []
    for pool in topology.pools:
        row = by_target.get(pool.id)
        if row is not None:
            first = [escape(names.site(pool.site)), escape(kinds[pool.accelerator])]
            rows.append([*first, _price(row), _range(row, label)])
    more = [
        [escape(_name(row['target'], names, label)), escape(row['unit']), _price(row),
         _range(row, label)]
        for row in prices
        if row["unit"] != UNIT
    ]  # fmt: skip
    other_head = [
        (label("plan_item"), True), (label("plan_unit"), True), (label("plan_value"), False),
        (label("plan_range"), False),
    ]  # fmt: skip
    return html_table(head, rows) + (html_table(other_head, more) if more else "")


def _number(value: float, unit: str) -> str:
    """Return a price; those of an accelerator-hour to a tenth of a cent."""
    return f"{value + 0.0:,.3f}" if unit == UNIT else f"{value + 0.0:,.3g}"


def _price(row: dict[str, Any]) -> str:
    return _number(float(row["price"]), row["unit"])


def _range(row: dict[str, Any], label: Labels) -> str:
    if bool(row["unique"]):
        return escape(label("plan_unique"))
    low, high = (_number(max(float(row[end]), 0.0), row["unit"]) for end in ("low", "high"))
    return f"{low} – {high}" if low != high else low


def _name(target: str, names: Names, label: Labels) -> str:
    """Return an item's name: what is priced, and where or of what."""
    kind, _, what = target.partition(" ")
    known = {"peak", "power", "link", "carbon"}
    if kind not in known:
        return target
    return f"{label(f'plan_{kind}')} {names.site(what)}"


def settled(paid: pd.DataFrame, names: Names, label: Labels) -> str:
    """Return what regions pay and sites earn, largest first, with their common sum."""
    out = ""
    total = float(paid["paid_cny"].sum())
    for key, head in (("region", "col_region"), ("site", "col_site")):
        sums = paid.groupby(key)["paid_cny"].sum().sort_values(ascending=False)
        name = names.region if key == "region" else names.site
        rows = [
            [escape(name(item)), plain(value), share(value / total if total else None)]
            for item, value in sums.items()
        ]
        out += html_table(
            [(label(head), True), (label("plan_paid"), False), (label("plan_part"), False)], rows
        )
    return out
