"""Requests simulated in windows of time: what is counted, and that it agrees with the whole run."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scipy import stats

import computenet as cn
from computenet.compilation import compile_scenario
from computenet.errors import InputError
from computenet.simulation.demand import request_source, request_windows
from computenet.simulation.imputation import impute
from computenet.workload.generators.windows import Windows

SEEDS = range(8)
#: Windows of an hour every five: in five days every hour of the day is seen once.
WINDOWS = {"run.request_window_h": 1.0, "run.request_period_h": 5.0}
BASE = {
    "days": 5,
    "workload.request_rate_per_day": 150_000,
    "workload.job_classes.short.rate_per_day": 0,
    "workload.job_classes.long.rate_per_day": 0,
}
LATENCIES = ("ttft_ms", "tpot_ms", "e2e_ms")


def test_the_inner_clock_by_hand() -> None:
    windows = Windows(5 * 3600.0, 900.0, 3600.0, 11 * 3600.0, 900.0)
    assert windows.length_s == 4500.0
    assert windows.inner_s(0.0) == 0.0
    assert windows.inner_s(4000.0) == 4000.0
    assert windows.inner_s(9000.0) == 4500.0
    assert windows.inner_s(5 * 3600.0 + 100.0) == 4600.0
    assert windows.holds(18_000.0, 22_500.0)
    assert not windows.holds(4000.0, 5000.0)
    assert windows.edge_after(0.0) == 4500.0
    assert windows.edge_after(4500.0) == 18_000.0
    assert windows.outside_s(4000.0, 19_000.0) == 18_000.0 - 4500.0
    # The third stretch begins at 10 h and is cut at 11 h.
    assert windows.counted() == [(900.0, 4500.0), (18_900.0, 22_500.0), (36_900.0, 39_600.0)]
    inner, counted = windows.slots()
    assert windows.inner_slots == 5 + 5 + 4
    assert inner[:6].tolist() == [0, 1, 2, 3, 4, -1]
    assert inner[20:25].tolist() == [5, 6, 7, 8, 9]
    assert np.flatnonzero(counted).tolist() == [1, 2, 3, 4, 21, 22, 23, 24, 41, 42, 43]


def test_missing_slots_by_hand() -> None:
    counted = np.asarray([True, True, True, True, False, False, False])
    offered = np.asarray([[1.0, 10.0, 2.0, 20.0, 1.5, 40.0, 0.0], [0.0] * 4 + [3.0, 0.0, 6.0]])
    values = np.asarray([[[2.0, 10.0, 4.0, 10.0, -1, -1, -1], [0.0] * 7]])
    out = impute(values, counted, offered, np.zeros(2, dtype=np.int64))
    # Two neighbours: loads 1 and 2 give 2 a unit; the largest loads give 20 / 30 a unit.
    np.testing.assert_allclose(out[0, 0], [2.0, 10.0, 4.0, 10.0, 3.0, 40 * 20 / 30, 0.0])
    # The other group was never seen at work: it takes the ratio of its model, 26 / 33.
    np.testing.assert_allclose(out[0, 1], [0.0] * 4 + [3 * 26 / 33, 0.0, 6 * 26 / 33])
    nothing = impute(values, np.zeros(7, dtype=bool), offered, np.zeros(2, dtype=np.int64))
    assert (nothing == 0.0).all()


def test_arrivals_come_in_windows_only_and_as_many_as_expected() -> None:
    scenario = cn.load("two-hubs", overrides={**BASE, **WINDOWS, "days": 10})
    source = request_source(scenario, compile_scenario(scenario))
    windows = request_windows(scenario)
    assert windows is not None
    times = []
    while True:
        until_s = source.next_chunk()
        times.append(source.chunk.arrival_s[: int(source.chunk.count[0])].copy())
        assert (times[-1] <= windows.inner_s(min(until_s, windows.horizon_s))).all()
        if np.isinf(until_s):
            break
    arrival_s = np.concatenate(times)
    assert (np.diff(arrival_s) >= 0.0).all()
    inner, _ = windows.slots()
    expected = source.expected.sum(axis=0)[inner >= 0]
    got = np.bincount((arrival_s / 900.0).astype(int), minlength=len(expected))
    z = (got[: len(expected)] - expected) / np.sqrt(expected)
    assert abs(z.mean()) < 4.0 / np.sqrt(len(z))
    assert 0.8 < z.std() < 1.2
    # Expected requests know of the bursts: they are those of the same run without windows.
    assert expected.std() > 0.05 * expected.mean()


@cache
def runs(windowed: bool) -> dict[str, np.ndarray]:
    rows: dict[str, list[float]] = {}
    for seed in SEEDS:
        more = WINDOWS if windowed else {}
        results = cn.simulate(cn.load("two-hubs", overrides={**BASE, **more, "seed": 50 + seed}))
        s, pools = results.summary, results.pools
        for name in LATENCIES:
            for part in ("mean", "p50", "p95", "p99"):
                rows.setdefault(f"{name}.{part}", []).append(s["requests"][name][part])
        rows.setdefault("slo", []).append(s["requests"]["slo_attainment"])
        rows.setdefault("arrived", []).append(s["requests"]["arrived"])
        rows.setdefault("network", []).append(s["cost"]["network_cny"])
        rows.setdefault("it_mwh", []).append(s["energy"]["it_mwh"])
        rows.setdefault("use", []).append(s["capacity"]["utilisation_serving"])
        for column in ("tokens_in", "tokens_out"):
            rows.setdefault(column, []).append(pools[column].sum())
        hour = (pools["slot_start_s"] % 86_400 // 3600).to_numpy()
        for name, part in (("night", hour < 8), ("day", (hour >= 8) & (hour < 20))):
            busy = pools["serving_busy_accelerators"][part].mean()
            rows.setdefault(f"busy by {name}", []).append(busy)
        assert s["audit"]["requests"] == 0
        if windowed:
            assert s["requests"]["simulated"] < 0.3 * s["requests"]["arrived"]
    return {name: np.asarray(values) for name, values in rows.items()}


def test_windows_agree_with_the_whole_run() -> None:
    whole, part = runs(False), runs(True)
    for name in whole:
        a, b = whole[name], part[name]
        variance = a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b)
        # Histogram bins are 1.6 % wide: two equal laws can differ by one bin.
        bin_width = 0.016 * abs(a.mean()) if name.split(".")[0] in LATENCIES else 1e-9
        half = float(stats.t.ppf(0.9995, len(a) - 1)) * np.sqrt(variance) + bin_width
        assert abs(a.mean() - b.mean()) <= half, (name, a.mean(), b.mean(), half)
        assert half <= 0.1 * abs(a.mean()) + bin_width, (name, "the interval says too little")


def test_outages_between_windows_leave_nothing_unaccounted() -> None:
    overrides = {
        **BASE, **WINDOWS, "days": 1.003, "policy": "cheapest",
        "events": [
            {"kind": "site-outage", "site": "west", "at_h": 7.1, "duration_h": 4},
            {"kind": "site-outage", "site": "east", "at_h": 8.0, "duration_h": 1.5},
        ],
    }  # fmt: skip
    results = cn.simulate(cn.load("two-hubs", overrides=overrides))
    requests = results.summary["requests"]
    both_down = 1.5 * 150_000 / 24
    assert requests["dropped"] == pytest.approx(both_down * 1.25, rel=0.5)
    assert requests["arrived"] == sum(requests[x] for x in ("served", "dropped", "in_flight"))
    busy = results.pools.pivot_table(
        index="slot_start_s", columns="pool", values="serving_busy_accelerators", observed=True
    )
    assert (busy.loc[8.25 * 3600 : 9.25 * 3600 - 1] == 0.0).to_numpy().all()
    assert any("windows of 1 h every 5 h" in note for note in results.summary["notes"])


@pytest.mark.parametrize(
    "run",
    [
        {"run.request_window_h": 1.0},
        {"run.request_window_h": 1.0, "run.request_period_h": 1.1},
        {"run.request_window_h": 1.1, "run.request_period_h": 5.0},
        {"run.request_period_h": 5.0},
        {**WINDOWS, "run.slot_s": 90.0},
    ],
)
def test_windows_that_make_no_sense_are_refused(run: dict[str, float]) -> None:
    with pytest.raises(InputError):
        cn.load("two-hubs", overrides=run)


def test_conversations_are_drawn_through_the_gaps() -> None:
    talk = {"workload.service_classes.chat.turns_mean": 4.0, "seed": 3}
    totals = [
        cn.simulate(cn.load("two-hubs", overrides={**BASE, **talk, **more}))
        .pools["tokens_in"]
        .sum()
        for more in ({}, WINDOWS)
    ]
    assert totals[1] == pytest.approx(totals[0], rel=0.05)
