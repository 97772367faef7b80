"""Measured prices and carbon in place of tariffs and factors."""

from __future__ import annotations

from pathlib import Path

import pytest

import computenet as cn
from computenet.errors import InputError

SHORT = {"days": 0.25, "workload.request_rate_per_day": 1e5}


def run(file: Path, site: str = "east") -> cn.Results:
    changes = {**SHORT, "energy.series_files": {site: str(file)}}
    return cn.simulate(cn.load("two-hubs", overrides=changes))


def test_prices_by_the_hour_are_paid(tmp_path: Path) -> None:
    file = tmp_path / "spot.csv"
    prices = [100.0, -50.0, 300.0, 300.0, 0.0, 700.0]
    rows = [f"2025-07-07T0{hour}:00:00+08:00,{price},500" for hour, price in enumerate(prices)]
    file.write_text("time,cny_per_mwh,kg_per_mwh\n" + "\n".join(rows) + "\n")
    found = run(file)
    assert found.audit.failures() == []
    east = found.sites[found.sites["site"] == "east"]
    hour = (east["slot_start_s"] // 3600).astype(int)
    energy = east["facility_mw"] * 0.25
    bought = float((energy * hour.map(dict(enumerate(prices)))).sum())
    charge = found.summary["cost"]["demand_charge_cny"]
    usual = cn.simulate(cn.load("two-hubs", overrides=SHORT))
    assert charge == pytest.approx(usual.summary["cost"]["demand_charge_cny"])
    west = usual.summary["by_site"]["west"]["energy_cny"]
    assert found.summary["by_site"]["west"]["energy_cny"] == pytest.approx(west)
    assert east["price_cny_per_mwh"].tolist()[::4] == prices
    assert found.summary["cost"]["import_cny"] == pytest.approx(
        bought + usual.summary["cost"]["import_cny"]
        - float((usual.sites[usual.sites["site"] == "east"]["facility_mw"] * 0.25
                 * usual.sites[usual.sites["site"] == "east"]["price_cny_per_mwh"]).sum())
    )  # fmt: skip
    assert found.summary["by_site"]["east"]["carbon_kg"] == pytest.approx(float(500 * energy.sum()))


def test_faults_of_series_are_told(tmp_path: Path) -> None:
    file = tmp_path / "spot.csv"
    file.write_text("time,cny_per_mwh\n2025-07-07T00:00:00+08:00,1\n2025-07-07T01:00:00+08:00,x\n")
    with pytest.raises(InputError, match="does not cover the run"):
        run(file)
    with pytest.raises(InputError, match=r"did you mean: east"):
        run(file, "eas")
    file.write_text("time,price\n")
    with pytest.raises(InputError, match="wrong columns"):
        run(file)
    with pytest.raises(InputError, match="cannot be read"):
        run(tmp_path / "none.csv")
    rows = [f"2025-07-07T0{hour}:00:00+08:00,{'x' if hour == 2 else 1}" for hour in range(7)]
    file.write_text("time,cny_per_mwh\n" + "\n".join(rows) + "\n")
    with pytest.raises(InputError, match=r"row 3.*\n?.*cannot be used"):
        run(file)
