"""Histograms of bounded relative error, filled by kernels and read with numpy.

A positive value falls into one of 64 equal parts of its octave (a power of two to the next), so
the middle of a bin is within 1/128 = 0.78 % of every value in it (the layout of HdrHistogram,
G. Tene). The bin index is the exponent and the top six fraction bits of the float itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from computenet.kernels._jit import njit_inline

__all__ = ["N_BINS", "bin_edges", "bin_index", "fraction_below", "percentile"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]

#: Sub-bins of an octave, as bits.
SUB_BITS = 6
#: Smallest octave 2^-10, largest 2^29 (ms: a microsecond to six days).
LOW_EXPONENT = -10
OCTAVES = 40
#: Bin 0 holds everything smaller, the last bin everything larger.
N_BINS = (OCTAVES << SUB_BITS) + 2

_SHIFT = 52 - SUB_BITS
_BASE = (1023 + LOW_EXPONENT) << SUB_BITS


@njit_inline
def bin_index(value: float) -> int:
    """Return the bin of a value; 0 below the range, ``N_BINS - 1`` above it."""
    bits = np.float64(value).view(np.int64)
    index = (bits >> _SHIFT) - _BASE + 1
    if index < 0:
        return 0
    if index > N_BINS - 1:
        return N_BINS - 1
    return int(index)


def bin_edges() -> F8:
    """Return the ``N_BINS + 1`` edges: 0, the lower edges of the bins of the range, infinity."""
    parts = 1 << SUB_BITS
    octaves = np.repeat(np.arange(OCTAVES, dtype=np.float64) + LOW_EXPONENT, parts)
    fractions = np.tile(1.0 + np.arange(parts) / parts, OCTAVES)
    inner = fractions * np.exp2(octaves)
    top = np.exp2(float(LOW_EXPONENT + OCTAVES))
    return np.concatenate([[0.0], inner, [top, np.inf]])


def _middles() -> F8:
    edges = bin_edges()
    middles = 0.5 * (edges[:-1] + edges[1:])
    middles[0] = 0.0
    middles[-1] = edges[-2]
    return middles


def percentile(histogram: I8, q: float) -> float:
    """Return the quantile ``0 <= q <= 1`` of a histogram, NaN when it is empty.

    The value is the middle of the bin that holds the smallest sample with at least a share `q`
    at or below it; within 0.78 % of that sample.
    """
    total = int(histogram.sum())
    if total == 0:
        return float("nan")
    rank = max(int(np.ceil(q * total)), 1)
    index = int(np.searchsorted(np.cumsum(histogram), rank))
    return float(_middles()[index])


def fraction_below(histogram: I8, value: float) -> float:
    """Return the share of samples in bins wholly at or below `value`; NaN when empty."""
    total = int(histogram.sum())
    if total == 0:
        return float("nan")
    last = int(np.searchsorted(bin_edges()[1:], value, side="right"))
    return float(histogram[:last].sum() / total)
