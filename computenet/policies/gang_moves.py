"""Which running gangs make way: what delays are worth against what leaving a pool costs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from computenet.network import shortest_routes
from computenet.optimization.gang import GangJobs, GangPools, GangProblem, place_gangs, worth_cny
from computenet.policies.dispatch_window import LATE
from computenet.policies.gang_costs import GangCosts, fitting_speed
from computenet.policies.protocol import RunningGangs, SystemView, WaitingGangs
from computenet.units import BITS_PER_BYTE, SECONDS_PER_HOUR

__all__ = ["GangMoves", "Moves", "urgency"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
B1 = NDArray[np.bool_]

#: A gain is one from this part of the whole worth on: programmes are solved to half of it.
LEAST_GAIN = 2e-6


@dataclass(frozen=True, slots=True)
class Moves:
    """What is to change.

    Attributes
    ----------
    gang_pool
        ``(N,)`` pools of the gangs that wait; -1 = waits on.
    running_pool
        ``(M,)`` pools of those that run; -1 = stops.
    gain_cny
        What that is worth, the cost of leaving paid.
    """

    gang_pool: I8
    running_pool: I8
    gain_cny: float


def urgency(view: SystemView, factor: float) -> F8:
    """Return how many times the least a class's waiting is worth, ``(C,)``.

    Each step in the order of turns - spot, on demand, reserved, and by priority within each - makes
    it `factor` times as much. Priorities are an order, not amounts, so steps are counted.
    """
    jobs = view.compiled.jobs
    turns = np.column_stack([-jobs.operation, jobs.priority])
    _, step = np.unique(turns, axis=0, return_inverse=True)
    return np.asarray(factor ** step.ravel().astype(np.float64))


class GangMoves:
    """Finds running gangs to stop or to move, for gangs that found no place beside them.

    A placement of most worth of both (:func:`computenet.optimization.gang.place_gangs`), where a
    gang's worth is the cost of its delay if it is left out::

        accelerators (wait urgency delay + late (lateness then - lateness now))

    with `wait` the price of an accelerator-hour of waiting and `late` five times that. A gang that
    waits would be delayed until the running gangs of one pool that fits, in the order of their
    expected ends, leave it room; other jobs count as gone by then, and it is one epoch at least. A
    running gang that stops is taken to be delayed by the longest run of those that wait. Leaving a
    pool costs the accelerators' time (checkpoint, restart; energy and `wait`) and the data's way,
    priced from the dearest region. Where the best placement is worth no more than all that runs
    staying, nothing is moved. So between gangs that are worth the same the shorter goes first, if
    what is gained exceeds what leaving costs, and no two gangs displace each other in turn.

    Left alone are pools where others queue for more than is free, for those would take the room;
    gangs that do not fill their servers; and ways on which data takes more than an epoch, since
    room would be idle until it comes.

    Parameters
    ----------
    wait_cny_per_accelerator_h
        Price of an accelerator-hour of waiting.
    priority_factor
        How much more each step of priority is worth.
    """

    def __init__(self, wait_cny_per_accelerator_h: float, priority_factor: float) -> None:
        self._wait_cny_per_s = wait_cny_per_accelerator_h / SECONDS_PER_HOUR
        self._priority_factor = priority_factor
        self._ways: tuple[bytes, F8] | None = None

    def find(
        self, view: SystemView, gangs: WaitingGangs, placed: I8, costs: GangCosts
    ) -> Moves | None:
        """Return the moves that gain, or ``None``.

        Parameters
        ----------
        placed
            ``(N,)`` where gangs that wait go beside those that run; -1 = nowhere.

        Raises
        ------
        SolverError
            The solver fails.
        """
        running = view.running
        left = np.flatnonzero(placed < 0)
        if running is None or not len(left) or not len(running.pool):
            return None
        room = _room(view, gangs, placed)
        per_server = view.compiled.pools.accelerators_per_server
        near = self._near(view)
        stays = (room[running.pool] >= 0.0) & (
            running.accelerators % per_server[running.pool] == 0.0
        )
        out = np.flatnonzero(stays)
        may = _may(view, gangs.demand, gangs.fits, near, gangs.data_region, gangs.data_gb)
        may[np.flatnonzero(gangs.pool >= 0), gangs.pool[gangs.pool >= 0]] = True
        may &= gangs.fits & (room >= 0.0)
        left = left[may[left].any(axis=1)]
        if not len(left) or not len(out):
            return None
        problem = self._problem(view, gangs, left, out, may[left], room, near, costs)
        table = problem.arcs()
        at_home = np.flatnonzero(table.pool == problem.jobs.pool[table.job])
        before = worth_cny(table, at_home) - float(table.stop_cny.sum())
        found = place_gangs(problem, gap=LEAST_GAIN / 2.0)
        gain = found.objective_cny - before
        if gain <= LEAST_GAIN * max(abs(before), abs(found.objective_cny)):
            return None
        gang_pool, running_pool = placed.copy(), running.pool.copy()
        gang_pool[left] = found.pool[: len(left)]
        running_pool[out] = found.pool[len(left) :]
        return Moves(gang_pool, running_pool, gain)

    def _problem(
        self, view: SystemView, gangs: WaitingGangs, left: I8, out: I8, may: B1, room: F8,
        near: F8, costs: GangCosts,
    ) -> GangProblem:  # fmt: skip
        """Return the placement of the gangs `left`, which wait, and `out`, which run."""
        running, pools, jobs = view.running, view.compiled.pools, view.compiled.jobs
        assert running is not None
        classes, waiting = len(jobs.classes), len(left)
        demand = np.concatenate([gangs.demand[left], running.demand[out]])
        kind = demand % classes
        accelerators = np.concatenate([gangs.accelerators[left], running.accelerators[out]])
        work_s = np.concatenate([gangs.estimate_s[left], running.left_s[out]])
        slack_s = np.concatenate([gangs.slack_s[left], running.slack_s[out]])
        overhead_s = np.concatenate([np.zeros(waiting), running.overhead_s[out]])
        data_gb = np.concatenate([gangs.data_gb[left], running.data_gb[out]])
        now = np.concatenate([np.full(waiting, -1), running.pool[out]])
        moves = _may(
            view, running.demand, running.fits, near, running.data_region, running.data_gb
        )[out] & (room >= 0.0)
        moves[np.arange(len(out)), running.pool[out]] = True
        speed, row = fitting_speed(jobs.speed, kind, np.concatenate([may, moves]))
        # Where a gang will run if it is left out, and how much later.
        delay_s, home = _natural(view, running, gangs, left, may)
        run_s = np.where(speed[row] > 0.0, work_s[:, None] / np.maximum(speed[row], 1e-300), 0.0)
        longest_s = run_s[:waiting].max(axis=0)
        displaced_s = np.where(longest_s > 0.0, longest_s, longest_s.max())[running.pool[out]]
        delay_s = np.concatenate([delay_s, displaced_s])
        home = np.concatenate([home, running.pool[out]])
        origin = np.concatenate(
            [
                np.where(
                    gangs.pool[left] >= 0, costs.place[gangs.pool[left]], gangs.data_region[left]
                ),
                costs.place[running.pool[out]],
            ]
        )
        each = np.arange(len(demand))
        run_home_s = run_s[each, home]
        wait = self._wait_cny_per_s * accelerators
        late = LATE * wait
        late_s = np.maximum(delay_s + overhead_s + run_home_s - slack_s, 0.0)
        value = (
            wait * urgency(view, self._priority_factor)[kind] * delay_s
            + late * late_s
            + accelerators * run_home_s * costs.cny_per_s[home]
            + data_gb * costs.transfer_cny_per_gb[origin, costs.place[home]]
        )
        held = np.bincount(
            running.pool[out], weights=running.accelerators[out], minlength=len(pools.ids)
        )
        per_server = pools.accelerators_per_server.astype(np.float64)
        return GangProblem(
            jobs=GangJobs(
                accelerators=accelerators, job_class=row, work_s=work_s, value_cny=value,
                slack_s=slack_s, late_cny_per_s=late, data_site=origin.astype(np.int32),
                data_gb=data_gb, pool=now.astype(np.int32), checkpoint_gb=np.zeros(len(demand)),
                lost_s=np.zeros(len(demand)), restart_s=overhead_s,
            ),
            pools=GangPools(
                free=np.floor(np.maximum(room, 0.0) / per_server) * per_server + held,
                per_server=per_server, site=costs.place.astype(np.int32), mw=costs.mw,
                price_cny_per_mwh=costs.price_cny_per_mwh,
                accelerator_cny_per_s=costs.cny_per_s + self._wait_cny_per_s,
            ),
            speed=speed,
            transfer_cny_per_gb=costs.transfer_cny_per_gb,
        )  # fmt: skip

    def _near(self, view: SystemView) -> F8:
        """Return the time of a gigabyte alone on its way, ``(R, I)``, s; infinite = no way."""
        key = view.link_up.tobytes() + view.link_gbps.tobytes()
        if self._ways is None or self._ways[0] != key:
            compiled = view.compiled
            regions, sites = len(compiled.regions), len(compiled.sites.ids)
            routes = shortest_routes(compiled.network, view.link_up, regions)
            owner = np.repeat(np.arange(regions * sites), np.diff(routes.path_start))
            gbps = np.full(regions * sites, np.inf)
            np.minimum.at(gbps, owner, view.link_gbps[routes.path_link])
            gbps[~np.isfinite(routes.oneway_ms.ravel())] = 0.0
            with np.errstate(divide="ignore"):
                self._ways = key, (BITS_PER_BYTE / gbps).reshape(regions, sites)
        return self._ways[1]


def _room(view: SystemView, gangs: WaitingGangs, placed: I8) -> F8:
    """Return accelerators that nobody has a claim to, ``(P,)``; negative where some are short."""
    per_server = view.compiled.pools.accelerators_per_server
    at = np.flatnonzero(placed >= 0)
    whole = np.ceil(gangs.accelerators[at] / per_server[placed[at]]) * per_server[placed[at]]
    taken = np.bincount(placed[at], weights=whole, minlength=len(per_server))
    room: F8 = view.pool_free - view.pool_waiting_accelerators
    return np.asarray(room - gangs.coming_accelerators - taken)


def _may(view: SystemView, demand: I8, fits: B1, s_per_gb: F8, data_region: I8, data_gb: F8) -> B1:
    """Return the pools that gangs may be sent to and whose data is there within an epoch."""
    site = view.compiled.pools.site
    with np.errstate(invalid="ignore"):
        way_s = np.nan_to_num(data_gb[:, None] * s_per_gb[data_region][:, site], nan=0.0)
    may: B1 = fits & view.job_arc_open[demand] & (way_s <= view.epoch_s)
    return may


def _natural(
    view: SystemView, running: RunningGangs, gangs: WaitingGangs, left: I8, may: B1
) -> tuple[F8, I8]:
    """Return when each gang would have room if nothing is moved, s from now, and in which pool."""
    pools, speed = view.compiled.pools, view.compiled.jobs.speed
    end_s = running.left_s / speed[running.demand % len(speed), running.pool]
    order = np.argsort(end_s, kind="stable")
    delay_s = np.full(may.shape, np.inf)
    for pool in np.flatnonzero(may.any(axis=0)).tolist():
        here = order[running.pool[order] == pool]
        freed = np.cumsum(running.accelerators[here])
        others = float(pools.accelerators[pool]) - float(running.accelerators[here].sum())
        # After how many ends there is room; all of them make the pool empty.
        ends = np.searchsorted(freed, gangs.accelerators[left] - others, side="left")
        after_s = np.append(end_s[here], 0.0)
        last = np.where(gangs.accelerators[left] <= others, len(here), np.minimum(ends, len(here)))
        delay_s[:, pool] = np.where(may[:, pool], after_s[last], np.inf)
    home = delay_s.argmin(axis=1)
    return np.maximum(delay_s[np.arange(len(left)), home], view.epoch_s), home
