"""Figures of small networks are not rounded to nothing, and every word is in both languages."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import computenet as cn
from computenet.report import render_report
from computenet.report.figures import wide
from computenet.report.labels import LABELS, labels_of
from computenet.report.layout_map import layout_map
from computenet.report.limits import LIMITS
from computenet.report.numbers import significant
from computenet.report.page import _status
from computenet.scenario.layouts import topology_changes

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def results() -> cn.Results:
    events = [{"kind": "site-outage", "site": "west", "at_h": 0.2, "duration_h": 0.5}]
    changes: dict[str, Any] = {"days": 0.05, "workload.scale": 0.01, "events": events}
    changes["topology.sites.*.it_capacity_mw"] = 0.4567
    return cn.simulate(cn.load("two-hubs", overrides=changes))


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (0.0, "0"), (0.4567, "0.457"), (12.34, "12.3"), (80.0, "80"), (99.96, "100"),
     (100.4, "100"), (12345.6, "12,346"), (0.00012345, "0.000123"), (-0.25, "−0.25")],
)  # fmt: skip
def test_three_figures_at_least(value: float | None, text: str) -> None:
    assert significant(value) == text


def test_a_page_of_a_small_network_shows_its_sizes(results: cn.Results) -> None:
    page = render_report(results, "en")
    assert "IT capacity 0.457 MW" in page
    installed = results.summary["capacity"]["eflops_fp16_installed"]
    assert 0.0 < installed < 1.0
    assert f"<b>{significant(installed)} EFLOPS</b>" in page
    unserved = cn.study.Comparison({"a": results}).rows()
    results.summary["energy"]["unserved_mwh"] = 0.0123
    try:
        small = cn.study.Comparison({"a": results}).rows()
    finally:
        results.summary["energy"]["unserved_mwh"] = 0.0
    shown = {row.name: row.values for row in small}["unserved, MWh"]
    assert shown == ["0.0123"]
    assert {row.name: row.values for row in unserved}["unserved, MWh"] == ["0"]


def test_what_has_no_value_is_not_drawn_as_nought() -> None:
    table = pd.DataFrame({
        "slot_start_s": np.repeat(np.arange(1600) * 60.0, 2),
        "site": pd.Categorical(["a", "b"] * 1600),
        "temperature_c": [20.0, np.nan] * 1600,
    })  # fmt: skip
    run: Any = SimpleNamespace(tables={"sites": table})
    drawn = wide(run, "sites", "site", "temperature_c")
    assert len(drawn) == 800
    assert (drawn["a"] == 20.0).all()
    assert drawn["b"].isna().all()


def test_limits_are_those_of_the_documentation() -> None:
    text = (DOCS / "validity.md").read_text(encoding="utf-8").split("\n## ")[1]
    assert [english[0] for english, _ in LIMITS] == re.findall(r"^- \*\*(.*?)\*\*", text, re.M)
    for lang, ends in (("en", "."), ("zh", "。")):
        told = labels_of("zh" if lang == "zh" else "en").limits()
        assert len(told) == len(LIMITS)
        assert all(one.endswith(ends) for one in told)
    # Numbers and names of fields stand in both languages alike.
    for (_, english), (_, chinese) in LIMITS:
        assert re.findall(r"\d+|energy\.model", english) == re.findall(
            r"\d+|energy\.model", chinese
        )


def test_kinds_of_events_are_in_words() -> None:
    source = "".join(
        path.read_text(encoding="utf-8")
        for path in (DOCS.parent / "computenet" / "simulation").glob("*.py")
    )
    found = re.findall(r'_log\.add\(\s*[\w.()+* ]+,\s*"([a-z-]+)"', source)
    found += re.findall(r'"([a-z-]+)" if up else "([a-z-]+)", link_id', source)[0]
    assert len(set(found)) > 12
    assert [kind for kind in sorted(set(found)) if f"event_{kind}" not in LABELS] == []


def test_events_and_the_bounds_status_are_in_the_pages_language(results: cn.Results) -> None:
    page = render_report(results, "zh")
    assert "站点中断" in page
    assert "<td class=\"t\">site-outage" not in page  # fmt: skip
    chinese, english = labels_of("zh"), labels_of("en")
    assert _status("optimal", chinese) == "最优"
    assert _status("cost_cny: feasible", chinese) == "成本:可行,未至最优"
    assert _status("cost_cny: feasible", english) == "cost: feasible, not optimal"
    assert _status("carbon_kg: solver failed: out of memory", chinese) == (
        "碳排放:求解失败:out of memory"
    )


def test_the_data_of_a_layouts_map_has_no_english_words_in_chinese() -> None:
    base = cn.load("two-hubs").topology
    changed = cn.load(
        "two-hubs",
        overrides={
            "topology.sites.west.it_capacity_mw": 500.0, "topology.pools.*.count": 9,
            "topology.links.east-west.capacity_gbps": 0.5, "topology.utc_offset_h": 7.0,
        },
    ).topology  # fmt: skip
    changes = topology_changes(base, changed)
    figure = layout_map(base, changed, changes, labels_of("zh"), 500.0)
    rows = figure.layout.meta["table"]["rows"]
    words = json.dumps([[row[0], row[4]] for row in rows], ensure_ascii=False)
    assert "IT 容量" in words
    for english in ("sites", "pools", "links", "topology", "it_capacity_mw", "count", "_gbps"):
        assert english not in words
    texts = [text for trace in figure.data for text in (trace.text or ())]
    assert any("→ 0.5 Gbps" in text for text in texts)
