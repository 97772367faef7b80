"""Fair division: a million flows, ten million users, tenants over pools.

Instances are drawn from a seed and calibrated on nothing; they have a national network's sizes:
118 directed links, 930 routes of 2 to 8 links. Compilation and drawing are not counted.
"""

from __future__ import annotations

import numpy as np

from benchmarks.measure import Figure, median_s
from computenet.optimization.fair_flows import max_min_flows
from computenet.optimization.fair_transport import max_min_transport
from computenet.optimization.fairness import (
    alpha_fair,
    dominant_resource_fair,
    max_min,
)

LINKS, ROUTES = 118, 930


def flows(n: int, rng: np.random.Generator) -> Figure:
    """Weighted max-min rates of capped flows on fixed paths; links are 0.2 to 1.2 of their load."""
    paths = [rng.choice(LINKS, rng.integers(2, 9), replace=False) for _ in range(ROUTES)]
    first = np.concatenate([[0], np.cumsum([len(path) for path in paths])])
    link = np.concatenate(paths)
    route = rng.integers(0, ROUTES, n)
    cap, weight = rng.lognormal(0.0, 1.0, n), rng.lognormal(0.0, 0.5, n)

    def load(rate: np.ndarray) -> np.ndarray:
        by_route = np.bincount(route, weights=rate, minlength=ROUTES)
        return np.bincount(link, weights=np.repeat(by_route, np.diff(first)), minlength=LINKS)

    capacity = load(cap) * rng.uniform(0.2, 1.2, LINKS)
    found = max_min_flows(route, first, link, capacity, cap, weight)
    over = float((load(found.rate) / capacity).max()) - 1.0
    assert over <= 1e-9, over
    seconds = median_s(lambda: max_min_flows(route, first, link, capacity, cap, weight), 5)
    limit = 0.6 if n == 1_000_000 else np.inf
    wanted = "<= 0.6" if n == 1_000_000 else ""
    return Figure(f"max-min of {n:,} flows, {LINKS} links", seconds, "s", wanted, seconds <= limit)


def users(n: int, rng: np.random.Generator) -> list[Figure]:
    """One resource, half of what is asked for; and five resources."""
    cap, weight = rng.lognormal(0.0, 1.5, n), rng.lognormal(0.0, 0.5, n)
    capacity = 0.5 * float(cap.sum())
    found = max_min(capacity, cap, weight)
    assert abs(found.amount.sum() / capacity - 1.0) <= 1e-9
    out = [
        Figure(
            f"max-min of {n:,} users", median_s(lambda: max_min(capacity, cap, weight), 5), "s", "",
            True,
        )
    ]  # fmt: skip
    fair = alpha_fair(capacity, cap, weight, alpha=2.0)
    assert fair.residual <= 1e-9, fair.residual
    alpha_s = median_s(lambda: alpha_fair(capacity, cap, weight, alpha=2.0), 3)
    out.append(Figure(f"2-fair, {n:,} users", alpha_s, "s", "", True))
    if n > 1_000_000:
        return out
    demand = rng.random((n, 5)) * (rng.random((n, 5)) < 0.7)
    room = np.linspace(0.2, 0.6, 5) * n
    shares = dominant_resource_fair(demand, room, cap, weight)
    assert ((shares.tasks @ demand) <= room * (1.0 + 1e-9)).all()
    drf_s = median_s(lambda: dominant_resource_fair(demand, room, cap, weight), 3)
    out.append(Figure(f"dominant shares, {n:,} users, 5 resources", drf_s, "s", "", True))
    return out


def tenants(n: int, pools: int, rng: np.random.Generator) -> Figure:
    """Tenants that may each use a third of the pools, scarce."""
    allowed = rng.random((n, pools)) < 0.3
    demand = rng.lognormal(0.0, 1.0, n)
    capacity = 0.6 * demand.sum() * rng.dirichlet(np.ones(pools))
    use, cost = rng.uniform(0.5, 2.0, (n, pools)), rng.random((n, pools))

    def divide() -> object:
        return max_min_transport(demand, capacity, allowed, use=use, cost=cost)

    return Figure(f"max-min of {n} tenants over {pools} pools", median_s(divide, 5), "s", "", True)


def run() -> list[Figure]:
    """Run all sizes."""
    rng = np.random.default_rng(11)
    return [
        *(flows(n, rng) for n in (10_000, 100_000, 1_000_000)),
        *users(1_000_000, rng),
        *users(10_000_000, rng),
        tenants(50, 100, rng),
        tenants(155, 78, rng),
    ]
