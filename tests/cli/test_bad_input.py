"""What is wrong with a command is told at once, whatever option it is in."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from computenet.cli.main import app
from computenet.cli.options import load
from computenet.errors import InputError, RunError
from computenet.results.storage import write_text
from computenet.scenario import dump_scenario, load_scenario

ROOT = Path(__file__).parents[2]


def told(*words: str | Path) -> dict[str, str]:
    """Return what a command that cannot run says, by the path of each problem."""
    with pytest.raises(InputError) as caught:
        CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    return {problem.path: "\n".join(problem.lines()) for problem in caught.value.problems}


def test_problems_of_all_options_are_told_at_once() -> None:
    found = told(
        "simulate", "two-hubs", "--policy", "neerest", "--lang", "fr", "--set", "dayz=1",
        "--set", "=3", "--workers", "0", "--engine", "lokal",
    )  # fmt: skip
    assert set(found) == {"--lang", "--set", "policy.name", "dayz", "workers", "engine"}
    found = told(
        "bench", "stedy", "--policies", "neerest", "--workers", "-1", "--baseline", "x",
        "--lang", "fr",
    )  # fmt: skip
    assert set(found) == {"--lang", "suite", "policies", "workers", "baseline"}
    found = told("plan", "two-hbs", "--verify", "--policy", "neerest", "--lang", "fr", "--gap", "3")
    assert set(found) == {"--lang", "policy.name", "--gap", "scenario"}
    found = told("compare", "two-hbs", "--policies", "neerest", "--lang", "fr")
    assert set(found) == {"--lang", "policy.name", "scenario"}
    found = told("report", "none", "--lang", "fr", "--format", "svg")
    assert set(found) == {"--lang", "--format", "none"}


@pytest.mark.parametrize("words", [("simulate", "two-hubs"), ("bench", "steady"),
                                   ("plan", "two-hubs", "--verify")])  # fmt: skip
def test_more_workers_than_a_machine_takes_are_refused(words: tuple[str, ...]) -> None:
    assert "allowed: 1 to " in told(*words, "--workers", "99999")["workers"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize(
    "command",
    ["list scenarios --json > /dev/full", "list scenarios --json >&-", "list > /dev/full",
     "simulate --help > /dev/full", "--version > /dev/full"],
)  # fmt: skip
def test_a_stdout_that_takes_nothing_is_told(command: str) -> None:
    words = f"{sys.executable} -m computenet {command}"
    done = subprocess.run(["sh", "-c", words], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: cannot write to stdout: ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("words", [["list"], ["list", "--json"]])
def test_a_reader_that_has_gone_away_is_no_error_worth_a_word(words: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "computenet", *words], stdout=writer, stderr=subprocess.PIPE,
        text=True, check=False,
    )  # fmt: skip
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


def test_spelling_does_not_mind_case() -> None:
    assert "did you mean: two-hubs" in told("validate", "TWO-HUBS")["scenario"]
    assert "is empty" in told("validate", "")["scenario"]


@pytest.mark.skipif(not Path("/dev/stdin").exists(), reason="needs /dev/stdin")
def test_a_scenario_may_come_through_a_pipe() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "computenet", "validate", "/dev/stdin", "--json"],
        input=dump_scenario(load_scenario("two-hubs")), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert '"scenario": "two-hubs"' in done.stdout


def test_exports_of_nothing_say_what_a_source_is(tmp_path: Path) -> None:
    words = told("export", "netcdf", tmp_path / "none", tmp_path / "x.nc")["source"]
    assert "is no directory of a run" in words
    assert "simulate --out" in words
    words = told("export", "geojson", "two-hub", tmp_path / "x.json")["source"]
    assert "is neither a run nor a scenario" in words
    assert "did you mean: two-hubs" in words


def test_a_policy_file_in_another_encoding_is_told(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("x = 1\n", encoding="utf-16")
    words = told("bench", "steady", "--policy-file", path)["--policy-file"]
    assert "is not in UTF-8" in words
    assert "codec" not in words


@pytest.mark.parametrize(("chosen", "lines"), [("file/below", 1), ("off", 0), ("fine", 0)])
def test_kernels_that_cannot_be_kept_are_told_once(chosen: str, lines: int, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    folder = chosen if chosen == "off" else str(tmp_path / chosen)
    words = "import computenet.kernels._jit as jit; print(jit.cache_directory())"
    done = subprocess.run(
        [sys.executable, "-c", words], env={**os.environ, "COMPUTENET_CACHE_DIR": folder},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert len(done.stderr.splitlines()) == lines
    assert ("COMPUTENET_CACHE_DIR" in done.stderr) == bool(lines)
    assert (done.stdout.strip() == "None") == (chosen != "fine")


LONG = "a" * 300


@pytest.mark.parametrize(
    ("words", "path"),
    [
        (("validate", LONG), "scenario"),
        (("validate", "two-hubs", "--set", f"topology={LONG}"), "topology"),
        (("compare", "two-hubs", "--shocks", LONG), "--shocks"),
        (("compare", "two-hubs", "--layouts", LONG), "--layouts"),
        (("compare", LONG, LONG), LONG),
        (("export", "geojson", LONG, "x.json"), "source"),
        (("report", LONG), LONG),
        (("sweep", LONG), "study"),
        (("bench", LONG), "suite"),
        (("study", "query", LONG, "select 1"), LONG),
    ],
)
def test_names_longer_than_those_of_files_are_told(words: tuple[str, ...], path: str) -> None:
    assert path in told(*words)


def test_a_layout_that_extends_what_no_file_can_be_called(tmp_path: Path) -> None:
    layout = tmp_path / "layout.yaml"
    title = "title: {en: L, zh: 布局}\nsource: test\ngrade: assumed"
    layout.write_text(f"id: l\n{title}\nextends: {LONG}\n", encoding="utf-8")
    assert "is neither built in nor a file" in told("validate", layout)[f"{layout}: extends"]


def test_pages_are_written_to_files(tmp_path: Path) -> None:
    found = told("report", tmp_path, "--out", tmp_path)
    assert "is a directory, not a file" in found["--out"]
    assert "names no format" in told("report", tmp_path, "--figures", "x", "--format", ",")[
        "--format"
    ]  # fmt: skip
    assert "names no format" in told("report", tmp_path, "--figures", "x", "--format", "")[
        "--format"
    ]  # fmt: skip
    for place in (tmp_path, Path(), Path("/")):
        with pytest.raises(RunError, match="it is a directory"):
            write_text(place, "text")
    (tmp_path / "file").write_text("a file")
    with pytest.raises(RunError, match="cannot write"):
        write_text(tmp_path / "file" / "page.html", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("words", "paths"),
    [
        (("simulate", "two-hubs", "--days", "1", "--set", "days=2"), ["--set days"]),
        (("simulate", "two-hubs", "--seed", "0", "--set", "seed=2"), ["--set seed"]),
        (
            ("simulate", "two-hubs", "--policy", "cheapest", "--set", "policy.name=nearest"),
            ["--set policy.name"],
        ),
        (
            ("compare", "two-hubs", "--policies", "nearest", "--days", "1", "--seed", "2",
             "--set", "days=2", "--set", "seed=3"),
            ["--set days", "--set seed"],
        ),
        (
            ("replay", "workloads/samples/jobs.csv", "--policy", "nearest", "--warmup-h", "1",
             "--set", "policy=cheapest", "--set", "run.warmup_h=2"),
            ["--set policy", "--set run.warmup_h"],
        ),
    ],
)  # fmt: skip
def test_a_field_is_given_once(words: tuple[str, ...], paths: list[str]) -> None:
    found = told(*words)
    assert list(found) == paths
    assert all("is not used with --" in one and "one of both" in one for one in found.values())


def test_an_option_names_the_policy_and_set_its_parameters() -> None:
    pairs = ["policy.parameters.horizon_h=6", "run.warmup_h=1"]
    scenario = load("two-hubs", 1.0, "dispatch", 0, pairs)
    assert (scenario.days, scenario.policy.name, scenario.seed) == (1.0, "dispatch", 0)
    assert scenario.policy.parameters == {"horizon_h": 6}


def test_options_that_runs_made_earlier_do_not_use() -> None:
    assert set(told("compare", "a", "b", "--seed", "0", "--days", "0")) == {"--seed", "--days"}
    assert set(told("compare", "a", "b")) == {"a", "b"}


def test_the_readme_names_the_commands_without_json() -> None:
    without = set()
    stack: list[tuple[str, Any]] = [("", typer.main.get_command(app))]
    while stack:
        name, command = stack.pop()
        for word, below in getattr(command, "commands", {}).items():
            stack.append((f"{name} {word}".strip(), below))
        options = [option for one in command.params for option in one.opts]
        if not hasattr(command, "commands") and "--json" not in options:
            without.add(name)
    assert without == {
        "report", "export", "trace convert", "trace scale", "trace draw", "trace topology",
    }  # fmt: skip
    words = "`report`, `export`, `trace convert`, `scale`, `draw`, `topology`"
    assert words in (ROOT / "README.md").read_text(encoding="utf-8")
    chinese = (ROOT / "README.zh-CN.md").read_text(encoding="utf-8")
    assert words.replace(", ", "、") in chinese.replace("\n", "")
