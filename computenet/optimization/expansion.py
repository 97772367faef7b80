"""Capacity expansion: what to build where and when, at the least present cost, with a bound.

Small problems are one whole-number model (HiGHS); larger ones are decomposed by site and stage
(:mod:`.expansion_benders`): the relaxation gives a lower bound, its openings are rounded at low
thresholds and everything else is solved again, which gives a plan; where the two are still apart,
the investment side with all cuts is solved as a whole-number model, which raises the bound and
proposes other openings. Every plan carries the gap that was reached.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from computenet.optimization.expansion_benders import MISSED, Decomposition, Found, Infeasible
from computenet.optimization.expansion_conflicts import contradictions, shortfalls
from computenet.optimization.expansion_energy import SiteYear
from computenet.optimization.expansion_model import Investment
from computenet.optimization.expansion_plan import ExpansionPlan, decode
from computenet.optimization.expansion_problem import ExpansionProblem
from computenet.optimization.expansion_rounding import THRESHOLDS, openings, waves_up
from computenet.optimization.expansion_whole import whole_model
from computenet.optimization.solvers import SolverError, Status, relative_gap, solve

__all__ = ["METHODS", "ExpansionProgress", "Planner", "chosen_method", "expand"]

F8 = NDArray[np.float64]

#: Ways to solve a problem: as one model, or decomposed by site and stage.
METHODS = ("whole", "benders")
#: Relative gap of plans that show how much a limit needs.
NEEDED = 0.01
#: Sites times stages times hours up to which a problem is solved as one model.
SMALL = 600
#: Part of the gap asked for that the relaxation and each rounding may leave.
PART = 0.2
#: Seconds and rounds of the investment side as a whole-number model.
MIP_SECONDS, MIP_ROUNDS = 60.0, 6


class ExpansionProgress(NamedTuple):
    """How far a solve is: what it does, rounds, cost so far and bound, in the problem's money."""

    step: str
    rounds: int
    cost: float
    bound: float
    seconds: float


@dataclass(slots=True)
class _Clock:
    began: float
    limit_s: float | None

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.began

    @property
    def deadline(self) -> float:
        return np.inf if self.limit_s is None else self.began + self.limit_s

    @property
    def left_s(self) -> float:
        return self.deadline - time.perf_counter()


def expand(
    problem: ExpansionProblem,
    *,
    gap: float = 0.01,
    time_limit_s: float | None = None,
    method: str = "auto",
    progress: Callable[[ExpansionProgress], None] | None = None,
) -> ExpansionPlan:
    """Return a plan whose cost is within `gap` of the least, or the best one in time.

    Parameters
    ----------
    gap
        Relative gap between the plan's cost and its bound.
    time_limit_s
        Wall time; the result then depends on the machine's speed, and its gap says how far it is.
    method
        ``"whole"``: one model; ``"benders"``: decomposed; ``"auto"``: by size.
    progress
        Called now and then.

    Raises
    ------
    InputError
        Arrays cannot be used, or targets contradict each other: which, and by how much.
    SolverError
        A solver fails, or time ends before there is any plan.
    """
    problem.check()
    if method == "auto":
        method = chosen_method(problem)
    if method not in METHODS:
        raise ValueError(f"no method {method!r}; there are auto, {', '.join(METHODS)}")
    if method == "benders":
        return Planner(problem).solve(gap=gap, time_limit_s=time_limit_s, progress=progress)
    clock = _Clock(time.perf_counter(), time_limit_s)
    try:
        plan = _whole(problem, gap, clock)
    except Infeasible:
        model = whole_model(problem).model
        raise contradictions(problem, model, _again(method, clock)) from None
    shortfalls(problem, plan, _again(method, clock))
    return plan


def chosen_method(problem: ExpansionProblem) -> str:
    """Return how `expand` solves a problem of this size: ``whole`` or ``benders``."""
    size = len(problem.sites.names) * len(problem.stages.names) * problem.energy.hours
    return "whole" if size <= SMALL else "benders"


