"""Supply and demand as arrays: cells, then the topology's facts, then defaults."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from computenet.errors import nearest
from computenet.optimization.clearing import ALL, ANY, ONE_POOL
from computenet.study.clearing.schema import DEMAND, LEAST, MOST, SUPPLY
from computenet.study.clearing.tables import Faults, Table
from computenet.study.clearing.topology import TopologyFacts

__all__ = ["PUE", "Accepted", "Demand", "Supply", "read_demand", "read_supply"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
B1 = NDArray[np.bool_]

#: Mean of China's national clusters in March 2025 (National Data Administration).
PUE = 1.3


@dataclass(frozen=True, slots=True)
class Supply:
    """Pools (``P``) at sites (``I``)."""

    pools: tuple[str, ...]
    site: I8  # (P,)
    accelerator: tuple[str, ...]  # (P,)
    count: F8
    ask_cny_per_h: F8  # (P,) per accelerator
    facility_kw: F8  # (P,) per accelerator, 0 where unknown
    electricity_cny_per_mwh: F8  # (P,)
    emission_kg_per_mwh: F8  # (P,)
    speed: F8  # (P,) NaN = not given
    free_h: F8  # (P,) infinite = no limit
    sites: tuple[str, ...]
    site_mw: F8  # (I,) infinite = no limit
    at: F8  # (I, 2) latitude and longitude, NaN = unknown


@dataclass(frozen=True, slots=True)
class Accepted:
    """Accelerator types that will do: any or those named, with speeds where they are given."""

    any: bool
    speeds: dict[str, float | None]


@dataclass(frozen=True, slots=True)
class Demand:
    """Demands (``D``) in regions (``R``)."""

    ids: tuple[str, ...]
    tenant: tuple[str, ...]
    region: I8  # (D,)
    class_of: I8  # (D,) number in `classes`; -1 = none
    amount: F8  # (D,) reference accelerators
    hours: F8
    accepted_of: I8  # (D,) number in `accepted`
    latency_ms: F8  # infinite = no limit
    gb_per_unit_h: F8  # GB per reference accelerator and hour
    max_price_cny_per_h: F8  # per reference accelerator; NaN where it must run and names none
    priority: I8
    must_run: B1
    whole: I8
    regions: tuple[str, ...]
    at: F8  # (R, 2)
    classes: tuple[str, ...]
    accepted: tuple[Accepted, ...]


def read_supply(table: Table, facts: TopologyFacts | None, faults: Faults) -> Supply:
    """Return the supply; faults are kept."""
    numbers = {
        column.name: table.numbers(column, faults) for column in SUPPLY if column.kind == "number"
    }
    site_names, kinds = table.texts("site"), table.texts("accelerator")
    sites, site = _numbered(site_names)
    named = table.texts("pool")
    pools = [
        name or f"{where}/{kind}"
        for name, where, kind in zip(named, site_names, kinds, strict=True)
    ]
    _unique(table, "pool", pools, faults)
    if facts is not None:
        _fill_supply(numbers, site_names, kinds, facts)
    kw, power = numbers["kw_per_accelerator"], numbers["electricity_cny_per_mwh"]
    ask = numbers["price_cny_per_accelerator_h"]
    figures = ("price_cny_per_accelerator_h", "kw_per_accelerator", "electricity_cny_per_mwh")
    given = [table.texts(name) for name in figures]
    for row in np.flatnonzero(np.isnan(ask) & (np.isnan(kw) | np.isnan(power))).tolist():
        # A cell that holds what is no number has been told of already.
        if not (given[0][row] or (given[1][row] and given[2][row])):
            faults.add(
                table, row, figures[0], None,
                f"is empty, and {figures[1]} and {figures[2]} are not both known",
                "a price, or both figures of energy",
            )  # fmt: skip
    own_power = numbers["site_power_mw"]
    _one_each(table, "site_power_mw", site, own_power, sites, faults)
    limit = _first(site, own_power, len(sites))
    for row in np.flatnonzero(np.isnan(kw) & np.isfinite(limit[site])).tolist():
        if given[1][row]:
            continue
        message, near = "is empty at a site whose power is limited", None
        if facts is not None:
            message += f", and {kinds[row]!r} is no accelerator of {facts.name}"
            near = nearest(kinds[row], facts.kw)
        faults.add(
            table, row, "kw_per_accelerator", None, message, "a number of at least 0",
            near and f"accelerator {near}",
        )  # fmt: skip
    at = _places(table, numbers, site, sites, faults)
    return Supply(
        pools=tuple(pools),
        site=site,
        accelerator=tuple(kinds),
        count=np.nan_to_num(numbers["count"]),
        ask_cny_per_h=np.nan_to_num(ask),
        facility_kw=np.nan_to_num(kw) * np.where(np.isnan(numbers["pue"]), PUE, numbers["pue"]),
        electricity_cny_per_mwh=np.nan_to_num(power),
        emission_kg_per_mwh=np.nan_to_num(numbers["emission_kg_per_mwh"]),
        speed=numbers["speed"],
        free_h=np.where(np.isnan(numbers["free_h"]), np.inf, numbers["free_h"]),
        sites=sites,
        site_mw=np.where(np.isnan(limit), np.inf, limit),
        at=at,
    )


def _fill_supply(
    numbers: dict[str, F8], sites: list[str], kinds: list[str], facts: TopologyFacts
) -> None:
    """Put the topology's facts where cells are empty."""
    kw = np.asarray([facts.kw.get(kind, np.nan) for kind in kinds], dtype=np.float64)
    fill = {"kw_per_accelerator": kw}
    known = [facts.sites.get(site) for site in sites]
    for column, field in (
        ("pue", "pue"), ("electricity_cny_per_mwh", "electricity_cny_per_mwh"),
        ("emission_kg_per_mwh", "emission_kg_per_mwh"), ("site_power_mw", "power_mw"),
        ("latitude", "latitude"), ("longitude", "longitude"),
    ):  # fmt: skip
        fill[column] = np.asarray(
            [np.nan if site is None else getattr(site, field) for site in known], dtype=np.float64
        )
    # A site's power that one row gives holds for its other rows too.
    stated = {
        site for site, value in zip(sites, numbers["site_power_mw"], strict=True) if value == value
    }
    if stated:
        fill["site_power_mw"][[site in stated for site in sites]] = np.nan
    for column, values in fill.items():
        empty = np.isnan(numbers[column])
        numbers[column][empty] = values[empty]


