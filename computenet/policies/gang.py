"""Matching, and large jobs placed one by one where they fit best."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from computenet.compiled import CompiledScenario
from computenet.optimization.gang import (
    Fragmentation,
    GangJobs,
    GangPools,
    GangProblem,
    place_gangs,
)
from computenet.optimization.solvers import SolverError
from computenet.policies.forecast import ForecastName
from computenet.policies.gang_costs import GangCosts, fitting_speed, gang_costs
from computenet.policies.gang_moves import GangMoves
from computenet.policies.matching import MatchingPolicy
from computenet.policies.outlook import OutlookName
from computenet.policies.protocol import Plan, SystemView, WaitingGangs
from computenet.units import SECONDS_PER_HOUR

__all__ = ["GangPolicy"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]

#: Running a gang now is worth this many times what its energy costs where that is dearest, so
#: whatever fits runs, and the dearer pool takes what the cheaper one has no room for.
WORTH = 4.0
#: Gangs remembered, whose sizes say what is to come.
REMEMBERED = 200


class GangPolicy:
    """As ``matching``, with large jobs held until there is room for the whole gang.

    Shares send a large job to its pool whether it fits there now or not, where it waits and, in a
    strict queue, lets nobody past. Here jobs of at least `least_accelerators` wait outside. At
    every epoch those that wait are placed on whole free servers at once
    (:func:`computenet.optimization.gang.place_gangs`): by worth, which grows with waiting, less
    energy and the moving of data, and less the price of rooms that gangs like those seen so far
    could not use. What has waited `patience_h` joins the queue of the least loaded pool, so nothing
    waits for ever.

    With `moves`, running gangs make way for those that found no place, where the cost of the delays
    that this saves exceeds what leaving costs (:class:`computenet.policies.gang_moves.GangMoves`):
    one stops with a checkpoint and queues again where it was, or goes on in another pool, which
    also joins rooms that are too small one by one. Only gangs that wait outside the queues are
    moved for, so a longer `patience_h` gives them more chances. Without it, jobs that run are
    neither moved nor stopped.

    Parameters
    ----------
    least_accelerators
        Jobs of this size or more are placed one by one.
    patience_h
        Hours after which a gang queues.
    fragment_cny_per_accelerator
        Price of a free accelerator that no gang to come could use.
    moves
        Whether running gangs are stopped and moved for others.
    priority_factor
        How many times as much a gang's waiting is worth for each step of its class in the order of
        turns (spot, on demand, reserved; within each by priority); where gangs are moved only.
    forecast, miss_cny, late_cny_per_accelerator_h, carbon_cny_per_t, peak_hours, burst_cv, outlook
        As in ``matching``; moves weigh waiting at `late_cny_per_accelerator_h`, and time past a
        deadline at five times that.
    """

    def __init__(
        self,
        least_accelerators: Annotated[float, Field(ge=1.0)] = 32.0,
        patience_h: Annotated[float, Field(gt=0.0)] = 0.25,
        fragment_cny_per_accelerator: Annotated[float, Field(ge=0.0)] = 0.1,
        forecast: ForecastName = "persistence",
        miss_cny: Annotated[float, Field(ge=0.0)] = 0.0001,
        late_cny_per_accelerator_h: Annotated[float, Field(ge=0.0)] = 0.02,
        carbon_cny_per_t: Annotated[float, Field(ge=0.0)] = 0.0,
        peak_hours: Annotated[float, Field(ge=0.0)] = 60.0,
        burst_cv: Annotated[float, Field(ge=0.0, le=2.0)] = 0.1,
        moves: bool = False,
        priority_factor: Annotated[float, Field(ge=1.0)] = 2.0,
        outlook: OutlookName = "persistence",
    ) -> None:
        self.least_accelerators = least_accelerators
        self.patience_h = patience_h
        self.fragment_cny_per_accelerator = fragment_cny_per_accelerator
        self.carbon_cny_per_t = carbon_cny_per_t
        self.outlook = outlook
        self.sees_ahead = outlook == "perfect"
        self._matching = MatchingPolicy(
            forecast, miss_cny, late_cny_per_accelerator_h, carbon_cny_per_t, peak_hours, burst_cv,
            outlook=outlook,
        )  # fmt: skip
        self.wants_future = self._matching.wants_future
        self.moves_gangs = moves
        self._moves = GangMoves(late_cny_per_accelerator_h, priority_factor)

    def reset(self, compiled: CompiledScenario, seed: np.random.SeedSequence) -> None:
        """Forget everything."""
        self._matching.reset(compiled, seed)
        self._seen: deque[float] = deque(maxlen=REMEMBERED)
        self._planned_s = 0.0

    def plan(self, view: SystemView) -> Plan:
        """Match everything else, and place the gangs that wait."""
        plan = replace(self._matching.plan(view), gang_least=self.least_accelerators)
        since_s, self._planned_s = view.now_s - self._planned_s, view.now_s
        gangs = view.gangs
        if gangs is None:
            return plan
        fresh = (gangs.waited_s <= since_s) & (gangs.pool < 0)
        self._seen.extend(gangs.accelerators[fresh].tolist())
        try:
            found = place_gangs(self.problem(view, gangs))
            pool, notes = found.pool.astype(np.int64), (found.note,) if found.note else ()
        except SolverError as error:
            pool = np.full(len(gangs.demand), -1, dtype=np.int64)
            notes = (f"no placement of gangs was found, they wait on: {error}",)
        plan, pool = self._with_moves(plan, view, gangs, pool)
        return replace(plan, gang_pool=self._queue(view, gangs, pool), notes=plan.notes + notes)

    def _with_moves(
        self, plan: Plan, view: SystemView, gangs: WaitingGangs, pool: I8
    ) -> tuple[Plan, I8]:
        """Return the plan with what running gangs make way for, and the places that this gives."""
        if not self.moves_gangs:
            return plan, pool
        try:
            found = self._moves.find(view, gangs, pool, self._costs(view, gangs))
        except SolverError as error:
            note = f"no moves of gangs were found, all stay: {error}"
            return replace(plan, notes=(*plan.notes, note)), pool
        if found is None:
            return plan, pool
        return replace(plan, running_pool=found.running_pool), found.gang_pool

    def _costs(self, view: SystemView, gangs: WaitingGangs) -> GangCosts:
        kind = gangs.demand % len(view.compiled.jobs.classes)
        return gang_costs(view, kind, self.carbon_cny_per_t, self.outlook)

    def problem(self, view: SystemView, gangs: WaitingGangs) -> GangProblem:
        """Return the placement of gangs on what is free: behind no queue, kept for nobody."""
        compiled = view.compiled
        pools, jobs = compiled.pools, compiled.jobs
        kind = gangs.demand % len(jobs.classes)
        may = gangs.fits & view.job_arc_open[gangs.demand]
        speed, row = fitting_speed(jobs.speed, kind, may)
        costs = self._costs(view, gangs)
        cny_per_s = float((costs.mw * costs.price_cny_per_mwh).max(initial=0.0)) / SECONDS_PER_HOUR
        age = 1.0 + gangs.waited_s / (SECONDS_PER_HOUR * self.patience_h)
        work_s = np.maximum(gangs.estimate_s, 1.0)
        slowest = np.where(jobs.speed > 0.0, jobs.speed, np.inf).min(axis=1)[kind]
        dearest = gangs.data_gb * jobs.transfer_cny_per_gb[gangs.data_region].max(axis=1)
        energy = gangs.accelerators * work_s / slowest * max(cny_per_s, 1e-9)
        free = view.pool_free - view.pool_waiting_accelerators - gangs.coming_accelerators
        count = len(gangs.demand)
        nothing = np.zeros(count)
        size, number = np.unique(np.asarray(self._seen), return_counts=True)
        stopped = gangs.pool >= 0
        data_site = np.where(stopped, costs.place[gangs.pool], gangs.data_region)
        return GangProblem(
            jobs=GangJobs(
                accelerators=gangs.accelerators, job_class=row,
                work_s=work_s, value_cny=WORTH * age * (energy + dearest),
                slack_s=np.full(count, np.inf), late_cny_per_s=nothing,
                data_site=data_site.astype(np.int32), data_gb=gangs.data_gb,
                pool=np.full(count, -1, dtype=np.int32), checkpoint_gb=nothing, lost_s=nothing,
                restart_s=nothing,
            ),
            pools=GangPools(
                free=np.maximum(free, 0.0),
                per_server=pools.accelerators_per_server.astype(np.float64),
                site=costs.place.astype(np.int32), mw=costs.mw,
                price_cny_per_mwh=costs.price_cny_per_mwh,
                accelerator_cny_per_s=np.zeros(len(pools.ids)),
            ),
            speed=speed,
            transfer_cny_per_gb=costs.transfer_cny_per_gb,
            fragmentation=Fragmentation(
                size, number / number.sum(),
                np.full(len(pools.ids), self.fragment_cny_per_accelerator),
            ) if len(size) else None,
        )  # fmt: skip

    def _queue(self, view: SystemView, gangs: WaitingGangs, pool: I8) -> I8:
        """Return places in which gangs that waited too long queue at the least loaded pool.

        One that was stopped queues where it ran: whoever it made way for is expected to leave it
        room there, which others would take if it held no place in the queue.
        """
        patient = gangs.waited_s < SECONDS_PER_HOUR * self.patience_h - 1e-6
        size = view.compiled.pools.accelerators.astype(np.float64)
        asked = size - view.pool_free + view.pool_waiting_accelerators
        pool = pool.copy()
        patient &= gangs.pool < 0
        for job in np.flatnonzero((pool < 0) & ~patient).tolist():
            may = gangs.fits[job] & view.job_arc_open[gangs.demand[job]]
            if gangs.pool[job] >= 0 and may[gangs.pool[job]]:
                pool[job] = gangs.pool[job]
            elif may.any():
                load = np.where(may, asked / np.maximum(size, 1.0), np.inf)
                pool[job] = int(np.argmin(load))
                asked[pool[job]] += gangs.accelerators[job]
        return pool
