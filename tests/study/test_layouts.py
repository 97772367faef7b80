"""Layouts side by side: runs, bounds of their own, what differs, and the page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import computenet as cn
from computenet.errors import InputError
from computenet.report.comparison_page import render_comparison
from computenet.report.export import figures_of
from computenet.report.layout_map import link_status, site_status
from computenet.scenario.layouts import topology_changes
from computenet.study import load_comparison, page_of, with_bound, with_layouts

EVIL = "<script>alert(1)</script>"
GROW: dict[str, Any] = {
    "extends": "two-hubs",
    "id": "grow",
    "title": {"en": f"Grow {EVIL}", "zh": "扩容"},
    "source": "a test, 2026",
    "grade": "assumed",
    "set": {"pools.west/unit.count": 192, "sites.west.it_capacity_mw": 0.3,
            "links.east-west.capacity_gbps": 80, "sites.east.pue": 1.4},
    "add": {
        "sites": [{"id": "north", "name": {"en": "North", "zh": "北部"}, "province": "RW",
                   "latitude": 41, "longitude": 111, "role": "west", "it_capacity_mw": 0.1,
                   "pue": 1.15, "water_l_per_kwh": 1, "green_contract_share": 0.9,
                   "tariff": "west", "grid": "RW"}],
        "links": [{"id": "north-west", "a": "north", "b": "west", "length_km": 800,
                   "latency_ms": 4, "capacity_gbps": 40, "price_cny_per_gb": 0.03}],
    },
    "remove": {"pools": ["east/unit"], "links": []},
}  # fmt: skip
GROW["add"]["pools"] = [
    {"id": "east/more", "site": "east", "accelerator": "unit", "count": 96, "serving_share": 0.25}
]


@pytest.fixture(scope="module")
def comparison() -> cn.Comparison:
    return cn.compare(cn.load("two-hubs", days=0.1), layouts=["base", GROW])


def test_each_layout_is_run_and_measured_by_its_own_bound(comparison: cn.Comparison) -> None:
    assert list(comparison.runs) == ["base", "grow"]
    alone = with_bound(cn.simulate(cn.load("two-hubs", days=0.1)))
    assert comparison.runs["base"].summary["cost"] == alone.summary["cost"]
    assert comparison.gaps["base"]["gap_to_bound"] == pytest.approx(
        alone.summary["bound"]["gap_to_bound"]
    )
    grown = comparison.bounds_cny["grow"]
    assert grown is not None
    assert grown != comparison.bounds_cny["base"]
    assert all(gap["gap_to_bound"] >= 0.0 for gap in comparison.gaps.values())  # type: ignore[operator]
    told = comparison.as_dict()
    assert set(told) == {"runs", "bound", "bounds", "changes"}
    assert told["bound"]["status"] == "each layout has its own"
    assert told["bound"]["gap"] is not None
    assert "cost over bound" in [row.name for row in comparison.rows()]
    assert "grow" in comparison.bound_line()


def test_what_differs_is_told_item_by_item(comparison: cn.Comparison) -> None:
    assert comparison.changes["base"] == []
    found = {(c.part, c.item, c.field): (c.kind, c.before, c.after)
             for c in comparison.changes["grow"]}  # fmt: skip
    assert found == {
        ("sites", "east", "pue"): ("shrunk", 1.5, 1.4),
        ("sites", "west", "it_capacity_mw"): ("grown", 0.2, 0.3),
        ("sites", "north", ""): ("added", None, 0.1),
        ("pools", "east/unit", ""): ("removed", 64, None),
        ("pools", "west/unit", "count"): ("grown", 128, 192),
        ("pools", "east/more", ""): ("added", None, 96),
        ("links", "east-west", "capacity_gbps"): ("grown", 40.0, 80.0),
        ("links", "north-west", ""): ("added", None, 40.0),
    }
    base, grown = (run.scenario.topology for run in comparison.runs.values())
    changes = topology_changes(base, grown)
    assert site_status(base, grown, changes) == {"east": "grown", "west": "grown", "north": "added"}
    assert link_status(base, grown, changes)["north-west"] == "added"
    back = topology_changes(grown, base)
    assert site_status(grown, base, back) == {
        "east": "shrunk", "west": "shrunk", "north": "removed",
    }  # fmt: skip


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_page_shows_map_beside_map(comparison: cn.Comparison, lang: Any) -> None:
    html = render_comparison(comparison, lang)
    assert html.count('class="figure map-') == 2
    assert EVIL not in html
    assert ("grown" if lang == "en" else "增加") in html
    assert set(figures_of(lambda: render_comparison(comparison, lang))) == {
        "figures", "map-1", "map-2",
    }  # fmt: skip


def test_a_comparison_is_saved_replaced_and_read_back(
    comparison: cn.Comparison, tmp_path: Path
) -> None:
    out = tmp_path / "cmp"
    comparison.save(out)
    comparison.save(out, overwrite=True, lang="zh")
    assert "运行对比" in (out / "comparison.html").read_text(encoding="utf-8")
    again = load_comparison(out)
    assert again.base == comparison.base
    assert again.gaps == comparison.gaps
    assert [row.values for row in again.rows()] == [row.values for row in comparison.rows()]
    assert json.loads((out / "comparison.json").read_text(encoding="utf-8")) == json.loads(
        json.dumps(again.as_dict())
    )
    page = page_of(out, "en")
    assert page.save() == out / "comparison.html"
    assert len(page.save_figures(tmp_path / "figures", formats=["csv"])) == 3
    (out / "grow" / "summary.json").unlink()
    with pytest.raises(InputError, match="missing"):
        load_comparison(out)
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "letter.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="is not a comparison"):
        comparison.save(mine, overwrite=True)


def test_every_policy_is_run_on_every_layout() -> None:
    scenario = cn.load("two-hubs", days=0.05)
    crossed = cn.compare(scenario, ["nearest", "cheapest"], layouts=["base", GROW], bound=False)
    assert list(crossed.runs) == [
        "base+nearest", "base+cheapest", "grow+nearest", "grow+cheapest",
    ]  # fmt: skip
    assert {run.manifest["policy"]["name"] for run in crossed.runs.values()} == {
        "nearest", "cheapest",
    }  # fmt: skip
    html = render_comparison(crossed, "en")
    assert html.count('class="figure map-') == 2
    assert "No lower bound was computed" in html


def test_overrides_reach_every_layout() -> None:
    found = with_layouts("two-hubs", ["base", GROW], {"topology.sites.west.pue": 1.05, "days": 1})
    assert [one.topology.sites[1].pue for one in found.values()] == [1.05] * 3
    own = with_layouts(cn.load("two-hubs", days=1), [GROW])
    assert own["grow"].days == 1


def test_bad_layouts_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("extends: two-hubs\nid: bad\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        with_layouts("two-hubs", ["base", "base", str(tmp_path / "bad.yaml"), "west-frist"])
    told = str(caught.value)
    for words in ("is named twice", "grade", "did you mean: west-first"):
        assert words in told, words
    with pytest.raises(InputError, match="names no layout"):
        cn.compare("two-hubs", layouts=[])
    with pytest.raises(InputError, match="names no policy"):
        cn.compare("two-hubs", [], layouts=["base"])
    with pytest.raises(InputError, match="compares nothing"):
        cn.compare("two-hubs")
