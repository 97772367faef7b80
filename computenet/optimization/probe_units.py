"""Matchings in other units of money and amounts, so that small steps stand above tolerances."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
from numpy.typing import NDArray

from computenet.optimization.matching_model import Matching, MatchingPrices
from computenet.optimization.matching_problem import MatchingProblem
from computenet.optimization.sizes import largest_size

__all__ = ["amount_unit", "in_amounts", "in_money", "least_limit", "money_unit"]

F8 = NDArray[np.float64]

#: Demand whose mean is at least this is probed as it stands.
ORDINARY = 1e-2
#: Costs whose median is at least this are, too.
ORDINARY_CNY = 0.1
#: A typical cost is at least this part of the largest: beyond it costs are lost in rounding.
LEAST = 1e-6


def amount_unit(problem: MatchingProblem) -> float:
    """Return a power of two near the mean demand, or near limits without one; 1 if ordinary."""
    mean = float(problem.demand.mean()) if problem.n_demands else 0.0
    if mean <= 0.0:
        limits = problem.capacity[(problem.capacity > 0.0) & np.isfinite(problem.capacity)]
        mean = float(limits.mean()) if limits.size else 1.0
    return 1.0 if mean >= ORDINARY else float(2.0 ** np.floor(np.log2(mean)))


def in_amounts(
    problem: MatchingProblem, matching: Matching, unit: float
) -> tuple[MatchingProblem, Matching]:
    """Return both with amounts in units of so many; prices stay."""
    if unit == 1.0:
        return problem, matching
    return problem.in_units(unit), replace(
        matching, flow=matching.flow / unit, unmet=matching.unmet / unit,
        path_gb_s=matching.path_gb_s / unit, segment_use=matching.segment_use / unit,
        objective=matching.objective / unit, bound=matching.bound / unit,
    )  # fmt: skip


def money_unit(problem: MatchingProblem) -> tuple[float, float]:
    """Return a unit of money and a typical cost of an arc in it.

    The unit is 1 where the median of arcs' costs is ordinary. Where it is small, or nothing, all
    prices of the problem have their say, those of demand left unmet too.
    """
    typical = float(np.median(np.abs(problem.arc_cny))) if problem.n_arcs else 0.0
    if typical >= ORDINARY_CNY:
        return 1.0, typical
    largest = max((largest_size(costs) for costs in _costs(problem)), default=0.0)
    typical = max(typical, LEAST * largest)
    if typical <= 0.0:
        return 1.0, 1.0
    unit = float(2.0 ** np.floor(np.log2(typical)))
    return unit, typical / unit


def in_money(
    problem: MatchingProblem, matching: Matching, unit: float
) -> tuple[MatchingProblem, Matching]:
    """Return both with costs and prices in units of so much; amounts stay."""
    if unit == 1.0:
        return problem, matching
    power, traffic, congestion = problem.power, problem.traffic, problem.congestion
    if power is not None and power.excess_cny is not None:
        power = replace(power, excess_cny=power.excess_cny / unit)
    if traffic is not None:
        traffic = replace(traffic, path_cny=traffic.path_cny / unit)
    if congestion is not None:
        congestion = replace(congestion, extra_cny=congestion.extra_cny / unit)
    prices = {item.name: getattr(matching.prices, item.name) for item in fields(MatchingPrices)}
    return replace(
        problem, arc_cny=problem.arc_cny / unit, unmet_cny=problem.unmet_cny / unit, power=power,
        traffic=traffic, congestion=congestion,
    ), replace(
        matching, prices=MatchingPrices(**{name: each / unit for name, each in prices.items()}),
        objective=matching.objective / unit, bound=matching.bound / unit,
    )  # fmt: skip


def least_limit(problem: MatchingProblem) -> float:
    """Return the smallest limit above 0, infinite without one."""
    limits = [problem.capacity]
    if problem.power is not None:
        limits.append(problem.power.site_mw)
    if problem.traffic is not None:
        limits.append(problem.traffic.link_gb_s)
    return min(float(each[each > 0.0].min(initial=np.inf)) for each in limits)


def _costs(problem: MatchingProblem) -> list[F8]:
    found = [problem.arc_cny, problem.unmet_cny]
    if problem.power is not None and problem.power.excess_cny is not None:
        found.append(problem.power.excess_cny)
    if problem.traffic is not None:
        found.append(problem.traffic.path_cny)
    if problem.congestion is not None:
        found.append(problem.congestion.extra_cny)
    return found
