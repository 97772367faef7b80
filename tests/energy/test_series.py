"""Measured prices and carbon in place of tariffs and factors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import computenet as cn
from computenet.errors import InputError
from computenet.policies import Plan, SystemView, make_policy
from computenet.simulation import run_scenario

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


def test_policies_see_the_means_of_an_epoch(tmp_path: Path) -> None:
    file = tmp_path / "spot.csv"
    rows = [
        f"2025-07-07T{quarter // 4:02}:{15 * (quarter % 4):02}:00+08:00,{quarter},{10 * quarter}"
        for quarter in range(24)
    ]
    file.write_text("time,cny_per_mwh,kg_per_mwh\n" + "\n".join(rows) + "\n")
    changes = {**SHORT, "run.epoch_s": 3600, "energy.series_files": {"east": str(file)}}
    nearest, views = make_policy("nearest", {}), []

    class Watching:
        def reset(self, *given: Any) -> None:
            nearest.reset(*given)

        def plan(self, view: SystemView) -> Plan:
            views.append((view.price_cny_per_mwh[0], view.carbon_kg_per_mwh[0]))
            return nearest.plan(view)

    run_scenario(cn.load("two-hubs", overrides=changes), Watching())
    assert views == [(4.0 * hour + 1.5, 40.0 * hour + 15.0) for hour in range(6)]


def test_times_without_an_offset_are_refused(tmp_path: Path) -> None:
    rows = [f"2025-07-0{day}T{hour:02}:00:00" for day in (6, 7) for hour in range(24)]
    file = tmp_path / "spot.csv"
    for zone, row in (("", 1), ("+08:00", None), ("Z", None)):
        times = [when + zone for when in rows]
        file.write_text("time,kg_per_mwh\n" + "\n".join(f"{when},500" for when in times) + "\n")
        if row is None:
            run(file)
        else:
            with pytest.raises(InputError, match=r"east: row 1.*\n?.*no offset from UTC \(48 such"):
                run(file)
    times[5] = rows[5]
    file.write_text("time,kg_per_mwh\n" + "\n".join(f"{when},500" for when in times) + "\n")
    with pytest.raises(InputError, match=r"row 6.*\n?.*no offset from UTC \(1 such"):
        run(file)
    naive = tmp_path / "spot.parquet"
    stamps = pd.to_datetime(pd.Series(rows))
    pd.DataFrame({"time": stamps, "kg_per_mwh": 500.0}).to_parquet(naive)
    with pytest.raises(InputError, match="no offset from UTC"):
        run(naive)
    aware = stamps.dt.tz_localize("Asia/Shanghai")
    pd.DataFrame({"time": aware, "kg_per_mwh": 500.0}).to_parquet(naive)
    run(naive)


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
