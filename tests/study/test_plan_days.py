"""The days on which stages of a plan are simulated."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from computenet.compilation import compile_scenario
from computenet.errors import InputError
from computenet.scenario import Scenario
from computenet.scenario.planning import PlanningSpec
from computenet.scenario.scenario import RunSpec
from computenet.study import PlanOutcome, load, plan
from computenet.study.planning.derating import Derating, derated
from computenet.study.planning.stage_days import DayTask, _rounded, _window_h, day_tasks


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return load("two-hubs")


def test_layouts_hold_whole_replicas_and_the_simulator_has_them(outcome: PlanOutcome) -> None:
    """Every model that a pool should hold is there, in as many accelerators as the layout says."""
    scenario = outcome.scenario()
    compiled = compile_scenario(scenario.model_copy(update={"days": 0.1}))
    names = [model.name for model in scenario.workload.models]
    groups = compiled.groups
    simulated = {
        (compiled.pools.ids[int(groups.pool[g])], names[int(groups.model[g])]): float(
            groups.replicas_real[g] * groups.accelerators_per_replica[g]
        )
        for g in range(len(groups.ids))
    }
    planned = {
        (pool.id, name): held
        for pool in scenario.topology.pools
        for name, held in (pool.serving_models or {}).items()
    }
    assert planned
    assert simulated == planned


def test_days_keep_the_means_of_the_year(outcome: PlanOutcome, tasks: list[DayTask]) -> None:
    """Sun, wind, price and PUE of the simulated days, by their weights, are those of the year."""
    inputs = outcome.inputs
    weight = np.asarray([task.weight for task in tasks])
    assert weight.sum() == pytest.approx(365.0)
    days = [
        compile_scenario(task.scenario.model_copy(update={"start": task.scenario.start}))
        for task in tasks
    ]
    first = round(2.0 * 3600.0 / tasks[0].scenario.run.slot_s)
    hours = tasks[0].scenario.run.slot_s / 3600.0
    whole = compile_scenario(
        outcome.scenario().model_copy(
            update={
                "start": tasks[0].scenario.start.replace(month=1, day=1, hour=0),
                "days": 365.0,
                "run": tasks[0].scenario.run.model_copy(
                    update={"slot_s": 3600.0, "epoch_s": 3600.0, "warmup_h": 0.0}
                ),
            }
        )
    )
    for name in ("pv_mw", "wind_mw"):
        shown = sum(
            w * getattr(day.energy, name)[:, first:].sum(axis=1) * hours
            for w, day in zip(weight, days, strict=True)
        )
        assert shown == pytest.approx(getattr(whole.energy, name).sum(axis=1), rel=2e-3, abs=1e-6)
    shown = sum(
        w * day.sites.price_cny_per_mwh[:, first:].mean(axis=1)
        for w, day in zip(weight, days, strict=True)
    )
    year = inputs.year.today.sites.price_cny_per_mwh.mean(axis=1)
    assert shown / 365.0 == pytest.approx(year, rel=1e-6)


def test_prices_of_a_later_stage_are_those_of_the_plan(scenario: Scenario) -> None:
    """At 10 % a year, hour by hour: what keeps the mean of the year has grown as well."""
    topology = scenario.topology
    tariffs = []
    for tariff in topology.tariffs:  # dearer by half in the second half of the year
        whole = tariff.seasons[0]
        seasons = [
            whole.model_copy(
                update={
                    "months": months,
                    "price_cny_per_mwh": [factor * value for value in whole.price_cny_per_mwh],
                }
            )
            for months, factor in (([1, 2, 3, 4, 5, 6], 1.0), ([7, 8, 9, 10, 11, 12], 1.5))
        ]
        tariffs.append(tariff.model_copy(update={"seasons": seasons}))
    scenario = scenario.model_copy(
        update={
            "planning": _with(scenario, price_growth=0.1),
            "topology": topology.model_copy(update={"tariffs": tariffs}),
        }
    )
    later = plan(scenario, days=2, gap=0.05)
    inputs = later.inputs
    for y, stage in enumerate(later.stages):
        tasks = day_tasks(inputs, y, later.scenario(stage), policy="nearest", parameters={}, seed=1,
                          warmup_h=2.0)  # fmt: skip
        for at, task in enumerate(tasks):
            compiled = compile_scenario(task.scenario)
            slots = round(3600.0 / compiled.slot_s)
            day = compiled.sites.price_cny_per_mwh[:, 2 * slots :]
            hourly = day.reshape(len(day), 24, slots).mean(axis=2)
            planned = inputs.problem.energy.price[:, y, 24 * at : 24 * at + 24] * 1e3
            assert hourly == pytest.approx(planned, rel=1e-6)


def _with(scenario: Scenario, **operation: float) -> PlanningSpec:
    assert scenario.planning is not None
    changed = scenario.planning.operation.model_copy(update=operation)
    return scenario.planning.model_copy(update={"operation": changed})


def test_measured_prices_that_would_have_to_grow_are_refused(
    scenario: Scenario, tmp_path: Path
) -> None:
    """A file holds the prices of one year; where nothing grows they are simulated as they are."""
    site = scenario.topology.sites[0].id
    file = tmp_path / "prices.csv"
    hours = pd.date_range("2023-12-31", "2027-01-02", freq="h", tz="Asia/Shanghai")
    values = 300.0 + 100.0 * (hours.hour >= 12)
    pd.DataFrame(
        {"time": [stamp.isoformat() for stamp in hours], "cny_per_mwh": values}
    ).to_csv(file, index=False)  # fmt: skip
    energy = scenario.energy.model_copy(update={"series_files": {site: str(file)}})
    measured = scenario.model_copy(update={"energy": energy})
    for growth, wrong in ((0.0, False), (0.02, True)):
        now = measured.model_copy(
            update={"planning": _with(scenario, price_growth=growth, emission_decline=0.0)}
        )
        outcome = plan(now, stages=1, days=2, gap=0.05)
        if wrong:
            with pytest.raises(InputError) as caught:
                outcome.scenario()
            assert f"energy.series_files.{site}" in str(caught.value)
            assert "planning.operation.price_growth" in str(caught.value)
            continue
        tasks = day_tasks(outcome.inputs, 0, outcome.scenario(), policy="nearest", parameters={},
                          seed=1, warmup_h=2.0)  # fmt: skip
        shown = compile_scenario(tasks[0].scenario).sites.price_cny_per_mwh[0]
        assert set(np.round(shown, 6)) == {300.0, 400.0}


def test_windows_are_whole_slots(outcome: PlanOutcome) -> None:
    """Rounded up; where slots are too long for windows, every request is simulated."""
    scenario = outcome.scenario()
    workload = scenario.workload.model_copy(update={"request_rate_per_day": 1e10})
    for slot_s, lengths in (
        (900.0, (0.25, 0.25, 5.0)), (3600.0, (1.0, 1.0, 5.0)), (1200.0, (1 / 3, 1 / 3, 5.0)),
        (6 * 3600.0, (0.0, 0.25, 0.0)), (450.0, (0.0, 0.25, 0.0)),
    ):  # fmt: skip
        run = scenario.run.model_copy(update={"slot_s": slot_s, "epoch_s": slot_s})
        grown = scenario.model_copy(update={"workload": workload, "run": run})
        tasks = day_tasks(
            outcome.inputs, 0, grown, policy="nearest", parameters={}, seed=1, warmup_h=6.0
        )
        for task in tasks:
            again = RunSpec.model_validate(task.scenario.run.model_dump())
            window = (again.request_window_h, again.request_warmup_h, again.request_period_h)
            rare = lengths[2] > 0.0 and task.weight <= 10.0
            assert window == pytest.approx((*lengths[:2], 12.0 if rare else lengths[2]))


def test_days_are_those_of_the_scenario_whatever_a_plan_counts_on(
    outcome: PlanOutcome, tasks: list[DayTask]
) -> None:
    """A plan that counts on half the wind and sun is simulated with all there is."""
    half = derated(outcome.inputs, replace(Derating.none(outcome.inputs), own=0.5))
    again = day_tasks(half, 0, outcome.scenario(), policy="nearest", parameters={}, seed=1,
                      warmup_h=2.0)  # fmt: skip
    assert any(site.generators for site in tasks[0].scenario.topology.sites)
    assert [task.scenario for task in again] == [task.scenario for task in tasks]


@pytest.mark.parametrize("factor", [2, 7, 100])
def test_rounded_replicas_add_up_by_model(factor: int) -> None:
    """Entries move by less than the factor and a model's sum to its nearest multiple."""
    rng = np.random.default_rng(factor)
    real = np.concatenate([rng.uniform(0.0, 300.0, (2, 40)), np.zeros((1, 40))])
    rounded = _rounded(real, factor)
    assert (rounded % factor == 0.0).all()
    assert (np.abs(rounded - real) < factor).all()
    assert (np.abs(rounded.sum(axis=1) - real.sum(axis=1)) <= factor / 2).all()
    assert (_rounded(rounded, factor) == rounded).all()


@pytest.mark.parametrize(
    ("requests", "window_h"), [(1e6, 0.0), (30e6, 0.0), (100e6, 0.5), (250e6, 0.25), (1e9, 0.25)]
)
def test_windows_are_as_short_as_a_days_requests_ask_for(requests: float, window_h: float) -> None:
    assert _window_h(requests, 900.0) == window_h


def test_days_that_stand_for_few_have_fewer_windows(outcome: PlanOutcome) -> None:
    scenario = outcome.scenario()
    workload = scenario.workload.model_copy(update={"request_rate_per_day": 1e10})
    grown = scenario.model_copy(update={"workload": workload})
    tasks = day_tasks(
        outcome.inputs, 0, grown, policy="nearest", parameters={}, seed=1, warmup_h=2.0
    )
    periods = {task.weight > 10.0: task.scenario.run.request_period_h for task in tasks}
    assert all(task.scenario.run.request_window_h == 0.25 for task in tasks)
    assert periods[True] == 5.0
    assert periods.get(False, 12.0) == 12.0
