"""Jobs that the plan holds back: which, and which are let go."""

from __future__ import annotations

from collections import deque

import numpy as np

from computenet.compiled import B1, F8, I4, I8

__all__ = ["HeldJobs"]


class HeldJobs:
    """Held jobs by demand, oldest first.

    A demand whose plan holds a share `h` of its work adds ``h x`` to its credit for every job of
    expected work `x`; the job is held where the credit has reached half of `x`, and pays `x` for
    it. So the work held stays within half a job of its share.
    """

    def __init__(self, n_demands: int) -> None:
        self.share: F8 | None = None
        self.gang_least = np.inf
        self.gangs: list[tuple[int, int, float]] = []  # job, demand, expected work; oldest first
        self.stopped_s: dict[int, float] = {}  # gangs that ran before, and when they were stopped
        self._credit = np.zeros(n_demands)
        self._waiting: list[deque[tuple[int, float]]] = [deque() for _ in range(n_demands)]

    @property
    def active(self) -> bool:
        """Whether the plan holds anything back."""
        by_share = self.share is not None and bool((self.share > 0.0).any())
        return by_share or bool(np.isfinite(self.gang_least))

    def take(self, first: int, last: int, demand: I4, work: F8, gang: B1) -> list[int]:
        """Return the jobs of ``first .. last - 1`` that are held, in order.

        Parameters
        ----------
        demand
            ``(n,)`` demand of every job.
        work
            Expected accelerator-seconds of the jobs in the range.
        gang
            Whether each job in the range waits for a place of its own.
        """
        share = self.share if self.share is not None else np.zeros(len(self._credit))
        held = []
        for at in np.flatnonzero(gang | (share[demand[first:last]] > 0.0)).tolist():
            q = int(demand[first + at])
            if gang[at]:
                self.gangs.append((first + at, q, float(work[at])))
                held.append(first + at)
                continue
            self._credit[q] += share[q] * work[at]
            if self._credit[q] >= 0.5 * work[at]:
                self._credit[q] -= work[at]
                self._waiting[q].append((first + at, float(work[at])))
                held.append(first + at)
        return held

    def stop(self, job: int, demand: int, work: float, now_s: float) -> None:
        """Hold a gang that ran until it is given a place again."""
        self.gangs.append((job, demand, work))
        self.stopped_s[job] = now_s

    def release(self, amount: F8) -> list[int]:
        """Return jobs that go now: of each demand the oldest until `amount` is reached."""
        out: list[int] = []
        for q in np.flatnonzero(amount > 0.0).tolist():
            left = float(amount[q])
            while self._waiting[q] and left > 0.0:
                job, work = self._waiting[q].popleft()
                left -= work
                out.append(job)
        return out

    def renumber(self, number: I8) -> None:
        """Go over to other numbers of jobs; none of those held may have left."""
        self.gangs = [(int(number[job]), q, work) for job, q, work in self.gangs]
        self.stopped_s = {int(number[job]): at_s for job, at_s in self.stopped_s.items()}
        self._waiting = [
            deque((int(number[job]), work) for job, work in line) for line in self._waiting
        ]

    def work(self) -> F8:
        """Return the expected work held, ``(Q,)``, accelerator-seconds."""
        total = np.asarray([sum(work for _, work in line) for line in self._waiting], dtype=float)
        for _, q, work in self.gangs:
            total[q] += work
        return total

    def jobs(self) -> I8:
        """Return all jobs held."""
        every = [job for line in self._waiting for job, _ in line]
        every += [job for job, _, _ in self.gangs]
        return np.asarray(sorted(every), dtype=np.int64)
