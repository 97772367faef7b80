"""Power states: idle accelerators of job pools are switched off, and started when they are wanted.

Servers that serve requests stay on, since their replicas hold the weights. What an idle server
saves and what waiting for its start costs is the trade of S. Albers, "Energy-efficient
algorithms", CACM 53(5), 2010; here the rule is a reserve, reviewed at a fixed interval.
"""

from __future__ import annotations

import numpy as np

from computenet.compiled import B1, F8, I8, CompiledScenario
from computenet.scenario.energy import PowerStatesSpec
from computenet.simulation.agenda import Agenda, Rank
from computenet.simulation.job_plane import JobPlane
from computenet.simulation.slots import seconds_by_slot

__all__ = ["PowerStates"]


class PowerStates:
    """Which accelerators of each pool are off.

    Parameters
    ----------
    compiled, spec
        The run and its rule.
    jobs
        The plane whose pools lend their idle accelerators.
    agenda
        Calls the end of every start.
    site_up
        ``(I,)`` sites that are up; the engine writes it, and has the time until then accounted for.
    """

    def __init__(
        self,
        compiled: CompiledScenario,
        spec: PowerStatesSpec,
        jobs: JobPlane,
        agenda: Agenda,
        site_up: B1,
    ) -> None:
        n = len(compiled.pools.ids)
        self._compiled = compiled
        self._spec = spec
        self._jobs = jobs
        self._agenda = agenda
        self._site_up = site_up
        self._server = compiled.pools.accelerators_per_server
        self._reserve = np.ceil(spec.reserve * compiled.pools.accelerators)
        self._booting = np.zeros(n, dtype=np.int64)
        self._since_s = 0.0
        # Off or starting when the latest grid event of a pool began, and when that was.
        self._kept = np.zeros(n, dtype=np.int64)
        self._kept_s = np.zeros(n)
        self.off: I8 = np.zeros(n, dtype=np.int64)
        self.off_accelerator_s = np.zeros((n, compiled.n_slots))
        self.starts = np.zeros(n, dtype=np.int64)

    def _pool_up(self) -> B1:
        up: B1 = self._site_up[self._compiled.pools.site]
        return up

    def review(self, now_s: float) -> None:
        """Switch off what is idle beyond the reserve; start what waits or is missing from it.

        Everything before `now_s` must have been processed. What was off when a grid event began
        stays off until it ends.
        """
        self.account(now_s)
        may_start = self.off - np.where(self._jobs.grid_events > 0, self._kept, 0)
        spare = self._jobs.free() + self._booting - self._jobs.waiting_accelerators()
        spare -= self._reserve
        for pool in np.flatnonzero(self._pool_up() & (np.abs(spare) >= 1.0)).tolist():
            servers = int(np.floor(spare[pool] / self._server[pool]))
            wanted = servers * int(self._server[pool])  # a server starts whole
            if wanted > 0:
                free = int(self._jobs.free()[pool])
                servers = min(wanted, free) // int(self._server[pool])
                self.off[pool] += self._jobs.withhold(pool, servers * int(self._server[pool]))
            elif wanted < 0 and may_start[pool] > 0:
                self._start(pool, min(-wanted, int(may_start[pool])), now_s)

    def _start(self, pool: int, accelerators: int, now_s: float) -> None:
        self.off[pool] -= accelerators
        self._booting[pool] += accelerators
        self.starts[pool] += accelerators

        def ready(then_s: float) -> None:
            self._jobs.advance(then_s)
            self._booting[pool] -= accelerators
            if self._jobs.grid_events[pool] and now_s < self._kept_s[pool]:
                self.account(then_s)
                self.off[pool] += accelerators
                return
            self._jobs.return_accelerators(pool, accelerators, then_s)

        ready_s = now_s + self._spec.start_up_s
        if ready_s < self._compiled.horizon_s:
            self._agenda.at(ready_s, Rank.POWER, ready)

    def keep_off(self, pools: list[int], now_s: float) -> None:
        """Let nothing of pools start until their grid events end; starts under way are broken off.

        `JobPlane.grid_events` says how long that is.
        """
        self._kept[pools] = self.off[pools] + self._booting[pools]
        self._kept_s[pools] = now_s

    def take_off(self, pool: int, accelerators: int, now_s: float) -> int:
        """Let go of accelerators that are off, which others use from now on; return how many."""
        taken = min(accelerators, int(self.off[pool]))
        if taken:
            self.account(now_s)
        self.off[pool] -= taken
        self._kept[pool] = max(self._kept[pool] - taken, 0)
        return taken

    def account(self, now_s: float) -> None:
        """Add the time since the last call; pools that are down draw nothing anyway."""
        begin_s, self._since_s = self._since_s, now_s
        off = np.where(self._pool_up(), self.off, 0).astype(np.float64)
        if now_s <= begin_s or not off.any():
            return
        slots, seconds = seconds_by_slot(self._compiled, begin_s, now_s)
        self.off_accelerator_s[:, slots] += off[:, None] * seconds

    def idle(self) -> F8:
        """Return accelerators that are off or starting, ``(P,)``: free, but not at once."""
        total: F8 = (self.off + self._booting).astype(np.float64)
        return total
