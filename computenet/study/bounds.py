"""Lower bounds on what runs of one scenario could have cost, emitted and waited."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from computenet.errors import InputError
from computenet.results import Results

__all__ = ["RunBound", "bound_runs", "gaps_of", "note", "with_bound"]


@dataclass(frozen=True, slots=True)
class RunBound:
    """Lower bounds for runs of one scenario.

    Attributes
    ----------
    cost_cny, carbon_kg, waiting_accelerator_h
        No run that did the work of these runs costs, emits or lets jobs wait less; ``None`` where
        there is no bound.
    idle_cost_cny, idle_carbon_kg
        The same for no work at all: the part that no decision on work can move.
    status
        ``optimal``, or why there is no bound.
    compared
        Runs that the bounds hold for.
    periods, seconds
        Periods of the models, wall time.
    """

    cost_cny: float | None = None
    carbon_kg: float | None = None
    waiting_accelerator_h: float | None = None
    idle_cost_cny: float | None = None
    idle_carbon_kg: float | None = None
    status: str = "not computed"
    compared: int = 0
    periods: int = 0
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return the figures for JSON."""
        return {
            "cost_cny": self.cost_cny,
            "carbon_kg": self.carbon_kg,
            "waiting_accelerator_h": self.waiting_accelerator_h,
            "idle_cost_cny": self.idle_cost_cny,
            "idle_carbon_kg": self.idle_carbon_kg,
            "status": self.status,
            "compared": self.compared,
            "periods": self.periods,
        }


def gaps_of(bound: RunBound, summary: Mapping[str, Any]) -> dict[str, float | None]:
    """Return how far a run lies above the bounds, relative to them.

    Returns
    -------
    dict
        ``gap_to_bound`` of the cost; ``gap_above_idle``, the same of what both cost above a
        network that does no work, which is the part that decisions on work can move;
        ``carbon_gap_to_bound``.
    """

    def gap(value: float, low: float | None, idle: float | None = 0.0) -> float | None:
        if low is None or idle is None or low - idle <= 0.0:
            return None
        return (value - low) / (low - idle)

    cost, carbon = float(summary["cost"]["total_cny"]), float(summary["carbon"]["kg"])
    return {
        "gap_to_bound": gap(cost, bound.cost_cny),
        "gap_above_idle": gap(cost, bound.cost_cny, bound.idle_cost_cny),
        "carbon_gap_to_bound": gap(carbon, bound.carbon_kg),
    }


def note(results: Results, bound: RunBound) -> Results:
    """Return a run whose summary has bounds and its gaps to them under ``bound``."""
    row = {**bound.as_dict(), **gaps_of(bound, results.summary)}
    return replace(results, summary={**results.summary, "bound": row})


def with_bound(results: Results) -> Results:
    """Return a run with the bounds for its own work in its summary, see `RunBound`."""
    return note(results, bound_runs({results.scenario.policy.name: results}))


def _differ(runs: Mapping[str, Results]) -> str | None:
    """Return why runs have no common bound, if they have none."""
    first_name, first = next(iter(runs.items()))

    def demand(run: Results) -> dict[str, Any]:
        return {k: v for k, v in run.manifest["inputs"].items() if k != "scenario.yaml"}

    def rest(run: Results) -> dict[str, Any]:
        return run.scenario.model_dump(exclude={"policy", "provenance"})

    for name, run in runs.items():
        if run is first:
            continue
        if rest(run) != rest(first):
            return f"not computed: {name} and {first_name} are runs of different scenarios"
        if demand(run) != demand(first):
            return f"not computed: {name} and {first_name} replay different demand"
    return None


def bound_runs(
    runs: Mapping[str, Results], *, solver: str = "highs", time_limit_s: float | None = 300.0
) -> RunBound:
    """Return bounds that hold for every one of the runs, with perfect foresight of their demand.

    Parameters
    ----------
    runs
        Runs of one scenario under any policies; of others there is no common bound, and the status
        says so.
    solver, time_limit_s
        See `computenet.optimization.bound.least_possible`.
    """
    from computenet.optimization.bound import least_possible
    from computenet.optimization.bound_periods import make_periods
    from computenet.study.bound_inputs import bound_case, least_waiting

    began = time.perf_counter()
    if not runs:
        return RunBound(status="not computed: there are no runs")
    reason = _differ(runs)
    if reason is not None:
        return RunBound(status=reason)
    try:
        case = bound_case(list(runs.values()))
    except InputError as error:
        # A weather or price file of an earlier run, say, that is there no more.
        return RunBound(status=f"not computed: the scenario cannot be compiled again: {error}")
    idle = replace(case, work=case.work.without())
    periods = make_periods(case.compiled)
    found: dict[str, float | None] = {}
    status = "optimal"
    for name, which, objective in (
        ("cost_cny", case, "cost"), ("carbon_kg", case, "carbon"),
        ("idle_cost_cny", idle, "cost"), ("idle_carbon_kg", idle, "carbon"),
    ):  # fmt: skip
        one = least_possible(
            which, objective, solver=solver, time_limit_s=time_limit_s, periods=periods
        )
        found[name] = one.value
        if one.status != "optimal" and status == "optimal":
            status = f"{name}: {one.status}"
    return RunBound(
        waiting_accelerator_h=least_waiting(case, list(runs.values())),
        status=status,
        compared=len(runs),
        periods=periods.count,
        seconds=time.perf_counter() - began,
        **found,
    )
