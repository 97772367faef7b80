"""From fractional openings and waves to whole ones: low thresholds, then solved again.

A relaxed opening is the part of a site's largest extension that is used, so a site that is worth
having shows as a few hundredths. The first threshold is therefore low: a site opens in the first
stage in which the part used exceeds it, and how much is built there is decided anew. Further passes
leave out sites of which the last pass used less than a higher threshold, while that is cheaper.
Waves are rounded up, which leaves every assignment possible.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from computenet.optimization.sparse import Block

__all__ = ["THRESHOLDS", "openings", "waves_up"]

F8 = NDArray[np.float64]

#: Parts of a site's most halls, in this order; the first keeps nearly all the relaxation uses.
THRESHOLDS = (1e-4, 0.01, 0.05)
#: A wave is lit for more than this part of one.
WAVE = 1e-6


def openings(used: F8, threshold: float) -> F8:
    """Return whole openings, ``(I, Y)``, at most one a site.

    A site opens in the first stage in which the sum of what is used is over the threshold.

    Parameters
    ----------
    used
        ``(I, Y)`` new halls of each stage over the site's most.
    """
    total = np.cumsum(used, axis=1)
    over = total > threshold
    first = over & (np.cumsum(over, axis=1) == 1)
    whole: F8 = first.astype(np.float64)
    return whole


def waves_up(block: Block, x: F8) -> F8:
    """Return waves rounded up, in the block's shape."""
    whole: F8 = np.ceil(block.of(x) - WAVE)
    return np.maximum(whole, 0.0)
