"""From fractional openings and waves to whole ones: low thresholds, then solved again.

A relaxed opening is the part of a site's largest extension that is used, so a site that is worth
having shows as a few hundredths. Thresholds are therefore low: a site opens in the first stage in
which the sum of its openings exceeds one, and how much is built there is decided anew. Waves are
rounded up, which leaves every assignment possible.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from computenet.optimization.sparse import Block

__all__ = ["THRESHOLDS", "openings", "waves_up"]

F8 = NDArray[np.float64]

#: Tried in this order; the first keeps nearly all that the relaxation uses.
THRESHOLDS = (0.002, 0.02, 0.1)
#: A wave is lit for more than this part of one.
WAVE = 1e-6


def openings(relaxed: F8, threshold: float) -> F8:
    """Return whole openings, ``(I, Y)``: at most one a site, in the first stage over the threshold.

    Parameters
    ----------
    relaxed
        ``(I, Y)`` openings between 0 and 1.
    """
    total = np.cumsum(relaxed, axis=1)
    over = total > threshold
    first = over & (np.cumsum(over, axis=1) == 1)
    whole: F8 = first.astype(np.float64)
    return whole


def waves_up(block: Block, x: F8) -> F8:
    """Return waves rounded up, in the block's shape."""
    whole: F8 = np.ceil(block.of(x) - WAVE)
    return np.maximum(whole, 0.0)
