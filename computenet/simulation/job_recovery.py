"""What stops jobs, and how they go on: failures, reclaims, outages, accelerators lent."""

from __future__ import annotations

import numpy as np

from computenet.compiled import I8
from computenet.kernels.job_faults import (
    drain_pool,
    give_back,
    hit_pool,
    reclaim_pool,
    shed_pool,
    withhold_idle,
)
from computenet.kernels.job_queue import start_pool, stop_pool
from computenet.simulation.job_routing import JobRouting

__all__ = ["JobRecovery"]


class JobRecovery(JobRouting):
    """Jobs whose accelerators fail, are taken away and come back."""

    def hit(self, pool: int, place: float, now_s: float) -> tuple[int, int]:
        """Let a server fail; return the job that stopped (-1 = none) and what is withheld."""
        self._quiet_s = self._event_s = 0.0
        # Of the accelerators that are the jobs' now; the pool has room for more.
        mine = self._size[pool] + self._lent[pool] * self._units
        place *= float(mine) / float(self._state.size[pool])
        job, taken = hit_pool(
            pool, place, self._per_server[pool], now_s, self._state, self._inputs, self.out
        )
        return int(job), int(taken)

    def shed(self, pool: int, accelerators: int, now_s: float) -> tuple[int, float, int]:
        """Pause jobs; return how many, accelerators they held, and what is withheld."""
        self._quiet_s = self._event_s = 0.0
        jobs, held, taken = shed_pool(
            pool, accelerators * self._units, now_s, self._state, self._inputs, self.out
        )
        return int(jobs), held / self._units, int(taken)

    def reclaim(self, pool: int, accelerators: int, now_s: float) -> tuple[int, int]:
        """Take accelerators away, latest jobs first; return jobs stopped and what is withheld."""
        self._quiet_s = self._event_s = 0.0
        jobs, taken = reclaim_pool(
            pool, accelerators * self._units, now_s, self._state, self._inputs, self.out
        )
        return int(jobs), int(taken) // self._units

    def give_back(self, pool: int, withheld: int, now_s: float) -> None:
        """Bring what was withheld back into service."""
        self._quiet_s = self._event_s = 0.0
        kept = min(withheld, int(self._owed[pool]))
        self._owed[pool] -= kept
        give_back(pool, withheld - kept, now_s, self._state, self._inputs, self.out)

    def withhold(self, pool: int, accelerators: int) -> int:
        """Take idle accelerators out of service; return how many."""
        self._quiet_s = self._event_s = 0.0
        return withhold_idle(pool, accelerators * self._units, self._state) // self._units

    def return_accelerators(self, pool: int, accelerators: int, now_s: float) -> None:
        """Bring accelerators back that :meth:`withhold` took."""
        self.give_back(pool, accelerators * self._units, now_s)

    def borrow(self, pool: int, accelerators: int, now_s: float) -> None:
        """Let jobs have serving accelerators of their pool."""
        self._lent[pool] += accelerators
        self.give_back(pool, accelerators * self._units, now_s)

    def hand_back(self, pool: int, accelerators: int, now_s: float) -> tuple[int, int]:
        """Return borrowed accelerators, idle ones first.

        Returns
        -------
        tuple
            Jobs that were stopped, and accelerators that are missing, since they are out of service
            already: :meth:`owe` says what becomes of them.
        """
        self._lent[pool] -= accelerators
        stopped, taken = self.reclaim(pool, accelerators, now_s)
        return stopped, accelerators - taken

    def owe(self, pool: int, accelerators: int) -> None:
        """Keep accelerators out of service when some that are so now come back."""
        self._owed[pool] += accelerators * self._units

    def stop(self, pool: int, now_s: float) -> int:
        """Take a pool down; return the jobs that were stopped."""
        self._quiet_s = self._event_s = 0.0
        return int(stop_pool(pool, now_s, self._state, self._inputs, self.out))

    def start(self, pool: int, now_s: float) -> None:
        """Bring a pool back."""
        self._quiet_s = self._event_s = 0.0
        start_pool(pool, now_s, self._state, self._inputs, self.out)

    def evacuate(self, pools: I8, now_s: float) -> int:
        """Send what waits in pools that are down elsewhere, by the shares; return how many jobs."""
        moved = 0
        for pool in pools.tolist():
            queue = np.empty(int(self._state.waiting[pool]), dtype=np.int64)
            drain_pool(pool, now_s, queue, self._state, self._inputs, self.out)
            for job in queue.tolist():
                moved += self._move_job(job, pool, now_s)
        self._quiet_s = self._event_s = 0.0
        return moved

    def _move_job(self, job: int, before: int, now_s: float, to: int = -1) -> bool:
        """Give one job another pool, by the shares if none is said, and send its data after it."""
        state, table, transfers = self._state, self._table, self._transfers
        inputs, kind = self._inputs, int(table.job_class[job])
        speed = self._compiled.jobs.speed[kind]
        held = state.saved_s[job] * inputs.accelerators[job]
        lost, all_s = state.lost_accelerator_s[job], inputs.work_s[job]
        work_s = all_s / speed[before]
        route, cny = transfers.route[job], self._transfer_cny[job]
        placed = self._placed[:1].copy()
        self._pool[job] = to
        inputs.accelerators[job] = self._asked(job)
        self._route_only(job, job + 1)
        pool, pair = int(self._pool[job]), int(transfers.route[job])
        self._placed[:1], transfers.route[job] = placed, route
        if self._compiled.checkpoint_cost_s > 0.0:
            self._set_checkpoints(np.asarray([job]))
        state.saved_s[job] *= inputs.work_s[job] / speed[pool] / work_s if work_s > 0.0 else 1.0
        after = state.saved_s[job] * inputs.accelerators[job]
        self._earlier[before, kind] += (held + lost) / self._units
        self._earlier[pool, kind] -= (after + lost) / self._units
        if pool != before and all_s > 0.0:
            useful = held / all_s - after / inputs.work_s[job]
            whole, part = self._elsewhere.get(job, (0.0, 0.0))
            self._elsewhere[job] = (
                whole + (held - after) / self._units,
                part + useful * self._useful_s[job] / self._units,
            )
        region, site = divmod(pair, len(self._compiled.sites.ids))
        size_gb = float(table.data_gb[job])
        if pool == before:
            size_gb = 0.0  # nothing else can run it: it waits where its data is
        elif self.resident[region, kind, site] or self._stored(job, site):
            self.reused_gb += size_gb
            size_gb = 0.0
        flow = transfers.add_flow(region, site, size_gb, int(self._demand[job]))
        if flow >= len(self._flow_start_s):
            more = len(transfers.size_gb) - len(self._flow_start_s)
            self._flow_start_s = np.append(self._flow_start_s, np.zeros(more))
        self._flow_start_s[flow] = now_s
        price = transfers.set_service(np.asarray([flow]), np.asarray([kind]))
        self._transfer_cny[job] = cny + size_gb * float(price[0])
        self._job_of_flow[flow] = job
        self._moves.append(flow)
        return pool != before
