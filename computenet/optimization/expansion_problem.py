"""What a capacity expansion is made from: pure arrays, one number a quantity, units scaled.

Axes: site ``I``, stage ``Y``, chip (accelerator type) ``T``, region ``R``, class ``C``, stream
``G``, link ``L``, hour of the representative days ``H``, plant ``3`` (pv, wind, battery). A
*stream* is a set of classes of one kind with one latency circle: they come from the regions in the
same proportions and are assigned together.

Quantities are in multiples of `unit`, a power of ten chosen so that coefficients stay near 1:

===========  ==============  ================  =====================
quantity     multiple of     ``unit = 1000``   ``unit = 1``
===========  ==============  ================  =====================
chips        unit            thousands         chips
power        unit kW         MW                kW
energy       unit MWh        GWh               MWh
money        unit kCNY       million CNY       thousand CNY
carbon       unit t          kt                t
traffic      unit Mbps       Gbps              Mbps
===========  ==============  ================  =====================

so a price of 100 kCNY a chip, 3 CNY a watt and 0.4 CNY a kWh are 100, 3 and 0.4 at any size.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from computenet.optimization.expansion_time import Stages, annuity, in_service, present_value
from computenet.optimization.expansion_year import EnergyYear
from computenet.optimization.problem_checks import ProblemChecks

__all__ = [
    "BATTERY",
    "HOURS_PER_YEAR",
    "PV",
    "WIND",
    "ChipSupply",
    "Demand",
    "EnergyYear",
    "ExpansionProblem",
    "Limits",
    "Links",
    "Plants",
    "Sites",
    "Stages",
    "annuity",
    "in_service",
    "present_value",
]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
B1 = NDArray[np.bool_]

PV, WIND, BATTERY = 0, 1, 2
HOURS_PER_YEAR = 8760.0


@dataclass(frozen=True, slots=True)
class ChipSupply:
    """Chips: what they draw, what they cost, how many there are.

    Attributes
    ----------
    names
        ``(T,)``.
    nameplate_kw, base_kw
        ``(T,)`` power at full load, and when idle, server included, kW.
    pflops
        ``(T,)`` peak FP16 (for shares of new compute).
    price
        ``(T, Y)`` in thousand CNY; infinite = not for sale.
    supply
        ``(T, Y)`` most that can be bought in the stage; infinite = no limit.
    yearly
        ``(T,)`` paid a year over the price: annuity and upkeep.
    serves
        ``(T, Y, Y)`` bought in stage a, in service in b.
    fleet
        ``(I, T, Y)`` of today's fleet that is left.
    metered
        ``(Y,)`` or ``(1,)`` power of chips, busy or idle, over what the data say of them.
    """

    names: tuple[str, ...]
    nameplate_kw: F8
    base_kw: F8
    pflops: F8
    price: F8
    supply: F8
    yearly: F8
    serves: B1
    fleet: F8
    metered: F8 = field(default_factory=lambda: np.ones(1))


@dataclass(frozen=True, slots=True)
class Demand:
    """Demand by region and class, and how chips do its work.

    Attributes
    ----------
    regions, classes, streams
        Names.
    stream
        ``(C,)`` stream of each class.
    work
        ``(R, C, Y)`` mean reference chips that are busy.
    need
        ``(C, T)`` chips busy for one busy reference chip; infinite = does not run there.
    room
        ``(C, Y)`` chips held for one busy on average: peaks and utilisation.
    draw_kw
        ``(C, T)`` power above idle of a busy chip, kW.
    moves
        ``(C,)`` whether the class's energy may move within the day (jobs).
    traffic
        ``(C,)`` traffic of one busy reference chip (unit Mbps of unit chips).
    transfer_cost
        ``(R, G, I)`` of serving all of a region's demand of a stream for a year, by site, for
        each stage ``Y``: shape ``(R, G, I, Y)``.
    open_way
        ``(R, G, I)`` a way exists.
    covered
        ``(R, G, I)`` within the stream's latency circle.
    unmet_cost
        Thousand CNY for a year of a reference chip's work not done.
    """

    regions: tuple[str, ...]
    classes: tuple[str, ...]
    streams: tuple[str, ...]
    stream: I8
    work: F8
    need: F8
    room: F8
    draw_kw: F8
    moves: B1
    traffic: F8
    transfer_cost: F8
    open_way: B1
    covered: B1
    unmet_cost: float


@dataclass(frozen=True, slots=True)
class Sites:
    """Sites and their halls.

    Attributes
    ----------
    names
        ``(I,)``.
    halls
        ``(I, Y)`` power of today's halls that accelerators have; 0 for candidates.
    most_halls
        ``(I, Y)`` most of new halls in service; 0 where nothing may be built.
    open_cost
        ``(I, Y)`` of the first building.
    hall_cost
        ``(I, Y)`` by power.
    yearly
        Paid a year over both: annuity and upkeep.
    serves
        ``(Y, Y)`` in service.
    is_open
        ``(I,)`` open today.
    hub
        ``(I,)`` counts as a hub.
    occupancy
        ``(I,)`` least nameplate power in use over power of halls; 0 = none.
    """

    names: tuple[str, ...]
    halls: F8
    most_halls: F8
    open_cost: F8
    hall_cost: F8
    yearly: float
    serves: B1
    is_open: B1
    hub: B1
    occupancy: F8


@dataclass(frozen=True, slots=True)
class Links:
    """Links that traffic may fill.

    Attributes
    ----------
    names
        ``(L,)``.
    capacity
        ``(L,)`` today's, times the utilisation allowed.
    wave
        Capacity of a wave, times the same.
    cost
        ``(L, Y)`` of a wave.
    most_waves
        Most waves of a link and stage.
    yearly
        Paid a year over it.
    serves
        ``(Y, Y)``.
    way_start, way_link
        Links of the way from region to site, compressed: way ``region * I + site``.
    """

    names: tuple[str, ...]
    capacity: F8
    wave: float
    cost: F8
    most_waves: float
    yearly: float
    serves: B1
    way_start: I8
    way_link: I8


@dataclass(frozen=True, slots=True)
class Plants:
    """Own generation and storage that sites may build, ``3`` = pv, wind, battery.

    `cost` is ``(3, Y)`` by power, `most` ``(3, I)``, `yearly` ``(3,)``, `serves` ``(3, Y, Y)``.
    """

    cost: F8
    most: F8
    yearly: F8
    serves: B1


@dataclass(frozen=True, slots=True)
class Limits:
    """Targets of the whole plan; infinite or 0 = none.

    `budget` and `carbon` are ``(Y,)``, `coverage` and `must_run` ``(G,)`` shares, `hub_share` one.
    `over_budget` and `over_carbon` are what a unit of money or carbon over the limit of a stage
    costs where it may give way, to see how much is needed; infinite = the limits hold.
    """

    hub_share: float
    coverage: F8
    must_run: F8
    budget: F8
    carbon: F8
    over_budget: float = np.inf
    over_carbon: float = np.inf


@dataclass(frozen=True, slots=True)
class ExpansionProblem:
    """A whole capacity expansion."""

    unit: float
    stages: Stages
    chips: ChipSupply
    demand: Demand
    sites: Sites
    links: Links
    plants: Plants
    energy: EnergyYear
    limits: Limits

    @property
    def stream_work(self) -> F8:
        """Work of each stream, ``(R, G, Y)``."""
        total = np.zeros(
            (len(self.demand.regions), len(self.demand.streams), len(self.stages.years))
        )
        for c, g in enumerate(self.demand.stream.tolist()):
            total[:, g] += self.demand.work[:, c]
        return total

    def check(self) -> None:
        """Raise `InputError` with every array that is no number or out of range."""
        checks = ProblemChecks("expansion")
        d, s, e, c = self.demand, self.sites, self.energy, self.chips
        sites, years, hours = len(s.names), len(self.stages.years), e.hours
        kinds, classes = len(c.names), len(d.classes)
        for path, values, shape, names, bounds in (
            ("demand.work", d.work, (len(d.regions), classes, years), d.regions, (False, False)),
            ("demand.room", d.room, (classes, years), d.classes, (False, False)),
            ("demand.need", d.need, (classes, kinds), d.classes, (False, True)),
            ("demand.draw_kw", d.draw_kw, (classes, kinds), d.classes, (False, False)),
            ("sites.halls", s.halls, (sites, years), s.names, (False, False)),
            ("sites.most_halls", s.most_halls, (sites, years), s.names, (False, False)),
            ("sites.open_cost", s.open_cost, (sites, years), s.names, (False, False)),
            ("sites.hall_cost", s.hall_cost, (sites, years), s.names, (False, False)),
            ("chips.fleet", c.fleet, (sites, kinds, years), s.names, (False, False)),
            ("chips.price", c.price, (kinds, years), c.names, (False, True)),
            ("chips.supply", c.supply, (kinds, years), c.names, (False, True)),
            ("chips.nameplate_kw", c.nameplate_kw, (kinds,), c.names, (False, False)),
            ("chips.base_kw", c.base_kw, (kinds,), c.names, (False, False)),
            ("chips.metered", c.metered, c.metered.shape, self.stages.names, (False, False)),
            ("energy.pue", e.pue, (sites, years, hours), s.names, (False, False)),
            ("energy.price", e.price, (sites, years, hours), s.names, (True, False)),
            ("energy.emission", e.emission, (sites, years, hours), s.names, (False, False)),
            ("energy.output", e.output, (2, sites, hours), ("pv", "wind"), (False, False)),
            ("energy.today", e.today, (sites, hours), s.names, (False, False)),
            ("limits.budget", self.limits.budget, (years,), self.stages.names, (False, True)),
            ("limits.carbon", self.limits.carbon, (years,), self.stages.names, (False, True)),
        ):
            checks.numbers(path, values, shape, names, negative=bounds[0], infinite=bounds[1])
        checks.done()
