"""What the clearing says in sentences, in English and Chinese."""

from __future__ import annotations

from computenet.optimization.clearing import ONE_POOL
from computenet.study.clearing.reasons import Unmet
from computenet.study.clearing.sides import Demand, Supply

__all__ = ["CLASSES", "note", "sentence"]

#: Classes of constraints in a user's words.
CLASSES: dict[str, tuple[str, str]] = {
    "no_supply": ("no supply", "无供给"),
    "accelerator_type": ("accelerator type", "芯片类型"),
    "no_way": ("no way through the network", "网络不可达"),
    "latency": ("latency limit", "时延上限"),
    "free_hours": ("free hours of the pools", "资源池空闲时长"),
    "several": ("several limits together", "多项限制叠加"),
    "price_limit": ("highest price", "最高出价"),
    "capacity": ("capacity", "算力容量"),
    "site_power": ("site power", "站点电力"),
    "link": ("link capacity", "链路带宽"),
    "whole": ("all or nothing", "整体分配"),
    "too_large": ("all or nothing, and too large", "须整体分配且规模过大"),
}
_SENTENCES: dict[str, tuple[str, str]] = {
    "no_supply": ("no accelerator is free anywhere", "没有任何空闲加速卡"),
    "accelerator_type": (
        "no free pool has an accelerator that will do; {pool} has {kind}",
        "没有可用芯片类型的空闲资源池;{pool} 的芯片为 {kind}",
    ),
    "no_way": (
        "no way leads from {region} to a pool that will do",
        "{region} 到可用资源池无网络路径",
    ),
    "latency": (
        "every pool that will do is more than {ms:g} ms away",
        "可用资源池的时延均超过 {ms:g} 毫秒",
    ),
    "free_hours": (
        "no pool that will do is free for {hours:g} h",
        "没有可用资源池能空闲 {hours:g} 小时",
    ),
    "several": (
        "no pool will do: {blocks} stand together against the nearest, {pool}",
        "没有可用资源池:最接近的 {pool} 同时受限于 {blocks}",
    ),
    "price_limit": (
        "the cheapest pool, {pool}, costs {cost:.4g} CNY per accelerator-hour; it pays {most:.4g}",
        "最便宜的资源池 {pool} 成本为 {cost:.4g} 元/卡时,最高出价 {most:.4g}",
    ),
    "price_limit_all": (
        "it takes all or nothing, and all of it costs at least {cost:.4g} CNY per accelerator-hour "
        "in the mean; it pays {most:.4g}",
        "须整体分配,而整体成本平均至少 {cost:.4g} 元/卡时,最高出价 {most:.4g}",
    ),
    "price_limit_part": (
        "it takes all or nothing, and part of it has room at {cost:.4g} CNY per accelerator-hour "
        "only; it pays {most:.4g}",
        "须整体分配,而其中一部分只能以 {cost:.4g} 元/卡时接入,最高出价 {most:.4g}",
    ),
    "capacity": (
        "the pools that will do are full; one more accelerator costs {price:.4g} CNY per hour "
        "({pool}), it pays {most:.4g}",
        "可用资源池已满;再要一卡需 {price:.4g} 元/小时({pool}),最高出价 {most:.4g}",
    ),
    "site_power": (
        "power at {site} is used up; one more accelerator costs {price:.4g} CNY per hour, it pays "
        "{most:.4g}",
        "{site} 的电力已用尽;再要一卡需 {price:.4g} 元/小时,最高出价 {most:.4g}",
    ),
    "link": (
        "links from {region} to {site} are full; one more accelerator costs {price:.4g} CNY per "
        "hour, it pays {most:.4g}",
        "{region} 至 {site} 的链路已满;再要一卡需 {price:.4g} 元/小时,最高出价 {most:.4g}",
    ),
    "whole": (
        "it takes all or nothing, and all of it pays less than what it would push out",
        "须整体分配,而整体接入的收益低于被挤出的需求",
    ),
    "too_large": (
        "it takes all {wanted:g} or nothing{one}, and with nothing else served there would be room "
        "for {room:.6g}",
        "须整体分配 {wanted:g} 卡{one},而即使不服务其他需求也只有 {room:.6g} 卡可用",
    ),
}  # fmt: skip
_ONE_POOL = (", from one pool", "(限单一资源池)")
_NOTES: dict[str, tuple[str, str]] = {
    "unknown_type": (
        "demand accepts {kind!r}, which no pool has",
        "需求接受的 {kind!r} 无资源池提供",
    ),
    "no_facts": (
        "supply has {kind!r}, which is no accelerator of {topology}: nothing of its speed or power "
        "is known but what the table says",
        "供给中的 {kind!r} 不是 {topology} 的加速卡:除表中所列外,其速度与功率未知",
    ),
    "unused_region": (
        "paths from regions that no demand is in play no part: {names}",
        "路径表中下列区域没有需求,其路径不起作用:{names}",
    ),
    "unused_site": (
        "paths to sites that no pool is at play no part: {names}",
        "路径表中下列站点没有资源池,其路径不起作用:{names}",
    ),
    "more": (", and {n} more", ",另有 {n} 个"),
    "meant": (" (did you mean {kind!r}?)", "(是否指 {kind!r}?)"),
    "no_relief": (
        "what relaxing a class of limits for everybody would bring was not computed: there are "
        "more than {n:,} combinations of demand and pool",
        "需求与资源池组合超过 {n:,},未逐类计算取消限制的效果",
    ),
    "fixed": (
        "some demands take all or nothing: prices hold for the others once those are decided",
        "部分需求须整体分配:价格为其取舍确定之后的价格",
    ),
    "limit": (
        "the time limit was reached: the allocation is feasible, and at most {gap:,.6g} CNY an "
        "hour dearer than the best",
        "已达时间上限:分配可行,每小时成本至多比最优高 {gap:,.6g} 元",
    ),
    "stopped": (
        "the time limit was reached: the allocation is feasible, and how far from the best it is "
        "is not known",
        "已达时间上限:分配可行,与最优的差距未知",
    ),
    "degenerate": (
        "degenerate prices: {n}; any value of their range supports the allocation",
        "退化价格:{n} 个;其区间内任一值均支持该分配",
    ),
}  # fmt: skip


def note(name: str, lang: str = "en", **values: object) -> str:
    """Return something a reader should know."""
    return _NOTES[name][1 if lang == "zh" else 0].format(**values)


def sentence(unmet: Unmet, demand: Demand, supply: Supply, lang: str = "en") -> str:
    """Return why a demand is not met."""
    tongue = 1 if lang == "zh" else 0
    pool = unmet.pool
    joint = " 和 " if tongue else " and "
    return _SENTENCES[unmet.words or unmet.reason][tongue].format(
        pool=supply.pools[pool] if pool >= 0 else "",
        kind=supply.accelerator[pool] if pool >= 0 else "",
        site=supply.sites[supply.site[pool]] if pool >= 0 else "",
        region=demand.regions[demand.region[unmet.demand]],
        ms=demand.latency_ms[unmet.demand],
        hours=demand.hours[unmet.demand],
        most=demand.max_price_cny_per_h[unmet.demand],
        cost=unmet.cost_cny,
        price=unmet.price_cny,
        wanted=demand.amount[unmet.demand],
        room=unmet.room,
        one=_ONE_POOL[tongue] if demand.whole[unmet.demand] == ONE_POOL else "",
        blocks=joint.join(CLASSES[name][tongue] for name in unmet.blocks),
    )
