"""Tables of supply, demand and paths, cell by cell, with every fault told."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from computenet.errors import Problem, nearest
from computenet.study.clearing.schema import Column

__all__ = ["SHOWN", "Faults", "Table"]

F8 = NDArray[np.float64]

#: Lines shown of faults of one kind; the rest is counted.
SHOWN = 5
YES, NO = {"yes", "true", "1", "y", "是"}, {"no", "false", "0", "n", "否"}


class Faults:
    """Collects what is wrong; many lines with one fault are shown as some of them and a count."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self._count: dict[tuple[str, str], int] = {}
        self._last: dict[tuple[str, str], Problem] = {}

    def add(
        self,
        table: Table,
        row: int | None,
        column: str,
        value: object,
        message: str,
        allowed: str | None = None,
        suggestion: str | None = None,
        *,
        line: int | None = None,
    ) -> None:
        """Keep one fault of a row, of a line that made no row, or of the whole table."""
        key = (f"{table.name}, {column}", message)
        self._count[key] = self._count.get(key, 0) + 1
        if self._count[key] > SHOWN:
            return
        place = table.name
        lines: tuple[int, ...] = ()
        if row is not None:
            place, lines = f"{table.place(row)}, {column}", (table.lines[row],)
        elif line is not None:
            place, lines = f"{table.name}: line {line}", (line,)
        self.problems.append(Problem(place, value, message, allowed, suggestion, lines))

    def all(self) -> list[Problem]:
        """Return every fault, with counts of those that were not shown."""
        more = [
            Problem(place, None, f"{count - SHOWN:,} more lines: {message}")
            for (place, message), count in self._count.items()
            if count > SHOWN
        ]
        return [*self.problems, *more]


@dataclass(slots=True)
class Table:
    """Cells by column, as text or as given; what is empty is an empty text.

    Attributes
    ----------
    name
        The file, or what the table is.
    unit
        ``line`` of a file or ``row`` of a frame.
    lines
        Number of each row there.
    cells
        Columns by name.
    """

    name: str
    unit: str
    lines: list[int]
    cells: dict[str, list[object]]

    @property
    def size(self) -> int:
        """Number of rows."""
        return len(self.lines)

    def place(self, row: int) -> str:
        """Return where a row stands, e.g. ``SUPPLY.csv: line 4``."""
        return f"{self.name}: {self.unit} {self.lines[row]}"

    def texts(self, column: str, default: str = "") -> list[str]:
        """Return a column as texts."""
        cells = self.cells.get(column)
        if cells is None:
            return [default] * self.size
        return [str(cell) if cell != "" else default for cell in cells]

    def numbers(self, column: Column, faults: Faults) -> F8:
        """Return a column as numbers, ``(rows,)``; NaN where a cell is empty or wrong."""
        out = np.full(self.size, np.nan)
        for row, cell in enumerate(self.cells.get(column.name, ())):
            if cell == "":
                continue
            value = _number(cell)
            if value is None:
                hint = str(cell).replace(",", "") if _number(str(cell).replace(",", "")) else None
                faults.add(self, row, column.name, cell, "is not a number", column.allowed, hint)
                continue
            below = value <= column.least if column.above else value < column.least
            broken = column.kind == "whole number" and value != int(value)
            far = column.too_far(value)
            if below or value > column.most or broken or far:
                allowed = column.allowed if below or broken or far is None else far
                faults.add(self, row, column.name, cell, "is out of range", allowed)
            else:
                out[row] = value
        return out

    def flags(self, column: Column, faults: Faults) -> NDArray[np.bool_]:
        """Return a column of yes and no; empty is no."""
        out = np.zeros(self.size, dtype=np.bool_)
        for row, cell in enumerate(self.cells.get(column.name, ())):
            word = str(cell).strip().lower()
            if word in YES:
                out[row] = True
            elif word not in NO and word:
                faults.add(self, row, column.name, cell, "is neither yes nor no", "yes, no")
        return out

    def choices(self, column: Column, faults: Faults) -> NDArray[np.int64]:
        """Return a column as numbers of its choices; empty is the first."""
        out = np.zeros(self.size, dtype=np.int64)
        for row, cell in enumerate(self.cells.get(column.name, ())):
            word = str(cell).strip().lower()
            if word in column.choices:
                out[row] = column.choices.index(word)
            elif word:
                faults.add(self, row, column.name, cell, "is not known", column.allowed,
                           nearest(word, column.choices))  # fmt: skip
        return out


def _number(cell: object) -> float | None:
    """Return a finite number, or nothing."""
    if isinstance(cell, str):
        if "_" in cell:
            return None
        try:
            value = float(cell)
        except ValueError:
            return None
    elif isinstance(cell, (bool, np.bool_)) or not isinstance(cell, (int, float, np.number)):
        return None
    else:
        value = float(cell)
    return value if math.isfinite(value) else None
