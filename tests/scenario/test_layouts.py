"""Layouts: what they change, what they may not, and that every change can be told as one."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import computenet as cn
from computenet.errors import InputError
from computenet.scenario import (
    LayoutSpec,
    TopologySpec,
    apply_layout,
    dump_layout,
    layout_between,
    list_layouts,
    load_scenario,
)
from computenet.scenario.common import Name
from computenet.scenario.layouts import without_provenance
from computenet.scenario.provenance import number_sources

TITLE = {"en": "More", "zh": "更多"}
BASE = load_scenario("four-hubs").topology


def layout(**parts: Any) -> dict[str, Any]:
    return {
        "extends": "two-hubs",
        "id": "more",
        "title": TITLE,
        "source": "a test, 2026",
        "grade": "assumed",
        **parts,
    }


def raw(name: str = "two-hubs") -> dict[str, Any]:
    return load_scenario(name).topology.model_dump(mode="json")


def ids(items: list[dict[str, Any]]) -> list[str]:
    return [item["id"] for item in items]


NEW_SITE = {
    "id": "north", "name": {"en": "North", "zh": "北部"}, "province": "RW", "latitude": 40.0,
    "longitude": 110.0, "role": "west", "it_capacity_mw": 0.1, "pue": 1.2, "water_l_per_kwh": 1.0,
    "green_contract_share": 0.5, "tariff": "west", "grid": "RW",
    "targets": {"pue_max": 1.2},
}  # fmt: skip
NEW_LINK = {
    "id": "north-west", "a": "north", "b": "west", "length_km": 500, "latency_ms": 2.5,
    "capacity_gbps": 40, "price_cny_per_gb": 0.02,
}  # fmt: skip


def test_sets_removes_and_adds_and_leaves_the_base_alone() -> None:
    base = raw()
    before = copy.deepcopy(base)
    out = apply_layout(
        base,
        layout(
            set={"sites.west.pue": 1.1, "accelerators.unit.speed.long": 0.5, "utc_offset_h": 7},
            add={"sites": [NEW_SITE], "links": [NEW_LINK]},
            remove={"sites": ["east"]},
        ),
    )
    assert base == before
    assert (out["id"], out["title"], out["utc_offset_h"]) == ("more", TITLE, 7)
    assert out["description"] == base["description"]
    assert ids(out["sites"]) == ["west", "north"]
    assert ids(out["pools"]) == ["west/unit"]  # east's pool went with it
    assert ids(out["links"]) == ["RW-west", "north-west"]  # and so did its links
    assert out["sites"][0]["pue"] == 1.1
    assert out["accelerators"][0]["speed"] == {"short": 1.0, "long": 0.5}
    assert TopologySpec.model_validate(out)


def test_an_item_may_be_replaced_and_a_battery_made_field_by_field() -> None:
    pool = {"id": "west/unit", "site": "west", "accelerator": "unit", "count": 8}
    out = apply_layout(
        raw(),
        layout(
            set={"sites.west.battery.power_mw": 0.1, "sites.west.battery.energy_mwh": 0.2},
            remove={"pools": ["west/unit"]},
            add={"pools": [pool]},
        ),
    )
    topology = TopologySpec.model_validate(out)
    assert topology.pools[-1].count == 8
    battery = topology.sites[1].battery
    assert battery is not None
    assert (battery.power_mw, battery.energy_mwh) == (0.1, 0.2)


def problems_of(act: Callable[[], object]) -> dict[str, str]:
    with pytest.raises(InputError) as caught:
        act()
    return {problem.path: "\n".join(problem.lines()) for problem in caught.value.problems}


def test_every_problem_of_a_layout_and_of_what_it_sets_at_once() -> None:
    wrong = layout(
        set={
            "sites.wset.pue": 1.1,
            "sites.west.peu": 1.1,
            "sites.west.pue.mean": 1.1,
            "sites.west.id": "far-west",
            "sites.west.green_contract_share": 80,
            "sites.east.pue": 1.3,
            "pools.new.count": 8,
            "tariffs.west.seasons.4.months": [1],
            "id": "other",
        },
        add={"pools": [{"id": "new", "site": "west", "accelerator": "unti", "count": 8}, {}],
             "grids": [{"id": "RE"}]},
        remove={"sites": ["east", "eats"], "links": ["RE-west", "RW-west", "RW-west"]},
    )  # fmt: skip
    found = problems_of(lambda: load_scenario(wrong))
    expected = {
        "more: set.sites.wset": "did you mean: west",
        "more: set.sites.west.peu": "did you mean: pue",
        "more: set.sites.west.pue": "has no fields of its own",
        "more: set.sites.west.id": "remove the item and add another",
        "more: set.sites.east.pue": "the layout removes it",
        "more: set.pools.new.count": "the layout adds it",
        "more: set.tariffs.west.seasons.4": "0 to 0",
        "more: set.id": "the layout's own",
        "more: remove.sites": "did you mean: east",
        "more: remove.links": "is named twice",
        "more: add.pools.1.id": "is missing",
        "more: add.grids.RE": "exists already",
        "topology.sites.west.green_contract_share": "not per cent",
        "topology.pools.new.accelerator": "did you mean: unit",
    }
    for path, words in expected.items():
        assert words in found[path], path
    assert set(found) == set(expected)


@pytest.mark.parametrize(
    ("parts", "path"),
    [
        ({"set": {"sites": 5}}, "topology.sites"),
        ({"set": {"sites.west": 5}}, "topology.sites.1"),
        ({"set": {"sites.west.pue": float("nan")}}, "topology.sites.west.pue"),
        ({"set": {"": 1}}, "more: set."),
        ({"set": None}, "more: set"),
        ({"add": {"sites": [5]}}, "more: add.sites.0"),
        ({"remove": {"accelerators": ["unit"]}}, "topology.pools.west/unit.accelerator"),
        ({"remove": {"sites": ["east", "west"]}}, "topology.sites"),
        ({"extends": 5}, "more: extends"),
    ],
)
def test_nonsense_is_told_in_place(parts: dict[str, Any], path: str) -> None:
    assert path in problems_of(lambda: load_scenario(layout(**parts)))


def test_faults_of_the_layout_itself() -> None:
    wrong = layout(grade="guessed", ste={}, add={"sties": []})
    del wrong["source"]
    found = problems_of(lambda: apply_layout(raw(), wrong))
    assert "did you mean: set" in found["more: ste"]
    assert "did you mean: sites" in found["more: add.sties"]
    assert "is missing" in found["more: source"]
    assert "is not one of the choices" in found["more: grade"]


def write(path: Path, **parts: Any) -> Path:
    path.write_text(yaml.safe_dump(layout(id=path.stem, **parts)), encoding="utf-8")
    return path


def test_layouts_extend_layouts_beside_them(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    write(tmp_path / "one.yaml", set={"sites.west.pue": 1.15, "sites.east.pue": 1.4})
    two = write(tmp_path / "deep" / "two.yaml", extends="../one.yaml", set={"sites.west.pue": 1.1})
    scenario = cn.load(two)
    assert [site.pue for site in scenario.topology.sites] == [1.4, 1.1]
    # alone it is run like the scenario of the topology it comes from
    assert (scenario.name, scenario.title.zh) == ("two", "更多")
    assert scenario.workload == cn.load("two-hubs").workload
    assert scenario.days == 1
    inline = {"name": "x", "title": TITLE, "topology": layout(extends=str(two)),
              "workload": "two-hubs"}  # fmt: skip
    assert cn.load(inline).topology.sites[1].pue == 1.1
    assert cn.load("two-hubs", overrides={"topology": str(two)}).topology.sites[1].pue == 1.1
    deep = cn.load(two, overrides={"topology.sites.west.pue": 1.05})
    assert deep.topology.sites[1].pue == 1.05


def test_paths_given_by_hand_are_relative_to_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "one.yaml", set={"sites.west.pue": 1.15})
    monkeypatch.chdir(tmp_path)
    assert cn.load("two-hubs", topology="one.yaml").topology.sites[1].pue == 1.15


def test_bases_that_cannot_be_used(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", extends="b.yaml")
    write(tmp_path / "b.yaml", extends="a.yaml")
    circle = problems_of(lambda: cn.load(tmp_path / "a.yaml"))
    assert "a.yaml -> b.yaml -> a.yaml" in "".join(circle.values())
    lost = write(tmp_path / "c.yaml", extends="two-hub", grade="guessed")
    found = problems_of(lambda: cn.load(lost))
    assert "did you mean: two-hubs" in found[f"{lost}: extends"]
    assert "is not one of the choices" in found[f"{lost}: grade"]
    (tmp_path / "plain.yaml").write_text("a: 1\n", encoding="utf-8")
    other = write(tmp_path / "d.yaml", extends="plain.yaml")
    assert "neither a topology nor a layout" in "".join(
        problems_of(lambda: cn.load(other)).values()
    )
    folder = write(tmp_path / "e.yaml", extends=".")
    assert "directory" in "".join(problems_of(lambda: cn.load(folder)).values())


def test_what_a_layout_says_stands_among_the_sources() -> None:
    own = {"source": "a letter, 2026", "grade": "published"}
    scenario = load_scenario(
        layout(
            set={
                "sites.west.pue": 1.1,
                "links.east-west.capacity_gbps": 80,
                "sites.east.pue": 1.3,
                "sites.east.provenance.pue": own,
            },
            add={"sites": [NEW_SITE], "links": [NEW_LINK]},
        )
    )
    by_path = {number.path: number for number in number_sources(scenario)}
    usual = ("a test, 2026", "assumed")
    for path in ("sites.west.pue", "links.east-west.capacity_gbps", "sites.north.latitude",
                 "sites.north.targets.pue_max", "links.north-west.latency_ms"):  # fmt: skip
        number = by_path[f"topology.{path}"]
        assert (number.source, number.grade) == usual, path
    assert by_path["topology.sites.east.pue"].source == own["source"]
    assert by_path["topology.links.latency_ms"].value == "3 values"
    assert by_path["topology.links.latency_ms"].source == "teaching example, round numbers"
    assert all(number.source for number in by_path.values())


@pytest.mark.parametrize("name", list(list_layouts()))
def test_shipped_layouts_are_sound_and_add_the_same(name: str) -> None:
    base, scenario = cn.load("china-2025"), cn.load(name)
    numbers = number_sources(scenario)
    assert [number.path for number in numbers if not number.source or not number.grade] == []
    more = sum(pool.count for pool in scenario.topology.pools) - sum(
        pool.count for pool in base.topology.pools
    )
    power = sum(site.it_capacity_mw for site in scenario.topology.sites) - sum(
        site.it_capacity_mw for site in base.topology.sites
    )
    assert more == 160_000
    assert power == pytest.approx(240.0)
    assert scenario.workload == base.workload


# ---- the layout between two topologies

NUMBERS = st.floats(0.0, 1.0).map(lambda value: round(value, 3))


def _edit(topology: dict[str, Any], draw: Any) -> None:
    """Change a raw topology somewhere, in a way its spec allows."""
    part = draw(st.sampled_from(["sites", "pools", "links", "regions", "accelerators", "tariffs"]))
    items = topology[part]
    kind = draw(st.sampled_from(["set", "set", "set", "remove", "add", "turn"]))
    if kind == "turn":
        topology[part] = draw(st.permutations(items))
    elif kind == "remove" and len(items) > 1:
        items.pop(draw(st.integers(0, len(items) - 1)))
    elif kind == "add":
        new = copy.deepcopy(draw(st.sampled_from(items)))
        new["id"] = draw(st.sampled_from(["new", "a.b", "a.b.pue", "NO", "1", new["id"] + ".x"]))
        if new["id"] not in ids(items):
            items.insert(draw(st.sampled_from([0, len(items)])), new)
    else:
        _set_in(draw(st.sampled_from(items)), part, draw)


def _set_in(item: dict[str, Any], part: str, draw: Any) -> None:
    value = draw(NUMBERS)
    if part == "sites":
        item[draw(st.sampled_from(["green_contract_share", "dataset_storage_tb"]))] = value
        if draw(st.booleans()):
            item["targets"]["green_share_min"] = draw(st.none() | NUMBERS)
        if draw(st.booleans()):
            item["battery"] = draw(st.none() | st.just({"power_mw": 1 + value, "energy_mwh": 2}))
        if draw(st.booleans()):
            item["generators"] = [
                {"id": f"g/{i}", "kind": "pv", "connection": "on-site", "capacity_mw": 1 + value,
                 "capacity_factor": 0.2} for i in range(draw(st.integers(0, 2)))
            ]  # fmt: skip
    elif part == "pools":
        item["count"] = draw(st.integers(1, 99))
        item["site"] = draw(st.sampled_from(ids(raw("four-hubs")["sites"])))
    elif part == "accelerators":
        item["speed"] = {**item["speed"], draw(st.sampled_from(["a", "short", "x.y"])): value}
        if draw(st.booleans()):
            item["speed"].popitem()
    elif part == "tariffs":
        item["seasons"][0]["price_cny_per_mwh"][3] = value
    elif part == "links":
        item["capacity_gbps"] = 1 + value
        item["provenance"] = draw(
            st.sampled_from([{}, {"*": {"source": "own", "grade": "measured"}}])
        )
    else:
        item["activity_shift_h"] = value


@st.composite
def changed_topologies(draw: Any) -> TopologySpec:
    topology = BASE.model_dump(mode="json")
    for _ in range(draw(st.integers(0, 5))):
        _edit(topology, draw)
    sites, regions = ids(topology["sites"]), ids(topology["regions"])
    pools = [pool for pool in topology["pools"] if pool["site"] in sites]
    topology["pools"] = pools or [{**topology["pools"][0], "site": sites[0]}]
    topology["links"] = [
        link for link in topology["links"] if {link["a"], link["b"]} <= {*sites, *regions}
    ]
    topology |= {"id": "changed", "title": TITLE, "utc_offset_h": draw(st.sampled_from([8.0, 7.0]))}
    return TopologySpec.model_validate(topology)


@settings(max_examples=100, deadline=None)
@given(changed_topologies())
def test_the_layout_between_two_topologies_leads_from_one_to_the_other(
    changed: TopologySpec,
) -> None:
    found = layout_between(
        BASE, changed, id="changed", title=Name(**TITLE), source="s", grade="estimated"
    )
    text = dump_layout(found)
    again = LayoutSpec.model_validate(yaml.safe_load(text))
    assert again == found
    assert dump_layout(again) == text
    got = TopologySpec.model_validate(apply_layout(BASE.model_dump(mode="json"), again))
    assert without_provenance(got.model_dump()) == without_provenance(changed.model_dump())
    # told once more, nothing is left to say
    rest = layout_between(
        got, changed, id="changed", title=Name(**TITLE), source="s", grade="estimated"
    )
    assert all("provenance" in path for path in rest.set)
    assert not any(rest.add.model_dump().values())
    assert not any(rest.remove.model_dump().values())


def test_small_changes_are_told_in_few_lines() -> None:
    topology = raw()
    topology["sites"][1]["it_capacity_mw"] = 0.9
    topology["sites"].append(NEW_SITE)
    topology["links"] = [link for link in topology["links"] if link["id"] != "east-west"]
    topology["provenance"]["links"] = {"source": "a map", "grade": "published"}
    changed = TopologySpec.model_validate(topology)
    base = load_scenario("two-hubs").topology
    found = layout_between(base, changed, id="x", title=Name(**TITLE), source="s", grade="assumed")
    assert found.set == {
        "provenance.links": {"source": "a map", "grade": "published"},
        "sites.west.it_capacity_mw": 0.9,
    }
    assert found.add.sites == [NEW_SITE]
    assert (found.remove.links, found.remove.sites, found.extends) == (
        ["east-west"],
        [],
        "two-hubs",
    )
    assert list(yaml.safe_load(dump_layout(found))) == [
        "extends", "id", "title", "source", "grade", "set", "add", "remove",
    ]  # fmt: skip
    nothing = layout_between(base, base, id="x", title=Name(**TITLE), source="s", grade="assumed")
    assert "set" not in dump_layout(nothing)


def test_what_holds_a_field_is_set_before_it_whatever_the_order() -> None:
    targets, cap = {"sites.west.targets": {"green_share_min": 0.7}}, {
        "sites.west.targets.pue_max": 1.3
    }  # fmt: skip
    for changes in (targets | cap, cap | targets):
        out = apply_layout(raw(), layout(set=changes))
        west = next(site for site in out["sites"] if site["id"] == "west")
        assert (west["targets"]["green_share_min"], west["targets"]["pue_max"]) == (0.7, 1.3)
