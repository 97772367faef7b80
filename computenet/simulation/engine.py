"""The control plane: a SimPy clock that calls the policy and lets the data plane run."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from computenet.compiled import F8, I8, CompiledScenario
from computenet.errors import InputError, Problem
from computenet.policies.check import check_plan
from computenet.policies.protocol import Plan, Policy, SystemView
from computenet.scenario import LinkCut, Scenario, SiteOutage
from computenet.sharding import ShardTeam, Transport
from computenet.simulation.agenda import Agenda, Rank
from computenet.simulation.bulk_moves import BulkMoves, resident_data
from computenet.simulation.demand import Demand, request_windows
from computenet.simulation.disturbances import Disturbances
from computenet.simulation.events import EventLog
from computenet.simulation.foresight import Foresight
from computenet.simulation.job_plane import JobPlane
from computenet.simulation.link_use import LinkFlows, LinkUse
from computenet.simulation.load_meter import LoadMeter
from computenet.simulation.plan_log import PlanLog
from computenet.simulation.power_states import PowerStates
from computenet.simulation.progress import Progress
from computenet.simulation.reach import Reach
from computenet.simulation.request_plane import RequestPlane, queue_facts
from computenet.simulation.site_states import SiteStates
from computenet.simulation.tariff_log import schedule_tariffs
from computenet.simulation.tides import Tides
from computenet.simulation.totals import (
    FaultTotals,
    JobRecords,
    LinkTotals,
    PoolTotals,
    RequestTotals,
)
from computenet.simulation.transfer_plane import TransferPlane
from computenet.streams import named_stream

__all__ = ["Engine", "Outcome"]

#: Time constant of the moving mean of the job load, s.
LOAD_MEMORY_S = 21_600.0
#: Real seconds between two reports of progress.
REPORT_EVERY_S = 0.2


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that the data plane hands over."""

    jobs: JobRecords
    pools: PoolTotals
    requests: RequestTotals
    links: LinkTotals
    link_flows: LinkFlows
    events: EventLog
    plans: PlanLog
    faults: FaultTotals
    job_rows: int  # jobs taken in; those that a sink has been given are not among `jobs`


def _request_plane(
    scenario: Scenario, compiled: CompiledScenario, demand: Demand, transport: Transport | None
) -> RequestPlane:
    choice, windows = scenario.run.replica_choice, request_windows(scenario)
    if transport is None:
        assert demand.requests is not None
        return RequestPlane(compiled, demand.requests, choice, windows)
    assert demand.make_requests is not None
    facts, rate = queue_facts(compiled, choice, windows), compiled.requests.mean_rate_per_s
    slots = 0 if windows is None else compiled.n_slots
    expected = np.zeros((len(rate), slots))
    team = ShardTeam(transport, facts, demand.make_requests, rate, expected)
    return RequestPlane(compiled, team, choice, windows)


