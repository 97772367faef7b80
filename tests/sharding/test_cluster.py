"""A run shared by actors of a real Ray cluster of this machine."""

from __future__ import annotations

import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest

import computenet as cn
from computenet.errors import InputError, RunError
from computenet.simulation import Progress

pytest.importorskip("ray", reason="Ray is not installed")

RAY = Path(sys.executable).with_name("ray")
RUN = {"days": 0.06, "workload.request_rate_per_day": 1.5e6, "run.warmup_h": 0.5}
OUTAGE = {"kind": "site-outage", "site": "west", "at_h": 0.5, "duration_h": 0.6}


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, psutil.Process]]:
    """Yield the address of a cluster of two cores, with a token of its own, and its head."""
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(16))
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_gcs_rpc_server_reconnect_timeout_s", "2")
    port = free_port()
    # Sockets have short names: pytest's own folders are too deep.
    folder = Path(tempfile.mkdtemp(prefix="cn", dir="/tmp" if Path("/tmp").is_dir() else None))
    log = folder / "head.log"
    with log.open("wb") as written:
        head = subprocess.Popen(
            [
                RAY, "start", "--head", "--block", f"--port={port}", "--num-cpus=2",
                "--object-store-memory=80000000", "--include-dashboard=false",
                "--disable-usage-stats", f"--temp-dir={folder}",
            ],
            stdout=written, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + 60.0
        while "--block" not in log.read_text() and time.monotonic() < deadline:
            assert head.poll() is None, log.read_text()
            time.sleep(0.1)
        yield f"127.0.0.1:{port}", psutil.Process(head.pid)
    finally:
        parts = [head.pid]
        if head.poll() is None:
            parts += [part.pid for part in psutil.Process(head.pid).children(recursive=True)]
        for pid in parts:
            if psutil.pid_exists(pid):
                psutil.Process(pid).kill()
        head.wait()
        shutil.rmtree(folder, ignore_errors=True)


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


def test_actors_agree_with_one_core_and_losses_stop_the_run(
    cluster: tuple[str, psutil.Process],
) -> None:
    address, head = cluster
    before = children()
    scenario = cn.load("two-hubs", overrides={**RUN, "events": [OUTAGE]})
    one = cn.simulate(scenario)
    shared = cn.simulate(scenario, workers=2, engine="ray", address=address)
    for name in ("jobs", "requests", "pools", "sites", "links", "events", "plans"):
        pd.testing.assert_frame_equal(
            getattr(one, name), getattr(shared, name), check_exact=True
        )  # fmt: skip
    np.testing.assert_equal(shared.summary, one.summary)
    assert shared.manifest["workers"] == {"engine": "ray", "count": 2, "idle": 0}

    # An actor is killed, then the whole cluster.
    long = cn.load("two-hubs", overrides={**RUN, "days": 3.0})
    killed = []

    def kill_actor(progress: Progress) -> None:
        if not killed and progress.now_s > 0.0:
            actors = [
                child
                for child in head.children(recursive=True)
                if any("ShardActor" in word for word in child.cmdline())
            ]
            killed.append(actors[0].pid)
            actors[0].send_signal(signal.SIGKILL)

    with pytest.raises(RunError, match="a Ray worker ended"):
        cn.simulate(long, workers=2, engine="ray", address=address, progress=kill_actor)
    assert killed

    def kill_cluster(progress: Progress) -> None:
        if len(killed) == 1 and progress.now_s > 0.0:
            parts = head.children(recursive=True)
            killed.extend(part.pid for part in parts)
            for part in parts:
                part.kill()

    with pytest.raises(RunError, match=r"Ray (cluster .* went away|worker ended)"):
        cn.simulate(long, workers=2, engine="ray", address=address, progress=kill_cluster)
    assert len(killed) > 1
    assert children() - before == set()


def test_an_address_without_a_cluster_is_told() -> None:
    before = children()
    for address in (f"127.0.0.1:{free_port()}", "nowhere"):
        with pytest.raises(InputError, match=r"address = .*\n.*no Ray cluster answers"):
            cn.simulate(
                cn.load("two-hubs", overrides=RUN), workers=2, engine="ray", address=address
            )  # fmt: skip
    assert children() == before
