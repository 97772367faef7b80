"""Blocks of slots and items from which a dispatch model is put together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from computenet.optimization.dispatch_layout import Layout
from computenet.optimization.dispatch_problem import DispatchProblem
from computenet.optimization.sparse import Block, ModelBuilder

__all__ = ["Blocks", "first_slot", "pick"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]


class Blocks:
    """Blocks of a dispatch model in the making."""

    def __init__(self, problem: DispatchProblem, layout: Layout) -> None:
        self.problem, self.layout = problem, layout
        self.builder = ModelBuilder()
        self.columns: dict[str, Block] = {}
        self.rows: dict[str, Block] = {}
        self.t = np.arange(problem.slots)[:, None]
        self.h = problem.hours[:, None]
        self.slot_names = tuple(f"slot {t}" for t in range(problem.slots))

    def column(self, key: str, width: int, **bounds: object) -> Block:
        """Add a variable of every slot."""
        block = self.builder.add_columns(key, (self.problem.slots, width), **bounds)  # type: ignore[arg-type]
        self.columns[key] = block
        return block

    def row(self, key: str, name: str, items: tuple[str, ...], **bounds: object) -> Block:
        """Add a constraint of every slot and item."""
        shape = (self.problem.slots, len(items))
        axes = (self.slot_names, items)
        block = self.builder.add_rows(name, shape, axes=axes, **bounds)  # type: ignore[arg-type]
        self.rows[key] = block
        return block

    def terms(self, row: Block, at: I8, column: Block, values: object) -> None:
        """Add terms of column ``[t, n]`` in row ``[t, at[n]]`` for all slots."""
        width = np.arange(column.shape[1])
        self.builder.add_terms(row.index(self.t, at), column.index(self.t, width), values)  # type: ignore[arg-type]

    def chain(self, row: Block, column: Block, at: I8 | None = None) -> None:
        """Add ``column[t] - column[t-1]`` to the rows."""
        n = np.arange(column.shape[1])
        where = n if at is None else at
        self.builder.add_terms(row.index(self.t, where), column.index(self.t, n), 1.0)
        later = self.t[1:]
        if len(later):
            self.builder.add_terms(row.index(later, where), column.index(later - 1, n), -1.0)


def pick(names: tuple[str, ...], at: I8) -> tuple[str, ...]:
    """Return some of the names."""
    return tuple(names[int(k)] for k in at)


def first_slot(shape: tuple[int, int], start: F8) -> F8:
    """Return zeros of a block, with `start` in the first slot."""
    values = np.zeros(shape)
    values[0] = start
    return values
