"""Matching where nothing but demand and capacity binds: a minimum-cost flow on whole numbers.

Without power, links and congestion, and with the same use of a pool by every arc (``k_a = k_p``),
the problem is Hitchcock's transport problem: sources `d` with `D_d`, pools with ``C_p / k_p``, and
an arc past all pools at the price of unmet demand. OR-Tools' ``SimpleMinCostFlow`` (cost-scaling
push-relabel; Goldberg, *J. Algorithms* 22, 1997) solves it in whole numbers: amounts are counted
in `1 / AMOUNTS` of the total demand and costs in `1 / COSTS` of the largest. So a row of demand is
met to 10^-12 of the total, a pool is filled over by at most that for each of its rows, and the cost
of a unit is right to 10^-9 of the largest; `Matching.gap` shows what that comes to.

Demand that must be met has a high price. Where some is left at that, which a long chain of rows
that make room for one another may be worth, a maximum flow tells whether it can be met. If so the
price is set above any chain; on many nodes costs are counted in less for it, as whole numbers end.
"""

from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from computenet.errors import InputError, Problem
from computenet.kernels.transport import least_prices
from computenet.optimization.arc_pricing import ArcPricing
from computenet.optimization.matching_model import Matching, MatchingPrices
from computenet.optimization.matching_problem import MatchingProblem
from computenet.optimization.must_demand import is_short
from computenet.optimization.sizes import largest_size
from computenet.optimization.solvers import SolverError, Status, relative_gap

__all__ = ["solve_transport", "why_no_transport"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]

#: Whole numbers that the total demand and the largest cost are counted in.
AMOUNTS, COSTS = 10**12, 10**9
#: Share of a whole unit that is rounding, of amounts near `AMOUNTS`.
ROUNDING = 1e-3
#: Price at first of what must be met, over the largest cost: a moderate one is solved far sooner.
MUST = 1000


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
    """Return the largest finite size, or 1 where all are 0."""
    largest = max(map(largest_size, values))
    return max(largest, 1e-290) if largest > 0.0 else 1.0


