"""What `computenet match` prints: allocation, what is unmet and why, prices, settlement."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    import pandas as pd

    from computenet.study import MatchOutcome

__all__ = ["print_match"]

#: Rows of a table that are shown; the files have all.
SHOWN = 40

#: key: (English, Chinese).
WORDS: dict[str, tuple[str, str]] = {
    "allocation": ("allocation", "分配结果"),
    "unmet": ("unmet demand", "未满足需求"),
    "prices": ("prices of pools, CNY per accelerator-hour", "资源池价格,元/卡时"),
    "binding": ("limits that bind", "起约束作用的限制"),
    "settlement": ("settlement, CNY", "结算,元"),
    "relief": ("if one kind of limit were lifted for everybody", "若单独取消某类限制"),
    "more": ("served more", "多满足"),
    "gain": ("saves, CNY per hour", "每小时节省,元"),
    "demand": ("demand", "需求"),
    "tenant": ("tenant", "租户"),
    "region": ("region", "区域"),
    "pool": ("pool", "资源池"),
    "accelerators": ("accelerators", "加速卡"),
    "hours": ("hours", "小时"),
    "ms": ("ms", "毫秒"),
    "price": ("price", "价格"),
    "charge": ("charge", "应付"),
    "wanted": ("wanted", "需求量"),
    "served": ("served", "已满足"),
    "why": ("why", "原因"),
    "used": ("used", "已用"),
    "of": ("of", "总量"),
    "cost": ("cost", "成本"),
    "rent": ("scarcity", "稀缺租金"),
    "range": ("range", "区间"),
    "limit": ("limit", "限制"),
    "name": ("where", "位置"),
    "saves": ("one more saves, CNY", "每增一单位节省,元"),
    "accelerator_h": ("accelerator-h", "卡时"),
    "uplift": ("uplift", "补偿"),
    "paid": ("paid", "实付"),
    "total": ("total", "合计"),
    "degenerate": ("(degenerate)", "(退化)"),
    "rest": ("… and {n:,} rows more", "… 另有 {n:,} 行"),
    "sum": (
        "served {served} of {wanted} accelerators; cost {cost} CNY, charged {charge}",
        "已满足 {served} / {wanted} 卡;成本 {cost} 元,应付 {charge} 元",
    ),
    "written": ("tables: {path}", "数据表:{path}"),
}  # fmt: skip
LIMITS: dict[str, tuple[str, str]] = {
    "capacity": ("capacity", "算力容量"),
    "site_power": ("site power", "站点电力"),
    "link": ("link", "链路带宽"),
    "accelerator_type": ("accelerator types", "芯片类型"),
    "no_way": ("missing ways", "网络不可达"),
    "latency": ("latency limits", "时延上限"),
    "free_hours": ("free hours", "空闲时长"),
}
UNITS = {"accelerator-hour": ("accelerator-h", "卡时"), "MWh": ("MWh", "MWh"), "GB": ("GB", "GB")}


def print_match(outcome: MatchOutcome, out: Path | None, lang: str) -> None:
    """Print a cleared market."""
    console, summary = Console(highlight=False), outcome.summary
    tongue = 1 if lang == "zh" else 0

    def word(key: str) -> str:
        return WORDS[key][tongue]

    def show(title: str, headings: list[str], rows: list[list[str]], last: int = 0) -> None:
        if not rows:
            return
        table = Table(title=title, title_justify="left", box=None)
        numeric = [all(_is_number(row[i]) for row in rows) for i in range(len(headings))]
        for heading, right in zip(headings, numeric, strict=True):
            table.add_column(
                heading, justify="right" if right else "left", no_wrap=right, overflow="fold"
            )
        kept = rows if len(rows) <= SHOWN else rows[: SHOWN - last] + rows[len(rows) - last :]
        for row in kept:
            table.add_row(*[escape(cell) for cell in row])
        console.print(table)
        if len(kept) < len(rows):
            console.print(word("rest").format(n=len(rows) - len(kept)))
        console.print()

    show(
        word("allocation"),
        [word(key) for key in ("demand", "pool", "accelerators", "hours", "ms", "price", "charge")],
        _rows(outcome.allocation, lambda r: [
            r.demand, r.pool, _amount(r.accelerators), _figure(r.hours), _figure(r.latency_ms),
            _figure(r.price_cny_per_accelerator_h), _money(r.charge_cny)]),
    )  # fmt: skip
    show(
        word("unmet"),
        [word(key) for key in ("demand", "wanted", "served", "why")],
        _rows(outcome.unmet, lambda r: [r.demand, _amount(r.wanted), _amount(r.served), r.why]),
    )
    show(
        word("prices"),
        [word(key) for key in ("pool", "used", "of", "cost", "rent", "price", "range")],
        _rows(outcome.prices, lambda r: [
            r.pool, _amount(r.used), _amount(r.accelerators),
            _figure(r.cost_cny_per_accelerator_h),
            _figure(r.capacity_rent_cny_per_accelerator_h + r.power_rent_cny_per_accelerator_h),
            _figure(r.price_cny_per_accelerator_h), _range(r, word("degenerate"))]),
    )  # fmt: skip
    show(
        word("binding"),
        [word(key) for key in ("limit", "name", "used", "of", "saves")],
        [
            [LIMITS[b["constraint"]][tongue], b["name"], _amount(b["used"]), _amount(b["limit"]),
             f"{_figure(b['price_cny'])} / {UNITS[b['unit']][tongue]}"]
            for b in summary["binding"]
        ],
    )  # fmt: skip
    show(
        word("relief"),
        [word(key) for key in ("limit", "more", "gain")],
        [
            [LIMITS[name][tongue], _amount(brings["served"]), _money(brings["saved_cny_per_h"])]
            for name, brings in summary["relief"].items()
        ],
    )
    settled = _rows(outcome.settlement, lambda r: [
        r.tenant, r.region, _amount(r.accelerator_h),
        _money(r.ask_cny + r.energy_cny + r.carbon_cny + r.network_cny),
        _money(r.capacity_rent_cny + r.power_rent_cny + r.link_rent_cny), _money(r.charge_cny),
        _money(r.uplift_cny), _money(r.paid_cny)])  # fmt: skip
    if settled:
        settled.append(
            [word("total"), "", _amount(outcome.settlement["accelerator_h"].sum()),
             *[_money(summary[key]) for key in
               ("cost_cny", "rents_cny", "charge_cny", "uplift_cny", "paid_cny")]]
        )  # fmt: skip
    show(
        word("settlement"),
        [word(key) for key in
         ("tenant", "region", "accelerator_h", "cost", "rent", "charge", "uplift", "paid")],
        settled, last=1,
    )  # fmt: skip
    console.print(
        word("sum").format(
            served=_amount(summary["served"]), wanted=_amount(summary["served"] + summary["unmet"]),
            cost=_money(summary["cost_cny"]), charge=_money(summary["charge_cny"]),
        )
    )  # fmt: skip
    if out is not None:
        console.print(word("written").format(path=escape(str(out))))


def _rows(table: pd.DataFrame, make: Callable[[Any], list[str]]) -> list[list[str]]:
    return [make(row) for row in table.itertuples(index=False)]


def _figure(value: float) -> str:
    return "-" if value is None or value != value else f"{value:,.5g}"


def _amount(value: float) -> str:
    """Return a number of accelerators: whole above a thousand."""
    return f"{value:,.0f}" if abs(value) >= 1000.0 else f"{value:,.4g}"


def _money(value: float) -> str:
    return f"{value + 0.0:,.0f}" if abs(value) >= 1000.0 else f"{value + 0.0:,.2f}"


def _range(row: Any, mark: str) -> str:
    low, high = row.price_low_cny_per_accelerator_h, row.price_high_cny_per_accelerator_h
    if low != low:
        return "-"
    if not row.degenerate:
        return "="
    return f"{_figure(low)} – {'∞' if high != high else _figure(high)} {mark}"


def _is_number(text: str) -> bool:
    return text in ("", "-") or text.replace(",", "").replace(".", "").lstrip("-").isdigit()
