"""SQL over the data set of a study."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow.parquet as pq

from computenet.errors import InputError, Problem, nearest
from computenet.study.sweeps.analysis import TABLES as ANALYSED
from computenet.study.sweeps.dataset import MARK, Dataset

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

__all__ = ["query_study", "study_files_of", "study_state"]

T = TypeVar("T")

#: Tables besides ``runs``, where the study is complete.
TABLES = (*ANALYSED, "timings")


def study_files_of(directory: str | Path) -> dict[str, list[Path]]:
    """Return the files of every table of a study; of a study under way, those of ``runs`` so far.

    Raises
    ------
    InputError
        The directory is not a study's, or has no rows yet.
    """
    root = Path(directory)
    if not (root / MARK).is_file():
        raise InputError(
            [Problem(str(root), None, f"is no study: it has no {MARK}",
                     "a directory that sweep --out has written")],
            "nothing to ask",
        )  # fmt: skip
    whole = root / "runs.parquet"
    runs = [whole] if whole.is_file() else sorted((root / "runs").glob("part-*.parquet"))
    if not runs:
        raise InputError([Problem(str(root), None, "has no runs yet")], "nothing to ask")
    files = {"runs": runs}
    for name in TABLES:
        if (root / f"{name}.parquet").is_file():
            files[name] = [root / f"{name}.parquet"]
    return files


def study_state(directory: str | Path) -> dict[str, Any]:
    """Return what a study is, and how many of its runs are done, failed, lost and missing.

    Raises
    ------
    InputError
        The directory is not a study's.
    """
    root = Path(directory)
    try:
        told = json.loads((root / MARK).read_text(encoding="utf-8"))
        runs = int(told["runs"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            [Problem(str(root), None, f"is no study: it has no {MARK} that can be read")]
        ) from error
    records = Dataset(root).records()
    by_status = {
        status: sum(record.status == status for record in records.values())
        for status in ("done", "failed", "lost")
    }
    return {**told, **by_status, "missing": runs - len(records)}


def query_study(directory: str | Path, sql: str) -> pd.DataFrame:
    """Return what a query over a study's tables gives.

    Parameters
    ----------
    directory
        Of a study, complete or under way.
    sql
        DuckDB's SQL over ``runs``, ``points``, ``distributions`` and ``sensitivity``. Columns with
        dots are written in double quotes: ``"cost.total_cny"``. Nothing outside can be read.

    Raises
    ------
    InputError
        The directory is no study, or the query cannot be answered.
    """
    import duckdb

    files = study_files_of(directory)
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        for name, paths in files.items():
            _read(connection, name, paths)
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        try:
            return _interruptible(connection, lambda: _asked(connection, sql))
        except duckdb.Error as error:
            raise InputError([_problem(error, sql, files)], "query cannot be answered") from error


def _read(connection: duckdb.DuckDBPyConnection, name: str, paths: list[Path]) -> None:
    """Make a table of its files.

    Raises
    ------
    InputError
        A file is damaged or cannot be read.
    """
    import duckdb

    listed = ", ".join("'" + str(path).replace("'", "''") + "'" for path in paths)
    words = f"CREATE TABLE {name} AS SELECT * FROM read_parquet([{listed}], union_by_name = true)"
    try:
        _interruptible(connection, lambda: connection.execute(words))
    except duckdb.Error as error:
        said = str(error).strip().splitlines()[0]
        where = str(paths[0]) if len(paths) == 1 else str(paths[0].parent)
        raise InputError(
            [Problem(where, None, f"is damaged or cannot be read: {said}", "what sweep --out wrote")
            ],
            "nothing to ask",
        ) from error  # fmt: skip


def _asked(connection: duckdb.DuckDBPyConnection, sql: str) -> pd.DataFrame:
    result = connection.sql(sql)
    if result is None:
        raise InputError([Problem("SQL", sql, "asks for nothing", "SELECT … FROM runs")])
    table: pd.DataFrame = result.df()
    return table


def _interruptible(connection: duckdb.DuckDBPyConnection, work: Callable[[], T]) -> T:
    """Return what some work on a connection gives; an interrupt, which DuckDB holds back, ends it.

    What the work raises is raised here.
    """
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(work)
        try:
            return answer.result()
        except BaseException:
            while not answer.done():  # It may come before DuckDB has begun.
                connection.interrupt()
                wait([answer], timeout=0.05)
            raise


def _problem(error: Exception, sql: str, files: dict[str, list[Path]]) -> Problem:
    """Return DuckDB's words, and what was probably meant."""
    message = str(error).strip()
    first = message.splitlines()[0]
    columns = [
        name for paths in files.values() for path in paths[:1] for name in _columns(path)
    ]  # fmt: skip
    allowed = f"tables {', '.join(files)}; columns with dots in double quotes"
    meant: str | None = None
    unknown = re.search(r'(?:column|table) "?([\w.*-]+)"?', first, re.IGNORECASE)
    named = re.findall(r'(?<!["\w.])[A-Za-z_]\w*(?:\.\w+)+', sql)
    for word in named:
        if word in columns:
            meant = f'"{word}"'
            break
    if meant is None and unknown is not None:
        like = nearest(unknown.group(1), [*columns, *files])
        meant = f'"{like}"' if like and "." in like else like
    if meant is None and named:
        like = nearest(named[0], columns)
        meant = f'"{like}"' if like else None
    return Problem("SQL", sql, first, allowed, meant)


def _columns(path: Path) -> list[Any]:
    return list(pq.read_schema(path).names)
