"""Studies on a real Ray cluster of this machine, started and stopped here."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest

import computenet as cn
from computenet.errors import InputError, RunError
from computenet.study.sweeps import on_ray, prepare_study, study_state

RAY = Path(sys.executable).with_name("ray")
needs_ray = pytest.mark.skipif(not RAY.is_file(), reason="Ray is not installed")

STUDY: dict[str, Any] = {
    "scenario": "two-hubs",
    "overrides": {"days": 0.25},
    "design": {"method": "latin-hypercube", "n": 10, "seed": 4},
    "axes": {
        "policy": ["nearest", "cheapest"],
        "price": {
            "path": "topology.tariffs.*.seasons.*.price_cny_per_mwh",
            "factor": {"kind": "uniform", "low": 0.8, "high": 1.2},
        },
    },
    "outcomes": ["cost.total_cny", "carbon.kg"],
}


@dataclass
class Cluster:
    """A head node and what belongs to it."""

    head: subprocess.Popen[bytes]
    address: str

    def workers(self) -> list[psutil.Process]:
        """Return the processes that are at a run."""
        return [
            child
            for child in psutil.Process(self.head.pid).children(recursive=True)
            if "ray::_run_there" in child.cmdline()[:1]
        ]

    def stop(self) -> None:
        """End the head and all that it started, and nothing else."""
        family = [self.head.pid]
        if self.head.poll() is None:
            family += [p.pid for p in psutil.Process(self.head.pid).children(recursive=True)]
        for pid in family:
            if psutil.pid_exists(pid):
                psutil.Process(pid).kill()
        self.head.wait()


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """Give a cluster of two cores on a free port, with a token of its own."""
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(16))
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    # Sockets have short names: pytest's own folders are too deep.
    folder = tempfile.mkdtemp(prefix="cn", dir="/tmp" if os.path.isdir("/tmp") else None)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = Path(folder, "head.log")
    with log.open("wb") as written:
        head = subprocess.Popen(
            [RAY, "start", "--head", "--block", f"--port={port}", "--num-cpus=2",
             "--include-dashboard=false", "--disable-usage-stats", f"--temp-dir={folder}",
             "--object-store-memory=80000000"],
            stdout=written, stderr=subprocess.STDOUT,
        )  # fmt: skip
    made = Cluster(head, f"127.0.0.1:{port}")
    try:
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder, ignore_errors=True)


@needs_ray
def test_ray_gives_the_same_bytes_survives_workers_and_may_go_away(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_ray, "PATIENCE_S", 2.0)
    plain = cn.sweep(STUDY, workers=0, out=tmp_path / "plain")
    killed: list[int] = []

    def kill(runs: int, failed: int) -> None:
        if runs >= 3 and not killed:
            for worker in cluster.workers()[:1]:
                killed.append(worker.pid)
                worker.kill()

    _once_up(cluster)
    done = cn.sweep(
        STUDY, engine="ray", address=cluster.address, out=tmp_path / "ray", progress=kill
    )  # fmt: skip
    assert killed
    assert done.as_dict()["engine"] == "ray"
    pd.testing.assert_frame_equal(done.runs, plain.runs, check_exact=True)
    bytes_of = [(tmp_path / name / "runs.parquet").read_bytes() for name in ("plain", "ray")]
    assert bytes_of[0] == bytes_of[1]

    def leave(runs: int, failed: int) -> None:
        if runs == 5:
            cluster.stop()

    with pytest.raises(RunError, match="went away") as caught:
        cn.sweep(
            STUDY, engine="ray", address=cluster.address, out=tmp_path / "gone", progress=leave
        )  # fmt: skip
    state = study_state(tmp_path / "gone")
    assert 5 <= state["done"] < 10
    assert state["lost"] == 0
    assert f"{state['missing']} are missing" in str(caught.value)
    cn.sweep(STUDY, workers=0, out=tmp_path / "gone", resume=True)
    assert (tmp_path / "gone" / "runs.parquet").read_bytes() == bytes_of[0]


def _once_up(cluster: Cluster) -> None:
    """Wait until the cluster's port is open."""
    host, port = cluster.address.split(":")
    for _ in range(300):
        if cluster.head.poll() is not None:
            pytest.fail("the cluster did not start")
        with socket.socket() as one:
            one.settimeout(0.2)
            if one.connect_ex((host, int(port))) == 0 and any(
                "raylet" in child.name()
                for child in psutil.Process(cluster.head.pid).children(recursive=True)
            ):
                return
        psutil.Process().cpu_percent(interval=0.1)
    pytest.fail("the cluster was not up in time")


def test_without_ray_the_engine_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_ray.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"computenet\[ray\]"):
        cn.sweep(STUDY, engine="ray")


def test_a_node_without_the_files_of_a_study_does_not_run_it(tmp_path: Path) -> None:
    file = tmp_path / "failures.csv"
    file.write_text("time_s,pool,repair_s\n60.0,west/unit,600.0\n")
    own = {"days": 0.05, "failures": {"model": "file", "file": str(file)}}
    made = prepare_study({**STUDY, "overrides": own, "design": {"method": "monte-carlo", "n": 1}})
    held = file.read_text()
    for text in (held + "70.0,west/unit,600.0\n", ""):
        file.write_text(text)
        record = on_ray._run_there(made.work, made.tasks[0], cn.__version__)
        assert record.status == "lost"
        assert record.error == f"this node of the cluster does not have the same {file}"
    file.write_text(held)
    assert on_ray._run_there(made.work, made.tasks[0], cn.__version__).status == "done"
