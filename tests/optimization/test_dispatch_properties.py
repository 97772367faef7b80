"""Dispatch against brute force, a second model, its own decisions, and what must hold of optima."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from dispatch_cases import problem, requests, solved, work

from benchmarks.optimizer.dispatch_case import network
from computenet.energy import Battery, balance_sites
from computenet.energy.balance import RULES
from computenet.errors import InputError
from computenet.optimization.dispatch import (
    Carry,
    dispatch_cost,
    facility_mw,
    solve_dispatch,
)


@pytest.mark.parametrize("seed", range(6))
def test_brute_force(seed: int) -> None:
    """Whole accelerators, whole hours of work: the constraints are a network, so is the optimum."""
    rng = np.random.default_rng(seed)
    price = rng.integers(1, 20, size=(3, 2)).astype(float)
    arrivals = rng.integers(0, 3, size=(3, 1)).astype(float)
    due = np.zeros((3, 1))
    due[1:] = arrivals[:2]  # a slot of patience
    capacity = rng.integers(0, 3, size=(3, 2)).astype(float)
    late, left = 0.005, 0.02
    jobs = work(
        3, arrivals_accelerator_h=arrivals, due_accelerator_h=due, pools=2, late_cny=[late],
        unfinished_cny=[left],
    )  # fmt: skip
    plan = solved(problem(price, fleet={"job_accelerators": capacity}, work=jobs))
    best = np.inf
    for run in product(*(range(int(c) + 1) for c in capacity.ravel())):
        x = np.asarray(run, dtype=float).reshape(3, 2)
        waits = np.cumsum(arrivals[:, 0] - x.sum(axis=1))
        if waits.min() < 0.0:
            continue
        open_due = np.cumsum(due[:, 0]) - np.cumsum(x.sum(axis=1))
        cost = (x * price).sum() / 1000.0 + late * np.maximum(open_due, 0.0).sum()
        best = min(best, cost + left * waits[-1])
    assert plan.objective_cny == pytest.approx(best, abs=1e-9)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("size", [(2, 6), (4, 12)])
def test_objective_is_the_cost_of_the_decisions(size: tuple[int, int], seed: int) -> None:
    case = network(*size, streams=4, demands=6, seed=seed)
    plan = solve_dispatch(case)
    cost = dispatch_cost(case, plan)
    assert cost.total == pytest.approx(plan.objective_cny, rel=1e-9)
    assert solve_dispatch(case, "glop").objective_cny == pytest.approx(cost.total, rel=1e-9)


def test_set_points_replayed_import_what_the_plan_says() -> None:
    case = network(4, 24, streams=4, demands=6, seed=5)
    plan, power = solve_dispatch(case), case.power
    replay = balance_sites(
        facility_mw(case, plan).T, power.generation_mw.T, case.hours, power.price_cny_per_mwh.T,
        Battery(
            power.battery_mw, power.battery_mwh, power.battery_efficiency,
            case.carry.stored_mwh / power.battery_mwh, np.full(4, RULES["plan"]), np.zeros(4),
        ),
        power.limit_mw.T, np.ascontiguousarray(plan.setpoint_mw.T),
    )  # fmt: skip
    np.testing.assert_allclose(replay.imported.T, plan.import_mw, atol=1e-6)
    np.testing.assert_allclose(replay.stored.T, plan.stored_mwh, atol=1e-6)
    assert replay.unserved.sum() == pytest.approx(0.0)


def test_more_of_anything_never_costs_more() -> None:
    case = network(3, 12, streams=3, demands=5, seed=2)
    base = solve_dispatch(case).objective_cny
    fleet, power, data, green = case.fleet, case.power, case.data, case.green
    assert data is not None
    assert green is not None
    easier = [
        replace(case, fleet=replace(fleet, job_accelerators=1.1 * fleet.job_accelerators)),
        replace(case, fleet=replace(fleet, serving_accelerators=1.1 * fleet.serving_accelerators)),
        replace(case, fleet=replace(fleet, switch_cny=0.0)),
        replace(case, power=replace(power, limit_mw=1.2 * power.limit_mw)),
        replace(case, power=replace(power, generation_mw=1.2 * power.generation_mw)),
        replace(case, power=replace(power, battery_mw=2.0 * power.battery_mw)),
        replace(case, data=replace(data, link_gb=2.0 * data.link_gb)),
        replace(case, data=replace(data, here=True)),
        replace(case, green=replace(green, share_min=0.1)),
        replace(case, work=replace(case.work, parallelism=np.inf)),
        replace(case, carry=replace(case.carry, peak_mw=2.0 * case.carry.peak_mw)),
    ]
    for other in easier:
        assert solve_dispatch(other).objective_cny <= base * (1.0 + 1e-9)


def test_equal_sites_may_share_equally() -> None:
    """The mean of an optimum and its mirror image is an optimum too: nothing tells sites apart."""
    case = problem(
        [[100.0, 100.0], [50.0, 50.0]],
        fleet={"serving_accelerators": 4.0},
        power={"battery_mw": 1.0, "battery_mwh": 1.0, "fixed_mw": 1.0, "limit_mw": 2.0},
        requests=requests([5.0, 3.0], groups=2, arc_it_mwh=[1e-6, 1e-6]),
        work=work(2, 33.0, pools=2),
    )
    plan = solved(case)

    def mean(values: np.ndarray) -> np.ndarray:
        return 0.5 * (values + values[..., ::-1])

    both = {
        name: mean(getattr(plan, name))
        for name in (
            "served_per_s", "training", "import_mw", "generation_mw", "charge_mw", "discharge_mw",
            "stored_mwh", "lent", "unserved_mw", "green_import_mw",
        )
    }  # fmt: skip
    shared = dispatch_cost(case, replace(plan, **both))
    assert shared.total == pytest.approx(plan.objective_cny, rel=1e-9)


def test_names_and_order_of_sites_do_not_matter() -> None:
    price = np.asarray([[100.0, 60.0, 80.0], [30.0, 90.0, 70.0]])
    order = [2, 0, 1]
    one = solved(problem(price, work=work(2, 25.0, pools=3)))
    other = solved(problem(price[:, order], work=work(2, 25.0, pools=3)))
    assert other.objective_cny == pytest.approx(one.objective_cny)


def test_every_mistake_is_named_at_once() -> None:
    with pytest.raises(InputError) as found:
        problem(
            [np.nan, 10.0],
            fleet={"job_accelerators": -1.0, "pool_site": [3]},
            power={"pue": 0.0, "battery_mwh": 1.0, "fixed_mw": np.ones((3, 1))},
            work=work(2, 5.0, speed=[[np.inf]]),
            carry=Carry(stored_mwh=[np.nan]),
            deadline_cny=-1.0,
        )
    paths = [item.path for item in found.value.problems]
    assert paths == [
        "fleet.pool_site[p0]", "fleet.job_accelerators[T=0, p0]", "work.speed[train, p0]",
        "power.fixed_mw", "power.pue[T=0, s0]", "power.price_cny_per_mwh[T=0, s0]",
        "carry.stored_mwh[s0]", "deadline_cny",
    ]  # fmt: skip
    with pytest.raises(InputError) as found:
        problem(
            [10.0, 10.0],
            power={"battery_mwh": 1.0, "month_of_slot": [1, 0], "month_share": [1.0, 1.0]},
            work=work(2, 5.0, due_accelerator_h=[[9.0], [0.0]]),
            carry=Carry(stored_mwh=[2.0]),
        )
    messages = [item.message for item in found.value.problems]
    assert messages == [
        "more is stored than the battery holds",
        "months go up from 0 in slot 0",
        "more work is due than has been released",
    ]
