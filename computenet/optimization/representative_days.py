"""Days that stand for a year: medoids of clusters, and the extreme days themselves.

Days are clustered by Ward's criterion (Ward, JASA 58, 1963) on their standardised hours, which
joins the two clusters whose union adds least to the sum of squares; each cluster is shown by its
medoid, the day with the least sum of distances to the others (Nahmmacher et al., *Energy* 112,
2016, for power systems). Extreme days are set apart first and stand for themselves, one day of the
year each (Dominguez-Munoz et al., *Energy and Buildings* 43, 2011); what systems are sized for is
not averaged away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["RepresentativeDays", "choose_days", "keep_mean"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class RepresentativeDays:
    """Days by order in the year.

    Attributes
    ----------
    day
        ``(n,)`` number of the day.
    weight
        ``(n,)`` days it stands for; they sum to all days.
    kind
        ``(n,)`` why it was taken: ``typical``, or the name of the extreme.
    cluster
        ``(days,)`` which of the chosen days stands for each day.
    """

    day: I8
    weight: F8
    kind: tuple[str, ...]
    cluster: I8


def choose_days(features: F8, count: int, extremes: Mapping[str, F8]) -> RepresentativeDays:
    """Return `count` days (or all there are) that stand for the others.

    Parameters
    ----------
    features
        ``(days, n)`` what is alike in like days; every column is standardised, constant ones fall
        out. Groups of columns weigh as many as they are.
    count
        Days wanted. Extremes come before typical days, but one typical day at least stays.
    extremes
        By name, ``(days,)`` scores; the day with the highest is kept, the first of equals.
    """
    days = len(features)
    count = min(count, days)
    if count == days:
        each = np.arange(days)
        return RepresentativeDays(each, np.ones(days), ("typical",) * days, each)
    spread = features.std(axis=0)
    alive = spread > 1e-12 * np.maximum(np.abs(features).max(axis=0), 1e-300)
    points = (features[:, alive] - features[:, alive].mean(axis=0)) / spread[alive]
    apart: dict[int, str] = {}
    for name, score in extremes.items():
        day = int(np.argmax(score))
        if len(apart) < count - 1 and day not in apart:
            apart[day] = name
    rest = np.asarray([day for day in range(days) if day not in apart], dtype=np.int64)
    label = _ward(points[rest], count - len(apart))
    medoid = [
        int(rest[label == k][_medoid(points[rest[label == k]])]) for k in range(label.max() + 1)
    ]
    chosen = dict.fromkeys(medoid, "typical") | apart
    order = np.asarray(sorted(chosen), dtype=np.int64)
    place = {int(day): at for at, day in enumerate(order)}
    cluster = np.empty(days, dtype=np.int64)
    cluster[rest] = [place[medoid[k]] for k in label]
    for day in apart:
        cluster[day] = place[day]
    weight = np.bincount(cluster, minlength=len(order)).astype(np.float64)
    return RepresentativeDays(order, weight, tuple(chosen[int(day)] for day in order), cluster)


def _ward(points: F8, count: int) -> I8:
    from scipy.cluster.hierarchy import fcluster, ward

    if count >= len(points):
        return np.arange(len(points))
    if count == 1 or points.shape[1] == 0:
        return np.zeros(len(points), dtype=np.int64)
    return np.asarray(fcluster(ward(points), count, criterion="maxclust"), dtype=np.int64) - 1


def _medoid(points: F8) -> int:
    square = (points**2).sum(axis=1)
    far = np.sqrt(np.maximum(square[:, None] + square[None, :] - 2.0 * points @ points.T, 0.0))
    return int(np.argmin(far.sum(axis=1)))


def keep_mean(values: F8, days: RepresentativeDays, most: float = np.inf) -> F8:
    """Return hourly values of the chosen days, scaled so that the mean of the year stays.

    Typical days take the factor, extreme ones stay as they are. What would pass `most` is cut, and
    the others raised for it.

    Parameters
    ----------
    values
        ``(n, 24 days)`` hours of a year of whole days, at least 0.
    most
        Highest value, e.g. 1 for output over capacity.

    Returns
    -------
    ndarray
        ``(n, 24 chosen)``.
    """
    by_day = values.reshape(len(values), -1, 24)
    taken = by_day[:, days.day]
    typical = np.asarray([kind == "typical" for kind in days.kind])
    wanted = by_day.sum(axis=(1, 2))
    fixed = np.einsum("ndh,d->n", taken[:, ~typical], days.weight[~typical])
    out = taken.copy()
    for _ in range(20):
        now = np.einsum("ndh,d->n", out[:, typical], days.weight[typical])
        factor = np.divide(wanted - fixed, now, out=np.ones(len(values)), where=now > 0.0)
        factor = np.maximum(factor, 0.0)
        if np.abs(factor - 1.0).max(initial=0.0) < 1e-12:
            break
        out[:, typical] = np.minimum(out[:, typical] * factor[:, None, None], most)
    return out.reshape(len(values), -1)
