"""Skew heaps in arrays: the least key on top, the lower index among equals."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from computenet.kernels._jit import njit_inline

__all__ = ["meld"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]


@njit_inline
def meld(a: int, b: int, key: F8, left: I8, right: I8) -> int:
    """Meld two skew heaps (Sleator and Tarjan 1986) top-down, without recursion."""
    if a < 0:
        return b
    if b < 0:
        return a
    if key[b] < key[a] or (key[b] == key[a] and b < a):
        a, b = b, a
    root = a
    while True:
        rest = right[a]
        right[a] = left[a]
        if rest < 0:
            left[a] = b
            break
        if key[b] < key[rest] or (key[b] == key[rest] and b < rest):
            left[a] = b
            a, b = b, rest
        else:
            left[a] = rest
            a = rest
    return root
