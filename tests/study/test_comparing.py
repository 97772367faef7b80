"""What a comparison shows of runs of any size."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import computenet as cn
from computenet.cli.main import app
from computenet.errors import InputError, RunError
from computenet.study import comparing
from computenet.study.comparison import _millions, _sized
from computenet.study.sweeps.sweeping import check_engine


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "0"), (0.98667, "0.987"), (9.994, "9.99"), (10.4, "10"), (33080.6, "33,081")],
)
def test_small_figures_keep_three_digits(value: float, shown: str) -> None:
    assert _sized(value) == shown


def test_millions() -> None:
    assert [_millions(v) for v in (0.0, 1210.0, 73.2e6)] == ["0", "0.00121", "73.20"]


def test_policies_of_a_small_network_can_be_told_apart() -> None:
    joined = cn.compare("two-hubs", policies=["nearest", "cheapest"], bound=False)
    rows = {row.name.strip(): row.values for row in joined.rows()}
    for name in ("cost, CNY", "carbon, t CO2"):
        near, cheap = (float(value.replace(",", "")) for value in rows[name])
        assert near > cheap > 0.0


def cost(run: cn.Results) -> float:
    found: float = run.summary["cost"]["total_cny"]
    return found


@pytest.fixture(scope="module")
def by_headroom() -> dict[float, float]:
    """What `cheapest` costs by its headroom, given beside its name."""
    out = {}
    for headroom in (0.8, 0.3):
        policy = {"name": "cheapest", "parameters": {"headroom": headroom}}
        out[headroom] = cost(cn.simulate(cn.load("two-hubs", days=0.05, policy=policy)))
    assert out[0.8] != out[0.3]
    return out


@pytest.mark.parametrize("turned", [False, True])
def test_parameters_count_whatever_the_order_they_come_in(
    by_headroom: dict[float, float], turned: bool
) -> None:
    changes = {"policy": "cheapest", "policy.parameters.headroom": 0.3}
    if turned:
        changes = dict(reversed(changes.items()))
    scenario = cn.load("two-hubs", days=0.05, overrides=changes)
    assert scenario.policy.parameters == {"headroom": 0.3}
    assert cost(cn.simulate(scenario)) == by_headroom[0.3]


def test_a_policy_named_keeps_the_parameters_of_the_scenario_if_it_is_its_own(
    by_headroom: dict[float, float],
) -> None:
    own = {"name": "cheapest", "parameters": {"headroom": 0.3}}
    scenario = cn.load("two-hubs", days=0.05, policy=own)
    assert cost(cn.simulate(scenario, policy="cheapest")) == by_headroom[0.3]
    runs = cn.compare(scenario, policies=["cheapest", "nearest"], bound=False).runs
    assert cost(runs["cheapest"]) == by_headroom[0.3]
    assert runs["cheapest"].scenario.policy.parameters == {"headroom": 0.3}
    assert runs["nearest"].scenario.policy.parameters == {}


def test_parameters_are_for_all_policies_that_have_them(by_headroom: dict[float, float]) -> None:
    runs = cn.compare(
        cn.load("two-hubs", days=0.05), ["cheapest", "least-loaded"],
        parameters={"headroom": 0.3}, bound=False,
    ).runs  # fmt: skip
    assert cost(runs["cheapest"]) == by_headroom[0.3]
    assert runs["least-loaded"].scenario.policy.parameters == {}
    both = cn.compare(
        cn.load("two-hubs", days=0.05), "cheapest", layouts=["base"],
        parameters={"headroom": 0.3}, bound=False,
    ).runs  # fmt: skip
    assert [cost(run) for run in both.values()] == [by_headroom[0.3]]


def test_parameters_that_no_policy_has_or_can_take_are_told_together() -> None:
    with pytest.raises(InputError) as told:
        cn.compare("two-hubs", ["cheapest", "random"], parameters={"headrom": 0.3, "headroom": 9})
    paths = [problem.path for problem in told.value.problems]
    assert sorted(paths) == ["policy.parameters.headrom", "policy.parameters.headroom"]
    assert "did you mean: headroom" in str(told.value)


@pytest.mark.parametrize("policies", [[3], 3, [], [None]])
def test_what_is_no_policy_is_told(policies: Any) -> None:
    with pytest.raises(InputError, match="polic"):
        cn.compare("two-hubs", policies)


def test_policies_and_fields_at_fault_are_told_at_once() -> None:
    words = ["compare", "two-hubs", "--policies", "neerest", "--days", "-1"]
    with pytest.raises(InputError) as caught:
        CliRunner().invoke(app, words, catch_exceptions=False)
    assert {problem.path for problem in caught.value.problems} == {"days", "policy.name"}


def test_a_directory_that_does_not_exist_is_one_problem(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    words = ["compare", str(tmp_path / "nodir"), str(tmp_path / "empty")]
    with pytest.raises(InputError) as caught:
        CliRunner().invoke(app, words, catch_exceptions=False)
    assert [(one.path, one.message) for one in caught.value.problems] == [
        (str(tmp_path / "nodir"), "is no directory"),
        (str(tmp_path / "empty"), "holds no run"),
    ]


def test_options_and_fields_of_a_plan_at_fault_are_told_at_once() -> None:
    words = ["plan", "two-hubs", "--gap", "-1", "--stages", "0", "--set", "planning.days=-3"]
    with pytest.raises(InputError) as caught:
        CliRunner().invoke(app, words, catch_exceptions=False)
    assert {one.path for one in caught.value.problems} == {"--gap", "--stages", "planning.days"}


def test_workers_of_a_sweep_may_be_none() -> None:
    with pytest.raises(InputError, match="0 = in this process"):
        check_engine("local", None, -2)


def test_a_full_disk_is_told_by_the_name_that_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "Error writing bytes to file. Detail: [errno 28] No space left on device")

    run = cn.simulate(cn.load("two-hubs", days=0.05))
    monkeypatch.setattr("computenet.results.storage._write_table", full)
    with pytest.raises(RunError) as caught:
        cn.Comparison({"nearest": run}).save(tmp_path / "both")
    assert str(caught.value) == f"cannot write {tmp_path / 'both'}: No space left on device"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("columns", [0, 60, 80, 200])
def test_a_comparison_can_be_read_whatever_the_width(
    columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`columns`: of a terminal; 0 = a file, which gets all in one table."""
    from computenet.cli.show import print_comparison

    base = cn.compare("two-hubs", ["nearest", "cheapest"], bound=False)
    names = [f"policy-number-{at}" for at in range(9)]
    many = cn.Comparison(dict.fromkeys(names, base.runs["nearest"]))
    if columns:
        monkeypatch.setattr("sys.stdout.isatty", lambda: True)
        monkeypatch.setenv("COLUMNS", str(columns))
    print_comparison(many, None)
    shown = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    (row,) = [one for one in base.rows() if one.name == "cost, CNY"]
    assert shown.count(row.values[0]) >= len(names)
    assert all(name in shown for name in names)
    tables = shown.count("cost, CNY")
    assert tables == 1 if columns in (0, 200) else tables > 1
    assert max(map(len, shown.splitlines())) <= (columns or 999)


def test_runs_are_told_apart_by_where_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a/run", "b/run", "c"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.setattr(comparing, "load_run", lambda directory: directory)
    monkeypatch.chdir(tmp_path / "a" / "run")
    shown = comparing.compare_runs([".", "../../b/run", "../../c"], bound=False)
    assert list(shown.runs) == ["a/run", "b/run", "c"]
    with pytest.raises(InputError, match="is named twice"):
        comparing.compare_runs(["../run", "."], bound=False)
