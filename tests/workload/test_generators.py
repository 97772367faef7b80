"""Generated demand: rates, shapes, over-dispersion, token laws, and chunks that do not matter."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

import computenet as cn
from computenet.compilation import compile_scenario
from computenet.simulation.demand import demand_of, job_laws, request_source
from computenet.workload.generators import requests as generator
from computenet.workload.generators.jobs import mean_load_accelerators


def drawn(**overrides: object) -> dict[str, np.ndarray]:
    scenario = cn.load("two-hubs", overrides=overrides)
    source = request_source(scenario, compile_scenario(scenario))
    parts: list[list[np.ndarray]] = []
    for count, chunk in chunks(source):
        parts.append([column[:count].copy() for column in chunk[:-1]])
    names = ("arrival_s", "source", "input", "output", "cached", "choice")
    return {
        name: np.concatenate(c) for name, c in zip(names, zip(*parts, strict=True), strict=True)
    }


def chunks(source: generator.RequestSource) -> Iterator[tuple[int, generator.Draws]]:
    while True:
        until_s = source.next_chunk()
        yield int(source.chunk.count[0]), source.chunk
        if np.isinf(until_s):
            return


def test_chunks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = drawn(days=0.3)
    monkeypatch.setattr(generator, "CHUNK", 1000)
    cut = drawn(days=0.3)
    for name, values in whole.items():
        np.testing.assert_array_equal(values, cut[name])


def test_mean_rate_and_daily_shape() -> None:
    made = drawn(**{"days": 7, "workload.bursts": [], "workload.request_rate_per_day": 100_000})
    count = len(made["arrival_s"])
    assert abs(count - 700_000) < 5 * np.sqrt(700_000)
    assert (np.diff(made["arrival_s"]) >= 0.0).all()
    hour = (made["arrival_s"] % 86_400 // 3600).astype(int)
    by_hour = np.bincount(hour, minlength=24) / count * 24
    # Three quarters of the traffic are human: night 0.667 and day 1.333 of the mean.
    np.testing.assert_allclose(by_hour[:8], 0.25 + 0.75 * 2 / 3, rtol=0.02)
    np.testing.assert_allclose(by_hour[8:20], 0.25 + 0.75 * 4 / 3, rtol=0.02)
    east = np.mean(made["source"] == 0)
    assert east == pytest.approx(0.75, abs=0.003)


def test_token_laws() -> None:
    made = drawn(**{"days": 1, "workload.request_rate_per_day": 400_000})
    for name, mean, p50, most in (("input", 600, 300, 8192), ("output", 150, 80, 2048)):
        values = made[name]
        assert values.min() >= 1
        assert values.max() <= most
        assert np.median(values) == pytest.approx(p50, rel=0.03)
        assert values.mean() == pytest.approx(mean, rel=0.08)  # the cap takes some of the tail


def dispersion(arrival_s: np.ndarray, window_s: float) -> float:
    """Return the index of dispersion for counts: variance over mean."""
    counts = np.bincount((arrival_s // window_s).astype(int))[:-1]
    return float(counts.var() / counts.mean())


def test_bursts_make_arrivals_over_dispersed() -> None:
    flat = {"workload.request_shape.hourly": [1.0] * 24, "days": 2,
            "workload.request_rate_per_day": 400_000}  # fmt: skip
    plain = drawn(**flat, **{"workload.bursts": []})
    bursty = drawn(**flat)
    east = [one["arrival_s"][one["source"] == 0] for one in (plain, bursty)]
    assert dispersion(east[0], 300.0) == pytest.approx(1.0, abs=0.25)
    # A factor of CV 0.3 adds mean x 0.09 to the variance of counts.
    assert dispersion(east[1], 300.0) > 20.0


def test_sampling_thins_the_same_process() -> None:
    whole = drawn(**{"days": 1, "workload.request_rate_per_day": 1_000_000})
    sample = drawn(**{"days": 1, "workload.request_rate_per_day": 1_000_000, "run.sampling": 10})
    bins = np.arange(0, 86_401, 600)
    a = np.histogram(whole["arrival_s"], bins)[0]
    b = 10 * np.histogram(sample["arrival_s"], bins)[0]
    # The same burst factor: counts agree window by window up to the Poisson noise of thinning.
    assert np.corrcoef(a, b)[0, 1] > 0.97
    assert abs((a - b).sum()) < 5 * np.sqrt(10 * a.sum())


def test_jobs_carry_the_load_their_law_says() -> None:
    scenario = cn.load("two-hubs", overrides={"days": 60, "workload.request_rate_per_day": 0})
    table = demand_of(scenario, compile_scenario(scenario), None).jobs
    laws = job_laws(scenario)
    for index, law in enumerate(laws):
        here = table.job_class == index
        assert here.sum() == pytest.approx(60 * law.rate_per_day, rel=0.1)
        load = (table.duration_s * table.accelerators)[here].sum() / (60 * 86_400)
        assert load == pytest.approx(mean_load_accelerators(law), rel=0.15)
        assert table.estimate_s[here].sum() == pytest.approx(
            law.estimate_factor * table.duration_s[here].sum(), rel=0.15
        )
    assert np.mean(table.region == 0) == pytest.approx(0.75, abs=0.02)


def test_runs_under_way_at_the_start_fill_the_steady_state() -> None:
    scenario = cn.load("china-2025", overrides={"days": 0.01})
    table = demand_of(scenario, compile_scenario(scenario), None).jobs
    law = {law.name: law for law in job_laws(scenario)}["pretraining"]
    held = table.accelerators[table.submit_s == 0.0].sum()
    assert held == pytest.approx(mean_load_accelerators(law), rel=0.35)


def test_holidays_and_worked_weekends() -> None:
    flat = {
        "days": 7, "workload.bursts": [], "workload.request_rate_per_day": 100_000,
        "workload.service_classes.chat.human_share": 1.0, "workload.request_shape.weekend": 0.5,
        "workload.request_shape.weekday": 1.0, "workload.request_shape.holiday": 0.25,
    }  # fmt: skip
    # The run begins on Monday, 7 July 2025.
    made = drawn(
        **flat,
        **{"workload.holidays": ["2025-07-09"], "workload.worked_weekends": ["2025-07-12"]},
    )
    by_day = np.bincount((made["arrival_s"] // 86_400).astype(int))
    mean = 100_000 / ((5 + 2 * 0.5) / 7)
    expected = mean * np.asarray([1.0, 1.0, 0.25, 1.0, 1.0, 1.0, 0.5])
    np.testing.assert_allclose(by_day, expected, rtol=0.02)


TALK = {
    "workload.bursts": [],
    "workload.request_rate_per_day": 200_000,
    "workload.request_shape.hourly": [1.0] * 24,
    "workload.request_shape.weekday": 1.0,
    "workload.service_classes.chat.turns_mean": 4.0,
    "workload.service_classes.chat.pause_median_s": 90.0,
    "run.prefix_cache": "shared",
}


def test_conversations_keep_the_rate_and_carry_what_was_said() -> None:
    made = drawn(**TALK, days=1)
    count = len(made["arrival_s"])
    # Turns come in clumps of 4 on average (geometric: variance over mean 7), from the first minute.
    assert abs(count - 200_000) < 5 * np.sqrt(7 * 200_000)
    first_hour = (made["arrival_s"] < 3600.0).sum()
    assert abs(first_hour - 200_000 / 24) < 5 * np.sqrt(7 * 200_000 / 24)
    assert (np.diff(made["arrival_s"]) >= 0.0).all()
    later = made["cached"] > 0
    assert later.mean() == pytest.approx(0.75, abs=0.01)
    assert (made["cached"] < made["input"]).all()
    new = made["input"] - made["cached"]
    inside = made["input"] < 8192
    assert np.median(new[later & inside]) == pytest.approx(300, rel=0.1)
    assert made["input"].max() <= 8192


def test_conversations_do_not_depend_on_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = drawn(**TALK, days=0.2)
    monkeypatch.setattr(generator, "CHUNK", 700)
    cut = drawn(**TALK, days=0.2)
    for name, values in whole.items():
        np.testing.assert_array_equal(values, cut[name])


def test_prefixes_are_found_only_where_asked() -> None:
    assert drawn(**{**TALK, "run.prefix_cache": "none"}, days=0.1)["cached"].max() == 0


def test_failures_deadlines_and_data_elsewhere() -> None:
    scenario = cn.load(
        "two-hubs",
        overrides={
            "days": 30,
            "workload.job_classes.short.rate_per_day": 2000,
            "workload.job_classes.short.failed_share": 0.4,
            "workload.job_classes.short.failed_after": 0.25,
            "workload.job_classes.short.deadline_h": 5.0,
            "workload.job_classes.short.data_elsewhere": 0.5,
        },
    )
    jobs = demand_of(scenario, compile_scenario(scenario), None).jobs
    short = jobs.job_class == jobs.job_classes.index("short")
    fails = jobs.fails[short] == 1
    n = int(short.sum())
    assert fails.mean() == pytest.approx(0.4, abs=5 * np.sqrt(0.24 / n))
    whole_s = jobs.deadline_s[short] - jobs.submit_s[short] - 5.0 * 3600.0
    part = jobs.duration_s[short] / whole_s
    assert part[~fails] == pytest.approx(1.0)
    assert part[fails].mean() == pytest.approx(0.25, abs=0.01)
    away = (jobs.data_region[short] != jobs.region[short]).mean()
    # Half are drawn anew, of which 1 - (0.75^2 + 0.25^2) land elsewhere.
    assert away == pytest.approx(0.5 * 0.375, abs=5 * np.sqrt(0.15 / n))
    assert np.isnan(jobs.deadline_s[~short]).all()
    law = next(law for law in job_laws(scenario) if law.name == "short")
    asked = float((jobs.duration_s * jobs.accelerators)[short].sum()) / scenario.horizon_s
    assert asked == pytest.approx(mean_load_accelerators(law), rel=0.1)
    results = cn.simulate(cn.load(scenario, overrides={"days": 2}))
    summary = results.summary["jobs"]
    failed = (results.jobs["state"] == "failed").sum()
    assert 0 < failed == summary["failed"]
    assert (
        summary["deadlines"]["jobs"]
        == results.jobs.query("deadline_s.notna() and finish_s.notna()").shape[0]
    )
