"""The words of a study's page, and how its outcomes are called and shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from computenet.report.view import Lang

__all__ = ["TEXT", "law_text", "outcome_scale", "outcome_title", "shown"]

_EN = {
    "page": "Study",
    "heading": "{design}, {points} points × {seeds} seeds: {runs} runs, {failed} failed",
    "grid": "Grid",
    "latin-hypercube": "Latin hypercube",
    "monte-carlo": "Monte Carlo",
    "sobol": "Sobol' points",
    "axes": "What is varied",
    "axes_note": (
        "Every axis moves its fields from where the scenario has them, all others as they are. The "
        "ranges of assumed numbers say what is not known, and sensitivities hold for these ranges."
    ),
    "axis": "axis",
    "fields": "fields",
    "range": "range",
    "source": "where it comes from",
    "set": "set to {law}",
    "factor": "times {law}",
    "offset": "plus {law}",
    "distributions": "Outcomes",
    "distributions_note": (
        "Over all points, each the mean over its seeds. {interval} The figures beside the mean are "
        "quantiles: 90 % of points lie between p05 and p95."
    ),
    "interval_grid": "Points of a grid are no sample, so their mean has no interval.",
    "interval_monte-carlo": "The interval is that of the mean, {level} %.",
    "interval_latin-hypercube": (
        "The interval is that of the mean, {level} %, as if points were independent: those of a "
        "Latin hypercube are more even, and it is rather too wide than too narrow."
    ),
    "interval_sobol": (
        "The interval is that of the mean, {level} %, from the means of blocks of points that "
        "share their coordinates; blocks lie more evenly than independent ones, and it is rather "
        "too wide than too narrow."
    ),
    "outcome": "outcome",
    "mean": "mean",
    "least": "least",
    "most": "most",
    "count": "points",
    "points": "Points",
    "points_note": (
        "Mean over seeds and half its {level} % interval (Student's t). In brackets: the "
        "difference from {reference} over the same seeds; ~ where it cannot be told from 0 "
        "(paired t)."
    ),
    "sensitivity": "Which assumption matters",
    "sensitivity_variance": (
        "Share of the variance over the grid, every value as likely as the others: what an axis "
        "explains by itself (dark), and together with others (light)."
    ),
    "sensitivity_sobol": (
        "Sobol' indices: share of an outcome's variance that an axis explains by itself (dark) and "
        "together with others (light); lines are {level} % bootstrap intervals."
    ),
    "sensitivity_rbd-fast": (
        "Share of an outcome's variance that an axis explains by itself (RBD-FAST); lines are "
        "{level} % bootstrap intervals. What is missing from 1 in all comes from axes together and "
        "from what simulation itself draws; with few points small shares are noise."
    ),
    "tornado": "Which way",
    "tornado_note": (
        "Standardised rank regression: an outcome's change, in standard deviations of its rank, "
        "with an axis, all others held. Right of 0 it rises with the axis. Lines are {level} % "
        "bootstrap intervals."
    ),
    "effects": "Main effects",
    "effects_note": "Every point against every axis, for {outcome}; the line is the mean of parts.",
    "front": "{x} against {y}",
    "front_note": (
        "Every point; the line joins those that no other betters in one without being worse in the "
        "other ({bx} {x}, {by} {y})."
    ),
    "lower": "lower",
    "higher": "higher",
    "on_front": "not bettered",
    "others": "others",
    "failed": "Runs that failed",
    "failed_note": "Points with such a run are left out of means, front and sensitivities.",
    "error": "error",
    "runs": "runs",
    "first": "by itself",
    "total": "together with others",
    "none": "No outcome varies with an axis, or there are too few points to tell.",
    "no_script": "Figures need JavaScript; tables do not.",
    "first_of": "The first {n} of {all} points; points.csv has all.",
}
_ZH = {
    "page": "研究",
    "heading": (
        "{design}，{points} 个样本点，每点 {seeds} 个随机种子，共 {runs} 次运行，{failed} 次失败"
    ),
    "grid": "全网格",
    "latin-hypercube": "拉丁超立方",
    "monte-carlo": "蒙特卡洛",
    "sobol": "Sobol 点集",
    "axes": "变动的量",
    "axes_note": (
        "每个变量在场景原值基础上变动其字段，其余字段不变。假设数值的区间表示未知的范围；敏感性结论仅对这些区间成立。"
    ),
    "axis": "变量",
    "fields": "字段",
    "range": "取值",
    "source": "依据",
    "set": "取 {law}",
    "factor": "乘以 {law}",
    "offset": "加上 {law}",
    "distributions": "结果分布",
    "distributions_note": (
        "统计对象为全部样本点，每点取其各种子的均值。{interval}"
        "其余为分位数：90% 的点位于 p05 与 p95 之间。"
    ),
    "interval_grid": "网格上的点并非抽样，均值不给出置信区间。",
    "interval_monte-carlo": "区间为均值的 {level}% 置信区间。",
    "interval_latin-hypercube": (
        "区间为均值的 {level}% 置信区间，按各点相互独立计算；"
        "拉丁超立方的点分布更均匀，因此区间偏宽而非偏窄。"
    ),
    "interval_sobol": (
        "区间为均值的 {level}% 置信区间，由共用坐标的各组点的组均值求得；"
        "各组比独立抽样分布更均匀，因此区间偏宽而非偏窄。"
    ),
    "outcome": "结果",
    "mean": "均值",
    "least": "最小",
    "most": "最大",
    "count": "点数",
    "points": "各点结果",
    "points_note": (
        "各种子的均值及 {level}% 置信区间半宽（t 分布）。括号内为同一组种子下"
        "与 {reference} 的差异；~ 表示与 0 无法区分（配对 t 检验）。"
    ),
    "sensitivity": "哪个假设最重要",
    "sensitivity_variance": (
        "网格上的方差占比（各取值等可能）：深色为该变量单独解释的部分，浅色含其与其他变量的交互。"
    ),
    "sensitivity_sobol": (
        "Sobol 指数：某变量单独解释的方差占比（深色）及含交互的占比（浅色）；"
        "线段为 {level}% 自助法区间。"
    ),
    "sensitivity_rbd-fast": (
        "某变量单独解释的方差占比（RBD-FAST）；线段为自助法 {level}% 区间。"
        "合计不足 1 的部分来自变量间的交互与仿真自身的随机性；点数较少时，小的占比仅为噪声。"
    ),
    "tornado": "影响方向",
    "tornado_note": (
        "标准化秩回归系数：其他变量不变时，结果的秩随该变量变动的幅度（标准差）。"
        "0 右侧表示随变量增大而增大。"
        "线段为 {level}% 自助法区间。"
    ),
    "effects": "主效应",
    "effects_note": "{outcome}：各点对各变量的散点，折线为分段均值。",
    "front": "{x}与{y}",
    "front_note": (
        "图中为全部样本点；折线连接帕累托前沿：没有其他点能在一项上更优而另一项不更差（{x}：{bx}；{y}：{by}）。"
    ),
    "lower": "越低越好",
    "higher": "越高越好",
    "on_front": "帕累托前沿",
    "others": "其他点",
    "failed": "失败的运行",
    "failed_note": "含失败运行的点不计入均值、前沿与敏感性。",
    "error": "原因",
    "runs": "运行",
    "first": "单独",
    "total": "含交互",
    "none": "没有结果随变量变化，或点数不足以判断。",
    "no_script": "图形需要 JavaScript，表格不需要。",
    "first_of": "共 {all} 个点，列出前 {n} 个；points.csv 含全部。",
}
TEXT: dict[Lang, dict[str, str]] = {"en": _EN, "zh": _ZH}

#: Outcome: (English, Chinese, factor, how it is shown).
_OUTCOMES: dict[str, tuple[str, str, float, str]] = {
    "cost.total_cny": ("Cost, CNY", "总成本（元）", 1.0, ",.4g"),
    "cost.energy_cny": ("Cost of energy, CNY", "用电成本（元）", 1.0, ",.4g"),
    "cost.network_cny": ("Cost of network, CNY", "网络成本（元）", 1.0, ",.4g"),
    "carbon.kg": ("Carbon, kg", "碳排放（千克）", 1.0, ",.4g"),
    "energy.facility_mwh": ("Electricity, MWh", "用电量（MWh）", 1.0, ",.4g"),
    "energy.pue": ("PUE", "PUE", 1.0, ".3f"),
    "energy.green_share": ("Green share, %", "绿电占比（%）", 100.0, ".1f"),
    "requests.slo_attainment": ("Requests within their SLO, %", "SLO 达成率（%）", 100.0, ".2f"),
    "requests.ttft_ms.p99": ("TTFT p99, ms", "首字延迟 p99（毫秒）", 1.0, ",.4g"),
    "jobs.wait_s.mean": ("Mean wait of jobs, s", "作业平均等待（秒）", 1.0, ",.4g"),
    "jobs.wait_s.p95": ("Wait of jobs p95, s", "作业等待 p95（秒）", 1.0, ",.4g"),
    "jobs.completed": ("Jobs completed", "完成作业数", 1.0, ",.5g"),
    "capacity.utilisation": ("Utilisation, %", "利用率（%）", 100.0, ".1f"),
    "capacity.eflops_fp16_installed": ("EFLOPS installed, FP16", "装机算力（EFLOPS）", 1.0, ",.4g"),
    "water.m3": ("Water, m³", "用水（m³）", 1.0, ",.4g"),
    "network.west_share": ("Share of work in the west, %", "西部承接占比（%）", 100.0, ".1f"),
}


def outcome_title(name: str, lang: Lang) -> str:
    """Return what an outcome is called; its path where it has no name."""
    known = _OUTCOMES.get(name)
    if known is None:
        return name
    return known[0] if lang == "en" else known[1]


def outcome_scale(name: str) -> float:
    """Return the factor from the summary's unit to the page's."""
    known = _OUTCOMES.get(name)
    return 1.0 if known is None else known[2]


def shown(name: str, value: Any, *, sign: bool = False) -> str:
    """Return an outcome's value as it is shown."""
    if value is None or value != value:
        return "–"
    spec = _OUTCOMES[name][3] if name in _OUTCOMES else ",.4g"
    number = float(value) * outcome_scale(name)
    if spec == ",.4g" and abs(number) >= 1e4:
        spec = ",.0f"
    return f"{number:{'+' if sign else ''}{spec}}"


#: Laws in Chinese; in English they are called by their kind.
_LAWS = {
    "uniform": "均匀分布",
    "log-uniform": "对数均匀分布",
    "integer-uniform": "整数均匀分布",
    "triangular": "三角分布",
    "normal": "正态分布",
    "log-normal": "对数正态分布",
}


def law_text(law: Mapping[str, Any], lang: Lang) -> str:
    """Return a law in a few words."""
    kind = str(law["kind"])
    named = kind if lang == "en" else _LAWS.get(kind, kind)
    parts = {key: value for key, value in law.items() if key != "kind" and value is not None}
    if kind in ("choice", "list"):
        values = [str(v) if isinstance(v, (str, int, float)) else "…" for v in parts["values"]]
        return ", ".join(values[:12]) + (", …" if len(values) > 12 else "")
    if kind in ("uniform", "integer-uniform", "log-uniform", "triangular"):
        ends = [parts[key] for key in ("low", "mode", "high") if key in parts]
        return " … ".join(f"{end:g}" for end in ends) + f" ({named})"
    return f"{named}: " + ", ".join(f"{key} {value:g}" for key, value in parts.items())