class _Whole(NamedTuple):
    """A transport problem in whole numbers: ``(D,)``, ``(P,)``, ``(A,)``, ``(A,)``, ``(D,)``."""

    demand: I8
    room: I8
    upper: I8
    cost: I8
    left: I8
    per_cny: float


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
    amounts = _amounts(p, use, np.floor)
    whole = _priced(p, amounts, COSTS, min(MUST * COSTS, _most(p)))
    amount = _flow(p, whole)
    flow, unmet = _in_units(p, amount, whole.demand)
    why = ""
    if is_short(p, unmet).any():
        left = _least_left(p, *amounts)
        if left.any():
            # What rounding down took from pools and arcs is no proof.
            amounts = _amounts(p, use, np.ceil)
            why = _why_short(p, whole.demand, left) if _least_left(p, *amounts).any() else ""
        if not why:
            costs = min(COSTS, _most(p) // _longest(p))
            whole = _priced(p, amounts, costs, _longest(p) * costs)
            amount = _flow(p, whole)
            flow, unmet = _in_units(p, amount, whole.demand)
            if is_short(p, unmet).any():
                raise SolverError("the network flow leaves unmet what must and can be met")
    return _read(p, use, whole, amount, flow, unmet, began, why)


def _why_short(p: MatchingProblem, demand: I8, left: I8) -> str:
    """Return one sentence on the whole units of each row that cannot be met."""
    worst = int(np.argmax(left * (p.demand / np.maximum(demand, 1))))
    others = int((left > 0).sum()) - 1
    amount = float(p.demand[worst] * left[worst] / demand[worst])
    more = f", and {others} more" if others else ""
    return f"these would have to give way: {p.bracketed('demand', worst)} by {amount:.6g}{more}"


def _amounts(p: MatchingProblem, use: F8, rounded: np.ufunc) -> tuple[I8, I8, I8]:
    """Return demand, and room of pools and arcs, in whole units; the last two are `rounded`."""
    total = float(p.demand.sum())
    per_unit = AMOUNTS / total if total > 0.0 else 1.0
    demand = np.floor(p.demand * per_unit).astype(np.int64)
    # A row that must be met is one unit at least.
    small = np.isinf(p.unmet_cny) & (p.demand > 0.0) & (demand == 0)
    demand[small] = 1
    most = AMOUNTS + p.n_demands
    more = int(small.sum()) if rounded is np.ceil else 0
    rounding = -ROUNDING if rounded is np.ceil else ROUNDING

    def whole(values: F8) -> I8:
        units = rounded(np.minimum(values * per_unit, most) + rounding)
        return np.maximum(np.asarray(units, dtype=np.float64), 0.0).astype(np.int64) + more

    with np.errstate(divide="ignore", invalid="ignore"):
        room = whole(np.where(use > 0.0, p.capacity / use, np.inf))
    upper = np.full(p.n_arcs, most, dtype=np.int64)
    if p.arc_upper is not None:
        upper = np.where(p.arc_upper > 0.0, whole(p.arc_upper), 0)
    return demand, room, upper


def _longest(p: MatchingProblem) -> int:
    """Return more than the costs that a unit may change along one chain of rows and pools."""
    return 2 * (p.n_demands + p.n_pools)


def _most(p: MatchingProblem) -> int:
    """Return the largest whole cost: the solver multiplies costs by the number of nodes."""
    return int(2**62 // (p.n_demands + p.n_pools + 2))


def _priced(p: MatchingProblem, amounts: tuple[I8, I8, I8], costs: int, must_cost: int) -> _Whole:
    """Return the problem with the largest finite price counted as `costs`."""
    per_cny = costs / _largest(p.arc_cny, p.unmet_cny)
    must = np.isinf(p.unmet_cny)
    left = np.rint(np.where(must, 0.0, p.unmet_cny) * per_cny).astype(np.int64)
    left[must] = must_cost
    return _Whole(*amounts, np.rint(p.arc_cny * per_cny).astype(np.int64), left, per_cny)


def _flow(p: MatchingProblem, whole: _Whole) -> I8:
    """Return the whole amounts on arcs, then those unmet: nodes are demands, pools, a sink."""
    from ortools.graph.python import min_cost_flow

    sink = p.n_demands + p.n_pools
    rows, pools = np.arange(p.n_demands), p.n_demands + np.arange(p.n_pools)
    solver = min_cost_flow.SimpleMinCostFlow()
    solver.add_arcs_with_capacity_and_unit_cost(
        np.concatenate([p.arc_demand, rows, pools]).astype(np.int32),
        np.concatenate([p.n_demands + p.arc_pool, np.full(sink, sink)]).astype(np.int32),
        np.concatenate([whole.upper, whole.demand, whole.room]),
        np.concatenate([whole.cost, whole.left, np.zeros(p.n_pools, np.int64)]),
    )
    supply = np.concatenate([
        whole.demand, np.zeros(p.n_pools, np.int64), [-int(whole.demand.sum())]
    ])  # fmt: skip
    solver.set_nodes_supplies(np.arange(sink + 1, dtype=np.int32), supply)
    status = solver.solve()
    if status != solver.OPTIMAL:
        raise SolverError(f"the network flow solver ended with {status!r}")
    arcs = np.arange(p.n_arcs + p.n_demands, dtype=np.int32)
    return np.asarray(solver.flows(arcs), dtype=np.int64)


def _least_left(p: MatchingProblem, demand: I8, room: I8, upper: I8) -> I8:
    """Return what is left of each row that must be met by a maximum flow to such, ``(D,)``."""
    from ortools.graph.python import max_flow

    must = np.flatnonzero(np.isinf(p.unmet_cny))
    pools, sink = np.arange(p.n_pools), p.n_demands + p.n_pools
    solver = max_flow.SimpleMaxFlow()
    solver.add_arcs_with_capacity(
        np.concatenate([np.full(len(must), sink + 1), p.arc_demand, p.n_demands + pools]).astype(
            np.int32
        ),
        np.concatenate([must, p.n_demands + p.arc_pool, np.full(p.n_pools, sink)]).astype(np.int32),
        np.concatenate([demand[must], upper, room]),
    )
    status = solver.solve(sink + 1, sink)
    if status != solver.OPTIMAL:
        raise SolverError(f"the network flow solver ended with {status!r}")
    left = np.zeros(p.n_demands, dtype=np.int64)
    left[must] = demand[must] - solver.flows(np.arange(len(must), dtype=np.int32))
    return left


def _in_units(p: MatchingProblem, amount: I8, demand: I8) -> tuple[F8, F8]:
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
    whole: _Whole,
    amount: I8,
    flow: F8,
    unmet: F8,
    began: float,
    why: str,
) -> Matching:
    """Return the flow with its prices, and the bound that they certify; `why` there is none."""
    pool_price, demand_price = np.zeros(p.n_pools), np.zeros(p.n_demands)
    used = np.bincount(p.arc_pool, amount[: p.n_arcs], minlength=p.n_pools)
    settled = least_prices(
        p.arc_demand, p.arc_pool, whole.cost, amount[: p.n_arcs], whole.upper, whole.left,
        amount[p.n_arcs :], used < whole.room, pool_price, demand_price,
    )  # fmt: skip
    if not settled:
        raise SolverError("the network flow's prices do not settle")
    per_cny, must = whole.per_cny, np.isinf(p.unmet_cny)
    with np.errstate(divide="ignore", invalid="ignore"):
        price = np.where(use > 0.0, pool_price / per_cny / use, 0.0)
    demand_cny = demand_price / per_cny
    pricing = ArcPricing(p)
    pricing.raise_must(float(whole.left.max(initial=0)) / per_cny)
    met = p.demand > unmet
    objective = float(
        flow @ p.arc_cny + np.where(must, 0.0, unmet) @ np.where(must, 0.0, p.unmet_cny)
    )
    bound = min(pricing.bound(price, demand_cny), objective)
    rent = np.zeros(p.n_arcs)
    if p.arc_upper is not None:
        priced = p.arc_cny + price[p.arc_pool] * p.arc_use
        rent = np.maximum(demand_cny[p.arc_demand] - priced, 0.0) * (p.arc_upper < np.inf)
    prices = MatchingPrices(demand_cny, price, np.zeros(0), np.zeros(0), np.zeros(0), rent)
    status = Status.OPTIMAL
    if why:
        status = Status.INFEASIBLE
        flow, unmet = np.full(p.n_arcs, np.nan), np.full(p.n_demands, np.nan)
        objective = bound = np.inf
    elif relative_gap(objective, bound) > 1e-6 and met.any():
        status = Status.FEASIBLE
    return Matching(
        status, "transport", flow, unmet, np.zeros(0), np.zeros((p.n_pools, 0)), objective, bound,
        time.perf_counter() - began, prices, why,
    )  # fmt: skip
