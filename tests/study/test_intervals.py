"""Intervals against scipy's own, and where there is nothing to tell."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from computenet.study.intervals import Interval, block_interval, mean_interval, paired_difference

FIGURE = st.floats(-1e6, 1e6)


@given(st.lists(FIGURE, min_size=2, max_size=9))
def test_mean_interval_is_scipys(values: list[float]) -> None:
    found = mean_interval(values)
    mean, error = np.mean(values), stats.sem(values)
    assert found.mean == pytest.approx(mean)
    assert found.low is not None
    assert found.high is not None
    half = stats.t.ppf(0.975, len(values) - 1) * error
    assert found.high - found.low == pytest.approx(2.0 * half, abs=1e-6)
    assert (found.high + found.low) / 2.0 == pytest.approx(mean, abs=1e-6)


def test_by_hand() -> None:
    """1, 2, 3: mean 2, s = 1, t(0.975, 2) = 4.303, so 2 ± 2.484."""
    found = mean_interval([1.0, 2.0, 3.0])
    assert found.low == pytest.approx(2.0 - 4.3027 / np.sqrt(3.0), abs=1e-4)
    assert found.n == 3


def test_covers_the_mean_as_often_as_it_says() -> None:
    rng = np.random.default_rng(7)
    hits = 0
    for sample in rng.normal(5.0, 2.0, (1000, 4)):
        found = mean_interval([float(value) for value in sample])
        assert found.low is not None
        assert found.high is not None
        hits += found.low <= 5.0 <= found.high
    assert abs(hits / 1000 - 0.95) < 4.0 * np.sqrt(0.95 * 0.05 / 1000)


def test_paired_difference_is_scipys_paired_test() -> None:
    rng = np.random.default_rng(1)
    base = rng.normal(100.0, 20.0, 6)
    values = base - 1.0 + rng.normal(0.0, 0.3, 6)
    found = paired_difference(values.tolist(), base.tolist())
    told = stats.ttest_rel(values, base)
    low, high = told.confidence_interval(0.95)
    assert found.p_value == pytest.approx(told.pvalue)
    assert (found.interval.low, found.interval.high) == pytest.approx((low, high))
    assert found.significant is True
    apart_low, apart_high = mean_interval(values.tolist()), mean_interval(base.tolist())
    assert apart_low.high is not None
    assert apart_high.low is not None
    assert apart_low.high > apart_high.low  # Two separate intervals would hide it.


@pytest.mark.parametrize("missing", [None, float("nan"), float("inf")])
def test_a_missing_value_leaves_no_mean_of_other_seeds(missing: float | None) -> None:
    assert mean_interval([1.0, missing, 3.0]).mean is None
    assert paired_difference([1.0, missing], [1.0, 2.0]).significant is None


def test_one_value_has_no_interval_and_equal_ones_no_difference() -> None:
    one = mean_interval([3.0])
    assert (one.mean, one.low, one.high) == (3.0, None, None)
    assert mean_interval([]).mean is None
    same = paired_difference([1.0, 2.0], [1.0, 2.0])
    assert (same.significant, same.p_value, same.relative) == (False, 1.0, 0.0)
    shifted = paired_difference([2.0, 3.0], [1.0, 2.0])
    assert (shifted.significant, shifted.p_value) == (True, 0.0)


def test_blocks_that_are_whole_have_the_interval_of_their_means() -> None:
    blocks = np.random.default_rng(3).normal(5.0, 1.0, (9, 4))
    told, plain = block_interval(blocks), mean_interval(blocks.mean(axis=1).tolist())
    assert (told.mean, told.low, told.high) == pytest.approx((plain.mean, plain.low, plain.high))
    assert told.n == 36


def test_blocks_lack_values() -> None:
    blocks = np.array([[1.0, np.nan], [np.nan, np.nan], [3.0, 5.0]])
    told = block_interval(blocks)
    assert told.mean == 3.0
    assert told.n == 3
    assert told.low is not None
    assert block_interval(blocks[:2]).low is None
    assert block_interval(blocks[1:2]).mean is None


def test_blocks_hold_the_mean_as_often_as_said() -> None:
    """Values of a block share a draw; taken for independent, their interval is far too narrow."""
    rng = np.random.default_rng(7)
    trials, held, held_plain = 400, 0, 0
    for _ in range(trials):
        blocks = rng.normal(0.0, 1.0, (16, 1)) + rng.normal(0.0, 0.3, (16, 6))
        held += _holds(block_interval(blocks), 0.0)
        held_plain += _holds(mean_interval(blocks.ravel().tolist()), 0.0)
    assert 0.92 <= held / trials <= 0.98
    assert held_plain / trials < 0.75


def _holds(interval: Interval, value: float) -> bool:
    assert interval.low is not None
    assert interval.high is not None
    return interval.low <= value <= interval.high
