"""The data set of a study: rows are on disk soon after their runs, and are never lost.

A study's directory holds ``study.json`` (what is being run, by its hash, and how far), the
resolved ``study.yaml``, and while it runs ``runs/part-*.parquet``, each written beside its name,
synced and renamed. At the end the parts become ``runs.parquet``, whose rows and columns do not
depend on who ran what when.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from computenet.errors import InputError, Problem, RunError
from computenet.results.reservation import require_place
from computenet.study.sweeps.preparing import Prepared
from computenet.study.sweeps.tasks import Record

__all__ = ["MARK", "Dataset", "opened", "rows_of", "table_of"]

#: The file that marks a directory as a study's; written first.
MARK = "study.json"
#: Longest time that finished rows wait to be written, s, and most of them.
WAIT_S, MOST_ROWS = 2.0, 256
#: Parts that are put together.
MOST_PARTS = 64
_OWN = ("run", "status", "error", "wall_s")


class Dataset:
    """Rows of one study in its directory.

    Parameters
    ----------
    directory
        The study's.
    begin
        Called once, before anything is written: clears and marks the directory. Until then nothing
        that was there is read or lost.
    """

    def __init__(self, directory: Path, begin: Callable[[], None] | None = None) -> None:
        self.directory = directory
        self._before = begin
        self._parts = directory / "runs"
        self._waiting: list[Record] = []
        self._written = time.monotonic()
        self._number = 0

    def add(self, record: Record) -> None:
        """Keep a row; it is on disk within `WAIT_S` of the next one, or when flushed."""
        self._begin()
        self._waiting.append(record)
        if len(self._waiting) >= MOST_ROWS or time.monotonic() - self._written >= WAIT_S:
            self.flush()

    def _begin(self) -> None:
        before, self._before = self._before, None
        if before is not None:
            before()

    def flush(self) -> None:
        """Write the rows that wait as one part, whole or not at all."""
        if not self._waiting:
            return
        self._parts.mkdir(exist_ok=True)
        while (path := self._parts / f"part-{self._number:06d}.parquet").exists():
            self._number += 1
        _write(_table(self._waiting), path)
        self._waiting = []
        self._written = time.monotonic()
        parts = sorted(self._parts.glob("part-*.parquet"))
        if len(parts) >= MOST_PARTS:
            self._join(parts)

    def _join(self, parts: list[Path]) -> None:
        """Put parts into one; should it be cut short, rows that stand twice count once."""
        tables = [pq.read_table(path) for path in parts]
        joined = pa.concat_tables(tables, promote_options="default")
        _write(joined, self._parts / f"part-{self._number + 1:06d}.parquet")
        for path in parts:
            path.unlink()

    def records(self) -> dict[int, Record]:
        """Return the rows on disk by run; of several, one that is done.

        Raises
        ------
        InputError
            A file is damaged.
        """
        found: dict[int, Record] = {}
        if self._before is not None:
            return found
        whole = self.directory / "runs.parquet"
        walls: dict[int, float] = {}
        timings = self.directory / "timings.parquet"
        files = [whole] if whole.is_file() else []
        if files and timings.is_file():
            table = pd.read_parquet(timings)
            walls = dict(zip(table["run"].tolist(), table["wall_s"].tolist(), strict=True))
        for path in [*files, *sorted(self._parts.glob("part-*.parquet"))]:
            for record in _read(path, walls):
                known = found.get(record.run)
                if known is None or known.status == "lost":
                    found[record.run] = record
        return found

    def complete(self, prepared: Prepared, records: dict[int, Record]) -> pd.DataFrame:
        """Write the whole table, remove the parts, and return the table."""
        self._begin()
        table = table_of(prepared, records)
        walls = pd.DataFrame(
            [(run, records[run].wall_s) for run in sorted(records)], columns=["run", "wall_s"]
        )
        for name, frame in (("timings", walls), ("runs", table)):
            arrow = pa.Table.from_pandas(frame, preserve_index=False)
            _write(arrow, self.directory / f"{name}.parquet")
        shutil.rmtree(self._parts, ignore_errors=True)
        return table

    def mark(self, **facts: Any) -> None:
        """Write what is known of the study into ``study.json``."""
        text = json.dumps(facts, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
        _replace(self.directory / MARK, lambda file: file.write(text.encode()))


def rows_of(prepared: Prepared) -> pd.DataFrame:
    """Return run, point, seed and the value of every axis, for all runs."""
    seeds = len(prepared.seeds)
    columns: dict[str, Any] = {
        "run": [task.run for task in prepared.tasks],
        "point": [task.run // seeds for task in prepared.tasks],
        "seed": [task.seed for task in prepared.tasks],
    }
    for number, axis in enumerate(prepared.study.spec.axes):
        values = [prepared.points[task.run // seeds][number] for task in prepared.tasks]
        columns[axis.name] = _column(values)
    return pd.DataFrame(columns)


def _column(values: list[Any]) -> list[Any]:
    """Return values of one type: numbers as they are, anything mixed or nested as text."""
    if all(isinstance(v, bool) for v in values):
        return values
    if all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values):
        whole = all(isinstance(v, int) for v in values)
        return values if whole else [float(v) for v in values]
    return [
        v if isinstance(v, str) else json.dumps(v, ensure_ascii=False, sort_keys=True)
        for v in values
    ]  # fmt: skip


def table_of(prepared: Prepared, records: dict[int, Record]) -> pd.DataFrame:
    """Return the table of all runs: axes, status, then every figure in the order of its name."""
    rows = rows_of(prepared)
    rows = rows[rows["run"].isin(records.keys())].reset_index(drop=True)
    ordered = [records[run] for run in rows["run"]]
    rows["status"] = pd.array([record.status for record in ordered], dtype="string")
    rows["error"] = pd.array([record.error for record in ordered], dtype="string")
    names = sorted({name for record in ordered for name in record.figures})
    figures = pd.DataFrame(
        {
            name: pd.array([record.figures.get(name) for record in ordered], dtype="Float64")
            for name in names
        }
    )
    return pd.concat([rows, figures.astype("float64")], axis=1)


def _table(records: Sequence[Record]) -> pa.Table:
    names = list(dict.fromkeys(name for record in records for name in record.figures))
    return pa.table(
        {
            "run": pa.array([record.run for record in records], pa.int64()),
            "status": pa.array([record.status for record in records], pa.string()),
            "error": pa.array([record.error for record in records], pa.string()),
            "wall_s": pa.array([record.wall_s for record in records], pa.float64()),
            **{
                name: pa.array([record.figures.get(name) for record in records], pa.float64())
                for name in names
            },
        }
    )


def _read(path: Path, walls: dict[int, float]) -> list[Record]:
    try:
        table = pq.read_table(path)
        names = [name for name in table.column_names if name not in (*_OWN, "point", "seed")]
        # Columns of axes are not figures; those that hold numbers cannot be told from them here,
        # so the whole table says where figures begin.
        after = table.column_names.index("error")
        names = [name for name in names if table.column_names.index(name) > after]
        columns = {name: table.column(name).to_pylist() for name in names}
        own = {name: table.column(name).to_pylist() for name in ("run", "status", "error")}
        wall = table.column("wall_s").to_pylist() if "wall_s" in table.column_names else None
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        raise InputError(
            [Problem(str(path), None, f"is damaged: {str(error).splitlines()[0]}")],
            "study cannot be resumed",
        ) from error
    out = []
    for i, run in enumerate(own["run"]):
        figures = {name: column[i] for name, column in columns.items()}
        if own["status"][i] != "done":
            figures = {}
        wall_s = wall[i] if wall is not None else walls.get(run, 0.0)
        out.append(Record(run, own["status"][i], own["error"][i], wall_s, figures))
    return out


def _write(table: pa.Table, path: Path) -> None:
    _replace(path, lambda file: pq.write_table(table, file, compression="zstd"))


def _replace(path: Path, write: Any) -> None:
    """Write a file that is there whole once it is there, even if the power goes."""
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


@contextlib.contextmanager
def opened(
    directory: Path, key: str, facts: dict[str, Any], *, overwrite: bool, resume: bool
) -> Iterator[Dataset]:
    """Give the data set of a study, new or resumed, to this process alone.

    A study that ends before its first row leaves no directory, and the one it was to overwrite.

    Raises
    ------
    InputError
        The directory is something else, another study's, or in use.
    """
    _check(directory, key, overwrite=overwrite, resume=resume)
    made = [place for place in (directory, *directory.parents) if not os.path.lexists(place)]
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = (directory / ".lock").open("a+b")
    except OSError as error:
        words = f"cannot be written: {error.strerror or error}"
        raise InputError(
            [Problem("--out", str(directory), words, "a directory that can be made")],
            "nothing was run",
        ) from error
    with lock:
        _lock(lock, directory)

        def begin() -> None:
            for entry in directory.iterdir():
                if entry.name != ".lock":
                    shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
            data.mark(**facts)

        known = (directory / MARK).is_file() and not overwrite
        data = Dataset(directory, None if known else begin)
        try:
            yield data
        finally:
            if made and not (directory / MARK).is_file():
                (directory / ".lock").unlink(missing_ok=True)
                with contextlib.suppress(OSError):
                    for place in made:
                        place.rmdir()


def _lock(lock: IO[bytes], directory: Path) -> None:
    try:
        import fcntl
    except ImportError:  # Not on this system: its user keeps two studies apart.
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise InputError(
            [Problem("--out", str(directory), "is being written by another process")],
            "nothing was run",
        ) from error


def _check(directory: Path, key: str, *, overwrite: bool, resume: bool) -> None:
    """Refuse a directory that is not free, or not of this study."""
    if not os.path.exists(directory):
        require_place(directory)
        return
    if directory.is_dir() and not any(e for e in directory.iterdir() if e.name != ".lock"):
        return
    mark = directory / MARK
    if not directory.is_dir() or not mark.is_file():
        words = "exists already and is not a study"
        raise InputError(
            [Problem("--out", str(directory), words, "a new directory")], "nothing was run"
        )
    if overwrite:
        return
    if not resume:
        raise InputError(
            [Problem("--out", str(directory), "exists already",
                     "a new directory, --resume to go on with it, or --overwrite")],
            "nothing was run",
        )  # fmt: skip
    try:
        told = json.loads(mark.read_text(encoding="utf-8"))
        other = told["hash"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError([Problem(str(mark), None, "is damaged")], "nothing was run") from error
    if other != key:
        version = told.get("computenet")
        import computenet

        words = (
            "was made by another study: its scenario, axes, points or seeds differ"
            if version == computenet.__version__
            else f"was made by computenet {version}, whose results may differ from those of "
            f"{computenet.__version__}"
        )
        raise InputError(
            [Problem("--out", str(directory), words, "the study it was made by, a new directory, "
                     "or --overwrite")],
            "nothing was run",
        )  # fmt: skip