def read_demand(
    table: Table,
    facts: TopologyFacts | None,
    max_price: float | None,
    faults: Faults,
) -> Demand:
    """Return the demand; faults are kept.

    Parameters
    ----------
    max_price
        Highest price of demands that name none and need not run, CNY per accelerator-hour.
    """
    columns = {column.name: column for column in DEMAND}
    numbers = {
        name: table.numbers(column, faults)
        for name, column in columns.items()
        if column.kind in ("number", "whole number")
    }
    ids = table.texts("id")
    _unique(table, "id", ids, faults)
    regions, region = _numbered(table.texts("region", "-"))
    classes, class_of = _classes(table, facts, faults)
    accepted, accepted_of = _accepted(table, faults)
    must_run = table.flags(columns["must_run"], faults)
    price = numbers["max_price_cny_per_accelerator_h"]
    if max_price is not None:
        price = np.where(np.isnan(price) & ~must_run, max_price, price)
    given = table.texts("max_price_cny_per_accelerator_h")
    for row in np.flatnonzero(np.isnan(price) & ~must_run):
        if not given[row]:
            faults.add(
                table, int(row), "max_price_cny_per_accelerator_h", None, "is empty",
                "a number of at least 0, or --max-price for all that name none, or must_run yes",
            )  # fmt: skip
    hours = np.where(np.isnan(numbers["hours"]), 1.0, numbers["hours"])
    amount = np.nan_to_num(numbers["accelerators"])
    work = amount * hours
    gb = np.nan_to_num(numbers["data_gb"])
    return Demand(
        ids=tuple(ids),
        tenant=tuple(table.texts("tenant", "-")),
        region=region,
        class_of=class_of,
        amount=amount,
        hours=hours,
        accepted_of=accepted_of,
        latency_ms=np.where(np.isnan(numbers["latency_ms"]), np.inf, numbers["latency_ms"]),
        gb_per_unit_h=np.divide(gb, work, out=np.zeros(len(work)), where=work > 0.0),
        max_price_cny_per_h=price,
        priority=np.nan_to_num(numbers["priority"]).astype(np.int64),
        must_run=must_run,
        whole=np.asarray([ANY, ALL, ONE_POOL])[table.choices(columns["whole"], faults)],
        regions=regions,
        at=_region_places(table, numbers, region, regions, facts, faults),
        classes=classes,
        accepted=accepted,
    )


