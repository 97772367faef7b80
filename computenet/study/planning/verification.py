"""Plans held against the simulator: the gap, what it says of the plan's assumptions, a new plan.

Every stage of a plan is simulated on its representative days, request by request and job by job,
from the same scenario: the stage's layout with its grown demand. Four gaps are taken:

* cost      what a year's operation cost (electricity in all its parts, and network) over the plan's
* energy    electricity used over the plan's
* service   share of requests that would meet all objectives where they were served if nothing
            ever waited, less the share that did meet them; and the share within the latency circle
            that the plan promises, less the share there was: the larger of both, by class
* green     share of green electricity at sites with a target, plan less simulation; by site

A class whose service falls short gets more accelerators for the same load, jobs that wait too long
too; the power of accelerators is corrected by what was metered, and a site short of green energy
must plan for more. The plan is made anew until the two agree or the rounds are over.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from computenet.errors import InputError, Problem, nearest
from computenet.optimization.expansion import expand
from computenet.policies import policy_names
from computenet.study.planning.derating import Derating, derated
from computenet.study.planning.inputs import PlanInputs
from computenet.study.planning.outcome import PlanOutcome
from computenet.study.planning.running import run_days
from computenet.study.planning.simulated import DayRun, YearRun, year_of
from computenet.study.planning.simulated_tables import (
    services_table,
    sites_table,
    stages_table,
)
from computenet.study.planning.stage_days import DayTask, day_tasks

__all__ = ["Agreement", "Round", "Verification", "VerificationProgress", "verify"]

F8 = NDArray[np.float64]

#: Service comes first where it is what is verified: a missed objective costs the policy a fen.
PARAMETERS: dict[str, dict[str, bool | int | float | str]] = {"matching": {"miss_cny": 0.01}}
#: Most a class's accelerators are raised by in one round, and least where they are raised at all.
MOST_STEP, LEAST_STEP = 1.5, 1.02
#: Part of the tolerance that a correction aims at. Misses fall with load at least in proportion, so
#: accelerators are raised as misses must fall.
GOAL = 0.9
#: Part of the correction of power that is taken in one round.
DAMPING = 0.8


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
class VerificationProgress:
    """How far a verification is.

    Attributes
    ----------
    round
        Number of the plan, from 1.
    done, of
        Days simulated of all days; 0 of 0 = planning anew.
    last
        The round that ended last, with its gaps; nothing before the first has ended.
    seconds
        Wall time since the verification began.
    """

    round: int
    done: int
    of: int
    last: Round | None = field(default=None, compare=False, repr=False)
    seconds: float = field(default=0.0, compare=False)


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
        """Return whether plan and simulation agree."""
        return (
            abs(self.cost_gap) <= within.cost
            and abs(self.energy_gap) <= within.energy
            and self.service_gap <= within.service
            and self.green_gap <= within.green
            and self.delay <= within.delay
        )

    @property
    def targets_met(self) -> bool:
        """Whether the simulation meets the plan's targets of green energy and coverage."""
        green = self.sites["green_simulated"] >= self.sites["green_target"] - 5e-3
        used = self.sites["energy_gwh_simulated"] > 1e-6
        circle = self.services["within_circle"] >= self.services["coverage_target"] - 5e-3
        return bool((green | ~used).all()) and bool(circle.all())


@dataclass(frozen=True, slots=True)
class Verification:
    """Rounds of planning and simulating; the last one stands.

    Attributes
    ----------
    rounds
        In order.
    within
        What agreement was asked for.
    agreed
        Whether it was reached.
    seconds
        Wall time of simulations and new plans.
    """

    rounds: tuple[Round, ...]
    within: Agreement
    agreed: bool
    seconds: float = 0.0
    policy: str = ""

    @property
    def last(self) -> Round:
        """The round that stands."""
        return self.rounds[-1]

    @property
    def outcome(self) -> PlanOutcome:
        """The plan that stands, with this verification."""
        return replace(self.last.outcome, verification=self, _kept={})

    @property
    def table(self) -> pd.DataFrame:
        """Gaps by round."""
        return pd.DataFrame(
            [
                {
                    "round": number + 1, "cost_gap": one.cost_gap,
                    "total_cost_gap": one.total_cost_gap, "energy_gap": one.energy_gap,
                    "slo_gap": one.service_gap, "green_gap": one.green_gap,
                    "job_delay": one.delay, "objective_cny": one.outcome.objective_cny,
                    "targets_met": one.targets_met,
                }
                for number, one in enumerate(self.rounds)
            ]
        )  # fmt: skip

    def as_dict(self) -> dict[str, Any]:
        """Return what ``plan --verify --json`` prints under ``verified``."""
        last = self.last
        return {
            "cost_gap": last.cost_gap,
            "total_cost_gap": last.total_cost_gap,
            "slo_gap": last.service_gap,
            "energy_gap": last.energy_gap,
            "green_gap": last.green_gap,
            "job_delay": last.delay,
            "targets_met": last.targets_met,
            "agreed": self.agreed,
            "rounds": len(self.rounds),
            "policy": self.policy,
            "within": asdict(self.within),
        }


