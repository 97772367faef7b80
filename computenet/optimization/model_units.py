"""Units in which a solver is told a model whose costs or amounts are all tiny.

Solvers hold reduced costs and rows to absolute tolerances of about 1e-7: where all costs are 1e-8,
any basis counts as optimal, and where all amounts are, nothing counts as everything.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from computenet.optimization.sizes import largest_size
from computenet.optimization.sparse import SparseModel

__all__ = ["ModelUnits", "units_of"]

F8 = NDArray[np.float64]

#: Costs and amounts of which the largest is at least this are told as they are.
ORDINARY = 1e-3
#: Amounts of which the largest is below this are rounding of nothing, and are told as they are.
ROUNDING = 1e-12
#: What the largest is brought to, within a factor of two.
LARGEST = 1000.0


class ModelUnits(NamedTuple):
    """Powers of two by which costs and amounts (bounds of columns and rows) are multiplied."""

    cost: float = 1.0
    amount: float = 1.0


def units_of(model: SparseModel) -> ModelUnits:
    """Return the units of a model: 1 where costs and amounts are of ordinary size."""
    cost = _factor(largest_size(model.cost), 0.0)
    if model.integer.any():
        return ModelUnits(cost)
    largest = 0.0
    for side in (model.row_upper, model.row_lower, model.upper, model.lower):
        largest = max(largest, largest_size(side))
        if largest >= ORDINARY:
            return ModelUnits(cost)
    return ModelUnits(cost, _factor(largest, ROUNDING))


def _factor(largest: float, least: float) -> float:
    if not least < largest < ORDINARY:
        return 1.0
    return float(2.0 ** min(int(np.log2(LARGEST / largest)), 1000))
