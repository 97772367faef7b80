"""What the dispatch model is told: capacity, demand, work, data, power and the state at the start.

Axes: slots ``T``, sites ``I``, pools ``P``, groups of replicas ``G``, request demands ``D``, arcs
from demands to groups ``A``, streams of deferrable work ``J`` (a job class, or a class of one
region), links ``L``, zones of sites with a common green target or carbon cap ``Z``, months of the
window ``M``. Every array may be anything that broadcasts to the shape given; it is stored in that
shape.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Carry", "DataShipping", "DispatchProblem", "Fleet", "GreenRules", "RequestDemand", "SitePower",
    "TrainingWork",
]  # fmt: skip

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
B1 = NDArray[np.bool_]


def _none() -> F8:
    return np.zeros(0)


def _no_index() -> I8:
    return np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Fleet:
    """Accelerators, and which of them may change sides between serving and jobs.

    Attributes
    ----------
    sites, pools
        Names.
    pool_site
        ``(P,)`` site of each pool.
    job_accelerators
        ``(T, P)`` available for deferrable work: those of jobs that run on whatever is decided are
        not among them, and their power is in `SitePower.fixed_mw`.
    serving_accelerators
        ``(T, P)`` set aside for inference.
    serving_utilisation
        ``(P,)`` share of the serving accelerators that requests may fill, in (0, 1].
    serving_reserve
        ``(P,)`` serving accelerators that are never lent.
    switch_cny
        ``(P,)`` price of moving one accelerator from serving to jobs or back; infinite = never.
    """

    sites: tuple[str, ...]
    pools: tuple[str, ...]
    pool_site: I8
    job_accelerators: F8
    serving_accelerators: F8 = field(default_factory=lambda: np.zeros(1))
    serving_utilisation: F8 = field(default_factory=lambda: np.ones(1))
    serving_reserve: F8 = field(default_factory=lambda: np.zeros(1))
    switch_cny: F8 = field(default_factory=lambda: np.full(1, np.inf))


@dataclass(frozen=True, slots=True)
class RequestDemand:
    """Inference that must run in its slot, or is left unmet at a price.

    Attributes
    ----------
    names
        ``D`` demands, e.g. a service class of a region.
    rate_per_s
        ``(T, D)`` requests a second.
    unmet_cny
        ``(D,)`` price of a request that is not served; also what a late one costs at most.
    arc_demand, arc_group
        ``(A,)`` the groups that may serve a demand within its latency circle.
    arc_accelerator_s
        ``(A,)`` accelerator-seconds of one request.
    arc_it_mwh
        ``(A,)`` IT energy of one request above idle.
    arc_cny
        ``(A,)`` transfer and whatever else a request costs on the arc.
    arc_open
        ``(T, A)`` whether the arc can be used in the slot.
    groups
        ``G`` names.
    group_pool
        ``(G,)``.
    group_accelerators
        ``(T, G)`` accelerators of a group's replicas; infinite = all the pool's.
    """

    names: tuple[str, ...] = ()
    rate_per_s: F8 = field(default_factory=_none)
    unmet_cny: F8 = field(default_factory=_none)
    arc_demand: I8 = field(default_factory=_no_index)
    arc_group: I8 = field(default_factory=_no_index)
    arc_accelerator_s: F8 = field(default_factory=_none)
    arc_it_mwh: F8 = field(default_factory=_none)
    arc_cny: F8 = field(default_factory=_none)
    arc_open: B1 = field(default_factory=lambda: np.ones(1, dtype=np.bool_))
    groups: tuple[str, ...] = ()
    group_pool: I8 = field(default_factory=_no_index)
    group_accelerators: F8 = field(default_factory=lambda: np.full(1, np.inf))


@dataclass(frozen=True, slots=True)
class TrainingWork:
    """Work that may wait and move: training, fine-tuning, batch.

    Within a stream the work that is due first is done first. That is exact as long as what is
    released later is not due earlier; work of other urgency is a stream of its own.

    Attributes
    ----------
    names
        ``J`` streams.
    arrivals_accelerator_h
        ``(T, J)`` work released at the beginning of the slot, in hours of one accelerator of
        speed 1; what waits at the start of the window is `Carry.backlog_accelerator_h`.
    due_accelerator_h
        ``(T, J)`` work, of backlog and arrivals, due by the end of the slot; what is overdue at the
        start is due by the end of slot 0. The rest is due after the window.
    speed
        ``(J, P)`` work of one accelerator in an hour; 0 = does not run there.
    active_w
        ``(J, P)`` power of one accelerator above idle while it works.
    parallelism
        ``(T, J)`` most accelerators the stream can use at once; infinite = no limit.
    late_cny
        ``(J,)`` price of an hour of work that is late, for each hour; infinite = deadlines hold
        unless nothing else is possible, see `DispatchProblem.deadline_cny`.
    waiting_cny
        ``(J,)`` price of an hour of work that waits, for each hour, late or not.
    unfinished_cny
        ``(J,)`` price of an hour of work left at the end of the window: what it costs to do later.
    """

    names: tuple[str, ...] = ()
    arrivals_accelerator_h: F8 = field(default_factory=_none)
    due_accelerator_h: F8 = field(default_factory=_none)
    speed: F8 = field(default_factory=_none)
    active_w: F8 = field(default_factory=_none)
    parallelism: F8 = field(default_factory=lambda: np.full(1, np.inf))
    late_cny: F8 = field(default_factory=lambda: np.zeros(1))
    waiting_cny: F8 = field(default_factory=lambda: np.zeros(1))
    unfinished_cny: F8 = field(default_factory=lambda: np.zeros(1))


@dataclass(frozen=True, slots=True)
class DataShipping:
    """Data that must lie at a site before work on it runs there.

    Attributes
    ----------
    gb_per_accelerator_h
        ``(J,)`` input of an hour of work; 0 = needs no data.
    here
        ``(J, I)`` the stream's data lies at the site: nothing is shipped.
    open
        ``(J, I)`` whether there is a way.
    price_cny_per_gb
        ``(J, I)``.
    holding_cny_per_gb_h
        Price of data that lies at a site and waits for its work; above 0 data is sent when it is
        needed and not before, which also spares the solver ties.
    links
        ``L`` names.
    link_gb
        ``(T, L)`` gigabytes that may be shipped over the link in the slot.
    route_stream, route_site, route_link
        ``(N,)`` the links on the way of a stream's data to a site.
    """

    gb_per_accelerator_h: F8
    here: B1 = field(default_factory=lambda: np.zeros(1, dtype=np.bool_))
    open: B1 = field(default_factory=lambda: np.ones(1, dtype=np.bool_))
    price_cny_per_gb: F8 = field(default_factory=lambda: np.zeros(1))
    holding_cny_per_gb_h: float = 0.0
    links: tuple[str, ...] = ()
    link_gb: F8 = field(default_factory=_none)
    route_stream: I8 = field(default_factory=_no_index)
    route_site: I8 = field(default_factory=_no_index)
    route_link: I8 = field(default_factory=_no_index)


@dataclass(frozen=True, slots=True)
class SitePower:
    """Power of sites.

    Attributes
    ----------
    fixed_mw
        ``(T, I)`` IT power that is drawn whatever is decided: idle, servers, running jobs.
    pue
        ``(T, I)`` facility over IT power.
    price_cny_per_mwh
        ``(T, I)`` of import.
    limit_mw
        ``(T, I)`` most import.
    generation_mw, generation_cny_per_mwh
        ``(T, I)`` what wind and sun on site and on direct lines can give, and its price where used.
    battery_mw, battery_mwh
        ``(I,)`` power and energy of storage; 0 = none.
    battery_efficiency
        ``(I,)`` of a round trip, half of the loss each way, in (0, 1].
    cycle_cny_per_mwh
        ``(I,)`` wear, by energy discharged.
    stored_cny_per_mwh
        ``(I,)`` value of energy in the store at the end of the window.
    demand_charge_cny_per_mw
        ``(I,)`` price of a month's highest import.
    month_of_slot
        ``(T,)`` 0, 1, …; month 0 is that of slot 0.
    month_share
        ``(M,)`` share of each month's charge that is paid.
    """

    fixed_mw: F8
    pue: F8
    price_cny_per_mwh: F8
    limit_mw: F8 = field(default_factory=lambda: np.full(1, np.inf))
    generation_mw: F8 = field(default_factory=lambda: np.zeros(1))
    generation_cny_per_mwh: F8 = field(default_factory=lambda: np.zeros(1))
    battery_mw: F8 = field(default_factory=lambda: np.zeros(1))
    battery_mwh: F8 = field(default_factory=lambda: np.zeros(1))
    battery_efficiency: F8 = field(default_factory=lambda: np.ones(1))
    cycle_cny_per_mwh: F8 = field(default_factory=lambda: np.zeros(1))
    stored_cny_per_mwh: F8 = field(default_factory=lambda: np.zeros(1))
    demand_charge_cny_per_mw: F8 = field(default_factory=lambda: np.zeros(1))
    month_of_slot: I8 = field(default_factory=lambda: np.zeros(1, dtype=np.int64))
    month_share: F8 = field(default_factory=lambda: np.ones(1))


@dataclass(frozen=True, slots=True)
class GreenRules:
    """Green share, carbon price and carbon cap.

    Attributes
    ----------
    zones
        ``Z`` names of groups of sites that meet a target or cap together.
    zone
        ``(I,)``.
    share_min
        ``(Z,)`` least share of consumption that is green, over the window and what `Carry` brings.
    premium_cny_per_mwh
        ``(T, I)`` of green import over the tariff.
    green_limit_mw
        ``(T, I)`` most green import.
    emission_kg_per_mwh
        ``(T, I)`` of import.
    carbon_cny_per_t
        Price.
    carbon_cap_kg
        ``(Z,)`` most emissions, over the window and what `Carry` brings; infinite = no cap.
    market_based
        Whether green import counts as free of carbon; otherwise the place's factor counts.
    """

    zones: tuple[str, ...] = ("network",)
    zone: I8 = field(default_factory=lambda: np.zeros(1, dtype=np.int64))
    share_min: F8 = field(default_factory=lambda: np.zeros(1))
    premium_cny_per_mwh: F8 = field(default_factory=lambda: np.zeros(1))
    green_limit_mw: F8 = field(default_factory=lambda: np.full(1, np.inf))
    emission_kg_per_mwh: F8 = field(default_factory=lambda: np.zeros(1))
    carbon_cny_per_t: float = 0.0
    carbon_cap_kg: F8 = field(default_factory=lambda: np.full(1, np.inf))
    market_based: bool = False


@dataclass(frozen=True, slots=True)
class Carry:
    """The state that crosses the seam between two windows.

    Attributes
    ----------
    backlog_accelerator_h
        ``(J,)`` work released and not done.
    due_accelerator_h
        ``(U, J)`` of the backlog, what is due by the end of each slot to come, overdue in the
        first; the rest is due later. What a window says itself in `TrainingWork.due_accelerator_h`
        counts; this is its forecast by the window before.
    buffer_gb
        ``(J, I)`` data of work not done that lies at sites.
    stored_mwh
        ``(I,)``.
    peak_mw
        ``(I,)`` highest import of the month so far.
    green_mwh, consumed_mwh
        ``(Z,)`` counted towards the green share so far.
    carbon_kg
        ``(Z,)`` counted towards the cap so far.
    lent
        ``(P,)`` serving accelerators that jobs hold.
    """

    backlog_accelerator_h: F8 = field(default_factory=lambda: np.zeros(1))
    due_accelerator_h: F8 = field(default_factory=_none)
    buffer_gb: F8 = field(default_factory=lambda: np.zeros(1))
    stored_mwh: F8 = field(default_factory=lambda: np.zeros(1))
    peak_mw: F8 = field(default_factory=lambda: np.zeros(1))
    green_mwh: F8 = field(default_factory=lambda: np.zeros(1))
    consumed_mwh: F8 = field(default_factory=lambda: np.zeros(1))
    carbon_kg: F8 = field(default_factory=lambda: np.zeros(1))
    lent: F8 = field(default_factory=lambda: np.zeros(1))


@dataclass(frozen=True, slots=True)
class DispatchProblem:
    """One window.

    Attributes
    ----------
    hours
        ``(T,)`` length of the slots.
    fleet, power
        Capacity.
    requests, work, data
        What is to be done; ``data=None``: no work needs data.
    green
        Rules; ``None``: none.
    carry
        The state at the start.
    unserved_cny_per_mwh, green_short_cny_per_mwh, carbon_over_cny_per_kg, deadline_cny
        Prices at which the import limit, the green share, the carbon cap and hard deadlines (per
        hour of work and hour) give way where they cannot be met; infinite = never, and the window
        may have no solution. They should be above all that is paid to meet them, and load unserved
        above the others, lest the lights go out for a target.

    Raises
    ------
    InputError
        Shapes, signs, indexes or numbers are wrong; every problem is named.
    """

    hours: F8
    fleet: Fleet
    power: SitePower
    requests: RequestDemand = field(default_factory=RequestDemand)
    work: TrainingWork = field(default_factory=TrainingWork)
    data: DataShipping | None = None
    green: GreenRules | None = None
    carry: Carry = field(default_factory=Carry)
    unserved_cny_per_mwh: float = 1e6
    green_short_cny_per_mwh: float = 1e5
    carbon_over_cny_per_kg: float = 100.0
    deadline_cny: float = 1e4

    def __post_init__(self) -> None:
        """Bring every array to its shape and check it."""
        from computenet.optimization.dispatch_check import checked

        for name, value in checked(self).items():
            object.__setattr__(self, name, value)

    @property
    def slots(self) -> int:
        """Number of slots."""
        return len(self.hours)

    @property
    def not_due_accelerator_h(self) -> F8:
        """Work released by the end of each slot that is due later, ``(T, J)``."""
        released = self.carry.backlog_accelerator_h + np.cumsum(
            self.work.arrivals_accelerator_h, axis=0
        )
        left: F8 = np.maximum(released - np.cumsum(self.work.due_accelerator_h, axis=0), 0.0)
        return left
