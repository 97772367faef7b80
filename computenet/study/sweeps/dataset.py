"""The data set of a study: rows are on disk soon after their runs, and are never lost.

A study's directory holds ``study.json`` (what is being run, by its hash, and how far), the
resolved ``study.yaml``, ``design.parquet`` (the axes of every run), and while it runs
``runs/part-*.parquet``, each written beside its name, synced and renamed. At the end the parts
become ``runs.parquet``, whose rows and columns do not depend on who ran what when.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from computenet.errors import InputError, Problem, RunError
from computenet.study.sweeps.preparing import Prepared
from computenet.study.sweeps.tasks import Record
from computenet.study.sweeps.writing import write_table, write_whole

__all__ = ["DESIGN", "MARK", "Dataset", "parts_of", "rows_of", "table_of"]

#: The file that marks a directory as a study's; written first.
MARK = "study.json"
#: The file of the axes of every run.
DESIGN = "design.parquet"
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
        Called once, before anything is written: clears and marks the directory.
    new
        What is there is not this study's: until `begin` has been called it is neither read nor
        lost.
    """

    def __init__(
        self, directory: Path, begin: Callable[[], None] | None = None, *, new: bool = False
    ) -> None:
        self.directory = directory
        self._before = begin
        self._new = new
        self._parts = directory / "runs"
        self._waiting: list[Record] = []
        self._written = time.monotonic()
        self._number = 0
        self._lock = threading.RLock()
        self._timer: threading.Timer | None = None

    @property
    def unwritten(self) -> frozenset[int]:
        """Runs whose rows are not on disk yet."""
        return frozenset(record.run for record in self._waiting)

    def add(self, record: Record) -> None:
        """Keep a row; it is on disk within `WAIT_S`, whether another one comes or not."""
        with self._lock:
            self._waiting.append(record)
            self._begin()
            left_s = self._written + WAIT_S - time.monotonic()
            if len(self._waiting) >= MOST_ROWS or left_s <= 0.0:
                self.flush()
            elif self._timer is None:
                self._timer = threading.Timer(left_s, self._late)
                self._timer.daemon = True
                self._timer.start()

    def _late(self) -> None:
        """Write rows that no other row came after; what hinders that is told at the next one."""
        with self._lock, contextlib.suppress(RunError):
            self.flush()

    def _begin(self) -> None:
        if self._before is not None:
            self._before()
            self._before, self._new = None, False

    def flush(self) -> None:
        """Write the rows that wait as one part, whole or not at all.

        Raises
        ------
        RunError
            The disk is full or not writable; the rows still wait.
        """
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            if not self._waiting:
                return
            self._begin()
            try:
                self._parts.mkdir(exist_ok=True)
            except OSError as error:
                words = f"cannot write {self._parts}: {error.strerror or error}"
                raise RunError(words) from error
            while (path := self._parts / f"part-{self._number:06d}.parquet").exists():
                self._number += 1
            write_table(_table(self._waiting), path)
            self._waiting = []
            self._written = time.monotonic()
            parts = parts_of(self.directory)
            if len(parts) >= MOST_PARTS:
                self._join(parts)

    def _join(self, parts: list[Path]) -> None:
        """Put parts into one; should it be cut short, rows that stand twice count once."""
        tables = [pq.read_table(path) for path in parts]
        joined = pa.concat_tables(tables, promote_options="default")
        write_table(joined, self._parts / f"part-{self._number + 1:06d}.parquet")
        for path in parts:
            path.unlink(missing_ok=True)

    def records(self) -> dict[int, Record]:
        """Return the rows on disk by run; of several, one that is done.

        Raises
        ------
        InputError
            A file is damaged.
        """
        found: dict[int, Record] = {}
        if self._new:
            return found
        whole = self.directory / "runs.parquet"
        walls: dict[int, float] = {}
        timings = self.directory / "timings.parquet"
        files = [whole] if whole.is_file() else []
        if files and timings.is_file():
            table = pd.read_parquet(timings)
            walls = dict(zip(table["run"].tolist(), table["wall_s"].tolist(), strict=True))
        for path in [*files, *parts_of(self.directory)]:
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
            write_table(arrow, self.directory / f"{name}.parquet")
        shutil.rmtree(self._parts, ignore_errors=True)
        return table

    def describe(self, prepared: Prepared) -> None:
        """Write the axes of every run, so that rows can be read before all are there."""
        design = pa.Table.from_pandas(rows_of(prepared), preserve_index=False)
        write_table(design, self.directory / DESIGN)

    def mark(self, **facts: Any) -> None:
        """Write what is known of the study into ``study.json``."""
        text = json.dumps(facts, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
        write_whole(self.directory / MARK, lambda file: file.write(text.encode()))


def parts_of(directory: Path) -> list[Path]:
    """Return the parts of a study's rows, in the order in which they were written."""
    return sorted((directory / "runs").glob("part-*.parquet"))


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
