"""The demand side a user describes: models, service classes, job classes, shapes and bursts."""

from __future__ import annotations

import math
from datetime import date
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, model_validator

from computenet.scenario.common import (
    Identifier,
    Name,
    NonNegative,
    Positive,
    Share,
    Sourced,
)

Hourly = Annotated[list[NonNegative], Field(min_length=24, max_length=24)]


Quantiles = Annotated[list[Positive], Field(min_length=2, max_length=1025)]


def _rising(quantiles: list[float] | None) -> None:
    if quantiles is not None and any(b < a for a, b in pairwise(quantiles)):
        raise ValueError("quantiles do not fall from one to the next")


class ModelSpec(Sourced):
    """A language model that replicas serve."""

    name: Identifier = Field(description="unique among models")
    parameters_b: Positive = Field(description="parameters in all, billions")
    active_parameters_b: Positive = Field(description="parameters used for one token, billions")
    bytes_per_parameter: Positive = Field(description="2 for BF16, 1 for FP8")
    cache_kb_per_token: NonNegative = Field(description="key-value cache of one token, kB")
    layers: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        default=None, description="layers; continuous batching needs them"
    )
    attention_width: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        default=None,
        description="query heads times their size; continuous batching needs it",
    )
    serving_share: Share = Field(description="share of serving accelerators that hold it")

    @model_validator(mode="after")
    def _active_is_a_part(self) -> ModelSpec:
        if self.active_parameters_b > self.parameters_b:
            raise ValueError("active_parameters_b is larger than parameters_b")
        return self


class TokensSpec(Sourced):
    """Token counts of a service class: log-normal with this mean and median, capped."""

    mean: Positive = Field(description="mean number of tokens")
    p50: Positive = Field(description="median number of tokens, at most the mean")
    most: Annotated[int, Field(ge=1, le=10_000_000)] = Field(
        description="tokens above this are cut"
    )
    quantiles: Quantiles | None = Field(
        default=None,
        description="values at equal steps of probability from 0 to 1, in place of the log-normal "
        "law; in between they go straight in logarithms",
    )

    @model_validator(mode="after")
    def _mean_over_median(self) -> TokensSpec:
        if self.quantiles is None and self.mean < self.p50:
            raise ValueError("the mean of a log-normal law is not below its median (p50)")
        _rising(self.quantiles)
        return self


class ServiceClassSpec(Sourced):
    """A kind of request, its objectives, and how far away it may be served."""

    name: Identifier = Field(description="unique among service classes")
    title: Name = Field(description="name in English and Chinese")
    model: Identifier = Field(description="name of the model that serves it")
    share: Share = Field(description="share of national requests")
    input_tokens: TokensSpec = Field(description="new tokens of a prompt")
    output_tokens: TokensSpec = Field(description="tokens of an answer")
    token_correlation: Annotated[float, Field(ge=-1.0, le=1.0)] = Field(
        default=0.0,
        description="correlation of input and output tokens, of the normal numbers behind them",
    )
    ttft_slo_ms: Positive = Field(description="objective of the time to the first token, ms")
    tpot_slo_ms: Positive = Field(
        description="objective of the time per output token after the first, ms"
    )
    latency_circle_ms: Positive = Field(description="one-way latency circle: 1, 5 or 20 ms")
    network: Literal["wavelength", "private-ip", "internet"] = Field(
        default="wavelength",
        description="what carries the requests: latency 1, 1.5 or 1.72 times that of the links",
    )
    turns_mean: Annotated[float, Field(ge=1.0, le=1000.0)] = Field(
        default=1.0,
        description="mean turns of a conversation; each prompt holds all that was said before, and "
        "input_tokens is what is new",
    )
    pause_median_s: Positive = Field(
        default=60.0, description="median time between two turns of a conversation, s"
    )
    pause_sigma: NonNegative = Field(
        default=1.0, description="sigma of the log-normal time between two turns"
    )
    human_share: Share = Field(
        default=0.75, description="share of requests that follow the human daily shape"
    )
    gb_per_request: NonNegative = Field(description="traffic of one request, both ways, GB")

    def mean_prompt_tokens(self, *, reuse: bool) -> float:
        """Return the mean tokens of a prompt that are computed.

        Turns are geometric in number, so a turn has ``turns_mean - 1`` turns before it on average,
        each of which left its prompt's new tokens and its answer.

        Parameters
        ----------
        reuse
            What was said before is in a prefix cache.
        """
        new = self.input_tokens.mean
        said = (self.turns_mean - 1.0) * (new + self.output_tokens.mean)
        return new if reuse else min(new + said, float(self.input_tokens.most))


