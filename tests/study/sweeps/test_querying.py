"""Queries over a study's tables: what is damaged is told, and the interrupt key is heard."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import computenet as cn
from computenet import simulation
from computenet.errors import InputError
from computenet.study import query_study
from computenet.study.sweeps import dataset, querying, study_state
from computenet.study.sweeps.dataset import MARK, parts_of

STUDY: dict[str, Any] = {
    "scenario": "two-hubs",
    "overrides": {"days": 0.05},
    "design": "grid",
    "axes": {"policy": ["nearest", "cheapest"], "topology.sites.east.pue": [1.3, 1.4]},
    "outcomes": ["cost.total_cny", "carbon.kg"],
}
HEADLINE = 'SELECT policy, avg("cost.total_cny") c FROM runs GROUP BY policy ORDER BY policy'


@pytest.fixture
def study(tmp_path: Path) -> Path:
    (tmp_path / MARK).write_text("{}")
    pd.DataFrame({"run": [0, 1], "seed": [1, 2]}).to_parquet(tmp_path / "runs.parquet")
    return tmp_path


def test_a_damaged_table_is_told(study: Path) -> None:
    assert query_study(study, "SELECT sum(seed) AS s FROM runs")["s"].tolist() == [3]
    whole = (study / "runs.parquet").read_bytes()
    (study / "runs.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError) as caught:
        query_study(study, "SELECT 1")
    (problem,) = caught.value.problems
    assert problem.path == str(study / "runs.parquet")
    assert "damaged" in problem.message


def test_the_interrupt_key_ends_a_query(study: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    key = threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT))
    began = time.monotonic()
    try:
        key.start()
        with pytest.raises(KeyboardInterrupt):
            query_study(study, "SELECT sum(sin(a.range * b.range)) FROM range(9000000) a, "
                        "range(9000000) b")  # fmt: skip
    finally:
        key.join()
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - began < 30.0


def interrupted(out: Path, at: int, **more: Any) -> None:
    def stop(runs: int, failed: int) -> None:
        if runs == at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cn.sweep(STUDY, workers=0, out=out, progress=stop, **more)


def test_a_study_under_way_is_asked_like_one_that_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset, "WAIT_S", 0.0)
    out = tmp_path / "s"
    interrupted(out, 3)
    assert query_study(out, HEADLINE)["policy"].tolist() == ["cheapest", "nearest"]
    so_far = query_study(out, "SELECT * FROM runs")
    # Parts that were put together, but not removed before the study was killed.
    first = parts_of(out)[0]
    (out / "runs" / "part-000099.parquet").write_bytes(first.read_bytes())
    assert query_study(out, "SELECT count(*) AS n FROM runs")["n"].tolist() == [3]
    with pytest.raises(InputError, match="did you mean: policy"):
        query_study(out, "SELECT polcy FROM runs")
    cn.sweep(STUDY, workers=0, out=out, resume=True)
    whole = query_study(out, "SELECT * FROM runs ORDER BY run LIMIT 3")
    pd.testing.assert_frame_equal(so_far, whole)


def test_lost_runs_that_are_tried_again_count_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset, "WAIT_S", 0.0)
    run_scenario = simulation.run_scenario

    def dies(scenario: Any, policy: Any, **more: Any) -> Any:
        if scenario.policy.name == "cheapest":
            raise MemoryError
        return run_scenario(scenario, policy, **more)

    out = tmp_path / "s"
    monkeypatch.setattr(simulation, "run_scenario", dies)
    assert cn.sweep(STUDY, workers=0, out=out).failed == 2
    assert study_state(out)["state"] == "complete"
    assert "points" in set(query_study(out, "SHOW TABLES")["name"])
    monkeypatch.setattr(simulation, "run_scenario", run_scenario)
    interrupted(out, 3, resume=True)
    sql = "SELECT status, count(*) AS n FROM runs GROUP BY ALL ORDER BY ALL"
    assert query_study(out, sql).to_dict("list") == {"status": ["done", "lost"], "n": [3, 1]}
    assert len(query_study(out, HEADLINE)) == 2
    assert study_state(out)["state"] == "running"
    # What followed from the rows of then does not hold for those of now.
    assert query_study(out, "SHOW TABLES")["name"].tolist() == ["runs"]
    cn.sweep(STUDY, workers=0, out=out, resume=True)
    assert query_study(out, sql).to_dict("list") == {"status": ["done"], "n": [4]}


def test_a_study_of_failures_can_be_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(scenario: Any, policy: Any, **more: Any) -> Any:
        raise ValueError("no way")

    monkeypatch.setattr(simulation, "run_scenario", fails)
    cn.sweep(STUDY, workers=0, out=tmp_path / "s")
    ask: Callable[[str], pd.DataFrame] = lambda sql: query_study(tmp_path / "s", sql)  # noqa: E731
    assert len(ask("SELECT error FROM runs")) == 4
    for sql in (
        "SELECT mean + p_value FROM points WHERE outcome = 'carbon.kg' AND policy = 'nearest'",
        "SELECT p05 FROM distributions WHERE outcome = 'carbon.kg'",
        "SELECT value + high FROM sensitivity WHERE outcome = 'carbon.kg'",
    ):
        assert len(ask(sql)) == 0


def test_files_that_are_put_together_meanwhile_are_looked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset, "WAIT_S", 0.0)
    out = tmp_path / "s"
    interrupted(out, 3)
    joined, parts, stale = querying._joined, parts_of(out), []

    def late(root: Path, files: Any) -> str:
        if not stale:
            stale.append(parts[0].rename(out / "runs" / "part-000099.parquet"))
        return joined(root, files)

    monkeypatch.setattr(querying, "_joined", late)
    assert len(query_study(out, "SELECT * FROM runs")) == 3
    assert stale
