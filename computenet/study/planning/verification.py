"""Plans held against the simulator: the gap, what it says of the plan's assumptions, a new plan.

A plan is simulated (:mod:`.rounds` has the gaps that are taken), its assumptions are corrected by
what was seen (:mod:`.correction`), and it is made anew until the two agree or the rounds are over.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from computenet.errors import InputError, Problem, nearest
from computenet.optimization.expansion import expand
from computenet.optimization.solvers import SolverError
from computenet.policies import policy_names
from computenet.study.planning.correction import corrected
from computenet.study.planning.derating import Derating, derated
from computenet.study.planning.inputs import PlanInputs
from computenet.study.planning.outcome import PlanOutcome
from computenet.study.planning.planning import plan_notes
from computenet.study.planning.rounds import Agreement, Round, round_of
from computenet.study.planning.running import run_days
from computenet.study.planning.stage_days import day_tasks

__all__ = [
    "Agreement",
    "Round",
    "Verification",
    "VerificationProgress",
    "verification_problems",
    "verify",
]

F8 = NDArray[np.float64]

#: Service comes first where it is what is verified. What falls short is made up for by
#: accelerators, which cost far more than the power that a miss or an hour of waiting saves.
PARAMETERS: dict[str, dict[str, bool | int | float | str]] = {
    "matching": {"miss_cny": 0.04, "late_cny_per_accelerator_h": 0.2, "prices_every_h": 0.0}
}


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
    stopped
        Why there was no further round though one was due: no new plan could be made.
    """

    rounds: tuple[Round, ...]
    within: Agreement
    agreed: bool
    seconds: float = 0.0
    policy: str = ""
    stopped: str = ""

    @property
    def last(self) -> Round:
        """The round that stands."""
        return self.rounds[-1]

    @property
    def outcome(self) -> PlanOutcome:
        """The plan that stands, with this verification and its time."""
        seconds = self.rounds[0].outcome.seconds + self.seconds
        return replace(self.last.outcome, verification=self, seconds=seconds, _kept={})

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
            "stopped": self.stopped,
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
    InputError, RunError
        An argument or a simulation fails. Where no new plan can be made the rounds so far stand,
        and `Verification.stopped` says why.
    """
    asked = within or Agreement()
    if problems := verification_problems(asked, policy, rounds, warmup_h, workers):
        raise InputError(problems, "nothing was verified")
    began = time.perf_counter()
    inputs = outcome.inputs
    chosen = inputs.scenario.seed if seed is None else seed
    derating = Derating.none(inputs)
    found: list[Round] = []
    stopped = ""
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
        found.append(round_of(inputs, outcome, tasks, runs, derating))
        told(len(tasks))
        if found[-1].agrees(asked) or number == rounds:
            break
        told(0, number + 1, 0)
        derating = corrected(found, asked)
        try:
            outcome = _planned(outcome, derated(inputs, derating), gap, time_limit_s)
        except (InputError, SolverError) as error:
            stopped = str(error)
            break
    return Verification(
        tuple(found), asked, found[-1].agrees(asked), time.perf_counter() - began, policy, stopped
    )


def verification_problems(
    within: Agreement, policy: str, rounds: int, warmup_h: float = 6.0, workers: int = 1
) -> list[Problem]:
    """Return what is out of range or not known, of the parameters of `verify`."""
    from computenet.simulation import most_workers

    problems = within.problems()
    names = policy_names()
    if policy not in names:
        problems.append(
            Problem("policy", policy, "is no policy", ", ".join(names), nearest(policy, names))
        )
    for name, value, low, high in (
        ("rounds", rounds, 1, 20), ("warmup_h", warmup_h, 0, 240),
        ("workers", workers, 1, most_workers()),
    ):  # fmt: skip
        if not low <= value <= high:
            problems.append(Problem(name, value, "is out of range", f"{low} to {high}"))
    return problems


def _planned(
    before: PlanOutcome, inputs: PlanInputs, gap: float, time_limit_s: float | None
) -> PlanOutcome:
    found = expand(inputs.problem, gap=gap, time_limit_s=time_limit_s)
    none = {
        name: getattr(before, name).iloc[:0]
        for name in ("alternatives", "alternative_sites", "pareto")
    }
    notes = plan_notes(inputs, found)
    return replace(before, inputs=inputs, plan=found, notes=notes, **none, _kept={})
