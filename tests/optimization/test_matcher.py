"""A matcher kept from epoch to epoch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from computenet.optimization.matcher import Matcher
from computenet.optimization.matching import (
    MatchingProblem,
)
from computenet.optimization.solvers import Status
from tests.optimization.matching_cases import drawn, follows, optimum, small


def epochs(problem: MatchingProblem, count: int) -> list[MatchingProblem]:
    """Return problems whose demand, costs, limits and closed arcs wander."""
    rng = np.random.default_rng(5)
    found = []
    for _ in range(count):
        assert problem.power is not None
        assert problem.traffic is not None
        assert problem.congestion is not None
        assert problem.power.excess_cny is not None
        assert problem.power.excess_mw is not None
        closed = np.where(rng.uniform(size=problem.n_arcs) < 0.1, 0.0, np.inf)
        problem = replace(
            problem,
            demand=problem.demand * rng.lognormal(0.0, 0.1, problem.n_demands),
            arc_cny=problem.arc_cny + rng.normal(0.0, 0.1, problem.n_arcs),
            unmet_cny=problem.unmet_cny * 1.05,
            capacity=problem.capacity * rng.uniform(0.9, 1.1, problem.n_pools),
            arc_upper=closed,
            power=replace(problem.power, site_mw=problem.power.site_mw * rng.uniform(0.9, 1.1),
                          excess_cny=problem.power.excess_cny * rng.uniform(0.5, 1.2),
                          excess_mw=problem.power.excess_mw * rng.uniform(0.7, 1.4)),
            traffic=replace(problem.traffic, path_cny=problem.traffic.path_cny * 1.1,
                            link_gb_s=problem.traffic.link_gb_s * rng.uniform(0.8, 1.2)),
            congestion=replace(problem.congestion, extra_cny=problem.congestion.extra_cny * 1.1),
        )  # fmt: skip
        found.append(problem)
    return found


@pytest.mark.parametrize("whole", [10_000, 0])
def test_epochs_go_on_from_the_last_and_are_as_from_nothing(whole: int) -> None:
    matcher = Matcher(whole=whole, gap=1e-9)
    for problem in epochs(drawn(3), 12):
        answer = matcher.solve(problem)
        follows(problem, answer)
        assert answer.objective == pytest.approx(optimum(problem), rel=1e-6)
    assert matcher.rebuilt == 1
    other = drawn(3, ("power",))
    assert matcher.solve(other).objective == pytest.approx(optimum(other), rel=1e-6)
    assert matcher.rebuilt == 2


@pytest.mark.parametrize("whole", [10_000, 0])
def test_an_epoch_that_cannot_be_met_does_not_spoil_the_next(whole: int) -> None:
    matcher = Matcher(whole=whole)
    must = small(unmet_cny=[np.inf, 20.0])
    assert matcher.solve(must).objective == pytest.approx(22.0)
    closed = replace(must, arc_upper=[0.0, 0.0, np.inf, np.inf])
    assert matcher.solve(closed).status is Status.INFEASIBLE
    assert matcher.solve(must).objective == pytest.approx(22.0)


@pytest.mark.parametrize("whole", [10_000, 0])
def test_an_epoch_that_cannot_be_met_is_told_in_its_own_names(whole: int) -> None:
    matcher = Matcher(whole=whole)
    for names in (("monday", "b"), ("tuesday", "b"), ()):
        short = small(
            unmet_cny=[np.inf, 20.0], arc_upper=[3.0, 4.0, np.inf, np.inf], demand_names=names
        )
        told = f"demand [{names[0] if names else 0}] by 3"
        assert told in matcher.solve(short).explanation
    assert matcher.rebuilt == 1
