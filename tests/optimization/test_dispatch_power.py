"""Dispatch of power, storage, green shares and carbon: where constraints bind and are slack."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from dispatch_cases import problem, solved, work

from computenet.optimization import dispatch
from computenet.optimization.dispatch import (
    Carry,
    GreenRules,
    solve_dispatch,
)
from computenet.optimization.solvers import Status, solve

# ---- power --------------------------------------------------------------------------------


def test_import_limit_and_load_that_cannot_be_met() -> None:
    tight = problem([10.0], power={"limit_mw": 0.004}, work=work(1, 8.0))
    assert solved(tight).training.sum() == pytest.approx(4.0)
    assert solved(tight).power_cny_per_mwh[0, 0] == pytest.approx(200_000.0)
    plan = solved(problem([10.0], power={"limit_mw": 3.0, "fixed_mw": 5.0}))
    assert plan.unserved_mw[0, 0] == pytest.approx(2.0)
    assert "power [slot 0, s0], MW unserved by 2" in plan.why
    free = solved(problem([10.0], power={"limit_mw": 6.0, "fixed_mw": 5.0}))
    assert free.relaxed == ()
    assert free.power_cny_per_mwh[0, 0] == pytest.approx(10.0)


def test_generation_is_used_where_it_is_cheaper_and_curtailed_where_it_is_not() -> None:
    power = {"fixed_mw": 2.0, "pue": 1.5, "generation_mw": [[2.0], [5.0]]}
    plan = solved(problem([400.0, 400.0], power=power | {"generation_cny_per_mwh": 250.0}))
    np.testing.assert_allclose(plan.generation_mw[:, 0], [2.0, 3.0])
    np.testing.assert_allclose(plan.import_mw[:, 0], [1.0, 0.0])
    plan = solved(problem([400.0, 400.0], power=power | {"generation_cny_per_mwh": 500.0}))
    assert plan.generation_mw.sum() == pytest.approx(0.0)


@pytest.mark.parametrize(("power_mw", "energy_mwh"), [(1.0, 10.0), (4.0, 2.0)])
@pytest.mark.parametrize("dear", [200.0, 115.0])
def test_battery_against_its_closed_form(power_mw: float, energy_mwh: float, dear: float) -> None:
    """Fill at 100, give back at `dear` while a megawatt-hour in gives 0.81 out and wear is 10."""
    power = {
        "fixed_mw": 5.0, "battery_mw": power_mw, "battery_mwh": energy_mwh,
        "battery_efficiency": 0.81, "cycle_cny_per_mwh": 10.0,
    }  # fmt: skip
    plan = solved(problem([100.0, dear], power=power))
    taken = min(power_mw, energy_mwh / 0.9)
    worth = taken * (0.81 * (dear - 10.0) - 100.0)
    assert plan.objective_cny == pytest.approx(5.0 * (100.0 + dear) - max(worth, 0.0))
    assert plan.setpoint_mw[0, 0] == pytest.approx(-taken if worth > 0.0 else 0.0)
    assert plan.setpoint_mw[1, 0] == pytest.approx(0.81 * taken if worth > 0.0 else 0.0)


def test_energy_in_the_store_at_the_end_has_its_value() -> None:
    power = {"fixed_mw": 5.0, "battery_mw": 2.0, "battery_mwh": 4.0, "battery_efficiency": 0.81}
    for value, left in ((80.0, 0.0), (100.0, 1.2), (130.0, 3.0)):
        case = problem(
            [100.0], power=power | {"stored_cny_per_mwh": value}, carry=Carry(stored_mwh=[1.2])
        )
        plan = solved(case)
        assert plan.stored_mwh[0, 0] == pytest.approx(left)


def test_demand_charge_is_paid_on_what_exceeds_the_peak_so_far() -> None:
    power = {"demand_charge_cny_per_mw": 1000.0, "month_share": [0.5]}
    jobs = work(2, 8.0)
    for so_far, at_once in ((0.0, False), (0.008, True)):
        case = problem([100.0, 10.0], power=power, work=jobs, carry=Carry(peak_mw=[so_far]))
        plan = solved(case)  # 0.09 a kilowatt-hour saved against 0.5 a kilowatt
        expected = [0.0, 8.0] if at_once else [4.0, 4.0]
        np.testing.assert_allclose(plan.training[:, 0, 0], expected)
    case = problem([10.0, 10.0], power=power | {"fixed_mw": [[3.0], [5.0]]})
    assert solved(case).objective_cny == pytest.approx(80.0 + 2500.0)
    months = power | {"month_of_slot": [0, 1], "month_share": [0.5, 0.25], "fixed_mw": 4.0}
    plan = solved(problem([10.0, 10.0], power=months, carry=Carry(peak_mw=[3.0])))
    assert plan.objective_cny == pytest.approx(80.0 + 500.0 + 1000.0)


# ---- green share and carbon ---------------------------------------------------------------


def rules(**changes: object) -> GreenRules:
    """Return two sites of one zone: 800 and 200 kg a megawatt-hour, 30 CNY of premium."""
    given = {"emission_kg_per_mwh": [800.0, 200.0], "premium_cny_per_mwh": 30.0}
    return GreenRules(**(given | changes))  # type: ignore[arg-type]


def test_green_share() -> None:
    power = {"fixed_mw": [10.0, 10.0], "generation_mw": [4.0, 0.0]}
    prices = [[400.0, 400.0]]
    plan = solved(problem(prices, power=power, green=rules(share_min=0.5)))
    assert plan.green_import_mw.sum() == pytest.approx(6.0)  # 4 of 20 are there
    assert plan.green_cny_per_mwh[0] == pytest.approx(30.0)
    plan = solved(problem(prices, power=power, green=rules(share_min=0.2)))
    assert plan.green_import_mw.sum() == pytest.approx(0.0)
    before = Carry(green_mwh=[30.0], consumed_mwh=[40.0])  # 34 of 60 are more than half
    plan = solved(problem(prices, power=power, green=rules(share_min=0.5), carry=before))
    assert plan.green_import_mw.sum() == pytest.approx(0.0)


def test_green_share_of_each_zone() -> None:
    green = rules(zones=("north", "south"), zone=[0, 1], share_min=[0.5, 0.0])
    plan = solved(problem([[400.0, 400.0]], power={"fixed_mw": 10.0}, green=green))
    np.testing.assert_allclose(plan.green_import_mw, [[5.0, 0.0]])


def test_a_green_share_out_of_reach_gives_way_and_says_by_how_much(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    green = rules(share_min=0.5, green_limit_mw=3.0)
    case = problem([[400.0, 400.0]], power={"fixed_mw": 10.0}, green=green)
    plan = solved(case)
    assert [item.excess for item in plan.relaxed] == pytest.approx([4.0])
    assert plan.why == "gave way: green share [network], MWh short by 4"
    hard = problem(
        [[400.0, 400.0]],
        power={"fixed_mw": 10.0},
        green=green,
        green_short_cny_per_mwh=np.inf,
        unserved_cny_per_mwh=np.inf,
    )
    plan = solve_dispatch(hard)
    assert plan.status is Status.INFEASIBLE
    assert plan.why == "there is no solution: gave way: green share [network], MWh short by 4"
    assert np.isnan(plan.import_mw).all()
    # Saying so takes no longer than the time limit allows: here all of it has gone.
    now = time.perf_counter
    answered = False

    def solved_late(*given: Any, **more: Any) -> Any:
        nonlocal answered
        answer, answered = solve(*given, **more), True
        return answer

    monkeypatch.setattr(dispatch, "solve", solved_late)
    late = SimpleNamespace(perf_counter=lambda: now() + (100.0 if answered else 0.0))
    monkeypatch.setattr(dispatch, "time", late)
    plan = solve_dispatch(hard, time_limit_s=60.0)
    assert plan.status is Status.INFEASIBLE
    assert plan.why == (
        "there is no solution: the time limit of 60.0 s left no time to find what would give way"
    )


def test_carbon_price_and_cap_move_work() -> None:
    prices = [[100.0, 140.0]]
    jobs = work(1, 8.0, pools=2)
    none = solved(problem(prices, work=jobs, green=rules()))
    np.testing.assert_allclose(none.training[0, 0], [8.0, 0.0])
    priced = solved(problem(prices, work=jobs, green=rules(carbon_cny_per_t=100.0)))
    np.testing.assert_allclose(priced.training[0, 0], [0.0, 8.0])  # 180 against 160
    capped = solved(problem(prices, work=jobs, green=rules(carbon_cap_kg=4.0)))
    np.testing.assert_allclose(capped.training[0, 0], [4.0, 4.0])
    assert capped.carbon_cny_per_t[0] == pytest.approx(40.0 / 0.6)
    so_far = Carry(carbon_kg=[2.0])
    capped = solved(problem(prices, work=jobs, green=rules(carbon_cap_kg=6.0), carry=so_far))
    np.testing.assert_allclose(capped.training[0, 0], [4.0, 4.0])


def test_market_based_accounting_lets_green_import_count_nothing() -> None:
    green = rules(carbon_cap_kg=0.8, market_based=True)
    plan = solved(problem([[100.0, 140.0]], work=work(1, 8.0, pools=2), green=green))
    # Green import at 130 is dearer than 100 and cheaper than 140: all but a kilowatt is green.
    np.testing.assert_allclose(plan.training[0, 0], [8.0, 0.0])
    assert plan.green_import_mw.sum() == pytest.approx(0.007)


def test_a_cap_out_of_reach_gives_way() -> None:
    green = rules(carbon_cap_kg=4_000.0)
    plan = solved(problem([[100.0, 140.0]], power={"fixed_mw": 10.0}, green=green))
    assert plan.why == "gave way: carbon cap [network], kg over by 6000"


def test_a_hard_deadline_out_of_reach_gives_way() -> None:
    jobs = work(1, 12.0, late_cny=[np.inf])
    plan = solved(problem([100.0], work=jobs))
    assert plan.why == "gave way: deadline [slot 0, train], accelerator-hours late by 2"
    never = problem([100.0], work=jobs, deadline_cny=np.inf)
    assert solve_dispatch(never).status is Status.INFEASIBLE
    assert solved(problem([100.0], work=work(1, 9.0, late_cny=[np.inf]))).why == ""


@pytest.mark.parametrize("market", [False, True])
def test_green_import_below_the_tariff_is_taken_without_a_target(market: bool) -> None:
    rules = GreenRules(premium_cny_per_mwh=[[-3.0], [2.0]], market_based=market)
    plan = solved(problem([10.0, 10.0], power={"fixed_mw": 1.0}, green=rules))
    assert plan.objective_cny == pytest.approx(17.0)
    np.testing.assert_allclose(plan.green_import_mw[:, 0], [1.0, 0.0], atol=1e-9)
