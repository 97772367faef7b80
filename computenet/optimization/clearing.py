"""Bids are cleared: who is served, from which pools, and at what price.

Bids that may take the same arcs at the same cost form a *group*; a group's bids differ in amount,
price and rank only, so a hundred thousand bids make a few hundred rows. With `g` groups, `b` bids,
and everything else as in :mod:`computenet.optimization.matching_model`:

    min  sum_a c_a x_a + sum_b v_b u_b                               (CNY an hour)
    s.t. demand     sum_(a of g) x_a + sum_(b of g) u_b = sum_(b of g) D_b
         capacity, site power, pairs, links                          as there
         priority   sum_(b of level k) u_b <= U_k
         bids       0 <= u_b <= D_b;   u_b = 0 for what must run
         whole      u_b in {0, D_b}
         one pool   x_a in {0, D_b},   sum_(a of b) x_a <= D_b       (each such bid is a group)

`U_k` is the least unmet amount of level `k` when all higher levels have theirs: levels are cleared
one after the other from the highest (lexicographic goal programming). The lowest level has no such
row. Bids of one group, level and price are served in their order.

Prices are the duals of the linear model; where there are whole-number parts they are fixed at
their values first, as in markets with unit commitment (R. P. O'Neill et al., *Efficient
market-clearing prices in markets with nonconvexities*, EJOR 164, 2005).
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array

from computenet.optimization.conflicts import explain
from computenet.optimization.matching_model import MatchingModel, MatchingPrices, matching_model
from computenet.optimization.matching_problem import MatchingProblem
from computenet.optimization.problem_checks import ProblemChecks
from computenet.optimization.solvers import HotModel, Solution, Status
from computenet.optimization.sparse import Block, ModelBuilder, SparseModel

__all__ = ["ALL", "ANY", "ONE_POOL", "Bids", "Cleared", "clear"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
B1 = NDArray[np.bool_]

#: What a bid takes: any part of its amount, all or nothing, all or nothing from one pool.
ANY, ALL, ONE_POOL = 0, 1, 2
#: What is within this share of nothing or of all is rounding.
ROUNDING = 1e-7
#: Change of a capacity by which the sides of its price are told apart; below the amounts bid.
STEP = 1e-3


@dataclass(frozen=True, slots=True)
class Bids:
    """What is asked for, axis ``B``.

    Attributes
    ----------
    group
        ``(B,)`` row of the matching problem.
    amount
        ``(B,)`` units.
    price_cny
        ``(B,)`` CNY an hour that a unit is worth; not read where the bid must run.
    priority
        ``(B,)`` larger goes first, whatever it pays.
    must_run
        ``(B,)`` whether it must be served whole.
    whole
        ``(B,)`` `ANY`, `ALL` or `ONE_POOL`; a bid of one pool is alone in its group.
    """

    group: I8
    amount: F8
    price_cny: F8
    priority: I8
    must_run: B1
    whole: I8

    def check(self, groups: int) -> None:
        """Raise `InputError` with every fault."""
        checks = ProblemChecks("bids")
        shape = self.amount.shape
        checks.indices("group", self.group.astype(np.int32), shape, groups)
        checks.numbers("amount", self.amount, shape, infinite=False)
        checks.numbers(
            "price_cny", np.where(self.must_run, 0.0, self.price_cny), shape, infinite=False
        )
        checks.done()
        alone = np.bincount(self.group, minlength=groups)[self.group] == 1
        for bid in np.flatnonzero((self.whole == ONE_POOL) & ~alone)[:1]:
            checks.add(f"group[{bid}]", int(self.group[bid]), "is shared by a bid of one pool",
                       "a group of its own")  # fmt: skip
        checks.done()


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
        CNY an hour, unmet bids at their price; `bound` is certified.
    prices
        Duals of the constraints.
    pool_range_cny
        ``(P, 2)`` price of a pool's capacity when there is a little more and a little less of it:
        where they differ the price is degenerate. NaN where it was not asked for.
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
class _Market:
    """The model, and what its columns stand for."""

    whole: MatchingModel
    model: SparseModel
    scale: F8  # (n,) units of a column; above 1 for whole-number columns only
    tranche: I8  # (B,) column of unmet demand that a bid shares; -1 = none
    rejected: Block
    level: Block
    levels: I8  # priorities that have a row, highest first
    level_of: I8  # (T,) row of each tranche's level, -1 = none


def clear(
    problem: MatchingProblem,
    bids: Bids,
    *,
    gap: float = 1e-4,
    time_limit_s: float | None = None,
    ranges: bool = True,
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

    Raises
    ------
    InputError
        The problem or the bids cannot be used.
    SolverError
        The solver fails.
    """
    began = time.perf_counter()
    bids.check(problem.n_demands)
    demand = np.bincount(bids.group, weights=bids.amount, minlength=problem.n_demands).astype(
        np.float64
    )
    problem = replace(
        problem, demand=demand, unmet_cny=np.full(problem.n_demands, np.inf), congestion=None
    )
    problem.check()
    market = _market(problem, bids)
    hot = HotModel(market.model, gap=gap, time_limit_s=time_limit_s)
    answer = _by_level(hot, market)
    fixed = bool(market.model.integer.any())
    bound = answer.bound
    if fixed and answer.solved:
        status = answer.status
        hot = HotModel(_fixed(hot.model, answer.x), time_limit_s=time_limit_s)
        answer = replace(hot.solve(), status=status)
    x = np.maximum(answer.x, 0.0) * market.scale if answer.solved else answer.x
    explanation = explain(hot.model) if answer.status is Status.INFEASIBLE else ""
    whole = market.whole
    flow = whole.flow.of(x)
    prices = whole.prices(answer.row_duals, answer.reduced_costs, None)
    wide = np.full((problem.n_pools, 2), np.nan)
    if ranges and answer.status is Status.OPTIMAL:
        wide = _ranges(hot, whole.pool, problem, prices.pool_cny, flow)
    return Cleared(
        status=answer.status,
        flow=np.where(np.abs(flow) < ROUNDING, 0.0, flow),
        unmet=_unmet(market, bids, x),
        objective=answer.objective,
        bound=min(bound, answer.objective),
        prices=prices,
        pool_range_cny=wide,
        fixed=fixed,
        seconds=time.perf_counter() - began,
        explanation=explanation,
    )


