"""Max-min fairness between tenants that may each use several pools.

Who competes with whom is not given here: it follows from which pools each tenant may use, so the
levels of a lexicographic max-min allocation are found by a short sequence of linear programs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from computenet.errors import InputError, Problem
from computenet.optimization.fairness import max_min
from computenet.optimization.solvers import HotModel, SolverError
from computenet.optimization.sparse import Block, ModelBuilder

__all__ = ["PoolShares", "max_min_transport"]

F8 = NDArray[np.float64]
B1 = NDArray[np.bool_]

#: A tenant has stopped where its dual times its weight, which sum to 1 over tenants, is over this
#: part of the mean, or its dual over this part of the largest.
STOPPED = 1e-6
#: Where a tenant gets less than this part of the largest demand, each has a unit of its own,
ALIKE = 1e-3
#: the level in a round goes up to this many times the least demand per weight,
SPAN = 1e3
#: costs are so many times as large, against the solver's tolerance of duals,
FINE = 1e6
#: and rows are kept to HiGHS' least tolerance.
TOLERANCE = 1e-10
#: A pool's unit is what the largest of its tenants takes of it, by this at most.
UNLIKE = 1e6
#: Relative rounding of levels.
ROUNDING = 1e-9
#: Room left to tenants that have stopped, relative, against the solver's tolerance.
SLACK = 1e-9


@dataclass(frozen=True, slots=True)
class PoolShares:
    """A max-min fair allocation of pools to tenants.

    Attributes
    ----------
    amount
        ``(n, P)`` demand of each tenant that each pool serves.
    served
        ``(n,)`` sum over pools.
    level
        ``(n,)`` served demand per weight at which the tenant stopped.
    rounds
        Linear programs solved for levels; one more places the demand at least cost.
    """

    amount: F8
    served: F8
    level: F8
    rounds: int


def max_min_transport(
    demand: ArrayLike,
    capacity: ArrayLike,
    allowed: ArrayLike,
    *,
    use: ArrayLike = 1.0,
    weight: ArrayLike = 1.0,
    cost: ArrayLike = 0.0,
) -> PoolShares:
    """Return the lexicographic max-min fair allocation, placed at least cost.

    Served demand is ``y_i = sum_p x_ip <= d_i`` with ``x_ip >= 0`` on allowed arcs and
    ``sum_i a_ip x_ip <= C_p``. Round by round

        max t  s.t.  y_i - w_i t >= 0   for tenants still rising,
                     y_i  = w_i t_i     for those that stopped at level t_i.

    Tenants with ``d_i <= w_i t`` then have all their demand, and stop at ``d_i / w_i``; the round
    is repeated without them (as in :mod:`computenet.kernels.fairness`, a step of Newton's method
    from the left). Where there is none, tenants whose row of the first kind has a positive dual
    stop at the round's level: by complementary slackness their row binds in every optimal solution,
    so none of them can get more (D. Nace and M. Pioro, *Max-min fairness and its applications to
    routing and load-balancing*, IEEE Communications Surveys 10(4), 2008, algorithm 1; B. Radunovic
    and J.-Y. Le Boudec, *A unified framework for max-min and min-max fairness*, IEEE/ACM ToN 15(5),
    2007). As ``sum_i w_i dual_i = 1``, each round stops at least one. A last program places what
    each tenant gets at least cost. Levels are exact to the solver's tolerance.

    Parameters
    ----------
    demand
        ``(n,)`` finite.
    capacity
        ``(P,)``; infinite = without end.
    allowed
        ``(n, P)`` whether the tenant may use the pool.
    use
        ``(n, P)`` or one: capacity that one unit of demand takes, over 0 on allowed arcs.
    weight
        ``(n,)`` or one, over 0.
    cost
        ``(n, P)`` or one: cost of a unit of demand, finite on allowed arcs.

    Raises
    ------
    InputError
        A number that is negative or none, a weight or use that is not over 0.
    SolverError
        The solver fails.
    """
    demands = np.atleast_1d(np.asarray(demand, dtype=np.float64))
    capacities = np.atleast_1d(np.asarray(capacity, dtype=np.float64))
    arcs = np.asarray(allowed, dtype=np.bool_)
    shape = (len(demands), len(capacities))
    if arcs.shape != shape:
        raise InputError([Problem("allowed", arcs.shape, "has the wrong shape", str(shape))])
    uses, costs = (
        np.broadcast_to(np.asarray(values, dtype=np.float64), shape) for values in (use, cost)
    )
    weights = np.broadcast_to(np.asarray(weight, dtype=np.float64), shape[0])
    _check(arcs, demands, capacities, weights, uses, costs)
    row, column = np.nonzero(arcs & (demands > 0.0)[:, None] & (capacities > 0.0))
    amount, level = np.zeros(shape), np.zeros(shape[0])
    tenants = np.unique(row)
    if not tenants.size:
        return PoolShares(amount, np.zeros(shape[0]), level, 0)
    # Demand in units of the largest, so that tolerances mean the same at any scale.
    unit = float(demands[tenants].max())
    problem = _Transport(
        np.searchsorted(tenants, row), column, demands[tenants] / unit, capacities / unit,
        uses[row, column], weights[tenants] / float(weights[tenants].max()),
        costs[row, column],
    )  # fmt: skip
    rounds = problem.find_levels()
    amount[row, column] = unit * np.maximum(problem.place(), 0.0)
    served = np.minimum(amount.sum(axis=1), demands)
    level[tenants] = problem.level * unit / float(weights[tenants].max())
    return PoolShares(amount, served, level, rounds)


def _check(arcs: B1, demand: F8, capacity: F8, weight: F8, use: F8, cost: F8) -> None:
    problems = []
    for name, values, bad, words in (
        ("demand", demand, ~((demand >= 0.0) & np.isfinite(demand)), "0 or more, finite"),
        ("capacity", capacity, ~(capacity >= 0.0), "0 or more"),
        ("weight", weight, ~((weight > 0.0) & np.isfinite(weight)), "over 0, finite"),
        ("use", use, arcs & ~((use > 0.0) & np.isfinite(use)), "over 0, finite"),
        ("cost", cost, arcs & ~np.isfinite(cost), "finite"),
    ):
        if bad.any():
            at = tuple(int(i) for i in np.argwhere(bad)[0])
            where = f"{name}[{','.join(map(str, at))}]"
            problems.append(Problem(where, float(values[at]), "cannot be used", words))
    if problems:
        raise InputError(problems, "pools cannot be divided")


class _Transport:
    """The linear program, kept hot: only bounds of rows change from round to round."""

    def __init__(
        self,
        row: NDArray[np.int64],
        column: NDArray[np.int64],
        demand: F8,
        capacity: F8,
        use: F8,
        weight: F8,
        cost: F8,
    ) -> None:
        self._row, self._column, self._use, self._capacity = row, column, use, capacity
        self._demand, self._weight, self._cost = demand, weight, cost
        self.level = np.zeros(len(demand))
        # About what each can get: its demand, what its pools have, less where all run short.
        used = np.bincount(column, minlength=len(capacity)) > 0
        self._reach = np.bincount(row, capacity[column] / use, minlength=len(demand))
        total = float(capacity[used].sum()) / float(use.min())
        self._shared = max_min(total, demand, weight).level
        size = np.minimum(np.minimum(demand, weight * self._shared), self._reach)
        self._unlike = bool(size.min() < ALIKE)
        if not self._unlike:
            most = float((demand / weight).max())
            every = np.ones(len(demand), dtype=np.bool_)
            self._build(every, np.ones(len(demand)), np.ones(len(capacity)), 1.0, most)

    def _build(self, rising: B1, unit: F8, pool_unit: F8, level_unit: float, most: float) -> None:
        """Make the program in units of tenants' demand, of pools and of the level."""
        row, column, n = self._row, self._column, len(unit)
        self._unit, self._level_unit = unit, level_unit
        self._worth = FINE if self._unlike else 1.0
        builder = ModelBuilder()
        x = builder.add_columns("served demand", (len(row),))
        t = builder.add_columns("level", (), cost=-self._worth, upper=most / level_unit)
        self._rising = builder.add_rows("tenant rises with the level", (n,), lower=0.0)
        self._served = builder.add_rows("demand", (n,), lower=0.0)
        limit = self._capacity / pool_unit
        pools = builder.add_rows("pool", (len(limit),), upper=limit)
        arcs = x.index(np.arange(len(row)))
        builder.add_terms(self._rising.index(row), arcs, 1.0)
        builder.add_terms(
            self._rising.index(np.arange(n)),
            t.index(),
            -np.where(rising, self._weight, 0.0) * level_unit / unit,
        )
        builder.add_terms(self._served.index(row), arcs, 1.0)
        builder.add_terms(pools.index(column), arcs, self._use * unit[row] / pool_unit[column])
        self._x: Block = x
        self._t: Block = t
        tolerance = TOLERANCE if self._unlike else None
        self._hot = HotModel(builder.build(), method="simplex", tolerance=tolerance)

    def _build_unlike(self, rising: B1) -> None:
        """Make the program of a round anew, each tenant and pool in about what it comes to.

        The level is kept below the demand of those with least per weight times `SPAN`, so that
        nobody is lifted far beyond its demand.
        """
        most = level = 1.0
        unit = np.maximum(np.minimum(self._weight * self.level, self._demand), np.finfo(float).tiny)
        if rising.any():
            ratio = self._demand / self._weight
            most = min(SPAN * float(ratio[rising].min()), float(ratio.max()))
            level = min(most, self._shared, float((self._reach / self._weight)[rising].min()))
            unit = np.where(rising, np.minimum(self._demand, self._weight * level), unit)
        # A pool's unit lies between what the least and the largest of its tenants take of it. What
        # is far less than the unit HiGHS leaves out: it is no part of what the pool has.
        takes = self._use * unit[self._row]
        least = np.full(len(self._capacity), np.inf)
        largest = np.zeros(len(self._capacity))
        np.minimum.at(least, self._column, takes)
        np.maximum.at(largest, self._column, takes)
        used = largest > 0.0
        pool_unit = np.ones(len(used))
        between = np.sqrt(least[used]) * np.sqrt(largest[used])
        pool_unit[used] = np.maximum(between, largest[used] / UNLIKE)
        self._build(rising, unit, pool_unit, level, most)
        self._hold(np.flatnonzero(~rising))

    def find_levels(self) -> int:
        """Raise the level until every tenant has stopped; return the rounds."""
        rising = np.ones(len(self._demand), dtype=np.bool_)
        rounds = 0
        while rising.any():
            if self._unlike:
                self._build_unlike(rising)
            answer = self._hot.solve()
            if not answer.solved:
                raise SolverError(f"the level of max-min fairness was not found: {answer.status}")
            rounds += 1
            level = max(float(answer.x[self._t.first]) * self._level_unit, 0.0)
            # Whose demand lies below the level has all of it, whatever the others get.
            content = rising & (self._demand <= self._weight * level * (1.0 + ROUNDING))
            if content.any():
                self._stop(content, self._demand / self._weight)
                rising &= ~content
                continue
            # Minimisation of -t: a lower bound that binds has a dual >= 0.
            dual = self._rising.of(answer.row_duals) * self._level_unit / self._unit / self._worth
            dual = np.where(rising, dual, 0.0)
            stopped = dual * self._weight > STOPPED / rising.sum()
            stopped |= dual > STOPPED * dual.max()
            if not stopped.any():
                raise SolverError("a round of max-min fairness stopped no tenant")
            self._stop(stopped, np.full(len(rising), level))
            rising &= ~stopped
        return rounds

    def _stop(self, who: B1, level: F8) -> None:
        at = np.flatnonzero(who)
        self.level[at] = level[at]
        self._hold(at)

    def _hold(self, at: NDArray[np.int64]) -> None:
        """Hold tenants at their levels."""
        got = self._weight[at] * self.level[at] / self._unit[at]
        free = np.full(len(at), np.inf)
        self._hot.set_row_bounds(self._rising.index(at), -free, free)
        self._hot.set_row_bounds(self._served.index(at), got * (1.0 - SLACK), got)

    def place(self) -> F8:
        """Return the demand on each arc at least cost, ``(arcs,)``."""
        scale = max(float(np.abs(self._cost).max(initial=0.0)), 1e-300)
        got = np.minimum(self._weight * self.level, self._demand)
        n = len(got)
        if self._unlike:
            self._build_unlike(np.zeros(n, dtype=np.bool_))
        most = got / self._unit
        self._hot.set_row_bounds(self._served.index(np.arange(n)), most * (1.0 - SLACK), most)
        worth = self._worth * self._unit[self._row]
        self._hot.set_costs(self._x.index().ravel(), self._cost / scale * worth)
        self._hot.set_costs(np.asarray([self._t.first]), np.zeros(1))
        answer = self._hot.solve()
        if not answer.solved:
            raise SolverError(f"fair shares could not be placed: {answer.status}")
        return self._x.of(answer.x) * self._unit[self._row]
