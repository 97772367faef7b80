"""Supply meets demand: the cheapest flow from demand rows to pools under every limit.

One entry, :func:`solve_matching`, whatever the size. Small problems go to a simplex whole, pure
transport problems to a network flow, large ones to column generation. For a problem that is solved
again and again keep a :class:`computenet.optimization.matcher.Matcher`.
"""

from __future__ import annotations

import time

import numpy as np

from computenet.optimization.column_generation import ColumnGeneration
from computenet.optimization.conflicts import explain
from computenet.optimization.matching_model import (
    Matching,
    MatchingModel,
    MatchingPrices,
    matching_model,
)
from computenet.optimization.matching_problem import (
    Congestion,
    LinkTraffic,
    MatchingProblem,
    SitePower,
)
from computenet.optimization.solvers import Solution, SolverError, Status, solve
from computenet.optimization.transport import solve_transport, why_no_transport

__all__ = [
    "METHODS",
    "Congestion",
    "LinkTraffic",
    "Matching",
    "MatchingPrices",
    "MatchingProblem",
    "SitePower",
    "read_matching",
    "solve_matching",
]

#: Arcs up to which the whole model goes to GLOP.
WHOLE = 20_000
#: What `solve_matching` takes: solvers of the whole model, and methods of its own.
METHODS = ("auto", "glop", "highs", "highs-ipm", "pdlp", "transport", "columns")


def solve_matching(
    problem: MatchingProblem,
    method: str = "auto",
    *,
    time_limit_s: float | None = None,
    gap: float = 1e-4,
) -> Matching:
    """Return the cheapest matching.

    Parameters
    ----------
    method
        One of `METHODS`. ``auto`` takes GLOP up to 20,000 arcs, above that ``transport`` where
        the problem is one and no limit of time is set, else ``columns``.
    time_limit_s
        Wall time; a result then depends on the machine's speed.
    gap
        Relative gap at which column generation stops; other methods are exact.

    Raises
    ------
    InputError
        The problem cannot be used; all faults are told.
    SolverError
        No such method, or the solver fails.
    """
    if method not in METHODS:
        raise SolverError(f"no method {method!r}; there are {', '.join(METHODS)}")
    problem.check()
    if method == "auto":
        method = _best_method(problem, limited=time_limit_s is not None)
    if method == "columns":
        return ColumnGeneration(problem, gap=gap).solve(time_limit_s=time_limit_s)
    if method == "transport":
        return solve_transport(problem, time_limit_s=time_limit_s)
    began = time.perf_counter()
    whole = matching_model(problem)
    answer = solve(whole.model, method, time_limit_s=time_limit_s)
    return read_matching(problem, whole, answer, method, time.perf_counter() - began)


def _best_method(problem: MatchingProblem, *, limited: bool) -> str:
    if problem.n_arcs <= WHOLE:
        return "glop"
    # The network flow knows no limit of time.
    return "columns" if limited or why_no_transport(problem) is not None else "transport"


def read_matching(
    problem: MatchingProblem,
    whole: MatchingModel,
    answer: Solution,
    method: str,
    seconds: float,
) -> Matching:
    """Return a solution of the whole model as a matching."""
    explanation = ""
    if answer.status is Status.INFEASIBLE:
        explanation = explain(whole.model)
    elif answer.status is Status.NO_SOLUTION:
        explanation = "the time limit was reached before a solution was found"
    x = answer.x
    if answer.solved:
        # What a solver leaves below zero within its tolerance is zero.
        x = np.maximum(x, 0.0)
    return Matching(
        status=answer.status,
        method=method,
        flow=whole.flow.of(x),
        unmet=whole.unmet.of(x),
        path_gb_s=whole.path.of(x),
        segment_use=whole.segment.of(x),
        objective=answer.objective,
        bound=answer.bound,
        seconds=seconds,
        prices=whole.prices(answer.row_duals, answer.reduced_costs, problem.arc_upper),
        explanation=explanation,
    )
