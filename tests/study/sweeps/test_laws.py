"""Laws of axes: quantiles against closed forms, ends that hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from scipy import stats

from computenet.study.sweeps.laws import Law

LAW: TypeAdapter[Any] = TypeAdapter(Law)
U = np.linspace(0.0, 1.0, 101)[:-1]


def law(**fields: Any) -> Any:
    return LAW.validate_python(fields)


@pytest.mark.parametrize(
    ("fields", "reference"),
    [
        ({"kind": "uniform", "low": -1, "high": 3}, stats.uniform(-1, 4)),
        ({"kind": "log-uniform", "low": 0.5, "high": 8}, stats.loguniform(0.5, 8)),
        ({"kind": "triangular", "low": 1, "mode": 2, "high": 5}, stats.triang(0.25, 1, 4)),
        ({"kind": "triangular", "low": 1, "mode": 1, "high": 5}, stats.triang(0.0, 1, 4)),
        ({"kind": "triangular", "low": 1, "mode": 5, "high": 5}, stats.triang(1.0, 1, 4)),
        (
            {"kind": "normal", "mean": 2, "sd": 0.5, "low": 1.5, "high": 4},
            stats.truncnorm(-1, 4, 2, 0.5),
        ),
        ({"kind": "normal", "mean": 2, "sd": 0.5}, stats.truncnorm(-4, 4, 2, 0.5)),
    ],
)
def test_quantiles_against_scipy(fields: dict[str, Any], reference: Any) -> None:
    assert np.allclose(law(**fields).at(U), reference.ppf(U), rtol=1e-9, atol=1e-9)


def test_log_normal_is_the_normal_of_logarithms() -> None:
    found = law(kind="log-normal", median=3.0, sigma=0.4, low=1.5, high=9.0).at(U)
    ends = np.log(np.array([1.5, 9.0]) / 3.0) / 0.4
    assert np.allclose(found, 3.0 * np.exp(0.4 * stats.truncnorm(*ends).ppf(U)), rtol=1e-9)


@given(low=st.integers(-5, 5), more=st.integers(0, 9))
def test_whole_numbers_are_equally_likely(low: int, more: int) -> None:
    n = 12 * (more + 1)
    values = law(kind="integer-uniform", low=low, high=low + more).at((np.arange(n) + 0.5) / n)
    assert all(isinstance(value, int) for value in values)
    assert np.unique(values, return_counts=True)[1].tolist() == [12] * (more + 1)


def test_a_choice_goes_by_weight_and_never_takes_what_weighs_nothing() -> None:
    values = law(kind="choice", values=["a", "b", "c"], weights=[1, 3, 0]).at(
        np.array([0.0, 0.24, 0.26, np.nextafter(1.0, 0.0)])
    )
    assert values == ["a", "a", "b", "b"]


@given(u=st.floats(0.0, 1.0, exclude_max=True), mean=st.floats(-1e6, 1e6), sd=st.floats(0.01, 1e3))
def test_no_value_is_outside_of_its_ends(u: float, mean: float, sd: float) -> None:
    one = law(kind="normal", mean=mean, sd=sd, low=mean - sd, high=mean + 2 * sd)
    assert one.low <= one.at(np.array([u]))[0] <= one.high


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "uniform", "low": 2, "high": 2},
        {"kind": "log-uniform", "low": 0, "high": 2},
        {"kind": "triangular", "low": 0, "mode": 3, "high": 2},
        {"kind": "normal", "mean": 0, "sd": 0},
        {"kind": "normal", "mean": 0, "sd": 1, "low": 50, "high": 60},
        {"kind": "choice", "values": [1, 2], "weights": [1]},
        {"kind": "choice", "values": [1], "weights": [0]},
        {"kind": "integer-uniform", "low": 2, "high": 1},
    ],
)
def test_laws_without_values_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        law(**fields)
