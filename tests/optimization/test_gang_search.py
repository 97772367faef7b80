"""The search's look-ups, the bound, limits, determinism, and demand rows as gangs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from gang_cases import gang_jobs, gang_pools, problems
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.optimizer.gang import gang_instance
from computenet.errors import InputError
from computenet.kernels.gang_prices import smooth_dual
from computenet.kernels.gang_state import (
    assign,
    best_waiting,
    fragments,
    gang_arcs,
    gang_state,
    load_state,
)
from computenet.optimization.gang import GangProblem, place_gangs
from computenet.optimization.gang_bound import gang_dual, gang_prices
from computenet.optimization.gang_demand import GangDemand, gangs_of_demand
from computenet.optimization.gang_exact import gang_model
from computenet.optimization.solvers import Status, solve


@settings(max_examples=40)
@given(problem=problems(20, 4), steps=st.lists(st.integers(0, 10**9), max_size=30))
def test_look_ups_against_plain_scans(problem: GangProblem, steps: list[int]) -> None:
    table = problem.arcs()
    arcs = gang_arcs(
        table.job, table.pool, table.servers, table.profit_cny, problem.n_jobs, table.capacity,
        table.size, table.tail, table.fragment_cny, np.zeros(problem.n_pools),
    )  # fmt: skip
    state = gang_state(arcs)
    worth = load_state(state.arc.copy(), arcs, state)
    for step in steps:
        if not len(arcs.job):
            break
        a = step % len(arcs.job)
        j = int(arcs.job[a])
        if state.arc[j] == a:
            worth += assign(j, -1, arcs, state)
        elif arcs.weight[a] <= state.room[arcs.pool[a]]:
            worth += assign(j, a, arcs, state)
    placed = state.arc[state.arc >= 0]
    used = np.bincount(arcs.pool[placed], weights=arcs.weight[placed], minlength=problem.n_pools)
    assert (state.room == arcs.capacity - used).all()
    lost = sum(fragments(arcs, p, int(state.room[p])) for p in range(problem.n_pools))
    assert worth == pytest.approx(arcs.profit[placed].sum() - lost, abs=1e-9)
    for p in range(problem.n_pools):
        first = arcs.pool_first[p]
        members = state.members[first : first + state.filled[p]]
        assert sorted(members) == sorted(arcs.job[placed[arcs.pool[placed] == p]])
        for limit in range(0, int(arcs.capacity[p]) + 2, 3):
            fits = (arcs.pool == p) & (arcs.weight <= limit) & (state.arc[arcs.job] < 0)
            found = best_waiting(p, limit, arcs, state)
            assert (found >= 0) == fits.any()
            if found >= 0:
                assert fits[found]
                assert arcs.profit[found] == arcs.profit[fits].max()


@settings(max_examples=25)
@given(problem=problems(20, 4), seed=st.integers(0, 1000))
def test_any_prices_prove_a_bound_and_the_best_are_those_of_the_linear_programme(
    problem: GangProblem, seed: int
) -> None:
    table = replace(problem, fragmentation=None).arcs()
    model = gang_model(table).model
    linear = -solve(replace(model, integer=np.zeros(model.n, dtype=np.bool_)), "highs").objective
    slack = 1e-9 * (1.0 + abs(linear))
    price = np.random.default_rng(seed).exponential(5.0, problem.n_pools)
    assert gang_dual(table, price) >= linear - slack
    found = gang_prices(table)
    assert (found.price_cny >= 0.0).all()
    assert linear - slack <= found.bound_cny <= linear + 1e-5 * (1.0 + abs(linear))


@settings(max_examples=20)
@given(problem=problems(15, 3), seed=st.integers(0, 1000))
def test_the_smoothed_dual_and_its_slope(problem: GangProblem, seed: int) -> None:
    table = problem.arcs()
    jobs, pools = problem.n_jobs, problem.n_pools
    first = np.concatenate([[0], np.cumsum(np.bincount(table.job, minlength=jobs))])
    price = np.random.default_rng(seed).exponential(5.0, pools)
    slope, curve = np.zeros(pools), np.zeros((pools, pools))
    work = np.zeros(pools), np.zeros(pools, dtype=np.int64)

    def dual(at: np.ndarray) -> tuple[float, float, np.ndarray, np.ndarray]:
        exact, smooth = smooth_dual(
            first, table.pool, table.servers, table.profit_cny, table.capacity, at,
            np.full(jobs, 10.0), 1.0, True, slope, curve, *work,
        )  # fmt: skip
        return exact, smooth, slope.copy(), curve.copy()

    exact, smooth, by_rule, bent = dual(price)
    assert exact == pytest.approx(gang_dual(table, price), rel=1e-12, abs=1e-12)
    assert exact <= smooth <= exact + 10.0 * jobs * np.log(pools + 1.0) + 1e-9
    step = 1e-4
    for p in range(pools):
        shift = np.zeros(pools)
        shift[p] = step
        _, high, high_slope, _ = dual(price + shift)
        _, low, low_slope, _ = dual(price - shift)
        assert by_rule[p] == pytest.approx((high - low) / (2 * step), rel=1e-4, abs=1e-3)
        assert bent[p] == pytest.approx((high_slope - low_slope) / (2 * step), rel=1e-3, abs=1e-4)


def test_a_large_instance_stays_near_its_bound_and_comes_out_the_same_twice() -> None:
    problem = gang_instance(1_500, 12, 3, running=0.3, fragment_cny=0.02)
    first = place_gangs(problem, iterations=400)
    again = place_gangs(problem, iterations=400)
    assert (first.method, first.iterations) == ("search", 400)
    assert (first.pool == again.pool).all()
    assert first.objective_cny == again.objective_cny
    assert 0.0 <= first.gap <= 0.05
    used = first.moved.sum() + first.stopped.sum()
    assert 0 < used < problem.n_jobs
    more = place_gangs(problem, iterations=2_000)
    assert more.objective_cny >= place_gangs(problem, iterations=0).objective_cny


@pytest.mark.parametrize("method", ["highs", "cp-sat"])
def test_a_limit_that_is_reached_is_said_and_the_searched_placement_stays(method: str) -> None:
    problem = gang_instance(120, 10, 1)
    searched = place_gangs(problem, "search")
    limited = place_gangs(problem, method, effort=0.001 if method == "cp-sat" else 0.0)
    assert limited.objective_cny >= searched.objective_cny
    assert limited.bound_cny <= searched.bound_cny + 1e-9 * abs(searched.bound_cny)
    assert (limited.status is Status.OPTIMAL) == (limited.note == "")
    again = place_gangs(problem, method, effort=0.001 if method == "cp-sat" else 0.0)
    assert again.objective_cny == limited.objective_cny


def _demand(**changes: object) -> GangDemand:
    plain = GangDemand(
        work_accelerator_s=np.array([100_000.0, 0.0, 10.0]), gang=np.array([16.0, 8.0, 8.0]),
        run_s=np.array([1000.0, 10.0, 3600.0]), job_class=np.zeros(3, dtype=np.int32),
        data_site=np.array([0, 0, -1], dtype=np.int32), data_gb=np.ones(3),
        value_cny_per_accelerator_s=np.full(3, 0.001), slack_s=np.full(3, np.inf),
        late_cny_per_s=np.zeros(3),
    )  # fmt: skip
    return plain._replace(**changes)  # type: ignore[arg-type]


def test_demand_rows_become_gangs_without_loss() -> None:
    jobs, row = gangs_of_demand(_demand())
    assert row.tolist() == [0] * 6 + [2]  # 6.25 jobs are six a little longer
    work = jobs.accelerators * jobs.work_s
    assert np.bincount(row, weights=work).tolist() == pytest.approx([100_000.0, 0.0, 10.0])
    answer = place_gangs(GangProblem(jobs, gang_pools([64.0]), np.ones((1, 1))))
    assert np.bincount(row[answer.pool == 0]).tolist() == [4]
    assert gang_jobs([]).accelerators.shape == gangs_of_demand(
        _demand(work_accelerator_s=np.zeros(3))
    )[0].accelerators.shape  # fmt: skip


def test_faults_of_demand_rows() -> None:
    with pytest.raises(InputError) as caught:
        gangs_of_demand(_demand(run_s=np.array([np.nan, 1.0, -1.0]), gang=np.array([0.5, 8, 8])))
    assert {item.path for item in caught.value.problems} == {
        "gang demand.run_s[0]", "gang demand.run_s[2]", "gang demand.gang[0]"
    }  # fmt: skip
    with pytest.raises(InputError, match="makes no number of gangs"):
        gangs_of_demand(_demand(run_s=np.array([1e-9, 1.0, 0.0])))
