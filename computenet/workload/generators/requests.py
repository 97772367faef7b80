"""Inference requests by region and service class: daily shape, bursts, token lengths.

Arrivals form a Cox process: given the rates, requests are Poisson. Rates are the product of the
class's share, the weekly shape shifted to the region's habits, and a regional burst factor that
does not depend on how many requests are sampled; drawing with a factor `k` therefore thins the
same process exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from computenet.kernels.arrivals import Draws, TokenLaws, draw_arrivals, merge_arrivals
from computenet.kernels.conversations import TurnLaws, draw_turns
from computenet.kernels.random_streams import make_streams
from computenet.streams import named_stream
from computenet.workload.generators.bursts import Burst
from computenet.workload.generators.calendar import kind_at
from computenet.workload.generators.windows import Windows

__all__ = ["RequestSource", "Surge", "TokenLaw", "Turns", "lognormal_from"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]

#: Length of a cell of constant rate, s.
CELL_S = 60.0
#: Simulated requests drawn at once, about; bounds memory.
CHUNK = 1_000_000
#: Cells whose rates are found at once where there are windows.
BLOCK_CELLS = 24 * 60
#: Points of a table of quantiles.
QUANTILES = 257
#: Conversations get under way this many mean lengths before the run, at most so long before.
SPANS, MOST_BEFORE_S = 8.0, 21_600.0


@dataclass(frozen=True, slots=True)
class Turns:
    """Conversations of a class: mean number of turns, log-normal pause between two of them."""

    mean: float
    pause_median_s: float
    pause_sigma: float

    @property
    def span_s(self) -> float:
        """Mean time from the first turn to the last."""
        pause = self.pause_median_s * float(np.exp(self.pause_sigma**2 / 2.0))
        return (self.mean - 1.0) * pause


@dataclass(frozen=True, slots=True)
class Surge:
    """More requests of a region in a window of time."""

    region: int
    start_s: float
    end_s: float
    factor: float


@dataclass(frozen=True, slots=True)
class TokenLaw:
    """Token counts with a cap: log-normal, or by quantiles at equal steps of probability.

    `correlation` couples the normal numbers behind output and input.
    """

    input_mu: float
    input_sigma: float
    input_most: float
    output_mu: float
    output_sigma: float
    output_most: float
    correlation: float
    input_quantiles: Sequence[float] | None = None
    output_quantiles: Sequence[float] | None = None


def lognormal_from(mean: float, median: float) -> tuple[float, float]:
    """Return (mu, sigma) of the log-normal law with this mean and median.

    ``median = exp(mu)`` and ``mean = exp(mu + sigma^2 / 2)``.
    """
    mu = float(np.log(median))
    return mu, float(np.sqrt(2.0 * max(np.log(mean) - mu, 0.0)))


class RequestSource:
    """Draws requests in chunks, in order of time; memory does not grow with their number.

    Parameters
    ----------
    mean_rate_per_s
        ``(D,)`` real requests a second of every (region, service class), mean over a week.
    shape
        ``(K, 8, 24)`` relative rate by class, kind of day and hour, mean 1 over a week.
    kinds
        Kind of every day, see `day_kinds`.
    shift_h
        ``(R,)`` hours a region runs later.
    first_hour
        Hour of the day at which the run starts, local time, a fraction allowed.
    laws
        Token law of every class.
    turns
        Conversations of every class; the rate counts turns, the token law what is new in each.
    bursts
        Components of the burst factor; none = a plain non-homogeneous Poisson process.
    sampling
        One request in this many is drawn.
    seed
        The run's seed.
    horizon_s
        Length of the run.
    surges
        Windows with more requests than usual.
    reuse
        Later turns find what was said before in a prefix cache.
    windows
        Stretches outside which no request is handed over; arrivals then have times of the inner
        clock. ``None`` = all are.
    only
        ``(D,)`` the sources that are drawn; what each of them draws does not depend on the others.
        ``None`` = all.
    merged
        Bring the requests of a chunk into order of time; else only those of each segment are.

    Attributes
    ----------
    chunk
        The requests drawn last.
    segments
        ``(segments + 1,)`` where segments of `chunk` begin: one, or one a source.
    expected
        ``(D, S)`` real requests expected in each slot up to the end of the chunk, given the bursts;
        without windows empty.
    expected_slots
        Slots of `expected` that are filled in.
    """

    def __init__(
        self,
        mean_rate_per_s: F8,
        shape: F8,
        kinds: I8,
        shift_h: F8,
        first_hour: float,
        laws: Sequence[TokenLaw],
        turns: Sequence[Turns],
        bursts: Sequence[Burst],
        sampling: int,
        seed: int,
        horizon_s: float,
        *,
        reuse: bool = False,
        surges: Sequence[Surge] = (),
        windows: Windows | None = None,
        only: NDArray[np.bool_] | None = None,
        merged: bool = True,
    ) -> None:
        self._n_classes = len(laws)
        self._n_regions = len(shift_h)
        n = self._n_classes * self._n_regions
        mean_turns = np.asarray([item.mean for item in turns])
        self._rate = np.asarray(mean_rate_per_s, dtype=np.float64) / sampling
        self._rate = self._rate / np.tile(mean_turns, self._n_regions)
        self._shape = shape
        self._kinds = kinds
        self._shift_h = np.asarray(shift_h, dtype=np.float64)
        self._first_hour = first_hour
        self._bursts = tuple(bursts)
        self._horizon_s = horizon_s
        self._cells = int(np.ceil(horizon_s / CELL_S - 1e-12))
        self._cell = 0
        self._class = np.tile(np.arange(self._n_classes, dtype=np.int32), self._n_regions)
        plain = {
            name: np.asarray([getattr(law, name) for law in laws], dtype=np.float64)
            for name in TokenLaws._fields[:-2]
        }
        self._laws = TokenLaws(
            **plain,
            input_table=_tables([law.input_quantiles for law in laws]),
            output_table=_tables([law.output_quantiles for law in laws]),
        )
        self._gaps = make_streams(named_stream(seed, "requests.arrivals"), n)
        self._marks = make_streams(named_stream(seed, "requests.tokens"), n)
        self._residual = np.random.default_rng(
            named_stream(seed, "requests.first-gap")
        ).exponential(size=n)
        self._burst_rng = [
            np.random.default_rng(named_stream(seed, f"requests.burst.{region}"))
            for region in range(self._n_regions)
        ]
        self._log_burst = np.stack(
            [generator.standard_normal(len(self._bursts)) for generator in self._burst_rng]
        ).reshape(self._n_regions, len(self._bursts))
        total = float(self._rate.sum())
        per_cell = max(total * CELL_S * float(shape.max(initial=1.0)), 1e-9)
        self._cells_a_chunk = int(np.clip(CHUNK / per_cell, 1, 24 * 60))
        if only is not None:
            self._rate[~only] = 0.0
        self._merged = merged
        self.segments = np.zeros(2, dtype=np.int64)
        self._draws = _make_draws(1024)
        self.chunk = _make_draws(1024)
        self._bucket = np.zeros(2, dtype=np.int64)
        self._order = np.zeros(1024, dtype=np.int64)
        self._reuse = reuse
        self._surges = tuple(surges)
        self._windows = windows
        slots = 0 if windows is None else int(np.ceil(horizon_s / windows.slot_s - 1e-9))
        self.expected, self.expected_slots = np.zeros((n, slots)), 0
        self._block, self._block_rate = (0, 0), np.zeros((n, 0))
        self._real = float(sampling) * np.tile(mean_turns, self._n_regions)
        self._talks = bool((mean_turns > 1.0).any())
        if self._talks:
            self._begin_talks(turns, named_stream(seed, "requests.turns"), n)

    def _begin_talks(self, turns: Sequence[Turns], seed: np.random.SeedSequence, n: int) -> None:
        """Let conversations get under way before the run begins."""
        self._turns = TurnLaws(
            np.asarray([1.0 - 1.0 / item.mean for item in turns]),
            np.log(np.asarray([item.pause_median_s for item in turns])),
            np.asarray([item.pause_sigma for item in turns]),
        )
        self._turn_streams = make_streams(seed, n)
        self._later = _make_draws(1024)
        before_s = min(SPANS * max(item.span_s for item in turns), MOST_BEFORE_S)
        self._cell = -int(np.ceil(before_s / CELL_S))
        while self._cell < 0:
            self.next_chunk()

    def new_buffer(self) -> Draws:
        """Return an empty chunk."""
        return _make_draws(1024)

    def use_buffer(self, buffer: Draws) -> None:
        """Write the next chunk into a buffer that is not in use; one too small is not used."""
        rows = len(self._draws.arrival_s)
        self.chunk = buffer if len(buffer.arrival_s) >= rows else _make_draws(rows)

    def next_chunk(self) -> float:
        """Fill `chunk` with the next requests; return the time up to which it is complete."""
        first = self._cell
        self.segments = np.zeros(2, dtype=np.int64)
        if first >= self._cells:
            self.chunk.count[0] = 0
            return np.inf
        last = min(first + self._cells_a_chunk, self._cells if first >= 0 else 0)
        windows = self._windows if first >= 0 else None
        if windows is not None:
            last = min(last, round(windows.edge_after(first * CELL_S) / CELL_S), self._cells)
            if first >= self._block[1]:
                self._look_ahead(first, windows)
            last = min(last, self._block[1])
            begin = self._block[0]
            rate = np.ascontiguousarray(self._block_rate[:, first - begin : last - begin])
        else:
            rate = self._rates(first, last)
        self._cell = last
        lengths = np.minimum(np.arange(first + 1, last + 1) * CELL_S, self._horizon_s) - (
            np.arange(first, last) * CELL_S
        )
        end_s = min(last * CELL_S, self._horizon_s)
        done_s = end_s if last < self._cells else np.inf
        gap_s = 0.0
        if windows is not None:
            gap_s = first * CELL_S - windows.inner_s(first * CELL_S)
            outside = not windows.holds(first * CELL_S, end_s)
            if outside and not self._talks:
                self.chunk.count[0] = 0
                return done_s
        expected = float((rate * lengths).sum())
        self._reserve(int(expected + 12.0 * np.sqrt(expected) + 64.0))
        saved = self._residual.copy(), self._gaps.copy(), self._marks.copy()
        # The generator's words wrap around; interpreted, numpy would warn of it.
        with np.errstate(over="ignore"):
            while not draw_arrivals(
                rate, first, last, CELL_S, self._horizon_s, self._residual, self._gaps,
                self._marks, self._class, self._laws, self._draws,
            ):  # fmt: skip
                self._residual[:], self._gaps[:], self._marks[:] = saved
                self._reserve(2 * len(self._draws.arrival_s))
        if self._talks:
            self._converse(end_s)
        self._bring_into_order(first * CELL_S, end_s, expected)
        if windows is not None:
            if outside:
                self.chunk.count[0] = 0
                self.segments = np.zeros(2, dtype=np.int64)
            self.chunk.arrival_s[: int(self.chunk.count[0])] -= gap_s
        return done_s

    def _bring_into_order(self, start_s: float, end_s: float, expected: float) -> None:
        """Fill `chunk` and `segments` from what was drawn."""
        count = int(self._draws.count[0])
        if not self._merged and not self._talks:
            # Drawn source by source, each in order of time.
            self.chunk = self._draws
            sources = np.arange(len(self._class) + 1)
            self.segments = np.searchsorted(self._draws.source[:count], sources).astype(np.int64)
            return
        if len(self._bucket) != max(int(expected / 4), 2) + 1:
            self._bucket = np.zeros(max(int(expected / 4), 2) + 1, dtype=np.int64)
        merge_arrivals(self._draws, start_s, end_s, self._bucket, self._order, self.chunk)
        self.segments = np.asarray([0, count], dtype=np.int64)

    def _look_ahead(self, first: int, windows: Windows) -> None:
        """Find the rates of a day, and note the real requests expected in each slot of it."""
        a_slot = round(windows.slot_s / CELL_S)
        whole = int(np.ceil(BLOCK_CELLS / a_slot)) * a_slot
        last = min(first + whole, self._cells)
        self._block, self._block_rate = (first, last), self._rates(first, last)
        cells = np.arange(first, last)
        lengths = np.minimum((cells + 1) * CELL_S, self._horizon_s) - cells * CELL_S
        requests = self._block_rate * lengths
        slot = np.minimum((cells * CELL_S / windows.slot_s + 1e-9).astype(np.int64),
                          self.expected.shape[1] - 1)  # fmt: skip
        begin = np.flatnonzero(np.diff(slot, prepend=-1))
        self.expected_slots = int(slot[-1]) + 1
        self.expected[:, slot[begin]] += (
            np.add.reduceat(requests, begin, axis=1) * self._real[:, None]
        )

    def _converse(self, end_s: float) -> None:
        """Add the later turns that come before `end_s` to the first ones, and keep the others."""
        count = int(self._draws.count[0])
        streams, held = self._turn_streams.copy(), int(self._later.count[0])
        with np.errstate(over="ignore"):
            while not draw_turns(
                self._draws, count, self._class, self._laws, self._turns, self._turn_streams,
                self._later,
            ):  # fmt: skip
                self._turn_streams[:] = streams
                self._later = _grown(self._later, held)
        total = int(self._later.count[0])
        due = self._later.arrival_s[:total] < end_s
        now, kept = np.flatnonzero(due), np.flatnonzero(~due)
        while count + len(now) > len(self._draws.arrival_s):
            self._draws = _grown(self._draws, count)
            self.chunk = _make_draws(len(self._draws.arrival_s))
            self._order = np.zeros(len(self._draws.arrival_s), dtype=np.int64)
        for name in Draws._fields[:-1]:
            column, later = getattr(self._draws, name), getattr(self._later, name)
            column[count : count + len(now)] = later[now]
            later[: len(kept)] = later[kept]
        if not self._reuse:
            self._draws.cached_tokens[count : count + len(now)] = 0
        self._draws.count[0] = count + len(now)
        self._later.count[0] = len(kept)

    def _reserve(self, rows: int) -> None:
        if rows > len(self._draws.arrival_s):
            self._draws, self.chunk = _make_draws(rows), _make_draws(rows)
            self._order = np.zeros(rows, dtype=np.int64)

    def _rates(self, first: int, last: int) -> F8:
        """Return the sampled rate of every source in the cells, ``(D, cells)``."""
        hours = self._first_hour + (np.arange(first, last) + 0.5) * (CELL_S / 3600.0)
        kind, hour = kind_at(hours[None, :] - self._shift_h[:, None], self._kinds)
        shaped = self._shape[:, kind, hour].transpose(1, 0, 2)
        factor = self._burst_factor(last - first)
        middle_s = (np.arange(first, last) + 0.5) * CELL_S
        for surge in self._surges:
            inside = (middle_s >= surge.start_s) & (middle_s < surge.end_s)
            factor[surge.region, inside] *= surge.factor
        rates: F8 = (
            self._rate.reshape(self._n_regions, self._n_classes, 1) * shaped * factor[:, None, :]
        )
        return np.ascontiguousarray(rates.reshape(-1, last - first))

    def _burst_factor(self, cells: int) -> F8:
        """Advance the burst factor of every region by `cells`, ``(R, cells)``."""
        out = np.ones((self._n_regions, cells))
        if not self._bursts:
            return out
        sigma = np.sqrt(np.log1p(np.asarray([burst.cv for burst in self._bursts]) ** 2))
        keep = np.exp(-CELL_S / np.asarray([burst.correlation_s for burst in self._bursts]))
        shape = (cells, len(self._bursts))
        fresh = np.sqrt(1.0 - keep**2) * np.stack(
            [generator.standard_normal(shape) for generator in self._burst_rng], axis=1
        )
        state = self._log_burst
        for cell in range(cells):
            state = keep * state + fresh[cell]
            fresh[cell] = state
        self._log_burst = state
        total = fresh[:, :, 0] * sigma[0]
        for item in range(1, len(sigma)):
            total += fresh[:, :, item] * sigma[item]
        np.exp(total.T - 0.5 * float(sigma @ sigma), out=out)
        return out


def _tables(quantiles: Sequence[Sequence[float] | None]) -> F8:
    """Return logarithms of quantiles on one grid, ``(K, Q)``; NaN where there are none."""
    out = np.full((len(quantiles), QUANTILES), np.nan)
    for row, values in enumerate(quantiles):
        if values is not None:
            steps = np.linspace(0.0, 1.0, len(values))
            out[row] = np.interp(np.linspace(0.0, 1.0, QUANTILES), steps, np.log(values))
    return out


def _grown(draws: Draws, count: int) -> Draws:
    """Return draws with twice the room and the first `count` rows."""
    more = _make_draws(2 * len(draws.arrival_s))
    for name in Draws._fields[:-1]:
        getattr(more, name)[:count] = getattr(draws, name)[:count]
    more.count[0] = count
    return more


def _make_draws(rows: int) -> Draws:
    return Draws(
        np.zeros(rows),
        np.zeros(rows, dtype=np.int32),
        np.zeros(rows, dtype=np.int32),
        np.zeros(rows, dtype=np.int32),
        np.zeros(rows, dtype=np.int32),
        np.zeros(rows, dtype=np.float32),
        np.zeros(1, dtype=np.int64),
    )
