"""The report: self-contained, in both languages, and safe with any name."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

import computenet as cn
from computenet.report import render_report
from computenet.report.geography import ground, project
from computenet.report.labels import LABELS

EVIL = '<script>alert("1")</script>'


@pytest.fixture(scope="module")
def results() -> cn.Results:
    scenario = cn.load(
        "two-hubs",
        overrides={
            "days": 0.2,
            "topology.sites.west.name": {"en": EVIL, "zh": EVIL},
            "topology.regions.RW.name": {"en": EVIL, "zh": EVIL},
            "workload.job_classes.short.title": {"en": EVIL, "zh": EVIL},
            "title": {"en": EVIL, "zh": EVIL},
            "events": [{"kind": "site-outage", "site": "west", "at_h": 1, "duration_h": 1}],
        },
    )
    return cn.simulate(scenario)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_report_is_whole_and_safe(results: cn.Results, lang: str) -> None:
    html = render_report(results, lang)
    assert html.startswith("<!doctype html>")
    assert EVIL not in html
    assert "<script>alert" not in html
    body = html[html.index("</head>") :]
    assert not re.search(r"(src|href)=[\"']https?:", body)
    assert not re.search(r"<script[^>]+src=", html)
    assert not re.search(r"@import|url\(http", html)
    for key in ("key_figures", "map", "series", "slo", "queues", "targets", "sources", "limits"):
        assert LABELS[key][0 if lang == "en" else 1] in html
    for figure in ("map", "series", "slo", "latency", "queue", "wait"):
        assert f'id="figure-{figure}"' in html


def test_a_site_whose_id_is_markup(tmp_path: Path) -> None:
    plain = cn.load("two-hubs").model_dump(mode="json", exclude_none=True)
    plain.pop("planning")
    renamed = json.loads(json.dumps(plain).replace('"west"', json.dumps(EVIL)))
    renamed["topology"]["sites"][1]["role"] = "west"
    scenario = cn.load(renamed, days=0.1)
    assert scenario.topology.sites[1].id == EVIL
    results = cn.simulate(scenario)
    assert "<script>alert" not in render_report(results, "en")
    results.save(tmp_path / "run")
    assert EVIL in cn.load_run(tmp_path / "run").summary["by_site"]


def test_report_without_requests_or_jobs() -> None:
    scenario = cn.load(
        "two-hubs",
        overrides={
            "days": 0.1, "workload.request_rate_per_day": 0,
            "workload.job_classes.short.rate_per_day": 0,
            "workload.job_classes.long.rate_per_day": 0,
        },
    )  # fmt: skip
    html = render_report(cn.simulate(scenario), "en")
    assert "Nothing to show" in html


def test_every_label_is_in_both_languages() -> None:
    for english, chinese in LABELS.values():
        assert english.strip()
        assert chinese.strip()
        assert set(re.findall(r"{(\w+)}", english)) == set(re.findall(r"{(\w+)}", chinese))


def test_map_has_taiwan_and_the_south_china_sea() -> None:
    base = ground()
    x, y = base.land

    def near(longitude: float, latitude: float, points: tuple[np.ndarray, np.ndarray]) -> float:
        at_x, at_y = project(longitude, latitude)
        return float(np.nanmin(np.hypot(points[0] - at_x, points[1] - at_y)))

    assert near(121.0, 24.0, (x, y)) < 120.0  # Taiwan
    assert near(112.3, 16.8, base.islets) < 100.0  # Xisha
    assert near(114.2, 10.4, base.islets) < 150.0  # Nansha
    dashes = np.isnan(base.dashes[0]).sum()
    assert dashes >= 9
    assert "ianditu" in base.source


def test_projection_keeps_areas() -> None:
    # A degree cell at 30 N has the same area as on the sphere.
    lon = np.asarray([100.0, 101.0, 101.0, 100.0])
    lat = np.asarray([30.0, 30.0, 31.0, 31.0])
    x, y = project(lon, lat)
    area = 0.5 * abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))
    sphere = 6371.0**2 * np.deg2rad(1.0) * (np.sin(np.deg2rad(31)) - np.sin(np.deg2rad(30)))
    assert area == pytest.approx(sphere, rel=1e-3)


def test_the_physical_side_has_its_panels() -> None:
    events = [{"kind": "grid-event", "site": "west", "at_h": 3, "duration_h": 1, "shed_mw": 0.01}]
    overrides = {"days": 0.25, "energy.model": "full", "events": events}
    results = cn.simulate(cn.load("two-hubs", overrides=overrides))
    for lang in ("en", "zh"):
        html = render_report(results, lang)
        for key in ("ledger", "timeline"):
            assert f'<section id="{key}">' in html
    # The teaching example has no climate, so there is no weather to draw.
    assert '<section id="balance">' not in render_report(results, "en")
    plain = render_report(cn.simulate(cn.load("two-hubs", days=0.1)), "en")
    assert '<section id="timeline">' not in plain


def test_bills_of_sites_add_up_to_the_total_row_with_vouchers() -> None:
    vouchers = {"energy.model": "full", "energy.voucher_share": 0.4,
                "energy.voucher_budget_cny": 1e9}  # fmt: skip
    run = cn.simulate(cn.load("two-hubs", overrides={"days": 0.2, **vouchers}))
    cost = run.summary["cost"]
    assert cost["voucher_cny"] > 10.0
    html = render_report(run, "en")
    part = html[html.index('<section id="by_site">') :]
    part = part[: part.index("</section>")]
    rows = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r"<tr.*?</tr>", part)[1:]]
    energy, bill, price = (
        [float(row[column].replace(",", "")) for row in rows] for column in (3, 4, 5)
    )
    assert sum(bill[:-1]) == pytest.approx(bill[-1], abs=1.5)
    assert bill[-1] == pytest.approx(cost["energy_cny"] + cost["voucher_cny"], abs=0.5)
    assert min(price[:-1]) <= price[-1] <= max(price[:-1])
    assert sum(energy[:-1]) == pytest.approx(energy[-1], rel=0.01)
    assert "before vouchers" in part
    plain = render_report(cn.simulate(cn.load("two-hubs", days=0.05)), "en")
    assert "before vouchers" not in plain
