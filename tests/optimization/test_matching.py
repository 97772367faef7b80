"""Matching of demand to pools: by hand, by brute force, by another solver, and by theory."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from computenet.errors import InputError
from computenet.optimization.matching import (
    METHODS,
    Congestion,
    LinkTraffic,
    MatchingProblem,
    SitePower,
    solve_matching,
)
from computenet.optimization.matching_limits import matching_loads
from computenet.optimization.solvers import SolverError, Status
from tests.optimization.matching_cases import PARTS, drawn, follows, optimum, small

EXACT = ("glop", "highs", "transport", "columns")


@pytest.mark.parametrize("method", EXACT)
def test_by_hand(method: str) -> None:
    """The cheap pool is filled (8 at 1), the rest goes to the dear one (7 at 2)."""
    answer = solve_matching(small(), method)
    follows(small(), answer)
    assert answer.status is Status.OPTIMAL
    assert answer.objective == pytest.approx(22.0)
    assert answer.gap <= 1e-8
    np.testing.assert_allclose(answer.unmet, 0.0, atol=1e-9)
    np.testing.assert_allclose(answer.prices.pool_cny, [1.0, 0.0], atol=1e-8)
    np.testing.assert_allclose(answer.prices.demand_cny, 2.0, atol=1e-8)


@pytest.mark.parametrize("seed", range(6))
def test_brute_force(seed: int) -> None:
    """Whole demands and capacities, a unit of pool a unit: some optimum is whole (Hoffman)."""
    rng = np.random.default_rng(seed)
    demand, capacity = rng.integers(0, 4, 3), rng.integers(0, 5, 2)
    cost, unmet = rng.integers(0, 9, (3, 2)), rng.integers(5, 9, 3)
    best = np.inf
    ways = [
        [(x, y) for x in range(d + 1) for y in range(d + 1 - x)] for d in demand.tolist()
    ]  # fmt: skip
    for chosen in itertools.product(*ways):
        x = np.asarray(chosen)
        if (x.sum(axis=0) <= capacity).all():
            best = min(best, float((cost * x).sum() + unmet @ (demand - x.sum(axis=1))))
    d, p = np.indices((3, 2)).reshape(2, -1)
    problem = MatchingProblem(demand, unmet, d, p, np.ones(6), cost.ravel(), capacity)
    for method in EXACT:
        assert solve_matching(problem, method).objective == pytest.approx(best, abs=1e-6)


@pytest.mark.parametrize(
    "parts", [(), *((part,) for part in PARTS), ("excess", "steps"), PARTS]
)  # fmt: skip
@pytest.mark.parametrize("seed", range(3))
def test_against_another_solver(seed: int, parts: tuple[str, ...]) -> None:
    problem = drawn(seed, parts)
    least = optimum(problem)
    for method in ("glop", "highs", "highs-ipm", "columns"):
        answer = solve_matching(problem, method, gap=1e-9)
        assert answer.objective == pytest.approx(least, rel=1e-6, abs=1e-6)
        assert answer.status is Status.OPTIMAL
        if method != "highs-ipm":
            follows(problem, answer)


def test_a_first_order_method_agrees() -> None:
    problem = drawn(1)
    answer = solve_matching(problem, "pdlp")
    assert answer.objective == pytest.approx(optimum(problem), rel=1e-4)


# ---- every constraint, binding and slack -----------------------------------------------------


def limited(kind: str, limit: float) -> MatchingProblem:
    """Return `small` with a limit on the way of `a` to the cheap pool, of what 8 units take."""
    if kind == "capacity":
        return small(capacity=[limit, 12.0])
    if kind == "upper":
        return small(arc_upper=[limit, np.inf, 0.0, np.inf], capacity=[20.0, 20.0])
    if kind == "power":
        power = SitePower([0, 1], np.full(4, 0.5), [0.5 * limit, np.inf])
        return small(power=power, capacity=[20.0, 20.0])
    if kind == "links":
        # Everything to `x` goes over one link.
        traffic = LinkTraffic([0, -1, 0, -1], np.full(4, 2.0), [0], [0, 1], [0], [0.0], [2 * limit])
        return small(traffic=traffic, capacity=[20.0, 20.0])
    # The first `limit` units of `x` are free, the rest cost more than the other pool.
    congestion = Congestion([[limit / 20, 1 - limit / 20]] * 2, [[0.0, 1.5], [0.0, 0.0]])
    return small(congestion=congestion, capacity=[20.0, 20.0])


@pytest.mark.parametrize("method", ["glop", "columns"])
@pytest.mark.parametrize("kind", ["capacity", "upper", "power", "links", "congestion"])
def test_each_limit_binds_and_is_slack(kind: str, method: str) -> None:
    """Below what is wanted, a unit of limit saves 1; above it, the limit changes nothing."""
    most = 10.0 if kind == "upper" else 15.0
    tight = [solve_matching(limited(kind, n), method).objective for n in (4.0, 5.0)]
    assert tight[0] - tight[1] == pytest.approx(1.0)
    assert tight[1] == pytest.approx(30.0 - 5.0)
    slack = [solve_matching(limited(kind, n), method).objective for n in (most, most + 2.0)]
    assert slack == pytest.approx([30.0 - most] * 2)


@pytest.mark.parametrize("method", ["glop", "columns"])
def test_two_paths_are_filled_cheapest_first(method: str) -> None:
    traffic = LinkTraffic([0, -1, 0, -1], np.ones(4), [0, 0], [0, 1, 3], [0, 1, 2],
                          [0.0, 0.4], [3.0, 4.0, 9.0])  # fmt: skip
    problem = small(traffic=traffic, capacity=[20.0, 20.0])
    answer = solve_matching(problem, method)
    follows(problem, answer)
    np.testing.assert_allclose(answer.path_gb_s, [3.0, 4.0], atol=1e-7)
    assert answer.objective == pytest.approx(7 * 1.0 + 4 * 0.4 + 8 * 2.0)
    # The link of the free path earns what the other path costs more, and what both save.
    np.testing.assert_allclose(answer.prices.link_cny_per_gb_s, [1.0, 0.6, 0.0], atol=1e-7)


@pytest.mark.parametrize("method", ["glop", "columns"])
def test_a_path_may_be_split_over_ways(method: str) -> None:
    """Three quarters go over one link, which is full at 8 units; the other has room."""
    traffic = LinkTraffic([0, -1, 0, -1], np.ones(4), [0], [0, 2], [0, 1], [0.0], [6.0, 3.0],
                          [0.75, 0.25])  # fmt: skip
    answer = solve_matching(small(traffic=traffic, capacity=[20.0, 20.0]), method)
    assert answer.objective == pytest.approx(8 * 1.0 + 7 * 2.0)
    np.testing.assert_allclose(answer.prices.link_cny_per_gb_s, [1.0 / 0.75, 0.0], atol=1e-7)
    problem = small(traffic=traffic, capacity=[20.0, 20.0])
    np.testing.assert_allclose(matching_loads(problem, answer).link_gb_s, [6.0, 2.0], atol=1e-7)
    wrong = replace(traffic, path_share=[0.75, np.nan])
    with pytest.raises(InputError, match="path_share"):
        solve_matching(small(traffic=wrong))


@pytest.mark.parametrize("method", ["glop", "columns"])
def test_power_beyond_the_limit_has_its_price(method: str) -> None:
    for price, cost in ((0.5, 15.0 + 0.5 * 0.5 * 11.0), (4.0, 4.0 + 22.0)):
        power = SitePower([0, 1], np.full(4, 0.5), [2.0, np.inf], [price, np.inf])
        problem = small(power=power, capacity=[20.0, 20.0])
        assert solve_matching(problem, method).objective == pytest.approx(cost)


@pytest.mark.parametrize("method", ["glop", "highs", "columns"])
def test_power_in_steps_by_hand(method: str) -> None:
    """Own power for 2 units, the grid's at 1 for 6, a peak at 9; `y` is dearer by 1 only."""
    power = SitePower(
        [0, 1], np.full(4, 0.5), [1.0, np.inf], [[2.0, 18.0], [0.0, 0.0]], [[3.0, np.inf]] * 2
    )
    problem = small(power=power, capacity=[20.0, 20.0], arc_cny=[1.0, 2.5, 1.0, 2.5])
    answer = solve_matching(problem, method)
    follows(problem, answer)
    # 2 at 1, 6 at 2, and 7 at `y` for 2.5.
    assert answer.objective == pytest.approx(2.0 + 12.0 + 17.5)
    assert answer.prices.site_cny_per_mw[0] == pytest.approx(3.0)
    np.testing.assert_allclose(power.excess_paid_cny(np.asarray([0.5, 9.0])), 0.0)
    np.testing.assert_allclose(power.excess_paid_cny(np.asarray([5.0, 0.0])), [6.0 + 18.0, 0.0])


