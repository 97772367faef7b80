"""Fields by dotted path: what they name, and how they are moved."""

from __future__ import annotations

import copy
from typing import Any

import pytest

import computenet as cn
from computenet.errors import InputError, Problem
from computenet.study.sweeps.fields import Move, changed, find, value_at


@pytest.fixture(scope="module")
def raw() -> dict[str, Any]:
    return cn.load("two-hubs").model_dump(mode="json")


def test_a_path_names_what_set_names(raw: dict[str, Any]) -> None:
    found = find(raw, "topology.sites.west.pue")
    assert not isinstance(found, Problem)
    assert [value_at(raw, place) for place in found] == [1.2]
    east = find(raw, "topology.sites.0.pue")
    assert east == find(raw, "topology.sites.east.pue")


def test_stars_stand_for_items_and_parts_of_ids(raw: dict[str, Any]) -> None:
    every = find(raw, "topology.sites.*.pue")
    assert not isinstance(every, Problem)
    assert len(every) == 2
    assert find(raw, "topology.sites.e*.pue") == every[:1]
    prices = find(raw, "topology.tariffs.*.seasons.*.price_cny_per_mwh.*")
    assert not isinstance(prices, Problem)
    assert len(prices) % 24 == 0


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("topology.sites.weest.pue", "topology.sites.west.pue"),
        ("topology.site.west.pue", "topology.sites.west.pue"),
        ("polici", "policy"),
        ("run.samplings", "run.sampling"),
    ],
)
def test_a_slip_is_told_with_the_nearest_path(raw: dict[str, Any], path: str, meant: str) -> None:
    found = find(raw, path)
    assert isinstance(found, Problem)
    assert found.suggestion == meant


def test_new_keys_only_where_keys_are_free(raw: dict[str, Any]) -> None:
    assert not isinstance(find(raw, "policy.parameters.alpha", new=True), Problem)
    assert isinstance(find(raw, "policy.parameters.alpha"), Problem)
    assert isinstance(find(raw, "run.alpha", new=True), Problem)
    assert isinstance(find(raw, "topology.sites.east.battery.power_mw", new=True), Problem)


def test_moves_are_made_in_a_copy(raw: dict[str, Any]) -> None:
    before = copy.deepcopy(raw)
    places = find(raw, "topology.sites.*.pue")
    counts = find(raw, "topology.pools.*.count")
    assert not isinstance(places, Problem)
    assert not isinstance(counts, Problem)
    moves = [
        Move("offset", tuple(places)),
        Move("factor", tuple(counts)),
        Move("set", (("days",),)),
    ]
    out = changed(raw, moves, [0.1, 1.49, 3])
    assert raw == before
    assert [site["pue"] for site in out["topology"]["sites"]] == [
        site["pue"] + 0.1 for site in before["topology"]["sites"]
    ]
    assert [pool["count"] for pool in out["topology"]["pools"]] == [
        round(pool["count"] * 1.49) for pool in before["topology"]["pools"]
    ]
    assert out["days"] == 3
    assert out["workload"] is raw["workload"]


def test_a_balance_keeps_the_sum() -> None:
    raw = {"a": [{"id": "x", "s": 0.2}, {"id": "y", "s": 0.3}, {"id": "z", "s": 0.5}]}
    x, y, z = (("a", i, "s") for i in range(3))
    out = changed(raw, [Move("factor", (x,), (y, z))], [2.0])
    shares = [item["s"] for item in out["a"]]
    assert shares == pytest.approx([0.4, 0.225, 0.375])
    assert raw["a"][0]["s"] == 0.2


def test_a_policy_by_name_may_then_be_given_parameters() -> None:
    raw = {"policy": {"name": "nearest", "parameters": {"old": 1}}}
    moves = [Move("set", (("policy",),)), Move("set", (("policy", "parameters", "alpha"),))]
    out = changed(raw, moves, ["fair", 0.5])
    assert out == {"policy": {"name": "fair", "parameters": {"alpha": 0.5}}}


def test_a_balance_is_over_lists_and_what_is_set_too() -> None:
    raw = {
        "a": [{"id": "x", "s": [0.2, 0.4]}, {"id": "y", "s": [0.3, 0.1]}, {"id": "z", "s": None}]
    }
    x, y, z = (("a", i, "s") for i in range(3))
    out = changed(raw, [Move("factor", (x,), (y, z))], [1.5])
    first, second, third = (item["s"] for item in out["a"])
    assert first == pytest.approx([0.3, 0.6])
    assert second == pytest.approx([0.075, 0.025])
    assert third is None
    assert sum(first) + sum(second) == pytest.approx(1.0)


def test_the_policy_that_is_the_scenarios_own_keeps_its_parameters() -> None:
    raw = {"policy": {"name": "dispatch", "parameters": {"window_h": 48}}}
    moves = [Move("set", (("policy",),))]
    assert changed(raw, moves, ["dispatch"]) == raw
    assert changed(raw, moves, ["nearest"]) == {"policy": {"name": "nearest", "parameters": {}}}


def test_a_policy_set_whole_may_be_given_parameters() -> None:
    raw = {"policy": {"name": "nearest", "parameters": {}}}
    moves = [Move("set", (("policy",),)), Move("set", (("policy", "parameters", "alpha"),))]
    out = changed(raw, moves, [{"name": "fair"}, 0.5])
    assert out == {"policy": {"name": "fair", "parameters": {"alpha": 0.5}}}
    with pytest.raises(InputError, match="holds no fields"):
        changed(raw, moves, [{"name": "fair", "parameters": 5}, 0.5])
