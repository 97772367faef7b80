"""What is done is on disk soon and whole, and what could not be written is told."""

from __future__ import annotations

import errno
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import computenet as cn
from computenet import simulation
from computenet.errors import RunError
from computenet.study.sweeps import dataset, study_state, writing
from computenet.study.sweeps.dataset import Dataset, parts_of
from computenet.study.sweeps.tasks import Record

STUDY: dict[str, Any] = {
    "scenario": "two-hubs",
    "overrides": {"days": 0.05},
    "design": "grid",
    "axes": {"policy": ["nearest", "cheapest"], "topology.sites.east.pue": [1.3, 1.4]},
    "outcomes": ["cost.total_cny", "carbon.kg"],
}


def rows_on_disk(directory: Path) -> int:
    return sum(len(pd.read_parquet(path)) for path in parts_of(directory))


def written(directory: Path, rows: int) -> bool:
    """Wait until so many rows are on disk, and return whether they are."""
    end = time.monotonic() + 30.0
    while time.monotonic() < end:
        if rows_on_disk(directory) == rows:
            return True
        time.sleep(0.02)
    return False


def test_a_row_is_written_though_no_other_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset, "WAIT_S", 0.2)
    data = Dataset(tmp_path)
    for run in range(3):
        data.add(Record(run, "done", None, 0.1, {"a": 1.0}))
        data.add(Record(run + 10, "done", None, 0.1, {"a": 1.0}))
        assert written(tmp_path, 2 * run + 2)
        assert not data.unwritten


def test_rows_are_on_disk_while_a_long_run_is_at_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset, "WAIT_S", 0.5)
    run_scenario, seen = simulation.run_scenario, []

    def long(scenario: Any, policy: Any, **more: Any) -> Any:
        if scenario.policy.name == "cheapest" and not seen:
            seen.append(written(tmp_path / "s", 2))
        return run_scenario(scenario, policy, **more)

    monkeypatch.setattr(simulation, "run_scenario", long)
    cn.sweep(STUDY, workers=0, out=tmp_path / "s")
    assert seen == [True]


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Let the disk be full for files whose names hold one of some words."""
    words: list[str] = []
    replace = writing.os.replace

    def fails(old: Any, new: Any) -> None:
        if any(word in str(new) for word in words):
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(old, new)

    monkeypatch.setattr(writing.os, "replace", fails)
    yield words
    words.clear()


def test_what_a_full_disk_leaves_is_told_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full: list[str]
) -> None:
    monkeypatch.setattr(dataset, "WAIT_S", 0.0)
    out = tmp_path / "s"

    def fills(runs: int, failed: int) -> None:
        if runs == 2:
            full.append("part-")

    with pytest.raises(RunError) as caught:
        cn.sweep(STUDY, workers=0, out=out, progress=fills)
    first, second = str(caught.value).splitlines()
    assert first.startswith("cannot write")
    assert first.endswith("No space left on device")
    assert second == (
        f"2 of 4 runs are kept in {out}; 2 are missing (2, 3): --resume goes on with them"
    )
    full.clear()
    assert cn.sweep(STUDY, workers=0, out=out, resume=True).failed == 0


@pytest.mark.parametrize("name", ["points.parquet", "sensitivity.csv", "report.html"])
def test_tables_and_page_are_whole_or_not_there(tmp_path: Path, full: list[str], name: str) -> None:
    out = tmp_path / "s"
    full.append(name)
    with pytest.raises(RunError, match=f"all 4 runs are kept in {out}: --resume"):
        cn.sweep(STUDY, workers=0, out=out)
    assert not (out / name).exists()
    assert not list(out.glob("*.part"))
    assert study_state(out)["state"] == "running"
    full.clear()
    cn.sweep(STUDY, workers=0, out=out, resume=True)
    assert (out / name).is_file()
    assert study_state(out)["state"] == "complete"


def test_nothing_is_kept_without_a_directory(full: list[str]) -> None:
    full.append("part-")
    with pytest.raises(RunError, match="without --out nothing is kept"):
        cn.sweep(STUDY, workers=0)


def test_the_study_is_there_from_its_first_row_on(tmp_path: Path) -> None:
    def look(runs: int, failed: int) -> None:
        if runs == 1:
            assert (tmp_path / "s" / "study.yaml").is_file()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cn.sweep(STUDY, workers=0, out=tmp_path / "s", progress=look)
    outcome = cn.sweep(tmp_path / "s" / "study.yaml", workers=0, out=tmp_path / "s", resume=True)
    assert outcome.failed == 0


def test_overwriting_that_is_cut_short_can_be_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "s"
    cn.sweep(STUDY, workers=0, out=out)
    unlink, left = Path.unlink, list(out.iterdir())

    def dies(path: Path, missing_ok: bool = False) -> None:
        if path.parent == out and len(list(out.iterdir())) < len(left) - 3:
            raise KeyboardInterrupt
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", dies)
    other = {**STUDY, "seeds": [3]}
    with pytest.raises(KeyboardInterrupt):
        cn.sweep(other, workers=0, out=out, overwrite=True)
    monkeypatch.undo()
    assert len(list(out.iterdir())) < len(left)
    assert study_state(out)["seeds"] == [1]
    cn.sweep(other, workers=0, out=out, overwrite=True)
    assert study_state(out)["seeds"] == [3]


def test_an_earlier_study_that_cannot_be_removed_is_not_added_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "s"
    cn.sweep(STUDY, workers=0, out=out)
    unlink = Path.unlink

    def refuses(path: Path, missing_ok: bool = False) -> None:
        if path.name == "runs.parquet":
            raise PermissionError(errno.EACCES, "Permission denied")
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refuses)
    with pytest.raises(RunError, match="0 of 4 runs are kept"):
        cn.sweep({**STUDY, "seeds": [3]}, workers=0, out=out, overwrite=True)
    monkeypatch.undo()
    assert not parts_of(out)
    assert study_state(out)["done"] == 4