# ---- theory ----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
def test_more_supply_and_fewer_limits_never_cost_more(seed: int) -> None:
    problem = drawn(seed, ("upper", "power", "traffic", "congestion"))
    least = solve_matching(problem).objective
    slack = 1e-7 * max(abs(least), 1.0)
    assert problem.power is not None
    assert problem.traffic is not None
    wider = [
        replace(problem, capacity=1.3 * problem.capacity),
        replace(problem, power=replace(problem.power, site_mw=1.3 * problem.power.site_mw)),
        replace(problem, traffic=replace(
            problem.traffic, link_gb_s=1.3 * problem.traffic.link_gb_s)),
        replace(problem, power=None),
        replace(problem, traffic=None),
        replace(problem, congestion=None),
        replace(problem, arc_upper=None),
    ]  # fmt: skip
    for other in wider:
        assert solve_matching(other).objective <= least + slack


@pytest.mark.parametrize("method", ["glop", "columns"])
def test_symmetric_pools_get_symmetric_loads(method: str) -> None:
    """Where fullness costs strictly more and more, equal pools are filled equally."""
    d, p = np.indices((3, 4)).reshape(2, -1)
    congestion = Congestion.chords(lambda rho: rho**2, np.linspace(0.0, 1.0, 11), 4)
    problem = MatchingProblem(
        [4.0, 8.0, 12.0], np.full(3, 50.0), d, p, np.ones(12), np.ones(12), np.full(4, 10.0),
        congestion=congestion,
    )  # fmt: skip
    answer = solve_matching(problem, method)
    np.testing.assert_allclose(matching_loads(problem, answer).pool_use, 6.0, atol=1e-6)
    np.testing.assert_allclose(np.ptp(answer.prices.pool_cny), 0.0, atol=1e-7)
    # 24 units at 1, and four pools at 0.6 of 10.
    assert answer.objective == pytest.approx(24.0 + 4 * 10 * 0.6**2)


