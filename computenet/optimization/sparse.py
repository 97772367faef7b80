"""Linear models put together by index arithmetic: blocks of columns and rows, one sparse matrix.

A block is an array of variables or constraints of any shape; :meth:`Block.index` turns positions
along its axes into column or row numbers, so a model is written as a few lines of numpy instead of
a loop over terms. Nothing here knows a solver; see :mod:`computenet.optimization.solvers`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array, csc_array

__all__ = ["Block", "ModelBuilder", "SparseModel"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
B1 = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Block:
    """Columns or rows that belong together.

    Attributes
    ----------
    name
        What they are, in a user's words; shown where constraints conflict.
    first
        Number of the first column or row.
    shape
        Axes; the last one runs fastest.
    axes
        Names of the items along each axis, or nothing; numbers stand in where they are missing.
    """

    name: str
    first: int
    shape: tuple[int, ...]
    axes: tuple[tuple[str, ...], ...] = ()

    @property
    def size(self) -> int:
        """Number of columns or rows."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def slice(self) -> slice:
        """Where the block lies in a vector of all columns or rows."""
        return slice(self.first, self.first + self.size)

    def index(self, *positions: ArrayLike) -> I8:
        """Return column or row numbers at positions along each axis, which broadcast.

        Without positions, the numbers of the whole block in its shape.
        """
        if not positions:
            return self.first + np.arange(self.size, dtype=np.int64).reshape(self.shape)
        number = np.zeros((), dtype=np.int64)
        for length, position in zip(self.shape, positions, strict=True):
            number = number * length + np.asarray(position, dtype=np.int64)
        return np.asarray(self.first + number, dtype=np.int64)

    def of(self, values: F8) -> F8:
        """Return the block's part of a vector of all columns or rows, in the block's shape."""
        return values[self.slice].reshape(self.shape)

    def label(self, number: int) -> str:
        """Return the name of one column or row, e.g. ``site power [zhongwei]``."""
        places = np.unravel_index(number - self.first, self.shape) if self.shape else ()
        items = [
            self.axes[axis][int(place)]
            if axis < len(self.axes) and place < len(self.axes[axis])
            else str(int(place))
            for axis, place in enumerate(places)
        ]
        return f"{self.name} [{', '.join(items)}]" if items else self.name


@dataclass(frozen=True, slots=True)
class SparseModel:
    """Minimise ``cost . x + offset`` subject to ``row_lower <= A x <= row_upper`` and bounds.

    Attributes
    ----------
    cost, lower, upper
        ``(n,)`` objective, bounds of the columns (infinite = none).
    row_lower, row_upper
        ``(m,)`` bounds of the rows.
    matrix
        ``(m, n)`` compressed by columns, without duplicates or zeros.
    integer
        ``(n,)`` whether a column takes whole numbers only.
    offset
        Constant of the objective.
    columns, rows
        Blocks by order of making.
    """

    cost: F8
    lower: F8
    upper: F8
    row_lower: F8
    row_upper: F8
    matrix: csc_array
    integer: B1
    offset: float = 0.0
    columns: tuple[Block, ...] = ()
    rows: tuple[Block, ...] = ()

    @property
    def n(self) -> int:
        """Number of columns."""
        return len(self.cost)

    @property
    def m(self) -> int:
        """Number of rows."""
        return len(self.row_lower)

    def row_label(self, row: int) -> str:
        """Return a row's name in a user's words."""
        return _label(self.rows, row, "row")

    def column_label(self, column: int) -> str:
        """Return a column's name in a user's words."""
        return _label(self.columns, column, "column")

    def dual_bound(self, row_duals: F8) -> float:
        """Return a lower bound on the optimum of the continuous model, whatever the duals.

        For any ``y``, ``A x`` lies in the rows' bounds and ``x`` in the columns', so::

            c x = y A x + (c - y A) x
               >= sum_i min(y_i l_i, y_i u_i) + sum_j min(d_j lower_j, d_j upper_j),  d = c - y A

        (weak duality; Lagrangian relaxation of every row). A dual whose bound is infinite is taken
        as 0. The bound is minus infinity where a column without a bound has a reduced cost to go
        with it, so models meant for this give every column finite bounds. What rounding may have
        added is taken off.
        """
        y = np.where(np.isfinite(row_duals), row_duals, 0.0)
        y = np.where((y > 0.0) & ~np.isfinite(self.row_lower), 0.0, y)
        y = np.where((y < 0.0) & ~np.isfinite(self.row_upper), 0.0, y)
        reduced = self.cost - self.matrix.T @ y
        size = np.abs(self.cost) + abs(self.matrix.T) @ np.abs(y)
        rows = np.where(y > 0.0, self.row_lower, self.row_upper)
        columns = np.where(reduced > 0.0, self.lower, self.upper)
        if not np.isfinite(columns[reduced != 0.0]).all():
            return -np.inf
        rows, columns = np.where(y == 0.0, 0.0, rows), np.where(reduced == 0.0, 0.0, columns)
        largest = np.maximum(np.abs(self.lower), np.abs(self.upper))
        doubt = float(np.abs(y) @ np.abs(rows))
        doubt += float(size @ np.where(np.isfinite(largest), largest, np.abs(columns)))
        value = float(y @ rows) + float(reduced @ columns) + self.offset
        return value - 8.0 * np.finfo(np.float64).eps * (doubt + abs(self.offset))

    def violation(self, x: F8) -> float:
        """Return the largest violation of a row or a bound, relative to ``max(1, |bound|)``.

        Rows are compared at the scale of their own terms: a row of many large terms that cancel
        can be met only to the rounding of those terms.
        """
        activity = self.matrix @ x
        scale = np.maximum(abs(self.matrix) @ np.abs(x), 1.0)
        rows = _excess(activity, self.row_lower, self.row_upper, scale)
        columns = _excess(x, self.lower, self.upper, np.maximum(np.abs(x), 1.0))
        return float(max(rows, columns))


