"""What kind of day it is: weekday by weekday, holidays, and weekend days that are worked."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

__all__ = ["HOLIDAY", "KINDS", "day_kinds", "kind_at"]

#: Kinds 0 to 6 are Monday to Sunday; a weekend day that is worked counts as a Wednesday.
HOLIDAY, WORKED = 7, 2
KINDS = 8


def day_kinds(
    first: date, days: int, holidays: Collection[date], worked: Collection[date]
) -> NDArray[np.int64]:
    """Return the kind of each day from the one before `first` on, ``(days + 3,)``."""
    kinds = np.empty(days + 3, dtype=np.int64)
    for at in range(days + 3):
        day = first + timedelta(days=at - 1)
        kinds[at] = HOLIDAY if day in holidays else WORKED if day in worked else day.weekday()
    return kinds


def kind_at(
    hours: NDArray[np.float64], kinds: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return kind of day and hour of day at hours counted from 0 h of the first day.

    Parameters
    ----------
    hours
        From -24 on.
    kinds
        What `day_kinds` returned.
    """
    slot = np.floor(hours).astype(np.int64)
    return kinds[np.minimum(slot // 24 + 1, len(kinds) - 1)], slot % 24
