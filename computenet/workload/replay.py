"""Recorded demand laid over a topology: origins, classes and accelerators of jobs and requests."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from computenet.errors import InputError, Problem, TraceError, nearest
from computenet.scenario import Scenario
from computenet.workload.mapping import (
    Kinds,
    check_gpu_types,
    place_words,
    regions_of,
    unmapped,
)
from computenet.workload.tables import JobTable, RequestTable, concat_jobs
from computenet.workload.traces import Trace, read_trace

__all__ = ["ReplayDemand", "ReplayOptions", "read_demand"]

#: Time given to queues and long answers to drain after the last arrival, s.
DRAIN_S = 86_400.0
#: Bytes hashed at once.
HASHED = 1 << 22


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """How traces are read and what their rows become.

    Attributes
    ----------
    format, strict, lenient
        See `read_trace`.
    region_column
        Column whose words tell the region; a word that is no region's name stands for a tenant.
    gpu_types
        Accelerator ids by GPU type, before those of `GPU_TYPES`.
    job_class, service_class
        Classes of jobs and requests; the workload's first, and ``chat`` or the first.
    drain_h
        Time after the last arrival at which the run ends, h; ``None`` = when the last job would
        have ended had it started at once, and a day more, to whole days.
    follow
        Jobs stand in the queue from their recorded start on, at their recorded site.
    """

    format: str = "auto"
    strict: bool = False
    lenient: bool = False
    region_column: str | None = None
    gpu_types: Mapping[str, object] | None = None
    job_class: str | None = None
    service_class: str | None = None
    drain_h: float | None = None
    follow: bool = False


@dataclass(frozen=True, slots=True)
class ReplayDemand:
    """Jobs and requests of traces, each on its own clock from 0, with regions and classes.

    Attributes
    ----------
    jobs, requests
        Sorted tables; empty where no trace has any.
    days
        Length of the run.
    sha256
        Hash of every trace file by name.
    notices
        What was sorted, left out, mapped or assumed.
    """

    jobs: JobTable
    requests: RequestTable
    days: float
    sha256: dict[str, str] = field(default_factory=dict)
    notices: tuple[str, ...] = ()


class _Laying:
    """Lays traces over one topology, one after the other."""

    def __init__(self, scenario: Scenario, options: ReplayOptions) -> None:
        topology, workload = scenario.topology, scenario.workload
        self._seed = scenario.seed
        self._options = options
        self._topology = topology
        self._sites = [
            (at, [item.id, *item.name.model_dump().values()])
            for at, item in enumerate(topology.sites)
        ]
        own = check_gpu_types(options.gpu_types or {}, scenario)
        here = {pool.accelerator for pool in topology.pools}
        named = {
            item.id: (item.name.en, item.name.zh)
            for item in topology.accelerators
            if item.id in here
        }
        self.kinds = Kinds(named, own)
        self.typed = False
        self.notices: list[str] = []
        self.job_names = tuple(item.name for item in workload.job_classes)
        self.service_names = tuple(item.name for item in workload.service_classes)
        self.job_class = _class(options.job_class, self.job_names, "--job-class", "")
        self.service_class = _class(
            options.service_class, self.service_names, "--service-class", "chat"
        )

    def jobs(self, trace: Trace, name: str, part: int) -> JobTable:
        """Return a trace's jobs with regions, kinds, and sites where the record is followed."""
        table = trace.jobs
        assert table is not None
        region = self._region(trace, name, "jobs", part)
        kind = table.kind
        if "gpu_type" in trace.labels:
            self.typed = True
            labels = trace.labels["gpu_type"]
            kind, unknown = self.kinds.of(labels)
            words = "ask for a GPU type that no accelerator stands for and may run on any"
            self._tell(name, unmapped(labels, unknown, words))
        changes: dict[str, NDArray[np.int32]] = {
            "region": region,
            "kind": kind,
            "job_class": np.full(table.rows, self.job_class, dtype=np.int32),
        }
        table = replace(table, **changes)  # type: ignore[arg-type]
        return self._followed(table, trace, name) if self._options.follow else table

    def _followed(self, table: JobTable, trace: Trace, name: str) -> JobTable:
        known = np.isfinite(table.recorded_wait_s)
        if not known.all():
            self.notices.append(
                f"{name}: {int((~known).sum()):,} of {table.rows:,} jobs have no recorded start "
                "and queue from their submission"
            )
        site = np.full(table.rows, -1, dtype=np.int32)
        if "site" in trace.labels:
            labels = trace.labels["site"]
            place = place_words(labels.names, self._sites)
            site = np.where(labels.code >= 0, place[labels.code], -1).astype(np.int32)
            words = "ran at a site that the topology has not; the policy places them"
            self._tell(name, unmapped(labels, np.flatnonzero(place < 0), words))
        else:
            self.notices.append(f"{name}: no sites on record, jobs go to the nearest")
        return table.held_back(np.where(known, table.recorded_wait_s, 0.0), site)

    def requests(self, trace: Trace, name: str, part: int) -> RequestTable:
        """Return a trace's requests with regions."""
        table = trace.requests
        assert table is not None
        region = self._region(trace, name, "requests", part)
        return table.assigned(
            service_class=np.broadcast_to(np.int32(self.service_class), table.rows), region=region
        )

    def _region(self, trace: Trace, name: str, stream: str, part: int) -> NDArray[np.int32]:
        region, notices = regions_of(
            trace, self._topology, self._options.region_column, self._seed,
            f"replay.{stream}.region{'' if part == 0 else f'.{part}'}",
        )  # fmt: skip
        self._tell(name, notices)
        return region

    def _tell(self, name: str, notices: Sequence[str]) -> None:
        self.notices += [f"{name}: {notice}" for notice in notices]


