"""Scenarios from files: what is shipped is sound, and every fault is told at once."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from computenet.errors import InputError
from computenet.scenario import (
    dump_scenario,
    list_scenarios,
    list_topologies,
    list_workloads,
    load_scenario,
)
from computenet.scenario.provenance import number_sources


@pytest.mark.parametrize("name", list(list_scenarios()))
def test_shipped_scenarios_survive_a_round_trip(name: str, tmp_path: Path) -> None:
    scenario = load_scenario(name)
    path = tmp_path / "scenario.yaml"
    path.write_text(dump_scenario(scenario), encoding="utf-8")
    assert load_scenario(path) == scenario
    assert load_scenario(scenario.model_dump(mode="json")) == scenario


@pytest.mark.parametrize("name", list(list_scenarios()))
def test_every_shipped_number_has_a_source_and_a_grade(name: str) -> None:
    numbers = number_sources(load_scenario(name))
    assert len(numbers) > 50
    assert [number.path for number in numbers if not number.source or not number.grade] == []


def test_national_topology_is_the_network_of_the_plan() -> None:
    topology = load_scenario("china-2025").topology
    assert len(topology.sites) == 10
    assert len({site.hub.en for site in topology.sites if site.hub}) == 8
    assert len(topology.regions) == 31
    assert len(load_scenario("china-2025-cities").topology.sites) == 22
    assert set(list_topologies()) == {"china-2025", "china-2025-cities", "four-hubs", "two-hubs"}
    assert set(list_workloads()) == {"four-hubs", "national-week", "two-hubs"}


def problems_of(overrides: dict[str, object], name: str = "two-hubs") -> dict[str, str]:
    with pytest.raises(InputError) as caught:
        load_scenario(name, overrides)
    return {problem.path: "\n".join(problem.lines()) for problem in caught.value.problems}


def test_all_problems_at_once_with_dotted_paths_and_spelling() -> None:
    found = problems_of(
        {
            "topology.sites.west.pue": 0.9,
            "topology.sites.east.pu": 1.2,
            "topology.pools.west/unit.count": -5,
            "topology.links.east-west.b": "wets",
            "topology.grids.RE.emission_kg_per_mwh": 0.55,
            "topology.sites.east.role": "wst",
            "workload.service_classes.chat.model": "smal",
            "run.sampling": 0,
        }
    )
    assert "PUE is facility energy over IT energy" in found["topology.sites.west.pue"]
    assert "did you mean: pue" in found["topology.sites.east.pu"]
    assert "at least 1" in found["topology.pools.west/unit.count"]
    assert "did you mean: west" in found["topology.links.east-west.b"]
    assert "kg per MWh" in found["topology.grids.RE.emission_kg_per_mwh"]
    assert "did you mean: west" in found["topology.sites.east.role"]
    assert "did you mean: small" in found["workload.service_classes.chat.model"]
    assert "run.sampling" in found
    assert len(found) == 8


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("topology.tariffs.west.seasons.0.months", [1, 2, 3], "months without prices"),
        ("topology.tariffs.west.seasons.0.price_cny_per_mwh", [0.3] * 24, "CNY per kWh"),
        ("topology.regions.RE.inference_share", 0.5, "do not add up"),
        ("topology.sites.west.id", "east", "names are unique"),
        ("topology.sites.west.id", "RE", "name of a region"),
        ("topology.pools.west/unit.accelerator", "unt", "did you mean: unit"),
        ("topology.accelerators.unit.speed.shot", 1.0, "did you mean: short"),
        ("topology.links.RE-east.b", "RE", "two different places"),
        ("events", [{"kind": "site-outage", "site": "est", "at_h": 1, "duration_h": 1}], "east"),
        ("events", [{"kind": "flood", "at_h": 1}], "not one of the choices"),
        ("events", [{"kind": "link-cut", "link": "east-west", "at_h": 99, "duration_h": 1}],
         "after the end"),
        ("days", -1, "greater than 0"),
        ("start", "2025-07-07T00:00:00", "timezone"),
        ("start", 2025, "a date and time with its timezone"),
        ("start", "20250707", "a date and time with its timezone"),
        ("workload.job_classes.short.sizes", {0: 1.0}, "at least 1"),
        ("topology.sites.north.pue", 1.2, "names no item"),
        ("nonsense", 1, "not a known field"),
    ],
)  # fmt: skip
def test_faults_between_records(path: str, value: object, words: str) -> None:
    assert words in "\n".join(problems_of({path: value}).values())


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "s.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_alias_bomb_is_refused_without_expanding_it(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    with pytest.raises(InputError, match="too many values"):
        load_scenario(write(tmp_path, "\n".join(lines)))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("- 1\n- 2\n", "no mapping"),
        ("name: a\nname: b\n", "stands here twice"),
        ("name: [a\n", "line"),
        ("name: !!python/object/apply:os.system ['true']\n", "could not determine a constructor"),
        ("a: &a [*a]\n", "inside its own anchor"),
        ("name: x\ntopology: chna-2025\nworkload: national-week\n", "did you mean: china-2025"),
    ],
)
def test_broken_files(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        load_scenario(write(tmp_path, text))


def test_files_may_name_files_beside_them(tmp_path: Path) -> None:
    scenario = load_scenario("two-hubs")
    plain = scenario.model_dump(mode="json", exclude_none=True)
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(plain["topology"]), encoding="utf-8")
    path = write(
        tmp_path,
        "name: mine\ntitle: {en: Mine, zh: 我的}\ntopology: mine.yaml\n"
        "workload: two-hubs\ndays: 1\npolicy: cheapest\n",
    )
    loaded = load_scenario(path)
    assert loaded.topology == scenario.topology
    assert loaded.policy.name == "cheapest"
    with pytest.raises(InputError, match="did you mean: two-hubs"):
        load_scenario("two-hub")


def test_overrides_reach_items_by_name() -> None:
    changed = load_scenario(
        "two-hubs", {"topology.sites.west.pue": 1.1, "policy": "cheapest", "days": 2}
    )
    assert changed.topology.sites[1].pue == 1.1
    assert changed.policy.name == "cheapest"
    assert changed.days == 2


def test_every_mistake_is_told_once_and_in_words_of_the_user() -> None:
    """Branches of a type are one problem; no word of the library that checks types."""
    found = problems_of(
        {
            "policy.parameters.forecast": None,
            "workload.vouchers": [1],
            "workload.job_classes.short.sizes": {"a": None},
            "planning.targets.budget_cny": [1e6, "abc"],
            "planning.targets.carbon_cap_kt": "abc",
            "planning.pv.capx_cny_per_kw": 1.0,
            "run.on_outage": "mve",
            "events": [{}],
        }
    )
    assert set(found) == {
        "policy.parameters.forecast",
        "workload.vouchers",
        "workload.job_classes.short.sizes.a",
        "planning.targets.budget_cny.1",
        "planning.targets.carbon_cap_kt",
        "planning.pv.capx_cny_per_kw",
        "run.on_outage",
        "events.0.kind",
    }
    assert "yes or no, a number, or a text" in found["policy.parameters.forecast"]
    assert "a mapping with the fields share, budget_cny" in found["workload.vouchers"]
    assert "a whole number" in found["workload.job_classes.short.sizes.a"]
    assert "a number of at least 0" in found["planning.targets.budget_cny.1"]
    assert "a number of at least 0 or a list" in found["planning.targets.carbon_cap_kt"]
    assert "did you mean: move" in found["run.on_outage"]
    assert "site-outage, link-cut" in found["events.0.kind"]
    for words in found.values():
        assert not any(bad in words for bad in ("valid", "constrained", "instance", "literal["))


def test_a_misspelt_field_is_not_missing_as_well() -> None:
    event = {"kind": "link-cut", "link": "east-west", "at_h": 1, "duration": 1}
    found = problems_of({"events": [event]})
    assert set(found) == {"events.0.duration"}
    assert "did you mean: duration_h" in found["events.0.duration"]


def test_items_of_planning_lists_have_names_and_other_faults_are_told_beside() -> None:
    found = problems_of(
        {
            "planning.chips.unit.price_cny": -5,
            "planning.chips.untt.price_cny": 5,
            "planning.days": -3,
            "topology": "two-hbs",
            "run.sampling": 0,
        }
    )
    assert set(found) == {
        "planning.chips.unit.price_cny", "planning.chips.untt", "planning.days", "topology",
        "run.sampling",
    }  # fmt: skip
    assert "did you mean: unit" in found["planning.chips.untt"]
    scenario = load_scenario("two-hubs", {"planning.chips.unit.price_cny": 5})
    assert scenario.planning is not None
    assert scenario.planning.chips[0].price_cny == 5
    year = scenario.planning.stages[0].year
    changed = load_scenario("two-hubs", {f"planning.stages.{year}.years": 0.5})
    assert changed.planning is not None
    assert changed.planning.stages[0].years == 0.5


@pytest.mark.parametrize("start", ["9999-12-31T23:00:00+08:00", "0001-01-01T00:00:00+08:00"])
def test_starts_beyond_the_calendar_are_told(start: str, tmp_path: Path) -> None:
    text = dump_scenario(load_scenario("two-hubs"))
    path = tmp_path / "scenario.yaml"
    path.write_text("\n".join(
        f"start: {start}" if line.startswith("start:") else line for line in text.splitlines()
    ))  # fmt: skip
    with pytest.raises(InputError) as caught:
        load_scenario(path)
    (problem,) = caught.value.problems
    assert (problem.path, problem.value) == ("start", start)
    assert problem.allowed is not None
    assert "1950" in problem.allowed or "2200" in problem.allowed


@pytest.mark.parametrize(
    "path", ["days", "seed", "topology.sites.west.pue", "topology.pools.west/unit.count"]
)
def test_switches_are_no_numbers(path: str) -> None:
    told = problems_of({path: True})[path]
    assert "is yes or no where a number is wanted" in told


def test_numbers_to_the_base_of_60_are_texts(tmp_path: Path) -> None:
    text = dump_scenario(load_scenario("two-hubs"))
    path = tmp_path / "scenario.yaml"
    lines = [
        {"days:": "days: 1:30", "seed:": "seed: yes"}.get(line[:5], line)
        for line in text.splitlines()
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_scenario(path)
    told = {problem.path: problem for problem in caught.value.problems}
    assert (told["days"].value, told["days"].message) == ("1:30", "has the wrong form")
    assert told["seed"].message.startswith("is yes or no where a number is wanted")


def test_a_path_may_name_every_item() -> None:
    scenario = load_scenario(
        "two-hubs", {"topology.pools.*.count": 7, "topology.sites.w*.pue": 1.44}
    )
    assert {pool.count for pool in scenario.topology.pools} == {7}
    assert [site.pue == 1.44 for site in scenario.topology.sites] == [
        site.id.startswith("w") for site in scenario.topology.sites
    ]
    assert "names no item" in problems_of({"topology.pools.x*.count": 7})["topology.pools.x*"]


@pytest.mark.parametrize("day", ["weekday", "weekend", "holiday"])
def test_jobs_have_kinds_of_day_by_class(day: str) -> None:
    told = problems_of({f"workload.job_shape.{day}": 0.5})[f"workload.job_shape.{day}"]
    assert "is not used: job classes have their own" in told
