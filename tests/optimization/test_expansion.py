"""Capacity expansion: one model against the decomposition, brute force, and what limits do."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import pytest

from computenet.errors import InputError
from computenet.optimization.expansion import Planner, expand
from computenet.optimization.expansion_alternatives import alternatives
from computenet.optimization.expansion_front import (
    FrontPoint,
    carbon_front,
    coverage_front,
    emissions,
    front_of,
)
from computenet.optimization.expansion_plan import FIGURES
from computenet.optimization.expansion_whole import whole_model
from computenet.optimization.solvers import Status, solve
from tests.optimization.expansion_cases import random_problem, with_limits

EXACT = 1e-6


def test_decomposition_finds_what_one_model_finds() -> None:
    for seed in (0, 4):
        problem = random_problem(seed)
        whole = expand(problem, gap=EXACT, method="whole")
        parts = expand(problem, gap=1e-5, method="benders")
        assert parts.objective == pytest.approx(whole.objective, rel=2e-5)
        assert whole.bound <= whole.objective * (1 + 1e-9)
        assert parts.bound <= whole.objective * (1 + 1e-9)
        assert parts.gap <= 1e-5
        assert parts.status == "optimal"


def test_brute_force_over_all_openings() -> None:
    problem = random_problem(1, sites=3, count=1)
    model = whole_model(problem)
    begun = model.investment.columns["begun"].index().reshape(-1)
    costs = []
    for pattern in product((0.0, 1.0), repeat=len(begun)):
        lower, upper = model.model.lower.copy(), model.model.upper.copy()
        lower[begun] = upper[begun] = pattern
        answer = solve(replace(model.model, lower=lower, upper=upper), "highs", gap=EXACT)
        if answer.status is not Status.INFEASIBLE:
            costs.append(answer.objective)
    assert len(costs) > 2
    for method in ("whole", "benders"):
        found = expand(problem, gap=EXACT, method=method)
        assert found.objective == pytest.approx(min(costs), rel=1e-5)


def test_cost_added_up_from_the_arrays_is_the_objective() -> None:
    problem = random_problem(2)
    model = whole_model(problem)
    answer = solve(model.model, "highs", gap=EXACT)
    plan = expand(problem, gap=EXACT, method="whole")
    assert plan.objective == pytest.approx(answer.objective, rel=1e-7)
    assert plan.objective == pytest.approx(problem.stages.worth @ plan.costs.sum(axis=1))


@pytest.mark.parametrize("seed", range(2))
def test_no_layout_made_by_hand_is_cheaper(seed: int) -> None:
    problem = with_limits(random_problem(seed), hub_share=0.0, must_run=np.zeros(2))
    plan = expand(problem, gap=1e-4, method="benders")
    model = whole_model(problem)
    bought = model.investment.columns["bought"].index()
    rng = np.random.default_rng(seed)
    tried = 0
    best = plan.bought[model.investment.pair_site, model.investment.pair_chip]
    for _ in range(4):
        lower, upper = model.model.lower.copy(), model.model.upper.copy()
        byhand = np.minimum(best * rng.uniform(0.5, 1.3, bought.shape), upper[bought])
        lower[bought] = upper[bought] = byhand
        answer = solve(replace(model.model, lower=lower, upper=upper), "highs", gap=1e-4)
        if answer.solved:
            tried += 1
            assert plan.bound <= plan.objective <= answer.objective * (1 + 1e-4)
    assert tried


def test_more_budget_never_costs_more() -> None:
    problem = random_problem(3, count=2)
    free = expand(problem, gap=EXACT, method="whole")
    spent = free.investment.sum(axis=1)
    costs = []
    for share in (0.9, 0.95, 1.0, 2.0):
        # A stage's money may go to another stage, so each is limited to its part of the whole.
        limits = np.full(2, share * spent.max())
        costs.append(
            expand(with_limits(problem, budget=limits, must_run=np.zeros(2)),
                   gap=EXACT, method="whole").objective
        )  # fmt: skip
    assert all(a >= b * (1 - 1e-6) for a, b in pairwise(costs))
    assert costs[0] > costs[-1] * (1 + 1e-4)  # it binds


@pytest.mark.parametrize(
    ("limit", "value"),
    [
        ("hub_share", 1.0),
        ("coverage", np.array([1.0, 0.0])),
        ("must_run", np.array([1.0, 1.0])),
        ("carbon", None),
    ],
)
def test_taking_a_target_away_never_costs_more(limit: str, value: object) -> None:
    none: dict[str, object] = {
        "hub_share": 0.0, "coverage": np.zeros(2), "must_run": np.zeros(2),
        "carbon": np.full(2, np.inf),
    }  # fmt: skip
    problem = random_problem(5)
    d = problem.demand
    # The second site is cheap to reach, and outside the circle of the first stream.
    covered, transfer = d.covered.copy(), d.transfer_cost.copy()
    covered[:, 0, 1] = False
    transfer[:, 0, 0] = 200.0
    problem = replace(problem, demand=replace(d, covered=covered, transfer_cost=transfer))
    if limit == "must_run":
        # Work that hardly pays: with the target it is done still.
        problem = replace(problem, demand=replace(problem.demand, unmet_cost=5.0))
    loose = with_limits(problem, **none)
    without = expand(loose, gap=EXACT, method="whole")
    if value is None:
        value = 0.6 * without.energy[:, :, FIGURES.index("emissions")].sum(axis=0)
    tight = with_limits(problem, **(none | {limit: value}))
    with_target = expand(tight, gap=EXACT, method="whole")
    assert with_target.objective > without.objective * (1 + 1e-5)
    parts = expand(tight, gap=1e-4, method="benders")
    assert parts.objective == pytest.approx(with_target.objective, rel=2e-4)


def test_chips_that_draw_more_than_their_data_say() -> None:
    """A factor on their power in all stages is the power itself; in one stage it costs less."""
    problem = random_problem(3)
    d, c = problem.demand, problem.chips
    many = len(problem.stages.years)

    def with_factor(factor: np.ndarray) -> float:
        chips = replace(c, metered=factor)
        return expand(replace(problem, chips=chips), gap=EXACT, method="whole").objective

    scaled = replace(
        problem,
        demand=replace(d, draw_kw=d.draw_kw * 1.2),
        chips=replace(c, base_kw=c.base_kw * 1.2),
    )
    whole = expand(scaled, gap=EXACT, method="whole").objective
    assert with_factor(np.full(many, 1.2)) == pytest.approx(whole, rel=1e-5)
    assert with_factor(np.full(1, 1.2)) == pytest.approx(whole, rel=1e-5)
    none = with_factor(np.ones(many))
    last = with_factor(np.where(np.arange(many) == many - 1, 1.2, 1.0))
    assert none < last < whole
    with pytest.raises(InputError, match="metered"):
        with_factor(np.full(many, -1.0))


def test_sites_in_another_order_cost_the_same() -> None:
    problem = random_problem(4, sites=3)
    turn = np.array([2, 0, 1])
    s, e, d, c, p = (
        problem.sites, problem.energy, problem.demand, problem.chips, problem.plants
    )  # fmt: skip
    ways = (np.arange(2)[:, None] * 3 + turn[None, :]).reshape(-1)
    turned = replace(
        problem,
        sites=replace(
            s, names=tuple(s.names[i] for i in turn), halls=s.halls[turn],
            most_halls=s.most_halls[turn], open_cost=s.open_cost[turn],
            hall_cost=s.hall_cost[turn], is_open=s.is_open[turn], hub=s.hub[turn],
            occupancy=s.occupancy[turn],
        ),
        chips=replace(c, fleet=c.fleet[turn]),
        demand=replace(
            d, transfer_cost=d.transfer_cost[:, :, turn], open_way=d.open_way[:, :, turn],
            covered=d.covered[:, :, turn],
        ),
        plants=replace(p, most=p.most[:, turn]),
        links=replace(problem.links, way_link=ways),
        energy=replace(
            e, pue=e.pue[turn], price=e.price[turn], emission=e.emission[turn],
            output=e.output[:, turn], today=e.today[turn], today_cost=e.today_cost[turn],
            most_import=e.most_import[turn], peak_cost=e.peak_cost[turn],
            battery_power=e.battery_power[turn], battery_energy=e.battery_energy[turn],
            contract_share=e.contract_share[turn], green_share=e.green_share[turn],
        ),
    )  # fmt: skip
    one, other = (expand(item, gap=1e-5, method="benders") for item in (problem, turned))
    assert one.objective == pytest.approx(other.objective, rel=2e-5)


def test_symmetric_sites_are_interchangeable() -> None:
    problem = random_problem(0, sites=2, count=1)
    s, e, d, p, c = (
        problem.sites, problem.energy, problem.demand, problem.plants, problem.chips
    )  # fmt: skip

    def same(values: np.ndarray, axis: int) -> np.ndarray:
        return np.repeat(np.take(values, [0], axis=axis), 2, axis=axis)

    alike = replace(
        problem,
        sites=replace(
            s, halls=same(s.halls, 0), most_halls=same(s.most_halls, 0),
            open_cost=same(s.open_cost, 0), hall_cost=same(s.hall_cost, 0),
            is_open=same(s.is_open, 0), hub=same(s.hub, 0), occupancy=same(s.occupancy, 0),
        ),
        chips=replace(c, fleet=same(c.fleet, 0)),
        demand=replace(d, transfer_cost=same(d.transfer_cost, 2), covered=same(d.covered, 2)),
        plants=replace(p, most=same(p.most, 1)),
        links=replace(problem.links, cost=np.full_like(problem.links.cost, 9.0)),
        energy=replace(
            e, pue=same(e.pue, 0), price=same(e.price, 0), emission=same(e.emission, 0),
            output=same(e.output, 1), today=same(e.today, 0),
            battery_power=same(e.battery_power, 0), battery_energy=same(e.battery_energy, 0),
            green_share=same(e.green_share, 0),
        ),
        limits=replace(problem.limits, hub_share=0.0),
    )  # fmt: skip
    model = whole_model(alike)
    halls = model.investment.columns["halls"].index()[:, 0]
    costs = []
    for closed in (0, 1):
        upper = model.model.upper.copy()
        upper[halls[closed]] = 0.0
        costs.append(solve(replace(model.model, upper=upper), "highs", gap=EXACT).objective)
    assert costs[0] == pytest.approx(costs[1], rel=1e-6)


def test_alternatives_cost_little_more_and_stand_elsewhere() -> None:
    planner = Planner(random_problem(0, sites=3))
    best = planner.solve(gap=1e-3)
    found = alternatives(planner, best, 2, 0.05)
    assert len(found) == 2
    for item in found:
        assert item.plan.objective <= best.objective * 1.05 * (1 + 1e-5)
        assert item.elsewhere > 0.05
    # The side is as it was: the same plan is found again.
    assert planner.solve(gap=1e-3).objective == pytest.approx(best.objective, rel=2e-3)


def test_fronts_never_fall_as_limits_tighten() -> None:
    planner = Planner(random_problem(2), carbon=True)
    best = planner.solve(gap=1e-3)
    carbon = carbon_front(planner, best, 3, 1e-3)
    costs = [point.plan.objective for point in carbon]
    assert costs == sorted(costs)
    assert costs[-1] > costs[0]
    assert all(
        emissions(planner, point.plan) <= point.limit * (1 + 1e-4) + 1e-4 for point in carbon
    )
    near = coverage_front(planner, 0, 3, 1e-3)
    costs = [point.plan.objective for point in near]
    assert costs == sorted(costs)
    again = planner.solve(gap=1e-3)
    assert again.objective == pytest.approx(best.objective, rel=2e-3)


def test_bounds_of_a_front_hold_for_each_limit() -> None:
    """Whatever the plans cost: what a tight limit cannot go below, a loose one may.

    A loose limit that can be met at 100 gets the plan of a tight one at 100.8 in place of its own
    at 101, but not its bound of 100.2.
    """
    plan = expand(random_problem(2), gap=1e-2)
    loose, tight = (replace(plan, objective=cost) for cost in (101.0, 100.8))
    front = front_of([FrontPoint(2.0, loose, 99.5), FrontPoint(1.0, tight, 100.2)])
    assert [(point.limit, point.plan.objective, point.bound) for point in front] == [
        (2.0, 100.8, 99.5), (1.0, 100.8, 100.2)
    ]  # fmt: skip
    raised = front_of([FrontPoint(2.0, loose, 100.5), FrontPoint(1.0, tight, 100.2)])
    assert [point.bound for point in raised] == [100.5, 100.5]
    planner = Planner(random_problem(2), carbon=True)
    best = planner.solve(gap=0.05)
    sharp = carbon_front(planner, best, 3, 1e-6)
    for point in carbon_front(planner, best, 3, 0.05):
        under = [one for one in sharp if one.limit <= point.limit * (1 + 1e-9)]
        assert all(point.bound <= one.plan.objective * (1 + 1e-6) for one in under)


def test_contradictory_targets_are_named_with_how_much_they_miss() -> None:
    problem = random_problem(0)
    covered = problem.demand.covered.copy()
    covered[0, 0, :] = False
    lost = replace(problem, demand=replace(problem.demand, covered=covered))
    for method in ("whole", "benders"):
        with pytest.raises(InputError) as caught:
            expand(with_limits(lost, coverage=np.array([1.0, 0.0])), method=method)
        problems = caught.value.problems
        assert {item.path for item in problems} == {"planning.targets.latency_coverage_min"}
        work = lost.stream_work[:, 0, 0]
        assert f"{100 * work[0] / work.sum():.3g} %" in problems[0].message


def test_a_budget_too_small_says_what_is_needed() -> None:
    problem = with_limits(
        random_problem(1), must_run=np.array([1.0, 1.0]), hub_share=0.0, coverage=np.zeros(2)
    )
    free = expand(problem, gap=1e-3, method="whole")
    assert free.investment.sum(axis=1).min() > 0.0
    with pytest.raises(InputError) as caught:
        expand(with_limits(problem, budget=np.full(2, 10.0)), method="benders")
    money = [item for item in caught.value.problems if item.path.endswith("budget_cny")]
    assert caught.value.problems[0] is money[0]
    assert "any one of these" in caught.value.title  # less work would do as well
    assert any(item.path.endswith("must_run_share") for item in caught.value.problems)
    # What it says is enough.
    need = np.full(2, 10.0)
    for item in money:
        stage = 0 if "2026" in item.message else 1
        need[stage] = float(str(item.allowed).split()[0].replace(",", "")) / 1e3
    for method in ("whole", "benders"):
        plan = expand(with_limits(problem, budget=need), gap=0.05, method=method)
        assert (plan.investment.sum(axis=1) <= need * (1 + 1e-6)).all()


def test_green_power_that_cannot_be_had_is_named() -> None:
    problem = random_problem(0)
    covered = problem.demand.covered
    nowhere = replace(
        problem,
        plants=replace(problem.plants, most=np.zeros_like(problem.plants.most)),
        energy=replace(problem.energy, today=np.zeros_like(problem.energy.today)),
        limits=replace(problem.limits, hub_share=1.0, must_run=np.array([1.0, 1.0])),
        demand=replace(problem.demand, covered=np.ones_like(covered)),
        sites=replace(problem.sites, halls=problem.sites.halls * 0.3),
    )
    for method in ("whole", "benders"):
        with pytest.raises(InputError, match="green_share_min"):
            expand(nowhere, method=method)
