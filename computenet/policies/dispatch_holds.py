"""Which jobs start now: what the dispatch decided, carried out by holds and releases."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from computenet.compiled import CompiledScenario
from computenet.optimization.dispatch import Dispatch
from computenet.policies.dispatch_window import (
    LEAST_SAVING,
    SLACK_USED,
    WAITING,
    Horizon,
    WindowBuilder,
)
from computenet.policies.protocol import SystemView
from computenet.units import SECONDS_PER_DAY, SECONDS_PER_HOUR, WATTS_PER_MW

__all__ = ["JobHolds"]

F8 = NDArray[np.float64]

#: Work left that is none.
ROUNDING = 1e-6


class JobHolds:
    """Holds jobs with deadlines until their hour has come.

    A class starts its jobs in the hour of its slack in which power, at the dispatch's prices over
    the mean run time from there, and the moving of their data are cheapest at the cheapest place:
    now, where waiting saves less than `LEAST_SAVING` and than it costs. In an hour that is theirs
    no more work starts than the dispatch has in that hour: with ``x`` the accelerators that it
    keeps at work on the class and ``r`` the class's mean run time,

        started in the hour <= r mean_(t to t + r) sum_p speed_p x[t, p].

    An hour that leaves none of the work it knows of for later limits nothing: what comes beyond the
    expected starts too. What has waited for its slack starts whatever the price and the amount.

    Parameters
    ----------
    compiled
        The scenario.
    builder
        Knows what is held, since when, and what comes.
    late_cny
        Price of an hour's wait of an accelerator-hour.
    pace
        Whether the dispatch's hourly amounts limit what starts.
    """

    def __init__(
        self, compiled: CompiledScenario, builder: WindowBuilder, late_cny: float, pace: bool
    ) -> None:
        self._compiled = compiled
        self._builder = builder
        self._late_cny = late_cny
        self._pace = pace
        classes = len(compiled.jobs.classes)
        self._started = np.zeros(classes)  # reference accelerator-seconds, in the hour
        self._hour = (-np.inf, -1)
        self._seen_s = 0.0
        self._hold, self._released = np.zeros(classes), np.zeros(classes)

    def decide(
        self, view: SystemView, answer: Dispatch, horizon: Horizon, slot: int
    ) -> tuple[F8, F8]:
        """Return the share of new jobs held and the held work let go, ``(Q,)`` each."""
        compiled, builder = self._compiled, self._builder
        jobs = compiled.jobs
        held = builder.by_class(view.job_held_accelerator_s)
        self._count(view, horizon, slot)
        amount = self._amounts(answer, slot) - self._started
        hold, release = np.zeros(len(jobs.classes)), np.zeros(len(jobs.classes))
        for c in builder.waiting.tolist():
            release[c] = np.inf
            if not (jobs.speed[c] > 0.0).any():
                continue
            limit_s = view.now_s - SLACK_USED * jobs.deadline_s[c]
            overdue = sum(work for time_s, work in builder.since[c] if time_s <= limit_s)
            if self._later_is_cheaper(c, answer, horizon, slot):
                hold[c], release[c] = 1.0, overdue
                continue
            coming = builder.coming[c] * view.epoch_s
            left = amount[c] - held[c]
            if self._pace and left < coming and self._leaves_some(c, answer, slot):
                hold[c] = 1.0 - max(left, 0.0) / coming
                release[c] = max(overdue, min(amount[c], held[c]), 0.0)
        self._hold, self._released = hold, np.minimum(release, held)
        return self._by_demand(view, hold, release * jobs.estimate_factor)

    def _count(self, view: SystemView, horizon: Horizon, slot: int) -> None:
        """Count what has started since the last call; a new hour, or dispatch, begins at none."""
        fresh = self._builder.by_class(view.job_submitted_per_s) * (view.now_s - self._seen_s)
        self._started += self._released + (1.0 - self._hold) * fresh
        self._seen_s = view.now_s
        hour = (float(horizon.edges_s[0]), slot)
        if hour != self._hour:
            self._hour = hour
            self._started = np.zeros_like(self._started)

    def _leaves_some(self, c: int, answer: Dispatch, slot: int) -> bool:
        """Whether the dispatch leaves work of a class for later hours."""
        left = float(answer.backlog_accelerator_h[slot, c])
        return left > ROUNDING * (1.0 + float(answer.backlog_accelerator_h[:, c].max()))

    def _hours(self, c: int, most: int) -> int:
        """Return the mean run time of a class, whole hours."""
        run_h = self._compiled.jobs.held_run_s[c] / SECONDS_PER_HOUR
        return int(np.clip(np.ceil(run_h), 1, most))

    def _amounts(self, answer: Dispatch, slot: int) -> F8:
        """Return the work that may start in the slot, ``(C,)``, reference accelerator-seconds."""
        jobs = self._compiled.jobs
        work = np.einsum("tcp,cp->tc", answer.training[slot:], jobs.speed)
        mean = [work[: self._hours(c, len(work)), c].mean() for c in range(len(jobs.classes))]
        amount: F8 = np.maximum(np.asarray(mean), 0.0) * jobs.held_run_s
        return amount

    def _later_is_cheaper(self, c: int, answer: Dispatch, horizon: Horizon, slot: int) -> bool:
        """Whether a later hour of the slack saves more than waiting for it costs."""
        jobs, p = self._compiled.jobs, self._compiled.pools
        runs = jobs.speed[c] > 0.0
        hours = len(horizon.edges_s) - 1
        power = answer.power_cny_per_mwh * horizon.problem.power.pue
        price = np.concatenate([power, _beyond(power, horizon.edges_s)])
        watts = jobs.activity[c] * p.active_w[runs] / jobs.speed[c, runs]
        # (2T, pools) CNY for an hour of reference work, cooling included.
        cost = price[:, p.site[runs]] * (watts / WATTS_PER_MW)
        energy = _moving_mean(cost, self._hours(c, hours))[:hours]
        mean = energy
        data = horizon.problem.data
        if data is not None:
            gb, site = data.gb_per_accelerator_h[c], p.site[runs]
            moved = np.where(data.here[c, site], 0.0, gb * data.price_cny_per_gb[c, site])
            closed = (gb > 0.0) & ~(data.open[c, site] | data.here[c, site])
            if closed.all():
                return False
            mean = energy + np.where(closed, np.inf, moved)
        best_place = mean.min(axis=1)
        slack = int(SLACK_USED * jobs.deadline_s[c] / SECONDS_PER_HOUR)
        ahead = best_place[slot : min(slot + slack, hours - 1) + 1]
        wait = np.arange(len(ahead)) * WAITING * self._late_cny
        best = int(np.argmin(ahead + wait))
        least = LEAST_SAVING * abs(float(energy[slot, int(np.argmin(mean[slot]))]))
        return best > 0 and bool(ahead[best] + wait[best] < ahead[0] - least)

    def _by_demand(self, view: SystemView, hold: F8, release: F8) -> tuple[F8, F8]:
        """Give every region its part of a class, by what it has held."""
        regions = len(self._compiled.regions)
        held = view.job_held_accelerator_s.reshape(regions, -1)
        total = np.maximum(held.sum(axis=0), 1e-30)
        with np.errstate(invalid="ignore"):
            by_region = np.where(np.isinf(release), np.inf, release * held / total)
        return np.tile(hold, regions), np.where(np.isnan(by_region), 0.0, by_region).ravel()


def _beyond(values: F8, edges_s: F8) -> F8:
    """Return what is expected of as many rows after a window's: the same hours of its last day.

    After a window of less than a day it is the window's mean, as no row is a day before them.
    """
    rows = len(values)
    a_day = round(SECONDS_PER_DAY / float(edges_s[1] - edges_s[0]))
    if rows < a_day:
        return np.tile(values.mean(axis=0), (rows, 1))
    return values[rows - a_day + np.arange(rows) % a_day]


def _moving_mean(values: F8, length: int) -> F8:
    """Return means over `length` rows from each row on; the last rows take what there is."""
    total = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    first = np.arange(len(values))
    last = np.minimum(first + length, len(values))
    mean: F8 = (total[last] - total[first]) / (last - first)[:, None]
    return mean
