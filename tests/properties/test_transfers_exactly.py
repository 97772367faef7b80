"""Weighted max-min transfers against a plain reference in exact rational arithmetic."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from computenet.kernels.transfers import (
    Paths,
    advance_transfers,
    make_transfer_out,
    make_transfer_state,
)
from computenet.simulation.stores import Store

#: (route, start in eighths of a second, size in eighths of a GB).
Flow = tuple[int, int, int]


def rates(active: list[int], routes, weight, capacity) -> dict[int, Fraction]:
    """Return the rate of each flow (by position) by progressive filling."""
    left = list(capacity)
    todo = list(range(len(active)))
    out: dict[int, Fraction] = {}
    while todo:
        best = None
        for link in range(len(left)):
            users = [f for f in todo if link in routes[active[f]]]
            if users:
                level = left[link] / sum(weight[active[f]] for f in users)
                if best is None or level < best[0]:
                    best = (level, link)
        assert best is not None
        level, link = best
        for f in [f for f in todo if link in routes[active[f]]]:
            out[f] = level * weight[active[f]]
            todo.remove(f)
            for other in routes[active[f]]:
                left[other] -= out[f]
    return out


def exactly(flows: list[Flow], routes, weight, capacity) -> list[Fraction]:
    """Return when each flow ends, exactly."""
    now = Fraction(0)
    coming = sorted(range(len(flows)), key=lambda f: flows[f][1])
    left: dict[int, Fraction] = {}
    end: dict[int, Fraction] = {}
    while coming or left:
        order = sorted(left)
        rate = rates([flows[f][0] for f in order], routes, weight, capacity)
        ends = [now + left[f] / rate[k] for k, f in enumerate(order)]
        starts = Fraction(flows[coming[0]][1], 8) if coming else None
        until = min([*ends, *([starts] if starts is not None else [])])
        for k, f in enumerate(order):
            left[f] -= rate[k] * (until - now)
        now = until
        for f in [f for f in order if left[f] == 0]:
            end[f] = now
            del left[f]
        while coming and Fraction(flows[coming[0]][1], 8) == now:
            f = coming.pop(0)
            left[f] = Fraction(flows[f][2], 8)
    return [end[f] for f in range(len(flows))]


@st.composite
def networks(draw):
    links = draw(st.integers(1, 6))
    capacity = draw(st.lists(st.integers(1, 40), min_size=links, max_size=links))
    count = draw(st.integers(1, 6))
    routes = [
        tuple(sorted(draw(st.sets(st.integers(0, links - 1), min_size=1, max_size=3))))
        for _ in range(count)
    ]
    weight = draw(st.lists(st.sampled_from([1, 2, 5]), min_size=count, max_size=count))
    flows = draw(
        st.lists(
            st.tuples(st.integers(0, count - 1), st.integers(0, 80), st.integers(1, 200)),
            min_size=1, max_size=12,
        )
    )  # fmt: skip
    return capacity, routes, weight, flows


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(networks())
def test_finish_times_are_exact(network) -> None:
    capacity, routes, weight, flows = network
    flows = sorted(flows, key=lambda flow: flow[1])
    users = [
        [r for r, route in enumerate(routes) if link in route] for link in range(len(capacity))
    ]
    paths = Paths(
        first=np.concatenate([[0], np.cumsum([len(route) for route in routes])]).astype(np.int64),
        link=np.asarray([link for route in routes for link in route], dtype=np.int64),
        users=np.concatenate([[0], np.cumsum([len(u) for u in users])]).astype(np.int64),
        user=np.asarray([r for u in users for r in u], dtype=np.int64),
        capacity_gb_s=np.asarray(capacity, dtype=np.float64),
        open=np.ones(len(routes), dtype=np.int64),
        weight=np.asarray(weight, dtype=np.float64),
        slot_s=np.asarray([1e6]),
    )
    n = len(flows)
    state = make_transfer_state(n, len(routes), len(capacity))
    out = make_transfer_out(n, len(capacity), 1)
    advance_transfers(
        np.arange(n), np.asarray([flow[1] / 8.0 for flow in flows]),
        np.asarray([flow[0] for flow in flows], dtype=np.int64),
        np.asarray([flow[2] / 8.0 for flow in flows]), n, state, paths, np.inf, out,
    )  # fmt: skip
    finish = np.full(n, np.nan)
    finish[out.flow] = out.finish_s
    wanted = exactly(flows, routes, [Fraction(w) for w in weight], [Fraction(c) for c in capacity])
    np.testing.assert_allclose(finish, [float(end) for end in wanted], rtol=1e-9)


def test_the_least_recently_used_dataset_makes_room() -> None:
    store = Store(100.0)
    store.keep("a", 60.0)
    store.keep("b", 30.0)
    assert store.holds("a")
    store.keep("c", 40.0)
    assert not store.holds("b")
    assert store.holds("a")
    assert store.held_gb == 100.0
    store.keep("huge", 101.0)
    assert not store.holds("huge")
    store.keep("a", 50.0)
    assert store.held_gb == 90.0
