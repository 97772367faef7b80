"""Laws that the values of an axis follow, each by its quantile function."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator
from scipy.special import ndtr, ndtri

from computenet.scenario.common import Positive, Spec

__all__ = [
    "Choice",
    "IntegerUniform",
    "Law",
    "Listed",
    "LogNormal",
    "LogUniform",
    "Normal",
    "Triangular",
    "Uniform",
]

Unit = NDArray[np.float64]

#: Where normal and log-normal laws end that name no end, in standard deviations.
TAIL = 4.0


class _Between(Spec):
    low: float = Field(description="least value")
    high: float = Field(description="largest value")

    @model_validator(mode="after")
    def _in_order(self) -> _Between:
        if not self.low < self.high:
            raise ValueError("low is below high")
        return self

    def ends(self) -> tuple[Any, ...]:
        """Return the extreme values."""
        return (self.low, self.high)


class Uniform(_Between):
    """Every value between two ends equally likely."""

    kind: Literal["uniform"] = Field(description="the law")

    def at(self, u: Unit) -> list[Any]:
        """Return quantiles: ``low + u (high - low)``."""
        return _within(self.low + u * (self.high - self.low), self.low, self.high)


class LogUniform(_Between):
    """The logarithm is uniform."""

    kind: Literal["log-uniform"] = Field(description="the law; values are above 0")

    @model_validator(mode="after")
    def _positive(self) -> LogUniform:
        if self.low <= 0.0:
            raise ValueError("low is above 0: values are powers")
        return self

    def at(self, u: Unit) -> list[Any]:
        """Return quantiles: ``low (high / low)^u``."""
        return _within(self.low * (self.high / self.low) ** u, self.low, self.high)


class Triangular(_Between):
    """Most likely in between, falling in a straight line to both ends."""

    kind: Literal["triangular"] = Field(description="the law")
    mode: float = Field(description="likeliest value")

    @model_validator(mode="after")
    def _mode_between(self) -> Triangular:
        if not self.low <= self.mode <= self.high:
            raise ValueError("mode is between low and high")
        return self

    def at(self, u: Unit) -> list[Any]:
        """Return quantiles, by the inverse of the two parabolas of the distribution function."""
        width, rise = self.high - self.low, self.mode - self.low
        left = self.low + np.sqrt(u * width * rise)
        right = self.high - np.sqrt((1.0 - u) * width * (self.high - self.mode))
        return _within(np.where(u * width < rise, left, right), self.low, self.high)


class Normal(Spec):
    """Normal, cut at both ends; see `TAIL` where they are not named."""

    kind: Literal["normal"] = Field(description="the law")
    mean: float = Field(description="mean before the ends are cut")
    sd: Positive = Field(description="standard deviation before the ends are cut")
    low: float | None = Field(default=None, description="least value; none = the mean less 4 sd")
    high: float | None = Field(default=None, description="largest value; none = the mean and 4 sd")

    @model_validator(mode="after")
    def _cut_holds_something(self) -> Normal:
        low, high = self.ends()
        _mass((low - self.mean) / self.sd, (high - self.mean) / self.sd)
        return self

    def ends(self) -> tuple[Any, ...]:
        """Return the extreme values."""
        low = self.mean - TAIL * self.sd if self.low is None else self.low
        high = self.mean + TAIL * self.sd if self.high is None else self.high
        return (low, high)

    def at(self, u: Unit) -> list[Any]:
        """Return quantiles of the law between its ends."""
        low, high = self.ends()
        return _within(
            self.mean + self.sd * _cut_normal(u, (low - self.mean) / self.sd,
                                              (high - self.mean) / self.sd),
            low, high,
        )  # fmt: skip


class LogNormal(Spec):
    """The logarithm is normal, cut at both ends; see `TAIL` where they are not named."""

    kind: Literal["log-normal"] = Field(description="the law; values are above 0")
    median: Positive = Field(description="median before the ends are cut")
    sigma: Positive = Field(description="standard deviation of the natural logarithm")
    low: Positive | None = Field(
        default=None, description="least value; none = 4 sigma below the median"
    )
    high: Positive | None = Field(
        default=None, description="largest value; none = 4 sigma above the median"
    )

    @model_validator(mode="after")
    def _cut_holds_something(self) -> LogNormal:
        _mass(*self._scores())
        return self

    def ends(self) -> tuple[Any, ...]:
        """Return the extreme values."""
        low = self.median * np.exp(-TAIL * self.sigma) if self.low is None else self.low
        high = self.median * np.exp(TAIL * self.sigma) if self.high is None else self.high
        return (float(low), float(high))

    def _scores(self) -> tuple[float, float]:
        low, high = (float(np.log(end / self.median)) / self.sigma for end in self.ends())
        return low, high

    def at(self, u: Unit) -> list[Any]:
        """Return quantiles of the law between its ends."""
        return _within(
            self.median * np.exp(self.sigma * _cut_normal(u, *self._scores())), *self.ends()
        )


class IntegerUniform(Spec):
    """Whole numbers between two ends, both included, equally likely."""

    kind: Literal["integer-uniform"] = Field(description="the law")
    low: int = Field(description="least value")
    high: int = Field(description="largest value, itself included")

    @model_validator(mode="after")
    def _in_order(self) -> IntegerUniform:
        if not self.low <= self.high:
            raise ValueError("low is not above high")
        return self

    def ends(self) -> tuple[Any, ...]:
        """Return the extreme values."""
        return (self.low, self.high)

    def at(self, u: Unit) -> list[Any]:
        """Return quantiles."""
        steps = np.floor(u * (self.high - self.low + 1)).astype(np.int64)
        return [min(self.low + int(step), self.high) for step in steps]


class Choice(Spec):
    """One of some values, of any kind."""

    kind: Literal["choice"] = Field(description="the law")
    values: Annotated[list[Any], Field(min_length=1)] = Field(description="what is chosen from")
    weights: list[Annotated[float, Field(ge=0.0)]] | None = Field(
        default=None, description="relative; equal where none are given"
    )

    @model_validator(mode="after")
    def _weights_fit(self) -> Choice:
        if self.weights is not None:
            if len(self.weights) != len(self.values):
                raise ValueError("there is one weight a value")
            if not sum(self.weights) > 0.0:
                raise ValueError("a weight is above 0")
        return self

    def ends(self) -> tuple[Any, ...]:
        """Return all values: any may be wrong."""
        return tuple(self.values)

    def at(self, u: Unit) -> list[Any]:
        """Return the value in whose part of the unit interval each quantile falls."""
        weights = np.ones(len(self.values)) if self.weights is None else np.array(self.weights)
        upper = np.cumsum(weights) / weights.sum()
        last = int(np.flatnonzero(weights)[-1])
        where = np.minimum(np.searchsorted(upper, u, side="right"), last)
        return [self.values[int(i)] for i in where]


class Listed(Spec):
    """Numbers one by one: the levels of a grid, equally likely elsewhere."""

    kind: Literal["list"] = Field(description="the law")
    values: Annotated[list[float], Field(min_length=1)] = Field(
        description="numbers, each as likely as another"
    )

    def ends(self) -> tuple[Any, ...]:
        """Return all values."""
        return tuple(self.values)

    def at(self, u: Unit) -> list[Any]:
        """Return the value in whose part of the unit interval each quantile falls."""
        return Choice(kind="choice", values=list(self.values)).at(u)


Law = Annotated[
    Uniform | LogUniform | Triangular | Normal | LogNormal | IntegerUniform | Choice | Listed,
    Field(discriminator="kind"),
]


def _mass(low: float, high: float) -> None:
    if not low < high or not ndtr(high) - ndtr(low) > 1e-6:
        raise ValueError("low is below high, and the law has values between them")


def _cut_normal(u: Unit, low: float, high: float) -> Unit:
    """Return quantiles of the standard normal law between two ends."""
    below, above = ndtr(low), ndtr(high)
    cut: Unit = ndtri(below + u * (above - below))
    return cut


def _within(values: Unit, low: float, high: float) -> list[Any]:
    """Return values as numbers of Python; rounding does not carry them over an end."""
    return [float(value) for value in np.clip(values, low, high)]
