"""The scenario itself: topology, workload, policy, run settings and scheduled events."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BeforeValidator, Field, model_validator
from pydantic_core import PydanticKnownError

from computenet.scenario.common import Identifier, Name, NonNegative, Positive, Share, Spec
from computenet.scenario.energy import EnergySpec
from computenet.scenario.network import NetworkSpec
from computenet.scenario.planning import PlanningSpec
from computenet.scenario.topology import Discipline, TopologySpec
from computenet.scenario.workload import WorkloadSpec


def _no_number(value: object) -> object:
    """Refuse numbers, which would be seconds since 1970 where a year was meant."""
    text = str(value).strip()
    if isinstance(value, int | float) or text.lstrip("+-").replace(".", "", 1).isdigit():
        raise PydanticKnownError("datetime_parsing", {"error": "a number"})
    return value


#: Starts that the calendar and the weather's typical year can be used for.
Start = Annotated[
    AwareDatetime,
    BeforeValidator(_no_number),
    Field(ge=datetime(1950, 1, 1, tzinfo=UTC), le=datetime(2200, 12, 31, tzinfo=UTC)),
]
ParameterValue = bool | int | float | str


class FailureSpec(Spec):
    """Failures of the servers that jobs run on."""

    model: Literal["none", "sampled", "file"] = Field(
        default="none",
        description="none; sampled at each accelerator type's own rate; or read from file",
    )
    rate_factor: NonNegative = Field(default=1.0, description="times each type's own rate")
    repair_median_h: Positive = Field(default=4.0, description="log-normal, h")
    repair_sigma: NonNegative = Field(
        default=1.2, description="sigma of the log-normal repair time"
    )
    file: str | None = Field(
        default=None, description="CSV or parquet of time_s, pool, repair_s and perhaps place"
    )
    reclaim: dict[str, str] = Field(
        default_factory=dict,
        description="pool: spot availability (JSON of metadata.gap_seconds and data, nodes "
        "available by tick) that its job accelerators follow",
    )
    reclaim_share: Annotated[float, Field(gt=0.0, le=1.0)] = Field(
        default=1.0, description="part of such a pool that is spot capacity"
    )

    @model_validator(mode="after")
    def _used(self) -> FailureSpec:
        if (self.file is not None) != (self.model == "file"):
            raise ValueError("file belongs to failures.model=file, which needs it")
        if self.reclaim_share != 1.0 and not self.reclaim:
            raise ValueError("reclaim_share is used only with failures.reclaim")
        usual = (self.rate_factor, self.repair_median_h, self.repair_sigma) == (1.0, 4.0, 1.2)
        if self.model != "sampled" and not usual:
            raise ValueError("rates and repairs are used only with failures.model=sampled")
        return self


class PolicySpec(Spec):
    """A registered policy by name, and its parameters."""

    name: Identifier = Field(
        default="nearest",
        description="a built-in policy (computenet list policies) or one that has been registered",
    )
    parameters: dict[str, ParameterValue] = Field(
        default_factory=dict,
        description="values by name of the policy's parameter; others stay as they are",
    )


class RunSpec(Spec):
    """How the run is cut and sampled, and the rules by which jobs and replicas go."""

    slot_s: Annotated[float, Field(ge=1, le=86400)] = Field(
        default=900.0, description="accounting slot, s"
    )
    epoch_s: Annotated[float, Field(ge=1, le=604800)] = Field(
        default=900.0, description="time between two policy calls, s"
    )
    sampling: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        default=1, description="one replica and one request in this many are simulated"
    )
    request_window_h: NonNegative = Field(
        default=0.0,
        description="requests are simulated and counted in windows of this length only, one every "
        "request_period_h; 0 = all the time",
    )
    request_period_h: NonNegative = Field(
        default=0.0,
        description="time from the begin of one window to the next; one that has no factor in "
        "common with 24 (13, 17, ...) lets windows see every hour of the day",
    )
    request_warmup_h: NonNegative = Field(
        default=0.25, description="simulated before every window, but not counted"
    )
    warmup_h: NonNegative = Field(
        default=0.0,
        description="waits, latencies and SLO count jobs submitted and requests ended from then on",
    )
    checkpoint_interval_s: NonNegative = Field(
        default=1800.0, description="time between checkpoints of a running job, s; 0 = none"
    )
    checkpoints: Literal["fixed", "young-daly"] = Field(
        default="fixed",
        description="fixed: at the interval above; young-daly: at the best one for the gang's "
        "failure rate, sqrt(2 x cost x mean time between failures)",
    )
    checkpoint_cost_s: NonNegative = Field(
        default=0.0, description="time that writing a checkpoint holds a job up, s"
    )
    restart_s: NonNegative = Field(
        default=900.0, description="overhead of restarting an interrupted job, s"
    )
    on_outage: Literal["wait", "move"] = Field(
        default="wait",
        description="jobs of a site that stops wait for it, or go elsewhere by the policy's shares "
        "from their last checkpoint, with their data",
    )
    kill_at_estimate: bool = Field(
        default=False, description="a job is stopped once it has run for its user's estimate"
    )
    discipline: Discipline | None = Field(
        default=None, description="discipline of every pool, in place of the pools' own"
    )
    reserved_share: Share = Field(
        default=0.0,
        description="share of every pool's accelerators held for reserved job classes; discipline "
        "preemptive",
    )
    service_law: Literal["processor-sharing", "continuous-batching"] = Field(
        default="processor-sharing",
        description="how replicas serve: fluid and fastest, or engine step by engine step",
    )
    prefix_cache: Literal["none", "shared"] = Field(
        default="none",
        description="shared: prompt blocks that a replayed trace has seen before are not computed, "
        "wherever they were seen; an upper bound on reuse",
    )
    replica_choice: Literal["round-robin", "random", "least-work", "two-choices"] = Field(
        default="random",
        description="which replica of a site takes a request: the next in turn, one at random, the "
        "one with least work, or the better of two at random",
    )

    @model_validator(mode="after")
    def _windows(self) -> RunSpec:
        if self.request_window_h == 0.0:
            if self.request_period_h != 0.0 or self.request_warmup_h != 0.25:
                raise ValueError("periods and warm-ups belong to request_window_h, which is 0")
            return self
        if self.request_window_h + self.request_warmup_h >= self.request_period_h:
            raise ValueError(
                "request_period_h is longer than request_warmup_h and request_window_h together"
            )
        lengths = (self.request_window_h, self.request_warmup_h, self.request_period_h)
        slots = [3600.0 * length / self.slot_s for length in lengths]
        if self.slot_s % 60.0 != 0.0 or any(abs(n - round(n)) > 1e-9 for n in slots):
            raise ValueError(
                "windows of requests are whole slots, and slots whole minutes: request_window_h, "
                "request_warmup_h and request_period_h are multiples of slot_s"
            )
        return self


class SiteOutage(Spec):
    """A site that stops and comes back."""

    kind: Literal["site-outage"] = Field(description="a site stops")
    site: Identifier = Field(description="id of the site")
    at_h: NonNegative = Field(description="begin, h from the start of the run")
    duration_h: Positive = Field(description="how long it lasts, h")


class LinkCut(Spec):
    """A link that is cut and repaired."""

    kind: Literal["link-cut"] = Field(description="a link is cut")
    link: Identifier = Field(description="id of the link")
    at_h: NonNegative = Field(description="begin, h from the start of the run")
    duration_h: Positive = Field(description="how long it lasts, h")


class WeatherShift(Spec):
    """Warmer or colder weather than the typical year's, for a while."""

    kind: Literal["weather-shift"] = Field(description="warmer or colder weather")
    sites: Annotated[list[Identifier], Field(min_length=1)] = Field(description="ids of the sites")
    at_h: NonNegative = Field(description="begin, h from the start of the run")
    duration_h: Positive = Field(description="how long it lasts, h")
    temperature_c: Annotated[float, Field(ge=-40.0, le=40.0)] = Field(
        description="added to the temperature, °C"
    )


