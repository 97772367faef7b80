"""The supply side a user describes: sites, accelerators, pools, regions, links, tariffs, grids."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from computenet.scenario.common import (
    Identifier,
    Name,
    NonNegative,
    Positive,
    Share,
    Sourced,
)
from computenet.scenario.energy import BatterySpec, ClimateSpec, GeneratorSpec

Latitude = Annotated[float, Field(ge=-90.0, le=90.0)]
Longitude = Annotated[float, Field(ge=-180.0, le=180.0)]
Pue = Annotated[float, Field(ge=1.0, le=3.0)]
Discipline = Literal[
    "fcfs", "easy", "conservative", "sjf", "ljf", "smallest-area", "multifactor", "fair-share",
    "preemptive",
]  # fmt: skip
Band = Literal["critical", "peak", "flat", "valley", "deep_valley"]


class AcceleratorSpec(Sourced):
    """One accelerator type, with its share of the server around it."""

    id: Identifier = Field(description="unique among accelerator types")
    name: Name = Field(description="name in English and Chinese")
    vendor: str = Field(description="who makes it")
    fp16_tflops: Positive = Field(description="dense FP16/BF16 peak, TFLOPS")
    memory_gb: Positive = Field(description="memory of one accelerator, GB")
    memory_bandwidth_tb_s: Positive = Field(description="memory bandwidth of one accelerator, TB/s")
    tdp_w: Positive = Field(description="thermal design power of one accelerator, W")
    idle_w: NonNegative = Field(description="power of one idle accelerator, W")
    accelerators_per_server: Annotated[int, Field(ge=1)] = Field(
        default=8, description="accelerators in one server"
    )
    server_overhead_w: NonNegative = Field(
        description="power of the server around the accelerators (host, fans, NICs), W a server"
    )
    failures_per_1000_server_days: NonNegative = Field(
        default=0.0, description="failures of a server that stop what runs on it"
    )
    speed: dict[Identifier, NonNegative] = Field(
        description="relative speed by job class, reference accelerator = 1; 0 = does not run there"
    )


class PoolSpec(Sourced):
    """Accelerators of one type at one site under one queue."""

    id: Identifier = Field(description="unique among pools")
    site: Identifier = Field(description="id of the site where it stands")
    accelerator: Identifier = Field(description="id of its accelerator type")
    count: Annotated[int, Field(ge=1)] = Field(description="accelerators in the pool")
    serving_share: Share = Field(
        default=0.0, description="share of the accelerators set aside for inference replicas"
    )
    serving_models: dict[Identifier, NonNegative] | None = Field(
        default=None,
        description="relative parts of the accelerators set aside that each model of the workload "
        "has here, no others; without it the models' own serving_share",
    )
    discipline: Discipline = Field(
        default="easy",
        description="first come first served, EASY or conservative backfill; shortest, longest or "
        "smallest area first by the users' estimates; multifactor priority; fair share by tenant; "
        "preemptive by class",
    )
    backfill_depth: Annotated[int, Field(ge=1, le=10_000)] | None = Field(
        default=None, description="reservations conservative backfill holds at most; 50"
    )
    priority_weight_s: NonNegative | None = Field(
        default=None,
        description="multifactor: waiting time that one step of a class's priority is worth, s; "
        "one day",
    )
    size_weight_s: Annotated[float, Field(ge=-1e9, le=1e9)] | None = Field(
        default=None,
        description="multifactor: waiting time that a gang as large as the pool is worth, s; 0",
    )
    usage_half_life_s: Annotated[float, Field(ge=3600)] | None = Field(
        default=None,
        description="fair share: time in which a tenant's past use counts half, s; seven days",
    )

    @model_validator(mode="after")
    def _parameters_belong(self) -> PoolSpec:
        if self.serving_models is not None:
            if self.serving_share == 0.0:
                raise ValueError("serving_models is used only where serving_share is above 0")
            if not any(self.serving_models.values()):
                raise ValueError("serving_models has a part above 0 for one model at least")
        for name, discipline in PARAMETERS.items():
            if getattr(self, name) is not None and self.discipline != discipline:
                raise ValueError(
                    f"{name} is used by the discipline {discipline} only, not by {self.discipline}"
                )
        return self


#: Parameters of one discipline.
PARAMETERS = {
    "backfill_depth": "conservative",
    "priority_weight_s": "multifactor",
    "size_weight_s": "multifactor",
    "usage_half_life_s": "fair-share",
}


class TargetsSpec(Sourced):
    """Policy targets of a site, checked after a run and reported with their margin."""

    pue_max: Pue | None = Field(default=None, description="highest mean PUE; none = no target")
    green_share_min: Share | None = Field(
        default=None, description="least share of electricity that is green; none = no target"
    )
    rack_occupancy_min: Share | None = Field(
        default=None,
        description="least mean share of accelerators in use; none = no target",
    )


class SiteSpec(Sourced):
    """A data-centre cluster."""

    id: Identifier = Field(description="unique among sites and regions")
    name: Name = Field(description="name in English and Chinese")
    hub: Name | None = Field(default=None, description="national hub node; None = metro site")
    province: Identifier = Field(description="region id of the province it stands in")
    latitude: Latitude = Field(description="degrees north")
    longitude: Longitude = Field(description="degrees east")
    role: Literal["east", "west", "metro"] = Field(
        description="side of the east-west programme, or a metro site near its users"
    )
    role_text: str = Field(default="", description="what the site is for, in words")
    it_capacity_mw: Annotated[float, Field(gt=0, le=100_000)] = Field(
        description="IT power that halls hold, MW"
    )
    pue: Pue = Field(description="annual mean facility energy over IT energy")
    water_l_per_kwh: NonNegative = Field(description="water use effectiveness, L per kWh of IT")
    green_contract_share: Share = Field(
        description="share of annual electricity covered by green contracts; their premium is "
        "charged with energy.model=full"
    )
    tariff: Identifier = Field(description="id of its tariff")
    grid: Identifier = Field(description="id of its grid")
    targets: TargetsSpec = Field(
        default_factory=TargetsSpec, description="what is checked after a run"
    )
    climate: ClimateSpec | None = Field(
        default=None, description="without one a site keeps its annual PUE"
    )
    cooling: Literal["economiser", "chiller", "evaporative", "liquid"] = Field(
        default="economiser", description="kind of cooling plant; used with energy.model=full"
    )
    generators: list[GeneratorSpec] = Field(
        default_factory=list,
        description="wind and solar power of the site; used with energy.model=full",
    )
    battery: BatterySpec | None = Field(
        default=None, description="storage of the site; used with energy.model=full"
    )
    dataset_storage_tb: NonNegative = Field(
        default=0.0,
        description="datasets stay where they were moved, the least recently used make room; 0 = "
        "every job moves its own",
    )
    import_limit_mw: Positive | None = Field(
        default=None, description="most power from the grid, for either model"
    )


class RegionSpec(Sourced):
    """A demand region (province)."""

    id: Identifier = Field(description="unique among sites and regions")
    name: Name = Field(description="name in English and Chinese")
    latitude: Latitude = Field(description="degrees north, of its users' centre")
    longitude: Longitude = Field(description="degrees east, of its users' centre")
    inference_share: Share = Field(description="share of national inference demand")
    training_share: Share = Field(description="share of national training demand")
    activity_shift_h: Annotated[float, Field(ge=-12, le=12)] = Field(
        default=0.0, description="hours the daily shape runs later than in Beijing"
    )


class LinkSpec(Sourced):
    """An undirected fibre link between two nodes (sites or regions)."""

    id: Identifier = Field(description="unique among links")
    a: Identifier = Field(description="id of the site or region at one end")
    b: Identifier = Field(description="id of the site or region at the other end")
    length_km: NonNegative = Field(description="length of the fibre, km")
    latency_ms: NonNegative = Field(description="one-way latency, ms")
    capacity_gbps: Positive = Field(description="capacity, both directions together, Gbps")
    price_cny_per_gb: NonNegative = Field(description="price of traffic, CNY per GB")


class TariffSeason(Sourced):
    """Hourly energy prices in some months: 尖/峰/平/谷 bands and what each costs."""

    months: Annotated[list[Annotated[int, Field(ge=1, le=12)]], Field(min_length=1)] = Field(
        description="months it holds in, 1 to 12"
    )
    bands: Annotated[list[Band], Field(min_length=24, max_length=24)] = Field(
        description="band of each hour of the day, local time"
    )
    price_cny_per_mwh: Annotated[
        list[Annotated[float, Field(ge=-2000, le=20000)]], Field(min_length=24, max_length=24)
    ] = Field(description="energy price of each hour of the day, CNY/MWh")


class TariffSpec(Sourced):
    """A two-part time-of-use tariff."""

    id: Identifier = Field(description="unique among tariffs")
    name: Name = Field(description="name in English and Chinese")
    demand_charge_cny_per_kw_month: NonNegative = Field(
        description="charge on the month's highest mean import of an accounting slot"
    )
    seasons: Annotated[list[TariffSeason], Field(min_length=1)] = Field(
        description="prices by month; together they have every month once"
    )


class GridSpec(Sourced):
    """A provincial grid's average emission factor (location-based)."""

    id: Identifier = Field(description="unique among grids")
    name: Name = Field(description="name in English and Chinese")
    emission_kg_per_mwh: NonNegative = Field(description="average emissions, kg of CO2 per MWh")


class TopologySpec(Sourced):
    """A whole topology."""

    id: Identifier = Field(description="short name of the topology")
    title: Name = Field(description="name in English and Chinese")
    description: str = Field(default="", description="in words, for readers")
    utc_offset_h: Annotated[float, Field(ge=-12, le=14)] = Field(
        default=8.0, description="local time over UTC, h; tariffs and daily shapes follow it"
    )
    accelerators: Annotated[list[AcceleratorSpec], Field(min_length=1)] = Field(
        description="accelerator types"
    )
    sites: Annotated[list[SiteSpec], Field(min_length=1)] = Field(
        description="data-centre clusters"
    )
    pools: Annotated[list[PoolSpec], Field(min_length=1)] = Field(
        description="accelerators at sites"
    )
    regions: Annotated[list[RegionSpec], Field(min_length=1)] = Field(
        description="where demand comes from"
    )
    links: list[LinkSpec] = Field(
        default_factory=list, description="fibre between sites and regions"
    )
    tariffs: Annotated[list[TariffSpec], Field(min_length=1)] = Field(
        description="electricity prices"
    )
    grids: Annotated[list[GridSpec], Field(min_length=1)] = Field(
        description="emission factors of grids"
    )
