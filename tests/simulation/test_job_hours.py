"""What jobs held their accelerators for, in real accelerator-hours: it adds up on mixed chips."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import computenet as cn
from computenet.policies import make_policy
from computenet.simulation import run_scenario
from computenet.workload.replay import ReplayDemand
from computenet.workload.tables import JobTable, RequestTable

HOUR = 3600.0
PARTS = ("goodput", "checkpoint", "unfinished", "lost")


def mixed(**overrides: Any) -> cn.Scenario:
    """Return two-hubs with chips of half the speed in the west, and no requests."""
    plain = cn.load("two-hubs").model_dump(mode="json", exclude_none=True)
    topology = plain["topology"]
    half = copy.deepcopy(topology["accelerators"][0])
    half |= {"id": "half", "speed": {"short": 0.5, "long": 0.5}}
    topology["accelerators"].append(half)
    topology["pools"] = [
        {"id": f"{site}/{kind}", "site": site, "accelerator": kind, "count": 32,
         "serving_share": 0.0}
        for site, kind in (("east", "unit"), ("west", "half"))
    ]  # fmt: skip
    plain["workload"]["request_rate_per_day"] = 0
    usual = {"days": 1, "run.checkpoint_cost_s": 60.0, "run.checkpoint_interval_s": 1800.0,
             "run.restart_s": 300.0}  # fmt: skip
    return cn.load(plain, overrides={**usual, **overrides})


def hours(results: cn.Results) -> dict[str, float]:
    """Return the parts, which add up to what pools were busy."""
    jobs = results.summary["jobs"]
    parts = {name: jobs[f"{name}_accelerator_h"] for name in (*PARTS, "held")}
    busy_h = results.pools["busy_accelerators"].sum() * 0.25
    assert parts["held"] == pytest.approx(busy_h, rel=1e-9)
    assert sum(parts[name] for name in PARTS) == pytest.approx(busy_h, rel=1e-9)
    return parts


@pytest.mark.parametrize("on_outage", ["wait", "move"])
def test_hours_of_a_job_on_two_chips_by_hand(on_outage: str) -> None:
    """Four hours of work at half speed; the site is out after three and a half, for one."""
    events = [{"kind": "site-outage", "site": "west", "at_h": 3.5, "duration_h": 1.0}]
    scenario = mixed(events=events, **{"run.on_outage": on_outage})
    table = JobTable.of(
        submit_s=np.asarray([0.0]), duration_s=np.asarray([4 * HOUR]),
        accelerators=np.asarray([8]), site=np.asarray([1]),
        job_classes=tuple(item.name for item in scenario.workload.job_classes),
    )  # fmt: skip
    demand = ReplayDemand(table, RequestTable.merged([]), scenario.days)
    parts = hours(run_scenario(scenario, make_policy("replay", {}), demand=demand))
    every_s = 1860.0
    kept_s = np.floor(3.5 * HOUR / every_s) * every_s
    lost_s = 3.5 * HOUR - kept_s + 300.0
    # At half speed in the west; in the east, where it goes if it moves, at full.
    useful_s = 8 * HOUR * 1.0
    if on_outage == "move":
        useful_s = kept_s / (1.0 + 60.0 / 1800.0)
        useful_s += 4 * HOUR - useful_s / 2
    assert parts["goodput"] == pytest.approx(8 * useful_s / HOUR)
    assert parts["checkpoint"] == pytest.approx(8 * useful_s / HOUR * 60.0 / 1800.0)
    assert parts["lost"] == pytest.approx(8 * lost_s / HOUR)
    assert parts["unfinished"] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("on_outage", ["wait", "move"])
@pytest.mark.parametrize("checkpoints", ["fixed", "young-daly"])
def test_hours_add_up_to_what_pools_were_busy(on_outage: str, checkpoints: str) -> None:
    events = [
        {"kind": "site-outage", "site": "west", "at_h": 4.0, "duration_h": 3.0},
        {"kind": "site-outage", "site": "east", "at_h": 12.0, "duration_h": 2.0},
    ]
    results = cn.simulate(
        mixed(
            events=events,
            **{
                "run.on_outage": on_outage, "run.checkpoints": checkpoints,
                "failures.model": "sampled", "run.kill_at_estimate": True,
                "topology.accelerators.unit.failures_per_1000_server_days": 500.0,
                "topology.accelerators.half.failures_per_1000_server_days": 500.0,
                "workload.job_classes.short.run_time_median_s": 3600.0,
                "workload.job_classes.short.rate_per_day": 300.0,
            },
        )
    )  # fmt: skip
    assert all(value > 0.0 for value in hours(results).values())
    assert results.audit.work_accelerator_s < 1e-9
