"""The energy side as a PyPSA network, in PyPSA's own folder of CSV files.

Every site is a bus with a load, a ``grid`` generator (import at the tariff), a generator each for
sun and wind, a storage unit, and a dear ``unserved`` generator for load beyond the import limit.
Sites are not joined: computenet moves work between them, not power.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta, timezone
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from computenet.compilation import compile_scenario
from computenet.compiled import CompiledScenario
from computenet.results import Results
from computenet.scenario import Scenario

__all__ = ["PypsaTables", "pypsa_tables"]

F8 = NDArray[np.float64]

#: Value of load not served, CNY/MWh: dearer than any tariff, so that it is the last resort.
UNSERVED_CNY_PER_MWH = 100_000.0


@dataclass(frozen=True, slots=True)
class PypsaTables:
    """A network as PyPSA's tables.

    Attributes
    ----------
    static
        Components by file name (``generators``), a row an item.
    series
        Attributes over time by file name (``generators-p_set``), a column an item.
    snapshots
        Weightings by local time.
    name
        Of the scenario.
    meta
        What PyPSA keeps as ``network.meta``: dispatch, notes and, of a run, the amounts in CNY,
        MWh and kg that the network should come to.
    notes
        What a reader of PyPSA's results should know, in sentences.
    """

    static: dict[str, pd.DataFrame]
    series: dict[str, pd.DataFrame]
    snapshots: pd.DataFrame
    name: str
    meta: dict[str, Any]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Side:
    """The energy side, axes ``(I, S)``, MW."""

    load: F8
    price: F8
    pv: F8
    wind: F8
    co2: F8  # of imports, t/MWh
    dispatch: dict[str, F8] | None


def pypsa_tables(
    what: Results | Scenario, *, dispatch: Literal["fixed", "free"] = "fixed"
) -> PypsaTables:
    """Return the network of a run, or of a scenario whose sites draw their full load.

    Solved with ``dispatch="fixed"`` its objective is what the run paid for imported energy,
    generation and wear of storage, and `UNSERVED_CNY_PER_MWH` for load the run left unserved,
    which computenet charges nothing for; the demand charge, green premiums, carbon prices and
    the network are not part of it.

    Parameters
    ----------
    dispatch
        ``fixed``: ``p_set`` holds generators and storage to what the run did; ``free``: PyPSA
        decides. What the run did stands in ``p`` in either case.
    """
    scenario = what if isinstance(what, Scenario) else what.scenario
    compiled = compile_scenario(scenario)
    hours = _hours(compiled)
    side = _of_scenario(compiled) if isinstance(what, Scenario) else _of_run(what, compiled)
    zone = timezone(timedelta(hours=scenario.topology.utc_offset_h))
    begin = pd.Timestamp(scenario.start.astimezone(zone).replace(tzinfo=None))
    clock = pd.Index(
        begin + pd.to_timedelta(np.arange(len(hours)) * compiled.slot_s, unit="s"), name="snapshot"
    )
    weights = dict.fromkeys(("objective", "stores", "generators"), hours)
    snapshots = pd.DataFrame(weights, index=clock)
    static = _static(scenario, compiled, side, hours)
    series = _series(compiled, side, static, clock, fixed=dispatch == "fixed")
    notes = _notes(scenario, side, hours, fixed=dispatch == "fixed")
    meta: dict[str, Any] = {"dispatch": dispatch, "notes": notes}
    if isinstance(what, Results):
        cost = what.summary["cost"]
        paid = float(cost["import_cny"] + cost["generation_cny"] + cost["storage_cny"])
        unserved = _unserved_mwh(side, hours)
        meta |= {
            "paid_cny": paid, "unserved_mwh": unserved,
            "unserved_cny": UNSERVED_CNY_PER_MWH * unserved,
            "run_objective_cny": paid + UNSERVED_CNY_PER_MWH * unserved,
            "run_carbon_kg": float(what.summary["carbon"]["kg"]),
        }  # fmt: skip
    return PypsaTables(static, series, snapshots, scenario.name, {"computenet": meta}, tuple(notes))


def _unserved_mwh(side: _Side, hours: F8) -> float:
    return 0.0 if side.dispatch is None else float((side.dispatch["unserved"] * hours).sum())


def _notes(scenario: Scenario, side: _Side, hours: F8, *, fixed: bool) -> list[str]:
    notes = []
    if (unserved := _unserved_mwh(side, hours)) > 1e-9:
        does = "has" if fixed else "of the run's dispatch would have"
        notes.append(
            f"the run left {unserved:,.4g} MWh unserved, which its accounts charge nothing for: "
            f"PyPSA's objective {does} {UNSERVED_CNY_PER_MWH * unserved:,.0f} CNY for it "
            f"({UNSERVED_CNY_PER_MWH:,.0f} CNY/MWh) above import_cny + generation_cny + "
            "storage_cny"
        )
    moving = [
        grid.id for grid in scenario.topology.grids
        if (rows := [i for i, s in enumerate(scenario.topology.sites) if s.grid == grid.id])
        and np.ptp(side.co2[rows]) > 0.0
    ]  # fmt: skip
    if moving:
        weight = "load" if side.dispatch is None else "the run's imports"
        notes.append(
            f"emission factors of {', '.join(moving)} differ by slot or site: their carriers have "
            f"the mean by {weight}; generators_t.co2_t_per_mwh has each"
        )
    return notes


def _hours(compiled: CompiledScenario) -> F8:
    slots = compiled.sites.price_cny_per_mwh.shape[1]
    begin = np.arange(slots) * compiled.slot_s
    hours: F8 = np.minimum(compiled.slot_s, compiled.horizon_s - begin) / 3600.0
    return hours


def _of_scenario(compiled: CompiledScenario) -> _Side:
    energy, sites = compiled.energy, compiled.sites
    shape = sites.price_cny_per_mwh.shape
    pue = energy.pue if energy.pue.ndim == 2 else energy.pue[:, None]
    load = np.broadcast_to(sites.it_capacity_mw[:, None] * pue, shape)
    return _Side(
        np.asarray(load), sites.price_cny_per_mwh, _whole(energy.pv_mw, shape),
        _whole(energy.wind_mw, shape), energy.emission_kg_per_mwh / 1000.0, None,
    )  # fmt: skip


def _whole(values: F8, shape: tuple[int, ...]) -> F8:
    return np.asarray(np.broadcast_to(values if values.ndim == 2 else values[:, None], shape))


def _of_run(run: Results, compiled: CompiledScenario) -> _Side:
    def wide(column: str) -> F8:
        table = run.sites.pivot_table(
            index="site", columns="slot_start_s", values=column, observed=False, aggfunc="sum"
        )
        values: F8 = table.loc[list(compiled.sites.ids)].to_numpy(dtype=np.float64)
        return values

    pv, wind = wide("pv_mw"), wide("wind_mw")
    total, used = pv + wind, wide("generation_used_mw")
    share = np.divide(used, total, out=np.zeros_like(total), where=total > 0.0)
    dispatch = {
        "grid": wide("import_mw"),
        "pv": pv * share,
        "wind": wind * share,
        "unserved": wide("unserved_mw"),
        "battery": wide("discharge_mw") - wide("charge_mw"),
        "stored": wide("stored_mwh"),
    }
    return _Side(
        wide("facility_mw"), wide("price_cny_per_mwh"), pv, wind,
        wide("carbon_kg_per_mwh") / 1000.0, dispatch,
    )  # fmt: skip


def _static(
    scenario: Scenario, compiled: CompiledScenario, side: _Side, hours: F8
) -> dict[str, pd.DataFrame]:
    sites = scenario.topology.sites
    buses = pd.DataFrame(
        {
            "carrier": "AC", "x": [site.longitude for site in sites],
            "y": [site.latitude for site in sites], "country": "CN",
        },
        index=pd.Index([site.id for site in sites], name="name"),
    )  # fmt: skip
    loads = pd.DataFrame(
        {"bus": buses.index, "carrier": "compute"},
        index=pd.Index([f"{name} load" for name in buses.index], name="name"),
    )
    carriers = {
        "AC": 0.0, "compute": 0.0, "pv": 0.0, "wind": 0.0, "battery": 0.0, "unserved": 0.0,
        **_grids(scenario, side, hours),
    }  # fmt: skip
    return {
        "carriers": pd.DataFrame(
            {"co2_emissions": list(carriers.values())}, index=pd.Index(list(carriers), name="name")
        ),
        "buses": buses,
        "loads": loads,
        "generators": _generators(scenario, compiled, side),
        "storage_units": _storage(compiled),
    }


def _grids(scenario: Scenario, side: _Side, hours: F8) -> dict[str, float]:
    """Return t of CO2 per MWh by carrier of a grid, which PyPSA takes one number of.

    It is the mean over sites and slots by imported energy (by load, where there is no run), so
    that the sum over imports is the run's; a grid without imports has the mean by time, one
    without sites its own figure.
    """
    energy = (side.load if side.dispatch is None else side.dispatch["grid"]) * hours
    out: dict[str, float] = {}
    for grid in scenario.topology.grids:
        rows = [i for i, site in enumerate(scenario.topology.sites) if site.grid == grid.id]
        factor, weight = side.co2[rows], energy[rows]
        if not rows:
            mean = grid.emission_kg_per_mwh / 1000.0
        elif np.ptp(factor) == 0.0:
            mean = float(factor[0, 0])
        elif weight.sum() > 0.0:
            mean = float(np.average(factor, weights=weight))
        else:
            mean = float(np.average(factor.mean(axis=0), weights=hours))
        out[f"grid {grid.id}"] = mean
    return out


def _imports(compiled: CompiledScenario, side: _Side) -> tuple[F8, F8]:
    """Return nominal power of imports ``(I,)``, MW, and the part of it to be had ``(I, S)``.

    The part is the limit where there is one, and 1 elsewhere: all that the site can draw.
    """
    limit = _whole(compiled.energy.limit_mw, side.load.shape)
    bound = np.isfinite(limit)
    most = np.where(bound, limit, 0.0).max(axis=1)
    needed = np.maximum(most, side.load.max(axis=1) + compiled.energy.battery.power_mw)
    nominal = np.maximum(np.where(bound.all(axis=1), most, needed), 1e-6)
    return nominal, np.where(bound, limit / nominal[:, None], 1.0)


def _generators(scenario: Scenario, compiled: CompiledScenario, side: _Side) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    nominal, _ = _imports(compiled, side)
    for i, site in enumerate(scenario.topology.sites):
        rows.append(
            {"name": f"{site.id} grid", "bus": site.id, "carrier": f"grid {site.grid}",
             "p_nom": float(nominal[i]), "marginal_cost": 0.0}
        )  # fmt: skip
        for kind, profile in (("pv", side.pv), ("wind", side.wind)):
            installed = sum(g.capacity_mw for g in site.generators if g.kind == kind)
            if profile[i].max() > 0.0:
                rows.append(
                    {"name": f"{site.id} {kind}", "bus": site.id, "carrier": kind,
                     "p_nom": max(installed, float(profile[i].max())),
                     "marginal_cost": float(compiled.energy.generation_cny_per_mwh[i].mean())}
                )  # fmt: skip
        rows.append(
            {"name": f"{site.id} unserved", "bus": site.id, "carrier": "unserved",
             "p_nom": max(float(side.load[i].max()), 1e-6), "marginal_cost": UNSERVED_CNY_PER_MWH}
        )  # fmt: skip
    return pd.DataFrame(rows).set_index("name")


def _storage(compiled: CompiledScenario) -> pd.DataFrame:
    battery, ids = compiled.energy.battery, compiled.sites.ids
    have = np.flatnonzero((battery.power_mw > 0.0) & (battery.energy_mwh > 0.0))
    each_way = np.sqrt(battery.efficiency[have])
    return pd.DataFrame(
        {
            "bus": [ids[i] for i in have], "carrier": "battery",
            "p_nom": battery.power_mw[have],
            "max_hours": battery.energy_mwh[have] / battery.power_mw[have],
            "efficiency_store": each_way, "efficiency_dispatch": each_way,
            "state_of_charge_initial": (battery.initial * battery.energy_mwh)[have],
            "cyclic_state_of_charge": False,
            "marginal_cost": compiled.energy.cycle_cny_per_mwh[have],
        },
        index=pd.Index([f"{ids[i]} battery" for i in have], name="name"),
    )  # fmt: skip


def _series(
    compiled: CompiledScenario, side: _Side, static: dict[str, pd.DataFrame], clock: pd.Index, *,
    fixed: bool,
) -> dict[str, pd.DataFrame]:  # fmt: skip
    ids = compiled.sites.ids
    generators, stores = static["generators"], static["storage_units"]

    def frame(columns: dict[str, F8]) -> pd.DataFrame:
        return pd.DataFrame(columns, index=clock)

    nominal = dict(zip(generators.index, generators["p_nom"].astype(float), strict=True))
    _, part = _imports(compiled, side)
    available: dict[str, F8] = {}
    for i, name in enumerate(ids):
        for kind, profile in (("pv", side.pv), ("wind", side.wind)):
            unit = f"{name} {kind}"
            if unit in nominal:
                available[unit] = profile[i] / nominal[unit]
        if np.isfinite(compiled.energy.limit_mw[i]).any():
            available[f"{name} grid"] = part[i]
    out = {
        "loads-p_set": frame({f"{name} load": side.load[i] for i, name in enumerate(ids)}),
        "generators-p_max_pu": frame(available),
        "generators-marginal_cost": frame(
            {f"{name} grid": side.price[i] for i, name in enumerate(ids)}
            | {
                unit: compiled.energy.generation_cny_per_mwh[i]
                for i, name in enumerate(ids)
                for unit in (f"{name} pv", f"{name} wind")
                if unit in nominal and np.ptp(compiled.energy.generation_cny_per_mwh[i]) > 0.0
            }
        ),
        # not PyPSA's own: it reads the table beside the others
        "generators-co2_t_per_mwh": frame(
            {f"{name} grid": side.co2[i] for i, name in enumerate(ids)}
        ),
    }
    if side.dispatch is None:
        return out
    done = {
        f"{name} {kind}": values[i]
        for kind, values in side.dispatch.items()
        for i, name in enumerate(ids)
    }
    generated = frame({name: done[name] for name in generators.index})
    moved = frame({name: done[name] for name in stores.index})
    out |= {
        "generators-p": generated,
        "storage_units-p": moved,
        "storage_units-state_of_charge": frame(
            {name: done[name.removesuffix("battery") + "stored"] for name in stores.index}
        ),
    }
    if fixed:
        out |= {"generators-p_set": generated, "storage_units-p_set": moved}
    return {name: table for name, table in out.items() if table.shape[1]}
