"""What follows from the rows of a study: points, distributions, sensitivities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from computenet.results.storage import write_text
from computenet.study.intervals import Interval, block_interval, mean_interval, paired_difference
from computenet.study.sweeps.preparing import Prepared
from computenet.study.sweeps.sensitivity import sensitivity
from computenet.study.sweeps.spec import DesignSpec, StudySpec
from computenet.study.sweeps.writing import write_table

__all__ = ["TABLES", "Analysis", "analyse", "front", "front_of"]

#: Tables that follow from a study's runs; each is an attribute and a file ``NAME.parquet``.
TABLES = ("points", "distributions", "sensitivity")

#: Numbers of a point besides how many seeds it has, and those of its difference.
_MEANS = ("low", "mean", "high")
_DIFFERENCES = ("difference", "difference_low", "difference_high", "relative", "p_value")
#: Quantiles of a distribution by their column.
QUANTILES = {"p05": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95}


@dataclass(frozen=True, slots=True)
class Analysis:
    """Tables that follow from a study's runs.

    Attributes
    ----------
    points
        A row a point and outcome: the axes, ``n``, ``mean``, ``low``, ``high`` over seeds, and
        ``difference``, ``difference_low``, ``difference_high``, ``relative``, ``p_value`` against
        the reference point over the same seeds.
    distributions
        A row an outcome: number, mean with its interval, standard deviation, ends and quantiles
        over points, each of which is the mean over its seeds. The mean of a grid, which is no
        sample, has no interval; of sobol, it is that of Saltelli's blocks, whose points share
        their coordinates; of a Latin hypercube, that of independent points, which is on the safe
        side (Owen, Annals of Statistics 25(4), 1997: its variance is at most n / (n - 1) theirs).
    sensitivity
        See `sensitivity.COLUMNS`.
    front
        Which points no other betters in one of the study's two goals without being worse in the
        other; ``None`` without such figures.
    """

    points: pd.DataFrame
    distributions: pd.DataFrame
    sensitivity: pd.DataFrame
    front: NDArray[np.bool_] | None

    def write(self, directory: Path) -> None:
        """Write every table as Parquet and as CSV, each file whole or not at all.

        Raises
        ------
        RunError
            The disk is full or not writable.
        """
        for name in TABLES:
            table: pd.DataFrame = getattr(self, name)
            arrow = pa.Table.from_pandas(table, preserve_index=False)
            write_table(arrow, directory / f"{name}.parquet")
            write_text(directory / f"{name}.csv", table.to_csv(index=False))


def analyse(prepared: Prepared, runs: pd.DataFrame) -> Analysis:
    """Return the tables that follow from all runs of a study."""
    spec = prepared.study.spec
    by_point = _by_point(spec, runs, len(prepared.seeds))
    means = {name: values.mean(axis=1) for name, values in by_point.items()}
    return Analysis(
        front=front_of(spec, runs, len(prepared.seeds)),
        points=_points(prepared, runs, by_point),
        distributions=_distributions(spec.design, means),
        sensitivity=sensitivity(spec.design, spec.axes, prepared.points, means),
    )


def front_of(spec: StudySpec, runs: pd.DataFrame, seeds: int) -> NDArray[np.bool_] | None:
    """Return the `front` of a study's two goals; ``None`` where its runs lack one of them."""
    goals = [(goal.outcome, goal.better) for goal in spec.pareto]
    means = {name: values.mean(axis=1) for name, values in _by_point(spec, runs, seeds).items()}
    return front(means, goals) if all(goal in means for goal, _ in goals) else None


def _by_point(spec: StudySpec, runs: pd.DataFrame, seeds: int) -> dict[str, NDArray[np.float64]]:
    """Return figures of shape ``(points, seeds)`` by name: the study's outcomes and goals."""
    wanted = dict.fromkeys([*spec.outcomes, *(goal.outcome for goal in spec.pareto)])
    return {
        name: runs[name].to_numpy(np.float64, na_value=np.nan).reshape(-1, seeds)
        for name in wanted
        if name in runs.columns
    }


