"""The policy gang with moves: who makes way for whom, worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

import computenet as cn
from computenet.compiled import CompiledScenario
from computenet.policies import SystemView, check_policy, example_views, make_policy
from computenet.policies.gang import GangPolicy
from computenet.policies.gang_moves import urgency
from computenet.policies.protocol import Plan
from computenet.results import Results
from computenet.scenario import Scenario
from computenet.simulation import run_scenario
from computenet.workload.replay import ReplayDemand
from computenet.workload.tables import JobTable, RequestTable

HOUR = 3600.0
EPOCH = 900.0
RESTART = 600.0
OPTIONS = {"least_accelerators": 8.0, "patience_h": 1000.0}


def pools(*sites: str, **overrides: object) -> Scenario:
    """Return two-hubs with pools of 16 of speed 1, first come first served, and no requests."""
    plain = cn.load("two-hubs").model_dump(mode="json", exclude_none=True)
    plain["topology"]["pools"] = [
        {"id": f"{site}/unit", "site": site, "accelerator": "unit", "count": 16,
         "discipline": "fcfs", "serving_share": 0.0}
        for site in sites
    ]  # fmt: skip
    plain["workload"]["request_rate_per_day"] = 0
    return cn.load(plain, overrides={
        "days": 1, "policy": "proportional", "run.epoch_s": EPOCH, "run.restart_s": RESTART,
        **overrides,
    })  # fmt: skip


def run(scenario: Scenario, policy: object, **columns: object) -> Results:
    table = JobTable.of(
        **{name: np.asarray(value) for name, value in columns.items()},  # type: ignore[arg-type]
        job_classes=tuple(item.name for item in scenario.workload.job_classes),
    )
    demand = ReplayDemand(table, RequestTable.merged([]), scenario.days)
    results = run_scenario(scenario, policy, demand=demand)  # type: ignore[arg-type]
    assert results.audit.failures() == []
    return results


class Watched(GangPolicy):
    """The policy, with its views and plans kept; `first` may place gangs before it does."""

    first: Callable[[SystemView], np.ndarray | None] | None = None

    def reset(self, compiled: CompiledScenario, seed: np.random.SeedSequence) -> None:
        super().reset(compiled, seed)
        self.seen: list[tuple[SystemView, Plan]] = []

    def plan(self, view: SystemView) -> Plan:
        plan = super().plan(view)
        given = self.first(view) if self.first is not None else None
        if given is not None:
            plan = replace(plan, gang_pool=given)
        self.seen.append((view, plan))
        return plan


def test_it_conforms() -> None:
    check_policy(lambda: GangPolicy(moves=True))
    check_policy(lambda: make_policy("gang", {"moves": True, "least_accelerators": 8}))
    assert example_views(True)["gangs run"].running is not None


#: Of an accelerator-hour of waiting, the policy's default.
PRICE = 0.02
#: A holds the one pool for `left_h` more when B, of an hour, comes to the plan at 1:15. Without
#: moves B would wait for A, at 0.02 CNY an accelerator-hour; with a stop, A waits an hour for B and
#: pays a restart of ten minutes at the price of energy and of waiting.
CASES = [
    ("A has long to go", 9.0, None, 0, True),
    ("A is nearly done", 1.5, None, 0, False),
    ("A is nearly done, but B has a deadline that only a start now can keep", 1.5, 1.2, 0, True),
    ("A is nearly done, and B has time", 1.5, 20.0, 0, False),
    ("A has some time to go, B is as urgent", 2.5, None, 0, False),
    ("A has some time to go, B goes before it by priority", 2.5, None, 7, True),
]


@pytest.mark.parametrize(("case", "left_h", "slack_h", "priority", "stops"), CASES)
def test_a_stop_is_made_where_it_pays(
    case: str, left_h: float, slack_h: float | None, priority: int, stops: bool
) -> None:
    ranked = {"workload.job_classes.long.priority": priority, "run.discipline": "multifactor"}
    scenario = pools("east", **(ranked if priority else {}))
    at_s = HOUR + EPOCH
    policy = Watched(moves=True, priority_factor=2.0, **OPTIONS)
    results = run(
        scenario, policy,
        submit_s=[0.0, HOUR + 10.0], accelerators=[16, 16],
        duration_s=[at_s - EPOCH + left_h * HOUR, HOUR - 20.0], job_class=[0, 1],
        deadline_s=[np.nan, np.nan if slack_h is None else at_s + slack_h * HOUR],
    )  # fmt: skip
    # The same by hand.
    weight = 2.0 if priority else 1.0
    b_h = (HOUR - 20.0) / HOUR
    view, plan = next((v, p) for v, p in policy.seen if v.now_s == at_s)
    costs = policy._costs(view, view.gangs)  # type: ignore[arg-type]
    energy = 16 * float(costs.cny_per_s[0]) * HOUR
    leaving = RESTART / HOUR * (energy + 16 * PRICE)
    late_h = 0.0 if slack_h is None else max(left_h + b_h - slack_h, 0.0) - max(b_h - slack_h, 0.0)
    gain = 16 * PRICE * (weight * left_h - b_h + 5.0 * late_h) - leaving
    assert (gain > 0.0) == stops, (case, gain)
    long, short = results.jobs.iloc[0], results.jobs.iloc[1]
    assert results.summary["failures"]["jobs_stopped_by_plan"] == int(stops)
    assert long["start_s"] == EPOCH
    if stops:
        assert plan.running_pool is not None
        assert plan.running_pool.tolist() == [-1]
        assert short["start_s"] == at_s
        # A queues where it was, and goes on when B has ended.
        again_s = short["finish_s"]
        assert long["finish_s"] == pytest.approx(again_s + RESTART + left_h * HOUR)
        assert long["restarts"] == 1
        assert long["lost_accelerator_s"] == 0.0
    else:
        assert short["start_s"] >= long["finish_s"] - 1e-6
        assert long["restarts"] == 0


def halves(view: SystemView) -> np.ndarray | None:
    """Place the first two gangs in a pool each."""
    return np.asarray([0, 1]) if view.now_s == EPOCH else None


@pytest.mark.parametrize("moves", [True, False])
def test_two_half_full_pools_make_one_room(moves: bool) -> None:
    """Gangs of 8 run in two pools of 16; one moves, so that a gang of 16 need not wait."""
    policy = Watched(moves=moves, **OPTIONS)
    policy.first = halves
    results = run(
        pools("east", "west"), policy,
        submit_s=[0.0, 1.0, HOUR + 10.0], accelerators=[8, 8, 16],
        duration_s=[12 * HOUR, 12 * HOUR, 2 * HOUR], data_gb=[0.0, 0.0, 0.0],
    )  # fmt: skip
    jobs = results.jobs
    at_s = HOUR + EPOCH
    assert results.summary["failures"]["jobs_stopped_by_plan"] == 0
    assert results.summary["failures"]["jobs_moved_by_plan"] == int(moves)
    if not moves:
        assert jobs["start_s"].iloc[2] == EPOCH + 12 * HOUR + (-EPOCH - 12 * HOUR) % EPOCH + EPOCH
        return
    assert jobs["start_s"].iloc[2] == at_s
    gone = jobs[jobs["restarts"] == 1]
    assert len(gone) == 1
    stayed = jobs.iloc[:2][jobs["restarts"].iloc[:2] == 0]
    assert str(gone["site"].iloc[0]) == str(stayed["site"].iloc[0])
    assert str(jobs["site"].iloc[2]) != str(stayed["site"].iloc[0])
    assert gone["finish_s"].iloc[0] == pytest.approx(EPOCH + 12 * HOUR + RESTART)
    assert stayed["finish_s"].iloc[0] == pytest.approx(EPOCH + 12 * HOUR)


def test_nothing_moves_for_data_that_takes_longer_than_an_epoch() -> None:
    policy = Watched(moves=True, **OPTIONS)
    policy.first = halves
    results = run(
        pools("east", "west"), policy,
        submit_s=[0.0, 1.0, HOUR + 10.0], accelerators=[8, 8, 16],
        duration_s=[12 * HOUR, 12 * HOUR, 2 * HOUR], data_gb=[0.0, 0.0, 1e6],
    )  # fmt: skip
    assert results.summary["failures"]["jobs_moved_by_plan"] == 0


def test_steps_of_urgency_follow_operation_and_then_priority() -> None:
    view = example_views()["usual"]
    jobs = replace(
        view.compiled.jobs, operation=np.asarray([2, 1]), priority=np.asarray([900, -900])
    )
    compiled = replace(view.compiled, jobs=jobs)
    assert urgency(replace(view, compiled=compiled), 3.0).tolist() == [1.0, 3.0]


def test_off_is_the_policy_without_and_on_is_the_same_twice() -> None:
    changes = {"workload.job_classes.long.rate_per_day": 600, "run.checkpoint_cost_s": 30.0}
    scenario = cn.load("two-hubs", days=1, overrides=changes)
    options = {"least_accelerators": 8, "patience_h": 4.0}
    plain = run_scenario(scenario, make_policy("gang", options))
    off = run_scenario(scenario, make_policy("gang", {**options, "moves": False}))
    one = run_scenario(scenario, make_policy("gang", {**options, "moves": True}))
    two = run_scenario(scenario, make_policy("gang", {**options, "moves": True}))
    assert plain.jobs.equals(off.jobs)
    assert plain.summary["failures"]["jobs_stopped_by_plan"] == 0
    assert one.jobs.equals(two.jobs)
    assert one.audit.failures() == []
