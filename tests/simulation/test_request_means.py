"""Means of latencies are of the requests themselves, not of the bins of a histogram."""

from __future__ import annotations

import numpy as np
import pytest

import computenet as cn
from computenet.kernels.histogram import N_BINS, percentile
from computenet.simulation.summary import histogram_spread


def test_a_mean_is_the_sum_over_the_count() -> None:
    histogram = np.zeros(N_BINS, dtype=np.int64)
    histogram[1000] = 3
    found = histogram_spread(histogram, 3_600_123)
    assert found["mean"] == 1200.041
    assert found["p50"] == found["p99"] == percentile(histogram, 0.5)
    nothing = histogram_spread(np.zeros(N_BINS, dtype=np.int64), 0)
    assert set(nothing.values()) == {None}


def test_the_mean_of_a_run_of_equal_requests_is_exact() -> None:
    """A request alone in its replica decodes at the cap of its rate, whatever its length."""
    scenario = cn.load(
        "two-hubs",
        overrides={
            "days": 0.25, "run.warmup_h": 2.0, "workload.request_rate_per_day": 200.0,
        },
    )  # fmt: skip
    requests = cn.simulate(scenario).summary["requests"]
    tpot = requests["tpot_ms"]
    # All in a bin, whose middle is another number than the mean of what is in it.
    assert tpot["p50"] == pytest.approx(tpot["mean"], rel=1.0 / 128.0)
    assert tpot["mean"] != tpot["p50"]
    assert requests["ttft_ms"]["mean"] < requests["e2e_ms"]["mean"]
