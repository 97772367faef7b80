"""The tables of a clearing, read and checked together: every fault of all of them at once."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from computenet.errors import InputError, Problem, nearest
from computenet.optimization.clearing import ONE_POOL
from computenet.study.clearing.arcs import BLOCK_MARKS, Kinds
from computenet.study.clearing.reading import TableSource, read_table
from computenet.study.clearing.schema import DEMAND, MOST, PATHS, SUPPLY
from computenet.study.clearing.sides import Demand, Supply, read_demand, read_supply
from computenet.study.clearing.tables import SHOWN, Faults, Table
from computenet.study.clearing.topology import TopologyFacts
from computenet.study.clearing.ways import Ways, check_paths, find_ways
from computenet.study.clearing.words import note

__all__ = ["check_must_run", "read_all", "unknown_names"]

NOTHING = "nothing was cleared"


def read_all(
    supply: TableSource,
    demand: TableSource,
    paths: TableSource | None,
    facts: TopologyFacts | None,
    max_price: float | None,
    carbon: float,
) -> tuple[Supply, Demand, Ways]:
    """Read every table; all faults of all of them are told at once."""
    faults = Faults()
    for name, value in (("max_price", max_price), ("carbon_price", carbon)):
        if value is not None and not 0.0 <= value <= MOST:
            option = f"--{name.replace('_', '-')}"
            faults.problems.append(
                Problem(option, value, "is out of range", f"a number from 0 to {MOST:,.0f}")
            )
    tables = [
        None if source is None else read_table(source, name, columns, faults)
        for source, name, columns in (
            (supply, "supply", SUPPLY), (demand, "demand", DEMAND), (paths, "paths", PATHS),
        )
    ]  # fmt: skip
    sold = None if tables[0] is None else read_supply(tables[0], facts, faults)
    wanted = None if tables[1] is None else read_demand(tables[1], facts, max_price, faults)
    if sold is None or wanted is None:
        if tables[2] is not None:
            check_paths(tables[2], faults)
        raise InputError(faults.all(), NOTHING)
    ways = find_ways(
        list(wanted.regions), list(sold.sites), wanted.at, sold.at, facts, tables[2], faults
    )
    _check_names(tables, sold, wanted, facts, ways, faults)
    if faults.problems:
        raise InputError(faults.all(), NOTHING)
    return sold, wanted, ways


def _check_names(
    tables: list[Table | None],
    sold: Supply,
    wanted: Demand,
    facts: TopologyFacts | None,
    ways: Ways,
    faults: Faults,
) -> None:
    """Complain of regions and sites of which the network knows nothing."""
    supply, demand, paths = tables
    assert supply is not None
    assert demand is not None
    if not ways.known:
        for row in np.flatnonzero(np.isfinite(wanted.latency_ms)).tolist():
            faults.add(
                demand, row, "latency_ms", float(wanted.latency_ms[row]),
                "cannot be checked: nothing is known of the network",
                "--paths, --topology, or latitude and longitude in both tables",
            )  # fmt: skip
        return
    for table, column, index, names, at, of_facts in (
        (demand, "region", wanted.region, wanted.regions, wanted.at,
         None if facts is None else facts.region_index),
        (supply, "site", sold.site, sold.sites, sold.at,
         None if facts is None else facts.site_index),
    ):  # fmt: skip
        known = dict.fromkeys([*(of_facts or ()), *(paths.texts(column) if paths else ())])
        first = {int(i): row for row, i in reversed(list(enumerate(index.tolist())))}
        for i, name in enumerate(names):
            if name not in known and np.isnan(at[i]).any():
                faults.add(
                    table, first[i], column, name, "is not in the network",
                    ", ".join(known) or "one with latitude and longitude", nearest(name, known),
                )  # fmt: skip


def unknown_names(
    wanted: Demand, sold: Supply, ways: Ways, facts: TopologyFacts | None, lang: str
) -> list[str]:
    """Say which names of one table no other has, with what may have been meant.

    They are accepted types that nobody offers, offered types of which the topology would have to
    tell something and does not, and ends of listed ways.
    """
    offered = dict.fromkeys([*sold.accelerator, *(facts.kw if facts is not None else ())])
    accepted = dict.fromkeys(kind for item in wanted.accepted for kind in item.speeds)
    notes = [
        note("unknown_type", lang, kind=kind) + _meant(kind, offered, lang)
        for kind in accepted
        if kind not in offered
    ]
    if facts is not None:
        open_ = np.isnan(sold.speed) | (sold.facility_kw == 0.0)
        kinds = dict.fromkeys(kind for kind, o in zip(sold.accelerator, open_, strict=True) if o)
        notes += [
            note("no_facts", lang, kind=kind, topology=facts.name) + _meant(kind, facts.kw, lang)
            for kind in kinds
            if kind not in facts.kw
        ]
    for column, names, there in (
        ("region", ways.unused.get("region", []), wanted.regions),
        ("site", ways.unused.get("site", []), sold.sites),
    ):
        if names:
            shown = ", ".join(repr(name) + _meant(name, there, lang) for name in names[:SHOWN])
            more = note("more", lang, n=len(names) - SHOWN) if len(names) > SHOWN else ""
            notes.append(note(f"unused_{column}", lang, names=shown + more))
    return notes


def _meant(word: str, choices: Iterable[str], lang: str) -> str:
    near = nearest(word, choices)
    return note("meant", lang, kind=near) if near else ""


def check_must_run(wanted: Demand, sold: Supply, kinds: Kinds) -> None:
    """Raise for demands that must run and may not go to any pool."""
    problems = []
    for row in np.flatnonzero(wanted.must_run & (wanted.amount > 0.0)).tolist():
        blocked = kinds.blocked[kinds.of_demand[row]]
        if (blocked == 0).any():
            room = sold.count / kinds.use[kinds.of_demand[row]]
            largest = float(room[blocked == 0].max())
            if wanted.whole[row] == ONE_POOL and largest < wanted.amount[row]:
                problems.append(
                    Problem(
                        f"demand {wanted.ids[row]}", float(wanted.amount[row]),
                        "must run in one pool, and none that may serve it is large enough",
                        f"at most {largest:g}",
                    )
                )  # fmt: skip
            continue
        against = [name for name, mark in BLOCK_MARKS.items() if (blocked & mark).any()]
        problems.append(
            Problem(
                f"demand {wanted.ids[row]}", float(wanted.amount[row]),
                "must run, but no pool may serve it: "
                + (" and ".join(name.replace("_", " ") for name in against) or "there is no pool"),
            )
        )  # fmt: skip
    if problems:
        raise InputError(problems, "demand that must run cannot be met")
