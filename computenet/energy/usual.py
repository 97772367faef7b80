"""What is usual for the month and the hour, and how long what differs from it lasts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from computenet.energy.weather import HOURS

__all__ = ["Usual", "expected_ahead", "usual_year"]

F8 = NDArray[np.float64]

MONTH_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
#: Hours over which the memory of anomalies is measured.
LAG = 6


@dataclass(frozen=True, slots=True)
class Usual:
    """A site's usual values, axes ``I`` sites and ``T`` hours of a year or slots of a run.

    Attributes
    ----------
    mean, spread
        ``(I, T)`` mean and standard deviation of the same hour of the day in the same month.
    memory_h
        ``(I,)`` hours after which a difference from the mean, in spreads, is 1/e of itself.
    """

    mean: F8
    spread: F8
    memory_h: F8


def month_of_hour() -> NDArray[np.int64]:
    """Return the month, 0 to 11, of every hour of the year."""
    return np.repeat(np.arange(12), np.asarray(MONTH_DAYS) * 24)


def usual_year(year: F8) -> Usual:
    """Return what is usual of a year, ``(I, 8760)`` from 0 h on 1 January.

    The memory is that of a first-order autoregression with the correlation of differences `LAG`
    hours apart, where an hour's values differ at all.
    """
    kind = 24 * month_of_hour() + np.arange(HOURS) % 24
    count = np.bincount(kind, minlength=288)

    def by_kind(values: F8) -> F8:
        return np.stack([np.bincount(kind, row, 288) / count for row in values])[:, kind]

    mean = by_kind(year)
    apart = year - mean
    spread = np.sqrt(by_kind(apart**2))
    varies = spread > 1e-9 * np.maximum(np.abs(mean), 1e-9)
    spread = np.where(varies, spread, 0.0)
    scaled = np.divide(apart, spread, out=np.zeros_like(apart), where=varies)
    both = (varies[:, LAG:] & varies[:, :-LAG]).sum(axis=1)
    product = (scaled[:, LAG:] * scaled[:, :-LAG]).sum(axis=1)
    alike = np.clip(product / np.maximum(both, 1), 1e-3, 0.999)
    return Usual(mean, spread, -LAG / np.log(alike))


def expected_ahead(now: F8, usual: Usual, at: int, slots: NDArray[np.int64], lead_h: F8) -> F8:
    """Return what is expected in slots to come, ``(I, n)``: differences from the usual fade.

    ``mean(t) + spread(t) z exp(-lead / memory)``, with `z` the difference of now in spreads, the
    best linear forecast of a first-order autoregression (persistence at first, climate in the end;
    the reference of T. S. Nielsen et al., Wind Energy 1, 1998, for wind power).

    Parameters
    ----------
    now
        ``(I,)`` measured in slot `at`.
    slots, lead_h
        ``(n,)`` slots, and hours from now until they begin.
    """
    spread = usual.spread[:, at]
    apart = np.divide(now - usual.mean[:, at], spread, out=np.zeros(len(now)), where=spread > 0.0)
    left = apart[:, None] * np.exp(-lead_h[None, :] / usual.memory_h[:, None])
    expected: F8 = usual.mean[:, slots] + usual.spread[:, slots] * left
    return expected
