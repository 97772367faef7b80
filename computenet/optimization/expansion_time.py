"""Stages of a plan, and money over time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Stages", "annuity", "in_service", "present_value"]

F8 = NDArray[np.float64]
B1 = NDArray[np.bool_]


def annuity(rate: float, life_years: F8) -> F8:
    """Return the capital recovery factor ``r / (1 - (1 + r)^-n)``, ``1 / n`` for ``r = 0``."""
    life = np.asarray(life_years, dtype=np.float64)
    if rate == 0.0:
        return 1.0 / life
    factor: F8 = rate / -np.expm1(-life * np.log1p(rate))
    return factor


def present_value(rate: float, after_years: F8, years: F8) -> F8:
    """Return what 1 a year is worth today, paid for `years` beginning `after_years` from now.

    ``sum_{k=0}^{n-1} (1 + r)^-(t + k)``; where the years are not whole, the closed form of it.
    """
    if rate == 0.0:
        return np.asarray(years, dtype=np.float64).copy()
    step = np.log1p(rate)
    value: F8 = np.exp(-step * after_years) * np.expm1(-step * years) / np.expm1(-step)
    return value


def in_service(after_years: F8, life_years: float) -> B1:
    """Return whether what is bought in stage ``a`` still serves in stage ``b``, ``(Y, Y)``."""
    age = after_years[None, :] - after_years[:, None]
    alive: B1 = (age >= -1e-9) & (age < life_years - 1e-9)
    return alive


@dataclass(frozen=True, slots=True)
class Stages:
    """Stages, ``(Y,)``: name, years from the base year, years each stands for, and their worth.

    `worth` is the present value of 1 a year over the stage (`present_value`).
    """

    names: tuple[str, ...]
    after_years: F8
    years: F8
    worth: F8
