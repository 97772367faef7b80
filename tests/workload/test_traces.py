"""The readers reproduce the reference figures of real traces, and refuse what is broken."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import numpy as np
import pytest
import zstandard

from computenet.errors import InputError, TraceError
from computenet.workload.traces import describe_trace, read_trace, reader_names
from computenet.workload.traces.mooncake import prefix_hits

ROOT = os.environ.get("COMPUTENET_TRACES")
#: Figures of these are of a serving engine, not of a trace.
NO_TRACE = ("vllm-measured/",)
REAL = (
    sorted(
        name
        for name in json.loads((Path(ROOT) / "reference.json").read_text(encoding="utf-8"))
        if not name.startswith(NO_TRACE)
    )
    if ROOT
    else ["every file"]
)
PAI = "arrival_time,length,cpus\n0,600,1\n30,900,8\n60,1200,2\n"
AZURE = (
    "TIMESTAMP,ContextTokens,GeneratedTokens\r\n"
    "2023-11-16 18:15:46.6805900,374,44\r\n"
    "2023-11-16 18:15:50.9951690,396,109"
)
MOON = (
    '{"timestamp": 0, "input_length": 600, "output_length": 5, "hash_ids": [1, 2]}\n'
    '{"timestamp": 1500, "input_length": 1030, "output_length": 9, "hash_ids": [1, 3, 4]}\n'
)
SWF = (
    "; Version: 2.2\n; MaxProcs: 64\n;\n"
    "1 0 10 100 8 99.5 -1 8 200 -1 1 3 1 -1 -1 -1 -1 -1\n"
    "2 5 -1 -1 8 -1 -1 8 200 -1 5 4 1 -1 -1 -1 -1 -1\n"
    "3 9 0 0 -1 -1 -1 16 200 -1 0 3 1 -1 -1 -1 -1 -1\n"
)


@pytest.mark.skipif(ROOT is None, reason="COMPUTENET_TRACES is not set")
@pytest.mark.parametrize("name", REAL)
def test_reference_figures(name: str) -> None:
    root = Path(str(ROOT))
    wanted = json.loads((root / "reference.json").read_text(encoding="utf-8"))[name]
    found = json.loads(json.dumps(describe_trace(root / name)))
    assert set(wanted) <= set(found)
    for key, value in wanted.items():
        if isinstance(value, float):
            assert found[key] == pytest.approx(value, rel=1e-6), key
        else:
            assert found[key] == value, key


def write(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


@pytest.mark.parametrize(
    ("text", "name", "rows"),
    [(PAI, "pai", 3), (AZURE, "azure-llm", 2), (MOON, "mooncake", 2), (SWF, "swf", 3)],
)
def test_formats_are_told_by_content(tmp_path: Path, text: str, name: str, rows: int) -> None:
    plain = write(tmp_path / "plain", text)
    packed = tmp_path / "packed"
    packed.write_bytes(gzip.compress(text.encode()))
    zstd = tmp_path / "zstd"
    zstd.write_bytes(zstandard.compress(b"\xef\xbb\xbf" + text.encode()))
    for path in (plain, packed, zstd):
        figures = describe_trace(path)
        assert figures["format"] == name
        assert figures["rows"] == rows
        assert figures["bytes"] == path.stat().st_size
    assert set(reader_names()) >= {"pai", "azure-llm", "mooncake", "swf"}


def test_pai_unit_is_told_by_the_fractions(tmp_path: Path) -> None:
    hours = "arrival_time,length,cpus\n0.0,0.25,1\n1.5,2.000277777777778,4\n"
    trace = read_trace(write(tmp_path / "hours.csv", hours))
    assert trace.figures["time_unit_seconds"] == 3600
    assert trace.jobs is not None
    np.testing.assert_array_equal(trace.jobs.submit_s, [0.0, 5400.0])
    np.testing.assert_array_equal(trace.jobs.duration_s, [900.0, 7201.0])
    assert read_trace(write(tmp_path / "s.csv", PAI)).figures["time_unit_seconds"] == 1


def test_azure_keeps_100_ns_and_reads_zones(tmp_path: Path) -> None:
    trace = read_trace(write(tmp_path / "a.csv", AZURE))
    assert trace.requests is not None
    np.testing.assert_allclose(trace.requests.arrival_s, [0.0, 4.314579], rtol=0, atol=1e-9)
    zoned = (
        "TIMESTAMP,ContextTokens,GeneratedTokens\n"
        "2024-05-10 00:00:00.009930+00:00,2162,5\n2024-05-10T08:00:01.009930+08:00,10,6\n"
    )
    trace = read_trace(write(tmp_path / "b.csv", zoned))
    assert trace.requests is not None
    np.testing.assert_allclose(trace.requests.arrival_s, [0.0, 1.0], rtol=0, atol=1e-9)


def test_mooncake_prefix_hits() -> None:
    assert prefix_hits([[1, 2], [1, 3, 2], [1, 2, 9], [5]]) == [0, 1, 2, 0]
    assert prefix_hits([]) == []


def test_swf_rows_that_cannot_run_are_counted(tmp_path: Path) -> None:
    trace = read_trace(write(tmp_path / "x.swf", SWF))
    assert trace.jobs is not None
    assert trace.jobs.job_id.tolist() == [1, 3]
    assert trace.jobs.accelerators.tolist() == [8, 16]
    assert trace.jobs.estimate_s.tolist() == [200.0, 200.0]
    assert trace.jobs.recorded_wait_s.tolist() == [10.0, 0.0]
    assert "1 rows cannot be replayed" in trace.notices[0]
    assert trace.figures["status_counts"] == {"0": 1, "1": 1, "5": 1}
    assert trace.figures["rows_fractional_avg_cpu"] == 1


def test_unsorted_rows_are_sorted_and_said_or_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "p.csv", "arrival_time,length,cpus\n60,600,1\n0,900,2\n")
    trace = read_trace(path)
    assert trace.jobs is not None
    assert trace.jobs.submit_s.tolist() == [0.0, 60.0]
    assert "1 rows out of order" in trace.notices[0]
    with pytest.raises(TraceError, match="line 3"):
        read_trace(path, strict=True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        ("arrival_time,length,cpus\n", "no rows"),
        ("; Version: 2.2\n", "no jobs"),
        ("arrival_time,length,cpus\n,5,1\n", "arrival_time is missing"),
        ("arrival_time,length,cpus\n-3,5,1\n", "line 2"),
        ("arrival_time,length,cpus\n0,x,1\n1,5,0\n", "cpus cannot be used"),
        ("TIMESTAMP,ContextTokens,GeneratedTokens\n,1,1\n", "the time is missing"),
        ("TIMESTAMP,ContextTokens,GeneratedTokens\nnoon,1,1.5\n", "GeneratedTokens"),
        ('{"timestamp": 1, "input_length": 1}\n', "output_length is missing"),
        ("1 -1 0 1 1 -1 -1 1 1 -1 1 1 1 -1 -1 -1 -1 -1\n", "the time is missing"),
        ("a,b\n1,2\n", "no format that is known"),
    ],
)
def test_broken_traces_are_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(TraceError, match=words):
        read_trace(write(tmp_path / "t", text))


def test_truncated_and_damaged_archives(tmp_path: Path) -> None:
    whole = gzip.compress((PAI * 200).encode())
    cut = tmp_path / "cut.csv.gz"
    cut.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(TraceError, match="truncated"):
        read_trace(cut)
    bad = tmp_path / "bad.csv.gz"
    bad.write_bytes(whole[:20] + b"\x00" * 20 + whole[40:])
    with pytest.raises(TraceError, match=r"damaged|truncated"):
        read_trace(bad)
    with pytest.raises(TraceError, match="No such file"):
        read_trace(tmp_path / "none")


def test_unknown_format_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "p.csv", PAI)
    with pytest.raises(InputError, match="did you mean: pai"):
        read_trace(path, format="pa")
    with pytest.raises(TraceError, match="does not begin like swf"):
        read_trace(path, format="swf")
