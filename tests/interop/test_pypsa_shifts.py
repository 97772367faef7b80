"""What holds for part of a run only holds in the exported network as well."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import computenet as cn
from computenet.interop.pypsa import pypsa_tables

#: From slot 4 to slot 12 of 19; the west may import 40 % of 0.2 MW x PUE 1.2.
SHIFT = {
    "kind": "grid-shift", "sites": ["west"], "at_h": 1.0, "duration_h": 2.0,
    "price_factor": 1.4, "emission_factor": 1.5, "import_limit_share": 0.4,
}  # fmt: skip


@pytest.fixture(scope="module")
def scenario() -> cn.Scenario:
    """Fifteen minutes a slot; the last has ten, so that its weight is its own."""
    return cn.load("two-hubs", overrides={"days": 4.6666666667 / 24.0, "events": [SHIFT]})


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
