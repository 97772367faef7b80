"""One round of verification: a plan, its simulation, and the gaps between them.

Every stage of a plan is simulated on its representative days, request by request and job by job,
from the same scenario: the stage's layout with its grown demand. Five gaps are taken:

* cost      what a year's operation cost (electricity in all its parts, and network) over the plan's
* energy    electricity used over the plan's
* service   share of requests that would meet all objectives where they were served if nothing
            ever waited, less the share that did meet them; and the share within the latency circle
            that the plan promises, less the share there was: the larger of both, by class
* green     share of green electricity at sites with a target, plan less what it plans above the
            target for the simulation to lose, less simulation; by site
* delay     accelerator-hours that jobs wait over those that they run
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from computenet.errors import Problem
from computenet.study.planning.derating import Derating
from computenet.study.planning.inputs import PlanInputs
from computenet.study.planning.outcome import PlanOutcome
from computenet.study.planning.simulated import DayRun, YearRun, year_of
from computenet.study.planning.simulated_tables import (
    services_table,
    sites_table,
    stages_table,
)
from computenet.study.planning.stage_days import DayTask

__all__ = ["Agreement", "Round", "round_of"]

F8 = NDArray[np.float64]

#: Share by which a target may be missed in a simulation, of whole requests and whole replicas.
ROUNDING = 5e-3


@dataclass(frozen=True, slots=True)
class Agreement:
    """How near plan and simulation must come.

    Attributes
    ----------
    cost, energy
        Relative, either way.
    service, green
        Shares, that the simulation may fall short by.
    delay
        Accelerator-hours that jobs wait over those that they run.
    """

    cost: float = 0.05
    energy: float = 0.05
    service: float = 0.02
    green: float = 0.01
    delay: float = 1.0

    def problems(self) -> list[Problem]:
        """Return what is out of range."""
        return [
            Problem(f"tolerance.{name}", value, "is out of range", "above 0, at most 1")
            for name in ("cost", "energy", "service", "green", "delay")
            if not 0.0 < (value := float(getattr(self, name))) <= 1.0
        ]


@dataclass(frozen=True, slots=True)
class Round:
    """A plan and its simulation.

    Attributes
    ----------
    outcome
        The plan.
    years
        Its stages in the simulator.
    derating
        What the plan was made with.
    stages, services, sites
        Tables: by stage; by stage and service class; by stage and site. Each figure as planned, as
        simulated, and the gap.
    """

    outcome: PlanOutcome
    years: tuple[YearRun, ...]
    derating: Derating
    stages: pd.DataFrame
    services: pd.DataFrame
    sites: pd.DataFrame

    @property
    def cost_gap(self) -> float:
        """Simulated operation over planned, less 1, present values of all stages."""
        worth = self.outcome.inputs.problem.stages.worth
        planned, simulated = (
            float(worth @ self.stages[f"operation_cny_{name}"].to_numpy())
            for name in ("planned", "simulated")
        )
        return simulated / planned - 1.0 if planned > 0.0 else 0.0

    @property
    def total_cost_gap(self) -> float:
        """The same over all costs, investment included."""
        worth = self.outcome.inputs.problem.stages.worth
        more = self.stages["operation_cny_simulated"] - self.stages["operation_cny_planned"]
        return float(worth @ more.to_numpy()) / max(abs(self.outcome.objective_cny), 1e-12)

    @property
    def energy_gap(self) -> float:
        """Relative difference of electricity that is largest, of all stages."""
        gaps = self.stages["energy_gap"].to_numpy()
        return float(gaps[np.argmax(np.abs(gaps))]) if len(gaps) else 0.0

    @property
    def service_gap(self) -> float:
        """Largest shortfall of a class in a stage."""
        return float(self.services["gap"].max()) if len(self.services) else 0.0

    @property
    def green_gap(self) -> float:
        """Largest shortfall of a site with a target in a stage."""
        asked = self.sites[self.sites["green_target"] > 0.0]["green_gap"].dropna()
        return float(asked.max()) if len(asked) else 0.0

    @property
    def delay(self) -> float:
        """Largest waiting over running of jobs."""
        return float(self.stages["job_delay"].max())

    def agrees(self, within: Agreement) -> bool:
        """Return whether plan and simulation agree, and the simulation meets the targets."""
        return (
            self.targets_met
            and abs(self.cost_gap) <= within.cost
            and abs(self.energy_gap) <= within.energy
            and self.service_gap <= within.service
            and self.green_gap <= within.green
            and self.delay <= within.delay
        )

    @property
    def targets_met(self) -> bool:
        """Whether the simulation meets the plan's targets of green energy and coverage."""
        green = self.sites["green_simulated"] >= self.sites["green_target"] - ROUNDING
        used = self.sites["energy_gwh_simulated"] > 1e-6
        return bool((green | ~used).all()) and not (self.coverage_short > 0.0).any()

    @property
    def coverage_short(self) -> F8:
        """What is missing of a latency circle's target, by row of `services`; 0 = it is met."""
        target = self.services["coverage_target"].to_numpy(np.float64)
        short = target - self.services["within_circle"].to_numpy(np.float64)
        return np.where(short > ROUNDING, short, 0.0)


def round_of(
    first: PlanInputs,
    outcome: PlanOutcome,
    tasks: Sequence[DayTask],
    runs: Sequence[DayRun],
    derating: Derating,
) -> Round:
    """Return the round of a plan whose days were simulated."""
    years = []
    for y in range(len(outcome.stages)):
        mine = [k for k, task in enumerate(tasks) if task.stage == y]
        contracts = outcome.inputs.problem.energy.contract_share[:, y]
        years.append(year_of([tasks[k] for k in mine], [runs[k] for k in mine], contracts))
    return Round(
        outcome=outcome,
        years=tuple(years),
        derating=derating,
        stages=stages_table(outcome, years),
        services=services_table(outcome, years),
        sites=sites_table(first, outcome, years, derating.green),
    )
