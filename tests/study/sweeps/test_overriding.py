"""Fields of a study that are set by dotted path."""

from __future__ import annotations

from typing import Any

import pytest

from computenet.errors import InputError
from computenet.study.sweeps import prepare_study
from computenet.study.sweeps.spec import AxisSpec, load_study

PRICE = {"name": "price", "path": "topology.tariffs.*.peak_cny", "factor": [1, 2], "source": "s"}
LISTED: dict[str, Any] = {
    "scenario": "two-hubs",
    "design": "grid",
    "axes": [{"path": "policy", "values": ["nearest"]}, PRICE, {"path": "days", "values": [1]}],
}
MAPPED: dict[str, Any] = {
    **LISTED,
    "axes": {"policy": ["nearest"], "price": {k: v for k, v in PRICE.items() if k != "name"},
             "days": {"values": [1]}},
}  # fmt: skip


def axes(study: dict[str, Any], **changes: object) -> dict[str, AxisSpec]:
    told = {path.replace("__", "."): value for path, value in changes.items()}
    return {axis.name: axis for axis in load_study(study, told).spec.axes}


@pytest.mark.parametrize("study", [LISTED, MAPPED], ids=["list", "mapping"])
def test_one_axis_is_changed_and_the_others_stay(study: dict[str, Any]) -> None:
    before = repr(study)
    found = axes(study, axes__policy=["cheapest", "nearest"])
    assert list(found) == ["policy", "price", "days"]
    assert found["policy"].levels == ["cheapest", "nearest"]
    found = axes(study, axes__price=[1, 3])
    assert (found["price"].way, found["price"].levels) == ("factor", [1, 3])
    assert found["price"].source == "s"
    assert found["price"].paths == ["topology.tariffs.*.peak_cny"]
    law = {"kind": "uniform", "low": 1.0, "high": 2.0}
    found = axes({**study, "design": {"method": "monte-carlo", "n": 2}},
                 axes__price__distribution=law, axes__price__distribution__high=5.0)  # fmt: skip
    assert found["price"].way == "set"
    assert found["price"].law.ends() == (1.0, 5.0)
    found = axes(study, axes__1={"values": [7], "grade": "assumed"})
    assert found["price"].levels == [7]
    assert found["price"].source == "s"
    assert repr(study) == before


@pytest.mark.parametrize("study", [LISTED, MAPPED], ids=["list", "mapping"])
def test_an_axis_that_is_not_there_is_added(study: dict[str, Any]) -> None:
    changes = {"axes.policy.parameters.alpha": [1, 2], "axes.pue": {"path": "x.pue", "offset": [0]}}
    found = {axis.name: axis for axis in load_study(study, changes).spec.axes}
    assert list(found) == ["policy", "price", "days", "policy.parameters.alpha", "pue"]
    assert found["policy.parameters.alpha"].levels == [1, 2]
    assert found["pue"].paths == ["x.pue"]


def test_a_reference_is_named_by_axis() -> None:
    study = {**LISTED, "axes": {"run.sampling": [1, 2]}, "reference": {"run.sampling": 1}}
    assert prepare_study(study, {"reference.run.sampling": 2}).study.spec.reference == {
        "run.sampling": 2
    }


def test_what_cannot_be_set_is_told_at_once() -> None:
    changes = {"scenario.days": 2, "axes.policy": 5, "design.method": "gird"}
    with pytest.raises(InputError) as caught:
        load_study(LISTED, changes)
    days, policy, *_ = caught.value.problems
    assert (days.path, days.suggestion) == ("scenario.days", "overrides.days")
    assert policy.path == "axes.policy"
    assert any("design" in problem.path for problem in caught.value.problems)
