"""Why there is no plan: targets that contradict each other, and by how much they would give way."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from computenet.errors import InputError, Problem
from computenet.optimization.conflicts import Conflict, conflicts
from computenet.optimization.expansion_plan import FIGURES, ExpansionPlan
from computenet.optimization.expansion_problem import ExpansionProblem
from computenet.optimization.sparse import SparseModel

__all__ = ["TARGETS", "contradictions", "shortfalls"]

B1 = NDArray[np.bool_]

#: Rows that may give way, by name: their field in ``planning`` and the unit of their excess.
TARGETS: dict[str, tuple[str, str]] = {
    "budget": ("targets.budget_cny", "money"),
    "must-run demand": ("targets.must_run_share", "share"),
    "latency coverage": ("targets.latency_coverage_min", "share"),
    "share of new compute in hubs": ("targets.hub_share_min", "hub"),
    "emissions": ("targets.carbon_cap_kt", "carbon"),
    "rack occupancy": ("targets.rack_occupancy_min", "power"),
}
#: Facts that are asked only where no target can help.
FACTS: dict[str, tuple[str, str]] = {
    "supply of chips": ("chips", "chips"),
    "most new halls": ("sites.most_factor", "power"),
    "power of halls": ("sites.most_factor", "power"),
}
TITLE = "there is no such plan"
#: A shortfall below this part of the energy is rounding.
ROUNDING = 1e-5


def contradictions(problem: ExpansionProblem, model: SparseModel) -> InputError:
    """Return the error that names the targets in conflict, and by how much each is missed.

    First each target alone: the least by which it would have to give way with all others as they
    are (:func:`computenet.optimization.conflicts.conflicts` on its rows). Where none is enough
    alone, the least total relative relaxation of all of them, and in the end of what can be bought
    and built as well.
    """
    alone = [
        (name, found) for name in TARGETS if (found := conflicts(model, _rows_but(model, (name,))))
    ]
    if alone:
        either = len(alone) > 1
        return InputError(
            [_problem(problem, item, either) for _, found in alone for item in _by_name(found)],
            f"{TITLE}; any one of these targets giving way is enough" if either else TITLE,
        )
    for names in (tuple(TARGETS), (*TARGETS, *FACTS)):
        found = conflicts(model, _rows_but(model, names))
        if found:
            return InputError([_problem(problem, item, False) for item in _by_name(found)], TITLE)
    return InputError(
        [Problem("planning", None, "has no plan, and no target was found that causes it")], TITLE
    )


def _by_name(found: list[Conflict]) -> list[Conflict]:
    return sorted(found, key=lambda item: item.constraint)


def _rows_but(model: SparseModel, names: tuple[str, ...]) -> B1:
    """Return the rows that hold: all but those of the blocks named."""
    keep = np.ones(model.m, dtype=np.bool_)
    for block in model.rows:
        if block.name in names:
            keep[block.slice] = False
    return keep


def _problem(problem: ExpansionProblem, item: Conflict, either: bool) -> Problem:
    name = item.constraint.split(" [")[0]
    where = item.constraint[len(name) :].strip(" []").removeprefix("all, ")
    path, unit = {**TARGETS, **FACTS}[name]
    amount = _amount(problem, item.excess, unit)
    allowed = None
    if unit == "money":
        stage = problem.stages.names.index(where)
        need = problem.unit * 1e3 * (problem.limits.budget[stage] + item.excess)
        words = f"is too small for the demand that must run ({where}): short by {amount}"
        allowed = f"at least {need:,.0f} CNY with openings in part; whole ones take a little more"
    elif either:
        words = f"would have to give way by {amount} ({where}), the other targets as they are"
    else:
        words = f"cannot be met together with the other targets ({where}): short by {amount}"
    return Problem(f"planning.{path}", None, words, allowed)


def _amount(problem: ExpansionProblem, excess: float, unit: str) -> str:
    n = problem.unit
    if unit == "share":
        return f"{100.0 * excess:.3g} % of the demand"
    if unit == "money":
        return f"{1e3 * n * excess:,.0f} CNY"
    if unit == "carbon":
        return f"{n * excess / 1e3:.4g} kt a year"
    if unit == "power":
        return f"{n * excess / 1e3:.4g} MW"
    if unit == "chips":
        return f"{n * excess:,.0f} accelerators"
    scale = max(float(problem.chips.pflops.max(initial=0.0)), 1e-12)
    return f"{n * excess * scale / 1e3:.4g} EFLOPS"


def shortfalls(problem: ExpansionProblem, plan: ExpansionPlan) -> None:
    """Refuse a plan that misses power, green shares or caps though everything was tried.

    Raises
    ------
    InputError
        With each site and stage, and how much is missing.
    """
    problems = []
    names, stages = problem.sites.names, problem.stages.names
    scale = np.maximum(plan.energy[:, :, 0] + plan.energy[:, :, 1], 1e-9)
    for figure, path, words in (
        (FIGURES.index("short"), "planning.targets.green_share_min", "GWh of green power"),
        (FIGURES.index("over"), "planning.targets.carbon_cap_kt", "kt of room under the cap"),
        (FIGURES.index("unserved"), "topology.sites.{site}.import_limit_mw", "GWh of grid power"),
    ):
        amount = plan.energy[:, :, figure]
        for i, y in np.argwhere(amount > ROUNDING * scale).tolist():
            value = problem.unit * amount[i, y] / 1e3
            problems.append(
                Problem(path.format(site=names[i]), None,
                        f"cannot be met at {names[i]} in {stages[y]}: {value:.4g} {words} a year "
                        "are missing, whatever is built")
            )  # fmt: skip
    if problems:
        raise InputError(problems, TITLE)
