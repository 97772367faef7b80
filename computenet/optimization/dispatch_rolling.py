"""Where the solve of a window begins: at the end of the last one, moved on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from computenet.optimization.dispatch_model import DispatchModel, build_model
from computenet.optimization.dispatch_problem import DispatchProblem
from computenet.optimization.dispatch_result import Dispatch
from computenet.optimization.dispatch_window import carry_after, window
from computenet.optimization.solvers import Basis, HotModel, Status
from computenet.optimization.sparse import Block

__all__ = ["Solved", "moved_basis"]

I8 = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Solved:
    """A window that has been solved.

    Attributes
    ----------
    basis
        Of `built`, where its solve ended.
    settled
        Whether simplex has ended there, not a crossover.
    """

    problem: DispatchProblem
    plan: Dispatch
    built: DispatchModel
    basis: Basis
    settled: bool


def moved_basis(
    last: Solved,
    problem: DispatchProblem,
    built: DispatchModel,
    passed: int,
    time_limit_s: float | None = None,
) -> Basis:
    """Return a basis from which a window is likely to be solved soon.

    Slots that the last window had keep their statuses. Those that are new at the end are solved by
    themselves first, from the state in which the last plan ends. The model is block triangular but
    for the few rows of the whole window, so both together are a basis, of a plan that breaks no
    limit where all came as forecast; what is left to do is to weigh the old end against what comes.

    Parameters
    ----------
    last
        A window with the same pools, streams, arcs and rules.
    problem, built
        The window, and its model.
    passed
        Slots from the beginning of the last window to that of this one.
    time_limit_s
        Wall time for new slots; where it is reached they are like the first ones.
    """
    slots, before = problem.slots, last.problem.slots
    # Without anything better new slots are like the first ones, so that a basis stays one.
    basis = _taken(built, last.built, last.basis, (np.arange(slots) + passed) % before)
    added = slots - (before - passed)
    if not 0 < added < slots:
        return basis
    state = carry_after(last.problem, last.plan, before)
    rest = window(problem, slots - added, slots, state)
    model = build_model(rest, replace(built.layout, slots=added))
    hot = HotModel(model.model, method="simplex", time_limit_s=time_limit_s)
    alone = hot.basis() if hot.solve().status is Status.OPTIMAL else None
    if alone is not None:
        for values, blocks, found, parts in (
            (basis.columns, built.columns, alone.columns, model.columns),
            (basis.rows, built.rows, alone.rows, model.rows),
        ):
            for key, block in blocks.items():
                if _by_slot(block):
                    part = found[parts[key].slice]
                    values[block.first + block.size - part.size : block.first + block.size] = part
    return basis


def _taken(built: DispatchModel, before: DispatchModel, basis: Basis, like: I8) -> Basis:
    """Return a basis of `built` whose slots take the statuses of slots of `before`."""
    columns = np.empty(built.model.n, dtype=np.int8)
    rows = np.empty(built.model.m, dtype=np.int8)
    for values, blocks, old_values, old_blocks in (
        (columns, built.columns, basis.columns, before.columns),
        (rows, built.rows, basis.rows, before.rows),
    ):
        for key, block in blocks.items():
            old = old_blocks[key]
            part = old_values[old.slice].reshape(old.shape)
            values[block.slice] = (part[like] if _by_slot(block) else part).ravel()
    return Basis(columns, rows)


def _by_slot(block: Block) -> bool:
    """Return whether a block's first axis is slots; those of months and zones have others."""
    return len(block.shape) == 2 and block.name != "peak"
