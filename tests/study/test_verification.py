"""Plans held against the simulator."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from computenet.compilation import compile_scenario
from computenet.errors import InputError
from computenet.optimization.expansion import expand
from computenet.optimization.solvers import SolverError
from computenet.policies import make_policy
from computenet.scenario.energy import BatterySpec, GeneratorSpec
from computenet.simulation import run_scenario
from computenet.study import PlanOutcome, page_of
from computenet.study.planning import Agreement, Verification, VerificationProgress, verify
from computenet.study.planning.correction import corrected
from computenet.study.planning.day_energy import closed_day
from computenet.study.planning.derating import Derating, derated
from computenet.study.planning.rounds import Round, round_of
from computenet.study.planning.simulated import PARTS, run_day, year_of
from computenet.study.planning.stage_days import DayTask, day_tasks
from computenet.study.planning.tables import green_share


@pytest.fixture(scope="module")
def found(outcome: PlanOutcome) -> tuple[Verification, list[VerificationProgress]]:
    told: list[VerificationProgress] = []
    return verify(outcome, rounds=2, warmup_h=2.0, progress=told.append), told


def test_a_simulated_year_by_hand(outcome: PlanOutcome, tasks: list[DayTask]) -> None:
    runs = [run_day(task) for task in tasks]
    most = outcome.inputs.problem.energy.contract_share[:, 0]
    year = year_of(tasks, runs, most)
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
        bought = min(max(wanted - year.own_mwh[i], 0.0), most[i] * year.import_mwh[i])
        assert year.green_share[i] == pytest.approx((bought + year.own_mwh[i]) / used[i])
    assert (year.attained <= year.attainable + 5e-3).all()
    assert (year.attained <= year.circle + 1e-12).all()


def test_derating_nothing_changes_nothing_and_more_never_costs_less(outcome: PlanOutcome) -> None:
    inputs = outcome.inputs
    none = Derating.none(inputs)
    same = expand(derated(inputs, none).problem, gap=1e-3)
    assert same.objective == pytest.approx(outcome.plan.objective, rel=1e-9)
    for worse in (
        replace(none, room=none.room * 1.2),
        replace(none, draw=none.draw * 1.1),
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
    """Misses of 12 % that fall with the square of accelerators need 2.74 times as many: 1.6 %."""
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
    assert room == pytest.approx([1.0, 2.0, math.sqrt(0.12 / 0.016)])
    assert corrected(rounds, within).room[:n] == pytest.approx(rounds[-1].derating.room[:n])


def test_a_target_that_the_simulation_misses_is_no_agreement_and_gets_more_room(
    found: tuple[Verification, list[VerificationProgress]],
) -> None:
    """90 % within the circle for 95: a class gets 0.05 / 0.95 more accelerators there and then."""
    wide = Agreement(cost=1.0, energy=1.0, service=1.0, green=1.0, delay=1.0)
    first = replace(found[0].rounds[0], stages=found[0].rounds[0].stages.assign(job_delay=0.0))
    table = first.services.assign(coverage_target=0.95, within_circle=0.96)
    met = replace(first, services=table)
    assert met.targets_met
    assert met.agrees(wide)
    assert (corrected([met], wide).room == met.derating.room).all()
    table.loc[table.index[0], "within_circle"] = 0.90
    missed = replace(first, services=table)
    assert not missed.targets_met
    assert not missed.agrees(wide)
    assert missed.coverage_short[0] == pytest.approx(0.05)
    room = corrected([missed], wide).room / missed.derating.room
    at = room > 1.0
    assert at.sum() == 1
    assert room[at] == pytest.approx(1.0 + 0.05 / 0.95)
    # A target that was never asked for cannot be missed.
    assert replace(first, services=table.assign(coverage_target=0.0)).targets_met
    # What a whole request more would mend is not missed.
    table.loc[table.index[0], "within_circle"] = 0.9451
    assert replace(first, services=table).targets_met


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


def test_a_plan_made_anew_has_its_own_notes_and_the_time_of_all(
    outcome: PlanOutcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = replace(outcome, notes=("of the first plan",), seconds=100.0)
    made = []

    def late(*args: Any, **options: Any) -> Any:
        made.append(replace(expand(*args, **options), status="time limit"))
        return made[-1]

    monkeypatch.setattr("computenet.study.planning.verification.expand", late)
    done = verify(told, rounds=2, warmup_h=1.0, within=Agreement(cost=1e-9, energy=1e-9))
    assert len(made) == 1
    assert done.rounds[0].outcome.notes == ("of the first plan",)
    notes = done.outcome.notes
    assert "of the first plan" not in notes
    assert any(note.startswith("time limit: ") for note in notes)
    assert done.outcome.seconds == pytest.approx(100.0 + done.seconds)


def test_files_of_a_verified_plan(
    found: tuple[Verification, list[VerificationProgress]], tmp_path: object
) -> None:
    from pathlib import Path

    folder = found[0].outcome.save(Path(str(tmp_path)) / "plan")
    for name in ("rounds", "simulated_stages", "simulated_services", "simulated_sites"):
        assert (folder / f"{name}.csv").is_file()


def test_rounds_stand_when_no_new_plan_can_be_made(
    outcome: PlanOutcome, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def lost(*_: object, **__: object) -> None:
        raise SolverError("it lost its way")

    monkeypatch.setattr("computenet.study.planning.verification.expand", lost)
    within = Agreement(cost=1e-9, energy=1e-9, service=1e-9)
    done = verify(outcome, rounds=3, warmup_h=1.0, within=within)
    assert (len(done.rounds), done.agreed, done.stopped) == (1, False, "it lost its way")
    assert done.as_dict()["stopped"] == "it lost its way"
    folder = done.outcome.save(tmp_path / "plan")
    assert "no new plan could be made: it lost its way" in page_of(folder, "en").render()
    assert "未能给出新的规划" in page_of(folder, "zh").render()


def test_bad_input_is_told_at_once(outcome: PlanOutcome) -> None:
    with pytest.raises(InputError) as caught:
        verify(outcome, policy="matchin", rounds=0, workers=0, within=Agreement(cost=0.0))
    text = str(caught.value)
    for part in ("policy", "matching", "rounds", "workers", "tolerance.cost"):
        assert part in text


def test_storage_ends_a_day_as_it_began(tasks: list[DayTask]) -> None:
    """Whatever it begins with; what is bought and generated is used or lost in the store."""
    scenario = tasks[0].scenario
    sun = GeneratorSpec(
        id="sun", kind="pv", connection="on-site", capacity_mw=30.0, capacity_factor=0.15
    )
    found = []
    for initial in (0.0, 1.0):
        sites = [
            site.model_copy(
                update={
                    "battery": BatterySpec(
                        power_mw=20.0, energy_mwh=60.0, efficiency=0.81, initial=initial,
                        rule="self-consumption",
                    ),
                    "generators": [sun],
                }
            )
            for site in scenario.topology.sites
        ]  # fmt: skip
        topology = scenario.topology.model_copy(update={"sites": sites})
        compiled = compile_scenario(scenario.model_copy(update={"topology": topology}))
        slots = round(86_400.0 / compiled.slot_s)
        load = np.full((len(sites), slots), 4.0 * compiled.slot_s / 3600.0)
        day, _ = closed_day(compiled, sites, compiled.n_slots - slots, load, np.zeros(load.shape))
        lost = day.charged.sum(axis=1) * (1.0 - 0.9) + day.discharged.sum(axis=1) * (1 / 0.9 - 1.0)
        assert day.discharged.sum() > 10.0
        assert day.discharged.sum(axis=1) == pytest.approx(0.81 * day.charged.sum(axis=1), rel=1e-4)
        assert (day.used + day.imported).sum(axis=1) == pytest.approx(
            load.sum(axis=1) + lost, rel=1e-4
        )
        found.append(day)
    assert found[0].imported == pytest.approx(found[1].imported, abs=1e-3)


def test_a_day_without_storage_stays_as_it_was(tasks: list[DayTask]) -> None:
    scenario = tasks[0].scenario
    sites = [
        site.model_copy(
            update={
                "battery": None,
                "generators": [
                    item.model_copy(update={"price_cny_per_mwh": 0.0}) for item in site.generators
                ],
            }
        )
        for site in scenario.topology.sites
    ]
    topology = scenario.topology.model_copy(update={"sites": sites})
    task = replace(tasks[0], scenario=scenario.model_copy(update={"topology": topology}))
    day = run_day(task)
    table = run_scenario(task.scenario, make_policy("nearest", {})).sites
    table = table[table["slot_start_s"] >= 3600.0 * task.warmup_h]
    hours = scenario.run.slot_s / 3600.0
    assert float(day.import_mwh.sum()) == pytest.approx(float(table["import_mw"].sum()) * hours)
    assert float(day.own_mwh.sum()) == pytest.approx(
        float(table["generation_used_mw"].sum()) * hours
    )
    assert float(day.parts_cny[0]) == pytest.approx(float(table["energy_cny"].sum()))
    assert float(day.emissions_kg.sum()) == pytest.approx(float(table["carbon_kg"].sum()))


def test_green_power_that_the_simulation_lacks_is_a_gap_and_is_planned_for(
    outcome: PlanOutcome, tasks: list[DayTask]
) -> None:
    """Wind and sun yield half of what was planned, and contracts cover a part of the import only.

    The next plan has more, and what it has above the target is no gap where that is lost again.
    """
    inputs, energy = outcome.inputs, outcome.inputs.problem.energy
    fewer = replace(energy, contract_share=np.full_like(energy.contract_share, 0.3))
    limited = replace(inputs, problem=replace(inputs.problem, energy=fewer))
    planned = replace(outcome, inputs=limited, plan=expand(limited.problem, gap=1e-3), _kept={})
    runs = [
        replace(run, own_mwh=0.5 * run.own_mwh, import_mwh=run.import_mwh + 0.5 * run.own_mwh)
        for run in map(run_day, day_tasks(
            limited, 0, planned.scenario(), policy="nearest", parameters={}, seed=1, warmup_h=2.0
        ))
    ]  # fmt: skip
    first = round_of(limited, planned, tasks, runs, Derating.none(limited))
    asked = first.sites[first.sites["green_target"] > 0.0]
    assert first.green_gap > 0.1
    assert not first.targets_met
    by = corrected([first], Agreement())
    assert by.green.max() == pytest.approx(
        np.minimum(asked["green_gap"], 1.0 - asked["green_target"]).max()
    )
    assert (by.green[limited.problem.energy.green_share == 0.0] == 0.0).all()
    better = derated(limited, replace(Derating.none(limited), green=np.minimum(by.green, 0.1)))
    share = green_share(expand(better.problem, gap=1e-3))
    target = energy.green_share + np.minimum(by.green, 0.1)
    used = np.isfinite(share) & (energy.green_share > 0.0)
    assert used.any()
    assert (share[used] >= target[used] - 1e-6).all()
    again = round_of(limited, planned, tasks, runs, by)
    table = again.sites.merge(first.sites, on="site", suffixes=("", "_first"))
    assert table["green_gap"].to_numpy() == pytest.approx(
        (table["green_gap_first"] - table["green_margin"]).to_numpy(), nan_ok=True
    )
    # What was planned above the target and not lost is given up again.
    kept = replace(again, sites=again.sites.assign(green_gap=-1.0), derating=by)
    assert not corrected([kept], Agreement()).green.any()


def test_power_wind_and_sun_follow_what_was_metered(
    found: tuple[Verification, list[VerificationProgress]],
) -> None:
    first = found[0].rounds[0]
    table = first.stages.copy()
    table["energy_gwh_simulated"] = 1.1 * table["energy_gwh_planned"]
    table["own_gwh planned"], table["own_gwh simulated"] = 100.0, 90.0
    shown = replace(first, stages=table, derating=Derating.none(first.outcome.inputs))
    by = corrected([shown], Agreement())
    assert by.draw == pytest.approx(np.full(len(table), 1.1))
    assert by.own == pytest.approx(0.9)
    again = corrected([replace(shown, derating=by)], Agreement())
    assert again.draw == pytest.approx(np.full(len(table), 1.21))
    assert again.own == pytest.approx(0.81)
    kept = derated(first.outcome.inputs, by).problem
    planned = first.outcome.inputs.problem
    assert kept.energy.output == pytest.approx(0.9 * planned.energy.output)
    assert kept.chips.metered == pytest.approx(np.full(len(table), 1.1))


def test_generation_paid_by_use_is_used_last(tasks: list[DayTask]) -> None:
    """After roofs that are paid for, for what the grid would sell dearer, and only for that."""
    scenario = tasks[0].scenario
    made = {"kind": "pv", "connection": "on-site", "capacity_factor": 0.15}
    roof = GeneratorSpec(id="roof", capacity_mw=10.0, **made)
    for price, bought in ((1.0, True), (1e6, False)):
        line = GeneratorSpec(id="line", capacity_mw=30.0, price_cny_per_mwh=price, **made)
        sites = [
            site.model_copy(update={"generators": [roof, line], "battery": None})
            for site in scenario.topology.sites
        ]
        topology = scenario.topology.model_copy(update={"sites": sites})
        compiled = compile_scenario(scenario.model_copy(update={"topology": topology}))
        first = compiled.n_slots - round(86_400.0 / compiled.slot_s)
        own = compiled.energy.pv_mw[:, first:] * compiled.slot_s / 3600.0
        for part, paid in ((1.0, 0.75), (0.5, 0.25), (0.25, 0.0)):
            day, cny = closed_day(compiled, sites, first, part * own, np.zeros(own.shape))
            assert cny == pytest.approx(price * paid * own.sum() * bought, rel=1e-9, abs=1e-6)
            grid = 0.0 if bought else paid * own.sum()
            assert day.imported.sum() == pytest.approx(grid, abs=1e-6)
            assert (day.used + day.imported).sum() == pytest.approx(part * own.sum())
            assert (day.used + day.curtailed).sum() == pytest.approx(own.sum())
