"""What gang placement is given: jobs, pools, what runs where, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from computenet.optimization.problem_checks import ProblemChecks
from computenet.units import SECONDS_PER_HOUR

__all__ = ["Fragmentation", "GangArcTable", "GangJobs", "GangPools", "GangProblem"]

F8 = NDArray[np.float64]
I4 = NDArray[np.int32]
I8 = NDArray[np.int64]

#: Rounding of a count of servers that is whole but for the last bits.
_WHOLE = 1e-9


def _keep(instance: object, numbers: tuple[str, ...], indices: tuple[str, ...]) -> None:
    for names, kind in ((numbers, np.float64), (indices, np.int32)):
        for name in names:
            values = np.ascontiguousarray(getattr(instance, name), dtype=kind)
            object.__setattr__(instance, name, values)


@dataclass(frozen=True, slots=True)
class GangJobs:
    """Gang jobs, axis ``J``: those that wait, and those that run and may be moved or stopped.

    Attributes
    ----------
    accelerators
        Gang size, in reference accelerators, at least 1; a part of one takes a whole one.
    job_class
        Class, a row of `GangProblem.speed`.
    work_s
        Run time left at speed 1, s.
    value_cny
        Worth of running the job now rather than leaving it out.
    slack_s
        Time until the job should be done, s; infinite = no deadline, negative = late already.
    late_cny_per_s
        Price of each second that it ends later.
    data_site, data_gb
        Site where the data lie and their size; site -1 = nothing is moved. The data of a job that
        runs lie where it runs, whatever stands here.
    pool
        Pool in which the job runs now; -1 = it waits.
    checkpoint_gb
        What is moved, besides the data, when a running job goes to another pool.
    lost_s
        Run time since the last checkpoint, lost when a running job is stopped; before a move a
        checkpoint is written, so nothing is lost.
    restart_s
        Time that a restart takes on the whole gang, after a move or a stop.
    """

    accelerators: F8
    job_class: I4
    work_s: F8
    value_cny: F8
    slack_s: F8
    late_cny_per_s: F8
    data_site: I4
    data_gb: F8
    pool: I4
    checkpoint_gb: F8
    lost_s: F8
    restart_s: F8

    def __post_init__(self) -> None:
        _keep(
            self,
            ("accelerators", "work_s", "value_cny", "slack_s", "late_cny_per_s", "data_gb",
             "checkpoint_gb", "lost_s", "restart_s"),
            ("job_class", "data_site", "pool"),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class GangPools:
    """Pools, axis ``P``.

    Attributes
    ----------
    free
        Accelerators in servers that may be given: free ones, and those held by the running jobs
        of the problem. Whole servers count; a rest of less than a server is of no use.
    per_server
        Accelerators a server.
    site
        Site of each pool.
    mw
        Facility power of a busy accelerator, MW, cooling included.
    price_cny_per_mwh
        Of energy, over the jobs' run time.
    accelerator_cny_per_s
        Worth of an accelerator's time: the price of lost work and of restarts.
    """

    free: F8
    per_server: F8
    site: I4
    mw: F8
    price_cny_per_mwh: F8
    accelerator_cny_per_s: F8

    def __post_init__(self) -> None:
        _keep(
            self,
            ("free", "per_server", "mw", "price_cny_per_mwh", "accelerator_cny_per_s"),
            ("site",),
        )


@dataclass(frozen=True, slots=True)
class Fragmentation:
    """Gangs to come, and a price on rooms that they cannot use.

    The measure is that of Weng et al., *Beware of Fragmentation* (USENIX ATC 2023), with a pool in
    place of a node: a room of ``r`` servers is a fragment for a gang that takes more than ``r``,
    so the expected fragment is ``r * sum_k share_k [servers_kp > r]``.

    Attributes
    ----------
    accelerators
        ``(K,)`` sizes of gangs to come, in reference accelerators, at least 1 each.
    share
        ``(K,)`` share of each among gangs to come; sums to 1.
    cny_per_accelerator
        ``(P,)`` price of an accelerator that is left in a fragment.
    """

    accelerators: F8
    share: F8
    cny_per_accelerator: F8

    def __post_init__(self) -> None:
        _keep(self, ("accelerators", "share", "cny_per_accelerator"), ())


class GangArcTable(NamedTuple):
    """What placement needs of a problem: arcs ``A`` that run, fit, and can be reached."""

    job: I8  # (A,) ascending
    pool: I8  # (A,) ascending within a job
    servers: I8  # (A,)
    profit_cny: F8  # (A,) gain over leaving the job out, which for a running job is a stop
    capacity: I8  # (P,) servers
    stop_cny: F8  # (J,) cost of leaving a job out: lost work and restart of a running one
    size: I8  # (P, K) servers that gangs to come take, ascending
    tail: F8  # (P, K) share of gangs to come that take at least so many
    fragment_cny: F8  # (P,) price of a server left in a fragment


@dataclass(frozen=True, slots=True)
class GangProblem:
    """Which pool each gang job runs in, all-or-nothing on whole servers of one pool.

    Attributes
    ----------
    jobs, pools
        See there.
    speed
        ``(C, P)`` speed of a class's gang in a pool; 0 = does not run there.
    ratio
        ``(C, P)`` accelerators of the pool's type that a gang takes for each reference
        accelerator, or nothing: one.
    transfer_cny_per_gb, transfer_s_per_gb
        ``(I, I)`` price and time of moving a gigabyte from site to site; infinite = no way. Or
        nothing: free, at once.
    fragmentation
        Price of rooms that gangs to come cannot use, or nothing.
    job_names, pool_names
        For messages; numbers stand in where they are missing.
    """

    jobs: GangJobs
    pools: GangPools
    speed: F8
    ratio: F8 | None = None
    transfer_cny_per_gb: F8 | None = None
    transfer_s_per_gb: F8 | None = None
    fragmentation: Fragmentation | None = None
    job_names: tuple[str, ...] = ()
    pool_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("speed", "ratio", "transfer_cny_per_gb", "transfer_s_per_gb"):
            if getattr(self, name) is not None:
                _keep(self, (name,), ())

    @property
    def n_jobs(self) -> int:
        """Number of jobs, ``J``."""
        return len(self.jobs.accelerators)

    @property
    def n_pools(self) -> int:
        """Number of pools, ``P``."""
        return len(self.pools.free)

    def check(self) -> None:
        """Raise if the problem cannot be solved as it stands.

        Raises
        ------
        InputError
            Values that are no numbers, negative or of the wrong shape, and indices out of range:
            all of them at once.
        """
        checks = ProblemChecks("gangs")
        jobs, pools, j, p = self.jobs, self.pools, self.n_jobs, self.n_pools
        classes = len(self.speed) if self.speed.ndim == 2 else 0
        sites = 1 + int(max(pools.site.max(initial=-1), jobs.data_site.max(initial=-1)))
        for name in ("work_s", "late_cny_per_s", "data_gb", "checkpoint_gb",
                     "lost_s", "restart_s"):  # fmt: skip
            checks.numbers(
                f"jobs.{name}", getattr(jobs, name), (j,), self.job_names, infinite=False
            )
        checks.numbers("jobs.value_cny", jobs.value_cny, (j,), self.job_names, negative=True,
                       infinite=False)  # fmt: skip
        checks.numbers("jobs.slack_s", jobs.slack_s, (j,), self.job_names, negative=True)
        checks.indices("jobs.job_class", jobs.job_class, (j,), classes)
        checks.indices("jobs.data_site", jobs.data_site, (j,), sites, least=-1)
        checks.indices("jobs.pool", jobs.pool, (j,), p, least=-1)
        for name in ("free", "mw", "accelerator_cny_per_s"):
            checks.numbers(
                f"pools.{name}", getattr(pools, name), (p,), self.pool_names, infinite=False
            )
        checks.numbers("pools.price_cny_per_mwh", pools.price_cny_per_mwh, (p,), self.pool_names,
                       negative=True, infinite=False)  # fmt: skip
        checks.counts("pools.per_server", pools.per_server, (p,), self.pool_names)
        checks.counts("jobs.accelerators", jobs.accelerators, (j,), self.job_names, whole=False)
        checks.indices("pools.site", pools.site, (p,), sites)
        checks.numbers("speed", self.speed, (classes, p), infinite=False)
        if self.ratio is not None:
            checks.numbers("ratio", self.ratio, (classes, p), infinite=False)
        for name in ("transfer_cny_per_gb", "transfer_s_per_gb"):
            way = getattr(self, name)
            if way is not None and (way.ndim != 2 or min(way.shape) < sites):
                checks.add(name, way.shape, "has the wrong shape", f"({sites}, {sites})")
            elif way is not None:
                checks.numbers(name, way, way.shape)
        if self.fragmentation is not None:
            self._check_fragmentation(self.fragmentation, checks)
        checks.done()

    def _check_fragmentation(self, to_come: Fragmentation, checks: ProblemChecks) -> None:
        sizes = len(to_come.accelerators)
        before = checks.count
        checks.counts("fragmentation.accelerators", to_come.accelerators, (sizes,), whole=False)
        checks.numbers("fragmentation.share", to_come.share, (sizes,), infinite=False)
        checks.numbers(
            "fragmentation.cny_per_accelerator", to_come.cny_per_accelerator, (self.n_pools,),
            self.pool_names, infinite=False,
        )  # fmt: skip
        total = float(to_come.share.sum())
        if checks.count == before and abs(total - 1.0) > 1e-9:
            checks.add("fragmentation.share", total, "is not the whole", "shares that sum to 1")

    def arcs(self) -> GangArcTable:
        """Return weights, profits and capacities.

        A gang of job `j` in pool `p` is ``g = ceil(accelerators * ratio)`` accelerators on
        ``ceil(g / per_server)`` servers. Placing it is worth ``value`` less

        - energy: ``g * mw * run / 3600 * price``, with ``run = work / speed``, s;
        - data: ``data_gb * transfer_cny_per_gb[data_site, site]``;
        - lateness: ``late * max(0, data_gb * transfer_s_per_gb + run - slack)``, and where a
          running job moves its checkpoint's time and the restart as well;
        - migration, where a running job goes to another pool: ``checkpoint_gb *
          transfer_cny_per_gb + restart * g * accelerator_cny_per_s``.

        A running job that is left out costs ``(lost + restart) * g * accelerator_cny_per_s`` of
        its pool; `profit_cny` counts from there.
        """
        jobs, pools = self.jobs, self.pools
        ratio = np.ones_like(self.speed) if self.ratio is None else self.ratio
        capacity = np.floor(pools.free / pools.per_server + _WHOLE).astype(np.int64)
        gang = np.ceil(jobs.accelerators[:, None] * ratio[jobs.job_class] - _WHOLE)
        servers = np.ceil(gang / pools.per_server - _WHOLE)
        runs = self.speed[jobs.job_class] > 0.0
        job, pool = np.nonzero(runs & (servers >= 1.0) & (servers <= capacity))
        stop_cny = np.zeros(self.n_jobs)
        at = np.flatnonzero(jobs.pool >= 0)
        held = gang[at, jobs.pool[at]] * pools.accelerator_cny_per_s[jobs.pool[at]]
        stop_cny[at] = (jobs.lost_s[at] + jobs.restart_s[at]) * held
        cost = self._cost(job, pool, gang[job, pool])
        profit = jobs.value_cny[job] + stop_cny[job] - cost
        kept = np.isfinite(cost)
        job, pool = job[kept].astype(np.int64), pool[kept].astype(np.int64)
        size, tail, fragment_cny = self._fragments()
        return GangArcTable(
            job, pool, servers[job, pool].astype(np.int64), profit[kept], capacity, stop_cny, size,
            tail, fragment_cny,
        )  # fmt: skip

    def _cost(self, job: I8, pool: I8, gang: F8) -> F8:
        """Return the cost of each arc, infinite where there is no way; see `arcs`."""
        jobs, pools = self.jobs, self.pools
        now = jobs.pool[job]
        stays, moves = now == pool, (now >= 0) & (now != pool)
        origin = np.where(now >= 0, pools.site[now], jobs.data_site[job]) if len(job) else now
        moved_gb = np.where((origin >= 0) & ~stays, jobs.data_gb[job], 0.0)
        moved_gb += np.where(moves, jobs.checkpoint_gb[job], 0.0)
        way = (np.maximum(origin, 0), pools.site[pool])
        restart_s = np.where(moves, jobs.restart_s[job], 0.0)
        run_s = jobs.work_s[job] / self.speed[jobs.job_class[job], pool]
        wait_s = _times(moved_gb, self.transfer_s_per_gb, way)
        late_s = np.maximum(wait_s + restart_s + run_s - jobs.slack_s[job], 0.0)
        energy_mwh = gang * pools.mw[pool] * run_s / SECONDS_PER_HOUR
        cost = energy_mwh * pools.price_cny_per_mwh[pool]
        cost += _times(moved_gb, self.transfer_cny_per_gb, way)
        cost += restart_s * gang * pools.accelerator_cny_per_s[pool]
        closed = np.isinf(wait_s)
        late_s[closed] = 0.0
        cost += jobs.late_cny_per_s[job] * late_s
        cost[closed] = np.inf
        return cost

    def _fragments(self) -> tuple[I8, F8, F8]:
        pools, to_come = self.pools, self.fragmentation
        if to_come is None or not len(to_come.accelerators):
            nothing = (self.n_pools, 0)
            return np.zeros(nothing, dtype=np.int64), np.zeros(nothing), np.zeros(self.n_pools)
        order = np.argsort(to_come.accelerators, kind="stable")
        per_server = pools.per_server[:, None]
        size = np.ceil(to_come.accelerators[order] / per_server - _WHOLE).astype(np.int64)
        tail = np.cumsum(to_come.share[order][::-1])[::-1]
        price = to_come.cny_per_accelerator * pools.per_server
        return size, np.tile(tail, (self.n_pools, 1)), price


def _times(amount_gb: F8, rate: F8 | None, way: tuple[I4, I4]) -> F8:
    """Return amounts times the rate of their way; nothing moved costs nothing, way or no way."""
    if rate is None:
        return np.zeros(len(amount_gb))
    return np.multiply(amount_gb, rate[way], out=np.zeros(len(amount_gb)), where=amount_gb > 0.0)
