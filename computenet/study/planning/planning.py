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
from computenet.optimization.solvers import SolverError
from computenet.study.planning.inputs import PlanInputs, plan_inputs
from computenet.study.planning.outcome import PlanOutcome
from computenet.study.planning.variants import alternative_table, pareto_table, variant_notes
from computenet.study.planning.year import require_planning
from computenet.study.runs import Source, load

__all__ = ["PlanProgress", "plan", "plan_notes", "variant_problems", "with_variants"]


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
        notes=plan_notes(inputs, found),
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
    keep: bool = False,
    progress: Callable[[PlanProgress], None] | None = None,
) -> PlanOutcome:
    """Return a plan with alternatives and fronts beside it; parameters and errors as of `plan`.

    For a plan that was made anew by a verification: `plan` itself is quicker with both at once.

    Parameters
    ----------
    keep
        Where they cannot be found, return the plan as it is with a note that says why, in place of
        an error.
    """
    _check(alternatives, within, pareto, gap, None)
    if not alternatives and not pareto:
        return outcome
    began = time.perf_counter()
    try:
        planner = Planner(outcome.inputs.problem, carbon=pareto > 0)
        planner.solve(gap=gap, progress=progress)
        found = _beside(outcome, planner, alternatives, within, pareto, gap)
    except (InputError, SolverError) as error:
        if not keep:
            raise
        told = f"alternatives and fronts were not found: {error}"
        found = replace(outcome, notes=(*outcome.notes, told))
    return replace(found, seconds=outcome.seconds + time.perf_counter() - began)


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


def variant_problems(
    alternatives: int, within: float, pareto: int, gap: float, time_limit_s: float | None
) -> list[Problem]:
    """Return what is out of range, of the parameters of `plan` and `with_variants`."""
    return [
        Problem(name, value, "is out of range", allowed)
        for name, value, wrong, allowed in (
            ("alternatives", alternatives, not 0 <= alternatives <= 50, "0 to 50"),
            ("within", within, not 0.0 < within <= 1.0, "above 0, at most 1"),
            ("pareto", pareto, not (pareto == 0 or 2 <= pareto <= 50), "0, or 2 to 50"),
            ("gap", gap, not 0.0 <= gap < 1.0, "0 to below 1"),
            ("time_limit_s", time_limit_s, time_limit_s is not None and not time_limit_s > 0.0,
             "above 0 s"),
        )
        if wrong
    ]  # fmt: skip


def _check(
    alternatives: int, within: float, pareto: int, gap: float, time_limit_s: float | None
) -> None:
    if problems := variant_problems(alternatives, within, pareto, gap, time_limit_s):
        raise InputError(problems, "nothing was planned")


def plan_notes(inputs: PlanInputs, found: ExpansionPlan) -> tuple[str, ...]:
    """Return what a reader should know of a plan."""
    problem: ExpansionProblem = inputs.problem
    notes = []
    if found.status != "optimal":
        notes.append(
            f"{found.status}: the plan is within {found.gap:.2%} of the least cost there can be"
        )
    short = float((found.unmet * problem.stream_work).sum() / max(problem.stream_work.sum(), 1e-12))
    if short >= 5e-5:  # less is 0.00 %
        notes.append(f"{short:.2%} of the demand is not served: see the assignment")
    if inputs.scenario.energy.model == "simple":
        notes.append("electricity is planned with weather and plant (energy.model=full)")
    return tuple(notes)
