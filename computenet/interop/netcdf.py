"""The tables of a run as an xarray data set, and as NetCDF after the CF conventions 1.11."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

import computenet
from computenet.errors import RunError
from computenet.results import Results

if TYPE_CHECKING:
    import xarray

__all__ = ["to_xarray", "write_netcdf"]


@dataclass(frozen=True, slots=True)
class _Variable:
    """How a column is told: name in English, UDUNITS unit, what a slot's value is."""

    long_name: str
    units: str | None  # None = money, of which UDUNITS knows nothing
    cell: str = "mean"
    standard_name: str | None = None
    at: str = "time"  # or time_end, of what is known at the end of the slot


_V = _Variable
SITES = {
    "it_mw": _V("IT power", "MW"),
    "facility_mw": _V("facility power", "MW"),
    "pue": _V("power usage effectiveness", "1"),
    "temperature_c": _V("outdoor dry bulb", "degC", standard_name="air_temperature"),
    "import_mw": _V("power from the grid", "MW"),
    "pv_mw": _V("solar power available", "MW"),
    "wind_mw": _V("wind power available", "MW"),
    "generation_used_mw": _V("solar and wind power used or stored", "MW"),
    "charge_mw": _V("power into storage, before losses", "MW"),
    "discharge_mw": _V("power out of storage, after losses", "MW"),
    "stored_mwh": _V("energy in storage at the end of the slot", "MW h", "point", at="time_end"),
    "curtailed_mw": _V("generation without use", "MW"),
    "unserved_mw": _V("load beyond the import limit", "MW"),
    "price_cny_per_mwh": _V("energy price, CNY per MWh", None),
    "carbon_kg_per_mwh": _V("emission factor of the grid", "kg MW-1 h-1"),
    "energy_cny": _V("energy charge, CNY", None, "sum"),
    "carbon_kg": _V("location-based CO2 emitted", "kg", "sum"),
    "water_m3": _V("water used", "m3", "sum"),
    "utilisation": _V("share of accelerators busy", "1"),
    "available": _V("share of the slot the site was up", "1"),
}
POOLS = {
    "accelerators": _V("accelerators installed", "1", "point"),
    "busy_accelerators": _V("accelerators busy with jobs", "1"),
    "off_accelerators": _V("accelerators switched off", "1"),
    "lent_accelerators": _V("serving accelerators lent to jobs", "1"),
    "serving_busy_accelerators": _V("accelerators of replicas that have a request", "1"),
    "utilisation": _V("share of accelerators busy", "1"),
    "waiting_jobs": _V("jobs waiting", "1"),
    "waiting_accelerators": _V("accelerators asked for by waiting jobs", "1"),
    "tokens_in": _V("prompt tokens of requests that ended", "1", "sum"),
    "tokens_out": _V("output tokens of requests that ended", "1", "sum"),
}
LINKS = {
    "carried_gb": _V("bulk data carried, both directions, GB", "1e9 byte", "sum"),
    "utilisation": _V("carried over capacity", "1"),
}
REQUESTS = {
    **{name: _V(f"requests {name}", "1") for name in
       ("arrived", "served", "dropped", "in_flight", "counted", "attained")},
    "slo_attainment": _V("share of requests within their objectives", "1"),
    "circle_share": _V("share of requests within the latency circle", "1"),
    **{f"{what}_p{q}_ms": _V(f"{text}, percentile {q}", "ms")
       for what, text in (("ttft", "time to first token"), ("tpot", "time per output token"),
                          ("e2e", "time to last token")) for q in (50, 95, 99)},
}  # fmt: skip


def to_xarray(run: Results) -> xarray.Dataset:
    """Return the tables of a run over time, site, pool, link, region and service class.

    Times are UTC. Variables are named ``site_…``, ``pool_…``, ``link_…`` and ``requests_…`` after
    the tables' columns; their dimensions stand in the order time, region, site, pool. What is
    stored at the end of a slot is over ``time_end``. Jobs are not among them: they have no place
    on these axes.

    Raises
    ------
    RunError
        xarray is not installed.
    """
    try:
        import xarray
    except ImportError as error:
        raise RunError(
            "NetCDF needs xarray and h5netcdf: pip install 'computenet[export]'"
        ) from error
    scenario = run.scenario
    topology = scenario.topology
    slot = scenario.run.slot_s
    starts = np.arange(scenario.n_slots) * slot
    ends = np.minimum(starts + slot, scenario.horizon_s)
    names = {
        "site": [site.id for site in topology.sites],
        "pool": [pool.id for pool in topology.pools],
        "link": [link.id for link in topology.links],
        "region": [region.id for region in topology.regions],
        "service_class": [kind.name for kind in scenario.workload.service_classes],
    }
    variables: dict[str, Any] = {}
    for table, dimension, columns in (("sites", "site", SITES), ("pools", "pool", POOLS),
                                      ("links", "link", LINKS)):  # fmt: skip
        for column, told in columns.items():
            values = _over_time(run.tables[table], dimension, names[dimension], column, starts)
            if table == "links":
                values = np.nan_to_num(values)  # slots that carried nothing have no row
            variables[f"{dimension}_{column}"] = (
                (told.at, dimension), values, _told(told, True),
            )  # fmt: skip
    for column, told in REQUESTS.items():
        variables[f"requests_{column}"] = (
            ("region", "service_class"), _requests(run, column, names), _told(told, False),
        )  # fmt: skip
    variables["time_bounds"] = (("time", "bounds"), np.stack([starts, ends], axis=1), {})
    raw = xarray.Dataset(variables, _coordinates(run, starts, ends, names), _attributes(run))
    return xarray.decode_cf(raw)


