"""Matching where nothing but demand and capacity binds: a minimum-cost flow on whole numbers.

Without power, links and congestion, and with the same use of a pool by every arc (``k_a = k_p``),
the problem is Hitchcock's transport problem: sources `d` with `D_d`, pools with ``C_p / k_p``, and
an arc past all pools at the price of unmet demand. OR-Tools' ``SimpleMinCostFlow`` (cost-scaling
push-relabel; Goldberg, *J. Algorithms* 22, 1997) solves it in whole numbers: amounts are counted
in `1 / AMOUNTS` of the total demand and costs in `1 / COSTS` of the largest. So a row of demand is
met to 10^-12 of the total, a pool is filled over by at most that for each of its rows, and the cost
of a unit is right to 10^-9 of the largest; `Matching.gap` shows what that comes to.
"""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from computenet.errors import InputError, Problem
from computenet.kernels.transport import least_prices
from computenet.optimization.arc_pricing import ArcPricing
from computenet.optimization.matching_model import Matching, MatchingPrices
from computenet.optimization.matching_problem import MatchingProblem
from computenet.optimization.solvers import SolverError, Status, relative_gap

__all__ = ["solve_transport", "why_no_transport"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]

#: Whole numbers that the total demand and the largest cost are counted in.
AMOUNTS, COSTS = 10**12, 10**9


def why_no_transport(problem: MatchingProblem) -> str | None:
    """Return what keeps a problem from being a transport problem, or ``None`` if nothing does."""
    p = problem
    if p.power is not None:
        return "sites have power limits"
    if p.traffic is not None:
        return "links have limits"
    if p.congestion is not None:
        return "fullness costs extra"
    least, most = _range_of_use(p)
    if (most > least).any():
        return "arcs to one pool take different amounts of it"
    return None


def _range_of_use(p: MatchingProblem) -> tuple[F8, F8]:
    """Return the least and the most use of each pool by a unit on its arcs."""
    least, most = np.full(p.n_pools, np.inf), np.zeros(p.n_pools)
    np.minimum.at(least, p.arc_pool, p.arc_use)
    np.maximum.at(most, p.arc_pool, p.arc_use)
    return least, most


def _largest(*values: F8) -> float:
    finite = [float(np.abs(v[np.isfinite(v)]).max(initial=0.0)) for v in values]
    return max(*finite, 1e-300)


def solve_transport(problem: MatchingProblem, *, time_limit_s: float | None = None) -> Matching:
    """Return the cheapest flow of a transport problem.

    Raises
    ------
    InputError
        It is not one; the error says why.
    SolverError
        A time limit is asked for, which the solver does not have, or it fails.
    """
    why = why_no_transport(problem)
    if why is not None:
        raise InputError([
            Problem("matching.method", "transport", f"this is no transport problem: {why}",
                    "another method")
        ])  # fmt: skip
    if time_limit_s is not None:
        raise SolverError("the transport method takes no time limit")
    began = time.perf_counter()
    p = problem
    _, use = _range_of_use(p)
    total = float(p.demand.sum())
    per_unit = AMOUNTS / total if total > 0.0 else 1.0
    must_cny = 1e3 * _largest(p.arc_cny, p.unmet_cny)
    unmet_cny = np.where(np.isinf(p.unmet_cny), must_cny, p.unmet_cny)
    per_cny = COSTS / _largest(p.arc_cny, unmet_cny)
    with np.errstate(divide="ignore", invalid="ignore"):
        room = np.where(use > 0.0, p.capacity / use, np.inf)
    whole_demand = np.floor(p.demand * per_unit).astype(np.int64)
    whole_room = np.floor(np.minimum(room * per_unit, AMOUNTS)).astype(np.int64)
    upper = np.full(p.n_arcs, AMOUNTS, dtype=np.int64)
    if p.arc_upper is not None:
        upper = np.floor(np.minimum(p.arc_upper * per_unit, AMOUNTS)).astype(np.int64)
    cost = np.rint(p.arc_cny * per_cny).astype(np.int64)
    left = np.rint(unmet_cny * per_cny).astype(np.int64)
    amount = _flow(p, whole_demand, whole_room, upper, cost, left)
    flow, unmet = _in_units(p, amount, whole_demand, per_unit)
    return _read(p, use, (amount, upper, cost, left), whole_room, per_cny, flow, unmet, began)


