"""What a planner may build, what it costs, and which targets hold: the section ``planning``."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, model_validator

from computenet.scenario.common import Identifier, Name, NonNegative, Positive, Share, Sourced

__all__ = [
    "BatteryBuildSpec",
    "ChipSpec",
    "DemandGrowthSpec",
    "LinkBuildSpec",
    "OperationSpec",
    "PlanTargetsSpec",
    "PlanningSpec",
    "RenewableBuildSpec",
    "SiteBuildSpec",
    "StageSpec",
]

Role = Literal["east", "west", "metro"]
Year = Annotated[int, Field(ge=2000, le=2200)]
Rate = Annotated[float, Field(gt=-1.0, le=10.0)]
Decline = Annotated[float, Field(gt=-1.0, lt=1.0)]
Life = Annotated[float, Field(ge=1.0, le=100.0)]


class StageSpec(Sourced):
    """A year that is planned, and how many years it stands for."""

    year: Year = Field(description="first year of the stage")
    years: Annotated[float, Field(gt=0.0, le=50.0)] = Field(
        default=1.0,
        description="years the stage stands for, beginning with its own; no more than the shortest "
        "life of what can be bought",
    )


class ChipSpec(Sourced):
    """An accelerator type that can be bought."""

    accelerator: Identifier = Field(description="id of an accelerator of the topology")
    price_cny: Positive = Field(
        description="price of one accelerator with its part of server and fabric, base year, CNY"
    )
    price_decline: Decline = Field(default=0.0, description="fall of the price a year, share")
    supply_per_year: NonNegative | None = Field(
        default=None, description="most accelerators that can be bought in the base year; no limit"
    )
    supply_growth: Rate = Field(default=0.0, description="growth of the supply a year, share")
    first_year: Year = Field(default=2000, description="first year of sale")
    last_year: Year = Field(default=2200, description="last year of sale")
    lifetime_years: Life = Field(default=5.0, description="years from purchase to retirement")
    upkeep_share: Share = Field(default=0.0, description="upkeep a year over the price paid")


class SiteBuildSpec(Sourced):
    """Halls: what opening and extending a site costs, and how far it goes."""

    open_cny: NonNegative = Field(description="land, grid connection, first building of a new site")
    extend_cny: NonNegative = Field(
        default=0.0, description="the same for the first extension of a site that is open"
    )
    hall_cny_per_mw: NonNegative = Field(description="halls by MW of IT")
    lifetime_years: Life = Field(
        default=20.0, description="years over which halls are paid for and used"
    )
    upkeep_share: Share = Field(default=0.0, description="upkeep a year over what was paid")
    closed: list[Identifier] = Field(
        default_factory=list,
        description="sites that are candidates only, though they have pools today",
    )
    accelerator_share: Annotated[float, Field(gt=0.0, le=1.0)] = Field(
        default=1.0, description="part of today's IT capacity that accelerators have"
    )
    most_factor: NonNegative = Field(
        default=2.0, description="most MW of new halls over today's it_capacity_mw"
    )
    most_mw: dict[Identifier, NonNegative] = Field(
        default_factory=dict, description="most MW of new halls by site, in place of the factor"
    )
    new_pue: dict[Role, Annotated[float, Field(ge=1.0, le=3.0)]] = Field(
        default_factory=dict,
        description="PUE of new halls by role of the site; nothing = the site's PUE of today",
    )


class RenewableBuildSpec(Sourced):
    """Photovoltaic or wind plant that sites can build for themselves."""

    capex_cny_per_kw: NonNegative = Field(description="cost of plant in the base year, CNY per kW")
    capex_decline: Decline = Field(default=0.0, description="fall of the cost a year, share")
    lifetime_years: Life = Field(
        default=25.0, description="years over which plant is paid for and used"
    )
    upkeep_share: Share = Field(default=0.0, description="upkeep a year over what was paid")
    most_mw: dict[Role, NonNegative] = Field(
        default_factory=dict, description="most MW at a site by its role; nothing = none"
    )
    most_factor: NonNegative | None = Field(
        default=None, description="besides, at most so many times today's it_capacity_mw"
    )
    capacity_factor: dict[Role, Annotated[float, Field(gt=0.0, lt=1.0)]] = Field(
        default_factory=dict,
        description="annual mean of output over capacity where the site has no such plant today",
    )


class BatteryBuildSpec(Sourced):
    """Batteries that sites can build."""

    capex_cny_per_kwh: NonNegative = Field(
        description="cost of batteries in the base year, CNY per kWh of energy when full"
    )
    capex_decline: Decline = Field(default=0.0, description="fall of the cost a year, share")
    hours: Positive = Field(default=4.0, description="energy over power")
    efficiency: Annotated[float, Field(gt=0.0, le=1.0)] = Field(
        default=0.88, description="round trip"
    )
    lifetime_years: Life = Field(
        default=12.0, description="years over which batteries are paid for and used"
    )
    upkeep_share: Share = Field(default=0.0, description="upkeep a year over what was paid")
    cycle_cny_per_mwh: NonNegative = Field(default=0.0, description="wear, by energy given back")
    most_factor: NonNegative = Field(
        default=1.0, description="most MW of batteries over today's it_capacity_mw"
    )


class LinkBuildSpec(Sourced):
    """Fibre waves."""

    wave_gbps: Positive = Field(default=400.0, description="capacity of a wave")
    cny_per_km: NonNegative = Field(description="a wave by length of the link")
    cny_per_wave: NonNegative = Field(description="both ends of a wave")
    lifetime_years: Life = Field(
        default=10.0, description="years over which a wave is paid for and used"
    )
    upkeep_share: Share = Field(default=0.0, description="upkeep a year over what was paid")
    utilisation: Annotated[float, Field(gt=0.0, le=1.0)] = Field(
        default=0.5, description="most mean load of a link over its capacity"
    )


class DemandGrowthSpec(Sourced):
    """Growth of demand a year, over today's workload."""

    inference: Rate = Field(description="requests")
    training: Rate = Field(description="jobs")
    by_class: dict[Identifier, Rate] = Field(
        default_factory=dict, description="of a service or job class, in place of the above"
    )