def verify(
    outcome: PlanOutcome,
    *,
    policy: str = "matching",
    seed: int | None = None,
    within: Agreement | None = None,
    rounds: int = 8,
    warmup_h: float = 6.0,
    gap: float = 0.01,
    time_limit_s: float | None = None,
    workers: int = 1,
    progress: Callable[[VerificationProgress], None] | None = None,
) -> Verification:
    """Simulate a plan, derate what it counted on, and plan anew until both agree.

    Parameters
    ----------
    policy
        Who schedules in the simulation.
    seed
        Of the demand; the scenario's own by default, the same in every round.
    within
        Agreement asked for.
    rounds
        Most simulations of a whole plan.
    warmup_h
        Hours simulated before each day and not counted.
    gap, time_limit_s
        Of new plans, as for `plan`.
    workers
        Processes that simulate; results do not depend on it.
    progress
        Called after every day, at the end of every round and before every new plan.

    Raises
    ------
    InputError, RunError, SolverError
        An argument, a simulation, or a new plan fails.
    """
    asked = within or Agreement()
    _check(asked, policy, rounds, warmup_h, workers)
    began = time.perf_counter()
    inputs = outcome.inputs
    chosen = inputs.scenario.seed if seed is None else seed
    derating = Derating.none(inputs)
    found: list[Round] = []
    for number in range(1, rounds + 1):
        tasks = [
            task
            for y, stage in enumerate(outcome.stages)
            for task in day_tasks(
                outcome.inputs, y, outcome.scenario(stage), policy=policy,
                parameters=PARAMETERS.get(policy, {}), seed=chosen, warmup_h=warmup_h,
            )
        ]  # fmt: skip

        def told(done: int, number: int = number, of: int = len(tasks)) -> None:
            if progress is not None:
                last = found[-1] if found else None
                seconds = time.perf_counter() - began
                progress(VerificationProgress(number, done, of, last, seconds))

        told(0)
        runs = run_days(tasks, workers, told)
        found.append(_round(inputs, outcome, tasks, runs, derating))
        told(len(tasks))
        if found[-1].agrees(asked) or number == rounds:
            break
        told(0, number + 1, 0)
        derating = _corrected(found[-1], asked)
        outcome = _planned(outcome, derated(inputs, derating), gap, time_limit_s)
    return Verification(
        tuple(found), asked, found[-1].agrees(asked), time.perf_counter() - began, policy
    )


def _check(within: Agreement, policy: str, rounds: int, warmup_h: float, workers: int) -> None:
    problems = within.problems()
    names = policy_names()
    if policy not in names:
        problems.append(
            Problem("policy", policy, "is no policy", ", ".join(names), nearest(policy, names))
        )
    for name, value, low, high in (
        ("rounds", rounds, 1, 20), ("warmup_h", warmup_h, 0, 240), ("workers", workers, 1, 1024),
    ):  # fmt: skip
        if not low <= value <= high:
            problems.append(Problem(name, value, "is out of range", f"{low} to {high}"))
    if problems:
        raise InputError(problems, "nothing was verified")


def _planned(
    before: PlanOutcome, inputs: PlanInputs, gap: float, time_limit_s: float | None
) -> PlanOutcome:
    found = expand(inputs.problem, gap=gap, time_limit_s=time_limit_s)
    none = {
        name: getattr(before, name).iloc[:0]
        for name in ("alternatives", "alternative_sites", "pareto")
    }
    return replace(before, inputs=inputs, plan=found, **none, _kept={})


def _round(
    first: PlanInputs,
    outcome: PlanOutcome,
    tasks: Sequence[DayTask],
    runs: Sequence[DayRun],
    derating: Derating,
) -> Round:
    years = []
    for y in range(len(outcome.stages)):
        mine = [k for k, task in enumerate(tasks) if task.stage == y]
        years.append(year_of([tasks[k] for k in mine], [runs[k] for k in mine]))
    return Round(
        outcome=outcome,
        years=tuple(years),
        derating=derating,
        stages=stages_table(outcome, years),
        services=services_table(outcome, years),
        sites=sites_table(first, outcome, years),
    )


def _corrected(last: Round, within: Agreement) -> Derating:
    """Return the assumptions of the next plan."""
    inputs, before = last.outcome.inputs, last.derating
    room = before.room.copy()
    services = [item.name for item in inputs.scenario.workload.service_classes]
    stages = list(last.outcome.stages)
    for row in last.services[["stage", "service_class", "gap"]].to_dict("records"):
        if float(row["gap"]) > within.service:
            lacking = float(row["gap"]) / (GOAL * within.service)
            at = services.index(str(row["service_class"])), stages.index(str(row["stage"]))
            room[at] *= min(max(lacking, LEAST_STEP), MOST_STEP)
    for y, delay in enumerate(last.stages["job_delay"].tolist()):
        if delay > within.delay:
            step = 1.0 + min(delay - within.delay, MOST_STEP - 1.0)
            room[len(services) :, y] *= max(step, LEAST_STEP)
    draw = before.draw
    if abs(last.energy_gap) > within.energy:
        planned = float(last.stages["energy_gwh_planned"].sum())
        ratio = float(last.stages["energy_gwh_simulated"].sum()) / max(planned, 1e-12)
        draw *= 1.0 + DAMPING * (ratio - 1.0)
    gaps = last.sites["green_gap"].fillna(0.0).to_numpy(np.float64)
    short: F8 = gaps.reshape(-1, len(inputs.problem.sites.names))
    asked = inputs.problem.energy.green_share > 0.0
    green = before.green + np.where(asked, np.maximum(short.T, 0.0), 0.0)
    price, peak, network = before.price, before.peak, before.network
    if abs(last.cost_gap) > within.cost:
        price *= _ratio(last, "grid energy")
        peak *= _ratio(last, "peak charge")
        network *= _ratio(last, "network")
    return Derating(room, draw, green, price, peak, network)


def _ratio(last: Round, part: str) -> float:
    """Return what a part cost over what was planned, all stages together."""
    planned = float(last.stages[f"{part} planned"].sum())
    simulated = float(last.stages[f"{part} simulated"].sum())
    if planned <= 0.0:
        return 1.0
    return min(max(simulated / planned, 1.0 / MOST_STEP), MOST_STEP)
