"""One replica and one request in k is a sample: distributions agree within confidence intervals.

Twelve independent seeds for each k on a small topology whose fleet divides by 100. Means of the
run's percentiles are compared with Welch's interval at 99.9 %.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scipy import stats

import computenet as cn

SEEDS = range(12)
#: 200 replicas in the east and 400 in the west, near saturation at the peak of the day.
FLEET = {
    "topology.pools.east/unit.count": 200,
    "topology.pools.west/unit.count": 400,
    "topology.pools.east/unit.serving_share": 1.0,
    "topology.pools.west/unit.serving_share": 1.0,
    "workload.request_rate_per_day": 8.0e7,
    "workload.job_classes.short.rate_per_day": 0,
    "workload.job_classes.long.rate_per_day": 0,
    "workload.bursts": [],
    "days": 0.03,
    "start": "2025-07-07T12:00:00+08:00",
    "policy": "proportional",
}
FIGURES = ("ttft_ms", "tpot_ms", "e2e_ms")


@cache
def runs(k: int) -> dict[str, np.ndarray]:
    rows: dict[str, list[float]] = {}
    for seed in SEEDS:
        scenario = cn.load("two-hubs", overrides={**FLEET, "run.sampling": k, "seed": 100 + seed})
        s = cn.simulate(scenario).summary
        for name in FIGURES:
            for part in ("mean", "p50", "p95"):
                rows.setdefault(f"{name}.{part}", []).append(s["requests"][name][part])
        rows.setdefault("slo", []).append(s["requests"]["slo_attainment"])
        rows.setdefault("use", []).append(s["capacity"]["utilisation_serving"])
        rows.setdefault("rate", []).append(s["requests"]["arrived"])
    return {name: np.asarray(values) for name, values in rows.items()}


@pytest.mark.parametrize("k", [10, 100])
def test_distributions_agree(k: int) -> None:
    whole, sample = runs(1), runs(k)
    for name in whole:
        a, b = whole[name], sample[name]
        variance = a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b)
        # Histogram bins are 1.6 % wide: two equal laws can differ by one bin.
        bin_width = 0.016 * abs(a.mean()) if name.split(".")[0] in FIGURES else 1e-4
        half = float(stats.t.ppf(0.9995, len(a) - 1)) * np.sqrt(variance) + bin_width
        assert abs(a.mean() - b.mean()) <= half, (name, a.mean(), b.mean(), half)
        assert half <= 0.1 * abs(a.mean()) + bin_width, (name, "the interval says too little")


def test_rounded_fleets_never_exceed_what_there_is() -> None:
    for k in (1, 7, 64, 500):
        scenario = cn.load("china-2025", overrides={"run.sampling": k})
        from computenet.compilation import compile_scenario

        compiled = compile_scenario(scenario)
        pools, groups = compiled.pools, compiled.groups
        held = np.zeros(len(pools.ids))
        np.add.at(held, groups.pool, groups.replicas_real * groups.accelerators_per_replica)
        np.testing.assert_array_equal(held, pools.serving_accelerators)
        counts = [pool.count for pool in scenario.topology.pools]
        np.testing.assert_array_equal(pools.accelerators + pools.serving_accelerators, counts)
        assert (groups.replicas_real == groups.replicas * k).all()
