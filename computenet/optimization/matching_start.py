"""A basis from which a matching is solved sooner than from nothing."""

from __future__ import annotations

import numpy as np

from computenet.optimization.hot_model import AT_LOWER, BASIC, Basis
from computenet.optimization.matching_model import MatchingModel
from computenet.optimization.matching_problem import MatchingProblem

__all__ = ["cheapest_paths"]


def cheapest_paths(problem: MatchingProblem, whole: MatchingModel) -> Basis | None:
    """Return the basis in which each pair's cheapest path carries its traffic; nothing is met yet.

    The row of a pair ties its traffic to its paths. From slacks, the dual simplex brings in a path
    before it can use an arc of the pair, one pivot for each pair in use; here they are in before
    it begins. Priced at its cheapest path a pair costs no less on another one, and where arcs cost
    at least 0 no reduced cost is below 0: the basis is dual feasible, as that of slacks is.

    Returns
    -------
    Basis or None
        ``None`` where there is no path.
    """
    traffic = problem.traffic
    if traffic is None or not len(traffic.path_pair):
        return None
    order = np.lexsort((traffic.path_cny, traffic.path_pair))
    pairs, first = np.unique(traffic.path_pair[order], return_index=True)
    columns = np.full(whole.model.n, AT_LOWER, dtype=np.int8)
    rows = np.full(whole.model.m, BASIC, dtype=np.int8)
    columns[whole.path.index(order[first])] = BASIC
    rows[whole.pair.index(pairs)] = AT_LOWER
    return Basis(columns, rows)
