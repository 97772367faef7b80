"""Jobs that ended, streamed to disk while the run goes on."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from computenet.compiled import F8, CompiledScenario
from computenet.errors import RunError
from computenet.results.streamed import StreamedTable
from computenet.simulation.job_totals import SAMPLES, JobTotals, job_totals
from computenet.simulation.tables import job_frame
from computenet.simulation.totals import JOB_STATES, JobRecords

__all__ = ["JobSink"]

#: Rows of a row group, about.
ROWS = 250_000


class JobSink:
    """Adds jobs up and writes them to a parquet file, in a thread of its own.

    Jobs come as they end; within a row group they are in order of submission. The file lies in a
    temporary directory until the run is saved.

    Parameters
    ----------
    compiled
        The scenario.
    directory
        Where the temporary directory is made; ``None`` = the system's place for such.
    """

    def __init__(self, compiled: CompiledScenario, directory: Path | None = None) -> None:
        self._compiled = compiled
        self._home = Path(tempfile.mkdtemp(prefix=".computenet-jobs-", dir=directory))
        self.table = StreamedTable(self._home / "jobs.parquet", "job_id", self._home)
        self._writer: Any = None
        self._held: list[Any] = []
        self._held_rows = 0
        self._totals: JobTotals | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="jobs-to-disk")
        self._busy: Future[None] | None = None

    def take(self, jobs: JobRecords) -> None:
        """Take jobs that will not change any more; waits while the disk is behind."""
        if self._busy is not None:
            self._busy.result()
        self._busy = self._thread.submit(self._write, jobs)

    def _write(self, jobs: JobRecords) -> None:
        import pyarrow as pa

        totals = job_totals(self._compiled, jobs)
        self._totals = totals if self._totals is None else self._totals + totals
        frame = job_frame(self._compiled, jobs)
        self._held.append(pa.Table.from_pandas(frame, preserve_index=False))
        self._held_rows += len(frame)
        if self._held_rows >= ROWS:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = pa.concat_tables(self._held)
        self._held, self._held_rows = [], 0
        if self._writer is None:
            names = [f.name for f in table.schema if pa.types.is_dictionary(f.type)]
            self._writer = pq.ParquetWriter(
                self.table.path, table.schema, compression="zstd", use_dictionary=names,
                write_statistics=False,
            )  # fmt: skip
        try:
            self._writer.write_table(table, row_group_size=max(len(table), 1))
        except OSError as error:
            raise RunError(f"cannot write {self.table.path}: {error}") from error

    def close(self, rest: JobRecords) -> JobTotals:
        """Take the jobs that have not ended, finish the file and return the totals of all."""
        self.take(rest)
        assert self._busy is not None
        self._busy.result()
        if self._held:
            self._flush()
        self._writer.close()
        self._thread.shutdown()
        assert self._totals is not None
        return self._totals

    def abandon(self) -> None:
        """Stop writing; the file goes with the table."""
        self._thread.shutdown(wait=True, cancel_futures=True)
        if self._writer is not None:
            self._writer.close()

    def sample(self, warmup_s: float) -> Callable[[str], F8]:
        """Return the samples of `SAMPLES`, each read from the file when asked for."""

        def read(name: str) -> F8:
            take, columns = SAMPLES[name]
            parts = []
            for frame in self.table.parts(columns):
                part = {
                    column: (
                        JOB_CODES[frame[column].cat.codes.to_numpy()]
                        if column == "state"
                        else frame[column].to_numpy()
                    )
                    for column in columns
                }
                parts.append(take(part, warmup_s))
            return _joined(parts)

        return read


def _joined(parts: list[F8]) -> F8:
    """Return parts in one array, each given back as soon as it is copied."""
    whole = np.empty(sum(len(part) for part in parts))
    at = 0
    for number, part in enumerate(parts):
        whole[at : at + len(part)] = part
        at += len(part)
        parts[number] = part[:0]
    return whole


#: Code of a state by its place in the column's categories, which are in order of codes.
JOB_CODES = np.arange(len(JOB_STATES))
