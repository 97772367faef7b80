"""What regions pay, and sites earn, for compute at the nodal prices of the plans.

A slot is settled at the last set of prices given by its start; slots before the first set, at the
first. With `h_pt` the accelerator-hours that pool or group `p` was metered to work in slot `t`, and
`lambda_pt` its price, it earns

    e_p = sum_t lambda_pt h_pt.

Users pay in proportion to what they claim, so that what is paid at `p` is `e_p`:

- a job claims the time between its start and its end, times what it holds, at the prices of then;
- requests of a region and class claim the requests routed to the site, times the mean tokens of an
  answer, in the groups there that serve their model.

Where no job was stopped and started again, claims of jobs *are* what was metered.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from computenet.results.nodal_prices import price_sets
from computenet.units import SECONDS_PER_HOUR

__all__ = ["settlement", "site_earnings"]

F8 = NDArray[np.float64]

PAYER = ["kind", "region", "demand_class"]
SELLER = ["kind", "site", "accelerator", "pool", "target"]
FIGURES = ["accelerator_h", "price_cny", "paid_cny"]


def site_earnings(results: Any) -> pd.DataFrame:
    """Return what pools and groups earn for the accelerator-hours they were metered to work.

    Parameters
    ----------
    results
        Results of a run.

    Returns
    -------
    DataFrame
        One row a pool (its jobs) and one a group of replicas (its requests) with a price: ``kind``
        (``jobs`` or ``requests``), ``site``, ``accelerator``, ``pool``, ``target`` (the pool or
        group), ``accelerator_h``, ``price_cny`` (mean price of those hours) and ``earned_cny``.
        Empty where the policy gives no prices.
    """
    prices = price_sets(results)
    where = {pool.id: pool for pool in results.scenario.topology.pools}
    blocks = []
    for kind, name, key, busy in (
        ("jobs", "pools", "pool", "busy_accelerators"),
        ("requests", "groups", "group", "busy_replicas"),
    ):
        frame = results.tables[name]
        frame = frame[frame[key].isin(prices.columns)]
        if frame.empty:
            continue
        hours = frame[busy].to_numpy(np.float64) * _slot_h(results, frame)
        if kind == "requests":
            hours = hours * frame["accelerators_per_replica"].to_numpy(np.float64)
        rows = pd.DataFrame({
            "pool": frame["pool"].astype(str),
            "target": frame[key].astype(str),
            "accelerator_h": hours,
            "earned_cny": hours * _price_at(prices, frame, key),
        })  # fmt: skip
        sums = rows.groupby(["pool", "target"], sort=False).sum().reset_index()
        blocks.append(sums.assign(kind=kind))
    if not blocks:
        return pd.DataFrame(columns=[*SELLER, *FIGURES[:2], "earned_cny"])
    table = pd.concat(blocks, ignore_index=True)
    table["site"] = [where[pool].site for pool in table["pool"]]
    table["accelerator"] = [where[pool].accelerator for pool in table["pool"]]
    table["price_cny"] = table["earned_cny"] / table["accelerator_h"].where(
        table["accelerator_h"] > 0.0
    )
    return pd.DataFrame(table[[*SELLER, *FIGURES[:2], "earned_cny"]])


def settlement(results: Any) -> pd.DataFrame:
    """Return what every region's demand pays to every site at nodal prices.

    The sum over a pool or group is what `site_earnings` says it earned, so what regions pay and
    what sites earn are equal.

    Parameters
    ----------
    results
        Results of a run.

    Returns
    -------
    DataFrame
        One row a (region, class, pool or group): ``kind`` (``jobs`` or ``requests``), ``region``,
        ``demand_class``, ``site``, ``accelerator``, ``pool``, ``target``, ``accelerator_h``,
        ``price_cny`` (mean price of those hours) and ``paid_cny``. `region` and `demand_class` are
        empty for work that no job or request now on record is known for: that of jobs that were
        moved to another pool. Empty where the policy gives no prices.
    """
    earned = site_earnings(results)
    columns = [*PAYER, *SELLER[1:], *FIGURES]
    if earned.empty:
        return pd.DataFrame(columns=columns)
    claims = pd.concat(
        [_claims_of_jobs(results), _claims_of_requests(results, earned)], ignore_index=True
    )
    shared = earned.merge(claims, on=["kind", "target"], how="left")
    shared = shared.fillna({"region": "", "demand_class": "", "claimed_h": 1.0, "claimed_cny": 0.0})
    key = [shared["kind"], shared["target"]]
    of_hours = shared["claimed_h"] / shared["claimed_h"].groupby(key).transform("sum")
    claimed = shared["claimed_cny"].groupby(key).transform("sum")
    of_money = (shared["claimed_cny"] / claimed.where(claimed > 0.0)).fillna(of_hours)
    hours, paid = of_hours * shared["accelerator_h"], of_money * shared["earned_cny"]
    shared = shared.assign(
        accelerator_h=hours, paid_cny=paid, price_cny=paid / hours.where(hours > 0.0)
    )
    shared = shared[(hours > 0.0) | (paid > 0.0)]
    order = [*PAYER, "target"]
    return pd.DataFrame(shared.sort_values(order, kind="stable", ignore_index=True)[columns])


def _slot_h(results: Any, frame: pd.DataFrame) -> F8:
    """Return the length of each row's slot, h; the last of a run may be short."""
    left_s = results.scenario.horizon_s - frame["slot_start_s"].to_numpy(np.float64)
    hours: F8 = np.minimum(left_s, results.scenario.run.slot_s) / SECONDS_PER_HOUR
    return hours


