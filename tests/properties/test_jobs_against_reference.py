"""The job kernel equals the plain SimPy twin and does not care where it is cut."""

from __future__ import annotations

import numpy as np
import pytest
import simpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from computenet.compilation import DISCIPLINES
from computenet.kernels.job_queue import (
    advance_jobs,
    push_arrivals,
    settle_jobs,
    start_pool,
    stop_pool,
)
from computenet.kernels.job_state import (
    COMPLETED,
    JobInputs,
    JobOut,
    JobState,
    make_job_inputs,
    make_job_out,
    make_job_state,
)
from computenet.simulation.reference import ReferenceJob, ReferencePool, run_jobs

SLOT_S = 60.0
PRIORITY = np.asarray([1, 5, 1], dtype=np.int64)
CHECKPOINT_S, RESTART_S, HALF_LIFE_S = 16.0, 2.0, 100.0
HORIZON_S = 1200.0
SIZES = np.asarray([4, 8], dtype=np.int64)
#: Operations of the three classes, and accelerators held for reserved ones.
USUAL = ((1, 1, 1), (0, 0))
OPERATIONS = [((0, 1, 2), (1, 4)), ((1, 1, 2), (0, 0)), ((2, 1, 0), (2, 3)), ((1, 1, 0), (2, 4))]

# Few distinct values make ties, zero work and bursts common; eighths keep them exact.
times = st.integers(0, 300).map(lambda n: n / 8.0)
job = st.tuples(
    times,
    st.integers(1, 4),
    st.integers(0, 400).map(lambda n: n / 8.0),
    st.integers(0, 500).map(lambda n: n / 8.0),
    st.integers(0, 1),
    st.integers(-1, 2),
    st.integers(0, 2),
)
disciplines = st.tuples(*[st.sampled_from(sorted(DISCIPLINES.values()))] * 2)
jobs_of = st.lists(job, max_size=40)
quick = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def kernel(
    rows, discipline, speed=(1.0, 0.5), depth=3, operation=USUAL
) -> tuple[JobInputs, JobState, JobOut]:
    rows = sorted(rows, key=lambda row: row[0])
    n = len(rows)
    rows = [(*row, 0, 0)[:7] for row in rows]

    def column(k: int, kind: str) -> np.ndarray:
        return np.asarray([row[k] for row in rows], dtype=kind)

    inputs = make_job_inputs(
        job_class=column(6, "i4"),
        accelerators=column(1, "i8"),
        work_s=column(2, "f8"),
        estimate_s=column(3, "f8"),
        tenant=column(5, "i4"),
        speed=np.tile(np.asarray(speed), (3, 1)),
        checkpoint_s=np.full(3, CHECKPOINT_S),
        priority=PRIORITY,
        restart_s=RESTART_S,
        discipline=np.asarray(discipline, dtype=np.int32),
        depth=np.full(2, depth, dtype=np.int64),
        priority_weight_s=np.full(2, 8.0),
        size_weight_s=np.full(2, 4.0),
        half_life_s=np.full(2, HALF_LIFE_S),
        slot_s=SLOT_S,
        operation=np.asarray(operation[0], dtype=np.int64),
        reserved=np.asarray(operation[1], dtype=np.int64),
    )
    state = make_job_state(inputs, SIZES)
    out = make_job_out(2, 3, int(HORIZON_S / SLOT_S))
    push_arrivals(np.arange(n, dtype=np.int64), column(0, "f8"), column(4, "i4"), n, state)
    return inputs, state, out


def twin(
    rows, discipline, depth=3, outages=(), operation=USUAL
) -> tuple[list[ReferenceJob], list[ReferencePool]]:
    names = {code: name for name, code in DISCIPLINES.items()}
    env = simpy.Environment()
    pools = [
        ReferencePool(
            env,
            int(size),
            speed,
            names[kind],
            SLOT_S,
            CHECKPOINT_S,
            RESTART_S,
            depth,
            priority_weight_s=8.0,
            size_weight_s=4.0,
            half_life_s=HALF_LIFE_S,
            reserved=held,
        )
        for size, speed, kind, held in zip(SIZES, (1.0, 0.5), discipline, operation[1], strict=True)
    ]
    jobs = [
        ReferenceJob(
            i,
            *row[:5],
            tenant=row[5],
            priority=int(PRIORITY[row[6]]),
            operation=operation[0][row[6]],
        )
        for i, row in enumerate(sorted(rows, key=lambda row: row[0]))
    ]
    run_jobs(env, jobs, pools, HORIZON_S, outages)
    return jobs, pools


