"""Bids are cleared: who is served, from which pools, and at what price.

The model is that of :mod:`computenet.optimization.clearing_model`. Levels of priority are cleared
one after the other from the highest (lexicographic goal programming), then everything for the
least cost. Bids of one group, level and price are served in their order.

Prices are the duals of the linear model; where there are whole-number parts they are fixed at
their values first, as in markets with unit commitment (R. P. O'Neill et al., *Efficient
market-clearing prices in markets with nonconvexities*, EJOR 164, 2005).
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from computenet.optimization.clearing_levels import ROUNDING, by_level, decided, ties_served
from computenet.optimization.clearing_model import ALL, ANY, ONE_POOL, Bids, Market, market_of, sums
from computenet.optimization.conflicts import conflicts, explain
from computenet.optimization.matching_model import MatchingPrices
from computenet.optimization.matching_problem import MatchingProblem
from computenet.optimization.prices import pool_power_mw
from computenet.optimization.solution import no_solution
from computenet.optimization.solvers import HotModel, Solution, Status
from computenet.optimization.sparse import SparseModel
from computenet.units import BITS_PER_BYTE

__all__ = ["ALL", "ANY", "ONE_POOL", "Bids", "Cleared", "clear"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
B1 = NDArray[np.bool_]

#: Columns up to which levels are cleared anew for the range of a price.
AGAIN = 20_000
#: Largest amount of a group in the model; larger ones are told in larger units.
LARGEST = 2.0**20
#: Change of a capacity by which the sides of its price are told apart; below the amounts bid.
STEP = 1e-3


@dataclass(frozen=True, slots=True)
class Cleared:
    """A cleared market.

    Attributes
    ----------
    status
        How the solve ended; without a solution the arrays are NaN.
    flow
        ``(A,)`` units by arc of the problem.
    unmet
        ``(B,)`` units.
    objective, bound
        CNY an hour, unmet bids at their price; `bound` is certified, minus infinity where none is
        known.
    prices
        Duals of the constraints.
    pool_range_cny
        ``(P, 2)`` price of a pool's capacity with its power when there is a little more and a
        little less of both: where they differ the price is degenerate. NaN where it was not asked
        for.
    fixed
        Whether prices stand for whole-number decisions that are taken.
    seconds
        Wall time.
    explanation
        Why there is no solution, in a user's words.
    """

    status: Status
    flow: F8
    unmet: F8
    objective: float
    bound: float
    prices: MatchingPrices
    pool_range_cny: F8
    fixed: bool
    seconds: float
    explanation: str = ""

    @property
    def solved(self) -> bool:
        """Whether there is a solution."""
        return self.status in (Status.OPTIMAL, Status.FEASIBLE)


@dataclass(frozen=True, slots=True)
class Found:
    """What was found before prices are probed: flow, and price of a unit with its power."""

    flow: F8  # (A,)
    price: F8  # (P,)


def clear(
    problem: MatchingProblem,
    bids: Bids,
    *,
    gap: float = 1e-4,
    time_limit_s: float | None = None,
    ranges: bool = True,
    pool_mw: F8 | None = None,
) -> Cleared:
    """Return who is served and at what price.

    Parameters
    ----------
    problem
        Groups as demand rows; their demand and price of unmet demand are taken from the bids.
    gap
        Relative gap at which whole-number decisions are good enough.
    time_limit_s
        Wall time of each solve; a result then depends on the machine's speed.
    ranges
        Whether the ranges of prices are looked for: two more solves a pool that has a price.
    pool_mw
        ``(P,)`` MW that a unit of each pool draws at its site; without it the mean over the arcs.

    Raises
    ------
    InputError
        The problem or the bids cannot be used.
    SolverError
        The solver fails.
    """
    began = time.perf_counter()
    bids.check(problem.n_demands)
    demand = sums(bids.group, bids.amount, problem.n_demands)
    problem = replace(
        problem, demand=demand, unmet_cny=np.full(problem.n_demands, np.inf), congestion=None
    )
    problem.check()
    # A power of two, so that amounts keep every digit.
    unit = float(2.0 ** max(np.ceil(np.log2(max(demand.max(initial=0.0), 1.0) / LARGEST)), 0.0))
    if unit > 1.0:
        problem = problem.in_units(unit)
        bids = replace(bids, amount=bids.amount / unit)
    market = market_of(problem, bids)
    hot = HotModel(market.model, gap=gap, time_limit_s=time_limit_s)
    answer, felt = by_level(hot, market)
    whole_numbers = bool(market.model.integer.any())
    bound = answer.bound
    if whole_numbers and answer.solved:
        hot, answer = decided(hot.model, answer, time_limit_s)
    if not hot.model.n:
        # Where nothing is wanted nothing is scarce; solvers give no duals then.
        answer = replace(answer, row_duals=np.zeros(hot.model.m))
    if answer.solved and np.isnan(answer.row_duals).any():
        # A solve that was stopped before it had prices.
        answer = no_solution(hot.model, Status.NO_SOLUTION, answer.seconds, bound, answer.solver)
    if answer.solved:
        answer = replace(answer, x=ties_served(hot, market, answer))
    x = np.maximum(answer.x, 0.0) * market.scale if answer.solved else answer.x
    explanation = (
        _explanation(hot.model, market, unit) if answer.status is Status.INFEASIBLE else ""
    )
    whole = market.whole
    flow = whole.flow.of(x)
    prices = whole.prices(answer.row_duals, answer.reduced_costs, None)
    wide = np.full((problem.n_pools, 2), np.nan)
    if ranges and answer.status is Status.OPTIMAL:
        mw = pool_power_mw(problem, flow) if pool_mw is None else pool_mw
        price = prices.pool_cny.copy()
        if problem.power is not None:
            price += mw * prices.site_cny_per_mw[problem.power.pool_site]
        wide = _ranges(hot, market, problem, mw, Found(flow, price), felt)
    return Cleared(
        status=answer.status,
        flow=unit * np.where(np.abs(flow) < ROUNDING, 0.0, flow),
        unmet=unit * _unmet(market, bids, x),
        objective=unit * answer.objective,
        bound=unit * min(bound, answer.objective),
        prices=prices,
        pool_range_cny=wide,
        fixed=whole_numbers,
        seconds=time.perf_counter() - began,
        explanation=explanation,
    )


def _explanation(model: SparseModel, market: Market, unit: float) -> str:
    """Return why nothing was found: limits that would have to give way, or parts to be whole."""
    if model.integer.any() and not conflicts(model):
        return "what must run would fit in parts, but not whole or not in one pool"
    # What must run is wanted, and the traffic of a pair is no limit.
    keep = np.zeros(model.m, dtype=np.bool_)
    whole = market.whole
    for block in (whole.demand, whole.pair):
        keep[block.slice] = True
    units = {
        whole.pool.name: (unit, "accelerators"),
        whole.site.name: (unit, "MW"),
        whole.link.name: (unit * BITS_PER_BYTE, "Gbps"),
    }
    return explain(model, keep=keep, units=units)


def _ranges(
    hot: HotModel, market: Market, problem: MatchingProblem, mw: F8, found: Found, felt: B1
) -> F8:
    """Return the price of each pool's capacity above and below what there is, ``(P, 2)``.

    Capacity moves together with the power that it draws, so each end is a slope of the optimum,
    which all duals of a solve agree on: what is scarce may change from one row to the other on the
    way. Whole-number decisions stay. Levels keep what they got unless the change touches them:
    more may if it held one back (`felt`), less if they cannot keep it. Then they are cleared anew;
    a large model leaves such an end open (NaN).
    """
    whole, price = market.whole, found.price
    level = market.level.index()
    out = np.zeros((problem.n_pools, 2))
    for pool in np.flatnonzero(_scarce(problem, mw, found)).tolist():
        rows, by = [int(whole.pool.index([pool])[0])], [1.0]
        if problem.power is not None and mw[pool] > 0.0:
            rows.append(int(whole.site.index([problem.power.pool_site[pool]])[0]))
            by.append(float(mw[pool]))
        row, weight = np.asarray(rows), np.asarray(by)
        limit = hot.model.row_upper[row]
        taken = min(STEP, float((limit / weight).min()))
        for side, step in enumerate((STEP, -taken)):
            if step == 0.0:
                # Nothing can be taken away, so no price is too high.
                out[pool, side] = np.inf
                continue
            kept = hot.model.row_upper[level]
            hot.set_row_bounds(row, np.full(len(row), -np.inf), limit + step * weight)
            anew = side == 0 and bool(felt[row].any())
            answer = None if anew else hot.solve()
            if len(level) and (answer is None or answer.status is Status.INFEASIBLE):
                answer = by_level(hot, market)[0] if hot.model.n <= AGAIN else None
                hot.set_row_bounds(level, np.full(len(level), -np.inf), kept)
            out[pool, side] = _worth(answer, row, weight)
        hot.set_row_bounds(row, np.full(len(row), -np.inf), limit)
    # The price itself is one of those in between.
    out[:, 0] = np.minimum(out[:, 0], price)
    out[:, 1] = np.maximum(out[:, 1], price)
    return out


def _scarce(problem: MatchingProblem, mw: F8, found: Found) -> B1:
    """Return the pools whose capacity or power is used up or has a price, ``(P,)``."""
    used = np.bincount(
        problem.arc_pool, weights=problem.arc_use * found.flow, minlength=problem.n_pools
    )
    scarce = np.asarray((found.price > 0.0) | (problem.capacity - used <= STEP))
    if problem.power is not None:
        site, limit = problem.power.pool_site, problem.power.site_mw
        drawn = np.bincount(
            site[problem.arc_pool], problem.power.arc_mw * found.flow, minlength=len(limit)
        )
        scarce |= (mw > 0.0) & ((limit - drawn)[site] <= STEP * mw)
    return scarce


def _worth(answer: Solution | None, rows: I8, weights: F8) -> float:
    """Return the price of limits in a solution: infinite where there is none, NaN if unknown."""
    if answer is not None and answer.status is Status.OPTIMAL:
        return float(np.maximum(-answer.row_duals[rows], 0.0) @ weights)
    # With less of it, what must run may have no room: then no price is too high.
    return np.inf if answer is not None and answer.status is Status.INFEASIBLE else np.nan


def _unmet(market: Market, bids: Bids, x: F8) -> F8:
    """Return what each bid does not get; within a tranche earlier bids are served first."""
    if np.isnan(x).any():
        return np.full(len(bids.amount), np.nan)
    unmet = np.zeros(len(bids.amount))
    of = market.rejected.of(x)
    shared = np.flatnonzero(market.tranche >= 0)
    order = shared[np.argsort(market.tranche[shared], kind="stable")]
    tranche, amount = market.tranche[order], bids.amount[order]
    total = np.bincount(tranche, weights=amount, minlength=len(of))
    behind = np.cumsum(amount)
    start = np.concatenate([[0.0], np.cumsum(total)])[tranche]
    served = np.clip((total - of)[tranche] - (behind - amount - start), 0.0, amount)
    left = amount - served
    small = ROUNDING * np.minimum(amount, 1.0) + 1e-12 * amount
    # Solvers hold whole numbers to this.
    small[bids.whole[order] != ANY] = 2.0 * ROUNDING * amount[bids.whole[order] != ANY]
    left = np.where(left < small, 0.0, np.where(served < small, amount, left))
    unmet[order] = left
    return unmet
