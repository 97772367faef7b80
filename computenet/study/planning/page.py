"""What the page of a plan shows, from the plan and its verification."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from computenet.report.plan_view import PlanView, SimulatedView
from computenet.scenario.provenance import number_sources, planning_sources
from computenet.study.planning.outcome import TABLES, PlanOutcome

if TYPE_CHECKING:
    from computenet.scenario import Scenario
    from computenet.scenario.planning import PlanningSpec
    from computenet.study.planning.verification import Verification

__all__ = ["all_sources", "plan_view"]

#: Factors nearer to one than this are not told.
SAME = 5e-4


def plan_view(outcome: PlanOutcome) -> PlanView:
    """Return a plan as the page takes it."""
    from computenet import __version__

    found = outcome.verification
    return PlanView(
        scenario=outcome.inputs.scenario,
        planning=outcome.inputs.planning,
        stages=outcome.stages,
        years=tuple(stage.years for stage in outcome.inputs.planning.stages),
        objective_cny=outcome.objective_cny,
        bound_cny=outcome.bound_cny,
        gap=outcome.gap,
        status=outcome.status,
        seconds=outcome.seconds,
        tables={name: getattr(outcome, name) for name in TABLES}
        | {"sources": all_sources(outcome.inputs.planning, outcome.inputs.scenario)},
        simulated=None if found is None else _simulated(found),
        version=__version__,
        alternatives_asked=outcome.alternatives_asked,
    )


def all_sources(planning: PlanningSpec, scenario: Scenario) -> pd.DataFrame:
    """Return every number of planning data, topology and workload with source and grade."""
    rows = [*planning_sources(planning), *number_sources(scenario)]
    names = ("path", "field", "value", "unit", "source", "grade")
    return pd.DataFrame({name: [getattr(row, name) or "" for row in rows] for name in names})


def _simulated(found: Verification) -> SimulatedView:
    last, within = found.last, found.within
    return SimulatedView(
        gaps={
            "cost": last.cost_gap, "total_cost": last.total_cost_gap, "energy": last.energy_gap,
            "service": last.service_gap, "green": last.green_gap, "delay": last.delay,
        },
        within={
            "cost": within.cost, "energy": within.energy, "service": within.service,
            "green": within.green, "delay": within.delay,
        },
        agreed=found.agreed,
        targets_met=last.targets_met,
        policy=found.policy,
        rounds=found.table,
        derated=_derated(found),
        stages=last.stages,
        services=last.services,
        sites=last.sites,
        stopped=found.stopped,
    )  # fmt: skip


def _derated(found: Verification) -> list[tuple[int, str, str, float]]:
    """Return what each round's plan was made with, where it is not what the first one was."""
    rows = []
    for number, one in enumerate(found.rounds, 1):
        problem, by = one.outcome.inputs.problem, one.derating
        told = [
            ("room", name, float(by.room[c].max())) for c, name in enumerate(problem.demand.classes)
        ]
        told.append(("draw", "", float(by.draw[np.argmax(np.abs(by.draw - 1.0))])))
        told += [
            (what, "", float(getattr(by, what))) for what in ("own", "price", "peak", "network")
        ]
        rows += [(number, *row) for row in told if abs(row[2] - 1.0) > SAME]
        most = np.max(by.green, axis=1)
        rows += [
            (number, "green", name, float(most[i]))
            for i, name in enumerate(problem.sites.names)
            if most[i] > SAME
        ]
    return rows
