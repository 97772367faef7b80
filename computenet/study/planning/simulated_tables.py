"""Figures of a plan beside those of its simulation: by stage, service class and site."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from computenet.optimization.expansion_plan import COSTS, FIGURES
from computenet.study.planning.inputs import PlanInputs
from computenet.study.planning.outcome import PlanOutcome
from computenet.study.planning.simulated import PARTS, YearRun
from computenet.study.planning.tables import green_share

__all__ = ["services_table", "sites_table", "stages_table"]

F8 = NDArray[np.float64]


def stages_table(outcome: PlanOutcome, years: list[YearRun]) -> pd.DataFrame:
    """Return cost by part and electricity of each stage, planned and simulated."""
    p, plan = outcome.inputs.problem, outcome.plan
    money = 1e3 * p.unit
    rows = []
    for y, year in enumerate(years):
        planned = {part: float(plan.costs[y, COSTS.index(part)]) * money for part in PARTS}
        year_of_plan = dict(zip(FIGURES, plan.energy[:, y].sum(axis=0).tolist(), strict=True))
        bought, own = year_of_plan["import"], year_of_plan["own"] + year_of_plan["today"]
        used = bought + own + year_of_plan["discharge"] - year_of_plan["charge"]
        planned_gwh = used * p.unit / 1e3
        simulated_gwh = float(year.facility_mwh.sum()) / 1e3
        row: dict[str, Any] = {"stage": outcome.stages[y]}
        for part, value in zip(PARTS, year.parts_cny.tolist(), strict=True):
            row[f"{part} planned"], row[f"{part} simulated"] = planned[part], value
        row |= {
            "operation_cny_planned": sum(planned.values()),
            "operation_cny_simulated": float(year.parts_cny.sum()),
            "energy_gwh_planned": planned_gwh,
            "energy_gwh_simulated": simulated_gwh,
            "import_gwh planned": bought * p.unit / 1e3,
            "import_gwh simulated": float(year.import_mwh.sum()) / 1e3,
            "own_gwh planned": own * p.unit / 1e3,
            "own_gwh simulated": float(year.own_mwh.sum()) / 1e3,
            "energy_gap": simulated_gwh / planned_gwh - 1.0 if planned_gwh > 0.0 else 0.0,
            "job_delay": year.delay,
            "serving_use": year.serving_use,
            "jobs_use": year.jobs_use,
        }
        rows.append(row)
    return pd.DataFrame(rows)


def services_table(outcome: PlanOutcome, years: list[YearRun]) -> pd.DataFrame:
    """Return coverage and objectives met of each class by stage; `gap` is the shortfall."""
    p, plan = outcome.inputs.problem, outcome.plan
    work = p.stream_work
    total = np.maximum(work.sum(axis=0), 1e-12)
    near = np.einsum("rgiy,rgy,rgi->gy", plan.served, work, p.demand.covered) / total
    classes = outcome.inputs.scenario.workload.service_classes
    rows = []
    for y, year in enumerate(years):
        for c, item in enumerate(classes):
            stream = int(p.demand.stream[c])
            promised = float(near[stream, y])
            rows.append(
                {
                    "stage": outcome.stages[y], "service_class": item.name, "planned": promised,
                    "within_circle": float(year.circle[c]),
                    "attainable": float(year.attainable[c]),
                    "attained": float(year.attained[c]),
                    "gap": max(
                        promised - float(year.circle[c]),
                        float(year.attainable[c] - year.attained[c]),
                    ),
                    "coverage_target": float(p.limits.coverage[stream]),
                }
            )  # fmt: skip
    columns = [
        "stage", "service_class", "planned", "within_circle", "attainable", "attained", "gap",
        "coverage_target",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def sites_table(
    first: PlanInputs, outcome: PlanOutcome, years: list[YearRun], margin: F8
) -> pd.DataFrame:
    """Return electricity and green share of each site by stage; targets are those asked first.

    Parameters
    ----------
    margin
        ``(I, Y)`` of the green share, planned above the target for the simulation to lose: no gap.
    """
    p, plan = outcome.inputs.problem, outcome.plan
    green = green_share(plan)
    at = {name: plan.energy[:, :, k] for k, name in enumerate(FIGURES)}
    used = at["import"] + at["own"] + at["today"] + at["discharge"] - at["charge"]
    rows = []
    for y, year in enumerate(years):
        for i, site in enumerate(p.sites.names):
            rows.append(
                {
                    "stage": outcome.stages[y], "site": site,
                    "energy_gwh_planned": float(used[i, y]) * p.unit / 1e3,
                    "energy_gwh_simulated": float(year.facility_mwh[i]) / 1e3,
                    "green_target": float(first.problem.energy.green_share[i, y]),
                    "green_planned": float(green[i, y]),
                    "green_simulated": float(year.green_share[i]),
                    "green_margin": float(margin[i, y]),
                    "green_gap": float(min(green[i, y], 1.0) - margin[i, y] - year.green_share[i]),
                }
            )  # fmt: skip
    return pd.DataFrame(rows)
