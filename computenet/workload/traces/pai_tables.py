"""Alibaba PAI 2020 as published: tables of jobs, tasks and instances, without headers.

``pai_job_table.csv`` (``job_name, inst_id, user, status, start_time, end_time``) says when a job
was submitted and by whom, ``pai_task_table.csv`` (``job_name, task_name, inst_num, status,
start_time, end_time, plan_cpu, plan_mem, plan_gpu, gpu_type``) what its roles ask for, and
``pai_instance_table.csv`` when each worker ran. Any of them names the trace; the others are looked
for beside it, under the same name with the other table's word. Without the job table a job is
submitted when its first task starts, by nobody known; without the instance table it runs from its
first task's start to its last task's end. Times are seconds whose hour and weekday are right in
UTC+8; ``plan_gpu`` and ``plan_cpu`` are percent of one GPU and of one core.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from computenet.errors import Problem, TraceError
from computenet.workload.tables import JobTable
from computenet.workload.traces.columns import (
    counts,
    csv_blocks,
    csv_columns,
    has_columns,
    numbers,
)
from computenet.workload.traces.figures import (
    arrival_figures,
    distribution,
    mean_known,
    plain,
)
from computenet.workload.traces.growing import read_block
from computenet.workload.traces.opening import Content, open_content
from computenet.workload.traces.trace import Labels, Origin, Trace

__all__ = ["PaiTablesReader"]

JOB = ("job_name", "inst_id", "user", "status", "start_time", "end_time")
TASK = (
    "job_name", "task_name", "inst_num", "status", "start_time", "end_time", "plan_cpu",
    "plan_mem", "plan_gpu", "gpu_type",
)  # fmt: skip
INSTANCE = (
    "job_name", "task_name", "inst_name", "worker_name", "inst_id", "status", "start_time",
    "end_time", "machine",
)  # fmt: skip
TABLES = {"job": JOB, "task": TASK, "instance": INSTANCE}
#: Offset of the clock that the seconds are of, s (UTC+8).
ZONE_S = 28_800.0
STATUS = {"Running", "Terminated", "Failed", "Waiting"}
WORD = re.compile(r"(job|task|instance)(?=[^a-z]|$)")


def _kind(content: Content) -> str | None:
    """Return which table a file is: by its header, or by the fields of its first line."""
    parts = content.head.split("\n", 1)[0].split(",")
    for kind, names in TABLES.items():
        if has_columns(content.head, names):
            return kind
        at = names.index("status")
        if len(parts) == len(names) and parts[at].strip() in STATUS:
            return kind
    return None


def _names(content: Content, kind: str) -> tuple[str, ...] | None:
    return None if has_columns(content.head, TABLES[kind]) else TABLES[kind]


def _tables(content: Content) -> dict[str, Content]:
    """Return the table given and those beside it, by kind."""
    here = _kind(content)
    if here is None:
        raise TraceError([Problem(content.where, None, "is none of the tables", ", ".join(TABLES))])
    found = {here: content}
    name = content.path.name
    for kind in TABLES:
        other = Path(content.path.parent, WORD.sub(kind, name))
        if kind not in found and other != content.path and other.is_file():
            beside = replace(open_content(other), left_out=content.left_out, faults=content.faults)
            if _kind(beside) == kind:
                found[kind] = beside
    return found


class PaiTablesReader:
    """Jobs of the original PAI tables; the gang is every GPU of its tasks."""

    name = "pai-tables"

    def sniff(self, content: Content) -> bool:
        """Return whether it is one of the three tables."""
        return _kind(content) is not None

    def read(self, content: Content, *, strict: bool) -> Trace:
        """Return the GPU jobs that ran to an end."""
        tables = _tables(content)
        if "task" not in tables:
            raise TraceError(
                [Problem(content.where, None, "the task table is not beside it",
                         "pai_task_table.csv in the same folder")]
            )  # fmt: skip
        jobs = _tasks(tables["task"])
        notices: list[str] = []
        if "job" in tables:
            told = _jobs(tables["job"])
            jobs = jobs.join(told, how="left")
            lost = int(jobs["submitted"].isna().sum())
            if lost:
                notices.append(f"{lost:,} jobs of the task table are not in the job table")
                jobs = jobs[jobs["submitted"].notna()]
            missing = len(told) - len(jobs)
            if missing > 0:
                notices.append(f"{missing:,} jobs of the job table have no task")
        else:
            notices.append(
                "no job table beside it: jobs are submitted when their first task starts"
            )
            jobs = jobs.assign(submitted=jobs["start"], user="", status="")
        if "instance" in tables:
            ran = _instances(tables["instance"])
            jobs = jobs.join(ran, how="left")
            jobs["start"] = jobs["launched"].fillna(jobs["start"])
            jobs["end"] = jobs["ended"].fillna(jobs["end"])
        return _trace(jobs, content, notices)


def _read(
    table: pd.DataFrame, names: tuple[str, ...], where: str, *, empty: tuple[str, ...]
) -> dict[str, np.ndarray]:
    found = read_block(
        *(
            partial(numbers, table[name], name, where, least=0.0, empty=name in empty)
            for name in names
        )
    )
    return dict(zip(names, found, strict=True))


def _tasks(content: Content) -> pd.DataFrame:
    """Return what each job's tasks ask for, and when they ran; the index is the job's name."""
    wanted = ("inst_num", "start_time", "end_time", "plan_cpu", "plan_gpu")
    parts = []
    for table in csv_blocks(
        content, ("job_name", "gpu_type", *wanted), numeric=wanted, names=_names(content, "task")
    ):
        with content.part():
            value = _read(table, wanted, content.where, empty=wanted)
            several = np.nan_to_num(value["inst_num"], nan=1.0)
            asked = np.nan_to_num(value["plan_gpu"]) / 100.0
            gpu = asked > 0.0
            parts.append(
                pd.DataFrame(
                    {
                        "job": table["job_name"].astype(object).to_numpy(),
                        "gpus": several * asked,
                        "held": np.where(gpu, several * np.ceil(asked), 0.0),
                        "cores": several * np.nan_to_num(value["plan_cpu"]) / 100.0,
                        "start": value["start_time"],
                        "end": value["end_time"],
                        "gpu_type": np.where(gpu, table["gpu_type"].astype(object).to_numpy(), ""),
                        "open": np.isnan(value["end_time"]) | np.isnan(value["start_time"]),
                    }
                )
            )
    rows = pd.concat(parts, ignore_index=True)
    groups = rows.groupby("job", sort=False)
    jobs = groups.agg(
        gpus=("gpus", "sum"), held=("held", "sum"), cores=("cores", "sum"), start=("start", "min"),
        end=("end", "max"), open=("open", "any"),
    )  # fmt: skip
    typed = rows[rows["gpu_type"] != ""]
    types = typed.groupby("job", sort=False)["gpu_type"].agg(lambda x: "|".join(sorted(set(x))))
    jobs["gpu_type"] = types.reindex(jobs.index).fillna("")
    return jobs


def _jobs(content: Content) -> pd.DataFrame:
    columns = ("job_name", "user", "status", "start_time")
    table = csv_columns(content, columns, names=_names(content, "job"))
    submitted = numbers(table["start_time"], "start_time", content.where, least=0.0, empty=True)
    frame = pd.DataFrame(
        {
            "submitted": submitted,
            "user": table["user"].astype(object).to_numpy(),
            "status": table["status"].astype(object).to_numpy(),
        },
        index=pd.Index(table["job_name"].astype(object).to_numpy(), name="job"),
    )
    return frame[~frame.index.duplicated()]


def _instances(content: Content) -> pd.DataFrame:
    """Return first launch and last end of each job's instances."""
    wanted = ("start_time", "end_time")
    parts = []
    for table in csv_blocks(
        content, ("job_name", *wanted), numeric=wanted, names=_names(content, "instance")
    ):
        with content.part():
            value = _read(table, wanted, content.where, empty=wanted)
            rows = pd.DataFrame(
                {
                    "job": table["job_name"].astype(object).to_numpy(),
                    "launched": value["start_time"],
                    "ended": value["end_time"],
                }
            )
            parts.append(rows.groupby("job", sort=False).agg({"launched": "min", "ended": "max"}))
    return pd.concat(parts).groupby(level=0, sort=False).agg({"launched": "min", "ended": "max"})


