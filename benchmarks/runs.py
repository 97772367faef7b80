"""Whole runs: the national week, memory, and driving the data plane every second."""

from __future__ import annotations

import time

import computenet as cn
from benchmarks.measure import Figure, median_s
from computenet.policies import make_policy
from computenet.simulation import run_scenario


def national_week() -> list[Figure]:
    """Simulate seven days of china-2025, after compilation of the kernels."""
    cn.simulate(cn.load("china-2025", days=0.02))
    begin = time.perf_counter()
    results = cn.simulate(cn.load("china-2025", days=7))
    wall = time.perf_counter() - begin
    requests = results.summary["requests"]["simulated"]
    jobs = results.summary["jobs"]["submitted"]
    return [
        Figure("china-2025, 7 days", wall, "s", "< 90", wall < 90.0),
        Figure("  simulated requests", requests / 1e6, "million", ">= 50", requests >= 5e7),
        Figure("  jobs", jobs / 1e6, "million", ">= 1", jobs >= 1e6),
        Figure("  peak memory", results.manifest["peak_rss_mb"], "MB", "", True),
    ]


def memory() -> list[Figure]:
    """Compare the peak memory of runs with one and with eight times the requests."""
    import subprocess
    import sys

    peaks = []
    for k in (4000, 500):
        code = (
            "import computenet as cn; s = cn.load('china-2025', overrides={'days': 1,"
            f"'run.sampling': {k},"
            "**{f'workload.job_classes.{c}.rate_per_day': 0 for c in "
            "('small','tuning','fine-tuning','batch-inference','pretraining')}});"
            "print(cn.simulate(s).manifest['peak_rss_mb'])"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        peaks.append(float(done.stdout))
    ratio = peaks[1] / peaks[0]
    return [Figure("peak memory, 8 times the requests over once", ratio, "x", "< 1.1", ratio < 1.1)]


def every_second() -> list[Figure]:
    """Advance the data plane from SimPy every simulated second, against one uncut call."""
    scenario = cn.load("china-2025", days=0.25)
    policy = make_policy("proportional", {})
    run_scenario(scenario, policy)
    whole = median_s(lambda: run_scenario(scenario, policy), 5)
    cut = median_s(lambda: run_scenario(scenario, policy, tick_s=1.0), 5)
    ratio = cut / whole
    return [
        Figure("advanced every simulated second over uncut", ratio, "x", "<= 1.5", ratio <= 1.5)
    ]


def run() -> list[Figure]:
    """Run all."""
    return [*national_week(), *every_second(), *memory()]
