"""Sensitivities on functions whose indices are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from computenet.study.sweeps.analysis import front
from computenet.study.sweeps.design import points
from computenet.study.sweeps.sensitivity import sensitivity
from computenet.study.sweeps.spec import AxisSpec, DesignSpec

PI = np.pi


def ishigami() -> tuple[list[AxisSpec], dict[str, float], dict[str, float]]:
    """Return axes, first and total indices of Ishigami and Homma's function, a = 7, b = 0.1."""
    law = {"kind": "uniform", "low": -PI, "high": PI}
    axes = [AxisSpec.model_validate({"path": p, "distribution": law}) for p in ("x1", "x2", "x3")]
    a, b = 7.0, 0.1
    v1 = 0.5 * (1 + b * PI**4 / 5) ** 2
    v2, v13 = a**2 / 8, b**2 * PI**8 * (1 / 18 - 1 / 50)
    v = v1 + v2 + v13
    first = {"x1": v1 / v, "x2": v2 / v, "x3": 0.0}
    total = {"x1": (v1 + v13) / v, "x2": v2 / v, "x3": v13 / v}
    return axes, first, total


def outcome(design: DesignSpec, axes: list[AxisSpec]) -> tuple[list[Any], np.ndarray]:
    at = points(design, axes)
    x1, x2, x3 = np.array(at).T
    return at, np.sin(x1) + 7.0 * np.sin(x2) ** 2 + 0.1 * x3**4 * np.sin(x1)


def table(method: str, n: int, **more: Any) -> tuple[pd.DataFrame, Any, Any]:
    axes, first, total = ishigami()
    design = DesignSpec(method=method, n=n, seed=3, **more)  # type: ignore[arg-type]
    at, y = outcome(design, axes)
    return sensitivity(design, axes, at, {"y": y}), first, total


def within(rows: pd.DataFrame, known: dict[str, float], slack: float) -> None:
    for row in rows.itertuples():
        assert row.low - slack <= known[str(row.axis)] <= row.high + slack


def test_sobol_indices_hold_the_closed_form() -> None:
    found, first, total = table("sobol", 1024)
    within(found[found["index"] == "first"], first, 0.01)
    within(found[found["index"] == "total"], total, 0.01)
    assert (found["high"] - found["low"]).max() < 0.25
    assert (found["n"] == 1024).all()


def test_second_order_finds_the_pair_that_acts_together() -> None:
    found, first, total = table("sobol", 1024, second_order=True)
    pairs = found[found["index"] == "second"]
    assert list(pairs["axis"]) == ["x1 × x2", "x1 × x3", "x2 × x3"]
    within(pairs, {"x1 × x2": 0.0, "x1 × x3": total["x1"] - first["x1"], "x2 × x3": 0.0}, 0.02)


@pytest.mark.parametrize("method", ["latin-hypercube", "monte-carlo"])
def test_given_data_find_first_order(method: str) -> None:
    found, first, _ = table(method, 2000)
    within(found[found["method"] == "rbd-fast"], first, 0.03)


def test_a_linear_law_is_told_by_its_squares_and_signs() -> None:
    """y = 3 a - b + 0 c: first-order shares 0.9, 0.1, 0; ranks are near linear."""
    axes = [
        AxisSpec.model_validate(
            {"path": name, "distribution": {"kind": "uniform", "low": 0, "high": 1}}
        )
        for name in "abc"
    ]
    design = DesignSpec(method="latin-hypercube", n=1500)
    at = points(design, axes)
    a, b, _ = np.array(at).T
    found = sensitivity(design, axes, at, {"y": 3 * a - b, "flat": np.ones(1500)})
    assert set(found["outcome"]) == {"y"}
    within(found[found["index"] == "first"], {"a": 0.9, "b": 0.1, "c": 0.0}, 0.03)
    ranks = found[found["index"] == "rank"].set_index("axis")["value"]
    assert ranks["a"] > 0.8
    assert -0.5 < ranks["b"] < -0.2
    assert abs(ranks["c"]) < 0.02


def test_a_grid_is_taken_apart_exactly() -> None:
    """y = a b on (-1, 1)² is all together; y = a + 2 b is 1/5 and 4/5 apart."""
    axes = [AxisSpec.model_validate({"path": p, "values": [-1.0, 1.0]}) for p in ("a", "b")]
    design = DesignSpec(method="grid")
    at = points(design, axes)
    a, b = np.array(at).T
    found = sensitivity(design, axes, at, {"product": a * b, "sum": a + 2 * b})
    value = found.set_index(["outcome", "axis", "index"])["value"]
    assert value["product", "a", "first"] == pytest.approx(0.0)
    assert value["product", "a", "total"] == pytest.approx(1.0)
    for index in ("first", "total"):
        assert value["sum", "a", index] == pytest.approx(0.2)
        assert value["sum", "b", index] == pytest.approx(0.8)


def test_failed_runs_take_their_base_point_with_them() -> None:
    axes, _, _ = ishigami()
    design = DesignSpec(method="sobol", n=64)
    at, y = outcome(design, axes)
    y[7] = np.nan
    found = sensitivity(design, axes, at, {"y": y})
    assert (found["n"] == 63).all()
    assert np.isfinite(found["value"]).all()


def test_too_few_points_say_nothing() -> None:
    found, _, _ = table("monte-carlo", 4)
    assert len(found) == 0


def test_the_front_is_what_brute_force_finds() -> None:
    stream = np.random.default_rng(5)
    for better in ("lower", "higher"):
        x, y = stream.integers(0, 8, (2, 60)).astype(float)
        x[3] = np.nan
        found = front({"x": x, "y": y}, [("x", "lower"), ("y", better)])
        sign = 1.0 if better == "lower" else -1.0
        for i in range(60):
            beaten = any(
                x[j] <= x[i] and sign * y[j] <= sign * y[i] and (x[j], y[j]) != (x[i], y[i])
                for j in range(60)
            )
            assert found[i] == (not beaten and np.isfinite(x[i]))
