"""Tables of a plan: arrays in the problem's units become MW, accelerators, GWh and CNY."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from computenet.optimization.expansion_plan import COSTS, FIGURES, ExpansionPlan
from computenet.optimization.expansion_problem import ExpansionProblem
from computenet.scenario.provenance import planning_sources
from computenet.study.planning.electricity import stage_pue
from computenet.study.planning.inputs import PlanInputs

__all__ = [
    "accelerators_table",
    "assignment_table",
    "binding_table",
    "costs_table",
    "days_table",
    "energy_table",
    "green_share",
    "in_service_of",
    "investment_table",
    "links_table",
    "sites_table",
    "sources_table",
]

F8 = NDArray[np.float64]

#: Shares below this are what a solver leaves.
TINY = 1e-7


def in_service_of(bought: F8, serves: NDArray[np.bool_]) -> F8:
    """Return what of purchases ``(…, Y)`` is in service in each stage, ``(…, Y)``."""
    total: F8 = bought @ serves.astype(np.float64)
    return total


def chips_in_service(problem: ExpansionProblem, bought: F8) -> F8:
    """Return chips bought that are in service, ``(I, T, Y)``."""
    total: F8 = np.einsum("ita,tab->itb", bought, problem.chips.serves.astype(np.float64))
    return total


def plants_in_service(problem: ExpansionProblem, plants: F8) -> F8:
    """Return pv, wind and batteries in service, ``(3, I, Y)``."""
    total: F8 = np.einsum("kia,kab->kib", plants, problem.plants.serves.astype(np.float64))
    return total


def green_share(plan: ExpansionPlan) -> F8:
    """Return green over all electricity used, by site and stage; NaN where none is."""
    at = {name: plan.energy[:, :, k] for k, name in enumerate(FIGURES)}
    used = at["import"] + at["own"] + at["today"]
    green = at["green"] + at["own"] + at["today"]
    share: F8 = np.divide(green, used, out=np.full(used.shape, np.nan), where=used > 1e-9)
    return share


def _rows(inputs: PlanInputs, columns: Mapping[str, NDArray[Any]]) -> pd.DataFrame:
    """Return ``(I, Y)`` arrays as rows, stages first."""
    stages, sites = inputs.problem.stages.names, inputs.problem.sites.names
    table = pd.DataFrame(
        {
            "stage": np.repeat(stages, len(sites)),
            "site": np.tile(sites, len(stages)),
        }
    )
    for name, values in columns.items():
        table[name] = np.broadcast_to(values, (len(sites), len(stages))).T.ravel()
    return table


def sites_table(inputs: PlanInputs, plan: ExpansionPlan) -> pd.DataFrame:
    """Return sites by stage.

    ``halls_old_mw`` are halls of today that are in use and ``halls_there_mw`` all there are, new
    and of today; ``occupancy`` is over the halls in use, ``occupancy_there`` over all.
    """
    p = inputs.problem
    mw = p.unit / 1e3
    halls = in_service_of(plan.halls, p.sites.serves)
    room = plan.old + halls
    power = np.einsum("t,ity->iy", p.chips.nameplate_kw, plan.used)
    plants = plants_in_service(p, plan.plants)
    begun = np.cumsum(plan.begun, axis=1) > 0.5
    pue = stage_pue(inputs.scenario, inputs.planning, inputs.fleet_left)
    there = p.sites.halls + halls

    def over(halls: F8) -> F8:
        none = np.full(power.shape, np.nan)
        part: F8 = np.divide(power, halls, out=none, where=halls > 1e-9)
        return part

    return _rows(
        inputs,
        {
            "hub": p.sites.hub[:, None],
            "open": p.sites.is_open[:, None] | begun,
            "extended": begun,
            "halls_built_mw": plan.halls * mw,
            "halls_new_mw": halls * mw,
            "halls_old_mw": plan.old * mw,
            "halls_there_mw": there * mw,
            "nameplate_mw": power * mw,
            "occupancy": over(room),
            "occupancy_there": over(there),
            "accelerators": plan.used.sum(axis=1) * p.unit,
            "pv_mw": plants[0] * mw,
            "wind_mw": plants[1] * mw,
            "battery_mw": plants[2] * mw,
            "battery_mwh": plants[2] * p.energy.battery_hours * mw,
            "pue": pue,
        },
    )


def accelerators_table(inputs: PlanInputs, plan: ExpansionPlan) -> pd.DataFrame:
    """Return accelerators by stage, site and type: those there are, bought, used, busy."""
    p, d = inputs.problem, inputs.problem.demand
    there = p.chips.fleet + chips_in_service(p, plan.bought)
    held = np.einsum("cy,city->ity", np.where(d.moves[:, None], 0.0, d.room), plan.tasks)
    keep = np.argwhere((there > TINY).transpose(2, 0, 1))
    y, i, t = keep.T
    at = (i, t, y)
    return pd.DataFrame(
        {
            "stage": np.asarray(p.stages.names)[y],
            "site": np.asarray(p.sites.names)[i],
            "accelerator": np.asarray(p.chips.names)[t],
            "left_of_today": p.chips.fleet[at] * p.unit,
            "bought": plan.bought[at] * p.unit,
            "there": there[at] * p.unit,
            "used": plan.used[at] * p.unit,
            "held_for_serving": held[at] * p.unit,
            "busy": plan.tasks.sum(axis=0)[at] * p.unit,
        }
    )


def traffic(problem: ExpansionProblem, plan: ExpansionPlan) -> F8:
    """Return the mean traffic of every link, ``(L, Y)``, in the problem's units."""
    d, k = problem.demand, problem.links
    flow = np.zeros((len(d.regions), len(d.streams), len(problem.stages.names)))
    for c, g in enumerate(d.stream.tolist()):
        flow[:, g] += d.work[:, c] * d.traffic[c]
    by_way = np.einsum("rgy,rgiy->riy", flow, plan.served).reshape(-1, flow.shape[2])
    out = np.zeros((len(k.names), flow.shape[2]))
    way = np.repeat(np.arange(len(by_way)), np.diff(k.way_start))
    np.add.at(out, k.way_link, by_way[way])
    return out


