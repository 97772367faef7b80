"""A site's storage by rule against PyPSA's optimum where the two must agree.

``python -m benchmarks.peers.pypsa_dispatch`` (``pip install pypsa``). At one price all day no
plan imports less than storing every surplus and giving it back at once, losses or not, so the
rule's bill must equal the objective of PyPSA's linear programme; with two prices a day arbitrage by
rule is held against the optimum, which it need not reach.
"""

from __future__ import annotations

import logging
import warnings

import numpy as np
import pandas as pd

from computenet.energy import Battery, balance_sites
from computenet.energy.balance import RULES

HOURS, POWER_MW, ENERGY_MWH, EFFICIENCY, INITIAL = 7 * 24, 2.0, 5.0, 0.81, 0.4


def series(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a week of load and generation, MW."""
    rng = np.random.default_rng(seed)
    hour = np.arange(HOURS)
    load = 4.0 + np.sin(2 * np.pi * hour / 24.0) + 0.5 * rng.random(HOURS)
    sun = 8.0 * np.maximum(np.sin(2 * np.pi * (hour - 6.0) / 24.0), 0.0) * rng.random(HOURS)
    return load, sun + 2.0 * rng.random(HOURS)


def optimum(load: np.ndarray, generation: np.ndarray, price: np.ndarray) -> float:
    """Return PyPSA's least cost of import, CNY."""
    import pypsa

    index = pd.RangeIndex(HOURS)
    network = pypsa.Network()
    network.set_snapshots(index)
    network.add("Bus", "site")
    network.add("Load", "load", bus="site", p_set=pd.Series(load, index=index))
    network.add(
        "Generator", "grid", bus="site", p_nom=100.0, marginal_cost=pd.Series(price, index=index)
    )
    network.add(
        "Generator", "plant", bus="site", p_nom=10.0,
        p_max_pu=pd.Series(generation / 10.0, index=index),
    )  # fmt: skip
    each = float(np.sqrt(EFFICIENCY))
    network.add(
        "StorageUnit", "store", bus="site", p_nom=POWER_MW, max_hours=ENERGY_MWH / POWER_MW,
        efficiency_store=each, efficiency_dispatch=each, cyclic_state_of_charge=False,
        state_of_charge_initial=INITIAL * ENERGY_MWH,
    )  # fmt: skip
    network.optimize(solver_name="highs", log_to_console=False, include_objective_constant=False)
    return float(network.objective)


def by_rule(load: np.ndarray, generation: np.ndarray, price: np.ndarray, rule: str) -> float:
    """Return the bill of storage by rule, CNY."""
    one = np.ones(1)
    found = balance_sites(
        load[None, :], generation[None, :], np.ones(HOURS), price[None, :],
        Battery(
            POWER_MW * one, ENERGY_MWH * one, EFFICIENCY * one, INITIAL * one,
            np.asarray([RULES[rule]]), 0.0 * one,
        ),
        np.full((1, HOURS), np.inf),
    )  # fmt: skip
    return float((found.imported * price).sum())


def main() -> None:
    """Print both bills."""
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    for seed in range(3):
        load, generation = series(seed)
        flat = np.full(HOURS, 400.0)
        best, ours = (
            optimum(load, generation, flat),
            by_rule(load, generation, flat, "self-consumption"),
        )
        print(
            f"one price:  PyPSA {best:,.4f}  rule {ours:,.4f}  difference {ours / best - 1.0:+.1e}"
        )
        two = np.where(np.arange(HOURS) % 24 < 8, 250.0, 700.0)
        best, ours = optimum(load, generation, two), by_rule(load, generation, two, "arbitrage")
        above = ours / best - 1.0
        print(f"two prices: PyPSA {best:,.2f}  arbitrage by rule {ours:,.2f}  {above:+.2%}")


if __name__ == "__main__":
    main()
