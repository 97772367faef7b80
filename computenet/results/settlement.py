"""What regions pay, and sites and links earn, at the prices of the plans.

A slot is settled at the last set of prices given by its start; slots before the first set, at the
first. With `h_pt` the accelerator-hours that pool or group `p` was metered to work in slot `t`, and
`lambda_pt` its price, it earns

    e_p = sum_t lambda_pt h_pt.

Users pay in proportion to what they claim, so that what is paid at `p` is `e_p`:

- a job claims the time between its start and its end, times what it holds, at the prices of then;
- requests of a region and class claim the requests routed to the site, times the mean tokens of an
  answer, in the groups there that serve their model.

Where no job was stopped and started again, claims of jobs *are* what was metered.

A link `l` that plans put a rent ``beta_lk`` on from set `k` to the next earns it on what it was
metered to carry meanwhile, and every sender `d` pays for its own part:

    e_l = sum_k beta_lk sum_d gb_lkd.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from computenet.results.nodal_prices import LINK, link_price_sets, price_sets
from computenet.units import SECONDS_PER_HOUR

__all__ = ["link_earnings", "settlement", "site_earnings"]

F8 = NDArray[np.float64]

PAYER = ["kind", "region", "demand_class"]
SELLER = ["kind", "site", "accelerator", "pool", "target"]
FIGURES = ["accelerator_h", "carried_gb", "price_cny", "paid_cny"]


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
        return pd.DataFrame(columns=[*SELLER, "accelerator_h", "price_cny", "earned_cny"])
    table = pd.concat(blocks, ignore_index=True)
    table["site"] = [where[pool].site for pool in table["pool"]]
    table["accelerator"] = [where[pool].accelerator for pool in table["pool"]]
    table["price_cny"] = table["earned_cny"] / table["accelerator_h"].where(
        table["accelerator_h"] > 0.0
    )
    return pd.DataFrame(table[[*SELLER, "accelerator_h", "price_cny", "earned_cny"]])


def link_earnings(results: Any) -> pd.DataFrame:
    """Return what links earn for the traffic that they carried, at their congestion rents.

    Parameters
    ----------
    results
        Results of a run.

    Returns
    -------
    DataFrame
        One row a link that a plan put a rent on, 0 or more, and that carried something: ``link``,
        ``a``, ``b`` (its ends), ``carried_gb`` while the rents held, ``price_cny`` (mean rent of a
        gigabyte) and ``earned_cny``. Empty where the policy gives no rents of links.
    """
    columns = ["link", "a", "b", "carried_gb", "price_cny", "earned_cny"]
    flows = _rents(results)
    if flows.empty:
        return pd.DataFrame(columns=columns)
    sums = flows.groupby("link", sort=True)[["carried_gb", "paid_cny"]].sum().reset_index()
    ends = {link.id: (link.a, link.b) for link in results.scenario.topology.links}
    table = sums.rename(columns={"paid_cny": "earned_cny"}).assign(
        a=[ends[link][0] for link in sums["link"]],
        b=[ends[link][1] for link in sums["link"]],
        price_cny=sums["paid_cny"] / sums["carried_gb"],
    )
    return pd.DataFrame(table[columns])


def _rents(results: Any) -> pd.DataFrame:
    """Return what every sender put on links with a rent, and what it pays, by set of prices."""
    keys = ["link", *PAYER]
    flows = results.tables["link_flows"]
    if flows.empty:
        return pd.DataFrame(columns=[*keys, "carried_gb", "paid_cny"])
    flows = flows.astype(dict.fromkeys(keys, str))
    prices = link_price_sets(results)
    row = np.searchsorted(prices.index, flows["epoch_s"], side="right") - 1
    column = prices.columns.get_indexer(pd.Index(flows["link"]))
    rent = prices.to_numpy(np.float64)[np.maximum(row, 0), column]
    return pd.DataFrame(flows.assign(paid_cny=rent * flows["carried_gb"]))


def settlement(results: Any) -> pd.DataFrame:
    """Return what every region's demand pays to every site and link at the plans' prices.

    The sum over a pool or group is what `site_earnings` says it earned and the sum over a link what
    `link_earnings` says, so what regions pay is what sites and links earn.

    Parameters
    ----------
    results
        Results of a run.

    Returns
    -------
    DataFrame
        One row a (region, class, pool or group), and one a (region, class, link with a rent):
        ``kind`` (``jobs``, ``requests`` or, on links, ``bulk-moves``), ``region``,
        ``demand_class`` (of a bulk move its name), ``site``, ``accelerator``, ``pool`` (all empty
        for a link), ``target`` (pool, group, or ``link ID``), ``accelerator_h``, ``carried_gb``,
        ``price_cny`` (mean price of those hours, or of a gigabyte) and ``paid_cny``. `region` and
        `demand_class` are empty for work that no job or request now on record is known for: that
        of jobs that were moved to another pool. Empty where the policy gives no prices.
    """
    parts = [part for part in (_paid_to_sites(results), _paid_to_links(results)) if len(part)]
    columns = [*PAYER, *SELLER[1:], *FIGURES]
    if not parts:
        return pd.DataFrame(columns=columns)
    return pd.concat(parts, ignore_index=True)[columns]


def _paid_to_links(results: Any) -> pd.DataFrame:
    """Return what senders pay for the links that they used."""
    flows = _rents(results)
    keys = ["link", *PAYER]
    paid = flows.groupby(keys, sort=True)[["carried_gb", "paid_cny"]].sum().reset_index()
    paid = paid.assign(
        target=LINK + paid["link"], price_cny=paid["paid_cny"] / paid["carried_gb"],
        accelerator_h=0.0, site="", accelerator="", pool="",
    )  # fmt: skip
    return pd.DataFrame(paid.sort_values([*PAYER, "target"], kind="stable", ignore_index=True))


def _paid_to_sites(results: Any) -> pd.DataFrame:
    """Return what demand pays for accelerator-hours, by pool and group."""
    earned = site_earnings(results)
    if earned.empty:
        return earned
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
        accelerator_h=hours, paid_cny=paid, price_cny=paid / hours.where(hours > 0.0),
        carried_gb=0.0,
    )  # fmt: skip
    shared = shared[(hours > 0.0) | (paid > 0.0)]
    order = [*PAYER, "target"]
    return pd.DataFrame(shared.sort_values(order, kind="stable", ignore_index=True))


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
    groups = groups.assign(
        model=[name.rpartition("/")[2] for name in groups["target"]],
        site=groups["site"].astype(str),
    )
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
