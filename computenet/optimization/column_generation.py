"""Matching by column generation: a small model of promising arcs, all arcs priced every round.

An optimum uses little more than one arc a demand, out of hundreds. So

1. good prices are found without an LP, by climbing a smooth bound
   (:meth:`~computenet.optimization.arc_pricing.ArcPricing.approximate`);
2. the model is restricted to the arcs that are cheap at those prices and solved by a kept simplex;
3. its prices and the best prices so far give a certified lower bound; arcs that are cheap at
   either are added, and 2 is repeated until bound and objective meet.

Where the restricted model leaves unmet what must be met, at whatever price stands in for that, the
least such amount is found by the same means with all costs 0. A bound above 0 on it proves that
there is no solution; else its arcs are added, and nothing that must be met may be left from there.

The prices that are tried for the bound lie between the best so far and the model's (Wentges, *Int.
Trans. Oper. Res.* 4, 1997): a restricted model's own prices are wild at first.
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from computenet.optimization.arc_pricing import TEMPERATURES, ArcPricing
from computenet.optimization.matching_model import (
    Matching,
    MatchingModel,
    MatchingPrices,
    matching_model,
    segment_limits,
)
from computenet.optimization.matching_problem import MatchingProblem
from computenet.optimization.must_demand import OVER_UNMET, is_short, shortage_problem, told_short
from computenet.optimization.solvers import HotModel, Solution, Status, relative_gap

__all__ = ["ColumnGeneration"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
B1 = NDArray[np.bool_]

#: Arcs of a demand in the first model, and how much dearer than the cheapest, in typical costs.
FIRST, WIDTH = 12, 0.15
#: Arcs of a demand added each round: cheap at the best prices, and at the model's.
NEAR, NEGATIVE = 3, 2
#: Steps from the best prices to the model's at which the bound is tried.
STEPS = (1.0, 0.6, 0.3, 0.1, 0.02)
#: Least shortage, over all that must be met, that is no rounding of its bound.
PROOF = 1e-12
LATE = "the time limit was reached before all that must be met was"
UNPROVED = "it was neither found how to meet all that must be met nor proved that it cannot be"
#: Columns a demand has in the mean before those that have become dear are left out.
CROWDED = 50


class ColumnGeneration:
    """Column generation whose columns, basis and prices are kept for the next epoch.

    Parameters
    ----------
    problem
        A checked problem; later ones must have its structure.
    gap
        Relative gap to stop at.
    """

    def __init__(self, problem: MatchingProblem, *, gap: float = 1e-4) -> None:
        self._gap = gap
        self._pricing = ArcPricing(problem)
        self._best_prices = np.zeros(len(self._pricing.limits))
        self._hot: HotModel | None = None

    # ---- the restricted model ---------------------------------------------------------------

    def _sorted_arcs(self, arcs: I8) -> I8:
        """Return numbers in the problem of arcs numbered in sorted order."""
        order = self._pricing.order
        return arcs if order is None else np.asarray(order[arcs], dtype=np.int64)

    def _start_model(self, arcs: I8) -> None:
        """Build the restricted model on arcs (sorted order)."""
        problem, pricing = self._pricing.problem, self._pricing
        self._arcs = arcs
        self._model = matching_model(_must_cny(problem, pricing.unmet), self._sorted_arcs(arcs))
        self._at = self._model.flow.index()
        self._hot = HotModel(self._model.model)
        rows = [self._model.pool, self._model.site, self._model.link]
        self._rows = np.concatenate([block.index() for block in rows])

    def _append(self, arcs: I8) -> None:
        """Add columns of arcs in sorted order."""
        if not arcs.size:
            return
        assert self._hot is not None
        priced, model = self._pricing.arcs, self._model
        power, traffic = self._pricing.problem.power, self._pricing.problem.traffic
        pool = priced.pool[arcs]
        rows = [model.demand.index(self._of_demand(arcs)), model.pool.index(pool)]
        values = [np.ones(len(arcs)), priced.use[arcs]]
        if power is not None:
            rows.append(model.site.index(power.pool_site[pool]))
            values.append(priced.mw[arcs])
        if traffic is not None:
            rows.append(model.pair.index(np.maximum(priced.pair[arcs], 0)))
            values.append(np.where(priced.pair[arcs] >= 0, priced.gb_s[arcs], 0.0))
        row, value = np.stack(rows, axis=1), np.stack(values, axis=1)
        kept = value != 0.0
        start = np.concatenate([[0], np.cumsum(kept.sum(axis=1))])
        upper = np.full(len(arcs), np.inf) if not priced.upper.size else priced.upper[arcs]
        first = self._hot.model.n
        self._hot.add_columns(
            priced.cny[arcs], np.zeros(len(arcs)), upper, start, row[kept], value[kept]
        )
        self._arcs = np.concatenate([self._arcs, arcs])
        self._at = np.concatenate([self._at, np.arange(first, first + len(arcs))])

    def _of_demand(self, arcs: I8) -> I8:
        return np.asarray(
            np.searchsorted(self._pricing.arcs.first, arcs, side="right") - 1, dtype=np.int64
        )

    def _prices(self, answer: Solution) -> F8:
        return np.asarray(np.maximum(-answer.row_duals[self._rows], 0.0), dtype=np.float64)

    # ---- solving ----------------------------------------------------------------------------

    def solve(
        self, problem: MatchingProblem | None = None, *, time_limit_s: float | None = None
    ) -> Matching:
        """Solve, from the last columns and basis where there are any.

        Parameters
        ----------
        problem
            New costs and limits on the same structure.
        time_limit_s
            Wall time. When it is reached the best matching so far stands, at worst one that
            meets nothing.
        """
        self._began = time.perf_counter()
        until_s = np.inf if time_limit_s is None else self._began + time_limit_s
        self._until_s = until_s
        pricing = self._pricing
        if problem is not None:
            pricing.update(problem)
        self._bound, self._left_over = -np.inf, -1
        self._incumbent: Solution | None = None
        self._closed = False
        if self._hot is None or self._crowded():
            known = self._hot is not None
            self._best_prices = pricing.approximate(
                self._best_prices, until_s, TEMPERATURES[-1:] if known else TEMPERATURES
            )
            self._taken = np.zeros(len(pricing.arcs.pool), dtype=np.bool_)
            self._try(self._best_prices)
            below = pricing.lowest + WIDTH * pricing.typical_cny
            self._start_model(pricing.choose(self._best_prices, below, FIRST, self._taken))
        else:
            self._follow()
            self._try(self._best_prices)
        rounds = self._rounds(until_s)
        if self._ended and self._short():
            least = self._least_shortage(until_s)
            if is_short(pricing.problem, least.unmet).any() or not least.solved:
                return self._infeasible(least, rounds)
            self._close(least)
            rounds += self._rounds(until_s)
        return self._result(rounds)

    def _crowded(self) -> bool:
        return len(self._arcs) > CROWDED * max(self._pricing.problem.n_demands, 1)

    def _try(self, prices: F8, demand_prices: F8 | None = None) -> None:
        """Keep prices if their bound is the best."""
        bound = self._pricing.bound(prices, demand_prices)
        if bound > self._bound:
            self._bound, self._best_prices = bound, prices

    def _follow(self) -> None:
        """Hand the costs and limits of a new epoch to the kept model."""
        hot, model, pricing = self._hot, self._model, self._pricing
        assert hot is not None
        p = pricing.problem
        cost, upper = hot.model.cost.copy(), hot.model.upper.copy()
        low, high = hot.model.row_lower.copy(), hot.model.row_upper.copy()
        cost[self._at] = pricing.arcs.cny[self._arcs]
        upper[self._at] = np.inf if p.arc_upper is None else pricing.arcs.upper[self._arcs]
        cost[model.unmet.slice], upper[model.unmet.slice] = pricing.unmet, np.inf
        low[model.demand.slice] = high[model.demand.slice] = p.demand
        high[self._rows] = pricing.limits
        if p.congestion is not None:
            high[model.pool.slice] = 0.0
            cost[model.segment.slice] = p.congestion.extra_cny.ravel()
            upper[model.segment.slice] = segment_limits(p.congestion, p.capacity).ravel()
        if p.power is not None and p.power.excess_cny is not None:
            price, width = p.power.excess_bounds()
            cost[model.excess.slice], upper[model.excess.slice] = price.ravel(), width.ravel()
        if p.traffic is not None:
            cost[model.path.slice] = p.traffic.path_cny
        costs, bounds = hot.follow(cost, upper, low, high)
        hot.use_primal(costs and not bounds)

    def _rounds(self, until_s: float) -> int:
        """Solve restricted models until the gap is closed or nothing is left to add."""
        hot = self._hot
        assert hot is not None
        rounds = 0
        while True:
            left_s = until_s - time.perf_counter()
            if left_s <= 0.0:
                return rounds
            hot.limit(None if np.isinf(left_s) else left_s)
            answer = hot.solve()
            rounds += 1
            if not answer.solved:
                return rounds
            if answer.objective <= self._objective:
                self._incumbent = answer
            if answer.status is not Status.OPTIMAL:
                return rounds
            demand_prices = self._model.demand.of(answer.row_duals)
            if self._closed:
                must = np.isinf(self._pricing.problem.unmet_cny)
                self._pricing.raise_must(OVER_UNMET * float(demand_prices[must].max()))
            prices = self._prices(answer)
            before = self._best_prices
            for step in STEPS:
                self._try(before + step * (prices - before), demand_prices)
            if relative_gap(self._objective, self._bound) <= self._gap:
                return rounds
            self._left_over = self._price_in(prices, demand_prices)
            if not self._left_over:
                return rounds
            hot.use_primal(True)

    def _least_shortage(self, until_s: float) -> Matching:
        """Return the matching that leaves the least of what must be met, whatever it costs."""
        p = self._pricing.problem
        least = shortage_problem(p)
        unit = float(least.demand.max())
        left_s = None if np.isinf(until_s) else max(until_s - time.perf_counter(), 0.0)
        found = ColumnGeneration(least.in_units(unit), gap=1e-9).solve(time_limit_s=left_s)
        flow, unmet = found.flow * unit, found.unmet * unit
        return replace(found, flow=flow, unmet=unmet, bound=found.bound * unit)

    def _close(self, least: Matching) -> None:
        """Let no more of what must be met be left than in a matching, whose arcs are added."""
        hot, order = self._hot, self._pricing.order
        assert hot is not None
        used = least.flow if order is None else least.flow[order]
        more = np.flatnonzero((used > 0.0) & ~self._taken)
        self._taken[more] = True
        self._append(more)
        must = np.flatnonzero(np.isinf(self._pricing.problem.unmet_cny))
        columns = self._model.unmet.index(must)
        hot.set_column_bounds(columns, np.zeros(len(must)), least.unmet[must])
        hot.set_costs(columns, np.zeros(len(must)))
        hot.use_primal(False)
        self._closed, self._incumbent, self._left_over = True, None, -1

    def _short(self) -> bool:
        """Return whether the best solution so far leaves what must be met."""
        unmet = self._model.unmet.of(self._found.x)
        return not self._closed and bool(is_short(self._pricing.problem, unmet).any())

    @property
    def _found(self) -> Solution:
        assert self._incumbent is not None
        return self._incumbent

    @property
    def _ended(self) -> bool:
        """Whether there is a solution of the restricted model that is the best of the whole."""
        if self._incumbent is None:
            return False
        exact = self._incumbent.status is Status.OPTIMAL and self._left_over == 0
        return exact or relative_gap(self._objective, self._bound) <= max(self._gap, 1e-9)

    @property
    def _objective(self) -> float:
        return np.inf if self._incumbent is None else self._incumbent.objective

    def _price_in(self, prices: F8, demand_prices: F8) -> int:
        """Add arcs that are cheap at the best prices or at the model's; return how many."""
        pricing = self._pricing
        tolerance = 1e-9 * pricing.typical_cny
        negative = pricing.choose(prices, demand_prices - tolerance, NEGATIVE, self._taken)
        if not negative.size:
            return 0
        pricing.bound(self._best_prices)
        below = pricing.lowest + 0.25 * WIDTH * pricing.typical_cny
        near = pricing.choose(self._best_prices, below, NEAR, self._taken)
        self._append(np.concatenate([negative, near]))
        return len(negative) + len(near)

    # ---- what came out ----------------------------------------------------------------------

    def _result(self, rounds: int) -> Matching:
        p, model, answer = self._pricing.problem, self._model, self._incumbent
        if answer is None:
            return self._nothing_met(rounds)
        x = np.maximum(answer.x, 0.0)
        known = self._at < len(x)
        arcs, at = self._sorted_arcs(self._arcs[known]), self._at[known]
        flow, arc = np.zeros(p.n_arcs), np.zeros(p.n_arcs)
        flow[arcs] = x[at]
        if p.arc_upper is not None:
            arc[arcs] = np.maximum(-answer.reduced_costs[at], 0.0)
        unmet = model.unmet.of(x)
        if self._short():
            return self._without(Status.NO_SOLUTION, rounds, LATE)
        must = np.isinf(p.unmet_cny)
        paid = float(self._cost_of_unmet[must] @ unmet[must])  # of rounding, at no real price
        objective = answer.objective - paid
        pool, site, link = np.split(
            self._prices(answer), np.cumsum([model.pool.size, model.site.size])
        )
        prices = MatchingPrices(
            model.demand.of(answer.row_duals), pool, site, -model.pair.of(answer.row_duals), link,
            arc,
        )  # fmt: skip
        return Matching(
            Status.OPTIMAL if self._ended else Status.FEASIBLE, "columns", flow, unmet,
            model.path.of(x), model.segment.of(x), objective, min(self._bound, objective),
            self._seconds(), prices, rounds=rounds, columns=len(self._arcs),
        )  # fmt: skip

    @property
    def _cost_of_unmet(self) -> F8:
        assert self._hot is not None
        return self._model.unmet.of(self._hot.model.cost)

    def _late(self) -> bool:
        return time.perf_counter() >= self._until_s

    def _seconds(self) -> float:
        return time.perf_counter() - self._began

    def _nothing_met(self, rounds: int) -> Matching:
        """Return the matching that meets nothing, where that is allowed."""
        p, model = self._pricing.problem, self._model
        demanded = p.demand > 0.0
        if (np.isinf(p.unmet_cny) & demanded).any():
            why = "the time limit was reached before a solution was found"
            if self._closed and not self._late():
                why = UNPROVED
            return self._without(Status.NO_SOLUTION, rounds, why)
        objective = float(p.demand[demanded] @ p.unmet_cny[demanded])
        return Matching(
            Status.FEASIBLE, "columns", np.zeros(p.n_arcs), p.demand.copy(),
            np.zeros(model.path.size), np.zeros(model.segment.shape), objective,
            min(self._bound, objective), self._seconds(), _no_prices(model, p.n_arcs),
            rounds=rounds, columns=len(self._arcs),
        )  # fmt: skip

    def _infeasible(self, least: Matching, rounds: int) -> Matching:
        """Return that what must be met cannot be, where the least shortage proves it."""
        p = self._pricing.problem
        if not least.solved or least.bound <= PROOF * float(p.demand[np.isinf(p.unmet_cny)].sum()):
            return self._without(Status.NO_SOLUTION, rounds, LATE if self._late() else UNPROVED)
        return self._without(Status.INFEASIBLE, rounds, told_short(p, least.unmet))

    def _without(self, status: Status, rounds: int, why: str) -> Matching:
        p, model = self._pricing.problem, self._model
        return Matching(
            status, "columns", np.full(p.n_arcs, np.nan), np.full(p.n_demands, np.nan),
            np.full(model.path.size, np.nan), np.full(model.segment.shape, np.nan), np.inf,
            self._bound, self._seconds(), _no_prices(model, p.n_arcs), why, rounds,
            len(self._arcs),
        )  # fmt: skip


def _no_prices(model: MatchingModel, arcs: int) -> MatchingPrices:
    demand, pool, site, pair, link = (
        np.full(block.size, np.nan)
        for block in (model.demand, model.pool, model.site, model.pair, model.link)
    )
    return MatchingPrices(demand, pool, site, pair, link, np.full(arcs, np.nan))


def _must_cny(problem: MatchingProblem, unmet_cny: F8) -> MatchingProblem:
    """Return the problem with a finite price on all unmet demand."""
    return replace(problem, unmet_cny=unmet_cny)
