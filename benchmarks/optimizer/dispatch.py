"""Rolling dispatch: a window from nothing, and every hour after it from the basis before.

A made-up network of two pools a site with every kind of constraint (`dispatch_case`): 10 sites over
24 hours and 30 sites over 72. Times are of the whole call: model, solve and reading the plan. Each
plan's cost is computed again from its decisions; the last window is solved again from nothing.
"""

from __future__ import annotations

import statistics

from benchmarks.measure import Figure
from benchmarks.optimizer.dispatch_case import network
from computenet.optimization.dispatch import (
    Carry,
    Dispatcher,
    carry_after,
    dispatch_cost,
    solve_dispatch,
    window,
)

__all__ = ["run"]


def roll(sites: int, slots: int, hours: int, cold_s: float, rolling_s: float) -> list[Figure]:
    """Return the time of the first window and the median of those that follow."""
    whole = network(sites, slots + hours)
    dispatcher, walls, pivots, warm = Dispatcher(), [], [], 0
    carry: Carry | None = None
    for hour in range(hours + 1):
        part = window(whole, hour, hour + slots, carry)
        plan = dispatcher.solve(part)
        cost = dispatch_cost(part, plan).total
        assert abs(cost - plan.objective_cny) <= 1e-9 * abs(cost), (cost, plan.objective_cny)
        walls.append(plan.seconds)
        pivots.append(plan.iterations)
        warm += plan.warm
        carry = carry_after(part, plan)
    again = solve_dispatch(part, "highs-ipm").objective_cny
    assert abs(again - plan.objective_cny) <= 1e-6 * abs(again), (again, plan.objective_cny)
    name, median = f"{sites} sites x {slots} h", statistics.median(walls[1:])
    return [
        Figure(f"{name}, from nothing", walls[0], "s", f"<= {cold_s:g}", walls[0] <= cold_s),
        Figure(
            f"{name}, next hour, median of {hours}", median, "s", f"<= {rolling_s:g}",
            median <= rolling_s,
        ),
        Figure(f"{name}, next hour, slowest", max(walls[1:]), "s", "", True),
        Figure(f"{name}, next hour, pivots", statistics.median(pivots[1:]), "pivots", "", True),
        Figure(f"{name}, from the last basis", 100.0 * warm / hours, "%", "", True),
        Figure(f"{name}, from nothing over next hour", walls[0] / median, "x", "", True),
    ]  # fmt: skip


def run() -> list[Figure]:
    """Run both sizes."""
    return roll(10, 24, 24, 1.0, 0.1) + roll(30, 72, 8, 20.0, 1.0)
