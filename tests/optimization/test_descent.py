"""Descent within bounds, against closed forms and another implementation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from computenet.optimization.descent import minimise_within


@pytest.mark.parametrize("seed", range(5))
def test_a_quadratic_within_bounds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 12
    root = rng.normal(size=(n, n))
    matrix, linear = root @ root.T + 0.1 * np.eye(n), rng.normal(size=n)
    most = np.where(rng.uniform(size=n) < 0.5, np.inf, 0.3)

    def function(x: np.ndarray) -> tuple[float, np.ndarray]:
        return float(0.5 * x @ matrix @ x + linear @ x), matrix @ x + linear

    found = minimise_within(function, np.zeros(n), most, 2000)
    bounds = [(0.0, None if np.isinf(u) else u) for u in most]
    best = minimize(function, np.zeros(n), jac=True, bounds=bounds, method="L-BFGS-B",
                    options={"ftol": 1e-15, "gtol": 1e-10, "maxiter": 5000})  # fmt: skip
    assert function(found)[0] == pytest.approx(best.fun, rel=1e-6)
    assert (found >= 0.0).all()
    assert (found <= most).all()


def test_a_curved_valley() -> None:
    def rosenbrock(x: np.ndarray) -> tuple[float, np.ndarray]:
        a, b = 1.0 - x[0], x[1] - x[0] ** 2
        return float(a**2 + 100 * b**2), np.asarray([-2 * a - 400 * x[0] * b, 200 * b])

    found = minimise_within(rosenbrock, np.asarray([0.0, 2.0]), np.full(2, np.inf), 500)
    np.testing.assert_allclose(found, 1.0, atol=1e-4)


def test_it_ends_when_told_and_never_rises() -> None:
    def function(x: np.ndarray) -> tuple[float, np.ndarray]:
        return float((x**2).sum()), 2 * x

    start = np.full(3, 5.0)
    np.testing.assert_array_equal(
        minimise_within(function, start, np.full(3, np.inf), 100, lambda: True), start
    )
    values = [
        function(minimise_within(function, start, np.full(3, np.inf), n))[0] for n in range(6)
    ]
    assert values == sorted(values, reverse=True)
