"""The request kernel equals the plain SimPy twin and does not care where it is cut."""

from __future__ import annotations

from typing import Any

import numpy as np
import simpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from computenet.kernels.request_state import (
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
from computenet.simulation.reference import ReferenceReplica, ReferenceRequest, run_requests

SLOT_S = 5.0
quick = settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
requests_of = st.lists(
    st.tuples(st.floats(0.0, 20.0, allow_nan=False), st.integers(1, 400), st.integers(1, 60)),
    max_size=40,
)
#: Tokens a second of a replica with m decoding: capped per request, then by the replica.
RATES = np.minimum(np.arange(5) * 20.0, 50.0)
MIXED = RATES / 4.0
CACHE_TOKENS = 700


class Kernel:
    """Groups of equal replicas, fed from rows of (arrival, input, output)."""

    def __init__(
        self, rows: list[tuple[float, int, int]], replicas: tuple[int, ...] = (1,),
        shares: tuple[float, ...] = (1.0,), choice: int = 1, horizon_s: float = 200.0,
        split: int = 0,
    ) -> None:  # fmt: skip
        rows = sorted(rows, key=lambda row: row[0])
        n, groups = len(rows), len(replicas)
        self.horizon_s = horizon_s
        self.facts = make_replica_facts(
            np.asarray(replicas), np.full(groups, 4), np.full(groups, 100.0),
            np.tile(RATES, (groups, 1)), np.asarray([2.0]), np.asarray([0.1]), choice, SLOT_S,
            mixed_tok_s=np.tile(MIXED, (groups, 1)), cache_tokens=np.full(groups, CACHE_TOKENS),
        )  # fmt: skip
        self.state = make_request_state(self.facts)
        self.out = make_request_out(1, groups, int(horizon_s / SLOT_S), record_rows=n)
        self.arena = grow_arena(make_arena(), self.state, n)
        self.chunk = RequestChunk(
            np.asarray([row[0] for row in rows], dtype=np.float64),
            np.zeros(n, dtype=np.int32),
            np.asarray([row[1] for row in rows], dtype=np.int32),
            np.asarray([row[2] for row in rows], dtype=np.int32),
            np.zeros(n, dtype=np.int32),
            np.random.default_rng(5).random(n, dtype=np.float32),
            np.asarray([n], dtype=np.int64),
        )
        self.plan = RoutingPlan(
            np.asarray([0, groups], dtype=np.int64),
            np.arange(groups, dtype=np.int32),
            np.asarray(shares, dtype=np.float64),
            np.cumsum(shares),
            np.zeros((1, groups)),
            np.zeros((1, groups)),
            np.ones((1, groups), dtype=np.uint8),
            np.asarray([split], dtype=np.int64),
        )

    def advance(self, until_s: float) -> None:
        advance_requests(
            self.chunk, self.plan, self.state, self.facts, self.arena, until_s, self.out
        )

    def finish(self) -> None:
        self.advance(self.horizon_s)
        close_requests(self.plan, self.state, self.facts, self.arena, self.horizon_s, self.out)


def twin_of(rows: list[tuple[float, int, int]]) -> list[ReferenceRequest]:
    env = simpy.Environment()
    twin = [
        ReferenceRequest(i, row[0], row[1], row[2])
        for i, row in enumerate(sorted(rows, key=lambda row: row[0]))
    ]
    run_requests(
        env, twin, ReferenceReplica(env, 4, 100.0, RATES.tolist(), MIXED.tolist(), CACHE_TOKENS)
    )
    return twin


def test_a_full_cache_sends_the_last_one_back() -> None:
    rows = [(0.1 * i, 160, 55) for i in range(12)]
    twin = twin_of(rows)
    assert sum(request.made > 0 for request in twin) >= 2
    check_equal(rows)


@quick
@given(requests_of)
def test_kernel_equals_twin(rows: list[tuple[float, int, int]]) -> None:
    check_equal(rows)


def check_equal(rows: list[tuple[float, int, int]]) -> None:
    kernel = Kernel(rows)
    kernel.finish()
    twin = twin_of(rows)
    record = kernel.out.record
    assert kernel.out.served[0] == len(twin)
    whole_us = np.floor(1e6 * np.nan_to_num(record[:, 2:5]) + 0.5).astype(np.int64)
    np.testing.assert_array_equal(kernel.out.latency_us[0], whole_us.sum(axis=0))
    order = np.lexsort((record[:, 4], record[:, 1]))
    wanted = sorted((r.arrival_s, r.finish_s - r.arrival_s, r.first_s - r.arrival_s) for r in twin)
    np.testing.assert_allclose(record[order, 1], [row[0] for row in wanted], rtol=0, atol=1e-12)
    np.testing.assert_allclose(record[order, 4], [row[1] for row in wanted], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(
        np.sort(record[:, 2]), np.sort([row[2] for row in wanted]), rtol=1e-9, atol=1e-9
    )


def everything(kernel: Kernel) -> list[np.ndarray[Any, Any]]:
    return [*kernel.out, kernel.state.clock[:, :3], kernel.state.count, kernel.plan.credit]


@quick
@given(
    requests_of,
    st.lists(st.floats(0.0, 60.0, allow_nan=False), max_size=15),
    st.integers(0, 3),
    st.integers(0, 1),
)
def test_split_invariance(rows, cuts, choice: int, split: int) -> None:
    runs = []
    for some in ([], sorted(cuts)):
        kernel = Kernel(rows, (2, 3), (0.3, 0.7), choice, split=split)
        for cut in some:
            kernel.advance(cut)
            settle_requests(kernel.plan, kernel.state, kernel.facts, kernel.arena, cut, kernel.out)
        kernel.finish()
        runs.append(everything(kernel))
    for name, whole, cut in zip(
        (*kernel.out._fields, "clock", "count", "credit"), *runs, strict=True
    ):
        # Requests are recorded as their replicas are looked at, so the order of rows may differ.
        if name == "record":
            whole, cut = (rows_[np.lexsort(rows_.T)] for rows_ in (whole, cut))
        np.testing.assert_array_equal(whole, cut, err_msg=name)


@quick
@given(requests_of, st.floats(0.0, 30.0, allow_nan=False))
def test_every_request_is_accounted_for(rows, stop_s: float) -> None:
    kernel = Kernel(rows, (1, 2), (0.5, 0.5))
    kernel.advance(stop_s)
    settle_requests(kernel.plan, kernel.state, kernel.facts, kernel.arena, stop_s, kernel.out)
    present = np.zeros(1, dtype=np.int64)
    count_present(kernel.state, kernel.facts, kernel.arena, present)
    out = kernel.out
    assert out.arrived[0] == out.served[0] + out.dropped[0] + present[0]
    dropped = fail_group(1, stop_s, kernel.state, kernel.facts, kernel.arena, out)
    assert out.dropped[0] == dropped
    kernel.finish()
    assert out.arrived[0] == len(rows) == out.served[0] + out.dropped[0]
    assert int(out.tokens_out.sum()) <= int(kernel.chunk.output_tokens.sum())


def test_shares_are_carried_out_to_within_one_request() -> None:
    rows = [(0.01 * i, 1, 1) for i in range(1000)]
    kernel = Kernel(rows, (1, 1, 1), (0.2, 0.5, 0.3), horizon_s=500.0)
    kernel.finish()
    np.testing.assert_allclose(kernel.out.routed[0], [200, 500, 300], atol=1)


def test_random_split_takes_shares_and_spreads_over_replicas() -> None:
    rows = [(0.01 * i, 1, 1) for i in range(20_000)]
    kernel = Kernel(rows, (2, 4, 2), (0.2, 0.5, 0.3), horizon_s=500.0, split=1)
    kernel.finish()
    routed = kernel.out.routed[0]
    wanted = np.asarray([0.2, 0.5, 0.3]) * len(rows)
    assert (np.abs(routed - wanted) < 4.5 * np.sqrt(wanted)).all()
    share = kernel.out.integral[:, :, 0].sum(axis=1) / routed
    np.testing.assert_allclose(share, share.mean(), rtol=0.05)
