"""The days on which a stage of a plan is simulated, with the means of the plan's own."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import numpy as np
from numpy.typing import NDArray

from computenet.optimization.representative_days import keep_mean
from computenet.scenario import Scenario
from computenet.scenario.scenario import PolicySpec, RunSpec
from computenet.scenario.topology import TopologySpec
from computenet.study.planning.electricity import price_rise
from computenet.study.planning.inputs import PlanInputs
from computenet.study.planning.year import calendar_year

__all__ = ["DayTask", "day_tasks"]

F8 = NDArray[np.float64]

#: Part of a model's replicas that rounding to multiples of a sampling factor may move or drop.
MOVED = 0.1
#: Sampling factors that are looked at.
FACTORS = (5000, 3000, 2000, 1500, 1000, 700, 500, 300, 200, 150, 100, 70, 50, 30, 20, 15, 10, 7, 5,
           3, 2)  # fmt: skip
#: Requests of a day that are simulated if need be; where there are more, they are simulated in
#: windows of one of these lengths out of every period, h, after as much warm-up. Days that stand
#: for few of the year have longer periods: hardly more than their peak counts.
MANY = 30e6
WINDOWS_H, PERIOD_H, WARMUP_H = (0.5, 0.25), 5.0, 0.25
FEW_DAYS, LONG_PERIOD_H = 10.0, 12.0


@dataclass(frozen=True, slots=True)
class DayTask:
    """A day to simulate after hours of warm-up, and the days of the year it stands for."""

    stage: int
    weight: float
    scenario: Scenario
    warmup_h: float


@dataclass(frozen=True, slots=True)
class _Kept:
    """How a plan's representative days differ from the days of the calendar.

    So that they stand for the whole year they keep its means: typical days are brighter, windier,
    warmer and busier by a factor, and prices are shifted. `output` ``(2, I, D)``, `pue` ``(I, D)``
    (on what exceeds 1) and `requests` ``(D,)`` are factors, `price` ``(I,)`` is added, CNY/MWh of
    the stage: it rises with the prices.
    """

    output: F8
    pue: F8
    requests: F8
    price: F8


def _kept(inputs: PlanInputs, stage: int) -> _Kept:
    """Return what keeps the means of the year, whatever a plan counts on (:mod:`.derating`)."""
    e, days, year = inputs.problem.energy, inputs.days, inputs.year

    def by_day(values: F8) -> F8:
        taken: F8 = values.reshape(*values.shape[:-1], -1, 24)
        return taken

    def raw(values: F8) -> F8:
        taken: F8 = by_day(values)[..., days.day, :].sum(axis=-1)
        return taken

    def factor(kept: F8, whole: F8) -> F8:
        now = raw(whole)
        value: F8 = np.divide(by_day(kept).sum(axis=-1), now, out=np.ones(now.shape),
                              where=now > 1e-12)  # fmt: skip
        return value

    pue = np.maximum(year.today.energy.pue, 1.0)
    annual = year.today.sites.pue
    over = e.pue[:, 0, :] - 1.0
    mean = (by_day(over).mean(axis=-1) @ days.weight) / days.weight.sum()
    scaled = over * ((annual - 1.0) / np.maximum(mean, 1e-12))[:, None]
    whole = year.today.sites.price_cny_per_mwh
    shown = by_day(whole)[:, days.day].mean(axis=-1) @ days.weight / days.weight.sum()
    after = inputs.problem.stages.after_years[stage]
    output = np.stack([keep_mean(values, days, 1.0) for values in year.output])
    return _Kept(
        output=factor(output, year.output),
        pue=factor(scaled, pue - 1.0),
        requests=factor(e.serving_shape, year.serving_shape),
        price=(whole.mean(axis=1) - shown) * price_rise(inputs.planning, after),
    )


def day_tasks(
    inputs: PlanInputs,
    stage: int,
    scenario: Scenario,
    *,
    policy: str,
    parameters: dict[str, bool | int | float | str],
    seed: int,
    warmup_h: float,
) -> list[DayTask]:
    """Return the days of a stage to simulate; requests are sampled as `_sampling` says.

    The days keep the means of the year as those of the plan do.
    """
    days, kept = inputs.days, _kept(inputs, stage)
    offset = timezone(timedelta(hours=scenario.topology.utc_offset_h))
    year = calendar_year(inputs.planning)
    sampling = _sampling(inputs, scenario)
    topology = _sampled(inputs, scenario, sampling) if sampling > 1 else scenario.topology
    slot_s = scenario.run.slot_s
    window_h = _window_h(scenario.workload.request_rate_per_day / sampling, slot_s)
    run = scenario.run.model_dump() | {
        "warmup_h": warmup_h, "sampling": sampling, "request_window_h": window_h,
        "request_warmup_h": _whole_h(WARMUP_H, slot_s) if window_h else WARMUP_H,
    }  # fmt: skip
    tasks = []
    for at, (day, weight) in enumerate(zip(days.day.tolist(), days.weight.tolist(), strict=True)):
        start = datetime(year, 1, 1, tzinfo=offset) + timedelta(days=day, hours=-warmup_h)
        period_h = _whole_h(PERIOD_H if weight > FEW_DAYS else LONG_PERIOD_H, slot_s)
        windows = {"request_period_h": period_h if window_h else 0.0}
        workload = scenario.workload.model_copy(
            update={
                "request_rate_per_day": scenario.workload.request_rate_per_day
                * float(kept.requests[at])
            }
        )
        one = scenario.model_copy(
            update={
                "start": start, "days": 1.0 + warmup_h / 24.0, "seed": seed,
                "run": RunSpec.model_validate(run | windows),
                "policy": PolicySpec(name=policy, parameters=parameters),
                "events": [], "workload": workload,
                "topology": _day_topology(topology, scenario.energy.series_files, kept, at),
            }
        )  # fmt: skip
        tasks.append(DayTask(stage, float(weight), one, warmup_h))
    return tasks


def _replicas(inputs: PlanInputs, scenario: Scenario) -> dict[tuple[str, str], tuple[float, int]]:
    """Return replicas, and accelerators of one, by pool and model."""
    groups = inputs.year.could.groups
    names = [model.name for model in scenario.workload.models]
    each = {
        (inputs.year.chips[int(pool)], names[int(model)]): int(size)
        for pool, model, size in zip(
            groups.pool, groups.model, groups.accelerators_per_replica, strict=True
        )
    }
    return {
        (pool.id, name): (held / each[pool.accelerator, name], each[pool.accelerator, name])
        for pool in scenario.topology.pools
        for name, held in (pool.serving_models or {}).items()
    }


def _whole_h(hours: float, slot_s: float) -> float:
    """Return hours rounded up to whole slots."""
    return math.ceil(round(3600.0 * hours / slot_s, 6)) * slot_s / 3600.0


def _window_h(requests: float, slot_s: float) -> float:
    """Return the windows in which so many requests of a day are simulated, 0 = all are.

    Windows, their warm-up and their period are whole slots, and slots of windows whole minutes.
    """
    warmup_h, period_h = _whole_h(WARMUP_H, slot_s), _whole_h(PERIOD_H, slot_s)
    windows_h = [
        window_h
        for window_h in (_whole_h(hours, slot_s) for hours in WINDOWS_H)
        if window_h + warmup_h < period_h
    ]
    if requests <= MANY or slot_s % 60.0 != 0.0 or not windows_h:
        return 0.0
    for window_h in windows_h:
        if requests * (window_h + warmup_h) / period_h <= MANY:
            return window_h
    return windows_h[-1]


def _sampling(inputs: PlanInputs, scenario: Scenario) -> int:
    """Return how thinly requests are sampled: as the scenario's own run, or less.

    Replicas come in multiples of the factor. It is the largest one whose rounding leaves nearly all
    replicas of every model where they are.
    """
    most = inputs.scenario.run.sampling
    grown = scenario.workload.request_rate_per_day / max(
        inputs.scenario.workload.request_rate_per_day, 1e-12
    )
    replicas = _replicas(inputs, scenario)
    models = [model.name for model in scenario.workload.models]
    real = _counts(replicas, models)
    allowed = MOVED * real.sum(axis=1)
    for factor in FACTORS:
        if most > 1 and factor <= most * max(grown, 1.0):
            moved = np.abs(_rounded(real, factor) - real).sum(axis=1)
            if (moved <= allowed).all():
                return factor
    return 1


def _counts(replicas: dict[tuple[str, str], tuple[float, int]], models: list[str]) -> F8:
    """Return replicas by model and entry, ``(M, N)``; each entry is of one model."""
    counts = np.zeros((len(models), len(replicas)))
    for n, ((_, name), (count, _)) in enumerate(replicas.items()):
        counts[models.index(name), n] = count
    return counts


def _rounded(real: F8, factor: int) -> F8:
    """Return replicas in multiples of a factor by largest remainders; totals of models stay."""
    parts = real / factor
    whole = np.floor(parts)
    left = np.rint(parts.sum(axis=1) - whole.sum(axis=1)).astype(np.int64)
    for m, more in enumerate(left.tolist()):
        largest = np.argsort(whole[m] - parts[m], kind="stable")[:more]
        whole[m, largest] += 1.0
    rounded: F8 = whole * factor
    return rounded


def _sampled(inputs: PlanInputs, scenario: Scenario, sampling: int) -> TopologySpec:
    """Return the topology with replicas rounded to multiples of the sampling factor."""
    replicas = _replicas(inputs, scenario)
    models = [model.name for model in scenario.workload.models]
    counts = _rounded(_counts(replicas, models), sampling).sum(axis=0).tolist()
    rounded = dict(zip(replicas, counts, strict=True))
    pools = []
    for pool in scenario.topology.pools:
        held = {
            name: rounded[pool.id, name] * replicas[pool.id, name][1]
            for name in pool.serving_models or {}
        }
        held = {name: value for name, value in held.items() if value > 0.0}
        serving = sum(held.values())
        count = max(pool.count, round(serving))
        pools.append(
            pool.model_copy(
                update={
                    "count": count, "serving_share": serving / count,
                    "serving_models": held or None,
                }
            )
        )  # fmt: skip
    return scenario.topology.model_copy(update={"pools": pools})


def _day_topology(
    topology: TopologySpec, measured: Collection[str], kept: _Kept, at: int
) -> TopologySpec:
    """Return the topology of a day, its means those of the year, but for sites' measured prices."""
    sites = []
    shift: dict[str, float] = {}
    for i, site in enumerate(topology.sites):
        factor = {"pv": float(kept.output[0, i, at]), "wind": float(kept.output[1, i, at])}
        generators = [
            item.model_copy(update={"capacity_mw": item.capacity_mw * factor[item.kind]})
            if factor.get(item.kind, 1.0) > 0.0
            else item
            for item in site.generators
        ]
        pue = 1.0 + (site.pue - 1.0) * float(kept.pue[i, at])
        sites.append(site.model_copy(update={"generators": generators, "pue": pue}))
        if site.id not in measured:  # its price is not its tariff's
            shift[site.tariff] = float(kept.price[i])
    tariffs = [
        tariff.model_copy(
            update={
                "seasons": [
                    season.model_copy(
                        update={
                            "price_cny_per_mwh": [
                                price + shift.get(tariff.id, 0.0)
                                for price in season.price_cny_per_mwh
                            ]
                        }
                    )
                    for season in tariff.seasons
                ]
            }
        )
        for tariff in topology.tariffs
    ]
    return topology.model_copy(update={"sites": sites, "tariffs": tariffs})