def _trace(jobs: pd.DataFrame, content: Content, notices: list[str]) -> Trace:
    submitted = jobs["submitted"].to_numpy(dtype=np.float64)
    known_submit = np.isfinite(submitted)
    if not known_submit.any():
        raise TraceError([Problem(content.where, None, "no job has a time of submission")])
    submit = submitted - submitted[known_submit].min()
    start, end = (jobs[name].to_numpy(dtype=np.float64) for name in ("start", "end"))
    run, wait = end - start, start - submitted
    gpus, held = jobs["gpus"].to_numpy(dtype=np.float64), jobs["held"].to_numpy(dtype=np.float64)
    known = np.isfinite(run) & (run >= 0.0) & ~jobs["open"].to_numpy(dtype=bool)
    types, status, users = jobs["gpu_type"], jobs["status"], jobs["user"]
    usable = np.flatnonzero(known & known_submit & (held >= 1.0))
    # Tables are joined by job: the order of lines says nothing about time, so strict has no say.
    order = np.argsort(submit[usable], kind="stable")
    kept = usable[order]
    if len(kept) < len(jobs):
        notices.append(
            f"{len(jobs) - len(kept):,} of {len(jobs):,} jobs are not replayed: without a GPU "
            f"({int((held < 1.0).sum()):,}), or that did not start and end "
            f"({int((~known).sum()):,})"
        )
    labels = {
        name: Labels.of(column.to_numpy(dtype=object), kept)
        for name, column in (("gpu_type", types), ("user", users), ("status", status))
    }

    def figures() -> dict[str, Any]:
        return {
            "kind": "jobs",
            "rows": len(jobs),
            **arrival_figures(submit[known_submit]),
            "rows_with_duration": int(known.sum()),
            **distribution("duration_s", run[known], shown=("mean", "p50", "p99", "max", "min")),
            **distribution("gpus", gpus, shown=("mean", "max")),
            "gpu_hours": plain((run * gpus)[known].sum() / 3600.0),
            **distribution(
                "cores", jobs["cores"].to_numpy(dtype=np.float64), shown=("mean", "max")
            ),
            "status_counts": counts(status),
            "users": int(users[users != ""].nunique()),
            "rows_without_gpu": int((held < 1.0).sum()),
            "fractional_gpu_rows": int(((held >= 1.0) & (gpus < held)).sum()),
            "gpu_type_counts": counts(types),
            "queue_wait_mean_s": mean_known(wait[known]),
        }

    table = JobTable.of(
        submit[kept],
        run[kept],
        held[kept].astype(np.int64),
        share=np.clip(gpus[kept] / held[kept], 0.001, 1.0),
        job_id=kept.astype(np.int64),
        user=labels["user"].code,
        recorded_wait_s=np.where(wait[kept] >= 0.0, wait[kept], np.nan),
    )
    first_ns = int(1e9 * submitted[known_submit].min())
    origin = Origin.of(first_ns, offset_s=ZONE_S)
    return Trace(table, None, figures, tuple(notices), rows=kept, labels=labels, origin=origin)
