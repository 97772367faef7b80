"""Parameters of the generators fitted to a trace: a workload that behaves like it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from computenet.errors import Problem, TraceError
from computenet.scenario import load_scenario
from computenet.workload.fitting.calendar import DAY_S, calendar_of, kinds_of
from computenet.workload.fitting.counts import SCALES_S, dispersion, fit_bursts, shaped_out
from computenet.workload.generators.bursts import Burst
from computenet.workload.generators.jobs import JobLaw, generate_jobs
from computenet.workload.generators.requests import (
    RequestSource,
    TokenLaw,
    Turns,
    lognormal_from,
)
from computenet.workload.tables import JobTable, RequestTable
from computenet.workload.traces.trace import Trace

__all__ = ["Fit", "fit_trace"]

F8 = NDArray[np.float64]
B1 = NDArray[np.bool_]

#: Job classes by gang size: name, largest gang.
SIZES = (("small", 8), ("tuning", 64), ("pretraining", 1 << 40))
#: Different gang sizes kept in a class; the rarest are left out.
MOST_SIZES = 64
#: Sessions tried: mean jobs, and mean pause between two, s.
MEANS = (1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 13.0, 20.0, 32.0, 50.0, 80.0)
PAUSES_S = (2.0, 6.0, 20.0, 60.0, 180.0, 600.0, 1800.0)
#: Points of a table of quantiles.
POINTS = 1025
#: Fewest rows that are fitted, and fewest of a class.
FEWEST, FEWEST_OF_CLASS = 50, 20
#: A class of which only arrivals matter.
BLANK: dict[str, Any] = {
    "name": "jobs", "sizes": (1,), "weights": (1.0,), "run_time_median_s": 1.0,
    "run_time_sigma": 0.0, "run_time_most_s": 1.0, "run_time_quantiles_s": None,
    "estimate_factor": 1.0, "data_median_gb": 0.0, "data_sigma": 0.0, "holiday_factor": 1.0,
    "failed_share": 0.0, "failed_after": 0.0, "deadline_h": np.nan, "data_elsewhere": 0.0,
    "in_progress": False,
}  # fmt: skip
SOURCE = {"source": "fitted to a trace", "grade": "measured"}


class Sessions(NamedTuple):
    """Jobs submitted together: mean number, mean pause between two, and how they disperse."""

    mean: float
    pause_s: float
    dispersion: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Fit:
    """What was fitted.

    Attributes
    ----------
    workload
        A workload as it stands in a scenario file.
    span_s
        Length of the trace.
    hourly
        ``(24,)`` shape of a day from the first row on, mean 1; that of the workload begins at
        midnight where the trace tells when that was.
    table
        What was fitted to.
    notes
        What the trace could not tell.
    first_day
        Weekday of the first row, 0 to 6 = Monday to Sunday; Monday where it is unknown.
    """

    workload: dict[str, Any]
    span_s: float
    hourly: F8
    table: JobTable | RequestTable = field(repr=False)
    notes: tuple[str, ...] = ()
    first_day: int = 0

    def draw(self, seed: int) -> JobTable | RequestTable:
        """Return a synthetic trace of the same length."""
        if isinstance(self.table, RequestTable):
            return _draw_requests(self, seed)
        return _draw_jobs(self, seed)


def fit_trace(trace: Trace, name: str) -> Fit:
    """Fit the generators' parameters to a trace.

    Parameters
    ----------
    name
        Id of the workload.

    Raises
    ------
    TraceError
        It holds neither jobs nor requests, or too few in all or of every class.
    """
    table = trace.jobs if trace.jobs is not None else trace.requests
    if table is None or table.rows < FEWEST:
        rows = 0 if table is None else table.rows
        raise TraceError([Problem(name, rows, "rows are too few to fit", f"{FEWEST} or more")])
    jobs = isinstance(table, JobTable)
    times = table.submit_s if isinstance(table, JobTable) else table.arrival_s
    first_s = float(times[0])
    times = times - first_s
    span_s = float(times[-1])
    if span_s <= 0.0:
        raise TraceError([Problem(name, None, "all rows come at one instant")])
    notes: list[str] = []
    classes = _classes(table, notes) if isinstance(table, JobTable) else {}
    if isinstance(table, JobTable) and not classes:
        few = f"{FEWEST_OF_CLASS} or more of a class"
        raise TraceError([Problem(name, table.rows, "every class has too few jobs to fit", few)])
    found = calendar_of(times, first_s, span_s, trace.origin)
    hourly, weekend = found.hourly, found.weekend
    notes += found.notes
    base = load_scenario("china-2025", {}).workload.model_dump(mode="json", exclude_none=True)
    flat = {"hourly": [1.0] * 24, "provenance": {"*": {"source": "not used", "grade": "assumed"}}}
    shape = {
        "hourly": [round(float(value), 4) for value in found.clock],
        "weekday": 1.0,
        "weekend": weekend if not jobs else 1.0,
        "provenance": {"*": SOURCE},
    }
    workload: dict[str, Any] = {
        "id": name,
        "title": {"en": f"Fitted to {name}", "zh": f"拟合自 {name}"},
        "scale": 1.0,
        "request_rate_per_day": 0.0 if jobs else float(table.rows / span_s * DAY_S),
        "request_shape": flat if jobs else shape,
        "job_shape": shape if jobs else flat,
        "models": base["models"],
        "provenance": {"request_rate_per_day": SOURCE, "scale": SOURCE},
    }
    if isinstance(table, RequestTable):
        workload["bursts"] = _burst_specs(fit_bursts(shaped_out(times, hourly), span_s))
        chat = _service_class(table, base)
        workload["service_classes"] = [
            chat if item["name"] == chat["name"] else dict(item, share=0.0)
            for item in base["service_classes"]
        ]
        workload["job_classes"] = [_idle(item) for item in base["job_classes"]]
    else:
        workload["bursts"], workload["service_classes"] = [], base["service_classes"]
        clump = _sessions(times, span_s, hourly, weekend, found.first_day)
        workload["job_bursts"] = _burst_specs(
            fit_bursts(shaped_out(times, hourly), span_s, clump.dispersion)
        )
        fitted = _job_classes(table, classes, span_s, clump, weekend, base)
        workload["job_classes"] = [
            fitted.get(item["name"], _idle(item)) for item in base["job_classes"]
        ]
    return Fit(workload, span_s, hourly, table, tuple(notes), found.first_day)


def _burst_specs(found: list[tuple[float, float]]) -> list[dict[str, Any]]:
    return [
        {"cv": round(cv, 4), "correlation_s": c, "provenance": {"*": SOURCE}} for cv, c in found
    ]


def _idle(item: dict[str, Any]) -> dict[str, Any]:
    """Return a class that the trace has not; a topology's accelerators know it by name."""
    return dict(item, rate_per_day=0.0, in_progress=False)


