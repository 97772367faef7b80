"""What the definitions of the disciplines promise: who starves, and that no accelerator idles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from computenet.compilation import DISCIPLINES
from computenet.kernels.job_queue import advance_jobs, push_arrivals
from computenet.kernels.job_state import make_job_inputs, make_job_out, make_job_state

SIZE = 8
quick = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
jobs_of = st.lists(
    st.tuples(st.integers(0, 200), st.integers(1, SIZE), st.integers(1, 50), st.integers(0, 2)),
    min_size=1,
    max_size=60,
)


def run(
    name: str,
    submit: np.ndarray,
    gang: np.ndarray,
    work: np.ndarray,
    tenant: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return starts and ends of jobs, sorted by submission, on one pool of `SIZE`."""
    n = len(submit)
    inputs = make_job_inputs(
        accelerators=gang.astype(np.int64),
        work_s=work.astype(np.float64),
        estimate_s=work.astype(np.float64),
        discipline=np.asarray([DISCIPLINES[name]], dtype=np.int32),
        tenant=None if tenant is None else tenant.astype(np.int32),
        speed=np.ones((1, 1)),
        priority_weight_s=np.asarray([100.0]),
        size_weight_s=np.asarray([50.0]),
        half_life_s=np.asarray([1000.0]),
        slot_s=1e9,
    )
    state = make_job_state(inputs, np.asarray([SIZE]))
    push_arrivals(np.arange(n), submit.astype(float), np.zeros(n, dtype=np.int32), n, state)
    advance_jobs(state, inputs, np.inf, make_job_out(1, 1, 1))
    return state.start_s.copy(), state.finish_s.copy()


@pytest.mark.parametrize("name", ["fcfs", "easy", "conservative", "multifactor"])
def test_a_large_job_is_not_starved_by_a_stream_of_small_ones(name: str) -> None:
    """A stream that fills the pool for ever; one job that needs all of it, submitted early."""
    n = 20_000
    submit = np.arange(n) * 1.0
    gang, work = np.ones(n), np.full(n, 10.0)
    gang[50] = SIZE
    start, _ = run(name, submit, gang, work)
    # The pool takes in 0.8 jobs a second of 1: those before it are gone long before this.
    assert start[50] - submit[50] < 100.0
    assert np.isfinite(start).all()


@pytest.mark.parametrize("name", ["sjf", "smallest-area"])
def test_disciplines_by_size_may_starve_as_their_definition_says(name: str) -> None:
    n = 2000
    submit = np.arange(n) * 1.0
    gang, work = np.ones(n), np.full(n, 10.0)
    gang[50], work[50] = SIZE, 20.0
    start, _ = run(name, submit, gang, work)
    assert start[50] > submit[-1]


def test_fair_share_lets_no_tenant_crowd_out_another() -> None:
    """One tenant submits without end, another once in a while: its jobs hardly wait."""
    n = 5000
    submit = np.arange(n) * 1.0
    gang, work = np.full(n, 4), np.full(n, 10.0)
    tenant = np.where(np.arange(n) % 100 == 99, 1, 0)
    wait = run("fair-share", submit, gang, work, tenant)[0] - submit
    assert wait[tenant == 1].max() <= 10.0
    assert wait[tenant == 0].mean() > 1000.0


@pytest.mark.parametrize("name", sorted(DISCIPLINES))
@quick
@given(jobs_of)
def test_work_is_conserved_among_single_jobs(name: str, rows) -> None:
    """With gangs of one, min(size, jobs present) accelerators are busy at every moment."""
    rows = sorted(rows)
    submit = np.asarray([row[0] for row in rows], dtype=np.float64)
    work = np.asarray([row[2] for row in rows], dtype=np.float64)
    tenant = np.asarray([row[3] for row in rows])
    start, end = run(name, submit, np.ones(len(rows)), work, tenant)
    for time in np.unique(np.concatenate([submit, start, end])):
        present = int(((submit <= time) & (time < end)).sum())
        busy = int(((start <= time) & (time < end)).sum())
        assert busy == min(SIZE, present)


@pytest.mark.parametrize("name", ["fcfs", "easy", "conservative"])
@quick
@given(jobs_of)
def test_the_head_waits_only_while_it_does_not_fit(name: str, rows) -> None:
    rows = sorted(rows)
    submit, gang, work = (
        np.asarray([row[column] for row in rows], dtype=np.float64) for column in range(3)
    )
    start, end = run(name, submit, gang, work)
    for time in np.unique(np.concatenate([submit, start, end])):
        waiting = np.flatnonzero((submit <= time) & (time < start))
        running = (start <= time) & (time < end)
        assert gang[running].sum() <= SIZE
        if waiting.size:
            assert gang[waiting[0]] > SIZE - gang[running].sum()


@quick
@given(jobs_of)
def test_backfill_never_delays_the_head_beyond_fcfs(rows) -> None:
    """With exact estimates conservative backfill starts no job later than plain FCFS does."""
    rows = sorted(rows)
    submit, gang, work = (
        np.asarray([row[column] for row in rows], dtype=np.float64) for column in range(3)
    )
    plain = run("fcfs", submit, gang, work)[0]
    filled = run("conservative", submit, gang, work)[0]
    assert (filled <= plain).all()
