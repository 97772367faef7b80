"""Counts of arrivals by bin: dispersion by time scale, autocorrelation, and the bursts behind."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

__all__ = ["SCALES_S", "autocorrelation", "dispersion", "fit_bursts", "shaped_out"]

F8 = NDArray[np.float64]

#: Bins below which a statistic of counts is not given.
FEWEST_BINS = 20
#: Correlation times tried, s; none below the generator's cell.
CORRELATIONS_S = (60.0, 180.0, 600.0, 1800.0, 5400.0, 21_600.0)
#: Time scales at which dispersion is matched, s.
SCALES_S = (60.0, 120.0, 300.0, 600.0, 1200.0, 3600.0, 7200.0)
#: Components of the burst factor at most.
MOST_BURSTS = 2


def _counts(times_s: F8, span_s: float, bin_s: float) -> F8 | None:
    """Return arrivals of whole bins; ``None`` if there are too few."""
    bins = int(span_s // bin_s)
    if bins < FEWEST_BINS:
        return None
    inside = times_s[times_s < bins * bin_s]
    return np.bincount((inside // bin_s).astype(np.int64), minlength=bins).astype(np.float64)


def dispersion(times_s: F8, span_s: float, bin_s: float) -> float | None:
    """Return the index of dispersion for counts: variance over mean; 1 for a Poisson process."""
    counts = _counts(times_s, span_s, bin_s)
    if counts is None or counts.mean() == 0.0:
        return None
    return float(counts.var(ddof=1) / counts.mean())


def autocorrelation(times_s: F8, span_s: float, bin_s: float, lag: int) -> float | None:
    """Return the correlation of counts `lag` bins apart."""
    counts = _counts(times_s, span_s, bin_s)
    if counts is None or len(counts) <= lag + FEWEST_BINS or counts.std() == 0.0:
        return None
    centred = counts - counts.mean()
    return float((centred[:-lag] * centred[lag:]).mean() / centred.var())


def shaped_out(times_s: F8, hourly: F8) -> F8:
    """Return times on a clock that runs with the daily shape, so that only bursts are left.

    Parameters
    ----------
    hourly
        ``(24,)`` relative rates; the mean is taken out.
    """
    shape = hourly / hourly.mean()
    edges = np.concatenate([[0.0], np.cumsum(shape)]) * 3600.0
    day = np.floor(times_s / 86_400.0)
    within = np.interp(times_s - 86_400.0 * day, np.arange(25) * 3600.0, edges)
    warped: F8 = 86_400.0 * day + within
    return warped


def fit_bursts(
    times_s: F8, span_s: float, without: Sequence[float] | None = None
) -> list[tuple[float, float]]:
    """Return (coefficient of variation, correlation time in s) of the burst factor's components.

    For a Cox process whose rate factor has the autocovariance ``sum v_i exp(-t / c_i)`` the
    dispersion at scale ``T`` is ``1 + 2 lambda / T sum v_i (c_i T - c_i^2 (1 - exp(-T / c_i)))``
    (D. R. Cox and V. Isham, Point Processes, 1980, section 3.3). The variances ``v_i >= 0`` are
    those that match the dispersions at `SCALES_S` best, relative errors squared (scales at which
    every count is the same have none); the largest components are kept.

    Parameters
    ----------
    without
        Dispersions at `SCALES_S` of a process without bursts; 1 each for single arrivals.
    """
    rate = len(times_s) / span_s
    seen = {scale: dispersion(times_s, span_s, scale) for scale in SCALES_S}
    scales = np.asarray([scale for scale, value in seen.items() if value])
    if not scales.size or rate <= 0.0:
        return []
    values = np.asarray([seen[scale] for scale in scales], dtype=np.float64)
    plain = np.asarray(
        [value for value, scale in zip(without or [1.0] * len(SCALES_S), SCALES_S, strict=True)
         if seen[scale]]
    )  # fmt: skip
    lasting = np.asarray([c for c in CORRELATIONS_S if c <= span_s / 4.0] or [CORRELATIONS_S[0]])
    kernel = (
        2.0 * rate / scales[:, None]
        * (
            lasting[None, :] * scales[:, None]
            - lasting[None, :] ** 2 * (1.0 - np.exp(-scales[:, None] / lasting[None, :]))
        )
    )  # fmt: skip

    def solved(columns: NDArray[np.intp]) -> F8:
        found, _ = nnls(
            kernel[:, columns] / values[:, None], np.maximum(values - plain, 0.0) / values
        )
        return np.asarray(found, dtype=np.float64)

    every = np.arange(len(lasting))
    first = solved(every)
    largest = np.sort(np.argsort(first)[::-1][:MOST_BURSTS])
    variance = solved(largest)
    return [
        (float(np.sqrt(v)), float(c))
        for v, c in zip(variance, lasting[largest], strict=True)
        if v > 1e-6
    ]
