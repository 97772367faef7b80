"""Weighted max-min rates of flows on fixed paths through a network of links."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from computenet.errors import InputError, Problem
from computenet.kernels.fair_flows import fill_routes, group_by_route, spread_levels
from computenet.optimization.fair_checks import check_values, require

__all__ = ["FlowRates", "max_min_flows"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class FlowRates:
    """Max-min fair rates.

    Attributes
    ----------
    rate
        ``(n,)`` of each flow.
    level
        ``(R,)`` rate per weight of the route's flows below their caps; infinite where all flows
        have their caps.
    bottleneck
        ``(R,)`` link that holds the route's flows back, -1 = none.
    steps
        Newton steps taken.
    """

    rate: F8
    level: F8
    bottleneck: I8
    steps: int


def max_min_flows(
    route: ArrayLike,
    first: ArrayLike,
    link: ArrayLike,
    capacity: ArrayLike,
    cap: ArrayLike = np.inf,
    weight: ArrayLike = 1.0,
) -> FlowRates:
    """Return weighted max-min fair rates of flows on fixed paths, with caps.

    ``x_i = min(cap_i, w_i t_r)`` on route `r`, where ``t_r`` is the level of the first link of the
    route to fill: ``sum_(i over l) x_i = C_l`` (progressive filling: Bertsekas and Gallager,
    *Data Networks*, 1992, section 6.5.2).

    Parameters
    ----------
    route
        ``(n,)`` route of each flow.
    first, link
        ``(R + 1,)`` and the links of each route: ``link[first[r]:first[r + 1]]``, each once.
    capacity
        ``(L,)``.
    cap
        ``(n,)`` or one: most that a flow sends.
    weight
        ``(n,)`` or one, over 0.

    Raises
    ------
    InputError
        A number that is negative or none, an index that is out of range, a link twice on a route,
        a flow that nothing limits.
    """
    routes = np.ascontiguousarray(route, dtype=np.int64)
    firsts = np.ascontiguousarray(first, dtype=np.int64)
    links = np.ascontiguousarray(link, dtype=np.int64)
    capacities = np.atleast_1d(np.asarray(capacity, dtype=np.float64))
    n, count = len(routes), len(firsts) - 1
    caps = np.ascontiguousarray(np.broadcast_to(np.asarray(cap, dtype=np.float64), n))
    weights = np.ascontiguousarray(np.broadcast_to(np.asarray(weight, dtype=np.float64), n))
    problems = [
        *check_values("capacity", capacities, infinite=True),
        *check_values("cap", caps, infinite=True),
        *check_values("weight", weights, positive=True),
        *_check_paths(routes, firsts, links, len(capacities)),
    ]
    require(problems)
    limited = np.zeros(count, dtype=np.bool_)
    owner = np.repeat(np.arange(count), np.diff(firsts))
    limited[owner[np.isfinite(capacities[links])]] = True
    loose = np.flatnonzero(np.isinf(caps) & ~limited[routes])
    if loose.size:
        raise InputError(
            [Problem(f"cap[{loose[0]}]", np.inf, "is infinite, and no link limits the flow")]
        )
    reach = caps / weights
    order = np.argsort(reach)
    begin, at = np.zeros(count + 1, dtype=np.int64), np.zeros(count, dtype=np.int64)
    cap_by, reach_by, weight_from = np.empty(n), np.empty(n), np.empty(n)
    group_by_route(order, routes, weights, caps, reach, begin, at, cap_by, reach_by, weight_from)
    level, bottleneck = np.empty(count), np.empty(count, dtype=np.int64)
    steps = fill_routes(
        firsts, links, capacities, begin, cap_by, reach_by, weight_from, at, np.empty(count),
        np.empty(len(capacities)), np.empty(len(capacities)), bottleneck, level,
    )  # fmt: skip
    rate = np.empty(n)
    spread_levels(routes, weights, caps, level, rate)
    return FlowRates(rate, level, bottleneck, int(steps))


def _check_paths(routes: I8, firsts: I8, links: I8, n_links: int) -> list[Problem]:
    problems = []
    count = len(firsts) - 1
    if count < 0 or firsts[0] != 0 or firsts[-1] != len(links) or (np.diff(firsts) < 0).any():
        return [Problem("first", None, "does not rise from 0 to the number of links on routes")]
    for name, values, most in (("route", routes, count), ("link", links, n_links)):
        bad = np.flatnonzero((values < 0) | (values >= most))
        if bad.size:
            problems.append(
                Problem(
                    f"{name}[{bad[0]}]", int(values[bad[0]]), "is out of range", f"0 to {most - 1}"
                )
            )
    owner = np.repeat(np.arange(count), np.diff(firsts))
    pairs = owner * max(n_links, 1) + links
    if not problems and len(np.unique(pairs)) < len(pairs):
        problems.append(Problem("link", None, "a link stands twice on one route"))
    return problems
