"""Decomposition of a capacity expansion: investment in one model, each site's year in its own.

The investment side carries one column ``E[i,y]`` a site and stage in place of its year, and linear
minorants of it (cuts)::

    E[i,y] >= v(l0) + v'(l0) (l - l0)

where ``v`` is the least cost of the year at links ``l`` and ``v'`` its gradient (Benders,
*Numerische Mathematik* 4, 1962; one column a subproblem: Birge and Louveaux, EJOR 34, 1988). ``v``
is convex, so every cut holds everywhere, and the optimum of the side with cuts is a lower bound.
The years are solved at the side's own point and at a point between it and the best one found
(in-out separation: Ben-Ameur and Neto, *Networks* 49, 2007), where cuts are deeper and the cost of
the whole plan is an upper bound.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from computenet.optimization.expansion_energy import LINKS, SiteYear, YearCost
from computenet.optimization.expansion_model import Investment, add_investment
from computenet.optimization.expansion_problem import ExpansionProblem
from computenet.optimization.solvers import HotModel, SolverError, Status, relative_gap
from computenet.optimization.sparse import Block, ModelBuilder, SparseModel

__all__ = ["MISSED", "Decomposition", "Found", "Infeasible"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]

#: Part of the way from the best point to the side's own at which years are solved.
INWARD = 0.4
#: A cut is kept if it lifts the cost of its year by so much of it.
LIFTS = 1e-6
#: Rounds after which a solve gives up what gap it has.
MOST_ROUNDS = 400
#: Part of the cost that misses may be when a solve ends.
MISSED = 1e-6


class Infeasible(Exception):
    """The investment side has no solution: its constraints contradict each other."""


@dataclass(slots=True)
class Found:
    """The best point so far: columns of the investment side, its whole cost, and a bound.

    `missed` is the part of the cost that stands for missed power, green shares and caps.
    """

    x: F8
    cost: float = np.inf
    bound: float = -np.inf
    rounds: int = 0
    missed: float = 0.0

    @property
    def gap(self) -> float:
        """Relative gap between cost and bound."""
        return relative_gap(self.cost, self.bound)


@dataclass(slots=True)
class Decomposition:
    """Investment side and years of a problem; cuts are kept from one solve to the next.

    Attributes
    ----------
    problem
        What is planned.
    model
        The investment side without cuts, integer columns marked.
    investment
        Its blocks.
    costs
        Costs of its columns, by which points are judged.
    cuts
        Year, constant and gradient of each cut that was added, see `add_cuts`.
    """

    problem: ExpansionProblem
    carbon: bool = False
    model: SparseModel = field(init=False)
    investment: Investment = field(init=False)
    costs: F8 = field(init=False)
    energy: Block = field(init=False)
    hot: HotModel = field(init=False)
    years: list[SiteYear] = field(init=False)
    places: list[tuple[int, int]] = field(init=False)
    _columns: I8 = field(init=False)
    cuts: list[tuple[int, float, F8]] = field(init=False)

    def __post_init__(self) -> None:
        problem = self.problem
        self.carbon = self.carbon or bool(np.isfinite(problem.limits.carbon).any())
        builder = ModelBuilder()
        self.investment = add_investment(builder, problem)
        sites, stages = problem.sites.names, problem.stages.names
        low, high = _cost_range(problem)
        self.energy = builder.add_columns(
            "cost of electricity", (len(sites), len(stages)), cost=problem.stages.worth,
            lower=low, upper=high, axes=(sites, stages),
        )  # fmt: skip
        self.model = builder.build()
        self.costs = self.model.cost.copy()
        columns = self.investment.columns
        self.places = [(i, y) for i in range(len(sites)) for y in range(len(stages))]
        self._columns = np.stack(
            [columns[f"link {name}"].index().reshape(-1) for name in LINKS], axis=1
        )
        self.years = [SiteYear(problem, i, y, self.carbon) for i, y in self.places]
        self.cuts = []
        relaxed = replace(self.model, integer=np.zeros(self.model.n, dtype=np.bool_))
        self.hot = HotModel(relaxed, method="simplex")
        self._start()

    def links(self, x: F8) -> F8:
        """Return the links of a point of the investment side, ``(I * Y, 7)``."""
        values: F8 = x[self._columns]
        return values

    def with_cuts(self) -> SparseModel:
        """Return the investment side with its cuts, integer columns marked."""
        return replace(self.hot.model, integer=self.model.integer)

    def evaluate(self, x: F8) -> tuple[float, list[YearCost]]:
        """Return the whole cost of a point, and of each of its years."""
        found = [year.cost(links) for year, links in zip(self.years, self.links(x), strict=True)]
        worth = self.problem.stages.worth
        electricity = sum(
            worth[y] * cost.cost for (_, y), cost in zip(self.places, found, strict=True)
        )
        return self.side_cost(x) + electricity, found

    def side_cost(self, x: F8) -> float:
        """Return the cost of a point without electricity."""
        cost = self.costs.copy()
        cost[self.energy.slice] = 0.0
        return float(cost @ x) + self.model.offset

    def converge(
        self,
        gap: float,
        deadline: float = np.inf,
        *,
        best: Found | None = None,
        report: Callable[[Found], None] | None = None,
    ) -> Found:
        """Add cuts until cost and bound of the relaxation (or of what is fixed) are near.

        Parameters
        ----------
        gap
            Relative gap at which to stop.
        deadline
            On `time.perf_counter`.
        best
            A feasible point to begin with.

        Raises
        ------
        Infeasible
            The investment side has no solution.
        SolverError
            A solver fails.
        """
        best = Found(np.zeros(self.model.n)) if best is None else best
        bound = -np.inf
        for _ in range(MOST_ROUNDS):
            answer = self.hot.solve()
            if answer.status is Status.INFEASIBLE:
                raise Infeasible
            if answer.status is not Status.OPTIMAL:
                raise SolverError(f"the investment side ended as {answer.status}")
            bound = max(bound, self.hot.model.dual_bound(answer.row_duals))
            best.rounds += 1
            best.bound = bound
            points = [answer.x]
            if np.isfinite(best.cost):
                points.insert(0, best.x + INWARD * (answer.x - best.x))
            added = 0
            for point in points:
                added += self._try(point, answer.x, best)
            if report is not None:
                report(best)
            near = best.gap <= gap and best.missed <= MISSED * abs(best.cost)
            if near or added == 0 or time.perf_counter() > deadline:
                break
        return best

    def _missed(self, found: list[YearCost]) -> float:
        """Return the present value of what the years miss, see `YearCost`."""
        worth = self.problem.stages.worth
        pairs = zip(self.places, found, strict=True)
        return float(sum(worth[y] * year.missed for (_, y), year in pairs))

    def cut_at(self, x: F8) -> tuple[float, int]:
        """Return the whole cost of a point of the side, and how many cuts it gave."""
        found = Found(x)
        added = self._try(x, x, found)
        return found.cost, added

    def _try(self, point: F8, against: F8, best: Found) -> int:
        """Solve the years at a point, keep it if it is better, add the cuts it gives."""
        cost, found = self.evaluate(point)
        if cost < best.cost:
            best.x, best.cost = point.copy(), cost
            best.missed = self._missed(found)
        links, asked = self.links(point), self.links(against)
        energy = self.energy.of(against).reshape(-1)
        cuts = []
        for k, year in enumerate(found):
            value = year.cost + float(year.gradient @ (asked[k] - np.maximum(links[k], 0.0)))
            if value > energy[k] + LIFTS * max(abs(year.cost), 1e-9):
                cuts.append((k, year.cost - float(year.gradient @ np.maximum(links[k], 0.0)),
                             year.gradient))  # fmt: skip
        self.add_cuts(cuts)
        return len(cuts)

    def add_cuts(self, cuts: list[tuple[int, float, F8]]) -> None:
        """Add ``E_k - gradient links_k >= constant`` to the investment side."""
        if not cuts:
            return
        first, columns, values = [0], [], []
        for k, _, gradient in cuts:
            at = np.flatnonzero(np.abs(gradient) > 1e-12)
            columns += [int(self.energy.first) + k, *self._columns[k, at].tolist()]
            values += [1.0, *(-gradient[at]).tolist()]
            first.append(len(columns))
        lower = np.asarray([constant for _, constant, _ in cuts])
        self.hot.add_rows(
            lower, np.full(len(cuts), np.inf), np.asarray(first, dtype=np.int64),
            np.asarray(columns, dtype=np.int64), np.asarray(values),
        )  # fmt: skip
        self.cuts += cuts

    def fix(self, columns: I8, values: F8) -> None:
        """Fix columns of the investment side; `release` gives them back their bounds."""
        self.hot.set_column_bounds(columns, values, values)

    def release(self, columns: I8) -> None:
        """Give columns back their bounds."""
        self.hot.set_column_bounds(columns, self.model.lower[columns], self.model.upper[columns])

    def _start(self) -> None:
        """Add cuts at plain points, so that the first rounds know roughly what a year costs."""
        sites = self.problem.sites
        room = (sites.halls + sites.most_halls).reshape(-1)
        for shares in ((0.3, 0.2, 0.3, 0.0, 0.0, 0.0, 1e9), (0.2, 0.1, 0.2, 0.6, 0.6, 0.3, 1e9)):
            links = np.maximum(room, 1e-6)[:, None] * np.asarray(shares)
            links = np.minimum(links, self.model.upper[self._columns])
            cuts = []
            for k, year in enumerate(self.years):
                found = year.cost(links[k])
                cuts.append((k, found.cost - float(found.gradient @ links[k]), found.gradient))
            self.add_cuts(cuts)


def _cost_range(problem: ExpansionProblem) -> tuple[F8, F8]:
    """Return what a year of each site and stage costs at least and at most, ``(I, Y)`` each."""
    e, s, p = problem.energy, problem.sites, problem.plants
    room = s.halls + s.most_halls + p.most.sum(axis=0)[:, None] + e.battery_power[:, None]
    energy = 20.0 * room * e.hour_weight.sum()
    dearest = np.abs(e.price).max(axis=2) + e.unserved_cost + e.short_cost
    carbon = e.carbon_cost * e.emission.max(axis=2)
    most = energy * (dearest + carbon + e.cycle_cost + e.contract_cost) + 1.0
    most += room * 10.0 * e.peak_cost[:, None] + 1e3 * room
    least = np.minimum(e.price.min(axis=2), 0.0) * energy
    return least, most