def _price_at(prices: pd.DataFrame, frame: pd.DataFrame, key: str) -> F8:
    """Return the price in force at the start of each row's slot."""
    row = np.searchsorted(prices.index, frame["slot_start_s"], side="right") - 1
    column = prices.columns.get_indexer(pd.Index(frame[key].astype(str)))
    found: F8 = prices.to_numpy(np.float64)[np.maximum(row, 0), column]
    return found


def _claims_of_jobs(results: Any) -> pd.DataFrame:
    """Return accelerator-hours and their price by class, region and pool, from jobs' own times."""
    prices = price_sets(results)
    scenario = results.scenario
    slot_s = scenario.run.slot_s
    # Prices of a set hold from the first slot that starts at or after it.
    edges_s = np.ceil(prices.index.to_numpy(np.float64) / slot_s - 1e-9) * slot_s
    edges_s[0] = 0.0
    edges_s = np.append(np.minimum(edges_s, scenario.horizon_s), scenario.horizon_s)
    of_set = prices.to_numpy(np.float64)
    # CNY of an accelerator held from the start of the run to each edge, (edges, targets).
    until = np.concatenate([
        np.zeros((1, of_set.shape[1])),
        np.cumsum(of_set * np.diff(edges_s)[:, None] / SECONDS_PER_HOUR, axis=0),
    ])  # fmt: skip

    def cost_until(time_s: F8, column: NDArray[np.int64]) -> F8:
        at = np.clip(np.searchsorted(edges_s, time_s, side="right") - 1, 0, len(of_set) - 1)
        since_h = (time_s - edges_s[at]) / SECONDS_PER_HOUR
        cost: F8 = until[at, column] + since_h * of_set[at, column]
        return cost

    keys = ["region", "job_class", "pool"]
    held = []
    for part in results.parts("jobs", [*keys, "held_accelerators", "start_s", "finish_s"]):
        jobs = part[part["start_s"].notna() & part["pool"].isin(prices.columns)]
        start_s = jobs["start_s"].to_numpy(np.float64)
        end_s = jobs["finish_s"].fillna(scenario.horizon_s).to_numpy(np.float64)
        gang = jobs["held_accelerators"].to_numpy(np.float64)
        column = prices.columns.get_indexer(pd.Index(jobs["pool"].astype(str)))
        rows = jobs[keys].assign(
            claimed_h=gang * (end_s - start_s) / SECONDS_PER_HOUR,
            claimed_cny=gang * (cost_until(end_s, column) - cost_until(start_s, column)),
        )
        sums = rows.groupby(keys, observed=True)[["claimed_h", "claimed_cny"]].sum()
        # Parts that come from disk have categories of their own.
        held.append(sums.reset_index().astype(dict.fromkeys(keys, str)))
    table = pd.concat(held).groupby(keys)[["claimed_h", "claimed_cny"]].sum().reset_index()
    table = table.rename(columns={"job_class": "demand_class", "pool": "target"})
    return _named(table, "jobs")


def _claims_of_requests(results: Any, earned: pd.DataFrame) -> pd.DataFrame:
    """Return requests routed to a site times tokens of an answer, by class, region and group."""
    classes = pd.DataFrame(
        [
            (item.name, item.model, item.output_tokens.mean)
            for item in results.scenario.workload.service_classes
        ],
        columns=["service_class", "model", "tokens"],
    )
    groups = earned.loc[earned["kind"] == "requests", ["site", "target"]]
    groups = groups.assign(model=groups["target"].str.rpartition("/")[2])
    flows = results.tables["request_flows"].astype(
        {"region": str, "site": str, "service_class": str}
    )
    table = flows.merge(classes, on="service_class").merge(groups, on=["site", "model"])
    work = table["routed"] * table["tokens"]
    table = table.assign(claimed_h=work, claimed_cny=0.0)
    return _named(table.rename(columns={"service_class": "demand_class"}), "requests")


def _named(table: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Return claims that are more than nothing, their labels plain strings."""
    table = table[table["claimed_h"] > 0.0].assign(kind=kind)
    names = [*PAYER, "target"]
    return pd.DataFrame(
        table[[*names, "claimed_h", "claimed_cny"]].astype(dict.fromkeys(names, str))
    )
