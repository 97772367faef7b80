"""Other tools read what is exported, and find the same figures in it."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import pytest

import computenet as cn
from computenet.errors import InputError, RunError
from computenet.interop.pypsa import pypsa_tables
from computenet.interop.swf import swf_text
from computenet.scenario import load_scenario


@pytest.fixture(scope="module")
def results() -> cn.Results:
    """A quarter of a day with sun, wind, storage, and a limit on import that binds."""
    return cn.simulate(
        cn.load(
            "four-hubs",
            overrides={
                "days": 0.5, "energy.model": "full", "topology.sites.east.import_limit_mw": 0.05,
                "topology.sites.west.battery.cycle_cny_per_mwh": 40.0,
            },
        )
    )  # fmt: skip


def paid(results: cn.Results) -> float:
    cost = results.summary["cost"]
    return float(cost["import_cny"] + cost["generation_cny"] + cost["storage_cny"])


def test_pypsa_tables_balance_by_hand(results: cn.Results) -> None:
    tables = pypsa_tables(results)
    load, made, moved = (
        tables.series[name] for name in ("loads-p_set", "generators-p", "storage_units-p")
    )
    bus = tables.static["generators"]["bus"]
    for site in ("north", "east", "west", "hydro"):
        own = [name for name in made if bus[name] == site]
        stores = [name for name in moved if name == f"{site} battery"]
        met = made[own].sum(axis=1) + moved[stores].sum(axis=1)
        assert np.allclose(met, load[f"{site} load"], atol=1e-9)
    price = tables.series["generators-marginal_cost"].reindex(columns=made.columns).fillna(
        tables.static["generators"]["marginal_cost"]
    )  # fmt: skip
    served = [name for name in made if "unserved" not in name]
    hours = tables.snapshots["objective"]
    cost = (made[served] * price[served]).mul(hours, axis=0).to_numpy().sum()
    wear = (
        moved.clip(lower=0.0).mul(hours, axis=0).sum()
        * tables.static["storage_units"]["marginal_cost"]
    ).sum()
    assert cost + wear == pytest.approx(paid(results), rel=1e-9)
    assert results.summary["energy"]["unserved_mwh"] > 0.0
    assert made["east grid"].max() <= 0.05 + 1e-12


@pytest.mark.filterwarnings("ignore")
def test_pypsa_reads_the_folder_and_finds_the_same_cost(
    results: cn.Results, tmp_path: Path
) -> None:
    pypsa = pytest.importorskip("pypsa")
    logging.disable(logging.WARNING)
    fixed = pypsa.Network(str(cn.export("pypsa", results, tmp_path / "fixed")))
    free = pypsa.Network(str(cn.export("pypsa", results, tmp_path / "free", dispatch="free")))
    for network in (fixed, free):
        status, condition = network.optimize(solver_name="highs", log_to_console=False)
        assert (status, condition) == ("ok", "optimal")
    logging.disable(logging.NOTSET)
    facility = results.summary["energy"]["facility_mwh"]
    hours = fixed.snapshot_weightings.generators
    assert fixed.loads_t.p_set.mul(hours, axis=0).to_numpy().sum() == pytest.approx(facility)
    unserved = 100_000.0 * results.summary["energy"]["unserved_mwh"]
    assert fixed.objective == pytest.approx(paid(results) + unserved, rel=1e-7)
    imported = fixed.generators_t.p[[c for c in fixed.generators.index if "grid" in c]]
    assert imported.mul(hours, axis=0).to_numpy().sum() == pytest.approx(
        results.summary["energy"]["grid_import_mwh"], rel=1e-7
    )
    # what PyPSA finds for itself is no dearer
    assert free.objective <= fixed.objective * (1.0 + 1e-9)
    assert np.allclose(
        fixed.storage_units_t.state_of_charge,
        pypsa_tables(results).series["storage_units-state_of_charge"],
        atol=1e-6,
    )


def test_a_scenario_without_a_run_has_full_load(tmp_path: Path) -> None:
    tables = pypsa_tables(cn.load("two-hubs", days=0.25))
    # 0.1 MW x PUE 1.5 and 0.2 MW x 1.2
    assert tables.series["loads-p_set"].iloc[0].tolist() == pytest.approx([0.15, 0.24])
    assert len(tables.snapshots) == 24
    assert tables.snapshots["objective"].tolist() == [0.25] * 24
    assert "generators-p" not in tables.series
    cn.export("pypsa", "two-hubs", tmp_path / "net")
    assert (tmp_path / "net" / "generators.csv").is_file()


def test_netcdf_is_read_back_equal_and_names_units(results: cn.Results, tmp_path: Path) -> None:
    xarray = pytest.importorskip("xarray")
    pytest.importorskip("h5netcdf")
    data = results.to_xarray()
    again = xarray.open_dataset(cn.export("netcdf", results, tmp_path / "run.nc"))
    assert again.equals(data)
    assert again.attrs["Conventions"] == "CF-1.11"
    assert again["site_it_mw"].dims == ("time", "site")
    assert again["site_it_mw"].attrs["units"] == "MW"
    assert again["time"].attrs["standard_name"] == "time"
    assert again["time"].attrs["bounds"] == "time_bounds"
    assert again["site_latitude"].attrs["units"] == "degrees_north"
    assert str(again["time"].values[0]).startswith("2025-07-06T16:00")  # midnight in Beijing
    hours = (again["time_bounds"].diff("bounds").squeeze() / np.timedelta64(1, "h")).to_numpy()
    energy = float((again["site_facility_mw"].to_numpy() * hours[:, None]).sum())
    assert energy == pytest.approx(results.summary["energy"]["facility_mwh"])
    assert float(again["link_carried_gb"].sum()) == pytest.approx(
        float(results.links["carried_gb"].sum())
    )
    assert float(again["requests_arrived"].sum()) == results.summary["requests"]["arrived"]
    again.close()


def test_what_is_stored_stands_at_the_end_of_its_slot(results: cn.Results, tmp_path: Path) -> None:
    xarray = pytest.importorskip("xarray")
    table = results.sites[results.sites["site"] == "west"]
    path = cn.export("netcdf", results, tmp_path / "run.nc")
    with xarray.open_dataset(path) as data:
        stored = data["site_stored_mwh"].sel(site="west")
        assert stored.dims == ("time_end",)
        assert stored.attrs["cell_methods"] == "time_end: point"
        assert stored["time_end"].attrs["standard_name"] == "time"
        assert np.array_equal(data["time_end"], data["time_bounds"][:, 1])
        assert np.array_equal(stored, table["stored_mwh"])
        # by the file alone: the change to an end is what the slot before it charged
        west = data.sel(site="west")
        hours = (west["time_bounds"].diff("bounds")[:, 0] / np.timedelta64(1, "h")).to_numpy()
        (battery,) = (s.battery for s in results.scenario.topology.sites if s.id == "west")
        assert battery is not None
        each_way = np.sqrt(battery.efficiency)
        moved = hours * (
            each_way * west["site_charge_mw"].to_numpy()
            - west["site_discharge_mw"].to_numpy() / each_way
        )
        assert abs(moved).max() > 0.0
        assert np.diff(stored) == pytest.approx(moved[1:], abs=1e-9)
        over_time = {name for name, v in data.variables.items() if v.dims[:1] == ("time_end",)}
        assert over_time == {"time_end", "site_stored_mwh"}
    netcdf = pytest.importorskip("netCDF4")
    with netcdf.Dataset(path) as file:
        variable, clock = file["site_stored_mwh"], file["time_end"]
        assert variable.dimensions == ("time_end", "site")
        assert clock.axis == "T"
        ends = netcdf.num2date(clock[:], clock.units, clock.calendar)
        assert str(ends[0]) == "2025-07-06 16:15:00"
        assert netcdf.num2date(file["time"][0], file["time"].units).isoformat().endswith("16:00:00")


def test_a_horizon_off_by_rounding_has_no_slot_more() -> None:
    """0.55 days are a little above 47,520 s: 792 slots of a minute, and no 793rd of nothing."""
    pytest.importorskip("xarray")
    results = cn.simulate(load_scenario("two-hubs", {"days": 0.55, "run.slot_s": 60.0}))
    assert results.scenario.horizon_s > 792 * 60.0
    data = results.to_xarray()
    assert data.sizes["time"] == results.sites["slot_start_s"].nunique() == 792
    assert not data["site_facility_mw"].isnull().any()


def test_netcdf_without_xarray_says_what_is_missing(
    results: cn.Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "xarray", None)
    with pytest.raises(RunError, match=r"computenet\[export\]"):
        cn.export("netcdf", results, tmp_path / "run.nc")
    assert list(tmp_path.iterdir()) == []


def test_swf_is_read_back_equal(results: cn.Results, tmp_path: Path) -> None:
    path = cn.export("swf", results, tmp_path / "run.swf")
    jobs = results.jobs
    ended = jobs[jobs["finish_s"].notna()]
    assert 0 < len(ended) < len(jobs)
    read = cn.read_trace(path).jobs
    assert read is not None
    assert np.array_equal(read.job_id, ended["job_id"] + 1)
    assert np.array_equal(read.submit_s, ended["submit_s"])
    assert np.array_equal(read.duration_s, ended["finish_s"] - ended["start_s"])
    assert np.array_equal(read.recorded_wait_s, ended["start_s"] - ended["submit_s"])
    assert np.array_equal(read.accelerators, ended["accelerators"])
    lines = swf_text(results).splitlines()
    body = [line for line in lines if not line.startswith(";")]
    assert len(body) == len(jobs)
    assert all(len(line.split()) == 18 for line in body)
    head = dict(line[2:].split(": ", 1) for line in lines if line.startswith(";"))
    assert head["Version"] == "2.2"
    assert int(head["MaxJobs"]) == len(jobs)
    assert int(head["UnixStartTime"]) == int(results.scenario.start.timestamp())
    assert int(head["MaxProcs"]) == sum(p.count for p in results.scenario.topology.pools)


def test_geojson_means_are_over_all_slots_the_last_one_short(tmp_path: Path) -> None:
    """Two slots in 4,320 s: one of an hour and one of twelve minutes."""
    hourly = {"days": 0.05, "run.slot_s": 3600.0, "run.epoch_s": 3600.0}
    results = cn.simulate(load_scenario("two-hubs", hourly))
    slots = results.sites["slot_start_s"].nunique()
    assert slots == 2
    path = cn.export("geojson", results, tmp_path / "run.geojson")
    content = json.loads(path.read_text(encoding="utf-8"))
    links = {f["properties"]["id"]: f for f in content["features"] if "link" in f["id"]}
    carried = results.links.groupby("link", observed=True)["utilisation"].sum()
    assert len(carried)
    for name, total in carried.items():
        assert links[str(name)]["properties"]["run_utilisation_mean"] == pytest.approx(
            total / slots
        )


def test_geojson_has_every_place_and_link(results: cn.Results, tmp_path: Path) -> None:
    path = cn.export("geojson", results, tmp_path / "run.geojson")
    content = json.loads(path.read_text(encoding="utf-8"))
    topology = results.scenario.topology
    assert content["type"] == "FeatureCollection"
    assert "crs" not in content  # WGS 84 is the only one since RFC 7946
    by_id = {feature["id"]: feature for feature in content["features"]}
    assert len(by_id) == len(content["features"])
    assert len(by_id) == len(topology.sites) + len(topology.regions) + len(topology.links)
    west = by_id["site:west"]
    assert west["geometry"] == {"type": "Point", "coordinates": [105.0, 37.5]}
    assert west["properties"]["accelerators"] == 192
    assert (
        west["properties"]["run_utilisation"] == (results.summary["by_site"]["west"]["utilisation"])
    )
    link = by_id["link:west-hydro"]
    assert link["geometry"]["coordinates"] == [[105.0, 37.5], [104.0, 30.5]]
    carried = results.links.groupby("link", observed=True)["carried_gb"].sum()
    assert link["properties"]["run_carried_gb"] == pytest.approx(carried.get("west-hydro", 0.0))
    plain = json.loads(
        cn.export("geojson", "four-hubs", tmp_path / "plain.geojson").read_text(encoding="utf-8")
    )
    assert not any(key.startswith("run_") for f in plain["features"] for key in f["properties"])


def test_bad_exports_say_what_is_wrong(tmp_path: Path) -> None:
    def words(*given: object, **more: object) -> str:
        with pytest.raises(InputError) as caught:
            cn.export(*given, **more)  # type: ignore[arg-type]
        return str(caught.value)

    out = tmp_path / "x"
    assert "did you mean: pypsa" in words("pypas", "two-hubs", out)
    assert "netcdf needs a run" in words("netcdf", "two-hubs", out)
    assert "fixed, free" in words("pypsa", "two-hubs", out, dispatch="loose")
    assert "no dispatch" in words("pypsa", "two-hubs", out, dispatch="free")
    assert "is used by pypsa only" in words("geojson", "two-hubs", out, dispatch="free")
    assert "did you mean: two-hubs" in words("geojson", "two-hub", out)
    out.write_text("mine", encoding="utf-8")
    assert "exists already" in words("geojson", "two-hubs", out)
    mine = tmp_path / "folder"
    mine.mkdir()
    (mine / "letter.txt").write_text("mine", encoding="utf-8")
    assert "is not an export" in words("pypsa", "two-hubs", mine, overwrite=True)
    for all_of_it in (words("geosjon", "two-hub", out, dispatch="fre"),
                      words("swf", "two-hubs", out, dispatch="free")):  # fmt: skip
        assert "nothing was exported" in all_of_it
        for field in ("dispatch = ", "out = ", "source = "):
            assert field in all_of_it
    cn.export("geojson", "two-hubs", out, overwrite=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder", "x"]
