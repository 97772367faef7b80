"""Prices against finite differences of the optimum; settlement that adds up; marginal carbon."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from computenet.optimization.matching import LinkTraffic, MatchingProblem, SitePower, solve_matching
from computenet.optimization.prices import PriceProbe, marginal_carbon, pool_power_mw
from computenet.optimization.settlement import settle_matching
from computenet.optimization.solvers import SolverError
from tests.optimization.matching_cases import drawn, small

LIMITED = ("power", "traffic")


def cost(problem: object) -> float:
    return solve_matching(problem, "highs").objective  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(4))
def test_prices_are_slopes_of_the_optimum(seed: int) -> None:
    """Low and high ends equal the differences of the objective for a step more and a step less."""
    problem = drawn(seed, LIMITED)
    answer = solve_matching(problem, "highs")
    probe = PriceProbe(problem, answer)
    here, step = answer.objective, 1e-5
    assert problem.power is not None
    assert problem.traffic is not None
    mw = pool_power_mw(problem, answer.flow)
    pools = probe.pools()
    for pool in range(problem.n_pools):
        one = np.zeros(problem.n_pools)
        one[pool] = step * problem.capacity[pool]
        watts = np.zeros(len(problem.power.site_mw))
        watts[problem.power.pool_site[pool]] = one[pool] * mw[pool]

        def moved(sign: float, one: np.ndarray = one, watts: np.ndarray = watts) -> float:
            power = replace(problem.power, site_mw=problem.power.site_mw + sign * watts)
            return cost(replace(problem, capacity=problem.capacity + sign * one, power=power))

        assert pools.low_cny[pool] == pytest.approx((here - moved(1)) / one[pool], abs=1e-3)
        assert pools.high_cny[pool] == pytest.approx((moved(-1) - here) / one[pool], abs=1e-3)
    links = probe.links()
    for link, limit in enumerate(problem.traffic.link_gb_s):
        one = np.zeros(len(links))
        one[link] = step * limit
        more = replace(problem.traffic, link_gb_s=problem.traffic.link_gb_s + one)
        less = replace(problem.traffic, link_gb_s=problem.traffic.link_gb_s - one)
        found = [cost(replace(problem, traffic=traffic)) for traffic in (more, less)]
        assert links.low_cny[link] == pytest.approx((here - found[0]) / one[link], abs=2e-3)
        assert links.high_cny[link] == pytest.approx((found[1] - here) / one[link], abs=2e-3)
    demands = probe.demands()
    for row in range(problem.n_demands):
        one = np.zeros(problem.n_demands)
        one[row] = step * problem.demand[row]
        found = [cost(replace(problem, demand=problem.demand + s * one)) for s in (1, -1)]
        assert demands.high_cny[row] == pytest.approx((found[0] - here) / one[row], abs=1e-3)
        assert demands.low_cny[row] == pytest.approx((here - found[1]) / one[row], abs=1e-3)
    for table in (pools, links, demands, probe.sites()):
        assert (table.low_cny - 1e-7 <= table.price_cny).all()
        assert (table.price_cny <= table.high_cny + 1e-7).all()


def test_a_degenerate_price_is_said_to_be_so() -> None:
    """15 units and room for 8 + 7 exactly: a unit less saves 2, a unit more would go unmet at 20.

    Capacity of the dear pool is worth nothing more, but without it 18 a unit would be lost.
    """
    problem = small(capacity=[8.0, 7.0])
    probe = PriceProbe(problem, solve_matching(problem, "highs"))
    demands, pools = probe.demands(), probe.pools()
    np.testing.assert_allclose(demands.low_cny, 2.0)
    np.testing.assert_allclose(demands.high_cny, 20.0)
    np.testing.assert_allclose(pools.low_cny, [1.0, 0.0], atol=1e-9)
    np.testing.assert_allclose(pools.high_cny, [19.0, 18.0])
    assert not demands.unique.any()
    assert not pools.unique.any()
    slack = small()
    plain = PriceProbe(slack, solve_matching(slack, "highs"))
    assert plain.demands().unique.all()
    assert plain.pools().unique.all()
    np.testing.assert_allclose(plain.pools().price_cny, [1.0, 0.0], atol=1e-9)


def test_prices_at_the_edge() -> None:
    must = small(unmet_cny=[np.inf, np.inf], capacity=[8.0, 7.0])
    demands = PriceProbe(must, solve_matching(must, "highs")).demands()
    assert np.isinf(demands.high_cny).all()
    none = small(capacity=[0.0, 12.0])
    pools = PriceProbe(none, solve_matching(none, "highs")).pools()
    assert pools.high_cny[0] == np.inf
    assert pools.low_cny[0] == pytest.approx(19.0)
    free = small(capacity=[np.inf, np.inf])
    assert (PriceProbe(free, solve_matching(free, "highs")).pools().high_cny == 0.0).all()
    impossible = small(unmet_cny=[np.inf, 1.0], arc_upper=np.zeros(4))
    with pytest.raises(SolverError, match="no prices"):
        PriceProbe(impossible, solve_matching(impossible, "highs"))
    with pytest.raises(SolverError, match="cannot be settled"):
        settle_matching(impossible, solve_matching(impossible, "highs"))


def test_power_is_part_of_a_nodal_price() -> None:
    """A site's 4 MW bind (8 units of 0.5 MW): capacity alone is worth nothing, with power 1."""
    power = SitePower([0, 1], np.full(4, 0.5), [4.0, np.inf])
    problem = small(power=power, capacity=[20.0, 20.0], site_names=("s", "t"))
    probe = PriceProbe(problem, solve_matching(problem, "highs"))
    pools, sites = probe.pools(), probe.sites()
    np.testing.assert_allclose(pools.price_cny, [1.0, 0.0], atol=1e-9)
    np.testing.assert_allclose(pools.pool_cny, 0.0, atol=1e-9)
    np.testing.assert_allclose(pools.power_cny, [1.0, 0.0], atol=1e-9)
    np.testing.assert_allclose(sites.price_cny, [2.0, 0.0], atol=1e-9)
    assert list(sites.site) == ["s", "t"]
    assert list(PriceProbe(small(), solve_matching(small())).sites().site) == []


