"""What became of the jobs of a run, in counts and sums: of all at once, or part by part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np

from computenet.compiled import B1, F8, I8, CompiledScenario
from computenet.simulation.job_hours import job_hours
from computenet.simulation.revenue import billed_by_region
from computenet.simulation.totals import (
    COMPLETED,
    JOB_STATES,
    NOT_SUBMITTED,
    JobRecords,
)
from computenet.simulation.work import present_accelerator_s, work_by_class

__all__ = ["JobSamples", "JobTotals", "job_samples", "job_totals"]

#: Shortest run time in a bounded slowdown, s (Feitelson and Rudolph, JSSPP 1998).
SLOWDOWN_BOUND_S = 10.0


@dataclass(frozen=True, slots=True)
class JobTotals:
    """Counts and sums over jobs; those of two parts add up.

    Attributes
    ----------
    rows
        Jobs.
    by_state
        ``(states,)`` jobs by state, see `JOB_STATES`.
    unfinished
        Jobs said to be complete without an end; none, if all is well.
    restarts, transfer_cny
        Sums.
    goodput_accelerator_s, checkpoint_accelerator_s
        What jobs that completed held for their work, and for the writing of checkpoints.
    unfinished_accelerator_s
        What brought the other jobs on.
    lost_accelerator_s
        What brought no job on: done since a checkpoint, and restarts.
    held_accelerator_s
        What jobs held in all, from their own times and what they left at pools before; the sum of
        the four above.
    load_by_pool
        ``(P,)`` the same, weighted by the activity of the class.
    submitted_by_region
        ``(R,)``.
    started_by_site
        ``(I,)`` jobs that started.
    waits_by_site, wait_s_by_site, waits_by_region, wait_s_by_region
        ``(I,)`` and ``(R,)`` of them those submitted after the warm-up, and how long they waited in
        all.
    deadlines, deadlines_met
        Jobs that ended and had a deadline, and those of them that kept it.
    billed_accelerator_s
        ``(R, C)`` accelerator-seconds that users pay for.
    work_by_class
        ``(C,)`` useful reference accelerator-seconds done, of the gangs asked for.
    present_accelerator_s
        Time between submission and end, or the end of the run, times what jobs hold.
    work_by_region, completed_by_region
        ``(R,)`` work of submitted jobs and of those of them that completed, accelerator-seconds.
    """

    rows: int
    by_state: I8
    unfinished: int
    restarts: int
    transfer_cny: float
    goodput_accelerator_s: float
    checkpoint_accelerator_s: float
    unfinished_accelerator_s: float
    lost_accelerator_s: float
    held_accelerator_s: float
    load_by_pool: F8
    submitted_by_region: I8
    started_by_site: I8
    waits_by_site: I8
    wait_s_by_site: F8
    waits_by_region: I8
    wait_s_by_region: F8
    deadlines: int
    deadlines_met: int
    billed_accelerator_s: F8
    work_by_class: F8
    present_accelerator_s: float
    work_by_region: F8
    completed_by_region: F8

    def __add__(self, other: JobTotals) -> JobTotals:
        """Return the totals of both parts together."""
        return JobTotals(
            *(getattr(self, item.name) + getattr(other, item.name) for item in fields(self))
        )


def job_totals(compiled: CompiledScenario, jobs: JobRecords) -> JobTotals:
    """Return the counts and sums of some jobs."""
    p = compiled.pools
    n_regions, n_sites = len(compiled.regions), len(compiled.sites.ids)
    hours = job_hours(compiled, jobs)
    placed = jobs.pool >= 0
    load = np.zeros(len(p.ids))
    activity = compiled.jobs.activity[jobs.job_class]
    np.add.at(load, jobs.pool[placed], (hours.held_s * activity)[placed])
    load += jobs.earlier_accelerator_s @ compiled.jobs.activity
    completed = jobs.state == COMPLETED
    site = np.where(placed, p.site[np.maximum(jobs.pool, 0)], -1)
    started = np.isfinite(jobs.start_s)
    counted = started & (jobs.submit_s >= compiled.warmup_s)
    at_site, site_wait_s = _waits(jobs, counted, site, n_sites)
    at_region, region_wait_s = _waits(jobs, counted, jobs.region, n_regions)
    submitted = np.bincount(jobs.region[jobs.state != NOT_SUBMITTED], minlength=n_regions)
    late_s = lateness_s(jobs.deadline_s, jobs.finish_s)
    work = np.where(jobs.state != NOT_SUBMITTED, jobs.work_s * jobs.held_accelerators, 0.0)

    def by_region(values: F8) -> F8:
        return np.bincount(jobs.region, weights=values, minlength=n_regions).astype(np.float64)

    return JobTotals(
        rows=len(jobs.job_id),
        by_state=np.bincount(jobs.state, minlength=len(JOB_STATES)).astype(np.int64),
        unfinished=int((completed & ~np.isfinite(jobs.finish_s)).sum()),
        restarts=int(jobs.restarts.sum()),
        transfer_cny=float(jobs.transfer_cny.sum()),
        goodput_accelerator_s=float(hours.useful_s[completed].sum()),
        checkpoint_accelerator_s=float((hours.progress_s - hours.useful_s)[completed].sum()),
        unfinished_accelerator_s=float(hours.progress_s[~completed].sum()),
        lost_accelerator_s=float(hours.lost_s.sum()),
        held_accelerator_s=float(hours.held_s.sum() + jobs.earlier_accelerator_s.sum()),
        load_by_pool=load,
        submitted_by_region=submitted.astype(np.int64),
        started_by_site=np.bincount(site[started], minlength=n_sites).astype(np.int64),
        waits_by_site=at_site,
        wait_s_by_site=site_wait_s,
        waits_by_region=at_region,
        wait_s_by_region=region_wait_s,
        deadlines=len(late_s),
        deadlines_met=int((late_s == 0.0).sum()),
        billed_accelerator_s=billed_by_region(compiled, jobs),
        work_by_class=work_by_class(compiled, jobs),
        present_accelerator_s=present_accelerator_s(compiled, jobs),
        work_by_region=by_region(work),
        completed_by_region=by_region(np.where(completed, work, 0.0)),
    )


def _waits(jobs: JobRecords, counted: B1, place: np.ndarray, n: int) -> tuple[I8, F8]:
    """Return how many of the jobs counted are of each place, and how long they waited in all."""
    wait_s = jobs.start_s[counted] - jobs.submit_s[counted]
    where = place[counted]
    count: I8 = np.bincount(where, minlength=n).astype(np.int64)
    total: F8 = np.bincount(where, weights=wait_s, minlength=n).astype(np.float64)
    return count, total


def lateness_s(deadline_s: F8, finish_s: F8) -> F8:
    """Return by how much each job that ended and had a deadline was late; 0 = it was not."""
    ended = np.isfinite(deadline_s) & np.isfinite(finish_s)
    late: F8 = np.maximum(finish_s[ended] - deadline_s[ended], 0.0)
    return late


#: Columns of jobs from which the samples below are taken; `state` is a code.
Columns = Callable[..., dict[str, np.ndarray]]


@dataclass(frozen=True, slots=True)
class JobSamples:
    """Means and percentiles over jobs, from a spread for each sample.

    Attributes
    ----------
    wait_s, turnaround_s, bounded_slowdown
        Of the jobs submitted after the warm-up that started, or completed.
    recorded_jobs, recorded_wait_s, simulated_wait_s
        Of the jobs among them whose wait is on record: how many, its wait there and here.
    lateness_s
        Of the jobs that were late.
    """

    wait_s: dict[str, float | None]
    turnaround_s: dict[str, float | None]
    bounded_slowdown: dict[str, float | None]
    recorded_jobs: int
    recorded_wait_s: dict[str, float | None]
    simulated_wait_s: dict[str, float | None]
    lateness_s: dict[str, float | None]


def spread(values: F8) -> dict[str, float | None]:
    """Return mean and percentiles of a sample, which is put in another order; ``None`` if empty."""
    if values.size == 0:
        return {"mean": None, "p50": None, "p95": None, "p99": None}
    mean = float(values.mean())
    p50, p95, p99 = np.quantile(values, [0.5, 0.95, 0.99], overwrite_input=True)
    return {"mean": mean, "p50": float(p50), "p95": float(p95), "p99": float(p99)}


#: From columns of some jobs and the length of the warm-up to a sample.
def waits(part: dict[str, np.ndarray], warmup_s: float) -> F8:
    """Return the waits of jobs that started."""
    started = np.isfinite(part["start_s"]) & (part["submit_s"] >= warmup_s)
    return np.asarray(part["start_s"][started] - part["submit_s"][started])


def turnarounds(part: dict[str, np.ndarray], warmup_s: float) -> F8:
    """Return the times from submission to the end of jobs that completed."""
    done = (part["state"] == COMPLETED) & (part["submit_s"] >= warmup_s)
    return np.asarray(part["finish_s"][done] - part["submit_s"][done])


def slowdowns(part: dict[str, np.ndarray], warmup_s: float) -> F8:
    """Return the bounded slowdowns of jobs that completed."""
    done = (part["state"] == COMPLETED) & (part["submit_s"] >= warmup_s)
    residence = part["finish_s"][done] - part["start_s"][done]
    turnaround = part["finish_s"][done] - part["submit_s"][done]
    return np.asarray(np.maximum(turnaround / np.maximum(residence, SLOWDOWN_BOUND_S), 1.0))


def _recorded(part: dict[str, np.ndarray], warmup_s: float) -> np.ndarray:
    started = np.isfinite(part["start_s"]) & (part["submit_s"] >= warmup_s)
    return np.asarray(started & np.isfinite(part["recorded_wait_s"]))


def recorded_waits(part: dict[str, np.ndarray], warmup_s: float) -> F8:
    """Return the waits on record of jobs that started."""
    return np.asarray(part["recorded_wait_s"][_recorded(part, warmup_s)])


def waits_of_recorded(part: dict[str, np.ndarray], warmup_s: float) -> F8:
    """Return the simulated waits of jobs whose wait is on record."""
    rows = _recorded(part, warmup_s)
    return np.asarray(part["start_s"][rows] - part["submit_s"][rows])


def late(part: dict[str, np.ndarray], warmup_s: float) -> F8:
    """Return by how much late jobs were late."""
    late_s = lateness_s(part["deadline_s"], part["finish_s"])
    return np.asarray(late_s[late_s > 0.0])


#: Each sample with the columns it needs.
SAMPLES: dict[str, tuple[Callable[[dict[str, np.ndarray], float], F8], tuple[str, ...]]] = {
    "wait_s": (waits, ("submit_s", "start_s")),
    "turnaround_s": (turnarounds, ("state", "submit_s", "finish_s")),
    "bounded_slowdown": (slowdowns, ("state", "submit_s", "start_s", "finish_s")),
    "recorded_wait_s": (recorded_waits, ("submit_s", "start_s", "recorded_wait_s")),
    "simulated_wait_s": (waits_of_recorded, ("submit_s", "start_s", "recorded_wait_s")),
    "lateness_s": (late, ("finish_s", "deadline_s")),
}


def job_samples(sample: Callable[[str], F8]) -> JobSamples:
    """Return the spreads of all samples.

    Parameters
    ----------
    sample
        Returns the values of one of `SAMPLES`, over all jobs; may be changed.
    """
    found: dict[str, dict[str, float | None]] = {}
    recorded = 0
    for name in SAMPLES:
        values = sample(name)
        if name == "recorded_wait_s":
            recorded = len(values)
        found[name] = spread(values)
        del values
    return JobSamples(recorded_jobs=recorded, **found)


def sample_of(jobs: JobRecords, warmup_s: float) -> Callable[[str], F8]:
    """Return the samples of jobs in memory."""

    def sample(name: str) -> F8:
        take, columns = SAMPLES[name]
        return take({column: getattr(jobs, column) for column in columns}, warmup_s)

    return sample
