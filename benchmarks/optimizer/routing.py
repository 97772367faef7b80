"""Carrying a plan out: requests follow a linear programme's split, one by one.

The matching of size M is solved for the requests that come; each request then goes where the
request plane's deficit credit sends it (:mod:`computenet.kernels.requests`). Its cost is that of
its arc, and what a pool is filled beyond its capacity is counted at the price of unmet demand.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from statistics import median

import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import Figure
from benchmarks.optimizer.instances import UNMET, matching_instance
from computenet.kernels._jit import njit
from computenet.kernels.request_state import RoutingPlan
from computenet.kernels.requests import route_request
from computenet.optimization.matching import Matching, MatchingProblem, solve_matching

__all__ = ["run"]

F8 = NDArray[np.float64]
I4 = NDArray[np.int32]
I8 = NDArray[np.int64]


@njit
def _carry_out(demand: I4, plan: RoutingPlan, sent: I8) -> None:
    """Send requests, in order, to pools; the pool past the last stands for unmet demand."""
    for i in range(demand.shape[0]):
        d = demand[i]
        pool, _ = route_request(d, 0.0, plan)
        sent[d, pool] += 1


def _plan(problem: MatchingProblem, answer: Matching) -> RoutingPlan:
    """Return the split as shares of each demand; what stays unmet goes to one pool more."""
    rows, pools = problem.n_demands, problem.n_pools + 1
    flow = np.zeros((rows, pools))
    np.add.at(flow, (problem.arc_demand, problem.arc_pool), answer.flow)
    flow[:, -1] = answer.unmet
    share = flow / np.maximum(flow.sum(axis=1, keepdims=True), 1e-300)
    share[share < 1e-9] = 0.0
    row, pool = np.nonzero(share)
    return RoutingPlan(
        row=np.searchsorted(row, np.arange(rows + 1)).astype(np.int64),
        group=pool.astype(np.int32),
        share=share[row, pool],
        upto=np.cumsum(share, axis=1)[row, pool],
        credit=np.zeros((rows, pools)),
        rtt_s=np.zeros((rows, pools)),
        circle_ok=np.ones((rows, pools), dtype=np.uint8),
        split=np.zeros(1, dtype=np.int64),
    )


def _cost(problem: MatchingProblem, sent: I8, unit: float) -> float:
    """Return what the requests cost; one is `unit` units of demand."""
    cny = np.full(sent.shape, np.inf)
    use = np.zeros(sent.shape)
    cny[problem.arc_demand, problem.arc_pool] = problem.arc_cny
    use[problem.arc_demand, problem.arc_pool] = problem.arc_use
    cny[:, -1] = problem.unmet_cny
    flow = unit * sent
    over = np.maximum((use * flow).sum(axis=0)[:-1] - problem.capacity, 0.0)
    # A unit served takes at least this much: what does not fit is that many units at most.
    least = use[use > 0.0].min()
    return float(cny[sent > 0] @ flow[sent > 0] + UNMET * over.sum() / least)


def run() -> Iterator[Figure]:
    """Measure 1 and 10 million requests in random order."""
    rng = np.random.default_rng(0)
    problem = matching_instance("M")
    for count in (1_000_000, 10_000_000):
        unit = problem.demand.sum() / count
        number = np.floor(problem.demand / unit + rng.uniform(size=problem.n_demands))
        number = number.astype(np.int64)
        seen = replace(problem, demand=unit * number)
        answer = solve_matching(seen, "columns", gap=1e-6)
        order = np.repeat(np.arange(problem.n_demands, dtype=np.int32), number)
        rng.shuffle(order)
        walls = []
        for _ in range(4):
            plan, sent = (
                _plan(seen, answer),
                np.zeros((problem.n_demands, problem.n_pools + 1), int),
            )
            begin = time.perf_counter()
            _carry_out(order, plan, sent)
            walls.append(time.perf_counter() - begin)
        rate = len(order) / median(walls[1:]) / 1e6  # the first call compiles
        gap = 100 * (_cost(seen, sent, unit) - answer.bound) / answer.bound
        title = f"{count // 1_000_000}M requests after the split, one core"
        yield Figure(title, rate, "M requests/s", ">= 8", rate >= 8)
        most = 0.05 if count >= 10_000_000 else 0.5
        yield Figure("    above the bound of the programme", gap, "%", f"<= {most}", gap <= most)
