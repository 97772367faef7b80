"""Comma-separated columns with faults told by line.

A table is a data frame whose index holds the line of every row. Text is kept by Arrow and turned
into numbers by it, a block of lines at a time; only a block at fault is looked at row by row.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.compute
import pyarrow.csv
from numpy.typing import NDArray

from computenet.errors import Problem, TraceError, nearest
from computenet.workload.traces.opening import Block, Content, ahead

__all__ = [
    "TEXT",
    "check_numbers",
    "counts",
    "csv_blocks",
    "csv_columns",
    "fault",
    "has_columns",
    "header_of",
    "numbers",
    "table_of",
    "wall_clock",
]

#: Largest number that is read, and largest count (tokens, accelerators): beyond is no data.
MOST, MOST_WHOLE = 1e15, 2e9
CLOCK = "YYYY-MM-DD HH:MM:SS"
#: Times that nanoseconds since 1970 can count, in whole days.
EARLIEST = pd.Timestamp.min.ceil("D").tz_localize("UTC")
LATEST = pd.Timestamp.max.floor("D").tz_localize("UTC")
#: The end of a time that has a zone.
ZONE = r"(?:Z|[+-]\d{2}:?\d{2})$"
#: Bytes that Arrow parses at once.
PIECE = 2 << 20
NONE = np.zeros(0, dtype=bool)
#: Type of a column of words.
TEXT = pd.ArrowDtype(pyarrow.string())


def header_of(head: str) -> list[str]:
    """Return the names in the first line."""
    row = next(csv.reader([head.split("\n", 1)[0]], skipinitialspace=True), [])
    return [name.strip() for name in row]


def has_columns(head: str, wanted: tuple[str, ...]) -> bool:
    """Return whether the first line is a header with these columns, in any order."""
    return set(wanted) <= set(header_of(head))


def fault(
    where: str,
    lines: pd.Index,
    rows: NDArray[np.intp],
    value: object,
    message: str,
    allowed: str | None = None,
) -> Problem:
    """Return the problem of one or more rows, named by the first and carrying them all.

    Parameters
    ----------
    lines
        Line of every row.
    rows
        ``(n,)`` rows at fault, at least one.
    """
    more = f" (and {rows.size - 1:,} more rows)" if rows.size > 1 else ""
    return Problem(
        f"{where}: line {lines[int(rows[0])]}",
        value,
        message + more,
        allowed,
        rows=tuple(lines.take(rows).tolist()),
    )


def csv_blocks(
    content: Content,
    wanted: tuple[str, ...],
    *,
    numeric: tuple[str, ...] = (),
    times: tuple[str, ...] = (),
    names: tuple[str, ...] | None = None,
) -> Iterator[pd.DataFrame]:
    """Return the wanted columns, a block of lines at a time; the index holds the lines.

    What is done with a block stands in ``with content.part()``, so that lenient reading finds the
    faults of all blocks in one go.

    Parameters
    ----------
    numeric, times
        Columns that hold numbers, and date and time; the others are text.
    names
        Of the columns of a file without a header.

    Raises
    ------
    TraceError
        A column is missing, a line has too many or too few fields, or there are no rows.
    """
    header = header_of(content.head) if names is None else list(names)
    missing = [name for name in wanted if name not in header]
    twice = [name for name in wanted if header.count(name) > 1]
    if missing or twice:
        raise TraceError(
            [
                Problem(content.where, name, "the column is missing", None, nearest(name, header))
                for name in missing
            ]
            + [Problem(content.where, name, "the column stands there twice") for name in twice]
        )
    kinds = {
        **dict.fromkeys(numeric, pyarrow.float64()),
        **{name: _clock_kind(content.head, header.index(name)) for name in times},
    }

    def tables() -> Iterator[pd.DataFrame]:
        for block in ahead(content.blocks()):
            skip = int(block.first == 1 and names is None)
            with content.part():
                yield table_of(block, content.where, header, wanted, kinds=kinds, skip=skip)

    found = False
    for table in ahead(tables()):
        if len(table):
            found = True
            yield table
    content.parts_read()
    if not found:
        raise TraceError([Problem(content.where, None, "has a header but no rows")])


def _clock_kind(head: str, place: int) -> pyarrow.DataType:
    """Return the type of date and time in the second line: with a zone or without."""
    lines = head.split("\n", 2)
    row = next(csv.reader(lines[1:2]), [])
    zoned = place < len(row) and re.search(ZONE, row[place].strip()) is not None
    return pyarrow.timestamp("ns", "UTC" if zoned else None)


def table_of(
    block: Block,
    where: str,
    header: Sequence[str],
    wanted: tuple[str, ...],
    *,
    kinds: Mapping[str, pyarrow.DataType] | None = None,
    delimiter: str = ",",
    skip: int = 0,
) -> pd.DataFrame:
    """Return the wanted columns of a block's rows, without its first `skip` lines.

    Columns are text; those of `kinds` are of these types where every cell of the block is.
    """
    types = {**dict.fromkeys(wanted, pyarrow.string()), **(kinds or {})}
    first, count = block.first + skip, block.count - skip
    try:
        table = pyarrow.csv.read_csv(
            pyarrow.BufferReader(block.raw),
            read_options=pyarrow.csv.ReadOptions(
                column_names=list(header), block_size=PIECE, skip_rows=skip
            ),
            parse_options=pyarrow.csv.ParseOptions(delimiter=delimiter),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=types, include_columns=list(wanted), null_values=[""]
            ),
        )
    except pyarrow.ArrowInvalid as error:
        if kinds:
            return table_of(block, where, header, wanted, delimiter=delimiter, skip=skip)
        if "Empty CSV" in str(error) or "no data" in str(error) or not block.raw.strip(b"\n"):
            return pd.DataFrame({name: pd.Series([], dtype=TEXT) for name in wanted})
        raise TraceError(
            [_unread(block, where, len(header), str(error), delimiter, skip)]
        ) from error
    lines: pd.Index = pd.RangeIndex(first, first + table.num_rows)
    if table.num_rows != count:
        rows = block.raw.removesuffix(b"\n").split(b"\n")[skip:]
        lines = pd.Index([first + at for at, row in enumerate(rows) if row])
        if len(lines) != table.num_rows:
            raise TraceError(
                [Problem(f"{where}: line {first} and after", None,
                         "a quotation mark is not closed in its line")]
            )  # fmt: skip
    return pd.DataFrame(
        {
            name: pd.Series(table[name], dtype=pd.ArrowDtype(table[name].type), index=lines)
            for name in wanted
        },
        index=lines,
    )


def _unread(
    block: Block, where: str, fields: int, error: str, delimiter: str, skip: int
) -> Problem:
    """Return the fault of a block that could not be cut into rows: its lines, one by one."""
    wrong: list[int] = []
    found = 0
    for at, raw in enumerate(block.raw.removesuffix(b"\n").split(b"\n")):
        if at < skip or not raw:
            continue
        try:
            parts = len(next(csv.reader([raw.decode()], strict=True, delimiter=delimiter), []))
        except (UnicodeDecodeError, csv.Error):
            parts = -1
        if parts != fields:
            found = found if wrong else parts
            wrong.append(at)
    if not wrong:
        return Problem(f"{where}: line {block.first} and after", None, error.splitlines()[0])
    words = "is no UTF-8 text in CSV form" if found < 0 else f"has {found} fields, not {fields}"
    lines = pd.RangeIndex(block.first, block.first + wrong[-1] + 1)
    return fault(where, lines, np.asarray(wrong), None, words)


def csv_columns(
    content: Content, wanted: tuple[str, ...], *, names: tuple[str, ...] | None = None
) -> pd.DataFrame:
    """Return the wanted columns of a CSV file as text, at least one row; see `csv_blocks`."""
    blocks = list(csv_blocks(content, wanted, names=names))
    return blocks[0] if len(blocks) == 1 else pd.concat(blocks)


def counts(values: pd.Series) -> dict[str, int]:
    """Return how often each raw value stands in a column, in order of value; empty is ``nan``."""
    found = values.value_counts()
    often = {str(key) if str(key) else "nan": int(value) for key, value in found.items()}
    return {key: often[key] for key in sorted(often, key=_rank)}


def _rank(key: object) -> tuple[bool, float, str]:
    text = str(key)
    try:
        return (False, float(text), text)
    except ValueError:
        return (True, 0.0, text)


def _arrow(values: pd.Series) -> pyarrow.ChunkedArray:
    return pyarrow.chunked_array(values.array.__arrow_array__())


def wall_clock(values: pd.Series, name: str, where: str) -> NDArray[np.int64]:
    """Return a column of date and time as nanoseconds since 1970; no zone reads as UTC.

    Raises
    ------
    TraceError
        A value is missing, no date and time or out of range, or some values have a zone and others
        none.
    """
    if pyarrow.types.is_timestamp(_arrow(values).type):
        empty = np.flatnonzero(values.isna())
        if empty.size:
            raise TraceError([fault(where, values.index, empty, "", "the time is missing", CLOCK)])
        return np.asarray(_arrow(values).cast(pyarrow.int64()).to_numpy(), dtype=np.int64)
    for kind in (pyarrow.timestamp("ns"), pyarrow.timestamp("ns", "UTC")):
        try:
            cast = pyarrow.compute.cast(_arrow(values), kind)
            return np.asarray(cast.cast(pyarrow.int64()).to_numpy(), dtype=np.int64)
        except pyarrow.ArrowInvalid:
            continue
    clean = values.astype(object).str.strip()
    times = pd.to_datetime(clean, utc=True, errors="coerce", format="ISO8601")
    wrong = np.flatnonzero(times.isna())
    if wrong.size:
        value = str(values.iloc[int(wrong[0])])
        words = "the time is missing" if not value.strip() else f"{name} is no date and time"
        raise TraceError([fault(where, values.index, wrong, value, words, CLOCK)])
    beyond = np.flatnonzero((times < EARLIEST) | (times > LATEST))
    if beyond.size:
        value = str(values.iloc[int(beyond[0])])
        words = f"{name} is out of range"
        allowed = f"{EARLIEST:%Y-%m-%d} to {LATEST:%Y-%m-%d}"
        raise TraceError([fault(where, values.index, beyond, value, words, allowed)])
    zoned = clean.str.contains(ZONE).to_numpy(dtype=bool)
    if zoned.any() and not zoned.all():
        few = np.flatnonzero(zoned if 2 * zoned.sum() <= len(zoned) else ~zoned)
        words = f"{name} has a time zone here and none in other rows"
        if not zoned[few[0]]:
            words = f"{name} has no time zone here and one in other rows"
        raise TraceError(
            [fault(where, values.index, few, str(values.iloc[int(few[0])]), words, "one form")]
        )
    stamps = times.dt.tz_convert(None).to_numpy(dtype="datetime64[ns]").astype(np.int64)
    return np.asarray(stamps, dtype=np.int64)


def _floats(values: pd.Series) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return numbers, NaN where there is none, and which cells are empty."""
    text = _arrow(values)
    if not pyarrow.types.is_string(text.type):
        if text.null_count == 0:
            return np.asarray(pyarrow.compute.cast(text, pyarrow.float64()).to_numpy()), NONE
        found = values.to_numpy(dtype=np.float64, na_value=np.nan)
        return found, values.isna().to_numpy(dtype=bool)
    try:
        cast = pyarrow.compute.cast(text, pyarrow.float64())
        return np.asarray(cast.to_numpy()), NONE
    except pyarrow.ArrowInvalid:
        clean = values.astype(object).str.strip()
    empty = (clean == "").to_numpy(dtype=bool)
    valid = pd.to_numeric(clean, errors="coerce").notna()
    # The parser of the conversion above may miss the nearest number by a bit or two.
    found = np.asarray(clean.where(valid, "nan").to_numpy(dtype=object), dtype=np.float64)
    return found, empty


