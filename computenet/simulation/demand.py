"""Demand of a run: from the scenario's generators, or from recorded tables."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from computenet.compiled import F8, I8, CompiledScenario
from computenet.errors import InputError, Problem
from computenet.kernels.arrivals import Draws
from computenet.kernels.job_state import FAIR_SHARE
from computenet.scenario import DemandSurge, Scenario
from computenet.scenario.workload import ShapeSpec
from computenet.sharding import MakeSource, Source
from computenet.simulation.ahead import ahead
from computenet.simulation.source_ahead import SourceAhead
from computenet.streams import named_stream
from computenet.workload.generators.bursts import Burst
from computenet.workload.generators.calendar import KINDS, day_kinds
from computenet.workload.generators.jobs import (
    GeneratedJobs,
    JobLaw,
    JobSource,
    mean_load_accelerators,
)
from computenet.workload.generators.requests import (
    RequestSource,
    Surge,
    TokenLaw,
    Turns,
    lognormal_from,
)
from computenet.workload.generators.windows import Windows
from computenet.workload.tables import JobTable, RequestTable

if TYPE_CHECKING:
    from computenet.workload.replay import ReplayDemand

__all__ = ["Demand", "TableSource", "demand_of", "second_source"]

#: Rows of a table handed over at once.
CHUNK = 500_000
#: A run that expects more jobs than this takes them in chunks and streams them to disk: about two
#: weeks of the national demand, some 1.5 GB if they were kept.
STREAM_OVER = 2_000_000
#: Jobs of such a chunk, about.
JOBS_A_CHUNK = 100_000


@dataclass(frozen=True, slots=True)
class Demand:
    """Jobs in a table, requests from a source, and what is expected of jobs beforehand.

    Attributes
    ----------
    expected_load
        ``(Q,)`` reference accelerators that each (region, job class) is expected to keep busy.
    later_jobs
        Further jobs in order of time, each table with the time up to which jobs are then
        complete; ``None`` = `jobs` is all.
    requests
        ``None`` where they are to be drawn by workers.
    all_jobs
        Draws the same tables once more, where they come one after the other.
    make_requests
        Makes sources of the same requests, or of some demands; ``None`` = they were recorded.
    """

    jobs: JobTable
    requests: Source | None
    expected_load: F8
    later_jobs: Iterator[tuple[JobTable, float]] | None = None
    all_jobs: Callable[[], Iterator[JobTable]] | None = None
    make_requests: MakeSource | None = None


def demand_of(
    scenario: Scenario,
    compiled: CompiledScenario,
    recorded: ReplayDemand | None,
    stream_over: int = STREAM_OVER,
    shared: bool = False,
    one_core: bool = False,
) -> Demand:
    """Return the demand of a run.

    Over so many jobs expected, they come in chunks of time; requests of a run that is `shared` are
    left to its workers. With `one_core` nothing is drawn ahead in another thread.
    """
    if recorded is not None:
        if shared:
            lone = Problem("workers", None, "recorded demand is replayed by one process", "1")
            raise InputError([lone], "nothing was run")
        if compiled.sampling > 1:
            raise InputError(
                [
                    Problem(
                        "run.sampling",
                        compiled.sampling,
                        "recorded demand is replayed whole, never sampled",
                        "1",
                    )
                ],
                "nothing was run",
            )
        if scenario.run.request_window_h > 0.0:
            window = Problem(
                "run.request_window_h", scenario.run.request_window_h,
                "recorded demand is replayed whole, never in windows", "0",
            )  # fmt: skip
            raise InputError([window], "nothing was run")
        surges = [
            Problem(f"events.{at}", "demand-surge", "recorded demand does not surge")
            for at, event in enumerate(scenario.events)
            if isinstance(event, DemandSurge)
        ]
        if surges:
            raise InputError(surges, "nothing was run")
        requests = recorded.requests
        if scenario.run.prefix_cache == "none":
            none = np.broadcast_to(np.int32(0), requests.rows)
            requests = replace(requests, cached_tokens=none)
        elif not requests.cached_tokens.any():
            raise _no_prefixes("no prompt of the traces shares a block with an earlier one")
        return Demand(
            recorded.jobs,
            TableSource(requests, compiled, scenario.seed),
            np.zeros(len(compiled.regions) * len(compiled.jobs.classes)),
        )
    talks = any(item.turns_mean > 1.0 for item in scenario.workload.service_classes)
    if scenario.run.prefix_cache != "none" and not talks:
        raise _no_prefixes("no service class has conversations (turns_mean over 1)")
    laws = job_laws(scenario)
    load = np.asarray([mean_load_accelerators(law) for law in laws])
    training = np.asarray([region.training_share for region in scenario.topology.regions])
    expected: F8 = (training[:, None] * load[None, :]).ravel()
    names = compiled.jobs.classes

    def jobs() -> JobSource:
        return JobSource(
            laws,
            np.asarray(scenario.workload.job_shape.hourly, dtype=np.float64),
            training,
            first_hour(scenario),
            _kinds(scenario),
            scenario.horizon_s,
            scenario.seed,
            [Burst(item.cv, item.correlation_s) for item in scenario.workload.job_bursts],
        )

    make = request_maker(scenario, compiled)
    arrivals: Source | None = None
    if not shared:
        arrivals = make() if one_core else SourceAhead(make())
    a_day = sum(law.rate_per_day for law in laws)
    if a_day * scenario.days <= stream_over or not _may_stream(compiled):
        table = _job_table(jobs().before(np.inf), names, 0)
        return Demand(table, arrivals, expected, make_requests=make)
    length_s = 3600.0 * max(round(24.0 * JOBS_A_CHUNK / a_day), 1)

    def tables() -> Iterator[tuple[JobTable, float]]:
        return _job_tables(jobs(), names, length_s)

    chunks = tables() if one_core else ahead(tables)
    return Demand(
        JobTable.empty(names), arrivals, expected, chunks,
        lambda: (table for table, _ in tables()), make,
    )  # fmt: skip


def _may_stream(compiled: CompiledScenario) -> bool:
    """Return whether jobs may come in chunks: fair share keeps the use of every tenant for good."""
    return not bool((compiled.pools.discipline == FAIR_SHARE).any())


def _job_tables(
    source: JobSource, names: tuple[str, ...], length_s: float
) -> Iterator[tuple[JobTable, float]]:
    rows = 0
    for made, until_s in source.chunks(length_s):
        table = _job_table(made, names, rows)
        rows += table.rows
        yield table, until_s


def _job_table(made: GeneratedJobs, names: tuple[str, ...], before: int) -> JobTable:
    """Return generated jobs as a table; `before` jobs were submitted earlier."""
    return JobTable.of(
        made.submit_s,
        made.work_s,
        made.accelerators,
        estimate_s=made.estimate_s,
        user=made.user,
        data_gb=made.data_gb,
        job_class=made.job_class,
        region=made.region,
        fails=made.fails,
        deadline_s=made.deadline_s,
        data_region=made.data_region,
        job_id=np.arange(before, before + len(made.submit_s)),
        job_classes=names,
    )


def second_source(scenario: Scenario, compiled: CompiledScenario, demand: Demand) -> Source:
    """Return another source of the requests from the start.

    They are the same ones; with windows of requests, others by the same rates, and all the time.
    """
    if isinstance(demand.requests, TableSource):
        return demand.requests.again()
    return request_source(scenario, compiled, whole=True)


def _no_prefixes(why: str) -> InputError:
    return InputError([Problem("run.prefix_cache", "shared", why, "none")], "nothing was run")


def _local_start(scenario: Scenario) -> datetime:
    return scenario.start.astimezone(timezone(timedelta(hours=scenario.topology.utc_offset_h)))


def first_hour(scenario: Scenario) -> float:
    """Return the hour of the day, local time, at which the run starts."""
    local = _local_start(scenario)
    return local.hour + local.minute / 60.0 + local.second / 3600.0


def _kinds(scenario: Scenario) -> I8:
    """Return the kind of every day of the run."""
    workload = scenario.workload
    return day_kinds(
        _local_start(scenario).date(), math.ceil(scenario.days) + 1, set(workload.holidays),
        set(workload.worked_weekends),
    )  # fmt: skip


def job_laws(scenario: Scenario) -> list[JobLaw]:
    """Return the laws of the scenario's job classes."""
    return [
        JobLaw(
            name=item.name,
            rate_per_day=item.rate_per_day * scenario.workload.scale,
            sizes=tuple(item.sizes),
            weights=tuple(item.sizes.values()),
            run_time_median_s=item.run_time_median_s,
            run_time_sigma=item.run_time_sigma,
            run_time_most_s=item.run_time_most_s,
            estimate_factor=item.estimate_factor,
            data_median_gb=item.data_median_gb,
            data_sigma=item.data_sigma,
            session_jobs_mean=item.session_jobs_mean,
            session_pause_s=item.session_pause_s,
            run_time_quantiles_s=item.run_time_quantiles_s,
            weekend_factor=item.weekend_factor,
            holiday_factor=(
                item.weekend_factor if item.holiday_factor is None else item.holiday_factor
            ),
            failed_share=item.failed_share,
            failed_after=item.failed_after,
            deadline_h=np.nan if item.deadline_h is None else item.deadline_h,
            data_elsewhere=item.data_elsewhere,
            in_progress=item.in_progress,
        )
        for item in scenario.workload.job_classes
    ]


