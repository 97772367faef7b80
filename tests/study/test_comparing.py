"""What a comparison shows of runs of any size."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

import computenet as cn
from computenet.cli.main import app
from computenet.errors import InputError
from computenet.study.comparison import _millions, _sized
from computenet.study.sweeps.sweeping import _check_engine


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
    for name in ("cost, million CNY", "carbon, t CO2"):
        near, cheap = (float(value) for value in rows[name])
        assert near > cheap > 0.0


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
    assert {one.path for one in caught.value.problems} == {"gap", "stages", "planning.days"}


def test_workers_of_a_sweep_may_be_none() -> None:
    with pytest.raises(InputError, match="0 = in this process"):
        _check_engine("local", None, -2)
