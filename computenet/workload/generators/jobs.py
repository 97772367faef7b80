"""Jobs by class: gang sizes, run times, user estimates, data, sessions of users, weekly shape."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from computenet.workload.generators.bursts import Burst
from computenet.workload.generators.job_laws import (
    GeneratedJobs,
    JobLaw,
    mean_load_accelerators,
)
from computenet.workload.generators.job_source import JobSource

__all__ = ["GeneratedJobs", "JobLaw", "JobSource", "generate_jobs", "mean_load_accelerators"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]


def generate_jobs(
    laws: Sequence[JobLaw],
    hourly: F8,
    region_share: F8,
    first_hour: float,
    kinds: I8,
    horizon_s: float,
    seed: int,
    bursts: Sequence[Burst] = (),
) -> GeneratedJobs:
    """Draw the jobs of a run at once, sorted by submission; parameters as of `JobSource`."""
    source = JobSource(laws, hourly, region_share, first_hour, kinds, horizon_s, seed, bursts)
    return source.before(np.inf)
