"""Columns that grow block by block and become one array each, in as little memory as possible."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from computenet.errors import Problem, TraceError

__all__ = ["Columns", "read_block", "since_first"]

#: Columns read at once.
WORKERS = 2
#: Values converted at once.
PIECE = 1 << 20


class Columns:
    """Arrays by name, appended to a block at a time.

    Parameters
    ----------
    **kinds
        NumPy type of each column.
    """

    def __init__(self, **kinds: type) -> None:
        self._whole: dict[str, NDArray[Any]] = {
            name: np.empty(0, dtype=kind) for name, kind in kinds.items()
        }
        self._lines: list[pd.Index] = []
        self.rows = 0

    def append(self, lines: pd.Index, **values: NDArray[Any]) -> None:
        """Append a block's rows and their lines."""
        end = self.rows + len(lines)
        for name, column in values.items():
            whole = self._whole[name]
            if end > len(whole):
                # Grown in place: pages that are not written yet take no memory.
                whole.resize(end + end // 2, refcheck=False)
            whole[self.rows : end] = column
        self.rows = end
        last = self._lines[-1] if self._lines else None
        if (
            isinstance(lines, pd.RangeIndex)
            and isinstance(last, pd.RangeIndex)
            and last.stop == lines.start
        ):
            self._lines[-1] = pd.RangeIndex(last.start, lines.stop)
        else:
            self._lines.append(lines)

    def take(self, name: str) -> NDArray[Any]:
        """Return a column whole and forget it."""
        whole = self._whole.pop(name)
        whole.resize(self.rows, refcheck=False)
        return whole

    @property
    def lines(self) -> pd.Index:
        """Line of every row."""
        return self._lines[0] if len(self._lines) == 1 else self._lines[0].append(self._lines[1:])


def since_first(stamps: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return seconds since the least of nanosecond stamps; the stamps' own memory is used."""
    first = stamps.min()
    out = stamps.view(np.float64)
    for at in range(0, len(stamps), PIECE):
        out[at : at + PIECE] = (stamps[at : at + PIECE] - first) / 1e9
    return out


def read_block(*columns: Callable[[], NDArray[Any]]) -> list[NDArray[Any]]:
    """Return what each reads; the faults of all are raised together."""
    problems: list[Problem] = []
    found: list[NDArray[Any]] = []
    with ThreadPoolExecutor(WORKERS) as pool:
        for column in [pool.submit(column) for column in columns]:
            try:
                found.append(column.result())
            except TraceError as error:
                problems.extend(error.problems)
    if problems:
        raise TraceError(problems)
    return found
