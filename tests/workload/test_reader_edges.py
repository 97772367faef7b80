"""What readers make of cells that a file should not hold, or that mean nothing is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
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
    with pytest.raises(TraceError, match=r"line 3.*TIMESTAMP is out of range"):
        read_trace(path)
    requests = read_trace(path, lenient=True).requests
    assert requests is not None
    assert requests.input_tokens.tolist() == [1, 2]
