"""Tidal sharing: serving accelerators that requests do not need run jobs for a while (潮汐调度)."""

from __future__ import annotations

import numpy as np

from computenet.compiled import F8, I8, CompiledScenario
from computenet.simulation.job_plane import JobPlane
from computenet.simulation.power_states import PowerStates
from computenet.simulation.request_plane import RequestPlane
from computenet.simulation.slots import seconds_by_slot
from computenet.simulation.totals import FaultTotals

__all__ = ["Tides"]


class Tides:
    """Lends and takes back.

    A replica that is to stop takes no new requests and finishes what it has, which takes seconds,
    while its accelerators go to jobs at once; their power is counted on both sides until then.
    Accelerators that go back are idle ones first, then those of the jobs started last, which fall
    back to their checkpoints, then those that are switched off. Of those that are starting or
    broken, as many as are missing stay with the replicas when they are back; until then the
    replicas serve without them. Where a grid event is under way, nothing more is lent. Loading a
    model's weights again takes no time.
    """

    def __init__(
        self,
        compiled: CompiledScenario,
        jobs: JobPlane,
        requests: RequestPlane,
        faults: FaultTotals,
        power: PowerStates | None = None,
    ) -> None:
        self._compiled = compiled
        self._jobs = jobs
        self._requests = requests
        self._faults = faults
        self._power = power
        self._active: I8 = compiled.groups.replicas.copy()
        self._lent = np.zeros(len(compiled.pools.ids), dtype=np.int64)
        self._since_s = 0.0
        self._lent_s = np.zeros((len(compiled.pools.ids), compiled.n_slots))

    def follow(self, serving_replicas: F8 | None, now_s: float) -> None:
        """Bring groups and pools in line with a plan; everything before `now_s` is processed."""
        groups, k = self._compiled.groups, self._compiled.sampling
        active = groups.replicas.copy()
        if serving_replicas is not None:
            least = np.minimum(groups.replicas, 1)
            active = np.clip(np.ceil(serving_replicas / k - 1e-9).astype(np.int64), least, active)
        # Jobs do not take the place of those that a grid event has paused.
        barred = self._jobs.grid_events[groups.pool] > 0
        active = np.where(barred, np.maximum(active, self._active), active)
        if np.array_equal(active, self._active):
            return
        self._account(now_s)
        lent = np.zeros_like(self._lent)
        idle = (groups.replicas - active) * k * groups.accelerators_per_replica
        np.add.at(lent, groups.pool, idle)
        for pool in np.flatnonzero(lent != self._lent).tolist():
            more = int(lent[pool] - self._lent[pool])
            if more > 0:
                self._jobs.borrow(pool, more, now_s)
            else:
                self._take_back(pool, -more, now_s)
        for group in np.flatnonzero(active != self._active).tolist():
            self._requests.set_active(group, int(active[group]))
        self._lent, self._active = lent, active

    def _take_back(self, pool: int, accelerators: int, now_s: float) -> None:
        """Take accelerators back, wherever they are."""
        stopped, missing = self._jobs.hand_back(pool, accelerators, now_s)
        self._faults.tide_jobs += stopped
        if missing and self._power is not None:
            missing -= self._power.take_off(pool, missing, now_s)
        if missing:
            self._jobs.owe(pool, missing)

    def _account(self, now_s: float) -> None:
        if now_s > self._since_s and self._lent.any():
            slots, seconds = seconds_by_slot(self._compiled, self._since_s, now_s)
            self._lent_s[:, slots] += self._lent[:, None] * seconds
        self._since_s = now_s

    def finish(self, horizon_s: float) -> F8:
        """Return the accelerator-seconds lent, ``(P, S)``."""
        self._account(horizon_s)
        return self._lent_s
