"""Time series beside demand: carbon and prices by the hour, occupancy, samples, spot capacity.

They are described, not replayed.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd

from computenet.errors import Problem, TraceError
from computenet.workload.traces.columns import (
    counts,
    csv_columns,
    has_columns,
    header_of,
    numbers,
    wall_clock,
)
from computenet.workload.traces.figures import distribution, mean_known, order_of, plain
from computenet.workload.traces.opening import Content
from computenet.workload.traces.trace import Trace

__all__ = [
    "HeliosMinutesReader",
    "HeliosQuotaReader",
    "HourlySeriesReader",
    "SamplesReader",
    "SpotSeriesReader",
    "SummaryReader",
]

UTC = "Datetime (UTC)"
#: As Electricity Maps has written them; case does not count.
DIRECT = ("Carbon intensity gCO₂eq/kWh (direct)",)
LIFE_CYCLE = ("Carbon intensity gCO₂eq/kWh (LCA)", "Carbon intensity gCO₂eq/kWh (Life cycle)")
ESTIMATED = ("Data estimated",)
PRICE = "Price (USD/MWh)"
LOCAL = "Datetime (Local)"
MINUTES = (
    "time", "total_gpu_num", "running_gpu_num", "pending_gpu_num", "idle_gpu_num",
    "gpu_utilization",
)  # fmt: skip
SAMPLES = ("timestamp_anon", "value", "container_ip")


def _called(head: str, names: tuple[str, ...]) -> str | None:
    """Return the column that has one of these names, as the header writes it."""
    wanted = {name.lower() for name in names}
    return next((name for name in header_of(head) if name.lower() in wanted), None)


class HourlySeriesReader:
    """Carbon intensity (Electricity Maps) or prices by the hour, UTC."""

    name = "hourly-series"

    def sniff(self, content: Content) -> bool:
        """Return whether the header has a UTC time and a carbon or a price column."""
        head = content.head
        return has_columns(head, (UTC,)) and (
            _called(head, DIRECT) is not None or has_columns(head, (PRICE,))
        )

    def read(self, content: Content, *, strict: bool) -> Trace:
        """Return the figures of the series."""
        where = content.where
        direct, whole, estimated = (
            _called(content.head, names) for names in (DIRECT, LIFE_CYCLE, ESTIMATED)
        )
        column = direct or PRICE
        local = LOCAL if direct is None and has_columns(content.head, (LOCAL,)) else None
        more = [name for name in (whole, estimated, local) if name is not None]
        table = csv_columns(content, (UTC, column, *more))
        stamps = wall_clock(table[UTC], UTC, where)
        values = numbers(table[column], column, where, least=-np.inf, empty=True)
        order = np.argsort(stamps, kind="stable")
        hour = stamps // 3_600_000_000_000 % 24
        by_hour = pd.Series(values).groupby(hour).mean().dropna()
        raw = table[UTC].str.strip()
        steps = np.diff(stamps[order]) / 1e9
        known = values[np.isfinite(values)]
        figures: dict[str, Any] = {
            "kind": "hourly_series",
            "rows": len(table),
            "first_timestamp": str(raw.iloc[int(order[0])]),
            "last_timestamp": str(raw.iloc[int(order[-1])]),
            "step_s": plain(np.median(steps)) if steps.size else None,
            **distribution("value", known, shown=("mean", "p50", "p99", "min", "max")),
            "negative_rows": int((known < 0.0).sum()),
            "null_rows": int(len(values) - len(known)),
            "lowest_mean_hour_utc": int(by_hour.index.to_numpy()[by_hour.to_numpy().argmin()])
            if len(by_hour)
            else None,
            "highest_mean_hour_utc": int(by_hour.index.to_numpy()[by_hour.to_numpy().argmax()])
            if len(by_hour)
            else None,
        }
        if whole is not None:
            cycle = numbers(table[whole], whole, where, least=-np.inf, empty=True)
            figures["lca_mean"] = mean_known(cycle)
        if estimated is not None:
            guessed = table[estimated].str.strip().str.lower() == "true"
            figures["estimated_rows"] = int(guessed.sum())
        if local is not None:
            figures["utc_offsets"] = sorted(set(table[local].str.strip().str[-6:]))
        return Trace(None, None, figures)


class HeliosMinutesReader:
    """Occupancy of a Helios virtual cluster by the minute, local time."""

    name = "helios-minutes"

    def sniff(self, content: Content) -> bool:
        """Return whether the header has the columns."""
        return has_columns(content.head, MINUTES)

    def read(self, content: Content, *, strict: bool) -> Trace:
        """Return the figures of the series."""
        where = content.where
        table = csv_columns(content, MINUTES)
        stamps = wall_clock(table["time"], "time", where)
        column = {
            name: numbers(table[name], name, where, least=0.0, empty=name == "gpu_utilization")
            for name in MINUTES[1:]
        }
        running, pending = column["running_gpu_num"], column["pending_gpu_num"]
        order, notices = order_of((stamps - stamps.min()) / 1e9, where, table.index, strict=strict)
        steps = np.diff(stamps[order]) / 1e9
        step = float(np.median(steps)) if steps.size else 0.0
        raw = table["time"].str.strip()
        return Trace(
            None,
            None,
            {
                "kind": "minute_series",
                "rows": len(table),
                "first_timestamp": str(raw.iloc[int(order[0])]),
                "last_timestamp": str(raw.iloc[int(order[-1])]),
                "step_s": plain(step),
                "vc_gpus": counts(table["total_gpu_num"]),
                **distribution("running_gpu", running, shown=("mean", "max")),
                **distribution("pending_gpu", pending, shown=("mean", "max")),
                "gpu_hours_running": plain(running.sum() * step / 3600.0),
                "gpu_utilization_mean": mean_known(column["gpu_utilization"]),
                "rows_running_plus_idle_not_total": int(
                    (running + column["idle_gpu_num"] != column["total_gpu_num"]).sum()
                ),
            },
            tuple(notices),
        )


class HeliosQuotaReader:
    """GPUs of every Helios virtual cluster by the day."""

    name = "helios-quota"

    def sniff(self, content: Content) -> bool:
        """Return whether the header begins with the date and ends with the total."""
        names = content.head.split("\n", 1)[0].split(",")
        return len(names) > 2 and names[0].strip() == "date" and names[-1].strip() == "total"

    def read(self, content: Content, *, strict: bool) -> Trace:
        """Return the figures of the table."""
        where = content.where
        clusters = [name for name in header_of(content.head) if name not in {"date", "total"}]
        names = ("date", *clusters, "total")
        table = csv_columns(content, names)
        parts = np.stack(
            [numbers(table[name], name, where, least=0.0) for name in names[1:]], axis=1
        )
        days = table["date"].str.strip()
        stamps = wall_clock(table["date"], "date", where)
        order, notices = order_of((stamps - stamps.min()) / 1e9, where, table.index, strict=strict)
        return Trace(
            None,
            None,
            {
                "kind": "daily_quota",
                "rows": len(table),
                "first": str(days.iloc[int(order[0])]),
                "last": str(days.iloc[int(order[-1])]),
                "vcs": len(clusters),
                "total_min": plain(parts[:, -1].min()),
                "total_max": plain(parts[:, -1].max()),
                "rows_sum_not_total": int((parts[:, :-1].sum(axis=1) != parts[:, -1]).sum()),
            },
            tuple(notices),
        )


class SamplesReader:
    """Samples of a value by container at epoch seconds (Alibaba GenAI 2026)."""

    name = "samples"

    def sniff(self, content: Content) -> bool:
        """Return whether the header has the three columns, in any order."""
        return has_columns(content.head, SAMPLES)

    def read(self, content: Content, *, strict: bool) -> Trace:
        """Return the figures of the samples."""
        where = content.where
        typed = has_columns(content.head, (*SAMPLES, "request_type"))
        table = csv_columns(content, (*SAMPLES, *(("request_type",) if typed else ())))
        times = numbers(table["timestamp_anon"], "timestamp_anon", where, least=0.0)
        values = numbers(table["value"], "value", where, least=-np.inf)
        named = table["container_ip"].str.strip() != ""
        figures: dict[str, Any] = {
            "kind": "series_samples",
            "rows": len(table),
            "first_timestamp": plain(times.min()),
            "last_timestamp": plain(times.max()),
            "span_s": plain(times.max() - times.min()),
            "containers": int(table["container_ip"][named].nunique()),
            "null_container_rows": int((~named).sum()),
            "value_sum": plain(values.sum()),
            **distribution("value", values, shown=("mean", "p50", "p99", "max", "min")),
        }
        if typed:
            figures["request_type_counts"] = counts(table["request_type"])
            by_type = pd.Series(values).groupby(table["request_type"].to_numpy()).sum()
            figures["value_sum_by_type"] = {
                str(key): plain(by_type[key]) for key in sorted(by_type.index)
            }
        return Trace(None, None, figures)


class SpotSeriesReader:
    """Nodes available at every tick (SkyPilot's spot traces)."""

    name = "spot-series"

    def sniff(self, content: Content) -> bool:
        """Return whether it is JSON with a gap and data."""
        head = content.head.lstrip()
        return head.startswith("{") and '"gap_seconds"' in head

    def read(self, content: Content, *, strict: bool) -> Trace:
        """Return the figures of the series."""
        where = content.where
        try:
            raw = json.loads(content.text)
            gap = float(raw["metadata"]["gap_seconds"])
            values = np.asarray(raw["data"], dtype=np.float64)
        except (ValueError, KeyError, TypeError) as error:
            raise TraceError([Problem(where, None, f"is no spot trace: {error}")]) from error
        if values.ndim != 1 or not values.size or not np.isfinite(values).all() or gap <= 0.0:
            raise TraceError([Problem(where, None, "holds no list of ticks")])
        steps = np.diff(values)
        return Trace(
            None,
            None,
            {
                "kind": "spot_series",
                "rows": len(values),
                "gap_seconds": plain(gap),
                "span_s": plain(len(values) * gap),
                **distribution("value", values, shown=("min", "max", "mean")),
                "zero_fraction": plain((values == 0.0).mean()),
                "changes": int((steps != 0.0).sum()),
                "drops": int((steps < 0.0).sum()),
                "extra_keys": sorted(set(raw) - {"metadata", "data"}),
            },
        )


class SummaryReader:
    """Published averages of clusters, a row each."""

    name = "cluster-summary"

    def sniff(self, content: Content) -> bool:
        """Return whether the header begins with an id and has averages of GPU jobs."""
        return has_columns(content.head, ("id", "job_num", "gpu_job_num", "avg_run_time_gpu"))

    def read(self, content: Content, *, strict: bool) -> Trace:
        """Return how large the table is."""
        names = content.head.split("\n", 1)[0].split(",")
        table = csv_columns(content, tuple(name.strip() for name in names))
        return Trace(None, None, {"kind": "summary", "rows": len(table), "columns": table.shape[1]})