class Engine:
    """One run.

    Parameters
    ----------
    scenario, compiled
        The scenario and its arrays.
    demand
        Jobs and requests.
    policy
        Called at every control epoch and after every outage, cut and repair.
    progress
        Called a few times a second.
    tick_s
        The data plane is also advanced every so many seconds, which changes no result.
    job_sink
        Takes jobs that ended while the run goes on, where jobs come in chunks.
    transport
        Workers that share the request queues; ``None`` = they are this process's own.
    """

    def __init__(
        self,
        scenario: Scenario,
        compiled: CompiledScenario,
        demand: Demand,
        policy: Policy,
        progress: Callable[[Progress], None] | None = None,
        tick_s: float | None = None,
        job_sink: Callable[[JobRecords], None] | None = None,
        transport: Transport | None = None,
    ) -> None:
        self._scenario = scenario
        self._compiled = compiled
        self._policy = policy
        self._progress = progress
        self._demand = demand
        self._transfers = TransferPlane(compiled, demand.jobs.rows, scenario.network)
        resident = resident_data(compiled, scenario.network)
        lends = bool(getattr(policy, "lends", False))
        self._moves_gangs = bool(getattr(policy, "moves_gangs", False))
        self._jobs = JobPlane(
            compiled, demand.jobs, self._transfers, resident,
            compiled.pools.serving_accelerators if lends else None,
            demand.later_jobs, job_sink,
        )  # fmt: skip
        self._requests = _request_plane(scenario, compiled, demand, transport)
        self._agenda = Agenda()
        self._log = EventLog()
        self._plans = PlanLog(np.zeros((len(compiled.sites.ids), compiled.n_slots)))
        self._meter = LoadMeter(compiled)
        self._future = (
            Foresight(scenario, compiled, demand)
            if getattr(policy, "wants_future", False)
            else None
        )
        self._plan: Plan | None = None
        self._leaving: list[int] = []
        self._planned_s = -1.0
        self._sites = SiteStates(compiled)
        self._cut_count = np.zeros(len(compiled.network.link_ids), dtype=np.int64)
        self._rate = compiled.requests.mean_rate_per_s.copy()
        self._load = demand.expected_load.copy()
        self._submitted_per_s = np.zeros_like(self._load)
        self._epoch_s = -1.0
        self._reach = Reach(compiled, self._transfers.routes)
        self._faults = FaultTotals()
        self._link_use = LinkUse(compiled)
        self._moves = BulkMoves(
            compiled, scenario.network, self._jobs, self._transfers, self._agenda, self._log
        )
        states = scenario.energy.power_states
        self._power = (
            PowerStates(compiled, states, self._jobs, self._agenda, self._sites.up)
            if states is not None
            else None
        )
        self._disturbances = Disturbances(
            scenario, compiled, self._jobs, self._agenda, self._log, self._faults, self._power
        )
        self._tides = (
            Tides(compiled, self._jobs, self._requests, self._faults, self._power)
            if lends
            else None
        )
        self._tick_s = tick_s
        self._began = self._reported = time.perf_counter()

    def run(self) -> Outcome:
        """Run to the horizon."""
        compiled = self._compiled
        self._policy.reset(compiled, named_stream(compiled.seed, "policy"))
        for event in self._scenario.events:
            start_s = 3600.0 * event.at_h
            end_s = start_s + 3600.0 * event.duration_h
            if isinstance(event, LinkCut):
                self._schedule(Rank.LINK, start_s, end_s, self._cut, event.link)
            elif isinstance(event, SiteOutage):
                self._schedule(Rank.OUTAGE, start_s, end_s, self._outage, event.site)
        self._disturbances.schedule()
        schedule_tariffs(compiled, self._agenda, self._log)
        states = self._scenario.energy.power_states
        if states is not None:
            self._agenda.every(states.review_s, compiled.horizon_s, Rank.POWER, self._review_power)
        if compiled.warmup_s > 0.0:
            self._agenda.at(compiled.warmup_s, Rank.TICK, self._begin_measuring)
        self._agenda.every(compiled.epoch_s, compiled.horizon_s, Rank.PLAN, self._on_epoch)
        if self._tick_s is not None:
            self._agenda.every(self._tick_s, compiled.horizon_s, Rank.TICK, self._advance)
        self._agenda.run(compiled.horizon_s)
        self._advance(compiled.horizon_s)
        return self._finish()

    def _schedule(
        self,
        rank: Rank,
        start_s: float,
        end_s: float,
        action: Callable[[float, str, bool], None],
        subject: str,
    ) -> None:
        self._agenda.at(start_s, rank, lambda now_s: action(now_s, subject, False))
        if end_s < self._compiled.horizon_s:
            self._agenda.at(end_s, rank, lambda now_s: action(now_s, subject, True))

    # ---- what happens -------------------------------------------------------------------------

    def _advance(self, now_s: float) -> None:
        # Queues that are shared go on while jobs are advanced.
        self._requests.advance(now_s)
        self._jobs.advance(now_s)
        clock = time.perf_counter()
        if self._progress is not None and clock - self._reported >= REPORT_EVERY_S:
            self._reported = clock
            self._progress(
                Progress(
                    now_s,
                    clock - self._began,
                    self._jobs.submitted(),
                    self._requests.simulated(),
                )
            )

    def _begin_measuring(self, now_s: float) -> None:
        self._advance(now_s)
        self._requests.begin_measuring(now_s)
        self._log.add(now_s, "warm-up", "", "waits, latencies and SLO count from here on")

    def _review_power(self, now_s: float) -> None:
        if self._power is not None:
            self._jobs.advance(now_s)
            self._power.review(now_s)

    def _outage(self, now_s: float, site_id: str, comes_back: bool) -> None:
        self._advance(now_s)
        compiled = self._compiled
        site = compiled.sites.ids.index(site_id)
        if not self._sites.count(site, comes_back):
            return
        if self._power is not None:
            self._power.account(now_s)
        self._sites.turn(site, now_s)
        pools = np.flatnonzero(compiled.pools.site == site)
        if self._sites.up[site]:
            for pool in pools:
                self._jobs.start(int(pool), now_s)
            self._log.add(now_s, "site-up", site_id)
        else:
            stopped = sum(self._jobs.stop(int(pool), now_s) for pool in pools)
            groups = np.flatnonzero(np.isin(compiled.groups.pool, pools))
            dropped = sum(self._requests.fail(int(group), now_s) for group in groups)
            if self._scenario.run.on_outage == "move":
                self._leaving += [int(pool) for pool in pools]
            real = dropped * compiled.sampling
            self._log.add(
                now_s, "site-outage", site_id, f"{stopped} jobs stopped, {real} requests dropped"
            )
        self._replan(now_s)

    def _cut(self, now_s: float, link_id: str, repaired: bool) -> None:
        self._advance(now_s)
        link = self._compiled.network.link_ids.index(link_id)
        self._cut_count[link] += -1 if repaired else 1
        up = bool(self._cut_count[link] == 0)
        if up == bool(self._transfers.up[link]):
            return
        self._link_use.route(self._requests.routed(), self._transfers.routes)
        self._jobs.set_link(link, up, now_s)
        self._moves.on_link(link, up, now_s)
        cost_cny = self._reach.follow(self._transfers.routes)
        self._requests.set_network(now_s, self._reach.rtt_s, self._reach.circle_ok, cost_cny)
        self._log.add(now_s, "link-up" if up else "link-cut", link_id)
        self._replan(now_s)

    # ---- planning -----------------------------------------------------------------------------

    def _replan(self, now_s: float) -> None:
        self._planned_s = -1.0
        self._agenda.at(now_s, Rank.PLAN, self._make_plan)

    def _on_epoch(self, now_s: float) -> None:
        self._advance(now_s)
        self._requests.settle(now_s)
        self._moves.settle()
        if now_s > 0.0:
            length_s = now_s - self._epoch_s
            self._rate = self._requests.rate_until(now_s)
            keep = float(np.exp(-length_s / LOAD_MEMORY_S))
            load: F8 = keep * self._load + (1.0 - keep) * self._jobs.load()
            self._submitted_per_s = self._jobs.fresh_work / length_s
            self._load = load
        self._epoch_s = now_s
        off = None if self._power is None else self._power.off
        self._meter.read(now_s, self._jobs, self._requests, self._sites.up, off)
        self._make_plan(now_s)

    def _make_plan(self, now_s: float) -> None:
        if self._planned_s == now_s:
            return
        self._planned_s = now_s
        view = self._view(now_s)
        began = time.perf_counter()
        plan = self._policy.plan(view)
        self._plans.decision_s.append(time.perf_counter() - began)
        problems = check_plan(plan, view)
        if problems:
            raise InputError(problems, "the policy's plan cannot be carried out")
        last = self._plan
        requests_changed = last is None or not np.array_equal(
            last.request_shares, plan.request_shares
        )
        jobs_changed = last is None or not np.array_equal(last.job_shares, plan.job_shares)
        if requests_changed:
            self._requests.set_shares(plan.request_shares)
        if jobs_changed:
            self._jobs.set_shares(plan.job_shares)
        if requests_changed or jobs_changed:
            self._plans.add(
                now_s,
                plan.request_shares if requests_changed else None,
                plan.job_shares if jobs_changed else None,
            )
        self._jobs.set_hold(plan.hold)
        self._jobs.hold_gangs(plan.gang_least)
        if plan.gang_pool is not None:
            self._jobs.place(plan.gang_pool, now_s)
        if plan.running_pool is not None:
            self._order_gangs(plan.running_pool, now_s)
        if plan.release_accelerator_s is not None:
            self._jobs.release(plan.release_accelerator_s, now_s)
        if self._tides is not None:
            if self._power is not None:
                self._power.account(now_s)
            self._tides.follow(plan.serving_replicas, now_s)
        elif plan.serving_replicas is not None:
            raise InputError(
                [
                    Problem(
                        "plan.serving_replicas", None, "comes from a policy without lends = True"
                    )
                ],
                "the policy's plan cannot be carried out",
            )
        if plan.setpoint_mw is not None:
            # Until the next plan says otherwise.
            first = int(now_s / self._compiled.slot_s + 1e-9)
            self._plans.setpoint_mw[:, first:] = plan.setpoint_mw[:, None]
        if plan.prices:
            self._plans.prices.append((now_s, plan.prices))
            if self._link_use.is_set(plan.prices):
                self._link_use.follow(now_s, plan.prices, self._read_links(now_s))
        if np.isfinite(plan.expected_cny):
            self._plans.expected_cny.append((now_s, plan.expected_cny))
        if self._leaving:
            moved = self._jobs.evacuate(np.asarray(self._leaving), now_s)
            self._leaving = []
            self._faults.moved_jobs += moved
            self._log.add(now_s, "jobs-moved", "", f"{moved} jobs go to other pools")
        for note in plan.notes:
            self._log.add(now_s, "note", "policy", note)
        self._plan = plan

    def _order_gangs(self, pools: I8, now_s: float) -> None:
        """Have running gangs stop or move: at once, or when their checkpoints are written."""
        for due_s in self._jobs.order(pools, now_s):
            if due_s > now_s:
                self._agenda.at(due_s, Rank.CHECKPOINT, self._carry_out)
            else:
                self._carry_out(now_s)

    def _carry_out(self, now_s: float) -> None:
        self._advance(now_s)
        stopped, moved = self._jobs.carry_out(now_s)
        self._faults.planned_stops += stopped
        self._faults.planned_moves += moved
        if stopped + moved:
            detail = f"{stopped} gangs stop and wait, {moved} go to other pools"
            self._log.add(now_s, "gangs-moved", "", detail)

    def _read_links(self, now_s: float) -> F8:
        """Bring the use of links up to now; return what jobs and bulk moves have sent."""
        self._moves.count_lines(now_s)
        self._link_use.route(self._requests.routed(), self._transfers.routes)
        return self._transfers.carried_by_sender(now_s)

    def _view(self, now_s: float) -> SystemView:
        compiled = self._compiled
        first = min(int(now_s / compiled.slot_s + 1e-9), compiled.n_slots - 1)
        last = max(int(np.ceil((now_s + compiled.epoch_s) / compiled.slot_s - 1e-9)), first + 1)
        coming = slice(first, last)
        site_of_group = compiled.pools.site[compiled.groups.pool]
        view = SystemView(
            now_s=now_s,
            epoch_s=compiled.epoch_s,
            compiled=compiled,
            request_rate_per_s=self._rate.astype(np.float64),
            job_load_accelerators=self._load.copy(),
            request_arc_open=self._reach.requests & self._sites.up[site_of_group],
            job_arc_open=self._reach.jobs & self._sites.up[compiled.pools.site],
            rtt_s=self._reach.rtt_s.copy(),
            circle_ok=self._reach.circle_ok.copy(),
            data_there=self._jobs.resident.reshape(-1, len(compiled.sites.ids)).copy(),
            pool_free=self._jobs.free() + (self._power.idle() if self._power is not None else 0.0),
            pool_waiting_accelerators=self._jobs.waiting_accelerators(),
            group_running=self._requests.running_by_group(now_s),
            price_cny_per_mwh=compiled.sites.price_cny_per_mwh[:, coming].mean(axis=1),
            carbon_kg_per_mwh=compiled.energy.emission_kg_per_mwh[:, coming].mean(axis=1),
            job_waiting_accelerator_s=self._jobs.waiting_work(),
            job_held_accelerator_s=self._jobs.held_work(),
            job_submitted_per_s=self._submitted_per_s.copy(),
            pool_running=self._jobs.running(),
            site_load_mw=self._meter.load_mw.copy(),
            site_peak_mw=self._meter.peak_mw.copy(),
            link_up=self._transfers.up.copy(),
            link_gbps=self._transfers.free_gbps(),
            future=self._future,
            gangs=self._jobs.waiting_gangs(now_s),
            running=self._jobs.running_gangs(now_s) if self._moves_gangs else None,
        )
        for value in (getattr(view, name) for name in SystemView.__slots__):
            if isinstance(value, np.ndarray):
                value.flags.writeable = False
        return view

    # ---- the end ------------------------------------------------------------------------------

    def _finish(self) -> Outcome:
        compiled = self._compiled
        horizon_s = compiled.horizon_s
        jobs, classes = self._jobs.finish(horizon_s), compiled.jobs.classes
        for submit_s, job_id, accelerators, kind in self._jobs.rejected:
            self._log.add(
                submit_s,
                "rejected",
                f"job {job_id}",
                f"{accelerators} accelerators of class {classes[kind]}: "
                "no pool that runs it is large enough",
            )
        self._faults.bulk_moves, self._faults.bulk_moves_cny = self._moves.finish(horizon_s)
        links = self._transfers.finish(horizon_s)
        self._faults.reused_gb = self._jobs.reused_gb
        requests = self._requests.finish()
        self._link_use.route(requests.routed.astype(np.float64), self._transfers.routes)
        link_flows = self._link_use.finish(self._transfers.sent_by.gb)
        busy, load = self._requests.serving_integrals()
        out = self._jobs.out
        n_pools = len(compiled.pools.ids)
        off_s, starts = np.zeros((n_pools, compiled.n_slots)), np.zeros(n_pools, dtype=np.int64)
        if self._power is not None:
            self._power.account(horizon_s)
            off_s, starts = self._power.off_accelerator_s, self._power.starts

        def by_pool(values: F8) -> F8:
            total = np.zeros((n_pools, compiled.n_slots))
            np.add.at(total, compiled.groups.pool, values)
            return total

        pools = PoolTotals(
            available_s=self._sites.available_s()[compiled.pools.site],
            off_accelerator_s=off_s,
            starts=starts,
            lent_accelerator_s=self._tides.finish(horizon_s)
            if self._tides
            else np.zeros_like(off_s),
            busy_accelerator_s=out.busy_s.sum(axis=1),
            load_accelerator_s=np.einsum("pcs,c->ps", out.busy_s, compiled.jobs.activity),
            waiting_job_s=out.waiting_s,
            waiting_accelerator_s=out.waiting_accelerator_s,
            serving_busy_accelerator_s=by_pool(busy),
            serving_load_accelerator_s=by_pool(load),
            tokens_in=by_pool(requests.tokens_in),
            tokens_out=by_pool(requests.tokens_out),
        )
        return Outcome(
            jobs,
            pools,
            requests,
            links,
            link_flows,
            self._log,
            self._plans,
            self._faults,
            self._jobs.rows(),
        )
