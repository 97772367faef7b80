"""What a comparison shows of runs of any size."""

from __future__ import annotations

import pytest

import computenet as cn
from computenet.study.comparison import _millions, _sized


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "0"), (0.98667, "0.987"), (9.994, "9.99"), (10.4, "10"), (33080.6, "33,081")],
)
def test_small_figures_keep_three_digits(value: float, shown: str) -> None:
    assert _sized(value) == shown


def test_millions() -> None:
    assert [_millions(v) for v in (0.0, 1210.0, 73.2e6)] == ["0", "0.00121", "73.20"]


def test_policies_of_a_small_network_can_be_told_apart() -> None:
    joined = cn.compare("two-hubs", policies=["nearest", "cheapest"], bound=False)
    rows = {row.name.strip(): row.values for row in joined.rows()}
    for name in ("cost, million CNY", "carbon, t CO2"):
        near, cheap = (float(value) for value in rows[name])
        assert near > cheap > 0.0
