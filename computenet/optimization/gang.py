"""Placement of gang jobs on pools, all-or-nothing: a generalised assignment problem.

Up to some 200 jobs an integer programme is solved; above that prices of servers from the dual rank
the choices, several greedy fillings start a local search in compiled code, and the dual proves how
far the answer can be from the best. See ``docs/gangs.md``.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from computenet.kernels.gang_moves import descend, move_log
from computenet.kernels.gang_search import fill_greedily, search
from computenet.kernels.gang_state import GangArcs, gang_arcs, gang_state, load_state
from computenet.kernels.random_streams import make_streams
from computenet.optimization.gang_bound import gang_prices
from computenet.optimization.gang_exact import gang_model
from computenet.optimization.gang_problem import (
    Fragmentation,
    GangArcTable,
    GangJobs,
    GangPools,
    GangProblem,
)
from computenet.optimization.solvers import SolverError, Status, solve

__all__ = [
    "METHODS", "Fragmentation", "GangJobs", "GangPools", "GangProblem", "Placement",
    "fragment_servers", "place_gangs", "worth_cny",
]  # fmt: skip

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
B1 = NDArray[np.bool_]

#: What `place_gangs` takes.
METHODS = ("auto", "search", "highs", "cp-sat")
#: Most jobs that ``auto`` gives to an integer programme.
EXACT = 200
#: Nodes of branch and bound, or deterministic seconds of CP-SAT, if nothing else is said.
EFFORT = {"highs": 500.0, "cp-sat": 20.0}


@dataclass(frozen=True, slots=True)
class Placement:
    """Where each job runs.

    Attributes
    ----------
    pool
        ``(J,)`` pool; -1 = waits, or is stopped if it ran.
    moved, stopped
        ``(J,)`` running jobs that go to another pool, and that are stopped.
    room
        ``(P,)`` servers left.
    objective_cny
        Worth: values less energy, transfer, lateness, migration, stops and fragments.
    bound_cny
        No placement is worth more.
    gap
        ``(bound - objective) / max(|bound|, |objective|)``.
    status
        ``optimal`` where the solver or an equal bound proves it, else ``feasible``.
    method
        One of `METHODS`, not ``auto``.
    seconds, iterations
        Wall time of everything; iterations of the local search.
    price_cny
        ``(P,)`` price of a server that proves the linear bound: what one more would be worth.
    note
        Said when a limit was reached; empty otherwise.
    """

    pool: I8
    moved: B1
    stopped: B1
    room: I8
    objective_cny: float
    bound_cny: float
    gap: float
    status: Status
    method: str
    seconds: float
    iterations: int
    price_cny: F8
    note: str = field(default="")


def place_gangs(
    problem: GangProblem,
    method: str = "auto",
    *,
    iterations: int | None = None,
    starts: int = 4,
    seed: int = 0,
    gap: float = 1e-6,
    effort: float | None = None,
    time_limit_s: float | None = None,
) -> Placement:
    """Return a placement of most worth, with a bound.

    Limits count iterations and nodes, so the answer does not depend on the machine's speed.

    Parameters
    ----------
    method
        One of `METHODS`. ``auto`` solves up to 200 jobs exactly with HiGHS and searches above.
    iterations
        Of local search; by default ``1.5e8 / J**1.5``, but 200 to 20,000.
    starts
        Greedy fillings that the search starts from. Each is given an equal part of half the
        iterations, the best of them the other half.
    seed
        Of the search and the solver.
    gap
        Relative gap at which an integer programme is solved.
    effort
        Limit of an integer programme: nodes of HiGHS, deterministic seconds of CP-SAT.
    time_limit_s
        Wall time of an integer programme besides; a result then depends on the machine.

    Raises
    ------
    InputError
        The problem cannot be used; all faults are told.
    SolverError
        No such method, or the solver fails.
    """
    if method not in METHODS:
        raise SolverError(f"no method {method!r}; there are {', '.join(METHODS)}")
    began = time.perf_counter()
    problem.check()
    table = problem.arcs()
    prices = gang_prices(table)
    if method == "auto":
        method = "highs" if problem.n_jobs <= EXACT else "search"
    if iterations is None:
        iterations = int(np.clip(1.5e8 / max(problem.n_jobs, 1) ** 1.5, 200, 20_000))
    taken, done = _searched(table, prices.price_cny, iterations, max(starts, 1), seed)
    bound, proven, note = prices.bound_cny, False, ""
    if method != "search":
        limit = EFFORT[method] if effort is None else effort
        taken, bound, proven, note = _solved(
            table, taken, prices.price_cny, bound, method, gap, seed, limit, time_limit_s
        )
    constant = float(table.stop_cny.sum())
    objective, bound = worth_cny(table, taken) - constant, bound - constant
    bound = max(bound, objective)
    scale = max(abs(bound), abs(objective), 1e-300)
    relative = (bound - objective) / scale
    proven = proven or relative <= 1e-9
    pool = np.full(problem.n_jobs, -1, dtype=np.int64)
    pool[table.job[taken]] = table.pool[taken]
    runs = problem.jobs.pool >= 0
    used = np.bincount(table.pool[taken], weights=table.servers[taken], minlength=problem.n_pools)
    return Placement(
        pool=pool,
        moved=runs & (pool >= 0) & (pool != problem.jobs.pool),
        stopped=runs & (pool < 0),
        room=table.capacity - used.astype(np.int64),
        objective_cny=objective,
        bound_cny=bound,
        gap=relative,
        status=Status.OPTIMAL if proven else Status.FEASIBLE,
        method=method,
        seconds=time.perf_counter() - began,
        iterations=done,
        price_cny=prices.price_cny,
        note="" if proven else note,
    )


def fragment_servers(arcs: GangArcTable, room: I8) -> F8:
    """Return the servers of each pool that gangs to come are expected not to use, ``(P,)``.

    ``room_p * sum_k share_k [size_pk > room_p]``; see `Fragmentation`.
    """
    share = -np.diff(arcs.tail, axis=1, append=0.0)
    return np.asarray(room * np.where(arcs.size > room[:, None], share, 0.0).sum(axis=1))


def worth_cny(arcs: GangArcTable, taken: I8) -> float:
    """Return the profit of the arcs taken less what fragments cost; stops are not counted."""
    used = np.bincount(arcs.pool[taken], weights=arcs.servers[taken], minlength=len(arcs.capacity))
    lost = fragment_servers(arcs, arcs.capacity - used.astype(np.int64))
    return float(arcs.profit_cny[taken].sum() - lost @ arcs.fragment_cny)


def _searched(
    table: GangArcTable, price: F8, iterations: int, starts: int, seed: int
) -> tuple[I8, int]:
    """Return the arcs of the best placement found, and the iterations made."""
    jobs, pools = len(table.stop_cny), len(table.capacity)
    if not len(table.job):
        return np.zeros(0, dtype=np.int64), 0
    arcs = gang_arcs(
        table.job, table.pool, table.servers, table.profit_cny, jobs, table.capacity, table.size,
        table.tail, table.fragment_cny, price,
    )  # fmt: skip
    state, log = gang_state(arcs), move_log(jobs)
    dirty, room = np.zeros(pools, dtype=np.int64), np.zeros(pools, dtype=np.int64)
    best, kept = np.full(jobs, -1), np.full(jobs, -1)
    streams = make_streams(np.random.SeedSequence(seed), 1)
    tolerance = 1e-7 * max(float(table.profit_cny.max(initial=0.0)), 1e-9)
    top, each = -np.inf, iterations // (2 * starts)
    for start in range(starts):
        fill_greedily(_order(arcs, start, seed), arcs, room, best)
        worth = load_state(best, arcs, state)
        worth += descend(tolerance, arcs, state, dirty, log)
        worth = search(each, worth, tolerance, arcs, state, best, streams, dirty, log)
        if worth > top:
            top, kept = worth, best.copy()
    rest = iterations - starts * each
    worth = load_state(kept, arcs, state)
    search(rest, worth, tolerance, arcs, state, best, streams, dirty, log)
    taken = best[best >= 0]
    # Arcs were ranked anew; find them by job and pool.
    where = np.searchsorted(
        table.job * pools + table.pool, arcs.job[taken] * pools + arcs.pool[taken]
    )
    return np.sort(where), iterations


def _order(arcs: GangArcs, start: int, seed: int) -> I8:
    """Return the order in which a greedy filling takes the jobs.

    Even starts: jobs whose best-ranked arc gains at the prices, the largest first, then the rest
    by gain over price; odd ones: all by gain over price. From the third on with log-normal noise.
    """
    first = np.minimum(arcs.job_first[:-1], len(arcs.job) - 1)
    some = np.diff(arcs.job_first) > 0
    profit, weight = np.maximum(arcs.profit[first], 0.0), arcs.weight[first]
    paid = arcs.price[arcs.pool[first]] * weight
    least = 1e-12 * max(float(profit.max()), 1e-300)
    # Between 0 and 1; a half where a job is worth just what it pays.
    merit = profit / np.maximum(profit + paid, least)
    if start >= 2:
        noise = np.random.default_rng([seed, start]).normal(0.0, 0.1, len(merit))
        merit = merit * np.exp(noise)
    if start % 2 == 0:
        merit = np.where(merit > 0.5, 1.0 + weight, merit)
    return np.argsort(np.where(some, -merit, np.inf), kind="stable")


def _solved(
    table: GangArcTable, taken: I8, price: F8, bound: float, method: str, gap: float, seed: int,
    effort: float, time_limit_s: float | None,
) -> tuple[I8, float, bool, str]:  # fmt: skip
    """Improve a placement by an integer programme; return it, the bound, whether it is proven.

    An arc that the bound shows to be in no better placement is left out: with it, no placement is
    worth more than the bound less the job's regret, ``max(0, max_q (v_jq - y_q w_jq)) - (v_jp -
    y_p w_jp)``.
    """
    known = worth_cny(table, taken)
    reduced = table.profit_cny - price[table.pool] * table.servers
    best = np.zeros(len(table.stop_cny))
    np.maximum.at(best, table.job, reduced)
    slack = bound - known
    kept = best[table.job] - reduced <= slack + 1e-9 * (1.0 + abs(bound))
    kept[taken] = True
    built = gang_model(table, kept)
    answer = solve(
        built.model, method, gap=gap, seed=seed, time_limit_s=time_limit_s, effort=effort
    )
    proven = answer.status is Status.OPTIMAL
    if answer.solved:
        found = built.arc[built.take.of(answer.x) > 0.5]
        if worth_cny(table, found) > known:
            taken, known = found, worth_cny(table, found)
    if np.isfinite(answer.bound):
        bound = max(min(bound, -answer.bound), known)
    if proven:
        return taken, bound, True, ""
    limit = f"the limit of effort {effort:g}"
    if time_limit_s is not None:
        limit += f" or of {time_limit_s:g} s"
    return taken, bound, False, f"{limit} was reached before {method} proved the best placement"