# ---- the model ----------------------------------------------------------------------------


def _market(problem: MatchingProblem, bids: Bids) -> _Market:
    """Return the matching model of the groups with the bids' columns and levels added."""
    whole = matching_model(problem)
    tranche, first, amount = _tranches(bids)
    builder = ModelBuilder.on(whole.model)
    rejected = builder.add_columns("unmet", (len(first),), cost=bids.price_cny[first], upper=amount)
    builder.add_terms(whole.demand.index(bids.group[first]), rejected.index(), 1.0)
    levels = np.unique(bids.priority[first])[:0:-1]
    level = builder.add_rows(
        "priority", (len(levels),), axes=(tuple(str(value) for value in levels),)
    )
    level_of = np.full(len(first), -1)
    for row, value in enumerate(levels):
        level_of[bids.priority[first] == value] = row
    inside = np.flatnonzero(level_of >= 0)
    builder.add_terms(level.index(level_of[inside]), rejected.index(inside), 1.0)
    model = builder.build()
    scale = np.ones(model.n)
    integer = np.zeros(model.n, dtype=np.bool_)
    all_or_none = bids.whole[first] == ALL
    scale[rejected.slice] = np.where(all_or_none, amount, 1.0)
    integer[rejected.slice] = all_or_none
    # Flow of bids of one pool counts in bids; those of nothing stay as they are.
    single = np.zeros(problem.n_demands)
    one = (bids.whole == ONE_POOL) & (bids.amount > 0.0)
    single[bids.group[one]] = bids.amount[one]
    of_arc = single[problem.arc_demand]
    scale[whole.flow.slice] = np.where(of_arc > 0.0, of_arc, 1.0)
    integer[whole.flow.slice] = of_arc > 0.0
    return _Market(
        whole, _scaled(model, scale, integer), scale, tranche, rejected, level,
        np.asarray(levels, dtype=np.int64), level_of,
    )  # fmt: skip


