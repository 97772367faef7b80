"""Limits that are too small: what is at fault, how much is needed, and that so much is enough."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from computenet.errors import InputError, Problem
from computenet.optimization.conflicts import conflicts
from computenet.optimization.expansion import expand
from computenet.optimization.expansion_problem import ExpansionProblem
from computenet.optimization.expansion_whole import whole_model
from computenet.optimization.solvers import HotModel, SolverError, solve
from tests.optimization.expansion_cases import random_problem, with_limits

METHODS = ("whole", "benders")


def _refused(problem: ExpansionProblem, method: str) -> tuple[Problem, ...]:
    with pytest.raises(InputError) as caught:
        expand(problem, method=method)
    return caught.value.problems


def _enough(problem: ExpansionProblem, told: tuple[Problem, ...], field: str, scale: float) -> Any:
    """Return the limits with what was told to be enough for them."""
    limits = getattr(problem.limits, field).copy()
    for item in told:
        (stage,) = (y for y, name in enumerate(problem.stages.names) if name in item.message)
        limits[stage] = float(str(item.allowed).split()[0].replace(",", "")) / scale
    return with_limits(problem, **{field: limits})


def _green() -> ExpansionProblem:
    """Return one site whose fleet does all the work, and which must build for its green power."""
    problem = random_problem(0, sites=1, count=2)
    d, e = problem.demand, problem.energy
    return replace(
        problem,
        demand=replace(d, work=0.02 * d.work, covered=np.ones_like(d.covered)),
        energy=replace(
            e, green_share=np.full_like(e.green_share, 0.6),
            contract_share=np.zeros_like(e.contract_share), today=np.zeros_like(e.today),
        ),
        limits=replace(problem.limits, hub_share=0.0, must_run=np.ones(2)),
    )  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_a_budget_is_named_where_it_keeps_green_power_away(method: str) -> None:
    """The demand runs on what is there; without money no wind and sun are built for it."""
    free = _green()
    assert expand(free, method=method).objective > 0.0
    poor = with_limits(free, budget=np.array([0.01, 0.01]))
    told = _refused(poor, method)
    assert {item.path for item in told} == {"planning.targets.budget_cny"}
    assert expand(_enough(poor, told, "budget", 1e3), method=method).objective > 0.0


@pytest.mark.parametrize("method", METHODS)
def test_green_power_that_no_budget_brings_is_not_laid_on_the_budget(method: str) -> None:
    free = _green()
    nowhere = replace(free, plants=replace(free.plants, most=np.zeros_like(free.plants.most)))
    told = _refused(with_limits(nowhere, budget=np.array([0.01, 0.01])), method)
    assert {item.path for item in told} == {"planning.targets.green_share_min"}
    assert all("whatever is built" in item.message for item in told)


@pytest.mark.parametrize("method", METHODS)
def test_a_carbon_cap_too_small_says_what_is_needed(method: str) -> None:
    problem = with_limits(random_problem(0), must_run=np.ones(2), hub_share=0.0)
    capped = with_limits(problem, carbon=np.full(2, 1.0))
    told = _refused(capped, method)
    assert {item.path for item in told} == {"planning.targets.carbon_cap_kt"}
    enough = _enough(capped, told, "carbon", 1e-3)
    assert expand(enough, method=method).objective > 0.0


def test_whole_openings_need_more_than_openings_in_part() -> None:
    """With money for an opening in part there is no plan, and what whole ones need is told."""
    problem = with_limits(
        random_problem(1, count=1), must_run=np.ones(2), hub_share=0.0, coverage=np.zeros(2)
    )
    problem = replace(
        problem,
        sites=replace(problem.sites, open_cost=np.full_like(problem.sites.open_cost, 3e3)),
        energy=replace(problem.energy, green_share=np.zeros_like(problem.energy.green_share)),
    )
    poor = with_limits(problem, budget=np.array([10.0]))
    model = whole_model(poor).model
    keep = np.ones(model.m, dtype=np.bool_)
    for block in model.rows:
        if block.name == "budget":
            keep[block.slice] = False
    (part,) = conflicts(model, keep)
    almost = with_limits(problem, budget=np.array([10.0 + 1.01 * part.excess]))
    for method in METHODS:
        told = _refused(almost, method)
        assert {item.path for item in told} == {"planning.targets.budget_cny"}
        assert expand(_enough(almost, told, "budget", 1e3), method=method).objective > 0.0
    (whole,) = conflicts(model, keep, nodes=1000)
    assert whole.excess > 1.1 * part.excess


def kept_relaxation() -> tuple[HotModel, float]:
    """Return a kept model without whole numbers, and its optimum."""
    model = whole_model(random_problem(0)).model
    model = replace(model, integer=np.zeros(model.n, dtype=np.bool_))
    return HotModel(model, method="simplex"), solve(model, "highs").objective


def test_a_solve_without_an_answer_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    hot, right = kept_relaxation()
    real, lost = hot._highs.getModelStatus, [0]

    def unsure() -> object:
        lost[0] -= 1
        return real() if lost[0] < 0 else hot._highspy.HighsModelStatus.kUnknown

    monkeypatch.setattr(hot._highs, "getModelStatus", unsure)
    for lost[0] in (1, 2, 3, 4):
        assert hot.solve().objective == pytest.approx(right, rel=1e-7)
        assert hot._highs.getOptionValue("solver")[1] == "simplex"
    lost[0] = 99
    with pytest.raises(SolverError, match="other scaling"):
        hot.solve()


def test_a_solution_that_does_not_keep_to_the_model_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hot, right = kept_relaxation()
    real, wrong = hot._highs.getSolution, [1]

    def off() -> object:
        found = real()
        wrong[0] -= 1
        if wrong[0] >= 0:
            found.col_value = [value - 1.0 for value in found.col_value]
        return found

    monkeypatch.setattr(hot._highs, "getSolution", off)
    assert hot.solve().objective == pytest.approx(right, rel=1e-7)
    wrong[0] = 99
    with pytest.raises(SolverError, match="violates a row"):
        hot.solve()
