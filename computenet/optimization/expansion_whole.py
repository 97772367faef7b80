"""A capacity expansion as one model: investment and every site's year together.

For small problems, and as the oracle of the decomposition.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from computenet.optimization.expansion_energy import LINKS, add_energy
from computenet.optimization.expansion_model import Investment, add_investment
from computenet.optimization.expansion_problem import ExpansionProblem
from computenet.optimization.sparse import ModelBuilder, SparseModel

__all__ = ["Whole", "whole_model"]


@dataclass(frozen=True, slots=True)
class Whole:
    """The model and its investment side, whose columns are the first."""

    model: SparseModel
    investment: Investment


def whole_model(problem: ExpansionProblem) -> Whole:
    """Return the whole model; its objective is that of :mod:`.expansion_model`."""
    builder = ModelBuilder()
    investment = add_investment(builder, problem)
    carbon = bool(np.isfinite(problem.limits.carbon).any())
    columns = [investment.columns[f"link {name}"] for name in LINKS]
    for i in range(len(problem.sites.names)):
        for y in range(len(problem.stages.names)):
            links = np.asarray([int(block.index(i, y)) for block in columns], dtype=np.int64)
            add_energy(builder, problem, i, y, links, float(problem.stages.worth[y]), carbon)
    return Whole(builder.build(), investment)
