"""Match supply and demand once: read, clear, explain."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from computenet.errors import InputError, Problem, RunError, nearest
from computenet.optimization.clearing import Cleared, clear
from computenet.optimization.solvers import Status
from computenet.scenario import Scenario, load_scenario
from computenet.study.clearing.arcs import BLOCK_MARKS, Arcs, Kinds, kinds_of, make_arcs
from computenet.study.clearing.figures import (
    allocation,
    binding,
    place,
    prices,
    settlement,
    unmet_table,
)
from computenet.study.clearing.outcome import MatchOutcome
from computenet.study.clearing.reasons import Unmet, rents_of, why_unmet
from computenet.study.clearing.schema import DEMAND, PATHS, SUPPLY
from computenet.study.clearing.sides import Demand, Supply, read_demand, read_supply
from computenet.study.clearing.tables import Faults, Table, TableSource, read_table
from computenet.study.clearing.topology import TopologyFacts, topology_facts
from computenet.study.clearing.ways import Ways, find_ways

__all__ = ["match"]

#: Arcs up to which classes of constraints are relaxed one by one to see what each would bring.
RELIEF_ARCS = 50_000
NOTHING = "nothing was cleared"


def match(
    supply: TableSource,
    demand: TableSource,
    *,
    topology: str | Scenario | None = None,
    paths: TableSource | None = None,
    max_price_cny_per_accelerator_h: float | None = None,
    carbon_cny_per_t: float = 0.0,
    gap: float = 1e-4,
    time_limit_s: float | None = 60.0,
    lang: str = "en",
) -> MatchOutcome:
    """Clear supply and demand once.

    The cheapest allocation is found by the hour: every demand starts now and holds its
    accelerators for its hours, and a demand is left out where serving it costs more, by the hour,
    than it pays (:mod:`computenet.optimization.clearing`).

    Parameters
    ----------
    supply, demand
        CSV files, data frames, columns by name, or rows; docs/match.md has the columns.
    topology
        A scenario (name, file or object) whose facts fill what the tables leave out.
    paths
        Ways between regions and sites.
    max_price_cny_per_accelerator_h
        For demands that name none.
    carbon_cny_per_t
        Price of carbon.
    gap
        Relative gap at which all-or-nothing decisions are good enough.
    time_limit_s
        Of each solve.
    lang
        Language of the reasons, ``en`` or ``zh``.

    Raises
    ------
    InputError
        With every fault of the tables, or with the constraints that keep must-run demand out.
    RunError
        The time limit was reached before there was a solution.
    """
    facts = None
    if topology is not None:
        loaded = topology if isinstance(topology, Scenario) else load_scenario(topology)
        facts, _ = topology_facts(loaded)
    sold, wanted, ways, notes = _read(
        supply, demand, paths, facts, max_price_cny_per_accelerator_h, carbon_cny_per_t
    )
    kinds = kinds_of(wanted, sold, ways, facts, carbon_cny_per_t)
    _check_must_run(wanted, sold, kinds)
    arcs = make_arcs(wanted, sold, ways, kinds)
    cleared = clear(arcs.problem, arcs.bids, gap=gap, time_limit_s=time_limit_s)
    _check_solved(cleared, time_limit_s)
    rents = rents_of(kinds, sold, ways, arcs, cleared.prices)
    reasons = why_unmet(wanted, sold, kinds, rents, cleared.unmet)
    relief = _relief(
        reasons, arcs, cleared,
        lambda name: _relaxed(name, wanted, sold, ways, facts, carbon_cny_per_t),
        gap, time_limit_s, notes,
    )  # fmt: skip
    placed = place(arcs, cleared, wanted)
    tables = (
        allocation(placed, wanted, sold, ways, kinds, rents),
        unmet_table(reasons, wanted, sold, cleared.unmet, lang),
        prices(sold, arcs, cleared),
        settlement(placed, wanted, kinds, rents),
    )
    bound = binding(sold, ways, arcs, cleared)
    _note_prices(cleared, tables[2], notes)
    summary = _summary(tables, bound, relief, wanted, cleared)
    return MatchOutcome(*tables, summary={**summary, "notes": notes}, notes=tuple(notes))


# ---- input --------------------------------------------------------------------------------


def _read(
    supply: TableSource,
    demand: TableSource,
    paths: TableSource | None,
    facts: TopologyFacts | None,
    max_price: float | None,
    carbon: float,
) -> tuple[Supply, Demand, Ways, list[str]]:
    """Read every table; all faults of all of them are told at once."""
    faults = Faults()
    for name, value in (("max_price", max_price), ("carbon_price", carbon)):
        if value is not None and not 0.0 <= value < np.inf:
            option = f"--{name.replace('_', '-')}"
            faults.problems.append(
                Problem(option, value, "is out of range", "a number of at least 0")
            )
    tables = [
        None if source is None else read_table(source, name, columns, faults)
        for source, name, columns in (
            (supply, "supply", SUPPLY), (demand, "demand", DEMAND), (paths, "paths", PATHS),
        )
    ]  # fmt: skip
    sold = None if tables[0] is None else read_supply(tables[0], facts, faults)
    wanted = None
    if sold is not None and tables[1] is not None:
        wanted = read_demand(tables[1], facts, max_price, faults)
    if sold is None or wanted is None:
        raise InputError(faults.all(), NOTHING)
    ways = find_ways(
        list(wanted.regions), list(sold.sites), wanted.at, sold.at, facts, tables[2], faults
    )
    _check_names(tables, sold, wanted, facts, ways, faults)
    if faults.problems:
        raise InputError(faults.all(), NOTHING)
    return sold, wanted, ways, _unknown_types(wanted, sold, facts)


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


def _unknown_types(wanted: Demand, sold: Supply, facts: TopologyFacts | None) -> list[str]:
    """Say which accepted types nobody offers, with what may have been meant."""
    offered = dict.fromkeys([*sold.accelerator, *(facts.kw if facts is not None else ())])
    notes = []
    for kind in dict.fromkeys(kind for item in wanted.accepted for kind in item.speeds):
        if kind not in offered:
            near = nearest(kind, offered)
            notes.append(
                f"demand accepts {kind!r}, which no pool has"
                + (f"; did you mean {near!r}?" if near else "")
            )
    return notes


# ---- no solution --------------------------------------------------------------------------


def _check_must_run(wanted: Demand, sold: Supply, kinds: Kinds) -> None:
    """Raise for demands that must run and may not go to any pool."""
    problems = []
    for row in np.flatnonzero(wanted.must_run & (wanted.amount > 0.0)).tolist():
        blocked = kinds.blocked[kinds.of_demand[row]]
        if (blocked == 0).any():
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


def _check_solved(cleared: Cleared, time_limit_s: float | None) -> None:
    if cleared.status is Status.INFEASIBLE:
        raise InputError(
            [Problem("must_run", None, cleared.explanation, "less that must run, or more supply")],
            "demand that must run cannot be met",
        )
    if not cleared.solved:
        raise RunError(f"no allocation was found within {time_limit_s:g} s: {cleared.status}")


# ---- what is said of the solution ---------------------------------------------------------


def _relaxed(
    name: str,
    wanted: Demand,
    sold: Supply,
    ways: Ways,
    facts: TopologyFacts | None,
    carbon: float,
) -> Arcs:
    """Return the problem without one class of constraints."""
    if name == "capacity":
        sold = replace(sold, count=np.full(len(sold.count), np.inf))
    elif name == "site_power":
        sold = replace(sold, site_mw=np.full(len(sold.site_mw), np.inf))
    elif name == "link":
        ways = replace(ways, link_gbps=np.full(len(ways.link_gbps), np.inf))
    kinds = kinds_of(wanted, sold, ways, facts, carbon, ignore=BLOCK_MARKS.get(name, 0))
    return make_arcs(wanted, sold, ways, kinds)


def _relief(
    reasons: list[Unmet],
    arcs: Arcs,
    cleared: Cleared,
    relaxed: Any,
    gap: float,
    time_limit_s: float | None,
    notes: list[str],
) -> dict[str, float]:
    """Return how much more is served when one class of constraints is relaxed for everybody."""
    named = {name for item in reasons for name in (*item.helps, *item.blocks, item.reason)}
    classes = [name for name in (*BLOCK_MARKS, "capacity", "site_power", "link") if name in named]
    if classes and arcs.problem.n_arcs > RELIEF_ARCS:
        notes.append(
            f"what relaxing a class of constraints for everybody would bring was not computed: "
            f"there are more than {RELIEF_ARCS:,} combinations of demand and pool"
        )
        return {}
    out = {}
    for name in classes:
        other = relaxed(name)
        answer = clear(other.problem, other.bids, gap=gap, time_limit_s=time_limit_s, ranges=False)
        if answer.solved:
            out[name] = float(cleared.unmet.sum() - answer.unmet.sum())
    return out


def _note_prices(cleared: Cleared, table: pd.DataFrame, notes: list[str]) -> None:
    if cleared.fixed:
        notes.append(
            "some demands take all or nothing: prices hold for the others once those are decided"
        )
    if cleared.status is not Status.OPTIMAL:
        notes.append(
            "the time limit was reached: the allocation is feasible, and at most "
            f"{cleared.objective - cleared.bound:,.6g} CNY an hour dearer than the best"
        )
    count = int(table["degenerate"].sum())
    if count:
        notes.append(
            f"{count} price{'s are' if count > 1 else ' is'} degenerate: any value of the range "
            "supports the allocation"
        )


def _summary(
    tables: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame],
    bound: list[dict[str, Any]],
    relief: dict[str, float],
    wanted: Demand,
    cleared: Cleared,
) -> dict[str, Any]:
    allocated, unmet, priced, settled = tables
    cost = settled[["ask_cny", "energy_cny", "carbon_cny", "network_cny"]].to_numpy().sum()
    rents = settled[["capacity_rent_cny", "power_rent_cny", "link_rent_cny"]].to_numpy().sum()
    return {
        "served": float(allocated["reference_accelerators"].sum()),
        "unmet": float(cleared.unmet.sum()),
        "cost_cny": float(cost),
        "prices": _rows(priced),
        "binding": bound,
        "demands": {
            "all": len(wanted.ids),
            "served": int(((cleared.unmet == 0.0) & (wanted.amount > 0.0)).sum()),
            "served_in_part": int(((cleared.unmet > 0.0) & (cleared.unmet < wanted.amount)).sum()),
            "unmet": int(((cleared.unmet > 0.0) & (cleared.unmet >= wanted.amount)).sum()),
        },
        "unmet_by_reason": {
            str(name): float(part) for name, part in unmet.groupby("reason")["unmet"].sum().items()
        },
        "relief": relief,
        "charge_cny": float(settled["charge_cny"].sum()),
        "rents_cny": float(rents),
        "uplift_cny": float(settled["uplift_cny"].sum()),
        "paid_cny": float(settled["paid_cny"].sum()),
        "energy_mwh": float(settled["energy_mwh"].sum()),
        "carbon_kg": float(settled["carbon_kg"].sum()),
        "status": str(cleared.status),
        "objective_cny_per_h": float(cleared.objective),
        "bound_cny_per_h": float(cleared.bound),
    }


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows for JSON: what is no number is null."""
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in rows]