def test_names_and_order_of_arcs_do_not_matter() -> None:
    problem = drawn(4)
    assert problem.power is not None
    assert problem.traffic is not None
    assert problem.arc_upper is not None
    o = np.random.default_rng(0).permutation(problem.n_arcs)
    mixed = replace(
        problem, arc_demand=problem.arc_demand[o], arc_pool=problem.arc_pool[o],
        arc_use=problem.arc_use[o], arc_cny=problem.arc_cny[o], arc_upper=problem.arc_upper[o],
        power=replace(problem.power, arc_mw=problem.power.arc_mw[o]),
        traffic=replace(problem.traffic, arc_pair=problem.traffic.arc_pair[o],
                        arc_gb_s=problem.traffic.arc_gb_s[o]),
        demand_names=tuple("abcdefgh"),
    )  # fmt: skip
    for method in ("glop", "columns"):
        one, other = solve_matching(problem, method), solve_matching(mixed, method)
        assert one.objective == pytest.approx(other.objective)


# ---- bad and extreme input -------------------------------------------------------------------


def test_all_faults_are_told_at_once() -> None:
    problem = small(
        demand=[np.nan, -1.0], arc_cny=[1.0, np.nan, np.inf, 2.0], arc_pool=[0, 1, 0, 2],
        capacity=[np.inf, -3.0], power=SitePower([0, 5], np.ones(3), [np.nan]),
        congestion=Congestion([[0.5, 0.4], [0.5, 0.5]], [[2.0, 1.0], [0.0, 1.0]]),
    )  # fmt: skip
    with pytest.raises(InputError) as caught:
        solve_matching(problem)
    text = str(caught.value)
    for path in (
        "matching.demand[a] = nan", "matching.demand[b] = -1.0", "matching.arc_cny[1] = nan",
        "matching.arc_cny[2] = inf", "matching.arc_pool[3] = 2", "matching.capacity[y] = -3.0",
        "matching.power.pool_site[1] = 5", "matching.power.arc_mw = (3,)",
        "matching.power.site_mw[0] = nan", "matching.congestion.share[x] = 0.9",
        "matching.congestion.extra_cny[x] = [2.0, 1.0]",
    ):  # fmt: skip
        assert path in text, path


def test_faults_of_power_steps_are_told() -> None:
    arcs = np.ones(4)
    for power, fault in (
        (SitePower([0, 1], arcs, [1.0, 1.0], [[2.0, 1.0], [0.0, 1.0]]), "falls from one step"),
        (SitePower([0, 1], arcs, [1.0, 1.0], [[np.nan, 1.0], [0.0, 1.0]]), "excess_cny.*nan"),
        (
            SitePower([0, 1], arcs, [1.0, 1.0], [1.0, 1.0], [[1.0, 1.0]] * 2),
            "excess_mw = .2, 2.",
        ),
        (SitePower([0, 1], arcs, [1.0, 1.0], excess_mw=[[1.0]] * 2), "has no prices"),
    ):
        with pytest.raises(InputError, match=fault):
            solve_matching(small(power=power))


