"""Site power balance against vessim: same energies, microgrid-steps a second side by side.

``python -m benchmarks.peers.vessim_energy`` (``pip install vessim``). Ten sites with load, wind
and solar, a battery that stores surplus and gives it back at once (lossless, as vessim's), and the
grid; what computenet curtails vessim exports.
"""

from __future__ import annotations

import statistics
import time

import numpy as np
import pandas as pd
import vessim

from computenet.energy import Battery, balance_sites
from computenet.energy.balance import RULES

SITES, STEPS, STEP_S = 10, 7 * 96, 900
POWER_MW, ENERGY_MWH = 2.0, 4.0


def _series() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    hour = np.arange(STEPS) * STEP_S / 3600.0
    load = 5.0 + np.sin(2 * np.pi * hour / 24.0) + 0.3 * rng.random((SITES, STEPS))
    sun = 9.0 * np.maximum(np.sin(2 * np.pi * (hour - 6.0) / 24.0), 0.0)
    return load, sun * rng.random((SITES, 1)) + 2.0 * rng.random((SITES, STEPS))


def _vessim(load: np.ndarray, generation: np.ndarray) -> tuple[float, np.ndarray]:
    """Return seconds and what the grid delivered to each site, MWh."""
    start = pd.Timestamp("2025-07-07")
    index = start + pd.to_timedelta(np.arange(STEPS) * STEP_S, unit="s")
    imported = np.zeros(SITES)

    def trace(values: np.ndarray) -> vessim.Trace:
        return vessim.Trace(pd.Series(1e6 * values, index=index), anchor=start)

    class Meter(vessim.Controller):
        def step(self, now, microgrids):
            for site, state in enumerate(microgrids.values()):
                imported[site] += max(-state["p_grid"], 0.0) * STEP_S / 3600.0 / 1e6

    environment = vessim.Environment(sim_start=start, step_size=STEP_S)
    for site in range(SITES):
        environment.add_microgrid(
            actors=[
                vessim.Consumer("load", trace(load[site])),
                vessim.Producer("plant", trace(generation[site])),
            ],
            dispatchables=[
                vessim.SimpleBattery("store", 1e6 * ENERGY_MWH, 0.5, c_rate=POWER_MW / ENERGY_MWH),
                vessim.GridConnection(),
            ],
        )  # fmt: skip
    environment.add_controller(Meter())
    begin = time.perf_counter()
    environment.run(until=STEPS * STEP_S)
    return time.perf_counter() - begin, imported


def _computenet(load: np.ndarray, generation: np.ndarray) -> tuple[float, np.ndarray]:
    hours = np.full(STEPS, STEP_S / 3600.0)
    one = np.ones(SITES)
    battery = Battery(
        POWER_MW * one, ENERGY_MWH * one, one, 0.5 * one,
        np.full(SITES, RULES["self-consumption"]), 0.0 * one,
    )  # fmt: skip
    begin = time.perf_counter()
    found = balance_sites(
        load * hours, generation * hours, hours, np.full((SITES, STEPS), 400.0), battery,
        np.full((SITES, STEPS), np.inf),
    )  # fmt: skip
    return time.perf_counter() - begin, found.imported.sum(axis=1)


def main() -> None:
    """Print both."""
    load, generation = _series()
    _computenet(load, generation)
    pairs = [(_vessim(load, generation), _computenet(load, generation)) for _ in range(3)]
    theirs = statistics.median(pair[0][0] for pair in pairs)
    ours = statistics.median(pair[1][0] for pair in pairs)
    steps = SITES * STEPS
    error = float(np.abs(pairs[0][0][1] / pairs[0][1][1] - 1.0).max())
    print(f"vessim      {steps / theirs:>12,.0f} microgrid-steps/s")
    print(
        f"computenet  {steps / ours:>12,.0f} microgrid-steps/s, {theirs / ours:,.0f} times as many"
    )
    print(f"largest relative difference of a site's import: {error:.1e}")


if __name__ == "__main__":
    main()
