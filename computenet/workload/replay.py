"""Recorded demand laid over a topology: origins and classes for jobs and requests."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from computenet.errors import Problem, TraceError
from computenet.scenario import Scenario
from computenet.workload.generators.streams import named_stream
from computenet.workload.tables import JobTable, RequestTable, concat_jobs
from computenet.workload.traces import read_trace

__all__ = ["ReplayDemand", "assign_regions", "read_demand"]

#: Time given to queues and long answers to drain after the last arrival, s.
DRAIN_S = 86_400.0


@dataclass(frozen=True, slots=True)
class ReplayDemand:
    """Jobs and requests of traces, each on its own clock from 0, with regions and classes.

    Attributes
    ----------
    jobs, requests
        Sorted tables; empty where no trace has any.
    days
        Length of the run: to the end of the last job if it started at once, and a day more,
        rounded up to whole days.
    sha256
        Hash of every trace file by name.
    notices
        What was sorted, left out or assumed.
    """

    jobs: JobTable
    requests: RequestTable
    days: float
    sha256: dict[str, str] = field(default_factory=dict)
    notices: tuple[str, ...] = ()


def assign_regions(tenant: np.ndarray, shares: np.ndarray, seed: int, name: str) -> np.ndarray:
    """Return a region for every row: one tenant, one region, in proportion to `shares`.

    Parameters
    ----------
    tenant
        ``(n,)`` integer tenant; -1 = unknown, each such row is a tenant of its own.
    shares
        ``(R,)`` demand shares, any positive sum.
    seed, name
        The named random stream.
    """
    draw = np.random.default_rng(named_stream(seed, name))
    edges = np.cumsum(shares / shares.sum())
    known, inverse = np.unique(tenant, return_inverse=True)
    region_of = np.searchsorted(edges, draw.random(len(known)), side="right")
    alone = np.searchsorted(edges, draw.random(len(tenant)), side="right")
    region = np.where(tenant < 0, alone, region_of[inverse])
    return np.minimum(region, len(shares) - 1).astype(np.int32)


def read_demand(
    paths: Sequence[Path], scenario: Scenario, *, format: str = "auto", strict: bool = False
) -> tuple[ReplayDemand, list[str]]:
    """Read traces and give their rows regions and classes of `scenario`.

    Jobs take the first job class of the workload and requests the first service class whose name
    is ``chat``, or else the first: traces know neither. Regions are drawn by tenant in proportion
    to the topology's training (jobs) and inference (requests) shares. Datasets are not recorded,
    so replayed jobs move no data.

    Raises
    ------
    TraceError
        A trace cannot be read, or holds neither jobs nor requests; all traces are reported.
    """
    topology, workload = scenario.topology, scenario.workload
    problems: list[Problem] = []
    notices: list[str] = []
    jobs: list[JobTable] = []
    requests: list[RequestTable] = []
    for path in paths:
        try:
            trace = read_trace(path, format=format, strict=strict)
        except TraceError as error:
            problems.extend(error.problems)
            continue
        notices += [f"{path.name}: {notice}" for notice in trace.notices]
        if trace.jobs is None and trace.requests is None:
            problems.append(
                Problem(
                    str(path), None, f"a {trace.figures['kind']} file holds nothing to replay",
                    "a trace of jobs or requests",
                )
            )  # fmt: skip
        if trace.jobs is not None:
            jobs.append(trace.jobs)
        if trace.requests is not None:
            requests.append(trace.requests)
    if problems:
        raise TraceError(problems)
    training = np.asarray([region.training_share for region in topology.regions])
    inference = np.asarray([region.inference_share for region in topology.regions])
    job_names = [item.name for item in workload.job_classes]
    service_names = [item.name for item in workload.service_classes]
    job_table = concat_jobs(jobs) if jobs else JobTable.empty(tuple(job_names))
    job_table = job_table.assigned(
        job_classes=tuple(job_names),
        job_class=np.zeros(job_table.rows, dtype=np.int32),
        region=assign_regions(job_table.user, training, scenario.seed, "replay.jobs.region"),
    )
    table = RequestTable.merged(requests)
    chat = service_names.index("chat") if "chat" in service_names else 0
    table = table.assigned(
        service_class=np.full(table.rows, chat, dtype=np.int32),
        region=assign_regions(
            np.full(table.rows, -1), inference, scenario.seed, "replay.requests.region"
        ),
    )
    if job_table.rows:
        notices.append(f"{job_table.rows:,} jobs run as class {job_names[0]}")
    if table.rows:
        notices.append(f"{table.rows:,} requests are served as class {service_names[chat]}")
    end = max(
        float((job_table.submit_s + job_table.duration_s).max(initial=0.0)),
        float(table.arrival_s.max(initial=0.0)),
    )
    days = max(1.0, math.ceil((end + DRAIN_S) / 86_400.0))
    hashes = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
    return ReplayDemand(job_table, table, days, hashes, tuple(notices)), notices