def traffic_of(**changes: object) -> LinkTraffic:
    """Return traffic of four arcs over one link."""
    values: dict[str, object] = {
        "arc_pair": np.zeros(4), "arc_gb_s": np.ones(4), "path_pair": [0], "path_start": [0, 1],
        "path_link": [0], "path_cny": [0.0], "link_gb_s": [1.0],
    }  # fmt: skip
    return LinkTraffic(**(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"arc_demand": [0.9, 0, 1, 1]}, r"arc_demand\[0\].*0\.9.*is no whole number"),
        ({"arc_demand": [np.nan, 0, 1, 1]}, r"arc_demand\[0\].*nan.*is no whole number"),
        ({"arc_pool": np.asarray([0, 2**32, 0, 1])}, r"arc_pool\[1\].*4294967296.*at nothing"),
        ({"traffic": traffic_of(arc_pair=[0.5, 0, 0, 0])}, r"traffic\.arc_pair\[0\]"),
        ({"traffic": traffic_of(arc_pair=[2**32, 0, 0, 0])}, r"traffic\.arc_pair\[0\]"),
        ({"traffic": traffic_of(path_pair=[np.nan])}, r"traffic\.path_pair\[0\]"),
        ({"traffic": traffic_of(path_start=[0, 1.5])}, r"traffic\.path_start"),
        ({"traffic": traffic_of(path_link=[0.5])}, r"traffic\.path_link\[0\]"),
    ],
)
def test_indices_are_never_rounded(change: dict[str, object], place: str) -> None:
    with pytest.raises(InputError, match=f"(?s){place}"):
        small(**change).check()


def test_whole_numbers_of_any_kind_are_indices() -> None:
    same = small(arc_demand=[0.0, 0.0, 1.0, 1.0], arc_pool=np.asarray([0, 1, 0, 1], np.uint64))
    same.check()
    np.testing.assert_array_equal(same.arc_demand, small().arc_demand)
    assert same.arc_pool.dtype == np.int32


def test_paths_that_point_nowhere_are_told() -> None:
    short = LinkTraffic(np.zeros(4), np.ones(4), [0], [0, 3], [0], [0.0], [1.0])
    with pytest.raises(InputError, match="does not cut"):
        solve_matching(small(traffic=short))
    stray = LinkTraffic(np.zeros(4), np.ones(4), [0], [0, 1], [7], [0.0], [1.0])
    with pytest.raises(InputError, match="points at nothing"):
        solve_matching(small(traffic=stray))


@pytest.mark.parametrize("method", EXACT)
def test_extremes(method: str) -> None:
    nothing = solve_matching(small(demand=[0.0, 0.0]), method)
    assert nothing.objective == 0.0
    assert nothing.status is Status.OPTIMAL
    none = solve_matching(small(capacity=[0.0, 0.0]), method)
    np.testing.assert_allclose(none.unmet, [10.0, 5.0])
    assert none.gap <= 1e-8
    flood = solve_matching(small(demand=[1e4, 1e4]), method)
    assert flood.objective == pytest.approx(8 * 1 + 12 * 2 + 20.0 * (2e4 - 20))
    np.testing.assert_allclose(flood.prices.demand_cny, 20.0)
    endless = solve_matching(small(capacity=[np.inf, np.inf]), method)
    assert endless.objective == pytest.approx(15.0)
    lonely = small(arc_demand=[], arc_pool=[], arc_use=[], arc_cny=[])
    assert solve_matching(lonely, method).objective == pytest.approx(300.0)


@pytest.mark.parametrize("method", EXACT)
def test_what_must_be_met_and_cannot_be_is_named(method: str) -> None:
    must = small(unmet_cny=[np.inf, 20.0])
    assert solve_matching(must, method).objective == pytest.approx(22.0)
    short = small(unmet_cny=[np.inf, 20.0], arc_upper=[3.0, 4.0, np.inf, np.inf])
    answer = solve_matching(short, method)
    assert answer.status is Status.INFEASIBLE
    assert not answer.solved
    assert "demand [a] by 3" in answer.explanation
    assert np.isnan(answer.flow).all()


def test_methods_are_told_apart() -> None:
    with pytest.raises(SolverError, match="there are auto"):
        solve_matching(small(), "magic")
    for part, why in (
        ("power", "sites have power limits"), ("traffic", "links have limits"),
        ("congestion", "fullness"), ((), "different amounts"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=why):
            solve_matching(drawn(0, (part,) if part else ()), "transport")
    with pytest.raises(SolverError, match="no time limit"):
        solve_matching(small(), "transport", time_limit_s=1.0)
    assert set(EXACT) < set(METHODS)


@pytest.mark.parametrize("method", ["glop", "highs"])
def test_a_time_limit_without_a_solution_is_said(method: str) -> None:
    answer = solve_matching(drawn(0, (), demands=400), method, time_limit_s=0.0)
    if answer.status is Status.NO_SOLUTION:
        assert "time limit" in answer.explanation
    else:
        assert answer.solved
