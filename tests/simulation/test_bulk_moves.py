"""Bulk moves, replicas and several ways: by hand, and over whole runs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import computenet as cn
from computenet.errors import InputError
from computenet.network import alternative_routes
from computenet.policies import make_policy
from computenet.simulation import run_scenario

#: No other traffic than what the network section asks for.
EMPTY = {
    "days": 1, "workload.request_rate_per_day": 0, "workload.bursts": [],
    "workload.job_classes.long.rate_per_day": 0.0, "workload.job_classes.short.rate_per_day": 1.0,
    "workload.job_classes.short.data_median_gb": 0.0,
    "workload.job_classes.long.in_progress": False,
    "topology.links.east-west.capacity_gbps": 100.0,
    "topology.links.RE-east.capacity_gbps": 100.0,
}  # fmt: skip


def run(moves: list[dict[str, Any]], **more: Any) -> cn.Results:
    for number, move in enumerate(moves):
        move.setdefault("name", f"m{number}")
        move.setdefault("region", "RE")
        move.setdefault("site", "west")
    changes = {**EMPTY, "network.bulk_moves": moves, **more}
    results = cn.simulate(cn.load("two-hubs", overrides=changes))
    assert results.audit.failures() == []
    return results


def test_two_best_effort_moves_share_by_weight() -> None:
    results = run([{"size_tb": 9.0, "weight": 3.0}, {"size_tb": 9.0, "weight": 1.0}])
    first, second = results.summary["network"]["bulk_moves"]
    # At 100 Gbps 18 TB take 1440 s; the first has three quarters until it is done.
    rate = 100.0 / 8.0
    assert 3600.0 * first["finish_h"] == pytest.approx(9000.0 / (0.75 * rate), rel=1e-9)
    assert 3600.0 * second["finish_h"] == pytest.approx(18000.0 / rate, rel=1e-9)
    assert results.summary["network"]["bulk_moves_cny"] > 0.0
    carried = results.links.groupby("link")["carried_gb"].sum()
    assert carried["east-west"] == pytest.approx(18000.0, rel=1e-9)


def test_a_dedicated_line_keeps_its_rate_and_takes_it_from_others() -> None:
    line = {"size_tb": 9.0, "by": "dedicated", "gbps": 60.0}
    results = run([line, {"size_tb": 9.0}])
    first, second = results.summary["network"]["bulk_moves"]
    assert 3600.0 * first["finish_h"] == pytest.approx(9000.0 / 7.5, rel=1e-9)
    # 40 Gbps beside the line, all of it afterwards.
    expected = 1200.0 + (9000.0 - 1200.0 * 5.0) / 12.5
    assert 3600.0 * second["finish_h"] == pytest.approx(expected, rel=1e-9)
    assert first["cny"] == pytest.approx(8.2 * 60.0 * 1200.0 / 3600.0)


def test_a_line_waits_for_room_and_survives_a_cut() -> None:
    lines = [
        {"size_tb": 9.0, "by": "dedicated", "gbps": 60.0},
        {"size_tb": 3.0, "by": "dedicated", "gbps": 60.0},
    ]
    cut = [{"kind": "link-cut", "link": "east-west", "at_h": 0.25, "duration_h": 0.5}]
    first, second = run(lines, events=cut).summary["network"]["bulk_moves"]
    # 900 s before the cut, then half an hour of nothing, then the last 300 s.
    assert 3600.0 * first["finish_h"] == pytest.approx(900.0 + 1800.0 + 300.0)
    assert 3600.0 * second["finish_h"] == pytest.approx(3000.0 + 400.0)


@pytest.mark.parametrize("paths", [1, 2])
def test_a_move_that_begins_without_a_way_pays_for_the_one_it_gets(paths: int) -> None:
    cut = [{"kind": "link-cut", "link": "RE-east", "at_h": 0.0, "duration_h": 1.0}]
    found = run([{"size_tb": 9.0, "ready_h": 0.5}], events=cut, **{"network.paths": paths})
    row = found.summary["network"]["bulk_moves"][0]
    assert 3600.0 * row["finish_h"] == pytest.approx(3600.0 + 9000.0 / 12.5)
    assert row["cny"] == pytest.approx(9000.0 * (0.01 + 0.05))
    assert found.summary["cost"]["network_cny"] == pytest.approx(row["cny"])
    # Nothing is sent and nothing paid where the way does not come back within the run.
    cut[0]["duration_h"] = 24.0
    row = run([{"size_tb": 9.0, "ready_h": 0.5}], events=cut).summary["network"]["bulk_moves"][0]
    assert row["finish_h"] is None
    assert row["cny"] == 0.0


@pytest.mark.parametrize("stream_over", [10**9, 0])
def test_jobs_that_come_without_a_way_pay_for_the_one_they_get(stream_over: int) -> None:
    changes = EMPTY | {
        "days": 2,
        "workload.job_classes.short.rate_per_day": 200.0,
        "workload.job_classes.short.data_median_gb": 5.0,
        "events": [{"kind": "link-cut", "link": "RE-east", "at_h": 3.0, "duration_h": 22.0}],
    }
    scenario = cn.load("two-hubs", overrides=changes)
    results = run_scenario(scenario, make_policy("nearest", {}), stream_over=stream_over)
    assert results.audit.failures() == []
    jobs = results.jobs
    jobs = jobs[jobs["site"].notna() & (jobs["submit_s"] < 2 * 86400.0)]
    late = (jobs["data_region"] == "RE") & jobs["submit_s"].between(3 * 3600.0, 25 * 3600.0)
    assert late.sum() > 50
    price = {("RE", "east"): 0.01, ("RE", "west"): 0.06, ("RW", "west"): 0.01, ("RW", "east"): 0.06}
    paid = sum(
        price[region, site] * data_gb
        for region, site, data_gb in zip(
            jobs["data_region"], jobs["site"], jobs["data_gb"], strict=True
        )
    )
    assert results.summary["cost"]["network_cny"] == pytest.approx(paid)


def test_shipping_takes_its_lead_time_and_the_cheapest_way_meets_the_deadline() -> None:
    moves = [
        {"name": "road", "size_tb": 500.0, "by": "shipped", "lead_time_h": 12.0},
        {"name": "soon", "size_tb": 9.0, "by": "cheapest", "deadline_h": 1.0, "gbps": 60.0},
        {"name": "late", "size_tb": 9.0, "by": "cheapest", "deadline_h": 23.0, "gbps": 60.0,
         "lead_time_h": 20.0, "cny_per_tb": 0.001, "ready_h": 0.5},
        {"name": "never", "size_tb": 900.0, "by": "cheapest", "deadline_h": 1.0, "gbps": 60.0},
    ]  # fmt: skip
    results = run(moves)
    assert cn.load(results.scenario.model_dump(mode="json")) == results.scenario
    rows = {row["name"]: row for row in results.summary["network"]["bulk_moves"]}
    assert rows["road"]["finish_h"] == 12.0
    assert rows["road"]["cny"] == pytest.approx(30.0 * 500.0)
    assert rows["soon"]["met"]
    assert rows["soon"]["by"] in {"best-effort", "dedicated"}
    assert rows["late"]["by"] == "shipped"
    assert rows["late"]["met"]
    assert not rows["never"]["met"]


def test_jobs_find_what_was_moved_and_what_is_pinned() -> None:
    busy = {
        "workload.job_classes.short.rate_per_day": 400.0,
        "workload.job_classes.short.data_median_gb": 5.0,
    }
    plain = run([], **busy).summary["network"]
    moved = run([{"size_tb": 1.0, "job_class": "short"}], **busy).summary["network"]
    pinned = run(
        [], **busy, **{"network.replicas": [
            {"site": "west", "job_class": "short"}, {"site": "east", "job_class": "short"}
        ]}
    )  # fmt: skip
    assert plain["reused_gb"] == 0.0
    assert moved["reused_gb"] >= 0.0
    assert pinned.summary["network"]["carried_gb"] == 0.0
    assert pinned.summary["network"]["reused_gb"] > 0.0
    assert pinned.summary["network"]["energy_mwh"] == 0.0
    assert plain["energy_mwh"] > 0.0


def test_names_and_parameters_are_checked() -> None:
    wrong = [{"name": "m", "region": "RX", "site": "wets", "size_tb": 1.0}]
    with pytest.raises(InputError, match=r"(?s)did you mean: west.*bulk_moves.0.region"):
        cn.load("two-hubs", overrides={"network.bulk_moves": wrong})
    for extra, message in (
        ({"gbps": 5.0}, r"used only with by: dedicated"),
        ({"by": "shipped", "weight": 2.0}, r"used only with by: best-effort"),
        ({"by": "cheapest"}, r"needs a deadline_h"),
        ({"ready_h": 5.0, "deadline_h": 4.0}, r"not after ready_h"),
    ):
        move = {"name": "m", "region": "RE", "site": "west", "size_tb": 1.0, **extra}
        with pytest.raises(InputError, match=message):
            cn.load("two-hubs", overrides={"network.bulk_moves": [move]})
    with pytest.raises(InputError, match=r"stretch: used only with network.paths"):
        cn.load("two-hubs", overrides={"network.stretch": 2.0})


# Regions 0 and 1, sites 2 and 3: a square with a diagonal.
SQUARE = SimpleNamespace(
    a=np.asarray([0, 0, 2, 1], dtype=np.int32),
    b=np.asarray([2, 3, 3, 3], dtype=np.int32),
    latency_ms=np.asarray([1.0, 3.0, 3.0, 2.0]),
    price_cny_per_gb=np.asarray([0.1, 0.2, 0.4, 0.3]),
    n_nodes=4,
)


def test_shortest_ways_and_their_shares() -> None:
    capacity = np.asarray([10.0, 30.0, 40.0, 100.0])
    ways = alternative_routes(SQUARE, capacity, np.ones(4, dtype=bool), 2, 3, 2.0)
    assert ways.paths[1] == [[1], [0, 2]]
    np.testing.assert_allclose(ways.price_cny_per_gb[1], [0.2, 0.5, 0.0])
    np.testing.assert_allclose(ways.until[1], [0.75, 1.0, 1.0])
    # The long way to the near site is six times as long: not taken.
    assert ways.paths[0] == [[0]]
    ways = alternative_routes(SQUARE, capacity, np.asarray([True, False, False, True]), 2, 3, 2.0)
    assert ways.paths[1] == []


def test_several_ways_carry_more_than_one() -> None:
    one, more = (
        cn.simulate(cn.load("china-2025", overrides={
            "days": 0.1, "workload.request_rate_per_day": 0, "network.paths": paths,
            "workload.job_classes.fine-tuning.data_median_gb": 3000.0, "policy": "cheapest",
        }))
        for paths in (1, 3)
    )  # fmt: skip
    assert one.audit.failures() == more.audit.failures() == []
    used = [int((results.links.groupby("link")["carried_gb"].sum() > 0.0).sum())
            for results in (one, more)]  # fmt: skip
    assert used[1] > used[0]


def test_a_move_that_begins_when_the_policy_plans_is_carried() -> None:
    moves = [{"name": "on time", "size_tb": 3.0, "by": "best-effort", "ready_h": 2.0}]
    row = run(moves).summary["network"]["bulk_moves"][0]
    assert row["finish_h"] > 2.0
