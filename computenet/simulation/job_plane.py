"""Jobs: route, move the data, queue and run; exact between control events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, replace

import numpy as np

from computenet.compiled import B1, F8, I4, I8, CompiledScenario
from computenet.kernels.job_faults import (
    drain_pool,
    give_back,
    hit_pool,
    reclaim_pool,
    shed_pool,
    withhold_idle,
)
from computenet.kernels.job_queue import (
    arrive_and_advance,
    settle_jobs,
    start_pool,
    stop_pool,
)
from computenet.kernels.job_state import (
    COMPLETED,
    NOT_ARRIVED,
    ON_DEMAND,
    RUNNING,
    make_job_inputs,
    make_job_out,
    make_job_state,
)
from computenet.kernels.job_window import move_window, moved, renumbered
from computenet.kernels.route_jobs import route_jobs
from computenet.policies.protocol import WaitingGangs
from computenet.simulation.events import MOST_NAMED
from computenet.simulation.held_jobs import HeldJobs
from computenet.simulation.stores import Store
from computenet.simulation.totals import (
    FAILED,
    HELD,
    KILLED,
    NOT_SUBMITTED,
    REJECTED,
    TRANSFERRING,
    JobRecords,
)
from computenet.simulation.transfer_plane import TransferPlane
from computenet.workload.tables import JobTable

__all__ = ["JobPlane"]

NOTHING = np.zeros(0, dtype=np.int64), np.zeros(0)


class JobPlane:
    """All jobs of a run and the pools they run in.

    Jobs are numbered in order of submission among those at hand. Where they come in chunks, those
    that ended are handed to `sink` and leave before a chunk comes in, and the others are renumbered
    in their order, so that memory grows with the jobs that are under way.

    Parameters
    ----------
    compiled, transfers
        The scenario, and the network.
    table
        The first jobs.
    resident
        Where the data of a class and region lies besides, ``(R, C, I)``.
    lendable
        ``(P,)`` serving accelerators that may be lent to jobs.
    later
        Further jobs: tables in order of time, each with the time up to which jobs are then
        complete; ``None`` = there are no others.
    sink
        Takes jobs that ended; needed with `later`.
    """

    def __init__(
        self,
        compiled: CompiledScenario,
        table: JobTable,
        transfers: TransferPlane,
        resident: B1,
        lendable: I8 | None = None,
        later: Iterator[tuple[JobTable, float]] | None = None,
        sink: Callable[[JobRecords], None] | None = None,
    ) -> None:
        pools, jobs = compiled.pools, compiled.jobs
        n, n_classes = table.rows, len(jobs.classes)
        self._table = table
        self._later, self._sink = later, sink
        self._complete_s = np.inf if later is None else 0.0
        # Shares of accelerators are counted in thousandths, of which any are as good as others:
        # packing without fragmentation.
        self._units = units = 1000 if bool((table.share < 1.0).any()) else 1
        gang, work_s, estimate_s = self._work(compiled, table)
        self._cut = work_s < table.duration_s
        self._useful_s = work_s
        if compiled.checkpoint_cost_s > 0.0:
            work_s, estimate_s = work_s.copy(), estimate_s.copy()
        self._size = pools.accelerators * units
        self._per_server = pools.accelerators_per_server * units
        self._allowed = np.asarray(
            [[name in kind.split("|") for name in pools.accelerator] for kind in table.kinds],
            dtype=np.bool_,
        ).reshape(len(table.kinds), len(pools.ids))
        self._compiled = compiled
        self._transfers = transfers
        self._inputs = make_job_inputs(
            job_class=table.job_class,
            accelerators=gang,
            work_s=work_s,
            estimate_s=estimate_s,
            tenant=table.user,
            speed=np.where(jobs.speed > 0.0, jobs.speed, 1.0),
            checkpoint_s=jobs.checkpoint_s,
            priority=jobs.priority,
            restart_s=compiled.restart_s,
            discipline=pools.discipline,
            depth=pools.backfill_depth,
            priority_weight_s=pools.priority_weight_s,
            size_weight_s=pools.size_weight_s,
            half_life_s=pools.usage_half_life_s,
            slot_s=compiled.slot_s,
            operation=jobs.operation,
            reserved=pools.reserved_accelerators * units,
        )
        # Jobs on demand never have what is held for reserved classes.
        on_demand = (jobs.operation == ON_DEMAND)[:, None]
        self._most = self._size - on_demand * pools.reserved_accelerators * units
        room = self._size if lendable is None else self._size + lendable * units
        most = 0 if later is None else int(room.max(initial=0))
        self._state = make_job_state(self._inputs, room, most)
        self._lent = np.zeros(len(pools.ids), dtype=np.int64)
        self._owed = np.zeros(len(pools.ids), dtype=np.int64)  # units that do not come back
        if lendable is not None:
            # Room for what may be lent, out of service until it is.
            self._state.withheld[:] += lendable * units
            self._state.free[:] -= lendable * units
        self.out = make_job_out(len(pools.ids), n_classes, compiled.n_slots)
        self._demand = (table.region * n_classes + table.job_class).astype(np.int32)
        n_demands = len(compiled.regions) * n_classes
        self._share = np.zeros((n_demands, len(pools.ids)))
        self._credit = np.zeros((n_demands, len(pools.ids)))
        self._pool = self._recorded_pools()
        self._data_region = np.where(table.data_region >= 0, table.data_region, table.region)
        self._placed = np.zeros(n, dtype=np.int64)
        self._upcoming_s = float(table.submit_s[0]) if n else np.inf
        transfers.size_gb[:n] = table.data_gb
        transfers.sent_by.owner[:n] = self._demand
        self._flow_start_s = np.append(table.submit_s, np.zeros(len(transfers.size_gb) - n))
        self._moves: list[int] = []
        self._job_of_flow: dict[int, int] = {}  # of transfers after a job's first
        self._earlier = np.zeros((len(pools.ids), n_classes))
        self._moved_s: dict[int, float] = {}
        self.resident = resident
        self._transfer_cny = np.zeros(n)
        self._submitted = 0
        self._left = 0  # jobs that ended and were handed over
        self._active = np.zeros(0, dtype=np.int64)
        self._seen = 0
        self._quiet_s = 0.0
        self._event_s = np.inf
        self.rejected: list[tuple[float, int, int, int]] = []  # time, id, gang, class
        self.fresh_work = np.zeros(n_demands)
        self._held = HeldJobs(n_demands)
        limits = compiled.sites.dataset_storage_gb
        self._stores = [Store(float(limit)) for limit in limits] if limits.any() else None
        self.reused_gb = 0.0

    def _gangs(self, table: JobTable) -> I8:
        """Return what jobs ask for, in units of accelerators."""
        wanted = table.accelerators * table.share * self._units
        return np.maximum(np.rint(wanted), 1).astype(np.int64)

    def _work(self, compiled: CompiledScenario, table: JobTable) -> tuple[I8, F8, F8]:
        """Return what jobs ask for, how long they work, and what is expected of that."""
        work_s = table.duration_s
        if compiled.kill_at_estimate:
            work_s = np.minimum(work_s, table.estimate_s)
        return self._gangs(table), work_s, table.estimate_s

    def _recorded_pools(self) -> I4:
        """Return the pool of every job whose site is on record: the site's largest that may."""
        table, pools = self._table, self._compiled.pools
        found = np.full(table.rows, -1, dtype=np.int32)
        if not (table.site >= 0).any():
            return found
        for pool in np.argsort(self._size, kind="stable"):
            here = (table.site == pools.site[pool]) & (
                self._compiled.jobs.speed[table.job_class, pool] > 0.0
            )
            here &= self._inputs.accelerators <= self._most[table.job_class, pool]
            if len(self._allowed):
                here &= (table.kind < 0) | self._allowed[np.maximum(table.kind, 0), pool]
            found[here] = pool
        return found

    def set_shares(self, shares: F8) -> None:
        """Follow new shares, ``(Q, P)``; credits are kept."""
        self._share = np.ascontiguousarray(shares)

    def advance(self, until_s: float) -> None:
        """Process everything before `until_s`."""
        if until_s <= self._quiet_s:
            return
        while until_s > self._complete_s:
            self._take_chunk()
        table, transfers = self._table, self._transfers
        first = self._submitted
        last, count = first, 0
        if self._upcoming_s < until_s:
            last = int(np.searchsorted(table.submit_s, until_s, side="left"))
            count = self._route(first, last)
            self._submitted = last
            self._find_upcoming()
        done, ready_s = NOTHING
        flows = self._placed
        if self._moves:
            # What begins at `until_s` itself is left to the next call.
            begins = [flow for flow in self._moves if self._flow_start_s[flow] < until_s]
            self._moves = [flow for flow in self._moves if self._flow_start_s[flow] >= until_s]
            flows = np.append(np.asarray(begins, dtype=np.int64), flows[:count])
            flows = flows[np.argsort(self._flow_start_s[flows], kind="stable")]
            count = len(flows)
        if count or transfers.next_end_s < until_s:
            done, ready_s = transfers.advance(flows, count, self._flow_start_s, until_s)
            if done.size and int(done.max()) >= transfers.first_move:
                done, ready_s = self._sort_out(done, ready_s)
            if done.size > 1:
                order = np.lexsort((done, ready_s))
                done, ready_s = done[order], ready_s[order]
        if self._stores is not None and done.size:
            for job in done.tolist():
                moved_gb = float(transfers.size_gb[job])
                if moved_gb > 0.0 and table.user[job] >= 0:
                    site = int(self._compiled.pools.site[self._pool[job]])
                    self._stores[site].keep(self._dataset(job), moved_gb)
        if done.size or self._event_s < until_s:
            self._event_s = arrive_and_advance(
                done, ready_s, self._pool, len(done), tuple(self._state), tuple(self._inputs),
                until_s, tuple(self.out),
            )  # fmt: skip
        self._quiet_s = min(self._upcoming_s, transfers.next_end_s, self._event_s)
        if self._moves:
            self._quiet_s = 0.0

    def _find_upcoming(self) -> None:
        """Note when the next job is submitted, or from when on none is known."""
        next_job, submit_s = self._submitted, self._table.submit_s
        self._upcoming_s = (
            float(submit_s[next_job]) if next_job < len(submit_s) else self._complete_s
        )

    def _take_chunk(self) -> None:
        """Hand over the jobs that ended, and take the next ones in."""
        assert self._later is not None
        assert self._sink is not None
        table, self._complete_s = next(self._later)
        status, old, submitted = self._state.status, self._table, self._submitted
        ended = (status == COMPLETED) | (self._pool < 0)
        ended[submitted:] = False
        ended[self._held.jobs()] = False
        if ended.any():
            self._sink(self._records(np.flatnonzero(ended)))
        keep = np.flatnonzero(~ended)
        self._left += old.rows - len(keep)
        number = np.full(old.rows, -1, dtype=np.int64)
        number[keep] = np.arange(len(keep))
        self._submitted = int((keep < submitted).sum())
        self._seen = int((keep < self._seen).sum())
        active = renumbered(self._active, number)
        self._active = active[active >= 0]
        self._held.renumber(number)
        self._renew(table, keep, number)
        self._find_upcoming()
        self._quiet_s = 0.0

    def _renew(self, table: JobTable, keep: I8, number: I8) -> None:
        """Keep some jobs in every column, and put later ones behind them."""
        compiled, transfers, n = self._compiled, self._transfers, table.rows
        before, inputs = self._table.rows, self._inputs
        self._table = replace(
            self._table,
            **{
                field.name: moved(value, keep, getattr(table, field.name))
                for field in fields(table)
                if isinstance(value := getattr(self._table, field.name), np.ndarray)
            },
        )
        gang, work_s, estimate_s = self._work(compiled, table)
        self._cut = moved(self._cut, keep, work_s < table.duration_s)
        self._useful_s = moved(self._useful_s, keep, work_s)
        each = compiled.jobs.checkpoint_s[table.job_class]
        self._inputs = inputs._replace(
            job_class=self._table.job_class,
            accelerators=moved(inputs.accelerators, keep, gang),
            work_s=moved(inputs.work_s, keep, work_s),
            estimate_s=moved(inputs.estimate_s, keep, estimate_s),
            tenant=(self._table.user + 1).astype(np.int32),
            checkpoint_s=moved(inputs.checkpoint_s, keep, each),
        )
        self._state = move_window(self._state, self._inputs, keep, number, n)
        demand = table.region * len(compiled.jobs.classes) + table.job_class
        self._demand = moved(self._demand, keep, demand.astype(np.int32))
        self._pool = moved(self._pool, keep, n, -1)
        data_region = np.where(table.data_region >= 0, table.data_region, table.region)
        self._data_region = moved(self._data_region, keep, data_region)
        self._transfer_cny = moved(self._transfer_cny, keep, n)
        moves_s = self._flow_start_s[before:]
        self._flow_start_s = np.append(moved(self._flow_start_s, keep, table.submit_s), moves_s)
        self._placed = np.zeros(len(keep) + n, dtype=np.int64)
        shift = len(keep) + n - before
        self._moves = [
            flow + shift if flow >= before else int(number[flow]) for flow in self._moves
        ]
        self._job_of_flow = {
            flow + shift: int(number[job]) for flow, job in self._job_of_flow.items()
        }
        transfers.move_window(keep, number, table.data_gb, demand)

    def _sort_out(self, done: I8, ready_s: F8) -> tuple[I8, F8]:
        """Note the ends of bulk moves and give flows of jobs that moved their jobs' numbers."""
        done = done.copy()
        keep = np.ones(len(done), dtype=np.bool_)
        for at in np.flatnonzero(done >= self._transfers.first_move).tolist():
            flow = int(done[at])
            job = self._job_of_flow.pop(flow, -1)
            if job < 0:
                self._moved_s[flow - self._transfers.first_move] = float(ready_s[at])
                keep[at] = False
            done[at] = job
        return done[keep], ready_s[keep]

    def _route(self, first: int, last: int) -> int:
        """Give new jobs their pools, those held back aside; return how many have one."""
        compiled = self._compiled
        held: list[int] = []
        if self._held.active:
            held = self._held.take(
                first, last, self._demand, self._expected_work(first, last),
                self._gangs_of(first, last),
            )  # fmt: skip
        count = self._route_around(first, last, held) if held else self._route_only(first, last)
        if count:
            self._place_data(self._placed[:count])
        if compiled.checkpoint_cost_s > 0.0 and count:
            self._set_checkpoints(self._placed[:count])
        if count + len(held) < last - first:
            without = (first + np.flatnonzero(self._pool[first:last] < 0)).tolist()
            self._reject(sorted(set(without) - set(held)))
        return count

    def _reject(self, jobs: list[int]) -> None:
        """Note the first jobs that no pool takes, to name them."""
        table = self._table
        for job in jobs[: max(MOST_NAMED - len(self.rejected), 0)]:
            self.rejected.append(
                (
                    float(table.submit_s[job] - table.held_s[job]),
                    int(table.job_id[job]),
                    int(table.accelerators[job]),
                    int(table.job_class[job]),
                )
            )

    def _expected_work(self, first: int, last: int) -> F8:
        """Return the reference accelerator-seconds that users expect of jobs."""
        gang = self._inputs.accelerators[first:last] / self._units
        work: F8 = gang * self._table.estimate_s[first:last]
        return work

    def _route_around(self, first: int, last: int, held: list[int]) -> int:
        """Give jobs their pools but for those held, which stand in order."""
        placed: list[I8] = []
        begin = first
        for job in [*held, last]:
            if job > begin:
                placed.append(self._placed[: self._route_only(begin, job)].copy())
            begin = job + 1
        count = sum(len(part) for part in placed)
        self._placed[:count] = np.concatenate(placed) if placed else 0
        return count

    def set_hold(self, hold: F8 | None) -> None:
        """Hold back a share of the work that is submitted from now on, ``(Q,)``."""
        self._held.share = hold

    def hold_gangs(self, least: float | None) -> None:
        """Hold jobs of at least so many accelerators until they are given a place."""
        self._held.gang_least = np.inf if least is None else least

    def _gangs_of(self, first: int, last: int) -> B1:
        """Return which jobs wait for a place: those large enough that some pool can run."""
        large: B1 = self._inputs.accelerators[first:last] >= self._held.gang_least * self._units
        for at in np.flatnonzero(large).tolist():
            large[at] = self._fits(first + at).any()
        return large

    def _fits(self, job: int) -> B1:
        """Return the pools that can run a job, up or not, ``(P,)``."""
        table, kind = self._table, int(self._table.kind[job])
        c, gang = int(table.job_class[job]), int(self._inputs.accelerators[job])
        whole = -(-gang // self._per_server) * self._per_server if table.whole_nodes[job] else gang
        fits: B1 = (self._compiled.jobs.speed[c] > 0.0) & (whole <= self._most[c])
        return fits & self._allowed[kind] if kind >= 0 else fits

    def waiting_gangs(self, now_s: float) -> WaitingGangs | None:
        """Return the jobs that wait for a place."""
        if not self._held.gangs:
            return None
        jobs = np.asarray([job for job, _, _ in self._held.gangs], dtype=np.int64)
        table = self._table
        return WaitingGangs(
            demand=self._demand[jobs].astype(np.int64),
            accelerators=self._inputs.accelerators[jobs] / self._units,
            estimate_s=table.estimate_s[jobs],
            data_gb=table.data_gb[jobs].astype(np.float64),
            data_region=self._data_region[jobs].astype(np.int64),
            waited_s=now_s - table.submit_s[jobs],
            fits=np.asarray([self._fits(job) for job in jobs.tolist()]),
        )

    def place(self, pools: I8, now_s: float) -> None:
        """Send jobs that wait for a place to their pools; -1 = waits on."""
        gangs = self._held.gangs
        placed = [
            (job, pool) for (job, _, _), pool in zip(gangs, pools.tolist(), strict=True)
            if pool >= 0
        ]  # fmt: skip
        self._held.gangs = [
            gang for gang, pool in zip(gangs, pools.tolist(), strict=True) if pool < 0
        ]
        for job, pool in placed:
            self._pool[job] = pool
        self._let_go([job for job, _ in placed], now_s)

    def release(self, amount: F8, now_s: float) -> int:
        """Let held jobs of `amount` expected work go, ``(Q,)``; return how many."""
        released = self._held.release(amount)
        self._let_go(released, now_s)
        return len(released)

    def _let_go(self, released: list[int], now_s: float) -> None:
        for job in released:
            if self._route_only(job, job + 1) == 0:
                self._reject([job])
                continue
            self._place_data(np.asarray([job]))
            if self._compiled.checkpoint_cost_s > 0.0:
                self._set_checkpoints(np.asarray([job]))
            self._flow_start_s[job] = now_s
            self._moves.append(job)
        self._active = np.concatenate([self._active, np.asarray(released, dtype=np.int64)])
        if released:
            self._quiet_s = self._event_s = 0.0

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

    def running(self) -> F8:
        """Return the accelerators held by running jobs, ``(P, C)``."""
        held: F8 = self._state.busy / self._units
        return held

    def active_load(self) -> F8:
        """Return the busy accelerators of pools weighted by their activity, ``(P,)``."""
        load: F8 = (self._state.busy @ self._compiled.jobs.activity) / self._units
        return load

    def _route_only(self, first: int, last: int) -> int:
        """Give jobs their pools, and the pairs of their data's ways."""
        table, compiled = self._table, self._compiled
        count = route_jobs(
            first, last, self._demand, table.kind, self._allowed, table.job_class,
            self._inputs.accelerators, table.whole_nodes, self._per_server, table.estimate_s,
            self._share, self._credit, compiled.jobs.speed, self._most,
            self._state.available, compiled.pools.site, self._data_region,
            len(compiled.sites.ids), self._pool, self._transfers.route, self._placed,
        )  # fmt: skip
        return int(count)

    def _place_data(self, jobs: I8) -> None:
        """Give transfers their class of service; datasets that are at the site already stay."""
        transfers = self._transfers
        price = transfers.set_service(jobs, self._table.job_class[jobs].astype(np.int64))
        self._transfer_cny[jobs] = self._table.data_gb[jobs] * price
        if self.resident.any():
            there = self.resident[
                self._data_region[jobs],
                self._table.job_class[jobs],
                self._compiled.pools.site[self._pool[jobs]],
            ]
            here = jobs[there]
            self.reused_gb += float(transfers.size_gb[here].sum())
            transfers.size_gb[here] = 0.0
            self._transfer_cny[here] = 0.0
            jobs = jobs[~there]
        if self._stores is None:
            return
        for job in jobs.tolist():
            if self._stored(job, int(self._compiled.pools.site[self._pool[job]])):
                self.reused_gb += float(self._table.data_gb[job])
                transfers.size_gb[job] = 0.0
                self._transfer_cny[job] = 0.0

    def _stored(self, job: int, site: int) -> bool:
        """Return whether a site's store holds the data of a job, and count that as a use of it."""
        return (
            self._stores is not None
            and self._table.data_gb[job] > 0.0
            and self._table.user[job] >= 0
            and self._stores[site].holds(self._dataset(job))
        )

    def _dataset(self, job: int) -> tuple[int, int]:
        """Return a job's dataset: jobs of one session and class share theirs."""
        return int(self._table.user[job]), int(self._table.job_class[job])

    def _set_checkpoints(self, jobs: I8) -> None:
        """Charge jobs that have a pool for their checkpoints, at the interval they are written.

        The best interval is ``sqrt(2 c M)`` for a checkpoint of `c` seconds and a mean time `M`
        between failures of the gang (J. W. Young, CACM 17(9), 1974).
        """
        compiled, pool = self._compiled, self._pool[jobs]
        cost_s, pools = compiled.checkpoint_cost_s, compiled.pools
        every_s = compiled.jobs.checkpoint_s[self._table.job_class[jobs]]
        if compiled.young_daly:
            gang = self._inputs.accelerators[jobs] / self._units
            servers = np.ceil(gang / pools.accelerators_per_server[pool])
            rate = pools.failures_per_server_s[pool] * servers
            every_s = np.sqrt(2.0 * cost_s / np.maximum(rate, 1e-30))
            every_s = np.where(rate > 0.0, every_s, 0.0)
        writes = every_s > 0.0
        factor = np.where(writes, 1.0 + cost_s / np.where(writes, every_s, 1.0), 1.0)
        self._inputs.work_s[jobs] = self._useful_s[jobs] * factor
        self._inputs.estimate_s[jobs] = self._table.estimate_s[jobs] * factor
        self._inputs.checkpoint_s[jobs] = np.where(writes, every_s + cost_s, 0.0)

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

    def _move_job(self, job: int, before: int, now_s: float) -> bool:
        """Give one job another pool and send its data after it."""
        state, table, transfers = self._state, self._table, self._transfers
        inputs, kind = self._inputs, int(table.job_class[job])
        speed = self._compiled.jobs.speed[kind]
        held = state.saved_s[job] * inputs.accelerators[job] + state.lost_accelerator_s[job]
        work_s = inputs.work_s[job] / speed[before]
        route, cny = transfers.route[job], self._transfer_cny[job]
        placed = self._placed[:1].copy()
        self._pool[job] = -1
        self._route_only(job, job + 1)
        pool, pair = int(self._pool[job]), int(transfers.route[job])
        self._placed[:1], transfers.route[job] = placed, route
        if self._compiled.checkpoint_cost_s > 0.0:
            self._set_checkpoints(np.asarray([job]))
        state.saved_s[job] *= inputs.work_s[job] / speed[pool] / work_s if work_s > 0.0 else 1.0
        after = state.saved_s[job] * inputs.accelerators[job] + state.lost_accelerator_s[job]
        self._earlier[before, kind] += held / self._units
        self._earlier[pool, kind] -= after / self._units
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

    def job_id(self, job: int) -> int:
        """Return a job's number in its source."""
        return int(self._table.job_id[job])

    def begin_move(self, move: int, now_s: float) -> float:
        """Send a bulk move on its way and return its price, CNY.

        Everything before `now_s` must be processed.
        """
        flow = self._transfers.first_move + move
        self._flow_start_s[flow] = now_s
        kind = len(self._compiled.jobs.classes) + move
        price = self._transfers.set_service(np.asarray([flow]), np.asarray([kind]))
        self._moves.append(flow)
        self._quiet_s = 0.0
        return float(price[0] * self._transfers.size_gb[flow])

    def move_ended_s(self, move: int) -> float:
        """Return when a bulk move ended, NaN if it has not."""
        return self._moved_s.get(move, np.nan)

    def reserve(self, links: list[int], gbps: float, now_s: float) -> None:
        """Take a rate out of links for a dedicated line, or give it back if it is negative."""
        self._transfers.reserve(links, gbps, now_s)
        self._quiet_s = 0.0

    def set_link(self, link: int, up: bool, now_s: float) -> None:
        """Cut or repair a link."""
        self._transfers.set_link(link, up, now_s)
        self._quiet_s = 0.0

    def stop(self, pool: int, now_s: float) -> int:
        """Take a pool down; return the jobs that were stopped."""
        self._quiet_s = self._event_s = 0.0
        return int(stop_pool(pool, now_s, self._state, self._inputs, self.out))

    def start(self, pool: int, now_s: float) -> None:
        """Bring a pool back."""
        self._quiet_s = self._event_s = 0.0
        start_pool(pool, now_s, self._state, self._inputs, self.out)

    def free(self) -> F8:
        """Return free accelerators, ``(P,)``."""
        return self._state.free / self._units

    def waiting_accelerators(self) -> F8:
        """Return accelerators asked for by waiting jobs, ``(P,)``."""
        return self._state.waiting_accelerators / self._units

    def submitted(self) -> int:
        """Return jobs submitted so far."""
        return self._left + self._submitted

    def rows(self) -> int:
        """Return jobs taken in so far."""
        return self._left + self._table.rows

    def load(self) -> F8:
        """Return reference accelerators asked for by jobs present, ``(Q,)``, running or not.

        `fresh_work` then holds the expected work of jobs submitted since the last call.
        """
        fresh = np.arange(self._seen, self._submitted, dtype=np.int64)
        self.fresh_work = np.bincount(
            self._demand[fresh],
            weights=self._expected_work(self._seen, self._submitted),
            minlength=len(self._share),
        ).astype(np.float64)
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

    def finish(self, horizon_s: float) -> JobRecords:
        """Close the run; return all jobs, or those that no sink has been given."""
        settle_jobs(self._state, self._inputs, horizon_s, self.out)
        self.out.busy_s[:] /= self._units
        self.out.waiting_accelerator_s[:] /= self._units
        return replace(self._records(slice(None)), earlier_accelerator_s=self._earlier)

    def _records(self, rows: I8 | slice) -> JobRecords:
        """Return what became of some jobs so far."""
        state, table, pool = self._state, self._table, self._pool[rows]
        code = state.status[rows].copy()
        submitted = np.arange(table.rows)[rows] < self._submitted
        completed, cut, status = code == COMPLETED, self._cut[rows], state.status[rows]
        code[completed & cut] = KILLED
        code[completed & (table.fails[rows] == 1) & ~cut] = FAILED
        code[~submitted] = NOT_SUBMITTED
        code[submitted & (pool < 0)] = REJECTED
        held = np.zeros(table.rows, dtype=np.bool_)
        held[self._held.jobs()] = True
        code[held[rows]] = HELD
        code[submitted & (pool >= 0) & (status == NOT_ARRIVED)] = TRANSFERRING
        return JobRecords(
            job_id=table.job_id[rows],
            job_class=table.job_class[rows],
            region=table.region[rows],
            data_region=self._data_region[rows].astype(np.int32),
            accelerators=table.accelerators[rows],
            asked_accelerators=self._gangs(table)[rows] / self._units,
            held_accelerators=self._inputs.accelerators[rows] / self._units,
            submit_s=table.submit_s[rows] - table.held_s[rows],
            work_s=self._inputs.work_s[rows],
            useful_s=self._useful_s[rows],
            data_gb=table.data_gb[rows],
            pool=pool,
            ready_s=state.ready_s[rows],
            start_s=state.start_s[rows],
            finish_s=state.finish_s[rows],
            lost_accelerator_s=state.lost_accelerator_s[rows] / self._units,
            restarts=state.restarts[rows],
            saved_s=state.saved_s[rows],
            segment_s=state.segment_s[rows],
            state=code,
            transfer_cny=self._transfer_cny[rows],
            recorded_wait_s=table.recorded_wait_s[rows],
            deadline_s=table.deadline_s[rows],
            earlier_accelerator_s=np.zeros_like(self._earlier),
        )
