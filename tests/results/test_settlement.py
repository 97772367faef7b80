"""What regions pay is what sites earn, at the prices of the time."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import computenet as cn
from computenet.results.nodal_prices import price_sets

PRICED = {"name": "matching", "parameters": {"prices_every_h": 2}}


@pytest.fixture(scope="module")
def planned() -> cn.Results:
    return cn.simulate(cn.load("two-hubs", days=0.5, policy=PRICED))


@pytest.fixture(scope="module")
def interrupted() -> cn.Results:
    """A site fails while jobs run, so some held accelerators twice, and with a pause."""
    outage = {"kind": "site-outage", "site": "west", "at_h": 3, "duration_h": 2}
    scenario = cn.load("two-hubs", policy=PRICED, overrides={"days": 0.4, "events": [outage]})
    return cn.simulate(scenario)


@pytest.mark.parametrize("case", ["planned", "interrupted"])
def test_regions_pay_what_sites_earn(case: str, request: pytest.FixtureRequest) -> None:
    results = request.getfixturevalue(case)
    paid, earned = cn.settlement(results), cn.site_earnings(results)
    assert paid["paid_cny"].sum() == pytest.approx(earned["earned_cny"].sum(), rel=1e-9)
    assert paid["paid_cny"].sum() > 0.0
    for key in ("target", "site", "kind"):
        left = paid.groupby(key)[["accelerator_h", "paid_cny"]].sum()
        right = earned.groupby(key)[["accelerator_h", "earned_cny"]].sum().loc[left.index]
        np.testing.assert_allclose(left.to_numpy(), right.to_numpy(), rtol=1e-9)
    assert (paid[["accelerator_h", "paid_cny"]] >= 0.0).all(axis=None)


def test_the_interrupted_run_has_jobs_that_were_stopped(interrupted: cn.Results) -> None:
    assert (interrupted.jobs["restarts"] > 0).any()


def test_hours_are_those_of_the_run(planned: cn.Results) -> None:
    paid = cn.settlement(planned)
    by_kind = paid.groupby("kind")["accelerator_h"].sum()
    slot_h = planned.scenario.run.slot_s / 3600.0
    pools = planned.pools
    assert by_kind["jobs"] == pytest.approx(pools["busy_accelerators"].sum() * slot_h, rel=1e-9)
    serving = pools["serving_busy_accelerators"].sum() * slot_h
    assert by_kind["requests"] == pytest.approx(serving, rel=1e-9)


def test_jobs_pay_for_their_own_time_at_the_price_of_the_time(planned: cn.Results) -> None:
    """Each job on its own, slot by slot; none was stopped, so nothing is shared out."""
    jobs = planned.jobs[planned.jobs["start_s"].notna()]
    assert not jobs["restarts"].any()
    prices = price_sets(planned)
    assert len(prices) > 3
    slot_s = planned.scenario.run.slot_s
    expected: dict[tuple[str, str, str], float] = {}
    for job in jobs.to_dict("records"):
        end_s = job["finish_s"] if np.isfinite(job["finish_s"]) else planned.scenario.horizon_s
        at_s, cny = float(job["start_s"]), 0.0
        while at_s < end_s:
            slot = int(at_s // slot_s)
            until_s = min((slot + 1) * slot_s, end_s)
            price = prices[str(job["pool"])][prices.index <= slot * slot_s].iloc[-1]
            cny += job["held_accelerators"] * (until_s - at_s) / 3600.0 * price
            at_s = until_s
        key = (str(job["region"]), str(job["job_class"]), str(job["pool"]))
        expected[key] = expected.get(key, 0.0) + cny
    paid = cn.settlement(planned)
    found = paid[paid["kind"] == "jobs"].set_index(["region", "demand_class", "pool"])["paid_cny"]
    for key, cny in expected.items():
        assert found.get(key, 0.0) == pytest.approx(cny, rel=1e-9, abs=1e-12)


def test_requests_share_a_group_as_they_were_routed(planned: cn.Results) -> None:
    paid = cn.settlement(planned)
    served = paid[paid["kind"] == "requests"].groupby(["site", "region"])["accelerator_h"].sum()
    flows = planned.request_flows.astype({"site": str, "region": str})
    routed = flows.groupby(["site", "region"])["routed"].sum()
    for site, hours in served.groupby(level="site"):
        share = routed[site] / routed[site].sum()
        np.testing.assert_allclose((hours / hours.sum()).droplevel(0), share[share > 0.0])


def test_without_prices_nobody_pays() -> None:
    results = cn.simulate(cn.load("two-hubs", days=0.05))
    assert cn.settlement(results).empty
    assert cn.site_earnings(results).empty


def test_a_table_in_parts_gives_the_same(planned: cn.Results) -> None:
    jobs = planned.jobs
    middle = len(jobs) // 2
    pieces = [jobs.iloc[:middle].copy(), jobs.iloc[middle:].copy()]
    for piece in pieces:
        for key in ("region", "job_class", "pool"):
            piece[key] = piece[key].cat.remove_unused_categories()

    def parts(name: str, columns: list[str]) -> Iterator[pd.DataFrame]:
        for part in pieces if name == "jobs" else [planned.tables[name]]:
            yield part[columns]

    run = SimpleNamespace(scenario=planned.scenario, tables=planned.tables, parts=parts)
    left, right = cn.settlement(run), cn.settlement(planned)
    pd.testing.assert_frame_equal(left, right, rtol=1e-12)
