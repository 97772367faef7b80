"""Rolling-horizon dispatch of the whole network: inference now, deferrable work when it is best.

One linear programme decides for a window of slots where requests are served, when and where
deferrable work runs and its data is shipped, what batteries do, how much is imported green, and how
many serving accelerators are lent to jobs. :mod:`computenet.optimization.dispatch_model` has the
formulas. A :class:`Dispatcher` keeps the model between windows: the basis of the last window,
moved by the slots that have passed, is where the next solve starts.
"""

from __future__ import annotations

from computenet.optimization.conflicts import explain
from computenet.optimization.dispatch_cost import DispatchCost, dispatch_cost
from computenet.optimization.dispatch_layout import layout_of
from computenet.optimization.dispatch_model import build_model
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
from computenet.optimization.solvers import Status, solve

__all__ = [
    "Carry", "DataShipping", "Dispatch", "DispatchCost", "DispatchProblem", "Fleet", "GreenRules",
    "RequestDemand", "SitePower", "TrainingWork", "dispatch_cost", "solve_dispatch",
]  # fmt: skip


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
    built = build_model(problem, layout_of(problem))
    answer = solve(built.model, solver, time_limit_s=time_limit_s)
    why = explain(built.model) if answer.status is Status.INFEASIBLE else ""
    return read_dispatch(problem, built, answer, warm=False, why=why)
