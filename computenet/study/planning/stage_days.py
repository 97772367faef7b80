"""The days on which a stage of a plan is simulated, with the means of the plan's own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import numpy as np
from numpy.typing import NDArray

from computenet.scenario import Scenario
from computenet.scenario.scenario import PolicySpec
from computenet.scenario.topology import TopologySpec
from computenet.study.planning.inputs import PlanInputs

__all__ = ["DayTask", "day_tasks"]

F8 = NDArray[np.float64]


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
    (on what exceeds 1) and `requests` ``(D,)`` are factors, `price` ``(I,)`` is added, CNY/MWh.
    """

    output: F8
    pue: F8
    requests: F8
    price: F8


def _kept(inputs: PlanInputs) -> _Kept:
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
    today = 1.0 + (pue - 1.0)
    stage = e.pue[:, 0, :] - 1.0
    mean = (by_day(stage).mean(axis=-1) @ days.weight) / days.weight.sum()
    scaled = stage * ((annual - 1.0) / np.maximum(mean, 1e-12))[:, None]
    whole = year.today.sites.price_cny_per_mwh
    shown = by_day(whole)[:, days.day].mean(axis=-1) @ days.weight / days.weight.sum()
    return _Kept(
        output=factor(e.output, year.output),
        pue=factor(scaled, today - 1.0),
        requests=factor(e.serving_shape, year.serving_shape),
        price=whole.mean(axis=1) - shown,
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
    """Return the days of a stage to simulate; requests are sampled as thinly as they have grown.

    The days keep the means of the year as those of the plan do.
    """
    days, kept = inputs.days, _kept(inputs)
    offset = timezone(timedelta(hours=scenario.topology.utc_offset_h))
    base = inputs.planning.base_year
    year = 2025 if base % 4 == 0 else base  # the same calendar as the plan's year
    today = inputs.scenario
    grown = scenario.workload.request_rate_per_day / max(today.workload.request_rate_per_day, 1e-12)
    sampling = today.run.sampling
    if sampling > 1:
        sampling = max(round(sampling * grown), 1)
    run = scenario.run.model_copy(
        update={
            "warmup_h": warmup_h, "sampling": sampling, "request_window_h": 0.0,
            "request_period_h": 0.0, "request_warmup_h": 0.25,
        }
    )  # fmt: skip
    tasks = []
    for at, (day, weight) in enumerate(zip(days.day.tolist(), days.weight.tolist(), strict=True)):
        start = datetime(year, 1, 1, tzinfo=offset) + timedelta(days=day, hours=-warmup_h)
        workload = scenario.workload.model_copy(
            update={
                "request_rate_per_day": scenario.workload.request_rate_per_day
                * float(kept.requests[at])
            }
        )
        one = scenario.model_copy(
            update={
                "start": start, "days": 1.0 + warmup_h / 24.0, "run": run, "seed": seed,
                "policy": PolicySpec(name=policy, parameters=parameters),
                "events": [], "topology": _day_topology(scenario.topology, kept, at),
                "workload": workload,
            }
        )  # fmt: skip
        tasks.append(DayTask(stage, float(weight), one, warmup_h))
    return tasks


def _day_topology(topology: TopologySpec, kept: _Kept, at: int) -> TopologySpec:
    """Return the topology of a day, its means those of the year."""
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
