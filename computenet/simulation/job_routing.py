"""Jobs get pools: by shares, or held back until the plan gives them a place; data goes first."""

from __future__ import annotations

import numpy as np

from computenet.compiled import B1, F8, I8
from computenet.kernels.route_jobs import route_jobs
from computenet.simulation.events import MOST_NAMED
from computenet.simulation.job_store import JobStore

__all__ = ["JobRouting"]


class JobRouting(JobStore):
    """Jobs that follow a plan's shares, holds and places."""

    def set_shares(self, shares: F8) -> None:
        """Follow new shares, ``(Q, P)``; credits are kept."""
        self._share = np.ascontiguousarray(shares)

    def set_hold(self, hold: F8 | None) -> None:
        """Hold back a share of the work that is submitted from now on, ``(Q,)``."""
        self._held.share = hold

    def hold_gangs(self, least: float | None) -> None:
        """Hold jobs of at least so many accelerators until they are given a place."""
        self._held.gang_least = np.inf if least is None else least

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
        # Those submitted since the last `load` are counted there as they come.
        counted = [job for job in released if job < self._seen and self._pool[job] >= 0]
        self._active = np.concatenate([self._active, np.asarray(counted, dtype=np.int64)])
        if released:
            self._quiet_s = self._event_s = 0.0

    def _gangs_of(self, first: int, last: int) -> B1:
        """Return which jobs wait for a place: those large enough that some pool can run."""
        large: B1 = self._inputs.accelerators[first:last] >= self._held.gang_least * self._units
        for at in np.flatnonzero(large).tolist():
            large[at] = self._fits(first + at).any()
        return large

    def _fits(self, job: int) -> B1:
        """Return the pools that can run a job, up or not, ``(P,)``."""
        table, kind = self._table, int(self._table.kind[job])
        c, gang = int(table.job_class[job]), self._asked(job)
        whole = -(-gang // self._per_server) * self._per_server if table.whole_nodes[job] else gang
        fits: B1 = (self._compiled.jobs.speed[c] > 0.0) & (whole <= self._most[c])
        return fits & self._allowed[kind] if kind >= 0 else fits

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
