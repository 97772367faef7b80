"""Files of a study: there whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from computenet.errors import RunError

__all__ = ["write_table", "write_whole"]


def write_table(table: pa.Table, path: Path) -> None:
    """Write a table as Parquet, as `write_whole` does."""
    write_whole(path, lambda file: pq.write_table(table, file, compression="zstd"))


def write_whole(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file that is there whole once it is there, even if the power goes.

    Raises
    ------
    RunError
        It cannot be written; what was there before still is.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
        with contextlib.suppress(OSError):  # Not every system can sync a directory.
            handle = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise RunError(f"cannot write {path}: {error.strerror or error}") from error
