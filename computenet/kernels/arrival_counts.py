"""How much work requests bring, by model and accounting slot; no decision has a part in it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from computenet.kernels._jit import njit

__all__ = ["CACHED", "OUTPUT", "PREFILL", "REQUESTS", "count_arrivals"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
I4 = NDArray[np.int32]

#: First axis of the counts: requests, prompt tokens to compute, prompt tokens whose cache is there
#: already, output tokens.
REQUESTS, PREFILL, CACHED, OUTPUT = 0, 1, 2, 3


@njit
def count_arrivals(
    arrival_s: F8,
    demand: I4,
    tokens_in: I4,
    tokens_out: I4,
    cached: I4,
    count: int,
    model: I4,
    slot_s: float,
    horizon_s: float,
    counts: I8,
) -> None:
    """Add the first `count` arrivals of a chunk that come before the horizon to `counts`.

    Parameters
    ----------
    arrival_s, demand, tokens_in, tokens_out, cached
        ``(n,)`` arrivals; those in order of time are counted fastest.
    model
        ``(D,)`` model of each demand.
    slot_s, horizon_s
        Length of an accounting slot; end of the run.
    counts
        ``(4, M, S)``; written.
    """
    slots = counts.shape[2]
    s, begin_s, edge_s = 0, 0.0, 0.0
    for i in range(count):
        now_s = arrival_s[i]
        if now_s >= horizon_s:
            continue
        if now_s >= edge_s or now_s < begin_s:
            s = min(int(now_s / slot_s), slots - 1)
            begin_s, edge_s = s * slot_s, (s + 1) * slot_s
        m = model[demand[i]]
        counts[REQUESTS, m, s] += 1
        # At least one token is computed, whatever the cache holds.
        counts[PREFILL, m, s] += max(tokens_in[i] - cached[i], 1)
        counts[CACHED, m, s] += cached[i]
        counts[OUTPUT, m, s] += tokens_out[i]
