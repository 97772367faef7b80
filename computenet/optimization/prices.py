"""What a matching is worth: prices by place with their ranges, marginal carbon, and settlement.

An optimum of a linear model that is degenerate has many dual vectors, and a solver returns any one
of them. So prices are given as ranges: the optimum is a convex, piecewise linear function of every
limit and every demand, and its slopes just below and just above the present value are the two ends.
They are found by moving the limit a small step either way and solving on from the present basis.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from computenet.optimization.arc_pricing import ArcPricing
from computenet.optimization.matching_limits import matching_loads
from computenet.optimization.matching_model import Matching, MatchingPrices, matching_model
from computenet.optimization.matching_problem import MatchingProblem
from computenet.optimization.probe_units import (
    amount_unit,
    in_amounts,
    in_money,
    least_limit,
    money_unit,
)
from computenet.optimization.solvers import HotModel, Solution, SolverError, Status

__all__ = ["PriceProbe", "marginal_carbon", "pool_power_mw"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]

#: Step of a limit or a demand, over its size.
STEP = 1e-4
#: Steps below this, in units of the problem, are taken at HiGHS' least tolerance of rows,
FINE = 1e-6
#: which is this; no step is below ten times as much.
TOLERANCE = 1e-10
#: Ends of a range that differ by more than this, relative, make a price that is not unique.
UNIQUE = 1e-6
#: Arcs up to which prices are probed on all of them.
WHOLE = 20_000
#: Above that, arcs dearer than their demand's price by this much, in typical costs, are left out.
WIDTH = 0.3
#: Weight of carbon that decides between plans of equal cost, in typical costs a unit.
TIE = 1e-5


def pool_power_mw(problem: MatchingProblem, flow: F8) -> F8:
    """Return the MW that a unit of each pool's capacity draws, ``(P,)``.

    The mean over what flows there; over the pool's arcs where nothing does.
    """
    p = problem
    if p.power is None:
        return np.zeros(p.n_pools)
    found = np.zeros(p.n_pools)
    for weight in (np.ones(p.n_arcs), np.maximum(flow, 0.0)):
        use = np.bincount(p.arc_pool, weight * p.arc_use, minlength=p.n_pools)
        mw = np.bincount(p.arc_pool, weight * p.power.arc_mw, minlength=p.n_pools)
        found = np.where(use > 0.0, mw / np.where(use > 0.0, use, 1.0), found)
    return found


class PriceProbe:
    """Prices around an optimal matching.

    On more than `WHOLE` arcs those that are far from being used are left out of the probing; a
    range wider than `WIDTH` typical costs may then be too wide.

    Parameters
    ----------
    problem, matching
        The problem, and a solution with prices.
    step
        Relative step; kinks of the optimum nearer than that are counted as being here.

    Raises
    ------
    SolverError
        The matching has no solution or no prices.
    """

    def __init__(self, problem: MatchingProblem, matching: Matching, *, step: float = STEP) -> None:
        if not matching.solved or np.isnan(matching.prices.pool_cny).any():
            raise SolverError("there are no prices without a solved matching")
        self.problem, self.matching, self._step = problem, matching, step
        # What follows is in units of amounts in which a typical one is not tiny.
        self._unit = amount_unit(problem)
        problem, matching = in_amounts(problem, matching, self._unit)
        self._p, self._matching = problem, matching
        arcs = None if problem.n_arcs <= WHOLE else _near(problem, matching)
        self._whole = matching_model(problem, arcs)
        fine = TOLERANCE if step * least_limit(problem) < FINE else None
        self._hot = HotModel(self._whole.model, presolve=False, tolerance=fine)
        if not self._hot.solve().solved:
            raise SolverError("the matching's problem has no solution")
        # From here on only limits move, so the basis stays dual feasible.
        self._hot.use_primal(False)

    def _moved(self, rows: I8, by: F8) -> Solution:
        """Solve with bounds of rows moved; the model is as before afterwards."""
        hot = self._hot
        low, high = hot.model.row_lower[rows], hot.model.row_upper[rows]
        hot.set_row_bounds(rows, low + by, high + by)
        answer = hot.solve()
        hot.set_row_bounds(rows, low, high)
        return answer

    def _slope(self, rows: I8, weights: F8, step: float) -> float:
        """Return the change of the optimum per unit moved, read where `step` units have been."""
        answer = self._moved(rows, weights * step)
        if answer.status is Status.INFEASIBLE:
            return np.inf if step > 0.0 else -np.inf
        if not answer.solved:
            raise SolverError(f"a price could not be probed: {answer.status}")
        return float(answer.row_duals[rows] @ weights)

    def _size(self, amount: float) -> float:
        """Return the step of an amount; rows must be able to feel it."""
        return max(self._step * amount, 10.0 * TOLERANCE)

    def _range(
        self, row: int, limit: float, load: float, beyond: bool = False
    ) -> tuple[float, float]:
        """Return the least and the most a unit of a limit is worth; `beyond` it there is more."""
        step = self._size(limit)
        if not np.isfinite(limit) or load < limit - step:
            return 0.0, 0.0
        rows, one = np.asarray([row]), np.ones(1)
        if limit <= 0.0 and beyond:
            step = self._size(max(load, 1.0))
        elif limit <= 0.0:
            # There is nothing to take away, so no price is too high.
            return max(-self._slope(rows, one, self._step), 0.0), np.inf
        return (
            max(-self._slope(rows, one, step), 0.0),
            max(-self._slope(rows, one, -(min(step, limit) or step)), 0.0),
        )

    def pools(self) -> pd.DataFrame:
        """Return nodal compute prices, one row a pool.

        The price of a unit of capacity *with its power*, ``lambda_p + w_p sigma_i`` with `w_p` the
        MW of a unit: what one unit more at the pool would save. With congestion `pool_cny` holds
        the cost of the fullness that a unit adds.

        Returns
        -------
        DataFrame
            ``pool``, ``price_cny``, ``low_cny``, ``high_cny``, ``unique``, ``pool_cny`` and
            ``power_cny`` (the parts of the price), ``use``, ``capacity``.
        """
        p, prices = self._p, self._matching.prices
        loads = matching_loads(p, self._matching)
        mw = pool_power_mw(p, self._matching.flow)
        power = np.zeros(p.n_pools)
        if p.power is not None:
            power = mw * prices.site_cny_per_mw[p.power.pool_site]
        price = prices.pool_cny + power
        ends = np.zeros((p.n_pools, 2))
        for pool in range(p.n_pools):
            ends[pool] = self._nodal_range(pool, float(mw[pool]), float(loads.pool_use[pool]))
        return _table(
            "pool", [p.name("pool", i) for i in range(p.n_pools)], price, ends,
            pool_cny=prices.pool_cny, power_cny=power,
            use=loads.pool_use * self._unit, capacity=p.capacity * self._unit,
        )  # fmt: skip

    def _nodal_range(self, pool: int, mw: float, load: float) -> tuple[float, float]:
        p = self._p
        rows, weights = [self._whole.pool.first + pool], [1.0]
        limit = float(p.capacity[pool])
        if p.power is not None and mw > 0.0:
            site = int(p.power.pool_site[pool])
            if np.isfinite(p.power.site_mw[site]):
                rows.append(self._whole.site.first + site)
                weights.append(mw)
        size = limit if np.isfinite(limit) and limit > 0.0 else max(load, 1.0)
        if p.congestion is None and not np.isfinite(limit):
            rows, weights = rows[1:], weights[1:]
        if not rows:
            return 0.0, 0.0
        numbers, by = np.asarray(rows), np.asarray(weights)
        step = self._size(size)
        low = max(-self._slope(numbers, by, step), 0.0)
        if limit <= 0.0:
            return low, np.inf
        return low, max(-self._slope(numbers, by, -min(step, limit)), 0.0)

    def sites(self) -> pd.DataFrame:
        """Return prices of power by site: ``site``, prices as for pools, ``mw``, ``limit_mw``."""
        p = self._p
        if p.power is None:
            return _table("site", [], np.zeros(0), np.zeros((0, 2)))
        load = matching_loads(p, self._matching).site_mw
        first = self._whole.site.first
        beyond = p.power.excess_bounds()[1].sum(axis=1) > 0.0
        ends = [
            self._range(first + i, float(p.power.site_mw[i]), float(load[i]), bool(beyond[i]))
            for i in range(len(load))
        ]
        return _table(
            "site", [p.name("site", i) for i in range(len(load))],
            self._matching.prices.site_cny_per_mw, np.reshape(ends, (-1, 2)),
            mw=load * self._unit, limit_mw=p.power.site_mw * self._unit,
        )  # fmt: skip

    def links(self) -> pd.DataFrame:
        """Return congestion rents: ``link``, prices, ``gb_s``, ``limit_gb_s``, ``rent_cny``."""
        p = self._p
        if p.traffic is None:
            return _table("link", [], np.zeros(0), np.zeros((0, 2)))
        load = matching_loads(p, self._matching).link_gb_s
        first, price = self._whole.link.first, self._matching.prices.link_cny_per_gb_s
        ends = [
            self._range(first + i, float(p.traffic.link_gb_s[i]), float(load[i]))
            for i in range(len(load))
        ]
        return _table(
            "link", [p.name("link", i) for i in range(len(load))], price,
            np.reshape(ends, (-1, 2)), gb_s=load * self._unit,
            limit_gb_s=p.traffic.link_gb_s * self._unit, rent_cny=price * load * self._unit,
        )  # fmt: skip

    def demands(self, rows: I8 | None = None) -> pd.DataFrame:
        """Return what a further unit of demand costs: ``demand``, prices, ``units``, ``unmet``.

        Parameters
        ----------
        rows
            Demands to look at; all of them without.
        """
        p, at = self._p, _rows(self._p, rows)
        ends = np.zeros((len(at), 2))
        for i, d in enumerate(at):
            row, one = np.asarray([self._whole.demand.first + d]), np.ones(1)
            step = self._demand_step(int(d))
            ends[i, 1] = self._slope(row, one, step)
            taken = min(step, float(p.demand[d]))
            ends[i, 0] = self._slope(row, one, -taken) if taken > 0.0 else ends[i, 1]
        return _table(
            "demand", [p.name("demand", int(d)) for d in at],
            self._matching.prices.demand_cny[at], ends,
            units=p.demand[at] * self._unit, unmet=self._matching.unmet[at] * self._unit,
        )  # fmt: skip

    def _demand_step(self, d: int) -> float:
        demand = self._p.demand
        mean = float(demand.mean())
        return self._size(max(float(demand[d]), mean if mean > 0.0 else 1.0))

    def changes(self, values: F8, rows: I8 | None = None, excess: F8 | None = None) -> F8:
        """Return how ``values @ flow`` changes with a unit less and a unit more of each demand.

        Parameters
        ----------
        values
            ``(A,)``.
        rows
            Demands to look at; all of them without.
        excess
            ``(I, E)`` values, besides, of power beyond limits.

        Returns
        -------
        ``(rows, 2)``; NaN where the demand cannot be moved that way.
        """
        p, at = self._p, _rows(self._p, rows)
        whole = self._whole
        kept = np.arange(p.n_arcs) if p.n_arcs <= WHOLE else _near(p, self._matching)

        def total(x: F8) -> float:
            amount = float(whole.flow.of(x) @ values[kept])
            return amount if excess is None else amount + float((whole.excess.of(x) * excess).sum())

        here = total(self._hot.solve().x)
        change = np.full((len(at), 2), np.nan)
        for i, d in enumerate(at):
            row = np.asarray([whole.demand.first + d])
            step = self._demand_step(int(d))
            for side, by in enumerate((-min(step, float(p.demand[d])), step)):
                if by != 0.0:
                    answer = self._moved(row, np.full(1, by))
                    if answer.solved:
                        change[i, side] = (total(answer.x) - here) / by
        return change


def marginal_carbon(
    problem: MatchingProblem, matching: Matching, arc_kg: F8, rows: I8 | None = None,
    *, excess_kg: F8 | None = None, step: float = STEP,
) -> pd.DataFrame:  # fmt: skip
    """Return how the total of carbon changes with a unit more of each demand, kg CO2 a unit.

    Not the carbon of the pool that happens to serve the demand: a unit more may push others
    elsewhere. It is found by moving the demand and solving again from the optimal basis. Among
    plans of equal cost the one of least carbon counts, so that the figure is defined.

    Parameters
    ----------
    arc_kg
        ``(A,)`` kg CO2 of a unit of flow.
    rows
        Demands to look at; all of them without.
    excess_kg
        ``(I, E)`` besides, of a MW in each step beyond a site's power limit.

    Returns
    -------
    DataFrame
        ``demand``, ``kg_per_unit`` (of a unit more), ``low_kg``, ``high_kg`` (of a unit less and a
        unit more, in order), ``unique``.
    """
    unit, typical = money_unit(problem)
    problem, matching = in_money(problem, matching, unit)
    size = float(np.abs(arc_kg).max(initial=0.0))
    power = problem.power
    if power is not None and excess_kg is not None:
        size = max(size, float(excess_kg.max(initial=0.0) * power.arc_mw.max(initial=0.0)))
    tie = TIE * typical / size if size > 0.0 else 0.0
    tied = replace(problem, arc_cny=problem.arc_cny + tie * arc_kg)
    if power is not None and power.excess_cny is not None and excess_kg is not None:
        tied = replace(tied, power=replace(power, excess_cny=power.excess_cny + tie * excess_kg))
    change = PriceProbe(tied, matching, step=step).changes(arc_kg, rows, excess_kg)
    at = _rows(problem, rows)
    ends = np.sort(np.where(np.isnan(change), change[:, ::-1], change), axis=1)
    return pd.DataFrame({
        "demand": [problem.name("demand", int(d)) for d in at],
        "kg_per_unit": np.where(np.isnan(change[:, 1]), change[:, 0], change[:, 1]),
        "low_kg": ends[:, 0],
        "high_kg": ends[:, 1],
        "unique": _same(ends, UNIQUE * size),
    })  # fmt: skip


def _rows(problem: MatchingProblem, rows: I8 | None) -> I8:
    return np.arange(problem.n_demands) if rows is None else np.asarray(rows, dtype=np.int64)


def _near(problem: MatchingProblem, matching: Matching) -> I8:
    """Return the arcs in use and those that a small change of prices might bring into use."""
    p, prices = problem, matching.prices
    cost = p.arc_cny + p.arc_use * prices.pool_cny[p.arc_pool]
    if p.power is not None:
        cost += p.power.arc_mw * prices.site_cny_per_mw[p.power.pool_site[p.arc_pool]]
    pricing = ArcPricing(p)
    if p.traffic is not None:
        pair = pricing.split(shared_prices(prices))[2]
        over = p.traffic.arc_pair >= 0
        cost[over] += p.traffic.arc_gb_s[over] * pair[p.traffic.arc_pair[over]]
    width = WIDTH * pricing.typical_cny
    return np.flatnonzero((matching.flow > 0.0) | (cost <= prices.demand_cny[p.arc_demand] + width))


def shared_prices(prices: MatchingPrices) -> F8:
    """Return the prices of pools, sites and links as one vector."""
    return np.concatenate([prices.pool_cny, prices.site_cny_per_mw, prices.link_cny_per_gb_s])


def _same(ends: F8, rounding: float = 1e-12) -> NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):
        width = ends[:, 1] - ends[:, 0]
    size = np.abs(ends).max(axis=1, initial=0.0)
    return np.asarray(np.isfinite(width) & (width <= np.maximum(UNIQUE * size, rounding)))


def _table(kind: str, names: list[str], price: F8, ends: F8, **more: F8) -> pd.DataFrame:
    low, high = np.minimum(ends[:, 0], ends[:, 1]), np.maximum(ends[:, 0], ends[:, 1])
    return pd.DataFrame({
        kind: names,
        "price_cny": price,
        "low_cny": low,
        "high_cny": high,
        "unique": _same(np.stack([low, high], axis=1)),
        **more,
    })  # fmt: skip
