"""Laws of jobs by class: gangs, run times, estimates, data, sessions of users, weekly shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from computenet.workload.generators.bursts import Burst
from computenet.workload.generators.calendar import kind_at

__all__ = [
    "BURST_CELL_S",
    "HOUR_S",
    "GeneratedJobs",
    "JobLaw",
    "burst_factor",
    "mean_load_accelerators",
    "run_times",
    "runs_in_progress",
    "session_rate",
]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
I4 = NDArray[np.int32]

HOUR_S = 3600.0
#: Length of a cell of constant burst factor, s.
BURST_CELL_S = 60.0


@dataclass(frozen=True, slots=True)
class JobLaw:
    """How one class of jobs is submitted and how long its jobs run.

    Attributes
    ----------
    rate_per_day
        Submissions a day, mean over a week.
    sizes, weights
        Accelerators of a gang and their relative weights.
    run_time_median_s, run_time_sigma, run_time_most_s
        Log-normal run time at reference speed, capped.
    estimate_factor
        Mean of the user's estimate over the run time; the excess is exponential.
    data_median_gb, data_sigma
        Log-normal input data; 0 = none.
    run_time_quantiles_s
        Run times at equal steps of probability instead; ``None`` = log-normal.
    session_jobs_mean, session_pause_s
        Mean jobs of a session (geometric): the submissions of one user come in clumps; mean pause
        between two of them (exponential).
    weekend_factor, holiday_factor
        Weekend and holiday rate over weekday rate.
    failed_share, failed_after
        Share of the jobs that fail of themselves, and the mean part of the run time at which they
        do (uniform from 0 to twice that).
    deadline_h
        Hours after submission, besides the run time, by which a job should have ended; NaN = none.
    data_elsewhere
        Share of the jobs whose data lies in another region, drawn by training shares.
    in_progress
        Whether runs are under way at the start, as in a system long in use.
    """

    name: str
    rate_per_day: float
    sizes: tuple[int, ...]
    weights: tuple[float, ...]
    run_time_median_s: float
    run_time_sigma: float
    run_time_most_s: float
    estimate_factor: float
    data_median_gb: float
    data_sigma: float
    session_jobs_mean: float
    session_pause_s: float
    weekend_factor: float
    holiday_factor: float
    failed_share: float
    failed_after: float
    deadline_h: float
    data_elsewhere: float
    run_time_quantiles_s: Sequence[float] | None
    in_progress: bool


@dataclass(frozen=True, slots=True)
class GeneratedJobs:
    """Columns of jobs, sorted by submission."""

    submit_s: F8
    job_class: I4
    region: I4
    accelerators: I8
    work_s: F8
    estimate_s: F8
    data_gb: F8
    user: I4
    fails: I4
    deadline_s: F8
    data_region: I4


def mean_load_accelerators(law: JobLaw) -> float:
    """Return the mean number of reference accelerators the class keeps busy.

    Rate times mean gang times mean run time (Little's law); the mean of the capped log-normal is
    taken numerically over its quantiles.
    """
    weights = np.asarray(law.weights) / sum(law.weights)
    gang = float((weights * np.asarray(law.sizes)).sum())
    part = 1.0 - law.failed_share * (1.0 - law.failed_after)
    return law.rate_per_day / 86_400.0 * gang * part * float(_run_time_quantiles(law).mean())


def _run_time_quantiles(law: JobLaw, n: int = 4001) -> F8:
    from scipy.special import ndtri

    return run_times(law, ndtri((np.arange(n) + 0.5) / n))


def run_times(law: JobLaw, z: F8) -> F8:
    """Return run times at standard normal numbers."""
    from scipy.special import ndtr

    if law.run_time_quantiles_s is not None:
        steps = np.linspace(0.0, 1.0, len(law.run_time_quantiles_s))
        times: F8 = np.exp(np.interp(ndtr(z), steps, np.log(law.run_time_quantiles_s)))
    else:
        times = law.run_time_median_s * np.exp(law.run_time_sigma * z)
    return np.minimum(times, law.run_time_most_s)


def session_rate(
    law: JobLaw, hourly: F8, first_hour: float, kinds: I8, horizon_s: float, burst: F8 | None
) -> tuple[float, F8]:
    """Return the length of a cell, s, and the sessions expected in each cell of the run."""
    hours = int(np.ceil(horizon_s / HOUR_S))
    kind, clock = kind_at(first_hour + np.arange(hours, dtype=np.float64), kinds)
    factor = np.asarray([1.0] * 5 + [law.weekend_factor] * 2 + [law.holiday_factor])
    mean_day = (5.0 + 2.0 * law.weekend_factor) / 7.0
    shape = hourly[clock] / hourly.mean() * factor[kind] / max(mean_day, 1e-12)
    rate_per_h: F8 = law.rate_per_day / 24.0 / law.session_jobs_mean * shape
    if burst is None:
        return HOUR_S, rate_per_h
    parts = round(HOUR_S / BURST_CELL_S)
    return BURST_CELL_S, np.repeat(rate_per_h / parts, parts) * burst[: hours * parts]


def burst_factor(
    bursts: Sequence[Burst], horizon_s: float, seed: np.random.SeedSequence
) -> F8 | None:
    """Return the factor of each cell, log-normal of mean 1; ``None`` without bursts."""
    if not bursts:
        return None
    from scipy.signal import lfilter

    cells = int(np.ceil(horizon_s / HOUR_S)) * round(HOUR_S / BURST_CELL_S)
    rng = np.random.default_rng(seed)
    log = np.zeros(cells)
    for item in bursts:
        sigma = float(np.sqrt(np.log1p(item.cv**2)))
        keep = float(np.exp(-BURST_CELL_S / item.correlation_s))
        noise = rng.standard_normal(cells)
        noise[1:] *= np.sqrt(1.0 - keep**2)
        log += sigma * lfilter([1.0], [1.0, -keep], noise) - 0.5 * sigma**2
    factor: F8 = np.exp(log)
    return factor


def runs_in_progress(law: JobLaw, rng: np.random.Generator) -> F8:
    """Return residual run times of the runs under way in steady state.

    Their number is Poisson with mean rate times mean run time; a run under way is one of length
    ``L`` chosen with weight ``L`` (length bias), and its residual is uniform over it.
    """
    quantiles = _run_time_quantiles(law)
    count = int(rng.poisson(law.rate_per_day / 86_400.0 * float(quantiles.mean())))
    biased = np.cumsum(quantiles)
    length = quantiles[np.searchsorted(biased, rng.random(count) * biased[-1], side="right")]
    residual: F8 = length * rng.random(count)
    return residual
