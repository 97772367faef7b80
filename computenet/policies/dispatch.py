"""Rolling-horizon dispatch: what is best over the next day decides what is done now."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from computenet.compiled import CompiledScenario
from computenet.errors import InputError, Problem
from computenet.optimization.dispatch import Dispatch, Dispatcher
from computenet.optimization.solvers import SolverError
from computenet.policies.dispatch_holds import JobHolds
from computenet.policies.dispatch_limits import DispatchLimits
from computenet.policies.dispatch_window import Horizon, WindowBuilder
from computenet.policies.forecast import ForecastName, make_forecaster
from computenet.policies.matching import MatchingPolicy
from computenet.policies.outlook import OutlookName
from computenet.policies.protocol import Plan, PriceRow, SystemView
from computenet.units import SECONDS_PER_HOUR

__all__ = ["DispatchPolicy"]

F8 = NDArray[np.float64]

#: Replicas kept beyond those that the dispatch needs, as a share of them.
REPLICA_MARGIN = 0.1


class DispatchPolicy:
    """A linear programme over the coming day or more, solved anew every hour.

    The dispatch (:mod:`computenet.optimization.dispatch`) weighs hours against each other: tariffs
    and demand charges, wind and sun, storage, jobs that may wait for their deadlines, and serving
    accelerators that may be lent to jobs while requests are few. What it decides for the present
    hour is carried out: set-points of storage, replicas lent, and jobs held back or let go. Within
    that, the matching of every epoch (:mod:`computenet.policies.matching`) splits requests and
    jobs.

    Parameters
    ----------
    window_h
        Hours looked ahead.
    every_h
        Hours between two solves, up to `window_h`.
    forecast
        What requests are expected: ``persistence``, ``seasonal``, ``perfect`` or another by name.
    hold_jobs
        Whether jobs with deadlines may be held back for cheaper hours.
    pace_jobs
        Whether no more of the jobs that may wait starts in an hour than the dispatch has at work
        then: less of a cheap hour is used, and others wait less behind them. With `hold_jobs`.
    tidal
        Whether serving accelerators may be lent to jobs; worth while where jobs wait for room.
    switch_cny
        Price of moving an accelerator between serving and jobs, CNY.
    miss_cny, late_cny_per_accelerator_h, carbon_cny_per_t, peak_hours, burst_cv, outlook
        As in ``matching``.
    carbon_cap_t_per_day
        Most location-based emissions from the start of the run, tonnes a day; what one day leaves
        the next may use. Where it cannot be met emissions are as low as can be. 0 = no cap.
    green_short_cny_per_mwh
        What a megawatt-hour is worth that a site is short of its ``targets.green_share_min``;
        0 = targets are not looked at. Not together with a cap: zones are either sites or the whole.

    Raises
    ------
    InputError
        There is no such forecast, both limits are asked for, solves are further apart than the
        window is long, or jobs are paced that are not held.
    """

    def __init__(
        self,
        window_h: Annotated[int, Field(ge=2, le=168)] = 24,
        every_h: Annotated[float, Field(gt=0.0, le=24.0)] = 1.0,
        forecast: ForecastName = "seasonal",
        hold_jobs: bool = True,
        pace_jobs: bool = False,
        tidal: bool = False,
        switch_cny: Annotated[float, Field(ge=0.0)] = 0.5,
        miss_cny: Annotated[float, Field(ge=0.0)] = 0.0001,
        late_cny_per_accelerator_h: Annotated[float, Field(ge=0.0)] = 0.02,
        carbon_cny_per_t: Annotated[float, Field(ge=0.0)] = 0.0,
        peak_hours: Annotated[float, Field(ge=0.0)] = 60.0,
        burst_cv: Annotated[float, Field(ge=0.0, le=2.0)] = 0.1,
        carbon_cap_t_per_day: Annotated[float, Field(ge=0.0)] = 0.0,
        green_short_cny_per_mwh: Annotated[float, Field(ge=0.0)] = 0.0,
        outlook: OutlookName = "persistence",
    ) -> None:
        problems = []
        if carbon_cap_t_per_day > 0.0 and green_short_cny_per_mwh > 0.0:
            problems.append(
                Problem("policy.parameters.green_short_cny_per_mwh", green_short_cny_per_mwh,
                        "does not go together with carbon_cap_t_per_day", "one of the two")
            )  # fmt: skip
        if every_h > window_h:
            problems.append(
                Problem("policy.parameters.every_h", every_h, "is longer than the window",
                        f"up to {window_h}, the window_h")
            )  # fmt: skip
        if pace_jobs and not hold_jobs:
            problems.append(
                Problem("policy.parameters.pace_jobs", pace_jobs, "paces jobs that are held only",
                        "false, or hold_jobs: true")
            )  # fmt: skip
        if problems:
            raise InputError(problems, "policy cannot be used")
        self.window_h = window_h
        self.every_h = every_h
        self.forecast = forecast
        self.hold_jobs = hold_jobs
        self.pace_jobs = pace_jobs
        self.tidal = tidal
        self.switch_cny = switch_cny
        self.miss_cny = miss_cny
        self.late_cny_per_accelerator_h = late_cny_per_accelerator_h
        self.carbon_cny_per_t = carbon_cny_per_t
        self.peak_hours = peak_hours
        self.burst_cv = burst_cv
        self.carbon_cap_t_per_day = carbon_cap_t_per_day
        self.green_short_cny_per_mwh = green_short_cny_per_mwh
        self.outlook = outlook
        self.sees_ahead = outlook == "perfect"
        self.wants_future = make_forecaster(forecast).wants_future
        self.lends = tidal

    def reset(self, compiled: CompiledScenario, seed: np.random.SeedSequence) -> None:
        """Forget everything."""
        self._matching = MatchingPolicy(
            "perfect" if self.wants_future else "persistence", self.miss_cny,
            self.late_cny_per_accelerator_h, self.carbon_cny_per_t, self.peak_hours, self.burst_cv,
            outlook=self.outlook,
        )  # fmt: skip
        self._matching.reset(compiled, seed)
        self._forecaster = make_forecaster(self.forecast)
        self._dispatcher = Dispatcher()
        self._limits = DispatchLimits(
            compiled, self.carbon_cny_per_t + compiled.energy.carbon_cny_per_t,
            self.carbon_cap_t_per_day or None, self.green_short_cny_per_mwh,
        )  # fmt: skip
        late_cny = self.late_cny_per_accelerator_h
        self._builder = WindowBuilder(compiled, self.miss_cny, late_cny, self._limits,
                                      self.switch_cny if self.tidal else float("inf"),
                                      self.outlook)  # fmt: skip
        self._holds = JobHolds(compiled, self._builder, late_cny, self.pace_jobs)
        self._solved_s = -np.inf
        self._network = b""
        self._horizon: Horizon | None = None
        self._dispatch: Dispatch | None = None
        self._notes: tuple[str, ...] = ()

    def plan(self, view: SystemView) -> Plan:
        """Solve the dispatch where an hour has passed, and the matching of the epoch."""
        self._forecaster.observe(view)
        self._notes = ()
        self._builder.observe(view)
        network = view.request_arc_open.tobytes() + view.circle_ok.tobytes()
        due = view.now_s >= self._solved_s + SECONDS_PER_HOUR * self.every_h - 1e-6
        if due or network != self._network:
            self._network = network
            self._solve(view)
        serving = self._serving(view) if self.tidal else None
        plan = self._matching.plan(view, serving, self._shadow(view))
        return self._complete(view, plan, serving)

    # ---- the window ---------------------------------------------------------------------------

    def _solve(self, view: SystemView) -> None:
        """Solve a window; where there is no answer the last one goes on, and the log says so."""
        hour_s = SECONDS_PER_HOUR
        edges_s = view.now_s + hour_s * np.arange(self.window_h + 1, dtype=np.float64)
        expected = self._forecaster.expect(view, edges_s)
        passed = max(round((view.now_s - self._solved_s) / hour_s), 0) if self._dispatch else 0
        self._solved_s = view.now_s
        try:
            horizon = self._builder.window(view, edges_s, expected)
            answer = self._dispatcher.solve(horizon.problem, passed)
        except (SolverError, InputError) as error:
            self._note(f"no dispatch was found, {self._goes_on()}: {error}")
            return
        if not answer.solved:
            self._note(f"no dispatch was found, {self._goes_on()}: {answer.why}")
            return
        if answer.why:
            self._note(f"dispatch: {answer.why}")
        self._horizon, self._dispatch = horizon, answer

    def _goes_on(self) -> str:
        return "the last one goes on" if self._dispatch is not None else "there is none"

    def _note(self, text: str) -> None:
        self._notes += (text,)

    def _slot(self, view: SystemView) -> int:
        """Return the slot of the window that it is now; the last where it is over."""
        assert self._horizon is not None
        edges_s = self._horizon.edges_s
        slot = int(np.searchsorted(edges_s, view.now_s + 1e-6, side="right")) - 1
        return min(max(slot, 0), len(edges_s) - 2)

    def _shadow(self, view: SystemView) -> F8 | None:
        """Return what the limits of the dispatch make of a megawatt-hour now, ``(I,)``."""
        answer, horizon = self._dispatch, self._horizon
        if answer is None or horizon is None or horizon.problem.green is None:
            return None
        emission = horizon.problem.green.emission_kg_per_mwh
        return self._limits.shadow_cny_per_mwh(answer, self._slot(view), emission)

    # ---- what is carried out ------------------------------------------------------------------

    def _complete(self, view: SystemView, plan: Plan, serving: F8 | None) -> Plan:
        """Add what the dispatch decided to the matching's plan."""
        compiled, answer, horizon = view.compiled, self._dispatch, self._horizon
        notes = self._notes + plan.notes
        if answer is None or horizon is None:
            nothing = np.zeros(len(compiled.sites.ids))
            return replace(plan, notes=notes, setpoint_mw=nothing)
        slot = self._slot(view)
        setpoint_mw = answer.setpoint_mw[slot]
        none = np.zeros(len(compiled.pools.ids))
        self._builder.store(setpoint_mw, none if serving is None else answer.lent[slot])
        hold, release = None, None
        if self.hold_jobs:
            hold, release = self._holds.decide(view, answer, horizon, slot)
        prices = plan.prices
        if view.now_s == self._solved_s:
            prices += tuple(
                PriceRow(f"power {name}", "CNY/MWh", float(value), float(value), float(value))
                for name, value in zip(
                    compiled.sites.ids, answer.power_cny_per_mwh[slot], strict=True
                )
            )
        return replace(
            plan,
            notes=notes,
            hold=hold,
            release_accelerator_s=release,
            setpoint_mw=setpoint_mw,
            serving_replicas=serving,
            prices=prices,
        )

    def _serving(self, view: SystemView) -> F8 | None:
        """Return the replicas that serve, ``(G,)``: those needed, where any are lent."""
        answer, horizon = self._dispatch, self._horizon
        if answer is None or horizon is None:
            return None
        compiled, slot = view.compiled, self._slot(view)
        groups, pools = compiled.groups, compiled.pools
        lent = answer.lent[slot]
        if not (lent >= 1.0).any():
            return None
        busy = horizon.busy_accelerators(answer, slot) * (1.0 + REPLICA_MARGIN)
        whole = groups.replicas_real.astype(np.float64)
        spare = np.maximum(whole * groups.accelerators_per_replica - busy, 0.0)
        total = np.zeros(len(pools.ids))
        np.add.at(total, groups.pool, spare)
        part = np.divide(lent, total, out=np.zeros_like(lent), where=total > 0.0)
        idle = spare * np.minimum(part, 1.0)[groups.pool]
        serving: F8 = np.clip(whole - idle / groups.accelerators_per_replica, 0.0, whole)
        # Whole simulated replicas, as they are carried out.
        k = compiled.sampling
        rounded: F8 = np.minimum(np.ceil(serving / k - 1e-9) * k, whole)
        return rounded
