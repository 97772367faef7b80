"""What views and power states ask of the jobs: loads, waiting work, free accelerators."""

from __future__ import annotations

import numpy as np

from computenet.compiled import F8, I8
from computenet.kernels.job_state import COMPLETED, RUNNING
from computenet.simulation.job_store import JobStore

__all__ = ["JobFigures"]


class JobFigures(JobStore):
    """Jobs that can be asked how many there are and what they hold."""

    def load(self) -> F8:
        """Return reference accelerators asked for by jobs present, ``(Q,)``, running or not.

        `fresh_work` then holds the expected work of jobs submitted since the last call.
        """
        fresh = np.arange(self._seen, self._submitted, dtype=np.int64)
        demand, work = self._demand[fresh], self._expected_work(self._seen, self._submitted)
        if self._carried:
            # In the order of their numbers, in which they are added where all jobs are at hand.
            carried = [np.concatenate(column) for column in zip(*self._carried, strict=True)]
            order = np.argsort(np.concatenate([carried[0], self._table.job_id[fresh]]))
            demand = np.concatenate([carried[1], demand])[order]
            work = np.concatenate([carried[2], work])[order]
            self._carried = []
        self.fresh_work = np.bincount(demand, weights=work, minlength=len(self._share)).astype(
            np.float64
        )
        self._seen = self._submitted
        present = np.concatenate([self._active, fresh[self._pool[fresh] >= 0]])
        present = present[self._state.status[present] != COMPLETED]
        self._active = present
        table = self._table
        speed = self._compiled.jobs.speed[table.job_class[present], self._pool[present]]
        load: F8 = np.bincount(
            self._demand[present],
            weights=self._inputs.accelerators[present] / self._units * speed,
            minlength=len(self._share),
        ).astype(np.float64)
        return load

    def _carry_fresh(self, jobs: I8) -> None:
        """Keep the expected work of jobs that leave before :meth:`load` has counted them."""
        if jobs.size:
            last = int(jobs[-1]) + 1
            work = self._expected_work(self._seen, last)[jobs - self._seen]
            self._carried.append((self._table.job_id[jobs], self._demand[jobs], work))

    def held_work(self) -> F8:
        """Return the expected work of jobs held back, ``(Q,)``, accelerator-seconds."""
        return self._held.work()

    def waiting_work(self) -> F8:
        """Return the expected work of jobs not started, ``(Q,)``; those present at `load`."""
        present = self._active[self._state.status[self._active] != RUNNING]
        present = present[self._state.status[present] != COMPLETED]
        gang = self._inputs.accelerators[present] / self._units
        work: F8 = np.bincount(
            self._demand[present],
            weights=gang * self._table.estimate_s[present],
            minlength=len(self._share),
        ).astype(np.float64)
        return work

    def waiting_accelerators(self) -> F8:
        """Return accelerators asked for by waiting jobs, ``(P,)``."""
        return self._state.waiting_accelerators / self._units

    def running(self) -> F8:
        """Return the accelerators held by running jobs, ``(P, C)``."""
        held: F8 = self._state.busy / self._units
        return held

    def active_load(self) -> F8:
        """Return the busy accelerators of pools weighted by their activity, ``(P,)``."""
        load: F8 = (self._state.busy @ self._compiled.jobs.activity) / self._units
        return load

    def active_w(self, pool: int) -> float:
        """Return the power above idle of a pool's mean busy accelerator, W; 0 if none is busy."""
        busy = self._state.busy[pool]
        if busy.sum() == 0:
            return 0.0
        activity = float((busy * self._compiled.jobs.activity).sum() / busy.sum())
        return activity * float(self._compiled.pools.active_w[pool])

    def busy(self, pool: int) -> float:
        """Return the accelerators of a pool that are busy."""
        return float(self._state.busy[pool].sum()) / self._units

    def free(self) -> F8:
        """Return free accelerators, ``(P,)``."""
        return self._state.free / self._units
