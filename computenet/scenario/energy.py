"""The physical side a user describes: climate, cooling, generation, storage, and how it is run."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from computenet.scenario.common import Identifier, NonNegative, Positive, Share, Sourced, Spec

__all__ = ["BatterySpec", "ClimateSpec", "EnergySpec", "GeneratorSpec"]

Celsius = Annotated[float, Field(ge=-60.0, le=60.0)]


class ClimateSpec(Sourced):
    """Climate of a site, of which a typical year is made."""

    annual_c: Celsius = Field(description="mean temperature of the year")
    january_c: Celsius = Field(description="mean temperature of January, °C")
    july_c: Celsius = Field(description="mean temperature of July, °C")
    daily_range_c: Annotated[float, Field(ge=0.0, le=40.0)] = Field(
        default=10.0, description="mean difference of a day's highest and lowest temperature"
    )
    humidity: Share = Field(default=0.6, description="mean relative humidity")


class GeneratorSpec(Sourced):
    """Wind or solar power of a site."""

    id: Identifier = Field(description="unique at its site")
    kind: Literal["pv", "wind"] = Field(description="solar (pv) or wind")
    connection: Literal["on-site", "direct-line"] = Field(
        description="at the site, or by a line of its own"
    )
    capacity_mw: Positive = Field(description="rated power, MW")
    capacity_factor: Annotated[float, Field(gt=0.0, lt=1.0)] = Field(
        description="annual mean of output over capacity"
    )
    price_cny_per_mwh: NonNegative = Field(
        default=0.0, description="paid for what is used; on-site plant is paid for already"
    )
    months: Annotated[list[Positive], Field(min_length=12, max_length=12)] | None = Field(
        default=None, description="wind: energy by month over the year's mean; nothing = even"
    )
    hours: Annotated[list[Positive], Field(min_length=24, max_length=24)] | None = Field(
        default=None, description="wind: energy by hour of the day over the mean; nothing = even"
    )

    @model_validator(mode="after")
    def _shapes_are_of_wind(self) -> GeneratorSpec:
        if self.kind == "pv" and (self.months or self.hours):
            raise ValueError("months and hours are used by wind only; the sun has its own")
        return self


class BatterySpec(Sourced):
    """Storage of a site."""

    power_mw: Positive = Field(description="most power in and out, MW")
    energy_mwh: Positive = Field(description="energy when full, MWh")
    efficiency: Annotated[float, Field(gt=0.0, le=1.0)] = Field(
        default=0.88, description="round trip"
    )
    initial: Share = Field(default=0.5, description="state of charge at the start")
    rule: Literal["self-consumption", "arbitrage", "peak-shaving", "plan"] = Field(
        default="arbitrage",
        description="arbitrage: fills in the cheapest slots of the tariff's day, gives in the "
        "dearest; plan: the policy's set-points",
    )
    target_mw: Positive | None = Field(
        default=None, description="import aimed at; peak shaving only"
    )
    cycle_cny_per_mwh: NonNegative = Field(default=0.0, description="wear, by energy given back")

    @model_validator(mode="after")
    def _target_belongs(self) -> BatterySpec:
        if (self.target_mw is None) != (self.rule != "peak-shaving"):
            raise ValueError("target_mw belongs to peak-shaving, and peak-shaving needs it")
        return self


class PowerStatesSpec(Spec):
    """Idle accelerators of job pools are switched off, whole servers at a time."""

    reserve: Share = Field(
        default=0.05, description="share of a pool's accelerators kept idle for jobs that come"
    )
    start_up_s: Positive = Field(
        default=300.0, description="from off to ready; it draws idle power meanwhile, s"
    )
    off_power_share: Share = Field(
        default=0.02, description="part of idle power that a server draws when it is off"
    )
    review_s: Annotated[float, Field(ge=1.0)] = Field(
        default=300.0, description="interval at which pools are reviewed, s"
    )


class EnergySpec(Spec):
    """How the physical side is run."""

    model: Literal["simple", "full"] = Field(
        default="simple",
        description="simple: annual PUE, grid import only; full: weather, cooling by temperature "
        "and load, generation, storage",
    )
    power_states: PowerStatesSpec | None = Field(
        default=None, description="switch idle accelerators off; nothing = always on"
    )
    power_cap: Annotated[float, Field(gt=0.0, le=1.0)] = Field(
        default=1.0,
        description="most power above idle that accelerators may draw, as a share; speed goes "
        "with its cube root",
    )
    weather_files: dict[Identifier, str] = Field(
        default_factory=dict, description="site: EPW or TMY3 file in place of its typical year"
    )
    series_files: dict[Identifier, str] = Field(
        default_factory=dict,
        description="site: CSV or parquet of time (with its offset from UTC), cny_per_mwh and "
        "kg_per_mwh in place of its tariff and annual factor; for either model",
    )
    carbon_price_cny_per_t: NonNegative = Field(
        default=0.0, description="paid on location-based emissions"
    )
    residual_mix_kg_per_mwh: NonNegative = Field(
        default=609.6,
        description="market-based factor of what is not green: national residual mix 2023",
    )
    green_premium_cny_per_mwh: NonNegative = Field(
        default=15.0,
        description="paid on green contracts over the energy price; model full only, simple "
        "charges none",
    )
    certificate_share: Share = Field(
        default=0.0,
        description="share of consumption covered by certificates, if not green",
    )
    certificate_cny_per_mwh: NonNegative = Field(default=5.96, description="price of certificates")
    voucher_share: Share = Field(
        default=0.0, description="part of the bill paid by compute vouchers (算力券)"
    )
    voucher_budget_cny: NonNegative = Field(
        default=0.0, description="most that vouchers pay in a run"
    )
    embodied_kg_per_accelerator: NonNegative = Field(
        default=164.0,
        description="making of an accelerator and its part of the baseboard, kg CO2e",
    )
    embodied_years: Positive = Field(default=5.0, description="service life")

    @model_validator(mode="after")
    def _used(self) -> EnergySpec:
        if self.model == "simple":
            usual = type(self).model_fields
            given = [
                name
                for name in sorted(self.model_fields_set - {"model", "series_files"})
                if getattr(self, name) != usual[name].get_default(call_default_factory=True)
            ]
            if given:
                raise ValueError(f"{', '.join(given)}: used only with energy.model=full")
        if (self.voucher_share > 0.0) != (self.voucher_budget_cny > 0.0):
            raise ValueError("voucher_share and voucher_budget_cny go together")
        return self
