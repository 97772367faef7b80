"""A site's storage by rule against the optimum of a linear programme, and of PyPSA where it is."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.sparse import diags, eye, hstack, vstack

from benchmarks.peers import pypsa_dispatch as case


def optimum(load: np.ndarray, generation: np.ndarray, price: np.ndarray) -> float:
    """Return the least bill; variables are import, use of generation, charge, discharge, state."""
    n = len(load)
    one_way = np.sqrt(case.EFFICIENCY)
    none, whole = 0.0 * eye(n), eye(n)
    balance = hstack([whole, whole, -whole, whole, none])
    before = diags([np.ones(n - 1)], [-1], shape=(n, n))
    state = hstack([none, none, -one_way * whole, whole / one_way, whole - before])
    start = np.zeros(n)
    start[0] = case.INITIAL * case.ENERGY_MWH
    limits = [
        *((0.0, None) for _ in range(n)),
        *((0.0, value) for value in generation),
        *((0.0, case.POWER_MW) for _ in range(2 * n)),
        *((0.0, case.ENERGY_MWH) for _ in range(n)),
    ]
    found = linprog(
        np.concatenate([price, np.zeros(4 * n)]),
        A_eq=vstack([balance, state]).tocsr(),
        b_eq=np.concatenate([load, start]),
        bounds=limits,
        method="highs",
    )
    assert found.status == 0
    return float(found.fun)


@pytest.mark.parametrize("seed", range(5))
def test_self_consumption_is_optimal_at_one_price(seed: int) -> None:
    load, generation = case.series(seed)
    price = np.full(case.HOURS, 400.0)
    bill = case.by_rule(load, generation, price, "self-consumption")
    assert bill == pytest.approx(optimum(load, generation, price), rel=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_arbitrage_by_rule_is_near_the_optimum_and_never_below(seed: int) -> None:
    load, generation = case.series(seed)
    price = np.where(np.arange(case.HOURS) % 24 < 8, 250.0, 700.0)
    best = optimum(load, generation, price)
    bill = case.by_rule(load, generation, price, "arbitrage")
    assert best - 1e-6 <= bill <= 1.05 * best


@pytest.mark.filterwarnings("ignore")
def test_the_same_against_pypsa() -> None:
    pytest.importorskip("pypsa", reason="PyPSA is not installed: pip install computenet[peers]")
    load, generation = case.series(0)
    price = np.full(case.HOURS, 400.0)
    bill = case.by_rule(load, generation, price, "self-consumption")
    assert bill == pytest.approx(case.optimum(load, generation, price), rel=1e-6)
