"""Forecasts: what was, the same time yesterday, and what really comes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from computenet.errors import InputError
from computenet.policies import example_views, make_policy
from computenet.policies.forecast import Persistence, Seasonal, forecast_names, make_forecaster

EDGES_S = np.asarray([0.0, 3600.0, 7200.0])


def at(now_s: float, level: float):
    view = example_views()["usual"]
    return replace(
        view, now_s=now_s, epoch_s=3600.0,
        request_rate_per_s=level * view.compiled.requests.mean_rate_per_s,
    )  # fmt: skip


def test_persistence_goes_on() -> None:
    view = at(0.0, 2.0)
    expected = Persistence().expect(view, EDGES_S)
    assert np.array_equal(expected.request_rate_per_s, np.tile(view.request_rate_per_s, (2, 1)))


def test_seasonal_meets_a_daily_curve_at_its_level() -> None:
    """After a day of a sine, the second at 1.5 times its level is expected as it comes."""

    def curve(time_s: float) -> float:
        return 2.0 + np.sin(2.0 * np.pi * time_s / 86_400.0)

    seasonal = Seasonal()
    for hour in range(1, 30):
        middle_s = 3600.0 * hour - 1800.0
        level = 1.5 if hour > 24 else 1.0
        seasonal.observe(at(3600.0 * hour, level * curve(middle_s)))
    now_s = 3600.0 * 29
    edges_s = now_s + 3600.0 * np.arange(13)
    view = at(now_s, 1.5 * curve(now_s - 1800.0))
    expected = seasonal.expect(view, edges_s).request_rate_per_s
    true = [1.5 * curve(t + 1800.0) for t in edges_s[:-1]]
    assert expected[:, 0] / view.compiled.requests.mean_rate_per_s[0] == pytest.approx(true)


def test_what_an_outage_asks_for_within_an_epoch_is_not_remembered_again() -> None:
    """Its view shows the rates of the last epoch once more."""
    plain, disturbed = Seasonal(), Seasonal()
    for hour in range(1, 30):
        view = at(3600.0 * hour, 1.0 + hour % 24)
        plain.observe(view)
        disturbed.observe(view)
        for minutes in (20.0, 50.0):
            disturbed.observe(replace(view, now_s=view.now_s + 60.0 * minutes))
    now = replace(view, now_s=view.now_s + 3000.0)
    edges_s = now.now_s + 3600.0 * np.arange(13)
    one, other = (f.expect(now, edges_s).request_rate_per_s for f in (plain, disturbed))
    np.testing.assert_array_equal(one, other)


def test_seasonal_persists_until_it_has_seen_a_day() -> None:
    seasonal = Seasonal()
    for hour in range(1, 10):
        seasonal.observe(at(3600.0 * hour, float(hour)))
    view = at(3600.0 * 9, 9.0)
    expected = seasonal.expect(view, view.now_s + EDGES_S)
    assert np.array_equal(expected.request_rate_per_s[1], view.request_rate_per_s)


def test_seasonal_reads_two_days_ahead_from_yesterday() -> None:
    seasonal = Seasonal()
    for hour in range(1, 26):
        seasonal.observe(at(3600.0 * hour, 1.0 + hour % 24))
    view = at(3600.0 * 25, 2.0)
    edges_s = view.now_s + 3600.0 * np.asarray([30.0, 31.0])
    expected = seasonal.expect(view, edges_s).request_rate_per_s[0]
    # Between 55 and 56 h: as between 7 and 8 h, seen at 8 h.
    assert expected / view.compiled.requests.mean_rate_per_s == pytest.approx(9.0)


def test_perfect_needs_the_future_and_asks_for_it() -> None:
    perfect = make_forecaster("perfect")
    assert perfect.wants_future
    view = example_views()["usual"]
    assert perfect.expect(view, EDGES_S).request_rate_per_s.shape == (2, 4)
    with pytest.raises(ValueError, match="future"):
        perfect.expect(replace(view, future=None), EDGES_S)
    assert make_policy("matching", {"forecast": "perfect"}).wants_future
    assert not make_policy("matching", {}).wants_future


def test_unknown_forecasts_are_told() -> None:
    assert forecast_names()[:3] == ["persistence", "seasonal", "perfect"]
    with pytest.raises(InputError, match="did you mean: seasonal"):
        make_policy("matching", {"forecast": "seasnal"})
