"""The job kernel equals the plain SimPy twin and does not care where it is cut."""

from __future__ import annotations

import numpy as np
import simpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from computenet.kernels.job_queue import (
    advance_jobs,
    push_arrivals,
    settle_jobs,
    start_pool,
    stop_pool,
)
from computenet.kernels.job_state import (
    COMPLETED,
    EASY,
    JobInputs,
    JobOut,
    JobState,
    make_job_out,
    make_job_state,
)
from computenet.simulation.reference import ReferenceJob, ReferencePool, run_jobs

SLOT_S = 60.0
ORDERS = ("ready", "ready", "shortest", "longest", "smallest")
HORIZON_S = 1200.0
SIZES = np.asarray([4, 8], dtype=np.int64)

# Few distinct values make ties, zero work and bursts common; eighths keep them exact.
times = st.integers(0, 300).map(lambda n: n / 8.0)
job = st.tuples(
    times,
    st.integers(1, 4),
    st.integers(0, 400).map(lambda n: n / 8.0),
    st.integers(0, 500).map(lambda n: n / 8.0),
    st.integers(0, 1),
)
jobs_of = st.lists(job, max_size=40)
quick = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def kernel(rows, discipline, speed=(1.0, 0.5)) -> tuple[JobInputs, JobState, JobOut]:
    rows = sorted(rows, key=lambda row: row[0])
    n = len(rows)
    inputs = JobInputs(
        job_class=np.zeros(n, dtype=np.int32),
        accelerators=np.asarray([row[1] for row in rows], dtype=np.int64),
        work_s=np.asarray([row[2] for row in rows], dtype=np.float64),
        estimate_s=np.asarray([row[3] for row in rows], dtype=np.float64),
        speed=np.asarray([speed], dtype=np.float64),
        checkpoint_s=np.asarray([16.0]),
        restart_s=np.asarray([2.0]),
        discipline=np.asarray(discipline, dtype=np.int32),
        slot_s=np.asarray([SLOT_S]),
    )
    state = make_job_state(n, 1, SIZES)
    out = make_job_out(2, 1, int(HORIZON_S / SLOT_S))
    push_arrivals(
        np.arange(n, dtype=np.int64),
        np.asarray([row[0] for row in rows], dtype=np.float64),
        np.asarray([row[4] for row in rows], dtype=np.int32),
        n,
        state,
    )
    return inputs, state, out


@quick
@given(jobs_of, st.tuples(st.integers(0, 4), st.integers(0, 4)))
def test_kernel_equals_twin(rows, discipline) -> None:
    inputs, state, out = kernel(rows, discipline)
    advance_jobs(state, inputs, HORIZON_S, out)
    settle_jobs(state, inputs, HORIZON_S, out)
    env = simpy.Environment()
    pools = [
        ReferencePool(env, int(size), speed, kind == EASY, ORDERS[kind], SLOT_S)
        for size, speed, kind in zip(SIZES, (1.0, 0.5), discipline, strict=True)
    ]
    jobs = [
        ReferenceJob(i, row[0], row[1], row[2], row[3], row[4])
        for i, row in enumerate(sorted(rows, key=lambda row: row[0]))
    ]
    run_jobs(env, jobs, pools, HORIZON_S)
    np.testing.assert_array_equal(state.start_s, [one.start_s for one in jobs])
    np.testing.assert_array_equal(state.finish_s, [one.finish_s for one in jobs])
    for p, pool in enumerate(pools):
        wanted = np.zeros(out.busy_s.shape[2])
        for slot, value in pool.busy_by_slot.items():
            wanted[slot] = value
        np.testing.assert_allclose(out.busy_s[p, 0], wanted, rtol=1e-12, atol=1e-9)


def everything(state: JobState, out: JobOut) -> list[np.ndarray]:
    keep = [state.start_s, state.finish_s, state.status, state.saved_s, state.lost_accelerator_s]
    return [*keep, state.restarts, out.busy_s, out.waiting_s, out.waiting_accelerator_s]


@quick
@given(
    jobs_of,
    st.lists(st.integers(0, 800).map(lambda n: n / 4.0), max_size=12),
    st.tuples(times, st.integers(1, 200).map(lambda n: n / 8.0)),
    st.tuples(st.integers(0, 4), st.integers(0, 4)),
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
    for discipline, starts in ((1, [0.0, 100.0, 2.0, 110.0]), (0, [0.0, 100.0, 110.0, 110.0])):
        inputs, state, out = kernel(rows, (discipline, 0))
        advance_jobs(state, inputs, HORIZON_S, out)
        assert state.start_s.tolist() == starts


def test_order_of_the_queue_by_discipline() -> None:
    rows = [
        (0.0, 4, 10.0, 10.0, 0),
        (1.0, 4, 5.0, 30.0, 0),  # long by its estimate
        (2.0, 4, 5.0, 20.0, 0),
        (3.0, 2, 5.0, 25.0, 0),  # the smallest area, 50
    ]
    for discipline, starts in (
        (0, [0.0, 10.0, 15.0, 20.0]),
        (2, [0.0, 20.0, 10.0, 15.0]),
        (3, [0.0, 10.0, 20.0, 15.0]),
        (4, [0.0, 20.0, 15.0, 10.0]),
    ):
        inputs, state, out = kernel(rows, (discipline, 0))
        advance_jobs(state, inputs, HORIZON_S, out)
        assert state.start_s.tolist() == starts, discipline