def _again(method: str, clock: _Clock) -> Callable[[ExpansionProblem], ExpansionPlan | None]:
    """Return what plans a problem in the time that is left, or finds no plan: ``None``."""

    def plan(problem: ExpansionProblem) -> ExpansionPlan | None:
        if clock.left_s <= 0.0:
            return None
        left = None if clock.limit_s is None else clock.left_s
        try:
            if method == "whole":
                return _whole(problem, NEEDED, _Clock(time.perf_counter(), left))
            return Planner(problem).search(gap=NEEDED, time_limit_s=left)
        except (Infeasible, SolverError):
            return None

    return plan


def _whole(problem: ExpansionProblem, gap: float, clock: _Clock) -> ExpansionPlan:
    whole = whole_model(problem)
    answer = solve(whole.model, "highs", time_limit_s=clock.limit_s, gap=gap)
    if answer.status is Status.INFEASIBLE:
        raise Infeasible
    if not answer.solved:
        raise SolverError(f"no plan was found in {clock.seconds:.0f} s")
    years = _site_years(problem)
    return decode(
        problem, whole.investment, answer.x[: _side(whole.investment)], years, bound=answer.bound,
        method="whole", seconds=clock.seconds, rounds=1,
        status="optimal" if answer.status is Status.OPTIMAL else "time limit",
    )  # fmt: skip


def _side(investment: Investment) -> int:
    return max(block.first + block.size for block in investment.columns.values())


def _site_years(problem: ExpansionProblem) -> list[SiteYear]:
    carbon = bool(np.isfinite(problem.limits.carbon).any())
    return [
        SiteYear(problem, i, y, carbon)
        for i in range(len(problem.sites.names))
        for y in range(len(problem.stages.names))
    ]


