"""What `computenet plan` prints: build-out, chips, cost, targets, variants."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    import pandas as pd

    from computenet.study import PlanOutcome

__all__ = ["print_plan"]

#: key: (English, Chinese).
WORDS: dict[str, tuple[str, str]] = {
    "sites": ("sites in {stage}, and when halls are begun", "{stage} 年站点与扩建起始年"),
    "site": ("site", "站点"),
    "hub": ("hub", "枢纽"),
    "begun": ("begun", "起始年"),
    "halls": ("new halls, MW", "新建机房,MW"),
    "accelerators": ("accelerators in use", "在用加速卡"),
    "pv": ("sun, MW", "光伏,MW"),
    "wind": ("wind, MW", "风电,MW"),
    "battery": ("storage, MWh", "储能,MWh"),
    "pue": ("PUE", "PUE"),
    "green": ("green", "绿电"),
    "bought": ("accelerators bought", "采购加速卡"),
    "accelerator": ("accelerator", "加速卡"),
    "stages": ("by stage", "分阶段"),
    "stage": ("stage", "阶段"),
    "invest": ("investment, million CNY", "投资,百万元"),
    "year": ("cost a year, million CNY", "年成本,百万元"),
    "energy": ("electricity, GWh", "用电,GWh"),
    "emissions": ("emissions, kt", "排放,kt"),
    "waves": ("waves lit", "新开波道"),
    "cost": ("cost, present value, million CNY", "成本现值,百万元"),
    "part": ("part", "构成"),
    "share": ("share", "占比"),
    "targets": ("targets, at their worst stage", "目标(最差阶段)"),
    "target": ("target", "目标"),
    "where": ("where", "位置"),
    "limit": ("limit", "限值"),
    "result": ("result", "结果"),
    "met": ("met", "达标"),
    "yes": ("yes", "是"),
    "no": ("no", "否"),
    "alternatives": ("layouts that cost little more", "成本相近的其他布局"),
    "pareto": ("cost against carbon and latency coverage", "成本与碳排放、时延覆盖的权衡"),
    "more": ("cost over the plan", "成本增幅"),
    "differs": ("IT power elsewhere", "IT 功率异地占比"),
    "largest": ("most new halls", "主要新建"),
    "front": ("front", "前沿"),
    "value": ("value", "取值"),
    "verified": (
        "planned against simulated (round {rounds}, {policy})",
        "规划与仿真对照(第 {rounds} 轮,{policy})",
    ),
    "gap": ("gap", "差距"),
    "planned": ("planned", "规划"),
    "simulated": ("simulated", "仿真"),
    "figure": ("figure", "指标"),
    "operation": ("operation a year, million CNY", "年运行成本,百万元"),
    "electricity": ("electricity, GWh", "用电,GWh"),
    "service": ("service lost to congestion, worst class", "拥塞造成的服务损失(最差类别)"),
    "green_gap": ("green share short, worst site", "绿电缺口(最差站点)"),
    "delay": ("jobs wait over run", "作业等待与运行时间之比"),
    "agreed": (
        "plan and simulation agree: cost {cost}, service {service}, green {green}; "
        "targets {targets}",
        "规划与仿真一致:成本 {cost},服务 {service},绿电 {green};目标{targets}",
    ),
    "differ": (
        "plan and simulation still differ: cost {cost}, service {service}, green {green}; "
        "targets {targets}",
        "规划与仿真仍有差距:成本 {cost},服务 {service},绿电 {green};目标{targets}",
    ),
    "stopped": ("no new plan could be made: {why}", "未能给出新的规划:{why}"),
    "targets_met": ("met", "达到"),
    "targets_missed": ("not met", "未达到"),
    "sum": (
        "present cost {cost} million CNY; at least {bound}: within {gap} of the least ({status})",
        "总成本现值 {cost} 百万元;下界 {bound}:距最优不超过 {gap}({status})",
    ),
    "written": ("plan: {path}", "规划:{path}"),
}  # fmt: skip
#: Parts of the cost and targets in Chinese.
CHINESE = {
    "opening": "选址与首期", "halls": "机房", "chips": "加速卡", "pv": "光伏", "wind": "风电",
    "battery": "储能", "waves": "光纤波道", "network": "流量费", "unmet demand": "未满足需求",
    "grid energy": "电网电量", "peak charge": "需量电费", "green premium": "绿电溢价",
    "carbon": "碳价", "generation of today": "既有电源", "battery wear": "储能损耗",
    "unserved power": "缺电", "green shortfall": "绿电缺口", "over the cap": "超碳上限",
    "share of new compute in hubs": "新增算力枢纽占比", "latency coverage": "时延覆盖",
    "demand served": "需求满足", "green share": "绿电占比", "PUE": "PUE",
    "rack occupancy of halls in use": "在用机房上架率",
    "budget, CNY": "预算,元", "emissions, kt": "排放,kt", "all": "全国",
    "optimal": "最优", "time limit": "到达时限", "search ended": "搜索结束",
}  # fmt: skip


def print_plan(outcome: PlanOutcome, out: Path | None, lang: str) -> None:
    """Print a plan."""
    console = Console(highlight=False)
    tongue = 1 if lang == "zh" else 0

    def word(key: str) -> str:
        return WORDS[key][tongue]

    def named(key: str) -> str:
        return CHINESE.get(key, key) if tongue else key

    def show(title: str, headings: list[str], rows: list[list[str]]) -> None:
        if not rows:
            return
        table = Table(title=title, title_justify="left", box=None)
        for number, heading in enumerate(headings):
            right = all(_is_number(row[number]) for row in rows)
            table.add_column(word(heading), justify="right" if right else "left")
        for row in rows:
            table.add_row(*[escape(cell) for cell in row])
        console.print(table)
        console.print()

    show(word("sites").format(stage=outcome.stages[-1]),
         ["site", "hub", "begun", "halls", "accelerators", "pv", "wind", "battery", "pue", "green"],
         _sites(outcome, word))  # fmt: skip
    _bought(outcome, console, word("bought"), word("accelerator"))
    show(word("stages"), ["stage", "invest", "year", "energy", "emissions", "waves"],
         _stages(outcome))  # fmt: skip
    show(word("cost"), ["part", "cost", "share"], _costs(outcome, named))
    show(word("targets"), ["target", "where", "stage", "limit", "result", "met"],
         _targets(outcome, word, named))  # fmt: skip
    show(word("alternatives"), ["more", "differs", "largest"], _alternatives(outcome))
    show(word("pareto"), ["front", "value", "cost", "more"], _pareto(outcome))
    _verified(outcome, show, console, word)
    millions = [f"{value / 1e6:,.1f}" for value in (outcome.objective_cny, outcome.bound_cny)]
    console.print(
        word("sum").format(
            cost=millions[0],
            bound=millions[1],
            gap=f"{outcome.gap:.2%}",
            status=named(outcome.status),
        )
    )
    if out is not None:
        console.print(word("written").format(path=escape(str(out))))


def _verified(
    outcome: PlanOutcome,
    show: Callable[..., None],
    console: Console,
    word: Callable[[str], str],
) -> None:
    """Print what the simulation of the plan showed."""
    found = outcome.verification
    if found is None:
        return
    last = found.last
    rows = []
    for stage in _records(last.stages):
        for name, planned, simulated, scale in (
            ("operation", stage.operation_cny_planned, stage.operation_cny_simulated, 1e6),
            ("electricity", stage.energy_gwh_planned, stage.energy_gwh_simulated, 1.0),
        ):
            gap = simulated / planned - 1.0 if planned else 0.0
            rows.append([str(stage.stage), word(name), _figure(planned / scale),
                         _figure(simulated / scale), f"{gap:+.1%}"])  # fmt: skip
    title = word("verified").format(rounds=len(found.rounds), policy=found.policy)
    show(title, ["stage", "figure", "planned", "simulated", "gap"], rows)
    show("", ["figure", "gap"], [
        [word("service"), f"{last.service_gap:+.1%}"],
        [word("green_gap"), f"{last.green_gap:+.1%}"],
        [word("delay"), f"{last.delay:.2f}"],
    ])  # fmt: skip
    console.print(
        word("agreed" if found.agreed else "differ").format(
            cost=f"{last.cost_gap:+.1%}", service=f"{last.service_gap:+.1%}",
            green=f"{last.green_gap:+.1%}",
            targets=word("targets_met" if last.targets_met else "targets_missed"),
        )
    )  # fmt: skip
    if found.stopped:
        console.print(word("stopped").format(why=found.stopped))


def _sites(outcome: PlanOutcome, word: Callable[[str], str]) -> list[list[str]]:
    table = outcome.sites.merge(outcome.energy[["stage", "site", "green_share"]])
    begun = table[table["extended"]].groupby("site", sort=False)["stage"].min()
    last = table[(table["stage"] == outcome.stages[-1]) & table["open"]]
    return [
        [
            str(row.site), word("yes") if row.hub else "", str(begun.get(row.site, "")),
            _figure(row.halls_new_mw), f"{row.accelerators:,.0f}", _figure(row.pv_mw),
            _figure(row.wind_mw), _figure(row.battery_mwh), f"{row.pue:.3f}",
            "" if row.green_share != row.green_share else f"{row.green_share:.0%}",
        ]
        for row in _records(last)
    ]  # fmt: skip


def _bought(outcome: PlanOutcome, console: Console, title: str, heading: str) -> None:
    """Print accelerators bought, a column a stage."""
    table = outcome.accelerators
    wide = table.pivot_table(
        index="accelerator", columns="stage", values="bought", aggfunc="sum", sort=False
    ).fillna(0.0)
    wide = wide[wide.sum(axis=1) > 0.5]
    if wide.empty:
        return
    shown = Table(title=title, title_justify="left", box=None)
    shown.add_column(heading)
    for stage in outcome.stages:
        shown.add_column(stage, justify="right")
    for name, row in wide.iterrows():
        shown.add_row(
            escape(str(name)), *[f"{row.get(stage, 0.0):,.0f}" for stage in outcome.stages]
        )
    console.print(shown)
    console.print()


def _stages(outcome: PlanOutcome) -> list[list[str]]:
    spent = outcome.investment.groupby("stage")["cny"].sum()
    paid = outcome.costs.groupby("stage")["cny_per_year"].sum()
    energy = outcome.energy.groupby("stage")[["import_gwh", "own_gwh", "today_gwh", "emissions_kt"]]
    used: Any = energy.sum()
    waves = outcome.links.groupby("stage")["waves_bought"].sum()
    return [
        [
            stage, f"{spent[stage] / 1e6:,.1f}", f"{paid[stage] / 1e6:,.1f}",
            _figure(float(used.loc[stage].iloc[:3].sum())),
            _figure(float(used.loc[stage, "emissions_kt"])), f"{int(waves.get(stage, 0)):,}",
        ]
        for stage in outcome.stages
    ]  # fmt: skip


def _costs(outcome: PlanOutcome, named: Callable[[str], str]) -> list[list[str]]:
    parts = outcome.costs.groupby("part", sort=False)["present_cny"].sum()
    total = float(parts.sum())
    return [
        [named(str(name)), f"{value / 1e6:,.1f}", f"{value / total:.1%}" if total else "-"]
        for name, value in parts.items()
        if abs(value) > 1e-9 * abs(total)
    ]


def _targets(
    outcome: PlanOutcome, word: Callable[[str], str], named: Callable[[str], str]
) -> list[list[str]]:
    table = outcome.targets
    if table.empty:
        return []
    relative = table["margin"] / table["limit"].abs().clip(lower=1e-12)
    worst = table.loc[relative.groupby([table["target"], table["where"]], sort=False).idxmin()]
    # Sites that all meet one target are one line.
    worst = worst.loc[
        (worst["margin"] / worst["limit"].abs().clip(lower=1e-12))
        .groupby(worst["target"], sort=False)
        .nsmallest(3)
        .index.get_level_values(-1)
    ]
    return [
        [
            named(str(row.target)), named(str(row.where)), str(row.stage), _figure(row.limit),
            _figure(row.result), word("yes" if row.met else "no"),
        ]
        for row in _records(worst)
    ]  # fmt: skip


def _alternatives(outcome: PlanOutcome) -> list[list[str]]:
    table = outcome.alternatives
    if table.empty:
        return []
    return [
        [f"{row.cost_over_plan:.2%}", f"{row.power_elsewhere:.0%}", str(row.largest)]
        for row in _records(table)
    ]


def _pareto(outcome: PlanOutcome) -> list[list[str]]:
    table: pd.DataFrame = outcome.pareto
    if table.empty:
        return []
    return [
        [str(row.front), _figure(row.value), f"{row.cost_cny / 1e6:,.1f}",
         f"{row.cost_over_plan:+.2%}"]
        for row in _records(table)
    ]  # fmt: skip


def _records(table: pd.DataFrame) -> Iterator[Any]:
    return iter(table.itertuples(index=False))


def _figure(value: float) -> str:
    if abs(value) < 1e-9:
        return "0"
    return f"{value:,.0f}" if abs(value) >= 100.0 else f"{value:.3g}"


def _is_number(text: str) -> bool:
    return not text or text[:1] in "0123456789+-."
