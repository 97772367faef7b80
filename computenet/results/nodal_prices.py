"""Nodal prices of a run, and what regions pay at them to whom."""

from __future__ import annotations

from typing import Any

import pandas as pd

__all__ = ["nodal_prices", "settlement"]

#: What an accelerator-hour is priced in.
UNIT = "CNY/accelerator-h"


def nodal_prices(run: Any) -> pd.DataFrame:
    """Return every price that the policy gave, the mean over its sets in time.

    Parameters
    ----------
    run
        Results, or anything that hands over columns of its tables by ``parts``.

    Returns
    -------
    DataFrame
        One row an item: ``target``, ``unit``, ``price``, ``low``, ``high``, ``unique``; empty where
        the policy gives no prices.
    """
    columns = ["kind", "target", "unit", "price", "price_low", "price_high"]
    parts = [part[part["kind"] == "price"] for part in run.parts("plans", columns)]
    priced = pd.concat(parts) if parts else pd.DataFrame(columns=columns)
    priced = priced.assign(target=priced["target"].astype(str), unit=priced["unit"].astype(str))
    means = priced.groupby(["target", "unit"], sort=False)[["price", "price_low", "price_high"]]
    table = means.mean().reset_index()
    table = table.rename(columns={"price_low": "low", "price_high": "high"})
    width = (table["high"] - table["low"]).abs()
    table["unique"] = width <= 1e-6 * table[["low", "high"]].abs().max(axis=1).clip(lower=1e-9)
    return table


def settlement(results: Any) -> pd.DataFrame:
    """Return what jobs of each region and class pay to each site at nodal prices.

    A job pays for the accelerator-hours it has held, at the mean nodal price of its pool.
    The sums by region and by site are sums of the same rows, so they agree.

    Parameters
    ----------
    results
        Results, or anything with a scenario that hands over columns of its tables by ``parts``.

    Returns
    -------
    DataFrame
        ``region``, ``job_class``, ``site``, ``pool``, ``accelerator_h``, ``price_cny`` and
        ``paid_cny``; empty where the policy gives no prices.
    """
    prices = nodal_prices(results)
    by_pool = prices[prices["unit"] == UNIT].set_index("target")["price"]
    horizon_s = results.scenario.horizon_s
    keys = ["region", "job_class", "site", "pool"]
    held = []
    columns = [*keys, "held_accelerators", "start_s", "finish_s"]
    for part in results.parts("jobs", columns):
        started = part[part["start_s"].notna() & part["pool"].notna()]
        end_s = started["finish_s"].fillna(horizon_s)
        hours = started["held_accelerators"] * (end_s - started["start_s"]) / 3600.0
        rows = started[keys].astype(str).assign(accelerator_h=hours)
        held.append(rows.groupby(keys)["accelerator_h"].sum())
    names = [*keys, "accelerator_h", "price_cny", "paid_cny"]
    if not held or by_pool.empty:
        return pd.DataFrame(columns=names)
    table = pd.concat(held).groupby(level=keys).sum().reset_index()
    table["price_cny"] = table["pool"].map(by_pool)
    table["paid_cny"] = table["accelerator_h"] * table["price_cny"]
    return pd.DataFrame(table[names])
