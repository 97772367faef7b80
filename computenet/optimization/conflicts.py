"""Why a model has no solution: the constraints that conflict, in a user's words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from computenet.optimization.solvers import solve
from computenet.optimization.sparse import ModelBuilder, SparseModel

__all__ = ["Conflict", "conflicts", "explain"]

B1 = NDArray[np.bool_]

#: Slack below this share of a bound is rounding.
ROUNDING = 1e-7
#: Relative gap of a relaxation with whole numbers.
GAP = 1e-3


@dataclass(frozen=True, slots=True)
class Conflict:
    """A constraint that would have to give way, and by how much; `kind` is its block's name."""

    constraint: str
    excess: float
    kind: str = ""


def conflicts(
    model: SparseModel,
    keep: B1 | None = None,
    *,
    nodes: int | None = None,
    time_limit_s: float | None = None,
) -> list[Conflict]:
    """Return a smallest total relaxation that makes an infeasible model feasible.

    Every finite side of a row gets a slack in multiples of its bound, ``row_lower - b s <= A x <=
    row_upper + b t`` with ``b = max(1, |bound|)``, and ``sum (s + t)`` is minimised (an elastic
    relaxation; Chinneck, *Feasibility and Infeasibility in Optimization*, 2008). Rows with slack
    are those in conflict, the largest relative excess first.

    Parameters
    ----------
    keep
        ``(m,)`` rows that may not give way.
    nodes
        Whole-number columns take whole numbers, and this is the most nodes of branch and bound;
        ``None``: they may be fractional, so what is found is a lower bound.
    time_limit_s
        Wall time, where `nodes` is ``None``; what is not found by then is nothing.
    """
    builder = ModelBuilder()
    whole = model.integer if nodes is not None else np.zeros(model.n, dtype=np.bool_)
    x = builder.add_columns("x", (model.n,), lower=model.lower, upper=model.upper)
    rows = builder.add_rows("row", (model.m,), lower=model.row_lower, upper=model.row_upper)
    coo = model.matrix.tocoo()
    builder.add_terms(rows.index(coo.row), x.index(coo.col), coo.data)
    sides = []
    for bound, sign in ((model.row_lower, 1.0), (model.row_upper, -1.0)):
        at = np.flatnonzero(np.isfinite(bound) & (True if keep is None else ~keep))
        scale = np.maximum(np.abs(bound[at]), 1.0)
        slack = builder.add_columns("slack", (len(at),), cost=1.0)
        builder.add_terms(rows.index(at), slack.index(np.arange(len(at))), sign * scale)
        sides.append((at, slack, scale))
    made = builder.build()
    integer = np.concatenate([whole, np.zeros(made.n - model.n, dtype=np.bool_)])
    answer = solve(
        replace(made, integer=integer), "highs", time_limit_s=time_limit_s, gap=GAP, effort=nodes
    )
    if not answer.solved:
        return []
    found: list[tuple[float, Conflict]] = []
    for at, slack, scale in sides:
        part = slack.of(answer.x)
        found += [
            (float(part[i]), _conflict(model, int(at[i]), float(part[i] * scale[i])))
            for i in np.flatnonzero(part > ROUNDING)
        ]
    return [conflict for _, conflict in sorted(found, key=lambda item: -item[0])]


def _conflict(model: SparseModel, row: int, excess: float) -> Conflict:
    kinds = (block.name for block in model.rows if block.first <= row < block.first + block.size)
    return Conflict(model.row_label(row), excess, next(kinds, ""))


def explain(
    model: SparseModel,
    most: int = 5,
    keep: B1 | None = None,
    *,
    units: Mapping[str, tuple[float, str]] | None = None,
    time_limit_s: float | None = None,
) -> str:
    """Return one sentence that says which constraints conflict.

    Parameters
    ----------
    most
        Constraints named.
    keep
        ``(m,)`` rows that may not give way.
    units
        By name of a block of rows, what 1 in its bounds stands for and in which unit.
    time_limit_s
        Wall time.
    """
    found = conflicts(model, keep, time_limit_s=time_limit_s)
    if not found:
        return "no set of constraints was found that would have to give way"
    shown = "; ".join(
        _told(item, *(units or {}).get(item.kind, (1.0, ""))) for item in found[:most]
    )
    more = f"; and {len(found) - most} more" if len(found) > most else ""
    return f"these would have to give way: {shown}{more}"


def _told(item: Conflict, one: float, unit: str) -> str:
    return f"{item.constraint} by {one * item.excess:.6g} {unit}".rstrip()
