"""From a scenario and its planning data to a capacity expansion."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from computenet.errors import InputError, Problem
from computenet.network import shortest_routes
from computenet.optimization.expansion_problem import (
    ChipSupply,
    Demand,
    ExpansionProblem,
    Limits,
    Links,
    Plants,
    Sites,
    Stages,
    annuity,
    in_service,
    present_value,
)
from computenet.optimization.representative_days import RepresentativeDays
from computenet.scenario import Scenario
from computenet.scenario.planning import PlanningSpec, RenewableBuildSpec
from computenet.study.planning.demand import Streams, demand_of, streams_of
from computenet.study.planning.electricity import electricity_of
from computenet.study.planning.horizon import cut, long_stages
from computenet.study.planning.year import Year, compile_year

__all__ = ["PlanInputs", "plan_inputs"]

F8 = NDArray[np.float64]

#: Chips from which quantities are in thousands.
LARGE = 30_000.0
#: Most waves a link can have.
MOST_WAVES = 1e4


@dataclass(frozen=True, slots=True)
class PlanInputs:
    """A capacity expansion and what it was made from.

    `days` are the representative days, `fleet` today's accelerators ``(I, T)``, `fleet_left` the
    part of them that is left in each stage ``(Y,)``.
    """

    scenario: Scenario
    planning: PlanningSpec
    year: Year
    streams: Streams
    days: RepresentativeDays
    fleet: F8
    fleet_left: F8
    problem: ExpansionProblem


def plan_inputs(
    scenario: Scenario,
    planning: PlanningSpec,
    *,
    stages: int | None = None,
    days: int | None = None,
) -> PlanInputs:
    """Return the problem of a scenario.

    Parameters
    ----------
    stages
        Only the first so many.
    days
        Representative days, in place of the planning data's.

    Raises
    ------
    InputError
        The scenario cannot be planned: every problem found.
    """
    planning = cut(planning, stages, days)
    if problems := long_stages(planning):
        raise InputError(problems, "nothing was planned")
    year = compile_year(scenario, planning)
    streams = streams_of(scenario, planning, year)
    when = _stages(planning)
    demand = demand_of(scenario, planning, year, streams, when.after_years, 1.0)
    fleet = _fleet(scenario, planning, year)
    _servable(scenario, year, fleet)
    unit = (
        1000.0
        if max(float(demand.work.sum(axis=(0, 1)).max(initial=0.0)), fleet.sum()) > LARGE
        else 1.0
    )
    left = np.maximum(1.0 - when.after_years / planning.fleet_life_years, 0.0)
    electricity, chosen = electricity_of(
        scenario, planning, year, when, left, _work_cny_per_kwh(planning, year, demand)
    )
    problem = ExpansionProblem(
        unit=unit,
        stages=when,
        chips=_chips(scenario, planning, year, when, fleet[:, :, None] * left / unit, unit),
        demand=demand_of(scenario, planning, year, streams, when.after_years, unit),
        sites=_sites(scenario, planning, year, when, fleet, unit),
        links=_links(planning, year, when, unit, scenario),
        plants=_plants(scenario, planning, when, unit),
        energy=electricity.in_units(unit),
        limits=_limits(planning, streams, when, unit),
    )
    return PlanInputs(scenario, planning, year, streams, chosen, fleet, left, problem)


def _work_cny_per_kwh(planning: PlanningSpec, year: Year, demand: Demand) -> float:
    """Return the loss from the work that a kilowatt-hour of IT does at best, where it is not done.

    A busy reference chip of class c takes ``need`` chips of type t, each with its part of those
    that are held idle: ``need (draw + room base)`` kilowatts.
    """
    pools = year.could.pools
    base_kw = (pools.idle_w + pools.overhead_w) / 1e3
    kw = demand.need * (demand.draw_kw + demand.room[:, :1] * base_kw)
    least = float(np.min(np.where(np.isfinite(kw), kw, np.inf), initial=np.inf))
    return planning.operation.unmet_cny_per_accelerator_h / max(least, 1e-6)


def _stages(planning: PlanningSpec) -> Stages:
    after = np.asarray([stage.year - planning.base_year for stage in planning.stages], np.float64)
    years = np.asarray([stage.years for stage in planning.stages], np.float64)
    names = tuple(str(stage.year) for stage in planning.stages)
    assert all(b > a for a, b in pairwise(after))
    return Stages(names, after, years, present_value(planning.discount_rate, after, years))


def _fleet(scenario: Scenario, planning: PlanningSpec, year: Year) -> F8:
    """Return today's accelerators by site and type, without those of closed sites, ``(I, T)``."""
    ids = [site.id for site in scenario.topology.sites]
    out = np.zeros((len(ids), len(year.chips)))
    for pool in scenario.topology.pools:
        if pool.site not in planning.sites.closed:
            out[ids.index(pool.site), year.chips.index(pool.accelerator)] += pool.count
    return out


