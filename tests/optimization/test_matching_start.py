"""The basis from which a matching is solved at first."""

from __future__ import annotations

import numpy as np
import pytest

from computenet.optimization.matching_model import matching_model
from computenet.optimization.matching_start import cheapest_paths
from computenet.optimization.solvers import HotModel, Status
from tests.optimization.matching_cases import PARTS, drawn, optimum


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("parts", [("traffic",), ("traffic", "split", "power"), PARTS])
def test_it_is_a_dual_feasible_basis_and_leads_to_the_optimum(
    seed: int, parts: tuple[str, ...]
) -> None:
    problem = drawn(seed, parts)
    whole = matching_model(problem)
    model, basis = whole.model, cheapest_paths(problem, whole)
    assert basis is not None
    columns, rows = np.flatnonzero(basis.columns == 1), np.flatnonzero(basis.rows == 1)
    assert len(columns) + len(rows) == model.m
    matrix = np.hstack([model.matrix[:, columns].toarray(), -np.eye(model.m)[:, rows]])
    costs = np.concatenate([model.cost[columns], np.zeros(len(rows))])
    duals = np.linalg.solve(matrix.T, costs)
    assert (model.cost - model.matrix.T @ duals >= np.minimum(model.cost, 0.0) - 1e-12).all()

    hot = HotModel(model, presolve=False)
    hot.start_from(basis)
    answer = hot.solve()
    assert answer.status is Status.OPTIMAL
    assert answer.objective == pytest.approx(optimum(problem), rel=1e-9)


def test_each_pair_starts_with_its_cheapest_path() -> None:
    problem = drawn(1, ("traffic",))
    traffic = problem.traffic
    assert traffic is not None
    whole = matching_model(problem)
    basis = cheapest_paths(problem, whole)
    assert basis is not None
    taken = np.flatnonzero(whole.path.of(basis.columns) == 1)
    for pair in range(traffic.n_pairs):
        paths = np.flatnonzero(traffic.path_pair == pair)
        chosen = taken[traffic.path_pair[taken] == pair]
        assert len(chosen) == min(len(paths), 1)
        assert (traffic.path_cny[chosen] == traffic.path_cny[paths].min(initial=np.inf)).all()


def test_without_paths_there_is_none() -> None:
    problem = drawn(0, ("power",))
    assert cheapest_paths(problem, matching_model(problem)) is None
