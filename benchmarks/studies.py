"""Studies: what a second process brings, and what a run costs beyond its simulation.

A Monte Carlo of a day of ``china-2025`` on one process and on two; ``COMPUTENET_STUDY_RUNS`` sets
the number of runs, 200 in full. A run of a study keeps to one core; one that has a second to itself
draws requests ahead there, and is measured beside them. Overhead is measured on runs of a small
scenario: wall time of the study between its first and its last row, less the time spent in runs
themselves.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd

import computenet as cn
from benchmarks.measure import Figure
from computenet.study.sweeps import prepare_study, run_study
from computenet.study.sweeps.preparing import Prepared
from computenet.study.sweeps.tasks import scenario_of

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


def alone(prepared: Prepared) -> float:
    """Return runs a second of single simulations, one after the other, on all cores."""
    begin = time.perf_counter()
    for task in prepared.tasks:
        cn.simulate(scenario_of(prepared.work, task))
    return len(prepared.tasks) / (time.perf_counter() - begin)


def run() -> list[Figure]:
    """Measure; the first row's time is the start of workers and is left out."""
    national = prepare_study("national-uncertainty", {"design.n": RUNS})
    rates = []
    for workers in (1, 2):
        wall_s, rows, _ = timed(national, workers)
        rates.append(rows / wall_s)
    single = alone(prepare_study("national-uncertainty", {"design.n": min(RUNS, 10)}))
    wall_s, rows, inside_s = timed(prepare_study(SMALL), 1)
    overhead_ms = 1000.0 * (wall_s - inside_s) / rows
    gain = rates[1] / rates[0]
    return [
        Figure(f"{RUNS} runs of a china-2025 day, 1 process", rates[0], "runs/s", "", True),
        Figure("the same, 2 processes over 1", gain, "x", ">= 1.8", gain >= 1.8),
        Figure("2 processes over single simulations", rates[1] / single, "x", "", True),
        Figure("overhead of a run", overhead_ms, "ms", "<= 30", overhead_ms <= 30.0),
    ]