def _points(
    prepared: Prepared, runs: pd.DataFrame, by_point: dict[str, NDArray[np.float64]]
) -> pd.DataFrame:
    spec, seeds = prepared.study.spec, len(prepared.seeds)
    axes = runs[[axis.name for axis in spec.axes]].iloc[::seeds].reset_index(drop=True)
    base = _reference(prepared)
    figures = (*_MEANS, "n", *(() if base is None else _DIFFERENCES))
    none = axes.iloc[:0].astype({name: "string" for name in axes if axes[name].dtype.kind == "O"})
    tables = [_typed([], ("point", "outcome", *figures), point="int64").join(none)]
    for name, values in by_point.items():
        rows = []
        for point, of_seeds in enumerate(values):
            interval = mean_interval(of_seeds.tolist())
            row: dict[str, Any] = {"point": point, "outcome": name, **interval.as_dict()}
            if base is not None:
                told = paired_difference(of_seeds.tolist(), values[base].tolist())
                of_pairs = told.interval
                row |= dict(
                    zip(_DIFFERENCES, (of_pairs.mean, of_pairs.low, of_pairs.high, told.relative,
                                       told.p_value), strict=True)
                )  # fmt: skip
            rows.append(row)
        tables.append(_typed(rows, ("point", "outcome", *figures), point="int64").join(axes))
    kept = tables[1:] or tables
    return pd.concat(kept, ignore_index=True)[["point", *axes.columns, "outcome", *figures]]


def _typed(rows: list[dict[str, Any]], columns: Sequence[str], **kinds: str) -> pd.DataFrame:
    """Return rows with columns of types that do not depend on what they hold: numbers but names."""
    kinds = {"outcome": "string", "n": "int64"} | kinds
    table = pd.DataFrame(rows, columns=list(columns))
    return table.astype({column: kinds.get(column, "float64") for column in columns})


def _reference(prepared: Prepared) -> int | None:
    """Return the point that others are compared with: of a grid, the one named or the first."""
    spec = prepared.study.spec
    if spec.design.method != "grid":
        return None
    if spec.reference is None:
        return 0
    wanted = tuple(spec.reference[axis.name] for axis in spec.axes)
    return prepared.points.index(wanted)


def _distributions(design: DesignSpec, means: dict[str, NDArray[np.float64]]) -> pd.DataFrame:
    rows = []
    parts = {"least": 0.0, **QUANTILES, "most": 1.0}
    for name, values in means.items():
        known = values[np.isfinite(values)]
        interval = _interval(design, values, known)
        row: dict[str, Any] = {"outcome": name, **interval.as_dict(), "n": len(known)}
        row["sd"] = float(known.std(ddof=1)) if len(known) > 1 else None
        for column, part in parts.items():
            row[column] = float(np.quantile(known, part)) if len(known) else None
        rows.append(row)
    return _typed(rows, ("outcome", *_MEANS, "n", "sd", *parts))


def _interval(
    design: DesignSpec, values: NDArray[np.float64], known: NDArray[np.float64]
) -> Interval:
    """Return the mean over points, with its interval where they are drawn; see `Analysis`."""
    if design.method == "sobol" and design.n is not None:
        return block_interval(values.reshape(design.n, -1))
    interval = mean_interval(known.tolist())
    return replace(interval, low=None, high=None) if design.method == "grid" else interval


def front(
    outcomes: Mapping[str, NDArray[np.float64]], goals: Sequence[tuple[str, str]]
) -> NDArray[np.bool_]:
    """Return which points no other betters in one goal without being worse in the other.

    Parameters
    ----------
    outcomes
        One value a point by name; points with a value that is not finite are on no front.
    goals
        Two pairs of a name and ``lower`` or ``higher``.
    """
    x, y = (outcomes[name] * (1.0 if better == "lower" else -1.0) for name, better in goals)
    out = np.zeros(len(x), dtype=bool)
    least = np.inf
    last = (np.nan, np.nan)
    for row in np.lexsort((y, x)):
        if not (np.isfinite(x[row]) and np.isfinite(y[row])):
            continue
        if y[row] < least:
            out[row], least, last = True, float(y[row]), (float(x[row]), float(y[row]))
        elif (float(x[row]), float(y[row])) == last:  # Its equal.
            out[row] = True
    return out