def _flow(p: MatchingProblem, demand: I8, room: I8, upper: I8, cost: I8, left: I8) -> I8:
    """Return the whole amounts on arcs, then those unmet: nodes are demands, pools, a sink."""
    from ortools.graph.python import min_cost_flow

    sink = p.n_demands + p.n_pools
    rows, pools = np.arange(p.n_demands), p.n_demands + np.arange(p.n_pools)
    solver = min_cost_flow.SimpleMinCostFlow()
    solver.add_arcs_with_capacity_and_unit_cost(
        np.concatenate([p.arc_demand, rows, pools]).astype(np.int32),
        np.concatenate([p.n_demands + p.arc_pool, np.full(sink, sink)]).astype(np.int32),
        np.concatenate([upper, demand, room]),
        np.concatenate([cost, left, np.zeros(p.n_pools, np.int64)]),
    )
    supply = np.concatenate([demand, np.zeros(p.n_pools, np.int64), [-int(demand.sum())]])
    solver.set_nodes_supplies(np.arange(sink + 1, dtype=np.int32), supply)
    status = solver.solve()
    if status != solver.OPTIMAL:
        raise SolverError(f"the network flow solver ended with {status!r}")
    arcs = np.arange(p.n_arcs + p.n_demands, dtype=np.int32)
    return np.asarray(solver.flows(arcs), dtype=np.int64)


def _in_units(p: MatchingProblem, amount: I8, demand: I8, per_unit: float) -> tuple[F8, F8]:
    """Return flow and unmet demand; what rounding left of a row goes the way of the row."""
    with np.errstate(divide="ignore", invalid="ignore"):
        unit = np.where(demand > 0, p.demand / demand, 0.0)
    flow = np.asarray(amount[: p.n_arcs] * unit[p.arc_demand], dtype=np.float64)
    unmet = np.asarray(amount[p.n_arcs :] * unit, dtype=np.float64)
    # A row of less than one whole number is not met; it is a billionth of the total at most.
    unmet[demand == 0] = p.demand[demand == 0]
    return flow, unmet


def _read(
    p: MatchingProblem,
    use: F8,
    whole: tuple[I8, I8, I8, I8],
    room: I8,
    per_cny: float,
    flow: F8,
    unmet: F8,
    began: float,
) -> Matching:
    """Return the flow with its prices, and the bound that they certify."""
    amount, upper, cost, left = whole
    pool_price, demand_price = np.zeros(p.n_pools), np.zeros(p.n_demands)
    used = np.bincount(p.arc_pool, amount[: p.n_arcs], minlength=p.n_pools)
    settled = least_prices(
        p.arc_demand, p.arc_pool, cost, amount[: p.n_arcs], upper, left, amount[p.n_arcs :],
        used < room, pool_price, demand_price,
    )  # fmt: skip
    if not settled:
        raise SolverError("the network flow's prices do not settle")
    with np.errstate(divide="ignore", invalid="ignore"):
        price = np.where(use > 0.0, pool_price / per_cny / use, 0.0)
    demand_cny = demand_price / per_cny
    pricing = ArcPricing(p)
    met = p.demand > unmet
    must = np.isinf(p.unmet_cny)
    objective = float(
        flow @ p.arc_cny + np.where(must, 0.0, unmet) @ np.where(must, 0.0, p.unmet_cny)
    )
    bound = min(pricing.bound(price, demand_cny), objective)
    rent = np.zeros(p.n_arcs)
    if p.arc_upper is not None:
        priced = p.arc_cny + price[p.arc_pool] * p.arc_use
        rent = np.maximum(demand_cny[p.arc_demand] - priced, 0.0) * (p.arc_upper < np.inf)
    prices = MatchingPrices(demand_cny, price, np.zeros(0), np.zeros(0), np.zeros(0), rent)
    short = must & (unmet > 1e-6 * np.maximum(p.demand, 1.0))
    status, why = Status.OPTIMAL, ""
    if short.any():
        worst = int(np.argmax(np.where(short, unmet, 0.0)))
        others = int(short.sum()) - 1
        why = (
            f"these would have to give way: {p.bracketed('demand', worst)} by "
            f"{unmet[worst]:.6g}" + (f", and {others} more" if others else "")
        )
        status = Status.INFEASIBLE
        flow, unmet = np.full(p.n_arcs, np.nan), np.full(p.n_demands, np.nan)
        objective = bound = np.inf
    elif relative_gap(objective, bound) > 1e-6 and met.any():
        status = Status.FEASIBLE
    return Matching(
        status, "transport", flow, unmet, np.zeros(0), np.zeros((p.n_pools, 0)), objective, bound,
        time.perf_counter() - began, prices, why,
    )  # fmt: skip
