"""The work that a run has done by its end: what a bound on its cost has to do as well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from computenet.compiled import F8, CompiledScenario
from computenet.simulation.totals import (
    COMPLETED,
    FAILED,
    HELD,
    KILLED,
    NOT_SUBMITTED,
    REJECTED,
    RUNNING,
    TRANSFERRING,
    WAITING,
    JobRecords,
    PoolTotals,
    RequestTotals,
)
from computenet.units import SECONDS_PER_HOUR

if TYPE_CHECKING:
    from computenet.simulation.job_totals import JobTotals

__all__ = ["present_accelerator_s", "progress_s", "work_by_class", "work_done"]


def progress_s(compiled: CompiledScenario, jobs: JobRecords) -> F8:
    """Return the useful run time every job has behind it, at the reference accelerator, ``(n,)``.

    A job that ended has done all of its own; one that runs has what its checkpoints keep and what
    it did since, less the overhead of its restart; one that waits has what its checkpoints keep.
    The writing of checkpoints is no use in itself.
    """
    speed = compiled.jobs.speed[jobs.job_class, np.maximum(jobs.pool, 0)]
    useful = np.divide(
        jobs.useful_s, jobs.work_s, out=np.zeros_like(jobs.work_s), where=jobs.work_s > 0.0
    )
    again_s = np.where(jobs.restarts > 0, compiled.restart_s, 0.0)
    running = jobs.state == RUNNING
    since_s = np.where(running, compiled.horizon_s - jobs.segment_s - again_s, 0.0)
    under_way = (jobs.saved_s + np.maximum(since_s, 0.0)) * speed * useful
    done: F8 = np.select(
        [np.isin(jobs.state, (COMPLETED, KILLED, FAILED)),
         running | np.isin(jobs.state, (WAITING, TRANSFERRING, HELD))],
        [jobs.useful_s, np.minimum(under_way, jobs.useful_s)],
        0.0,
    )  # fmt: skip
    return done


def work_by_class(compiled: CompiledScenario, jobs: JobRecords) -> F8:
    """Return the useful reference accelerator-seconds done of the gangs asked for, ``(C,)``."""
    work = progress_s(compiled, jobs) * jobs.asked_accelerators
    classes = len(compiled.jobs.classes)
    return np.bincount(jobs.job_class, weights=work, minlength=classes).astype(np.float64)


def present_accelerator_s(compiled: CompiledScenario, jobs: JobRecords) -> float:
    """Return the time of jobs from submission to the end, times what they hold."""
    there = ~np.isin(jobs.state, (NOT_SUBMITTED, REJECTED))
    end_s = np.where(np.isfinite(jobs.finish_s), jobs.finish_s, compiled.horizon_s)
    return float(((end_s - jobs.submit_s) * jobs.held_accelerators)[there].sum())


def work_done(
    compiled: CompiledScenario, pools: PoolTotals, jobs: JobTotals, requests: RequestTotals
) -> dict[str, Any]:
    """Return ``summary["work"]``.

    Returns
    -------
    dict
        ``jobs``: useful reference accelerator-hours by class, of the gangs that were asked for
        (whole servers that a gang takes besides do no work); ``waiting_accelerator_h``: time of
        jobs between submission and end, or the end of the run, in which they held nothing, by
        accelerators; ``requests``: requests served and their tokens by model.
    """
    classes, models = compiled.jobs.classes, compiled.requests.models
    by_class, present = jobs.work_by_class, jobs.present_accelerator_s
    served = np.zeros(len(models), dtype=np.int64)
    model_of_demand = np.tile(compiled.requests.model_of_class, len(compiled.regions))
    np.add.at(served, model_of_demand, requests.served)
    tokens = np.zeros((2, len(models)))
    np.add.at(tokens[0], compiled.groups.model, requests.tokens_in.sum(axis=1))
    np.add.at(tokens[1], compiled.groups.model, requests.tokens_out.sum(axis=1))
    return {
        "jobs": {
            name: float(by_class[c]) / SECONDS_PER_HOUR for c, name in enumerate(classes)
        },
        "waiting_accelerator_h": max(present - float(pools.busy_accelerator_s.sum()), 0.0)
        / SECONDS_PER_HOUR,
        "requests": {
            name: {
                "served": int(served[m]),
                "tokens_in": float(tokens[0, m]),
                "tokens_out": float(tokens[1, m]),
            }
            for m, name in enumerate(models)
        },
    }  # fmt: skip
