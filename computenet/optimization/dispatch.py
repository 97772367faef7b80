"""Rolling-horizon dispatch of the whole network: inference now, deferrable work when it is best.

One linear programme decides for a window of slots where requests are served, when and where
deferrable work runs and its data is shipped, what batteries do, how much is imported green, and how
many serving accelerators are lent to jobs. :mod:`computenet.optimization.dispatch_model` has the
formulas. A :class:`Dispatcher` keeps what it has learned between windows: the basis of the last
one, moved by the slots that have passed and made longer by those that are new, is where the next
solve starts.
"""

from __future__ import annotations

import time
from dataclasses import fields, replace
from typing import Any

import numpy as np

from computenet.optimization.conflicts import explain
from computenet.optimization.dispatch_check import RELAXED
from computenet.optimization.dispatch_cost import DispatchCost, dispatch_cost, facility_mw
from computenet.optimization.dispatch_layout import layout_of
from computenet.optimization.dispatch_model import DispatchModel, build_model
from computenet.optimization.dispatch_problem import (
    Carry,
    DataShipping,
    DispatchProblem,
    Fleet,
    GreenRules,
    RequestDemand,
    SitePower,
    TrainingWork,
)
from computenet.optimization.dispatch_result import Dispatch, read_dispatch
from computenet.optimization.dispatch_rolling import Solved, moved_basis
from computenet.optimization.dispatch_window import carry_after, window
from computenet.optimization.scaling import geometric_scaling
from computenet.optimization.solvers import HotModel, Solution, SolverError, Status, solve
from computenet.optimization.sparse import SparseModel

__all__ = [
    "Carry", "DataShipping", "Dispatch", "DispatchCost", "DispatchProblem", "Dispatcher", "Fleet",
    "GreenRules", "RequestDemand", "SitePower", "TrainingWork", "carry_after", "dispatch_cost",
    "facility_mw", "solve_dispatch", "window",
]  # fmt: skip

#: Pivots after which going on from the last basis is given up for interior point from nothing, and
#: those of large models as a share of their rows.
MOST_PIVOTS, MOST_OF_ROWS = 10_000, 0.5


def solve_dispatch(
    problem: DispatchProblem, solver: str = "highs", *, time_limit_s: float | None = None
) -> Dispatch:
    """Solve one window from nothing.

    Parameters
    ----------
    solver
        A name of `computenet.optimization.solvers.SOLVERS`.
    time_limit_s
        Wall time; where it is reached `Dispatch.status` and `Dispatch.why` say so.

    Raises
    ------
    SolverError
        The solver fails.
    """
    began = time.perf_counter()
    built = build_model(problem, layout_of(problem))
    answer = solve(built.model, solver, time_limit_s=time_limit_s)
    return read_dispatch(
        problem, built, answer, warm=False, why=_why(problem, answer, time_limit_s, began)
    )


