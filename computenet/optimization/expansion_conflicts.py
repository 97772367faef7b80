"""Why there is no plan: targets that contradict each other, and by how much they would give way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from computenet.errors import InputError, Problem
from computenet.optimization.conflicts import Conflict, conflicts
from computenet.optimization.expansion_plan import FIGURES, ExpansionPlan
from computenet.optimization.expansion_problem import ExpansionProblem
from computenet.optimization.sparse import SparseModel

__all__ = ["TARGETS", "Again", "contradictions", "misses", "shortfalls"]

B1 = NDArray[np.bool_]
Again = Callable[[ExpansionProblem], ExpansionPlan | None]

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
EITHER = (
    f"{TITLE}; any one of these targets giving way is enough, in every stage that is told for it"
)
#: What a unit over a budget or a cap costs where the least excess is looked for: far more than a
#: unit can save where work may be left undone for nothing, far less than green power or grid power
#: that is missing.
OVER = 20.0
#: Nodes of branch and bound that a relaxation with whole openings may take.
NODES = 2000
#: A shortfall below this part of the energy is rounding.
ROUNDING = 1e-5


def contradictions(problem: ExpansionProblem, model: SparseModel, again: Again) -> InputError:
    """Return the error that names the targets in conflict, and by how much each is missed.

    First each target alone: the least by which it would have to give way with all others as they
    are (:func:`computenet.optimization.conflicts.conflicts` on its rows, openings in part). Where
    none is enough alone, the least total relative relaxation of all of them, of what can be bought
    and built as well, and in the end of all with whole openings and waves. Of a budget it is told
    with how much there is a plan, see `_needs`.

    Parameters
    ----------
    again
        Plans a problem; ``None`` where it finds no plan.
    """
    there = {block.name for block in model.rows}
    alone = {
        name: found
        for name in TARGETS
        if name in there and (found := conflicts(model, _rows_but(model, (name,))))
    }
    needed: list[Problem] = []
    if "budget" in alone or (not alone and np.isfinite(problem.limits.budget).any()):
        plan, needed = _needs(problem, ("budget",), again)
        if plan is None or misses(problem, plan):
            needed = []
        elif needed:
            alone = {"budget": [], **alone}
    if alone:
        either = len(alone) > 1
        rows = [
            row
            for name, found in alone.items()
            for row in (
                needed
                if name == "budget" and needed
                else [_problem(problem, item, either) for item in _by_name(found)]
            )
        ]
        return InputError(rows, EITHER if either else TITLE)
    for names, nodes in (
        (tuple(TARGETS), None), ((*TARGETS, *FACTS), None),
        (tuple(TARGETS), NODES), ((*TARGETS, *FACTS), NODES),
    ):  # fmt: skip
        found = conflicts(model, _rows_but(model, names), nodes=nodes)
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
        words = f"is too small for what the other targets ask ({where}): short by {amount}"
        allowed = f"more than {need:,.0f} CNY: so much with openings in part, whole ones take more"
    elif either:
        words = (
            f"would have to give way by {amount} or more ({where}), the other targets as they are"
        )
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


def shortfalls(problem: ExpansionProblem, plan: ExpansionPlan, again: Again) -> None:
    """Refuse a plan that misses power, green shares or caps though everything was tried.

    Where there are budgets or caps of carbon, it is planned again with each of them giving way, and
    with both: what keeps the plan from meeting its targets is named, and how much is needed.

    Parameters
    ----------
    again
        Plans a problem; ``None`` where it finds no plan.

    Raises
    ------
    InputError
        With each limit that is too small, or each site and stage and how much is missing there.
    """
    missed = misses(problem, plan)
    if not missed:
        return
    limits = tuple(
        name
        for name, values in (("budget", problem.limits.budget), ("carbon", problem.limits.carbon))
        if np.isfinite(values).any()
    )
    enough: list[list[Problem]] = []
    eased: ExpansionPlan | None = None
    for which in (*((name,) for name in limits), *([limits] if len(limits) > 1 else [])):
        if enough and len(which) > 1:
            break
        eased, needed = _needs(problem, which, again)
        if eased is not None and needed and not misses(problem, eased):
            enough.append(needed)
    if enough:
        rows = [row for needed in enough for row in needed]
        raise InputError(rows, EITHER if len(enough) > 1 else TITLE)
    if limits and eased is not None:
        missed = misses(problem, eased) or missed
    sure = not limits or (eased is not None and bool(misses(problem, eased)))
    end = "whatever is built" if sure else "in the best plan that was found"
    raise InputError(
        [Problem(path, None, f"{words} a year are missing, {end}") for path, words in missed], TITLE
    )


def misses(problem: ExpansionProblem, plan: ExpansionPlan) -> list[tuple[str, str]]:
    """Return what a plan misses: the path of the target, and what is missing where."""
    missed = []
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
            where = f"cannot be met at {names[i]} in {stages[y]}"
            missed.append((path.format(site=names[i]), f"{where}: {value:.4g} {words}"))
    return missed


def _needs(
    problem: ExpansionProblem, which: tuple[str, ...], again: Again
) -> tuple[ExpansionPlan | None, list[Problem]]:
    """Return the plan that goes over limits least, and how much each of them needs for it.

    Work is left undone as far as the targets allow. The openings and waves of the plan are whole,
    so what it spends and emits is enough for a plan.

    Parameters
    ----------
    which
        ``budget`` and ``carbon``: limits that give way, all of them at once.
    """
    limits = replace(
        problem.limits,
        over_budget=OVER if "budget" in which else np.inf,
        over_carbon=OVER if "carbon" in which else np.inf,
    )
    plan = again(replace(problem, limits=limits, demand=replace(problem.demand, unmet_cost=0.0)))
    if plan is None:
        return None, []
    spent = plan.investment.sum(axis=1)
    emitted = plan.energy[:, :, FIGURES.index("emissions")].sum(axis=0)
    needed = []
    for name, path, most, need, scale, unit in (
        ("budget", "budget_cny", limits.budget, spent, 1e3 * problem.unit, "CNY"),
        ("carbon", "carbon_cap_kt", limits.carbon, emitted, problem.unit / 1e3, "kt"),
    ):
        if name not in which:
            continue
        for y in np.flatnonzero(need > most + ROUNDING * np.maximum(np.abs(most), 1e-9)):
            enough = _up(scale * float(need[y]))
            short = _number(enough - scale * float(most[y]), unit)
            needed.append(
                Problem(
                    f"planning.targets.{path}", None,
                    f"is too small for what the other targets ask ({problem.stages.names[y]}): "
                    f"short by {short}",
                    f"{_number(enough, unit)} or more, with which there is a plan",
                )
            )  # fmt: skip
    return plan, needed


def _up(value: float) -> float:
    """Return a number above 0 rounded up to four figures, a little more than it is."""
    step = 10.0 ** (np.floor(np.log10(value)) - 3.0)
    return float(np.ceil(value * (1.0 + ROUNDING) / step) * step)


def _number(value: float, unit: str) -> str:
    return f"{value:,.0f} CNY" if unit == "CNY" else f"{value:.4g} {unit}"
