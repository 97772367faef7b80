"""What a solver returns, checked with numpy before anyone uses it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from computenet.errors import ComputenetError
from computenet.optimization.sparse import SparseModel

__all__ = ["Solution", "SolverError", "Status", "checked", "no_solution", "relative_gap"]

F8 = NDArray[np.float64]

#: Largest relative violation at which a solution counts as feasible.
FEASIBLE = 1e-6


class SolverError(ComputenetError):
    """A solver that is missing, refuses the model, crashes, or returns what is not feasible."""


class Status(StrEnum):
    """How a solve ended."""

    OPTIMAL = "optimal"
    FEASIBLE = "feasible"  # a limit was reached, with a solution
    INFEASIBLE = "infeasible"
    UNBOUNDED = "unbounded"
    NO_SOLUTION = "no solution"  # a limit was reached, without one


@dataclass(frozen=True, slots=True)
class Solution:
    """What a solver returned.

    Attributes
    ----------
    status
        How it ended.
    objective
        Value of `x`, computed here as ``cost . x + offset``; infinite without a solution.
    bound
        Lower bound on the optimum; minus infinity where none is known.
    seconds, iterations
        Wall time of building and solving; simplex or interior-point iterations, -1 = not told.
    violation
        Largest relative violation of a row or bound, computed here.
    x
        ``(n,)``; NaN without a solution.
    row_duals, reduced_costs
        ``(m,)`` and ``(n,)`` in the convention of minimisation: a dual is the change of the
        optimum per unit of the row's bound, so <= 0 at an upper bound that binds. NaN where the
        model is integer or has no solution.
    """

    status: Status
    objective: float
    bound: float
    seconds: float
    iterations: int
    violation: float
    x: F8
    row_duals: F8
    reduced_costs: F8
    solver: str

    @property
    def solved(self) -> bool:
        """Whether there is a solution."""
        return self.status in (Status.OPTIMAL, Status.FEASIBLE)

    @property
    def gap(self) -> float:
        """Relative gap between objective and bound."""
        return relative_gap(self.objective, self.bound)


def relative_gap(objective: float, bound: float) -> float:
    """Return ``(objective - bound) / |objective|``, at least 0; infinite without either."""
    if not (np.isfinite(objective) and np.isfinite(bound)):
        return float("inf")
    return max(objective - bound, 0.0) / max(abs(objective), 1e-12)


def no_solution(
    model: SparseModel, status: Status, seconds: float, bound: float, solver: str
) -> Solution:
    nothing = np.full(model.n, np.nan)
    return Solution(
        status, np.inf, bound, seconds, -1, np.inf, nothing, np.full(model.m, np.nan),
        nothing, solver,
    )  # fmt: skip


def checked(
    model: SparseModel,
    status: Status,
    x: F8,
    row_duals: F8,
    reduced_costs: F8,
    bound: float,
    seconds: float,
    iterations: int,
    solver: str,
) -> Solution:
    """Re-check a solution with numpy and return it; one that is not feasible is an error."""
    violation = model.violation(x)
    if violation > FEASIBLE:
        raise SolverError(f"{solver} returned a solution that violates a row by {violation:.2g}")
    objective = float(model.cost @ x) + model.offset
    if status is Status.OPTIMAL and not model.integer.any():
        bound = objective
    return Solution(
        status, objective, min(bound, objective), seconds, iterations, violation, x, row_duals,
        reduced_costs, solver,
    )  # fmt: skip