class GridShift(Spec):
    """Grid power dearer and dirtier (or the reverse), and less of it, for a while."""

    kind: Literal["grid-shift"] = Field(description="other prices, emissions and import limits")
    sites: Annotated[list[Identifier], Field(min_length=1)] = Field(description="ids of the sites")
    at_h: NonNegative = Field(description="begin, h from the start of the run")
    duration_h: Positive = Field(description="how long it lasts, h")
    price_factor: NonNegative = Field(default=1.0, description="on the price of grid energy")
    emission_factor: NonNegative = Field(default=1.0, description="on the grid's emissions")
    import_limit_share: Share = Field(
        default=1.0,
        description="most import, over the site's IT capacity times its PUE; in a slot that is "
        "covered in part, in proportion",
    )


class GridEvent(Spec):
    """The grid asks a site to shed load: running jobs are paused, as far as there are any."""

    kind: Literal["grid-event"] = Field(description="a site is asked to shed load")
    site: Identifier = Field(description="id of the site")
    at_h: NonNegative = Field(description="begin, h from the start of the run")
    duration_h: Positive = Field(description="how long it lasts, h")
    shed_mw: Positive = Field(description="power asked for, MW")


class DemandSurge(Spec):
    """More requests than usual from some regions, for a while."""

    kind: Literal["demand-surge"] = Field(description="more requests")
    regions: Annotated[list[Identifier], Field(min_length=1)] = Field(
        description="ids of the regions"
    )
    at_h: NonNegative = Field(description="begin, h from the start of the run")
    duration_h: Positive = Field(description="how long it lasts, h")
    factor: Positive = Field(description="on the regions' request rates")


