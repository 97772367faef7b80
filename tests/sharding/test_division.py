"""Who does what, and the order in which a replica sees its requests."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import computenet as cn
from computenet.compilation import compile_scenario
from computenet.kernels.request_shards import ROUTED, order_routed
from computenet.sharding.boxes import SharedBoxes, anonymous_file
from computenet.sharding.division import divide, share_out
from computenet.sharding.queues import LANE
from computenet.simulation.request_plane import queue_facts


def test_the_heaviest_first_to_whoever_has_least() -> None:
    # 7 | 5, 4 -> 4 joins 5; 3 joins 7; 1 joins 9 or 10.
    assert share_out(np.asarray([3.0, 7.0, 1.0, 5.0, 4.0]), 2).tolist() == [0, 0, 1, 1, 1]
    assert sorted(share_out(np.zeros(6), 3).tolist()) == [0, 0, 1, 1, 2, 2]


@given(st.lists(st.floats(0.0, 1e6), max_size=40), st.integers(1, 9))
def test_no_worker_has_more_than_a_share_and_one_item(weights: list[float], workers: int) -> None:
    weight = np.asarray(weights)
    worker = share_out(weight, workers)
    load = np.bincount(worker, weights=weight, minlength=workers)
    assert load.max(initial=0.0) <= weight.sum() / workers + weight.max(initial=0.0) + 1e-6


def test_lanes_stay_together_and_groups_where_the_choice_looks_around() -> None:
    scenario = cn.load("china-2025", overrides={"run.sampling": 20})
    compiled = compile_scenario(scenario)
    rate = compiled.requests.mean_rate_per_s
    shares = compiled.requests.feasible / np.maximum(compiled.requests.feasible.sum(1), 1)[:, None]
    for choice in ("random", "least-work"):
        facts = queue_facts(compiled, choice)
        lane, first = facts.lanes()
        group = np.repeat(np.arange(len(facts.replicas)), facts.replicas)
        assert np.bincount(lane).max() <= LANE
        assert (np.diff(lane) >= 0).all()
        assert (first[group] <= lane).all()
        assert len(np.unique(lane)) <= facts.n_lanes()
        division = divide(facts, 7, rate, shares)
        together = lane if choice == "random" else group
        for unit in np.unique(together):
            assert len(np.unique(division.of_replica[together == unit])) == 1
        work = np.bincount(division.of_demand, weights=rate, minlength=7)
        assert work.max() / work.mean() < 1.05
        if choice == "random":
            assert len(np.unique(division.of_replica[group == facts.replicas.argmax()])) > 1


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), max_size=60),
    st.integers(2, 50),
)
def test_requests_of_one_instant_go_by_demand_and_then_as_they_stand(
    rows: list[tuple[int, int]], buckets: int
) -> None:
    routed = np.zeros(len(rows), dtype=ROUTED)
    routed["arrival_s"] = [10.0 + time for time, _ in rows]
    routed["demand"] = [demand for _, demand in rows]
    order = np.zeros(len(rows), dtype=np.int32)
    order_routed(routed, len(rows), 10.0, 16.0, np.zeros(buckets, dtype=np.int64), order)
    wanted = sorted(range(len(rows)), key=lambda i: (*rows[i], i))
    assert order.tolist() == wanted


def test_shared_boxes_grow_and_are_seen_by_others() -> None:
    descriptor = anonymous_file()
    mine, theirs = SharedBoxes(descriptor), SharedBoxes(descriptor)
    for count in (0, 3, 1000, 5):
        boxes = mine.room(count)
        assert len(boxes) == count
        boxes["demand"] = np.arange(count)
        assert theirs.view(count // 2, count)["demand"].tolist() == list(range(count // 2, count))
