"""Small matching problems, and a second formulation written term by term for another solver."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linprog

from computenet.optimization.matching import (
    Congestion,
    LinkTraffic,
    Matching,
    MatchingProblem,
    SitePower,
)
from computenet.optimization.matching_limits import matching_loads

#: Parts that a problem may have besides demand and capacity.
PARTS = ("upper", "power", "excess", "steps", "traffic", "split", "congestion")


def small(**changes: object) -> MatchingProblem:
    """Return: 10 units of `a` and 5 of `b`; pools `x` (8) at 1 and `y` (12) at 2; unmet at 20."""
    values: dict[str, object] = {
        "demand": [10.0, 5.0],
        "unmet_cny": [20.0, 20.0],
        "arc_demand": [0, 0, 1, 1],
        "arc_pool": [0, 1, 0, 1],
        "arc_use": np.ones(4),
        "arc_cny": [1.0, 2.0, 1.0, 2.0],
        "capacity": [8.0, 12.0],
        "demand_names": ("a", "b"),
        "pool_names": ("x", "y"),
    }
    return MatchingProblem(**(values | changes))  # type: ignore[arg-type]


def drawn(seed: int, parts: tuple[str, ...] = PARTS, demands: int = 8) -> MatchingProblem:
    """Return a problem drawn from a seed: 6 pools at 3 sites, arcs in no order."""
    rng = np.random.default_rng([seed, demands, len(parts)])
    pools, sites, links = 6, 3, 4
    there = rng.uniform(size=(demands, pools)) < 0.7
    d, p = np.nonzero(there)
    mixed = rng.permutation(len(d))
    d, p = d[mixed], p[mixed]
    n = len(d)
    use = rng.uniform(0.5, 2.0, n)
    demand = rng.lognormal(1.0, 1.0, demands)
    capacity = rng.uniform(0.5, 1.5, pools)
    capacity *= rng.uniform(0.7, 1.6) * demand.sum() / capacity.sum()
    power = traffic = congestion = None
    if "power" in parts or "excess" in parts:
        limit = rng.uniform(0.1, 0.6, sites) * demand.sum()
        price = rng.uniform(0.5, 30.0, sites) if "excess" in parts else None
        width = None
        if price is not None and "steps" in parts:
            # Own power, then a narrow step, then one that may be endless or closed.
            limit[0] = 0.0
            price = price[:, None] * np.asarray([0.05, 0.3, 1.0])
            width = rng.uniform(0.0, 0.3, (sites, 3)) * demand.sum()
            width[:2, 2] = np.inf
            price[2, 2] = np.inf
        power = SitePower(np.arange(pools) % sites, rng.uniform(0.3, 1.5, n), limit, price, width)
    if "traffic" in parts or "split" in parts:
        # Four pairs; the last has no path, the third has two.
        traffic = LinkTraffic(
            arc_pair=rng.choice([-1, 0, 1, 2, 3], n, p=[0.3, 0.2, 0.2, 0.2, 0.1]),
            arc_gb_s=rng.uniform(0.1, 1.0, n),
            path_pair=np.asarray([0, 1, 2, 2]),
            path_start=np.asarray([0, 1, 3, 4, 6]),
            path_link=np.asarray([0, 1, 2, 2, 0, 3]),
            path_cny=rng.uniform(0.0, 0.2, 4),
            link_gb_s=rng.uniform(0.0, 0.25, links) * demand.sum(),
            path_share=rng.uniform(0.2, 1.0, 6) if "split" in parts else None,
        )
    if "congestion" in parts:
        share = rng.dirichlet(np.ones(3), pools)
        congestion = Congestion(share, np.cumsum(rng.uniform(0.0, 1.0, (pools, 3)), axis=1))
    upper = None
    if "upper" in parts:
        upper = np.where(rng.uniform(size=n) < 0.5, np.inf, rng.uniform(0.0, 3.0, n))
        upper[rng.uniform(size=n) < 0.1] = 0.0
    return MatchingProblem(
        demand=demand,
        unmet_cny=rng.uniform(5.0, 40.0, demands),
        arc_demand=d,
        arc_pool=p,
        arc_use=use,
        arc_cny=rng.uniform(-0.5, 3.0, n),
        capacity=capacity,
        arc_upper=upper,
        power=power,
        traffic=traffic,
        congestion=congestion,
    )


def optimum(problem: MatchingProblem) -> float:
    """Return the least cost by scipy's linprog, from dense rows written term by term."""
    p = problem
    a, d = p.n_arcs, p.n_demands
    paths = 0 if p.traffic is None else len(p.traffic.path_pair)
    shares = np.zeros((p.n_pools, 0)) if p.congestion is None else p.congestion.share
    sites = 0 if p.power is None else len(p.power.site_mw)
    free = p.power is not None and p.power.excess_cny is not None
    segments = shares.size
    steps = p.power.excess_cny.shape[1] if free else 0
    n = a + d + paths + segments + sites * steps
    cost = np.zeros(n)
    upper = np.full(n, np.inf)
    cost[:a], cost[a : a + d] = p.arc_cny, p.unmet_cny
    upper[:a] = np.inf if p.arc_upper is None else p.arc_upper
    first_path, first_segment = a + d, a + d + paths
    first_excess = first_segment + segments
    if free:
        price = p.power.excess_cny.ravel()
        if p.power.excess_mw is not None:
            upper[first_excess:] = p.power.excess_mw.ravel()
        upper[first_excess:][np.isinf(price)] = 0.0
        cost[first_excess:] = np.where(np.isinf(price), 0.0, price)
    equal, equal_to, less, less_to = [], [], [], []
    for row in range(d):
        terms = np.zeros(n)
        terms[:a] = p.arc_demand == row
        terms[a + row] = 1.0
        equal.append(terms)
        equal_to.append(p.demand[row])
    for pool in range(p.n_pools):
        terms = np.zeros(n)
        terms[:a] = np.where(p.arc_pool == pool, p.arc_use, 0.0)
        less.append(terms)
        less_to.append(p.capacity[pool])
        if segments:
            k = shares.shape[1]
            at = first_segment + pool * k + np.arange(k)
            cost[at] = p.congestion.extra_cny[pool]
            upper[at] = shares[pool] * p.capacity[pool]
            full = terms.copy()
            full[at] = -1.0
            equal.append(full)
            equal_to.append(0.0)
    for site in range(sites):
        terms = np.zeros(n)
        terms[:a] = np.where(p.power.pool_site[p.arc_pool] == site, p.power.arc_mw, 0.0)
        terms[first_excess + site * steps + np.arange(steps)] = -1.0
        less.append(terms)
        less_to.append(p.power.site_mw[site])
    if p.traffic is not None:
        t = p.traffic
        cost[first_path:first_segment] = t.path_cny
        for pair in range(t.n_pairs):
            terms = np.zeros(n)
            terms[:a] = np.where(t.arc_pair == pair, t.arc_gb_s, 0.0)
            terms[first_path:first_segment] = -(t.path_pair == pair).astype(float)
            equal.append(terms)
            equal_to.append(0.0)
        for link in range(len(t.link_gb_s)):
            terms = np.zeros(n)
            for h in range(paths):
                for at in range(t.path_start[h], t.path_start[h + 1]):
                    if t.path_link[at] == link:
                        terms[first_path + h] += 1.0 if t.path_share is None else t.path_share[at]
            less.append(terms)
            less_to.append(t.link_gb_s[link])
    limits = list(zip(np.zeros(n), np.where(np.isinf(upper), None, upper), strict=True))
    keep = np.isfinite(less_to)
    answer = linprog(
        cost, np.asarray(less)[keep], np.asarray(less_to)[keep], np.asarray(equal),
        np.asarray(equal_to), limits,
    )  # fmt: skip
    assert answer.status == 0, answer.message
    return float(answer.fun)


