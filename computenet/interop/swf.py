"""The jobs of a run in Standard Workload Format 2.2 (Chapin et al., JSSPP 1999)."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from datetime import timedelta, timezone, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

import computenet
from computenet.results import Results
from computenet.results.storage import write_text

__all__ = ["swf_text", "write_swf"]

#: Codes of field 11; a job that waits or runs at the end has none.
STATUS = {"completed": 1, "failed": 0, "killed": 5, "rejected": 5}


def write_swf(run: Results, path: Path) -> None:
    """Write the jobs of a run, compressed where the name ends in ``.gz``; see `swf_text`."""
    raw = swf_text(run).encode()
    write_text(path, gzip.compress(raw, mtime=0) if path.name.endswith(".gz") else raw)


def swf_text(run: Results) -> str:
    """Return the jobs as text: a header of directives, then 18 fields a job, -1 = unknown.

    Times are seconds from the start of the run, with decimals where there are any, as readers of
    the format take them. Jobs stand in order of submission; one that came after the end is left
    out. Run time is from the first start to the end, stops included; processors are accelerators,
    those held (field 5, a share as a whole one) and those asked for (field 8); queues are job
    classes, partitions pools and groups regions. Numbers are those of the run, moved up where they
    begin below 1.
    """
    columns = ["job_id", "job_class", "region", "pool", "accelerators", "held_accelerators",
               "submit_s", "start_s", "finish_s", "state"]  # fmt: skip
    jobs = run.table("jobs", columns)
    up = max(1 - int(jobs["job_id"].min()), 0) if len(jobs) else 0
    jobs = jobs[jobs["state"] != "not_submitted"].sort_values("submit_s", kind="stable")
    return "\n".join([*_header(run, jobs), *_lines(run, jobs, up)]) + "\n"


def _zone(offset_h: float) -> tuple[str, tzinfo]:
    """Return the directive of a time zone, and the zone: only whole hours have a name."""
    if offset_h.is_integer():
        whole = int(offset_h)
        name = {8: "Asia/Shanghai", 0: "UTC"}.get(whole, f"Etc/GMT{-whole:+d}")
        return f"TimeZoneString: {name}", ZoneInfo(name)
    seconds = round(3600.0 * offset_h)
    return f"TimeZone: {seconds}", timezone(timedelta(seconds=seconds))


def _header(run: Results, table: pd.DataFrame) -> Iterator[str]:
    scenario = run.scenario
    topology = scenario.topology
    pools = topology.pools
    jobs = len(table)
    procs = sum(pool.count for pool in pools)
    begin = scenario.start
    end = begin + timedelta(seconds=scenario.horizon_s)
    zone, local = _zone(topology.utc_offset_h)
    yield "; Version: 2.2"
    yield f"; Computer: {scenario.name} ({procs} accelerators at {len(topology.sites)} sites)"
    yield f"; Installation: simulated by computenet {computenet.__version__}"
    yield f"; Information: policy {run.manifest['policy']['name']}, seed {scenario.seed}"
    yield "; Conversion: computenet export swf"
    yield f"; MaxJobs: {jobs}"
    yield f"; MaxRecords: {jobs}"
    yield "; Preemption: Yes"
    yield f"; UnixStartTime: {int(begin.timestamp())}"
    yield f"; {zone}"
    yield f"; StartTime: {begin.astimezone(local):%a %b %d %H:%M:%S %Z %Y}"
    yield f"; EndTime: {end.astimezone(local):%a %b %d %H:%M:%S %Z %Y}"
    yield f"; MaxNodes: {procs}"
    yield f"; MaxProcs: {procs}"
    yield f"; MaxQueues: {len(scenario.workload.job_classes)}"
    for number, kind in enumerate(scenario.workload.job_classes, 1):
        yield f"; Queue: {number} {kind.name}"
    yield f"; MaxPartitions: {len(pools)}"
    for number, pool in enumerate(pools, 1):
        yield f"; Partition: {number} {pool.id}"
    for number, region in enumerate(topology.regions, 1):
        yield f"; Note: group {number} = region {region.id}"
    yield "; Note: processors are accelerators; times are seconds and may have decimals"
    if ((table["held_accelerators"] % 1.0) > 0.0).any():
        yield "; Note: jobs on a share of an accelerator have one processor, which others use too"


def _lines(run: Results, jobs: pd.DataFrame, up: int) -> Iterator[str]:
    classes = {kind.name: i for i, kind in enumerate(run.scenario.workload.job_classes, 1)}
    regions = {region.id: i for i, region in enumerate(run.scenario.topology.regions, 1)}
    pools = {pool.id: i for i, pool in enumerate(run.scenario.topology.pools, 1)}
    submit, start, finish = (
        jobs[name].to_numpy(dtype=np.float64) for name in ("submit_s", "start_s", "finish_s")
    )
    wait = np.where(np.isfinite(start), start - submit, -1.0)
    length = np.where(np.isfinite(start) & np.isfinite(finish), finish - start, -1.0)
    held = np.ceil(jobs["held_accelerators"].to_numpy(dtype=np.float64) - 1e-9)
    processors = np.where(wait >= 0.0, held, -1.0).astype(np.int64)
    for job, begun, waited, ran, taken, gang, state, kind, region, pool in zip(
        (jobs["job_id"] + up).tolist(), submit.tolist(), wait.tolist(), length.tolist(),
        processors.tolist(), jobs["accelerators"].tolist(), jobs["state"].astype(str).tolist(),
        jobs["job_class"].astype(str).tolist(), jobs["region"].astype(str).tolist(),
        jobs["pool"].astype(str).tolist(), strict=True,
    ):  # fmt: skip
        yield (
            f"{job} {_s(begun)} {_s(waited)} {_s(ran)} {taken} -1 -1 {gang} -1 -1 "
            f"{STATUS.get(state, -1)} -1 {regions.get(region, -1)} -1 {classes.get(kind, -1)} "
            f"{pools.get(pool, -1)} -1 -1"
        )


def _s(value: float) -> str:
    """Return seconds exactly, without a needless point."""
    return str(int(value)) if value == int(value) else repr(value)