class JobClassSpec(Sourced):
    """A kind of job: how often, how large, how long, how much data."""

    name: Identifier = Field(description="unique among job classes")
    title: Name = Field(description="name in English and Chinese")
    rate_per_day: NonNegative = Field(description="national submissions a day, weekly mean")
    sizes: Annotated[dict[int, Positive], Field(min_length=1)] = Field(
        description="accelerators of the gang: relative weight"
    )
    run_time_median_s: Positive = Field(description="median run time at reference speed, s")
    run_time_sigma: NonNegative = Field(description="sigma of the log-normal run time")
    run_time_most_s: Positive = Field(
        description="longer run times are cut to this, s at reference speed"
    )
    run_time_quantiles_s: Quantiles | None = Field(
        default=None,
        description="run times at equal steps of probability from 0 to 1, in place of the "
        "log-normal law, s",
    )
    estimate_factor: Annotated[float, Field(ge=1.0)] = Field(
        description="mean of the user's estimate over the run time"
    )
    data_median_gb: NonNegative = Field(
        description="median size of a job's dataset, GB; 0 = no data"
    )
    data_sigma: NonNegative = Field(description="sigma of the log-normal size of a dataset")
    transfer_weight: Positive = Field(
        default=1.0,
        description="share of a link that a transfer gets beside others: private lines over 1, "
        "best effort below",
    )
    session_jobs_mean: Annotated[float, Field(ge=1.0)] = Field(
        default=1.0, description="mean jobs submitted together by one user"
    )
    session_pause_s: Positive = Field(
        default=120.0, description="mean time between two jobs of a session, s"
    )
    weekend_factor: NonNegative = Field(description="weekend submissions over those of weekdays")
    holiday_factor: NonNegative | None = Field(
        default=None, description="submissions of holidays over those of weekdays; as at weekends"
    )
    failed_share: Share = Field(
        default=0.0, description="share of jobs that fail of themselves before their end"
    )
    failed_after: Annotated[float, Field(ge=0.0, le=0.5)] = Field(
        default=0.2, description="mean part of its run time after which a failing job stops"
    )
    deadline_h: NonNegative | None = Field(
        default=None,
        description="a job should end within its run time and so many hours of submission, h",
    )
    data_elsewhere: Share = Field(
        default=0.0, description="share of jobs whose data lies in another region"
    )
    activity: Share = Field(description="share of an accelerator's dynamic power while running")
    priority: Annotated[int, Field(ge=-1000, le=1000)] = Field(
        default=0,
        description="larger goes first; read by pools of discipline multifactor or preemptive",
    )
    operation: Literal["reserved", "on-demand", "spot"] = Field(
        default="on-demand",
        description="reserved: run.reserved_share of every pool is held for it, and it goes first; "
        "on-demand: the usual queue; spot: goes last, may use what is held, and is stopped for the "
        "others, falling back to its last checkpoint. Needs pools of discipline preemptive",
    )
    price_cny_per_accelerator_h: NonNegative = Field(
        default=0.0,
        description="paid by users for accelerator-hours held, those lost to stops aside; 0 = free",
    )
    in_progress: bool = Field(
        default=False, description="runs of this class are under way when the scenario starts"
    )

    @model_validator(mode="after")
    def _sizes_are_gangs(self) -> JobClassSpec:
        if min(self.sizes) < 1:
            raise ValueError("a gang has at least 1 accelerator")
        _rising(self.run_time_quantiles_s)
        return self

    @property
    def mean_run_time_s(self) -> float:
        """Mean run time at reference speed of jobs that end well, s; the law is cut as it is drawn.

        For a log-normal law cut at ``m``, ``E[min(T, m)] = e^(mu + s^2/2) F(z - s) + m (1 - F(z))``
        with ``z = (ln m - mu) / s`` and ``F`` the normal distribution. A law of quantiles is
        straight in logarithms between them: a step from ``a`` to ``b`` has the mean
        ``(b - a) / ln(b/a)``.
        """
        most = self.run_time_most_s
        if self.run_time_quantiles_s is not None:
            steps = list(pairwise(self.run_time_quantiles_s))
            return math.fsum(_mean_between(low, high, most) for low, high in steps) / len(steps)
        sigma = self.run_time_sigma
        if sigma == 0.0:
            return min(self.run_time_median_s, most)
        z = math.log(most / self.run_time_median_s) / sigma
        mean = self.run_time_median_s * math.exp(sigma**2 / 2.0)
        return mean * _normal(z - sigma) + most * _normal(-z)

    @property
    def mean_held_s(self) -> float:
        """Mean time at reference speed that a job runs, s: those that fail stop earlier."""
        return self.mean_run_time_s * (1.0 - self.failed_share * (1.0 - self.failed_after))


