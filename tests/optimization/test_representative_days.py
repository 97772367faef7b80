"""Days that stand for a year."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from computenet.optimization.representative_days import choose_days, keep_mean


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), count=st.integers(1, 12))
def test_weights_add_up_and_extremes_are_kept(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(40, 30))
    scores = {"low": -features.sum(axis=1), "high": features[:, 3]}
    days = choose_days(features, count, scores)
    assert len(days.day) == count
    assert days.weight.sum() == 40.0
    assert (np.diff(days.day) > 0).all()
    assert (days.cluster[days.day] == np.arange(count)).all()
    for name, score in scores.items():
        if name in days.kind:
            at = days.kind.index(name)
            assert days.day[at] == np.argmax(score)
            assert days.weight[at] == 1.0
    assert "typical" in days.kind
    values = rng.random((3, 40 * 24))
    kept = keep_mean(values, days, 1.0)
    mean = kept.reshape(3, count, 24).mean(axis=2) @ days.weight / 40.0
    assert kept.max() <= 1.0 + 1e-12
    if count > 3:
        assert mean == pytest.approx(values.mean(axis=1), rel=1e-6)


def test_two_kinds_of_day_are_told_apart() -> None:
    features = np.zeros((30, 24))
    features[::3] = 1.0
    features += 1e-3 * np.random.default_rng(0).normal(size=features.shape)
    days = choose_days(features, 2, {})
    assert sorted(days.weight.tolist()) == [10.0, 20.0]
    assert len({int(day) % 3 == 0 for day in days.day}) == 2


def test_all_days_and_constant_ones() -> None:
    features = np.random.default_rng(1).normal(size=(5, 2))
    every = choose_days(features, 9, {"low": features[:, 0]})
    assert every.day.tolist() == [0, 1, 2, 3, 4]
    flat = choose_days(np.ones((20, 4)), 3, {"low": np.zeros(20)})
    assert flat.weight.sum() == 20.0


def test_night_stays_dark() -> None:
    values = np.zeros((1, 10 * 24))
    days = choose_days(np.random.default_rng(2).normal(size=(10, 3)), 2, {})
    assert keep_mean(values, days).max() == 0.0
