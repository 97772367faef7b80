"""A name is held by one process from before a run until its results stand under it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from computenet.errors import InputError, RunError
from computenet.results.reservation import Reservation, reserve
from computenet.results.storage import complete_directory

HOLD = """
import sys
from pathlib import Path
from computenet.results.reservation import reserve
held = reserve(Path(sys.argv[1]), overwrite=False)
(held.place / "half").write_text("x")
print("held", flush=True)
sys.stdin.read()
"""


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def run_in(folder: Path, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "summary.json").write_text(text)


def test_the_second_of_two_processes_is_refused_at_once(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    out = tmp_path / "made" / "run"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(out)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        assert not out.exists()
        with pytest.raises(InputError, match="is being written by another process") as caught:
            reserve(out, overwrite=True)
        assert caught.value.problems[0].path == "--out"
        # Other names are free.
        reserve(tmp_path / "made" / "run2", overwrite=False).release()
        other.kill()
    # What the killed process left is no hindrance, and goes with the next run into the name.
    assert left(tmp_path / "made") != []
    with complete_directory(out) as part:
        assert left(part) == []
        (part / "summary.json").write_text("{}")
    assert left(tmp_path / "made") == ["run"]
    assert left(out) == ["summary.json"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_name_taken_meanwhile_costs_no_results(tmp_path: Path, overwrite: bool) -> None:
    out = tmp_path / "run"
    reserve(out, overwrite=overwrite)
    out.mkdir()
    (out / "thesis").write_text("mine")
    (tmp_path / "run-2").write_text("mine, too")
    with (
        pytest.raises(RunError, match=r"by another process meanwhile; .* kept in .*run-3"),
        complete_directory(out, overwrite=overwrite) as part,
    ):
        (part / "summary.json").write_text("{}")
    assert left(tmp_path) == ["run", "run-2", "run-3"]
    assert left(out) == ["thesis"]
    assert left(tmp_path / "run-3") == ["summary.json"]


def test_what_is_held_is_used_and_given_up(tmp_path: Path) -> None:
    out = tmp_path / "a" / "b" / "run"
    held = reserve(out, overwrite=False)
    assert held.place.is_dir()
    with complete_directory(out) as part:
        assert part == held.place
        (part / "summary.json").write_text("{}")
    assert held.written == out
    held.release()
    assert left(out.parent) == ["run"]


def test_a_name_given_up_leaves_nothing(tmp_path: Path) -> None:
    held = reserve(tmp_path / "a" / "b" / "run", overwrite=False)
    (held.place / "half").write_text("x")
    held.release()
    held.release()
    assert left(tmp_path) == []


def test_a_run_put_aside_by_a_killed_process_comes_back(tmp_path: Path) -> None:
    held = Reservation(tmp_path / "run")
    hidden = held.place.parents[1]
    held.release()
    hidden.mkdir()
    run_in(hidden / "old", "years of work")
    with pytest.raises(InputError, match="exists already"):
        reserve(tmp_path / "run", overwrite=False)
    assert left(tmp_path) == ["run"]
    assert (tmp_path / "run" / "summary.json").read_text() == "years of work"


def test_a_link_to_a_directory_stays_one(tmp_path: Path) -> None:
    run_in(tmp_path / "disk" / "real", "old")
    link = tmp_path / "ln"
    link.symlink_to(tmp_path / "disk" / "real")
    with complete_directory(link, overwrite=True) as part:
        (part / "summary.json").write_text("new")
    assert link.is_symlink()
    assert (tmp_path / "disk" / "real" / "summary.json").read_text() == "new"
    assert left(tmp_path) == ["disk", "ln"]
    assert left(tmp_path / "disk") == ["real"]


def test_what_others_keep_beside_a_run_is_left_alone(tmp_path: Path) -> None:
    run_in(tmp_path / "run", "old")
    run_in(tmp_path / ".run.old", "mine")
    with complete_directory(tmp_path / "run", overwrite=True) as part:
        (part / "summary.json").write_text("new")
    assert (tmp_path / ".run.old" / "summary.json").read_text() == "mine"
    assert (tmp_path / "run" / "summary.json").read_text() == "new"
    assert left(tmp_path) == [".run.old", "run"]
