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
    """

    def __init__(
        self, compiled: CompiledScenario, spec: PowerStatesSpec, jobs: JobPlane, agenda: Agenda
    ) -> None:
        n = len(compiled.pools.ids)
        self._compiled = compiled
        self._spec = spec
        self._jobs = jobs
        self._agenda = agenda
        self._server = compiled.pools.accelerators_per_server
        self._reserve = np.ceil(spec.reserve * compiled.pools.accelerators)
        self._booting = np.zeros(n, dtype=np.int64)
        self._since_s = 0.0
        self.off: I8 = np.zeros(n, dtype=np.int64)
        self.off_accelerator_s = np.zeros((n, compiled.n_slots))
        self.starts = np.zeros(n, dtype=np.int64)

    def review(self, now_s: float, up: B1) -> None:
        """Switch off what is idle beyond the reserve; start what waits or is missing from it.

        Parameters
        ----------
        now_s
            Everything before it must have been processed.
        up
            ``(P,)`` pools that are up.
        """
        self.account(now_s, up)
        spare = self._jobs.free() + self._booting - self._jobs.waiting_accelerators()
        spare -= self._reserve
        for pool in np.flatnonzero(up & (np.abs(spare) >= 1.0)).tolist():
            servers = int(np.floor(spare[pool] / self._server[pool]))
            wanted = servers * int(self._server[pool])  # a server starts whole
            if wanted > 0:
                free = int(self._jobs.free()[pool])
                servers = min(wanted, free) // int(self._server[pool])
                self.off[pool] += self._jobs.withhold(pool, servers * int(self._server[pool]))
            elif wanted < 0 and self.off[pool] > 0:
                self._start(pool, min(-wanted, int(self.off[pool])), now_s)

    def _start(self, pool: int, accelerators: int, now_s: float) -> None:
        self.off[pool] -= accelerators
        self._booting[pool] += accelerators
        self.starts[pool] += accelerators

        def ready(then_s: float) -> None:
            self._jobs.advance(then_s)
            self._booting[pool] -= accelerators
            self._jobs.return_accelerators(pool, accelerators, then_s)

        ready_s = now_s + self._spec.start_up_s
        if ready_s < self._compiled.horizon_s:
            self._agenda.at(ready_s, Rank.POWER, ready)

    def take_off(self, pool: int, accelerators: int) -> int:
        """Let go of accelerators that are off, which others use from now on; return how many.

        Everything before now must have been accounted for.
        """
        taken = min(accelerators, int(self.off[pool]))
        self.off[pool] -= taken
        return taken

    def account(self, now_s: float, up: B1) -> None:
        """Add the time since the last call; pools that are down draw nothing anyway."""
        begin_s, self._since_s = self._since_s, now_s
        off = np.where(up, self.off, 0).astype(np.float64)
        if now_s <= begin_s or not off.any():
            return
        slots, seconds = seconds_by_slot(self._compiled, begin_s, now_s)
        self.off_accelerator_s[:, slots] += off[:, None] * seconds

    def idle(self) -> F8:
        """Return accelerators that are off or starting, ``(P,)``: free, but not at once."""
        total: F8 = (self.off + self._booting).astype(np.float64)
        return total
