"""The jobs of a run in Standard Workload Format 2.2 (Chapin et al., JSSPP 1999)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

import computenet
from computenet.results import Results
from computenet.results.storage import write_text

__all__ = ["swf_text", "write_swf"]

#: Codes of field 11; a job that waits or runs at the end has none.
STATUS = {"completed": 1, "failed": 0, "killed": 5, "rejected": 5}


def write_swf(run: Results, path: Path) -> None:
    """Write the jobs of a run; see `swf_text`."""
    write_text(path, swf_text(run))


def swf_text(run: Results) -> str:
    """Return the jobs as text: a header of directives, then 18 fields a job, -1 = unknown.

    Times are seconds from the start of the run, with decimals where there are any, as readers of
    the format take them. Run time is from the first start to the end, stops included; processors
    are accelerators; queues are job classes, partitions pools and groups regions.
    """
    return "\n".join([*_header(run), *_lines(run)]) + "\n"


def _header(run: Results) -> Iterator[str]:
    scenario = run.scenario
    topology = scenario.topology
    pools = topology.pools
    jobs = run.summary["jobs"]["submitted"]
    procs = sum(pool.count for pool in pools)
    begin = scenario.start
    end = begin + timedelta(seconds=scenario.horizon_s)
    offset = round(topology.utc_offset_h)
    known = {8: "Asia/Shanghai"}.get(offset, f"Etc/GMT{-offset:+d}" if offset else "UTC")
    local = ZoneInfo(known)
    yield "; Version: 2.2"
    yield f"; Computer: {scenario.name} ({procs} accelerators at {len(topology.sites)} sites)"
    yield f"; Installation: simulated by computenet {computenet.__version__}"
    yield f"; Information: policy {run.manifest['policy']['name']}, seed {scenario.seed}"
    yield "; Conversion: computenet export swf"
    yield f"; MaxJobs: {jobs}"
    yield f"; MaxRecords: {jobs}"
    yield "; Preemption: Yes"
    yield f"; UnixStartTime: {int(begin.timestamp())}"
    yield f"; TimeZoneString: {known}"
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


def _lines(run: Results) -> Iterator[str]:
    classes = {kind.name: i for i, kind in enumerate(run.scenario.workload.job_classes, 1)}
    regions = {region.id: i for i, region in enumerate(run.scenario.topology.regions, 1)}
    pools = {pool.id: i for i, pool in enumerate(run.scenario.topology.pools, 1)}
    columns = ["job_id", "job_class", "region", "pool", "accelerators", "submit_s", "start_s",
               "finish_s", "state"]  # fmt: skip
    for part in run.parts("jobs", columns):
        submit, start, finish = (
            part[name].to_numpy(dtype=np.float64) for name in ("submit_s", "start_s", "finish_s")
        )
        wait = np.where(np.isfinite(start), start - submit, -1.0)
        length = np.where(np.isfinite(start) & np.isfinite(finish), finish - start, -1.0)
        for job, begun, waited, ran, gang, state, kind, region, pool in zip(
            part["job_id"].tolist(), submit.tolist(), wait.tolist(), length.tolist(),
            part["accelerators"].tolist(), part["state"].astype(str).tolist(),
            part["job_class"].astype(str).tolist(), part["region"].astype(str).tolist(),
            part["pool"].astype(str).tolist(), strict=True,
        ):  # fmt: skip
            held = gang if waited >= 0.0 else -1
            yield (
                f"{job + 1} {_s(begun)} {_s(waited)} {_s(ran)} {held} -1 -1 {gang} -1 -1 "
                f"{STATUS.get(state, -1)} -1 {regions.get(region, -1)} -1 {classes.get(kind, -1)} "
                f"{pools.get(pool, -1)} -1 -1"
            )


def _s(value: float) -> str:
    """Return seconds exactly, without a needless point."""
    return str(int(value)) if value == int(value) else repr(value)