class OperationSpec(Sourced):
    """How what is built will be run."""

    serving_utilisation: Annotated[float, Field(gt=0.0, le=1.0)] = Field(
        default=0.6, description="most load of replicas at the day's peak"
    )
    job_utilisation: Annotated[float, Field(gt=0.0, le=1.0)] = Field(
        default=0.8, description="mean use of accelerators for jobs"
    )
    flexible_share: Share = Field(
        default=0.3, description="part of the jobs' energy that may move within the day"
    )
    unmet_cny_per_accelerator_h: Positive = Field(
        default=50.0, description="loss from work not done, by hour of the reference accelerator"
    )
    green_contract_growth: NonNegative = Field(
        default=0.0, description="rise a year of the share of grid power bought green, points"
    )
    green_contract_most: Share = Field(default=1.0, description="where that rise ends")
    price_growth: Rate = Field(default=0.0, description="growth of grid prices a year")
    emission_decline: Decline = Field(default=0.0, description="fall of grid emissions a year")
    carbon_price_cny_per_t: NonNegative = Field(
        default=0.0, description="price of emissions in the base year, CNY per t of CO2"
    )
    carbon_price_growth: Rate = Field(
        default=0.0, description="growth of the carbon price a year, share"
    )


class PlanTargetsSpec(Sourced):
    """Targets of the plan; ``null`` takes one away."""

    hub_share_min: Share | None = Field(
        default=None, description="of new compute (FP16 peak), in hubs, each stage"
    )
    green_share_min: Share | None = Field(
        default=None, description="of the year's electricity, at each hub site"
    )
    site_green_targets: bool = Field(
        default=False, description="sites' own targets.green_share_min hold too"
    )
    pue_caps: bool = Field(
        default=True, description="nothing is built where new halls exceed the site's pue_max"
    )
    rack_occupancy_min: Share | None = Field(
        default=None, description="nameplate power in use over the power of halls in use, each site"
    )
    latency_coverage_min: dict[Identifier, Share] = Field(
        default_factory=dict,
        description="share of a class's demand that is served within its latency circle",
    )
    latency_coverage_others: Share = Field(
        default=0.0, description="the same for every service class that is not named"
    )
    must_run_share: Share = Field(
        default=0.0, description="share of each class's demand that is served at least"
    )
    budget_cny: NonNegative | list[NonNegative] | None = Field(
        default=None, description="most investment, of every stage or one by one"
    )
    carbon_cap_kt: NonNegative | list[NonNegative] | None = Field(
        default=None, description="most emissions a year (location-based), of every stage or each"
    )


class PlanningSpec(Sourced):
    """All a plan is made from, beside topology and workload."""

    id: Identifier = Field(default="planning", description="short name of the planning data")
    title: Name = Field(
        default=Name(en="Planning", zh="规划"), description="name in English and Chinese"
    )
    description: str = Field(default="", description="in words, for readers")
    base_year: Year = Field(default=2025, description="year of today's fleet, demand and prices")
    stages: Annotated[list[StageSpec], Field(min_length=1, max_length=50)] = Field(
        description="years that are planned, in order"
    )
    discount_rate: Annotated[float, Field(ge=0.0, le=1.0)] = Field(
        description="real rate a year at which later costs count less, share"
    )
    days: Annotated[int, Field(ge=1, le=365)] = Field(
        default=4, description="representative days of each stage"
    )
    fleet_life_years: Life = Field(
        default=5.0,
        description="life of today's accelerators, bought evenly over the years before",
    )
    chips: Annotated[list[ChipSpec], Field(min_length=1)] = Field(
        description="accelerator types that can be bought"
    )
    sites: SiteBuildSpec = Field(description="what halls cost and how far sites go")
    links: LinkBuildSpec = Field(description="what fibre waves cost and carry")
    pv: RenewableBuildSpec | None = Field(
        default=None, description="solar plant that sites can build; none = no plant"
    )
    wind: RenewableBuildSpec | None = Field(
        default=None, description="wind plant that sites can build; none = no plant"
    )
    battery: BatteryBuildSpec | None = Field(
        default=None, description="batteries that sites can build; none = no batteries"
    )
    demand: DemandGrowthSpec = Field(description="growth of requests and jobs")
    operation: OperationSpec = Field(
        default_factory=OperationSpec,
        description="how what is built is run, and prices of operation",
    )
    targets: PlanTargetsSpec = Field(
        default_factory=PlanTargetsSpec, description="what the plan must meet"
    )

    @model_validator(mode="after")
    def _stages_follow(self) -> PlanningSpec:
        years = [stage.year for stage in self.stages]
        if years[0] < self.base_year:
            raise ValueError(f"the first stage, {years[0]}, is before base_year {self.base_year}")
        for before, after in pairwise(self.stages):
            if after.year < before.year + before.years - 1e-9:
                raise ValueError(
                    f"stage {after.year} begins before the {before.years:g} years of stage "
                    f"{before.year} end"
                )
        for name in ("budget_cny", "carbon_cap_kt"):
            value = getattr(self.targets, name)
            if isinstance(value, list) and len(value) != len(self.stages):
                raise ValueError(
                    f"targets.{name} has {len(value)} values for {len(self.stages)} stages"
                )
        names = [chip.accelerator for chip in self.chips]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"chips stand twice: {', '.join(twice)}")
        return self
