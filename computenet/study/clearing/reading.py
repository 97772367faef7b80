"""Tables from CSV files, data frames, columns or rows, with every fault told."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from computenet.errors import nearest
from computenet.study.clearing.schema import Column
from computenet.study.clearing.tables import Faults, Table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["TableSource", "read_table"]

#: A CSV file, a data frame, columns by name, or rows.
TableSource: TypeAlias = (
    "str | Path | pd.DataFrame | Mapping[str, Sequence[object]] | Sequence[Mapping[str, object]]"
)


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
        table = _from_memory(source, what, faults)
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


def _from_memory(source: Any, what: str, faults: Faults) -> Table | None:
    table = Table(what, "row", [], {})
    given = _columns_of(source)
    if given is None:
        faults.add(
            table, None, "table", type(source).__name__, "is no table",
            "a CSV file, a data frame, columns by name, or a list of rows by name",
        )  # fmt: skip
        return None
    columns: dict[str, list[object]] = {}
    before = len(faults.problems)
    for name, cells in given:
        if name in columns:
            faults.add(table, None, name, name, "has a column twice")
        elif isinstance(cells, (str, bytes, Mapping)) or not np.iterable(cells):
            faults.add(table, None, name, cells, f"has no list of cells as column {name}",
                       "one cell a row")  # fmt: skip
        else:
            columns[name] = list(cells)
    sizes = {name: len(cells) for name, cells in columns.items()}
    if len(set(sizes.values())) > 1:
        told = ", ".join(f"{name} {size}" for name, size in sizes.items())
        faults.add(table, None, "columns", told, "has columns of different lengths", "one length")
    if len(faults.problems) > before:
        return None
    table.lines = list(range(1, max(sizes.values(), default=0) + 1))
    table.cells = {name: [_cell(cell) for cell in cells] for name, cells in columns.items()}
    return table


def _columns_of(source: Any) -> list[tuple[str, Any]] | None:
    """Return the columns of a frame, a mapping or rows; nothing where it is none of them."""
    if hasattr(source, "iloc") and hasattr(source, "columns"):
        return [(str(name), source.iloc[:, i].tolist()) for i, name in enumerate(source.columns)]
    if isinstance(source, Mapping):
        return [(str(name), cells) for name, cells in source.items()]
    if isinstance(source, bytes) or not np.iterable(source):
        return None
    rows = list(source)
    if not all(isinstance(row, Mapping) for row in rows):
        return None
    names = dict.fromkeys(name for row in rows for name in row)
    return [(str(name), [row.get(name, "") for row in rows]) for name in names]


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
    """Read a CSV file: UTF-8 with or without a mark, any line ends, commas.

    A line that begins with # is a comment, but not inside a quoted cell.
    """
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


class _Lines:
    """Lines of a file for a CSV reader; comments between its records are given as empty lines.

    A reader asks for one line at the start of a record, and for more inside a quoted cell.
    """

    def __init__(self, text: str) -> None:
        self._lines = iter(text.split("\n"))
        self.begins = True
        #: Number of the line that was given last, and the comment that it was.
        self.line, self.comment = 0, ""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.line += 1
        begins, self.begins = self.begins, False
        if begins and line.lstrip().startswith("#"):
            self.comment = line
            return "\n"
        return line + "\n"


def _parsed(table: Table, text: str, faults: Faults) -> Table | None:
    lines = _Lines(text)
    reader = csv.reader(lines, strict=True)
    header: list[str] | None = None
    rows: list[list[str]] = []
    while True:
        line, lines.begins, lines.comment = lines.line + 1, True, ""
        try:
            cells = next(reader, None)
        except csv.Error as error:
            faults.add(table, None, "line", None, f"is no CSV: {error}", line=lines.line)
            return None
        if cells is None:
            break
        if lines.comment and header is not None:
            _check_comment(table, lines.comment, len(header), line, faults)
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
    if header is None:
        faults.add(table, None, "header", None, "is empty: there is no line of column names")
        return None
    for name in dict.fromkeys(name for name in header if header.count(name) > 1):
        faults.add(table, None, name, name, "has a column twice")
    columns: list[list[object]] = [
        [cell.strip() for cell in column] for column in zip(*rows, strict=True)
    ]
    if not rows:
        columns = [[] for _ in header]
    table.cells = dict(zip(header, columns, strict=True))
    return table


def _check_comment(table: Table, comment: str, cells: int, line: int, faults: Faults) -> None:
    """Complain of a comment among the rows that would make a row: it may be meant as one."""
    try:
        row = next(csv.reader([comment]), [])
    except csv.Error:
        return
    if len(row) == cells:
        faults.add(
            table, None, "line", comment.strip()[:60],
            "begins with # as comments do, and has the header's number of cells",
            "a row with its first cell in quotes, or no such line", line=line,
        )  # fmt: skip
