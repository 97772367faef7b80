"""The command line as a user meets it: exit codes, streams, and nothing half-written."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from computenet import study
from computenet.cli.main import app

BINARY = Path(sys.executable).with_name("computenet")


def run(*words: str | Path, **more: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # type: ignore[call-overload,no-any-return]
        [BINARY, *map(str, words)], capture_output=True, text=True, timeout=300, **more
    )


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_list_and_validate() -> None:
    listing = json.loads(run("list", "--json").stdout)
    assert set(listing) == {
        "topologies", "layouts", "plannings", "workloads", "scenarios", "policies", "traces",
        "shocks", "studies", "suites",
    }  # fmt: skip
    assert "china-2025" in {row["name"] for row in listing["scenarios"]}
    assert "nearest" in run("list", "policies").stdout
    facts = json.loads(run("validate", "china-2025", "--json").stdout)
    assert facts["sites"] == 10
    assert 9e5 < facts["accelerators"] < 2e6
    assert facts["requests_per_day"] == pytest.approx(1e10)


def test_simulate_writes_a_complete_run(tmp_path: Path) -> None:
    done = run("simulate", "two-hubs", "--days", "0.1", "--out", tmp_path / "run", "--json")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    summary = json.loads(done.stdout)
    assert {
        "jobs", "requests", "capacity", "energy", "carbon", "water", "cost", "network", "audit",
        "by_site", "by_region", "targets",
    } <= set(summary)  # fmt: skip
    assert left(tmp_path) == ["run"]
    tables = ("jobs", "requests", "request_flows", "pools", "sites", "links", "events", "plans")
    assert set(left(tmp_path / "run")) >= {
        "scenario.yaml", "manifest.json", "summary.json", "report.html",
        *(f"{name}.parquet" for name in tables),
    }  # fmt: skip
    assert json.loads((tmp_path / "run" / "summary.json").read_text()) == summary
    out = tmp_path / "zh.html"
    report = run("report", tmp_path / "run", "--lang", "zh", "--out", out)
    assert report.returncode == 0
    assert "关键指标" in out.read_text(encoding="utf-8")
    other = shutil.copytree(tmp_path / "run", tmp_path / "other" / "run")
    side = run("compare", ".", other, cwd=tmp_path / "run")
    assert side.returncode == 0
    assert "cost over bound" in side.stdout
    assert f"{tmp_path.name}/run" in side.stdout
    assert "other/run" in side.stdout
    twice = run("compare", tmp_path / "run", tmp_path / "run")
    assert twice.returncode == 2
    assert "is named twice" in twice.stderr
    without = run("compare", tmp_path / "run", other, "--no-bound")
    assert "bound: not computed" in without.stdout


def test_compare_gives_rows_that_differ() -> None:
    done = run("compare", "two-hubs", "--policies", "nearest,greenest", "--days", "0.2", "--json")
    shown = json.loads(done.stdout)
    assert list(shown["runs"]) == ["nearest", "greenest"]
    bound = shown["bound"]
    assert bound["status"] == "optimal"
    assert 0.0 < bound["idle_cost_cny"] < bound["cost_cny"]
    gaps = [one["gap_to_bound"] for one in shown["runs"].values()]
    assert min(gaps) == bound["gap"] >= 0.0
    carbon = [one["carbon"]["kg"] for one in shown["runs"].values()]
    assert carbon[1] < carbon[0]


def test_bad_input_is_one_block_and_exit_2(tmp_path: Path) -> None:
    done = run("simulate", "china-205")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "did you mean: china-2025" in done.stderr
    assert "Traceback" not in done.stderr
    done = run("simulate", "two-hubs", "--set", "topology.sites.west.pue=0.9", "--set", "run.x=1")
    assert done.returncode == 2
    assert "(2 problems)" in done.stderr
    for words in (
        ("simulate", "two-hubs", "--policy", "neerest"),
        ("simulate", "two-hubs", "--set", "nonsense"),
        ("simulate", "two-hubs", "--lang", "fr"),
        ("simulate", "two-hubs", "--lang", "zh"),
        ("simulate", "two-hubs", "--overwrite"),
        ("compare", tmp_path, tmp_path, "--overwrite"),
        ("compare", "two-hubs", "--policies", "nearest,nearest"),
        ("compare", "two-hubs"),
        ("compare", tmp_path, tmp_path, "--days", "3"),
        ("list", "polices"),
        ("report", tmp_path),
        ("trace", "describe", tmp_path / "none.csv"),
        ("simulate",),
        ("simulate", "two-hubs", "--nonsense"),
    ):
        done = run(*words)
        assert done.returncode == 2, words
        assert done.stdout == "", words
        assert "Traceback" not in done.stderr, words


def test_an_existing_directory_is_left_alone(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "thesis.txt").write_text("years of work")
    for more in ((), ("--overwrite",)):
        done = run("simulate", "two-hubs", "--days", "0.1", "--out", taken, *more)
        assert done.returncode == 2
        assert "exists already" in done.stderr
        assert left(taken) == ["thesis.txt"]
    assert left(tmp_path) == ["taken"]


def test_nothing_is_run_for_a_directory_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "afile").write_text("")
    for out in (tmp_path / ("n" * 300), tmp_path / "afile" / "x"):
        done = run("simulate", "china-2025", "--out", out)
        assert done.returncode == 2
        assert done.stderr.startswith("error: nothing was run (1 problem)\n  --out = ")
    assert left(tmp_path) == ["afile"]


def test_an_earlier_run_may_be_replaced(tmp_path: Path) -> None:
    for _ in range(2):
        words = ("simulate", "two-hubs", "--days", "0.1", "--out", tmp_path / "run", "--overwrite")
        assert run(*words).returncode == 0
    assert left(tmp_path) == ["run"]


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_interrupt_leaves_nothing(tmp_path: Path, name: str) -> None:
    # A shell that runs the tests in the background has them ignore interrupts, and so their
    # children; a user's command does not.
    sent = signal.Signals[name]
    process = subprocess.Popen(
        [BINARY, "simulate", "china-2025", "--out", str(tmp_path / "made" / "run")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(sent, signal.SIG_DFL),
    )  # fmt: skip
    # By its own clock it is under way then, however busy the machine is.
    spent = psutil.Process(process.pid)
    while process.poll() is None and spent.cpu_times().user < 4.0:
        time.sleep(0.1)
    # As a closed terminal does, which is one interrupt still.
    for _ in range(1 if name == "SIGINT" else 2):
        process.send_signal(sent)
    told = process.communicate(timeout=120)
    assert told == ("", "stopped; nothing was written\n")
    assert process.returncode == 1
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    ("words", "work"),
    [
        (("simulate", "two-hubs"), "simulate"),
        (("compare", "two-hubs", "--policies", "nearest"), "compare"),
        (("plan", "two-hubs"), "plan"),
        (("plan", "two-hubs"), "load"),
        (("bench", "steady"), "run_bench"),
        (("sweep", "two-hubs-teaching"), "prepare_study"),
        (("sweep", "two-hubs-teaching"), "run_study"),
    ],
)
def test_an_interrupt_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], work: str
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(study, work, interrupted)
    done = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "made" / "out")])
    assert done.exit_code == 1
    assert done.output.startswith("stopped")
    assert "nothing was" in done.output
    assert left(tmp_path) == []


def test_an_interrupt_after_all_is_written_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("computenet.cli.show.print_summary", interrupted)
    out = tmp_path / "run"
    done = CliRunner().invoke(app, ["simulate", "two-hubs", "--days", "0.1", "--out", str(out)])
    assert (done.exit_code, done.output) == (1, f"stopped; {out} was written\n")
    assert left(tmp_path) == ["run"]


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_nohup_is_heeded() -> None:
    code = (
        "import os, signal\n"
        "from computenet.cli.interrupts import keep_interrupts\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "keep_interrupts()\n"
        "os.kill(os.getpid(), signal.SIGHUP)\n"
        "print('on')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50)
    assert (done.stdout, done.stderr, done.returncode) == ("on\n", "", 0)


def test_an_interrupt_within_a_callback_is_not_lost() -> None:
    """As where a kernel is loaded: what a callback raises is told and forgotten."""
    code = (
        "import ctypes, signal, time\n"
        "from computenet.cli.interrupts import keep_interrupts\n"
        "def called():\n    raise KeyboardInterrupt\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "keep_interrupts()\n"
        "try:\n    ctypes.CFUNCTYPE(None)(called)()\n    time.sleep(60)\n"
        "except KeyboardInterrupt:\n    print('stopped')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50)
    assert (done.stdout, done.stderr, done.returncode) == ("stopped\n", "", 0)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounting needs root")
def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(disk)], capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("a tmpfs cannot be mounted here")
    try:
        done = run("simulate", "two-hubs", "--days", "0.1", "--out", disk / "run")
        assert done.returncode == 1
        assert "No space left" in done.stderr
        assert "Traceback" not in done.stderr
        assert left(disk) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_device_without_room(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    done = run("simulate", "two-hubs", "--days", "0.1", "--out", tmp_path / "run")
    assert done.returncode == 0
    full = tmp_path / "full.html.part"
    os.symlink("/dev/full", tmp_path / ".full.html.part")
    done = run("report", tmp_path / "run", "--out", tmp_path / "full.html")
    assert done.returncode == 1
    assert "No space left" in done.stderr
    assert not full.exists()
    assert not (tmp_path / "full.html").exists()


def test_replay_and_describe(tmp_path: Path) -> None:
    trace = tmp_path / "jobs.csv"
    trace.write_text("arrival_time,length,cpus\n60,600,1\n0,900,8\n30,60,500\n")
    facts = json.loads(run("trace", "describe", trace, "--json").stdout)
    assert facts["rows"] == 3
    done = run("replay", trace, "--topology", "two-hubs", "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert "rows out of order" in done.stderr
    assert "1 rejected" in done.stdout or "/ 1" in done.stdout
    for setting in ("run.sampling=10", "workload.scale=2"):
        done = run("replay", trace, "--topology", "two-hubs", "--set", setting)
        assert done.returncode == 2, setting
        assert setting.partition("=")[0] in done.stderr
    done = run("replay", trace, "--topology", "two-hubs", "--strict")
    assert done.returncode == 2
    assert "line 3" in done.stderr


def test_help_is_quick_to_import() -> None:
    code = (
        "import sys; from computenet.cli import main; "
        "print([m for m in ('numba','pandas','plotly','scipy','simpy','pydantic') "
        "if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_describe_draws_small_plots(tmp_path: Path) -> None:
    path = tmp_path / "jobs.csv"
    path.write_text("submit_s,duration_s,accelerators\n0,10,1\n7200,100,8\n")
    done = run("trace", "describe", path, env={**os.environ, "PYTHONIOENCODING": "utf-8"})
    assert done.returncode == 0
    assert "submissions [█" in done.stdout
    assert "1 to 8 accelerators, log scale" in done.stdout
