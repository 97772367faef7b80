"""Tables of supply, demand and paths, from CSV files or data frames, with every fault told."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from computenet.errors import Problem, nearest
from computenet.study.clearing.schema import Column

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Faults", "Table", "TableSource", "read_table"]

F8 = NDArray[np.float64]

#: A CSV file, a data frame, columns by name, or rows.
TableSource: TypeAlias = (
    "str | Path | pd.DataFrame | Mapping[str, Sequence[object]] | Sequence[Mapping[str, object]]"
)

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

    def given(self, column: str) -> bool:
        """Return whether any cell of a column holds something."""
        return any(cell != "" for cell in self.cells.get(column, ()))

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


def read_table(source: Any, what: str, columns: tuple[Column, ...], faults: Faults) -> Table | None:
    """Return a table, or nothing where it cannot be read; faults are kept.

    Parameters
    ----------
    source
        Path of a CSV file, a data frame, columns by name, or rows.
    what
        What it is called where it has no name.
    """
    if isinstance(source, (str, Path)):
        table = _from_file(Path(source), faults)
    else:
        table = _from_memory(source, what)
    if table is None:
        return None
    known = [column.name for column in columns]
    for name in table.cells:
        if name not in known:
            faults.add(
                table, None, name, name or "(empty)", "has a column that is not known",
                ", ".join(known), nearest(name.strip().lower(), known),
            )  # fmt: skip
    for column in columns:
        if column.default is not None:
            continue
        if column.name not in table.cells:
            faults.add(table, None, column.name, column.name, "lacks a column that is needed")
            continue
        for row, cell in enumerate(table.cells[column.name]):
            if cell == "":
                faults.add(table, row, column.name, None, "is empty", column.allowed)
    return table


def _from_memory(source: Any, what: str) -> Table:
    if hasattr(source, "to_dict") and hasattr(source, "columns"):
        columns = {str(name): source[name].tolist() for name in source.columns}
    elif isinstance(source, Mapping):
        columns = {str(name): list(cells) for name, cells in source.items()}
    else:
        rows = list(source)
        names = dict.fromkeys(str(name) for row in rows for name in row)
        columns = {name: [row.get(name, "") for row in rows] for name in names}
    size = max((len(cells) for cells in columns.values()), default=0)
    cells = {
        name: [_cell(cell) for cell in values] + [""] * (size - len(values))
        for name, values in columns.items()
    }
    return Table(what, "row", list(range(1, size + 1)), cells)


def _cell(value: object) -> object:
    """Return a cell; what a frame has nothing for is empty."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, str):
        return value.strip()
    if type(value).__name__ in ("NAType", "NaTType"):
        return ""
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    return value


def _from_file(path: Path, faults: Faults) -> Table | None:
    """Read a CSV file: UTF-8 with or without a mark, any line ends, commas; # begins a comment."""
    table = Table(str(path), "line", [], {})
    try:
        raw = path.read_bytes()
    except OSError as error:
        faults.add(table, None, "file", None, f"cannot be read: {error.strerror or error}")
        return None
    try:
        if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise UnicodeDecodeError("utf-16", raw[:2], 0, 2, "UTF-16")
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        faults.add(table, None, "file", None, "is not in UTF-8; save it as CSV UTF-8")
        return None
    return _parsed(table, text.replace("\r\n", "\n").replace("\r", "\n"), faults)


def _parsed(table: Table, text: str, faults: Faults) -> Table | None:
    # Comments may hold anything, so they go before quotes are looked at; lines keep their numbers.
    kept = "\n".join("" if line.lstrip().startswith("#") else line for line in text.split("\n"))
    reader = csv.reader(io.StringIO(kept), strict=True)
    header: list[str] | None = None
    rows: list[list[str]] = []
    before = 0
    try:
        for cells in reader:
            line, before = before + 1, reader.line_num
            if not any(cell.strip() for cell in cells):
                continue
            if header is None:
                header = [cell.strip() for cell in cells]
                for mark, word in ((";", "semicolons"), ("\t", "tabs")):
                    if len(header) == 1 and mark in header[0]:
                        faults.add(table, None, "header", header[0][:60],
                                   f"is separated by {word}, not by commas",
                                   "CSV with commas; decimals with a point")  # fmt: skip
                        return None
                continue
            if len(cells) != len(header):
                faults.add(
                    table, None, "line", ",".join(cells)[:60],
                    f"does not have the header's number of cells, {len(header)}",
                    "quote cells that hold commas", line=line,
                )  # fmt: skip
                continue
            table.lines.append(line)
            rows.append(cells)
    except csv.Error as error:
        faults.add(table, None, "line", None, f"is no CSV: {error}", line=reader.line_num)
        return None
    if header is None:
        faults.add(table, None, "header", None, "is empty: there is no line of column names")
        return None
    for name in {name for name in header if header.count(name) > 1}:
        faults.add(table, None, name, name, "has a column twice")
    columns: list[list[object]] = [
        [cell.strip() for cell in column] for column in zip(*rows, strict=True)
    ]
    if not rows:
        columns = [[] for _ in header]
    table.cells = dict(zip(header, columns, strict=True))
    return table
