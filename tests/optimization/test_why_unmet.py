"""Why demand stays unmet."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from computenet.optimization.matching import (
    Congestion,
    LinkTraffic,
    MatchingProblem,
    SitePower,
    solve_matching,
)
from computenet.optimization.matching_limits import binding_limits, why_unmet
from tests.optimization.matching_cases import small


def test_why_demand_stays_unmet() -> None:
    traffic = LinkTraffic([0, 1, -1, -1], np.ones(4), [0], [0, 1], [0], [0.0], [2.0])
    power = SitePower([0, 1], np.ones(4), [np.inf, 3.0])
    problem = small(
        traffic=traffic, power=power, capacity=[4.0, 12.0], arc_upper=[np.inf] * 3 + [0.0],
        link_names=("l",), site_names=("s", "t"),
    )  # fmt: skip
    answer = solve_matching(problem)
    found = {item.demand: item for item in why_unmet(problem, answer)}
    assert found["a"].amount + found["b"].amount == pytest.approx(11.0)
    assert set(found["a"].reasons) >= {"pool x is full", "no path leads to pool y"}
    assert set(found["b"].reasons) == {"pool x is full", "the way to pool y is closed"}
    assert ("pool", "x") in {(item.kind, item.name) for item in binding_limits(problem, answer)}
    dear = solve_matching(small(unmet_cny=[0.5, 20.0]))
    assert why_unmet(small(unmet_cny=[0.5, 20.0]), dear)[0].reasons == (
        "what is in reach costs more than leaving it unmet",
    )
    lonely = small(arc_demand=[], arc_pool=[], arc_use=[], arc_cny=[])
    assert why_unmet(lonely, solve_matching(lonely))[0].reasons == ("no pool is in reach",)
    assert why_unmet(small(), solve_matching(small())) == []


WAYS = {
    "path": {
        "traffic": LinkTraffic([0, 0], [1.0, 0.0], [0, 0], [0, 1, 2], [0, 1], [50.0, 60.0],
                               [10.0, 10.0]),
    },
    "congestion": {"congestion": Congestion([[0.5, 0.5]] * 2, [[0.0, 50.0]] * 2)},
    "power": {"power": SitePower([0, 0], [2.0, 0.0], [1.0], [[5.0]])},
}  # fmt: skip


@pytest.mark.parametrize("part", WAYS)
def test_a_way_that_is_open_and_too_dear_in_all_is_told_so(part: str) -> None:
    problem = MatchingProblem(
        demand=[5.0, 1.0], unmet_cny=[10.0, 99.0], arc_demand=[0, 1], arc_pool=[0, 1],
        arc_use=[1.0, 1.0], arc_cny=[1.0, 1.0], capacity=[5.0, 20.0], **WAYS[part],
    )  # fmt: skip
    answer = solve_matching(problem)
    (found,) = why_unmet(problem, answer)
    assert found.demand == "demand 0"
    assert found.reasons == ("what is in reach costs more than leaving it unmet",)
    dear = replace(problem, unmet_cny=np.array([1e4, 1e4]))
    assert why_unmet(dear, solve_matching(dear)) == []


def test_the_cheapest_path_with_room_counts() -> None:
    """Over the full link the arc is cheap, over the other it costs more than it is worth."""
    traffic = LinkTraffic([0], [1.0], [0, 0], [0, 1, 2], [0, 1], [0.0, 50.0], [2.0, np.inf])
    problem = MatchingProblem(
        demand=[5.0], unmet_cny=[10.0], arc_demand=[0], arc_pool=[0], arc_use=[1.0],
        arc_cny=[1.0], capacity=[9.0], traffic=traffic,
    )  # fmt: skip
    (found,) = why_unmet(problem, solve_matching(problem))
    assert found.amount == pytest.approx(3.0)
    assert found.reasons == ("what is in reach costs more than leaving it unmet",)
