"""SWF logs on a machine of their own size: ``python -m benchmarks.swf`` prints the docs' table."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from computenet.compilation import DISCIPLINES
from computenet.kernels.job_queue import advance_jobs, push_arrivals
from computenet.kernels.job_state import make_job_inputs, make_job_out, make_job_state
from computenet.workload.traces import read_trace

SHOWN = ("fcfs", "easy", "conservative", "sjf")
BOUND_S = 10.0


def lines(log: Path, load: float | None) -> list[str]:
    """Return table rows of a log, as recorded or compressed to a load."""
    trace = read_trace(log)
    jobs = trace.jobs
    assert jobs is not None
    size = int(trace.figures["header"]["MaxProcs"])
    submit = jobs.submit_s
    if load is not None:
        work = float((jobs.accelerators * jobs.duration_s).sum())
        submit = submit * (work / size / load / float(submit[-1]))
    n = jobs.rows
    out = []
    for name in SHOWN:
        inputs = make_job_inputs(
            accelerators=jobs.accelerators,
            work_s=jobs.duration_s,
            estimate_s=np.maximum(jobs.estimate_s, jobs.duration_s),
            discipline=np.asarray([DISCIPLINES[name]], dtype=np.int32),
            speed=np.ones((1, 1)),
            depth=np.asarray([10_000]),
            slot_s=1e9,
        )
        state = make_job_state(inputs, np.asarray([size]))
        push_arrivals(np.arange(n), submit, np.zeros(n, dtype=np.int32), n, state)
        advance_jobs(state, inputs, np.inf, make_job_out(1, 1, 1))
        wait = state.start_s - submit
        slow = np.maximum((wait + jobs.duration_s) / np.maximum(jobs.duration_s, BOUND_S), 1.0)
        recorded = jobs.recorded_wait_s
        shown = f"{np.nanmean(recorded):,.0f}" if np.isfinite(recorded).any() else "-"
        out.append(
            f"| {log.name.split('.')[0]} | {'as recorded' if load is None else load} | {name} | "
            f"{wait.mean():,.0f} | {np.quantile(wait, 0.95):,.0f} | {slow.mean():,.1f} | {shown} |"
        )
    return out


def main() -> None:
    """Print the table."""
    root = Path(os.environ["COMPUTENET_TRACES"]) / "swf"
    print("| log | load | discipline | mean wait, s | p95, s | bounded slowdown | on record, s |")
    print("|---|---|---|---|---|---|---|")
    for log in sorted(root.glob("*.swf*")):
        for load in (None, 0.8):
            print("\n".join(lines(log, load)), flush=True)


if __name__ == "__main__":
    main()