def agrees_with_twin(rows, discipline, depth, outage=None, operation=USUAL) -> None:
    inputs, state, out = kernel(rows, discipline, depth=depth, operation=operation)
    outages = []
    if outage is not None:
        down_s, up_s = outage[0], outage[0] + outage[1]
        outages = [(1, down_s, up_s)]
        advance_jobs(state, inputs, down_s, out)
        stop_pool(1, down_s, state, inputs, out)
        advance_jobs(state, inputs, up_s, out)
        start_pool(1, up_s, state, inputs, out)
    advance_jobs(state, inputs, HORIZON_S, out)
    settle_jobs(state, inputs, HORIZON_S, out)
    jobs, pools = twin(rows, discipline, depth, outages, operation)
    for name in ("start_s", "finish_s", "saved_s", "lost_accelerator_s", "restarts"):
        wanted = [getattr(one, name) for one in jobs]
        np.testing.assert_array_equal(getattr(state, name), wanted, err_msg=name)
    for p, pool in enumerate(pools):
        wanted = np.zeros(out.busy_s.shape[2])
        for slot, value in pool.busy_by_slot.items():
            wanted[slot] = value
        got = out.busy_s[p].sum(axis=0)
        np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("name", sorted(DISCIPLINES))
@quick
@given(rows=jobs_of, depth=st.sampled_from([1, 3, 100]))
def test_kernel_equals_twin(name, rows, depth) -> None:
    agrees_with_twin(rows, (DISCIPLINES[name],) * 2, depth)


@pytest.mark.parametrize("name", sorted(DISCIPLINES))
@quick
@given(rows=jobs_of, outage=st.tuples(times, st.integers(1, 200).map(lambda n: n / 8.0)))
def test_kernel_equals_twin_through_an_outage(name, rows, outage) -> None:
    agrees_with_twin(rows, (DISCIPLINES[name],) * 2, 3, outage)


@pytest.mark.parametrize("operation", OPERATIONS)
@quick
@given(
    rows=jobs_of, outage=st.none() | st.tuples(times, st.integers(1, 200).map(lambda n: n / 8.0))
)
def test_operations_equal_the_twin(operation, rows, outage) -> None:
    agrees_with_twin(rows, (DISCIPLINES["preemptive"],) * 2, 3, outage, operation)


@pytest.mark.parametrize("name", sorted(DISCIPLINES))
@pytest.mark.parametrize("seed", range(3))
def test_kernel_equals_twin_with_a_long_queue(name, seed) -> None:
    rng = np.random.default_rng(seed)
    rows = [
        (a / 8.0, int(g), d / 8.0, e / 8.0, 1, int(u), int(c))
        for a, g, d, e, u, c in zip(
            rng.integers(0, 2000, 500),
            rng.choice([1, 1, 1, 2, 4, 8], 500),
            rng.integers(0, 80, 500),
            rng.integers(0, 120, 500),
            rng.integers(-1, 5, 500),
            rng.integers(0, 3, 500),
            strict=True,
        )
    ]
    agrees_with_twin(rows, (DISCIPLINES[name],) * 2, 20, (150.0, 30.0))


def everything(state: JobState, out: JobOut) -> list[np.ndarray]:
    keep = [state.start_s, state.finish_s, state.status, state.saved_s, state.lost_accelerator_s]
    return [*keep, state.restarts, out.busy_s, out.waiting_s, out.waiting_accelerator_s]


