"""Plan capacity: from a scenario to an outcome."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import pandas as pd

from computenet.arguments import checked
from computenet.errors import InputError, Problem
from computenet.optimization.expansion import ExpansionProgress as PlanProgress
from computenet.optimization.expansion import Planner, chosen_method, expand
from computenet.optimization.expansion_plan import ExpansionPlan
from computenet.optimization.expansion_problem import ExpansionProblem
from computenet.study.planning.inputs import PlanInputs, plan_inputs
from computenet.study.planning.outcome import PlanOutcome
from computenet.study.planning.variants import alternative_table, pareto_table, variant_notes
from computenet.study.planning.year import require_planning
from computenet.study.runs import Source, load

__all__ = ["PlanProgress", "plan", "with_variants"]


@checked("nothing was planned")
def plan(
    scenario: Source,
    *,
    stages: int | None = None,
    days: int | None = None,
    alternatives: int = 0,
    within: float = 0.02,
    pareto: int = 0,
    gap: float = 0.01,
    time_limit_s: float | None = None,
    progress: Callable[[PlanProgress], None] | None = None,
) -> PlanOutcome:
    """Plan what to build, where and when, at the least present cost.

    Parameters
    ----------
    scenario
        A scenario with a section ``planning``, or anything `load` takes.
    stages
        Plan only the first so many stages.
    days
        Representative days, in place of the planning data's.
    alternatives, within
        So many layouts that cost at most this part more than the plan and differ most from it and
        each other.
    pareto
        Points of the fronts of cost against carbon and against latency coverage.
    gap
        Relative gap between the plan's cost and the bound at which to stop.
    time_limit_s
        Wall time of the plan itself; without it the result depends on the inputs alone.
    progress
        Called now and then.

    Raises
    ------
    InputError
        The scenario has no planning data, or targets contradict each other: which, by how much.
    SolverError
        A solver fails, or time ends before there is any plan.
    """
    began = time.perf_counter()
    loaded = load(scenario)
    _check(alternatives, within, pareto, gap, time_limit_s)
    inputs = plan_inputs(loaded, require_planning(loaded), stages=stages, days=days)
    problem = inputs.problem
    planner: Planner | None = None
    if (alternatives or pareto) and chosen_method(problem) == "benders":
        planner = Planner(problem)
        found = planner.solve(gap=gap, time_limit_s=time_limit_s, progress=progress)
    else:
        found = expand(problem, gap=gap, time_limit_s=time_limit_s, progress=progress)
    if pareto or (alternatives and planner is None):
        # The plan is the same with variants beside it and without.
        planner = Planner(problem, carbon=pareto > 0, begin=planner)
        planner.solve(gap=gap, progress=progress)
    outcome = PlanOutcome(
        inputs=inputs,
        plan=found,
        alternatives=pd.DataFrame(),
        alternative_sites=pd.DataFrame(),
        pareto=pd.DataFrame(),
        notes=_notes(inputs, found),
    )
    outcome = _beside(outcome, planner, alternatives, within, pareto, gap)
    return replace(outcome, seconds=time.perf_counter() - began)


@checked("nothing was planned")
def with_variants(
    outcome: PlanOutcome,
    *,
    alternatives: int = 0,
    within: float = 0.02,
    pareto: int = 0,
    gap: float = 0.01,
    progress: Callable[[PlanProgress], None] | None = None,
) -> PlanOutcome:
    """Return a plan with alternatives and fronts beside it; parameters and errors as of `plan`.

    For a plan that was made anew by a verification: `plan` itself is quicker with both at once.
    """
    _check(alternatives, within, pareto, gap, None)
    if not alternatives and not pareto:
        return outcome
    planner = Planner(outcome.inputs.problem, carbon=pareto > 0)
    planner.solve(gap=gap, progress=progress)
    return _beside(outcome, planner, alternatives, within, pareto, gap)


def _beside(
    outcome: PlanOutcome,
    planner: Planner | None,
    alternatives: int,
    within: float,
    pareto: int,
    gap: float,
) -> PlanOutcome:
    """Return a plan with the tables of its variants, and notes on them."""
    inputs, found = outcome.inputs, outcome.plan
    near, near_sites = alternative_table(inputs, found, planner, alternatives, within)
    front = pareto_table(inputs, found, planner, pareto, gap)
    return replace(
        outcome,
        alternatives=near,
        alternative_sites=near_sites,
        pareto=front,
        alternatives_asked=alternatives,
        notes=(*outcome.notes, *variant_notes(near, front, alternatives, found.gap)),
        _kept={},
    )


def _check(
    alternatives: int, within: float, pareto: int, gap: float, time_limit_s: float | None
) -> None:
    problems = []
    for name, value, wrong, allowed in (
        ("alternatives", alternatives, not 0 <= alternatives <= 50, "0 to 50"),
        ("within", within, not 0.0 < within <= 1.0, "above 0, at most 1"),
        ("pareto", pareto, not (pareto == 0 or 2 <= pareto <= 50), "0, or 2 to 50"),
        ("gap", gap, not 0.0 <= gap < 1.0, "0 to below 1"),
        ("time_limit_s", time_limit_s, time_limit_s is not None and not time_limit_s > 0.0,
         "above 0 s"),
    ):  # fmt: skip
        if wrong:
            problems.append(Problem(name, value, "is out of range", allowed))
    if problems:
        raise InputError(problems, "nothing was planned")


def _notes(inputs: PlanInputs, found: ExpansionPlan) -> tuple[str, ...]:
    problem: ExpansionProblem = inputs.problem
    notes = []
    if found.status != "optimal":
        notes.append(
            f"{found.status}: the plan is within {found.gap:.2%} of the least cost there can be"
        )
    short = float((found.unmet * problem.stream_work).sum() / max(problem.stream_work.sum(), 1e-12))
    if short > 1e-6:
        notes.append(f"{short:.2%} of the demand is not served: see the assignment")
    if inputs.scenario.energy.model == "simple":
        notes.append("electricity is planned with weather and plant (energy.model=full)")
    return tuple(notes)
