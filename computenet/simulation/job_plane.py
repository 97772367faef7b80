"""Jobs: route, move the data, queue and run; exact between control events."""

from __future__ import annotations

import numpy as np

from computenet.compiled import F8, I8
from computenet.kernels.job_queue import arrive_and_advance
from computenet.kernels.job_state import COMPLETED
from computenet.kernels.job_window import renumbered
from computenet.simulation.job_figures import JobFigures
from computenet.simulation.job_gangs import JobGangs

__all__ = ["JobPlane"]

NOTHING = np.zeros(0, dtype=np.int64), np.zeros(0)


class JobPlane(JobGangs, JobFigures):
    """All jobs of a run and the pools they run in.

    Where jobs come in chunks, those that ended are handed to `sink` and leave before a chunk comes
    in, and the others are renumbered in their order, so that memory grows with the jobs that are
    under way. The parameters are those of :class:`~computenet.simulation.job_store.JobStore`.
    """

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
        arrived_gb = NOTHING[1]
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
            arrived_gb = transfers.size_gb[done]
            if done.size and int(done.max()) >= transfers.first_move:
                done, ready_s, arrived_gb = self._sort_out(done, ready_s, arrived_gb)
            if done.size > 1:
                order = np.lexsort((done, ready_s))
                done, ready_s, arrived_gb = done[order], ready_s[order], arrived_gb[order]
        if self._stores is not None and done.size:
            for job, moved_gb in zip(done.tolist(), arrived_gb.tolist(), strict=True):
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
        self._carry_fresh(np.flatnonzero(ended[self._seen : submitted]) + self._seen)
        keep = np.flatnonzero(~ended)
        self._left += old.rows - len(keep)
        number = np.full(old.rows, -1, dtype=np.int64)
        number[keep] = np.arange(len(keep))
        self._submitted = int((keep < submitted).sum())
        self._seen = int((keep < self._seen).sum())
        active = renumbered(self._active, number)
        self._active = active[active >= 0]
        self._held.renumber(number)
        self._renumber_orders(number)
        self._renew(table, keep, number)
        self._find_upcoming()
        self._quiet_s = 0.0

    def _sort_out(self, done: I8, ready_s: F8, gb: F8) -> tuple[I8, F8, F8]:
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
        return done[keep], ready_s[keep], gb[keep]

    def begin_move(self, move: int, now_s: float) -> None:
        """Send a bulk move on its way.

        Everything before `now_s` must be processed.
        """
        flow = self._transfers.first_move + move
        self._flow_start_s[flow] = now_s
        kind = len(self._compiled.jobs.classes) + move
        price = self._transfers.set_service(np.asarray([flow]), np.asarray([kind]))
        self._moves.append(flow)
        self._quiet_s = 0.0
        self._move_cny[move] = float(price[0] * self._transfers.size_gb[flow])

    def move_cny(self, move: int) -> float:
        """Return what a bulk move that was sent on its way pays for it, CNY."""
        return self._move_cny[move]

    def move_ended_s(self, move: int) -> float:
        """Return when a bulk move ended, NaN if it has not."""
        return self._moved_s.get(move, np.nan)

    def reserve(self, links: list[int], gbps: float, now_s: float) -> None:
        """Take a rate out of links for a dedicated line, or give it back if it is negative."""
        self._transfers.reserve(links, gbps, now_s)
        self._quiet_s = 0.0

    def set_link(self, link: int, up: bool, now_s: float) -> None:
        """Cut or repair a link; transfers that began without a way pay for the one they get."""
        self._transfers.set_link(link, up, now_s)
        first = self._transfers.first_move
        for flow, cny in zip(*self._transfers.late_prices(), strict=True):
            job = int(flow) if flow < first else self._job_of_flow.get(int(flow), -1)
            if job < 0:
                self._move_cny[int(flow) - first] += float(cny)
            else:
                self._transfer_cny[job] += cny
        self._quiet_s = 0.0
