"""How large numbers are, whatever their sign."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["largest_size"]


def largest_size(values: NDArray[np.float64]) -> float:
    """Return the largest finite size, 0 where there is none."""
    size = np.abs(values)
    largest = float(size.max(initial=0.0))
    return largest if np.isfinite(largest) else float(size[np.isfinite(size)].max(initial=0.0))
