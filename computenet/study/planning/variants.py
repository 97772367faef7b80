"""Layouts near the best one, and fronts of cost against carbon and latency coverage, as tables."""

from __future__ import annotations

import numpy as np
import pandas as pd

from computenet.optimization.expansion import Planner
from computenet.optimization.expansion_alternatives import alternatives, power_shares
from computenet.optimization.expansion_front import (
    FrontPoint,
    carbon_front,
    coverage_front,
    emissions,
)
from computenet.optimization.expansion_plan import ExpansionPlan
from computenet.study.planning.inputs import PlanInputs
from computenet.study.planning.tables import in_service_of

__all__ = ["ALTERNATIVES", "PARETO", "alternative_table", "pareto_table", "variant_notes"]

#: Part of the cost by which a variant that is cheaper than the plan is told of.
CHEAPER = 5e-5

ALTERNATIVES = (
    "alternative", "cost_cny", "cost_over_plan", "power_elsewhere", "sites_begun", "largest",
    "emissions_kt",
)  # fmt: skip
PARETO = (
    "front", "value", "unit", "cost_cny", "bound_cny", "cost_over_plan", "emissions_kt",
    "coverage", "sites_begun",
)  # fmt: skip


def alternative_table(
    inputs: PlanInputs, plan: ExpansionPlan, planner: Planner | None, count: int, within: float
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return alternatives, a row each, and the power of IT by site, a row each site and plan.

    ``power_elsewhere`` is the part of the IT power of the last stage that stands at other sites
    than in the plan. The plan itself is alternative 0.
    """
    sites = inputs.problem.sites.names
    if planner is None or count == 0:
        empty = pd.DataFrame(columns=["alternative", "site", "it_mw", "share"])
        return pd.DataFrame(columns=list(ALTERNATIVES)), empty
    found = [(plan, 0.0)]
    found += [(item.plan, item.elsewhere) for item in alternatives(planner, plan, count, within)]
    rows, layouts = [], []
    for number, (one, elsewhere) in enumerate(found):
        shares = power_shares(planner, one)
        power = one.used[:, :, -1] @ inputs.problem.chips.nameplate_kw * inputs.problem.unit / 1e3
        layouts += [
            (number, name, float(power[i]), float(shares[i])) for i, name in enumerate(sites)
        ]
        rows.append(
            (
                number, _cny(inputs, one.objective), one.objective / plan.objective - 1.0,
                elsewhere, int(one.begun.sum()), _largest(inputs, one),
                emissions(planner, one) * inputs.problem.unit / 1e3,
            )
        )  # fmt: skip
    return (
        pd.DataFrame(rows, columns=list(ALTERNATIVES)),
        pd.DataFrame(layouts, columns=["alternative", "site", "it_mw", "share"]),
    )


def pareto_table(
    inputs: PlanInputs, plan: ExpansionPlan, planner: Planner | None, count: int, gap: float
) -> pd.DataFrame:
    """Return the fronts: ``carbon`` (kt over all years) and ``coverage`` of the nearest stream."""
    if planner is None or count == 0:
        return pd.DataFrame(columns=list(PARETO))
    streams = inputs.streams
    rows = [
        _row(inputs, planner, plan, "carbon", point, point.limit * inputs.problem.unit / 1e3, "kt")
        for point in carbon_front(planner, plan, count, gap)
    ]
    nearest = int(np.argmin(streams.circle_ms))
    if np.isfinite(streams.circle_ms[nearest]):
        name = f"coverage of {streams.names[nearest]}"
        rows += [
            _row(inputs, planner, plan, name, point, point.limit, "share")
            for point in coverage_front(planner, nearest, count, gap)
        ]
    return pd.DataFrame(rows, columns=list(PARETO))


def variant_notes(
    near: pd.DataFrame, front: pd.DataFrame, asked: int, gap: float
) -> tuple[str, ...]:
    """Return what a reader should know of alternatives and fronts.

    Parameters
    ----------
    near, front
        Tables of `alternative_table` and `pareto_table`.
    asked
        Alternatives that were asked for.
    gap
        Of the plan.
    """
    notes = []
    found = max(len(near) - 1, 0)
    if found < asked:
        notes.append(
            f"{found} of {asked} alternatives found: no other layout within the cost differs"
        )
    less = -min(
        (
            float(over)
            for table in (near, front)
            for over in table["cost_over_plan"].to_numpy(np.float64)
        ),
        default=0.0,
    )
    if less > CHEAPER:
        notes.append(
            f"some variants cost up to {less:.2%} less than the plan: the plan is proved to "
            f"within {gap:.2%} of the least cost only, and a smaller --gap brings it down"
        )
    return tuple(notes)


def _row(
    inputs: PlanInputs,
    planner: Planner,
    plan: ExpansionPlan,
    front: str,
    point: FrontPoint,
    value: float,
    unit: str,
) -> tuple[object, ...]:
    one, d = point.plan, inputs.problem.demand
    work = inputs.problem.stream_work
    near = np.einsum("rgiy,rgy,rgi->gy", one.served, work, d.covered)
    share = near / np.maximum(work.sum(axis=0), 1e-12)
    nearest = int(np.argmin(inputs.streams.circle_ms))
    return (
        front, value, unit, _cny(inputs, one.objective), _cny(inputs, point.bound),
        one.objective / plan.objective - 1.0, emissions(planner, one) * inputs.problem.unit / 1e3,
        float(share[nearest].min()), int(one.begun.sum()),
    )  # fmt: skip


def _cny(inputs: PlanInputs, money: float) -> float:
    return money * 1e3 * inputs.problem.unit


def _largest(inputs: PlanInputs, plan: ExpansionPlan) -> str:
    """Return the sites with most new halls in the last stage, in words."""
    p = inputs.problem
    halls = in_service_of(plan.halls, p.sites.serves)[:, -1] * p.unit / 1e3
    order = [int(i) for i in np.argsort(-halls) if halls[i] > 1e-6][:4]
    return ", ".join(f"{p.sites.names[i]} {halls[i]:.3g} MW" for i in order) or "-"