def daily_shapes(shape: ShapeSpec) -> F8:
    """Return the relative rate by kind of day and hour, ``(8, 24)``, mean 1 over a week."""
    hourly = np.asarray(shape.hourly, dtype=np.float64)
    holiday = shape.weekend if shape.holiday is None else shape.holiday
    days = np.asarray([shape.weekday] * 5 + [shape.weekend] * 2 + [holiday])
    shaped: F8 = days[:, None] * hourly[None, :] / (days[:7].mean() * hourly.mean())
    return shaped


def request_source(
    scenario: Scenario, compiled: CompiledScenario, whole: bool = False
) -> RequestSource:
    """Return the generator of the scenario's requests; `whole` = outside windows as well."""
    return request_maker(scenario, compiled, whole)()


def request_maker(
    scenario: Scenario, compiled: CompiledScenario, whole: bool = False
) -> Callable[..., RequestSource]:
    """Return what makes generators of the scenario's requests; it can be sent to other processes.

    Called with ``only=mask`` and ``merged=False`` it makes one of some demands, source by source.
    """
    workload = scenario.workload
    ids = [region.id for region in scenario.topology.regions]
    human = daily_shapes(workload.request_shape)
    shape = np.asarray(
        [item.human_share * human + (1.0 - item.human_share) for item in workload.service_classes]
    ).reshape(len(workload.service_classes), KINDS, 24)
    laws = []
    for item in workload.service_classes:
        tokens_in, tokens_out = item.input_tokens, item.output_tokens
        laws.append(
            TokenLaw(
                *lognormal_from(tokens_in.mean, tokens_in.p50), float(tokens_in.most),
                *lognormal_from(tokens_out.mean, tokens_out.p50), float(tokens_out.most),
                item.token_correlation, tokens_in.quantiles, tokens_out.quantiles,
            )
        )  # fmt: skip
    return partial(
        RequestSource,
        compiled.requests.mean_rate_per_s,
        shape,
        _kinds(scenario),
        np.asarray([region.activity_shift_h for region in scenario.topology.regions]),
        first_hour(scenario),
        laws,
        [
            Turns(item.turns_mean, item.pause_median_s, item.pause_sigma)
            for item in workload.service_classes
        ],
        [Burst(item.cv, item.correlation_s) for item in workload.bursts],
        scenario.run.sampling,
        scenario.seed,
        scenario.horizon_s,
        reuse=scenario.run.prefix_cache != "none",
        surges=[
            Surge(ids.index(name), 3600.0 * event.at_h,
                  3600.0 * (event.at_h + event.duration_h), event.factor)
            for event in scenario.events
            if isinstance(event, DemandSurge)
            for name in event.regions
        ],
        windows=None if whole else request_windows(scenario),
    )  # fmt: skip


