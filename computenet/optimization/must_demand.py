"""Demand that must be met: a price that stands in for it, and the problem of how much cannot be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from computenet.optimization.matching_problem import MatchingProblem
from computenet.optimization.sizes import largest_size

__all__ = ["is_short", "must_price", "shortage_problem", "told_short"]

F8 = NDArray[np.float64]
B1 = NDArray[np.bool_]

#: Price of demand that must be met, over the dearest way and over the dearest of other demand.
OVER_WAY, OVER_UNMET = 1e4, 10.0
#: Share of a row that must be met at which what is left of it is rounding.
SHORT = 1e-6


def must_price(problem: MatchingProblem) -> float:
    """Return a price of unmet demand far above what a unit costs by the dearest way, CNY.

    It is no proof: where many rows have to make room for one another, or a unit takes the place of
    many, leaving one unmet may still be cheaper.
    """
    p = problem
    way = largest_size(p.arc_cny)
    if p.traffic is not None:
        way += largest_size(p.traffic.path_cny) * largest_size(p.traffic.arc_gb_s)
    if p.congestion is not None:
        way += largest_size(p.congestion.extra_cny) * largest_size(p.arc_use)
    if p.power is not None and p.power.excess_cny is not None:
        way += largest_size(p.power.excess_cny) * largest_size(p.power.arc_mw)
    return max(OVER_WAY * max(way, 1.0), OVER_UNMET * largest_size(p.unmet_cny))


def is_short(problem: MatchingProblem, unmet: F8) -> B1:
    """Return which rows must be met and are not, but for rounding, ``(D,)``."""
    return np.asarray(np.isinf(problem.unmet_cny) & (unmet > SHORT * problem.demand))


def told_short(problem: MatchingProblem, unmet: F8, most: int = 5) -> str:
    """Return one sentence that says which rows are short, the largest amounts first."""
    rows = np.flatnonzero(is_short(problem, unmet))
    rows = rows[np.argsort(-unmet[rows])]
    shown = "; ".join(
        f"{problem.bracketed('demand', d)} by {unmet[d]:.6g}" for d in rows[:most].tolist()
    )
    more = f"; and {len(rows) - most} more" if len(rows) > most else ""
    return f"these would have to give way: {shown}{more}"


def shortage_problem(problem: MatchingProblem) -> MatchingProblem:
    """Return the problem of the least amount unmet of what must be met.

    Nothing costs anything but a unit of such demand that is left, at 1; other demand is none. A
    lower bound above 0 on it proves that not all can be met (phase 1 of the simplex method).
    """
    p = problem
    must = np.isinf(p.unmet_cny)

    def free(price: F8) -> F8:
        return np.where(np.isinf(price), price, 0.0)

    power, traffic, congestion = p.power, p.traffic, p.congestion
    if power is not None and power.excess_cny is not None:
        power = replace(power, excess_cny=free(power.excess_cny))
    if traffic is not None:
        traffic = replace(traffic, path_cny=np.zeros(len(traffic.path_cny)))
    if congestion is not None:
        congestion = replace(congestion, extra_cny=free(congestion.extra_cny))
    return replace(
        p, demand=np.where(must, p.demand, 0.0), unmet_cny=must.astype(np.float64),
        arc_cny=np.zeros(p.n_arcs), power=power, traffic=traffic, congestion=congestion,
    )  # fmt: skip
