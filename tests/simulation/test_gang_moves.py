"""Running gangs that a plan stops or moves: what becomes of them, by hand, and of their work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import computenet as cn
from computenet.compilation import DISCIPLINES
from computenet.compiled import CompiledScenario
from computenet.errors import InputError
from computenet.policies import Plan, SystemView, make_policy
from computenet.results import Results
from computenet.scenario import Scenario
from computenet.simulation import run_scenario
from computenet.workload.replay import ReplayDemand
from computenet.workload.tables import JobTable, RequestTable

HOUR = 3600.0
EPOCH = 900.0
RESTART = 600.0
Act = Callable[[SystemView], dict[str, np.ndarray | None]]


class Scripted:
    """Holds gangs of eight and more, and does with them what a function says."""

    moves_gangs = True

    def __init__(self, act: Act) -> None:
        self.act = act

    def reset(self, compiled: CompiledScenario, seed: np.random.SeedSequence) -> None:
        self.inner = make_policy("proportional", {})
        self.inner.reset(compiled, seed)
        self.views: list[SystemView] = []

    def plan(self, view: SystemView) -> Plan:
        self.views.append(view)
        return replace(self.inner.plan(view), gang_least=8.0, **self.act(view))


def two_pools(count: int = 16, **overrides: object) -> Scenario:
    """Return two-hubs with a pool of one size at each site, of speed 1, and no requests."""
    plain = cn.load("two-hubs").model_dump(mode="json", exclude_none=True)
    plain["topology"]["pools"] = [
        {"id": f"{site}/unit", "site": site, "accelerator": "unit", "count": count,
         "discipline": "fcfs", "serving_share": 0.0}
        for site in ("east", "west")
    ]  # fmt: skip
    plain["workload"]["request_rate_per_day"] = 0
    return cn.load(
        plain,
        overrides={
            "days": 1, "policy": "proportional", "run.epoch_s": EPOCH, "run.restart_s": RESTART,
            "run.checkpoint_interval_s": HOUR, **overrides,
        },
    )  # fmt: skip


def run(scenario: Scenario, policy: object, **columns: object) -> Results:
    table = JobTable.of(
        **{name: np.asarray(value) for name, value in columns.items()},  # type: ignore[arg-type]
        job_classes=tuple(item.name for item in scenario.workload.job_classes),
    )
    demand = ReplayDemand(table, RequestTable.merged([]), scenario.days)
    results = run_scenario(scenario, policy, demand=demand)  # type: ignore[arg-type]
    assert results.audit.failures() == []
    assert max(abs(value) for value in results.summary["audit"].values()) < 1e-9
    return results


def accounted(results: Results) -> None:
    """Every busy accelerator-second is useful, the writing of checkpoints, lost, or a restart."""
    jobs = results.jobs
    assert (jobs["state"] == "completed").all()
    once = np.where(jobs["restarts"] > 0, RESTART, 0.0) * jobs["accelerators"]
    taken = jobs["work_s"] * jobs["accelerators"] + jobs["lost_accelerator_s"] + once
    busy_s = results.pools["busy_accelerators"].sum() * EPOCH
    assert busy_s == pytest.approx(taken.sum())
    parts = ("goodput", "checkpoint", "lost")
    found = sum(results.summary["jobs"][f"{part}_accelerator_h"] for part in parts)
    assert found * HOUR == pytest.approx(busy_s)


def places(view: SystemView, pool: int) -> np.ndarray | None:
    return None if view.gangs is None else np.full(len(view.gangs.demand), pool)


def test_a_gang_stops_waits_and_goes_on_where_it_was() -> None:
    """Ten hours of 16 from 0:15; stopped at 1:00, held until 2:00, then a restart and the rest."""

    def act(view: SystemView) -> dict[str, np.ndarray | None]:
        at = view.now_s
        stop = np.asarray([-1]) if at == HOUR else None
        return {"gang_pool": places(view, -1 if HOUR <= at < 2 * HOUR else 0),
                "running_pool": stop}  # fmt: skip

    policy = Scripted(act)
    results = run(
        two_pools(), policy, submit_s=[10.0], duration_s=[10 * HOUR], accelerators=[16],
        data_gb=[0.0], deadline_s=[20 * HOUR],
    )  # fmt: skip
    job = results.jobs.iloc[0]
    assert job["start_s"] == EPOCH
    assert job["restarts"] == 1
    # The checkpoint is written at no cost, so nothing is lost.
    assert job["lost_accelerator_s"] == 0.0
    done_s = HOUR - EPOCH
    assert job["finish_s"] == pytest.approx(2 * HOUR + RESTART + 10 * HOUR - done_s)
    accounted(results)
    assert results.summary["failures"]["jobs_stopped_by_plan"] == 1
    assert results.summary["failures"]["jobs_moved_by_plan"] == 0
    assert "gangs-moved" in set(results.events["kind"])
    shown = next(view.running for view in policy.views if view.now_s == HOUR)
    assert shown is not None
    assert shown.left_s.tolist() == [10 * HOUR - done_s]
    assert shown.overhead_s.tolist() == [RESTART]
    assert shown.slack_s.tolist() == [19 * HOUR]
    held = next(view.gangs for view in policy.views if view.now_s == HOUR + 2 * EPOCH)
    assert held is not None
    assert held.waited_s.tolist() == [2 * EPOCH]
    assert held.estimate_s.tolist() == [10 * HOUR - done_s]
    assert held.pool.tolist() == [0]


def test_a_gang_that_waits_at_the_end_has_kept_its_work() -> None:
    def act(view: SystemView) -> dict[str, np.ndarray | None]:
        stop = np.asarray([-1]) if view.now_s == HOUR else None
        return {"gang_pool": places(view, 0 if view.now_s < HOUR else -1), "running_pool": stop}

    results = run(
        two_pools(), Scripted(act), submit_s=[0.0], duration_s=[10 * HOUR], accelerators=[16]
    )
    job = results.jobs.iloc[0]
    assert job["state"] == "held"
    assert results.summary["jobs"]["held"] == 1
    work = sum(results.summary["work"]["jobs"].values())
    assert work == pytest.approx(16 * (HOUR - EPOCH) / HOUR)


@pytest.mark.parametrize("interval_s", [HOUR, 0.0])
def test_writing_a_checkpoint_takes_its_time(interval_s: float) -> None:
    """Stopped at 2:00: it writes until 2:05 and lost that; without checkpoints it begins anew."""
    cost_s = 300.0

    def act(view: SystemView) -> dict[str, np.ndarray | None]:
        stop = np.asarray([1]) if view.now_s == 2 * HOUR else None
        return {"gang_pool": places(view, 0), "running_pool": stop}

    policy = Scripted(act)
    results = run(
        two_pools(**{"run.checkpoint_cost_s": cost_s, "run.checkpoint_interval_s": interval_s}),
        policy, submit_s=[0.0], duration_s=[4 * HOUR], accelerators=[16],
    )  # fmt: skip
    job = results.jobs.iloc[0]
    done_s = 2 * HOUR - EPOCH
    shown = next(view.running for view in policy.views if view.now_s == 2 * HOUR)
    assert shown is not None
    if interval_s:
        work_s = 4 * HOUR * (1.0 + cost_s / HOUR)
        assert job["lost_accelerator_s"] == pytest.approx(16 * cost_s)
        assert job["finish_s"] == pytest.approx(2 * HOUR + cost_s + RESTART + work_s - done_s)
        assert shown.overhead_s.tolist() == [cost_s + RESTART]
    else:
        assert job["lost_accelerator_s"] == pytest.approx(16 * done_s)
        assert job["finish_s"] == pytest.approx(2 * HOUR + RESTART + 4 * HOUR)
        assert shown.overhead_s.tolist() == [done_s + RESTART]
    accounted(results)
    assert results.summary["failures"]["jobs_moved_by_plan"] == 1


def test_a_gang_that_ends_while_it_writes_has_ended() -> None:
    def act(view: SystemView) -> dict[str, np.ndarray | None]:
        there = view.running is not None and len(view.running.demand) == 1
        stop = np.asarray([-1]) if there and view.now_s == HOUR else None
        return {"gang_pool": places(view, 0), "running_pool": stop}

    results = run(
        two_pools(**{"run.checkpoint_cost_s": 300.0, "run.checkpoint_interval_s": 10 * HOUR}),
        Scripted(act), submit_s=[0.0], duration_s=[2700.0], accelerators=[16],
    )  # fmt: skip
    job = results.jobs.iloc[0]
    assert job["state"] == "completed"
    assert job["restarts"] == 0
    assert results.summary["failures"]["jobs_stopped_by_plan"] == 0


def test_data_follows_a_gang_to_another_site_and_not_to_its_own() -> None:
    """The network carries the data twice after a move, and once after a stop."""

    def going(to: int) -> Act:
        def act(view: SystemView) -> dict[str, np.ndarray | None]:
            stop = np.asarray([to]) if view.now_s == HOUR else None
            return {"gang_pool": places(view, 0), "running_pool": stop}

        return act

    columns = {"submit_s": [0.0], "duration_s": [2 * HOUR], "accelerators": [16],
               "data_gb": [50.0]}  # fmt: skip
    stopped = run(two_pools(), Scripted(going(-1)), **columns)
    moved = run(two_pools(), Scripted(going(1)), **columns)
    stays = run(two_pools(), Scripted(going(0)), **columns)
    assert stays.summary["failures"]["jobs_stopped_by_plan"] == 0
    assert stopped.summary["cost"]["network_cny"] == stays.summary["cost"]["network_cny"]
    assert moved.summary["cost"]["network_cny"] != stays.summary["cost"]["network_cny"]
    assert stopped.summary["network"]["carried_gb"] == stays.summary["network"]["carried_gb"]
    assert moved.jobs["ready_s"].iloc[0] > HOUR
    assert str(moved.jobs["site"].iloc[0]) == "west"
    assert str(stopped.jobs["site"].iloc[0]) == "east"
    accounted(moved)
    accounted(stopped)


@pytest.mark.parametrize("discipline", sorted(DISCIPLINES))
def test_no_discipline_loses_work_however_gangs_are_pushed_around(discipline: str) -> None:
    """Gangs stopped and moved at random, twice the same, beside small jobs and failures."""
    rng = np.random.default_rng(5)
    n = 120
    columns = {
        "submit_s": np.sort(rng.uniform(0.0, 8 * HOUR, n)),
        "duration_s": rng.uniform(600.0, 3 * HOUR, n),
        "accelerators": rng.choice([1, 2, 8, 16], n),
        "data_gb": rng.uniform(0.0, 5.0, n),
        "user": rng.integers(0, 5, n),
    }
    scenario = two_pools(
        64, **{
            "days": 2, "run.discipline": discipline, "run.checkpoint_cost_s": 60.0,
            "run.checkpoint_interval_s": 1800.0, "failures.model": "sampled",
            "topology.accelerators.unit.failures_per_1000_server_days": 500.0,
        }
    )  # fmt: skip

    def pushed() -> Results:
        draw = np.random.default_rng(3)

        def act(view: SystemView) -> dict[str, np.ndarray | None]:
            gangs, running = view.gangs, view.running
            assert running is not None
            to = np.where(
                draw.random(len(running.pool)) < 0.2, draw.integers(-1, 2, len(running.pool)),
                running.pool,
            )  # fmt: skip
            there = 0 if gangs is None else len(gangs.demand)
            low = -1 if view.now_s < 20 * HOUR else 0
            return {"gang_pool": draw.integers(low, 2, there) if there else None,
                    "running_pool": to if view.now_s < 20 * HOUR else None}  # fmt: skip

        return run(scenario, Scripted(act), **columns)

    one, other = pushed(), pushed()
    assert one.summary["failures"]["jobs_stopped_by_plan"] > 10
    assert one.summary["failures"]["jobs_moved_by_plan"] > 10
    accounted(one)
    assert one.jobs.equals(other.jobs)


@pytest.mark.parametrize(
    ("running_pool", "said"),
    [
        (np.asarray([0.0]), "no array of int64"),
        (np.asarray([0, 0]), "no array of int64"),
        (np.asarray([7]), "names no pool"),
        (np.asarray([-2]), "names no pool"),
    ],
)
def test_orders_that_cannot_be(running_pool: np.ndarray, said: str) -> None:
    def act(view: SystemView) -> dict[str, np.ndarray | None]:
        return {"gang_pool": places(view, 0),
                "running_pool": running_pool if view.now_s == HOUR else None}  # fmt: skip

    with pytest.raises(InputError, match=said) as caught:
        run(two_pools(), Scripted(act), submit_s=[0.0], duration_s=[2 * HOUR], accelerators=[16])
    assert "plan.running_pool" in str(caught.value)


def test_a_gang_cannot_go_to_a_site_that_is_down() -> None:
    def act(view: SystemView) -> dict[str, np.ndarray | None]:
        return {"gang_pool": places(view, 0),
                "running_pool": np.asarray([1]) if view.now_s == HOUR else None}  # fmt: skip

    scenario = two_pools(
        events=[{"kind": "site-outage", "site": "west", "at_h": 0.5, "duration_h": 2.0}]
    )
    with pytest.raises(InputError, match="down or out of reach"):
        run(scenario, Scripted(act), submit_s=[0.0], duration_s=[2 * HOUR], accelerators=[16])


def test_only_policies_that_say_so_may_move_gangs() -> None:
    class Quiet(Scripted):
        moves_gangs = False

    def act(view: SystemView) -> dict[str, np.ndarray | None]:
        assert view.running is None
        return {"running_pool": np.zeros(0, dtype=np.int64)}

    with pytest.raises(InputError, match="moves_gangs"):
        run(two_pools(), Quiet(act), submit_s=[0.0], duration_s=[2 * HOUR], accelerators=[16])


def test_a_gang_that_failed_meanwhile_is_not_told_to_leave(tmp_path: Path) -> None:
    """It is to leave when its checkpoint is written, at 1:10; at 1:05 a server of it fails."""
    file = tmp_path / "failures.csv"
    file.write_text(f"time_s,pool,repair_s,place\n{HOUR + 300.0},east/unit,7200,0.01\n")

    def act(view: SystemView) -> dict[str, np.ndarray | None]:
        go = np.asarray([1]) if view.now_s == HOUR else None
        return {"gang_pool": places(view, 0), "running_pool": go}

    results = run(
        two_pools(32, **{"run.checkpoint_cost_s": 600.0, "failures.model": "file",
                         "failures.file": str(file)}),
        Scripted(act), submit_s=[10.0], duration_s=[5 * HOUR], accelerators=[16],
    )  # fmt: skip
    job = results.jobs.iloc[0]
    assert job["restarts"] == 1
    assert job["pool"] == "east/unit"
    assert results.summary["failures"]["jobs_moved_by_plan"] == 0
    accounted(results)


def test_a_gang_holds_whole_servers_of_the_pool_it_is_in() -> None:
    """Nine are two servers of eight, three of four, and one of sixteen."""
    plain = two_pools(32).model_dump(mode="json", exclude_none=True)
    unit = plain["topology"]["accelerators"][0]
    plain["topology"]["accelerators"] += [
        {**unit, "id": f"of{size}", "accelerators_per_server": size} for size in (4, 16)
    ]
    for pool, kind in zip(plain["topology"]["pools"], ("of4", "of16"), strict=True):
        pool["accelerator"] = kind

    def act(view: SystemView) -> dict[str, np.ndarray | None]:
        go = np.asarray([0]) if view.now_s == HOUR else None
        return {"gang_pool": places(view, 1), "running_pool": go}

    policy = Scripted(act)
    results = run(
        cn.load(plain), policy, submit_s=[10.0], duration_s=[5 * HOUR], accelerators=[9],
        whole_nodes=[1],
    )  # fmt: skip
    held = [view.pool_running.sum(axis=1).tolist() for view in policy.views]
    assert [0.0, 16.0] in held
    assert held[-1] in ([12.0, 0.0], [0.0, 0.0])
    assert [12.0, 0.0] in held
    assert results.jobs["held_accelerators"].tolist() == [12.0]


def test_data_that_followed_a_gang_is_kept_where_it_went() -> None:
    """The second gang finds its data at the west, takes it along, and the third finds it there."""
    stores = {f"topology.sites.{name}.dataset_storage_tb": 5.0 for name in ("east", "west")}

    def act(view: SystemView) -> dict[str, np.ndarray | None]:
        running = view.running
        assert running is not None
        move = view.now_s == 6 * HOUR
        at = 1 if view.now_s < 6 * HOUR else 0
        go = np.zeros(len(running.pool), dtype=np.int64) if move else None
        return {"gang_pool": places(view, at), "running_pool": go}

    results = run(
        two_pools(64, **stores), Scripted(act), submit_s=[10.0, 5 * HOUR, 9 * HOUR],
        duration_s=[HOUR, 2 * HOUR, HOUR], accelerators=[16] * 3, data_gb=[50.0] * 3, user=[1] * 3,
    )  # fmt: skip
    assert results.summary["failures"]["jobs_moved_by_plan"] == 1
    assert results.summary["network"]["reused_gb"] == pytest.approx(100.0)


def test_events_stand_in_order_of_time() -> None:
    """A job that is too large is known when it comes, and told at the end."""
    scenario = two_pools(
        events=[{"kind": "site-outage", "site": "west", "at_h": 1.0, "duration_h": 2.0}]
    )
    results = run(
        scenario, make_policy("proportional", {}), submit_s=[10.0], duration_s=[HOUR],
        accelerators=[1000],
    )  # fmt: skip
    assert results.events["kind"].iloc[0] == "rejected"
    assert results.events["time_s"].is_monotonic_increasing
