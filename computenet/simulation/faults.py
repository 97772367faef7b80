"""Failures of servers: drawn from rates, or read from a file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from computenet.compiled import F8, I8, CompiledScenario
from computenet.errors import InputError, Problem, nearest
from computenet.scenario import Scenario
from computenet.streams import named_stream

__all__ = ["Failures", "failures_of", "reclaims_of"]

DAY_S = 86_400.0
COLUMNS = ("time_s", "pool", "repair_s")


@dataclass(frozen=True, slots=True)
class Failures:
    """Failures of a run, sorted by time, axis ``n``."""

    time_s: F8
    pool: I8
    place: F8  # which accelerator of the pool, 0 to 1
    repair_s: F8

    @property
    def count(self) -> int:
        """How many."""
        return len(self.time_s)


def failures_of(scenario: Scenario, compiled: CompiledScenario) -> Failures:
    """Return the failures of a run.

    Every server fails at its type's rate, busy or idle (exponential; the place is uniform), so a
    gang of n accelerators is hit n times as often as one of one. Repairs are log-normal.
    """
    spec = scenario.failures
    none = np.zeros(0)
    if spec.model == "none":
        return Failures(none, none.astype(np.int64), none, none)
    if spec.model == "file":
        return _read(Path(spec.file or ""), compiled)
    rng = np.random.default_rng(named_stream(scenario.seed, "failures"))
    pools = compiled.pools
    servers = pools.accelerators / pools.accelerators_per_server
    rate_per_s = pools.failures_per_server_s * servers
    count = rng.poisson(rate_per_s * compiled.horizon_s)
    pool = np.repeat(np.arange(len(count)), count)
    n = len(pool)
    time_s = rng.random(n) * compiled.horizon_s
    place = rng.random(n)
    repair_s = 3600.0 * spec.repair_median_h * np.exp(spec.repair_sigma * rng.standard_normal(n))
    order = np.argsort(time_s, kind="stable")
    return Failures(time_s[order], pool[order].astype(np.int64), place[order], repair_s[order])


def reclaims_of(scenario: Scenario, compiled: CompiledScenario) -> list[tuple[float, int, int]]:
    """Return when each spot pool goes without how many accelerators: (time, pool, number).

    The part of a pool that is spot capacity is there in the share of nodes that its file has at
    that tick, over the most it ever has.
    """
    spec, pools = scenario.failures, compiled.pools
    out: list[tuple[float, int, int]] = []
    problems: list[Problem] = []
    ids = list(pools.ids)
    for name, file in spec.reclaim.items():
        path = f"failures.reclaim.{name}"
        if name not in ids:
            few = ", ".join(ids[:20])
            problems.append(Problem(path, file, "names no pool", few, nearest(name, ids)))
            continue
        try:
            raw = json.loads(Path(file).read_text(encoding="utf-8"))
            gap_s = float(raw["metadata"]["gap_seconds"])
            nodes = np.asarray(raw["data"], dtype=np.float64)
        except (OSError, ValueError, KeyError, TypeError) as error:
            problems.append(Problem(path, file, f"is no spot series: {error}"))
            continue
        if nodes.ndim != 1 or not nodes.size or gap_s <= 0.0 or not (nodes >= 0.0).all():
            problems.append(Problem(path, file, "holds no list of nodes by tick"))
            continue
        if len(nodes) * gap_s < compiled.horizon_s:
            days = len(nodes) * gap_s / DAY_S
            problems.append(Problem(path, file, "is shorter than the run", f"{days:.4g} days"))
            continue
        pool = ids.index(name)
        spot = round(spec.reclaim_share * int(pools.accelerators[pool]))
        there = nodes / max(float(nodes.max()), 1.0)
        gone = np.rint(spot * (1.0 - there)).astype(np.int64)
        changes = np.flatnonzero(np.diff(gone, prepend=0))
        times_s = changes * gap_s
        inside = times_s < compiled.horizon_s
        out += [
            (time_s, pool, number)
            for time_s, number in zip(
                times_s[inside].tolist(), gone[changes[inside]].tolist(), strict=True
            )
        ]
    if problems:
        raise InputError(problems)
    return out


def _read(path: Path, compiled: CompiledScenario) -> Failures:
    """Read ``time_s,pool,repair_s`` and, if there, ``place``."""
    where = "failures.file"
    try:
        table = pd.read_csv(path) if path.suffix != ".parquet" else pd.read_parquet(path)
    except (OSError, ValueError) as error:
        message = str(error).splitlines()[0]
        raise InputError([Problem(where, str(path), f"cannot be read: {message}")]) from error
    names = [str(name) for name in table.columns]
    problems = [
        Problem(where, name, "the column is missing", None, nearest(name, names))
        for name in COLUMNS
        if name not in names
    ]
    if problems:
        raise InputError(problems)
    ids = list(compiled.pools.ids)
    unknown = sorted(set(table["pool"].astype(str)) - set(ids))
    problems = [
        Problem(where, name, "names no pool", ", ".join(ids[:20]), nearest(name, ids))
        for name in unknown
    ]
    time_s = pd.to_numeric(table["time_s"], errors="coerce").to_numpy(dtype=np.float64)
    repair_s = pd.to_numeric(table["repair_s"], errors="coerce").to_numpy(dtype=np.float64)
    place = (
        pd.to_numeric(table["place"], errors="coerce").to_numpy(dtype=np.float64)
        if "place" in names
        else np.random.default_rng(0).random(len(table))
    )
    for name, values, good in (
        ("time_s", time_s, time_s >= 0.0),
        ("repair_s", repair_s, repair_s > 0.0),
        ("place", place, (place >= 0.0) & (place < 1.0)),
    ):
        wrong = np.flatnonzero(~good)
        if wrong.size:
            problems.append(
                Problem(f"{where}: row {wrong[0] + 1}", float(values[wrong[0]]),
                        f"{name} cannot be used ({wrong.size} such rows)")
            )  # fmt: skip
    if problems:
        raise InputError(problems)
    pool = np.asarray([ids.index(name) for name in table["pool"].astype(str)], dtype=np.int64)
    order = np.argsort(time_s, kind="stable")
    inside = order[time_s[order] < compiled.horizon_s]
    return Failures(time_s[inside], pool[inside], place[inside], repair_s[inside])