def _class(wanted: str | None, names: Sequence[str], option: str, usual: str) -> int:
    if wanted is None:
        return names.index(usual) if usual in names else 0
    if wanted not in names:
        raise InputError(
            [Problem(option, wanted, "is no class of the workload", ", ".join(names),
                     nearest(wanted, names))],
            "nothing was run",
        )  # fmt: skip
    return names.index(wanted)


def read_demand(
    paths: Sequence[Path], scenario: Scenario, options: ReplayOptions | None = None
) -> ReplayDemand:
    """Read traces and give their rows regions, classes and accelerators of `scenario`.

    Regions are those of the named column, or drawn by tenant in proportion to the topology's
    training (jobs) and inference (requests) shares. Datasets are not recorded, so replayed jobs
    move no data.

    Raises
    ------
    TraceError
        A trace cannot be read, or holds neither jobs nor requests; all traces are reported.
    InputError
        An option names what the workload or the topology has not, or is not used by any trace.
    """
    options = options or ReplayOptions()
    laying = _Laying(scenario, options)
    problems: list[Problem] = []
    jobs: list[JobTable] = []
    requests: list[RequestTable] = []
    column = () if options.region_column is None else (options.region_column,)
    for path in paths:
        try:
            trace = read_trace(
                path, format=options.format, strict=options.strict, lenient=options.lenient,
                words=column,
            )  # fmt: skip
        except TraceError as error:
            problems.extend(error.problems)
            continue
        laying.notices += [f"{path.name}: {notice}" for notice in trace.notices]
        if trace.jobs is None and trace.requests is None:
            problems.append(
                Problem(
                    str(path), None, f"a {trace.figures['kind']} file holds nothing to replay",
                    "a trace of jobs or requests",
                )
            )  # fmt: skip
        if trace.jobs is not None:
            jobs.append(laying.jobs(trace, path.name, len(jobs)))
        if trace.requests is not None:
            requests.append(laying.requests(trace, path.name, len(requests)))
    problems += _unused(options, laying, jobs, requests) if not problems else []
    if problems:
        raise TraceError(problems)
    job_table = concat_jobs(jobs) if jobs else JobTable.empty(laying.job_names)
    job_table = replace(job_table, job_classes=laying.job_names, kinds=laying.kinds.names)
    table = RequestTable.merged(requests)
    notices = laying.notices
    if job_table.rows:
        notices.append(f"{job_table.rows:,} jobs run as class {laying.job_names[laying.job_class]}")
        for at, kind in enumerate(job_table.kinds):
            rows = int((job_table.kind == at).sum())
            notices.append(f"{rows:,} jobs run on {kind.replace('|', ', ')} only")
    if table.rows:
        served = laying.service_names[laying.service_class]
        notices.append(f"{table.rows:,} requests are served as class {served}")
    hashes = {path.name: _sha256(path) for path in paths}
    days = _days(job_table, table, options.drain_h)
    return ReplayDemand(job_table, table, days, hashes, tuple(notices))


def _days(jobs: JobTable, requests: RequestTable, drain_h: float | None) -> float:
    arrived = float(requests.arrival_s[-1]) if requests.rows else 0.0
    if drain_h is not None:
        return max(float(jobs.submit_s.max(initial=0.0)), arrived) / 86_400.0 + drain_h / 24.0
    end = max(float((jobs.submit_s + jobs.duration_s).max(initial=0.0)), arrived)
    return max(1.0, math.ceil((end + DRAIN_S) / 86_400.0))


def _unused(
    options: ReplayOptions,
    laying: _Laying,
    jobs: Sequence[JobTable],
    requests: Sequence[RequestTable],
) -> list[Problem]:
    found: list[Problem] = []
    if options.gpu_types is not None and not laying.typed:
        found.append(Problem("--gpu-types", None, "is not used: no trace has GPU types"))
    if options.job_class is not None and not jobs:
        found.append(Problem("--job-class", options.job_class, "is not used: no trace has jobs"))
    if options.service_class is not None and not requests:
        found.append(
            Problem("--service-class", options.service_class, "is not used: no trace has requests")
        )
    if options.follow and not any(np.isfinite(table.recorded_wait_s).any() for table in jobs):
        found.append(
            Problem("--policy", "replay", "no trace has recorded starts to follow", "another one")
        )
    return found


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while piece := stream.read(HASHED):
            digest.update(piece)
    return digest.hexdigest()
