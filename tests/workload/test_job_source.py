"""Jobs drawn in chunks: the same as drawn column by column over the whole run."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from computenet.streams import named_stream
from computenet.workload.generators.bursts import Burst
from computenet.workload.generators.job_laws import (
    burst_factor,
    run_times,
    runs_in_progress,
    session_rate,
)
from computenet.workload.generators.jobs import GeneratedJobs, JobLaw, JobSource, generate_jobs

DAYS = 3
HORIZON_S = DAYS * 86_400.0
HOURLY = np.asarray([1.0] * 8 + [3.0] * 10 + [1.5] * 6)
SHARE = np.asarray([0.5, 0.2, 0.3])
KINDS = np.asarray([4, 5, 6, 7])
PLAIN = {
    "sizes": (1, 2, 8), "weights": (3.0, 2.0, 1.0), "run_time_median_s": 600.0,
    "run_time_sigma": 1.4, "run_time_most_s": 90_000.0, "estimate_factor": 2.0,
    "data_median_gb": 2.0, "data_sigma": 1.0, "session_jobs_mean": 4.0, "session_pause_s": 900.0,
    "weekend_factor": 0.6, "holiday_factor": 0.3, "failed_share": 0.3, "failed_after": 0.2,
    "deadline_h": 5.0, "data_elsewhere": 0.25, "run_time_quantiles_s": None, "in_progress": False,
}  # fmt: skip
LAWS = [
    JobLaw("many", 900.0, **PLAIN),
    JobLaw("old", 60.0, **{**PLAIN, "in_progress": True, "run_time_median_s": 80_000.0}),
    JobLaw("plain", 200.0, **{**PLAIN, "failed_share": 0.0, "data_elsewhere": 0.0,
                              "data_median_gb": 0.0, "estimate_factor": 1.0,
                              "session_jobs_mean": 1.0, "deadline_h": np.nan,
                              "run_time_quantiles_s": (1.0, 10.0, 1000.0)}),
    JobLaw("none", 0.0, **PLAIN),
]  # fmt: skip
GIVEN = (LAWS, HOURLY, SHARE, 7.5, KINDS, HORIZON_S, 11)


def plain_columns(law: JobLaw, bursts: list[Burst]) -> dict[str, np.ndarray]:
    """Draw one class as a reader would: each column whole, one after the other."""
    rng = np.random.default_rng(named_stream(11, f"jobs.{law.name}"))
    burst = burst_factor(bursts, HORIZON_S, named_stream(11, f"jobs.{law.name}.burst"))
    cell_s, rate = session_rate(law, HOURLY, 7.5, KINDS, HORIZON_S, burst)
    count = rng.poisson(rate)
    start = np.repeat(np.arange(len(rate)) * cell_s, count) + rng.random(count.sum()) * cell_s
    jobs = rng.geometric(1.0 / law.session_jobs_mean, len(start))
    session = np.repeat(np.arange(len(start)), jobs)
    pauses = rng.exponential(law.session_pause_s, int(jobs.sum()))
    first = np.concatenate([[0], np.cumsum(jobs)[:-1]]).astype(np.int64)[: len(jobs)]
    pauses[first] = 0.0
    total = np.cumsum(pauses)
    submit = np.repeat(start, jobs) + (total - np.repeat(total[first], jobs))
    inside = submit < HORIZON_S
    submit, session = submit[inside], session[inside]
    residual = run_times(law, rng.standard_normal(len(submit)))
    data = np.zeros(len(submit))
    if law.data_median_gb > 0.0:
        data = law.data_median_gb * np.exp(law.data_sigma * rng.standard_normal(len(submit)))
    if law.in_progress:
        before = runs_in_progress(law, rng)
        none = np.zeros(len(before))
        submit, data = np.concatenate([none, submit]), np.concatenate([none, data])
        residual = np.concatenate([before, residual])
        session = np.concatenate([np.arange(len(before)), session + len(before)])
    n = len(submit)
    edges = np.cumsum(np.asarray(law.weights) / sum(law.weights))
    edges[-1] = 1.0
    size_at = np.searchsorted(edges, rng.random(n), side="right")
    excess = rng.exponential(law.estimate_factor - 1.0, n)
    share = np.cumsum(SHARE / SHARE.sum())

    def place(u: np.ndarray) -> np.ndarray:
        return np.minimum(np.searchsorted(share, u, side="right"), len(share) - 1)

    region = place(rng.random(int(session.max(initial=-1)) + 1))[session]
    run_s, fails, data_region = residual, np.zeros(n), region
    if law.failed_share > 0.0:
        fails = rng.random(n) < law.failed_share
        run_s = np.where(fails, residual * 2.0 * law.failed_after * rng.random(n), residual)
    if law.data_elsewhere > 0.0:
        away = rng.random(n) < law.data_elsewhere
        data_region = np.where(away, place(rng.random(n)), region)
    return {
        "submit_s": submit, "region": region, "accelerators": np.asarray(law.sizes)[size_at],
        "work_s": run_s, "estimate_s": residual * (1.0 + excess), "data_gb": data,
        "user": session, "fails": fails, "data_region": data_region,
        "deadline_s": submit + residual + 3600.0 * law.deadline_h,
    }  # fmt: skip


@pytest.mark.parametrize("bursts", [[], [Burst(0.5, 1800.0), Burst(0.2, 60.0)]])
def test_columns_are_those_drawn_one_after_the_other(bursts: list[Burst]) -> None:
    made = generate_jobs(*GIVEN, bursts)
    assert (np.diff(made.submit_s) >= 0.0).all()
    for index, law in enumerate(LAWS):
        plain = plain_columns(law, bursts)
        order = np.argsort(plain["submit_s"], kind="stable")
        for name, values in plain.items():
            got = getattr(made, name)[made.job_class == index]
            np.testing.assert_array_equal(got, values[order], err_msg=f"{law.name} {name}")
    assert (made.job_class != 3).all()


@pytest.mark.parametrize("length_s", [86_400.0, 7_000.0, 100.0 * 86_400.0])
def test_the_length_of_a_chunk_does_not_matter(length_s: float) -> None:
    bursts = [Burst(0.5, 1800.0)]
    whole = generate_jobs(*GIVEN, bursts)
    parts, until_s = [], 0.0
    for jobs, complete_s in JobSource(*GIVEN, bursts).chunks(length_s):
        assert ((jobs.submit_s >= until_s) & (jobs.submit_s < complete_s)).all()
        parts.append(jobs)
        until_s = complete_s
    assert np.isinf(until_s)
    for item in fields(GeneratedJobs):
        joined = np.concatenate([getattr(part, item.name) for part in parts])
        assert joined.dtype == getattr(whole, item.name).dtype
        np.testing.assert_array_equal(joined, getattr(whole, item.name))