def test_a_price_in_steps_lies_between_those_of_its_steps() -> None:
    """Nothing is free, 3 MW cost 1 each and more 4: at 3 MW one more would save 1 to 2."""
    power = SitePower(
        [0, 1], np.full(4, 0.5), [0.0, np.inf], [[1.0, 4.0], [0.0, 0.0]], [[3.0, np.inf]] * 2
    )
    for load, low, high in ((5.0, 1.0, 1.0), (6.0, 1.0, 2.0), (7.0, 2.0, 2.0)):
        problem = small(demand=[load, 0.0], power=power, capacity=[20.0, 20.0])
        site = PriceProbe(problem, solve_matching(problem, "highs")).sites().iloc[0]
        assert (site.low_cny, site.high_cny) == pytest.approx((low, high), abs=1e-6)
        assert low - 1e-6 <= site.price_cny <= high + 1e-6


def test_power_of_the_grid_is_carbon_where_own_plant_is_not() -> None:
    """1 MW of own plant, then the grid's at 1 with 800 kg by MW; `y` is full of coal."""
    power = SitePower([0, 1], np.full(4, 0.5), [1.0, np.inf], [[1.0], [0.0]])
    beyond = np.asarray([[800.0], [0.0]])
    kg = np.asarray([0.0, 700.0, 0.0, 700.0])
    for demand, more in ((1.0, 0.0), (5.0, 400.0)):
        problem = small(demand=[demand, 0.0], power=power, capacity=[20.0, 20.0])
        answer = solve_matching(problem, "highs")
        found = marginal_carbon(problem, answer, kg, np.asarray([0]), excess_kg=beyond)
        assert found.kg_per_unit[0] == pytest.approx(more, abs=1e-6)


@pytest.mark.parametrize("method", ["highs", "columns"])
def test_marginal_carbon_follows_who_is_displaced(method: str) -> None:
    """A unit more of `a`, which only runs at `x` (full), pushes one of `b` from `x` to `y`."""
    problem = small(
        demand=[5.0, 6.0], arc_demand=[0, 1, 1], arc_pool=[0, 0, 1], arc_use=np.ones(3),
        arc_cny=[1.0, 1.0, 2.0],
    )  # fmt: skip
    kg = np.asarray([100.0, 100.0, 700.0])
    found = marginal_carbon(problem, solve_matching(problem, method), kg)
    np.testing.assert_allclose(found.kg_per_unit, 700.0, rtol=1e-6)
    assert found.unique.all()
    # With room for three of `b` at `x` exactly, a unit less goes from `x`, one more to `y`.
    kink = replace(problem, demand=[5.0, 3.0])
    found = marginal_carbon(kink, solve_matching(kink, method), kg, np.asarray([1]))
    assert (found.low_kg[0], found.high_kg[0]) == pytest.approx((100.0, 700.0), rel=1e-6)
    assert found.kg_per_unit[0] == pytest.approx(700.0, rel=1e-6)
    assert not found.unique.any()


def test_of_plans_of_equal_cost_the_one_of_least_carbon_counts() -> None:
    problem = small(arc_cny=np.ones(4), capacity=[20.0, 20.0])
    kg = np.asarray([5.0, 1.0, 5.0, 1.0])
    found = marginal_carbon(problem, solve_matching(problem, "highs"), kg)
    np.testing.assert_allclose(found.kg_per_unit, 1.0, rtol=1e-6)


