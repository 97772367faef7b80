"""Nodal prices and the settlement at them."""

from __future__ import annotations

import numpy as np
import pytest

import computenet as cn
from computenet.report import render_report
from computenet.results.nodal_prices import nodal_prices


@pytest.fixture(scope="module")
def planned() -> cn.Results:
    return cn.simulate(cn.load("two-hubs", days=1, policy="matching"))


def test_regions_pay_what_sites_earn(planned: cn.Results) -> None:
    paid = cn.settlement(planned)
    by_region = paid.groupby("region")["paid_cny"].sum().sum()
    by_site = paid.groupby("site")["paid_cny"].sum().sum()
    assert by_region == pytest.approx(by_site, rel=1e-9)
    assert by_region > 0.0
    # All accelerator-hours that jobs held, restarts aside, at the mean price of their pool.
    jobs = planned.jobs.dropna(subset=["start_s"])
    end_s = jobs["finish_s"].fillna(planned.scenario.horizon_s)
    hours = (jobs["held_accelerators"] * (end_s - jobs["start_s"])).sum() / 3600.0
    assert paid["accelerator_h"].sum() == pytest.approx(hours, rel=1e-9)
    prices = nodal_prices(planned).set_index("target")["price"]
    row = paid.iloc[0]
    assert row["paid_cny"] == pytest.approx(row["accelerator_h"] * prices[row["pool"]])


def test_prices_have_ranges(planned: cn.Results) -> None:
    prices = nodal_prices(planned)
    assert (prices["low"] <= prices["price"] + 1e-9).all()
    assert (prices["price"] <= prices["high"] + 1e-9).all()
    assert {"CNY/accelerator-h", "kg/request"} <= set(prices["unit"])
    assert np.isfinite(prices[["price", "low", "high"]].to_numpy()).all()


@pytest.mark.parametrize(("lang", "word"), [("en", "Plan and prices"), ("zh", "计划与价格")])
def test_the_report_shows_them(planned: cn.Results, lang: str, word: str) -> None:
    page = render_report(planned, lang)
    assert word in page
    assert "kg/request" in page


def test_a_policy_without_prices_shows_none() -> None:
    results = cn.simulate(cn.load("two-hubs", days=0.1))
    assert nodal_prices(results).empty
    assert cn.settlement(results).empty
    assert "Plan and prices" not in render_report(results, "en")
