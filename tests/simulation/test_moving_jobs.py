"""Jobs of a site that stops go elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

import computenet as cn
from computenet.compilation import DISCIPLINES

OUTAGE = [{"kind": "site-outage", "site": "west", "at_h": 4.0, "duration_h": 6.0}]
BUSY = {
    "days": 1, "workload.request_rate_per_day": 0, "events": OUTAGE,
    "workload.job_classes.short.rate_per_day": 1500.0,
    "workload.job_classes.short.data_median_gb": 20.0,
}  # fmt: skip


def run(on_outage: str, **more: object) -> cn.Results:
    results = cn.simulate(
        cn.load("two-hubs", overrides={**BUSY, "run.on_outage": on_outage, **more})
    )
    assert results.audit.failures() == []
    return results


def test_jobs_go_on_at_the_other_site() -> None:
    stay, move = run("wait"), run("move")
    assert stay.summary["failures"]["jobs_moved"] == 0
    moved = move.summary["failures"]["jobs_moved"]
    assert moved > 0
    # Whatever was running in the west at four is at the east now, and was not done before.
    at_s = 4.0 * 3600.0
    before = stay.jobs.set_index("job_id")
    running = before[
        (before["site"] == "west") & (before["start_s"] < at_s)
        & ~(before["finish_s"] < at_s)
    ]  # fmt: skip
    after = move.jobs.set_index("job_id").loc[running.index]
    gone = after[after["site"] == "east"]
    assert len(gone) > 0
    assert (gone["restarts"] >= 1).all()
    assert (gone["ready_s"] >= at_s).all()
    # The data of some has to follow.
    assert (gone["ready_s"] > at_s).any()
    assert "jobs-moved" in set(move.events["kind"])


@pytest.mark.parametrize("discipline", sorted(DISCIPLINES))
def test_every_discipline_gives_its_queue_up(discipline: str) -> None:
    events = [
        *OUTAGE,
        {"kind": "site-outage", "site": "east", "at_h": 12.0, "duration_h": 2.0},
        {"kind": "site-outage", "site": "west", "at_h": 13.0, "duration_h": 0.5},
        {"kind": "link-cut", "link": "east-west", "at_h": 3.9, "duration_h": 0.6},
    ]
    found = run(
        "move", events=events, **{
            "run.discipline": discipline, "run.restart_s": 300.0,
            "failures.model": "sampled", "run.checkpoints": "young-daly",
            "run.checkpoint_cost_s": 30.0,
            "topology.accelerators.unit.failures_per_1000_server_days": 500.0,
            "topology.sites.east.dataset_storage_tb": 2.0,
        }
    )  # fmt: skip
    jobs = found.jobs
    ended = jobs[jobs["state"] == "completed"]
    assert len(ended) > 100
    assert np.isfinite(ended["finish_s"]).all()
    held = ended["finish_s"] - ended["start_s"]
    assert (held >= 0.0).all()


def test_jobs_that_moved_keep_what_their_checkpoint_holds() -> None:
    found = run(
        "move",
        **{
            "workload.job_classes.short.data_median_gb": 0.0,
            "workload.job_classes.short.run_time_median_s": 7200.0,
            "workload.job_classes.short.run_time_sigma": 0.0,
            "workload.job_classes.short.rate_per_day": 240.0,
            "workload.job_classes.long.rate_per_day": 0.0,
            "run.restart_s": 0.0, "run.checkpoint_interval_s": 600.0,
        },
    )  # fmt: skip
    jobs = found.jobs
    moved = jobs[(jobs["restarts"] > 0) & (jobs["state"] == "completed")]
    assert len(moved) > 0
    lost = moved["lost_accelerator_s"] / moved["accelerators"]
    work = moved["work_s"] + lost
    assert (moved["finish_s"] - moved["start_s"] - work >= -1e-6).all()
    assert (lost <= 600.0 + 1e-6).all()
