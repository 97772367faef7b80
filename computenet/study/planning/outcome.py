"""A plan as tables in MW, accelerators, GWh and CNY, and as layouts and scenarios of its stages."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from computenet.optimization.expansion_plan import ExpansionPlan
from computenet.study.planning import tables
from computenet.study.planning.inputs import PlanInputs
from computenet.study.planning.layouts import stage_layout, stage_scenario
from computenet.study.planning.targets import PUE, target_table

if TYPE_CHECKING:
    import pandas as pd

    from computenet.report.view import Lang
    from computenet.scenario import Scenario
    from computenet.study.planning.verification import Verification

__all__ = ["MARK", "TABLES", "PlanOutcome"]

#: A directory is a plan when it holds this file, which is written last.
MARK = "plan.json"
#: Tables of a plan, by name; each is an attribute and a file ``NAME.csv``.
TABLES = (
    "sites", "accelerators", "links", "energy", "costs", "investment", "targets", "assignment",
    "binding", "alternatives", "alternative_sites", "pareto", "days", "sources",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PlanOutcome:
    """A plan and what it was made from.

    Attributes
    ----------
    inputs
        Scenario, planning data, representative days, and the problem in its own units.
    plan
        Arrays in the problem's units.
    sites, accelerators, links, energy
        By stage: halls, chips, plant and PUE of each site; chips of each type; waves and traffic of
        links that can fill; the year's electricity.
    costs, investment
        CNY a year, present values and money spent, by stage and part.
    targets
        Each target, its limit, the result and the margin (positive = met).
    assignment
        Share of each region's demand served at each site.
    binding
        Limits that the plan stands at.
    alternatives, alternative_sites, pareto
        Layouts that cost little more and differ most, and where their IT stands; cost against
        carbon and coverage. Empty unless asked for.
    days
        Representative days and what they stand for.
    sources
        Every number of the planning data with its source and grade.
    alternatives_asked
        Alternatives that were asked for; fewer may have been found.
    notes
        What a reader should know.
    verification
        What simulating the plan showed; nothing if it was not.
    """

    inputs: PlanInputs
    plan: ExpansionPlan
    alternatives: pd.DataFrame
    alternative_sites: pd.DataFrame
    pareto: pd.DataFrame
    alternatives_asked: int = 0
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    verification: Verification | None = None
    _kept: dict[str, Any] = field(default_factory=dict, repr=False)

    def _table(self, name: str) -> pd.DataFrame:
        if name not in self._kept:
            make = target_table if name == "targets" else getattr(tables, f"{name}_table")
            self._kept[name] = make(self.inputs, self.plan)
        table: pd.DataFrame = self._kept[name]
        return table

    @property
    def scenario_planned(self) -> Scenario:
        """The scenario the plan was made from."""
        return self.inputs.scenario

    @property
    def stages(self) -> tuple[str, ...]:
        """Names of the stages: their years."""
        return self.inputs.problem.stages.names

    @property
    def sites(self) -> pd.DataFrame:
        """Sites by stage."""
        return self._table("sites")

    @property
    def accelerators(self) -> pd.DataFrame:
        """Accelerators by stage, site and type."""
        return self._table("accelerators")

    @property
    def links(self) -> pd.DataFrame:
        """Links that can fill, by stage."""
        return self._table("links")

    @property
    def energy(self) -> pd.DataFrame:
        """The year's electricity by stage and site."""
        return self._table("energy")

    @property
    def costs(self) -> pd.DataFrame:
        """Cost by stage and part."""
        return self._table("costs")

    @property
    def investment(self) -> pd.DataFrame:
        """Money spent by stage and part."""
        return self._table("investment")

    @property
    def targets(self) -> pd.DataFrame:
        """Targets with limit, result and margin."""
        return self._table("targets")

    @property
    def assignment(self) -> pd.DataFrame:
        """Shares of demand by stage, region, stream and site."""
        return self._table("assignment")

    @property
    def binding(self) -> pd.DataFrame:
        """Limits the plan stands at."""
        return self._table("binding")

    @property
    def days(self) -> pd.DataFrame:
        """Representative days."""
        return self._table("days")

    @property
    def sources(self) -> pd.DataFrame:
        """Numbers of the planning data, their sources and grades."""
        return self._table("sources")

    @property
    def objective_cny(self) -> float:
        """Present value of all costs, CNY."""
        return self.plan.objective * 1e3 * self.inputs.problem.unit

    @property
    def bound_cny(self) -> float:
        """What no plan can go below, CNY."""
        return self.plan.bound * 1e3 * self.inputs.problem.unit

    @property
    def gap(self) -> float:
        """Relative gap between the two."""
        return self.plan.gap

    @property
    def status(self) -> str:
        """``optimal`` (within the gap asked for), ``time limit`` or ``search ended``."""
        return self.plan.status

    def layout(self, stage: str | int | None = None) -> dict[str, Any]:
        """Return the layout of a stage (the last one): a mapping over the topology planned.

        Raises
        ------
        InputError
            There is no such stage.
        """
        return stage_layout(self.inputs, self.plan, stage)

    def scenario(self, stage: str | int | None = None) -> Scenario:
        """Return the scenario of a stage (the last one): its topology, and the demand grown.

        Raises
        ------
        InputError
            There is no such stage.
        """
        return stage_scenario(self.inputs, self.plan, stage)

    def verify(self, **options: Any) -> PlanOutcome:
        """Return the plan on which planner and simulator agree, with its `verification`.

        Options and errors as of :func:`computenet.study.planning.verify`.
        """
        from computenet.study.planning.verification import verify

        return verify(self, **options).outcome

    def with_variants(self, **options: Any) -> PlanOutcome:
        """Return the plan with alternatives and fronts beside it.

        Options and errors as of :func:`computenet.study.planning.with_variants`.
        """
        from computenet.study.planning.planning import with_variants

        return with_variants(self, **options)

    def as_dict(self) -> dict[str, Any]:
        """Return the summary that ``--json`` prints."""
        last = self.sites[self.sites["stage"] == self.stages[-1]]
        columns = [
            "site", "open", "hub", "halls_new_mw", "accelerators", "pv_mw", "wind_mw", "battery_mw"
        ]  # fmt: skip
        is_pue = self.targets["target"] == PUE
        decided, given = self.targets[~is_pue], self.targets[is_pue]
        return {
            "objective_cny": self.objective_cny,
            "bound_cny": self.bound_cny,
            "gap": self.gap,
            "status": self.status,
            "wall_s": self.seconds,
            "stages": list(self.stages),
            "layout": json.loads(last[columns].to_json(orient="records")),
            "targets_met": bool(decided["met"].all()),
            "pue_caps_met": bool(given["met"].all()),
            "verified": None if self.verification is None else self.verification.as_dict(),
            "notes": list(self.notes),
        }

    def report(self, path: str | Path, lang: Lang = "en") -> Path:
        """Write the plan's page, one HTML file that needs no network, to `path`."""
        from computenet.report.plan_page import render_plan
        from computenet.results.storage import write_text
        from computenet.study.planning.page import plan_view

        out = Path(path)
        write_text(out, render_plan(plan_view(self), lang))
        return out

    def save(self, directory: str | Path, *, overwrite: bool = False, lang: Lang = "en") -> Path:
        """Write ``plan.json``, the page, every table, and each stage's layout into a directory.

        The directory appears under its name only when it is complete.

        Raises
        ------
        InputError
            The directory exists, and is no plan that `overwrite` may replace.
        """
        from computenet.results.storage import complete_directory
        from computenet.study.planning.saved import write_plan

        target = Path(directory)
        with complete_directory(target, overwrite=overwrite, mark=MARK) as folder:
            write_plan(self, folder, lang)
        return target
