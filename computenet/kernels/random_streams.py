"""Many independent random streams as rows of an array: xoshiro256++.

The generator is that of Blackman and Vigna (ACM TOMS 47(4), 2021). Rows are seeded from children
of one ``numpy.random.SeedSequence``, so streams are independent and depend on nothing but the seed
and their place.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from computenet.kernels._jit import njit_inline

__all__ = ["exponential", "make_streams", "normal", "uniform"]

U8 = NDArray[np.uint64]

_A = np.uint64(23)
_A_BACK = np.uint64(41)
_B = np.uint64(17)
_C = np.uint64(45)
_C_BACK = np.uint64(19)
_HIGH = np.uint64(11)
_UNIT = 2.0**-53


def make_streams(seed: np.random.SeedSequence, n: int) -> U8:
    """Return the states of `n` streams, ``(n, 4)``."""
    words = seed.generate_state(4 * n, np.uint64).reshape(n, 4)
    words[:, 0] |= np.uint64(1)
    return np.ascontiguousarray(words)


@njit_inline
def _next(streams: U8, row: int) -> np.uint64:
    s0, s1, s2, s3 = streams[row, 0], streams[row, 1], streams[row, 2], streams[row, 3]
    total = s0 + s3
    result = ((total << _A) | (total >> _A_BACK)) + s0
    t = s1 << _B
    s2 ^= s0
    s3 ^= s1
    s1 ^= s2
    s0 ^= s3
    s2 ^= t
    s3 = (s3 << _C) | (s3 >> _C_BACK)
    streams[row, 0], streams[row, 1], streams[row, 2], streams[row, 3] = s0, s1, s2, s3
    return result  # type: ignore[no-any-return]


@njit_inline
def uniform(streams: U8, row: int) -> float:
    """Return a uniform number in (0, 1)."""
    return (float(_next(streams, row) >> _HIGH) + 0.5) * _UNIT


@njit_inline
def exponential(streams: U8, row: int) -> float:
    """Return an exponential number of mean 1."""
    return float(-np.log(uniform(streams, row)))


@njit_inline
def normal(streams: U8, row: int) -> tuple[float, float]:
    """Return two independent standard normal numbers (Box and Muller 1958)."""
    radius = np.sqrt(-2.0 * np.log(uniform(streams, row)))
    angle = 2.0 * np.pi * uniform(streams, row)
    return radius * np.cos(angle), radius * np.sin(angle)
