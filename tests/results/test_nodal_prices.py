"""Prices of plans, and what they are of."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import computenet as cn
from computenet.results.nodal_prices import UNIT, nodal_prices, price_sets


def with_prices(rows: list[tuple[float, str, str, float, float, float]]) -> SimpleNamespace:
    columns = ["epoch_s", "target", "unit", "price", "price_low", "price_high"]
    plans = pd.DataFrame(rows, columns=columns).assign(kind="price")
    return SimpleNamespace(parts=lambda name, wanted: iter([plans[wanted]]))


def test_prices_have_ranges() -> None:
    prices = nodal_prices(cn.simulate(cn.load("two-hubs", days=0.1, policy="matching")))
    assert (prices["low"] <= prices["price"] + 1e-9).all()
    assert (prices["price"] <= prices["high"] + 1e-9).all()
    assert {UNIT, "kg/request"} <= set(prices["unit"])
    assert np.isfinite(prices[["price", "low", "high"]].to_numpy()).all()


def test_what_is_unique() -> None:
    run = with_prices([
        (0.0, "a", UNIT, 2.0, 2.0, 2.0),
        (0.0, "b", UNIT, 0.0, 0.0, 1.0),
        (0.0, "nothing left to take away", UNIT, 1.0, 1.0, np.inf),
        # Nothing beside the dearest accelerator: the solver's rounding.
        (0.0, "rounding", UNIT, 0.0, 0.0, 1e-9),
        # The same width is a range where all prices are that small.
        (0.0, "carbon x", "kg/request", 0.0, 0.0, 1e-9),
    ])  # fmt: skip
    unique = nodal_prices(run).set_index("target")["unique"].to_dict()
    assert unique == {
        "a": True, "b": False, "nothing left to take away": False, "rounding": True,
        "carbon x": False,
    }  # fmt: skip


def test_a_price_holds_until_the_next() -> None:
    run = with_prices([
        (0.0, "a", UNIT, 1.0, 1.0, 1.0),
        (60.0, "a", UNIT, 3.0, 3.0, 3.0),
        (60.0, "b", UNIT, 5.0, 5.0, 5.0),
        (90.0, "b", UNIT, 7.0, 7.0, 7.0),
        (90.0, "peak x", "CNY/MW-h", 9.0, 9.0, 9.0),
    ])  # fmt: skip
    sets = price_sets(run)
    assert list(sets.index) == [0.0, 60.0, 90.0]
    assert sets["a"].to_list() == [1.0, 3.0, 3.0]
    assert sets["b"].to_list() == [5.0, 5.0, 7.0]
    assert list(sets.columns) == ["a", "b"]


def test_a_policy_without_prices_has_none() -> None:
    results = cn.simulate(cn.load("two-hubs", days=0.05))
    assert nodal_prices(results).empty
    assert price_sets(results).empty


@pytest.mark.parametrize("price", [np.nan, 0.0])
def test_prices_of_nothing(price: float) -> None:
    found = nodal_prices(with_prices([(0.0, "a", UNIT, price, price, price)]))
    assert len(found) == 1
