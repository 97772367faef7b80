"""Clearing against brute force, against the plain matching, and against its own objective."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from computenet.errors import InputError
from computenet.optimization import clearing, clearing_levels
from computenet.optimization.clearing import ALL, ANY, ONE_POOL, Bids, Cleared, clear
from computenet.optimization.matching import (
    LinkTraffic,
    MatchingProblem,
    SitePower,
    solve_matching,
)
from computenet.optimization.solution import no_solution
from computenet.optimization.solvers import HotModel, Solution, Status


def market(
    capacity: list[float],
    cost: list[list[float]],
    bids: list[tuple[int, float, float]],
    *,
    priority: list[int] | None = None,
    must_run: list[bool] | None = None,
    whole: list[int] | None = None,
    use: float = 1.0,
) -> tuple[MatchingProblem, Bids]:
    """Return groups with `cost` by pool, and bids of (group, amount, price)."""
    groups, pools = len(cost), len(capacity)
    group, pool = (axis.ravel() for axis in np.indices((groups, pools)))
    count = len(bids)
    problem = MatchingProblem(
        demand=np.zeros(groups),
        unmet_cny=np.zeros(groups),
        arc_demand=group.astype(np.int32),
        arc_pool=pool.astype(np.int32),
        arc_use=np.full(groups * pools, use),
        arc_cny=np.asarray(cost, dtype=np.float64).reshape(-1),
        capacity=np.asarray(capacity, dtype=np.float64),
        pool_names=tuple(f"pool-{p}" for p in range(pools)),
        demand_names=tuple(f"group-{g}" for g in range(groups)),
    )
    return problem, Bids(
        group=np.asarray([bid[0] for bid in bids], dtype=np.int64),
        amount=np.asarray([bid[1] for bid in bids], dtype=np.float64),
        price_cny=np.asarray([bid[2] for bid in bids], dtype=np.float64),
        priority=np.asarray(priority or [0] * count, dtype=np.int64),
        must_run=np.asarray(must_run or [False] * count, dtype=np.bool_),
        whole=np.asarray(whole or [ANY] * count, dtype=np.int64),
    )


def served(cleared: Cleared, bids: Bids) -> list[float]:
    return (bids.amount - cleared.unmet).round(6).tolist()  # type: ignore[no-any-return]


def test_the_best_payers_are_served_and_the_next_one_sets_the_price() -> None:
    problem, bids = market([10], [[2.0]], [(0, 6, 9.0), (0, 6, 7.0), (0, 6, 5.0)])
    cleared = clear(problem, bids)
    assert served(cleared, bids) == [6, 4, 0]
    # 2 of the second bid are left out: an accelerator more saves 7 - 2.
    assert cleared.prices.pool_cny[0] == pytest.approx(5.0)
    assert cleared.objective == pytest.approx(10 * 2 + 2 * 7 + 6 * 5)
    assert cleared.pool_range_cny[0] == pytest.approx([5.0, 5.0])


def test_a_price_is_said_to_be_degenerate_where_capacity_meets_demand() -> None:
    problem, bids = market([12], [[2.0]], [(0, 6, 9.0), (0, 6, 7.0), (0, 6, 5.0)])
    cleared = clear(problem, bids)
    # One more serves a bid of 5, one less leaves out a bid of 7.
    assert cleared.pool_range_cny[0] == pytest.approx([3.0, 5.0])
    assert 3.0 - 1e-9 <= cleared.prices.pool_cny[0] <= 5.0 + 1e-9
    slack, _ = market([20], [[2.0]], [(0, 6, 9.0)])
    assert clear(slack, replace(bids, group=bids.group)).pool_range_cny[0].max() == 0.0


def test_equal_bids_are_served_in_their_order() -> None:
    problem, bids = market([10], [[1.0]], [(0, 4, 5.0), (0, 4, 5.0), (0, 4, 5.0)])
    assert served(clear(problem, bids), bids) == [4, 4, 2]


def test_priority_goes_before_price_but_not_above_what_a_bid_pays() -> None:
    bids_of = [(0, 6, 4.0), (0, 6, 9.0), (1, 6, 1.0)]
    problem, bids = market([10], [[2.0], [2.0]], bids_of, priority=[5, 0, 0])
    cleared = clear(problem, bids)
    assert served(cleared, bids) == [6, 4, 0]
    # The price is that of the bid pushed out, which the bid ahead does not pay.
    assert cleared.prices.pool_cny[0] == pytest.approx(7.0)
    problem, bids = market([10], [[2.0], [2.0]], bids_of, priority=[1, 2, 0])
    assert served(clear(problem, bids), bids) == [4, 6, 0]


def test_three_levels_are_cleared_from_the_highest() -> None:
    problem, bids = market(
        [10, 5], [[1.0, 2.0]], [(0, 6, 3.0), (0, 6, 4.0), (0, 6, 50.0)], priority=[2, 1, 0]
    )
    assert served(clear(problem, bids), bids) == [6, 6, 3]


def test_what_must_run_pushes_others_out() -> None:
    problem, bids = market([10], [[2.0]], [(0, 6, 9.0), (0, 8, 0.0)], must_run=[False, True])
    cleared = clear(problem, bids)
    assert served(cleared, bids) == [2, 8]
    assert cleared.prices.pool_cny[0] == pytest.approx(7.0)


def test_what_must_run_and_cannot_is_explained() -> None:
    problem, bids = market([10], [[2.0]], [(0, 6, 9.0), (0, 12, 0.0)], must_run=[False, True])
    cleared = clear(problem, bids)
    assert cleared.status is Status.INFEASIBLE
    assert "pool-0" in cleared.explanation or "group-0" in cleared.explanation
    assert np.isnan(cleared.unmet).all()
    split, whole = market([6, 6], [[2.0, 2.0]], [(0, 8, 0.0)], must_run=[True], whole=[ONE_POOL])
    assert "in one pool" in clear(split, whole).explanation


def test_all_or_nothing_and_one_pool() -> None:
    # A part of the whole bid would pay most, all of it does not fit.
    problem, bids = market([10], [[2.0]], [(0, 12, 9.0), (0, 6, 3.0)], whole=[ALL, ANY])
    cleared = clear(problem, bids)
    assert served(cleared, bids) == [0, 6]
    assert cleared.fixed
    # It may be split over pools, but not where it needs one.
    problem, bids = market([6, 6], [[2.0, 2.0]], [(0, 8, 9.0)], whole=[ALL])
    assert served(clear(problem, bids), bids) == [8]
    problem, bids = market([6, 6], [[2.0, 2.0]], [(0, 8, 9.0)], whole=[ONE_POOL])
    assert served(clear(problem, bids), bids) == [0]
    problem, bids = market([6, 9], [[1.0, 2.0]], [(0, 8, 9.0)], whole=[ONE_POOL])
    cleared = clear(problem, bids)
    assert cleared.flow.tolist() == [0, 8]


@pytest.mark.parametrize("capacity", [[0.0, 0.0], [5.0, 0.0], [1e6, 1e6]])
@pytest.mark.parametrize("amount", [0.0, 5.0, 5000.0, 5e8])
def test_nothing_and_a_thousand_times_too_much(capacity: list[float], amount: float) -> None:
    problem, bids = market(capacity, [[1.0, 2.0]], [(0, amount, 5.0), (0, amount, 6.0)])
    cleared = clear(problem, bids)
    room = sum(capacity)
    assert cleared.status is Status.OPTIMAL
    assert (bids.amount - cleared.unmet).sum() == pytest.approx(min(2 * amount, room))
    assert np.isinf(cleared.pool_range_cny[:, 1]).sum() == (np.asarray(capacity) == 0.0).sum()


def under_power(scale: float, whole: int) -> tuple[MatchingProblem, Bids]:
    """Two pools of a site with little power; amounts times `scale`."""
    problem, bids = market(
        [6.0 * scale, 9.0 * scale],
        [[2.0, 3.0], [2.5, 1.0]],
        [
            (0, 3.3 * scale, 9.0),
            (0, 4.1 * scale, 7.0),
            (1, 5.7 * scale, 8.0),
            (1, 1.9 * scale, 4.0),
        ],
        priority=[0, 1, 0, 2],
        whole=[whole] * 4,
    )
    power = SitePower(np.zeros(2, dtype=np.int32), np.full(4, 7e-4), np.asarray([7.3e-3 * scale]))
    return replace(problem, power=power, site_names=("west",)), bids


WHOLE_TO_A_TOLERANCE = [
    ([999.9995, 1000.0, 3999.9996],
     [[4.0, 2.0, 3.0], [1.0, 2.0, 2.0], [4.0, 2.0, 2.0]],
     [(1, 2000.0, 4.0), (0, 4000.0, 2.0)], [1, 2], [ALL, ALL]),
    ([29999.985, 29999.997000000003, 29999.997000000003],
     [[4.0, 1.0, 3.0], [2.0, 1.0, 1.0], [4.0, 1.0, 2.0]],
     [(1, 10000.0, 8.0), (0, 80000.0, 2.0), (1, 70000.0, 4.0), (0, 30000.0, 4.0),
      (1, 10000.0, 7.0)], [2, 1, 0, 1, 0], [ANY, ALL, ANY, ANY, ALL]),
]  # fmt: skip


@pytest.mark.parametrize(("capacity", "cost", "bids_of", "priority", "whole"), WHOLE_TO_A_TOLERANCE)
def test_what_fits_but_for_the_rounding_of_whole_numbers_is_cleared_with_prices(
    capacity: list[float],
    cost: list[list[float]],
    bids_of: list[tuple[int, float, float]],
    priority: list[int],
    whole: list[int],
) -> None:
    """All of a bid is short of room by less than solvers hold whole numbers to."""
    problem, bids = market(capacity, cost, bids_of, priority=priority, whole=whole)
    cleared = clear(problem, bids)
    assert cleared.status is Status.OPTIMAL
    for part in (cleared.flow, cleared.unmet, cleared.prices.pool_cny, cleared.objective):
        assert np.isfinite(part).all()
    at = bids.whole == ALL
    assert (np.isclose(cleared.unmet, 0.0) | np.isclose(cleared.unmet, bids.amount))[at].all()
    load = np.bincount(problem.arc_pool, problem.arc_use * cleared.flow, problem.n_pools)
    assert (load <= problem.capacity * (1.0 + 1e-6)).all()


def stopped_at(monkeypatch: pytest.MonkeyPatch, number: int, **found: object) -> None:
    """Let one solve of the levels end at its limit."""
    count = itertools.count()

    class Stopped(HotModel):
        def solve(self) -> Solution:
            answer = super().solve()
            if next(count) != number:
                return answer
            if found["status"] is Status.NO_SOLUTION:
                return no_solution(self.model, Status.NO_SOLUTION, 0.0, -np.inf, "highs")
            return replace(answer, **found)  # type: ignore[arg-type]

    monkeypatch.setattr(clearing, "HotModel", Stopped)
    monkeypatch.setattr(clearing_levels, "HotModel", Stopped)


def test_a_level_that_was_stopped_leaves_no_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    problem, bids = market([10.0], [[1.0]], [(0, 6, 3.0), (0, 6, 4.0), (0, 6, 50.0)],
                           priority=[2, 1, 0])  # fmt: skip
    stopped_at(monkeypatch, 0, status=Status.FEASIBLE)
    cleared = clear(problem, bids)
    assert cleared.status is Status.FEASIBLE
    assert cleared.bound == -np.inf
    assert np.isnan(cleared.pool_range_cny).all()


@pytest.mark.parametrize("status", [Status.NO_SOLUTION, Status.FEASIBLE])
def test_whole_numbers_without_their_prices_are_no_solution(
    monkeypatch: pytest.MonkeyPatch, status: Status
) -> None:
    problem, bids = market([10.0], [[2.0]], [(0, 12, 9.0), (0, 6, 3.0)], whole=[ALL, ANY])
    stopped_at(monkeypatch, 1, status=status, row_duals=np.full(2, np.nan))
    cleared = clear(problem, bids)
    assert cleared.status is Status.NO_SOLUTION
    assert np.isnan(cleared.unmet).all()


def test_what_is_short_of_each_limit_is_told_in_its_unit() -> None:
    """5 units must run; each draws 1 MW and carries 1 GB/s, that is 8 Gbps."""
    problem, bids = market([5.0], [[1.0]], [(0, 5.0, 0.0)], must_run=[True])
    short = replace(problem, capacity=np.asarray([4.0]))
    assert clear(short, bids).explanation.endswith("capacity [pool-0] by 1 accelerators")
    power = SitePower(np.zeros(1, np.int32), np.ones(1), np.asarray([3.0]))
    short = replace(problem, power=power, site_names=("west",))
    assert clear(short, bids).explanation.endswith("site power [west] by 2 MW")
    traffic = LinkTraffic(
        arc_pair=np.zeros(1, np.int32), arc_gb_s=np.ones(1), path_pair=np.zeros(1, np.int32),
        path_start=np.asarray([0, 1], np.int32), path_link=np.zeros(1, np.int32),
        path_cny=np.zeros(1), link_gb_s=np.asarray([0.5]),
    )  # fmt: skip
    short = replace(problem, traffic=traffic, link_names=("r - w",))
    assert clear(short, bids).explanation.endswith("link [r - w] by 36 Gbps")


@pytest.mark.parametrize("scale", [1e5, 1e7, 1e9, 1e11])
@pytest.mark.parametrize("whole", [ANY, ALL])
def test_large_amounts_are_cleared_as_small_ones(scale: float, whole: int) -> None:
    small, large = (clear(*under_power(by, whole)) for by in (1.0, scale))
    assert small.solved
    assert large.solved
    np.testing.assert_allclose(large.unmet / scale, small.unmet, atol=1e-6)
    np.testing.assert_allclose(large.flow / scale, small.flow, atol=1e-6)
    assert large.objective / scale == pytest.approx(small.objective, rel=1e-7)
    np.testing.assert_allclose(large.prices.pool_cny, small.prices.pool_cny, atol=1e-6)


def test_what_is_short_of_large_amounts_is_told_in_their_own_unit() -> None:
    problem, bids = market([4e9], [[1.0]], [(0, 6e9, 0.0)], must_run=[True])
    assert clear(problem, bids).explanation == (
        "these would have to give way: capacity [pool-0] by 2e+09 accelerators"
    )


def test_without_bids_or_pools() -> None:
    problem, bids = market([5.0], [[1.0]], [])
    cleared = clear(problem, bids)
    assert cleared.objective == 0.0
    assert cleared.prices.pool_cny.tolist() == [0.0]
    problem, bids = market([], [[]], [(0, 3.0, 2.0)])
    assert clear(problem, bids).objective == pytest.approx(6.0)


def test_bad_bids_are_all_told() -> None:
    problem, bids = market([5.0], [[1.0]], [(0, np.nan, 2.0), (0, -1.0, np.nan)])
    with pytest.raises(InputError) as told:
        clear(problem, bids)
    assert len(told.value.problems) == 3
    problem, bids = market([5.0], [[1.0]], [(0, 1, 2.0), (0, 1, 2.0)], whole=[ONE_POOL, ANY])
    with pytest.raises(InputError, match="one pool"):
        clear(problem, bids)


# ---- against other ways to find it --------------------------------------------------------


@st.composite
def markets(draw: DrawFn) -> tuple[MatchingProblem, Bids]:
    pools, groups = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    small = st.integers(0, 9).map(float)
    capacity = draw(st.lists(small, min_size=pools, max_size=pools))
    cost = [draw(st.lists(small, min_size=pools, max_size=pools)) for _ in range(groups)]
    bid = st.tuples(st.integers(0, groups - 1), small, small)
    return market(capacity, cost, draw(st.lists(bid, min_size=1, max_size=5)), use=0.5)


def one_row_a_bid(problem: MatchingProblem, bids: Bids) -> MatchingProblem:
    """Return the plain matching problem in which every bid has its own row and arcs."""
    arcs = [np.flatnonzero(problem.arc_demand == group) for group in bids.group]
    arc = np.concatenate([np.zeros(0, np.int64), *arcs])
    return replace(
        problem,
        demand=bids.amount,
        unmet_cny=bids.price_cny,
        arc_demand=np.repeat(np.arange(len(arcs)), [len(a) for a in arcs]).astype(np.int32),
        arc_pool=problem.arc_pool[arc],
        arc_use=problem.arc_use[arc],
        arc_cny=problem.arc_cny[arc],
        demand_names=(),
        power=None
        if problem.power is None
        else SitePower(problem.power.pool_site, problem.power.arc_mw[arc], problem.power.site_mw),
    )


@settings(max_examples=60, deadline=None)
@given(markets())
def test_groups_of_bids_are_worth_as_much_as_bids_one_by_one(
    case: tuple[MatchingProblem, Bids],
) -> None:
    problem, bids = case
    cleared = clear(problem, bids)
    plain = solve_matching(one_row_a_bid(problem, bids))
    assert cleared.objective == pytest.approx(plain.objective, abs=1e-6)
    assert plain.prices is not None
    low, high = cleared.pool_range_cny.T
    assert (low - 1e-6 <= plain.prices.pool_cny).all()
    assert (plain.prices.pool_cny <= high + 1e-6).all()


@settings(max_examples=40, deadline=None)
@given(markets())
def test_prices_are_what_a_further_accelerator_saves(case: tuple[MatchingProblem, Bids]) -> None:
    problem, bids = case
    cleared = clear(problem, bids)
    step = 1e-3
    for pool in range(problem.n_pools):
        capacity = problem.capacity.copy()
        capacity[pool] += step
        more = clear(replace(problem, capacity=capacity), bids, ranges=False)
        saved = (cleared.objective - more.objective) / step
        assert cleared.pool_range_cny[pool, 0] == pytest.approx(saved, abs=1e-4)


@settings(max_examples=60, deadline=None)
@given(markets(), st.integers(1, 40))
def test_an_accelerator_with_its_power_saves_its_price(
    case: tuple[MatchingProblem, Bids], site_kw: int
) -> None:
    """Pools of one site with little power: scarcity may lie in accelerators or in power."""
    problem, bids = case
    mw = 1e-3 * (1.0 + np.arange(problem.n_pools))
    power = SitePower(
        np.zeros(problem.n_pools, dtype=np.int32), (problem.arc_use * mw[problem.arc_pool]),
        np.asarray([1e-3 * site_kw]),
    )  # fmt: skip
    problem = replace(problem, power=power)
    cleared = clear(problem, bids, pool_mw=mw)
    price = cleared.prices.pool_cny + mw * cleared.prices.site_cny_per_mw[0]
    assert (cleared.pool_range_cny[:, 0] <= price + 1e-6).all()
    assert (price <= cleared.pool_range_cny[:, 1] + 1e-6).all()
    for pool, side in itertools.product(range(problem.n_pools), (0, 1)):
        step = -1e-3 if side else 1e-3
        if problem.capacity[pool] + step < 0.0:
            assert np.isinf(cleared.pool_range_cny[pool, side])
            continue
        capacity = problem.capacity.copy()
        capacity[pool] += step
        moved = replace(power, site_mw=power.site_mw + step * mw[pool])
        other = clear(replace(problem, capacity=capacity, power=moved), bids, ranges=False)
        saved = (cleared.objective - other.objective) / step
        assert cleared.pool_range_cny[pool, side] == pytest.approx(saved, abs=1e-4)


def test_a_pool_whose_site_has_no_power_has_no_price_that_is_too_high() -> None:
    problem, bids = market([10.0], [[2.0]], [(0, 5.0, 9.0)])
    power = SitePower(np.zeros(1, dtype=np.int32), np.full(1, 1e-3), np.zeros(1))
    low, high = clear(replace(problem, power=power), bids).pool_range_cny[0]
    assert low == pytest.approx(7.0)
    assert np.isinf(high)


@settings(max_examples=40, deadline=None)
@given(markets(), st.data())
def test_whole_bids_are_chosen_as_by_trying_all(
    case: tuple[MatchingProblem, Bids], data: st.DataObject
) -> None:
    problem, bids = case
    kinds = st.lists(
        st.sampled_from([ANY, ALL]), min_size=len(bids.amount), max_size=len(bids.amount)
    )
    bids = replace(bids, whole=np.asarray(data.draw(kinds), dtype=np.int64))
    cleared = clear(problem, bids, gap=0.0)
    at = np.flatnonzero(bids.whole == ALL)
    best = np.inf
    for chosen in itertools.product([False, True], repeat=len(at)):
        # Those chosen must run, the others are left out.
        must = np.zeros(len(bids.amount), dtype=np.bool_)
        must[at] = chosen
        amount = bids.amount.copy()
        amount[at[~must[at]]] = 0.0
        plain = replace(
            bids, amount=amount, must_run=must & (amount > 0.0), whole=np.zeros_like(bids.whole)
        )
        answer = clear(problem, plain, ranges=False)
        if answer.solved:
            left = bids.amount[at[~must[at]]] @ bids.price_cny[at[~must[at]]]
            best = min(best, answer.objective + left)
    assert cleared.objective == pytest.approx(best, abs=1e-6)
