"""What the data plane hands over at the end of a run: plain arrays."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from computenet.compiled import F8, I4, I8

__all__ = ["FaultTotals", "JobRecords", "LinkTotals", "PoolTotals", "RequestTotals", "Served"]

#: States of a job, by code.
JOB_STATES = (
    "not_submitted", "waiting", "running", "completed", "transferring", "rejected", "killed",
    "failed", "held",
)  # fmt: skip
NOT_SUBMITTED, WAITING, RUNNING, COMPLETED, TRANSFERRING, REJECTED, KILLED, FAILED, HELD = range(9)


@dataclass(frozen=True, slots=True)
class JobRecords:
    """Every job of the run, axis ``n``.

    `submit_s` and everything before `pool` is demand; the rest is what happened. Times are
    seconds from the scenario's start, NaN where it has not happened.
    """

    job_id: I8
    job_class: I4
    region: I4
    data_region: I4  # where its data lies
    accelerators: I8
    asked_accelerators: F8  # with shares of accelerators
    held_accelerators: F8  # with shares of accelerators and whole servers
    submit_s: F8
    work_s: F8  # cut at the estimate where jobs are stopped then; with the writing of checkpoints
    useful_s: F8  # without it
    data_gb: F8
    pool: I4  # -1 = rejected or not submitted
    ready_s: F8
    start_s: F8
    finish_s: F8
    lost_accelerator_s: F8
    restarts: I8
    saved_s: F8  # run time kept by checkpoints
    segment_s: F8  # start of the present run
    state: I8
    transfer_cny: F8
    recorded_wait_s: F8
    deadline_s: F8  # NaN = none
    elsewhere_accelerator_s: F8  # held at pools that it left, less what the new one counts
    elsewhere_useful_accelerator_s: F8  # of it, without the writing of checkpoints
    earlier_accelerator_s: F8  # (P, C) the first of these two by pool and class


@dataclass(frozen=True, slots=True)
class PoolTotals:
    """Integrals of pools over accounting slots, ``(P, S)`` unless said."""

    available_s: F8
    off_accelerator_s: F8  # switched off to save power
    starts: I8  # (P,) accelerators started again
    lent_accelerator_s: F8  # serving accelerators lent to jobs
    busy_accelerator_s: F8
    load_accelerator_s: F8  # weighted by the activity of the class
    waiting_job_s: F8
    waiting_accelerator_s: F8
    serving_busy_accelerator_s: F8  # real, scaled by sampling
    serving_load_accelerator_s: F8
    tokens_in: F8
    tokens_out: F8


class Served(NamedTuple):
    """Requests that ended after the warm-up, by demand; simulated, not scaled by sampling."""

    served: I8  # (D,)
    dropped: I8
    attained: I8
    ttft: I8  # (D, bins)
    tpot: I8
    e2e: I8
    latency_us: I8  # (D, 3) sums of TTFT, TPOT, e2e


@dataclass(frozen=True, slots=True)
class RequestTotals:
    """Counts by demand, real (scaled by sampling) unless said."""

    sampling: int
    simulated: int  # requests that were simulated, one by one
    arrived: I8  # (D,)
    served: I8
    dropped: I8
    in_flight: I8
    routed: I8  # (D, G)
    measured: Served
    counted: I8  # ended after the warm-up; where only windows are simulated all that ended
    attained: I8  # of those counted
    transfer_cny: float
    transfer_gb: float
    busy_s: F8  # (G, S) replica-seconds with a request
    prefill_s: F8  # (G, S) of them with a prompt in prefill
    tokens_in: F8  # (G, S) of requests that ended in the slot
    tokens_out: F8
    arrivals: I8  # (4, M, S) `computenet.kernels.arrival_counts`


@dataclass(slots=True)
class FaultTotals:
    """Servers that failed, jobs they stopped, and how grid events were answered."""

    servers: int = 0
    jobs: int = 0
    moved_jobs: int = 0  # that left a site which stopped
    planned_stops: int = 0  # large jobs that a plan stopped
    planned_moves: int = 0  # and that it sent to another pool
    tide_jobs: int = 0  # stopped because borrowed accelerators went back to serving
    reclaimed: int = 0  # times spot capacity was taken away
    reclaimed_jobs: int = 0
    reused_gb: float = 0.0  # datasets that were at the site already
    bulk_moves: list[dict[str, Any]] = field(default_factory=list)
    bulk_moves_cny: float = 0.0
    grid_events: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class LinkTotals:
    """Gigabytes of bulk transfers carried, ``(L, S)``, and what the flows should have sent."""

    carried_gb: F8
    expected_gb: float
    sent_gb: float  # end to end
