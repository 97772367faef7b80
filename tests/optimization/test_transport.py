"""Matching as a network flow: whole amounts, prices that prove it, what must be met."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from computenet.optimization.matching import (
    MatchingProblem,
    solve_matching,
)
from computenet.optimization.solvers import Status
from tests.optimization.matching_cases import drawn, follows, small


def test_a_large_transport_problem_may_have_a_limit_of_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("computenet.optimization.matching.WHOLE", 0)
    problem = small()
    limited, free = solve_matching(problem, time_limit_s=60.0), solve_matching(problem)
    assert (limited.method, free.method) == ("columns", "transport")
    assert limited.objective == pytest.approx(free.objective)


@pytest.mark.parametrize(("more", "ending"), [([], "by 2"), ([3.0], "by 3, and 1 more")])
def test_transport_names_the_row_that_is_most_short(more: list[float], ending: str) -> None:
    demand = np.asarray([2.0, *more])
    count = len(demand)
    problem = MatchingProblem(
        demand=demand, unmet_cny=np.full(count, np.inf), arc_demand=np.arange(count),
        arc_pool=np.zeros(count), arc_use=np.ones(count), arc_cny=np.ones(count),
        capacity=np.zeros(1),
    )  # fmt: skip
    answer = solve_matching(problem, "transport")
    assert answer.status is Status.INFEASIBLE
    assert answer.explanation.endswith(ending)


@pytest.mark.parametrize("seed", range(6))
def test_transport_agrees_and_its_prices_prove_it(seed: int) -> None:
    problem = drawn(seed, ("upper",) if seed % 2 else ())
    per_pool = np.random.default_rng(seed).uniform(0.5, 2.0, problem.n_pools)
    problem = replace(problem, arc_use=per_pool[problem.arc_pool])
    flow, linear = solve_matching(problem, "transport"), solve_matching(problem, "glop")
    follows(problem, flow)
    assert flow.objective == pytest.approx(linear.objective, rel=1e-7)
    assert flow.gap <= 1e-7


def chain(rows: int) -> MatchingProblem:
    """Return rows that must be met: the first has one pool, each other the one before or its own.

    The first takes the pool that the second would have for nothing, and so on to the last.
    """
    other = np.repeat(np.arange(1, rows), 2)
    pool = other - np.tile([1, 0], rows - 1)
    return MatchingProblem(
        demand=np.ones(rows), unmet_cny=np.full(rows, np.inf), capacity=np.ones(rows),
        arc_demand=np.append(0, other), arc_pool=np.append(0, pool),
        arc_use=np.ones(2 * rows - 1), arc_cny=np.append(0.0, other - pool == 0),
    )  # fmt: skip


@pytest.mark.parametrize("most", [None, 10**11])
def test_a_long_chain_of_rows_makes_room(most: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Longer than a price in whole numbers may allow for: costs are counted in less then."""
    if most is not None:
        monkeypatch.setattr("computenet.optimization.transport._most", lambda _: most)
    answer = solve_matching(chain(1501), "transport")
    assert answer.status is Status.OPTIMAL, answer.explanation
    assert answer.objective == pytest.approx(1500.0, rel=1e-9)
    assert answer.gap <= 1e-6
    short = replace(chain(1501), capacity=np.append(np.ones(1500), 0.5))
    answer = solve_matching(short, "transport")
    assert answer.status is Status.INFEASIBLE
    assert answer.explanation.endswith("by 0.5")


def test_costs_are_as_exact_where_all_must_be_met() -> None:
    rng = np.random.default_rng(1)
    rows, pools = np.indices((30, 20)).reshape(2, -1)
    cost = rng.uniform(1.0, 1.001, 600)
    cost[0] = 1000.0
    problem = MatchingProblem(
        demand=rng.uniform(1.0, 5.0, 30), unmet_cny=np.full(30, np.inf), arc_demand=rows,
        arc_pool=pools, arc_use=np.ones(600), arc_cny=cost, capacity=np.full(20, 6.0),
    )  # fmt: skip
    answer = solve_matching(problem, "transport")
    assert answer.status is Status.OPTIMAL
    linear = solve_matching(problem, "glop")
    assert answer.objective == pytest.approx(linear.objective, rel=1e-9)


def test_rounding_to_whole_amounts_makes_nothing_infeasible() -> None:
    """A small row that fills many pools to the brim beside one of a million times as much."""
    parts = np.full(7, 1e-6 / 7.0)
    row = np.append(np.zeros(7, int), 1)
    problem = MatchingProblem(
        demand=[float(parts.sum()), 1.0, 1e-14], unmet_cny=np.full(3, np.inf),
        arc_demand=np.append(row, 2), arc_pool=np.append(np.arange(8), 7), arc_use=np.ones(9),
        arc_cny=np.ones(9), capacity=np.append(parts, 1.0 + 1e-14),
    )  # fmt: skip
    answer = solve_matching(problem, "transport")
    assert answer.status is Status.OPTIMAL, answer.explanation
    np.testing.assert_allclose(answer.unmet, 0.0)
    free = solve_matching(replace(problem, arc_cny=np.zeros(9)), "transport")
    assert free.objective == 0.0
    less = replace(problem, capacity=problem.capacity * np.append(np.full(7, 0.99), 1.0))
    answer = solve_matching(less, "transport")
    assert answer.status is Status.INFEASIBLE
    assert "demand [0] by 1" in answer.explanation
