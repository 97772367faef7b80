"""What the page of a plan needs of it, and of its simulation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from computenet.report.view import Lang, Names

if TYPE_CHECKING:
    import pandas as pd

    from computenet.scenario import Scenario
    from computenet.scenario.planning import PlanningSpec

__all__ = ["PlanView", "Row", "SimulatedView", "rows_of"]

Row = dict[str, Any]


def rows_of(table: pd.DataFrame, **equal: object) -> list[Row]:
    """Return the rows of a table in which columns have the given values."""
    for column, value in equal.items():
        table = table[table[column] == value]
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


@dataclass(frozen=True, slots=True)
class SimulatedView:
    """What simulating a plan showed.

    Attributes
    ----------
    gaps
        ``cost``, ``total_cost``, ``energy``, ``service``, ``green``, ``delay`` of the last round.
    within
        What agreement was asked for: ``cost``, ``energy``, ``service``, ``green``, ``delay``.
    agreed, targets_met
        Whether it was reached, and whether the simulation meets the plan's targets.
    policy
        Who scheduled.
    rounds
        Gaps by round.
    derated
        ``round, what, where, factor``: what each round's plan was made with, where it differs from
        the plan's own assumptions.
    stages, services, sites
        Figures planned and simulated by stage, by stage and class, by stage and site.
    stopped
        Why there was no further round though one was due.
    """

    gaps: Mapping[str, float]
    within: Mapping[str, float]
    agreed: bool
    targets_met: bool
    policy: str
    rounds: pd.DataFrame
    derated: Sequence[tuple[int, str, str, float]]
    stages: pd.DataFrame
    services: pd.DataFrame
    sites: pd.DataFrame
    stopped: str = ""


@dataclass(frozen=True)
class PlanView:
    """A plan as tables.

    Attributes
    ----------
    scenario, planning
        What was planned, and with which data.
    stages, years
        Names of the stages, and the years each stands for.
    objective_cny, bound_cny, gap, status, seconds
        Present cost, what no plan can go below, their relative gap, how it ended, wall time.
    tables
        ``sites, accelerators, links, energy, costs, investment, targets, assignment, binding,
        alternatives, alternative_sites, pareto, days, sources``.
    simulated
        Nothing if the plan was not simulated.
    version
        Of the program.
    alternatives_asked
        Alternatives that were asked for; fewer may have been found.
    """

    scenario: Scenario
    planning: PlanningSpec
    stages: tuple[str, ...]
    years: tuple[float, ...]
    objective_cny: float
    bound_cny: float
    gap: float
    status: str
    seconds: float
    tables: Mapping[str, pd.DataFrame]
    simulated: SimulatedView | None
    version: str
    alternatives_asked: int = 0

    def names(self, lang: Lang) -> Names:
        """Return how sites and regions are called."""
        return Names.of_topology(self.scenario.topology, lang)

    @cached_property
    def fp16_tflops(self) -> dict[str, float]:
        """Dense FP16 of each accelerator, TFLOPS."""
        return {one.id: float(one.fp16_tflops) for one in self.scenario.topology.accelerators}

    def chips(self, lang: Lang) -> dict[str, str]:
        """Return how accelerators are called."""
        kinds = self.scenario.topology.accelerators
        return {one.id: str(getattr(one.name, lang) or one.id) for one in kinds}

    def rows(self, table: str, **equal: object) -> list[Row]:
        """Return rows of a table."""
        return rows_of(self.tables[table], **equal)

    def eflops(self, column: str, stage: str | None = None) -> float:
        """Return the dense FP16 of accelerators ``bought`` or ``there``, EFLOPS."""
        table = self.tables["accelerators"]
        if stage is not None:
            table = table[table["stage"] == stage]
        each = table["accelerator"].map(self.fp16_tflops).astype(float)
        return float((table[column] * each).sum()) / 1e6

    def green_share(self, stage: str, *, hubs: bool = False) -> float:
        """Return green over all electricity of a stage; NaN where none is used."""
        energy = self.tables["energy"]
        energy = energy[energy["stage"] == stage]
        if hubs:
            sites = self.tables["sites"]
            chosen = sites[(sites["stage"] == stage) & sites["hub"]]["site"]
            energy = energy[energy["site"].isin(chosen)]
        own = energy["own_gwh"].sum() + energy["today_gwh"].sum()
        used = float(own + energy["import_gwh"].sum())
        green = float(own + energy["green_contract_gwh"].sum())
        return green / used if used > 1e-9 else float("nan")

    @property
    def unmet_share(self) -> float:
        """Part of all demand that is not served."""
        table = self.tables["assignment"]
        total = float(table["reference_accelerators"].sum())
        unmet = table[table["site"] == "unmet"]["reference_accelerators"].sum()
        return float(unmet) / total if total > 0.0 else 0.0
