"""A year of electricity of every site and stage on representative days."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from computenet.optimization.expansion_problem import EnergyYear, Stages
from computenet.optimization.representative_days import (
    RepresentativeDays,
    choose_days,
    keep_mean,
)
from computenet.scenario import Scenario
from computenet.scenario.planning import PlanningSpec
from computenet.study.planning.year import DAYS, Year

__all__ = ["Electricity", "cleaner_grids", "electricity_of", "price_rise", "stage_pue"]

F8 = NDArray[np.float64]

#: What a kilowatt-hour of green power short of the target costs in the model: so many times the
#: most valuable work that it could do, and at least so many CNY, which is more than an hour less of
#: peak saves in demand charge. So work is left undone before a target is missed, and a target is
#: missed where nothing else is left. Power that cannot be had at all costs twice as much.
SHORT_OVER_WORK, SHORT_CNY_PER_KWH = 20.0, 700.0
#: Emissions over the cap cost as much by the kilowatt-hour, down to this factor of the grid, kg.
CLEAN_KG_PER_KWH = 0.05


@dataclass(frozen=True, slots=True)
class Electricity:
    """A year of electricity in MW and MWh, before units are chosen."""

    year: EnergyYear

    def in_units(self, unit: float) -> EnergyYear:
        """Return it with power in kW times `unit`."""
        from dataclasses import replace

        e, factor = self.year, 1e3 / unit
        return replace(
            e,
            today=e.today * factor,
            most_import=e.most_import * factor,
            battery_power=e.battery_power * factor,
            battery_energy=e.battery_energy * factor,
        )


def price_rise(planning: PlanningSpec, after_years: float) -> float:
    """Return the factor on prices of electricity after so many years."""
    factor: float = (1.0 + planning.operation.price_growth) ** float(after_years)
    return factor


def cleaner_grids(planning: PlanningSpec, after_years: float) -> float:
    """Return the factor on the grids' emissions after so many years."""
    factor: float = (1.0 - planning.operation.emission_decline) ** float(after_years)
    return factor


def stage_pue(scenario: Scenario, planning: PlanningSpec, left: F8) -> F8:
    """Return annual PUE by site and stage, ``(I, Y)``.

    Halls are refitted as today's fleet leaves them, and new ones have the new PUE, so
    ``PUE[y] = new + (today - new) left[y]`` with the part of today's fleet that is left.
    """
    today = np.asarray([site.pue for site in scenario.topology.sites])
    new = np.asarray(
        [
            min(planning.sites.new_pue.get(site.role, site.pue), site.pue)
            for site in scenario.topology.sites
        ]
    )
    value: F8 = new[:, None] + (today - new)[:, None] * left[None, :]
    return value


