"""Small dispatch problems for tests: few sites, slots of an hour, one kilowatt an accelerator."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from computenet.optimization.dispatch import (
    Carry,
    Dispatch,
    DispatchProblem,
    Fleet,
    RequestDemand,
    SitePower,
    TrainingWork,
    dispatch_cost,
    solve_dispatch,
)
from computenet.optimization.solvers import Status

__all__ = ["problem", "requests", "solved", "work"]


def work(slots: int, amount: float = 0.0, pools: int = 1, **changes: Any) -> TrainingWork:
    """Return one stream of `amount` accelerator-hours released at once and due at the end."""
    arrivals, due = np.zeros((slots, 1)), np.zeros((slots, 1))
    arrivals[0] = due[-1] = amount
    given: dict[str, Any] = {
        "names": ("train",), "arrivals_accelerator_h": arrivals, "due_accelerator_h": due,
        "speed": np.ones((1, pools)), "active_w": np.full((1, pools), 1000.0),
        "late_cny": [100.0], "unfinished_cny": [100.0],
    }  # fmt: skip
    return TrainingWork(**(given | changes))


def requests(rate: Any, groups: int = 1, **changes: Any) -> RequestDemand:
    """Return one demand that any group may serve with an accelerator-second a request."""
    given: dict[str, Any] = {
        "names": ("chat",), "rate_per_s": np.reshape(rate, (-1, 1)), "unmet_cny": [1.0],
        "arc_demand": [0] * groups, "arc_group": list(range(groups)),
        "arc_accelerator_s": np.ones(groups), "arc_it_mwh": np.zeros(groups),
        "arc_cny": np.zeros(groups), "groups": tuple(f"g{g}" for g in range(groups)),
        "group_pool": list(range(groups)),
    }  # fmt: skip
    return RequestDemand(**(given | changes))


def problem(
    price: Any,
    *,
    fleet: dict[str, Any] | None = None,
    power: dict[str, Any] | None = None,
    **parts: Any,
) -> DispatchProblem:
    """Return sites of one pool each; `price` is ``(T,)`` for one site or ``(T, I)``."""
    price = np.asarray(price, dtype=np.float64)
    price = price.reshape(len(price), -1)
    slots, sites = price.shape
    fleet_given: dict[str, Any] = {
        "sites": tuple(f"s{i}" for i in range(sites)),
        "pools": tuple(f"p{i}" for i in range(sites)),
        "pool_site": np.arange(sites), "job_accelerators": 10.0,
    }  # fmt: skip
    power_given: dict[str, Any] = {"fixed_mw": 0.0, "pue": 1.0, "price_cny_per_mwh": price}
    parts.setdefault("carry", Carry())
    return DispatchProblem(
        np.ones(slots), Fleet(**(fleet_given | (fleet or {}))),
        SitePower(**(power_given | (power or {}))), **parts,
    )  # fmt: skip


def solved(case: DispatchProblem) -> Dispatch:
    """Solve; the objective must be the cost of the decisions."""
    plan = solve_dispatch(case)
    assert plan.status is Status.OPTIMAL
    assert dispatch_cost(case, plan).total == pytest.approx(plan.objective_cny, rel=1e-9, abs=1e-7)
    return plan
