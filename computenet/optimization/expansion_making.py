"""Blocks of variables and constraints by item and stage, from which an expansion is made."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from computenet.optimization.expansion_problem import ExpansionProblem
from computenet.optimization.sparse import Block, ModelBuilder

__all__ = ["Making", "everywhere"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
B1 = NDArray[np.bool_]


class Making:
    """The investment side in the making."""

    def __init__(self, builder: ModelBuilder, problem: ExpansionProblem) -> None:
        self.b, self.p = builder, problem
        self.stages = np.arange(len(problem.stages.years))
        self.names = problem.stages.names
        self.columns: dict[str, Block] = {}
        self.rows: dict[str, Block] = {}
        self.assets: dict[str, tuple[Block, F8, F8]] = {}
        self.most_used: F8 = np.zeros(0)
        #: What can be spent in a stage at most, ``(Y,)``, and emitted at a site, ``(I, Y)``.
        self.dearest: F8 = np.zeros(len(self.stages))
        self.dirtiest: F8 = np.zeros((len(problem.sites.names), len(self.stages)))

    def column(self, key: str, items: tuple[str, ...], **bounds: object) -> Block:
        """Add a variable of every item and stage."""
        shape, axes = (len(items), len(self.stages)), (items, self.names)
        block = self.b.add_columns(key, shape, axes=axes, **bounds)  # type: ignore[arg-type]
        self.columns[key] = block
        return block

    def row(self, key: str, name: str, items: tuple[str, ...], **bounds: object) -> Block:
        """Add a constraint of every item and stage."""
        shape, axes = (len(items), len(self.stages)), (items, self.names)
        block = self.b.add_rows(name, shape, axes=axes, **bounds)  # type: ignore[arg-type]
        self.rows[key] = block
        return block

    def asset(
        self, key: str, items: tuple[str, ...], price: F8, yearly: F8, serves: B1, **bounds: object
    ) -> Block:
        """Add what is bought: ``price`` and ``serves`` by item, ``(n, Y)`` and ``(n, Y, Y)``."""
        sold = np.isfinite(price)
        real = np.where(sold, price, 0.0)
        cost = yearly[:, None] * real * (serves @ self.p.stages.worth)
        upper = np.where(sold, np.asarray(bounds.pop("upper", np.inf)), 0.0)
        block = self.column(key, items, cost=cost, upper=upper, **bounds)
        self.assets[key] = (block, real, yearly)
        self.dearest = self.dearest + (real * np.broadcast_to(upper, real.shape)).sum(axis=0)
        return block

    def in_service(self, row: Block, at: I8, block: Block, serves: B1, value: object) -> None:
        """Add ``value * on(block)[n, y]`` to ``row[at[n], y]``; ``serves`` is ``(n, Y, Y)``."""
        n, bought, now = np.nonzero(serves)
        values = np.broadcast_to(np.asarray(value, dtype=np.float64), serves.shape[:1])
        self.b.add_terms(row.index(at[n], now), block.index(n, bought), values[n])

    def same(self, row: Block, at: I8, block: Block, value: object) -> None:
        """Add ``value[n, y] * block[n, y]`` to ``row[at[n], y]``."""
        n = np.arange(len(at))[:, None]
        values = np.broadcast_to(np.asarray(value, dtype=np.float64), (len(at), len(self.stages)))
        self.b.add_terms(row.index(at[:, None], self.stages), block.index(n, self.stages), values)


def everywhere(serves: B1, n: int) -> B1:
    return np.broadcast_to(serves, (n, *serves.shape))