def _servable(scenario: Scenario, year: Year, fleet: F8) -> None:
    """Refuse demand that no accelerator type there is, or for sale, can serve."""
    planning = scenario.planning
    have = set(np.flatnonzero(fleet.sum(axis=0) > 0.0).tolist())
    if planning is not None:
        have |= {year.chips.index(chip.accelerator) for chip in planning.chips}
    speed = year.could.jobs.speed
    problems = [
        Problem(f"workload.job_classes.{name}", None, "runs on no accelerator that is there or for "
                "sale", ", ".join(year.chips))
        for name, row in zip(year.could.jobs.classes, speed, strict=True)
        if not any(row[k] > 0.0 for k in have)
    ]  # fmt: skip
    if problems:
        raise InputError(problems, "nothing was planned")


def _chips(
    scenario: Scenario, planning: PlanningSpec, year: Year, when: Stages, fleet: F8, unit: float
) -> ChipSupply:
    pools = year.could.pools
    base_kw = (pools.idle_w + pools.overhead_w) / 1e3
    count, stages = len(year.chips), len(when.years)
    price, supply = np.full((count, stages), np.inf), np.full((count, stages), np.inf)
    yearly, serves = np.zeros(count), np.zeros((count, stages, stages), dtype=np.bool_)
    calendar = planning.base_year + when.after_years
    for chip in planning.chips:
        t = year.chips.index(chip.accelerator)
        sold = (calendar >= chip.first_year) & (calendar <= chip.last_year)
        falling = (1.0 - chip.price_decline) ** when.after_years
        price[t] = np.where(sold, chip.price_cny * falling / 1e3, np.inf)
        if chip.supply_per_year is not None:
            rising = (1.0 + chip.supply_growth) ** when.after_years
            supply[t] = chip.supply_per_year * rising * when.years / unit
        yearly[t] = annuity(planning.discount_rate, np.asarray(chip.lifetime_years))
        yearly[t] += chip.upkeep_share
        serves[t] = in_service(when.after_years, chip.lifetime_years)
    return ChipSupply(
        names=year.chips,
        nameplate_kw=base_kw + pools.active_w / 1e3,
        base_kw=base_kw,
        pflops=pools.fp16_tflops / 1e3,
        price=price,
        supply=supply,
        yearly=yearly,
        serves=serves,
        fleet=fleet,
    )


def _sites(
    scenario: Scenario, planning: PlanningSpec, year: Year, when: Stages, fleet: F8, unit: float
) -> Sites:
    build, sites = planning.sites, scenario.topology.sites
    stages = len(when.years)
    pools = year.could.pools
    nameplate_kw = (pools.idle_w + pools.overhead_w + pools.active_w) / 1e3
    held_kw = fleet @ nameplate_kw
    share_kw = np.asarray([1e3 * build.accelerator_share * site.it_capacity_mw for site in sites])
    is_open = fleet.sum(axis=1) > 0.0
    most_kw = np.asarray(
        [
            1e3 * build.most_mw.get(site.id, build.most_factor * site.it_capacity_mw)
            for site in sites
        ]
    )
    for i, site in enumerate(sites):
        cap = site.targets.pue_max
        best = min(build.new_pue.get(site.role, site.pue), site.pue)
        if planning.targets.pue_caps and cap is not None and best > cap + 1e-12:
            most_kw[i] = 0.0
    opening = np.where(is_open, build.extend_cny, build.open_cny) / (1e3 * unit)
    every = np.ones((len(sites), stages))
    occupancy = planning.targets.rack_occupancy_min or 0.0
    return Sites(
        names=tuple(site.id for site in sites),
        halls=np.where(is_open, np.maximum(held_kw, share_kw), 0.0)[:, None] * every / unit,
        most_halls=most_kw[:, None] * every / unit,
        open_cost=opening[:, None] * every,
        hall_cost=build.hall_cny_per_mw / 1e6 * every,
        yearly=float(annuity(planning.discount_rate, np.asarray(build.lifetime_years)))
        + build.upkeep_share,
        serves=in_service(when.after_years, build.lifetime_years),
        is_open=is_open,
        hub=np.asarray([site.hub is not None for site in sites]),
        occupancy=np.full(len(sites), occupancy),
    )


