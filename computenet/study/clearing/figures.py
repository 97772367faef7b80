"""From flows and duals to the tables of a cleared market."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from computenet.optimization.clearing import Cleared
from computenet.study.clearing.arcs import Arcs, Kinds
from computenet.study.clearing.reasons import Rents, Unmet
from computenet.study.clearing.sides import Demand, Supply
from computenet.study.clearing.ways import Ways
from computenet.study.clearing.words import sentence
from computenet.units import BITS_PER_BYTE, KG_PER_TONNE, KWH_PER_MWH, SECONDS_PER_HOUR

__all__ = ["Placed", "allocation", "binding", "place", "prices", "settlement", "unmet_table"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]

#: A limit is reached within this share of it.
FULL = 1e-6


@dataclass(frozen=True, slots=True)
class Placed:
    """Demands on pools: one entry a pair that is in use."""

    demand: I8
    pool: I8
    units: F8  # reference accelerators


def place(arcs: Arcs, cleared: Cleared) -> Placed:
    """Share out each group's flow to its demands.

    What must run comes first, then higher priorities, then higher prices, then earlier lines; they
    fill a group's cheapest pools first. All pools in use by a group cost it the same with scarcity,
    so the order favours nobody.
    """
    problem, bids = arcs.problem, arcs.bids
    served = bids.amount - cleared.unmet
    used = np.flatnonzero(cleared.flow > 0.0)
    used = used[np.lexsort((problem.arc_cny[used], problem.arc_demand[used]))]
    bounds = np.searchsorted(problem.arc_demand[used], np.arange(problem.n_demands + 1))
    rows = np.flatnonzero(served > 0.0)
    rows = rows[
        np.lexsort(
            (rows, -bids.price_cny[rows], -bids.priority[rows], ~bids.must_run[rows],
             bids.group[rows])
        )
    ]  # fmt: skip
    out: list[tuple[int, int, float]] = []
    group, at, last, left = -1, 0, -1, 0.0
    for row in rows.tolist():
        if bids.group[row] != group or at > last:
            group = int(bids.group[row])
            at, last = int(bounds[group]), int(bounds[group + 1]) - 1
            if at > last:
                continue  # Amounts below what a solver tells from nothing.
            left = float(cleared.flow[used[at]])
        wanted = float(served[row])
        while wanted > 0.0:
            # What rounding leaves over at the end of a group stays in its last pool.
            take = wanted if at == last else min(wanted, left)
            if take > 1e-9 * max(wanted, 1.0):
                out.append((row, int(problem.arc_pool[used[at]]), take))
            wanted -= take
            left -= take
            if at < last and left <= 0.0:
                at += 1
                left = float(cleared.flow[used[at]])
    out.sort(key=lambda item: (item[0], item[1]))
    columns = list(zip(*out, strict=True)) or [(), (), ()]
    return Placed(
        np.asarray(columns[0], dtype=np.int64), np.asarray(columns[1], dtype=np.int64),
        np.asarray(columns[2], dtype=np.float64),
    )  # fmt: skip


def allocation(
    placed: Placed, demand: Demand, supply: Supply, ways: Ways, kinds: Kinds, rents: Rents
) -> pd.DataFrame:
    """Return who is served from where, with latency, cost, price and charge."""
    d, p, units = placed.demand, placed.pool, placed.units
    k = kinds.of_demand[d]
    cost = kinds.cost_cny[k, p]
    price = cost + rents.total[k, p]
    latency = ways.latency_ms[demand.region[d], supply.site[p]]
    return pd.DataFrame(
        {
            "demand": _pick(demand.ids, d),
            "tenant": _pick(demand.tenant, d),
            "region": _pick(demand.regions, demand.region[d]),
            "pool": _pick(supply.pools, p),
            "site": _pick(supply.sites, supply.site[p]),
            "accelerator": _pick(supply.accelerator, p),
            "reference_accelerators": units,
            "accelerators": units * kinds.use[k, p],
            "hours": demand.hours[d],
            "latency_ms": latency if ways.known else np.full(len(d), np.nan),
            "cost_cny_per_accelerator_h": cost,
            "price_cny_per_accelerator_h": price,
            "charge_cny": units * demand.hours[d] * price,
        }
    )


def settlement(placed: Placed, demand: Demand, kinds: Kinds, rents: Rents) -> pd.DataFrame:
    """Return what each tenant pays in each region, and what for, over the hours of its demands.

    ``charge = ask + energy + carbon + network + rents of capacity, power and links``, and
    ``paid = charge - uplift``: where a demand was served for its priority, as a whole or because
    it must run although the price is above what it pays at most, the operator bears the rest.
    """
    d, p = placed.demand, placed.pool
    k = kinds.of_demand[d]
    hours = placed.units * demand.hours[d]
    parts = {
        "ask_cny": kinds.ask_cny, "energy_cny": kinds.energy_cny, "carbon_cny": kinds.carbon_cny,
        "network_cny": kinds.network_cny, "capacity_rent_cny": rents.capacity,
        "power_rent_cny": rents.power, "link_rent_cny": rents.link,
    }  # fmt: skip
    table = pd.DataFrame({"accelerator_h": hours})
    for name, each in parts.items():
        table[name] = hours * each[k, p]
    table["charge_cny"] = table[list(parts)].sum(axis=1)
    most = demand.max_price_cny_per_h[d]
    above = np.maximum(table["charge_cny"] - hours * np.where(np.isnan(most), np.inf, most), 0.0)
    # Rounding of prices is no uplift.
    table["uplift_cny"] = np.where(above > FULL * table["charge_cny"].abs(), above, 0.0)
    table["paid_cny"] = table["charge_cny"] - table["uplift_cny"]
    table["energy_mwh"] = hours * kinds.mw[k, p]
    table["carbon_kg"] = hours * kinds.kg[k, p]
    table.insert(0, "region", _pick(demand.regions, demand.region[d]))
    table.insert(0, "tenant", _pick(demand.tenant, d))
    return table.groupby(["tenant", "region"], sort=True).sum().reset_index()


def prices(supply: Supply, arcs: Arcs, cleared: Cleared, carbon_cny_per_t: float) -> pd.DataFrame:
    """Return use and price of each pool, per accelerator of the pool and hour."""
    problem = arcs.problem
    used = np.bincount(
        problem.arc_pool, weights=problem.arc_use * cleared.flow, minlength=len(supply.pools)
    )
    mwh_cny = supply.electricity_cny_per_mwh + (
        supply.emission_kg_per_mwh * carbon_cny_per_t / KG_PER_TONNE
    )
    cost = supply.ask_cny_per_h + supply.facility_kw / KWH_PER_MWH * mwh_cny
    power = np.zeros(len(supply.pools))
    if problem.power is not None:
        power = supply.facility_kw / KWH_PER_MWH * cleared.prices.site_cny_per_mw[supply.site]
    scarce = cleared.prices.pool_cny
    low, high = cleared.pool_range_cny.T
    with np.errstate(invalid="ignore"):
        wide = high - low > FULL * np.maximum(np.abs(scarce + power), 1.0)
    return pd.DataFrame(
        {
            "pool": list(supply.pools),
            "site": _pick(supply.sites, supply.site),
            "accelerator": list(supply.accelerator),
            "accelerators": supply.count,
            "used": used,
            "cost_cny_per_accelerator_h": cost,
            "capacity_rent_cny_per_accelerator_h": scarce,
            "power_rent_cny_per_accelerator_h": power,
            "price_cny_per_accelerator_h": cost + scarce + power,
            "price_low_cny_per_accelerator_h": cost + low,
            "price_high_cny_per_accelerator_h": np.where(np.isfinite(high), cost + high, np.nan),
            "degenerate": wide,
        }
    )


def binding(supply: Supply, ways: Ways, arcs: Arcs, cleared: Cleared) -> list[dict[str, Any]]:
    """Return the limits that are reached, with what one more unit of each would save an hour."""
    problem, flow = arcs.problem, cleared.flow
    out: list[dict[str, Any]] = []

    def add(kind: str, names: tuple[str, ...], used: Any, limit: F8, price: Any, unit: str) -> None:
        reached = (used >= limit * (1.0 - FULL)) & np.isfinite(limit) & ((used > 0.0) | (price > 0))
        out.extend(
            {"constraint": kind, "name": names[i], "used": float(used[i]),
             "limit": float(limit[i]), "price_cny": float(price[i]), "unit": unit}
            for i in np.flatnonzero(reached).tolist()
        )  # fmt: skip

    used = np.bincount(problem.arc_pool, weights=problem.arc_use * flow, minlength=problem.n_pools)
    add("capacity", supply.pools, used, supply.count, cleared.prices.pool_cny, "accelerator-hour")
    if problem.power is not None:
        site = supply.site[problem.arc_pool]
        mw = np.bincount(site, weights=problem.power.arc_mw * flow, minlength=len(supply.sites))
        add("site_power", supply.sites, mw, supply.site_mw, cleared.prices.site_cny_per_mw, "MWh")
    traffic = problem.traffic
    if traffic is not None:
        over = traffic.arc_pair >= 0
        pair = np.bincount(
            traffic.arc_pair[over], weights=(traffic.arc_gb_s * flow)[over],
            minlength=len(traffic.path_pair),
        )  # fmt: skip
        hop = np.repeat(np.arange(len(traffic.path_pair)), np.diff(traffic.path_start))
        gb_s = np.bincount(
            traffic.path_link, weights=pair[hop] * traffic.hop_share,
            minlength=len(traffic.link_gb_s),
        )  # fmt: skip
        add(
            "link", ways.link_names, gb_s * BITS_PER_BYTE, traffic.link_gb_s * BITS_PER_BYTE,
            cleared.prices.link_cny_per_gb_s / SECONDS_PER_HOUR, "GB",
        )  # fmt: skip
    return sorted(out, key=lambda item: -item["price_cny"])


def unmet_table(
    reasons: list[Unmet], demand: Demand, supply: Supply, unmet: F8, lang: str
) -> pd.DataFrame:
    """Return what is unmet and why."""
    d = np.asarray([item.demand for item in reasons], dtype=np.int64)
    return pd.DataFrame(
        {
            "demand": _pick(demand.ids, d),
            "tenant": _pick(demand.tenant, d),
            "region": _pick(demand.regions, demand.region[d]),
            "wanted": demand.amount[d],
            "served": demand.amount[d] - unmet[d],
            "unmet": unmet[d],
            "max_price_cny_per_accelerator_h": demand.max_price_cny_per_h[d],
            "price_needed_cny_per_accelerator_h": [
                np.nan if item.blocks or item.reason == "too_large" else item.price_cny
                for item in reasons
            ],
            "reason": [item.reason for item in reasons],
            "helps": ["|".join(item.helps) for item in reasons],
            "why": [sentence(item, demand, supply, lang) for item in reasons],
        }
    )


def _pick(names: tuple[str, ...], index: I8) -> list[str]:
    return [names[i] for i in index.tolist()]
