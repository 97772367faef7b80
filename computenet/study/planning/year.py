"""A scenario's year, hour by hour, from the compilation that simulations use.

Two scenarios are compiled for the whole year: the scenario as it is, for today's generators; and
one in which every site has one MW of sun and wind and the first site one pool of every accelerator
type, for what could be built. No formula of power, weather or serving is written here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import numpy as np
from numpy.typing import NDArray

from computenet.compilation import compile_scenario
from computenet.compiled import CompiledScenario
from computenet.errors import InputError, Problem
from computenet.scenario import Scenario
from computenet.scenario.energy import GeneratorSpec
from computenet.scenario.planning import PlanningSpec, RenewableBuildSpec
from computenet.scenario.topology import PoolSpec, SiteSpec
from computenet.simulation.demand import daily_shapes
from computenet.workload.generators.calendar import day_kinds, kind_at

__all__ = ["DAYS", "HOURS", "Year", "calendar_year", "compile_year"]

F8 = NDArray[np.float64]

DAYS, HOURS = 365, 8760
#: Accelerators of the pools that only show what each type can do.
SHOWN = 1_000_000


@dataclass(frozen=True, slots=True)
class Year:
    """What a year of the scenario is like.

    Attributes
    ----------
    today
        The scenario over a year.
    could
        The same with one pool of each accelerator type and a MW of sun and wind everywhere.
    chips
        Accelerator types, order of the pools of `could`.
    output
        ``(2, I, 8760)`` output over capacity of sun and wind.
    serving_shape
        ``(8760,)`` national requests over their mean, by the work they are.
    class_peak
        ``(K,)`` highest hour of each service class over its mean.
    """

    today: CompiledScenario
    could: CompiledScenario
    chips: tuple[str, ...]
    output: F8
    serving_shape: F8
    class_peak: F8


def calendar_year(planning: PlanningSpec) -> int:
    """Return the year of 365 days whose calendar a plan's year follows."""
    return 2025 if planning.base_year % 4 == 0 else planning.base_year


def compile_year(scenario: Scenario, planning: PlanningSpec) -> Year:
    """Compile a scenario's year.

    Raises
    ------
    InputError
        The scenario cannot be compiled for a year, e.g. series in files cover less.
    """
    offset = timezone(timedelta(hours=scenario.topology.utc_offset_h))
    base = calendar_year(planning)
    run = scenario.run.model_copy(
        update={
            "slot_s": 3600.0, "epoch_s": 3600.0, "sampling": 1, "warmup_h": 0.0,
            "request_window_h": 0.0, "request_period_h": 0.0, "request_warmup_h": 0.25,
        }
    )  # fmt: skip
    energy = scenario.energy.model_copy(update={"model": "full"})
    plain = scenario.model_copy(
        update={
            "start": datetime(base, 1, 1, tzinfo=offset), "days": float(DAYS), "run": run,
            "energy": energy, "events": [], "planning": None,
        }
    )  # fmt: skip
    today = compile_scenario(plain)
    topology = scenario.topology
    chips = tuple(item.id for item in topology.accelerators)
    first = topology.sites[0].id
    serves = bool(scenario.workload.service_classes)
    pools = [
        PoolSpec(
            id=f"{first}/{name}", site=first, accelerator=name, count=SHOWN,
            serving_share=0.5 if serves else 0.0, discipline="fcfs",
        )
        for name in chips
    ]  # fmt: skip
    sites = [
        site.model_copy(update={"generators": _units(site, planning), "battery": None})
        for site in topology.sites
    ]
    shown = plain.model_copy(
        update={
            "topology": topology.model_copy(update={"pools": pools, "sites": sites}),
            "run": run.model_copy(update={"discipline": None, "reserved_share": 0.0}),
        }
    )
    could = compile_scenario(shown)
    output = np.stack([could.energy.pv_mw, could.energy.wind_mw])
    return Year(today, could, chips, output, *_shapes(plain))


def _units(site: SiteSpec, planning: PlanningSpec) -> list[GeneratorSpec]:
    """Return one MW of sun and of wind, as far as the site may build them."""
    out: list[GeneratorSpec] = []
    for kind, build in (("pv", planning.pv), ("wind", planning.wind)):
        own = next((item for item in site.generators if item.kind == kind), None)
        factor = own.capacity_factor if own else _factor(site, build)
        if build is None or factor is None:
            continue
        out.append(
            GeneratorSpec(
                id=f"{site.id}/{kind}", kind=kind, connection="on-site", capacity_mw=1.0,
                capacity_factor=factor, months=own.months if own else None,
                hours=own.hours if own else None,
            )
        )  # fmt: skip
    return out


def _factor(site: SiteSpec, build: RenewableBuildSpec | None) -> float | None:
    return None if build is None else build.capacity_factor.get(site.role)


def _shapes(scenario: Scenario) -> tuple[F8, F8]:
    """Return the national shape of requests over the year, and each class's peak."""
    workload = scenario.workload
    classes = workload.service_classes
    if not classes:
        return np.ones(HOURS), np.ones(0)
    human = daily_shapes(workload.request_shape)
    kinds = day_kinds(
        scenario.start.date(), DAYS + 1, set(workload.holidays), set(workload.worked_weekends)
    )
    hours = np.arange(HOURS, dtype=np.float64) + 0.5
    national = np.zeros(HOURS)
    for region in scenario.topology.regions:
        kind, hour = kind_at(hours - region.activity_shift_h, kinds)
        national += region.inference_share * human[kind, hour]
    total = math.fsum(region.inference_share for region in scenario.topology.regions)
    national /= max(total, 1e-12)
    shares = np.asarray([item.human_share for item in classes])
    peak = shares * national.max() + 1.0 - shares
    weight = np.asarray([item.share for item in classes])
    mixed = float(shares @ weight) / max(float(weight.sum()), 1e-12)
    shape = mixed * national + 1.0 - mixed
    return shape / shape.mean(), np.asarray(peak / shape.mean())


def require_planning(scenario: Scenario) -> PlanningSpec:
    """Return the scenario's planning data.

    Raises
    ------
    InputError
        There is none.
    """
    if scenario.planning is None:
        raise InputError(
            [Problem("planning", None, "is missing", "a built-in name (national-2030, teaching), "
                     "a file or a mapping; --set planning=NAME")],
            "nothing was planned",
        )  # fmt: skip
    return scenario.planning
