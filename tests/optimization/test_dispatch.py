"""Dispatch: every constraint where it binds and where it is slack, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from dispatch_cases import problem, requests, solved, work

from computenet.optimization.dispatch import (
    Carry,
    DataShipping,
    Dispatcher,
    DispatchProblem,
    solve_dispatch,
)
from computenet.optimization.solvers import Status

# ---- requests -----------------------------------------------------------------------------


@pytest.mark.parametrize(("serving", "unmet"), [(20.0, 0.0), (8.0, 2.0), (0.0, 10.0)])
def test_serving_accelerators(serving: float, unmet: float) -> None:
    case = problem([0.0], fleet={"serving_accelerators": serving}, requests=requests([10.0]))
    plan = solved(case)
    assert plan.unmet_per_s[0, 0] == pytest.approx(unmet)
    assert plan.objective_cny == pytest.approx(3600.0 * unmet)
    assert plan.request_shares(case)[0, 0] == pytest.approx(1.0 - unmet / 10.0)
    # One more accelerator serves one more request a second.
    assert plan.serving_cny[0, 0] == pytest.approx(3600.0 if unmet else 0.0)


def test_utilisation_keeps_room() -> None:
    fleet = {"serving_accelerators": 10.0, "serving_utilisation": 0.6}
    assert solved(problem([0.0], fleet=fleet, requests=requests([10.0]))).unmet_per_s[
        0, 0
    ] == pytest.approx(4.0)


def test_cheaper_group_fills_first_up_to_its_own_capacity() -> None:
    fleet = {"serving_accelerators": 20.0}
    demand = requests([10.0], groups=2, arc_cny=[0.0, 0.01], group_accelerators=[[7.0, np.inf]])
    plan = solved(problem([[0.0, 0.0]], fleet=fleet, requests=demand))
    np.testing.assert_allclose(plan.served_per_s, [[7.0, 3.0]])
    assert plan.objective_cny == pytest.approx(3.0 * 3600.0 * 0.01)
    shut = requests([10.0], groups=2, arc_cny=[0.0, 0.01], arc_open=[[False, True]])
    plan = solved(problem([[0.0, 0.0]], fleet=fleet, requests=shut))
    np.testing.assert_allclose(plan.served_per_s, [[0.0, 10.0]])


def test_energy_of_requests_is_paid_at_the_site() -> None:
    demand = requests([10.0], arc_it_mwh=[1e-4])  # 3.6 MW at 10 a second, 4.5 with cooling
    case = problem(
        [100.0], fleet={"serving_accelerators": 10.0}, requests=demand, power={"pue": 1.25}
    )
    assert solved(case).objective_cny == pytest.approx(450.0)


def test_demands_with_the_same_arcs_share_a_row_and_its_split() -> None:
    both = {
        "names": ("a", "b"), "unmet_cny": [1.0, 1.0], "arc_demand": [0, 1, 0, 1],
        "arc_group": [0, 0, 1, 1], "arc_accelerator_s": np.ones(4), "arc_it_mwh": np.zeros(4),
        "arc_cny": [0.0, 0.0, 0.01, 0.01], "rate_per_s": [[6.0, 3.0]],
    }  # fmt: skip
    case = problem(
        [[0.0, 0.0]], fleet={"serving_accelerators": [[6.0, 1.0]]},
        requests=requests([0.0], groups=2, **both),
    )  # fmt: skip
    plan = solved(case)
    np.testing.assert_allclose(plan.served_per_s, [[4.0, 2.0, 2 / 3, 1 / 3]])
    np.testing.assert_allclose(plan.unmet_per_s, [[4 / 3, 2 / 3]])
    apart = problem(
        [[0.0, 0.0]], fleet={"serving_accelerators": [[6.0, 1.0]]},
        requests=requests([0.0], groups=2, **(both | {"unmet_cny": [1.0, 1.0 + 1e-12]})),
    )  # fmt: skip
    assert solved(apart).objective_cny == pytest.approx(plan.objective_cny)


# ---- deferrable work ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "first", "cost"),
    [(8.0, 0.0, 80.0 / 1000), (14.0, 4.0, (100 + 4 * 100) / 1000), (20.0, 10.0, 1100 / 1000)],
)
def test_work_waits_for_the_cheap_hour_as_far_as_capacity_allows(
    amount: float, first: float, cost: float
) -> None:
    plan = solved(problem([100.0, 10.0], work=work(2, amount)))
    assert plan.training[0, 0, 0] == pytest.approx(first)
    assert plan.objective_cny == pytest.approx(cost)
    assert plan.compute_cny[1, 0] == pytest.approx(0.09 if first else 0.0)


def test_work_that_is_due_runs_in_the_dear_hour() -> None:
    due = np.asarray([[3.0], [5.0]])
    plan = solved(problem([100.0, 10.0], work=work(2, 8.0, due_accelerator_h=due)))
    np.testing.assert_allclose(plan.training[:, 0, 0], [3.0, 5.0])
    cheap = work(2, 8.0, due_accelerator_h=due, late_cny=[0.05])  # being late costs less
    plan = solved(problem([100.0, 10.0], work=cheap))
    np.testing.assert_allclose(plan.training[:, 0, 0], [0.0, 8.0])
    np.testing.assert_allclose(plan.late_accelerator_h[:, 0], [3.0, 0.0])
    assert plan.objective_cny == pytest.approx(0.08 + 0.15)


def test_parallelism() -> None:
    plan = solved(problem([100.0, 10.0], work=work(2, 8.0, parallelism=5.0)))
    np.testing.assert_allclose(plan.training[:, 0, 0], [3.0, 5.0])
    plan = solved(problem([100.0, 10.0], work=work(2, 8.0, parallelism=8.0)))
    np.testing.assert_allclose(plan.training[:, 0, 0], [0.0, 8.0])


def test_speed_decides_where_and_zero_is_nowhere() -> None:
    prices = [[100.0, 60.0]]
    plan = solved(problem(prices, work=work(1, 4.0, pools=2, speed=[[1.0, 0.5]])))
    np.testing.assert_allclose(plan.training[0, 0], [4.0, 0.0])  # 60 / 0.5 > 100
    plan = solved(problem(prices, work=work(1, 4.0, pools=2, speed=[[0.0, 0.5]])))
    np.testing.assert_allclose(plan.training[0, 0], [0.0, 8.0])


def test_what_is_left_at_the_end_has_its_price() -> None:
    due = np.zeros((1, 1))
    later = work(1, 5.0, due_accelerator_h=due, unfinished_cny=[0.09])
    assert solved(problem([100.0], work=later)).backlog_accelerator_h[0, 0] == pytest.approx(5.0)
    now = work(1, 5.0, due_accelerator_h=due, unfinished_cny=[0.11])
    assert solved(problem([100.0], work=now)).training[0, 0, 0] == pytest.approx(5.0)


def test_waiting_has_its_price() -> None:
    for waiting, first in ((0.08, 0.0), (0.1, 8.0)):  # what is saved is 0.09
        case = problem([100.0, 10.0], work=work(2, 8.0, waiting_cny=[waiting]))
        assert solved(case).training[0, 0, 0] == pytest.approx(first)


# ---- data ---------------------------------------------------------------------------------


def data(gigabytes: float, slots: int, **changes: object) -> DataShipping:
    """Return a gigabyte for an hour of work over one link."""
    given = {
        "gb_per_accelerator_h": [1.0], "price_cny_per_gb": 0.001, "links": ("line",),
        "link_gb": np.full((slots, 1), gigabytes), "route_stream": [0], "route_site": [0],
        "route_link": [0],
    }  # fmt: skip
    return DataShipping(**(given | changes))  # type: ignore[arg-type]


def test_work_runs_on_data_that_has_arrived() -> None:
    plan = solved(problem([10.0, 100.0], work=work(2, 8.0), data=data(5.0, 2)))
    np.testing.assert_allclose(plan.training[:, 0, 0], [5.0, 3.0])
    np.testing.assert_allclose(plan.shipped_gb[:, 0, 0], [5.0, 3.0])
    assert plan.link_cny_per_gb[0, 0] == pytest.approx(0.09)
    plan = solved(problem([10.0, 100.0], work=work(2, 8.0), data=data(9.0, 2)))
    np.testing.assert_allclose(plan.training[:, 0, 0], [8.0, 0.0])
    assert plan.objective_cny == pytest.approx(0.08 + 0.008)


def test_data_can_be_sent_before_the_cheap_hour() -> None:
    plan = solved(problem([100.0, 10.0], work=work(2, 8.0), data=data(5.0, 2)))
    np.testing.assert_allclose(plan.training[:, 0, 0], [0.0, 8.0])
    assert plan.buffer_gb[0, 0, 0] >= 3.0 - 1e-9
    kept = problem([100.0, 10.0], work=work(2, 8.0), data=data(5.0, 2, holding_cny_per_gb_h=0.001))
    assert solved(kept).buffer_gb[0, 0, 0] == pytest.approx(3.0)


def test_data_of_work_not_yet_released_cannot_be_sent() -> None:
    arrivals = np.asarray([[0.0], [8.0]])
    case = problem(
        [10.0, 10.0], work=work(2, 8.0, arrivals_accelerator_h=arrivals), data=data(5.0, 2)
    )
    plan = solved(case)
    assert plan.training.sum() == pytest.approx(5.0)
    assert plan.shipped_gb[0].sum() == pytest.approx(0.0)


def test_replicas_need_nothing_and_closed_ways_carry_nothing() -> None:
    here = problem([10.0], work=work(1, 8.0), data=data(0.0, 1, here=True))
    assert solved(here).training.sum() == pytest.approx(8.0)
    shut = problem([10.0], work=work(1, 8.0), data=data(9.0, 1, open=False))
    assert solved(shut).training.sum() == pytest.approx(0.0)
    lies = problem(
        [10.0], work=work(1, 8.0), data=data(9.0, 1, open=False), carry=Carry(buffer_gb=[[6.0]])
    )
    assert solved(lies).training.sum() == pytest.approx(6.0)


# ---- tidal sharing ------------------------------------------------------------------------


def test_serving_accelerators_are_lent_at_low_tide() -> None:
    fleet = {"serving_accelerators": 10.0, "job_accelerators": 2.0, "serving_reserve": 3.0}
    demand = requests([2.0, 9.0])
    jobs = work(2, 30.0)
    for switch, lent in ((1.0, [7.0, 1.0]), (np.inf, [0.0, 0.0]), (150.0, [1.0, 1.0])):
        case = problem([0.0, 0.0], fleet=fleet | {"switch_cny": switch}, requests=demand, work=jobs)
        plan = solved(case)
        np.testing.assert_allclose(plan.lent[:, 0], lent)
        np.testing.assert_allclose(plan.training[:, 0, 0], 2.0 + np.asarray(lent))
        assert plan.unmet_per_s.sum() == pytest.approx(0.0)
    held = problem(
        [0.0, 0.0], fleet=fleet | {"switch_cny": 150.0}, requests=demand, work=jobs,
        carry=Carry(lent=[7.0]),
    )  # fmt: skip
    np.testing.assert_allclose(solved(held).lent[:, 0], [7.0, 1.0])


# ---- whole ---------------------------------------------------------------------------------


def test_nothing_to_do_and_far_too_much() -> None:
    none = solved(problem([100.0, 100.0]))
    assert none.objective_cny == 0.0
    case = problem(
        [100.0], fleet={"job_accelerators": 0.0, "serving_accelerators": 1.0},
        requests=requests([1000.0]), work=work(1, 10_000.0),
    )  # fmt: skip
    plan = solved(case)
    assert plan.unmet_per_s.sum() == pytest.approx(999.0)
    assert plan.late_accelerator_h.sum() == pytest.approx(10_000.0)


def test_a_time_limit_is_told() -> None:
    case = problem([100.0, 10.0], work=work(2, 8.0))
    plan = Dispatcher(time_limit_s=0.0).solve(case)
    assert plan.status is Status.NO_SOLUTION
    assert plan.why == "the time limit of 0.0 s was reached without a solution"
    assert np.isnan(plan.training).all()


def test_a_solver_without_prices_gives_the_plan_alone() -> None:
    given = problem([100.0, 500.0], requests=requests([50.0, 50.0]))
    plan = solve_dispatch(given, "scip")
    assert plan.status is Status.OPTIMAL
    assert plan.objective_cny == pytest.approx(solve_dispatch(given).objective_cny, rel=1e-9)
    assert np.isnan(plan.serving_cny).all()


def test_prices_are_what_one_more_unit_changes() -> None:
    fleet = {"serving_accelerators": 9.0, "switch_cny": 0.01}
    power = {
        "fixed_mw": 1.0, "pue": 1.3, "battery_mw": 0.2, "battery_mwh": 0.3, "limit_mw": 1.31,
        "battery_efficiency": 0.9, "demand_charge_cny_per_mw": 700.0,
    }  # fmt: skip
    price = np.asarray([[120.0, 70.0], [31.0, 200.0], [90.0, 95.0]])

    def case(jobs: float = 10.0, fixed: float = 1.0) -> DispatchProblem:
        return problem(
            price, fleet=fleet | {"job_accelerators": [[10.0, 10.0], [jobs, 10.0], [10.0, 10.0]]},
            power=power | {"fixed_mw": [[1.0, 1.0], [1.0, fixed], [1.0, 1.0]]},
            requests=requests([3.0, 11.0, 7.0], groups=2, arc_it_mwh=[1e-7, 1e-7]),
            work=work(3, 45.0, pools=2, waiting_cny=[0.002]),
        )  # fmt: skip

    plan = solved(case())
    more, less = (solve_dispatch(case(jobs=10.0 + d)).objective_cny for d in (0.01, -0.01))
    low, high = sorted([(plan.objective_cny - more) / 0.01, (less - plan.objective_cny) / 0.01])
    assert low - 1e-6 <= plan.compute_cny[1, 0] <= high + 1e-6
    more, less = (solve_dispatch(case(fixed=1.0 + d)).objective_cny for d in (1e-4, -1e-4))
    low, high = sorted([(more - plan.objective_cny) / 1.3e-4, (plan.objective_cny - less) / 1.3e-4])
    assert low - 1e-3 <= plan.power_cny_per_mwh[1, 1] <= high + 1e-3


@pytest.mark.parametrize("serving", [1.5, 2.0, 2.5, 5.0])
def test_an_accelerator_for_serving_is_worth_what_it_is_when_lent(serving: float) -> None:
    def case(more: float = 0.0, slot: int = 0) -> DispatchProblem:
        size = np.full((2, 1), serving)
        size[slot] += more
        return problem(
            [10.0, 10.0], requests=requests([0.5, 0.5]),
            fleet={
                "job_accelerators": 1.0, "serving_accelerators": size, "serving_reserve": 2.0,
                "switch_cny": 0.1,
            },
            work=work(2, 100.0, late_cny=[7.0], unfinished_cny=[30.0]),
        )  # fmt: skip

    plan = solved(case())
    for slot in range(2):
        more = plan.objective_cny - solve_dispatch(case(0.01, slot)).objective_cny
        less = solve_dispatch(case(-0.01, slot)).objective_cny - plan.objective_cny
        low, high = sorted([more / 0.01, less / 0.01])
        assert low - 1e-6 <= plan.serving_cny[slot, 0] <= high + 1e-6
    assert plan.serving_cny.sum() == pytest.approx(73.88 if serving > 2.0 else 0.0)
