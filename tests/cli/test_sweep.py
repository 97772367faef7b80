"""``computenet sweep`` and ``computenet study`` as they are called."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import pytest
from typer.testing import CliRunner

from computenet.cli.main import app
from computenet.errors import InputError
from computenet.study.sweeps import sweeping
from computenet.study.sweeps.local import run_here
from computenet.study.sweeps.tasks import Record, Task, Work

BINARY = Path(sys.executable).with_name("computenet")

STUDY = """\
title: A small study
scenario: two-hubs
overrides: {days: 0.05}
design: grid
axes:
  policy: [nearest, cheapest]
  topology.sites.east.pue: [1.3, 1.4]
seeds: 2
outcomes: [cost.total_cny, carbon.kg]
"""


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BINARY, *map(str, words)], capture_output=True, text=True, timeout=300, check=False
    )


def here(*words: str | Path) -> str:
    """Return what a command prints, called in this process; its errors are raised."""
    return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False).stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sweep")
    (folder / "mine.yaml").write_text(STUDY, encoding="utf-8")
    return folder


def test_a_study_from_file_to_query(folder: Path) -> None:
    out = folder / "out"
    done = run("sweep", folder / "mine.yaml", "--workers", "1", "--out", out, "--json")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert json.loads(done.stdout) == {
        "runs": 8, "failed": 0, "engine": "local", "dataset": str(out / "runs.parquet"),
    }  # fmt: skip
    sql = 'SELECT policy, count(*) AS n, avg("cost.total_cny") AS cost FROM runs GROUP BY ALL'
    rows = json.loads(here("study", "query", out, sql, "--json"))
    assert {row["policy"]: row["n"] for row in rows} == {"nearest": 4, "cheapest": 4}
    text = here("study", "query", out, "SELECT run, seed FROM runs ORDER BY run", "--csv")
    assert text.splitlines()[:2] == ["run,seed", "0,1"]
    every = here("study", "query", out, "SELECT * FROM runs")
    assert "nearest" in every
    assert "columns more; --csv gives all" in every
    with pytest.raises(InputError, match="did you mean: policy"):
        here("study", "query", out, "SELECT polcy FROM runs")
    assert json.loads(here("study", "show", out, "--json"))["done"] == 8
    assert "complete" in here("study", "show", out)
    with pytest.raises(InputError, match="--resume"):
        here("sweep", folder / "mine.yaml", "--out", out)
    resumed = here("sweep", folder / "mine.yaml", "--out", out, "--resume", "--lang", "zh")
    assert "8 次运行" in resumed
    assert "哪个假设最重要" in (out / "report.html").read_text(encoding="utf-8")


def test_bad_studies_are_one_block(folder: Path) -> None:
    (folder / "bad.yaml").write_text(
        STUDY.replace("policy:", "polcy:").replace("east", "eeast"), encoding="utf-8"
    )
    done = run("sweep", folder / "bad.yaml")
    assert done.returncode == 2
    assert done.stderr.startswith("error: study cannot be used (2 problems)")
    assert "did you mean: policy" in done.stderr
    assert "did you mean: topology.sites.east.pue" in done.stderr
    assert "Traceback" not in done.stderr
    with pytest.raises(InputError, match="not used without --out"):
        here("sweep", folder / "mine.yaml", "--resume")


def test_no_study_is_run_for_a_directory_that_cannot_be(folder: Path) -> None:
    for out in (folder / ("n" * 300), folder / "mine.yaml" / "below"):
        with pytest.raises(InputError) as caught:
            here("sweep", folder / "mine.yaml", "--out", out)
        assert caught.value.problems[0].path == "--out"


@pytest.mark.parametrize("runs", [0, 2])
def test_what_is_left_of_a_stopped_study_is_told(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runs: int
) -> None:
    def stopped(work: Work, tasks: Sequence[Task]) -> Iterator[Record]:
        yield from islice(run_here(work, tasks), runs)
        raise KeyboardInterrupt

    monkeypatch.setattr(sweeping, "run_here", stopped)
    new, old = tmp_path / "made" / "new", tmp_path / "old"
    old.mkdir()
    (old / "study.json").write_text('{"hash": "of another study"}')
    for out, more in ((new, ()), (old, ("--overwrite",))):
        words = ["sweep", folder / "mine.yaml", "--workers", "0", "--out", out, *more]
        done = CliRunner().invoke(app, [str(word) for word in words])
        assert done.exit_code == 1
        if runs:
            kept = f"stopped after 2 of 8 runs: they are kept in {out}; --resume goes on\n"
            assert done.output == kept
            assert json.loads(here("study", "show", out, "--json"))["done"] == 2
        else:
            left = "nothing was written" if out is new else f"{out} is as it was"
            assert done.output == f"stopped before any of 8 runs was done: {left}\n"
            assert not new.parent.exists()
            assert "of another study" in (old / "study.json").read_text()


def test_the_interrupt_key_stops_clean(folder: Path) -> None:
    out = folder / "stopped"
    words = ["sweep", folder / "mine.yaml", "--workers", "1", "--out", out, "--set", "seeds=500"]
    process = subprocess.Popen(
        [BINARY, *map(str, words)], stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    for _ in range(1200):
        if list(out.glob("runs/part-*.parquet")) or process.poll() is not None:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 1, told
    assert told.startswith("stopped after ")
    assert "--resume goes on" in told
    state = json.loads(here("study", "show", out, "--json"))
    assert state["state"] == "running"
    assert 0 < state["done"] < 2000
    assert state["done"] + state["missing"] == 2000
