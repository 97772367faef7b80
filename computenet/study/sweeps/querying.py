"""SQL over the data set of a study."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from computenet.errors import InputError, Problem, nearest
from computenet.study.sweeps.analysis import TABLES as ANALYSED
from computenet.study.sweeps.dataset import DESIGN, MARK, Dataset, parts_of

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

__all__ = ["query_study", "study_state"]

T = TypeVar("T")

#: Tables besides ``runs``, where the study is complete.
TABLES = (*ANALYSED, "timings")
#: Columns of parts that are not figures.
_OWN = ("run", "point", "seed", "status", "error", "wall_s")
#: Of rows of one run, the one that counts first: as `Dataset.records` has it.
_ONCE = (
    "QUALIFY row_number() OVER (PARTITION BY run ORDER BY status = 'lost', "
    "CASE WHEN status = 'lost' THEN NULL ELSE filename END, filename DESC) = 1"
)
#: Times that files are looked for again which the study has put together meanwhile.
TRIES = 5


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
    records = _settled(root, Dataset(root).records)
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

    root = Path(directory)
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        _load_runs(connection, root)
        if not _under_way(root):
            for name in TABLES:
                if (path := root / f"{name}.parquet").is_file():
                    _make(connection, name, f"SELECT * FROM {_files([path])}", path)
        columns = _columns(connection)
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        try:
            return _interruptible(connection, lambda: _asked(connection, sql))
        except duckdb.Error as error:
            raise InputError([_problem(error, sql, columns)], "query cannot be answered") from error


def _under_way(root: Path) -> bool:
    """Return whether runs are missing, so that what was told of others no longer holds."""
    try:
        return bool(json.loads((root / MARK).read_text(encoding="utf-8"))["state"] == "running")
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _load_runs(connection: duckdb.DuckDBPyConnection, root: Path) -> None:
    """Make the table ``runs``, of a study under way as far as it is.

    Raises
    ------
    InputError
        The directory is not a study's, has no rows yet, or a file is damaged.
    """
    if not os.path.isfile(root / MARK):
        raise InputError(
            [Problem(str(root), None, f"is no study: it has no {MARK}",
                     "a directory that sweep --out has written")],
            "nothing to ask",
        )  # fmt: skip
    _settled(root, lambda: _read_runs(connection, root))


def _settled(root: Path, read: Callable[[], T]) -> T:
    """Return what reading a study's rows gives; again if it put its parts together meanwhile.

    Raises
    ------
    InputError
        A file is damaged.
    """
    for _ in range(TRIES):
        before = parts_of(root)
        try:
            return read()
        except InputError:
            if parts_of(root) == before:
                raise
    return read()


def _read_runs(connection: duckdb.DuckDBPyConnection, root: Path) -> None:
    parts, whole = parts_of(root), root / "runs.parquet"
    files = [whole, *parts] if whole.is_file() else parts
    if not files:
        raise InputError([Problem(str(root), None, "has no runs yet")], "nothing to ask")
    where = files[0] if len(files) == 1 else root / "runs"
    words = f"SELECT * FROM {_files(files)}" if not parts else _joined(root, files)
    _make(connection, "runs", words, where)


def _joined(root: Path, files: Sequence[Path]) -> str:
    """Return the query for one row a run of several files, with the values of the axes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        design = pq.read_schema(root / DESIGN).names
        found = dict.fromkeys(name for path in files for name in pq.read_schema(path).names)
    except (OSError, pa.ArrowException) as error:
        raise _damaged(root, error) from error
    figures = sorted(name for name in found if name not in (*_OWN, *design))
    shown = ", ".join(
        [*(f"d.{_quoted(name)}" for name in design),
         *(f"r.{_quoted(name)}" for name in ("status", "error", *figures))]
    )  # fmt: skip
    rows = f"SELECT * FROM {_files(files, ', filename = true')} {_ONCE}"
    return f"SELECT {shown} FROM {_files([root / DESIGN])} d JOIN ({rows}) r USING (run) ORDER BY 1"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _files(paths: Sequence[Path], more: str = "") -> str:
    listed = ", ".join("'" + str(path).replace("'", "''") + "'" for path in paths)
    return f"read_parquet([{listed}], union_by_name = true{more})"


def _make(connection: duckdb.DuckDBPyConnection, name: str, words: str, where: Path) -> None:
    """Make a table by a query over files.

    Raises
    ------
    InputError
        A file is damaged or cannot be read.
    """
    import duckdb

    try:
        _interruptible(connection, lambda: connection.execute(f"CREATE TABLE {name} AS {words}"))
    except duckdb.Error as error:
        raise _damaged(where, error) from error


def _damaged(where: Path, error: Exception) -> InputError:
    said = str(error).strip().splitlines()[0]
    words = f"is damaged or cannot be read: {said}"
    return InputError(
        [Problem(str(where), None, words, "what sweep --out wrote")], "nothing to ask"
    )


def _columns(connection: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    """Return the columns of every table."""
    out: dict[str, list[str]] = {}
    listed = "SELECT table_name, column_name FROM information_schema.columns"
    for table, column in connection.execute(listed).fetchall():
        out.setdefault(table, []).append(column)
    return out


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


def _problem(error: Exception, sql: str, tables: Mapping[str, Sequence[str]]) -> Problem:
    """Return DuckDB's words, and what was probably meant."""
    message = str(error).strip()
    first = message.splitlines()[0]
    columns = [name for names in tables.values() for name in names]
    allowed = f"tables {', '.join(tables)}; columns with dots in double quotes"
    meant: str | None = None
    unknown = re.search(r'(?:column|table) "?([\w.*-]+)"?', first, re.IGNORECASE)
    named = re.findall(r'(?<!["\w.])[A-Za-z_]\w*(?:\.\w+)+', sql)
    for word in named:
        if word in columns:
            meant = f'"{word}"'
            break
    if meant is None and unknown is not None:
        like = nearest(unknown.group(1), [*columns, *tables])
        meant = f'"{like}"' if like and "." in like else like
    if meant is None and named:
        like = nearest(named[0], columns)
        meant = f'"{like}"' if like else None
    return Problem("SQL", sql, first, allowed, meant)
