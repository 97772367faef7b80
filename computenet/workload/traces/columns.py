"""Comma-separated columns with faults told by line."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from computenet.errors import Problem, TraceError, nearest

__all__ = ["counts", "csv_columns", "has_columns", "numbers", "wall_clock"]

#: Largest number that is read, and largest count (tokens, accelerators): beyond is no data.
MOST, MOST_WHOLE = 1e15, 2e9


def csv_columns(text: str, where: str, wanted: tuple[str, ...]) -> pd.DataFrame:
    """Return the wanted columns of CSV text as strings, at least one row.

    Raises
    ------
    TraceError
        A column is missing, a line has too many fields, or there are no rows.
    """
    try:
        table = pd.read_csv(
            io.StringIO(text), dtype=str, keep_default_na=False, skipinitialspace=True
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise TraceError([Problem(where, None, str(error).strip().splitlines()[-1])]) from error
    table.columns = [str(name).strip() for name in table.columns]
    missing = [name for name in wanted if name not in table.columns]
    if missing:
        raise TraceError(
            [
                Problem(where, name, "the column is missing", None, nearest(name, table.columns))
                for name in missing
            ]
        )
    if table.empty:
        raise TraceError([Problem(where, None, "has a header but no rows")])
    return table[list(wanted)]


def has_columns(head: str, wanted: tuple[str, ...]) -> bool:
    """Return whether the first line is a header with these columns, in any order."""
    return set(wanted) <= {name.strip() for name in head.split("\n", 1)[0].split(",")}


def counts(values: pd.Series) -> dict[str, int]:
    """Return how often each raw value stands in a column, in order of value; empty is ``nan``."""
    found = values.where(values != "", "nan").value_counts()
    return {str(key): int(found[key]) for key in sorted(found.index, key=_rank)}


def _rank(key: object) -> tuple[bool, float, str]:
    text = str(key)
    try:
        return (False, float(text), text)
    except ValueError:
        return (True, 0.0, text)


def wall_clock(values: pd.Series, name: str, where: str) -> NDArray[np.int64]:
    """Return a column of date and time as nanoseconds since 1970; no zone reads as UTC.

    Raises
    ------
    TraceError
        A value is missing or no date and time.
    """
    times = pd.to_datetime(values.str.strip(), utc=True, errors="coerce", format="ISO8601")
    wrong = np.flatnonzero(times.isna())
    if wrong.size:
        value = str(values.iloc[int(wrong[0])])
        more = f" (and {wrong.size - 1} more rows)" if wrong.size > 1 else ""
        words = "the time is missing" if not value.strip() else f"{name} is no date and time"
        raise TraceError(
            [Problem(f"{where}: line {wrong[0] + 2}", value, words + more, "YYYY-MM-DD HH:MM:SS")]
        )
    stamps = times.dt.tz_convert(None).to_numpy(dtype="datetime64[ns]").astype(np.int64)
    return np.asarray(stamps, dtype=np.int64)


def numbers(
    values: pd.Series,
    name: str,
    where: str,
    *,
    least: float,
    whole: bool = False,
    empty: bool = False,
) -> NDArray[np.float64]:
    """Return a column as numbers; every row must have one, unless `empty` cells may be NaN.

    Raises
    ------
    TraceError
        A value is missing, no number, below `least`, or not whole where it must be.
    """
    clean = values.str.strip()
    valid = pd.to_numeric(clean, errors="coerce").notna()
    # The float parser of the conversion above may miss the nearest number by a bit or two.
    found = np.asarray(clean.where(valid, "nan").to_numpy(dtype=object), dtype=np.float64)
    most = MOST_WHOLE if whole else MOST
    wrong = ~np.isfinite(found) | (found < least) | (found > most)
    if empty:
        wrong &= (values.str.strip() != "").to_numpy()
    if whole:
        wrong |= np.isfinite(found) & (found != np.floor(found))
    rows = np.flatnonzero(wrong)
    if rows.size:
        value = str(values.iloc[int(rows[0])])
        more = f" (and {rows.size - 1} more rows)" if rows.size > 1 else ""
        kind = "a whole number" if whole else "a number"
        raise TraceError(
            [
                Problem(
                    f"{where}: line {rows[0] + 2}",
                    value,
                    (f"{name} is missing" if not value.strip() else f"{name} cannot be used")
                    + more,
                    f"{kind}, {least:g} to {most:g}",
                )
            ]
        )
    return found
