"""The transfer kernel equals the plain SimPy twin and does not care where it is cut."""

from __future__ import annotations

import numpy as np
import simpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from computenet.kernels.transfers import (
    Paths,
    advance_transfers,
    make_transfer_out,
    make_transfer_state,
    max_min_rates,
    settle_transfers,
)
from computenet.simulation.reference import ReferenceFlow, run_transfers

quick = settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
#: Five routes over four links; the last route is local.
ROUTES: list[tuple[int, ...]] = [(0,), (0, 1), (1, 2), (3,), ()]
CAPACITY = np.asarray([10.0, 4.0, 6.0, 1.0])
HORIZON_S, SLOT_S = 2000.0, 50.0
flows_of = st.lists(
    st.tuples(st.floats(0.0, 50.0, allow_nan=False), st.integers(0, 4), st.floats(0.01, 80.0)),
    max_size=25,
)


def paths() -> Paths:
    first = np.concatenate([[0], np.cumsum([len(route) for route in ROUTES])])
    users = [[r for r, route in enumerate(ROUTES) if link in route] for link in range(4)]
    return Paths(
        first=first.astype(np.int64),
        link=np.asarray([link for route in ROUTES for link in route], dtype=np.int64),
        users=np.concatenate([[0], np.cumsum([len(u) for u in users])]).astype(np.int64),
        user=np.asarray([r for u in users for r in u], dtype=np.int64),
        capacity_gb_s=CAPACITY,
        open=np.ones(len(ROUTES), dtype=np.int64),
        weight=np.ones(len(ROUTES)),
        slot_s=np.asarray([SLOT_S]),
    )


def run(rows, cuts) -> tuple[np.ndarray, np.ndarray]:
    rows = sorted(rows, key=lambda row: row[0])
    n = len(rows)
    state, out = make_transfer_state(n, 5, 4), make_transfer_out(n, 4, int(HORIZON_S / SLOT_S))
    start = np.asarray([row[0] for row in rows], dtype=np.float64)
    route = np.asarray([row[1] for row in rows], dtype=np.int64)
    size = np.asarray([row[2] for row in rows], dtype=np.float64)
    done = 0
    for until_s in [*sorted(cuts), HORIZON_S]:
        last = int(np.searchsorted(start, until_s))
        advance_transfers(
            np.arange(done, last), start, route, size, last - done, state, paths(), until_s, out,
        )  # fmt: skip
        done = last
    settle_transfers(HORIZON_S, state, paths(), out)
    finish = np.full(n, np.nan)
    ended = int(out.count[0])
    finish[out.flow[:ended]] = out.finish_s[:ended]
    return finish, out.carried_gb


@quick
@given(flows_of)
def test_kernel_equals_twin(rows) -> None:
    finish, carried = run(rows, [])
    env = simpy.Environment()
    flows = [
        ReferenceFlow(i, row[0], ROUTES[row[1]], row[2])
        for i, row in enumerate(sorted(rows, key=lambda row: row[0]))
    ]
    run_transfers(env, flows, CAPACITY.tolist())
    np.testing.assert_allclose(finish, [flow.finish_s for flow in flows], rtol=1e-9, atol=1e-9)
    sent = np.zeros(4)
    for flow in flows:
        for link in flow.links:
            sent[link] += flow.size_gb
    np.testing.assert_allclose(carried.sum(axis=1), sent, rtol=1e-9, atol=1e-9)


@quick
@given(flows_of, st.lists(st.floats(0.0, 300.0, allow_nan=False), max_size=10))
def test_split_invariance(rows, cuts) -> None:
    for whole, cut in zip(run(rows, []), run(rows, cuts), strict=True):
        np.testing.assert_array_equal(whole, cut)


def test_max_min_closed_forms() -> None:
    # One flow on each of the first three routes: link 1 (4 GB/s) is the tightest and gives 2 each
    # to routes 1 and 2; route 0 has what is left of link 0.
    np.testing.assert_allclose(
        max_min_rates(np.asarray([1, 1, 1, 2, 0]), paths()), [8.0, 2.0, 2.0, 0.5, 0.0]
    )
    # The parking lot: three equal flows on link 0 share it equally.
    np.testing.assert_allclose(max_min_rates(np.asarray([3, 0, 0, 0, 0]), paths())[0], 10.0 / 3.0)