def _law(values: F8) -> dict[str, Any]:
    """Return mean, median, cap and quantiles of a token law."""
    counts = np.maximum(values, 1.0)
    return {
        "mean": float(counts.mean()),
        "p50": float(np.median(counts)),
        "most": int(counts.max()),
        "quantiles": _quantiles(counts),
        "provenance": {"*": SOURCE},
    }


def _quantiles(values: F8) -> list[float]:
    found = np.quantile(values, np.linspace(0.0, 1.0, POINTS))
    return [float(f"{value:.6g}") for value in found]


def _rank_correlation(one: F8, other: F8) -> float:
    """Return the correlation of the normal scores of two columns."""
    from scipy.special import ndtri
    from scipy.stats import rankdata

    a, b = (ndtri((rankdata(values) - 0.5) / len(values)) for values in (one, other))
    spread = float(a.std() * b.std())
    if spread == 0.0:
        return 0.0
    return float(np.clip(((a - a.mean()) * (b - b.mean())).mean() / spread, -1.0, 1.0))


def _service_class(table: RequestTable, base: dict[str, Any]) -> dict[str, Any]:
    chat = next(item for item in base["service_classes"] if item["name"] == "chat")
    into, out = table.input_tokens.astype(np.float64), table.output_tokens.astype(np.float64)
    return dict(
        chat,
        share=1.0,
        human_share=1.0,
        input_tokens=_law(into),
        output_tokens=_law(out),
        token_correlation=round(_rank_correlation(into, out), 4),
    )


def _classes(table: JobTable, notes: list[str]) -> dict[str, B1]:
    """Return which jobs are of each class that has enough of them."""
    out: dict[str, B1] = {}
    smallest = 0
    for name, largest in SIZES:
        chosen = (table.accelerators > smallest) & (table.accelerators <= largest)
        smallest = largest
        if int(chosen.sum()) >= FEWEST_OF_CLASS:
            out[name] = chosen
        elif chosen.any():
            notes.append(f"{int(chosen.sum())} jobs of class {name} are too few and left out")
    return out


def _job_classes(
    table: JobTable,
    classes: dict[str, B1],
    span_s: float,
    clump: Sessions,
    weekend: float,
    base: dict[str, Any],
) -> dict[str, dict[str, Any]]:
    out: dict[str, dict[str, Any]] = {}
    for name, chosen in classes.items():
        run = np.maximum(table.duration_s[chosen], 1.0)
        logs = np.log(run)
        sizes, often = np.unique(table.accelerators[chosen], return_counts=True)
        most = np.argsort(often)[::-1][:MOST_SIZES]
        ratio = table.estimate_s[chosen] / run
        like = next(item for item in base["job_classes"] if item["name"] == name)
        out[name] = dict(
            like,
            rate_per_day=float(chosen.sum() / span_s * DAY_S),
            sizes={
                int(size): float(count / often.sum())
                for size, count in sorted(zip(sizes[most], often[most], strict=True))
            },
            run_time_median_s=float(np.exp(logs.mean())),
            run_time_sigma=float(logs.std()),
            run_time_most_s=float(run.max()),
            run_time_quantiles_s=_quantiles(run),
            estimate_factor=float(max(np.median(ratio), 1.0)),
            data_median_gb=0.0,
            data_sigma=0.0,
            session_jobs_mean=clump.mean,
            session_pause_s=clump.pause_s,
            weekend_factor=weekend,
            failed_share=0.0,
            data_elsewhere=0.0,
            in_progress=False,
        )
        out[name].pop("deadline_h", None)
    return out


