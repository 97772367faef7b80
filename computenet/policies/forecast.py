"""What requests are expected: forecasts that planning policies take by name.

A forecaster is told every view and then asked for the mean rates between edges of time to come. Of
jobs nothing is forecast: policies go by the load and the work that they see come. A package adds a
forecaster by an entry point of the group ``computenet.forecasts``.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Annotated, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator

from computenet.errors import InputError, Problem, nearest
from computenet.policies.protocol import SystemView
from computenet.validation import one_of

__all__ = [
    "EpochClock",
    "Expected",
    "ForecastName",
    "Forecaster",
    "Perfect",
    "Persistence",
    "Seasonal",
    "forecast_names",
    "make_forecaster",
]

F8 = NDArray[np.float64]
DAY_S = 86_400.0
#: Entry points of other packages.
GROUP = "computenet.forecasts"


class Expected(NamedTuple):
    """Requests between edges, ``T`` periods."""

    request_rate_per_s: F8  # (T, D) real requests a second


class Forecaster(Protocol):
    """Expects requests; ``wants_future`` says whether it is to be shown what really comes."""

    wants_future: bool

    def observe(self, view: SystemView) -> None:
        """Take note of a control epoch."""
        ...

    def expect(self, view: SystemView, edges_s: F8) -> Expected:
        """Return what is expected between edges, from now on."""
        ...


class EpochClock:
    """Tells plans at the end of an epoch from those that an outage or a cut calls for within one.

    The latter are shown the rates of the last epoch once more.
    """

    def __init__(self) -> None:
        self._end_s = 0.0

    def ended(self, view: SystemView) -> bool:
        """Whether an epoch has ended since the last time that one had."""
        if view.now_s < self._end_s + view.epoch_s - 1e-6:
            return False
        self._end_s = view.now_s
        return True


class Persistence:
    """What was measured over the last epoch goes on."""

    wants_future = False

    def observe(self, view: SystemView) -> None:
        """Nothing to remember: the view holds the last epoch."""

    def expect(self, view: SystemView, edges_s: F8) -> Expected:
        """Return the last rates for every period."""
        periods = len(edges_s) - 1
        return Expected(np.tile(view.request_rate_per_s, (periods, 1)))


class Seasonal:
    """The same time yesterday, at today's level.

    Rates are remembered by time of day; a period is expected at yesterday's rate times what the
    last epoch was of yesterday's rate then, by demand, between half and twice. As long as no day
    has been seen, the last rates go on.
    """

    wants_future = False

    def __init__(self) -> None:
        self._times_s: list[float] = []
        self._rates: list[F8] = []
        self._epochs = EpochClock()

    def observe(self, view: SystemView) -> None:
        """Remember the rates of the epoch that ended now, for two days."""
        if not self._epochs.ended(view):
            return
        self._times_s.append(view.now_s - 0.5 * view.epoch_s)
        self._rates.append(view.request_rate_per_s)
        while self._times_s[0] < view.now_s - 2.0 * DAY_S:
            del self._times_s[0], self._rates[0]

    def expect(self, view: SystemView, edges_s: F8) -> Expected:
        """Return yesterday's rates at today's level."""
        last = Persistence().expect(view, edges_s)
        middle_s = 0.5 * (edges_s[1:] + edges_s[:-1])
        if not self._times_s or self._times_s[0] > view.now_s - DAY_S + view.epoch_s:
            return last
        then = self._at(self._times_s[-1] - DAY_S)
        level = np.clip(self._rates[-1] / np.maximum(then, 1e-12), 0.5, 2.0)
        rates = []
        for period, time_s in enumerate(middle_s):
            back_s = time_s - DAY_S * np.ceil((time_s - self._times_s[-1]) / DAY_S)
            known = back_s >= self._times_s[0] - view.epoch_s
            rates.append(level * self._at(back_s) if known else last.request_rate_per_s[period])
        return Expected(np.asarray(rates))

    def _at(self, time_s: float) -> F8:
        """Return the remembered rates nearest to a time."""
        at = int(np.argmin(np.abs(np.asarray(self._times_s) - time_s)))
        return self._rates[at]


class Perfect:
    """What really comes: an upper bound on what forecasting is worth, never a fair policy."""

    wants_future = True

    def observe(self, view: SystemView) -> None:
        """Nothing to remember."""

    def expect(self, view: SystemView, edges_s: F8) -> Expected:
        """Return what the run will bring."""
        if view.future is None:
            raise ValueError("perfect foresight needs a view with the future in it")
        return Expected(view.future.request_rate_per_s(edges_s))


_BUILT_IN: dict[str, type[Any]] = {
    "persistence": Persistence,
    "seasonal": Seasonal,
    "perfect": Perfect,
}


@cache
def _registered() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP) if point.name not in _BUILT_IN}


def forecast_names() -> list[str]:
    """Return the names of all forecasts, built-in ones first."""
    return [*_BUILT_IN, *sorted(_registered())]


def _known(name: str) -> str:
    return one_of(name, forecast_names(), "names no forecast")


#: A forecast by name, as a parameter of a policy.
ForecastName = Annotated[str, AfterValidator(_known)]


def make_forecaster(name: str) -> Forecaster:
    """Return a new forecaster by name.

    Raises
    ------
    InputError
        There is no such forecast.
    """
    names = forecast_names()
    if name not in names:
        raise InputError(
            [
                Problem(
                    "policy.parameters.forecast", name, "names no forecast", ", ".join(names),
                    nearest(name, names),
                )
            ],
            "policy cannot be used",
        )  # fmt: skip
    kind = _BUILT_IN[name] if name in _BUILT_IN else _registered()[name].load()
    made: Forecaster = kind()
    return made
