"""Rules of gang placement: drawn problems of every kind, by hand, and between methods."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from gang_cases import best_of_all, gang_jobs, gang_pools, plain_worth, problems
from hypothesis import given, settings
from hypothesis import strategies as st

from computenet.errors import InputError
from computenet.optimization.gang import (
    Fragmentation,
    GangProblem,
    fragment_servers,
    place_gangs,
    worth_cny,
)
from computenet.optimization.gang_exact import gang_model
from computenet.optimization.solvers import SolverError, Status, solve

ONE = np.ones((1, 1))
TWO = np.ones((1, 2))


@settings(max_examples=40)
@given(problem=problems())
def test_every_method_against_all_placements(problem: GangProblem) -> None:
    best = best_of_all(problem)
    for method in ("search", "highs", "cp-sat"):
        answer = place_gangs(problem, method)
        assert answer.objective_cny == pytest.approx(
            plain_worth(problem, answer.pool), rel=1e-9, abs=1e-7
        )
        assert answer.objective_cny <= best + 1e-7 <= answer.bound_cny + 2e-7 + 1e-6 * abs(best)
        if method != "search":
            assert answer.status is Status.OPTIMAL
            assert answer.objective_cny == pytest.approx(best, rel=1e-5, abs=1e-5)


@settings(max_examples=25)
@given(problem=problems(60, 6), seed=st.integers(0, 5))
def test_what_the_search_finds_is_feasible_and_below_the_bound(
    problem: GangProblem, seed: int
) -> None:
    answer = place_gangs(problem, "search", iterations=300, seed=seed)
    assert np.isfinite(plain_worth(problem, answer.pool))
    assert (answer.room >= 0).all()
    assert answer.objective_cny == pytest.approx(
        plain_worth(problem, answer.pool), rel=1e-9, abs=1e-7
    )
    exact = place_gangs(problem, "highs", effort=200)
    assert answer.objective_cny <= exact.bound_cny + 1e-6 * (1.0 + abs(exact.bound_cny))
    # The exact method starts from the same search.
    assert exact.objective_cny >= place_gangs(problem, "search").objective_cny - 1e-9
    # What it found holds in the whole programme as well.
    table = problem.arcs()
    taken = np.flatnonzero(answer.pool[table.job] == table.pool)
    assert worth_cny(table, taken) - table.stop_cny.sum() == pytest.approx(
        answer.objective_cny, rel=1e-9, abs=1e-7
    )


@settings(max_examples=8)
@given(problem=problems(25, 4))
def test_solvers_agree_on_the_whole_programme(problem: GangProblem) -> None:
    model = gang_model(problem.arcs()).model
    highs, sat = solve(model, "highs"), solve(model, "cp-sat", effort=20.0)
    assert highs.status is Status.OPTIMAL
    slack = 1e-5 * (1.0 + abs(highs.objective))
    assert sat.bound - slack <= highs.objective <= sat.objective + slack
    if sat.status is Status.OPTIMAL:
        assert sat.objective == pytest.approx(highs.objective, abs=slack)
    # Leaving out arcs that the bound rules out changes nothing.
    found = place_gangs(problem, "highs")
    constant = problem.arcs().stop_cny.sum()
    assert found.objective_cny + constant == pytest.approx(-highs.objective, abs=slack)


# ---- by hand ------------------------------------------------------------------------------


def test_servers_are_whole_and_capacity_binds() -> None:
    jobs = gang_jobs([9.0, 8.0], value_cny=[30.0, 20.0])
    # Nine accelerators take two servers: both jobs need three.
    both = place_gangs(GangProblem(jobs, gang_pools([24.0]), ONE))
    assert both.pool.tolist() == [0, 0]
    assert both.objective_cny == pytest.approx(50.0)
    one = place_gangs(GangProblem(jobs, gang_pools([23.0]), ONE))
    assert one.pool.tolist() == [0, -1]
    assert one.room.tolist() == [0]


def test_energy_and_lateness_choose_the_pool() -> None:
    pools = gang_pools(
        [8.0, 8.0], mw=[0.001, 0.001], price_cny_per_mwh=[500.0, 250.0],
    )  # fmt: skip
    speed = np.array([[1.0, 0.5]])
    # Fast: 8 kWh at 0.5 a kWh = 4. Slow: 16 kWh at 0.25 = 4, and an hour late.
    late = GangProblem(
        gang_jobs([8.0], slack_s=[3600.0], late_cny_per_s=[0.001]), pools, speed
    )  # fmt: skip
    assert place_gangs(late).pool.tolist() == [0]
    assert place_gangs(late).objective_cny == pytest.approx(96.0)
    only_slow = replace(late, pools=replace(pools, free=np.array([0.0, 8.0])))
    assert place_gangs(only_slow).objective_cny == pytest.approx(100.0 - 4.0 - 3.6)
    cheaper = replace(late, pools=replace(pools, price_cny_per_mwh=np.array([500.0, 0.0])))
    # The slow one costs no energy now, and 3.6 of lateness.
    assert place_gangs(cheaper).pool.tolist() == [1]


def test_data_and_speed_that_are_not_there_close_a_pool() -> None:
    way = np.array([[0.0, np.inf], [1.0, 0.0]])
    jobs = gang_jobs([8.0], data_site=[0], data_gb=[10.0])
    problem = GangProblem(jobs, gang_pools([0.0, 8.0]), TWO, None, way)
    assert place_gangs(problem).pool.tolist() == [-1]
    back = replace(problem, jobs=replace(jobs, data_site=np.array([1])))
    assert place_gangs(back).objective_cny == pytest.approx(100.0)
    assert place_gangs(replace(back, speed=np.array([[1.0, 0.0]]))).pool.tolist() == [-1]


@pytest.mark.parametrize(("saved", "moves"), [(21.9, False), (22.1, True)])
def test_a_running_job_moves_when_that_saves_more_than_it_costs(saved: float, moves: bool) -> None:
    # Energy: 8 accelerators of 1 kW for an hour. Moving: 10 GB of data and 10 of checkpoint at 1
    # each, and 250 s of restart on 8 accelerators at 0.001.
    jobs = gang_jobs(
        [8.0], pool=[0], data_gb=[10.0], data_site=[1], checkpoint_gb=[10.0], lost_s=[9.0],
        restart_s=[250.0],
    )  # fmt: skip
    pools = gang_pools(
        [8.0, 8.0], mw=[0.001, 0.001], price_cny_per_mwh=[saved / 0.008, 0.0],
        accelerator_cny_per_s=[0.001, 0.001],
    )  # fmt: skip
    answer = place_gangs(GangProblem(jobs, pools, TWO, None, 1.0 - np.eye(2)))
    assert answer.moved.tolist() == [moves]
    assert answer.objective_cny == pytest.approx(78.0 if moves else 100.0 - saved)


@pytest.mark.parametrize(("value", "stops"), [(107.9, False), (108.1, True)])
def test_a_running_job_is_stopped_for_one_worth_more_than_it_and_its_lost_work(
    value: float, stops: bool
) -> None:
    # Stopping costs (900 + 100) s of 8 accelerators at 0.001, and the job's worth of 100.
    jobs = gang_jobs(
        [8.0, 8.0], value_cny=[100.0, value], pool=[0, -1], lost_s=[900.0, 0.0],
        restart_s=[100.0, 100.0],
    )  # fmt: skip
    pools = gang_pools([8.0], accelerator_cny_per_s=[0.001])
    answer = place_gangs(GangProblem(jobs, pools, ONE))
    assert answer.stopped.tolist() == [stops, False]
    assert answer.objective_cny == pytest.approx(value - 8.0 if stops else 100.0)


def test_fragments_by_hand() -> None:
    # Gangs to come take 1, 2 or 4 servers, with shares 1/2, 1/4, 1/4.
    to_come = Fragmentation([8.0, 16.0, 32.0], [0.5, 0.25, 0.25], [1.0])
    jobs = gang_jobs([8.0])
    lost = {0: 0.0, 1: 0.5, 2: 0.5, 3: 0.75, 4: 0.0, 5: 0.0}
    for room, servers in lost.items():
        problem = GangProblem(
            jobs, gang_pools([8.0 * (room + 1)]), ONE, fragmentation=to_come
        )  # fmt: skip
        table = problem.arcs()
        assert fragment_servers(table, np.array([room])).tolist() == [servers]
        for method in ("search", "highs", "cp-sat"):
            answer = place_gangs(problem, method)
            assert answer.objective_cny == pytest.approx(100.0 - 8.0 * servers)


def test_a_price_on_fragments_packs_one_pool_full() -> None:
    jobs = gang_jobs([8.0, 8.0])
    problem = GangProblem(jobs, gang_pools([16.0, 16.0]), TWO)
    to_come = Fragmentation([16.0], [1.0], [0.5, 0.5])
    for method in ("search", "highs", "cp-sat"):
        answer = place_gangs(replace(problem, fragmentation=to_come), method)
        assert sorted(answer.room.tolist()) == [0, 2]
        assert answer.objective_cny == pytest.approx(200.0)


# ---- ends of the range --------------------------------------------------------------------


def test_demand_a_thousand_times_supply() -> None:
    jobs = gang_jobs([8.0] * 1000, value_cny=np.arange(1000.0))
    answer = place_gangs(GangProblem(jobs, gang_pools([8.0]), ONE))
    assert np.flatnonzero(answer.pool == 0).tolist() == [999]
    assert answer.gap <= 1e-6


def test_a_part_of_an_accelerator_takes_a_whole_one() -> None:
    """Shares of accelerators make gangs of 8.5: two servers of eight, and energy for nine."""
    problem = GangProblem(
        gang_jobs([8.5, 8.0], work_s=[3600.0, 3600.0], value_cny=[100.0, 100.0]),
        gang_pools([16.0], price_cny_per_mwh=[1000.0], per_server=[8.0], mw=[0.001]),
        np.ones((1, 1)), fragmentation=Fragmentation([2.5, 8.5], [0.5, 0.5], [0.0]),
    )  # fmt: skip
    table = problem.arcs()
    assert table.servers.tolist() == [2, 1]
    assert table.profit_cny.tolist() == pytest.approx([100.0 - 9.0, 100.0 - 8.0])
    assert table.size[0].tolist() == [1, 2]
    assert place_gangs(problem).pool.tolist() in ([0, -1], [-1, 0])


def test_all_faults_are_told_at_once() -> None:
    jobs = gang_jobs(
        [8.0, np.nan, 0.5, 0.0], work_s=[1.0, -1.0, 1.0, 1.0], pool=[-1, 0, 7, 0],
        value_cny=[np.nan, 1.0, 1.0, np.inf], job_class=[0, 0, 0, 3],
    )  # fmt: skip
    pools = gang_pools([8.0, -8.0], price_cny_per_mwh=[np.nan, 1.0], per_server=[8.0, 0.0])
    to_come = Fragmentation([8.0], [0.5], [1.0, 1.0])
    problem = GangProblem(
        jobs, pools, np.array([[1.0, -1.0]]), transfer_cny_per_gb=np.zeros((1, 1)),
        fragmentation=to_come,
    )  # fmt: skip
    with pytest.raises(InputError) as caught:
        place_gangs(problem)
    paths = [item.path for item in caught.value.problems]
    for path in (
        "gangs.jobs.accelerators[1]", "gangs.jobs.accelerators[2]", "gangs.jobs.accelerators[3]",
        "gangs.jobs.work_s[1]", "gangs.jobs.pool[2]", "gangs.jobs.value_cny[0]",
        "gangs.jobs.value_cny[3]", "gangs.jobs.job_class[3]", "gangs.pools.free[1]",
        "gangs.pools.price_cny_per_mwh[0]", "gangs.pools.per_server[1]", "gangs.speed[0, 1]",
        "gangs.transfer_cny_per_gb", "gangs.fragmentation.share",
    ):  # fmt: skip
        assert path in paths, paths


def test_an_unknown_method_is_an_error() -> None:
    with pytest.raises(SolverError, match="no method"):
        place_gangs(GangProblem(gang_jobs([]), gang_pools([]), np.ones((1, 0))), "simplex")


def test_a_job_late_without_end_is_refused() -> None:
    jobs = gang_jobs([8.0, 8.0], slack_s=[-np.inf, np.inf], late_cny_per_s=[0.0, 0.0])
    with pytest.raises(InputError, match=r"slack_s\[0\] = -inf\s+is minus infinity"):
        place_gangs(GangProblem(jobs, gang_pools([16.0]), np.ones((1, 1))))
