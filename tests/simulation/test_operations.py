"""Reserved, on-demand and spot jobs, their bills and vouchers, by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import computenet as cn
from computenet.errors import InputError
from computenet.policies import make_policy
from computenet.simulation import run_scenario
from computenet.simulation.revenue import vouchers_cny
from computenet.workload.replay import ReplayDemand
from computenet.workload.tables import JobTable, RequestTable

HOUR = 3600.0
CLASSES = ("kept", "usual", "spare")


def plain(**workload: Any) -> dict[str, Any]:
    """Return two hubs with one site of 8 accelerators and three classes."""
    scenario = cn.load("two-hubs").model_dump(mode="json", exclude_none=True)
    topology = scenario["topology"]
    topology["sites"], topology["pools"] = topology["sites"][:1], topology["pools"][:1]
    topology["pools"][0] |= {"count": 8, "serving_share": 0.0, "discipline": "preemptive"}
    topology["links"] = [
        {**topology["links"][0], "id": f"{region}-east", "a": region} for region in ("RE", "RW")
    ]
    topology["accelerators"][0]["speed"] = dict.fromkeys(CLASSES, 1.0)
    first = scenario["workload"]["job_classes"][0]
    operations = ("reserved", "on-demand", "spot")
    scenario["workload"] |= {
        "request_rate_per_day": 0,
        "job_classes": [
            {**first, "name": name, "operation": kind, "price_cny_per_accelerator_h": price}
            for name, kind, price in zip(CLASSES, operations, (10.0, 8.0, 2.0), strict=True)
        ],
        **workload,
    }
    scenario["run"] |= {
        "reserved_share": 0.5, "restart_s": 600.0, "checkpoint_interval_s": 1800.0
    }  # fmt: skip
    return scenario


def run(jobs: list[tuple[float, float, int, str, str]], **workload: Any) -> cn.Results:
    """Run jobs of (submit h, run time h, accelerators, class, region)."""
    columns = list(zip(*jobs, strict=True))
    table = JobTable.of(
        HOUR * np.asarray(columns[0]), HOUR * np.asarray(columns[1]), np.asarray(columns[2]),
        job_class=np.asarray([CLASSES.index(name) for name in columns[3]]),
        region=np.asarray([("RE", "RW").index(name) for name in columns[4]]),
        job_classes=CLASSES,
    )  # fmt: skip
    demand = ReplayDemand(table, RequestTable.merged([]), 1.0)
    scenario = cn.load(plain(**workload), overrides={"days": 1.0})
    return run_scenario(scenario, make_policy("nearest", {}), demand=demand)


def hours(run: cn.Results, column: str) -> list[float]:
    return (run.jobs.sort_values("job_id")[column] / HOUR).tolist()


def test_on_demand_leaves_what_is_held_and_reserved_starts_at_once() -> None:
    results = run(
        [
            (0.0, 4.0, 4, "usual", "RE"),  # all that is not held
            (0.5, 1.0, 1, "usual", "RE"),  # 4 are idle, but held: waits until 4
            (1.0, 2.0, 4, "kept", "RW"),  # starts at once
        ]
    )
    np.testing.assert_allclose(hours(results, "start_s"), [0.0, 4.0, 1.0], atol=1e-3)
    assert results.jobs.restarts.sum() == 0


def test_spot_uses_what_is_held_until_it_is_wanted() -> None:
    results = run(
        [
            (0.0, 10.0, 4, "usual", "RE"),
            (0.0, 3.0, 4, "spare", "RE"),  # on what is held; stopped at 1.25, 1 h kept
            (0.5, 1.0, 2, "usual", "RE"),  # may not stop another of its kind, nor use the held
            (1.25, 2.0, 4, "kept", "RW"),  # stops the spot job, not those on demand
        ]
    )
    np.testing.assert_allclose(hours(results, "start_s"), [0.0, 0.0, 10.0, 1.25], atol=1e-3)
    spot = results.jobs.set_index("job_id").loc[1]
    assert spot.restarts == 1
    assert spot.lost_accelerator_s == pytest.approx(4 * 0.25 * HOUR, rel=1e-3)
    # Behind the waiting job it goes on at 3.25: 10 minutes to restart and 2 hours of work.
    assert spot.finish_s / HOUR == pytest.approx(3.25 + 1 / 6 + 2.0, abs=1e-3)


def test_a_job_on_demand_larger_than_the_open_part_is_rejected() -> None:
    results = run([(0.0, 1.0, 5, "usual", "RE"), (0.0, 1.0, 8, "kept", "RE")])
    assert results.jobs.sort_values("job_id").state.tolist() == ["rejected", "completed"]


def test_bills_by_hand(tmp_path: Path) -> None:
    jobs = [
        (0.0, 4.0, 4, "usual", "RE"),
        (0.0, 3.0, 4, "spare", "RE"),
        (1.25, 2.0, 4, "kept", "RW"),
        (23.0, 5.0, 2, "kept", "RE"),  # one hour of it within the run
    ]
    vouchers = {"share": 0.5, "budget_cny": 1000.0, "regions": ["RW"]}
    results = run(jobs, vouchers=vouchers)
    table = results.tables["bills"].set_index(["region", "job_class"])
    assert table.accelerator_h.to_dict() == pytest.approx(
        {("RE", "kept"): 2.0, ("RE", "usual"): 16.0, ("RE", "spare"): 12.0, ("RW", "kept"): 8.0},
        abs=0.01,
    )
    np.testing.assert_allclose(
        table.bill_cny, table.accelerator_h * table.price_cny_per_accelerator_h
    )
    revenue = results.summary["revenue"]
    assert revenue["bill_cny"] == pytest.approx(20.0 + 128.0 + 24.0 + 80.0, abs=0.1)
    assert revenue["voucher_cny"] == pytest.approx(40.0)
    assert revenue["by_region"]["RW"]["paid_cny"] == pytest.approx(40.0)
    assert revenue["by_operation"]["spot"]["accelerator_h"] == pytest.approx(12.0)
    cost = results.summary["cost"]["total_cny"]
    assert revenue["margin_cny"] == pytest.approx(revenue["bill_cny"] - cost)
    for name in ("bill_cny", "voucher_cny", "paid_cny", "accelerator_h"):
        for view in ("by_region", "by_operation"):
            assert sum(row[name] for row in revenue[view].values()) == pytest.approx(revenue[name])
        assert table[name].sum() == pytest.approx(revenue[name])
    # What is billed, lost and spent on restarts is what pools were busy with.
    busy_h = (results.tables["pools"].busy_accelerators * 900.0).sum() / HOUR
    lost_h = results.jobs.lost_accelerator_s.sum() / HOUR
    assert busy_h == pytest.approx(revenue["accelerator_h"] + lost_h + 4 / 6)
    page = results.report(tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Bills of users" in page


def test_vouchers_keep_to_their_budget() -> None:
    bill, has = np.asarray([[100.0, 50.0], [50.0, 0.0]]), np.asarray([1.0, 1.0])
    np.testing.assert_allclose(vouchers_cny(bill, 0.5, 1e9, has), bill / 2)
    cut = vouchers_cny(bill, 0.5, 40.0, has)
    np.testing.assert_allclose(cut, 40.0 * bill / 200.0)
    assert vouchers_cny(bill, 0.5, 0.0, has).sum() == 0.0
    assert vouchers_cny(0.0 * bill, 0.5, 40.0, has).sum() == 0.0
    np.testing.assert_allclose(vouchers_cny(bill, 1.0, 1e9, np.asarray([0.0, 1.0]))[0], 0.0)


def test_free_jobs_have_no_margin() -> None:
    revenue = cn.simulate(cn.load("two-hubs", days=0.05)).summary["revenue"]
    assert revenue["bill_cny"] == 0.0
    assert revenue["margin_cny"] is None
    assert revenue["accelerator_h"] > 0.0


def problems(scenario: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(InputError) as caught:
        cn.load(scenario)
    return {problem.path: problem.message for problem in caught.value.problems}


def test_what_is_not_used_or_missing_is_said() -> None:
    scenario = plain()
    scenario["topology"]["pools"][0]["discipline"] = "fcfs"
    found = problems(scenario)
    assert "preemptive; east/unit is not" in found["workload.job_classes.kept.operation"]
    assert "workload.job_classes.spare.operation" in found
    scenario = plain()
    scenario["run"]["reserved_share"] = 0.0
    assert "is needed" in problems(scenario)["run.reserved_share"]
    scenario = plain()
    scenario["workload"]["job_classes"][0]["operation"] = "on-demand"
    assert "is not used" in problems(scenario)["run.reserved_share"]
    scenario = plain(vouchers={"share": 0.5, "budget_cny": 10.0, "regions": ["RX"]})
    scenario["energy"] |= {"model": "full", "voucher_share": 0.1, "voucher_budget_cny": 5.0}
    for item in scenario["workload"]["job_classes"]:
        del item["price_cny_per_accelerator_h"]
    found = problems(scenario)
    assert "names no region" in found["workload.vouchers.regions.0"]
    assert "workload.vouchers" in found
