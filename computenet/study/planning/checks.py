"""What is wrong with the options of a plan, before anything is done."""

from __future__ import annotations

from dataclasses import replace

from computenet.errors import InputError, Problem
from computenet.scenario import Scenario
from computenet.study.planning.horizon import cut, cut_problems, long_stages
from computenet.study.planning.layouts import measured_growth
from computenet.study.planning.planning import variant_problems
from computenet.study.planning.verification import Agreement, verification_problems
from computenet.study.planning.year import require_planning

__all__ = ["check_plan"]


def check_plan(
    scenario: Scenario | None,
    *,
    stages: int | None,
    days: int | None,
    alternatives: int,
    within: float,
    pareto: int,
    gap: float,
    time_limit_s: float | None,
    rounds: int | None,
) -> None:
    """Raise `InputError` with all that `plan` and `verify` would refuse, named as at the terminal.

    Parameters
    ----------
    scenario
        ``None`` = it could not be read: options are checked alone.
    rounds
        Of a verification; ``None`` = there is none.
    stages, days, alternatives, within, pareto, gap, time_limit_s
        As of `plan`.
    """
    options = variant_problems(alternatives, within, pareto, gap, time_limit_s)
    problems: list[Problem] = []
    if rounds is not None:
        options += verification_problems(Agreement(), "matching", rounds)
    if scenario is None:
        options += cut_problems(stages, days, None)
    else:
        try:
            planning = require_planning(scenario)
        except InputError as error:
            problems += error.problems
            options += cut_problems(stages, days, None)
        else:
            try:
                planning = cut(planning, stages, days)
            except InputError as error:
                options += error.problems
            problems += long_stages(planning)
            if rounds is not None:
                problems += measured_growth(scenario, planning)
    named = [
        replace(one, path="--" + one.path.removesuffix("_s").replace("_", "-")) for one in options
    ]
    if named or problems:
        raise InputError([*named, *problems], "nothing was planned")
