"""The report shows what plans expected, their prices with ranges, and the settlement."""

from __future__ import annotations

import re
from dataclasses import replace
from html import escape

import numpy as np
import pytest

import computenet as cn
from computenet.report import render_report
from computenet.report.labels import LABELS
from computenet.report.planning import site_prices


@pytest.fixture(scope="module")
def planned() -> cn.Results:
    return cn.simulate(cn.load("two-hubs", days=0.25, policy="matching"))


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_what_the_report_shows(planned: cn.Results, lang: str) -> None:
    page = render_report(planned, lang)
    for key in ("plan", "plan_gap", "settlement", "plan_carbon", "map_prices", "unit_g_request"):
        assert escape(LABELS[key][0 if lang == "en" else 1]) in page
    assert f"{planned.summary['plan']['gap']:+.2%}".replace("-", "−") in page
    # The two sums of the settlement, the second of its own making, are printed alike.
    section = re.search(r'<section id="settlement">.*?</section>', page, re.S)
    assert section is not None
    sums = re.findall(r'<tr class="sum">(.*?)</tr>', section.group(0), re.S)
    assert len(sums) == 2
    assert sums[0] == sums[1]


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_rents_of_full_links_are_part_of_both_sums(lang: str) -> None:
    narrow = {"topology.links.east-west.capacity_gbps": 0.1}
    run = cn.simulate(cn.load("two-hubs", days=0.25, policy="matching", overrides=narrow))
    assert cn.link_earnings(run)["earned_cny"].sum() > 0.0
    page = render_report(run, lang)
    section = re.search(r'<section id="settlement">.*?</section>', page, re.S)
    assert section is not None
    sums = re.findall(r'<tr class="sum">(.*?)</tr>', section.group(0), re.S)
    assert len(sums) == 2
    assert sums[0] == sums[1]
    for key in ("plan_for_links", "plan_link"):
        assert LABELS[key][0 if lang == "en" else 1] in section.group(0)


def test_a_price_that_is_not_unique_is_said_to_be_so(planned: cn.Results) -> None:
    plans = planned.plans.copy()
    at = plans.index[(plans["kind"] == "price") & (plans["target"] == "east/unit")][0]
    plans.loc[at, ["price", "price_low", "price_high"]] = [1.25, 0.5, 2.5]
    page = render_report(replace(planned, tables={**planned.tables, "plans": plans}), "en")
    assert "<small>0.500 – 2.500</small> 1.250†" in page
    plans.loc[at, ["price", "price_low", "price_high"]] = [1.25, 1.25, 1.25]
    page = render_report(replace(planned, tables={**planned.tables, "plans": plans}), "en")
    assert '<td class="">1.250</td>' in page
    plans.loc[at, ["price", "price_low", "price_high"]] = [1.25, 1.25, np.inf]
    page = render_report(replace(planned, tables={**planned.tables, "plans": plans}), "en")
    assert "<small>1.250 – ∞</small> 1.250†" in page


def test_a_site_has_the_mean_price_of_its_pools(planned: cn.Results) -> None:
    prices = planned.plans[planned.plans["kind"] == "price"].set_index("target")["price"]
    assert site_prices(planned) == pytest.approx(
        {"east": prices["east/unit"], "west": prices["west/unit"]}
    )


def test_without_prices_nothing_is_shown() -> None:
    page = render_report(cn.simulate(cn.load("two-hubs", days=0.05)), "en")
    for key in ("plan", "settlement"):
        assert f'<section id="{key}">' not in page
    assert LABELS["map_prices"][0] not in page
