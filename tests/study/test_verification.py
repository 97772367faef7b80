"""Plans held against the simulator."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from computenet.compilation import compile_scenario
from computenet.errors import InputError
from computenet.optimization.expansion import expand
from computenet.study import PlanOutcome, plan
from computenet.study.planning import Agreement, Verification, VerificationProgress, verify
from computenet.study.planning.correction import corrected
from computenet.study.planning.derating import Derating, derated
from computenet.study.planning.rounds import Round
from computenet.study.planning.simulated import PARTS, run_day, year_of
from computenet.study.planning.stage_days import DayTask, _rounded, _window_h, day_tasks


@pytest.fixture(scope="module")
def outcome() -> PlanOutcome:
    return plan("four-hubs", stages=1, days=2, gap=1e-3)


@pytest.fixture(scope="module")
def tasks(outcome: PlanOutcome) -> list[DayTask]:
    return day_tasks(
        outcome.inputs, 0, outcome.scenario(), policy="nearest", parameters={}, seed=1,
        warmup_h=2.0,
    )  # fmt: skip


@pytest.fixture(scope="module")
def found(outcome: PlanOutcome) -> tuple[Verification, list[VerificationProgress]]:
    told: list[VerificationProgress] = []
    return verify(outcome, rounds=2, warmup_h=2.0, progress=told.append), told


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


def test_a_simulated_year_by_hand(outcome: PlanOutcome, tasks: list[DayTask]) -> None:
    runs = [run_day(task) for task in tasks]
    year = year_of(tasks, runs)
    weight = [task.weight for task in tasks]
    assert year.it_mwh == pytest.approx(
        sum(w * run.it_mwh for w, run in zip(weight, runs, strict=True))
    )
    topology = tasks[0].scenario.topology
    tariffs = {item.id: item.demand_charge_cny_per_kw_month for item in topology.tariffs}
    peak = math.fsum(
        12.0 * 1000.0 * tariffs[site.tariff] * max(run.peak_mw[i] for run in runs)
        for i, site in enumerate(topology.sites)
    )
    assert year.parts_cny[PARTS.index("peak charge")] == pytest.approx(peak)
    used = year.import_mwh + year.own_mwh
    for i, site in enumerate(topology.sites):
        wanted = site.green_contract_share * used[i]
        bought = min(max(wanted - year.own_mwh[i], 0.0), year.import_mwh[i])
        assert year.green_share[i] == pytest.approx((bought + year.own_mwh[i]) / used[i])
    assert (year.attained <= year.attainable + 5e-3).all()
    assert (year.attained <= year.circle + 1e-12).all()


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
    assert _window_h(requests) == window_h


def test_derating_nothing_changes_nothing_and_more_never_costs_less(outcome: PlanOutcome) -> None:
    inputs = outcome.inputs
    none = Derating.none(inputs)
    same = expand(derated(inputs, none).problem, gap=1e-3)
    assert same.objective == pytest.approx(outcome.plan.objective, rel=1e-9)
    for worse in (
        replace(none, room=none.room * 1.2),
        replace(none, draw=1.1),
        replace(none, price=1.2),
        replace(none, green=none.green + 0.02),
    ):
        dearer = expand(derated(inputs, worse).problem, gap=1e-3)
        assert dearer.objective >= outcome.plan.bound * (1.0 - 1e-9)
        assert dearer.bound >= outcome.plan.bound * (1.0 - 1e-6)


def test_rounds_come_nearer(
    outcome: PlanOutcome, found: tuple[Verification, list[VerificationProgress]]
) -> None:
    result, told = found
    table = result.table
    assert 1 <= len(table) <= 2
    first, last = result.rounds[0], result.last
    assert first.outcome is outcome
    assert abs(first.energy_gap) < 0.1
    if len(table) == 2:
        assert abs(last.cost_gap) <= abs(first.cost_gap) + 0.02
        assert last.service_gap <= first.service_gap + 0.02
        assert (last.derating.room >= first.derating.room - 1e-12).all()
    assert result.agreed == last.agrees(Agreement())
    assert last.agrees(Agreement(cost=1.0, energy=1.0, service=1.0, green=1.0, delay=1.0)) or (
        last.delay > 1.0
    )
    assert told[0] == VerificationProgress(1, 0, 2)
    assert told[0].last is None
    assert [one.last for one in told if one.last is not None][-1] is result.last
    ends = [one for one, after in pairwise([*told, None]) if after is None or not after.of]
    assert [one.last for one in ends] == list(result.rounds)
    assert all(one.done == one.of == 2 for one in ends)
    assert all(a.seconds <= b.seconds for a, b in pairwise(told))
    verified = result.outcome
    assert verified.verification is result
    assert verified.as_dict()["verified"]["rounds"] == len(table)


def test_accelerators_are_raised_by_the_power_with_which_misses_fall(
    found: tuple[Verification, list[VerificationProgress]],
) -> None:
    """Misses of 12 % that fall with the square of accelerators need 2.58 times as many: 1.8 %."""
    within, first = Agreement(), found[0].rounds[0]
    n = len(first.outcome.inputs.scenario.workload.service_classes)

    def shown(derating: Derating) -> Round:
        table = first.services.copy()
        table["gap"] = 0.12 * derating.room[:n].T.ravel() ** -2.0
        return replace(first, services=table, derating=derating)

    rounds = [shown(Derating.none(first.outcome.inputs))]
    while rounds[-1].service_gap > within.service:
        rounds.append(shown(corrected(rounds, within)))
    room = [float(one.derating.room[0, 0]) for one in rounds]
    assert room == pytest.approx([1.0, 2.0, math.sqrt(0.12 / 0.018)])
    assert corrected(rounds, within).room[:n] == pytest.approx(rounds[-1].derating.room[:n])


def test_the_table_is_what_the_rounds_say(
    found: tuple[Verification, list[VerificationProgress]],
) -> None:
    last = found[0].last
    stage = last.stages.iloc[0]
    planned = sum(float(stage[f"{part} planned"]) for part in PARTS)
    assert planned == pytest.approx(stage["operation_cny_planned"])
    simulated = float(stage["operation_cny_simulated"])
    assert last.cost_gap == pytest.approx(simulated / planned - 1.0)
    assert last.service_gap == pytest.approx(last.services["gap"].max())


def test_files_of_a_verified_plan(
    found: tuple[Verification, list[VerificationProgress]], tmp_path: object
) -> None:
    from pathlib import Path

    folder = found[0].outcome.save(Path(str(tmp_path)) / "plan")
    for name in ("rounds", "simulated_stages", "simulated_services", "simulated_sites"):
        assert (folder / f"{name}.csv").is_file()


def test_bad_input_is_told_at_once(outcome: PlanOutcome) -> None:
    with pytest.raises(InputError) as caught:
        verify(outcome, policy="matchin", rounds=0, workers=0, within=Agreement(cost=0.0))
    text = str(caught.value)
    for part in ("policy", "matching", "rounds", "workers", "tolerance.cost"):
        assert part in text