def _normal(z: float) -> float:
    """Return the normal distribution function."""
    return 0.5 * math.erfc(-z / math.sqrt(2.0))


def _mean_between(low: float, high: float, most: float) -> float:
    """Return the mean of a step that is straight in logarithms and cut at `most`."""
    if most <= low:
        return most
    top = min(high, most)
    whole, part = math.log(high / low), math.log(top / low)
    if part == 0.0:
        return low
    return ((top - low) + (whole - part) * most) / whole


class VoucherSpec(Sourced):
    """Compute vouchers (算力券): part of users' bills for jobs is paid out of a public budget."""

    share: Annotated[float, Field(gt=0.0, le=1.0)] = Field(description="part of a bill they pay")
    budget_cny: NonNegative = Field(
        description="most that they pay in a run; what is claimed beyond is cut in proportion"
    )
    regions: list[Identifier] = Field(
        default_factory=list, description="whose users have them; nothing = all"
    )


class ShapeSpec(Sourced):
    """Relative demand by hour of the day, and weekend against weekday."""

    hourly: Hourly = Field(description="relative rate of human traffic by hour, any scale")
    weekday: Positive = Field(default=1.0, description="relative rate on working days, any scale")
    weekend: Positive = Field(
        default=1.0, description="relative rate at weekends, on the scale of weekday"
    )
    holiday: Positive | None = Field(default=None, description="on holidays; as at weekends")

    @model_validator(mode="after")
    def _some_demand(self) -> ShapeSpec:
        if not any(self.hourly):
            raise ValueError("hourly is 0 at every hour; at least one is above 0")
        return self


class BurstSpec(Sourced):
    """One component of the regional burst factor."""

    cv: NonNegative = Field(description="coefficient of variation of the factor; 0 = none")
    correlation_s: Positive = Field(description="time in which its autocorrelation falls to 1/e, s")


class WorkloadSpec(Sourced):
    """National demand."""

    id: Identifier = Field(description="short name of the workload")
    title: Name = Field(description="name in English and Chinese")
    description: str = Field(default="", description="in words, for readers")
    scale: NonNegative = Field(default=1.0, description="multiplies requests and jobs alike")
    request_rate_per_day: NonNegative = Field(description="national requests a day")
    holidays: list[date] = Field(default_factory=list, description="public holidays")
    worked_weekends: list[date] = Field(
        default_factory=list, description="weekend days that are worked in exchange"
    )
    request_shape: ShapeSpec = Field(description="requests by hour and kind of day")
    job_shape: ShapeSpec = Field(
        description="jobs by hour; by kind of day: weekend_factor and holiday_factor of job classes"
    )
    bursts: list[BurstSpec] = Field(default_factory=list, description="of requests, by region")
    job_bursts: list[BurstSpec] = Field(
        default_factory=list, description="of sessions of jobs, by class"
    )
    models: list[ModelSpec] = Field(
        default_factory=list, description="language models that are served"
    )
    service_classes: list[ServiceClassSpec] = Field(
        default_factory=list, description="kinds of requests"
    )
    job_classes: Annotated[list[JobClassSpec], Field(min_length=1)] = Field(
        description="kinds of jobs"
    )
    vouchers: VoucherSpec | None = Field(default=None, description="nothing = none")
