"""One-shot clearing of tables: whole calls of `match`, reading, ranges and reasons included.

Tables are drawn from a seed and calibrated on nothing: 100 pools of five accelerator types at 20
sites of limited power, demands of 1 to 63 accelerators in 31 regions with one of four lengths, five
sets of types and four latency limits, and highest prices spread evenly over 2 to 12 CNY. A hundred
thousand demands ask for some three times what there is.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.measure import Figure
from computenet.study import match

__all__ = ["run", "tables"]

KINDS = ("k0", "k1", "k2", "k3", "k4")
TYPES = ("*", "k0|k1", "k2", "k3|k4|k0", "k1:1.5|k2")
SITES, REGIONS = 20, 31


def tables(demands: int, *, levels: int = 1, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return supply and demand; with `levels` above 1 priorities are drawn evenly."""
    rng = np.random.default_rng([seed, demands, levels])
    pools = SITES * len(KINDS)
    site = np.repeat(np.arange(SITES), len(KINDS))
    place = {"latitude": rng.uniform(22, 42, SITES), "longitude": rng.uniform(101, 121, SITES)}
    supply: dict[str, Any] = {
        "site": [f"s{i}" for i in site],
        "accelerator": list(KINDS) * SITES,
        "count": rng.integers(200, 20_000, pools),
        "price_cny_per_accelerator_h": rng.uniform(1, 6, pools).round(2),
        "kw_per_accelerator": 0.8,
        "electricity_cny_per_mwh": rng.integers(300, 700, pools),
        "speed": rng.uniform(0.5, 2.0, pools).round(2),
        "site_power_mw": 40,
        **{name: values[site] for name, values in place.items()},
    }
    region = rng.integers(0, REGIONS, demands)
    count, hours = rng.integers(1, 64, demands), rng.choice([1, 4, 24, 168], demands)
    demand: dict[str, Any] = {
        "id": [f"d{i}" for i in range(demands)],
        "tenant": [f"t{i}" for i in rng.integers(0, 50, demands)],
        "region": [f"r{i}" for i in region],
        "accelerators": count,
        "hours": hours,
        "types": rng.choice(TYPES, demands),
        "latency_ms": rng.choice([5.0, 10.0, 20.0, np.nan], demands),
        "max_price_cny_per_accelerator_h": rng.uniform(2, 12, demands).round(2),
        "priority": rng.integers(0, levels, demands),
        "latitude": (22.0 + 0.7 * region).round(2),
        "longitude": (101.0 + 0.6 * region).round(2),
    }
    return pd.DataFrame(supply), pd.DataFrame(demand)


def run() -> list[Figure]:
    """Clear tables of growing size."""
    match(*tables(100))
    figures = []
    for demands, levels, most_s in (
        (1_000, 1, 5), (10_000, 1, 10), (100_000, 1, 60), (10_000, 3, 60),
    ):  # fmt: skip
        supply, demand = tables(demands, levels=levels)
        began = time.perf_counter()
        outcome = match(supply, demand, time_limit_s=300.0)
        seconds = time.perf_counter() - began
        summary = outcome.summary
        served = 100.0 * summary["served"] / (summary["served"] + summary["unmet"])
        name = f"{demands:,} x 100, levels of priority: {levels}"
        figures += [
            Figure(f"match {name}", seconds, "s", f"<= {most_s}", seconds <= most_s),
            Figure(f"served, {name}", served, "%", "", True),
        ]
    return figures
