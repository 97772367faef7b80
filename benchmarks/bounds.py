"""Bounds: how long all bounds of a run of ``china-2025`` take, a week of it and a month.

The model has the same size whatever the demand, so a fiftieth of it is simulated first. What is
timed is `computenet.study.bound_runs`: compilation, tables, cost, carbon, both without any work,
and waiting.
"""

from __future__ import annotations

import computenet as cn
from benchmarks.measure import Figure, median_s
from computenet.study import bound_runs

SCALE, MOST_S = 0.02, 20.0


def run() -> list[Figure]:
    """Return the seconds of every bound."""
    figures = []
    for days in (7, 30):
        scenario = cn.load("china-2025", overrides={"days": days, "workload.scale": SCALE})
        runs = {"cheapest": cn.simulate(scenario, policy="cheapest")}
        bound = bound_runs(runs)
        assert bound.status == "optimal"
        assert bound.cost_cny is not None
        assert bound.cost_cny <= runs["cheapest"].summary["cost"]["total_cny"]
        seconds = median_s(lambda runs=runs: bound_runs(runs), 3)  # type: ignore[misc]
        name = f"bounds of {days} days in {bound.periods} periods"
        figures.append(Figure(name, seconds, "s", f"<= {MOST_S:g}", seconds <= MOST_S))
    return figures
