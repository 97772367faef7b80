"""Jobs by class: gang sizes, run times, user estimates, data, sessions of users, weekly shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from computenet.streams import named_stream
from computenet.workload.generators.bursts import Burst
from computenet.workload.generators.calendar import kind_at

__all__ = ["GeneratedJobs", "JobLaw", "generate_jobs", "mean_load_accelerators"]

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

    return _run_times(law, ndtri((np.arange(n) + 0.5) / n))


def _run_times(law: JobLaw, z: F8) -> F8:
    """Return run times at standard normal numbers."""
    from scipy.special import ndtr

    if law.run_time_quantiles_s is not None:
        steps = np.linspace(0.0, 1.0, len(law.run_time_quantiles_s))
        times: F8 = np.exp(np.interp(ndtr(z), steps, np.log(law.run_time_quantiles_s)))
    else:
        times = law.run_time_median_s * np.exp(law.run_time_sigma * z)
    return np.minimum(times, law.run_time_most_s)


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
    """Draw the jobs of a run.

    Parameters
    ----------
    laws
        One a class; each has its own random stream ``jobs.<name>``.
    hourly
        ``(24,)`` relative submissions by hour of the day.
    region_share
        ``(R,)`` shares of training demand.
    first_hour
        Hour of the day at which the run starts, local time.
    kinds
        Kind of every day, see `day_kinds`.
    horizon_s
        Length of the run.
    seed
        The run's seed.
    bursts
        Components of the factor on each class's rate of sessions.
    """
    share = np.cumsum(region_share / region_share.sum())
    parts = [
        _generate(law, index, hourly, share, first_hour, kinds, horizon_s, seed, bursts)
        for index, law in enumerate(laws)
    ]
    columns = [
        np.concatenate([getattr(part, name) for part in parts])
        for name in GeneratedJobs.__dataclass_fields__
    ]
    order = np.argsort(columns[0], kind="stable")
    return GeneratedJobs(*[column[order] for column in columns])


def _generate(
    law: JobLaw,
    index: int,
    hourly: F8,
    share: F8,
    first_hour: float,
    kinds: I8,
    horizon_s: float,
    seed: int,
    bursts: Sequence[Burst],
) -> GeneratedJobs:
    rng = np.random.default_rng(named_stream(seed, f"jobs.{law.name}"))
    factor = _burst_factor(bursts, horizon_s, named_stream(seed, f"jobs.{law.name}.burst"))
    submit, session = _submissions(law, hourly, first_hour, kinds, horizon_s, rng, factor)
    run = _run_times(law, rng.standard_normal(len(submit)))
    residual = run
    data = (
        law.data_median_gb * np.exp(law.data_sigma * rng.standard_normal(len(submit)))
        if law.data_median_gb > 0.0
        else np.zeros(len(submit))
    )
    if law.in_progress:
        under_way = _in_progress(law, rng)
        submit = np.concatenate([np.zeros(len(under_way)), submit])
        residual = np.concatenate([under_way, residual])
        data = np.concatenate([np.zeros(len(under_way)), data])
        session = np.concatenate([np.arange(len(under_way)), session + len(under_way)])
    n = len(submit)
    edges = np.cumsum(np.asarray(law.weights) / sum(law.weights))
    edges[-1] = 1.0
    size_at = np.searchsorted(edges, rng.random(n), side="right")
    excess = rng.exponential(max(law.estimate_factor - 1.0, 0.0), n)
    sessions = int(session.max(initial=-1)) + 1
    origin = np.minimum(np.searchsorted(share, rng.random(sessions), side="right"), len(share) - 1)
    region = origin[session].astype(np.int32)
    # Drawn last, so that a class without failures and data elsewhere stays as it is.
    run_s, fails = residual, np.zeros(n, dtype=np.int32)
    if law.failed_share > 0.0:
        fails = (rng.random(n) < law.failed_share).astype(np.int32)
        run_s = np.where(fails == 1, residual * 2.0 * law.failed_after * rng.random(n), residual)
    data_region = region
    if law.data_elsewhere > 0.0:
        away = rng.random(n) < law.data_elsewhere
        other = np.minimum(np.searchsorted(share, rng.random(n), side="right"), len(share) - 1)
        data_region = np.where(away, other, region).astype(np.int32)
    return GeneratedJobs(
        submit_s=submit,
        job_class=np.full(n, index, dtype=np.int32),
        region=region,
        accelerators=np.asarray(law.sizes, dtype=np.int64)[size_at],
        work_s=run_s,
        estimate_s=residual * (1.0 + excess),
        data_gb=data,
        user=session.astype(np.int32),
        fails=fails,
        deadline_s=submit + residual + 3600.0 * law.deadline_h,
        data_region=data_region,
    )


def _submissions(
    law: JobLaw,
    hourly: F8,
    first_hour: float,
    kinds: I8,
    horizon_s: float,
    rng: np.random.Generator,
    burst: F8 | None,
) -> tuple[F8, I8]:
    """Return submit times and session numbers; sessions are a non-homogeneous Poisson process."""
    hours = int(np.ceil(horizon_s / HOUR_S))
    kind, clock = kind_at(first_hour + np.arange(hours, dtype=np.float64), kinds)
    factor = np.asarray([1.0] * 5 + [law.weekend_factor] * 2 + [law.holiday_factor])
    mean_day = (5.0 + 2.0 * law.weekend_factor) / 7.0
    shape = hourly[clock] / hourly.mean() * factor[kind] / max(mean_day, 1e-12)
    rate_per_h = law.rate_per_day / 24.0 / law.session_jobs_mean * shape
    cell_s, rate = HOUR_S, rate_per_h
    if burst is not None:
        cell_s, parts = BURST_CELL_S, round(HOUR_S / BURST_CELL_S)
        rate = np.repeat(rate_per_h / parts, parts) * burst[: hours * parts]
    count = rng.poisson(rate)
    start = np.repeat(np.arange(len(rate)) * cell_s, count) + rng.random(int(count.sum())) * cell_s
    jobs = rng.geometric(1.0 / law.session_jobs_mean, len(start))
    session = np.repeat(np.arange(len(start)), jobs)
    pauses = rng.exponential(law.session_pause_s, int(jobs.sum()))
    first = np.concatenate([[0], np.cumsum(jobs)[:-1]]).astype(np.int64)
    pauses[first[jobs > 0]] = 0.0
    total = np.cumsum(pauses)
    base = np.repeat(total[first], jobs) if len(start) else total
    submit = np.repeat(start, jobs) + (total - base)
    inside = submit < horizon_s
    return submit[inside], session[inside]


def _burst_factor(
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


def _in_progress(law: JobLaw, rng: np.random.Generator) -> F8:
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
