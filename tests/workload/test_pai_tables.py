"""The original PAI tables: joined by job, with or without headers, alone or together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from computenet.errors import TraceError
from computenet.workload.traces import read_trace

JOBS = """j1,a,u1,Terminated,100.0,500.0
j2,b,u2,Terminated,50.0,300.0
j3,c,u1,Failed,120.0,130.0
j4,d,u3,Running,200.0,
j5,e,u3,Terminated,210.0,220.0
"""
TASKS = """j1,ps,1.0,Terminated,110.0,500.0,600.0,29.3,,
j1,worker,2.0,Terminated,112.0,480.0,400.0,29.3,50.0,T4
j2,tensorflow,4.0,Terminated,50.0,300.0,600.0,29.3,200.0,V100
j3,worker,1.0,Failed,125.0,130.0,600.0,29.3,100.0,MISC
j3,evaluator,1.0,Failed,125.0,130.0,600.0,29.3,25.0,P100
j4,worker,1.0,Running,205.0,,600.0,29.3,100.0,T4
j5,ps,1.0,Terminated,210.0,220.0,600.0,29.3,,
"""
INSTANCES = """j1,worker,i1,w1,a,Terminated,115.0,470.0,m1
j1,worker,i2,w2,a,Terminated,113.0,479.0,m2
"""
HEADERS = {
    "job": "job_name,inst_id,user,status,start_time,end_time\n",
    "task": "job_name,task_name,inst_num,status,start_time,end_time,plan_cpu,plan_mem,plan_gpu,"
    "gpu_type\n",
    "instance": "job_name,task_name,inst_name,worker_name,inst_id,status,start_time,end_time,"
    "machine\n",
}


def write(folder: Path, *, headers: bool, kinds: tuple[str, ...]) -> None:
    texts = {"job": JOBS, "task": TASKS, "instance": INSTANCES}
    for kind in kinds:
        head = HEADERS[kind] if headers else ""
        (folder / f"pai_{kind}_table.csv").write_text(head + texts[kind])


@pytest.mark.parametrize("headers", [True, False])
@pytest.mark.parametrize("given", ["job", "task", "instance"])
def test_the_three_tables_join(given: str, headers: bool, tmp_path: Path) -> None:
    write(tmp_path, headers=headers, kinds=("job", "task", "instance"))
    trace = read_trace(tmp_path / f"pai_{given}_table.csv", format="pai-tables")
    jobs = trace.jobs
    assert jobs is not None
    # j2 at 50 s is the first; j1 and j3 after it; j4 never ended and j5 has no GPU.
    np.testing.assert_array_equal(jobs.submit_s, [0.0, 50.0, 70.0])
    np.testing.assert_array_equal(jobs.accelerators, [8, 2, 2])
    np.testing.assert_allclose(jobs.share, [1.0, 0.5, 0.625])
    np.testing.assert_array_equal(jobs.duration_s, [250.0, 479.0 - 113.0, 5.0])
    np.testing.assert_array_equal(jobs.recorded_wait_s, [0.0, 13.0, 5.0])
    assert jobs.user[1] == jobs.user[2] != jobs.user[0]
    types = trace.labels["gpu_type"]
    assert [types.names[code] for code in types.code] == ["V100", "T4", "MISC|P100"]
    assert trace.figures["rows"] == 5
    assert trace.figures["users"] == 3
    assert "2 of 5 jobs are not replayed" in trace.notices[-1]


def test_the_task_table_alone(tmp_path: Path) -> None:
    write(tmp_path, headers=False, kinds=("task",))
    trace = read_trace(tmp_path / "pai_task_table.csv")
    assert trace.jobs is not None
    np.testing.assert_array_equal(trace.jobs.submit_s, [0.0, 60.0, 75.0])
    np.testing.assert_array_equal(trace.jobs.recorded_wait_s, [0.0, 0.0, 0.0])
    assert "no job table" in trace.notices[0]


def test_without_the_task_table_nothing_is_known(tmp_path: Path) -> None:
    write(tmp_path, headers=False, kinds=("job",))
    with pytest.raises(TraceError, match="the task table is not beside it"):
        read_trace(tmp_path / "pai_job_table.csv")


@pytest.mark.parametrize("headers", [True, False])
@pytest.mark.parametrize("given", ["job", "task"])
def test_words_are_those_of_the_jobs(given: str, headers: bool, tmp_path: Path) -> None:
    write(tmp_path, headers=headers, kinds=("job", "task"))
    path = tmp_path / f"pai_{given}_table.csv"
    labels = read_trace(path, words=("user", "status")).labels
    # In order of time: j2 of u2, j1 and j3 of u1.
    assert [labels["user"].names[at] for at in labels["user"].code] == ["u2", "u1", "u1"]
    words = [labels["status"].names[at] for at in labels["status"].code]
    assert words == ["Terminated", "Terminated", "Failed"]
    with pytest.raises(TraceError, match="no such column") as caught:
        read_trace(path, words=("users",))
    assert "did you mean: user" in str(caught.value)


def test_lenient_reading_leaves_out_lines_of_the_table_at_fault(tmp_path: Path) -> None:
    write(tmp_path, headers=False, kinds=("job", "task"))
    tasks = tmp_path / "pai_task_table.csv"
    tasks.write_text(TASKS.replace("125.0,130.0,600.0,29.3,100.0", "125.0,x,600.0,29.3,100.0"))
    trace = read_trace(tmp_path / "pai_job_table.csv", lenient=True)
    assert trace.jobs is not None
    # Line 4 of the tasks is gone, and none of the jobs.
    np.testing.assert_array_equal(trace.jobs.submit_s, [0.0, 50.0, 70.0])
    np.testing.assert_array_equal(trace.jobs.accelerators, [8, 2, 1])
    assert trace.notices[-1].endswith(f"left out: 4 of {tasks}")
