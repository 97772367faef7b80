"""A stage of a plan as a layout over the topology, and as a scenario that can be simulated."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from computenet.errors import InputError, Problem, nearest
from computenet.optimization.expansion_plan import ExpansionPlan
from computenet.scenario import Scenario, load_scenario
from computenet.scenario.planning import PlanningSpec
from computenet.scenario.topology import PoolSpec, SiteSpec
from computenet.study.planning.demand import growth
from computenet.study.planning.electricity import cleaner_grids, price_rise, stage_pue
from computenet.study.planning.inputs import PlanInputs
from computenet.study.planning.tables import green_share, in_service_of, plants_in_service

__all__ = ["stage_layout", "stage_scenario"]

F8 = NDArray[np.float64]

#: Accelerators and megawatts below these are what a solver leaves.
FEW, LITTLE_MW = 0.5, 1e-6


def stage_number(inputs: PlanInputs, stage: str | int | None) -> int:
    """Return the number of a stage by its year; ``None`` = the last.

    Raises
    ------
    InputError
        There is no such stage.
    """
    names = inputs.problem.stages.names
    if stage is None:
        return len(names) - 1
    if str(stage) not in names:
        raise InputError(
            [Problem("stage", stage, "is no stage of the plan", ", ".join(names),
                     nearest(str(stage), names))], "no such stage",
        )  # fmt: skip
    return names.index(str(stage))


def stage_layout(
    inputs: PlanInputs, plan: ExpansionPlan, stage: str | int | None
) -> dict[str, Any]:
    """Return a layout: what differs from the topology in a stage.

    Accelerators are rounded up to whole servers, and their part for serving is what requests hold.
    """
    y = stage_number(inputs, stage)
    scenario, name = inputs.scenario, inputs.problem.stages.names[y]
    setting: dict[str, Any] = {}
    adding: dict[str, list[dict[str, Any]]] = {}
    removing: dict[str, list[str]] = {}
    _pools(inputs, plan, y, setting, adding, removing)
    for i, site in enumerate(scenario.topology.sites):
        setting |= {
            f"sites.{site.id}.{key}": value
            for key, value in _site(inputs, plan, i, site, y).items()
        }
    waves = in_service_of(plan.waves, inputs.problem.links.serves)[:, y]
    for at in np.flatnonzero(waves > 0.5).tolist():
        link = scenario.topology.links[at]
        added = float(round(waves[at])) * inputs.planning.links.wave_gbps
        setting[f"links.{link.id}.capacity_gbps"] = link.capacity_gbps + added
    layout: dict[str, Any] = {
        "extends": scenario.topology.id,
        "id": f"{scenario.topology.id}-{name}",
        "title": {
            "en": f"{scenario.topology.title.en}, planned for {name}",
            "zh": f"{scenario.topology.title.zh}，{name} 年规划",
        },
        "description": (
            f"Stage {name} of a plan with {inputs.planning.id}, within {plan.gap:.2%} of the least "
            "cost there can be."
        ),
        "source": f"computenet plan, planning data {inputs.planning.id}",
        "grade": "estimated",
    }
    changes = {"set": setting, "add": adding, "remove": removing}
    return layout | {key: value for key, value in changes.items() if value}


def _pools(
    inputs: PlanInputs,
    plan: ExpansionPlan,
    y: int,
    setting: dict[str, Any],
    adding: dict[str, list[dict[str, Any]]],
    removing: dict[str, list[str]],
) -> None:
    topology, d = inputs.scenario.topology, inputs.problem.demand
    kinds = {item.id: item for item in topology.accelerators}
    unit = inputs.problem.unit
    rooms = np.where(d.moves, 0.0, d.room[:, y])
    for i, site in enumerate(topology.sites):
        for t, chip in enumerate(inputs.year.chips):
            used = float(plan.used[i, t, y]) * unit
            models = _models(inputs, t, rooms * plan.tasks[:, i, t, y] * unit)
            serving = sum(models.values())
            existing = [
                pool for pool in topology.pools if pool.site == site.id and pool.accelerator == chip
            ]
            size = kinds[chip].accelerators_per_server
            held = max(used, float(serving))
            count = size * math.ceil(round(held / size, 6)) if held > FEW else 0
            gone = existing if count == 0 else existing[1:]
            if gone:
                removing.setdefault("pools", []).extend(pool.id for pool in gone)
            if count == 0:
                continue
            share = serving / count
            if existing:
                setting |= _changed(existing[0], count, share, models)
            else:
                record = {"id": f"{site.id}/{chip}", "site": site.id, "accelerator": chip,
                          "count": count, "serving_share": share,
                          "discipline": topology.pools[0].discipline}  # fmt: skip
                if models:
                    record["serving_models"] = models
                adding.setdefault("pools", []).append(record)


def _models(inputs: PlanInputs, chip: int, held: F8) -> dict[str, float]:
    """Return accelerators that hold each model on a chip of a site, in whole replicas.

    Parameters
    ----------
    held
        ``(C,)`` accelerators held by each class.
    """
    workload, groups = inputs.scenario.workload, inputs.year.could.groups
    names = [model.name for model in workload.models]
    wanted: dict[str, float] = {}
    for item, part in zip(workload.service_classes, held.tolist(), strict=False):
        wanted[item.model] = wanted.get(item.model, 0.0) + part
    out: dict[str, float] = {}
    for g in np.flatnonzero(groups.pool == chip).tolist():
        each, name = int(groups.accelerators_per_replica[g]), names[int(groups.model[g])]
        replicas = math.ceil(round(wanted.get(name, 0.0) / each, 6))
        if replicas > 0:
            out[name] = float(replicas * each)
    return out


def _changed(pool: PoolSpec, count: int, share: float, models: dict[str, float]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    if pool.count != count:
        out[f"pools.{pool.id}.count"] = count
    if abs(pool.serving_share - share) > 1e-9:
        out[f"pools.{pool.id}.serving_share"] = share
    if models or pool.serving_models is not None:
        out[f"pools.{pool.id}.serving_models"] = models or None
    return out


def _site(
    inputs: PlanInputs, plan: ExpansionPlan, i: int, site: SiteSpec, y: int
) -> dict[str, Any]:
    """Return the fields of a site that differ in a stage."""
    p = inputs.problem
    mw = p.unit / 1e3
    out: dict[str, Any] = {}
    halls = float(in_service_of(plan.halls, p.sites.serves)[i, y]) * mw
    if halls > LITTLE_MW:
        # The capacity of a candidate is what it could have: there are no halls yet.
        today = site.it_capacity_mw if p.sites.is_open[i] else 0.0
        out["it_capacity_mw"] = round(today + halls, 6)
    pue = float(stage_pue(inputs.scenario, inputs.planning, inputs.fleet_left)[i, y])
    if abs(pue - site.pue) > 1e-9:
        out["pue"] = round(pue, 6)
    share = float(green_share(plan)[i, y])
    if share == share:  # a site that uses nothing has none
        # Contracts cover what own plant leaves of a share of all that is used (the green ledger).
        # A solver's last digit must not pass 1.
        share = min(max(round(share, 6), 0.0), 1.0)
        if abs(share - site.green_contract_share) > 1e-9:
            out["green_contract_share"] = share
    out |= _plants(inputs, plan, i, site, y)
    return out


def _plants(
    inputs: PlanInputs, plan: ExpansionPlan, i: int, site: SiteSpec, y: int
) -> dict[str, Any]:
    """Return generators and battery of a site, today's and those built."""
    p = inputs.problem
    out: dict[str, Any] = {}
    mw = p.unit / 1e3
    built = plants_in_service(p, plan.plants)[:, i, y] * mw
    generators = [item.model_dump(mode="json", exclude_defaults=True) for item in site.generators]
    for k, (kind, build) in enumerate((("pv", inputs.planning.pv), ("wind", inputs.planning.wind))):
        if build is None or built[k] <= LITTLE_MW:
            continue
        own = next((item for item in site.generators if item.kind == kind), None)
        record: dict[str, Any] = {
            "id": f"{site.id}/{kind}-planned", "kind": kind, "connection": "on-site",
            "capacity_mw": round(float(built[k]), 6),
            "capacity_factor": own.capacity_factor if own else build.capacity_factor[site.role],
        }  # fmt: skip
        if own is not None:
            record |= {name: value for name in ("months", "hours")
                       if (value := getattr(own, name)) is not None}  # fmt: skip
        generators.append(record)
    if len(generators) > len(site.generators):
        out["generators"] = generators
    own_mw = sum(float(item["capacity_mw"]) for item in generators) >= float(built[2])
    if built[2] > LITTLE_MW and inputs.planning.battery is not None:
        spec, old = inputs.planning.battery, site.battery
        out["battery"] = {
            "power_mw": round(float(built[2]) + (old.power_mw if old else 0.0), 6),
            "energy_mwh": round(
                float(built[2]) * spec.hours + (old.energy_mwh if old else 0.0), 6
            ),
            "efficiency": spec.efficiency, "rule": "self-consumption" if own_mw else "arbitrage",
            "cycle_cny_per_mwh": spec.cycle_cny_per_mwh,
        }  # fmt: skip
    return out