def links_table(inputs: PlanInputs, plan: ExpansionPlan) -> pd.DataFrame:
    """Return links that carry something or get waves, by stage.

    ``waves_bought`` are lit in the stage, ``waves_in_service`` all of the plan that serve in it.
    """
    p = inputs.problem
    gbps, use = p.unit / 1e3, inputs.planning.links.utilisation
    waves = in_service_of(plan.waves, p.links.serves)
    load = traffic(p, plan)
    keep = np.argwhere(((load > TINY) | (plan.waves > 0.5)).T)
    y, at = keep.T
    capacity = (p.links.capacity[at] + p.links.wave * waves[at, y]) * gbps / use
    return pd.DataFrame(
        {
            "stage": np.asarray(p.stages.names)[y],
            "link": np.asarray(p.links.names, dtype=object)[at],
            "waves_bought": np.rint(plan.waves[at, y]).astype(np.int64),
            "waves_in_service": np.rint(waves[at, y]).astype(np.int64),
            "capacity_gbps": capacity,
            "traffic_gbps": load[at, y] * gbps,
            "load": load[at, y] * gbps / np.maximum(capacity, 1e-12),
        }
    )


def energy_table(inputs: PlanInputs, plan: ExpansionPlan) -> pd.DataFrame:
    """Return the year's electricity by stage and site, GWh, MW and kt."""
    unit = inputs.problem.unit / 1e3
    names = {
        "it": "it_gwh", "import": "import_gwh", "own": "own_gwh", "today": "today_gwh",
        "curtailed": "curtailed_gwh", "green": "green_contract_gwh", "charge": "charge_gwh",
        "discharge": "discharge_gwh", "unserved": "unserved_gwh", "peak": "peak_mw",
        "emissions": "emissions_kt",
    }  # fmt: skip
    columns = {
        label: plan.energy[:, :, FIGURES.index(name)] * unit for name, label in names.items()
    }
    table = _rows(inputs, columns)
    table["green_share"] = green_share(plan).T.ravel()
    used = table["import_gwh"] + table["own_gwh"] + table["today_gwh"]
    used += table["unserved_gwh"] + table["discharge_gwh"] - table["charge_gwh"]
    table["pue"] = np.where(table["it_gwh"] > TINY, used / table["it_gwh"].clip(lower=TINY), np.nan)
    return table


def costs_table(inputs: PlanInputs, plan: ExpansionPlan) -> pd.DataFrame:
    """Return cost by stage and part: CNY a year, and present value over the stage."""
    p = inputs.problem
    yearly = plan.costs * 1e3 * p.unit
    return pd.DataFrame(
        {
            "stage": np.repeat(p.stages.names, len(COSTS)),
            "part": np.tile(COSTS, len(p.stages.names)),
            "cny_per_year": yearly.ravel(),
            "present_cny": (yearly * p.stages.worth[:, None]).ravel(),
        }
    )


