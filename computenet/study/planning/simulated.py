"""A stage of a plan in the simulator: its representative days, and the year they stand for."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from computenet.compiled import CompiledScenario
from computenet.energy import location_carbon_kg
from computenet.policies import Plan, Policy, SystemView, make_policy
from computenet.policies.misses import idle_misses
from computenet.study.planning.day_energy import closed_day
from computenet.study.planning.stage_days import DayTask
from computenet.units import KG_PER_TONNE

if TYPE_CHECKING:
    from computenet.results import Results

__all__ = ["PARTS", "DayRun", "YearRun", "run_day", "year_of"]

F8 = NDArray[np.float64]

#: What a simulated year's operation costs, in this order; the names are those of a plan's parts.
PARTS = (
    "grid energy", "peak charge", "green premium", "carbon", "generation of today", "battery wear",
    "network",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class DayRun:
    """What the day showed.

    Attributes
    ----------
    it_mwh, facility_mwh, import_mwh, own_mwh, emissions_kg, peak_mw
        ``(I,)`` of the day, its storage ending as it began (:func:`.closed_day`); `own` is
        generation of the site used or stored, `peak` the highest import of a slot.
    parts_cny
        ``(7,)`` of the day, see `PARTS`; the peak's charge and contracts are those of the year.
    arrived, attained, circle, attainable
        ``(K,)`` requests by service class that were answered or lost, those within all objectives,
        those within the latency circle, and those that would be within all objectives where they
        went if nothing ever waited.
    busy_h, waiting_h
        Accelerator-hours of jobs on accelerators, and waiting for them.
    serving_use, jobs_use
        Busy over installed accelerators of either kind.
    """

    it_mwh: F8
    facility_mwh: F8
    import_mwh: F8
    own_mwh: F8
    emissions_kg: F8
    peak_mw: F8
    parts_cny: F8
    arrived: F8
    attained: F8
    circle: F8
    attainable: F8
    busy_h: float
    waiting_h: float
    serving_use: float
    jobs_use: float
    seconds: float


@dataclass(frozen=True, slots=True)
class YearRun:
    """A stage's year: sums over its days by their weights; fields as of `DayRun`.

    `peak_mw` is the highest of the days; `green_share` ``(I,)`` is own and contracted over all
    electricity, NaN where a site used none.
    """

    it_mwh: F8
    facility_mwh: F8
    import_mwh: F8
    own_mwh: F8
    emissions_kg: F8
    peak_mw: F8
    parts_cny: F8
    green_share: F8
    attained: F8
    circle: F8
    attainable: F8
    delay: float
    serving_use: float
    jobs_use: float


def run_day(task: DayTask) -> DayRun:
    """Simulate a day.

    Raises
    ------
    InputError, RunError
        The scenario cannot be run, or its audit fails.
    """
    from computenet.simulation import run_scenario

    began = time.perf_counter()
    policy = _Watched(make_policy(task.scenario.policy.name, dict(task.scenario.policy.parameters)))
    results = run_scenario(task.scenario, policy)
    return _figures(task, results, policy, time.perf_counter() - began)


class _Watched:
    """A policy, and of its first view which objectives requests can meet where nothing waits."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.attainable: F8 | None = None
        self.compiled: CompiledScenario | None = None
        self.sites = np.zeros(0, dtype=np.int64)
        self.replicas: F8 = np.zeros(0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._policy, name)

    def plan(self, view: SystemView) -> Plan:
        if self.attainable is None:
            compiled = self.compiled = view.compiled
            self.attainable = 1.0 - idle_misses(view)
            self.sites = compiled.pools.site[compiled.groups.pool].astype(np.int64)
            serves = compiled.requests.model_of_class[:, None] == compiled.groups.model[None, :]
            regions = len(compiled.regions)
            self.replicas = np.tile(serves * compiled.groups.replicas_real[None, :], (regions, 1))
        return self._policy.plan(view)

    def at_sites(self, sites: int) -> F8:
        """Return the share of requests that can meet their objectives, ``(D, I)``."""
        assert self.attainable is not None
        out, weight = (np.zeros((len(self.attainable), sites)) for _ in range(2))
        for g, site in enumerate(self.sites.tolist()):
            out[:, int(site)] += self.attainable[:, g] * self.replicas[:, g]
            weight[:, int(site)] += self.replicas[:, g]
        share: F8 = np.divide(out, weight, out=np.zeros(out.shape), where=weight > 0.0)
        return share


