"""Which axis an outcome depends on: global sensitivity, by the method that suits the design."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from computenet.streams import named_stream
from computenet.study.intervals import CONFIDENCE
from computenet.study.sweeps.design import sobol_problem, unit_points
from computenet.study.sweeps.spec import AxisSpec, DesignSpec

__all__ = ["COLUMNS", "FEWEST", "sensitivity"]

Floats = NDArray[np.float64]

#: Of the table: what depends on what, by which method and index, how much and how sure.
COLUMNS = ("outcome", "axis", "method", "index", "value", "low", "high", "n")
#: Fewest points that say anything of an axis.
FEWEST = 8
RESAMPLES = 200
#: Harmonics of RBD-FAST; fewer where there are few points.
HARMONICS = 6

Row = tuple[str, str, str, str, float, float | None, float | None, int]


def sensitivity(
    design: DesignSpec,
    axes: Sequence[AxisSpec],
    points: Sequence[Sequence[Any]],
    outcomes: dict[str, Floats],
) -> pd.DataFrame:
    """Return how much of every outcome comes from every axis.

    Parameters
    ----------
    design
        Decides on the method.
    axes
        One or more.
    points
        Value of every axis at every point.
    outcomes
        By name, one value a point: the mean over seeds; NaN where a run has none.

    Returns
    -------
    A row an outcome, axis and index, columns `COLUMNS`.

    sobol
        ``first`` and ``total`` (and ``second``, axes joined by ``×``) of Saltelli's points (SALib;
        Saltelli et al., Computer Physics Communications 181(2), 2010), intervals by bootstrap.
    latin-hypercube, monte-carlo
        ``first`` by RBD-FAST, corrected for its bias (SALib; Tissot and Prieur, Reliability
        Engineering and System Safety 107, 2012), intervals by bootstrap of half samples, scaled to
        whole ones; and ``rank`` where values have an order: the coefficient of a linear
        regression of ranks on ranks, all axes together, whose sign says which way (Saltelli and
        Sobol', Reliability Engineering and System Safety 50(3), 1995), percentile bootstrap.
    grid
        ``first`` and ``total``: shares of the variance over the grid, every value as likely as
        the others, computed exactly, so without intervals.
    """
    rows: list[Row] = []
    for name, values in outcomes.items():
        known = np.isfinite(values)
        spread = np.ptp(values[known]) if known.any() else 0.0
        if not known.any() or spread <= 1e-12 * np.abs(values[known]).max():
            continue
        if design.method == "grid":
            rows += _grid(name, axes, values)
        elif design.method == "sobol":
            rows += _sobol(name, design, axes, values)
        elif int(known.sum()) >= max(FEWEST, len(axes) + 2):
            unit = unit_points(design, [axis.name for axis in axes])
            rows += _rbd_fast(name, design, axes, unit[known], values[known])
            rows += _ranks(name, design, axes, points, known, values)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _seed(design: DesignSpec, what: str) -> int:
    return int(named_stream(design.seed, f"study/{what}").generate_state(1)[0]) or 1


def _sobol(outcome: str, design: DesignSpec, axes: Sequence[AxisSpec], values: Floats) -> list[Row]:
    """Return Sobol' indices; base points of which a run failed are left out whole."""
    from SALib.analyze import sobol  # type: ignore[import-untyped]

    d = len(axes)
    blocks = values.reshape(-1, 2 * d + 2 if design.second_order else d + 2)
    blocks = blocks[np.isfinite(blocks).all(axis=1)]
    n = len(blocks)
    if n < 2:
        return []
    names = [axis.name for axis in axes]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Of numpy, where a resample is constant.
        found = sobol.analyze(
            sobol_problem(names), blocks.ravel(), calc_second_order=design.second_order,
            num_resamples=RESAMPLES, conf_level=CONFIDENCE, seed=_seed(design, "bootstrap"),
        )  # fmt: skip

    def row(axis: str, index: str, value: float, half: float) -> Row:
        low, high = (value - half, value + half) if np.isfinite(half) else (None, None)
        return (outcome, axis, "sobol", index, float(value), low, high, n)

    rows = []
    for i, name in enumerate(names):
        rows.append(row(name, "first", found["S1"][i], found["S1_conf"][i]))
        rows.append(row(name, "total", found["ST"][i], found["ST_conf"][i]))
    if design.second_order:
        rows += [
            row(f"{names[i]} × {names[j]}", "second", found["S2"][i][j], found["S2_conf"][i][j])
            for i in range(d)
            for j in range(i + 1, d)
        ]
    return rows


def _rbd_fast(
    outcome: str, design: DesignSpec, axes: Sequence[AxisSpec], unit: Floats, values: Floats
) -> list[Row]:
    from SALib.analyze import rbd_fast

    n = len(values)
    harmonics = min(HARMONICS, max(1, n // 12))
    names = [axis.name for axis in axes]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Of scipy, where a resample is constant.
        found = rbd_fast.analyze(
            sobol_problem(names), unit, values, M=harmonics, num_resamples=RESAMPLES,
            conf_level=CONFIDENCE, seed=_seed(design, "bootstrap"),
        )  # fmt: skip
    rows: list[Row] = []
    for i, name in enumerate(names):
        # SALib draws n / 2 of n: the deviation of whole samples is smaller by the root of 2.
        value, half = float(found["S1"][i]), float(found["S1_conf"][i]) / np.sqrt(2.0)
        ends = (value - half, value + half) if np.isfinite(half) else (None, None)
        rows.append((outcome, name, "rbd-fast", "first", value, *ends, n))
    return rows


def _ranks(
    outcome: str,
    design: DesignSpec,
    axes: Sequence[AxisSpec],
    points: Sequence[Sequence[Any]],
    known: NDArray[np.bool_],
    values: Floats,
) -> list[Row]:
    """Return standardised rank regression coefficients of the axes whose values have an order."""
    columns: dict[str, Floats] = {}
    for number, axis in enumerate(axes):
        column = [point[number] for point in points]
        if all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in column):
            x = np.asarray(column, dtype=np.float64)[known]
            if np.ptp(x) > 0.0:
                columns[axis.name] = x
    n = int(known.sum())
    if not columns or n < len(columns) + 2:
        return []
    x, y = np.column_stack(list(columns.values())), values[known]
    found = _rank_regression(x, y)
    stream = np.random.Generator(np.random.PCG64(named_stream(design.seed, "study/ranks")))
    again = np.array(
        [_rank_regression(x[rows], y[rows]) for rows in stream.integers(0, n, (RESAMPLES, n))]
    )
    tail = (1.0 - CONFIDENCE) / 2.0
    low, high = np.nanquantile(again, [tail, 1.0 - tail], axis=0)
    return [
        (outcome, name, "rank-regression", "rank", float(found[i]), float(low[i]), float(high[i]),
         n)
        for i, name in enumerate(columns)
    ]  # fmt: skip


def _rank_regression(x: Floats, y: Floats) -> Floats:
    """Return the coefficients of standardised ranks; 0 for what does not vary."""
    ranks = np.column_stack([rankdata(x, axis=0), rankdata(y)])
    ranks -= ranks.mean(axis=0)
    scale = ranks.std(axis=0)
    ranks /= np.where(scale > 0.0, scale, 1.0)
    coefficients: Floats = np.linalg.lstsq(ranks[:, :-1], ranks[:, -1], rcond=None)[0]
    return coefficients


def _grid(outcome: str, axes: Sequence[AxisSpec], values: Floats) -> list[Row]:
    """Return shares of the variance of a full grid.

    ``first = Var(E[y | x]) / Var(y)`` and ``total = E[Var(y | all but x)] / Var(y)``, expectations
    over the grid.
    """
    if not np.isfinite(values).all():
        return []
    cube = values.reshape([len(axis.levels or ()) for axis in axes])
    variance = float(cube.var())
    rows: list[Row] = []
    for number, axis in enumerate(axes):
        others = tuple(other for other in range(cube.ndim) if other != number)
        first = float(cube.mean(axis=others).var()) / variance
        total = float(cube.var(axis=number).mean()) / variance
        for index, value in (("first", first), ("total", total)):
            rows.append((outcome, axis.name, "variance", index, value, None, None, len(values)))
    return rows
