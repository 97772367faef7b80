"""Why a model has no solution: the constraints that conflict, in a user's words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from computenet.optimization.solvers import Status, solve
from computenet.optimization.sparse import ModelBuilder, SparseModel

__all__ = ["Conflict", "conflicts", "explain"]

B1 = NDArray[np.bool_]

#: Slack below this share of a bound is rounding.
ROUNDING = 1e-7


@dataclass(frozen=True, slots=True)
class Conflict:
    """A constraint that would have to give way, and by how much."""

    constraint: str
    excess: float


def conflicts(model: SparseModel, keep: B1 | None = None) -> list[Conflict]:
    """Return a smallest total relaxation that makes an infeasible model feasible.

    Every finite side of a row gets a slack, ``row_lower - s <= A x <= row_upper + t``, and
    ``sum (s + t) / max(1, |bound|)`` is minimised (an elastic relaxation; Chinneck, *Feasibility
    and Infeasibility in Optimization*, 2008). Rows with slack are those in conflict, the largest
    relative excess first. Whole-number columns may be fractional here.

    Parameters
    ----------
    keep
        ``(m,)`` rows that may not give way.
    """
    builder = ModelBuilder()
    x = builder.add_columns("x", (model.n,), lower=model.lower, upper=model.upper)
    rows = builder.add_rows("row", (model.m,), lower=model.row_lower, upper=model.row_upper)
    coo = model.matrix.tocoo()
    builder.add_terms(rows.index(coo.row), x.index(coo.col), coo.data)
    sides = []
    for bound, sign in ((model.row_lower, 1.0), (model.row_upper, -1.0)):
        at = np.flatnonzero(np.isfinite(bound) & (True if keep is None else ~keep))
        scale = 1.0 / np.maximum(np.abs(bound[at]), 1.0)
        slack = builder.add_columns("slack", (len(at),), cost=scale)
        builder.add_terms(rows.index(at), slack.index(np.arange(len(at))), sign)
        sides.append((at, slack, scale))
    answer = solve(builder.build(), "highs")
    if answer.status is not Status.OPTIMAL:
        return []
    found: list[tuple[float, Conflict]] = []
    for at, slack, scale in sides:
        excess = slack.of(answer.x)
        found += [
            (float(excess[i] * scale[i]), Conflict(model.row_label(int(at[i])), float(excess[i])))
            for i in np.flatnonzero(excess * scale > ROUNDING)
        ]
    return [conflict for _, conflict in sorted(found, key=lambda item: -item[0])]


def explain(model: SparseModel, most: int = 5, keep: B1 | None = None) -> str:
    """Return one sentence that says which constraints conflict; rows of `keep` may not give way."""
    found = conflicts(model, keep)
    if not found:
        return "no set of constraints was found that would have to give way"
    shown = "; ".join(f"{item.constraint} by {item.excess:.6g}" for item in found[:most])
    more = f"; and {len(found) - most} more" if len(found) > most else ""
    return f"these would have to give way: {shown}{more}"