def _tranches(bids: Bids) -> tuple[I8, I8, F8]:
    """Return the tranche of each bid, the first bid of each tranche, and their amounts.

    Bids of one group, level and price share a column; whole ones have their own, and those that
    must run or ask for nothing have none.
    """
    tranche = np.full(len(bids.amount), -1, dtype=np.int64)
    open_ = np.flatnonzero(~bids.must_run & (bids.amount > 0.0))
    if not open_.size:
        return tranche, open_, np.zeros(0)
    alone = np.where(bids.whole[open_] == ANY, 0, 1 + np.arange(len(open_)))
    keys = (alone, bids.price_cny[open_], bids.priority[open_], bids.group[open_])
    order = np.lexsort(keys)
    changed = np.zeros(len(order), dtype=np.bool_)
    for key in keys:
        changed[1:] |= key[order][1:] != key[order][:-1]
    number = np.cumsum(changed)
    tranche[open_[order]] = number
    first = np.full(int(number[-1]) + 1, len(bids.amount))
    np.minimum.at(first, number, open_[order])
    amount = np.bincount(number, weights=bids.amount[open_[order]]).astype(np.float64)
    return tranche, first.astype(np.int64), amount


def _scaled(model: SparseModel, scale: F8, integer: B1) -> SparseModel:
    """Return the model in columns that count `scale` units each."""
    matrix = model.matrix.copy()
    matrix.data = matrix.data * np.repeat(scale, np.diff(matrix.indptr))
    upper = np.where(integer, 1.0, model.upper / scale)
    return replace(
        model, matrix=csc_array(matrix), cost=model.cost * scale, upper=upper, integer=integer
    )


# ---- solving ------------------------------------------------------------------------------


def _by_level(hot: HotModel, market: _Market) -> Solution:
    """Solve for the least unmet amount of each level in turn, then for the least cost."""
    cost = hot.model.cost.copy()
    everything = np.arange(hot.model.n)
    for row in range(len(market.levels)):
        goal = np.zeros(hot.model.n)
        goal[market.rejected.slice] = market.level_of == row
        hot.set_costs(everything, goal * market.scale)
        answer = hot.solve()
        if not answer.solved:
            return answer
        at = market.level.index([row])
        least = max(answer.objective, 0.0) * (1.0 + 1e-9) + 1e-9
        hot.set_row_bounds(at, np.full(1, -np.inf), np.full(1, least))
    if len(market.levels):
        hot.set_costs(everything, cost)
    return hot.solve()


def _fixed(model: SparseModel, x: F8) -> SparseModel:
    """Return the linear model in which whole-number columns have their values."""
    value = np.round(x)
    return replace(
        model,
        lower=np.where(model.integer, value, model.lower),
        upper=np.where(model.integer, value, model.upper),
        integer=np.zeros(model.n, dtype=np.bool_),
    )


def _ranges(hot: HotModel, rows: Block, problem: MatchingProblem, price: F8, flow: F8) -> F8:
    """Return the price of each pool's capacity above and below what there is, ``(P, 2)``."""
    used = np.bincount(problem.arc_pool, weights=problem.arc_use * flow, minlength=problem.n_pools)
    out = np.zeros((problem.n_pools, 2))
    room = problem.capacity - used
    for pool in np.flatnonzero((price > 0.0) | (room <= STEP)):
        row, limit = rows.index([pool]), float(problem.capacity[pool])
        for side, other in enumerate((limit + STEP, limit - min(STEP, limit))):
            if other == limit:
                out[pool, side] = np.inf
                continue
            hot.set_row_bounds(row, np.full(1, -np.inf), np.full(1, other))
            answer = hot.solve()
            # With less of it, what must run may have no room: then there is no price.
            dual = -float(answer.row_duals[row[0]]) if answer.solved else np.inf
            out[pool, side] = max(dual, 0.0)
        hot.set_row_bounds(row, np.full(1, -np.inf), np.full(1, limit))
    # The price itself is one of those in between.
    out[:, 0] = np.minimum(out[:, 0], price)
    out[:, 1] = np.maximum(out[:, 1], price)
    return out


def _unmet(market: _Market, bids: Bids, x: F8) -> F8:
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
    small = ROUNDING * np.maximum(amount, 1.0)
    left = np.where(left < small, 0.0, np.where(served < small, amount, left))
    unmet[order] = left
    return unmet
