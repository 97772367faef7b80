"""Jobs drawn in chunks of time: the same jobs bit for bit, whatever the length of a chunk.

A class draws its columns one after the other from one random stream, over all its jobs. So that no
column has to be kept whole, each gets a generator of its own that stands where the column begins:
a first pass finds those places (it draws, and keeps nothing), a second one draws all columns side
by side, sessions in order of time. Jobs of sessions that began earlier and come later wait.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from computenet.streams import named_stream
from computenet.workload.generators.bursts import Burst
from computenet.workload.generators.job_laws import (
    BURST_CELL_S,
    HOUR_S,
    GeneratedJobs,
    JobLaw,
    burst_factor,
    run_times,
    runs_in_progress,
    session_rate,
)

__all__ = ["JobSource"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]

#: Numbers drawn and dropped at once while a column is passed over.
BLOCK = 262_144
#: Cells of constant rate gone through at once in the first pass.
CELLS = 2_000


def _twin(rng: np.random.Generator) -> np.random.Generator:
    """Return a generator that goes on as `rng` will."""
    bits = np.random.PCG64()
    bits.state = rng.bit_generator.state  # type: ignore[assignment]
    return np.random.Generator(bits)


def _skip_uniform(rng: np.random.Generator, count: int) -> np.random.Generator:
    """Pass over uniform numbers, one word each; return a generator at the first of them."""
    twin = _twin(rng)
    rng.bit_generator.advance(count)  # type: ignore[attr-defined]
    return twin


def _skip_normal(rng: np.random.Generator, count: int) -> np.random.Generator:
    """Pass over normal numbers; return a generator at the first of them."""
    twin, scratch = _twin(rng), np.empty(min(count, BLOCK))
    for first in range(0, count, BLOCK):
        rng.standard_normal(out=scratch[: min(BLOCK, count - first)])
    return twin


def _skip_exponential(rng: np.random.Generator, count: int) -> np.random.Generator:
    """Pass over exponential numbers; return a generator at the first of them."""
    twin, scratch = _twin(rng), np.empty(min(count, BLOCK))
    for first in range(0, count, BLOCK):
        rng.standard_exponential(out=scratch[: min(BLOCK, count - first)])
    return twin


class _Sessions:
    """Submissions of a class, session by session; sessions are a Poisson process by cells."""

    def __init__(
        self,
        law: JobLaw,
        count: I8,
        cell_s: float,
        horizon_s: float,
        streams: tuple[np.random.Generator, np.random.Generator, np.random.Generator],
    ) -> None:
        self._law, self._count, self._cell_s = law, count, cell_s
        self._horizon_s = horizon_s
        self._starts, self._sizes, self._pauses = streams
        self.begun = 0
        self._passed_s = 0.0  # pauses so far: one running sum over the whole run
        self.cell = 0

    def advance(self, cell: int) -> tuple[F8, I8, int]:
        """Return submit times and sessions of the cells before `cell`, and the sessions begun."""
        law, first = self._law, self.cell
        count = self._count[first:cell]
        self.cell = max(cell, first)
        total = int(count.sum())
        start = np.repeat(np.arange(first, first + len(count)) * self._cell_s, count)
        start = start + self._starts.random(total) * self._cell_s
        jobs = self._sizes.geometric(1.0 / law.session_jobs_mean, total)
        session = np.repeat(np.arange(self.begun, self.begun + total), jobs)
        self.begun += total
        pauses = self._pauses.exponential(law.session_pause_s, int(jobs.sum()))
        if total == 0:
            return np.zeros(0), session, 0
        at = np.concatenate([[0], np.cumsum(jobs)[:-1]]).astype(np.int64)
        pauses[at] = 0.0
        passed = np.cumsum(np.concatenate([[self._passed_s], pauses]))[1:]
        self._passed_s = float(passed[-1])
        submit = np.repeat(start, jobs) + (passed - np.repeat(passed[at], jobs))
        inside = submit < self._horizon_s
        return submit[inside], session[inside], total


class _ClassStream:
    """The jobs of one class."""

    def __init__(
        self,
        law: JobLaw,
        index: int,
        hourly: F8,
        share: F8,
        first_hour: float,
        kinds: I8,
        horizon_s: float,
        seed: int,
        bursts: Sequence[Burst],
    ) -> None:
        self._law, self._index, self._share = law, index, share
        self._sizes_of = np.asarray(law.sizes, dtype=np.int64)
        self._edges = np.cumsum(np.asarray(law.weights) / sum(law.weights))
        self._edges[-1] = 1.0
        rng = np.random.default_rng(named_stream(seed, f"jobs.{law.name}"))
        factor = burst_factor(bursts, horizon_s, named_stream(seed, f"jobs.{law.name}.burst"))
        cell_s, rate = session_rate(law, hourly, first_hour, kinds, horizon_s, factor)
        self.cell_s = cell_s
        count: I8 = rng.poisson(rate)
        sessions = int(count.sum())
        starts = _skip_uniform(rng, sessions)
        sizes, jobs = _twin(rng), 0
        for first in range(0, sessions, BLOCK):
            block = min(BLOCK, sessions - first)
            jobs += int(rng.geometric(1.0 / law.session_jobs_mean, block).sum())
        pauses = _skip_exponential(rng, jobs)
        self._sessions = _Sessions(law, count, cell_s, horizon_s, (starts, sizes, pauses))
        n, last = self._count(law, count, cell_s, horizon_s, (starts, sizes, pauses))
        self._z_run = _skip_normal(rng, n)
        self._z_data = _skip_normal(rng, n) if law.data_median_gb > 0.0 else None
        self._under_way = runs_in_progress(law, rng) if law.in_progress else np.zeros(0)
        n += len(self._under_way)
        sessions = last + 1 + len(self._under_way)
        self._u_size = _skip_uniform(rng, n)
        self._excess = _skip_exponential(rng, n)
        self._u_origin = _skip_uniform(rng, sessions)
        # Drawn last, so that a class without failures and data elsewhere stays as it is.
        if law.failed_share > 0.0:
            self._u_fails, self._u_after = _skip_uniform(rng, n), _skip_uniform(rng, n)
        if law.data_elsewhere > 0.0:
            self._u_away, self._u_other = _skip_uniform(rng, n), _skip_uniform(rng, n)
        self._waiting: GeneratedJobs | None = None
        if len(self._under_way):
            nobody = np.zeros(len(self._under_way))
            numbers = np.arange(len(nobody), dtype=np.int64)
            self._waiting = self._columns(nobody, numbers, self._under_way, nobody, len(nobody), 0)

    @staticmethod
    def _count(
        law: JobLaw,
        count: I8,
        cell_s: float,
        horizon_s: float,
        streams: tuple[np.random.Generator, ...],
    ) -> tuple[int, int]:
        """Return the jobs submitted within the run, and the last session that has one."""
        starts, sizes, pauses = (_twin(stream) for stream in streams)
        pilot = _Sessions(law, count, cell_s, horizon_s, (starts, sizes, pauses))
        jobs, last = 0, -1
        for cell in range(0, len(count), CELLS):
            submit, session, _ = pilot.advance(min(cell + CELLS, len(count)))
            jobs += len(submit)
            last = max(last, int(session.max(initial=-1)))
        return jobs, last

    def _place(self, u: F8) -> I8:
        found: I8 = np.searchsorted(self._share, u, side="right")
        return np.minimum(found, len(self._share) - 1)

    def _columns(
        self, submit: F8, session: I8, residual: F8, data: F8, begun: int, before: int
    ) -> GeneratedJobs:
        """Draw the other columns; `begun` sessions begin here, after `before` others."""
        law, n = self._law, len(submit)
        size_at = np.searchsorted(self._edges, self._u_size.random(n), side="right")
        excess = self._excess.exponential(max(law.estimate_factor - 1.0, 0.0), n)
        origin = self._place(self._u_origin.random(begun))
        region = origin[session - before].astype(np.int32)
        run_s, fails = residual, np.zeros(n, dtype=np.int32)
        if law.failed_share > 0.0:
            fails = (self._u_fails.random(n) < law.failed_share).astype(np.int32)
            early = residual * 2.0 * law.failed_after * self._u_after.random(n)
            run_s = np.where(fails == 1, early, residual)
        data_region = region
        if law.data_elsewhere > 0.0:
            away = self._u_away.random(n) < law.data_elsewhere
            other = self._place(self._u_other.random(n))
            data_region = np.where(away, other, region).astype(np.int32)
        return GeneratedJobs(
            submit_s=submit,
            job_class=np.full(n, self._index, dtype=np.int32),
            region=region,
            accelerators=self._sizes_of[size_at],
            work_s=run_s,
            estimate_s=residual * (1.0 + excess),
            data_gb=data,
            user=session.astype(np.int32),
            fails=fails,
            deadline_s=submit + residual + 3600.0 * law.deadline_h,
            data_region=data_region,
        )

    def before(self, until_s: float) -> GeneratedJobs:
        """Return the jobs submitted before `until_s` that were not returned yet, unsorted."""
        law = self._law
        first = self._sessions.begun + len(self._under_way)
        submit, session, begun = self._sessions.advance(int(np.ceil(until_s / self.cell_s)))
        n = len(submit)
        residual = run_times(law, self._z_run.standard_normal(n))
        data = (
            law.data_median_gb * np.exp(law.data_sigma * self._z_data.standard_normal(n))
            if self._z_data is not None
            else np.zeros(n)
        )
        fresh = self._columns(submit, session + len(self._under_way), residual, data, begun, first)
        found = fresh if self._waiting is None else joined([self._waiting, fresh])
        now = found.submit_s < until_s
        self._waiting = chosen(found, ~now)
        return chosen(found, now)


def joined(parts: Sequence[GeneratedJobs]) -> GeneratedJobs:
    """Return the rows of several parts, one after the other."""
    return GeneratedJobs(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in _FIELDS)
    )


def chosen(jobs: GeneratedJobs, rows: NDArray[np.generic]) -> GeneratedJobs:
    """Return some rows."""
    return GeneratedJobs(*(getattr(jobs, name)[rows] for name in _FIELDS))


_FIELDS = tuple(GeneratedJobs.__dataclass_fields__)


class JobSource:
    """Draws the jobs of a run in order of submission; memory grows with a chunk, not with the run.

    Parameters
    ----------
    laws
        One a class; each has its own random stream ``jobs.<name>``.
    hourly
        ``(24,)`` relative submissions by hour of the day.
    region_share
        ``(R,)`` shares of training demand.
    first_hour
        Hour of the day at which the run starts, local time.
    kinds
        Kind of every day, see `day_kinds`.
    horizon_s
        Length of the run.
    seed
        The run's seed.
    bursts
        Components of the factor on each class's rate of sessions.
    """

    def __init__(
        self,
        laws: Sequence[JobLaw],
        hourly: F8,
        region_share: F8,
        first_hour: float,
        kinds: I8,
        horizon_s: float,
        seed: int,
        bursts: Sequence[Burst] = (),
    ) -> None:
        share = np.cumsum(region_share / region_share.sum())
        self._horizon_s = horizon_s
        self._streams = [
            _ClassStream(law, index, hourly, share, first_hour, kinds, horizon_s, seed, bursts)
            for index, law in enumerate(laws)
        ]

    def before(self, until_s: float) -> GeneratedJobs:
        """Return the jobs submitted before `until_s` that were not returned yet, by submission."""
        found = joined([stream.before(min(until_s, self._end_s)) for stream in self._streams])
        return chosen(found, np.argsort(found.submit_s, kind="stable"))

    @property
    def _end_s(self) -> float:
        """The end of the last cell, at or after the horizon."""
        return float(np.ceil(self._horizon_s / HOUR_S) * HOUR_S)

    def chunks(self, length_s: float) -> Iterator[tuple[GeneratedJobs, float]]:
        """Yield jobs of `length_s` at a time, and the time up to which they are complete."""
        until_s = 0.0
        while until_s < self._horizon_s:
            until_s = min(until_s + length_s, self._end_s)
            whole = until_s >= self._horizon_s
            yield self.before(until_s), np.inf if whole else until_s


assert HOUR_S % BURST_CELL_S == 0.0
