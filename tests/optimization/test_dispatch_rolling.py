"""Windows one after another: the state that is carried, and the basis that is kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from dispatch_cases import problem, work

from benchmarks.optimizer.dispatch_case import network
from computenet.optimization.dispatch import (
    Carry,
    Dispatch,
    Dispatcher,
    DispatchProblem,
    carry_after,
    dispatch_cost,
    solve_dispatch,
    window,
)
from computenet.optimization.dispatch_layout import layout_of
from computenet.optimization.dispatch_model import build_model
from computenet.optimization.dispatch_rolling import moved_basis
from computenet.optimization.solvers import HotModel, Status

DECISIONS = (
    "served_per_s", "unmet_per_s", "training", "shipped_gb", "buffer_gb", "import_mw",
    "green_import_mw", "generation_mw", "unserved_mw", "charge_mw", "discharge_mw", "stored_mwh",
    "lent", "backlog_accelerator_h", "late_accelerator_h",
)  # fmt: skip


def of_months(case: DispatchProblem) -> DispatchProblem:
    """Return the problem with a new month in the middle."""
    months = (np.arange(case.slots) >= case.slots // 2).astype(np.int64)
    power = replace(case.power, month_of_slot=months, month_share=[0.3, 0.2])
    return replace(case, power=power)


@pytest.mark.parametrize("seed", range(3))
def test_windows_to_the_end_cost_what_one_long_solve_costs(seed: int) -> None:
    """With perfect forecasts and windows that reach the end, no seam may cost anything."""
    whole = of_months(network(3, 12, streams=4, demands=5, seed=seed))
    best = solve_dispatch(whole)
    done: list[Dispatch] = []
    carry: Carry | None = None
    for begin in range(0, 12, 3):
        part = window(whole, begin, 12, carry)
        plan = solve_dispatch(part)
        carry = carry_after(part, plan, 3)
        done.append(plan)
    together = {
        name: np.concatenate([getattr(plan, name)[:3] for plan in done]) for name in DECISIONS
    }
    cost = dispatch_cost(whole, replace(best, **together))
    assert cost.total == pytest.approx(best.objective_cny, rel=1e-8)


@pytest.mark.parametrize("seed", range(2))
def test_going_on_from_the_last_basis_finds_the_optimum_of_each_window(seed: int) -> None:
    whole = network(3, 36, streams=4, demands=5, seed=seed)
    dispatcher = Dispatcher()
    carry: Carry | None = None
    for begin in range(12):
        part = window(whole, begin, begin + 24, carry)
        plan = dispatcher.solve(part)
        assert plan.status is Status.OPTIMAL
        assert plan.warm == (begin > 0)
        assert plan.objective_cny == pytest.approx(solve_dispatch(part).objective_cny, rel=1e-9)
        assert dispatch_cost(part, plan).total == pytest.approx(plan.objective_cny, rel=1e-9)
        carry = carry_after(part, plan)


@pytest.mark.parametrize("extend", [3, 7])
def test_windows_whose_end_stands_still_or_moves_on_by_hours(extend: int) -> None:
    """One ends where the last did, and has a slot less, or the end moves on by several."""
    whole = network(3, 48, streams=4, demands=5, seed=1)
    dispatcher = Dispatcher()
    carry: Carry | None = None
    for begin in range(12):
        end = 24 + (begin // extend + 1) * extend - 1
        part = window(whole, begin, end, carry)
        plan = dispatcher.solve(part)
        assert plan.warm == (begin > 0)
        assert plan.training.shape[0] == end - begin
        assert plan.objective_cny == pytest.approx(solve_dispatch(part).objective_cny, rel=1e-9)
        assert dispatch_cost(part, plan).total == pytest.approx(plan.objective_cny, rel=1e-9)
        carry = carry_after(part, plan)


def test_a_window_that_only_becomes_shorter_goes_on_as_planned() -> None:
    """Where all comes as forecast, the plan of the rest is the rest of the plan: no cost is new."""
    whole = network(3, 24, streams=4, demands=5, seed=2)
    dispatcher = Dispatcher()
    first = dispatcher.solve(whole)
    rest = window(whole, 1, 24, carry_after(whole, first))
    second = dispatcher.solve(rest)
    together = {
        name: np.concatenate([getattr(first, name)[:1], getattr(second, name)])
        for name in DECISIONS
    }
    cost = dispatch_cost(whole, replace(first, **together))
    assert cost.total == pytest.approx(first.objective_cny, rel=1e-8)


def test_slots_that_are_new_are_tried_alone_and_what_fails_is_left_out() -> None:
    """With or without it the window is solved; without any time new slots are like the first."""
    whole = network(3, 40, streams=4, demands=5, seed=3)
    first, second = window(whole, 0, 24), None
    dispatcher = Dispatcher()
    plan = dispatcher.solve(first)
    second = window(whole, 2, 30, carry_after(first, plan, 2))
    built, last = build_model(second, layout_of(second)), dispatcher._last
    assert last is not None
    found = [moved_basis(last, second, built, 2, limit) for limit in (None, 0.0)]
    block = built.columns["work"]
    new, old = (basis.columns[block.slice].reshape(block.shape) for basis in found)
    np.testing.assert_array_equal(new[:22], old[:22])  # slots 2 to 23
    before = last.basis.columns[last.built.columns["work"].slice].reshape(24, -1)
    np.testing.assert_array_equal(old[:22], before[2:])
    np.testing.assert_array_equal(old[22:], before[:6])
    assert not np.array_equal(new[22:], old[22:])
    best = solve_dispatch(second).objective_cny
    for basis in found:
        hot = HotModel(built.model, method="simplex")
        hot.load(built.model, basis)
        assert hot.solve().objective == pytest.approx(best, rel=1e-9)


def test_a_window_of_other_hours_goes_on_too() -> None:
    """Nothing of the last window is left, or hours have passed without an answer."""
    whole = network(3, 72, streams=4, demands=5, seed=4)
    dispatcher = Dispatcher()
    carry = carry_after(window(whole, 0, 24), dispatcher.solve(window(whole, 0, 24)))
    for begin, end, passed in ((30, 54, 30), (37, 50, 7), (60, 62, 23)):
        part = window(whole, begin, end, carry)
        plan = dispatcher.solve(part, passed)
        assert plan.warm
        assert plan.objective_cny == pytest.approx(solve_dispatch(part).objective_cny, rel=1e-9)


def test_another_forecast_of_the_same_slots() -> None:
    case = network(3, 24, streams=4, demands=5, seed=3)
    dispatcher = Dispatcher()
    dispatcher.solve(case)
    rng = np.random.default_rng(0)
    power = replace(
        case.power, generation_mw=case.power.generation_mw * rng.uniform(0.9, 1.1, (24, 3))
    )
    plan = dispatcher.solve(replace(case, power=power), passed=0)
    assert plan.warm
    assert plan.objective_cny == pytest.approx(
        solve_dispatch(replace(case, power=power)).objective_cny, rel=1e-9
    )


def test_outages_cuts_and_data_that_arrived_keep_the_model() -> None:
    case = network(3, 24, streams=4, demands=5, seed=4)
    assert case.data is not None
    dispatcher = Dispatcher()
    dispatcher.solve(case)
    down = case.fleet.job_accelerators.copy()
    down[:6, :2] = 0.0
    shut = np.ones((24, len(case.requests.arc_demand)), dtype=np.bool_)
    shut[:6, ::3] = False
    other = replace(
        case,
        fleet=replace(case.fleet, job_accelerators=down),
        requests=replace(case.requests, arc_open=shut),
        data=replace(case.data, here=case.data.here | (np.arange(3) == 1)),
    )
    plan = dispatcher.solve(other)
    assert plan.warm
    assert plan.objective_cny == pytest.approx(solve_dispatch(other).objective_cny, rel=1e-9)
    fewer = replace(case, work=replace(case.work, speed=np.minimum(case.work.speed, 0.0)))
    plan = dispatcher.solve(fewer)
    assert not plan.warm
    dispatcher.forget()
    assert not dispatcher.solve(fewer).warm


def test_what_is_carried() -> None:
    due = np.asarray([[3.0], [2.0], [4.0]])
    case = problem(
        [100.0, 10.0, 50.0],
        power={"fixed_mw": 1.0, "battery_mw": 1.0, "battery_mwh": 2.0, "month_of_slot": [0, 0, 1],
               "month_share": [1.0, 1.0]},
        work=work(3, 9.0, due_accelerator_h=due, late_cny=[0.01], unfinished_cny=[1.0]),
        carry=Carry(stored_mwh=[0.5], peak_mw=[2.0]),
    )  # fmt: skip
    plan = solve_dispatch(case)
    after = carry_after(case, plan)
    # Nothing runs at 100: three hours are overdue and join what is due in the next slot.
    assert after.backlog_accelerator_h[0] == pytest.approx(9.0)
    np.testing.assert_allclose(after.due_accelerator_h[:, 0], [5.0, 4.0])
    assert after.stored_mwh[0] == pytest.approx(0.0, abs=1e-9)
    assert after.peak_mw[0] == pytest.approx(2.0)
    assert carry_after(case, plan, 2).peak_mw[0] == 0.0  # a new month
    assert carry_after(case, plan, 2).backlog_accelerator_h[0] == pytest.approx(0.0)
    later = window(case, 1, 3, after)
    np.testing.assert_allclose(later.work.due_accelerator_h[:, 0], [5.0, 4.0])
    with pytest.raises(ValueError, match="state at its beginning"):
        window(case, 1, 3)


def test_a_limit_reached_leaves_the_last_basis_for_the_next_hour() -> None:
    whole = network(3, 26, streams=4, demands=5, seed=0)
    dispatcher = Dispatcher()
    first = window(whole, 0, 24)
    carry = carry_after(first, dispatcher.solve(first))
    second = window(whole, 1, 25, carry)
    dispatcher.time_limit_s = 0.0
    stopped = dispatcher.solve(second)
    assert stopped.status in (Status.NO_SOLUTION, Status.FEASIBLE)
    assert "time limit of 0.0 s" in stopped.why
    dispatcher.time_limit_s = None
    assert dispatcher.solve(second).status is Status.OPTIMAL
