"""Prices that the plans of a run gave, by what they are of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

__all__ = ["LINK", "LINK_UNIT", "UNIT", "link_price_sets", "nodal_prices", "price_sets"]

#: Ends of a range that differ by less than this, relative, are one price.
UNIQUE = 1e-6
#: What an accelerator-hour is priced in.
UNIT = "CNY/accelerator-h"
#: How the rent of a link is named in plans, before the link's name, and what it is priced in.
LINK, LINK_UNIT = "link ", "CNY/GB"


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
        the policy gives no prices. A price is unique where its range is nothing beside the range
        itself and the dearest item of the same unit.
    """
    columns = ["kind", "target", "unit", "price", "price_low", "price_high"]
    parts = [part[part["kind"] == "price"] for part in run.parts("plans", columns)]
    priced = pd.concat(parts) if parts else pd.DataFrame(columns=columns)
    priced = priced.assign(target=priced["target"].astype(str), unit=priced["unit"].astype(str))
    means = priced.groupby(["target", "unit"], sort=False)[["price", "price_low", "price_high"]]
    table = means.mean().reset_index()
    table = table.rename(columns={"price_low": "low", "price_high": "high"})
    dearest = table["price"].abs().groupby(table["unit"]).transform("max")
    size = table[["low", "high"]].abs().max(axis=1).clip(lower=dearest)
    width = (table["high"] - table["low"]).abs()
    table["unique"] = np.isfinite(width) & (width <= UNIQUE * size)
    return table


def price_sets(run: Any) -> pd.DataFrame:
    """Return nodal prices of compute by set: one row a time, one column a pool or group.

    A price that a set does not name is as it was in the set before, or in the first that names it.

    Parameters
    ----------
    run
        Results, or anything that hands over columns of its tables by ``parts``.

    Returns
    -------
    DataFrame
        CNY per accelerator-hour; the index is ``epoch_s``, the columns are named ``target``.
    """
    columns = ["epoch_s", "kind", "target", "unit", "price"]
    parts = [
        part[(part["kind"] == "price") & (part["unit"] == UNIT)]
        for part in run.parts("plans", columns)
    ]
    priced = pd.concat(parts)
    if priced.empty:
        return pd.DataFrame()
    priced = priced.assign(target=priced["target"].astype(str))
    sets = priced.pivot_table(index="epoch_s", columns="target", values="price")
    return pd.DataFrame(sets.ffill().bfill())


def link_price_sets(run: Any) -> pd.DataFrame:
    """Return rents of links by set: one row a time, one column a link that any set names.

    A set of prices of compute or of links replaces the one before; a link that it does not name
    cannot be filled whatever the plan, so its rent is 0.

    Parameters
    ----------
    run
        Results, or anything that hands over columns of its tables by ``parts``.

    Returns
    -------
    DataFrame
        CNY per GB; the index is ``epoch_s``, the columns are links.
    """
    columns = ["epoch_s", "kind", "target", "unit", "price"]
    parts = [
        part[(part["kind"] == "price") & part["unit"].isin([UNIT, LINK_UNIT])]
        for part in run.parts("plans", columns)
    ]
    priced = pd.concat(parts)
    priced = priced.assign(target=priced["target"].astype(str))
    links = priced[(priced["unit"] == LINK_UNIT) & priced["target"].str.startswith(LINK)]
    if links.empty:
        return pd.DataFrame()
    links = links.assign(target=links["target"].str.removeprefix(LINK))
    sets = links.pivot_table(index="epoch_s", columns="target", values="price", observed=True)
    return pd.DataFrame(sets.reindex(np.unique(priced["epoch_s"])).fillna(0.0))
