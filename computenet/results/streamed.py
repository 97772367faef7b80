"""A table of a run that is kept on disk, because it may not fit in memory."""

from __future__ import annotations

import os
import shutil
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["StreamedTable"]


class StreamedTable:
    """A parquet file that is read when it is asked for, whole or part by part.

    Parameters
    ----------
    path
        The file.
    order
        Column by which rows are put in order when they are read whole; ``None`` = as written.
    owned
        A directory to remove, with the file in it, once the table is not needed any more;
        ``None`` = the file stays.
    """

    def __init__(self, path: Path, order: str | None = None, owned: Path | None = None) -> None:
        self.path, self._order = path, order
        self._owner = (
            None
            if owned is None
            else weakref.finalize(self, shutil.rmtree, str(owned), ignore_errors=True)
        )

    @property
    def rows(self) -> int:
        """Number of rows."""
        import pyarrow.parquet as pq

        return int(pq.read_metadata(self.path).num_rows)

    def read(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Return the table, or some of its columns, in memory."""
        import pandas as pd

        wanted = None if columns is None else list(columns)
        order = self._order
        if order is None:
            return pd.read_parquet(self.path, columns=wanted)
        read = None if wanted is None else list(dict.fromkeys([*wanted, order]))
        table = pd.read_parquet(self.path, columns=read)
        if not table[order].is_monotonic_increasing:
            table = table.sort_values(order, kind="stable", ignore_index=True)
        return table if wanted is None else table[wanted]

    def parts(self, columns: Sequence[str]) -> Iterator[pd.DataFrame]:
        """Yield some columns, some rows at a time."""
        import pyarrow.parquet as pq

        with pq.ParquetFile(self.path) as file:
            for group in range(file.num_row_groups):
                yield file.read_row_group(group, columns=list(columns)).to_pandas()

    def place(self, path: Path) -> None:
        """Put the file at `path`, without a copy where the disk allows it."""
        try:
            os.link(self.path, path)
        except OSError:
            shutil.copyfile(self.path, path)