@quick
@given(
    jobs_of,
    st.lists(st.integers(0, 800).map(lambda n: n / 4.0), max_size=12),
    st.tuples(times, st.integers(1, 200).map(lambda n: n / 8.0)),
    disciplines,
)
def test_split_invariance_with_an_outage(rows, cuts, outage, discipline) -> None:
    runs = []
    for some in ([], sorted(cuts)):
        inputs, state, out = kernel(rows, discipline)
        down_s, up_s = outage[0], outage[0] + outage[1]
        marks = sorted([(cut, 0) for cut in some] + [(down_s, 1), (up_s, 2)])
        for time_s, what in marks:
            advance_jobs(state, inputs, time_s, out)
            if what == 1:
                stop_pool(1, time_s, state, inputs, out)
            elif what == 2:
                start_pool(1, time_s, state, inputs, out)
        advance_jobs(state, inputs, HORIZON_S, out)
        settle_jobs(state, inputs, HORIZON_S, out)
        runs.append(everything(state, out))
    for whole, cut in zip(*runs, strict=True):
        np.testing.assert_array_equal(whole, cut)


@quick
@given(jobs_of, st.tuples(times, st.integers(1, 200).map(lambda n: n / 8.0)))
def test_accelerator_seconds_balance_through_an_outage(rows, outage) -> None:
    inputs, state, out = kernel(rows, (0, 1))
    advance_jobs(state, inputs, outage[0], out)
    stop_pool(1, outage[0], state, inputs, out)
    advance_jobs(state, inputs, outage[0] + outage[1], out)
    start_pool(1, outage[0] + outage[1], state, inputs, out)
    advance_jobs(state, inputs, HORIZON_S, out)
    settle_jobs(state, inputs, HORIZON_S, out)
    done = state.status == COMPLETED
    speed = inputs.speed[0][np.maximum(state.pool, 0)]
    restart = np.where(state.restarts > 0, 2.0, 0.0)
    held = (inputs.work_s / speed + restart) * inputs.accelerators + state.lost_accelerator_s
    if done.all():
        assert out.busy_s.sum() == np.float64(held.sum()).round(9) or np.isclose(
            out.busy_s.sum(), held.sum(), rtol=1e-12
        )


def test_checkpoint_is_kept_and_the_rest_is_lost() -> None:
    # 4 accelerators from 0; checkpoints every 16 s; down at 40 (kept 32, lost 8), up at 50,
    # restart 2 s, 68 s of work left.
    inputs, state, out = kernel([(0.0, 4, 50.0, 50.0, 1)], (0, 0))
    advance_jobs(state, inputs, 40.0, out)
    assert stop_pool(1, 40.0, state, inputs, out) == 1
    start_pool(1, 50.0, state, inputs, out)
    advance_jobs(state, inputs, HORIZON_S, out)
    assert state.saved_s[0] == 32.0
    assert state.lost_accelerator_s[0] == 8.0 * 4
    assert state.finish_s[0] == 50.0 + 2.0 + (100.0 - 32.0)


def test_easy_starts_a_short_job_and_never_delays_the_head() -> None:
    rows = [
        (0.0, 3, 100.0, 100.0, 0),
        (1.0, 4, 10.0, 10.0, 0),  # head, waits for all four until 100
        (2.0, 1, 50.0, 50.0, 0),  # ends at 52, before 100: backfilled
        (3.0, 1, 200.0, 200.0, 0),  # would hold the head up: waits
    ]
    for name, starts in (
        ("easy", [0.0, 100.0, 2.0, 110.0]),
        ("conservative", [0.0, 100.0, 2.0, 110.0]),
        ("fcfs", [0.0, 100.0, 110.0, 110.0]),
    ):
        inputs, state, out = kernel(rows, (DISCIPLINES[name], 0))
        advance_jobs(state, inputs, HORIZON_S, out)
        assert state.start_s.tolist() == starts


def test_order_of_the_queue_by_discipline() -> None:
    rows = [
        (0.0, 4, 10.0, 10.0, 0),
        (1.0, 4, 5.0, 30.0, 0),  # long by its estimate
        (2.0, 4, 5.0, 20.0, 0),
        (3.0, 2, 5.0, 25.0, 0),  # the smallest area, 50
    ]
    for name, starts in (
        ("fcfs", [0.0, 10.0, 15.0, 20.0]),
        ("sjf", [0.0, 20.0, 10.0, 15.0]),
        ("ljf", [0.0, 10.0, 20.0, 15.0]),
        ("smallest-area", [0.0, 20.0, 15.0, 10.0]),
    ):
        inputs, state, out = kernel(rows, (DISCIPLINES[name], 0))
        advance_jobs(state, inputs, HORIZON_S, out)
        assert state.start_s.tolist() == starts, name