Event = Annotated[
    SiteOutage | LinkCut | WeatherShift | GridShift | GridEvent | DemandSurge,
    Field(discriminator="kind"),
]


class Scenario(Spec):
    """Everything a run needs: the same scenario and seed give the same tables, bit for bit."""

    name: Identifier = Field(description="short name of the scenario")
    title: Name = Field(description="name in English and Chinese")
    start: Start = Field(
        default=datetime.fromisoformat("2025-07-07T00:00:00+08:00"),
        description="date and time at which the run starts, with its offset from UTC",
    )
    days: Annotated[float, Field(gt=0, le=3660)] = Field(
        default=7.0, description="length of the run, days"
    )
    seed: Annotated[int, Field(ge=0, lt=2**63)] = Field(
        default=1, description="of every random stream"
    )
    topology: TopologySpec = Field(
        description="the supply side; a built-in name, a file, a layout or its fields"
    )
    workload: WorkloadSpec = Field(
        description="the demand side; a built-in name, a file or its fields"
    )
    policy: PolicySpec = Field(
        default_factory=PolicySpec, description="who schedules; its name alone is enough"
    )
    run: RunSpec = Field(
        default_factory=RunSpec, description="time steps, sampling and rules of the run"
    )
    energy: EnergySpec = Field(
        default_factory=EnergySpec, description="how power, cooling and carbon are modelled"
    )
    network: NetworkSpec = Field(
        default_factory=NetworkSpec, description="paths, copies of data and bulk moves"
    )
    failures: FailureSpec = Field(
        default_factory=FailureSpec, description="failures of servers and reclaimed spot capacity"
    )
    events: list[Event] = Field(
        default_factory=list,
        description="what happens at given times: outages, cuts, weather, grid, surges",
    )
    planning: PlanningSpec | None = Field(
        default=None, description="what a plan may build; used by plans alone"
    )

    @property
    def horizon_s(self) -> float:
        """Length of the run in seconds."""
        return self.days * 86_400.0

    @property
    def n_slots(self) -> int:
        """Accounting slots of the run; the last may be short, but not by rounding alone."""
        return math.ceil(self.horizon_s / self.run.slot_s - 1e-9)