def _links(
    planning: PlanningSpec, year: Year, when: Stages, unit: float, scenario: Scenario
) -> Links:
    build, network = planning.links, year.today.network
    routes = shortest_routes(network, network.capacity_gbps > 0.0, len(year.today.regions))
    length_km = np.asarray([link.length_km for link in scenario.topology.links])
    cost = (length_km * build.cny_per_km + build.cny_per_wave) / (1e3 * unit)
    return Links(
        names=network.link_ids,
        capacity=network.capacity_gbps * 1e3 / unit * build.utilisation,
        wave=build.wave_gbps * 1e3 / unit * build.utilisation,
        cost=cost.reshape(-1, 1) * np.ones((1, len(when.years))),
        most_waves=MOST_WAVES,
        yearly=float(annuity(planning.discount_rate, np.asarray(build.lifetime_years)))
        + build.upkeep_share,
        serves=in_service(when.after_years, build.lifetime_years),
        way_start=routes.path_start,
        way_link=routes.path_link,
    )


def _plants(scenario: Scenario, planning: PlanningSpec, when: Stages, unit: float) -> Plants:
    sites, stages = scenario.topology.sites, len(when.years)
    cost, most = np.zeros((3, stages)), np.zeros((3, len(sites)))
    yearly, serves = np.zeros(3), np.zeros((3, stages, stages), dtype=np.bool_)
    capacity_mw = np.asarray([site.it_capacity_mw for site in sites])
    battery = planning.battery
    hours = battery.hours if battery else 0.0
    for k, build in enumerate((planning.pv, planning.wind, battery)):
        if build is None:
            continue
        if isinstance(build, RenewableBuildSpec):
            price, kind = build.capex_cny_per_kw, ("pv", "wind")[k]
            land_mw = np.asarray([build.most_mw.get(site.role, 0.0) for site in sites])
            known = np.asarray(
                [site.role in build.capacity_factor
                 or any(item.kind == kind for item in site.generators) for site in sites]
            )  # fmt: skip
            factor = np.inf if build.most_factor is None else build.most_factor
            most[k] = np.where(known, np.minimum(land_mw, factor * capacity_mw), 0.0)
        else:
            price = build.capex_cny_per_kwh * hours
            most[k] = build.most_factor * capacity_mw
        cost[k] = price * (1.0 - build.capex_decline) ** when.after_years / 1e3
        yearly[k] = annuity(planning.discount_rate, np.asarray(build.lifetime_years))
        yearly[k] += build.upkeep_share
        serves[k] = in_service(when.after_years, build.lifetime_years)
    return Plants(cost, most * 1e3 / unit, yearly, serves)


def _limits(planning: PlanningSpec, streams: Streams, when: Stages, unit: float) -> Limits:
    targets, stages = planning.targets, len(when.years)

    def by_stage(value: float | list[float] | None, factor: float) -> F8:
        if value is None:
            return np.full(stages, np.inf)
        return np.broadcast_to(np.asarray(value, np.float64), (stages,)) * factor

    return Limits(
        hub_share=targets.hub_share_min or 0.0,
        coverage=streams.coverage,
        must_run=np.full(len(streams.names), targets.must_run_share),
        budget=by_stage(targets.budget_cny, 1.0 / (1e3 * unit)),
        carbon=by_stage(targets.carbon_cap_kt, 1e3 / unit),
    )