def _over_time(
    table: pd.DataFrame, key: str, names: list[str], column: str, starts: np.ndarray
) -> np.ndarray:
    wide = table.pivot_table(index="slot_start_s", columns=key, values=column, observed=False,
                             dropna=False)  # fmt: skip
    wide.columns = wide.columns.astype(str)
    values: np.ndarray = wide.reindex(index=starts, columns=names).to_numpy(dtype=np.float64)
    return values


def _requests(run: Results, column: str, names: dict[str, list[str]]) -> np.ndarray:
    table = run.requests
    out = np.full((len(names["region"]), len(names["service_class"])), np.nan)
    at = {name: i for i, name in enumerate(names["region"])}
    kind = {name: i for i, name in enumerate(names["service_class"])}
    for region, service, value in zip(
        table["region"].astype(str), table["service_class"].astype(str), table[column], strict=True
    ):
        out[at[region], kind[service]] = value
    return out


def _told(variable: _Variable, timed: bool) -> dict[str, str]:
    out = {"long_name": variable.long_name}
    if variable.units is not None:
        out["units"] = variable.units
    if variable.standard_name is not None:
        out["standard_name"] = variable.standard_name
    if timed:
        out["cell_methods"] = f"{variable.at}: {variable.cell}"
    return out


def _coordinates(
    run: Results, starts: np.ndarray, ends: np.ndarray, names: dict[str, list[str]]
) -> dict[str, Any]:
    topology = run.scenario.topology
    begin = run.scenario.start.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    out: dict[str, Any] = {}
    for name, at, edge in (("time", starts, "start"), ("time_end", ends, "end")):
        words = {"standard_name": "time", "long_name": f"{edge} of the accounting slot",
                 "axis": "T", "units": f"seconds since {begin}",
                 "calendar": "proleptic_gregorian"}  # fmt: skip
        out[name] = (name, at, words)
    out["time"][2]["bounds"] = "time_bounds"
    for dimension, items in names.items():
        words = {"long_name": f"id of the {dimension.replace('_', ' ')}"}
        if dimension in ("site", "region"):
            words["cf_role"] = "timeseries_id" if dimension == "site" else ""
        out[dimension] = (dimension, np.asarray(items, dtype=object),
                          {k: v for k, v in words.items() if v})  # fmt: skip
    for dimension, places in (("site", topology.sites), ("region", topology.regions)):
        for axis, unit in (("latitude", "degrees_north"), ("longitude", "degrees_east")):
            out[f"{dimension}_{axis}"] = (
                dimension, np.asarray([getattr(place, axis) for place in places]),
                {"standard_name": axis, "long_name": f"{axis} of the {dimension}", "units": unit},
            )  # fmt: skip
        out[f"{dimension}_name"] = (
            dimension, np.asarray([place.name.en for place in places], dtype=object),
            {"long_name": f"name of the {dimension}"},
        )  # fmt: skip
    out["pool_site"] = (
        "pool", np.asarray([pool.site for pool in topology.pools], dtype=object),
        {"long_name": "site of the pool"},
    )  # fmt: skip
    return out


def _attributes(run: Results) -> dict[str, Any]:
    scenario = run.scenario
    return {
        "Conventions": "CF-1.11",
        "title": scenario.title.en,
        "institution": "simulated; no measurement",
        "source": f"computenet {run.manifest.get('version', computenet.__version__)}",
        "history": f"policy {run.manifest['policy']['name']}, seed {scenario.seed}",
        "references": f"topology {scenario.topology.id}; sources of its numbers: sources.parquet",
        "comment": f"one request in {run.manifest['sampling']['factor']} was simulated, totals "
        "are scaled; money is in CNY",
    }


def write_netcdf(run: Results, path: Path) -> None:
    """Write `to_xarray` as NetCDF 4.

    Raises
    ------
    RunError
        xarray or h5netcdf is not installed, or the file cannot be written.
    """
    data = to_xarray(run)
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        data.to_netcdf(part, engine="h5netcdf", format="NETCDF4")
        part.replace(path)
    except (ImportError, ModuleNotFoundError, ValueError) as error:
        raise RunError(
            f"NetCDF needs xarray and h5netcdf: pip install 'computenet[export]' ({error})"
        ) from error
    except OSError as error:
        raise RunError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)
