"""What holds for part of a run only holds in the exported network as well."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import computenet as cn
from computenet.cli.main import app
from computenet.interop.pypsa import pypsa_tables

#: From slot 4 to slot 12 of 19; the west may import 40 % of 0.2 MW x PUE 1.2.
SHIFT = {
    "kind": "grid-shift", "sites": ["west"], "at_h": 1.0, "duration_h": 2.0,
    "price_factor": 1.4, "emission_factor": 1.5, "import_limit_share": 0.4,
}  # fmt: skip


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> cn.Scenario:
    """Fifteen minutes a slot; the last has ten, so that its weight is its own."""
    found = cn.load("two-hubs", overrides={"days": 4.6666666667 / 24.0, "events": [SHIFT]})
    stamps = pd.date_range(found.start, periods=6, freq="h")
    rows = {"time": [t.isoformat() for t in stamps], "kg_per_mwh": [300, 500, 900, 700, 400, 200]}
    file = tmp_path_factory.mktemp("series") / "east.csv"
    pd.DataFrame(rows).to_csv(file, index=False)
    return found.model_copy(
        update={"energy": found.energy.model_copy(update={"series_files": {"east": str(file)}})}
    )


@pytest.fixture(scope="module")
def results(scenario: cn.Scenario) -> cn.Results:
    return cn.simulate(scenario)


@pytest.fixture(params=["results", "scenario"])
def source(request: pytest.FixtureRequest) -> cn.Results | cn.Scenario:
    found: cn.Results | cn.Scenario = request.getfixturevalue(request.param)
    return found


def test_an_import_limit_for_part_of_the_run_holds_then(source: cn.Results | cn.Scenario) -> None:
    tables = pypsa_tables(source, dispatch="free" if isinstance(source, cn.Results) else "fixed")
    nominal = tables.static["generators"]["p_nom"]
    part = tables.series["generators-p_max_pu"]
    most = part["west grid"] * nominal["west grid"]
    assert most.iloc[4:12].tolist() == pytest.approx([0.4 * 0.2 * 1.2] * 8)
    # elsewhere the load is all that can be drawn
    load = tables.series["loads-p_set"]["west load"].to_numpy()
    free = np.r_[0:4, 12 : len(load)]
    assert (part["west grid"].iloc[free] == 1.0).all()
    assert (most.to_numpy()[free] >= load[free]).all()
    assert "east grid" not in part


@pytest.fixture(scope="module")
def network(results: cn.Results, tmp_path_factory: pytest.TempPathFactory) -> Any:
    pypsa = pytest.importorskip("pypsa")
    folder = tmp_path_factory.mktemp("net") / "fixed"
    network = pypsa.Network()
    network.import_from_csv_folder(str(cn.export("pypsa", results, folder)))
    return network


@pytest.mark.filterwarnings("ignore")
def test_snapshots_are_read_as_times_with_their_hours(
    network: Any, results: cn.Results, tmp_path: Path
) -> None:
    clock = network.snapshots
    assert isinstance(clock, pd.DatetimeIndex)
    start = results.scenario.start.replace(tzinfo=None)  # Beijing's time, as the topology's
    assert clock.equals(pd.date_range(start, periods=19, freq="15min", name="snapshot"))
    weights = network.snapshot_weightings
    assert sorted(weights) == ["generators", "objective", "stores"]
    for column in weights:
        assert weights[column].tolist() == pytest.approx([0.25] * 18 + [1.0 / 6.0])
    assert network.loads_t.p_set.index.equals(clock)
    # PyPSA's own form
    native = tmp_path / "native"
    network.export_to_csv_folder(str(native))
    ours = tmp_path / "ours"
    cn.export("pypsa", results, ours)
    heads = [(p / "snapshots.csv").read_text().splitlines()[0] for p in (native, ours)]
    assert heads[0] == heads[1]


@pytest.mark.filterwarnings("ignore")
def test_emissions_that_move_add_up_to_the_run(network: Any, results: cn.Results) -> None:
    status, condition = network.optimize(solver_name="highs", log_to_console=False)
    assert (status, condition) == ("ok", "optimal")
    hours = network.snapshot_weightings.generators
    made = network.generators_t.p.mul(hours, axis=0)
    carrier = network.generators["carrier"]
    kg = 1000.0 * made.sum() * carrier.map(network.carriers["co2_emissions"])
    assert kg.sum() == pytest.approx(results.summary["carbon"]["kg"], rel=1e-7)
    by_site = results.summary["by_site"]
    factor = network.generators_t.co2_t_per_mwh
    for site in ("east", "west"):
        assert kg[f"{site} grid"] == pytest.approx(by_site[site]["carbon_kg"], rel=1e-7)
        slots = 1000.0 * made[f"{site} grid"] * factor[f"{site} grid"]
        table = results.sites[results.sites["site"] == site]["carbon_kg"]
        assert slots.to_numpy() == pytest.approx(table.to_numpy(), rel=1e-6)
    told = network.meta["computenet"]
    assert kg.sum() == pytest.approx(told["run_carbon_kg"], rel=1e-7)
    assert told["unserved_mwh"] == results.summary["energy"]["unserved_mwh"] == 0.0
    assert network.objective == pytest.approx(told["run_objective_cny"], rel=1e-7)
    (note,) = told["notes"]
    assert "the mean by the run's imports" in note
    # as the events and the file have it
    assert factor["east grid"].iloc[[0, 4, 8, 18]].tolist() == pytest.approx([0.3, 0.5, 0.9, 0.4])
    west = factor["west grid"]
    assert west.iloc[4:12].to_numpy() == pytest.approx(1.5 * west.iloc[0])


def test_carriers_of_a_scenario_weigh_by_load(scenario: cn.Scenario) -> None:
    tables = pypsa_tables(scenario)
    co2 = tables.static["carriers"]["co2_emissions"]
    hours = tables.snapshots["generators"]
    spec = {site.id: f"grid {site.grid}" for site in scenario.topology.sites}
    assert spec["east"] != spec["west"]
    hourly = tables.series["generators-co2_t_per_mwh"]["east grid"]
    assert co2[spec["east"]] == pytest.approx((hourly * hours).sum() / hours.sum())  # even load
    plain = pypsa_tables(cn.load("two-hubs", days=0.1))
    known = {f"grid {g.id}": g.emission_kg_per_mwh / 1000.0 for g in scenario.topology.grids}
    assert plain.static["carriers"]["co2_emissions"][list(known)].to_dict() == known


@pytest.mark.filterwarnings("ignore")
def test_unserved_load_is_told_with_its_price(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tight = {"kind": "grid-shift", "sites": ["west"], "at_h": 0.5, "duration_h": 1.0,
             "import_limit_share": 0.1}  # fmt: skip
    run = cn.simulate(cn.load("two-hubs", overrides={"days": 0.1, "events": [tight]}))
    missing = run.summary["energy"]["unserved_mwh"]
    assert missing > 0.0
    run.save(tmp_path / "run")
    notes: list[str] = []
    cn.export("pypsa", run, tmp_path / "free", dispatch="free", notes=notes)
    assert f"of the run's dispatch would have {100_000.0 * missing:,.0f} CNY" in notes[0]
    app(["export", "pypsa", str(tmp_path / "run"), str(tmp_path / "net")], standalone_mode=False)
    shown = capsys.readouterr()
    assert shown.out.strip() == str(tmp_path / "net")
    assert f"note: the run left {missing:,.4g} MWh unserved" in shown.err
    assert "(100,000 CNY/MWh)" in shown.err
    network = pytest.importorskip("pypsa").Network(str(tmp_path / "net"))
    network.optimize(solver_name="highs", log_to_console=False)
    told = network.meta["computenet"]
    assert network.objective == pytest.approx(told["run_objective_cny"], rel=1e-7)
    assert told["unserved_cny"] == pytest.approx(100_000.0 * missing)
    assert told["paid_cny"] + told["unserved_cny"] == told["run_objective_cny"]
