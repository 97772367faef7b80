"""Links in the matching policy's problem: where they bind, and where they do not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import computenet as cn
from computenet.compiled import CompiledScenario
from computenet.network import alternative_routes, shortest_routes
from computenet.optimization.matching import solve_matching
from computenet.policies import SystemView
from computenet.policies.matching import MatchingPolicy
from computenet.policies.protocol import Plan
from computenet.results.nodal_prices import nodal_prices
from computenet.simulation import run_scenario


class Watched(MatchingPolicy):
    """Matching, with its views and plans kept."""

    def reset(self, compiled: CompiledScenario, seed: np.random.SeedSequence) -> None:
        super().reset(compiled, seed)
        self.views: list[SystemView] = []
        self.plans: list[Plan] = []

    def plan(self, view: SystemView, replicas=None) -> Plan:
        self.views.append(view)
        self.plans.append(super().plan(view, replicas))
        return self.plans[-1]


def run(gbps: float) -> tuple[cn.Results, Watched]:
    """A quarter of a day in which the west is cheap and the long link has `gbps`."""
    policy = Watched(prices_every_h=1.0)
    scenario = cn.load(
        "two-hubs", days=0.25, policy="matching",
        overrides={f"topology.links.{LONG}.capacity_gbps": gbps},
    )  # fmt: skip
    return run_scenario(scenario, policy), policy


def long_link() -> str:
    links = cn.load("two-hubs").topology.links
    return max(links, key=lambda link: link.latency_ms).id


LONG = long_link()


def traffic_gbps(view: SystemView, plan: Plan) -> np.ndarray:
    """Return the planned traffic of every link, worked out arc by arc."""
    compiled, network = view.compiled, view.compiled.network
    regions, sites = len(compiled.regions), len(compiled.sites.ids)
    routes = shortest_routes(network, view.link_up, regions)
    ways = alternative_routes(
        network, network.capacity_gbps, view.link_up, regions, network.paths, network.stretch
    )
    total = np.zeros(len(network.link_ids))
    pools, groups = compiled.pools, compiled.groups
    flows = (
        (plan.request_shares, view.request_rate_per_s, compiled.requests.gb_per_request,
         pools.site[groups.pool]),
        (plan.job_shares, view.job_load_accelerators,
         np.tile(compiled.jobs.data_gb_per_accelerator_s, regions), pools.site),
    )  # fmt: skip
    for number, (shares, amount, gb, site) in enumerate(flows):
        classes = len(shares) // regions
        for demand, target in zip(*np.nonzero(shares), strict=True):
            route = demand // classes * sites + site[target]
            gbps = 8.0 * amount[demand] * gb[demand] * shares[demand, target]
            links = routes.path_link[routes.path_start[route] : routes.path_start[route + 1]]
            if number == 0 or network.paths == 1:
                total[links] += gbps
                continue
            before = 0.0
            for until, hops in zip(ways.until[route], ways.paths[route], strict=False):
                total[hops] += (until - before) * gbps
                before = until
    return total


def test_a_link_that_binds_has_a_rent_and_is_kept() -> None:
    free = traffic_gbps(*(_last(run(1e3)[1])))
    at = [link.id for link in cn.load("two-hubs").topology.links].index(LONG)
    narrow = 0.5 * free[at]
    results, policy = run(narrow)
    seen = 0
    for view, plan in zip(policy.views, policy.plans, strict=True):
        rents = [price for price in plan.prices if price.item == f"link {LONG}"]
        if not rents:
            continue
        problem = _fresh(view).problem(view, view.request_rate_per_s)
        assert problem.traffic is not None
        answer = solve_matching(problem)
        if answer.unmet.any() or not answer.prices.link_cny_per_gb_s.any():
            continue  # what finds no way is spread and waits; or the link is not full
        seen += 1
        assert traffic_gbps(view, plan)[at] <= narrow * (1.0 + 1e-6)
        (rent,) = rents
        assert rent.unit == "CNY/GB"
        # A GB/s more for an hour, by two solves from nothing.
        k, step = problem.link_names.index(LONG), 1e-4 * narrow / 8.0
        limit = problem.traffic.link_gb_s.copy()
        limit[k] += step
        wider = replace(problem, traffic=replace(problem.traffic, link_gb_s=limit))
        slope = (answer.objective - solve_matching(wider).objective) / step / 3600.0
        assert slope > 0.0
        assert rent.low * (1.0 - 1e-5) <= slope <= rent.high * (1.0 + 1e-5)
    assert seen >= 3
    table = nodal_prices(results).set_index("target")
    assert table.loc[f"link {LONG}", "price"] > 0.0
    # What regions pay is what sites and links earn.
    paid, earned = cn.settlement(results), cn.site_earnings(results)["earned_cny"].sum()
    rents = cn.link_earnings(results).set_index("link")["earned_cny"]
    assert rents[LONG] > 0.0
    assert paid["paid_cny"].sum() == pytest.approx(earned + rents.sum(), rel=1e-9)


def _fresh(view: SystemView) -> MatchingPolicy:
    policy = MatchingPolicy()
    policy.reset(view.compiled, np.random.SeedSequence(1))
    return policy


def _last(policy: Watched) -> tuple[SystemView, Plan]:
    return policy.views[-1], policy.plans[-1]


def test_links_that_cannot_bind_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    _, wide = run(1e3)
    assert all(
        not price.item.startswith("link ") or price.value == 0.0
        for plan in wide.plans for price in plan.prices
    )  # fmt: skip
    monkeypatch.setattr(
        "computenet.policies.link_limits.LinkLimits.traffic", lambda *given: (None, ())
    )
    _, without = run(1e3)
    for one, other in zip(wide.plans, without.plans, strict=True):
        np.testing.assert_array_equal(one.request_shares, other.request_shares)
        np.testing.assert_array_equal(one.job_shares, other.job_shares)
        assert one.objective_cny == other.objective_cny
        assert one.prices == other.prices


def test_a_link_that_may_bind_and_does_not_has_no_rent() -> None:
    """The limit is in the problem, since all traffic together would be too much for it."""
    _, usual = run(1e3)
    view, plan = _last(usual)
    used = traffic_gbps(view, plan)
    at = [link.id for link in cn.load("two-hubs").topology.links].index(LONG)
    limit = np.where(np.arange(len(used)) == at, 1.2 * used[at], view.link_gbps)
    problem = _fresh(view).problem(replace(view, link_gbps=limit), view.request_rate_per_s)
    assert problem.traffic is not None
    answer = solve_matching(problem)
    assert answer.objective == pytest.approx(plan.objective_cny / 0.25, rel=1e-9)
    assert answer.prices.link_cny_per_gb_s == pytest.approx(0.0, abs=1e-9)


def test_data_that_is_spread_over_ways_keeps_to_every_link() -> None:
    def four(**limits: float) -> Watched:
        policy = Watched()
        changes = {
            "days": 0.125, "run.warmup_h": 0, "run.sampling": 50, "policy": "matching",
            "network.paths": 3, "network.stretch": 4.0,
            **{f"topology.links.{name}.capacity_gbps": gbps for name, gbps in limits.items()},
        }  # fmt: skip
        scenario = cn.load("four-hubs", overrides=changes)
        run_scenario(scenario, policy)
        return policy

    view, plan = _last(four())
    names = view.compiled.network.link_ids
    used = traffic_gbps(view, plan)
    shortest = traffic_gbps(
        replace(
            view, compiled=replace(view.compiled, network=replace(view.compiled.network, paths=1))
        ),
        plan,
    )
    # A link that spreading fills, as the shortest ways alone would not; all trunks made as narrow.
    at = int(np.argmax(used - shortest))
    assert used[at] > 1.2 * shortest[at]
    trunks = [name for name in names if not name.startswith("R")]
    limited = four(**dict.fromkeys(trunks, 0.8 * used[at]))
    seen = 0
    for view, plan in zip(limited.views, limited.plans, strict=True):
        problem = _fresh(view).problem(view, view.request_rate_per_s)
        if problem.traffic is None:
            continue
        answer = solve_matching(problem)
        free = solve_matching(replace(problem, traffic=None))
        if answer.unmet.sum() <= free.unmet.sum() + 1e-9:  # nothing is spread for want of a way
            seen += bool(answer.prices.link_cny_per_gb_s.any())
            assert (traffic_gbps(view, plan) <= view.link_gbps * (1.0 + 1e-6)).all()
    assert seen >= 3
