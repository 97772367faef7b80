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


STATES = {
    "energy.model": "full", "energy.power_states": {"review_s": 60.0, "reserve": 0.0},
    "workload.job_classes.short.rate_per_day": 600.0,
}  # fmt: skip


def most_busy(found: cn.Results, begin_h: float, end_h: float) -> float:
    west = found.pools[found.pools["pool"] == "west/unit"].set_index("slot_start_s")
    return float(west["busy_accelerators"].loc[begin_h * 3600.0 : end_h * 3600.0 - 900.0].max())


def test_servers_that_are_off_go_before_jobs_stop(tmp_path: Path) -> None:
    found = run(series(tmp_path, [4, 4, 4, 0, 0, 2, 2, 2, 4, 4, 4, 4]), **STATES)
    west = found.pools[found.pools["pool"] == "west/unit"].set_index("slot_start_s")
    assert west.loc[10_800.0 - 900.0, "off_accelerators"] > 0.0
    assert most_busy(found, 3.0, 5.0) == 0.0
    assert west["off_accelerators"].loc[4 * 3600.0 : 5 * 3600.0 - 900.0].max() == 0.0
    pool = next(pool for pool in found.scenario.topology.pools if pool.id == "west/unit")
    spot = pool.count - round(pool.count * pool.serving_share)
    assert 0.0 < most_busy(found, 5.0, 8.0) <= spot / 2
    # Half is spot, and more than half was off: nothing has to stop.
    half = run(
        series(tmp_path, [4, 4, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        **{**STATES, "failures.reclaim_share": 0.25,
           "workload.job_classes.short.rate_per_day": 100.0},
    )  # fmt: skip
    assert half.summary["failures"]["reclaims"] == 1
    assert half.summary["failures"]["jobs_reclaimed"] == 0


def test_what_is_broken_goes_when_it_is_repaired(tmp_path: Path) -> None:
    failures = tmp_path / "failures.csv"
    rows = [f"{9000 + n},west/unit,7200,{n / 64}" for n in range(64)]
    failures.write_text("\n".join(["time_s,pool,repair_s,place", *rows]) + "\n")
    file = series(tmp_path, [4, 4, 4, 0, 0, 0, 0, 0, 4, 4, 4, 4])
    found = run(file, **{"failures.model": "file", "failures.file": str(failures)})
    assert found.summary["failures"]["servers"] == 64
    # Repaired at 4.5 hours, gone until 8.
    assert most_busy(found, 3.0, 8.0) == 0.0
    assert most_busy(found, 8.0, 12.0) > 0.0