class Planner:
    """A decomposed problem that is kept: solved again with other targets, it starts from its cuts.

    Parameters
    ----------
    problem
        What is planned.
    carbon
        Keep emissions as a link though no cap is set, so that one can be set later.
    begin
        A planner of the same problem that was solved: its cuts hold here too.
    """

    def __init__(
        self, problem: ExpansionProblem, *, carbon: bool = False, begin: Planner | None = None
    ) -> None:
        problem.check()
        self.problem = problem
        self.side = Decomposition(problem, carbon)
        if begin is not None:
            self.side.add_cuts(begin.side.cuts)
        columns = self.side.investment.columns
        self._begun, self._waves = columns["begun"], columns["waves"]
        self._progress: Callable[[ExpansionProgress], None] | None = None
        self._clock = _Clock(time.perf_counter(), None)
        self._bound = -np.inf
        self._rounds = 0

    def solve(
        self,
        *,
        gap: float = 0.01,
        time_limit_s: float | None = None,
        progress: Callable[[ExpansionProgress], None] | None = None,
    ) -> ExpansionPlan:
        """Return a plan; parameters and errors as for `expand`."""
        try:
            plan = self.search(gap=gap, time_limit_s=time_limit_s, progress=progress)
        except Infeasible:
            again = _again("benders", self._clock)
            raise contradictions(self.problem, self.side.model, again) from None
        shortfalls(self.problem, plan, _again("benders", self._clock))
        return plan

    def search(
        self,
        *,
        gap: float = 0.01,
        time_limit_s: float | None = None,
        progress: Callable[[ExpansionProgress], None] | None = None,
    ) -> ExpansionPlan:
        """Return a plan, which may miss power, green shares or caps; parameters as for `expand`.

        Raises
        ------
        Infeasible
            Targets contradict each other; why is not looked for.
        SolverError
            A solver fails, or time ends before there is any plan.
        """
        self._clock, self._progress = _Clock(time.perf_counter(), time_limit_s), progress
        self._rounds, self._bound = 0, -np.inf
        relaxed = self._converge(gap, "relaxation")
        self._bound = relaxed.bound
        best: Found | None = None
        tried: set[bytes] = set()
        source = relaxed
        for threshold in THRESHOLDS:
            # Each pass leaves out what the last one hardly used, while that pays.
            begun = openings(self.part_used(source.x), threshold)
            found = self._fixed(begun, gap, tried)
            if found is None or (best is not None and found.cost >= best.cost):
                if best is not None:
                    break
                continue
            best = source = found
            if self._clock.left_s <= 0.0:
                break
        best = self._search(best, gap, tried)
        if best is None:
            raise SolverError(f"no plan was found in {self._clock.seconds:.0f} s")
        if best.missed > MISSED * abs(best.cost) and self._clock.left_s <= 0.0:
            raise SolverError(
                f"no plan that meets every target was found in {self._clock.seconds:.0f} s"
            )
        status = "optimal" if self._gap(best) <= gap + 1e-12 else "time limit"
        if status != "optimal" and self._clock.left_s > 0.0:
            status = "search ended"
        return self.plan_of(best.x, status)

    def plan_of(self, x: F8, status: str) -> ExpansionPlan:
        """Return the plan of a point of the investment side, with the last bound."""
        return decode(
            self.problem, self.side.investment, x, self.side.years, bound=self._bound,
            method="benders", seconds=self._clock.seconds, rounds=self._rounds, status=status,
        )  # fmt: skip

    def _gap(self, found: Found) -> float:
        return relative_gap(found.cost, self._bound)

    def part_used(self, x: F8) -> F8:
        """Return new halls finished in each stage over the site's most, ``(I, Y)``."""
        most = np.maximum(self.problem.sites.most_halls.max(axis=1), 1e-12)[:, None]
        part: F8 = np.maximum(self.side.investment.columns["halls"].of(x), 0.0) / most
        return part

    def _better(self, one: Found | None, other: Found | None) -> Found | None:
        if one is None or other is None:
            return one if other is None else other
        return one if one.cost <= other.cost else other

    def _report(self, step: str) -> Callable[[Found], None]:
        def report(found: Found) -> None:
            if self._progress is not None:
                self._progress(
                    ExpansionProgress(
                        step, self._rounds + found.rounds, found.cost,
                        max(self._bound, found.bound if step == "relaxation" else -np.inf),
                        self._clock.seconds,
                    )
                )  # fmt: skip

        return report

    def _fixed(
        self, begun: F8, gap: float, tried: set[bytes], waves: F8 | None = None
    ) -> Found | None:
        """Return the best plan with given openings, ``None`` where there is none or it was tried.

        Without `waves`, those that the openings want are rounded up.
        """
        key = begun.tobytes() + (b"" if waves is None else waves.tobytes())
        if key in tried:
            return None
        tried.add(key)
        opens, lit = self._begun.index().reshape(-1), self._waves.index().reshape(-1)
        try:
            self.side.fix(opens, begun.reshape(-1))
            found: Found | None = None
            if waves is None:
                found = self._converge(gap, "openings fixed")
                waves = waves_up(self._waves, found.x)
            if self._waves.size or found is None:
                self.side.fix(lit, waves.reshape(-1))
                found = self._converge(gap, "waves fixed")
        except Infeasible:
            return None
        finally:
            self.side.release(opens)
            self.side.release(lit)
        return found

    def _converge(self, gap: float, step: str) -> Found:
        found = self.side.converge(PART * gap, self._clock.deadline, report=self._report(step))
        self._rounds += found.rounds
        return found

    def _search(self, best: Found | None, gap: float, tried: set[bytes]) -> Found | None:
        """Raise the bound and try other openings with the side as a whole-number model."""
        for _ in range(MIP_ROUNDS):
            if best is not None and self._gap(best) <= gap:
                break
            seconds = min(MIP_SECONDS, self._clock.left_s)
            if seconds <= 0.0:
                break
            answer = solve(self.side.with_cuts(), "highs", time_limit_s=seconds, gap=PART * gap)
            if answer.status is Status.INFEASIBLE:
                raise Infeasible
            self._bound = max(self._bound, answer.bound)
            if not answer.solved:
                break
            begun, waves = (np.rint(block.of(answer.x)) for block in (self._begun, self._waves))
            other = self._fixed(begun, gap, tried, waves)
            if other is None:
                break
            best = self._better(best, other)
        return best
