"""Large jobs placed one by one: what a plan may say, and what becomes of it."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

import computenet as cn
from computenet.compiled import CompiledScenario
from computenet.errors import InputError
from computenet.policies import SystemView, check_policy, example_views, make_policy
from computenet.policies.gang import GangPolicy
from computenet.policies.protocol import Plan
from computenet.simulation import run_scenario

LARGE = {"workload.job_classes.long.rate_per_day": 200}


class Watched(GangPolicy):
    """The policy, with its views and plans kept."""

    def reset(self, compiled: CompiledScenario, seed: np.random.SeedSequence) -> None:
        super().reset(compiled, seed)
        self.seen: list[tuple[SystemView, Plan]] = []

    def plan(self, view: SystemView) -> Plan:
        self.seen.append((view, super().plan(view)))
        return self.seen[-1][1]


def test_it_conforms() -> None:
    check_policy(GangPolicy)
    check_policy(lambda: make_policy("gang", {"least_accelerators": 8, "patience_h": 2}))


def test_gangs_are_placed_where_there_is_room_for_all_of_them() -> None:
    policy = Watched(least_accelerators=8, patience_h=1000.0)
    results = run_scenario(cn.load("two-hubs", days=1, overrides=LARGE), policy)
    assert results.audit.failures() == []
    placed = 0
    for view, plan in policy.seen:
        gangs, pool = view.gangs, plan.gang_pool
        if gangs is None or pool is None:
            continue
        taken = np.zeros(len(view.pool_free))
        at = pool >= 0
        np.add.at(taken, pool[at], gangs.accelerators[at])
        assert (taken <= np.maximum(view.pool_free - view.pool_waiting_accelerators, 0.0)).all()
        assert gangs.fits[np.flatnonzero(at), pool[at]].all()
        placed += int(at.sum())
    assert placed > 50
    # Each job that was placed runs in the pool it was given: as many as were given it.
    jobs = results.jobs
    large = jobs[(jobs["held_accelerators"] >= 8)]
    assert (large["state"] != "held").sum() == placed
    ids = policy.seen[0][0].compiled.pools.ids
    given = np.bincount(
        np.concatenate([plan.gang_pool for _, plan in policy.seen if plan.gang_pool is not None])
        + 1, minlength=len(ids) + 1,
    )[1:]  # fmt: skip
    ran = large[large["state"] != "held"]["pool"].astype(str).value_counts()
    assert [int(ran.get(pool, 0)) for pool in ids] == given.tolist()


def test_no_gang_takes_the_room_of_one_whose_data_is_on_its_way() -> None:
    """Ways are slow and pools nearly full; whose data has come starts at once."""
    changes = {
        "workload.job_classes.long.rate_per_day": 400,
        "workload.job_classes.long.data_median_gb": 2_000.0,
        "workload.job_classes.short.rate_per_day": 1.0,
    }
    policy = Watched(least_accelerators=8, patience_h=1000.0)
    results = run_scenario(cn.load("two-hubs", days=0.5, overrides=changes), policy)
    coming = 0.0
    for view, plan in policy.seen:
        gangs, pool = view.gangs, plan.gang_pool
        if gangs is None or pool is None:
            continue
        at = pool >= 0
        taken = np.bincount(pool[at], gangs.accelerators[at], len(view.pool_free))
        left = view.pool_free - view.pool_waiting_accelerators - gangs.coming_accelerators
        assert (taken <= np.maximum(left, 0.0)).all()
        coming = max(coming, float(gangs.coming_accelerators.max()))
    assert coming >= 8.0
    jobs = results.jobs
    large = jobs[(jobs["held_accelerators"] >= 8)].dropna(subset=["start_s"])
    assert len(large) > 20
    assert (large["start_s"] - large["ready_s"]).max() < 1.0


def test_small_jobs_are_as_without() -> None:
    """Where no job is large, the policy is `matching`."""
    scenario = cn.load("two-hubs", days=0.25)
    one = run_scenario(scenario, make_policy("gang", {"least_accelerators": 1000}))
    other = cn.simulate(scenario, policy="matching")
    assert one.summary["cost"] == other.summary["cost"]
    assert one.summary["jobs"] == other.summary["jobs"]


def test_impatience_queues_and_nothing_waits_for_ever() -> None:
    policy = Watched(least_accelerators=8, patience_h=0.5)
    changes = {**LARGE, "workload.job_classes.long.rate_per_day": 600}
    run_scenario(cn.load("two-hubs", days=0.5, overrides=changes), policy)
    waits = np.concatenate(
        [view.gangs.waited_s for view, _ in policy.seen if view.gangs is not None]
    )
    assert 1800.0 <= waits.max() <= 1800.0 + 900.0


def test_a_gang_goes_where_it_leaves_room_for_others() -> None:
    """A gang of 32 fits everywhere; with a price on fragments it leaves the large room whole."""
    view = example_views()["gangs wait"]
    assert view.gangs is not None
    policy = GangPolicy(fragment_cny_per_accelerator=100.0)
    policy.reset(view.compiled, np.random.SeedSequence(1))
    policy._seen.extend([96.0] * 10)
    free = replace(
        view, pool_free=np.asarray([32.0, 32.0, 96.0]), pool_waiting_accelerators=np.zeros(3)
    )
    only = replace(
        view.gangs, **{item.name: getattr(view.gangs, item.name)[:1] for item in fields(view.gangs)}
    )
    plan = policy.plan(replace(free, gangs=only))
    assert plan.gang_pool is not None
    assert plan.gang_pool.tolist() == [0]
    # Together with the gang of 96, which fits in the west alone, both find a place.
    plan = policy.plan(free)
    assert plan.gang_pool is not None
    assert plan.gang_pool.tolist()[:2] == [0, 2]


def test_gangs_of_shares_of_accelerators_find_a_place() -> None:
    """65 accelerators of which a half each is asked for are 32.5."""
    view = example_views(moves_gangs=True)["gangs run"]
    assert view.gangs is not None
    assert view.running is not None
    policy = GangPolicy(least_accelerators=8, moves=True)
    policy.reset(view.compiled, np.random.SeedSequence(1))
    gangs = replace(
        view.gangs, accelerators=view.gangs.accelerators + 0.5, waited_s=np.zeros(3),
        pool=np.full(3, -1),
    )  # fmt: skip
    running = replace(view.running, accelerators=view.running.accelerators + 0.5)
    free = np.asarray([40.0, 32.0, 104.0])
    plan = policy.plan(replace(view, gangs=gangs, running=running, pool_free=free))
    assert plan.gang_pool is not None
    assert plan.gang_pool.tolist() == [0, 2, 1]


def test_sizes_are_seen_once_however_many_plans_are_made() -> None:
    """An outage 60 s after an epoch calls for a plan in which the same gangs wait."""
    view = example_views()["gangs wait"]
    assert view.gangs is not None
    policy = GangPolicy(least_accelerators=8, patience_h=1000.0)
    policy.reset(view.compiled, np.random.SeedSequence(1))
    none_free = replace(view, pool_free=np.zeros(3))
    for now_s in (900.0, 960.0, 1800.0):
        waited_s = now_s - np.asarray([100.0, 850.0, 0.0])
        gangs = replace(view.gangs, waited_s=waited_s, pool=np.full(3, -1))
        policy.plan(replace(none_free, now_s=now_s, gangs=gangs))
    assert sorted(policy._seen) == [16.0, 32.0, 96.0]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"gang_least": 0.0}, "gang_least"),
        ({"gang_pool": np.asarray([0])}, "gang_pool"),
        ({"gang_pool": np.asarray([0, 0, 0])}, "cannot run it"),
        ({"gang_pool": np.asarray([9, 2, 0])}, "names no pool"),
    ],
)
def test_places_that_cannot_be(given: dict[str, object], said: str) -> None:
    class Wrong:
        def reset(self, compiled: CompiledScenario, seed: np.random.SeedSequence) -> None:
            self.inner = make_policy("proportional", {})

        def plan(self, view: SystemView) -> Plan:
            plan = self.inner.plan(view)
            if view.gangs is None and "gang_pool" in given:
                return plan
            return replace(plan, **given)  # type: ignore[arg-type]

    with pytest.raises(InputError, match=said):
        check_policy(Wrong)
