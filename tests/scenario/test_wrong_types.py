"""Values of any type anywhere: told as problems, never the end of the program."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from computenet.errors import InputError
from computenet.scenario import load_scenario
from computenet.scenario.layouts import apply_layout
from computenet.scenario.references import reference_problems

NONSENSE = (5, 0.5, "abc", [5], ["abc"], [[1]], {"a": 1}, None, True)


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    keys = value if isinstance(value, dict) else range(len(value) if isinstance(value, list) else 0)
    for key in keys:
        if key != "provenance":
            yield from _paths(value[key], (*path, key))


def _with(value: Any, path: tuple[Any, ...], given: object) -> Any:
    if not path:
        return given
    out = value.copy()
    out[path[0]] = _with(value[path[0]], path[1:], given)
    return out


def _raw() -> dict[str, Any]:
    voucher = {
        "share": 0.5, "budget_cny": 1.0, "regions": ["RE"],
        "provenance": {"*": {"source": "test", "grade": "assumed"}},
    }  # fmt: skip
    raw = load_scenario("two-hubs").model_dump(mode="json")
    raw["workload"]["vouchers"] = voucher
    raw["events"] = [
        {"kind": "demand-surge", "regions": ["RE"], "at_h": 0, "duration_h": 1, "factor": 2},
        {"kind": "site-outage", "site": "west", "at_h": 1, "duration_h": 1},
    ]
    return raw


def test_checks_between_records_bear_any_type_anywhere() -> None:
    raw = _raw()
    paths = list(_paths(raw))
    assert len(paths) > 500
    for path in paths:
        for given in NONSENSE:
            reference_problems(_with(raw, path, given))


def _problems(changes: dict[str, object]) -> dict[str, str]:
    with pytest.raises(InputError) as caught:
        load_scenario("two-hubs", changes)
    return {one.path: "\n".join(one.lines()) for one in caught.value.problems}


@pytest.mark.parametrize(
    ("path", "given", "message"),
    [
        ("planning.targets.latency_coverage_min", 0.9, "has the wrong form"),
        ("planning.demand.by_class", 0.3, "has the wrong form"),
        ("planning.sites.most_mw", 50, "has the wrong form"),
        ("planning.sites.closed", "west", "has the wrong form"),
        ("run.discipline", ["easy"], "is not one of the choices"),
    ],
)
def test_a_field_of_the_wrong_type_is_one_problem(path: str, given: object, message: str) -> None:
    found = _problems({path: given})
    assert list(found) == [path]
    assert message in found[path]


@pytest.mark.parametrize("regions", [5, "RE", "Zhong"])
def test_a_text_is_no_list_of_letters(regions: object) -> None:
    event = {
        "kind": "demand-surge", "regions": regions, "at_h": 0, "duration_h": 1, "factor": 2,
    }  # fmt: skip
    found = _problems({"events": [event]})
    assert list(found) == ["events.0.regions"]
    assert "a list" in found["events.0.regions"]


@pytest.mark.parametrize("given", [["west"], {"a": 1}, 5, None])
def test_removing_from_a_topology_of_nonsense(given: object) -> None:
    topology = load_scenario("two-hubs").topology.model_dump(mode="json")
    topology["pools"][0]["site"] = given
    topology["links"][0]["a"] = given
    layout = {
        "id": "less", "title": {"en": "Less", "zh": "少"}, "extends": "two-hubs",
        "source": "test", "grade": "assumed", "remove": {"sites": ["west"]},
    }  # fmt: skip
    left = apply_layout(topology, layout)
    assert [site["id"] for site in left["sites"]] == ["east"]


@pytest.mark.parametrize("shape", ["request_shape", "job_shape"])
def test_a_shape_has_an_hour_above_nothing(shape: str) -> None:
    found = _problems({f"workload.{shape}.hourly": [0.0] * 24})
    assert list(found) == [f"workload.{shape}"]
    assert "at least one is above 0" in found[f"workload.{shape}"]


def test_numbers_given_as_texts_are_held_to_the_same_rules() -> None:
    path = "topology.regions.RE.inference_share"
    for given in ("9e-1", "0.9"):
        found = _problems({path: given})
        assert list(found) == ["topology.regions.*.inference_share"]
        assert "the shares do not add up" in next(iter(found.values()))
    found = _problems({"topology.grids.RE.emission_kg_per_mwh": "0.55"})
    assert "looks like kg per kWh" in next(iter(found.values()))
    event = {"kind": "site-outage", "site": "west", "at_h": "1e3", "duration_h": 1}
    assert "is after the end of the run" in _problems({"events": [event]})["events.0.at_h"]
    share = load_scenario("two-hubs").topology.regions[0].inference_share
    assert load_scenario("two-hubs", {path: f"{share:e}"}) == load_scenario("two-hubs")
