"""Joules, yuan, kilograms and litres of a run small enough to check on paper.

One job of 8 accelerators runs 2 h from 07:00 in the west, where each accelerator draws 100 W idle,
100 W of server overhead, and 400 W more at activity 0.9 while it works.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import computenet as cn
from computenet.policies import make_policy
from computenet.simulation import run_scenario
from computenet.workload.replay import ReplayDemand
from computenet.workload.tables import JobTable, RequestTable

HOURS = 24.0


def one_job(region: int = 1, accelerators: int = 8, **overrides: object) -> cn.Results:
    scenario = cn.load("two-hubs", overrides={"topology.pools.east/unit.serving_share": 0.0,
                                              "topology.pools.west/unit.serving_share": 0.0,
                                              **overrides})  # fmt: skip
    jobs = JobTable.of(
        np.asarray([7 * 3600.0]), np.asarray([7200.0]), np.asarray([accelerators]),
        job_class=np.asarray([1], dtype=np.int32), region=np.asarray([region], dtype=np.int32),
        job_classes=("short", "long"),
    )  # fmt: skip
    demand = ReplayDemand(jobs, RequestTable.merged([]), 1.0)
    return run_scenario(scenario, make_policy("nearest", {}), demand=demand)


def test_energy_cost_carbon_and_water() -> None:
    results = one_job()
    s = results.summary
    east_idle = 64 * 200.0 * HOURS / 1e6  # MWh
    west_idle = 128 * 200.0 * HOURS / 1e6
    work = 8 * 400.0 * 0.9 * 2.0 / 1e6
    it = east_idle + west_idle + work
    east, west = 1.5 * east_idle, 1.2 * (west_idle + work)
    assert s["energy"]["it_mwh"] == pytest.approx(it, rel=1e-12)
    assert s["energy"]["facility_mwh"] == pytest.approx(east + west, rel=1e-12)
    assert s["carbon"]["kg"] == pytest.approx(600 * east + 400 * west, rel=1e-12)
    assert s["water"]["m3"] == pytest.approx(2 * east_idle + 1 * (west_idle + work), rel=1e-12)
    energy = east / 2 * 400 + east / 2 * 800 + west * 300
    peak_west_mw = 1.2 * (128 * 200.0 + 8 * 400 * 0.9) / 1e6
    demand = (1.5 * 64 * 200 / 1e6 * 40_000 + peak_west_mw * 30_000) / 31
    assert s["cost"]["demand_charge_cny"] == pytest.approx(demand, rel=1e-12)
    assert s["cost"]["energy_cny"] == pytest.approx(energy + demand, rel=1e-12)
    assert s["energy"]["green_share"] == pytest.approx((0.2 * east + 0.8 * west) / (east + west))
    assert s["jobs"]["completed"] == 1
    assert results.jobs["finish_s"][0] == 9 * 3600.0


@pytest.mark.parametrize("slot_s", [60.0, 3600.0, 777.0, 86400.0])
def test_energy_does_not_depend_on_the_slot(slot_s: float) -> None:
    fine, coarse = one_job(), one_job(**{"run.slot_s": slot_s})
    for path in (("energy", "it_mwh"), ("energy", "facility_mwh"), ("carbon", "kg")):
        assert coarse.summary[path[0]][path[1]] == pytest.approx(
            fine.summary[path[0]][path[1]], rel=1e-12
        )


def test_a_job_larger_than_any_pool_is_rejected_and_named() -> None:
    results = one_job(accelerators=500)
    assert results.summary["jobs"]["rejected"] == 1
    assert results.summary["jobs"]["submitted"] == 1
    row = results.jobs.iloc[0]
    assert row["state"] == "rejected"
    assert np.isnan(row["start_s"])
    rejected = results.events[results.events["kind"] == "rejected"]
    assert rejected["subject"].tolist() == ["job 0"]
    assert "500 accelerators" in rejected["detail"].iloc[0]


def test_outage_stops_the_job_and_a_restart_pays_for_it() -> None:
    # Down from 08:00 for an hour. An hour of work is kept (checkpoints every half hour); the job
    # starts again at 09:00, pays 900 s, and has an hour left.
    outage = [{"kind": "site-outage", "site": "west", "at_h": 8.0, "duration_h": 1.0}]
    results = one_job(events=outage)
    job = results.jobs.iloc[0]
    assert job["finish_s"] == 9 * 3600.0 + 900.0 + 3600.0
    assert job["restarts"] == 1
    assert job["lost_accelerator_s"] == 0.0
    west = results.sites[results.sites["site"] == "west"]
    dark = west[(west["slot_start_s"] >= 8 * 3600.0) & (west["slot_start_s"] < 9 * 3600.0)]
    assert (dark["facility_mw"] == 0.0).all()
    kinds = results.events["kind"].tolist()
    assert "site-outage" in kinds
    assert "site-up" in kinds


def test_money_of_a_transfer() -> None:
    scenario = cn.load("two-hubs")
    jobs = JobTable.of(
        np.zeros(1), np.asarray([60.0]), np.asarray([100]), data_gb=np.asarray([50.0]),
        job_class=np.zeros(1, dtype=np.int32), region=np.zeros(1, dtype=np.int32),
        job_classes=("short", "long"),
    )  # fmt: skip
    # 100 accelerators fit only where nothing is set aside: the data goes RE, east, west.
    big = replace(jobs, accelerators=np.asarray([90]))
    demand = ReplayDemand(big, RequestTable.merged([]), 1.0)
    results = run_scenario(scenario, make_policy("nearest", {}), demand=demand)
    row = results.jobs.iloc[0]
    assert row["site"] == "west"
    assert row["ready_s"] == pytest.approx(50.0 / (40.0 / 8.0))
    assert results.summary["cost"]["network_cny"] == pytest.approx(50.0 * (0.01 + 0.05))
    assert results.summary["network"]["carried_gb"] == pytest.approx(100.0)
