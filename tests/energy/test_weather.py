"""Typical years, cooling, renewables: means as given, likeness of neighbours, hand checks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import computenet as cn
from computenet.compilation import compile_scenario
from computenet.energy import Climate
from computenet.energy.cooling import COOLING, calibrate, load_penalty, plant_pue, plant_water
from computenet.energy.renewables import OutOfReachError, power_curve, pv_profile, wind_profile
from computenet.energy.usual import month_of_hour
from computenet.energy.weather import distances_km, read_weather, typical_year, wet_bulb_c
from computenet.errors import InputError
from computenet.streams import named_stream

#: Zhangjiakou, Horinger near it, and Shaoguan far from both.
CLIMATE = Climate(
    latitude=np.asarray([40.77, 40.38, 24.8]),
    longitude=np.asarray([114.88, 111.82, 113.6]),
    annual_c=np.asarray([9.0, 7.3, 20.8]),
    january_c=np.asarray([-8.5, -11.0, 10.5]),
    july_c=np.asarray([23.5, 23.0, 28.9]),
    daily_range_c=np.asarray([12.0, 12.0, 8.0]),
    humidity=np.asarray([0.5, 0.5, 0.76]),
)


@pytest.fixture(scope="module")
def year():
    return typical_year(CLIMATE, named_stream(1, "weather"))


def test_means_of_the_typical_year(year) -> None:
    np.testing.assert_allclose(year.temperature_c.mean(axis=1), CLIMATE.annual_c, atol=1e-9)
    many = [typical_year(CLIMATE, named_stream(seed, "weather")) for seed in range(12)]
    january = np.mean([one.temperature_c[:, : 31 * 24].mean(axis=1) for one in many], axis=0)
    july = np.mean([one.temperature_c[:, 181 * 24 : 212 * 24].mean(axis=1) for one in many], axis=0)
    np.testing.assert_allclose(january, CLIMATE.january_c, atol=1.5)
    np.testing.assert_allclose(july, CLIMATE.july_c, atol=1.5)
    daily = year.temperature_c.reshape(3, 365, 24)
    swing = (daily.max(axis=2) - daily.min(axis=2)).mean(axis=1)
    np.testing.assert_allclose(swing, CLIMATE.daily_range_c, rtol=0.25)
    assert (year.wet_bulb_c <= year.temperature_c).all()
    assert daily.mean(axis=(0, 1)).argmax() == 15


def test_neighbours_are_alike_and_days_persist(year) -> None:
    daily = year.temperature_c.reshape(3, 365, 24).mean(axis=2)
    smooth = np.stack([np.convolve(row, np.ones(31) / 31, mode="same") for row in daily])
    anomaly = (daily - smooth)[:, 20:-20]
    likeness = np.corrcoef(anomaly)
    assert likeness[0, 1] > 0.6 > likeness[0, 2]
    assert np.corrcoef(anomaly[0, :-1], anomaly[0, 1:])[0, 1] > 0.5
    assert distances_km(CLIMATE.latitude, CLIMATE.longitude)[0, 1] == pytest.approx(263, abs=5)


def test_wet_bulb_by_the_published_example() -> None:
    # Stull (2011): 20 degrees and 50 % give 13.7 degrees.
    assert wet_bulb_c(np.asarray([20.0]), np.asarray([0.5]))[0] == pytest.approx(13.7, abs=0.05)


@pytest.mark.parametrize("kind", list(COOLING))
@pytest.mark.parametrize("annual", [1.08, 1.3])
def test_pue_meets_its_annual_mean_and_rises_with_heat(year, kind: str, annual: float) -> None:
    for i in range(3):
        dry, wet = year.temperature_c[i], year.wet_bulb_c[i]
        plant = calibrate(kind, dry, wet, annual)
        pue = plant_pue(plant, dry, wet)
        assert pue.mean() == pytest.approx(annual, rel=1e-12)
        assert plant_water(plant, dry, wet).mean() == pytest.approx(1.0, rel=1e-12)
        assert pue.min() >= 1.0
        hot, cold = (
            plant_pue(plant, np.asarray([38.0]), np.asarray([28.0])),
            plant_pue(plant, np.asarray([0.0]), np.asarray([-3.0])),
        )
        assert hot[0] >= cold[0]
    assert load_penalty(np.asarray([0.3]))[0] - load_penalty(np.asarray([1.0]))[0] == pytest.approx(
        0.05
    )


def test_compressor_by_hand() -> None:
    # An air economiser at 35 degrees has nothing but its compressor: COP 5 - 0.1 x 10 = 4.
    dry = np.full(8760, 10.0)
    plant = calibrate("economiser", dry, dry, 1.2)
    assert plant.fixed == pytest.approx(0.2 - 0.04)
    hot = plant_pue(plant, np.asarray([35.0]), np.asarray([25.0]))
    assert hot[0] == pytest.approx(1.2 + 0.25)


def test_renewables_meet_their_capacity_factors(year) -> None:
    pv = pv_profile(40.77, 114.88, 8.0, year.cloud[0], 0.155)
    assert pv.mean() == pytest.approx(0.155, rel=1e-3)
    assert pv.max() <= 1.0
    by_hour = pv.reshape(365, 24).mean(axis=0)
    assert by_hour[:5].max() == by_hour[21:].max() == 0.0
    assert by_hour.argmax() in (11, 12)
    by_month = pv.reshape(365, 24).sum(axis=1)
    assert by_month[150:180].mean() > 1.4 * by_month[:30].mean()
    wind = wind_profile(year.wind[0], np.ones(12), np.ones(24), 0.28)
    assert wind.mean() == pytest.approx(0.28, rel=1e-3)
    assert np.corrcoef(wind[:-1], wind[1:])[0, 1] > 0.8
    shape = 1.0 + 0.3 * np.cos(2.0 * np.pi * (np.arange(12) - 3.0) / 12.0)
    wind = wind_profile(year.wind[0], shape, np.ones(24), 0.28)
    assert wind.mean() == pytest.approx(0.28, rel=1e-9)
    months = np.asarray([wind[month_of_hour() == m].mean() for m in range(12)])
    np.testing.assert_allclose(months / months[0], shape / shape[0], rtol=1e-6)


def test_capacity_factors_out_of_reach_name_the_highest(year) -> None:
    flat = np.ones(12), np.ones(24)
    with pytest.raises(OutOfReachError) as sun:
        pv_profile(40.77, 114.88, 8.0, year.cloud[0], 0.6)
    with pytest.raises(OutOfReachError) as wind:
        wind_profile(year.wind[0], *flat, 0.9)
    assert 0.45 < sun.value.most < 0.55
    assert 0.45 < wind.value.most < 0.75
    below = wind.value.most - 1e-4
    assert wind_profile(year.wind[0], *flat, below).mean() == pytest.approx(below, abs=1e-6)
    below = sun.value.most - 1e-3
    assert pv_profile(40.77, 114.88, 8.0, year.cloud[0], below).mean() == pytest.approx(below)
    own = [
        {"id": "sun", "kind": "pv", "connection": "on-site", "capacity_mw": 1.0,
         "capacity_factor": 0.7},
        {"id": "wind", "kind": "wind", "connection": "on-site", "capacity_mw": 1.0,
         "capacity_factor": 0.9},
    ]  # fmt: skip
    changes = {"energy.model": "full", "topology.sites.east.generators": own}
    with pytest.raises(InputError) as told:
        cn.simulate(cn.load("two-hubs", overrides=changes))
    for name in ("sun", "wind"):
        assert f"east.generators.{name}.capacity_factor" in str(told.value)
    assert "at most 0." in str(told.value)


def test_power_curve() -> None:
    found = power_curve(np.asarray([0.0, 2.5, 10.5, 15.0, 23.0]))
    np.testing.assert_allclose(found, [0.0, 0.0, 1.0, 1.0, 0.0])


def test_the_full_model_balances_and_heat_costs_energy(tmp_path: Path) -> None:
    def run(*events: dict[str, object]) -> cn.Results:
        return cn.simulate(
            cn.load(
                "china-2025",
                overrides={"days": 0.5, "energy.model": "full", "events": list(events),
                           "workload.request_rate_per_day": 1e8},
            )
        )  # fmt: skip

    usual = run()
    assert usual.audit.failures() == []
    assert usual.summary["energy"]["direct_line_mwh"] > 0.0
    sites = usual.sites
    assert sites["temperature_c"].notna().all()
    heat = {"kind": "weather-shift", "sites": ["wuhu", "zhongwei"], "at_h": 0, "duration_h": 12,
            "temperature_c": 8.0}  # fmt: skip
    hot = run(heat)
    for name in ("wuhu", "zhongwei"):
        before, after = (one.summary["by_site"][name]["pue"] for one in (usual, hot))
        assert after > before
    assert hot.summary["by_site"]["guian"]["pue"] == usual.summary["by_site"]["guian"]["pue"]
    dry = {"kind": "grid-shift", "sites": ["tianfu"], "at_h": 0, "duration_h": 12,
           "price_factor": 1.5, "emission_factor": 3.0}  # fmt: skip
    drought = run(dry)
    assert drought.summary["by_site"]["tianfu"]["carbon_kg"] == pytest.approx(
        3.0 * usual.summary["by_site"]["tianfu"]["carbon_kg"], rel=0.02
    )


def test_parameters_of_the_full_model_are_not_ignored() -> None:
    with pytest.raises(InputError, match=r"used only with energy\.model=full"):
        cn.load("two-hubs", overrides={"energy.carbon_price_cny_per_t": 90.0})
    with pytest.raises(InputError, match="go together"):
        cn.load("two-hubs", overrides={"energy.model": "full", "energy.voucher_share": 0.2})
    missing = {"energy.model": "full", "energy.weather_files": {"east": "no.epw"}, "days": 0.1}
    with pytest.raises(InputError, match="cannot be read"):
        cn.simulate(cn.load("two-hubs", overrides=missing))


def test_a_shift_of_weather_needs_weather() -> None:
    shift = {"kind": "weather-shift", "sites": ["west", "east"], "at_h": 0, "duration_h": 6,
             "temperature_c": 8.0}  # fmt: skip
    climate = {"annual_c": 9, "january_c": -8, "july_c": 24}
    changes = {"energy.model": "full", "events": [shift], "topology.sites.west.climate": climate}
    with pytest.raises(InputError, match=r"events\.0\.sites\.1.*\n?.*has no weather") as told:
        cn.load("two-hubs", overrides=changes)
    assert "sites.0" not in str(told.value)
    cn.load("two-hubs", overrides={**changes, "energy.weather_files": {"east": "any.epw"}})


def test_imports_keep_to_the_sites_limit_in_either_model() -> None:
    for model in ("simple", "full"):
        limit = {"days": 0.25, "energy.model": model, "topology.sites.east.import_limit_mw": 0.02}
        found = cn.simulate(cn.load("two-hubs", overrides=limit))
        assert found.audit.failures() == []
        east = found.sites[found.sites["site"] == "east"]
        assert east["import_mw"].max() == pytest.approx(0.02)
        assert found.summary["energy"]["unserved_mwh"] > 0.0


def test_a_limit_counts_for_the_part_of_a_slot_it_covers() -> None:
    event = {"kind": "grid-shift", "sites": ["east"], "at_h": 1.125, "duration_h": 0.375,
             "import_limit_share": 0.2}  # fmt: skip
    scenario = cn.load("two-hubs", overrides={"days": 0.25, "events": [event]})
    compiled = compile_scenario(scenario)
    most = compiled.sites.it_capacity_mw[0] * compiled.sites.pue[0]
    np.testing.assert_allclose(compiled.energy.limit_mw[0, 4:6], [0.6 * most, 0.2 * most])
    assert np.isinf(np.delete(compiled.energy.limit_mw[0], [4, 5])).all()


def test_money_of_the_full_model_by_hand() -> None:
    overrides = {
        "days": 0.25, "energy.model": "full", "energy.carbon_price_cny_per_t": 100.0,
        "energy.green_premium_cny_per_mwh": 15.0, "energy.voucher_share": 0.1,
        "energy.voucher_budget_cny": 1e9,
    }  # fmt: skip
    s = cn.simulate(cn.load("two-hubs", overrides=overrides)).summary
    cost, energy = s["cost"], s["energy"]
    assert cost["carbon_cny"] == pytest.approx(0.1 * s["carbon"]["kg"])
    assert cost["green_cny"] == pytest.approx(15.0 * energy["contract_mwh"])
    whole = sum(
        cost[name] for name in ("import_cny", "demand_charge_cny", "green_cny", "carbon_cny")
    )
    assert cost["voucher_cny"] == pytest.approx(0.1 * whole)
    assert cost["energy_cny"] == pytest.approx(0.9 * whole)
    assert s["carbon"]["market_kg"] == pytest.approx(609.6 * energy["residual_mwh"])


def weather_file(folder: Path, kind: str, dry: list[str], humid: list[str]) -> Path:
    """Write a year of one of the formats."""
    file = folder / f"year.{kind}"
    stamps = pd.date_range("2001-01-01", periods=len(dry), freq="h")
    rows = list(zip(stamps, dry, humid, strict=True))
    if kind == "epw":
        lines = ["LOCATION,Here,-,CHN,-,1,31.0,121.0,8.0,4.0", *["COMMENTS"] * 7]
        lines += [
            f"2001,{t.month},{t.day},{t.hour + 1},0,?,{c},0,{rh}," + ",".join(["0"] * 26)
            for t, c, rh in rows
        ]
    else:
        lines = ["1,Here,CN,8.0,31.0,121.0,4.0",
                 "Date (MM/DD/YYYY),Time (HH:MM),Dry-bulb (C),RHum (%)"]  # fmt: skip
        lines += [f"{t:%m/%d/%Y},{t.hour + 1:02}:00,{c},{rh}" for t, c, rh in rows]
    file.write_text("\n".join(lines) + "\n")
    return file


@pytest.mark.parametrize("kind", ["epw", "csv"])
def test_weather_files_are_read_and_what_they_lack_is_told(tmp_path: Path, kind: str) -> None:
    dry, humid = ["20.0"] * 8760, ["50"] * 8760
    found, wet = read_weather(weather_file(tmp_path, kind, dry, humid))
    np.testing.assert_array_equal(found, 20.0)
    np.testing.assert_allclose(wet, wet_bulb_c(np.asarray([20.0]), np.asarray([0.5]))[0])
    for column, value, message in (
        (humid, "", r"relative_humidity of hour 8 is blank, not 0 to 110 \(1 such hours\)"),
        (humid, "999", r"relative_humidity of hour 8 is 999"),
        (dry, "", r"temp_air of hour 8 is blank, not -70 to 70"),
        (dry, "99.9", r"temp_air of hour 8 is 99\.9"),
        (dry, "-9900", r"temp_air of hour 8 is -9900"),
    ):
        before, column[7] = column[7], value
        with pytest.raises(ValueError, match=message):
            read_weather(weather_file(tmp_path, kind, dry, humid))
        column[7] = before
    with pytest.raises(ValueError, match="holds 8,759 hours, not 8,760"):
        read_weather(weather_file(tmp_path, kind, dry[1:], humid[1:]))
    file = weather_file(tmp_path, kind, dry, humid)
    file.write_text("one more line\n" + file.read_text())
    scenario = {"energy.model": "full", "energy.weather_files": {"east": str(file)}, "days": 0.1}
    with pytest.raises(InputError, match=r"(?s)energy.weather_files.east.*cannot be read"):
        cn.simulate(cn.load("two-hubs", overrides=scenario))
