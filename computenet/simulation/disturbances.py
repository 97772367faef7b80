"""What strikes job pools: servers that fail, grid events, spot capacity that is taken away."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from computenet.compiled import CompiledScenario
from computenet.scenario import GridEvent, Scenario
from computenet.simulation.agenda import Agenda, Rank
from computenet.simulation.events import MOST_NAMED, EventLog
from computenet.simulation.faults import failures_of, reclaims_of
from computenet.simulation.job_plane import JobPlane
from computenet.simulation.power_states import PowerStates
from computenet.simulation.totals import FaultTotals
from computenet.units import SECONDS_PER_HOUR

__all__ = ["Disturbances"]


class Disturbances:
    """Strikes when it is time, and writes what that did."""

    def __init__(
        self,
        scenario: Scenario,
        compiled: CompiledScenario,
        jobs: JobPlane,
        agenda: Agenda,
        log: EventLog,
        faults: FaultTotals,
        power: PowerStates | None = None,
    ) -> None:
        self._scenario = scenario
        self._compiled = compiled
        self._jobs = jobs
        self._agenda = agenda
        self._log = log
        self._faults = faults
        self._power = power
        self._failures = failures_of(scenario, compiled)
        self._reclaims = reclaims_of(scenario, compiled)
        self._reclaimed: dict[int, int] = {}

    def schedule(self) -> None:
        """Put everything on the agenda."""
        for event in self._scenario.events:
            if isinstance(event, GridEvent):
                start_s = SECONDS_PER_HOUR * event.at_h
                end_s = start_s + SECONDS_PER_HOUR * event.duration_h
                self._agenda.at(start_s, Rank.GRID, self._on_grid_event(event, end_s))
        for at in range(self._failures.count):
            time_s = float(self._failures.time_s[at])
            self._agenda.at(time_s, Rank.OUTAGE, self._on_failure(at))
        for time_s, pool, wanted in self._reclaims:
            self._agenda.at(time_s, Rank.OUTAGE, self._on_reclaim(pool, wanted))

    def _on_failure(self, at: int) -> Callable[[float], None]:
        failures = self._failures
        pool = int(failures.pool[at])

        def act(now_s: float) -> None:
            self._jobs.advance(now_s)
            job, taken = self._jobs.hit(pool, float(failures.place[at]), now_s)
            self._faults.servers += 1
            self._faults.jobs += int(job >= 0)
            if self._faults.servers <= MOST_NAMED:
                hit = f"job {self._jobs.job_id(job)} stopped" if job >= 0 else "idle"
                self._log.add(now_s, "failure", self._compiled.pools.ids[pool], hit)
            back_s = now_s + float(failures.repair_s[at])
            if taken and back_s < self._compiled.horizon_s:
                self._agenda.at(back_s, Rank.OUTAGE, self._repair(pool, taken))

        return act

    def _repair(self, pool: int, taken: int) -> Callable[[float], None]:
        def act(now_s: float) -> None:
            self._jobs.advance(now_s)
            self._jobs.give_back(pool, taken, now_s)

        return act

    def _end_grid_event(
        self, withheld: list[tuple[int, int]], pools: list[int], site: str
    ) -> Callable[[float], None]:
        def act(now_s: float) -> None:
            self._jobs.advance(now_s)
            self._jobs.grid_events[pools] -= 1
            for pool, taken in withheld:
                self._jobs.give_back(pool, taken, now_s)
            self._log.add(now_s, "grid-event-end", site)

        return act

    def _on_grid_event(self, event: GridEvent, end_s: float) -> Callable[[float], None]:
        """Pause jobs of a site, the most powerful accelerators first, until enough is shed.

        Until it ends nothing takes their place: no server that is off starts, none is lent.
        """
        compiled = self._compiled

        def act(now_s: float) -> None:
            self._jobs.advance(now_s)
            site = compiled.sites.ids.index(event.site)
            slot = min(int(now_s / compiled.slot_s), compiled.n_slots - 1)
            pue = float(compiled.energy.pue[site, slot])
            left_w = event.shed_mw * 1e6
            withheld: list[tuple[int, int]] = []
            paused = 0
            pools = [int(pool) for pool in np.flatnonzero(compiled.pools.site == site)]
            for pool in sorted(pools, key=lambda p: -self._jobs.active_w(p)):
                each_w = self._jobs.active_w(pool) * pue
                if left_w <= 0.0 or each_w <= 0.0:
                    continue
                wanted = min(int(np.ceil(left_w / each_w)), int(self._jobs.busy(pool)))
                jobs, held, taken = self._jobs.shed(pool, wanted, now_s)
                left_w -= held * each_w
                paused += jobs
                withheld.append((pool, taken))
            self._jobs.grid_events[pools] += 1
            if self._power is not None:
                self._power.keep_off(pools, now_s)
            shed_mw = event.shed_mw - left_w / 1e6
            self._faults.grid_events.append(
                {"site": event.site, "at_s": now_s, "asked_mw": event.shed_mw, "shed_mw": shed_mw,
                 "jobs_paused": paused}
            )  # fmt: skip
            detail = f"{shed_mw:.2f} of {event.shed_mw:g} MW shed, {paused} jobs paused"
            self._log.add(now_s, "grid-event", event.site, detail)
            if end_s < compiled.horizon_s:
                ends = self._end_grid_event(withheld, pools, event.site)
                self._agenda.at(end_s, Rank.GRID, ends)

        return act

    def _on_reclaim(self, pool: int, wanted: int) -> Callable[[float], None]:
        """Bring the spot accelerators that a pool goes without to a number.

        Idle ones go first, then those that are switched off, then those of the jobs started last.
        As many as are missing, since they are starting or out of service, go when they are back.
        """

        def act(now_s: float) -> None:
            self._jobs.advance(now_s)
            more = wanted - self._reclaimed.get(pool, 0)
            if more > 0:
                off = 0
                if self._power is not None:
                    idle = int(self._jobs.free()[pool])
                    off = self._power.take_off(pool, max(more - idle, 0), now_s)
                stopped, taken = self._jobs.reclaim(pool, more - off, now_s)
                taken += off
                if taken < more:
                    self._jobs.owe(pool, more - taken)
                self._reclaimed[pool] = wanted
                self._faults.reclaimed += 1
                self._faults.reclaimed_jobs += stopped
                if self._faults.reclaimed <= MOST_NAMED:
                    detail = f"{taken} accelerators taken, {stopped} jobs stopped"
                    self._log.add(now_s, "reclaim", self._compiled.pools.ids[pool], detail)
            elif more < 0:
                self._jobs.return_accelerators(pool, -more, now_s)
                self._reclaimed[pool] = wanted

        return act