def _figures(task: DayTask, results: Results, policy: _Watched, seconds: float) -> DayRun:
    scenario, summary = task.scenario, results.summary
    ids = [site.id for site in scenario.topology.sites]
    hours = scenario.run.slot_s / 3600.0
    counted = results.sites[results.sites["slot_start_s"] >= 3600.0 * task.warmup_h - 1e-6]

    def mwh(column: str) -> F8:
        """Return a power of the day's slots as energy, ``(I, S)``."""
        wide = counted.pivot(index="site", columns="slot_start_s", values=column).reindex(ids)
        values: F8 = np.ascontiguousarray(wide.to_numpy(np.float64)) * hours
        return values

    compiled = policy.compiled
    assert compiled is not None
    physical, facility_mwh = compiled.energy, mwh("facility_mw")
    first = compiled.n_slots - facility_mwh.shape[1]
    balance, paid_cny = closed_day(
        compiled, scenario.topology.sites, first, facility_mwh,
        (mwh("discharge_mw") - mwh("charge_mw")) / hours,
    )  # fmt: skip
    carbon_kg = location_carbon_kg(balance.imported, physical.emission_kg_per_mwh[:, first:])
    used, cycled = balance.used.sum(axis=1), balance.discharged.sum(axis=1)
    parts = np.asarray(
        [
            float((balance.imported * compiled.sites.price_cny_per_mwh[:, first:]).sum()),
            0.0,
            0.0,
            scenario.energy.carbon_price_cny_per_t / KG_PER_TONNE * float(carbon_kg.sum()),
            paid_cny,
            float(physical.cycle_cny_per_mwh @ cycled),
            summary["cost"]["network_cny"] * 24.0 / (24.0 + task.warmup_h),
        ]
    )
    classes = [item.name for item in scenario.workload.service_classes]
    # Shares count from the end of the warm-up on, the numbers of requests from the start.
    rows = results.requests
    ended_of = (rows["served"] + rows["dropped"]).to_numpy(np.float64)
    kind = rows["service_class"].astype(str).map(classes.index).to_numpy(np.int64)

    def by_class(share: str | None) -> F8:
        part = 1.0 if share is None else rows[share].fillna(0.0).to_numpy(np.float64)
        sums: F8 = np.bincount(kind, ended_of * part, len(classes)).astype(np.float64)
        return sums

    ended = by_class(None)
    flows = results.request_flows
    regions = [region.id for region in scenario.topology.regions]
    at_sites = policy.at_sites(len(ids))
    row = flows["region"].astype(str).map(regions.index).to_numpy(np.int64) * len(classes) + flows[
        "service_class"
    ].astype(str).map(classes.index).to_numpy(np.int64)
    column = flows["site"].astype(str).map(ids.index).to_numpy(np.int64)
    routed = flows["routed"].to_numpy(np.float64)
    sums = [
        np.bincount(row % len(classes), values, len(classes))
        for values in (routed * at_sites[row, column], routed)
    ]
    can = sums[0] / np.maximum(sums[1], 1e-12)
    pools = results.pools
    pools = pools[pools["slot_start_s"] >= 3600.0 * task.warmup_h - 1e-6]
    capacity = summary["capacity"]
    return DayRun(
        it_mwh=mwh("it_mw").sum(axis=1),
        facility_mwh=facility_mwh.sum(axis=1),
        import_mwh=balance.imported.sum(axis=1),
        own_mwh=used,
        emissions_kg=carbon_kg.sum(axis=1),
        peak_mw=balance.imported.max(axis=1) / hours,
        parts_cny=parts,
        arrived=ended,
        attained=by_class("slo_attainment"),
        circle=by_class("circle_share"),
        attainable=can * ended,
        busy_h=float(pools["busy_accelerators"].sum()) * hours,
        waiting_h=float(pools["waiting_accelerators"].sum()) * hours,
        serving_use=float(capacity["utilisation_serving"] or 0.0),
        jobs_use=float(capacity["utilisation_jobs"] or 0.0),
        seconds=seconds,
    )


def year_of(tasks: list[DayTask], runs: list[DayRun], contract_share: F8) -> YearRun:
    """Return the year that simulated days of one stage stand for.

    Parameters
    ----------
    contract_share
        ``(I,)`` most of a site's import that green contracts can cover, as in the plan.
    """
    weight = np.asarray([task.weight for task in tasks])
    scenario = tasks[0].scenario

    def total(name: str) -> F8:
        values: F8 = np.tensordot(weight, np.stack([getattr(run, name) for run in runs]), 1)
        return values

    def ratio(part: F8, whole: F8) -> F8:
        value: F8 = np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 1e-12)
        return value

    sites = scenario.topology.sites
    tariffs = {item.id: item for item in scenario.topology.tariffs}
    yearly = np.asarray(
        [12e3 * tariffs[site.tariff].demand_charge_cny_per_kw_month for site in sites]
    )
    peak = np.max(np.stack([run.peak_mw for run in runs]), axis=0)
    parts = total("parts_cny")
    parts[PARTS.index("peak charge")] = float(yearly @ peak)
    imported, own = total("import_mwh"), total("own_mwh")
    # Contracts count by the year's volume, as in the green ledger: what own plant leaves of a
    # share of all that is used, and no more of the import than the plan may cover.
    wanted = np.asarray([site.green_contract_share for site in sites])
    contract = np.clip(wanted * (imported + own) - own, 0.0, contract_share * imported)
    premium = scenario.energy.green_premium_cny_per_mwh
    parts[PARTS.index("green premium")] = premium * float(contract.sum())
    ended = total("arrived")
    means = {
        name: float(np.average([getattr(run, name) for run in runs], weights=weight))
        for name in ("busy_h", "waiting_h", "serving_use", "jobs_use")
    }
    return YearRun(
        it_mwh=total("it_mwh"),
        facility_mwh=total("facility_mwh"),
        import_mwh=imported,
        own_mwh=own,
        emissions_kg=total("emissions_kg"),
        peak_mw=peak,
        parts_cny=parts,
        green_share=ratio(contract + own, imported + own),
        attained=ratio(total("attained"), ended),
        circle=ratio(total("circle"), ended),
        attainable=ratio(total("attainable"), ended),
        delay=means["waiting_h"] / max(means["busy_h"], 1e-12),
        serving_use=means["serving_use"],
        jobs_use=means["jobs_use"],
    )
