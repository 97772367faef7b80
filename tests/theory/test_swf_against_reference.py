"""Real SWF logs: waits under FCFS and EASY equal those of the plain reference exactly."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import simpy

from computenet.compilation import DISCIPLINES
from computenet.kernels.job_queue import advance_jobs, push_arrivals
from computenet.kernels.job_state import make_job_inputs, make_job_out, make_job_state
from computenet.simulation.reference import ReferenceJob, ReferencePool, run_jobs
from computenet.workload.traces import read_trace

#: Jobs compared of each log, and the load they are compressed to, so that queues form.
JOBS, LOAD = 2000, 0.9


def logs() -> list[Path]:
    root = os.environ.get("COMPUTENET_TRACES")
    return sorted((Path(root) / "swf").glob("*.swf*")) if root else []


@pytest.mark.skipif(not logs(), reason="COMPUTENET_TRACES is not set or has no SWF logs")
@pytest.mark.parametrize("name", ["fcfs", "easy"])
@pytest.mark.parametrize("log", logs(), ids=lambda path: path.name)
def test_waits_equal_the_reference(log: Path, name: str) -> None:
    jobs = read_trace(log).jobs
    assert jobs is not None
    n = min(JOBS, jobs.rows)
    gang, work, estimate = (
        column[:n] for column in (jobs.accelerators, jobs.duration_s, jobs.estimate_s)
    )
    size = int(gang.max())
    span = float((gang * work).sum()) / size / LOAD
    submit = np.floor(jobs.submit_s[:n] * span / max(float(jobs.submit_s[n - 1]), 1.0))
    inputs = make_job_inputs(
        accelerators=gang,
        work_s=work,
        estimate_s=estimate,
        discipline=np.asarray([DISCIPLINES[name]], dtype=np.int32),
        speed=np.ones((1, 1)),
        slot_s=1e9,
    )
    state = make_job_state(inputs, np.asarray([size]))
    push_arrivals(np.arange(n), submit, np.zeros(n, dtype=np.int32), n, state)
    advance_jobs(state, inputs, np.inf, make_job_out(1, 1, 1))
    env = simpy.Environment()
    twin = [
        ReferenceJob(i, *row)
        for i, row in enumerate(
            zip(submit.tolist(), gang.tolist(), work.tolist(), estimate.tolist(), strict=True)
        )
    ]
    run_jobs(env, twin, [ReferencePool(env, size, discipline=name, slot_s=1e9)])
    waits = state.start_s - submit
    np.testing.assert_array_equal(waits, [job.start_s - job.ready_s for job in twin])
    assert waits.max() > 0.0
