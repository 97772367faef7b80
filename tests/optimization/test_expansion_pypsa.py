"""The energy side of an expansion against PyPSA: plant, storage and peak sized together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from computenet.optimization.expansion import expand
from computenet.optimization.expansion_problem import ExpansionProblem
from tests.optimization.expansion_cases import random_problem


def _energy_only(seed: int) -> ExpansionProblem:
    """Return one site with a load that is given: what is left to decide is how it is powered."""
    p = random_problem(seed, sites=1, regions=1, count=1)
    d, s, c, e = p.demand, p.sites, p.chips, p.energy
    rng = np.random.default_rng(seed)
    hour = np.arange(24)
    sun = np.clip(np.sin((hour - 6) / 12 * np.pi), 0.0, None)
    return replace(
        p,
        demand=replace(
            d, classes=("chat",), streams=("near",), stream=np.array([0]),
            work=np.array([[[20.0]]]), need=np.array([[1.0, np.inf]]), room=np.array([[1.0]]),
            draw_kw=np.array([[0.7, 0.0]]), moves=np.array([False]), traffic=np.array([0.0]),
            transfer_cost=np.zeros((1, 1, 1, 1)), open_way=np.ones((1, 1, 1), dtype=bool),
            covered=np.ones((1, 1, 1), dtype=bool),
        ),
        chips=replace(c, fleet=np.array([[[20.0], [0.0]]])),
        sites=replace(s, halls=np.array([[20.0]]), occupancy=np.zeros(1)),
        plants=replace(
            p.plants, cost=np.array([[2.2], [4.0], [1.2]]), most=np.array([[80.0], [6.0], [60.0]])
        ),
        energy=replace(
            e, price=(0.3 + 0.9 * rng.random(24))[None, None], today=np.zeros((1, 24)),
            output=np.stack([0.8 * sun, rng.uniform(0.0, 0.9, 24)])[:, None, :],
            peak_cost=np.array([0.4]), battery_power=np.zeros(1), battery_energy=np.zeros(1),
            green_share=np.zeros((1, 1)),
        ),
        limits=replace(p.limits, hub_share=0.0, coverage=np.zeros(1), must_run=np.ones(1)),
    )  # fmt: skip


@pytest.mark.parametrize("seed", [1])
@pytest.mark.filterwarnings("ignore")
def test_plant_and_storage_as_pypsa_sizes_them(seed: int) -> None:
    pypsa = pytest.importorskip("pypsa")
    problem = _energy_only(seed)
    e, p = problem.energy, problem.plants
    plan = expand(problem, gap=1e-9, method="whole")
    network = pypsa.Network()
    network.set_snapshots(range(24))
    # A year of such days, MWh of a kW; stores see hours.
    network.snapshot_weightings["objective"] = 0.365
    network.add("Bus", "site")
    load = (20.0 * 0.3 + e.serving_shape * 20.0 * 0.7) * e.pue[0, 0]
    network.add("Load", "it", bus="site", p_set=load)
    carbon = e.carbon_cost[0] * e.emission[0, 0]
    network.add("Generator", "grid", bus="site", p_nom_extendable=True,
                capital_cost=e.peak_cost[0], marginal_cost=e.price[0, 0] + carbon)  # fmt: skip
    for k, name in enumerate(("pv", "wind")):
        network.add("Generator", name, bus="site", p_nom_extendable=True,
                    p_nom_max=p.most[k, 0], p_max_pu=e.output[k, 0],
                    capital_cost=p.cost[k, 0] * p.yearly[k])  # fmt: skip
    network.add(
        "StorageUnit", "battery", bus="site", p_nom_extendable=True, p_nom_max=p.most[2, 0],
        max_hours=e.battery_hours, efficiency_store=np.sqrt(e.efficiency),
        efficiency_dispatch=np.sqrt(e.efficiency), cyclic_state_of_charge=True,
        marginal_cost=e.cycle_cost, capital_cost=p.cost[2, 0] * p.yearly[2],
    )  # fmt: skip
    network.optimize(solver_name="highs", solver_options={"output_flag": False})
    assert plan.costs.sum() == pytest.approx(network.objective, rel=1e-6)
    built = plan.plants[:, 0, 0]
    assert built.max() > 0.1  # something is built
    assert built[0] == pytest.approx(network.generators.p_nom_opt["pv"], abs=0.05)
