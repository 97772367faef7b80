"""Match supply and demand once: read, clear, explain."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from computenet.arguments import checked
from computenet.errors import InputError, Problem, RunError
from computenet.optimization.clearing import Cleared, clear
from computenet.optimization.solvers import Status
from computenet.scenario import Scenario, load_scenario
from computenet.study.clearing.arcs import BLOCK_MARKS, Arcs, kinds_of, make_arcs
from computenet.study.clearing.figures import (
    allocation,
    binding,
    place,
    prices,
    settlement,
    unmet_table,
)
from computenet.study.clearing.inputs import check_must_run, read_all, unknown_names
from computenet.study.clearing.outcome import MatchOutcome
from computenet.study.clearing.reading import TableSource
from computenet.study.clearing.reasons import Unmet, rents_of, why_unmet
from computenet.study.clearing.sides import Demand, Supply
from computenet.study.clearing.topology import TopologyFacts, topology_facts
from computenet.study.clearing.ways import Ways
from computenet.study.clearing.words import note
from computenet.units import KWH_PER_MWH

__all__ = ["match"]

#: Arcs up to which classes of constraints are relaxed one by one to see what each would bring.
RELIEF_ARCS = 50_000


@checked("nothing was cleared")
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
        For demands that name none and need not run.
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
    _check(gap, time_limit_s, lang)
    facts = None
    if topology is not None:
        loaded = topology if isinstance(topology, Scenario) else load_scenario(topology)
        facts, _ = topology_facts(loaded)
    sold, wanted, ways = read_all(
        supply, demand, paths, facts, max_price_cny_per_accelerator_h, carbon_cny_per_t
    )
    notes = unknown_names(wanted, sold, ways, facts, lang)
    kinds = kinds_of(wanted, sold, ways, facts, carbon_cny_per_t)
    check_must_run(wanted, sold, kinds)
    arcs = make_arcs(wanted, sold, ways, kinds)
    cleared = clear(
        arcs.problem, arcs.bids, gap=gap, time_limit_s=time_limit_s,
        pool_mw=sold.facility_kw / KWH_PER_MWH,
    )  # fmt: skip
    _check_solved(cleared, time_limit_s)
    rents = rents_of(kinds, sold, ways, arcs, cleared.prices)
    reasons = why_unmet(wanted, sold, ways, kinds, rents, cleared.unmet)
    relief = _relief(
        reasons, arcs, cleared,
        lambda name: _relaxed(name, wanted, sold, ways, facts, carbon_cny_per_t),
        gap, time_limit_s, lang, notes,
    )  # fmt: skip
    placed = place(arcs, cleared)
    tables = (
        allocation(placed, wanted, sold, ways, kinds, rents),
        unmet_table(reasons, wanted, sold, cleared.unmet, lang),
        prices(sold, arcs, cleared, carbon_cny_per_t),
        settlement(placed, wanted, kinds, rents),
    )
    bound = binding(sold, ways, arcs, cleared)
    _note_prices(cleared, tables[2], lang, notes)
    summary = _summary(tables, bound, relief, wanted, cleared)
    return MatchOutcome(*tables, summary={**summary, "notes": notes}, notes=tuple(notes))


def _check(gap: float, time_limit_s: float | None, lang: str) -> None:
    problems = []
    if not 0.0 <= gap < 1.0:
        problems.append(Problem("gap", gap, "is out of range", "from 0 to below 1"))
    if time_limit_s is not None and not time_limit_s > 0.0:
        problems.append(Problem("time_limit_s", time_limit_s, "is out of range", "above 0 s"))
    if lang not in ("en", "zh"):
        problems.append(Problem("lang", lang, "is no language of the reasons", "en, zh"))
    if problems:
        raise InputError(problems, "nothing was cleared")


# ---- what is said of the solution ---------------------------------------------------------


def _check_solved(cleared: Cleared, time_limit_s: float | None) -> None:
    if cleared.status is Status.INFEASIBLE:
        raise InputError(
            [Problem("must_run", None, cleared.explanation, "less that must run, or more supply")],
            "demand that must run cannot be met",
        )
    if not cleared.solved:
        within = "" if time_limit_s is None else f" within {time_limit_s:g} s"
        raise RunError(f"no allocation with its prices was found{within}: {cleared.status}")


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
    lang: str,
    notes: list[str],
) -> dict[str, dict[str, float]]:
    """Return what relaxing one class of constraints for everybody would bring.

    The aim is the least cost, so less may be served for it: others are pushed out.
    """
    named = {name for item in reasons for name in (*item.helps, *item.blocks, item.reason)}
    classes = [name for name in (*BLOCK_MARKS, "capacity", "site_power", "link") if name in named]
    if classes and arcs.problem.n_arcs > RELIEF_ARCS:
        notes.append(note("no_relief", lang, n=RELIEF_ARCS))
        return {}
    out: dict[str, dict[str, float]] = {}
    for name in classes:
        other = relaxed(name)
        answer = clear(other.problem, other.bids, gap=gap, time_limit_s=time_limit_s, ranges=False)
        if answer.solved:
            out[name] = {
                "served": float(cleared.unmet.sum() - answer.unmet.sum()),
                "saved_cny_per_h": float(cleared.objective - answer.objective),
            }
    return out


def _note_prices(cleared: Cleared, table: pd.DataFrame, lang: str, notes: list[str]) -> None:
    if cleared.fixed:
        notes.append(note("fixed", lang))
    if cleared.status is not Status.OPTIMAL:
        gap = cleared.objective - cleared.bound
        notes.append(note("limit", lang, gap=gap) if np.isfinite(gap) else note("stopped", lang))
    count = int(table["degenerate"].sum())
    if count:
        notes.append(note("degenerate", lang, n=count))


def _summary(
    tables: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame],
    bound: list[dict[str, Any]],
    relief: dict[str, dict[str, float]],
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
        "bound_cny_per_h": float(cleared.bound) if np.isfinite(cleared.bound) else None,
    }


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows for JSON: what is no number is null."""
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in rows]
