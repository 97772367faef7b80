"""Scarce capacity divided fairly between regions, and placed at least cost."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from computenet.compiled import CompiledScenario
from computenet.optimization.fair_transport import max_min_transport
from computenet.optimization.fairness import alpha_fair, dominant_resource_fair
from computenet.policies.costs import (
    job_energy_mwh,
    job_transfer_cny,
    outside_circle_last,
    request_facility_mwh,
)
from computenet.policies.protocol import Plan, SystemView
from computenet.policies.shares import greedy_fill, greedy_plan, job_use, normal_rows, request_room

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
B1 = NDArray[np.bool_]

#: What finds no room is scarcity from this part of the demand on.
SCARCE = 1e-6
#: Least weight of a row over the largest: solvers take smaller coefficients for zero.
LEAST = 1e-6
#: Least alpha, and the least demand over the largest that it tells apart: shares go by the power
#: 1 / alpha of demand, and float64 holds no powers of more that differ so much.
LEAST_ALPHA, LEAST_DEMAND = 0.05, 1e-12


class Fair:
    """As `cheapest` while there is room for all; otherwise scarce capacity is divided fairly.

    Demand competes where it can use the same groups or pools: requests for one model, and jobs of
    all classes. Each region's share of that capacity follows from `measure`; what a region gets is
    placed at least cost. Demand beyond the share is not refused: it queues, see `overflow`.

    Parameters
    ----------
    measure
        ``max-min``: the least served first, per weight; ``proportional``: alpha-fair with alpha 1;
        a number from 0.05: alpha-fair with that alpha, each region's utility weighted by its
        demand, so 1 serves equal parts of all demands and a large alpha equal amounts, and demands
        under 1e-12 of the largest are weighted as that; ``drf``: a region's
        dominant share of all models' replicas and of the pools, so that who takes much of one
        thing gets less of another.
    weight
        Of regions under ``max-min`` and ``drf``. ``demand``: equal parts of what each asks for;
        ``equal``: equal amounts, so that small demands are met in full.
    order
        What placing minimises: ``cost`` or one-way ``latency``.
    headroom
        Share of a group's or pool's capacity that is divided.
    overflow
        Where requests beyond the share go. ``apart``: to the smallest group of the scarce model,
        which is kept for them, so that the shares themselves are served in time; ``together``: to
        the groups where their region has its share, those of regions without enough first, so that
        no capacity is left idle and everybody is late. Jobs always go together.
    respect_circle
        Whether requests stay within their latency circle while there is room in it.
    """

    def __init__(
        self,
        measure: Literal["max-min", "proportional", "drf"]
        | Annotated[float, Field(ge=LEAST_ALPHA)] = "max-min",
        weight: Literal["demand", "equal"] = "demand",
        order: Literal["cost", "latency"] = "cost",
        headroom: Annotated[float, Field(gt=0.0, le=1.0)] = 0.8,
        overflow: Literal["apart", "together"] = "apart",
        respect_circle: bool = True,
    ) -> None:
        self.measure = measure
        self.weight = weight
        self.order = order
        self.headroom = headroom
        self.overflow = overflow
        self.respect_circle = respect_circle

    def reset(self, compiled: CompiledScenario, seed: np.random.SeedSequence) -> None:
        """Forget everything: there is nothing to forget."""

    def plan(self, view: SystemView) -> Plan:
        """Fill in order of score; divide anew what turns out to be scarce."""
        requests, jobs = self._scores(view)
        plan = greedy_plan(view, requests, jobs, self.headroom)
        markets = _markets(view, requests, jobs, self.headroom, self.overflow == "apart")
        if not any(market.scarce for market in markets):
            return plan
        weights = self._weights(view, markets)
        request_shares, job_shares = plan.request_shares.copy(), plan.job_shares.copy()
        for market, weight in zip(markets, weights, strict=True):
            if market.scarce:
                shares = job_shares if market.of_jobs else request_shares
                shares[market.rows] = market.divide(weight)
        return Plan(request_shares, job_shares)

    def _scores(self, view: SystemView) -> tuple[F8, F8]:
        compiled = view.compiled
        if self.order == "latency":
            requests = view.rtt_s.copy()
            oneway = compiled.jobs.oneway_ms[:, compiled.pools.site]
            jobs = np.repeat(oneway, len(compiled.jobs.classes), axis=0)
        else:
            price = view.price_cny_per_mwh[compiled.pools.site]
            requests = (
                request_facility_mwh(view) * price[compiled.groups.pool]
                + compiled.requests.transfer_cny
            )
            jobs = job_energy_mwh(view) * price + job_transfer_cny(view)
        if self.respect_circle:
            requests = outside_circle_last(requests, view)
        return requests, jobs

    def _weights(self, view: SystemView, markets: list[_Market]) -> list[F8]:
        """Return each market's weights of rows, ``(rows,)``, by the measure."""
        regions = len(view.compiled.regions)
        if self.measure == "drf":
            return _dominant(markets, regions, self.weight == "demand")
        if self.measure == "max-min":
            return [
                market.work if self.weight == "demand" else np.ones(len(market.work))
                for market in markets
            ]
        alpha = 1.0 if self.measure == "proportional" else float(self.measure)
        out = []
        for market in markets:
            weight = market.work.copy()
            asked = market.work > 0.0
            if market.capacity > 0.0 and asked.any():
                work = market.work[asked]
                told_apart = np.maximum(work, LEAST_DEMAND * work.max())
                weight[asked] = alpha_fair(market.capacity, work, told_apart, alpha=alpha).amount
            out.append(weight)
        return out


