"""Jobs in Standard Workload Format: what each field and directive tells."""

from __future__ import annotations

import gzip
from dataclasses import replace
from datetime import UTC, timedelta
from pathlib import Path

import pandas as pd
import pytest

import computenet as cn
from computenet.interop.swf import swf_text
from computenet.results.streamed import StreamedTable


@pytest.fixture(scope="module")
def results() -> cn.Results:
    return cn.simulate(cn.load("two-hubs", days=0.5))


def body(results: cn.Results) -> list[list[str]]:
    lines = swf_text(results).splitlines()
    return [line.split() for line in lines if not line.startswith(";")]


def header(results: cn.Results) -> dict[str, str]:
    lines = swf_text(results).splitlines()
    return dict(line[2:].split(": ", 1) for line in lines if line.startswith(";"))


def with_jobs(results: cn.Results, rows: slice, **columns: object) -> cn.Results:
    jobs = results.jobs[results.jobs["start_s"].notna()][rows].assign(**columns)
    return replace(results, tables={**results.tables, "jobs": jobs})


def test_swf_tells_what_a_job_held_beside_what_it_asked_for(results: cn.Results) -> None:
    """A quarter of an accelerator is one processor; three that take whole servers are eight."""
    run = with_jobs(results, slice(3), accelerators=[1, 3, 2], held_accelerators=[0.25, 8.0, 2.0])
    assert [(row[4], row[7]) for row in body(run)] == [("1", "1"), ("8", "3"), ("2", "2")]
    assert "share of an accelerator" in swf_text(run)
    run = with_jobs(results, slice(1), accelerators=[3], held_accelerators=[8.0])
    assert "share of an accelerator" not in swf_text(run)


def test_swf_holds_the_jobs_that_were_submitted(results: cn.Results) -> None:
    states = ["completed", "not_submitted", "completed"]
    run = with_jobs(results, slice(3), job_id=[0, 1, 2], state=pd.Categorical(states))
    assert [row[0] for row in body(run)] == ["1", "3"]
    assert header(run)["MaxJobs"] == "2"


@pytest.mark.parametrize(
    ("numbers", "told"), [([1, 2, 9], "1 2 9"), ([0, 1, 9], "1 2 10"), ([7, 8, 9], "7 8 9")]
)
def test_swf_keeps_job_numbers_that_begin_at_1(
    results: cn.Results, numbers: list[int], told: str
) -> None:
    run = with_jobs(results, slice(3), job_id=numbers)
    assert " ".join(row[0] for row in body(run)) == told


def test_swf_of_a_streamed_run_is_in_order_of_submission(
    results: cn.Results, tmp_path: Path
) -> None:
    results.jobs[::-1].to_parquet(tmp_path / "jobs.parquet")
    tables = {name: table for name, table in results.tables.items() if name != "jobs"}
    streamed = {"jobs": StreamedTable(tmp_path / "jobs.parquet", "job_id")}
    assert swf_text(replace(results, tables=tables, streamed=streamed)) == swf_text(results)


@pytest.mark.parametrize(
    ("offset_h", "zone", "told", "start"),
    [
        (8.0, "TimeZoneString", "Asia/Shanghai", "Mon Jul 07 00:00:00 CST 2025"),
        (0.0, "TimeZoneString", "UTC", "Sun Jul 06 16:00:00 UTC 2025"),
        (-6.0, "TimeZoneString", "Etc/GMT+6", "Sun Jul 06 10:00:00 -06 2025"),
        (5.5, "TimeZone", "19800", "Sun Jul 06 21:30:00 UTC+05:30 2025"),
        (-9.5, "TimeZone", "-34200", "Sun Jul 06 06:30:00 UTC-09:30 2025"),
    ],
)
def test_swf_tells_the_clock_and_is_read_back_with_it(
    results: cn.Results, tmp_path: Path, offset_h: float, zone: str, told: str, start: str
) -> None:
    topology = results.scenario.topology.model_copy(update={"utc_offset_h": offset_h})
    run = replace(results, scenario=results.scenario.model_copy(update={"topology": topology}))
    head = header(run)
    assert {name: head[name] for name in head if name.startswith("TimeZone")} == {zone: told}
    assert head["StartTime"] == start
    read = cn.read_trace(cn.export("swf", run, tmp_path / "run.swf"))
    assert read.origin is not None
    local = results.scenario.start.astimezone(UTC) + timedelta(hours=offset_h)
    assert read.origin.second_s == local.hour * 3600 + local.minute * 60


def test_swf_is_compressed_where_its_name_says_so(results: cn.Results, tmp_path: Path) -> None:
    path = cn.export("swf", results, tmp_path / "run.swf.gz")
    raw = path.read_bytes()
    assert gzip.decompress(raw).decode() == swf_text(results)
    cn.export("swf", results, path, overwrite=True)
    assert path.read_bytes() == raw
    assert [one.name for one in tmp_path.iterdir()] == ["run.swf.gz"]
