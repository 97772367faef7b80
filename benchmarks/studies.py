"""Studies: what a second process brings, and what a run costs beyond its simulation.

A Monte Carlo of a day of ``china-2025`` on one process and on two; ``COMPUTENET_STUDY_RUNS`` sets
the number of runs, 200 in full. One process draws requests ahead in a thread on the second core, so
it is also measured held to one core. Overhead is measured on runs of a small scenario: wall time of
the study between its first and its last row, less the time spent in runs themselves.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.measure import Figure
from computenet.study.sweeps import prepare_study, run_study
from computenet.study.sweeps.preparing import Prepared

RUNS = int(os.environ.get("COMPUTENET_STUDY_RUNS", "200"))
SMALL: dict[str, Any] = {
    "scenario": "two-hubs",
    "overrides": {"days": 0.01},
    "design": {"method": "monte-carlo", "n": 300},
    "axes": {"workload.scale": {"distribution": {"kind": "uniform", "low": 0.5, "high": 1.5}}},
}


def timed(prepared: Prepared, workers: int) -> tuple[float, int, float]:
    """Return seconds from the first row to the last, rows between, and seconds within runs."""
    at: list[float] = []

    def progress(runs: int, failed: int) -> None:
        if runs:
            at.append(time.perf_counter())
        if failed:
            raise SystemExit("a run failed")

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "study"
        run_study(prepared, workers=workers, out=out, progress=progress)
        inside_s = float(pd.read_parquet(out / "timings.parquet")["wall_s"].iloc[1:].sum())
    return at[-1] - at[0], len(at) - 1, inside_s


def run() -> list[Figure]:
    """Measure; the first row's time is the start of workers and is left out."""
    national = prepare_study("national-uncertainty", {"design.n": RUNS})
    rates = []
    every = os.sched_getaffinity(0)
    for workers, cores in ((1, {min(every)}), (1, every), (2, every)):
        os.sched_setaffinity(0, cores)
        wall_s, rows, _ = timed(national, workers)
        rates.append(rows / wall_s)
    wall_s, rows, inside_s = timed(prepare_study(SMALL), 1)
    overhead_ms = 1000.0 * (wall_s - inside_s) / rows
    gain, cores = rates[2] / rates[1], rates[2] / rates[0]
    return [
        Figure(f"{RUNS} runs of a china-2025 day, 1 process", rates[1], "runs/s", "", True),
        Figure("the same, 2 processes over 1", gain, "x", ">= 1.8", gain >= 1.8),
        Figure("2 processes on 2 cores over 1 process on 1 core", cores, "x", "", True),
        Figure("overhead of a run", overhead_ms, "ms", "<= 30", overhead_ms <= 30.0),
    ]
