"""Dispatch against PyPSA on the same data."""

from __future__ import annotations

import pytest

from benchmarks.peers import pypsa_rolling as peer
from computenet.optimization.dispatch import dispatch_cost, solve_dispatch


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(3))
def test_the_same_optimum_as_pypsa(seed: int) -> None:
    pytest.importorskip("pypsa", reason="PyPSA is not installed: pip install computenet[peers]")
    problem = peer.case(3, 24, seed)
    plan = solve_dispatch(problem)
    cost = dispatch_cost(problem, plan)
    assert cost.late == pytest.approx(0.0, abs=1e-3)
    assert plan.objective_cny == pytest.approx(peer.pypsa_cost(problem), rel=1e-6)
