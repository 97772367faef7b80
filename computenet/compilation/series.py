"""Measured prices and carbon intensities of sites in place of tariffs and annual factors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from computenet.compiled import B1, F8, SiteArrays
from computenet.errors import InputError, Problem, nearest
from computenet.scenario import Scenario

__all__ = ["site_series"]

PRICE, CARBON = "cny_per_mwh", "kg_per_mwh"
#: Hours, and at the end Z or a number of hours.
WITH_OFFSET = r"[T ]\d\d.*(?:[Zz]|[+-]\d\d(?::?\d\d)?)$"


def site_series(scenario: Scenario, sites: SiteArrays, edges_s: F8) -> tuple[F8, F8]:
    """Return price and carbon intensity by site and accounting slot, two ``(I, S)``.

    Files have a column ``time`` (ISO 8601 with an offset, which is never guessed) and one or both
    of ``cny_per_mwh`` and ``kg_per_mwh``; a value holds until the next row's time, the last one for
    as long as the row before it. Slots get means by time.

    Raises
    ------
    InputError
        A file cannot be read, or does not cover the run; all faults are told at once.
    """
    price = sites.price_cny_per_mwh.copy()
    carbon = np.repeat(sites.emission_kg_per_mwh[:, None], price.shape[1], axis=1)
    problems: list[Problem] = []
    for name, file in scenario.energy.series_files.items():
        path = f"energy.series_files.{name}"
        if name not in sites.ids:
            choices = list(sites.ids)
            problems.append(
                Problem(path, file, "names no site", ", ".join(choices), nearest(name, choices))
            )
            continue
        try:
            table = pd.read_csv(file) if Path(file).suffix != ".parquet" else pd.read_parquet(file)
        except (OSError, ValueError) as error:
            problems.append(Problem(path, file, f"cannot be read: {str(error).splitlines()[0]}"))
            continue
        found = _read(path, file, table, scenario, edges_s, problems)
        for column, target in ((PRICE, price), (CARBON, carbon)):
            if column in found:
                target[sites.ids.index(name)] = found[column]
    if problems:
        raise InputError(problems)
    return price, carbon


def _has_offset(times: pd.Series) -> B1:
    """Return which times say how far they are from UTC, ``(n,)``."""
    if isinstance(times.dtype, pd.DatetimeTZDtype):
        return np.ones(len(times), dtype=np.bool_)
    written = times.astype(str).str.strip()
    found: B1 = written.str.contains(WITH_OFFSET).to_numpy(dtype=np.bool_)
    return found


def _read(
    path: str,
    file: str,
    table: pd.DataFrame,
    scenario: Scenario,
    edges_s: F8,
    problems: list[Problem],
) -> dict[str, F8]:
    columns = [name for name in (PRICE, CARBON) if name in table]
    others = sorted(set(map(str, table.columns)) - {"time", PRICE, CARBON})
    if "time" not in table or not columns or others:
        wanted = f"time, {PRICE} and {CARBON} (one of them may be missing)"
        problems.append(Problem(path, ", ".join(map(str, table.columns)), "wrong columns", wanted))
        return {}
    naive = np.flatnonzero(~_has_offset(table["time"]))
    if naive.size:
        problems.append(
            Problem(f"{path}: row {naive[0] + 1}", str(table["time"].iloc[naive[0]]),
                    f"time has no offset from UTC ({naive.size} such rows)",
                    "ISO 8601 with an offset, e.g. 2025-07-07T00:00:00+08:00")
        )  # fmt: skip
        return {}
    try:
        stamps = pd.to_datetime(table["time"], utc=True, format="ISO8601")
    except ValueError as error:
        problems.append(Problem(path, file, f"time cannot be read: {error}", "ISO 8601"))
        return {}
    begins_s = (stamps - pd.Timestamp(scenario.start)).dt.total_seconds().to_numpy(np.float64)
    if len(begins_s) < 2 or not (np.diff(begins_s) > 0.0).all():
        problems.append(Problem(path, file, "times do not rise", "two rows or more, in order"))
        return {}
    knots_s = np.append(begins_s, 2.0 * begins_s[-1] - begins_s[-2])
    if knots_s[0] > edges_s[0] or knots_s[-1] < edges_s[-1] - 1e-6:
        problems.append(
            Problem(path, file, "does not cover the run", f"from {scenario.start.isoformat()} on, "
                    f"{scenario.days:g} days")
        )  # fmt: skip
        return {}
    out: dict[str, F8] = {}
    for column in columns:
        values = pd.to_numeric(table[column], errors="coerce").to_numpy(np.float64)
        wrong = np.flatnonzero(~np.isfinite(values) | ((values < 0.0) & (column == CARBON)))
        if wrong.size:
            problems.append(
                Problem(f"{path}: row {wrong[0] + 1}", str(table[column].iloc[wrong[0]]),
                        f"{column} cannot be used ({wrong.size} such rows)")
            )  # fmt: skip
            continue
        integral = np.append(0.0, np.cumsum(values * np.diff(knots_s)))
        out[column] = np.diff(np.interp(edges_s, knots_s, integral)) / np.diff(edges_s)
    return out
