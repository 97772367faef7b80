"""Greedy filling: arcs in order of score, each as far as need and room allow."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from computenet.kernels._jit import njit

__all__ = ["fill_arcs"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]


@njit
def fill_arcs(row: I8, column: I8, use: F8, left: F8, room: F8, placed: F8) -> None:
    """Place demand on arcs one after the other.

    Parameters
    ----------
    row, column
        ``(arcs,)`` demand and supply of each arc, best first.
    use
        ``(arcs,)`` room that one unit of demand takes on the arc.
    left
        ``(rows,)`` demand still to place; written.
    room
        ``(columns,)`` room still free; written.
    placed
        ``(rows, columns)`` demand placed; added to.
    """
    for arc in range(row.shape[0]):
        d, g = row[arc], column[arc]
        if left[d] <= 0.0 or room[g] <= 0.0:
            continue
        amount = min(left[d], room[g] / use[arc])
        placed[d, g] += amount
        left[d] -= amount
        room[g] = max(room[g] - amount * use[arc], 0.0)