class Dispatcher:
    """Solves window after window, each from where the last one ended.

    The first window, and one with other pools, streams, arcs or rules than the last, is solved by
    interior point with crossover. Any other starts the simplex from the basis of the last window
    moved forward by the slots that have passed, in which slots that have come in at the back are
    solved by themselves first (:mod:`computenet.optimization.dispatch_rolling`). Costs are not
    perturbed there: a basis that is optimal but for one hour loses more by it than ties cost. Only
    a basis that a crossover made, which is far from what simplex would have chosen, is better left
    with perturbation.

    A window may have fewer or more slots than the last. One that ends where the last ended differs
    from it at the front only and takes a fraction of the pivots: an end that moves on by several
    slots at a time makes most solves fast (docs/dispatch.md has figures).

    Parameters
    ----------
    time_limit_s
        Wall time of one solve; where it is reached `Dispatch.status` and `Dispatch.why` say so.
    """

    def __init__(self, *, time_limit_s: float | None = None) -> None:
        self.time_limit_s = time_limit_s
        self._last: Solved | None = None
        self._passed = 0  # slots since then

    def forget(self) -> None:
        """Start the next window from nothing."""
        self._last, self._passed = None, 0

    def solve(self, problem: DispatchProblem, passed: int = 1) -> Dispatch:
        """Solve a window.

        Parameters
        ----------
        passed
            Slots that have passed since the window before; 0 = the same slots, told anew.

        Raises
        ------
        SolverError
            The solver fails, from nothing too.
        """
        began = time.perf_counter()
        last = self._last
        layout = layout_of(problem, None if last is None else last.built.layout)
        built = build_model(problem, layout)
        hot, answer, why = None, None, ""
        self._passed += passed
        if last is not None and layout.alike(last.built.layout):
            hot, answer, why = self._go_on(last, problem, built)
        warm = answer is not None
        if hot is None or answer is None:
            hot, answer = _from_nothing(built.model, self.time_limit_s, began)
        basis = hot.basis() if answer.status is Status.OPTIMAL else None
        said = _why(problem, answer, self.time_limit_s, began)
        why = "; ".join(text for text in (why, said) if text)
        answer = replace(answer, seconds=time.perf_counter() - began)
        plan = read_dispatch(problem, built, answer, warm, why)
        if basis is not None:
            self._last, self._passed = Solved(problem, plan, built, basis, warm), 0
        return plan

    def _go_on(
        self, last: Solved, problem: DispatchProblem, built: DispatchModel
    ) -> tuple[HotModel | None, Solution | None, str]:
        """Solve from the last basis; nothing where that is no faster than from nothing."""
        limit = np.inf if self.time_limit_s is None else self.time_limit_s
        began = time.perf_counter()
        try:
            basis = moved_basis(last, problem, built, self._passed, self.time_limit_s)
            left = max(limit - (time.perf_counter() - began), 0.0)
            hot = HotModel(
                built.model, method="simplex", time_limit_s=left if np.isfinite(left) else None
            )
            most = max(MOST_PIVOTS, int(MOST_OF_ROWS * built.model.m))
            hot.load(built.model, basis, most, perturb=not last.settled)
            answer = hot.solve()
        except SolverError as error:
            return None, None, f"solved from nothing, since from the last basis {error}"
        stopped = answer.status in (Status.NO_SOLUTION, Status.FEASIBLE)
        if stopped and answer.seconds < left:  # too many pivots
            return None, None, ""
        return hot, answer, ""


def _from_nothing(
    model: SparseModel, time_limit_s: float | None, began: float
) -> tuple[HotModel, Solution]:
    """Solve by interior point with crossover, in even units; as told where that goes wrong."""
    scaling = geometric_scaling(model)
    try:
        left_s = _left_s(time_limit_s, began)
        hot = HotModel(scaling.of(model), method="ipm", scaled=True, time_limit_s=left_s)
        return hot, scaling.undone(model, hot.solve())
    except SolverError:
        left_s = _left_s(time_limit_s, began)
        hot = HotModel(model, method="ipm", scaled=True, time_limit_s=left_s)
        return hot, hot.solve()


def _left_s(time_limit_s: float | None, began: float) -> float | None:
    """Return what is left of a time limit that began then, s; ``None`` where there is none."""
    if time_limit_s is None:
        return None
    return max(time_limit_s - (time.perf_counter() - began), 0.0)


def _why(
    problem: DispatchProblem, answer: Solution, time_limit_s: float | None, began: float
) -> str:
    """Return why there is no optimal solution, in words; empty where there is one."""
    if answer.status is Status.INFEASIBLE:
        return f"there is no solution: {_what_would_give_way(problem, time_limit_s, began)}"
    if answer.status is Status.UNBOUNDED:
        return "cost has no lower bound: a negative price has no limit"
    if answer.status is Status.NO_SOLUTION:
        return f"the time limit of {time_limit_s} s was reached without a solution"
    if answer.status is Status.FEASIBLE:
        return f"the time limit of {time_limit_s} s was reached; the gap is {answer.gap:.2%}"
    return ""


def _what_would_give_way(problem: DispatchProblem, time_limit_s: float | None, began: float) -> str:
    """Return what would give way at the usual prices, as far as the time limit lets find it."""
    usual: dict[str, Any] = {item.name: item.default for item in fields(DispatchProblem)}
    prices = {name: usual[name] for name in RELAXED if np.isinf(getattr(problem, name))}
    elastic = replace(problem, **prices)
    built = build_model(elastic, layout_of(elastic))
    answer = solve(built.model, "highs", time_limit_s=_left_s(time_limit_s, began))
    found = read_dispatch(elastic, built, answer, warm=False)
    if found.why:
        return found.why
    left_s = _left_s(time_limit_s, began)
    if left_s == 0.0:
        return f"the time limit of {time_limit_s} s left no time to find what would give way"
    model = build_model(problem, layout_of(problem)).model
    return explain(model, time_limit_s=left_s)
