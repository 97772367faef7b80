"""`computenet simulate --workers`: the same summary, and nothing left when it is stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from computenet.results.reservation import reserve

BINARY = [sys.executable, "-c", "from computenet.cli.main import run; run()"]


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*BINARY, *words], capture_output=True, text=True, timeout=300)


def test_the_summary_is_that_of_one_core() -> None:
    words = ("simulate", "two-hubs", "--days", "0.1", "--json")
    one, two = run(*words), run(*words, "--workers", "2")
    assert one.returncode == two.returncode == 0, two.stderr
    assert json.loads(one.stdout) == json.loads(two.stdout)


def test_bad_workers_are_one_block_on_stderr() -> None:
    done = run("simulate", "two-hubs", "--days", "0.1", "--workers", "0", "--engine", "rya")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "(2 problems)" in done.stderr
    assert "did you mean: ray" in done.stderr


def shared_memory() -> set[str]:
    folder = Path("/dev/shm")
    return {item.name for item in folder.iterdir()} if folder.is_dir() else set()


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("struck", ["run", "worker", "all at once"])
def test_whatever_is_killed_nothing_is_left(tmp_path: Path, struck: str) -> None:
    before = shared_memory()
    process = subprocess.Popen(
        [*BINARY, "simulate", "china-2025", "--days", "7", "--workers", "2", "--out",
         str(tmp_path / "run")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    me = psutil.Process(process.pid)
    workers: list[psutil.Process] = []
    # By their own clocks workers are under way then, however busy the machine is.
    while process.poll() is None and (
        len(workers) < 2 or min(worker.cpu_times().user for worker in workers) < 1.0
    ):
        time.sleep(0.1)
        workers = me.children()
    assert len(workers) == 2
    if struck == "run":
        process.send_signal(signal.SIGINT)
    elif struck == "worker":
        workers[0].kill()
    else:
        process.kill()
    _, errors = process.communicate(timeout=120)
    assert "Traceback" not in errors
    if struck == "run":
        assert process.returncode == 1
        assert errors == "stopped; nothing was written\n"
    elif struck == "worker":
        assert process.returncode == 1
        assert errors.count("error:") == 1
        assert "ended (signal SIGKILL)" in errors
    _, alive = psutil.wait_procs(workers, timeout=30)
    assert alive == []
    if struck == "all at once":  # The name was held; whoever wants it next clears that away.
        reserve(tmp_path / "run", overwrite=False).release()
    assert list(tmp_path.iterdir()) == []
    assert not any("computenet" in name for name in shared_memory() - before)
