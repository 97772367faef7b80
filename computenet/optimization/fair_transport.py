"""Max-min fairness between tenants that may each use several pools.

Who competes with whom is not given here: it follows from which pools each tenant may use, so the
levels of a lexicographic max-min allocation are found by a short sequence of linear programs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from computenet.errors import InputError, Problem
from computenet.optimization.solvers import HotModel, SolverError
from computenet.optimization.sparse import Block, ModelBuilder

__all__ = ["PoolShares", "max_min_transport"]

F8 = NDArray[np.float64]
B1 = NDArray[np.bool_]

#: A tenant has stopped where its dual, which sum to 1 over tenants, is over this part of the mean.
STOPPED = 1e-6
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
    _check(demands, capacities, weights, uses[arcs], costs[arcs])
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


def _check(demand: F8, capacity: F8, weight: F8, use: F8, cost: F8) -> None:
    problems = []
    for name, bad, words in (
        ("demand", ~((demand >= 0.0) & np.isfinite(demand)), "0 or more, finite"),
        ("capacity", ~(capacity >= 0.0), "0 or more"),
        ("weight", ~((weight > 0.0) & np.isfinite(weight)), "over 0, finite"),
        ("use", ~((use > 0.0) & np.isfinite(use)), "over 0, finite"),
        ("cost", ~np.isfinite(cost), "finite"),
    ):
        if bad.any():
            at = int(np.flatnonzero(bad)[0])
            problems.append(Problem(f"{name}[{at}]", None, "cannot be used", words))
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
        n = len(demand)
        builder = ModelBuilder()
        x = builder.add_columns("served demand", (len(row),))
        most = float((demand / weight).max())
        t = builder.add_columns("level", (), cost=-1.0, upper=most)
        self._rising = builder.add_rows("tenant rises with the level", (n,), lower=0.0)
        self._served = builder.add_rows("demand", (n,), lower=0.0)
        pools = builder.add_rows("pool", (len(capacity),), upper=capacity)
        arcs = x.index(np.arange(len(row)))
        builder.add_terms(self._rising.index(row), arcs, 1.0)
        builder.add_terms(self._rising.index(np.arange(n)), t.index(), -weight)
        builder.add_terms(self._served.index(row), arcs, 1.0)
        builder.add_terms(pools.index(column), arcs, use)
        self._x: Block = x
        self._t: Block = t
        self._demand, self._weight, self._cost = demand, weight, cost
        self._hot = HotModel(builder.build(), method="simplex")
        self.level = np.zeros(n)

    def find_levels(self) -> int:
        """Raise the level until every tenant has stopped; return the rounds."""
        rising = np.ones(len(self._demand), dtype=np.bool_)
        rounds = 0
        while rising.any():
            answer = self._hot.solve()
            if not answer.solved:
                raise SolverError(f"the level of max-min fairness was not found: {answer.status}")
            rounds += 1
            level = max(float(answer.x[self._t.first]), 0.0)
            # Whose demand lies below the level has all of it, whatever the others get.
            content = rising & (self._demand <= self._weight * level * (1.0 + ROUNDING))
            if content.any():
                self._stop(content, self._demand / self._weight)
                rising &= ~content
                continue
            # Minimisation of -t: a lower bound that binds has a dual >= 0.
            dual = self._rising.of(answer.row_duals) * self._weight
            stopped = rising & (dual > STOPPED / rising.sum())
            if not stopped.any():
                raise SolverError("a round of max-min fairness stopped no tenant")
            self._stop(stopped, np.full(len(rising), level))
            rising &= ~stopped
        return rounds

    def _stop(self, who: B1, level: F8) -> None:
        at = np.flatnonzero(who)
        self.level[at] = level[at]
        got = self._weight[at] * level[at]
        free = np.full(len(at), np.inf)
        self._hot.set_row_bounds(self._rising.index(at), -free, free)
        self._hot.set_row_bounds(self._served.index(at), got * (1.0 - SLACK), got)

    def place(self) -> F8:
        """Return the demand on each arc at least cost, ``(arcs,)``."""
        scale = max(float(np.abs(self._cost).max(initial=0.0)), 1e-300)
        most = np.minimum(self._weight * self.level, self._demand)
        n = len(most)
        self._hot.set_row_bounds(self._served.index(np.arange(n)), most * (1.0 - SLACK), most)
        self._hot.set_costs(self._x.index().ravel(), self._cost / scale)
        self._hot.set_costs(np.asarray([self._t.first]), np.zeros(1))
        answer = self._hot.solve()
        if not answer.solved:
            raise SolverError(f"fair shares could not be placed: {answer.status}")
        return self._x.of(answer.x)