def _sessions(times: F8, span_s: float, hourly: F8, weekend: float, first_day: int) -> Sessions:
    """Return the sessions whose synthetic arrivals are most like those of the trace.

    Every mean and pause of a small grid is drawn once; the smallest sum of squared log ratios of
    dispersion by time scale and of interarrival quantiles wins.
    """
    wanted = _features(times, span_s)
    days = kinds_of(span_s, first_day)
    best, least = Sessions(1.0, 120.0), np.inf
    for mean in MEANS:
        for pause_s in PAUSES_S if mean > 1.0 else (120.0,):
            law = dict(BLANK, rate_per_day=len(times) / span_s * DAY_S, session_jobs_mean=mean,
                       session_pause_s=pause_s, weekend_factor=weekend)  # fmt: skip
            made = generate_jobs([JobLaw(**law)], hourly, np.ones(1), 0.0, days, span_s, 1)
            if len(made.submit_s) < FEWEST_OF_CLASS:
                continue
            found = _features(made.submit_s, span_s)
            known = np.isfinite(wanted) & np.isfinite(found)
            miss = float(((np.log(found[known]) - np.log(wanted[known])) ** 2).sum())
            if miss < least:
                clumped = shaped_out(made.submit_s, hourly)
                spread = tuple(dispersion(clumped, span_s, scale) or 1.0 for scale in SCALES_S)
                best, least = Sessions(mean, pause_s, spread), miss
    return best


def _features(times: F8, span_s: float) -> F8:
    """Return what sessions show in: dispersion at short scales, and short gaps."""
    spread = [dispersion(times, span_s, scale) for scale in (10.0, 60.0, 300.0)]
    gaps = np.quantile(np.diff(times), [0.25, 0.5, 0.75]) + 1.0
    return np.asarray([np.nan if value is None or value <= 0.0 else value for value in spread]
                      + gaps.tolist())  # fmt: skip


def _draw_requests(fit: Fit, seed: int) -> RequestTable:
    item = next(item for item in fit.workload["service_classes"] if item["share"])
    into, out = item["input_tokens"], item["output_tokens"]
    days = np.asarray([1.0] * 5 + [fit.workload["request_shape"]["weekend"]] * 2 + [1.0])
    shape = days[:, None] * fit.hourly[None, :] / days[:7].mean()
    source = RequestSource(
        np.asarray([fit.workload["request_rate_per_day"] / DAY_S]),
        shape[None, :, :],
        kinds_of(fit.span_s, fit.first_day),
        np.zeros(1),
        0.0,
        [
            TokenLaw(
                *lognormal_from(into["mean"], into["p50"]), float(into["most"]),
                *lognormal_from(out["mean"], out["p50"]), float(out["most"]),
                item["token_correlation"], into["quantiles"], out["quantiles"],
            )
        ],
        [Turns(1.0, 60.0, 1.0)],
        [Burst(burst["cv"], burst["correlation_s"]) for burst in fit.workload["bursts"]],
        1,
        seed,
        fit.span_s,
    )  # fmt: skip
    parts: list[RequestTable] = []
    until_s = 0.0
    while np.isfinite(until_s):
        until_s = source.next_chunk()
        count = int(source.chunk.count[0])
        chunk = source.chunk
        parts.append(
            RequestTable.of(
                chunk.arrival_s[:count].copy(),
                chunk.input_tokens[:count].copy(),
                chunk.output_tokens[:count].copy(),
            )
        )
    return RequestTable.merged(parts)


def _draw_jobs(fit: Fit, seed: int) -> JobTable:
    kept = (
        "name", "rate_per_day", "run_time_median_s", "run_time_sigma", "run_time_most_s",
        "run_time_quantiles_s", "estimate_factor", "session_jobs_mean", "session_pause_s",
        "weekend_factor",
    )  # fmt: skip
    laws = [
        JobLaw(
            **{
                **BLANK,
                **{name: item[name] for name in kept},
                "sizes": tuple(item["sizes"]),
                "weights": tuple(item["sizes"].values()),
            }
        )
        for item in fit.workload["job_classes"]
        if item["rate_per_day"] > 0.0
    ]
    bursts = [Burst(item["cv"], item["correlation_s"]) for item in fit.workload["job_bursts"]]
    made = generate_jobs(
        laws,
        fit.hourly,
        np.ones(1),
        0.0,
        kinds_of(fit.span_s, fit.first_day),
        fit.span_s,
        seed,
        bursts,
    )
    return JobTable.of(
        made.submit_s, made.work_s, made.accelerators, estimate_s=made.estimate_s, user=made.user
    )
