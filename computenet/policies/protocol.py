"""What a policy is: it sees arrays and a view, and returns a plan."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from computenet.compiled import CompiledScenario

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
B1 = NDArray[np.bool_]


class Future(Protocol):
    """What really comes: for policies that ask for perfect foresight by name."""

    def request_rate_per_s(self, edges_s: F8) -> F8:
        """Return the mean rate of every request demand between edges, ``(T, D)``."""
        ...

    def job_work_accelerator_s(self, edges_s: F8) -> F8:
        """Return the reference accelerator-seconds submitted between edges, ``(T, Q)``."""
        ...


@dataclass(frozen=True, slots=True)
class WaitingGangs:
    """Jobs that wait for the plan to give them a pool, oldest first, axis ``N``.

    Attributes
    ----------
    demand
        ``(N,)`` region and class.
    accelerators, estimate_s
        ``(N,)`` gang, and run time at speed 1 as the user estimates it.
    data_gb
        ``(N,)`` to be moved from the region of its data, of number `data_region`.
    data_region
        ``(N,)``.
    waited_s
        ``(N,)`` since it was submitted, or stopped by a plan.
    fits
        ``(N, P)`` the pool is large enough and of a kind that the job takes, up or not.
    slack_s
        ``(N,)`` until it should have ended; infinite = no deadline, negative = late already.
    pool
        ``(N,)`` pool that a job stopped by a plan ran in, where its data lies; -1 = it never ran.
        What it has done is taken off `estimate_s`; its restart is not added.
    coming_accelerators
        ``(P,)`` asked for by large jobs that were given a place and whose data is on its way: free
        as yet, and neither among those that wait in a queue nor those that wait for a place.
    """

    demand: I8
    accelerators: F8
    estimate_s: F8
    data_gb: F8
    data_region: I8
    waited_s: F8
    fits: B1
    slack_s: F8
    pool: I8
    coming_accelerators: F8


@dataclass(frozen=True, slots=True)
class RunningGangs:
    """Large jobs that run, see `Plan.running_pool`, axis ``M``; perhaps none.

    Attributes
    ----------
    demand
        ``(M,)`` region and class.
    accelerators, pool
        ``(M,)`` what it holds, and where.
    left_s
        ``(M,)`` run time left at speed 1, by the user's estimate.
    overhead_s
        ``(M,)`` run time that leaving the pool costs the gang: writing a checkpoint, or all it did
        since it began where its class writes none, and the restart.
    data_gb, data_region
        ``(M,)`` moved anew to another pool's site, from the region of its data.
    slack_s
        ``(M,)`` until it should have ended; infinite = no deadline, negative = late already.
    fits
        ``(M, P)`` the pool is large enough and of a kind that the job takes, up or not.
    """

    demand: I8
    accelerators: F8
    pool: I8
    left_s: F8
    overhead_s: F8
    data_gb: F8
    data_region: I8
    slack_s: F8
    fits: B1


@dataclass(frozen=True, slots=True)
class SystemView:
    """What a policy may know at a control epoch. All arrays are read-only.

    Attributes
    ----------
    now_s, epoch_s
        Time since the scenario's start, and until the next call.
    compiled
        The scenario as arrays; `compiled.requests.feasible`, `.rtt_s`, `.replica_s` are the
        static ones, those here hold now.
    request_rate_per_s
        ``(D,)`` expected real requests a second until the next epoch: the rate measured over the
        last epoch (persistence); the scenario's mean rate at the first.
    job_load_accelerators
        ``(Q,)`` accelerators kept busy by the demand of each (region, job class), from a moving
        mean of the submitted work (accelerator-seconds per second).
    request_arc_open
        ``(D, G)`` the group serves the class, is up, and can be reached now.
    job_arc_open
        ``(Q, P)`` the class runs in the pool, which is up and can be reached now.
    rtt_s
        ``(D, G)`` round-trip network time now.
    circle_ok
        ``(D, G)`` within the class's latency circle now.
    data_there
        ``(Q, I)`` the data of the demand lies at the site already, so nothing is moved.
    pool_free, pool_waiting_accelerators
        ``(P,)`` free accelerators; accelerators asked for by waiting jobs.
    group_running
        ``(G,)`` running and waiting requests in the simulated replicas.
    price_cny_per_mwh, carbon_kg_per_mwh
        ``(I,)`` mean over the coming epoch.
    job_waiting_accelerator_s, job_held_accelerator_s
        ``(Q,)`` work, as users estimate it, in reference accelerator-seconds, of jobs that have
        not started: those that wait for their data or in a queue, and those the plan holds back.
    job_submitted_per_s
        ``(Q,)`` work, as users estimate it, submitted over the last epoch: reference
        accelerator-seconds a second.
    pool_running
        ``(P, C)`` accelerators held by running jobs of each class.
    site_load_mw, site_peak_mw
        ``(I,)`` facility load now, and the most of it beyond own plant seen at a control epoch of
        this month: what a demand charge is taken on, storage aside.
    link_up, link_gbps
        ``(L,)`` links that are not cut, and the rate they have now: none where they are cut, less
        where a dedicated line takes some.
    future
        What is to come, for policies that ask for it by ``wants_future = True``; else ``None``.
    gangs
        Jobs held for a place, see `Plan.gang_least`; ``None`` where there are none.
    running
        Jobs that a plan may stop or move; ``None`` but for policies with ``moves_gangs = True``.
    """

    now_s: float
    epoch_s: float
    compiled: CompiledScenario
    request_rate_per_s: F8
    job_load_accelerators: F8
    request_arc_open: B1
    job_arc_open: B1
    rtt_s: F8
    circle_ok: B1
    data_there: B1
    pool_free: F8
    pool_waiting_accelerators: F8
    group_running: F8
    price_cny_per_mwh: F8
    carbon_kg_per_mwh: F8
    job_waiting_accelerator_s: F8
    job_held_accelerator_s: F8
    job_submitted_per_s: F8
    pool_running: F8
    site_load_mw: F8
    site_peak_mw: F8
    link_up: B1
    link_gbps: F8
    future: Future | None = None
    gangs: WaitingGangs | None = None
    running: RunningGangs | None = None


@dataclass(frozen=True, slots=True)
class PriceRow:
    """A price that a plan goes with.

    Attributes
    ----------
    item
        What is priced, e.g. ``pool zhongwei/nvidia_h800`` or ``link CQ-GZ``.
    unit
        E.g. ``CNY/accelerator-h``.
    value, low, high
        The price, and the range within which it would do as well: equal where it is unique.
    """

    item: str
    unit: str
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What the data plane executes until the next plan.

    Attributes
    ----------
    request_shares
        ``(D, G)``, each row sums to 1 (or is all 0: no group may serve it, requests are dropped).
    job_shares
        ``(Q, P)``, each row sums to 1 (or is all 0: any pool that fits may take the job).
    notes
        Anything a policy wants kept in the event log.
    hold
        ``(Q,)`` share of the work submitted from now on that is held back until it is released;
        ``None`` = nothing is held. What was held before stays so until it is released.
    release_accelerator_s
        ``(Q,)`` estimated work of held jobs to release now, the oldest first; a job that the
        amount reaches is released whole. Infinite = all.
    setpoint_mw
        ``(I,)`` power that storage of rule ``plan`` gives back until the next plan, negative =
        takes up; ``None`` where no site has such a rule.
    serving_replicas
        ``(G,)`` real replicas that take requests until the next plan; the accelerators of the
        others are lent to jobs of their pool (tidal sharing). Rounded up to whole simulated
        replicas, at least one. ``None`` = all serve. For policies with ``lends = True``.
    gang_least
        Jobs of at least so many accelerators that are submitted from now on wait for a place;
        ``None`` = all go by the shares. Those that no pool can ever run are turned away at once.
    gang_pool
        ``(N,)`` pool of each job of `SystemView.gangs`, which goes there now, data first; -1 = it
        waits on. ``None`` = all wait on.
    running_pool
        ``(M,)`` pool of each job of `SystemView.running`: its own = it stays; another = it writes a
        checkpoint and goes there, data first; -1 = it writes a checkpoint and is one of
        `SystemView.gangs` from then on. ``None`` = all stay. For policies with ``moves_gangs =
        True``.
    prices
        What capacity, links and carbon are worth under the plan.
    objective_cny, bound_cny
        Value of what the policy minimised, until the next epoch, and a lower bound on it; NaN
        where the policy computes none.
    expected_cny
        What grid energy and network will cost until the next epoch if all comes as expected, idle
        power included; NaN where the policy does not say. Beside what was paid it is the gap
        between plan and simulation.
    """

    request_shares: F8
    job_shares: F8
    notes: tuple[str, ...] = field(default=())
    hold: F8 | None = None
    release_accelerator_s: F8 | None = None
    setpoint_mw: F8 | None = None
    serving_replicas: F8 | None = None
    gang_least: float | None = None
    gang_pool: I8 | None = None
    running_pool: I8 | None = None
    prices: tuple[PriceRow, ...] = ()
    objective_cny: float = float("nan")
    bound_cny: float = float("nan")
    expected_cny: float = float("nan")


@runtime_checkable
class Policy(Protocol):
    """Decides how demand is split. One class in one file; the constructor stores parameters.

    A policy is called at every control epoch and after every outage, cut and repair. It must be
    a pure function of the view and of its own state; random numbers come from the seed that
    `reset` hands over.
    """

    def reset(self, compiled: CompiledScenario, seed: np.random.SeedSequence) -> None:
        """Forget everything; called once before a run."""
        ...

    def plan(self, view: SystemView) -> Plan:
        """Return the shares to follow until the next call."""
        ...
