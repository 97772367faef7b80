"""Matching: small problems cold and kept warm, transport, and column generation at size M.

Instances are those of :mod:`benchmarks.optimizer.instances`: synthetic, from a seed. Between epochs
demand moves by a log-normal factor of 5 %, and where it is said the prices of all sites too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from statistics import median

import numpy as np

from benchmarks.measure import Figure, median_s
from benchmarks.optimizer.instances import TYPES, matching_instance
from computenet.optimization.column_generation import ColumnGeneration
from computenet.optimization.matcher import Matcher
from computenet.optimization.matching import Matching, MatchingProblem, solve_matching

__all__ = ["epoch", "run"]


def epoch(
    problem: MatchingProblem, rng: np.random.Generator, *, demand: float = 0.0, prices: float = 0.0
) -> MatchingProblem:
    """Return the problem with demand, and prices of sites, moved by log-normal factors."""
    sites = problem.n_pools // TYPES
    factor = rng.lognormal(0.0, prices, sites)[problem.arc_pool // TYPES]
    return replace(
        problem,
        demand=problem.demand * rng.lognormal(0.0, demand, problem.n_demands),
        arc_cny=problem.arc_cny * factor if prices > 0.0 else problem.arc_cny,
    )


def _warm_s(
    solve: Callable[[MatchingProblem], Matching], epochs: list[MatchingProblem]
) -> tuple[float, float]:
    """Return the median wall time of epochs, and the largest gap."""
    walls, gaps = [], []
    for problem in epochs:
        begin = time.perf_counter()
        gaps.append(solve(problem).gap)
        walls.append(time.perf_counter() - begin)
    return median(walls), max(gaps)


def _small() -> Iterator[Figure]:
    problem = matching_instance("S")
    size = f"31 x 10 x 5, {problem.n_arcs:,} arcs"
    cold = 1e3 * median_s(lambda: Matcher().solve(problem), 15)
    yield Figure(f"{size}: build and solve", cold, "ms", "<= 25", cold <= 25)
    rng = np.random.default_rng(0)
    for title, moves in (
        ("demand +-5 %", {"demand": 0.05}),
        ("site prices +-5 %", {"prices": 0.05}),
        ("both", {"demand": 0.05, "prices": 0.05}),
    ):
        matcher = Matcher()
        matcher.solve(problem)
        epochs = [epoch(problem, rng, **moves) for _ in range(31)]
        warm = 1e3 * _warm_s(matcher.solve, epochs)[0]
        yield Figure(f"{size}: next epoch, {title}", warm, "ms", "<= 5", warm <= 5)


def _medium() -> Iterator[Figure]:
    problem = matching_instance("M")
    size = f"300 x 100 x 10, {problem.n_arcs:,} arcs"
    pure = replace(
        problem, power=None, traffic=None, arc_use=np.ones(problem.n_arcs),
        capacity=problem.capacity * 1.02 * problem.demand.sum() / problem.capacity.sum(),
    )  # fmt: skip
    wall = median_s(lambda: solve_matching(pure, "transport"), 3)
    yield Figure(f"{size}: transport only", wall, "s", "<= 3", wall <= 3)

    colds, columns = [], ColumnGeneration(problem)
    for _ in range(3):
        columns = ColumnGeneration(problem)
        begin = time.perf_counter()
        answer = columns.solve()
        colds.append(time.perf_counter() - begin)
    cold = median(colds)
    yield Figure(f"{size}: cold", cold, "s", "<= 20", cold <= 20)
    yield Figure("    certified gap", 1e6 * answer.gap, "in 10^6", "<= 100", answer.gap <= 1e-4)
    yield Figure("    unmet demand", 100 * answer.unmet.sum() / problem.demand.sum(), "%", "", True)
    yield Figure("    arcs in the last model", answer.columns, "", "", True)
    rng = np.random.default_rng(0)
    for title, moves, most in (
        ("demand +-5 %", {"demand": 0.05}, 1.0),
        ("both, +-5 %", {"demand": 0.05, "prices": 0.05}, 5.0),
    ):
        warm, gap = _warm_s(columns.solve, [epoch(problem, rng, **moves) for _ in range(7)])
        yield Figure(f"{size}: next epoch, {title}", warm, "s", f"<= {most:g}", warm <= most)
        yield Figure("    largest certified gap", 1e6 * gap, "in 10^6", "<= 100", gap <= 1e-4)


def run() -> Iterator[Figure]:
    """Measure sizes S and M."""
    warm_up = matching_instance((4, 3, 2))
    for method in ("highs", "columns"):
        solve_matching(warm_up, method)
    yield from _small()
    yield from _medium()