def electricity_of(
    scenario: Scenario,
    planning: PlanningSpec,
    year: Year,
    when: Stages,
    left: F8,
    work_cny_per_kwh: float,
) -> tuple[Electricity, RepresentativeDays]:
    """Choose representative days and return the year on them.

    Days are alike by prices, sun, wind, PUE and today's generation of every site and by requests;
    kept apart are the day with the least sun and wind, and the one on which the load of facilities
    most exceeds what sun and wind of like size would give. What targets missed cost in the model
    goes by the most valuable work a kilowatt-hour does, `work_cny_per_kwh`.
    """
    sites, operation = year.today.sites, planning.operation
    n = len(sites.ids)
    energy = year.today.energy
    today = energy.onsite_mw + energy.direct_mw
    pue = np.maximum(energy.pue, 1.0)
    series = np.concatenate([sites.price_cny_per_mwh, year.output[0], year.output[1], pue, today])
    requests = np.broadcast_to(year.serving_shape, (n, year.serving_shape.size))
    days = choose_days(
        _by_day(np.concatenate([series, requests])), planning.days,
        {
            "least wind and sun": -year.output.mean(axis=(0, 1)).reshape(DAYS, 24).mean(axis=1),
            "highest net load": (
                pue.mean(axis=0) * year.serving_shape - year.output.mean(axis=(0, 1))
            ).reshape(DAYS, 24).mean(axis=1),
        },
    )  # fmt: skip

    def shown(values: F8, most: float = np.inf) -> F8:
        return keep_mean(values, days, most)

    annual = stage_pue(scenario, planning, left)
    excess = (annual - 1.0) / np.maximum(sites.pue - 1.0, 1e-12)[:, None]
    over = shown(pue - 1.0)
    price = _chosen(sites.price_cny_per_mwh, days)
    price = price + (
        sites.price_cny_per_mwh.mean(axis=1) - (price @ np.repeat(days.weight, 24)) / 8760.0
    )[:, None]  # fmt: skip
    rising, cleaner = (
        np.asarray([of(planning, after) for after in when.after_years])
        for of in (price_rise, cleaner_grids)
    )
    carbon = operation.carbon_price_cny_per_t * (
        (1.0 + operation.carbon_price_growth) ** when.after_years
    )
    rise = operation.green_contract_growth * when.after_years
    most = np.maximum(operation.green_contract_most, sites.green_contract_share)
    contract = np.minimum(sites.green_contract_share[:, None] + rise, most[:, None])
    short = max(SHORT_CNY_PER_KWH, SHORT_OVER_WORK * work_cny_per_kwh)
    clean = float(energy.emission_kg_per_mwh.min(initial=np.inf)) * cleaner[-1] / 1e3
    battery = planning.battery
    kinds = np.asarray(days.kind)
    labels = tuple(f"day {day + 1} ({kind})" for day, kind in zip(days.day, kinds, strict=True))
    return Electricity(
        EnergyYear(
            days=labels,
            day_weight=days.weight,
            serving_shape=shown(year.serving_shape[None])[0],
            pue=1.0 + over[:, None, :] * excess[:, :, None],
            price=price[:, None, :] * rising[None, :, None] / 1e3,
            emission=_chosen(energy.emission_kg_per_mwh, days)[:, None, :]
            * cleaner[None, :, None] / 1e3,
            output=np.stack([shown(values, 1.0) for values in year.output]),
            today=shown(today),
            today_cost=_mean_price(energy.generation_cny_per_mwh, today) / 1e3,
            most_import=_chosen(energy.limit_mw, days),
            peak_cost=sites.demand_charge_cny_per_mw_month * 12.0 / 1e6,
            battery_power=energy.battery.power_mw,
            battery_energy=energy.battery.energy_mwh,
            battery_hours=battery.hours if battery else 0.0,
            efficiency=battery.efficiency if battery else 1.0,
            cycle_cost=battery.cycle_cny_per_mwh / 1e3 if battery else 0.0,
            contract_share=contract,
            contract_cost=scenario.energy.green_premium_cny_per_mwh / 1e3,
            green_share=_green(scenario, planning)[:, None] * np.ones(len(when.years)),
            flexible_share=operation.flexible_share,
            flexible_room=1.0 / operation.job_utilisation,
            unserved_cost=2.0 * short,
            short_cost=short,
            over_cost=short / max(clean, CLEAN_KG_PER_KWH),
            carbon_cost=carbon / 1e3,
        ),
    ), days  # fmt: skip


def _green(scenario: Scenario, planning: PlanningSpec) -> F8:
    """Return the least green share of each site; 0 = none."""
    targets = planning.targets
    out = np.zeros(len(scenario.topology.sites))
    for i, site in enumerate(scenario.topology.sites):
        if site.hub is not None and targets.green_share_min is not None:
            out[i] = targets.green_share_min
        if targets.site_green_targets and site.targets.green_share_min is not None:
            out[i] = max(out[i], site.targets.green_share_min)
    return out


def _by_day(values: F8) -> F8:
    """Return series ``(n, 8760)`` as rows of days, ``(365, 24 n)``."""
    return values.reshape(len(values), DAYS, 24).transpose(1, 0, 2).reshape(DAYS, -1)


def _mean_price(price: F8, power: F8) -> F8:
    """Return the year's mean price of generation, ``(I,)``, of ``(I, 8760)`` each."""
    total = power.sum(axis=1)
    paid = (price * power).sum(axis=1)
    mean: F8 = np.divide(paid, total, out=np.zeros_like(total), where=total > 0.0)
    return np.where(np.ptp(price, axis=1) > 0.0, mean, price[:, 0])


def _chosen(values: F8, days: RepresentativeDays) -> F8:
    taken = values.reshape(len(values), DAYS, 24)[:, days.day]
    return taken.reshape(len(values), -1)
