"""Gang placement: brute force, two exact solvers, a bound that holds, and hand-made cases."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from computenet.errors import InputError
from computenet.optimization.gang import (
    Fragmentation,
    GangJobs,
    GangPools,
    GangProblem,
    Placement,
    fragment_servers,
    place_gangs,
)
from computenet.optimization.solvers import Status


def problem_of(
    seed: int, jobs: int = 6, pools: int = 3, *, running: bool = True, fragments: bool = True
) -> GangProblem:
    """Return a small random problem with every cost in it."""
    rng = np.random.default_rng(seed)
    classes = 2
    per_server = rng.choice([4.0, 8.0], pools)
    return GangProblem(
        jobs=GangJobs(
            accelerators=rng.choice([4.0, 8.0, 12.0, 24.0, 40.0], jobs),
            job_class=rng.integers(0, classes, jobs),
            work_s=rng.uniform(3600.0, 36_000.0, jobs),
            value_cny=rng.uniform(50.0, 400.0, jobs),
            slack_s=rng.choice([1800.0, 20_000.0, np.inf], jobs),
            late_cny_per_s=rng.uniform(0.0, 0.01, jobs),
            data_site=rng.integers(-1, 2, jobs),
            data_gb=rng.uniform(0.0, 500.0, jobs),
            pool=rng.integers(-1, pools, jobs) if running else np.full(jobs, -1),
            checkpoint_gb=rng.uniform(0.0, 100.0, jobs),
            lost_s=rng.uniform(0.0, 1800.0, jobs),
            restart_s=np.full(jobs, 600.0),
        ),
        pools=GangPools(
            free=per_server * rng.integers(1, 8, pools),
            per_server=per_server,
            site=np.arange(pools) % 2,
            mw=np.full(pools, 7e-4),
            price_cny_per_mwh=rng.uniform(300.0, 800.0, pools),
            accelerator_cny_per_s=np.full(pools, 5.0 / 3600.0),
        ),
        speed=(rng.random((classes, pools)) < 0.85) * rng.uniform(0.5, 2.0, (classes, pools)),
        ratio=rng.choice([0.5, 1.0, 1.5], (classes, pools)),
        transfer_cny_per_gb=np.asarray([[0.0, 0.1], [0.1, 0.0]]),
        transfer_s_per_gb=np.asarray([[0.0, 1.0], [1.0, 0.0]]),
        fragmentation=Fragmentation(
            np.asarray([8.0, 32.0]), np.asarray([0.7, 0.3]), np.full(pools, 0.4)
        )
        if fragments
        else None,
    )  # fmt: skip


def worth(problem: GangProblem, pool: tuple[int, ...]) -> float | None:
    """Return what a placement is worth by the formulas, written anew; ``None`` = does not fit."""
    jobs, pools = problem.jobs, problem.pools
    used = np.zeros(problem.n_pools)
    total = 0.0
    for j, p in enumerate(pool):
        c, now = jobs.job_class[j], jobs.pool[j]

        def gang(at: int, c: int = c, j: int = j) -> float:
            return float(np.ceil(jobs.accelerators[j] * problem.ratio[c, at]))

        if p < 0:
            if now >= 0:
                total -= (
                    (jobs.lost_s[j] + jobs.restart_s[j])
                    * gang(now)
                    * (pools.accelerator_cny_per_s[now])
                )
            continue
        if problem.speed[c, p] <= 0.0:
            return None
        used[p] += np.ceil(gang(p) / pools.per_server[p])
        run_s = jobs.work_s[j] / problem.speed[c, p]
        total += jobs.value_cny[j]
        total -= gang(p) * pools.mw[p] * run_s / 3600.0 * pools.price_cny_per_mwh[p]
        end_s = run_s
        if now != p:
            where = pools.site[now] if now >= 0 else jobs.data_site[j]
            gb = (jobs.data_gb[j] if where >= 0 else 0.0) + (
                jobs.checkpoint_gb[j] if now >= 0 else 0.0
            )
            if where >= 0:
                total -= gb * problem.transfer_cny_per_gb[where, pools.site[p]]
                end_s += gb * problem.transfer_s_per_gb[where, pools.site[p]]
            if now >= 0:
                end_s += jobs.restart_s[j]
                total -= jobs.restart_s[j] * gang(p) * pools.accelerator_cny_per_s[p]
        total -= jobs.late_cny_per_s[j] * max(end_s - jobs.slack_s[j], 0.0)
    room = np.floor(pools.free / pools.per_server) - used
    if (room < 0).any():
        return None
    if problem.fragmentation is not None:
        for p, left in enumerate(room):
            for size, share in zip(
                problem.fragmentation.accelerators, problem.fragmentation.share, strict=True
            ):
                if np.ceil(size / pools.per_server[p]) > left:
                    total -= (
                        left * share * pools.per_server[p]
                        * problem.fragmentation.cny_per_accelerator[p]
                    )  # fmt: skip
    return total


def best_of(problem: GangProblem) -> float:
    every = itertools.product(range(-1, problem.n_pools), repeat=problem.n_jobs)
    return max(value for pool in every if (value := worth(problem, pool)) is not None)


def feasible(problem: GangProblem, answer: Placement) -> bool:
    return worth(problem, tuple(answer.pool.tolist())) is not None


@pytest.mark.parametrize("seed", range(8))
def test_exact_methods_find_what_brute_force_finds(seed: int) -> None:
    """All assignments of six jobs to three pools, with moves, stops and fragments."""
    problem = problem_of(seed)
    best = best_of(problem)
    for method in ("highs", "cp-sat"):
        answer = place_gangs(problem, method)
        assert answer.status is Status.OPTIMAL, answer.note
        assert answer.objective_cny == pytest.approx(best, rel=1e-6)
        assert answer.bound_cny >= best - 1e-6 * abs(best)
        assert worth(problem, tuple(answer.pool.tolist())) == pytest.approx(answer.objective_cny)


@pytest.mark.parametrize("seed", range(4))
def test_search_is_near_the_best_of_small_cases(seed: int) -> None:
    problem = problem_of(100 + seed)
    best = best_of(problem)
    answer = place_gangs(problem, "search")
    assert answer.objective_cny <= best + 1e-9 * abs(best)
    assert answer.objective_cny >= best - 0.02 * abs(best)
    assert answer.bound_cny >= best - 1e-9 * abs(best)


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.integers(1, 40), st.integers(1, 6), st.booleans())
def test_the_bound_holds_and_every_answer_fits(
    seed: int, jobs: int, pools: int, fragments: bool
) -> None:
    problem = problem_of(seed, jobs, pools, fragments=fragments)
    answer = place_gangs(problem, "search", iterations=200)
    assert feasible(problem, answer)
    assert answer.objective_cny <= answer.bound_cny + 1e-9 * abs(answer.bound_cny)
    assert worth(problem, tuple(answer.pool.tolist())) == pytest.approx(
        answer.objective_cny, rel=1e-9, abs=1e-6
    )
    again = place_gangs(problem, "search", iterations=200)
    assert np.array_equal(again.pool, answer.pool)


@pytest.mark.parametrize("seed", range(5))
def test_more_room_is_never_worth_less(seed: int) -> None:
    problem = problem_of(seed, fragments=False)
    more = replace(problem, pools=replace(problem.pools, free=problem.pools.free * 2.0))
    one, other = place_gangs(problem, "highs"), place_gangs(more, "highs")
    assert other.objective_cny >= one.objective_cny - 1e-6
    assert other.bound_cny >= one.bound_cny - 1e-6


def simple(gangs: list[float], free: list[float], **jobs: object) -> GangProblem:
    """Return jobs of value 100 each, on pools of 8 a server, at no other cost."""
    n, p = len(gangs), len(free)
    columns = {
        "accelerators": np.asarray(gangs), "job_class": np.zeros(n, dtype=int),
        "work_s": np.full(n, 3600.0), "value_cny": np.full(n, 100.0),
        "slack_s": np.full(n, np.inf), "late_cny_per_s": np.zeros(n),
        "data_site": np.full(n, -1), "data_gb": np.zeros(n), "pool": np.full(n, -1),
        "checkpoint_gb": np.zeros(n), "lost_s": np.zeros(n), "restart_s": np.zeros(n), **jobs,
    }  # fmt: skip
    pools = GangPools(
        free=np.asarray(free), per_server=np.full(p, 8.0), site=np.arange(p), mw=np.zeros(p),
        price_cny_per_mwh=np.zeros(p), accelerator_cny_per_s=np.full(p, 1.0 / 3600.0),
    )  # fmt: skip
    return GangProblem(GangJobs(**columns), pools, np.ones((1, p)))


@pytest.mark.parametrize("method", ["search", "highs", "cp-sat"])
def test_a_running_job_moves_where_that_lets_a_large_one_in(method: str) -> None:
    """The job of 8 runs in the only pool that holds the one of 16; moving costs a restart."""
    problem = simple(
        [8.0, 16.0], [16.0, 8.0], pool=np.asarray([0, -1]), restart_s=np.full(2, 3600.0)
    )
    answer = place_gangs(problem, method)
    assert answer.pool.tolist() == [1, 0]
    assert answer.moved.tolist() == [True, False]
    assert answer.objective_cny == pytest.approx(200.0 - 8.0)
    # With no other pool it is stopped only for one of more worth than it and its stop.
    alone = simple(
        [8.0, 16.0], [16.0], pool=np.asarray([0, -1]), restart_s=np.full(2, 3600.0),
        value_cny=np.asarray([100.0, 107.0]),
    )  # fmt: skip
    assert place_gangs(alone, method).pool.tolist() == [0, -1]
    more = replace(alone, jobs=replace(alone.jobs, value_cny=np.asarray([100.0, 109.0])))
    stopped = place_gangs(more, method)
    assert stopped.pool.tolist() == [-1, 0]
    assert stopped.stopped.tolist() == [True, False]
    assert stopped.objective_cny == pytest.approx(109.0 - 8.0)


def test_fragments_are_left_whole() -> None:
    """A job of 8 goes where it fills a pool, not where it breaks the room of gangs of 16."""
    problem = replace(
        simple([8.0], [16.0, 8.0]),
        fragmentation=Fragmentation(np.asarray([16.0]), np.asarray([1.0]), np.full(2, 1.0)),
    )
    answer = place_gangs(problem)
    assert answer.pool.tolist() == [1]
    assert fragment_servers(problem.arcs(), answer.room).tolist() == [0.0, 0.0]
    assert fragment_servers(problem.arcs(), np.asarray([1, 0])).tolist() == [1.0, 0.0]


def test_nothing_to_place_and_nowhere_to_place() -> None:
    none = place_gangs(simple([], [16.0]))
    assert none.pool.size == 0
    assert none.objective_cny == 0.0
    nowhere = place_gangs(simple([8.0, 8.0], []))
    assert nowhere.pool.tolist() == [-1, -1]
    large = place_gangs(simple([8.0, 1e6], [16.0]))
    assert large.pool.tolist() == [0, -1]
    full = place_gangs(simple([8.0], [7.0]))
    assert full.pool.tolist() == [-1]


def test_bad_input_is_told_all_at_once() -> None:
    problem = simple([8.0, -1.0], [16.0, np.nan], value_cny=np.asarray([np.nan, 1.0]))
    with pytest.raises(InputError) as caught:
        place_gangs(problem)
    paths = " ".join(found.path for found in caught.value.problems)
    for path in ("jobs.value_cny", "pools.free", "jobs.accelerators"):
        assert path in paths


def test_interpreted_kernels_say_the_same() -> None:
    code = (
        f"import sys; sys.path.insert(0, {os.path.dirname(__file__)!r})\n"
        "from test_gang import problem_of, place_gangs\n"
        "print(place_gangs(problem_of(3, 12, 3), 'search', iterations=60).pool.tolist())"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
    )  # fmt: skip
    compiled = place_gangs(problem_of(3, 12, 3), "search", iterations=60)
    assert run.stdout.strip() == str(compiled.pool.tolist())
