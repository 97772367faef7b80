"""Fitted generators find the parameters behind what they are shown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

import computenet as cn
from computenet import study
from computenet.errors import InputError, TraceError
from computenet.workload.fitting import draw_servegen, fit_trace, goodness
from computenet.workload.fitting.counts import autocorrelation, dispersion, fit_bursts, shaped_out
from computenet.workload.fitting.servegen import _renewal
from computenet.workload.tables import JobTable, RequestTable
from computenet.workload.traces import Origin, Trace, read_trace, write_frame

DAY_S = 86_400.0


def cox(rng: np.random.Generator, cv: float, lasting_s: float, rate: float, days: int):
    """Return arrivals whose rate is a log-normal Ornstein-Uhlenbeck process."""
    cells = int(days * DAY_S / 60.0)
    keep, sigma = np.exp(-60.0 / lasting_s), np.sqrt(np.log1p(cv**2))
    log = np.empty(cells)
    log[0] = rng.standard_normal()
    for cell in range(1, cells):
        log[cell] = keep * log[cell - 1] + np.sqrt(1.0 - keep**2) * rng.standard_normal()
    count = rng.poisson(60.0 * rate * np.exp(sigma * log - 0.5 * sigma**2))
    return np.sort(60.0 * (np.repeat(np.arange(cells), count) + rng.random(count.sum())))


def test_statistics_of_counts() -> None:
    rng = np.random.default_rng(1)
    times = np.sort(rng.random(100_000) * DAY_S)
    for scale in (1.0, 60.0, 600.0):
        bins = DAY_S / scale
        assert dispersion(times, DAY_S, scale) == pytest.approx(1.0, abs=5 * np.sqrt(2 / bins))
    assert autocorrelation(times, DAY_S, 60.0, 1) == pytest.approx(0.0, abs=5 / np.sqrt(1440))
    assert dispersion(times, DAY_S, 36_000.0) is None
    pairs = np.repeat(times[::2], 2)
    assert dispersion(pairs, DAY_S, 600.0) == pytest.approx(2.0, abs=1.2)


def test_the_shape_of_a_day_is_taken_out() -> None:
    rng = np.random.default_rng(2)
    hourly = np.asarray([0.5] * 12 + [1.5] * 12)
    count = rng.poisson(np.tile(hourly, 20) * 1000.0)
    times = np.sort(3600.0 * (np.repeat(np.arange(480), count) + rng.random(count.sum())))
    flat = shaped_out(times, hourly)
    assert (np.diff(flat) >= 0.0).all()
    assert dispersion(flat, 20 * DAY_S, 3600.0) == pytest.approx(1.0, abs=0.4)
    assert dispersion(times, 20 * DAY_S, 3600.0) > 100.0


@pytest.mark.parametrize(("cv", "lasting_s"), [(0.3, 600.0), (0.5, 1800.0)])
def test_bursts_are_found(cv: float, lasting_s: float) -> None:
    times = cox(np.random.default_rng(3), cv, lasting_s, rate=1.0, days=20)
    found = fit_bursts(times, 20 * DAY_S)
    total = np.sqrt(sum(one**2 for one, _ in found))
    assert total == pytest.approx(cv, rel=0.2)
    mean_s = sum(one**2 * lasting for one, lasting in found) / total**2
    assert lasting_s / 2.0 < mean_s < lasting_s * 2.0


def test_regular_arrivals_have_no_bursts() -> None:
    assert fit_bursts(np.arange(0.0, 5 * DAY_S, 60.0), 5 * DAY_S) == []


def test_no_bursts_in_a_poisson_process() -> None:
    times = np.sort(np.random.default_rng(4).random(200_000) * 5 * DAY_S)
    assert np.sqrt(sum(one**2 for one, _ in fit_bursts(times, 5 * DAY_S))) < 0.05


def test_requests_are_recovered() -> None:
    rng = np.random.default_rng(5)
    times = cox(rng, 0.3, 600.0, rate=0.5, days=8)
    a = rng.standard_normal(len(times))
    b = 0.4 * a + np.sqrt(1 - 0.16) * rng.standard_normal(len(times))
    into = np.rint(np.exp(6.0 + 0.8 * a)).astype(np.int64) + 1
    out = np.rint(np.exp(4.0 + 0.5 * b)).astype(np.int64) + 1
    table = RequestTable.of(times, into, out)
    fit = fit_trace(Trace(None, table, {}), "made")
    chat = next(item for item in fit.workload["service_classes"] if item["share"])
    assert chat["token_correlation"] == pytest.approx(0.4, abs=0.02)
    assert fit.workload["request_rate_per_day"] == pytest.approx(0.5 * DAY_S, rel=0.1)
    figures = goodness(table, fit.draw(1), fit.span_s)
    for name in ("input_tokens", "output_tokens"):
        assert figures["marginals"][name]["ks"] < 0.01
    for pair in figures["dispersion"].values():
        assert pair["fitted"] == pytest.approx(pair["source"], rel=0.5)


def test_jobs_are_recovered() -> None:
    scenario = cn.load("two-hubs", overrides={"days": 30})
    law = {"rate_per_day": 3000.0, "session_jobs_mean": 8.0, "session_pause_s": 60.0}
    overrides = {f"workload.job_classes.short.{name}": value for name, value in law.items()}
    overrides["workload.job_classes.long.rate_per_day"] = 0.0
    scenario = cn.load(scenario, overrides=overrides)
    from computenet.compilation import compile_scenario
    from computenet.simulation.demand import demand_of

    made = demand_of(scenario, compile_scenario(scenario), None).jobs
    fit = fit_trace(Trace(made, None, {}), "made")
    small = next(item for item in fit.workload["job_classes"] if item["name"] == "small")
    assert small["session_jobs_mean"] in (5.0, 8.0, 13.0)
    assert small["session_pause_s"] in (20.0, 60.0, 180.0)
    figures = goodness(made, fit.draw(1), fit.span_s)
    assert figures["marginals"]["duration_s"]["ks"] < 0.03
    assert figures["marginals"]["accelerators"]["ks"] < 0.03


def test_too_little_is_refused() -> None:
    none = np.zeros(3)
    few = JobTable.of(none, none, np.ones(3, dtype=np.int64))
    with pytest.raises(TraceError, match="too few"):
        fit_trace(Trace(few, None, {}), "few")
    same = JobTable.of(np.zeros(99), np.zeros(99), np.ones(99, dtype=np.int64))
    with pytest.raises(TraceError, match="one instant"):
        fit_trace(Trace(same, None, {}), "same")
    gangs = np.repeat([1, 16, 128], [19, 19, 19])
    spread = JobTable.of(np.arange(57) * 600.0, np.full(57, 60.0), gangs)
    with pytest.raises(TraceError, match="every class has too few"):
        fit_trace(Trace(spread, None, {}), "spread")


def test_a_fitted_workload_runs(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    n = 4000
    frame = pd.DataFrame(
        {
            "submit_s": np.sort(rng.random(n) * 2 * DAY_S),
            "duration_s": rng.lognormal(6.0, 1.0, n),
            "accelerators": rng.choice([1, 8, 16, 128], n),
        }
    )
    write_frame(frame, tmp_path / "jobs.parquet")
    figures = study.fit(
        tmp_path / "jobs.parquet", out=tmp_path / "fit.yaml", drawn=tmp_path / "drawn.parquet"
    )
    assert figures["marginals"]["duration_s"]["ks"] < 0.05
    drawn = read_trace(tmp_path / "drawn.parquet")
    assert drawn.figures["rows"] == figures["rows"]["fitted"]
    names = [item["name"] for item in yaml.safe_load((tmp_path / "fit.yaml").read_text())[
        "job_classes"
    ] if item["rate_per_day"]]  # fmt: skip
    assert names == ["small", "tuning", "pretraining"]
    results = cn.simulate(
        cn.load(
            "china-2025",
            overrides={"workload": str(tmp_path / "fit.yaml"), "days": 1, "run.sampling": 1},
        )
    )
    assert results.summary["jobs"]["submitted"] == pytest.approx(n / 2, rel=0.2)
    with pytest.raises(InputError, match="exists already"):
        study.fit(tmp_path / "jobs.parquet", out=tmp_path / "fit.yaml")


@pytest.mark.parametrize(("shape", "weibull"), [(0.2, False), (1.0, False), (0.4, True)])
def test_renewals_are_stationary(shape: float, weibull: bool) -> None:
    rng = np.random.default_rng(7)
    from math import gamma

    scale = 10.0 / (gamma(1.0 + 1.0 / shape) if weibull else shape)
    count = np.asarray([len(_renewal(rng, 100.0, shape, scale, weibull)) for _ in range(6000)])
    assert count.mean() == pytest.approx(10.0, abs=5 * count.std() / np.sqrt(len(count)))


def test_servegen_requests_follow_rates_and_lengths(tmp_path: Path) -> None:
    rates = tmp_path / "rates.csv"
    rates.write_text(
        "client,timestamp,rate,cv,pattern,arg1,arg2\n0,0,2,1,Gamma,1,0.5\n"
        "0,600,0,0,,0,0\n1,0,1,1,Weibull,1,1\n1,600,4,1,Weibull,1,0.25\n"
    )
    (tmp_path / "chunk-0-dataset.json").write_text(
        '{"0": {"input_tokens": "{10: 0.5, 20: 0.5}", "output_tokens": "{7: 1.0}"}}'
    )
    frame, notes = draw_servegen(rates, tmp_path, seed=3)
    by_client = frame.groupby("client").size()
    assert by_client[0] == pytest.approx(1200, abs=5 * np.sqrt(1200))
    assert by_client[1] == pytest.approx(3000, abs=5 * np.sqrt(3000))
    assert set(frame["input_tokens"]) == {10, 20}
    assert frame["arrival_s"].is_monotonic_increasing
    assert "1 of 2 clients" in notes[0]
    again, _ = draw_servegen(rates, tmp_path, seed=3)
    pd.testing.assert_frame_equal(frame, again)
    part, _ = draw_servegen(rates, tmp_path, from_h=1 / 6, keep=0.5)
    assert len(part) == pytest.approx(1200, abs=5 * np.sqrt(1200))
    study.draw(rates, tmp_path, tmp_path / "drawn.csv")
    assert read_trace(tmp_path / "drawn.csv").requests.rows == len(
        draw_servegen(rates, tmp_path)[0]
    )
    with pytest.raises(InputError, match="holds no requests"):
        draw_servegen(rates, tmp_path, from_h=5.0)
    with pytest.raises(TraceError, match="no file of client rates"):
        draw_servegen(tmp_path / "chunk-0-dataset.json", tmp_path)


def test_files_that_cannot_be_written_are_refused_before_the_fit(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="2 problems") as caught:
        study.fit(tmp_path / "no.csv", out=tmp_path / "file" / "w.yaml", drawn=tmp_path / "d.txt")
    assert "is no folder" in str(caught.value)
    assert "is no format to write" in str(caught.value)
    rng = np.random.default_rng(8)
    frame = pd.DataFrame(
        {
            "arrival_s": np.sort(rng.random(200) * 3600.0),
            "input_tokens": rng.integers(1, 99, 200),
            "output_tokens": rng.integers(1, 99, 200),
        }
    )
    write_frame(frame, tmp_path / "r.csv")
    with pytest.raises(InputError, match="SWF holds jobs"):
        study.fit(tmp_path / "r.csv", out=tmp_path / "w.yaml", drawn=tmp_path / "d.swf")
    assert not (tmp_path / "w.yaml").exists()
    drawn = tmp_path / "not.swf.parquet"
    study.fit(tmp_path / "r.csv", out=tmp_path / "new" / "w.yaml", drawn=drawn)
    assert (tmp_path / "new" / "w.yaml").is_file()
    assert read_trace(drawn).requests is not None


def test_hours_and_weekdays_are_those_of_the_clock() -> None:
    # Thursday 10:30:41 on: busy from 9 h to 17 h, and half of it on Saturdays and Sundays.
    begin_s = 10 * 3600.0 + 1841.0
    rng = np.random.default_rng(9)
    times = np.sort(rng.random(400_000) * 28 * DAY_S)
    clock = begin_s + times
    hour, weekday = clock // 3600.0 % 24, (3 + clock // DAY_S) % 7
    rate = np.where((hour >= 9) & (hour < 17), 1.0, 0.25) * np.where(weekday >= 5, 0.5, 1.0)
    times = times[rng.random(len(times)) < rate]
    tokens = np.full(len(times), 9)
    table = RequestTable.of(times + 7.0, tokens, tokens)
    origin = Origin(begin_s - 7.0, 3)
    fit = fit_trace(Trace(None, table, {}, origin=origin), "made")
    shape = np.asarray(fit.workload["request_shape"]["hourly"])
    assert shape[9:17] / shape.mean() == pytest.approx(2.0, rel=0.05)
    assert np.delete(shape, slice(9, 17)) == pytest.approx(0.5, rel=0.05)
    assert fit.workload["request_shape"]["weekend"] == pytest.approx(0.5, rel=0.05)
    assert fit.notes == ()
    assert fit.first_day == 3
    unknown = fit_trace(Trace(None, table, {}), "made")
    assert "hour of the first row is not on record" in unknown.notes[0]
    assert "weekdays are not on record" in unknown.notes[1]
    np.testing.assert_array_equal(fit.hourly, unknown.hourly)
    night = fit_trace(Trace(None, table, {}, origin=Origin(begin_s - 7.0)), "made")
    assert night.workload["request_shape"]["hourly"] == fit.workload["request_shape"]["hourly"]
    assert len(night.notes) == 1