class _Market:
    """Rows of demand that compete for the same groups or pools.

    `work` is demand in units of its best supply, so that amounts of different classes compare.
    """

    def __init__(
        self,
        rows: I8,
        region: I8,
        need: F8,
        open_arcs: B1,
        room: F8,
        use: F8,
        score: F8,
        *,
        of_jobs: bool,
        apart: bool,
    ) -> None:
        self.rows, self.region, self.of_jobs = rows, region, of_jobs
        self._open = open_arcs
        best = np.where(open_arcs, use, np.inf).min(axis=1, initial=np.inf)
        unit = np.where(np.isfinite(best), best, 1.0)
        self.work: F8 = np.where(np.isfinite(best), need * unit, 0.0)
        self._use = np.where(open_arcs, use / unit[:, None], 1.0)
        self._score = np.where(open_arcs, score / unit[:, None], 0.0)
        self._room = np.where(open_arcs.any(axis=0), room, 0.0)
        left = greedy_fill(self._score, open_arcs, self.work, self._room, self._use)[1]
        self.scarce = bool(left[self.work > 0.0].sum() > SCARCE * self.work.sum())
        #: The group that is kept for what is beyond the shares; -1 = none.
        self._late = -1
        if apart and self.scarce and np.count_nonzero(self._room) > 1:
            self._late = int(np.argmin(np.where(self._room > 0.0, self._room, np.inf)))
            self._room[self._late] = 0.0
        used = np.where(open_arcs, self._use, np.inf).min(axis=0, initial=np.inf)
        self.capacity = float((self._room / used).sum())

    def divide(self, weight: F8) -> F8:
        """Return the shares of the rows, ``(rows, G)``."""
        asked = self.work > 0.0
        floor = LEAST * float(weight[asked].max(initial=0.0)) or 1.0
        got = max_min_transport(
            self.work, self._room, self._open, use=self._use, cost=self._score,
            weight=np.where(asked, np.maximum(weight, floor), 1.0),
        )  # fmt: skip
        short = np.maximum(self.work - got.served, 0.0)
        short[short <= SCARCE * self.work] = 0.0
        # Beyond its share a row goes where only short ones are, or else where it has its share.
        content = (got.amount[short == 0.0] > 0.0).any(axis=0)
        alone = np.where(content, 0.0, got.amount)
        own = np.where(alone.any(axis=1, keepdims=True), alone, got.amount)
        spread = normal_rows(np.where(own.any(axis=1, keepdims=True), own, self._room), self._open)
        if self._late >= 0:
            may = self._open[:, self._late]
            spread[may] = 0.0
            spread[may, self._late] = 1.0
        placed = got.amount + short[:, None] * spread
        nothing = ~placed.any(axis=1, keepdims=True)
        shares: F8 = normal_rows(np.where(nothing, spread, placed), self._open)
        return shares


def _markets(
    view: SystemView, requests: F8, jobs: F8, headroom: float, apart: bool
) -> list[_Market]:
    """Return the markets of all models, then that of jobs."""
    compiled = view.compiled
    classes = len(compiled.requests.classes)
    row = np.arange(len(requests))
    model = compiled.requests.model_of_class[row % max(classes, 1)]
    room = request_room(view, headroom)
    out = []
    for number in range(len(compiled.requests.models)):
        rows, groups = np.flatnonzero(model == number), compiled.groups.model == number
        arcs = view.request_arc_open[rows] & groups
        out.append(
            _Market(
                rows, rows // classes, view.request_rate_per_s[rows], arcs, room,
                compiled.requests.replica_s[rows], requests[rows], of_jobs=False, apart=apart,
            )
        )  # fmt: skip
    rows = np.arange(len(jobs))
    pools = headroom * compiled.pools.accelerators.astype(np.float64)
    out.append(
        _Market(
            rows, rows // len(compiled.jobs.classes), view.job_load_accelerators,
            view.job_arc_open, pools, job_use(view), jobs, of_jobs=True, apart=False,
        )
    )  # fmt: skip
    return out


def _dominant(markets: list[_Market], regions: int, by_demand: bool) -> list[F8]:
    """Return weights of rows: their demands times the part of all its demands a region gets."""
    demand = np.stack(
        [np.bincount(m.region, weights=m.work, minlength=regions) for m in markets], axis=1
    )
    capacity = np.asarray([market.capacity for market in markets])
    share = (demand / np.where(capacity > 0.0, capacity, np.inf)).max(axis=1, initial=0.0)
    weight = np.where(share > 0.0, share, 1.0) if by_demand else np.ones(regions)
    part = dominant_resource_fair(demand, capacity, cap=1.0, weight=weight).tasks
    return [market.work * part[market.region] for market in markets]
