"""Windows of a longer problem, and the state that goes from one to the next."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from computenet.optimization.dispatch_check import TABLE
from computenet.optimization.dispatch_problem import Carry, DispatchProblem
from computenet.optimization.dispatch_result import Dispatch

__all__ = ["carry_after", "window"]

F8 = NDArray[np.float64]


def carry_after(problem: DispatchProblem, plan: Dispatch, slots: int = 1) -> Carry:
    """Return the state after the first slots of a plan, had all come as forecast.

    Work due in those slots and not done is overdue: due by the end of the first slot to come. Peaks
    are those of the month of the slot to come (of the last slot, after the whole window).
    """
    last, power, before = slots - 1, problem.power, problem.carry
    h = problem.hours[:slots, None]
    backlog = plan.backlog_accelerator_h[last]
    released = before.backlog_accelerator_h + problem.work.arrivals_accelerator_h[:slots].sum(0)
    month = power.month_of_slot[min(slots, problem.slots - 1)]
    of_month = power.month_of_slot[:slots] == month
    peak = np.where(month == 0, before.peak_mw, 0.0)
    peak = np.maximum(peak, plan.import_mw[:slots][of_month].max(axis=0, initial=0.0))
    green, consumed, carbon = before.green_mwh, before.consumed_mwh, before.carbon_kg
    if problem.green is not None:
        rules = problem.green
        generated = h * plan.generation_mw[:slots]
        imported, bought = h * plan.import_mw[:slots], h * plan.green_import_mw[:slots]
        counted = imported - bought if rules.market_based else imported

        def by_zone(values: F8) -> F8:
            return np.bincount(rules.zone, values.sum(axis=0), len(rules.zones)).astype(np.float64)

        green = green + by_zone(generated + bought)
        consumed = consumed + by_zone(generated + imported)
        carbon = carbon + by_zone(counted * rules.emission_kg_per_mwh[:slots])
    return Carry(
        backlog_accelerator_h=backlog,
        due_accelerator_h=_due_after(problem, released - backlog, slots),
        buffer_gb=plan.buffer_gb[last],
        stored_mwh=np.minimum(plan.stored_mwh[last], power.battery_mwh),
        peak_mw=peak,
        green_mwh=green,
        consumed_mwh=consumed,
        carbon_kg=carbon,
        lent=plan.lent[last],
    )


def _due_after(problem: DispatchProblem, done: F8, begin: int) -> F8:
    """Return what is due by the end of each slot from `begin` on when `done` has been done."""
    due = np.cumsum(problem.work.due_accelerator_h, axis=0)[begin:]
    left = np.maximum(due - done, 0.0)
    return np.diff(left, axis=0, prepend=np.zeros((1, left.shape[1])))


def window(
    problem: DispatchProblem, begin: int, end: int, carry: Carry | None = None
) -> DispatchProblem:
    """Return slots `begin` to `end` of a longer problem.

    Parameters
    ----------
    carry
        The state at `begin`; needed unless that is 0. Its due work is worked out here from the
        whole problem and the backlog.
    """
    if carry is None:
        if begin:
            raise ValueError("a window that begins later needs the state at its beginning")
        carry = problem.carry
    released = problem.carry.backlog_accelerator_h + problem.work.arrivals_accelerator_h[
        :begin
    ].sum(axis=0)
    due = _due_after(problem, released - carry.backlog_accelerator_h, begin)[: end - begin]
    parts = {}
    for part, table in TABLE.items():
        given = getattr(problem, part)
        if given is None or part == "carry":
            continue
        cut = {
            name: getattr(given, name)[begin:end]
            for name, (axes, _) in table.items()
            if axes[0] == "T"
        }
        parts[part] = replace(given, **cut)
    parts["work"] = replace(parts["work"], due_accelerator_h=due)
    month = parts["power"].month_of_slot
    first = int(month[0])
    parts["power"] = replace(
        parts["power"], month_of_slot=month - first, month_share=problem.power.month_share[first:]
    )
    return replace(problem, hours=problem.hours[begin:end], carry=carry, **parts)