def follows(problem: MatchingProblem, answer: Matching) -> None:
    """Check a solution against the problem's own words."""
    p, x = problem, answer.flow
    size = 1e-7 * max(float(p.demand.sum()), 1.0)
    assert (x >= 0.0).all()
    assert (answer.unmet >= 0.0).all()
    met = np.bincount(p.arc_demand, x, minlength=p.n_demands)
    np.testing.assert_allclose(met + answer.unmet, p.demand, atol=size)
    loads = matching_loads(p, answer)
    assert (loads.pool_use <= p.capacity + size).all()
    cost = p.arc_cny @ x + p.unmet_cny @ answer.unmet
    if p.arc_upper is not None:
        assert (x <= p.arc_upper + size).all()
    if p.power is not None:
        over = np.maximum(loads.site_mw - p.power.site_mw, 0.0)
        if p.power.excess_cny is None:
            assert (over <= size).all()
        else:
            cost += p.power.excess_paid_cny(loads.site_mw).sum()
            room = np.where(np.isinf(p.power.excess_cny), 0.0, p.power.excess_bounds()[1])
            assert (over <= room.sum(axis=1) + size).all()
    if p.traffic is not None:
        assert (loads.link_gb_s <= p.traffic.link_gb_s + size).all()
        cost += p.traffic.path_cny @ answer.path_gb_s
        over_pair = p.traffic.arc_pair >= 0
        carried = np.bincount(
            p.traffic.arc_pair[over_pair], (x * p.traffic.arc_gb_s)[over_pair],
            minlength=p.traffic.n_pairs,
        )  # fmt: skip
        ways = np.bincount(p.traffic.path_pair, answer.path_gb_s, minlength=p.traffic.n_pairs)
        np.testing.assert_allclose(carried, ways, atol=size)
    if p.congestion is not None:
        np.testing.assert_allclose(answer.segment_use.sum(axis=1), loads.pool_use, atol=size)
        cost += (p.congestion.extra_cny * answer.segment_use).sum()
    assert answer.objective == pytest.approx(cost, rel=1e-7, abs=1e-7)
    assert answer.bound <= answer.objective
