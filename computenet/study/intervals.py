"""Confidence intervals of means and of paired differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

__all__ = [
    "CONFIDENCE",
    "Difference",
    "Interval",
    "block_interval",
    "mean_interval",
    "paired_difference",
]

#: Of every interval.
CONFIDENCE = 0.95
#: Differences below this part of the figures themselves are rounding.
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and its confidence interval; ``None`` where it takes more values to tell.

    Attributes
    ----------
    mean
        ``None`` without values.
    low, high
        ``None`` with fewer than two values.
    n
        Values it is made of.
    """

    mean: float | None
    low: float | None
    high: float | None
    n: int

    def as_dict(self) -> dict[str, Any]:
        """Return the interval for JSON."""
        return {"low": self.low, "mean": self.mean, "high": self.high, "n": self.n}


@dataclass(frozen=True, slots=True)
class Difference:
    """The mean difference of two policies over the same seeds.

    Attributes
    ----------
    interval
        Of the differences.
    relative
        The mean difference over the mean of the one compared with.
    p_value
        Two-sided, of the paired t test; ``None`` with fewer than two pairs.
    significant
        The interval does not hold 0; ``None`` with fewer than two pairs.
    """

    interval: Interval
    relative: float | None
    p_value: float | None
    significant: bool | None

    def as_dict(self) -> dict[str, Any]:
        """Return the difference for JSON."""
        return {
            **self.interval.as_dict(),
            "relative": self.relative,
            "p_value": self.p_value,
            "significant": self.significant,
        }


def mean_interval(values: Sequence[float | None]) -> Interval:
    """Return the mean of independent values with its 95 % interval.

    ``mean ± t(0.975, n - 1) s / √n`` with the sample's standard deviation s (Student, Biometrika
    6(1), 1908). Values that are ``None`` or not finite make the whole figure ``None``: the mean of
    the others would be that of other seeds.
    """
    if not values or any(value is None or not np.isfinite(value) for value in values):
        return Interval(None, None, None, 0)
    sample = np.asarray(values, dtype=np.float64)
    n, mean = len(sample), float(sample.mean())
    if n < 2:
        return Interval(mean, None, None, n)
    half = float(stats.t.ppf(0.5 + CONFIDENCE / 2.0, n - 1) * sample.std(ddof=1) / np.sqrt(n))
    return Interval(mean, mean - half, mean + half, n)


def block_interval(blocks: NDArray[np.float64]) -> Interval:
    """Return the mean of values whose blocks are independent, but not the values within one.

    The mean is that of all values known, ``R = Σ y / Σ m`` of the blocks' sums y and numbers m. Its
    interval is ``R ± t(0.975, k - 1) √(Σ (y - R m)² / (k (k - 1))) / (Σ m / k)`` over the k blocks
    that hold any: that of a ratio (Cochran, Sampling Techniques, 3rd edition, 1977, chapter 6), and
    Student's interval of the blocks' means where all blocks are whole.

    Parameters
    ----------
    blocks
        Shape (block, value); NaN where there is none.
    """
    known = np.isfinite(blocks)
    sums, numbers = np.where(known, blocks, 0.0).sum(axis=1), known.sum(axis=1)
    sums, numbers = sums[numbers > 0], numbers[numbers > 0]
    k, n = len(sums), int(numbers.sum())
    if not k:
        return Interval(None, None, None, 0)
    mean = float(sums.sum() / n)
    if k < 2:
        return Interval(mean, None, None, n)
    error = np.sqrt(((sums - mean * numbers) ** 2).sum() / (k * (k - 1))) / (n / k)
    half = float(stats.t.ppf(0.5 + CONFIDENCE / 2.0, k - 1) * error)
    return Interval(mean, mean - half, mean + half, n)


def paired_difference(values: Sequence[float | None], base: Sequence[float | None]) -> Difference:
    """Return the mean of ``values - base``, pair by pair, and whether it can be told from 0.

    Pairs share their seed and so their demand: what both have in common falls out, and a small
    difference shows that two separate intervals would hide.
    """
    if len(values) != len(base):
        raise ValueError("paired values differ in number")
    pairs = [
        (a, b)
        for a, b in zip(values, base, strict=True)
        if a is not None and b is not None and np.isfinite(a) and np.isfinite(b)
    ]
    if len(pairs) != len(values):
        return Difference(Interval(None, None, None, 0), None, None, None)
    a, b = np.asarray(pairs, dtype=np.float64).reshape(-1, 2).T
    difference = a - b
    size = np.maximum(np.abs(a), np.abs(b))
    difference[np.abs(difference) <= ROUNDING * size] = 0.0
    interval = mean_interval([float(value) for value in difference])
    if interval.mean is None:
        return Difference(interval, None, None, None)
    level = abs(float(b.mean()))
    relative = interval.mean / level if level > 0.0 else None
    if interval.low is None or interval.high is None:
        return Difference(interval, relative, None, None)
    if np.ptp(difference) == 0.0:  # The t statistic is 0/0 or infinite.
        p_value = 1.0 if interval.mean == 0.0 else 0.0
    else:
        p_value = float(stats.ttest_1samp(difference, 0.0).pvalue)
    significant = not interval.low <= 0.0 <= interval.high
    return Difference(interval, relative, p_value, significant)
