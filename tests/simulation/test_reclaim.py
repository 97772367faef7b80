"""Pools that follow spot availability."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

import computenet as cn
from computenet.errors import InputError

BUSY = {
    "days": 0.5, "workload.request_rate_per_day": 0,
    "workload.job_classes.short.rate_per_day": 2000.0,
}  # fmt: skip


def run(file: Path, **more: object) -> cn.Results:
    changes = {**BUSY, "failures.reclaim": {"west/unit": str(file)}, **more}
    results = cn.simulate(cn.load("two-hubs", overrides=changes))
    assert results.audit.failures() == []
    return results


def series(tmp_path: Path, data: list[int], gap_s: float = 3600.0) -> Path:
    file = tmp_path / "spot.json"
    file.write_text(json.dumps({"metadata": {"gap_seconds": gap_s}, "data": data}))
    return file


def test_capacity_follows_the_series(tmp_path: Path) -> None:
    data = [4, 4, 4, 0, 0, 2, 2, 2, 4, 4, 4, 4]
    found = run(series(tmp_path, data))
    west = found.pools[found.pools["pool"] == "west/unit"]
    busy = west.set_index("slot_start_s")["busy_accelerators"]
    assert (busy.loc[3 * 3600.0 : 5 * 3600.0 - 900.0] == 0.0).all()
    most = busy.loc[: 3 * 3600.0 - 900.0].max()
    assert most > 0.0
    assert busy.loc[5 * 3600.0 : 8 * 3600.0 - 900.0].max() > 0.0
    failures = found.summary["failures"]
    assert failures["reclaims"] == 1
    assert failures["jobs_reclaimed"] > 0
    restarted = found.jobs["restarts"].sum()
    assert restarted == failures["jobs_reclaimed"]


def test_through_outages_and_failures(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    file = series(tmp_path, rng.integers(0, 5, 144).tolist(), 300.0)
    outage = [{"kind": "site-outage", "site": "west", "at_h": 3.1, "duration_h": 2.3}]
    run(
        file, events=outage,
        **{"failures.model": "sampled", "failures.reclaim_share": 0.7,
           "topology.accelerators.unit.failures_per_1000_server_days": 2000.0,
           "energy.model": "full", "energy.power_states": {"review_s": 120.0}},
    )  # fmt: skip


def test_faults_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is shorter than the run"):
        run(series(tmp_path, [1, 0]))
    with pytest.raises(InputError, match="is no spot series"):
        run(tmp_path / "none.json")
    with pytest.raises(InputError, match=r"used only with failures.reclaim"):
        cn.load("two-hubs", overrides={"failures.reclaim_share": 0.5})


def test_a_public_series() -> None:
    root = os.environ.get("COMPUTENET_TRACES")
    if not root:
        pytest.skip("COMPUTENET_TRACES is not set")
    files = sorted(Path(root).glob("spot/**/*.json"))
    if not files:
        pytest.skip("COMPUTENET_TRACES has no spot series")
    results = run(files[0])
    assert results.summary["failures"]["reclaims"] >= 0
