"""Layouts that cost little more than the best one and differ from it most.

Modelling to generate alternatives by hop, skip and jump (Brill, Chang and Hopkins, *Management
Science* 28, 1982): among all plans that cost at most ``(1 + x)`` times the best, the one that has
least power of IT where the plans before have most of it::

    min  sum_i weight_i sum_t nameplate_t U[i,t,Y]      weight_i = sum of earlier plans' shares
    s.t. cost <= (1 + x) cost of the best, and all constraints of the plan

The cost is that of the side with cuts, which is too low until the years at the point are solved;
cuts are added until the point's true cost is within the limit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from computenet.optimization.expansion import Planner
from computenet.optimization.expansion_benders import Infeasible
from computenet.optimization.expansion_plan import ExpansionPlan
from computenet.optimization.expansion_rounding import openings, waves_up
from computenet.optimization.solvers import SolverError, Status

__all__ = ["Alternative", "alternatives", "power_shares"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]

#: Rounds of cuts for one alternative, and how far its cost may pass the limit in the end.
ROUNDS, SLACK = 60, 1e-6
#: Part of the IT power that must stand elsewhere for plans to be different ones, and how many
#: repeats in a row end the search.
DIFFERENT, REPEATS = 1e-3, 3
#: Weight of the cost beside the difference, relative to both totals.
TRACE = 1e-3


@dataclass(frozen=True, slots=True)
class Alternative:
    """A plan, and the part of the IT power that stands elsewhere than in the best plan."""

    plan: ExpansionPlan
    elsewhere: float


def power_shares(planner: Planner, plan: ExpansionPlan) -> F8:
    """Return each site's part of the power of IT in the last stage, ``(I,)``."""
    power = _power(planner, plan)
    shares: F8 = power / max(float(power.sum()), 1e-12)
    return shares


def _power(planner: Planner, plan: ExpansionPlan) -> F8:
    power: F8 = plan.used[:, :, -1] @ planner.problem.chips.nameplate_kw
    return power


def alternatives(
    planner: Planner, best: ExpansionPlan, count: int, within: float
) -> list[Alternative]:
    """Return at most `count` plans that cost at most ``1 + within`` times the best.

    Each stands elsewhere than the best one and all before it with a thousandth of its IT power at
    least (`DIFFERENT`). There may be fewer: where there are few sites, or none is worth leaving.

    Parameters
    ----------
    planner
        Which has solved for `best`; its cuts are used and added to.

    Raises
    ------
    SolverError
        A solver fails.
    """
    found: list[Alternative] = []
    first = power_shares(planner, best)
    weights, power = first.copy(), _power(planner, best)
    limit = (1.0 + within) * best.objective
    side = planner.side
    hot = side.hot
    costs = hot.model.cost.copy()
    every = np.flatnonzero(costs)
    hot.add_rows(
        np.array([-np.inf]), np.array([limit]), np.array([0, len(every)]), every, costs[every]
    )
    row = np.array([hot.model.m - 1])
    whole = np.arange(hot.model.n)
    known, repeats = [first], 0
    try:
        while len(found) < count and repeats < REPEATS:
            hot.set_costs(whole, _objective(planner, weights, power, best.objective))
            plan = _one(planner, limit)
            if plan is None:
                break
            shares = power_shares(planner, plan)
            # What was found again weighs more, which drives the next one away from it.
            weights = weights + shares
            if min(_moved(shares, other) for other in known) < DIFFERENT:
                repeats += 1
                continue
            repeats = 0
            known.append(shares)
            found.append(Alternative(plan, _moved(shares, first)))
    finally:
        hot.set_costs(whole, costs)
        hot.set_row_bounds(row, np.array([-np.inf]), np.array([np.inf]))
    return found


def _moved(one: F8, other: F8) -> float:
    """Return the part of the power that stands elsewhere, of two plans' shares by site."""
    return float(np.abs(one - other).sum() / 2.0)


def _objective(planner: Planner, weights: F8, total: F8, cost: float) -> F8:
    """Return the objective that keeps power away from where it was."""
    side, chips = planner.side, planner.problem.chips
    inv = side.investment
    used = inv.columns["used"].index()[:, -1]
    power = chips.nameplate_kw[inv.pair_chip]
    objective = np.zeros(side.hot.model.n)
    objective[used] = weights[inv.pair_site] * power
    # Of plans that differ as much, the cheapest: a trace of the cost itself.
    objective[: side.model.n] += TRACE * float(weights @ total) / cost * side.model.cost
    return objective


def _one(planner: Planner, limit: float) -> ExpansionPlan | None:
    """Return one alternative with whole openings and waves, ``None`` where there is none."""
    side = planner.side
    opens = side.investment.columns["begun"].index().reshape(-1)
    lit = side.investment.columns["waves"].index().reshape(-1)
    try:
        relaxed = _within(planner, limit)
        for threshold in (1e-4, 0.01, 0.05):
            begun = openings(planner.part_used(relaxed), threshold)
            side.fix(opens, begun.reshape(-1))
            try:
                x = _within(planner, limit)
                if len(lit):
                    waves = waves_up(side.investment.columns["waves"], x)
                    side.fix(lit, waves.reshape(-1))
                    x = _within(planner, limit)
            except Infeasible:
                side.release(opens)
                side.release(lit)
                continue
            return planner.plan_of(x, "alternative")
    except Infeasible:
        return None
    finally:
        side.release(opens)
        side.release(lit)
    return None


def _within(planner: Planner, limit: float) -> F8:
    """Return the best point whose true cost is within the limit."""
    side = planner.side
    for number in range(ROUNDS):
        answer = side.hot.solve()
        if answer.status is Status.INFEASIBLE:
            raise Infeasible
        if answer.status is not Status.OPTIMAL:
            raise SolverError(f"the investment side ended as {answer.status}")
        cost, added = side.cut_at(answer.x)
        if cost <= limit * (1.0 + SLACK):
            return answer.x
        if added == 0:
            break
        if number >= ROUNDS // 2 and cost <= limit * (1.0 + 1e-4):
            return answer.x
    raise Infeasible
