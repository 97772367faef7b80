"""Designs of experiments: every one has the property it is named for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from computenet.errors import InputError
from computenet.study.sweeps.design import number_of_points, points, unit_points
from computenet.study.sweeps.spec import AxisSpec, DesignSpec, load_study


def axes(*levels: list[Any]) -> list[AxisSpec]:
    return [
        AxisSpec.model_validate({"path": f"axis{i}", "values": values})
        for i, values in enumerate(levels)
    ]


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4))
def test_a_grid_has_every_combination_once(sizes: list[int]) -> None:
    of = axes(*[list(range(size)) for size in sizes])
    design = DesignSpec(method="grid")
    found = points(design, of)
    assert len(found) == len(set(found)) == number_of_points(design, of) == np.prod(sizes)
    assert found == sorted(found)


@settings(max_examples=30)
@given(n=st.integers(1, 200), d=st.integers(1, 5), seed=st.integers(0, 2**40))
def test_a_latin_hypercube_has_one_point_an_interval(n: int, d: int, seed: int) -> None:
    design = DesignSpec(method="latin-hypercube", n=n, seed=seed)
    unit = unit_points(design, [f"a{i}" for i in range(d)])
    assert unit.shape == (n, d)
    cells = np.sort(np.floor(unit * n).astype(int), axis=0)
    assert (cells == np.arange(n)[:, None]).all()


@settings(max_examples=20)
@given(
    n=st.sampled_from([1, 2, 8, 32]), d=st.integers(1, 4), second=st.booleans(),
    seed=st.integers(0, 9),
)  # fmt: skip
def test_sobol_points_differ_from_their_base_in_one_axis(
    n: int, d: int, second: bool, seed: int
) -> None:
    design = DesignSpec(method="sobol", n=n, seed=seed, second_order=second)
    names = [f"a{i}" for i in range(d)]
    unit = unit_points(design, names)
    assert len(unit) == number_of_points(design, axes(*[[1]] * d))
    assert ((unit >= 0.0) & (unit < 1.0)).all()
    for block in unit.reshape(n, -1, d):
        a, b = block[0], block[-1]
        for axis in range(d):
            mixed = a.copy()
            mixed[axis] = b[axis]
            assert (block[1 + axis] == mixed).all()


@given(n=st.integers(1, 50), seed=st.integers(0, 99))
def test_an_axis_more_leaves_the_others_where_they_were(n: int, seed: int) -> None:
    for method in ("monte-carlo", "latin-hypercube"):
        design = DesignSpec(method=method, n=n, seed=seed)  # type: ignore[arg-type]
        two, three = unit_points(design, ["a", "b"]), unit_points(design, ["a", "new", "b"])
        assert (two == three[:, [0, 2]]).all()


def test_seeds_give_other_points() -> None:
    one = unit_points(DesignSpec(method="monte-carlo", n=5, seed=1), ["a"])
    other = unit_points(DesignSpec(method="monte-carlo", n=5, seed=2), ["a"])
    assert (one != other).all()


@pytest.mark.parametrize(
    "fields",
    [
        {"design": "monte-carlo"},
        {"design": {"method": "grid", "n": 4}},
        {"design": {"method": "sobol", "n": 12}},
        {"design": {"method": "grid", "second_order": True}},
        {"design": "lhs"},
        {"design": "grid", "axes": {"days": {"distribution": {"kind": "uniform", "low": 1,
                                                               "high": 2}}}},
        {"design": "grid", "axes": {"days": {}}},
        {"design": "grid", "axes": {"days": {"values": [1], "factor": [2]}}},
        {"design": "grid", "axes": [{"path": "days", "values": [1]}] * 2},
        {"design": "grid", "outcomes": ["a", "a"]},
        {"design": "grid", "axes": {}},
    ],
)  # fmt: skip
def test_designs_that_make_no_sense_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        load_study({"scenario": "two-hubs", "axes": {"days": [1, 2]}, **fields})
