"""Geometric scaling: columns and rows in units in which coefficients lie about 1.

An interior point solves a linear system of the coefficients in every step, by iteration where the
system is large; rows of megawatts beside rows of thousands of accelerators make it take longer.
Each row, then each column, is divided by the geometric mean of its largest and smallest
coefficient, in turns (R. Fourer, Mathematical Programming 23, 1982). Factors are powers of two, so
nothing is rounded, and a basis of the scaled model is one of the model.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from computenet.optimization.solution import Solution, checked, no_solution
from computenet.optimization.sparse import SparseModel

__all__ = ["Scaling", "geometric_scaling"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]

#: Turns of rows and columns; coefficients hardly change after so many.
TURNS = 10


class Scaling(NamedTuple):
    """Factors of columns and rows: ``x = columns * x'``, ``row' = rows * row``."""

    columns: F8
    rows: F8

    def of(self, model: SparseModel) -> SparseModel:
        """Return the model in these units; its optimum is the same."""
        matrix = model.matrix.copy()
        matrix.data = matrix.data * np.repeat(self.columns, np.diff(matrix.indptr))
        matrix.data *= self.rows[matrix.indices]
        return replace(
            model, matrix=matrix, cost=model.cost * self.columns,
            lower=model.lower / self.columns, upper=model.upper / self.columns,
            row_lower=model.row_lower * self.rows, row_upper=model.row_upper * self.rows,
        )  # fmt: skip

    def undone(self, model: SparseModel, answer: Solution) -> Solution:
        """Return a solution of the scaled model as one of the model, checked anew.

        Raises
        ------
        SolverError
            It breaks a row or a bound of the model.
        """
        if not answer.solved:
            return no_solution(model, answer.status, answer.seconds, answer.bound, answer.solver)
        return checked(
            model, answer.status, answer.x * self.columns, answer.row_duals * self.rows,
            answer.reduced_costs / self.columns, answer.bound, answer.seconds,
            answer.iterations, answer.solver,
        )  # fmt: skip


def geometric_scaling(model: SparseModel) -> Scaling:
    """Return the scaling of a continuous model; what has no coefficient keeps its unit."""
    matrix = model.matrix
    size = np.log2(np.abs(matrix.data))
    row = np.asarray(matrix.indices, dtype=np.int64)
    column = np.repeat(np.arange(model.n, dtype=np.int64), np.diff(matrix.indptr))
    by_row = np.argsort(row, kind="stable")
    rows, columns = np.zeros(model.m), np.zeros(model.n)
    for _ in range(TURNS if size.size else 0):
        rows = -_middle(row[by_row], (size + columns[column])[by_row], model.m)
        columns = -_middle(column, size + rows[row], model.n)
    return Scaling(np.exp2(np.round(columns)), np.exp2(np.round(rows)))


def _middle(place: I8, values: F8, count: int) -> F8:
    """Return the middle between the extremes of the values of each place, which is sorted."""
    first = np.flatnonzero(np.diff(place, prepend=-1))
    middle = np.zeros(count)
    least, most = np.minimum.reduceat(values, first), np.maximum.reduceat(values, first)
    middle[place[first]] = 0.5 * (least + most)
    return middle
