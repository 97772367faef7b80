"""Checks of what is to be divided."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from computenet.errors import InputError, Problem

__all__ = ["check_values", "require"]

F8 = NDArray[np.float64]


def check_values(
    name: str, values: F8, *, positive: bool = False, infinite: bool = False
) -> list[Problem]:
    """Return a problem for the first value that cannot be used, if any."""
    good = values > 0.0 if positive else values >= 0.0
    if not infinite:
        good &= values < np.inf
    bad = np.flatnonzero(~good.ravel())
    if not bad.size:
        return []
    place = np.unravel_index(int(bad[0]), values.shape)
    allowed = "over 0" if positive else "0 or more"
    more = f", and {bad.size - 1} more" if bad.size > 1 else ""
    index = ", ".join(str(int(i)) for i in place)
    return [
        Problem(
            f"{name}[{index}]",
            float(values[place]),
            f"cannot be used{more}",
            allowed if infinite else f"{allowed}, finite",
        )
    ]


def require(problems: list[Problem]) -> None:
    """Raise `InputError` if there are problems."""
    if problems:
        raise InputError(problems, "resources cannot be divided")
