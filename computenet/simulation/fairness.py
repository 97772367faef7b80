"""How evenly regions were served."""

from __future__ import annotations

import numpy as np

from computenet.compiled import F8, I8, CompiledScenario
from computenet.simulation.job_totals import JobTotals
from computenet.simulation.totals import RequestTotals

__all__ = ["fairness_of_regions", "jain_index", "spread_over_regions"]


def jain_index(values: F8) -> float:
    """Return ``(sum x)^2 / (n sum x^2)``: 1 where all are equal, 1/n where one has everything.

    R. Jain, D. Chiu and W. Hawe, *A Quantitative Measure of Fairness and Discrimination for
    Resource Allocation in Shared Computer Systems*, DEC Research Report TR-301, 1984. Where
    nobody has anything all are equal.
    """
    top = float(np.abs(values).max(initial=0.0))
    if top == 0.0:
        return 1.0
    scaled = values / top
    return float(scaled.sum() ** 2 / (len(scaled) * (scaled**2).sum()))


def spread_over_regions(part: F8, whole: F8) -> dict[str, float | None]:
    """Return Jain's index, lowest and highest of ``part / whole`` over regions that ask at all."""
    asks = whole > 0.0
    if not asks.any():
        return {"jain": None, "min": None, "max": None}
    share = part[asks] / whole[asks]
    return {
        "jain": jain_index(share),
        "min": float(share.min()),
        "max": float(share.max()),
    }


def fairness_of_regions(
    compiled: CompiledScenario, jobs: JobTotals, requests: RequestTotals
) -> dict[str, dict[str, float | None]]:
    """Return the spread over regions of what was served of what was asked for.

    ``requests_served``: requests served of those that arrived; ``slo_attainment``: those within
    their objectives of those that ended after the warm-up; ``work_completed``: accelerator-seconds
    of completed jobs of those of submitted ones.
    """
    n = len(compiled.regions)

    def fold(values: I8) -> F8:
        return np.asarray(values.reshape(n, -1).sum(axis=1), dtype=np.float64)

    measured = requests.measured
    return {
        "requests_served": spread_over_regions(fold(requests.served), fold(requests.arrived)),
        "slo_attainment": spread_over_regions(
            fold(measured.attained), fold(measured.served + measured.dropped)
        ),
        "work_completed": spread_over_regions(jobs.completed_by_region, jobs.work_by_region),
    }
