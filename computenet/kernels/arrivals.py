"""Requests drawn from rates: a Cox process, bit-identical whatever the chunk length.

Each source (region and service class) has a rate that is constant within a grid cell. Its arrivals
come by rescaling time: unit-rate exponential gaps are laid over the integral of the rate, and what
is left of a gap at the end of a chunk is kept. Sources are merged by a counting sort over time and
an insertion sort within a bucket; equal times keep the order of sources.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from computenet.kernels._jit import njit, njit_inline
from computenet.kernels.random_streams import exponential, normal, uniform

__all__ = ["Draws", "TokenLaws", "draw_arrivals", "merge_arrivals", "token_count"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
I4 = NDArray[np.int32]
U8 = NDArray[np.uint64]


class TokenLaws(NamedTuple):
    """Token counts of each service class (axis K): log-normal, or by a table of quantiles."""

    input_mu: F8
    input_sigma: F8
    input_most: F8
    output_mu: F8
    output_sigma: F8
    output_most: F8
    correlation: F8
    input_table: F8  # (K, Q) logarithms at equal steps of probability; NaN = log-normal
    output_table: F8


class Draws(NamedTuple):
    """Arrivals of all sources, by source, then by time; axis m."""

    arrival_s: F8
    source: I4
    input_tokens: I4
    output_tokens: I4
    cached_tokens: I4  # prompt tokens whose cache is there already
    choice: NDArray[np.float32]
    count: I8  # type: ignore[assignment]  # (1,)


@njit_inline
def token_count(mu: float, sigma: float, most: float, table: F8, row: int, z: float) -> int:
    """Return the tokens at a standard normal number: by the table if it has one, else log-normal.

    The table is read at the normal distribution function of `z`, straight in between.
    """
    if np.isnan(table[row, 0]):
        tokens = np.exp(mu + sigma * z)
    else:
        last = table.shape[1] - 1
        place = 0.5 * math.erfc(-z / math.sqrt(2.0)) * last
        at = min(int(place), last - 1)
        tokens = np.exp(table[row, at] + (place - at) * (table[row, at + 1] - table[row, at]))
    return int(max(1.0, min(np.rint(tokens), most)))


@njit
def draw_arrivals(
    rate: F8,
    first_cell: int,
    last_cell: int,
    cell_s: float,
    end_s: float,
    residual: F8,
    gaps: U8,
    marks: U8,
    class_of_source: I4,
    laws: TokenLaws,
    draws: Draws,
) -> bool:
    """Draw the arrivals of cells ``first_cell .. last_cell - 1``; False when `draws` is full.

    Parameters
    ----------
    rate
        ``(D, cells)`` requests a second of each source in the cells drawn, from `first_cell`.
    cell_s, end_s
        Length of a cell; end of the last one (it may be short).
    residual
        ``(D,)`` what is left of each source's exponential gap; written.
    gaps, marks
        ``(D, 4)`` streams of gaps, and of tokens and choices; written.
    class_of_source
        ``(D,)``.
    """
    m = 0
    room = draws.arrival_s.shape[0]
    for d in range(rate.shape[0]):
        k = class_of_source[d]
        rho = laws.correlation[k]
        across = np.sqrt(1.0 - rho * rho)
        for cell in range(first_cell, last_cell):
            start_s = cell * cell_s
            stop_s = min((cell + 1) * cell_s, end_s)
            r = rate[d, cell - first_cell]
            if r <= 0.0:
                continue
            mass = r * (stop_s - start_s)
            used = 0.0
            while residual[d] <= mass - used:
                used += residual[d]
                residual[d] = exponential(gaps, d)
                if m >= room:
                    return False
                a, b = normal(marks, d)
                draws.arrival_s[m] = min(start_s + used / r, stop_s)
                draws.source[m] = d
                draws.input_tokens[m] = token_count(
                    laws.input_mu[k], laws.input_sigma[k], laws.input_most[k], laws.input_table,
                    k, a,
                )  # fmt: skip
                draws.output_tokens[m] = token_count(
                    laws.output_mu[k], laws.output_sigma[k], laws.output_most[k],
                    laws.output_table, k, rho * a + across * b,
                )  # fmt: skip
                draws.cached_tokens[m] = 0
                draws.choice[m] = np.float32(uniform(marks, d))
                m += 1
            residual[d] -= mass - used
    draws.count[0] = m
    return True


@njit
def merge_arrivals(
    draws: Draws, start_s: float, end_s: float, bucket: I8, order: I8, into: Draws
) -> None:
    """Sort draws by time into `into`; `bucket` is scratch of any length > 1, `order` of m.

    At equal times the lower source comes first, and within a source what stands first.
    """
    m = draws.count[0]
    buckets = bucket.shape[0] - 1
    scale = buckets / (end_s - start_s)
    bucket[:] = 0
    for i in range(m):
        b = min(int((draws.arrival_s[i] - start_s) * scale), buckets - 1)
        bucket[b + 1] += 1
    for b in range(buckets):
        bucket[b + 1] += bucket[b]
    for i in range(m):
        b = min(int((draws.arrival_s[i] - start_s) * scale), buckets - 1)
        order[bucket[b]] = i
        bucket[b] += 1
    for i in range(1, m):
        item = order[i]
        time_s = draws.arrival_s[item]
        j = i
        while j > 0:
            other = order[j - 1]
            other_s = draws.arrival_s[other]
            if other_s < time_s:
                break
            if other_s == time_s:
                before, here = draws.source[other], draws.source[item]
                if before < here or (before == here and other < item):
                    break
            order[j] = other
            j -= 1
        order[j] = item
    for i in range(m):
        item = order[i]
        into.arrival_s[i] = draws.arrival_s[item]
        into.source[i] = draws.source[item]
        into.input_tokens[i] = draws.input_tokens[item]
        into.output_tokens[i] = draws.output_tokens[item]
        into.cached_tokens[i] = draws.cached_tokens[item]
        into.choice[i] = draws.choice[item]
    into.count[0] = m
