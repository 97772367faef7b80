"""A stretch of time cut at the edges of accounting slots."""

from __future__ import annotations

import numpy as np

from computenet.compiled import F8, CompiledScenario

__all__ = ["seconds_by_slot"]


def seconds_by_slot(compiled: CompiledScenario, begin_s: float, end_s: float) -> tuple[slice, F8]:
    """Return the slots that a stretch of time touches, and its seconds in each of them."""
    first = int(begin_s / compiled.slot_s)
    last = min(int(np.ceil(end_s / compiled.slot_s)), compiled.n_slots)
    edges_s = np.clip(np.arange(first, last + 1) * compiled.slot_s, begin_s, end_s)
    return slice(first, last), np.diff(edges_s)