def measured_growth(scenario: Scenario, planning: PlanningSpec) -> list[Problem]:
    """Return what cannot be simulated: measured prices and emissions that a plan lets grow."""
    moving = [
        f"planning.operation.{name}"
        for name in ("price_growth", "emission_decline")
        if getattr(planning.operation, name) != 0.0
    ]
    return [
        Problem(f"energy.series_files.{site}", file, "cannot be simulated in a later year: a file "
                "holds the prices and emissions of one", f"{' and '.join(moving)} of 0, or no file")
        for site, file in scenario.energy.series_files.items()
        if moving
    ]  # fmt: skip


def stage_scenario(inputs: PlanInputs, plan: ExpansionPlan, stage: str | int | None) -> Scenario:
    """Return the scenario of a stage: topology as planned, demand, prices and grids as grown.

    Raises
    ------
    InputError
        There is no such stage, or measured prices and emissions would have to grow.
    """
    y = stage_number(inputs, stage)
    planning, scenario = inputs.planning, inputs.scenario
    if problems := measured_growth(scenario, planning):
        raise InputError(problems, "a stage cannot be simulated")
    after = inputs.problem.stages.after_years[y : y + 1]
    raw = scenario.model_dump(mode="json", exclude_none=True)
    raw.pop("planning", None)
    raw["name"] = f"{scenario.name}-{inputs.problem.stages.names[y]}"
    raw["energy"]["model"] = "full"
    _apply(raw["topology"], stage_layout(inputs, plan, stage))
    workload = raw["workload"]
    for item in workload["job_classes"]:
        item["rate_per_day"] *= float(growth(planning, item["name"], "jobs", after)[0])
    services = workload["service_classes"]
    grown = [
        item["share"] * float(growth(planning, item["name"], "requests", after)[0])
        for item in services
    ]
    total = math.fsum(grown)
    if total > 0.0:
        workload["request_rate_per_day"] *= total
        for item, value in zip(services, grown, strict=True):
            item["share"] = value / total
    cleaner, dearer = (of(planning, after[0]) for of in (cleaner_grids, price_rise))
    for grid in raw["topology"]["grids"]:
        grid["emission_kg_per_mwh"] *= cleaner
    for tariff in raw["topology"]["tariffs"]:
        for season in tariff["seasons"]:
            season["price_cny_per_mwh"] = [price * dearer for price in season["price_cny_per_mwh"]]
    carbon = planning.operation.carbon_price_cny_per_t
    raw["energy"]["carbon_price_cny_per_t"] = carbon * (
        1.0 + planning.operation.carbon_price_growth
    ) ** float(after[0])
    return load_scenario(raw)


def _apply(topology: dict[str, Any], layout: Mapping[str, Any]) -> None:
    """Carry a layout of the planner out on a raw topology."""
    gone = set(layout.get("remove", {}).get("pools", []))
    topology["pools"] = [pool for pool in topology["pools"] if pool["id"] not in gone]
    topology["pools"] += layout.get("add", {}).get("pools", [])
    for path, value in layout.get("set", {}).items():
        part, _, rest = path.partition(".")
        name, _, key = rest.rpartition(".")
        item = next(item for item in topology[part] if item["id"] == name)
        item[key] = value
