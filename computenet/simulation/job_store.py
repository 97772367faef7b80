"""All jobs of a run in columns: what they are, where they are, what became of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, replace

import numpy as np

from computenet.compiled import B1, F8, I4, I8, CompiledScenario
from computenet.kernels.job_queue import settle_jobs
from computenet.kernels.job_state import (
    COMPLETED,
    NOT_ARRIVED,
    ON_DEMAND,
    make_job_inputs,
    make_job_out,
    make_job_state,
)
from computenet.kernels.job_window import move_window, moved
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

__all__ = ["JobStore"]


class JobStore:
    """The columns of all jobs at hand, the state of their pools, and the records made of them.

    Jobs are numbered in order of submission among those at hand.

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
        self.grid_events = np.zeros(len(pools.ids), dtype=np.int64)  # under way
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
        self._elsewhere: dict[int, tuple[float, float]] = {}  # of jobs that left a pool
        self._moved_s: dict[int, float] = {}
        self._move_cny: dict[int, float] = {}
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
        self._carried: list[tuple[I8, I4, F8]] = []  # of jobs that left: number, demand, work
        self._held = HeldJobs(n_demands)
        limits = compiled.sites.dataset_storage_gb
        self._stores = [Store(float(limit)) for limit in limits] if limits.any() else None
        self.reused_gb = 0.0

    def _gangs(self, table: JobTable) -> I8:
        """Return what jobs ask for, in units of accelerators."""
        wanted = table.accelerators * table.share * self._units
        return np.maximum(np.rint(wanted), 1).astype(np.int64)

    def _asked(self, job: int) -> int:
        """Return what a job asks for, in units; where it has whole servers it holds more."""
        table = self._table
        wanted = table.accelerators[job : job + 1] * table.share[job : job + 1] * self._units
        return max(round(float(wanted[0])), 1)

    def _work(self, compiled: CompiledScenario, table: JobTable) -> tuple[I8, F8, F8]:
        """Return what jobs ask for, how long they work, and what is expected of that."""
        work_s = table.duration_s
        if compiled.kill_at_estimate:
            work_s = np.minimum(work_s, table.estimate_s)
        return self._gangs(table), work_s, table.estimate_s

    def _expected_work(self, first: int, last: int) -> F8:
        """Return the reference accelerator-seconds that users expect of jobs."""
        gang = self._inputs.accelerators[first:last] / self._units
        work: F8 = gang * self._table.estimate_s[first:last]
        return work

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
        self._elsewhere = {
            int(number[job]): held for job, held in self._elsewhere.items() if number[job] >= 0
        }
        transfers.move_window(keep, number, table.data_gb, demand)

    def job_id(self, job: int) -> int:
        """Return a job's number in its source."""
        return int(self._table.job_id[job])

    def submitted(self) -> int:
        """Return jobs submitted so far."""
        return self._left + self._submitted

    def rows(self) -> int:
        """Return jobs taken in so far."""
        return self._left + self._table.rows

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
        elsewhere = np.zeros((2, table.rows))
        for job, seconds in self._elsewhere.items():
            elsewhere[:, job] = seconds
        code[submitted & (pool >= 0) & (status == NOT_ARRIVED)] = TRANSFERRING
        code[held[rows]] = HELD
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
            elsewhere_accelerator_s=elsewhere[0, rows],
            elsewhere_useful_accelerator_s=elsewhere[1, rows],
            earlier_accelerator_s=np.zeros_like(self._earlier),
        )
