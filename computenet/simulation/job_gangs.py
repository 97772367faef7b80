"""Large jobs one by one: those that wait for a place, and those that run and are to leave."""

from __future__ import annotations

import numpy as np

from computenet.compiled import F8, I8
from computenet.kernels.job_faults import take_out
from computenet.kernels.job_state import NOT_ARRIVED, RUNNING
from computenet.policies.protocol import RunningGangs, WaitingGangs
from computenet.simulation.job_recovery import JobRecovery

__all__ = ["JobGangs"]


class JobGangs(JobRecovery):
    """Jobs of which a plan places the large ones, stops them or sends them to another pool.

    A gang that is to leave its pool first writes a checkpoint, which takes
    `CompiledScenario.checkpoint_cost_s` of the whole gang; it then frees its accelerators and
    waits for a place, or goes to another pool, its data behind it. A gang of a class that writes
    no checkpoints leaves at once and begins anew. One that ends, fails or loses its site while it
    writes is no longer told to leave.
    """

    # Due, job, pool it leaves, pool or -1, and how often it had been stopped when it was told.
    _orders: tuple[tuple[float, int, int, int, int], ...] = ()
    _shown: I8 = np.zeros(0, dtype=np.int64)

    # ---- those that wait ----------------------------------------------------------------------

    def waiting_gangs(self, now_s: float) -> WaitingGangs | None:
        """Return the jobs that wait for a place."""
        if not self._held.gangs:
            return None
        jobs = np.asarray([job for job, _, _ in self._held.gangs], dtype=np.int64)
        table, stopped_s = self._table, self._held.stopped_s
        ran = np.asarray([job in stopped_s for job in jobs.tolist()])
        since_s = np.asarray([stopped_s.get(job, table.submit_s[job]) for job in jobs.tolist()])
        return WaitingGangs(
            demand=self._demand[jobs].astype(np.int64),
            accelerators=self._inputs.accelerators[jobs] / self._units,
            estimate_s=np.where(ran, self._left_s(jobs, 0.0), table.estimate_s[jobs]),
            data_gb=table.data_gb[jobs].astype(np.float64),
            data_region=self._data_region[jobs].astype(np.int64),
            waited_s=now_s - since_s,
            fits=np.asarray([self._fits(job) for job in jobs.tolist()]),
            slack_s=self._slack_s(jobs, now_s),
            pool=np.where(ran, self._pool[jobs], -1).astype(np.int64),
            coming_accelerators=self._coming(),
        )

    def place(self, pools: I8, now_s: float) -> None:
        """Send jobs that wait for a place to their pools; -1 = waits on."""
        fresh: list[int] = []
        gangs, self._held.gangs = self._held.gangs, []
        for gang, pool in zip(gangs, pools.tolist(), strict=True):
            job = gang[0]
            if pool < 0:
                self._held.gangs.append(gang)
            elif self._held.stopped_s.pop(job, None) is None:
                self._pool[job] = pool
                fresh.append(job)
            else:
                self._move_job(job, int(self._pool[job]), now_s, pool)
                self._active = np.append(self._active, job)
                self._quiet_s = self._event_s = 0.0
        self._let_go(fresh, now_s)

    # ---- those that run -----------------------------------------------------------------------

    def running_gangs(self, now_s: float) -> RunningGangs:
        """Return the large jobs that run and have not been told to leave their pools."""
        state, inputs, table = self._state, self._inputs, self._table
        held = [
            state.heap_job[base : base + count]
            for base, count in zip(state.arena.tolist(), state.running.tolist(), strict=False)
        ]
        jobs = np.sort(np.concatenate(held)) if held else np.zeros(0, dtype=np.int64)
        # Those counted as present, which are all but a few submitted since the last epoch.
        jobs = jobs[(inputs.accelerators[jobs] >= self._least()) & (jobs < self._seen)]
        jobs = jobs[~np.isin(jobs, [order[1] for order in self._orders])]
        self._shown = jobs
        restart_s = self._compiled.restart_s
        elapsed_s = now_s - state.segment_s[jobs]
        again = state.restarts[jobs] > 0
        useful_s = np.maximum(elapsed_s - np.where(again, restart_s, 0.0), 0.0)
        # Who has just been restarted pays what is left of that in any case.
        anew_s = np.where(again, np.minimum(elapsed_s, restart_s), restart_s)
        writes = inputs.checkpoint_s[jobs] > 0.0
        lost_s = np.where(writes, self._compiled.checkpoint_cost_s, useful_s)
        return RunningGangs(
            demand=self._demand[jobs].astype(np.int64),
            accelerators=inputs.accelerators[jobs] / self._units,
            pool=self._pool[jobs].astype(np.int64),
            left_s=self._left_s(jobs, useful_s),
            overhead_s=lost_s + anew_s,
            data_gb=table.data_gb[jobs].astype(np.float64),
            data_region=self._data_region[jobs].astype(np.int64),
            slack_s=self._slack_s(jobs, now_s),
            fits=np.asarray([self._fits(job) for job in jobs.tolist()], dtype=np.bool_).reshape(
                len(jobs), len(self._size)
            ),
        )

    def order(self, pools: I8, now_s: float) -> list[float]:
        """Tell the gangs last shown where to go: their own pool = stay, -1 = wait for a place.

        Returns
        -------
        list of float
            When :meth:`carry_out` is to be called: when checkpoints are written.
        """
        orders = []
        for job, pool in zip(self._shown.tolist(), pools.tolist(), strict=True):
            before = int(self._pool[job])
            if pool != before:
                stops = int(self._state.restarts[job])
                orders.append((now_s + self._writing_s(job), job, before, pool, stops))
        self._orders += tuple(orders)
        return sorted({order[0] for order in orders})

    def carry_out(self, now_s: float) -> tuple[int, int]:
        """Let gangs leave whose checkpoints are written; return how many stop and how many move.

        Everything before `now_s` must be processed.
        """
        due = [order for order in self._orders if order[0] <= now_s]
        self._orders = tuple(order for order in self._orders if order[0] > now_s)
        stopped = moved = 0
        for _, job, before, pool, stops in due:
            runs = self._state.status[job] == RUNNING and self._pool[job] == before
            if not runs or self._state.restarts[job] != stops:
                continue
            take_out(before, job, self._writing_s(job), now_s, self._state, self._inputs, self.out)
            self._quiet_s = self._event_s = 0.0
            if pool >= 0:
                self._move_job(job, before, now_s, pool)
                moved += 1
                continue
            self._active = self._active[self._active != job]
            gang = float(self._inputs.accelerators[job]) / self._units
            left_s = float(self._left_s(np.asarray([job]), 0.0)[0])
            self._held.stop(job, int(self._demand[job]), gang * left_s, now_s)
            stopped += 1
        return stopped, moved

    def _writing_s(self, job: int) -> float:
        """Return how long a job writes a checkpoint before it leaves its pool."""
        return self._compiled.checkpoint_cost_s if self._inputs.checkpoint_s[job] > 0.0 else 0.0

    def _least(self) -> float:
        """Return the units of accelerators from which on a job is large."""
        return self._held.gang_least * self._units

    def _left_s(self, jobs: I8, since_s: F8 | float) -> F8:
        """Return the run time at speed 1 that users expect to be left, less `since_s` at speed."""
        speed = self._compiled.jobs.speed[self._table.job_class[jobs], self._pool[jobs]]
        done_s = (self._state.saved_s[jobs] + since_s) * speed
        left: F8 = np.maximum(self._inputs.estimate_s[jobs] - done_s, 0.0)
        return left

    def _slack_s(self, jobs: I8, now_s: float) -> F8:
        """Return the time until the deadlines of jobs, infinite where there is none."""
        deadline_s = self._table.deadline_s[jobs]
        slack: F8 = np.where(np.isnan(deadline_s), np.inf, deadline_s - now_s)
        return slack

    def _coming(self) -> F8:
        """Return accelerators of large jobs whose data is on its way to a pool, ``(P,)``."""
        jobs = self._active[self._state.status[self._active] == NOT_ARRIVED]
        jobs = jobs[self._inputs.accelerators[jobs] >= self._least()]
        gang = self._inputs.accelerators[jobs] / self._units
        coming = np.bincount(self._pool[jobs], weights=gang, minlength=len(self._size))
        return coming.astype(np.float64)

    def _renumber_orders(self, number: I8) -> None:
        """Go over to other numbers of jobs; one that ended meanwhile is no longer told to leave."""
        self._orders = tuple(
            (due_s, int(number[job]), before, pool, stops)
            for due_s, job, before, pool, stops in self._orders
            if number[job] >= 0
        )
