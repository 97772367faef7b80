"""A run that is shared gives the tables of the run on one core, bit for bit."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import computenet as cn
from computenet.compilation import compile_scenario
from computenet.errors import InputError, RunError
from computenet.policies import make_policy
from computenet.sharding import processes
from computenet.simulation import Progress, run_scenario
from computenet.simulation.request_plane import queue_facts

TABLES = ("jobs", "requests", "pools", "sites", "links", "events", "plans")
OUTAGES = [
    # At slot edges and between them; an outage, a cut that changes the way, and both back again.
    {"kind": "site-outage", "site": "west", "at_h": 0.5, "duration_h": 0.6},
    {"kind": "link-cut", "link": "east-west", "at_h": 0.25, "duration_h": 1.0},
    {"kind": "demand-surge", "regions": ["RE"], "at_h": 0.3, "duration_h": 0.4, "factor": 2.0},
]


def with_layers() -> dict[str, Any]:
    plain = cn.load("two-hubs").model_dump(mode="json", exclude_none=True)
    for model in plain["workload"]["models"]:
        model |= {"layers": 32, "attention_width": 4096}
    return plain


def tables(overrides: dict[str, Any], **how: Any) -> dict[str, Any]:
    scenario = cn.load(with_layers(), overrides=overrides)
    policy = make_policy(scenario.policy.name, dict(scenario.policy.parameters))
    results = run_scenario(scenario, policy, **how)
    found: dict[str, Any] = {name: getattr(results, name) for name in TABLES}
    found["summary"] = results.summary
    return found


def require_equal(one: dict[str, Any], other: dict[str, Any]) -> None:
    for name in TABLES:
        pd.testing.assert_frame_equal(one[name], other[name], check_exact=True)
    np.testing.assert_equal(other["summary"], one["summary"])


BASE = {"days": 0.06, "workload.request_rate_per_day": 1.5e6, "run.warmup_h": 0.5}
#: More replicas than a lane holds, so that one group is shared by workers.
FLEET = {
    "topology.pools.east/unit.count": 60,
    "topology.pools.west/unit.count": 90,
    "topology.pools.east/unit.serving_share": 1.0,
    "topology.pools.west/unit.serving_share": 1.0,
}
CASES = {
    "plain": {},
    "fleet": {**FLEET, "workload.request_rate_per_day": 1.2e7},
    "outages": {"events": OUTAGES, "policy": "cheapest"},
    "steps": {"run.service_law": "continuous-batching", "events": OUTAGES},
    "turns": {"workload.service_classes.chat.turns_mean": 4.0, "run.prefix_cache": "shared"},
    "windows": {
        "days": 0.5, "run.request_window_h": 1.0, "run.request_period_h": 3.0, "run.warmup_h": 1.0,
        "events": OUTAGES,
    },
    "every replica looked at": {"run.replica_choice": "least-work", "policy": "proportional"},
    "sampled": {**FLEET, "workload.request_rate_per_day": 3e7, "run.sampling": 10},
    "matching": {"policy": "matching"},
}  # fmt: skip


@cache
def alone(name: str) -> dict[str, Any]:
    return tables({**BASE, **CASES[name]})


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("workers", [2, 3])
def test_threads_agree_with_one_core(name: str, workers: int) -> None:
    require_equal(alone(name), tables({**BASE, **CASES[name]}, workers=workers, engine="threads"))


@pytest.mark.parametrize(
    ("name", "workers"), [("fleet", 2), ("outages", 3), ("steps", 2), ("windows", 2)]
)
def test_processes_agree_with_one_core(name: str, workers: int) -> None:
    require_equal(alone(name), tables({**BASE, **CASES[name]}, workers=workers))


@settings(max_examples=12)
@given(
    law=st.sampled_from(["processor-sharing", "continuous-batching"]),
    policy=st.sampled_from(["nearest", "cheapest", "proportional"]),
    choice=st.sampled_from(["random", "round-robin", "least-work", "two-choices"]),
    sampling=st.sampled_from([1, 3]),
    rate=st.sampled_from([0.0, 2e5, 4e6]),
    turns=st.sampled_from([1.0, 3.0]),
    events=st.lists(st.sampled_from(range(len(OUTAGES))), unique=True),
    warmup_h=st.sampled_from([0.0, 0.4]),
    seed=st.integers(0, 2**32 - 1),
    workers=st.integers(2, 5),
)
def test_whatever_the_run_is_like(
    law: str, policy: str, choice: str, sampling: int, rate: float, turns: float,
    events: list[int], warmup_h: float, seed: int, workers: int,
) -> None:  # fmt: skip
    overrides = {
        "days": 0.055, "run.service_law": law, "policy": policy, "run.replica_choice": choice,
        "run.sampling": sampling, "workload.request_rate_per_day": rate, "seed": seed,
        "workload.service_classes.chat.turns_mean": turns, "run.warmup_h": warmup_h,
        "topology.pools.west/unit.count": 90, "events": [OUTAGES[at] for at in events],
    }  # fmt: skip
    one = tables(overrides)
    require_equal(one, tables(overrides, workers=workers, engine="threads"))
    require_equal(one, tables(overrides, workers=workers, engine="threads", tick_s=217.0))


def test_more_workers_than_there_is_to_share_is_fine_and_said() -> None:
    scenario = cn.load("two-hubs", overrides=BASE)
    results = cn.simulate(scenario, workers=40, engine="threads")
    facts = queue_facts(compile_scenario(scenario), "random")
    busy = max(len(facts.model), facts.n_lanes())
    assert results.manifest["workers"] == {"engine": "threads", "count": 40, "idle": 40 - busy}
    assert cn.simulate(scenario).manifest["workers"]["count"] == 1


@pytest.mark.parametrize(
    ("how", "path"),
    [
        ({"workers": 0}, "workers"),
        ({"workers": -2}, "workers"),
        ({"workers": 1.5}, "workers"),
        ({"workers": 2, "engine": "rya"}, "engine"),
        ({"workers": 2, "address": "here:1"}, "address"),
    ],
)
def test_workers_that_cannot_be_are_refused(how: dict[str, Any], path: str) -> None:
    with pytest.raises(InputError) as caught:
        cn.simulate("two-hubs", **how)
    assert [problem.path for problem in caught.value.problems] == [path]


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


def test_a_killed_worker_stops_the_run_with_one_message() -> None:
    before = children()
    killed = []

    def kill(progress: Progress) -> None:
        if not killed and progress.now_s > 0.0:
            fresh = sorted(children() - before)
            assert len(fresh) == 2
            killed.append(fresh[-1])
            psutil.Process(fresh[-1]).kill()

    scenario = cn.load("two-hubs", overrides={**BASE, "days": 2.0})
    with pytest.raises(RunError, match=r"worker \d of 2 ended \(signal SIGKILL\)"):
        cn.simulate(scenario, workers=2, progress=kill)
    assert killed
    assert children() == before


def test_a_worker_that_fails_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    before = children()
    begin = processes.Processes.begin

    def without_facts(self: processes.Processes, *arguments: Any) -> None:
        begin(self, None, *arguments[1:])  # type: ignore[arg-type]

    monkeypatch.setattr(processes.Processes, "begin", without_facts)
    with pytest.raises(RunError, match="worker 1 of 2 failed: AttributeError"):
        cn.simulate(cn.load("two-hubs", overrides=BASE), workers=2)
    assert children() == before