def investment_table(inputs: PlanInputs, plan: ExpansionPlan) -> pd.DataFrame:
    """Return money spent in each stage, by part."""
    p = inputs.problem
    parts = COSTS[: plan.investment.shape[1]]
    return pd.DataFrame(
        {
            "stage": np.repeat(p.stages.names, len(parts)),
            "part": np.tile(parts, len(p.stages.names)),
            "cny": (plan.investment * 1e3 * p.unit).ravel(),
        }
    )


def assignment_table(inputs: PlanInputs, plan: ExpansionPlan) -> pd.DataFrame:
    """Return shares of demand by stage, region, stream and site; ``unmet`` has no site."""
    p, d = inputs.problem, inputs.problem.demand
    y, r, g, i = np.argwhere((plan.served > TINY).transpose(3, 0, 1, 2)).T
    work = p.stream_work * p.unit
    served = pd.DataFrame(
        {
            "stage": np.asarray(p.stages.names)[y],
            "region": np.asarray(d.regions)[r],
            "classes": np.asarray(d.streams, dtype=object)[g],
            "site": np.asarray(p.sites.names, dtype=object)[i],
            "share": plan.served[r, g, i, y],
            "reference_accelerators": plan.served[r, g, i, y] * work[r, g, y],
            "oneway_ms": inputs.year.today.jobs.oneway_ms[r, i] * inputs.streams.factor[g],
            "within_circle": d.covered[r, g, i],
        }
    )
    y, r, g = np.argwhere((plan.unmet > TINY).transpose(2, 0, 1)).T
    unmet = pd.DataFrame(
        {
            "stage": np.asarray(p.stages.names)[y],
            "region": np.asarray(d.regions)[r],
            "classes": np.asarray(d.streams, dtype=object)[g],
            "site": "unmet",
            "share": plan.unmet[r, g, y],
            "reference_accelerators": plan.unmet[r, g, y] * work[r, g, y],
            "oneway_ms": np.nan,
            "within_circle": False,
        }
    )
    return served if unmet.empty else pd.concat([served, unmet], ignore_index=True)


def binding_table(inputs: PlanInputs, plan: ExpansionPlan) -> pd.DataFrame:
    """Return limits at which the plan stands, by stage: supply, halls, plant, targets."""
    from computenet.study.planning.targets import PUE, target_table

    p = inputs.problem
    stages = p.stages.names
    rows: list[tuple[str, str, str, float]] = []
    mw = p.unit / 1e3
    bought = plan.bought.sum(axis=0)
    for t, y in np.argwhere(np.isfinite(p.chips.supply) & (bought >= 0.9999 * p.chips.supply)
                            & (bought > TINY)).tolist():  # fmt: skip
        rows.append((stages[y], "supply", p.chips.names[t], p.chips.supply[t, y] * p.unit))
    halls = in_service_of(plan.halls, p.sites.serves)
    for i, y in np.argwhere((halls >= 0.9999 * p.sites.most_halls) & (halls > TINY)).tolist():
        rows.append((stages[y], "halls", p.sites.names[i], p.sites.most_halls[i, y] * mw))
    plants = plants_in_service(p, plan.plants)
    for k, i, y in np.argwhere((plants >= 0.9999 * p.plants.most[:, :, None])
                               & (plants > TINY)).tolist():  # fmt: skip
        rows.append((stages[y], ("pv", "wind", "battery")[k], p.sites.names[i],
                     p.plants.most[k, i] * mw))  # fmt: skip
    targets = target_table(inputs, plan)
    targets = targets[targets["target"] != PUE]
    tight = targets[targets["margin"].abs() <= 1e-4 * targets["limit"].abs().clip(lower=1e-9)]
    columns = [tight[name].tolist() for name in ("stage", "target", "where", "limit")]
    rows += list(zip(*columns, strict=True))
    return pd.DataFrame(rows, columns=["stage", "limit", "where", "value"])


def days_table(inputs: PlanInputs, plan: ExpansionPlan) -> pd.DataFrame:
    """Return the representative days."""
    del plan
    days = inputs.days
    dates = pd.Timestamp("2025-01-01") + pd.to_timedelta(days.day, unit="D")
    return pd.DataFrame(
        {"day": dates.strftime("%m-%d"), "kind": days.kind, "stands_for_days": days.weight}
    )


def sources_table(inputs: PlanInputs, plan: ExpansionPlan) -> pd.DataFrame:
    """Return every number of the planning data with its source and grade."""
    del plan
    rows = [
        (item.path, item.value, item.unit, item.source, item.grade)
        for item in planning_sources(inputs.planning)
    ]
    return pd.DataFrame(rows, columns=["path", "value", "unit", "source", "grade"])
