"""Comma-separated columns with faults told by line."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from computenet.errors import Problem, TraceError, nearest

__all__ = ["csv_columns", "numbers"]


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


def numbers(
    values: pd.Series, name: str, where: str, *, least: float, whole: bool = False
) -> NDArray[np.float64]:
    """Return a column as numbers; every row must have one.

    Raises
    ------
    TraceError
        A value is missing, no number, below `least`, or not whole where it must be.
    """
    found = pd.to_numeric(values.str.strip(), errors="coerce").to_numpy(dtype=np.float64)
    wrong = ~np.isfinite(found) | (found < least)
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
                    f"{kind}, at least {least:g}",
                )
            ]
        )
    return found
