"""The dispatch model against PyPSA on the same data: objectives, and the time of rolling windows.

``python -m benchmarks.peers.pypsa_rolling`` (``pip install pypsa``). Two things are compared where
both can say the same: sites with load, generation, storage with losses and wear, an import limit
and the price of load unserved; and deferrable work, which PyPSA sees as a bus of its own, fed by a
link from its site's bus, with a store of work done ahead and a load of the work that is due. Each
sees a seam as its own means allow: PyPSA's windows carry what is in stores and are built anew, ours
carry everything and go on from the last basis.
"""

from __future__ import annotations

import logging
import time
import warnings

import numpy as np
import pandas as pd

from computenet.optimization.dispatch import (
    Carry,
    Dispatcher,
    DispatchProblem,
    Fleet,
    SitePower,
    TrainingWork,
    carry_after,
    solve_dispatch,
    window,
)

LATE = 1e6  # price at which neither leaves work


def case(sites: int, slots: int, seed: int = 0, streams: int = 3) -> DispatchProblem:
    """Return sites of one pool, streams of work that is all there at the start."""
    rng = np.random.default_rng(seed)
    hour = np.arange(slots) % 24
    price = rng.uniform(250, 600, sites) * np.where((hour >= 10) & (hour < 22), 1.4, 0.7)[:, None]
    sun = np.maximum(np.sin(2 * np.pi * (hour - 6) / 24), 0.0)[:, None]
    size = rng.uniform(5_000, 20_000, sites)
    share = rng.dirichlet(np.ones(streams))
    amount = 0.4 * size.sum() * slots * share
    due = np.zeros((slots, streams))
    for j in range(streams):
        due[[slots // 2 + j, slots - 1], j] = 0.4 * amount[j], 0.6 * amount[j]
    return DispatchProblem(
        np.ones(slots),
        Fleet(
            tuple(f"s{i}" for i in range(sites)), tuple(f"p{i}" for i in range(sites)),
            np.arange(sites), size,
        ),
        SitePower(
            fixed_mw=3e-4 * size,
            pue=1.25,
            price_cny_per_mwh=price,
            limit_mw=1e-3 * size,
            generation_mw=sun * rng.uniform(0.2e-3, 0.8e-3, sites) * size,
            generation_cny_per_mwh=150.0,
            battery_mw=1e-4 * size,
            battery_mwh=3e-4 * size,
            battery_efficiency=0.81,
            cycle_cny_per_mwh=20.0,
        ),
        work=TrainingWork(
            tuple(f"j{j}" for j in range(streams)),
            np.zeros((slots, streams)),
            due,
            rng.uniform(0.6, 1.2, (streams, sites)),
            np.full((streams, sites), 500.0),
            late_cny=LATE,
        ),
        carry=Carry(backlog_accelerator_h=amount, stored_mwh=1e-4 * size),
    )  # fmt: skip


def pypsa_network(problem: DispatchProblem) -> object:
    """Return the same as a PyPSA network."""
    import pypsa

    power, work, fleet = problem.power, problem.work, problem.fleet
    slots, streams = problem.slots, len(work.names)
    index = pd.RangeIndex(slots)
    network = pypsa.Network()
    network.set_snapshots(index)
    eta = float(np.sqrt(power.battery_efficiency[0]))

    def series(values: np.ndarray) -> pd.Series:
        return pd.Series(values, index=index)

    for j, name in enumerate(work.names):
        # A megawatt of this bus is a thousand hours of work an hour: numbers keep their size.
        network.add("Bus", name)
        network.add(
            "Load", f"due {name}", bus=name, p_set=series(work.due_accelerator_h[:, j] / 1e3)
        )
        network.add(
            "Store", f"done {name}", bus=name, e_initial=0.0,
            e_nom=float(problem.carry.backlog_accelerator_h[j]) / 1e3,
        )  # fmt: skip
    for i, site in enumerate(fleet.sites):
        network.add("Bus", site)
        load = power.fixed_mw[:, i] * power.pue[:, i]
        network.add("Load", f"load {site}", bus=site, p_set=series(load))
        top = float(power.limit_mw[:, i].max())
        network.add(
            "Generator", f"grid {site}", bus=site, p_nom=top,
            p_max_pu=series(power.limit_mw[:, i] / top),
            marginal_cost=series(power.price_cny_per_mwh[:, i]),
        )  # fmt: skip
        most = float(power.generation_mw[:, i].max())
        network.add(
            "Generator", f"sun {site}", bus=site, p_nom=most,
            p_max_pu=series(power.generation_mw[:, i] / most),
            marginal_cost=series(power.generation_cny_per_mwh[:, i]),
        )  # fmt: skip
        network.add(
            "StorageUnit", f"store {site}", bus=site,
            p_nom=float(power.battery_mw[i]),
            max_hours=float(power.battery_mwh[i] / power.battery_mw[i]), efficiency_store=eta,
            efficiency_dispatch=eta, cyclic_state_of_charge=False,
            state_of_charge_initial=float(problem.carry.stored_mwh[i]),
            marginal_cost=float(power.cycle_cny_per_mwh[i]),
        )  # fmt: skip
        # All accelerators of the site draw from one bus; its generator is their number.
        network.add("Bus", f"pool {site}")
        kilowatt = work.active_w[0, i] * 1e-6 * power.pue[0, i]  # MW an accelerator
        network.add(
            "Link", f"room {site}", bus0=site, bus1=f"pool {site}",
            p_nom=float(fleet.job_accelerators[0, i] * kilowatt),
        )  # fmt: skip
        for j in range(streams):
            network.add(
                "Link", f"run {work.names[j]} {site}", bus0=f"pool {site}", bus1=work.names[j],
                p_nom=float(fleet.job_accelerators[0, i] * kilowatt),
                efficiency=float(work.speed[j, i] / kilowatt / 1e3),
            )  # fmt: skip
    return network


def pypsa_cost(problem: DispatchProblem) -> float:
    """Return PyPSA's optimum."""
    network = pypsa_network(problem)
    status, _ = network.optimize(  # type: ignore[attr-defined]
        solver_name="highs", log_to_console=False, include_objective_constant=False
    )
    if status != "ok":
        raise RuntimeError(f"PyPSA ended with {status}")
    return float(network.objective)  # type: ignore[attr-defined]


def main() -> None:
    """Print both objectives, and the time of a day of hourly windows."""
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    for seed in range(3):
        problem = case(5, 48, seed)
        ours, theirs = solve_dispatch(problem).objective_cny, pypsa_cost(problem)
        print(f"PyPSA {theirs:,.4f}  dispatch {ours:,.4f}  difference {ours / theirs - 1.0:+.1e}")
    hours = 24
    problem = case(10, 24 + hours)
    dispatcher, carry, walls = Dispatcher(), None, []
    theirs_s = []
    for k in range(hours):
        part = window(problem, k, k + 24, carry)
        began = time.perf_counter()
        plan = dispatcher.solve(part)
        walls.append(time.perf_counter() - began)
        if k % 8 == 0:
            began = time.perf_counter()
            pypsa_cost(part)
            theirs_s.append(time.perf_counter() - began)
        carry = carry_after(part, plan)
    ours_s, theirs = float(np.median(walls)), float(np.median(theirs_s))
    print(f"an hourly window of 10 sites x 24 h: PyPSA {theirs:.3f} s, dispatch {ours_s:.4f} s")
    print(f"ratio {theirs / ours_s:.0f}")


if __name__ == "__main__":
    main()
