"""Kernels alone: queue disciplines on the loaded PAI trace, service laws on the Azure trace.

The Alibaba PAI jobs are compressed in time to a load of 1.1 on one pool of 400, so the queue grows
to 10,000 jobs; the Azure conversation requests go to one replica of an 8-billion model.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.measure import Figure, median_s
from computenet.compilation import DISCIPLINES
from computenet.engines import (
    DEVICES,
    LAWS,
    MODELS,
    EngineLimits,
    cache_capacity_tokens,
    serve_alone,
)
from computenet.kernels.job_queue import advance_jobs, push_arrivals
from computenet.kernels.job_state import JobInputs, make_job_inputs, make_job_out, make_job_state
from computenet.workload.traces import read_trace

SIZE, LOAD, TENANTS, SLOT_S = 400, 1.1, 200, 86_400.0


def _waits(inputs: JobInputs, submit_s: np.ndarray) -> np.ndarray:
    """Run the jobs on one pool; return how long each waited, s."""
    n = len(submit_s)
    state = make_job_state(inputs, np.asarray([SIZE]))
    push_arrivals(np.arange(n), submit_s, np.zeros(n, dtype=np.int32), n, state)
    advance_jobs(state, inputs, np.inf, make_job_out(1, 3, 2000))
    return state.start_s - submit_s


def _disciplines(root: Path) -> list[Figure]:
    jobs = read_trace(root / "alibaba-pai-2020" / "pai-100k.csv.gz").jobs
    assert jobs is not None
    work_s = float((jobs.duration_s * jobs.accelerators).sum())
    submit = jobs.submit_s * (work_s / SIZE / LOAD / float(jobs.submit_s[-1]))
    n, rng = jobs.rows, np.random.default_rng(1)
    tenant = rng.integers(0, TENANTS, n).astype(np.int32)
    job_class = rng.integers(0, 3, n).astype(np.int32)
    figures = []
    for name, code in DISCIPLINES.items():
        inputs = make_job_inputs(
            accelerators=jobs.accelerators,
            work_s=jobs.duration_s,
            estimate_s=jobs.estimate_s,
            discipline=np.asarray([code], dtype=np.int32),
            speed=np.ones((3, 1)),
            job_class=job_class,
            tenant=tenant,
            checkpoint_s=np.full(3, 600.0),
            priority=np.asarray([1, 2, 3]),
            priority_weight_s=np.full(1, 86_400.0),
            half_life_s=np.full(1, 7 * 86_400.0),
            slot_s=SLOT_S,
        )
        waits = _waits(inputs, submit)
        speed = n / median_s(partial(_waits, inputs, submit), 5)
        changes = np.concatenate([submit, submit + waits])
        step = np.concatenate([np.ones(n), -np.ones(n)])
        longest = int(np.cumsum(step[np.argsort(changes, kind="stable")]).max())
        least = 400_000 if name == "easy" else 200_000
        title = f"{name}, longest queue {longest:,}"
        figures.append(Figure(title, speed, "jobs/s", f">= {least:,}", speed >= least))
    return figures


def _laws(root: Path) -> list[Figure]:
    table = read_trace(root / "azure-llm-2023" / "AzureLLMInferenceTrace_conv.csv.gz").requests
    assert table is not None
    model, device = MODELS["llama-3.1-8b"], DEVICES["a100-80gb"]
    limits = EngineLimits(256, 2048, cache_capacity_tokens(model, device, 1))
    into = table.input_tokens.astype(np.int64)
    out = np.maximum(table.output_tokens, 1).astype(np.int64)
    figures = []
    for law in LAWS:
        for factor in (0.5, 1.0, 4.0):
            arrival = table.arrival_s / factor

            once = partial(serve_alone, arrival, into, out, model, device, 1, limits, law)
            once()
            speed = table.rows / median_s(once, 5)
            title = f"{law}, Azure conversation at {factor:g} times its rate"
            figures.append(Figure(title, speed, "requests/s", ">= 200,000", speed >= 2e5))
    return figures


def run() -> list[Figure]:
    """Run both."""
    if "COMPUTENET_TRACES" not in os.environ:
        print("disciplines: COMPUTENET_TRACES is not set, left out")
        return []
    root = Path(os.environ["COMPUTENET_TRACES"])
    return _disciplines(root) + _laws(root)
