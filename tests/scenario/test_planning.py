"""Planning data: what is refused, and that every number says where it comes from."""

from __future__ import annotations

from typing import Any

import pytest

from computenet.errors import InputError
from computenet.scenario import load_scenario
from computenet.scenario.catalogue import planning_files
from computenet.scenario.provenance import _unit as unit_of
from computenet.scenario.provenance import planning_sources

#: What the files leave at its neutral default.
DEFAULTS = {"planning.targets.latency_coverage_others"}
GRADES = {"measured", "published", "estimated", "assumed"}


def paths_of(error: InputError) -> set[str]:
    return {problem.path for problem in error.problems}


@pytest.mark.parametrize("name", ["china-2025", "four-hubs"])
def test_every_number_has_a_source(name: str) -> None:
    planning = load_scenario(name).planning
    assert planning is not None
    numbers = [
        item for item in planning_sources(planning) if item.path not in DEFAULTS and item.value
    ]
    assert len(numbers) > 40
    assert [item.path for item in numbers if item.source is None] == []
    assert {item.grade for item in numbers} <= GRADES


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(InputError) as caught:
        load_scenario(
            "china-2025",
            {
                "planning.chips.0.accelerator": "ascend_910x",
                "planning.demand.by_class": {"chatt": 0.5},
                "planning.targets.latency_coverage_min": {"realtme": 0.5},
                "planning.sites.closed": ["nowhere"],
                "planning.discount_rate": 6,
            },
        )
    assert paths_of(caught.value) == {
        "planning.chips.ascend_910x.accelerator", "planning.demand.by_class.chatt",
        "planning.targets.latency_coverage_min.realtme", "planning.sites.closed.nowhere",
        "planning.discount_rate",
    }  # fmt: skip
    by_path = {problem.path: problem for problem in caught.value.problems}
    assert by_path["planning.demand.by_class.chatt"].suggestion == "chat"
    assert by_path["planning.chips.ascend_910x.accelerator"].suggestion in {
        "ascend_910b",
        "ascend_910c",
    }


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("planning.stages", [{"year": 2024}], "before base_year"),
        ("planning.stages", [{"year": 2026, "years": 3}, {"year": 2027}], "begins before"),
        ("planning.targets.budget_cny", [1.0, 2.0, 3.0], "3 values for 2 stages"),
        ("planning.chips", [], "at least 1"),
    ],
)
def test_stages_and_lists_that_do_not_fit(path: str, value: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        load_scenario("two-hubs", {path: value})


def test_planning_data_by_name_path_and_mapping(tmp_path: Any) -> None:
    assert load_scenario("two-hubs").planning is not None
    file = tmp_path / "own.yaml"
    file.write_text(planning_files()["teaching"].read_text(encoding="utf-8"), encoding="utf-8")
    by_path = load_scenario("two-hubs", {"planning": str(file)})
    assert by_path.planning == load_scenario("two-hubs").planning
    with pytest.raises(InputError) as caught:
        load_scenario("two-hubs", {"planning": "teachin"})
    assert caught.value.problems[0].suggestion == "teaching"


@pytest.mark.parametrize(
    ("field", "unit"),
    [
        ("demand_charge_cny_per_kw_month", "CNY/kW/month"), ("cny_per_km", "CNY/km"),
        ("price_cny_per_accelerator_h", "CNY/accelerator·h"), ("hall_cny_per_mw", "CNY/MW"),
        ("price_cny", "CNY"), ("supply_per_year", "1/year"), ("memory_bandwidth_tb_s", "TB/s"),
        ("energy_mwh", "MWh"), ("july_c", "°C"), ("run_time_most_s", "s"), ("first_year", ""),
        ("bytes_per_parameter", ""), ("share", ""), ("gb_per_request", "GB/request"),
    ],
)  # fmt: skip
def test_units_are_those_that_names_say(field: str, unit: str) -> None:

    assert unit_of(field) == unit
