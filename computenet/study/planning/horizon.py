"""The stages of a plan: those that are asked for, and those that are too long."""

from __future__ import annotations

from computenet.errors import InputError, Problem
from computenet.scenario.planning import PlanningSpec

__all__ = ["cut", "cut_problems", "long_stages"]


def long_stages(planning: PlanningSpec) -> list[Problem]:
    """Return the stages in which something that can be bought would have to be bought again.

    What is bought in a stage serves all of it on one purchase, so a stage is no longer than the
    shortest life.
    """
    lives = [(f"chips.{chip.accelerator}", chip.lifetime_years) for chip in planning.chips]
    lives += [
        (name, build.lifetime_years)
        for name in ("sites", "links", "pv", "wind", "battery")
        if (build := getattr(planning, name)) is not None
    ]
    name, life = min(lives, key=lambda one: one[1])
    return [
        Problem(f"planning.stages.{stage.year}.years", stage.years, "is longer than the shortest "
                "life of what can be bought",
                f"at most {life:g}, planning.{name}.lifetime_years; split the stage")
        for stage in planning.stages
        if stage.years > life + 1e-9
    ]  # fmt: skip


def cut_problems(stages: int | None, days: int | None, most: int | None) -> list[Problem]:
    """Return what is out of range; `most` stages there are, ``None`` = that is not known."""
    problems = []
    if stages is not None and (stages < 1 or (most is not None and stages > most)):
        allowed = "at least 1" if most is None else f"1 to {most}"
        problems.append(Problem("stages", stages, "is out of range", allowed))
    if days is not None and not 1 <= days <= 365:
        problems.append(Problem("days", days, "is out of range", "1 to 365"))
    return problems


def cut(planning: PlanningSpec, stages: int | None, days: int | None) -> PlanningSpec:
    """Return planning data with its first `stages` alone, and with so many representative days.

    Raises
    ------
    InputError
        There are not so many stages, or days of a year.
    """
    problems = cut_problems(stages, days, len(planning.stages))
    if problems:
        raise InputError(problems, "nothing was planned")
    changes: dict[str, object] = {}
    if stages is not None:
        changes["stages"] = planning.stages[:stages]
        targets = planning.targets
        cut = {
            name: value[:stages]
            for name in ("budget_cny", "carbon_cap_kt")
            if isinstance(value := getattr(targets, name), list)
        }
        changes["targets"] = targets.model_copy(update=cut)
    if days is not None:
        changes["days"] = days
    return planning.model_copy(update=changes)
