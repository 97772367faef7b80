"""From what a policy sees to the dispatch problem of a window."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from computenet.compiled import CompiledScenario
from computenet.energy import RULES
from computenet.optimization.dispatch import (
    Carry,
    DataShipping,
    Dispatch,
    DispatchProblem,
    Fleet,
    RequestDemand,
    SitePower,
    TrainingWork,
)
from computenet.policies.dispatch_limits import DispatchLimits
from computenet.policies.forecast import EpochClock, Expected
from computenet.policies.merged_requests import MergedRequests, merged_requests
from computenet.policies.outlook import (
    OutlookName,
    emission_ahead,
    generation_ahead,
    generation_price_ahead,
    limit_ahead,
    price_ahead,
    pue_ahead,
)
from computenet.policies.protocol import SystemView
from computenet.policies.shares import sites_up
from computenet.units import SECONDS_PER_HOUR, WATTS_PER_MW

__all__ = ["LEAST_SAVING", "SLACK_USED", "WAITING", "Horizon", "WindowBuilder"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
B1 = NDArray[np.bool_]

#: Share of job and serving accelerators that may be filled: queues need room.
JOB_ROOM, SERVING_ROOM = 0.95, 0.75
#: Share of serving accelerators that may be lent.
LENDABLE = 0.8
#: Share of the slack of a deadline after which a job is held no longer.
SLACK_USED = 0.5
#: A cheaper hour must save at least this share of the energy cost for a job to wait for it.
LEAST_SAVING = 0.05
#: Price of an hour's wait of jobs that may wait, and of those that may not or are late, as a share
#: of what waiting in a queue is worth.
WAITING, LATE = 0.01, 5.0
#: Time constant of the mean of work that comes, s.
MEMORY_S = 43_200.0


@dataclass(frozen=True, slots=True)
class Horizon:
    """A window and what is needed to read its answer.

    Attributes
    ----------
    edges_s
        ``(T + 1,)``.
    problem
        What is solved.
    idle_mw
        ``(T, I)`` facility power that is drawn whatever is decided, running jobs not among it.
    month_of_slot
        ``(T,)``.
    """

    edges_s: F8
    problem: DispatchProblem
    idle_mw: F8
    month_of_slot: I8

    def busy_accelerators(self, answer: Dispatch, slot: int) -> F8:
        """Return the accelerators that requests keep busy in each group, ``(G,)``."""
        requests = self.problem.requests
        busy = np.zeros(len(requests.groups))
        served = answer.served_per_s[slot] * requests.arc_accelerator_s
        np.add.at(busy, requests.arc_group, served)
        return busy


class WindowBuilder:
    """Builds windows, and keeps what crosses from one to the next.

    The grid and weather are foreseen as :mod:`computenet.policies.outlook` says. Only jobs of
    classes with a deadline can wait; running jobs go on, those of other classes being followed by
    others like them.
    """

    def __init__(
        self,
        compiled: CompiledScenario,
        miss_cny: float,
        late_cny: float,
        limits: DispatchLimits,
        switch_cny: float,
        outlook: OutlookName,
    ) -> None:
        self._compiled = compiled
        self._miss_cny = miss_cny
        self._late_cny = late_cny
        self._limits = limits
        self._switch_cny = switch_cny
        self._outlook = outlook
        self._known: tuple[bytes, MergedRequests] | None = None
        self.waiting = np.flatnonzero(np.isfinite(compiled.jobs.deadline_s))
        self._begun = False
        self._epochs = EpochClock()
        self.coming = np.zeros(len(compiled.jobs.classes))
        battery = compiled.energy.battery
        planned = battery.rule == RULES["plan"]
        self._power_mw = np.where(planned, battery.power_mw, 0.0)
        self._energy_mwh = np.where(planned, battery.energy_mwh, 0.0)
        self._stored_mwh = battery.initial * self._energy_mwh
        self._setpoint_mw = np.zeros(len(compiled.sites.ids))
        self._stored_s = 0.0
        self._lent = np.zeros(len(compiled.pools.ids))
        self.since: list[deque[tuple[float, float]]] = [deque() for _ in compiled.jobs.classes]
        self._held = np.zeros(len(compiled.jobs.classes))

    # ---- what crosses from window to window ---------------------------------------------------

    def observe(self, view: SystemView) -> None:
        """Bring the ledgers of storage and of held work up to now."""
        hours = (view.now_s - self._stored_s) / SECONDS_PER_HOUR
        eta = np.sqrt(self._compiled.energy.battery.efficiency)
        out = self._setpoint_mw
        self._limits.observe(view, hours, out)
        change = np.where(out > 0.0, -out / eta, -out * eta) * hours
        self._stored_mwh = np.clip(self._stored_mwh + change, 0.0, self._energy_mwh)
        self._stored_s = view.now_s
        held = self.by_class(view.job_held_accelerator_s)
        fresh_work = self.by_class(view.job_submitted_per_s)
        epoch_ended = self._epochs.ended(view)
        if not self._begun:
            self._begun = True
            self.coming = view.job_load_accelerators.reshape(len(self._compiled.regions), -1).sum(
                axis=0
            )
        elif epoch_ended:
            keep = np.exp(-view.epoch_s / MEMORY_S)
            self.coming = keep * self.coming + (1.0 - keep) * fresh_work
        for c in self.waiting.tolist():
            fresh = held[c] - self._held[c]
            if fresh > 0.0:
                self.since[c].append((view.now_s, float(fresh)))
            while fresh < 0.0 and self.since[c]:
                time_s, work = self.since[c].popleft()
                fresh += work
                if fresh > 0.0:
                    self.since[c].appendleft((time_s, float(fresh)))
            if held[c] <= 0.0:
                self.since[c].clear()
        self._held = held

    def by_class(self, expected_work: F8) -> F8:
        """Return the work of all regions by class, users' overestimates taken off, ``(C,)``."""
        total = expected_work.reshape(len(self._compiled.regions), -1).sum(axis=0)
        work: F8 = total / self._compiled.jobs.estimate_factor
        return work

    def store(self, setpoint_mw: F8, lent: F8) -> None:
        """Remember the set-points, and the accelerators lent, that hold from now on."""
        self._setpoint_mw = np.where(self._power_mw > 0.0, setpoint_mw, 0.0)
        self._lent = lent

    # ---- the window ---------------------------------------------------------------------------

    def window(self, view: SystemView, edges_s: F8, expected: Expected) -> Horizon:
        """Return the dispatch problem between edges, seen from now."""
        compiled = self._compiled
        p, physical = compiled.pools, compiled.energy
        hours = np.diff(edges_s) / SECONDS_PER_HOUR
        slots, first = self._slots(edges_s)

        def mean(ahead: Callable[[SystemView, I8, OutlookName], F8]) -> F8:
            whole = np.add.reduceat(ahead(view, slots, self._outlook), first, axis=1)
            average: F8 = (whole / np.diff(first, append=len(slots))).T
            return average

        up = sites_up(view)
        count = (p.accelerators + p.serving_accelerators) * up[p.site]
        idle_w = (p.idle_w + p.overhead_w) * count
        running_w, free = self._running(view, edges_s, up)
        pue = mean(pue_ahead)
        idle_mw = self._by_site(idle_w[None, :] / WATTS_PER_MW)
        fixed_mw = idle_mw + self._by_site(running_w / WATTS_PER_MW)
        # What lies beyond the run is of its last month.
        at = np.minimum(slots[first], compiled.n_slots - 1)
        month = compiled.month_of_slot[at].astype(np.int64)
        charge = compiled.sites.demand_charge_cny_per_mw_month
        price = mean(price_ahead)
        eta = np.sqrt(physical.battery.efficiency)
        emission = mean(emission_ahead)
        power = SitePower(
            fixed_mw=fixed_mw,
            pue=pue,
            price_cny_per_mwh=price,
            limit_mw=mean(limit_ahead),
            generation_mw=mean(generation_ahead),
            generation_cny_per_mwh=mean(generation_price_ahead),
            battery_mw=self._power_mw,
            battery_mwh=self._energy_mwh,
            battery_efficiency=physical.battery.efficiency,
            cycle_cny_per_mwh=physical.cycle_cny_per_mwh,
            stored_cny_per_mwh=price.mean(axis=0) * eta,
            demand_charge_cny_per_mw=charge,
            month_of_slot=month - month[0],
            month_share=compiled.month_share[month[0] : month[-1] + 1],
        )
        limits = self._limits
        short = limits.green_short_cny_per_mwh
        problem = DispatchProblem(
            hours=hours,
            fleet=Fleet(
                sites=compiled.sites.ids,
                pools=p.ids,
                pool_site=p.site.astype(np.int64),
                job_accelerators=free,
                serving_accelerators=np.tile(p.serving_accelerators * up[p.site], (len(hours), 1)),
                serving_utilisation=np.full(len(p.ids), SERVING_ROOM),
                serving_reserve=(1.0 - LENDABLE) * p.serving_accelerators.astype(np.float64),
                switch_cny=np.full(len(p.ids), self._switch_cny),
            ),
            power=power,
            requests=self._requests(view, expected.request_rate_per_s),
            work=self._work(view, edges_s, price),
            data=self._data(view),
            green=(rules := limits.rules(emission, float(edges_s[-1]))),
            carry=Carry(
                backlog_accelerator_h=self._backlog(view) / SECONDS_PER_HOUR,
                buffer_gb=np.zeros((len(compiled.jobs.classes), len(compiled.sites.ids))),
                stored_mwh=self._stored_mwh,
                peak_mw=view.site_peak_mw,
                lent=np.minimum(self._lent, LENDABLE * p.serving_accelerators * up[p.site]),
                **({} if rules is None else limits.carried()),
            ),
            green_short_cny_per_mwh=short,
        )
        return Horizon(edges_s, problem, idle_mw * pue, month)

    def _slots(self, edges_s: F8) -> tuple[I8, I8]:
        """Return the accounting slots of all periods, and where those of each begin."""
        slot_s = self._compiled.slot_s
        begin = (edges_s[:-1] / slot_s + 1e-9).astype(np.int64)
        end = np.maximum(np.ceil(edges_s[1:] / slot_s - 1e-9).astype(np.int64), begin + 1)
        slots = np.concatenate([np.arange(a, b) for a, b in zip(begin, end, strict=True)])
        return slots, np.concatenate([[0], np.cumsum(end - begin)[:-1]])

    def _by_site(self, values: F8) -> F8:
        """Return ``(T, P)`` values added up by site, ``(T, I)``."""
        out = np.zeros((len(values), len(self._compiled.sites.ids)))
        np.add.at(out.T, self._compiled.pools.site, values.T)
        return out

    def _running(self, view: SystemView, edges_s: F8, up: B1) -> tuple[F8, F8]:
        """Return the power above idle of running jobs, W, and free accelerators, ``(T, P)``.

        Running jobs that could have waited end as an exponential of their mean run time does; the
        others are followed by others.
        """
        compiled = self._compiled
        p, jobs = compiled.pools, compiled.jobs
        start_s = edges_s[:-1] - edges_s[0]
        stays = np.ones((len(start_s), len(jobs.classes)))
        for c in self.waiting.tolist():
            stays[:, c] = np.exp(-start_s / jobs.held_run_s[c])
        running = stays @ view.pool_running.T
        watts = (stays * jobs.activity) @ view.pool_running.T * p.active_w
        waits = np.minimum(view.pool_waiting_accelerators, view.pool_free)
        free = JOB_ROOM * p.accelerators * up[p.site] - running - waits
        return watts, np.maximum(free, 0.0)

    def _requests(self, view: SystemView, rate_per_s: F8) -> RequestDemand:
        """Return request demand with the rows of one kind added up."""
        key = view.request_arc_open.tobytes() + view.circle_ok.tobytes() + view.rtt_s.tobytes()
        if self._known is None or self._known[0] != key:
            self._known = (key, merged_requests(view, self._miss_cny))
        known = self._known[1]
        rate = np.zeros((len(rate_per_s), known.rows))
        np.add.at(rate.T, known.member, rate_per_s.T)
        return replace(known.arcs, rate_per_s=rate)

    def _work(self, view: SystemView, edges_s: F8, price: F8) -> TrainingWork:
        """Return the work of classes with deadlines: what comes, what is due, at what price."""
        compiled = self._compiled
        jobs, p = compiled.jobs, compiled.pools
        hours = np.diff(edges_s) / SECONDS_PER_HOUR
        running = (jobs.speed * view.pool_running.T).sum(axis=1)
        load = view.job_load_accelerators.reshape(len(compiled.regions), -1).sum(axis=0)
        # What runs goes on; the rest of a load that cannot wait is to be placed in every slot.
        each_hour = np.maximum(load - running, 0.0)
        each_hour[self.waiting] = self.coming[self.waiting]
        arrivals = hours[:, None] * each_hour
        due = arrivals.copy()
        due[:, self.waiting] = 0.0
        for c in self.waiting.tolist():
            slack_s = SLACK_USED * jobs.deadline_s[c]
            for time_s, work in self.since[c]:
                slot = int(np.searchsorted(edges_s, time_s + slack_s, side="right")) - 1
                if slot < len(due):
                    due[max(slot, 0), c] += work / SECONDS_PER_HOUR
            start = int(np.searchsorted(edges_s, edges_s[0] + slack_s, side="right")) - 1
            if start < len(due):
                due[start:, c] += arrivals[: len(due) - start, c]
        speed = jobs.speed
        watts = jobs.activity[:, None] * p.active_w[None, :]
        waits = np.isfinite(jobs.deadline_s)
        runs = speed > 0.0
        each = np.where(runs, watts / np.where(runs, speed, 1.0), 0.0) / WATTS_PER_MW
        mean_price = (price * self._compiled.sites.pue).mean(axis=0)[p.site]
        # What is left for later finds room as there is, not only at the cheapest place.
        room = np.where(runs, p.accelerators.astype(np.float64), 0.0)
        later = (each * mean_price * room).sum(axis=1) / np.maximum(room.sum(axis=1), 1e-30)
        later = np.maximum(later, 0.0)  # where power is paid for, work left over costs nothing
        slack_h = np.where(waits, SLACK_USED * jobs.deadline_s, np.inf) / SECONDS_PER_HOUR
        waiting = np.where(waits, WAITING, LATE) * self._late_cny
        # As for a job on its own: to wait for all of its slack must save so much.
        waiting += np.where(waits, LEAST_SAVING * later / np.maximum(slack_h, 1.0), 0.0)
        return TrainingWork(
            names=jobs.classes,
            arrivals_accelerator_h=arrivals,
            due_accelerator_h=due,
            speed=speed,
            active_w=watts,
            late_cny=np.full(len(later), LATE * self._late_cny),
            waiting_cny=waiting,
            unfinished_cny=later,
        )

    def _backlog(self, view: SystemView) -> F8:
        backlog = np.zeros(len(self._held))
        backlog[self.waiting] = self._held[self.waiting]
        return backlog

    def _data(self, view: SystemView) -> DataShipping | None:
        """Return what moving the data of work costs, at the mean of regions by their load.

        Data that a site has of some regions only is moved for the others: its price falls by the
        share of the load that finds it there.
        """
        compiled = self._compiled
        gb = compiled.jobs.data_gb_per_accelerator_s * SECONDS_PER_HOUR
        if not (gb > 0.0).any():
            return None
        regions, sites = len(compiled.regions), len(compiled.sites.ids)
        load = view.job_load_accelerators.reshape(regions, -1)
        part = load / np.maximum(load.sum(axis=0), 1e-30)  # (R, C)
        there = view.data_there.reshape(regions, -1, sites)
        open_arcs = np.zeros((len(view.job_arc_open), sites), dtype=np.bool_)
        for pool, site in enumerate(compiled.pools.site):
            open_arcs[:, site] |= view.job_arc_open[:, pool]
        reach = open_arcs.reshape(regions, -1, sites)
        price = compiled.jobs.transfer_cny_per_gb[:, None, :]
        moved = np.where(reach & ~there & np.isfinite(price), price, 0.0)
        return DataShipping(
            gb_per_accelerator_h=gb,
            here=(there | (part == 0.0)[:, :, None]).all(axis=0) & there.any(axis=0),
            open=np.asarray(reach.any(axis=0)),
            price_cny_per_gb=np.einsum("rc,rci->ci", part, moved),
        )
