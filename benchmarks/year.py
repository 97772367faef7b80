"""A year of the national network on two cores: wall time, memory, and what windows cost.

``python -m benchmarks.year [DAYS] [ENERGY MODEL]``; jobs one by one and streamed to disk, requests
sampled in space (1 in 500) and in time (an hour of every 23).
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measure import Figure

WINDOW_H, PERIOD_H = 1, 23


def year(days: float = 365.0, model: str = "simple") -> list[Figure]:
    """Run the command in a process of its own, kernels compiled before."""
    settings = [f"run.request_window_h={WINDOW_H}", f"run.request_period_h={PERIOD_H}"]
    command = [
        sys.executable, "-c", "from computenet.cli.main import run; run()", "simulate",
        "china-2025", "--set", f"energy.model={model}",
        *(word for setting in settings for word in ("--set", setting)),
    ]  # fmt: skip
    subprocess.run([*command, "--days", "0.1", "--json"], check=True, capture_output=True)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "year"
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        begin = time.perf_counter()
        subprocess.run(
            [*command, "--days", f"{days:g}", "--out", str(out), "--json"],
            check=True, capture_output=True,
        )  # fmt: skip
        wall_s = time.perf_counter() - begin
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
        rows_gb = (out / "jobs.parquet").stat().st_size / 1e9
    processor_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    peak_gb = after.ru_maxrss / 1024.0**2
    limit_s = 360.0 * days / 365.0
    balances = summary["audit"]["jobs"] == summary["audit"]["requests"] == 0
    return [
        Figure(f"china-2025, {days:g} days, energy {model}", wall_s, "s", f"< {limit_s:.0f}",
               wall_s < limit_s),
        Figure("  processor time of both cores", processor_s, "s", "", True),
        Figure("  peak memory, report and saving included", peak_gb, "GiB", "< 4", peak_gb < 4.0),
        Figure("  jobs", summary["jobs"]["submitted"] / 1e6, "million", "", balances),
        Figure("  table of jobs on disk", rows_gb, "GB", "", True),
        Figure("  simulated requests", summary["requests"]["simulated"] / 1e6, "million", "", True),
    ]  # fmt: skip


def run() -> list[Figure]:
    """Run the year under either energy model."""
    return [*year(), *year(model="full")]


if __name__ == "__main__":
    asked = sys.argv[1:]
    model = asked[1] if len(asked) > 1 else "simple"
    for figure in year(float(asked[0]) if asked else 365.0, model):
        print(figure.line(), flush=True)
