"""What readers make of cells that a file should not hold, or that mean nothing is known."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from computenet.errors import TraceError
from computenet.workload.traces import read_trace


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_seconds_with_fractions_are_no_hours(tmp_path: Path) -> None:
    text = "arrival_time,length,cpus\n0.5,3000.25,1\n100.5,4000.5,2\n"
    jobs = read_trace(write(tmp_path / "s.csv", text)).jobs
    assert jobs is not None
    np.testing.assert_array_equal(jobs.submit_s, [0.5, 100.5])
    np.testing.assert_array_equal(jobs.duration_s, [3000.25, 4000.5])


@pytest.mark.parametrize("far", ["0001-01-01 00:00:00", "9999-12-31 00:00:00+00:00"])
def test_times_that_cannot_be_counted_are_named(tmp_path: Path, far: str) -> None:
    near = "2017-10-09 07:01:55" + far[19:]
    head = "timestamp,duration,num_gpus,gpu_time,cluster\n"
    path = write(tmp_path / "p.csv", f"{head}{near},66,2,132,a\n{far},66,2,132,a\n")
    with pytest.raises(TraceError, match=r"(?s)line 3.*timestamp is out of range.*2262-04-1"):
        read_trace(path)
    head = "TIMESTAMP,ContextTokens,GeneratedTokens\n"
    path = write(tmp_path / "a.csv", f"{head}{near},1,1\n{far},1,1\n{near},2,2\n")
    with pytest.raises(TraceError, match=r"(?s)line 3.*TIMESTAMP is out of range"):
        read_trace(path)
    requests = read_trace(path, lenient=True).requests
    assert requests is not None
    assert requests.input_tokens.tolist() == [1, 2]


@pytest.mark.parametrize(
    "text",
    [
        "timestamp,duration,num_gpus,gpu_time,cluster\n"
        "2017-10-09 07:01:55,66,2,132,{}\n2017-10-09 07:01:56,66,2,132,a\n",
        "job_id,user,vc,gpu_num,state,submit_time,start_time,end_time\n"
        "1,{},v,8,COMPLETED,2020-04-01 00:00:00,2020-04-01 00:01:00,2020-04-01 01:01:00\n"
        "2,a,v,8,COMPLETED,2020-04-01 00:00:01,2020-04-01 00:01:00,2020-04-01 01:01:00\n",
        "role,app_name,cpu_request,gpu_request,memory_request,creation_time,scheduled_time,"
        "deletion_time\nHN,{},12,1,120.0,5,6,100\nHN,a,12,1,120.0,6,6,100\n",
        "gmt_create,predict_type,predict_status,exec_time_seconds,groupId,prompt_length,"
        "num_images_per_prompt,num_inference_steps,checkpoint_model_version_id,num_lora\n"
        "2024-11-15 16:57:50,TXT_2_IMG,SUCCEED,32,{},63,1,30,M0,0\n"
        "2024-11-15 16:57:51,TXT_2_IMG,SUCCEED,32,a,63,1,30,M0,0\n",
    ],
    ids=["philly", "cluster-log", "dlrm", "genai"],
)
def test_rows_without_a_tenant_have_none(tmp_path: Path, text: str) -> None:
    jobs = read_trace(write(tmp_path / "t.csv", text.format(""))).jobs
    assert jobs is not None
    assert jobs.user.tolist() == [-1, 0]
    jobs = read_trace(write(tmp_path / "t.csv", text.format("b"))).jobs
    assert jobs is not None
    assert jobs.user.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("text", "column"),
    [
        (
            "1 0 10 100 8 99 -1 8 200 -1 1 3 -1 -1 -1 -1 -1 -1\n"
            "2 5 10 100 8 99 -1 8 200 -1 1 3 7 -1 -1 -1 -1 -1\n"
            "3 6 10 100 8 99 -1 8 200 -1 1 3 -1 -1 -1 -1 -1 -1\n",
            "group",
        ),
        ("submit_s,duration_s,accelerators,user\n0,9,1,-1\n1,9,1,7\n2,9,1,-1\n", "user"),
        (
            '{"timestamp": 0, "input_length": 1, "output_length": 1, "place": null}\n'
            '{"timestamp": 1, "input_length": 1, "output_length": 1, "place": 7}\n'
            '{"timestamp": 2, "input_length": 1, "output_length": 1}\n',
            "place",
        ),
    ],
    ids=["swf", "native", "mooncake"],
)
def test_words_that_mean_unknown_are_none(tmp_path: Path, text: str, column: str) -> None:
    labels = read_trace(write(tmp_path / "t", text), words=(column,)).labels[column]
    assert labels.names == ("7",)
    assert labels.code.tolist() == [-1, 0, -1]


def test_the_parts_of_a_job_are_no_jobs_beside_its_summary(tmp_path: Path) -> None:
    rest = "-1 -1 8 200 -1 {} 3 1 -1 -1 -1 -1 -1"
    rows = [
        ("7 0 10 300 8", 1),
        ("7 0 10 100 8", 2),
        ("7 15 10 200 8", 3),
        ("8 20 0 50 8", 2),
        ("8 90 0 50 8", 4),
        ("9 95 0 70 8", 5),
    ]
    text = "".join(f"{start} {rest.format(status)}\n" for start, status in rows)
    trace = read_trace(write(tmp_path / "t.swf", text))
    assert trace.jobs is not None
    # Job 7 has a summary; job 8 is known by its parts alone.
    assert trace.jobs.job_id.tolist() == [7, 8, 8, 9]
    assert trace.jobs.duration_s.tolist() == [300.0, 50.0, 50.0, 70.0]
    assert trace.notices == (
        "2 rows are parts of jobs that have a row of their whole, and are not replayed",
    )
    assert trace.figures["rows"] == 6
    assert trace.figures["status_counts"] == {"1": 1, "2": 2, "3": 1, "4": 1, "5": 1}


def test_numbers_beyond_floats_are_named(tmp_path: Path) -> None:
    big = "9" * 400
    text = f'{{"timestamp": {big}, "input_length": 1, "output_length": 1}}\n'
    with pytest.raises(TraceError, match="timestamp is too large"):
        read_trace(write(tmp_path / "m.jsonl", text))
    table = write(
        tmp_path / "simulation_throughputs.json",
        f'{{"v100": {{"(batch size 1)": {{"null": {big}}}}}}}',
    )
    with pytest.raises(TraceError, match="no table of throughputs"):
        read_trace(table)


@pytest.mark.parametrize(
    "table",
    [
        b"{",
        b"[]",
        b'{"v100": {"k": []}}',
        b'{"v100": {"k": {"null": "x"}}}',
        gzip.compress(b'{"v100": {}}')[:-9],
    ],
)
def test_a_damaged_table_of_throughputs_is_named(tmp_path: Path, table: bytes) -> None:
    (tmp_path / "simulation_throughputs.json").write_bytes(table)
    path = write(tmp_path / "t.trace", "LM (batch size 64)\tpython\t-n\t1\t95121\t0.0\t2\n")
    with pytest.raises(TraceError, match=r"simulation_throughputs\.json"):
        read_trace(path)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"duration": ["a", "b"]}, "duration"),
        ({"cpu_count": [[1], [2]]}, "cpu_count"),
        ({"cpu_capacity": ["x", "y"]}, "cpu_capacity"),
        ({"submission_time": ["noon", "one"]}, "submission_time"),
        ({"duration": [5.0, -1.0]}, "line 2"),
        ({"cpu_count": [1.0, np.inf]}, "line 2"),
    ],
)
def test_columns_of_parquet_that_hold_no_numbers(
    tmp_path: Path, wrong: dict[str, list[object]], words: str
) -> None:
    columns = {
        "id": [1, 2], "submission_time": [0, 9], "duration": [5, 6], "cpu_count": [4, 4],
        "cpu_capacity": [8.0, 8.0],
    }  # fmt: skip
    pd.DataFrame({**columns, **wrong}).to_parquet(tmp_path / "tasks.parquet")
    with pytest.raises(TraceError, match=words):
        read_trace(tmp_path / "tasks.parquet")


def test_a_carbon_series_without_times_is_named(tmp_path: Path) -> None:
    frame = pd.DataFrame({"timestamp": ["noon"], "carbon_intensity": [3.0]})
    frame.to_parquet(tmp_path / "c.parquet")
    with pytest.raises(TraceError, match="no dates and times"):
        read_trace(tmp_path / "c.parquet")