def _classes(
    table: Table, facts: TopologyFacts | None, faults: Faults
) -> tuple[tuple[str, ...], I8]:
    """Return the classes, and each demand's; -1 = none."""
    words = table.texts("class")
    names = tuple(dict.fromkeys(word for word in words if word))
    number = {name: k for k, name in enumerate(names)}
    for row, word in enumerate(words):
        if word and facts is None:
            faults.add(table, row, "class", word, "is used with --topology only", "empty")
        elif word and facts is not None and word not in facts.speeds:
            faults.add(table, row, "class", word, f"is no class of {facts.name}",
                       ", ".join(facts.speeds), nearest(word, facts.speeds))  # fmt: skip
    return names, np.asarray([number.get(word, -1) for word in words], dtype=np.int64)


def _accepted(table: Table, faults: Faults) -> tuple[tuple[Accepted, ...], I8]:
    """Return what is accepted, once each, and each demand's."""
    words = table.texts("types", "*")
    texts, number = _numbered(words)
    first = {text: row for row, text in reversed(list(enumerate(words)))}
    out = []
    for text in texts:
        any_, speeds = False, {}
        for part in text.split("|"):
            kind, colon, speed = (word.strip() for word in part.partition(":"))
            value = None
            if colon:
                try:
                    value = float(speed)
                except ValueError:
                    value = np.nan
                if not LEAST <= value <= MOST or kind == "*":
                    faults.add(table, first[text], "types", text,
                               "has a speed that is no number, too small or too large, or one for "
                               "any type", f"a800|h800:2.5|*; from {LEAST:f} to {MOST:,.0f}",
                               )  # fmt: skip
            if not kind or kind in speeds:
                faults.add(table, first[text], "types", text,
                           "names a type twice" if kind else "names nothing between two |",
                           "a800|h800:2.5|*")  # fmt: skip
            if kind == "*":
                any_ = True
            else:
                speeds[kind] = value
        out.append(Accepted(any_, speeds))
    return tuple(out), number


def _region_places(
    table: Table,
    numbers: dict[str, F8],
    region: I8,
    regions: tuple[str, ...],
    facts: TopologyFacts | None,
    faults: Faults,
) -> F8:
    at = _places(table, numbers, region, regions, faults)
    if facts is not None:
        for r, name in enumerate(regions):
            if np.isnan(at[r]).any() and name in facts.regions:
                at[r] = facts.regions[name]
    return at


# ---- what both sides need -----------------------------------------------------------------


def _numbered(words: list[str]) -> tuple[tuple[str, ...], I8]:
    """Return the words, once each by first appearance, and the number of each."""
    names = tuple(dict.fromkeys(words))
    number = {name: k for k, name in enumerate(names)}
    return names, np.asarray([number[word] for word in words], dtype=np.int64)


def _unique(table: Table, column: str, names: list[str], faults: Faults) -> None:
    seen: dict[str, int] = {}
    for row, name in enumerate(names):
        before = seen.setdefault(name, row)
        if before != row and name:
            faults.add(table, row, column, name,
                       f"is the name of {table.unit} {table.lines[before]} too")  # fmt: skip


def _one_each(
    table: Table, column: str, owner: I8, values: F8, names: tuple[str, ...], faults: Faults
) -> None:
    """Complain where rows of one owner differ in a column."""
    first: dict[int, int] = {}
    for row in np.flatnonzero(~np.isnan(values)).tolist():
        before = first.setdefault(int(owner[row]), row)
        if values[row] != values[before]:
            faults.add(
                table, row, column, float(values[row]),
                f"differs from {table.unit} {table.lines[before]} of {names[owner[row]]}",
                f"{values[before]:g}",
            )  # fmt: skip


def _first(owner: I8, values: F8, count: int) -> F8:
    """Return each owner's first value, NaN where it has none."""
    out = np.full(count, np.nan)
    rows = np.flatnonzero(~np.isnan(values))[::-1]
    out[owner[rows]] = values[rows]
    return out


def _places(
    table: Table, numbers: dict[str, F8], owner: I8, names: tuple[str, ...], faults: Faults
) -> F8:
    """Return coordinates of sites or regions; half a pair, or two of one place, is a fault."""
    pair = []
    for column, other in (("latitude", "longitude"), ("longitude", "latitude")):
        values = numbers[column]
        _one_each(table, column, owner, values, names, faults)
        for row in np.flatnonzero(np.isnan(values) & ~np.isnan(numbers[other])):
            faults.add(table, int(row), column, None, f"is missing beside {other}")
        pair.append(_first(owner, values, len(names)))
    return np.stack(pair, axis=1)
