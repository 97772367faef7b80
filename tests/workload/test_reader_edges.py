"""What readers make of cells that a file should not hold, or that mean nothing is known."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import zstandard

from computenet.errors import TraceError
from computenet.workload.traces import Origin, read_trace


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
        gzip.compress(b'{"v100": {}}', mtime=0)[:-9],
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


def test_series_of_occupancy_need_no_order_and_no_utilization(tmp_path: Path) -> None:
    head = "time,total_gpu_num,running_gpu_num,pending_gpu_num,idle_gpu_num,gpu_utilization\n"
    rows = ["05-01 00:02:00,8,6,0,2,0.5", "05-01 00:00:00,8,6,0,2,", "05-01 00:01:00,8,6,0,2,0.7"]
    path = write(tmp_path / "m.csv", head + "".join(f"2020-{row}\n" for row in rows))
    trace = read_trace(path)
    assert "out of order" in trace.notices[0]
    found = trace.figures
    assert found["first_timestamp"] == "2020-05-01 00:00:00"
    assert found["last_timestamp"] == "2020-05-01 00:02:00"
    assert found["step_s"] == 60
    assert found["gpu_hours_running"] == pytest.approx(0.3)
    assert found["gpu_utilization_mean"] == pytest.approx(0.6)
    with pytest.raises(TraceError, match="line 3"):
        read_trace(path, strict=True)
    quota = "date,vc1,vc2,total\n2020-04-02,112,8,120\n2020-04-01,112,8,120\n"
    found = read_trace(write(tmp_path / "q.csv", quota)).figures
    assert (found["first"], found["last"]) == ("2020-04-01", "2020-04-02")


def test_a_truncated_zstd_file_is_refused(tmp_path: Path) -> None:
    rows = "".join(f"{at},{at * at % 977 + 600},1\n" for at in range(100_000))
    text = f"arrival_time,length,cpus\n{rows}".encode()
    path = tmp_path / "t.csv.zst"
    skipped = b"\x50\x2a\x4d\x18\x04\x00\x00\x00abcd"
    for checked in (True, False):
        packer = zstandard.ZstdCompressor(write_checksum=checked)
        whole = packer.compress(text) + skipped + packer.compress(b"100000,600,1\n" * 9)
        path.write_bytes(whole)
        assert read_trace(path).figures["rows"] == 100_009
        first = len(packer.compress(text))
        for end in (first // 2, first - 1, first + 2, first + 10, len(whole) - 1):
            path.write_bytes(whole[:end])
            with pytest.raises(TraceError, match="zstd file is truncated"):
                read_trace(path)


def test_lenient_reading_of_parquet(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "submit_s": [0.0, 5.0, 9.0],
            "duration_s": [60.0, -1.0, 70.0],
            "accelerators": [8, 1, 2],
            "place": ["a", "b", "c"],
        }
    )
    frame.to_parquet(tmp_path / "n.parquet")
    with pytest.raises(TraceError, match="line 2"):
        read_trace(tmp_path / "n.parquet")
    trace = read_trace(tmp_path / "n.parquet", lenient=True, words=("place",))
    assert trace.jobs is not None
    assert trace.jobs.accelerators.tolist() == [8, 2]
    assert trace.labels["place"].names == ("a", "c")
    assert trace.notices == ("1 lines could not be read and were left out: 2",)
    tasks = pd.DataFrame(
        {
            "id": [1, 2, 3], "submission_time": [0, 9, 10], "duration": [5000.0, np.nan, 6000.0],
            "cpu_count": [4, 4, 0], "cpu_capacity": [8.0, 8.0, 8.0],
        }
    )  # fmt: skip
    tasks.to_parquet(tmp_path / "t.parquet")
    trace = read_trace(tmp_path / "t.parquet", lenient=True)
    assert trace.jobs is not None
    assert trace.jobs.rows == 1
    assert "2, 3" in trace.notices[0]


def test_a_named_format_tells_which_column_is_missing(tmp_path: Path) -> None:
    text = "timestamp,duration,num_gpu,cluster\n2017-10-09 07:01:55,66,2,a\n"
    path = write(tmp_path / "p.csv", text)
    with pytest.raises(TraceError, match="no format that is known"):
        read_trace(path)
    with pytest.raises(TraceError, match="does not begin like philly") as caught:
        read_trace(path, format="philly")
    assert "the column is missing" in str(caught.value)
    assert "did you mean: num_gpu" in str(caught.value)
    path = write(tmp_path / "n.csv", "submit_s,duration_s\n1,2\n")
    with pytest.raises(TraceError, match="2 problems") as caught:
        read_trace(path, format="native")
    assert "accelerators" in str(caught.value)


def test_columns_that_only_figures_need_may_be_missing(tmp_path: Path) -> None:
    text = "timestamp,duration,num_gpus,cluster\n2017-10-09 07:01:55,66,2,a\n"
    trace = read_trace(write(tmp_path / "p.csv", text))
    assert trace.jobs is not None
    assert "rows_gpu_time_mismatch" not in trace.figures
    pods = "name,cpu_milli,memory_mib,num_gpu,gpu_milli\np,6000,12288,1,460\nq,6000,12288,0,0\n"
    trace = read_trace(write(tmp_path / "o.csv", pods))
    assert trace.jobs is None
    assert trace.figures["kind"] == "shapes"
    assert trace.figures["gpus_requested_sum"] == 0.46
    with pytest.raises(TraceError, match="scheduled_time"):
        read_trace(
            write(
                tmp_path / "o.csv",
                "cpu_milli,memory_mib,num_gpu,gpu_milli,creation_time,deletion_time\n1,1,1,1,1,2\n",
            )
        )
    carbon = (
        "Datetime (UTC),Country,Zone name,Zone id,Carbon intensity gCO₂eq/kWh (direct),"
        "Carbon intensity gCO₂eq/kWh (Life cycle),Data source,Data estimated\n"
        "2024-01-01 00:00:00,Sweden,Sweden,SE,2.5,30,svk.se,true\n"
    )
    found = read_trace(write(tmp_path / "c.csv", carbon)).figures
    assert (found["value_mean"], found["lca_mean"], found["estimated_rows"]) == (2.5, 30, 1)
    price = "Datetime (UTC),Price (USD/MWh)\n2023-01-01 00:00:00,127.4\n"
    found = read_trace(write(tmp_path / "e.csv", price)).figures
    assert found["value_mean"] == 127.4


PHILLY = "timestamp,duration,num_gpus,cluster\n{},66,2,a\n2017-10-10 00:00:00{},66,2,a\n"
ACME = "gpu_type,gpu_count,timestamp,e2e_latency_s,queue_wait_s\nA100,64,{},18.0,10.0\n"
LLM = "TIMESTAMP,ContextTokens,GeneratedTokens\n{},1,1\n"
SWF = "; UnixStartTime: 1027839845\n{}1 0 10 100 8 99 -1 8 200 -1 1 3 1 -1 -1 -1 -1 -1\n"


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        (PHILLY.format("2017-10-09 10:30:41", ""), Origin(37_841.0, 0)),
        (PHILLY.format("2017-10-09 10:30:41+08:00", "+08:00"), Origin(37_841.0, 0)),
        (ACME.format("2023-05-17 23:00:58-05:30"), Origin(82_858.0, 2)),
        (LLM.format("2023-11-16 18:15:46"), Origin(65_746.0, 3)),
        (LLM.format("2023-11-16 01:15:46+02:00"), Origin(4_546.0, 3)),
        # Sunday 28 July 2002, 09:04:05 CEST, as the log's own header says.
        (SWF.format("; TimeZoneString: Europe/Stockholm\n"), Origin(32_645.0, 6)),
        (SWF.format("; TimeZoneString: Mars/Base\n; TimeZone: 3600\n"), Origin(29_045.0, 6)),
        (SWF.format(""), None),
        ("arrival_time,length,cpus\n0,600,1\n", None),
        (
            "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n5,G,4,1,5,A\n",
            Origin(0.0),
        ),
    ],
)
def test_the_clock_at_time_0_is_kept(tmp_path: Path, text: str, origin: Origin | None) -> None:
    assert read_trace(write(tmp_path / "t", text)).origin == origin
