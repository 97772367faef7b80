"""Layouts near the best one, and fronts of cost against carbon and latency coverage, as tables."""

from __future__ import annotations

import pandas as pd

from computenet.optimization.expansion import Planner
from computenet.optimization.expansion_plan import ExpansionPlan
from computenet.study.planning.inputs import PlanInputs

__all__ = ["alternative_table", "pareto_table"]


def alternative_table(
    inputs: PlanInputs,
    plan: ExpansionPlan,
    planner: Planner | None,
    count: int,
    within: float,
    gap: float,
) -> pd.DataFrame:
    return pd.DataFrame()


def pareto_table(
    inputs: PlanInputs, plan: ExpansionPlan, planner: Planner | None, count: int, gap: float
) -> pd.DataFrame:
    return pd.DataFrame()
