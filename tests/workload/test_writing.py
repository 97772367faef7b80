"""Traces written and read back, cut, thinned and loaded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from computenet.errors import InputError, TraceError
from computenet.workload.tables import JobTable, RequestTable
from computenet.workload.traces import convert_trace, read_trace, scale_trace

PAI = "arrival_time,length,cpus\n" + "".join(
    f"{60 * i},{300 + i},{1 + i % 9}\n" for i in range(500)
)
AZURE = "TIMESTAMP,ContextTokens,GeneratedTokens\n" + "".join(
    f"2023-11-16 18:{i // 60:02d}:{i % 60:02d}.1234567,{i + 1},{2 * i + 1}\n" for i in range(600)
)


def table_of(path: Path) -> JobTable | RequestTable:
    trace = read_trace(path)
    table = trace.jobs if trace.jobs is not None else trace.requests
    assert table is not None
    return table


@pytest.mark.parametrize("suffix", ["parquet", "csv", "csv.gz", "swf", "swf.gz"])
def test_jobs_survive(tmp_path: Path, suffix: str) -> None:
    source, target = tmp_path / "pai.csv", tmp_path / f"out.{suffix}"
    source.write_text(PAI)
    notices = convert_trace(source, target)
    assert notices == ["500 of 500 rows written"]
    before, after = table_of(source), table_of(target)
    assert isinstance(before, JobTable)
    for name in ("job_id", "submit_s", "duration_s", "estimate_s", "accelerators", "user"):
        np.testing.assert_array_equal(getattr(before, name), getattr(after, name), err_msg=name)


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_requests_survive(tmp_path: Path, suffix: str) -> None:
    source, target = tmp_path / "azure.csv", tmp_path / f"out.{suffix}"
    source.write_text(AZURE)
    convert_trace(source, target)
    before, after = table_of(source), table_of(target)
    assert isinstance(before, RequestTable)
    for name in ("arrival_s", "input_tokens", "output_tokens"):
        np.testing.assert_array_equal(getattr(before, name), getattr(after, name))
    with pytest.raises(InputError, match="SWF holds jobs"):
        convert_trace(source, tmp_path / "out.swf")


def test_window_thinning_and_load(tmp_path: Path) -> None:
    source = tmp_path / "pai.csv"
    source.write_text(PAI)
    scale_trace(source, tmp_path / "window.csv", from_h=1.0, to_h=2.0)
    window = table_of(tmp_path / "window.csv")
    assert isinstance(window, JobTable)
    np.testing.assert_array_equal(window.submit_s, np.arange(60) * 60.0)
    scale_trace(source, tmp_path / "fast.csv", load=2.0)
    fast = table_of(tmp_path / "fast.csv")
    assert isinstance(fast, JobTable)
    np.testing.assert_array_equal(fast.submit_s, np.arange(500) * 30.0)
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        scale_trace(source, tmp_path / f"{name}.csv", keep=0.3, seed=seed)
    kept = [table_of(tmp_path / f"{name}.csv").rows for name in "abc"]
    assert abs(kept[0] - 150) < 50
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    assert (tmp_path / "a.csv").read_bytes() != (tmp_path / "c.csv").read_bytes()


def test_all_faults_at_once_and_nothing_written(tmp_path: Path) -> None:
    source, taken = tmp_path / "pai.csv", tmp_path / "taken.xyz"
    source.write_text(PAI)
    taken.write_text("mine")
    with pytest.raises(InputError, match="5 problems"):
        scale_trace(source, taken, keep=0.0, load=-1.0, from_h=5.0, to_h=4.0)
    with pytest.raises(InputError, match="no row is left"):
        scale_trace(source, tmp_path / "none.csv", from_h=1000.0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pai.csv", "taken.xyz"]
    assert taken.read_text() == "mine"


def test_shares_and_whole_nodes_are_kept_and_checked(tmp_path: Path) -> None:
    path = tmp_path / "jobs.csv"
    head = "submit_s,duration_s,accelerators,share,whole_nodes\n"
    path.write_text(head + "0,10,1,0.25,0\n5,10,2,1,1\n")
    convert_trace(path, tmp_path / "jobs.parquet")
    jobs = read_trace(tmp_path / "jobs.parquet").jobs
    assert jobs is not None
    assert jobs.share.tolist() == [0.25, 1.0]
    assert jobs.whole_nodes.tolist() == [0, 1]
    path.write_text(head + "0,10,1,0,2\n")
    with pytest.raises(TraceError, match="share cannot be used") as caught:
        read_trace(path)
    assert "whole_nodes cannot be used" in str(caught.value)


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_cached_tokens_survive_and_are_checked(tmp_path: Path, suffix: str) -> None:
    source, target = tmp_path / "m.jsonl", tmp_path / f"out.{suffix}"
    source.write_text(
        '{"timestamp": 0, "input_length": 600, "output_length": 5, "hash_ids": [1, 2]}\n'
        '{"timestamp": 1500, "input_length": 1030, "output_length": 9, "hash_ids": [1, 3, 4]}\n'
    )
    convert_trace(source, target)
    before, after = table_of(source), table_of(target)
    assert isinstance(before, RequestTable)
    assert before.cached_tokens.tolist() == [0, 512]
    np.testing.assert_array_equal(before.cached_tokens, after.cached_tokens)
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("arrival_s,input_tokens,output_tokens,cached_tokens\n5,9,1,9\n0,9,1,10\n")
    with pytest.raises(TraceError, match=r"(?s)line 3.*at most input_tokens"):
        read_trace(wrong)
    wrong.write_text("arrival_s,input_tokens,output_tokens,cached_tokens\n5,9,1,9\n0,9,1,3\n")
    after = table_of(wrong)
    assert isinstance(after, RequestTable)
    assert after.cached_tokens.tolist() == [3, 9]


def test_swf_keeps_every_digit_and_says_what_it_cannot_hold(tmp_path: Path) -> None:
    source, target = tmp_path / "jobs.csv", tmp_path / "jobs.swf"
    source.write_text(
        "submit_s,duration_s,accelerators,share,whole_nodes,data_gb,gpu_type\n"
        "1505282401.0625,10.1,1,0.25,0,0,A100\n1505282402.5,1e15,2,1,1,7,\n"
    )
    notices = convert_trace(source, target)
    assert notices[0] == (
        "SWF has no field for share (1 jobs), whole_nodes (1 jobs), data_gb (1 jobs), "
        "gpu_type (1 jobs): not written"
    )
    before, after = table_of(source), table_of(target)
    assert isinstance(before, JobTable)
    for name in ("submit_s", "duration_s", "estimate_s"):
        np.testing.assert_array_equal(getattr(before, name), getattr(after, name))
    # No status is on record.
    assert target.read_text().splitlines()[-1].split()[10] == "-1"


def test_numbers_of_jobs_and_users_of_swf_survive(tmp_path: Path) -> None:
    source = tmp_path / "t.swf"
    rest = "100 8 99 -1 8 200 -1 1 {} -1 -1 -1 -1 -1 -1"
    rows = [f"-3 0 10 {rest.format(-7)}", f"3000000000 5 10 {rest.format(5)}"]
    source.write_text("\n".join(rows) + "\n")
    convert_trace(source, tmp_path / "t.parquet")
    jobs = table_of(tmp_path / "t.parquet")
    assert isinstance(jobs, JobTable)
    assert jobs.job_id.tolist() == [-3, 3_000_000_000]
    assert jobs.user.tolist() == [-1, 5]