def request_windows(scenario: Scenario) -> Windows | None:
    """Return the windows in which requests are simulated; ``None`` = all the time."""
    run = scenario.run
    if run.request_window_h == 0.0:
        return None
    return Windows(
        3600.0 * run.request_period_h, 3600.0 * run.request_warmup_h,
        3600.0 * run.request_window_h, scenario.horizon_s, run.slot_s,
    )  # fmt: skip


class TableSource:
    """Hands a table over in chunks."""

    def __init__(self, table: RequestTable, compiled: CompiledScenario, seed: int) -> None:
        self._table, self._compiled, self._seed = table, compiled, seed
        self._classes = len(compiled.requests.classes)
        self._at = 0
        self._choice = np.random.default_rng(named_stream(seed, "replay.requests.choice"))
        self.chunk = self._slice(0, 0)
        self.expected = np.zeros((0, 0))

    def again(self) -> TableSource:
        """Return another source of the same table, from its start."""
        return TableSource(self._table, self._compiled, self._seed)

    def _slice(self, first: int, last: int) -> Draws:
        table = self._table
        return Draws(
            table.arrival_s[first:last].copy(),
            (table.region[first:last] * self._classes + table.service_class[first:last]).astype(
                np.int32
            ),
            np.maximum(table.input_tokens[first:last], 1),
            np.maximum(table.output_tokens[first:last], 1),
            np.ascontiguousarray(table.cached_tokens[first:last]),
            self._choice.random(last - first, dtype=np.float32),
            np.asarray([last - first], dtype=np.int64),
        )

    def next_chunk(self) -> float:
        """Fill `chunk`; return the time up to which it is complete."""
        first = self._at
        last = min(first + CHUNK, self._table.rows)
        # Rows of one instant are never divided.
        if last < self._table.rows:
            edge = float(self._table.arrival_s[last])
            last = int(np.searchsorted(self._table.arrival_s, edge, side="left"))
            if last <= first:
                last = int(np.searchsorted(self._table.arrival_s, edge, side="right"))
        self._at = last
        self.chunk = self._slice(first, last)
        return float(self._table.arrival_s[last]) if last < self._table.rows else np.inf
