"""Targets of a plan beside what it reaches."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from computenet.optimization.expansion_plan import FIGURES, ExpansionPlan
from computenet.study.planning.electricity import stage_pue
from computenet.study.planning.inputs import PlanInputs
from computenet.study.planning.tables import green_share, in_service_of

__all__ = ["PUE", "target_table"]

F8 = NDArray[np.float64]

#: The target on PUE: it keeps halls from being built, but what PUE is follows from the data.
PUE = "PUE"

#: Relative miss that is rounding.
ROUNDING = 1e-5


def target_table(inputs: PlanInputs, plan: ExpansionPlan) -> pd.DataFrame:
    """Return ``stage, target, where, limit, result, margin, met``; a positive margin is good.

    Rack occupancy is that of halls in use. PUE is that of the stage, at sites with a cap whose
    accelerators are in use; it is no decision of the plan.
    """
    p = inputs.problem
    caps = _pue_caps(inputs)
    pue = stage_pue(inputs.scenario, inputs.planning, inputs.fleet_left)
    stages = p.stages.names
    rows: list[tuple[str, str, str, float, float, float]] = []

    def least(y: int, target: str, where: str, limit: float, result: float) -> None:
        rows.append((stages[y], target, where, limit, result, result - limit))

    def most(y: int, target: str, where: str, limit: float, result: float) -> None:
        rows.append((stages[y], target, where, limit, result, limit - result))

    work = p.stream_work
    total = np.maximum(work.sum(axis=0), 1e-12)
    near = np.einsum("rgiy,rgy,rgi->gy", plan.served, work, p.demand.covered) / total
    served = 1.0 - np.einsum("rgy,rgy->gy", plan.unmet, work) / total
    new = np.einsum("t,ity->iy", p.chips.pflops, plan.bought)
    halls = plan.old + in_service_of(plan.halls, p.sites.serves)
    power = np.einsum("t,ity->iy", p.chips.nameplate_kw, plan.used)
    green = green_share(plan)
    emissions = plan.energy[:, :, FIGURES.index("emissions")].sum(axis=0)
    spent = plan.investment.sum(axis=1)
    for y in range(len(stages)):
        if p.limits.hub_share > 0.0 and new[:, y].sum() > 1e-6:
            share = float(new[p.sites.hub, y].sum() / new[:, y].sum())
            least(y, "share of new compute in hubs", "all", p.limits.hub_share, share)
        for g, name in enumerate(p.demand.streams):
            if p.limits.coverage[g] > 0.0:
                least(y, "latency coverage", name, float(p.limits.coverage[g]), float(near[g, y]))
            if p.limits.must_run[g] > 0.0:
                least(y, "demand served", name, float(p.limits.must_run[g]), float(served[g, y]))
        for i, site in enumerate(p.sites.names):
            if p.energy.green_share[i, y] > 0.0 and np.isfinite(green[i, y]):
                least(y, "green share", site, float(p.energy.green_share[i, y]), float(green[i, y]))
            if p.sites.occupancy[i] > 0.0 and halls[i, y] > 1e-6:
                least(y, "rack occupancy of halls in use", site, float(p.sites.occupancy[i]),
                      float(power[i, y] / halls[i, y]))  # fmt: skip
            if np.isfinite(caps[i]) and power[i, y] > 1e-6:
                most(y, PUE, site, float(caps[i]), float(pue[i, y]))
        if np.isfinite(p.limits.budget[y]):
            money = 1e3 * p.unit
            most(y, "budget, CNY", "all", float(p.limits.budget[y] * money),
                 float(spent[y] * money))  # fmt: skip
        if np.isfinite(p.limits.carbon[y]):
            kt = p.unit / 1e3
            most(y, "emissions, kt", "all", float(p.limits.carbon[y] * kt),
                 float(emissions[y] * kt))  # fmt: skip
    table = pd.DataFrame(rows, columns=["stage", "target", "where", "limit", "result", "margin"])
    table["met"] = table["margin"] >= -ROUNDING * table["limit"].abs().clip(lower=1e-9)
    return table


def _pue_caps(inputs: PlanInputs) -> F8:
    """Return the cap on each site's PUE, ``(I,)``; infinite = none."""
    asked = inputs.planning.targets.pue_caps
    caps = [site.targets.pue_max if asked else None for site in inputs.scenario.topology.sites]
    return np.asarray([np.inf if cap is None else cap for cap in caps])
