"""Continuous batching: the kernel equals the twin that makes every step, and is split-invariant."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from computenet.kernels.request_state import (
    EngineFacts,
    RequestChunk,
    RoutingPlan,
    grow_arena,
    make_arena,
    make_replica_facts,
    make_request_out,
    make_request_state,
)
from computenet.kernels.requests import (
    advance_requests,
    close_requests,
    count_present,
    fail_group,
    settle_requests,
)
from computenet.simulation.reference.engine import (
    EngineRequest,
    ReferenceEngine,
    run_engine_requests,
)

HORIZON_S = 1000.0
SLOTS, BUDGET, BLOCK = 4, 32, 4
#: Fixed s, weights s, s a token computed and communicated, s a token of cache, s a pair, sparsity.
STEP = np.asarray([0.004, 0.02, 0.0015, 0.0001, 0.00013, 0.0000021, 0.3])
quick = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
requests_of = st.lists(
    st.tuples(
        st.floats(0.0, 6.0, allow_nan=False),
        st.integers(1, 60),
        st.integers(1, 40),
        st.integers(0, 50),
    ),
    min_size=1,
    max_size=30,
)


def step_s(decoding: int, cache: int, chunks) -> float:
    fixed, weights, token, communication, read, pair, sparse = STEP.tolist()
    tokens = decoding + sum(count for count, _ in chunks)
    weights *= 1.0 - (1.0 - sparse) ** tokens
    return (
        fixed
        + max(weights, token * tokens)
        + communication * tokens
        + read * (cache + sum(before for _, before in chunks))
        + pair * sum(count * (before + 0.5 * count) for count, before in chunks)
    )


class Kernel:
    def __init__(self, rows, blocks: int, lag: int, replicas: int = 1) -> None:
        rows = sorted(rows, key=lambda row: row[0])
        n = len(rows)
        self.facts = make_replica_facts(
            np.asarray([replicas]), np.asarray([SLOTS]), np.ones(1), np.ones((1, SLOTS + 1)),
            np.asarray([2.0]), np.asarray([0.1]), 0, 50.0,
            engine=EngineFacts(
                lag, BLOCK, np.asarray([blocks]), np.asarray([BUDGET]), STEP[None, :]
            ),
        )  # fmt: skip
        self.state = make_request_state(self.facts)
        self.out = make_request_out(1, 1, int(HORIZON_S / 50.0), record_rows=n)
        self.arena = grow_arena(make_arena(), self.state, n)

        def column(k: int, kind: str = "i4") -> np.ndarray:
            return np.asarray([row[k] for row in rows], dtype=kind)

        self.chunk = RequestChunk(
            column(0, "f8"), np.zeros(n, dtype=np.int32), column(1), column(2), column(3),
            np.zeros(n, dtype=np.float32), np.asarray([n], dtype=np.int64),
        )  # fmt: skip
        self.plan = RoutingPlan(
            np.asarray([0, 1]), np.zeros(1, dtype=np.int32), np.ones(1), np.ones(1),
            np.zeros((1, 1)), np.zeros((1, 1)), np.ones((1, 1), dtype=np.uint8),
            np.zeros(1, dtype=np.int64),
        )  # fmt: skip

    def advance(self, until_s: float) -> None:
        advance_requests(
            self.chunk, self.plan, self.state, self.facts, self.arena, until_s, self.out
        )

    def settle(self, until_s: float) -> None:
        settle_requests(self.plan, self.state, self.facts, self.arena, until_s, self.out)

    def finish(self) -> None:
        self.advance(HORIZON_S)
        close_requests(self.plan, self.state, self.facts, self.arena, HORIZON_S, self.out)


@quick
@given(rows=requests_of, blocks=st.sampled_from([25, 30, 45, 1000]), lag=st.integers(0, 1))
def test_kernel_equals_twin(rows, blocks: int, lag: int) -> None:
    kernel = Kernel(rows, blocks, lag)
    kernel.finish()
    twin = [EngineRequest(i, *row) for i, row in enumerate(sorted(rows, key=lambda row: row[0]))]
    run_engine_requests(twin, ReferenceEngine(SLOTS, BUDGET, blocks, BLOCK, lag, step_s))
    record = kernel.out.record
    assert kernel.out.served[0] == len(twin)
    whole_us = np.floor(1e6 * np.nan_to_num(record[:, 2:5]) + 0.5).astype(np.int64)
    np.testing.assert_array_equal(kernel.out.latency_us[0], whole_us.sum(axis=0))
    wanted = np.asarray(
        [[r.arrival_s, r.first_s - r.arrival_s, r.finish_s - r.arrival_s] for r in twin]
    )
    got = record[:, [1, 2, 4]]
    order = np.lexsort(got.T[::-1])
    np.testing.assert_allclose(got[order], wanted[np.lexsort(wanted.T[::-1])], rtol=1e-9, atol=1e-9)
    assert int(kernel.state.engine[0, 0] + kernel.state.engine[0, 1]) == blocks
    assert not kernel.state.phase.any()


@quick
@given(requests_of, st.lists(st.floats(0.0, 20.0, allow_nan=False), max_size=12))
def test_split_invariance(rows, cuts) -> None:
    runs = []
    for some in ([], sorted(cuts)):
        kernel = Kernel(rows, 40, 1, replicas=2)
        for cut in some:
            kernel.advance(cut)
            kernel.settle(cut)
        kernel.finish()
        record = kernel.out.record
        runs.append([record[np.lexsort(record.T)], kernel.out.integral, kernel.out.ttft])
    for whole, cut in zip(*runs, strict=True):
        np.testing.assert_array_equal(whole, cut)


@quick
@given(requests_of, st.floats(0.0, 12.0, allow_nan=False))
def test_every_request_is_accounted_for_through_a_failure(rows, stop_s: float) -> None:
    kernel = Kernel(rows, 40, 1, replicas=2)
    kernel.advance(stop_s)
    kernel.settle(stop_s)
    present = np.zeros(1, dtype=np.int64)
    count_present(kernel.state, kernel.facts, kernel.arena, present)
    out = kernel.out
    assert out.arrived[0] == out.served[0] + out.dropped[0] + present[0]
    fail_group(0, stop_s, kernel.state, kernel.facts, kernel.arena, out)
    kernel.finish()
    assert out.arrived[0] == len(rows) == out.served[0] + out.dropped[0]


def test_a_request_that_no_replica_holds_is_dropped() -> None:
    kernel = Kernel([(0.0, 50, 60, 0), (0.5, 10, 10, 0)], 20, 1)
    kernel.finish()
    assert kernel.out.dropped[0] == 1
    assert kernel.out.served[0] == 1