def _excess(values: F8, lower: F8, upper: F8, scale: F8) -> float:
    below = np.where(np.isfinite(lower), lower - values, 0.0) / scale
    above = np.where(np.isfinite(upper), values - upper, 0.0) / scale
    return float(max(below.max(initial=0.0), above.max(initial=0.0)))


def _label(blocks: Sequence[Block], number: int, kind: str) -> str:
    for block in blocks:
        if block.first <= number < block.first + block.size:
            return block.label(number)
    return f"{kind} {number}"


@dataclass(slots=True)
class ModelBuilder:
    """Collects blocks and terms; :meth:`build` makes the matrix."""

    _columns: list[Block] = field(default_factory=list)
    _rows: list[Block] = field(default_factory=list)
    _cost: list[F8] = field(default_factory=list)
    _lower: list[F8] = field(default_factory=list)
    _upper: list[F8] = field(default_factory=list)
    _integer: list[B1] = field(default_factory=list)
    _row_lower: list[F8] = field(default_factory=list)
    _row_upper: list[F8] = field(default_factory=list)
    _terms: list[tuple[I8, I8, F8]] = field(default_factory=list)
    _n: int = 0
    _m: int = 0

    @classmethod
    def on(cls, model: SparseModel) -> ModelBuilder:
        """Return a builder that holds a built model, so that blocks can be added to it.

        Columns and rows keep their numbers; the model's offset is to be given to `build` again.
        """
        coo = model.matrix.tocoo()
        return cls(
            list(model.columns), list(model.rows), [model.cost], [model.lower], [model.upper],
            [model.integer], [model.row_lower], [model.row_upper],
            [(coo.row.astype(np.int64), coo.col.astype(np.int64), coo.data)], model.n, model.m,
        )  # fmt: skip

    def add_columns(
        self,
        name: str,
        shape: tuple[int, ...],
        *,
        cost: ArrayLike = 0.0,
        lower: ArrayLike = 0.0,
        upper: ArrayLike = np.inf,
        integer: bool = False,
        axes: tuple[tuple[str, ...], ...] = (),
    ) -> Block:
        """Add variables; costs and bounds broadcast to `shape`."""
        block = Block(name, self._n, shape, axes)
        self._columns.append(block)
        self._cost.append(_flat(cost, shape))
        self._lower.append(_flat(lower, shape))
        self._upper.append(_flat(upper, shape))
        self._integer.append(np.full(block.size, integer, dtype=np.bool_))
        self._n += block.size
        return block

    def add_rows(
        self,
        name: str,
        shape: tuple[int, ...],
        *,
        lower: ArrayLike = -np.inf,
        upper: ArrayLike = np.inf,
        axes: tuple[tuple[str, ...], ...] = (),
    ) -> Block:
        """Add constraints without terms; bounds broadcast to `shape`."""
        block = Block(name, self._m, shape, axes)
        self._rows.append(block)
        self._row_lower.append(_flat(lower, shape))
        self._row_upper.append(_flat(upper, shape))
        self._m += block.size
        return block

    def add_terms(self, rows: ArrayLike, columns: ArrayLike, values: ArrayLike) -> None:
        """Add ``values`` at ``(rows, columns)``, which broadcast; terms of one place add up."""
        row, column, value = np.broadcast_arrays(
            np.asarray(rows, dtype=np.int64),
            np.asarray(columns, dtype=np.int64),
            np.asarray(values, dtype=np.float64),
        )
        self._terms.append((row.ravel(), column.ravel(), value.ravel()))

    def build(self, offset: float = 0.0) -> SparseModel:
        """Return the model.

        Raises
        ------
        ValueError
            A coefficient, cost or bound is not a number; the block is named.
        """
        row, column, value = (
            (np.concatenate(parts) for parts in zip(*self._terms, strict=True))
            if self._terms
            else (np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
        )
        cost, lower, upper = (
            np.concatenate([*parts, np.zeros(0)])
            for parts in (self._cost, self._lower, self._upper)
        )
        row_lower, row_upper = (
            np.concatenate([*parts, np.zeros(0)]) for parts in (self._row_lower, self._row_upper)
        )
        for what, values in (("cost", cost), ("lower bound", lower), ("upper bound", upper)):
            bad = np.flatnonzero(np.isnan(values))
            if bad.size:
                raise ValueError(
                    f"the {what} of {_label(self._columns, int(bad[0]), 'column')} is no number"
                )
        for values in (row_lower, row_upper):
            bad = np.flatnonzero(np.isnan(values))
            if bad.size:
                raise ValueError(
                    f"a bound of {_label(self._rows, int(bad[0]), 'row')} is no number"
                )
        bad = np.flatnonzero(~np.isfinite(value))
        if bad.size:
            raise ValueError(
                f"a coefficient of {_label(self._rows, int(row[bad[0]]), 'row')} is not finite"
            )
        matrix = csc_array(coo_array((value, (row, column)), shape=(self._m, self._n)))
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
        return SparseModel(
            cost, lower, upper, row_lower, row_upper, matrix,
            np.concatenate([*self._integer, np.zeros(0, dtype=np.bool_)]), offset,
            tuple(self._columns), tuple(self._rows),
        )  # fmt: skip


def _flat(values: ArrayLike, shape: tuple[int, ...]) -> F8:
    return np.broadcast_to(np.asarray(values, dtype=np.float64), shape).astype(np.float64).ravel()
