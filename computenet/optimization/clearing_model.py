"""Bids on groups of a matching problem, as one model.

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
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array

from computenet.optimization.matching_model import MatchingModel, matching_model
from computenet.optimization.matching_problem import MatchingProblem
from computenet.optimization.problem_checks import ProblemChecks
from computenet.optimization.sparse import Block, ModelBuilder, SparseModel

__all__ = ["ALL", "ANY", "ONE_POOL", "Bids", "Market", "fixed", "market_of", "sums"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
B1 = NDArray[np.bool_]

#: What a bid takes: any part of its amount, all or nothing, all or nothing from one pool.
ANY, ALL, ONE_POOL = 0, 1, 2


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
class Market:
    """The model, and what its columns stand for."""

    whole: MatchingModel
    model: SparseModel
    scale: F8  # (n,) units of a column; above 1 for whole-number columns only
    tranche: I8  # (B,) column of unmet demand that a bid shares; -1 = none
    rejected: Block
    level: Block
    levels: I8  # priorities that have a row, highest first
    level_of: I8  # (T,) row of each tranche's level, -1 = none


def market_of(problem: MatchingProblem, bids: Bids) -> Market:
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
    return Market(
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
    number = np.cumsum(changed).astype(np.int64)
    tranche[open_[order]] = number
    first = np.full(int(number[-1]) + 1, len(bids.amount))
    np.minimum.at(first, number, open_[order])
    return tranche, first, sums(number, bids.amount[open_[order]], len(first))


def sums(index: NDArray[np.integer], values: F8, count: int) -> F8:
    """Return the sum of the values of each index."""
    return np.bincount(index, weights=values, minlength=count).astype(np.float64)


def _scaled(model: SparseModel, scale: F8, integer: B1) -> SparseModel:
    """Return the model in columns that count `scale` units each."""
    matrix = model.matrix.copy()
    matrix.data = matrix.data * np.repeat(scale, np.diff(matrix.indptr))
    upper = np.where(integer, 1.0, model.upper / scale)
    return replace(
        model, matrix=csc_array(matrix), cost=model.cost * scale, upper=upper, integer=integer
    )


def fixed(model: SparseModel, x: F8) -> SparseModel:
    """Return the linear model in which whole-number columns have their values of `x`, ``(n,)``."""
    value = np.clip(x, model.lower, model.upper)
    return replace(
        model,
        lower=np.where(model.integer, value, model.lower),
        upper=np.where(model.integer, value, model.upper),
        integer=np.zeros(model.n, dtype=np.bool_),
    )
