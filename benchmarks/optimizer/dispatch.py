"""Rolling dispatch: a window from nothing, and every hour after it from the basis before.

A made-up network of two pools a site with every kind of constraint (`dispatch_case`): 10 sites over
24 hours and 30 sites over 72. The end of the window moves on every hour, or by several hours at a
time, when most windows end where the last did; with and without forecasts that are other ones
every hour (generation by up to 10 %, requests by up to 5 %). Times are of the whole call: model,
solve and reading the plan. Each plan's cost is computed again from its decisions; the last window
is solved again from nothing.
"""

from __future__ import annotations

import statistics
from dataclasses import replace

import numpy as np

from benchmarks.measure import Figure
from benchmarks.optimizer.dispatch_case import network
from computenet.optimization.dispatch import (
    Carry,
    Dispatcher,
    DispatchProblem,
    carry_after,
    dispatch_cost,
    solve_dispatch,
    window,
)

__all__ = ["run"]

#: Hours of each roll; the first after the window from nothing are slower.
HOURS = 24


def roll(
    sites: int, slots: int, limits_s: tuple[float, float], extend: int, change: float
) -> list[Figure]:
    """Return the time of the first window, and the median and mean of those that follow.

    Parameters
    ----------
    limits_s
        What the first window and the median of the others are to reach.
    extend
        Hours by which the end moves on at a time; windows have at least `slots`.
    change
        Share by which what is forecast for later slots changes from hour to hour.
    """
    whole = network(sites, slots + 2 * HOURS)
    rng = np.random.default_rng(1)
    dispatcher, walls, pivots, warm = Dispatcher(), [], [], 0
    carry: Carry | None = None
    for hour in range(HOURS + 1):
        end = slots + (hour // extend + 1) * extend - 1
        part = forecast_anew(window(whole, hour, end, carry), change, rng)
        plan = dispatcher.solve(part)
        cost = dispatch_cost(part, plan).total
        assert abs(cost - plan.objective_cny) <= 1e-9 * abs(cost), (cost, plan.objective_cny)
        walls.append(plan.seconds)
        pivots.append(plan.iterations)
        warm += plan.warm
        carry = carry_after(part, plan)
    again = solve_dispatch(part, "highs-ipm").objective_cny
    assert abs(again - plan.objective_cny) <= 1e-6 * abs(again), (again, plan.objective_cny)
    name = f"{sites} sites x {slots} h"
    rolling = f"{name}: next hour" + (f", end moves {extend} h" if extend > 1 else "")
    rolling += ", forecasts change" if change else ""
    cold_s, rolling_s = limits_s
    median = statistics.median(walls[1:])
    figures = [
        Figure(f"{name}: from nothing", walls[0], "s", f"<= {cold_s:g}", walls[0] <= cold_s),
        Figure(f"{rolling}, median of {HOURS}", median, "s", f"<= {rolling_s:g}",
               median <= rolling_s),
        Figure("    mean", statistics.mean(walls[1:]), "s", "", True),
        Figure("    slowest", max(walls[1:]), "s", "", True),
        Figure("    pivots, median", statistics.median(pivots[1:]), "pivots", "", True),
        Figure("    from the last basis", 100.0 * warm / HOURS, "%", "", True),
    ]  # fmt: skip
    return figures if extend == 1 and not change else figures[1:]


def forecast_anew(
    problem: DispatchProblem, change: float, rng: np.random.Generator
) -> DispatchProblem:
    """Return a window whose slots after the first have another forecast."""
    generation = problem.power.generation_mw.copy()
    rates = problem.requests.rate_per_s.copy()
    generation[1:] *= 1.0 + change * rng.uniform(-1.0, 1.0, generation[1:].shape)
    rates[1:] *= 1.0 + 0.5 * change * rng.uniform(-1.0, 1.0, rates[1:].shape)
    return replace(
        problem,
        power=replace(problem.power, generation_mw=generation),
        requests=replace(problem.requests, rate_per_s=rates),
    )


def run() -> list[Figure]:
    """Run both sizes."""
    figures = []
    for extend, change in ((1, 0.0), (1, 0.1), (6, 0.0)):
        figures += roll(10, 24, (1.0, 0.1), extend, change)
        figures += roll(30, 72, (20.0, 1.0), extend, change)
    return figures
