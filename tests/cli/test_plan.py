"""``computenet plan`` at the command line."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from computenet.cli.main import app
from computenet.cli.plan import _Status
from computenet.errors import InputError
from computenet.optimization.solvers import SolverError
from computenet.study.planning import VerificationProgress
from computenet.study.planning.variants import pareto_table


def run(*words: str) -> tuple[int, str, str, BaseException | None]:
    done = CliRunner().invoke(app, ["plan", *words])
    return done.exit_code, done.stdout, done.stderr, done.exception


def test_json_is_the_summary_and_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "plan"
    code, stdout, stderr, _ = run("two-hubs", "--json", "--out", str(out))
    assert code == 0
    summary = json.loads(stdout)
    assert {"objective_cny", "bound_cny", "gap", "wall_s", "layout", "verified"} <= set(summary)
    assert summary["bound_cny"] <= summary["objective_cny"]
    assert summary["gap"] <= 0.01
    assert [row["site"] for row in summary["layout"]] == ["east", "west"]
    assert "energy.model=full" in stderr
    saved = json.loads((out / "plan.json").read_text(encoding="utf-8"))
    assert saved["objective_cny"] == summary["objective_cny"]
    code, _, _, error = run("two-hubs", "--out", str(out))
    assert isinstance(error, InputError)


def test_tables_and_page_in_both_languages(tmp_path: Path) -> None:
    code, stdout, _, _ = run("two-hubs", "--alternatives", "1", "--pareto", "2")
    assert code == 0
    for words in ("accelerators bought", "targets", "within", "cost little more", "carbon"):
        assert words in stdout
    code, stdout, _, _ = run("two-hubs", "--lang", "zh", "--out", str(tmp_path / "plan"))
    assert code == 0
    assert 'lang="zh-CN"' in (tmp_path / "plan" / "report.html").read_text(encoding="utf-8")
    assert "成本现值" in stdout
    assert "采购加速卡" in stdout
    saved = str(tmp_path / "plan")
    done = CliRunner().invoke(app, ["report", saved])
    assert done.stdout.strip() == f"{saved}/report.html"
    assert 'lang="en"' in (tmp_path / "plan" / "report.html").read_text(encoding="utf-8")


def test_bad_input_is_told_before_anything_is_done() -> None:
    for words, path in (
        (("two-hubs", "--overwrite"), "--overwrite"),
        (("two-hubs", "--within", "0.1"), "--within"),
        (("two-hubs", "--gap", "3"), "--gap"),
        (("two-hubs", "--days", "0"), "--days"),
        (("two-hubs", "--lang", "fr"), "--lang"),
        (("two-hubs", "--set", "planning.targets.hub_share_min=60"), "planning.targets"),
        (("no-such-hubs",), "scenario"),
    ):
        code, stdout, _, error = run(*words)
        assert isinstance(error, InputError), words
        assert error.exit_code == 2
        assert any(item.path.startswith(path) for item in error.problems), words
        assert stdout == ""
        assert code == 1  # the runner's own; `run` makes it 2


def test_all_options_are_looked_at_before_a_plan_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """A verification of an hour is not the time to find that --pareto 1 is no front."""
    monkeypatch.setattr("computenet.study.plan", lambda *_, **__: pytest.fail("planned"))
    code, _, _, error = run(
        "four-hubs", "--verify", "--pareto", "1", "--alternatives", "99", "--within", "7",
        "--rounds", "0", "--stages", "9", "--days", "400", "--gap", "1", "--time-limit", "0",
    )  # fmt: skip
    assert isinstance(error, InputError)
    assert {item.path for item in error.problems} == {
        "--pareto", "--alternatives", "--within", "--rounds", "--stages", "--days", "--gap",
        "--time-limit",
    }  # fmt: skip
    assert all(item.allowed for item in error.problems)
    assert code == 1
    measured = ("--set", "energy.series_files={east: prices.csv}")
    _, _, _, error = run("four-hubs", "--verify", *measured)
    assert isinstance(error, InputError)
    assert [item.path for item in error.problems] == ["energy.series_files.east"]


def test_a_verified_plan_is_not_lost_for_its_variants(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def lost(*given: Any) -> pd.DataFrame:
        if given[3]:
            raise SolverError("it lost its way")
        return pareto_table(*given)

    monkeypatch.setattr("computenet.study.planning.planning.pareto_table", lost)
    out = tmp_path / "plan"
    code, _, stderr, _ = run(
        "four-hubs", "--stages", "1", "--days", "1", "--verify", "--workers", "1", "--policy",
        "nearest", "--rounds", "1", "--pareto", "2", "--out", str(out),
    )  # fmt: skip
    assert code == 0
    assert "note: alternatives and fronts were not found: it lost its way" in stderr
    told = json.loads((out / "plan.json").read_text(encoding="utf-8"))
    assert told["verified"]["rounds"] == 1
    assert any("it lost its way" in note for note in told["notes"])


def test_rounds_are_told_on_stderr_a_line_each() -> None:
    words = ("four-hubs", "--stages", "1", "--days", "1", "--verify", "--workers", "1",
             "--policy", "nearest", "--rounds", "2")  # fmt: skip
    code, stdout, stderr, _ = run(*words, "--json")
    assert code == 0
    verified = json.loads(stdout)["verified"]
    lines = [line for line in stderr.splitlines() if line.startswith("round ")]
    assert len(lines) == verified["rounds"] == 2
    last = re.fullmatch(
        r"round 2: cost ([+-][\d.]+)%, energy ([+-][\d.]+)%, service ([\d.]+) points short, "
        r"green ([\d.]+) points short, jobs wait ([\d.]+) of their run time"
        r"(, a target missed)?, \d+ s",
        lines[-1],
    )
    assert last is not None, lines[-1]
    assert (last[6] is None) == verified["targets_met"]
    expected = [
        100.0 * verified["cost_gap"], 100.0 * verified["energy_gap"],
        100.0 * max(verified["slo_gap"], 0.0), 100.0 * max(verified["green_gap"], 0.0),
        verified["job_delay"],
    ]  # fmt: skip
    assert [float(text) for text in last.groups()[:5]] == pytest.approx(expected, abs=0.051)


def test_a_terminal_shows_days_and_the_last_round() -> None:
    shown: list[str] = []
    last = SimpleNamespace(cost_gap=0.142, energy_gap=-0.031, service_gap=0.059, green_gap=-0.2,
                           delay=0.5, targets_met=False)  # fmt: skip
    status = _Status(SimpleNamespace(update=shown.append))  # type: ignore[arg-type]
    status.verifying(VerificationProgress(1, 1, 4, None, 3.2))
    status.verifying(VerificationProgress(2, 0, 0, last, 12.6))  # type: ignore[arg-type]
    assert shown == [
        "plan 1: simulated 1 of 4 days, 3 s",
        "plan 2: with what the simulation showed; last round: cost +14.2%, energy -3.1%, service "
        "5.9 points short, green 0.0 points short, jobs wait 0.50 of their run time, "
        "a target missed, 13 s",
    ]
