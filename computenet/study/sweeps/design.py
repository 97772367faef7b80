"""Designs of experiments: where in the unit cube the points of a study lie."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from computenet.streams import named_stream
from computenet.study.sweeps.spec import AxisSpec, DesignSpec

__all__ = ["MOST_RUNS", "number_of_points", "points", "sobol_problem", "unit_points"]

#: Most points times seeds.
MOST_RUNS = 1_000_000


def number_of_points(design: DesignSpec, axes: Sequence[AxisSpec]) -> int:
    """Return how many points a design has."""
    if design.method == "grid":
        return math.prod(len(axis.levels or ()) for axis in axes)
    assert design.n is not None
    if design.method != "sobol":
        return design.n
    return design.n * (2 * len(axes) + 2 if design.second_order else len(axes) + 2)


def points(design: DesignSpec, axes: Sequence[AxisSpec]) -> list[tuple[Any, ...]]:
    """Return the value of every axis at every point.

    A grid is every combination of the axes' values, the last axis running fastest. Of the others,
    the coordinates of `unit_points` go through the quantile function of each axis.
    """
    if design.method == "grid":
        return list(itertools.product(*(axis.levels or () for axis in axes)))
    unit = unit_points(design, [axis.name for axis in axes])
    columns = [axis.law.at(unit[:, number]) for number, axis in enumerate(axes)]
    return list(zip(*columns, strict=True))


def unit_points(design: DesignSpec, names: Sequence[str]) -> NDArray[np.float64]:
    """Return the points of a design that is no grid, shape (point, axis), in ``[0, 1)``.

    monte-carlo
        Independent and uniform. Every axis has a stream of its own by its name: one that is added
        leaves the others where they were.
    latin-hypercube
        Of n equal intervals every one holds one point, on every axis (McKay, Beckman and Conover,
        Technometrics 21(2), 1979); by axis as above.
    sobol
        Saltelli's points over a scrambled Sobol' sequence (Saltelli, Computer Physics
        Communications 145, 2002), by SALib.
    """
    assert design.n is not None
    if design.method == "sobol":
        from SALib.sample import sobol  # type: ignore[import-untyped]

        out: NDArray[np.float64] = sobol.sample(
            sobol_problem(names),
            design.n,
            calc_second_order=design.second_order,
            # SALib seeds by 32 bits.
            seed=int(named_stream(design.seed, "study/sobol").generate_state(1)[0]),
        )
        return np.minimum(out, np.nextafter(1.0, 0.0))
    columns = []
    for name in names:
        stream = np.random.Generator(
            np.random.PCG64(named_stream(design.seed, f"study/{design.method}/{name}"))
        )
        within = stream.random(design.n)
        if design.method == "latin-hypercube":
            within = (stream.permutation(design.n) + within) / design.n
        columns.append(np.minimum(within, np.nextafter(1.0, 0.0)))
    return np.column_stack(columns)


def sobol_problem(names: Sequence[str]) -> dict[str, Any]:
    """Return SALib's description of the unit cube."""
    return {"num_vars": len(names), "names": list(names), "bounds": [[0.0, 1.0]] * len(names)}
