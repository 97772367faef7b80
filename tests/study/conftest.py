"""A small plan and the days on which it is simulated."""

from __future__ import annotations

import pytest

from computenet.study import PlanOutcome, plan
from computenet.study.planning.stage_days import DayTask, day_tasks


@pytest.fixture(scope="module")
def outcome() -> PlanOutcome:
    return plan("four-hubs", stages=1, days=2, gap=1e-3)


@pytest.fixture(scope="module")
def tasks(outcome: PlanOutcome) -> list[DayTask]:
    return day_tasks(
        outcome.inputs, 0, outcome.scenario(), policy="nearest", parameters={}, seed=1,
        warmup_h=2.0,
    )  # fmt: skip
