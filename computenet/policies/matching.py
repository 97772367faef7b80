"""Supply and demand matched by a linear programme at every control epoch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from computenet.compiled import CompiledScenario
from computenet.optimization.matcher import Matcher
from computenet.optimization.matching import (
    Congestion,
    Matching,
    MatchingProblem,
    SitePower,
)
from computenet.optimization.solvers import SolverError
from computenet.policies.costs import (
    held_price_cny_per_mwh,
    job_energy_mwh,
    job_transfer_cny,
    request_facility_mwh,
)
from computenet.policies.expected_cost import expected_cny
from computenet.policies.forecast import ForecastName, make_forecaster
from computenet.policies.fullness import LEVELS, decode_s, miss_slope, queue_slope
from computenet.policies.link_limits import LinkLimits
from computenet.policies.misses import idle_misses, prefill_s
from computenet.policies.outlook import OutlookName
from computenet.policies.plan_prices import carbon_kg, plan_prices
from computenet.policies.protocol import Plan, PriceRow, SystemView
from computenet.policies.shares import job_use, normal_rows, request_capacity, sites_up
from computenet.policies.site_power import PowerSteps, own_power_mw, power_steps
from computenet.units import KG_PER_TONNE, SECONDS_PER_HOUR

__all__ = ["MatchingPolicy"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
B1 = NDArray[np.bool_]

#: An unmet unit costs this many times the dearest unit that is met.
UNMET = 4.0


@dataclass(frozen=True, slots=True)
class _Network:
    """What depends on the network only, until a link or a site changes."""

    idle: F8  # (D, G) misses at an idle replica
    slope: F8  # (G, levels - 1) CNY an hour per replica kept busy


class MatchingPolicy:
    """The cheapest split of all demand over all supply, by linear programming.

    Every epoch one linear programme (:mod:`computenet.optimization.matching`) matches requests to
    groups of replicas and jobs to pools at least cost an hour: energy at the coming prices, a
    site's own wind and sun before the grid (:mod:`computenet.policies.site_power`), network, carbon
    at its price, requests that miss their service objective and jobs that wait. The fuller a group
    or pool, the dearer its next unit, by queueing theory. Traffic of requests and jobs' data stays
    within the links, whose rents are among the prices. The data plane carries the split out request
    by request.

    Parameters
    ----------
    forecast
        What requests are expected: ``persistence``, ``seasonal``, ``perfect`` or another by name.
    miss_cny
        What a request is worth that misses its objective, CNY.
    late_cny_per_accelerator_h
        What an accelerator-hour of waiting jobs is worth, CNY.
    carbon_cny_per_t
        Price of carbon that decisions take into account, besides what the scenario charges.
    peak_hours
        Hours of a month over which the demand charge of a higher peak is spread; 0 = peaks are not
        looked at.
    prices_every_h
        Hours between two sets of prices with their ranges; 0 = none.
    burst_cv
        Coefficient of variation of demand within an epoch that groups leave room for.
    outlook
        What is expected of wind, sun, cooling and the grid: ``persistence``, or ``perfect`` for
        what will come (:mod:`computenet.policies.outlook`).
    """

    def __init__(
        self,
        forecast: ForecastName = "persistence",
        miss_cny: Annotated[float, Field(ge=0.0)] = 0.0001,
        late_cny_per_accelerator_h: Annotated[float, Field(ge=0.0)] = 0.02,
        carbon_cny_per_t: Annotated[float, Field(ge=0.0)] = 0.0,
        peak_hours: Annotated[float, Field(ge=0.0)] = 60.0,
        burst_cv: Annotated[float, Field(ge=0.0, le=2.0)] = 0.1,
        prices_every_h: Annotated[float, Field(ge=0.0)] = 24.0,
        outlook: OutlookName = "persistence",
    ) -> None:
        self.forecast = forecast
        self.miss_cny = miss_cny
        self.late_cny_per_accelerator_h = late_cny_per_accelerator_h
        self.carbon_cny_per_t = carbon_cny_per_t
        self.peak_hours = peak_hours
        self.burst_cv = burst_cv
        self.prices_every_h = prices_every_h
        self.outlook = outlook
        self.sees_ahead = outlook == "perfect"
        self._forecaster = make_forecaster(forecast)
        self.wants_future = self._forecaster.wants_future

    def reset(self, compiled: CompiledScenario, seed: np.random.SeedSequence) -> None:
        """Forget everything."""
        self._forecaster = make_forecaster(self.forecast)
        self._known: tuple[bytes, _Network] | None = None
        self._last: Plan | None = None
        self._matcher = Matcher()
        self._links = LinkLimits()
        self._priced_s = -np.inf
        self._shadow_cny_per_mwh: F8 | None = None
        self._steps: PowerSteps | None = None
        self._own_mw: F8 | None = None

    def plan(
        self, view: SystemView, replicas: F8 | None = None, shadow_cny_per_mwh: F8 | None = None
    ) -> Plan:
        """Solve the matching for the coming epoch.

        Parameters
        ----------
        replicas
            ``(G,)`` real replicas that serve; ``None`` = all.
        shadow_cny_per_mwh
            ``(I,)`` what a megawatt-hour is worth beyond its price, until the next call: shadow
            prices of limits that the matching does not see; ``None`` = nothing.
        """
        self._shadow_cny_per_mwh = shadow_cny_per_mwh
        self._forecaster.observe(view)
        edges_s = np.asarray([view.now_s, view.now_s + view.epoch_s])
        rate = self._forecaster.expect(view, edges_s).request_rate_per_s[0]
        problem = self.problem(view, rate, replicas)
        try:
            answer = self._matcher.solve(problem)
        except SolverError as error:
            return self._without_answer(view, str(error))
        if not answer.solved:
            return self._without_answer(view, answer.explanation or str(answer.status))
        plan = self._as_plan(view, problem, answer, replicas)
        self._last = plan
        return plan

    # ---- the problem --------------------------------------------------------------------------

    def problem(self, view: SystemView, rate: F8, replicas: F8 | None = None) -> MatchingProblem:
        """Return the matching problem of an epoch: CNY an hour, requests a second, accelerators.

        Parameters
        ----------
        rate
            ``(D,)`` expected requests a second.
        replicas
            ``(G,)`` real replicas that serve; ``None`` = all.
        """
        compiled = view.compiled
        groups, pools = len(compiled.groups.ids), len(compiled.pools.ids)
        demands = len(rate)
        network = self._network(view)
        d, g = np.nonzero(view.request_arc_open)
        q, p = np.nonzero(view.job_arc_open)
        request_cny = self._request_cny(view, network)[d, g]
        job_cny = self._job_cny(view)[q, p]
        use = np.maximum(prefill_s(view), decode_s(view))
        up = sites_up(view)
        dearest = [float(values.max(initial=1e-6)) for values in (request_cny, job_cny)]
        steepest = [float(network.slope.max(initial=0.0)), self.late_cny_per_accelerator_h]
        unmet = UNMET * np.asarray(
            [dearest[0] + steepest[0] * float(use[d, g].max(initial=0.0)),
             dearest[1] + 2.0 * steepest[1]]
        )  # fmt: skip
        n_jobs = len(view.job_load_accelerators)
        arc_cny = np.concatenate([request_cny, job_cny])
        self._own_mw = own_mw = own_power_mw(view, self.outlook)
        carbon_cny = self._carbon_cny_per_mwh(view)
        steps = power_steps(view, up, own_mw, carbon_cny, self.peak_hours, self.outlook)
        self._steps = steps
        power = None
        if steps is not None:
            power = _site_power(view, steps, (d, g), (q, p))
            at = np.concatenate([power.pool_site[g], power.pool_site[p + groups]])
            arc_cny -= power.arc_mw * steps.saving_cny[at]
        serving = compiled.groups.replicas_real if replicas is None else replicas
        traffic, links = self._links.traffic(view, rate, (d, g), (q, p))
        return MatchingProblem(
            demand=np.concatenate([rate, view.job_load_accelerators]),
            unmet_cny=np.repeat(unmet, [demands, n_jobs]),
            arc_demand=np.concatenate([d, q + demands]).astype(np.int32),
            arc_pool=np.concatenate([g, p + groups]).astype(np.int32),
            arc_use=np.concatenate([use[d, g], job_use(view)[q, p]]),
            arc_cny=arc_cny,
            capacity=np.concatenate(
                [
                    serving * up[compiled.pools.site[compiled.groups.pool]],
                    compiled.pools.accelerators * up[compiled.pools.site],
                ]
            ).astype(np.float64)
            * LEVELS[-1],
            congestion=Congestion(
                np.tile(np.diff(LEVELS) / LEVELS[-1], (groups + pools, 1)),
                np.concatenate([network.slope, queue_slope(view, self.late_cny_per_accelerator_h)]),
            ),
            power=power,
            traffic=traffic,
            link_names=links,
            site_names=2 * compiled.sites.ids,
            pool_names=(*compiled.groups.ids, *compiled.pools.ids),
        )

    def _request_cny(self, view: SystemView, network: _Network) -> F8:
        """Return the cost of a request a second for an hour, ``(D, G)``, CNY/h."""
        compiled = view.compiled
        site = compiled.pools.site[compiled.groups.pool]
        more = self._carbon_cny_per_mwh(view) + self._shadow(view)
        energy = request_facility_mwh(view) * (view.price_cny_per_mwh + more)[site]
        each: F8 = energy + compiled.requests.transfer_cny + self.miss_cny * network.idle
        return SECONDS_PER_HOUR * each

    def _carbon_cny_per_mwh(self, view: SystemView) -> F8:
        price = self.carbon_cny_per_t + view.compiled.energy.carbon_cny_per_t
        cost: F8 = price / KG_PER_TONNE * view.carbon_kg_per_mwh
        return cost

    def _shadow(self, view: SystemView) -> F8:
        """Return what limits that the matching does not see add to a megawatt-hour, ``(I,)``."""
        shadow = self._shadow_cny_per_mwh
        return np.zeros(len(view.compiled.sites.ids)) if shadow is None else shadow

    def _job_cny(self, view: SystemView) -> F8:
        """Return the cost of a reference accelerator for an hour, ``(Q, P)``, CNY/h."""
        compiled = view.compiled
        more = self._carbon_cny_per_mwh(view) + self._shadow(view)
        price = held_price_cny_per_mwh(view, self.outlook)[:, compiled.pools.site]  # (C, P)
        every = np.tile(price, (len(compiled.regions), 1)) + more[compiled.pools.site]
        cost: F8 = SECONDS_PER_HOUR * (job_energy_mwh(view) * every + job_transfer_cny(view))
        return cost

    def _network(self, view: SystemView) -> _Network:
        """Return misses and their slopes, computed anew only where the network changed."""
        key = view.rtt_s.tobytes() + view.circle_ok.tobytes() + view.request_arc_open.tobytes()
        if self._known is None or self._known[0] != key:
            made = _Network(idle_misses(view), miss_slope(view, self.miss_cny, self.burst_cv))
            self._known = (key, made)
        return self._known[1]

    # ---- the answer ---------------------------------------------------------------------------

    def _as_plan(
        self, view: SystemView, problem: MatchingProblem, answer: Matching, replicas: F8 | None
    ) -> Plan:
        compiled = view.compiled
        demands, groups = view.request_arc_open.shape
        flow = np.zeros((problem.n_demands, problem.n_pools))
        flow[problem.arc_demand, problem.arc_pool] = np.maximum(answer.flow, 0.0)
        requests, jobs = flow[:demands, :groups], flow[demands:, groups:]
        unmet = np.maximum(answer.unmet, 0.0)
        # A demand of zero goes where a little of it would go: to its cheapest arc.
        requests = requests + _first_choice(requests, view.request_arc_open, problem, 0)
        jobs = jobs + _first_choice(jobs, view.job_arc_open, problem, demands)
        spread = normal_rows(request_capacity(view), view.request_arc_open)
        requests = requests + unmet[:demands, None] * spread
        size = np.broadcast_to(compiled.pools.accelerators.astype(np.float64), jobs.shape)
        jobs = jobs + unmet[demands:, None] * normal_rows(size, view.job_arc_open)
        hours = view.epoch_s / SECONDS_PER_HOUR
        prices, notes = self._prices(view, problem, answer)
        serving = compiled.groups.replicas_real.astype(np.float64) if replicas is None else replicas
        return Plan(
            normal_rows(requests, view.request_arc_open),
            normal_rows(jobs, view.job_arc_open),
            notes=notes,
            prices=prices,
            objective_cny=answer.objective * hours,
            bound_cny=answer.bound * hours,
            expected_cny=hours
            * expected_cny(view, sites_up(view), self._own_mw, requests, jobs, serving),
        )

    def _prices(
        self, view: SystemView, problem: MatchingProblem, answer: Matching
    ) -> tuple[tuple[PriceRow, ...], tuple[str, ...]]:
        """Return prices where they are due: finding their ranges takes a hundred small solves.

        Where they are not found a note says so, and they are due at the next epoch.
        """
        every_s = SECONDS_PER_HOUR * self.prices_every_h
        if not every_s or view.now_s < self._priced_s + every_s - 1e-6:
            return (), ()
        try:
            rows = plan_prices(view, problem, answer, *carbon_kg(view, problem, self._steps))
        except SolverError as error:
            return (), (f"no prices were found, the next epoch tries again: {error}",)
        self._priced_s = view.now_s
        return rows, ()

    def _without_answer(self, view: SystemView, why: str) -> Plan:
        """Return the last good plan on the arcs that are open, and say so."""
        last = self._last
        if last is None:
            requests, jobs = np.ones(view.request_arc_open.shape), np.ones(view.job_arc_open.shape)
            what = "demand is spread evenly"
        else:
            requests, jobs = last.request_shares, last.job_shares
            what = "the last plan goes on"
        return replace(
            last or Plan(requests, jobs),
            request_shares=normal_rows(requests, view.request_arc_open),
            job_shares=normal_rows(jobs, view.job_arc_open),
            notes=(f"no matching was found, {what}: {why}",),
            prices=(),
            expected_cny=float("nan"),
            objective_cny=float("nan"),
            bound_cny=float("nan"),
        )


def _site_power(
    view: SystemView, steps: PowerSteps, requests: tuple[I8, I8], jobs: tuple[I8, I8]
) -> SitePower:
    """Return what arcs draw at the annual PUE; where there is own plant jobs have their own rows.

    Parameters
    ----------
    requests, jobs
        Open arcs: demands and groups, demands and pools.
    """
    p, annual = view.compiled.pools, view.compiled.sites.pue
    of_group = p.site[view.compiled.groups.pool]
    of_jobs = len(steps.limit_mw) - len(annual)
    mwh = request_facility_mwh(view, annual)[requests], job_energy_mwh(view, annual)[jobs]
    return SitePower(
        np.concatenate([of_group, p.site + of_jobs]),
        SECONDS_PER_HOUR * np.concatenate(mwh),
        steps.limit_mw,
        steps.excess_cny,
        steps.excess_mw,
    )


def _first_choice(flow: F8, open_arcs: B1, problem: MatchingProblem, first: int) -> F8:
    """Return a trace of flow on the cheapest arc of every row that has none."""
    empty = (flow.sum(axis=1) <= 0.0) & open_arcs.any(axis=1)
    out = np.zeros_like(flow)
    if empty.any():
        cost = np.full((problem.n_demands, problem.n_pools), np.inf)
        cost[problem.arc_demand, problem.arc_pool] = problem.arc_cny
        offset = 0 if first == 0 else problem.n_pools - flow.shape[1]
        block = cost[first : first + len(flow), offset : offset + flow.shape[1]]
        rows = np.flatnonzero(empty)
        out[rows, np.argmin(block[rows], axis=1)] = 1.0
    return out