def numbers(
    values: pd.Series,
    name: str,
    where: str,
    *,
    least: float,
    whole: bool = False,
    empty: bool = False,
    most: float | None = None,
) -> NDArray[np.float64]:
    """Return a column as numbers; every row must have one, unless `empty` cells may be NaN.

    Parameters
    ----------
    least, most
        Bounds; without `most`, 2e9 where numbers are `whole` and 1e15 where not.

    Raises
    ------
    TraceError
        A value is missing, no number, below `least`, or not whole where it must be.
    """
    found, blank = _floats(values)
    return check_numbers(
        found, blank, values, name, where, least=least, whole=whole, empty=empty, most=most
    )


def check_numbers(
    found: NDArray[np.float64],
    blank: NDArray[np.bool_],
    values: pd.Series,
    name: str,
    where: str,
    *,
    least: float,
    whole: bool = False,
    empty: bool = False,
    most: float | None = None,
) -> NDArray[np.float64]:
    """Return numbers that were found already, checked as `numbers` does.

    Parameters
    ----------
    blank
        ``(n,)`` cells without a value; nothing where there are none.
    """
    if most is None:
        most = MOST_WHOLE if whole else MOST
    good = (found >= least) & (found <= most) & np.isfinite(found)
    if whole:
        good &= found == np.floor(found)
    if empty and blank.size:
        good |= blank
    if good.all():
        return found
    rows = np.flatnonzero(~good)
    raw = values.iloc[int(rows[0])]
    value = "" if raw is pd.NA else str(raw)
    kind = "a whole number" if whole else "a number"
    words = f"{name} is missing" if not value.strip() else f"{name} cannot be used"
    raise TraceError(
        [fault(where, values.index, rows, value, words, f"{kind}, {least:g} to {most:g}")]
    )