@pytest.mark.parametrize("method", ["glop", "highs", "columns"])
@pytest.mark.parametrize("seed", range(4))
def test_the_settlement_adds_up(seed: int, method: str) -> None:
    problem = drawn(seed)
    answer = solve_matching(problem, method, gap=1e-9)
    tenant = ["north", "south"] * 4
    region = [str(row // 3) for row in range(8)]
    books = settle_matching(problem, answer, tenant=tenant, region=region)
    size = max(abs(books.paid_cny), 1.0)
    assert abs(books.imbalance_cny) <= 1e-9 * size
    parts = ["running_cny", "pools_cny", "power_cny", "links_cny", "limits_cny"]
    np.testing.assert_allclose(
        books.payers.pays_cny, books.payers[parts].sum(axis=1), atol=1e-9 * size
    )
    assert books.payers.pays_cny.sum() == pytest.approx(books.paid_cny)
    assert books.payers.met.sum() == pytest.approx(answer.flow.sum())
    # What is paid less rents, and unmet demand at its price, is the objective.
    rents = books.receivers.rent_cny.sum()
    unmet = problem.unmet_cny @ answer.unmet
    assert books.received_cny - rents + unmet == pytest.approx(answer.objective, rel=1e-8)
    assert (books.receivers.rent_cny >= -1e-9 * size).all()


def test_a_settlement_by_hand() -> None:
    """All pay 2 a unit; pool `x` earns 1 on each of its 8 units, the link nothing but its cost."""
    traffic = LinkTraffic([0, -1, -1, -1], np.ones(4), [0], [0, 1], [0], [0.25], [100.0])
    problem = small(traffic=traffic, arc_cny=[0.75, 2.0, 1.0, 2.0])
    books = settle_matching(problem, solve_matching(problem))
    assert books.paid_cny == pytest.approx(30.0)
    assert books.payers.pays_cny.tolist() == pytest.approx([20.0, 10.0])
    assert books.payers.mean_cny.tolist() == pytest.approx([2.0, 2.0])
    rent = books.receivers.set_index("name").rent_cny
    assert rent["x"] == pytest.approx(8.0)
    assert rent["y"] == pytest.approx(0.0)
    assert rent["link 0"] == pytest.approx(0.0)


# ---- sizes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "other"),
    [(size, None) for size in (1e3, 1e-2, 1e-3, 1e-6, 1e-9)]
    + [(size, 100.0) for size in (1e3, 1e-2, 1e-3, 1e-6)],
)
def test_degenerate_prices_are_ranges_at_any_size(size: float, other: float | None) -> None:
    """A cheap pool that is just as large as demand is worth nothing or 9."""
    demand = [size] if other is None else [size, other]
    problem = MatchingProblem(
        demand=demand, unmet_cny=[100.0] * len(demand), arc_demand=[0, 0], arc_pool=[0, 1],
        arc_use=[1.0, 1.0], arc_cny=[1.0, 10.0], capacity=[size, 5.0 * size],
    )  # fmt: skip
    probe = PriceProbe(problem, solve_matching(problem, "highs"))
    pool, row = probe.pools().iloc[0], probe.demands().iloc[0]
    assert (pool.low_cny, pool.high_cny) == pytest.approx((0.0, 9.0))
    assert not pool["unique"]
    assert pool.capacity == size
    assert pool.use == pytest.approx(size)
    assert row.units == size
    if other is None:
        assert (row.low_cny, row.high_cny) == pytest.approx((1.0, 10.0))


def test_prices_without_demand() -> None:
    problem = small(demand=[0.0, 0.0], capacity=[0.0, 5.0])
    demands = PriceProbe(problem, solve_matching(problem)).demands()
    dear = problem.arc_cny[problem.arc_pool == 1]
    np.testing.assert_allclose(demands.high_cny, dear)


@pytest.mark.parametrize("cny", [1.0, 1e-2, 1e-4, 1e-9, 0.0])
def test_marginal_carbon_of_cheap_and_free_arcs(cny: float) -> None:
    problem = MatchingProblem(
        demand=[10.0], unmet_cny=[20.0], arc_demand=[0, 0], arc_pool=[0, 1], arc_use=[1.0, 1.0],
        arc_cny=[cny, cny], capacity=[50.0, 50.0],
    )  # fmt: skip
    answer = solve_matching(problem, "glop")
    found = marginal_carbon(problem, answer, np.array([9.0, 1.0])).iloc[0]
    assert (found.low_kg, found.high_kg) == pytest.approx((1.0, 1.0))
    dear = replace(problem, arc_cny=np.array([cny, 1.5 * cny]))
    if cny:
        found = marginal_carbon(dear, solve_matching(dear, "glop"), np.array([9.0, 1.0])).iloc[0]
        assert found.kg_per_unit == pytest.approx(9.0)


def test_payers_without_a_label_still_pay() -> None:
    books = settle_matching(small(), solve_matching(small()), tenant=[None, "a"])
    assert books.payers.pays_cny.sum() == pytest.approx(books.paid_cny)
    assert len(books.payers) == 2
