"""Which variables and constraints a dispatch model has; the same for all windows of a run.

A window that fits the layout of the one before differs from it in numbers only, so the kept basis
can be used. Whatever may come and go from hour to hour (an outage, a cut, data that has arrived) is
therefore a bound, not a variable that is there or not.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from computenet.optimization.dispatch_problem import DispatchProblem

__all__ = ["Layout", "layout_of"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Layout:
    """Index sets of a model.

    Attributes
    ----------
    slots, months
        Counts; at least two months, so that a window that reaches a new one fits.
    work_stream, work_pool
        Pairs in which work runs.
    ship_stream, ship_site
        Pairs to which data may be shipped.
    ship_of_work
        For each pair of work the pair of shipping it draws on, -1 = none.
    row_of_demand
        ``(D,)`` demands with the same arcs and prices share a row.
    arcs
        Arcs kept: those of the first demand of each row.
    arc_row
        Their row.
    rows
        Number of rows of requests.
    groups
        Groups whose own capacity is a constraint besides their pool's.
    tidal
        Pools that may lend.
    bounded
        Whether any stream has a most parallelism.
    battery, charged
        Sites with storage, with a demand charge.
    green_import
        Sites whose import is told apart into green and other.
    targets, caps
        Zones with a green share, with a carbon cap.
    routes
        Rows of the routes' table that belong to `ship_stream`, and their pair.
    """

    slots: int
    months: int
    work_stream: I8
    work_pool: I8
    ship_stream: I8
    ship_site: I8
    ship_of_work: I8
    row_of_demand: I8
    arcs: I8
    arc_row: I8
    rows: int
    groups: I8
    tidal: I8
    bounded: bool
    battery: I8
    charged: I8
    green_import: I8
    targets: I8
    caps: I8
    routes: I8
    route_pair: I8

    def alike(self, other: Layout) -> bool:
        """Whether two layouts are equal but for the number of slots."""
        return all(
            np.array_equal(getattr(self, item.name), getattr(other, item.name))
            for item in fields(self)
            if item.name != "slots"
        )


def layout_of(problem: DispatchProblem, before: Layout | None = None) -> Layout:
    """Return the layout of a problem; pairs of shipping of `before` are kept where they suffice."""
    fleet, requests, work, data = problem.fleet, problem.requests, problem.work, problem.data
    power, green = problem.power, problem.green
    stream, pool = np.nonzero(work.speed > 0.0)
    ship_stream = ship_site = routes = route_pair = np.zeros(0, dtype=np.int64)
    ship_of_work = np.full(len(stream), -1)
    if data is not None:
        runs = np.zeros((len(work.names), len(fleet.sites)), dtype=np.bool_)
        runs[stream, fleet.pool_site[pool]] = True
        runs &= (data.gb_per_accelerator_h > 0.0)[:, None]
        wanted = runs & ~data.here
        if before is not None and before.work_stream.size == stream.size:
            kept = np.zeros_like(wanted)
            inside = (before.ship_stream < len(kept)) & (before.ship_site < kept.shape[1])
            kept[before.ship_stream[inside], before.ship_site[inside]] = True
            if not (wanted & ~kept).any() and not (kept & ~runs).any():
                wanted = kept
        ship_stream, ship_site = np.nonzero(wanted)
        pair = np.full(wanted.shape, -1)
        pair[ship_stream, ship_site] = np.arange(len(ship_stream))
        ship_of_work = pair[stream, fleet.pool_site[pool]]
        of_route = pair[data.route_stream, data.route_site]
        routes = np.flatnonzero(of_route >= 0)
        route_pair = of_route[routes]
    rows, row_of_demand, arcs, arc_row = _request_rows(problem)
    in_pool = np.bincount(requests.group_pool, minlength=len(fleet.pools))
    narrower = (
        requests.group_accelerators < fleet.serving_accelerators[:, requests.group_pool]
    ).any(axis=0)
    groups = np.flatnonzero((in_pool[requests.group_pool] > 1) | narrower)
    none = np.zeros(0, dtype=np.int64)
    targets = none if green is None else np.flatnonzero(green.share_min > 0.0)
    caps = none if green is None else np.flatnonzero(np.isfinite(green.carbon_cap_kg))
    told_apart = none
    if green is not None:
        told_apart = np.flatnonzero(
            np.isin(green.zone, targets)
            | (green.market_based & ((green.carbon_cny_per_t > 0.0) | np.isin(green.zone, caps)))
            | (green.premium_cny_per_mwh < 0.0).any(axis=0)
        )
    return Layout(
        slots=problem.slots,
        months=max(2, len(power.month_share)),
        work_stream=stream,
        work_pool=pool,
        ship_stream=ship_stream,
        ship_site=ship_site,
        ship_of_work=ship_of_work,
        row_of_demand=row_of_demand,
        arcs=arcs,
        arc_row=arc_row,
        rows=rows,
        groups=groups,
        tidal=np.flatnonzero(np.isfinite(fleet.switch_cny)),
        bounded=bool(np.isfinite(work.parallelism).any()),
        battery=np.flatnonzero((power.battery_mw > 0.0) & (power.battery_mwh > 0.0)),
        charged=np.flatnonzero(power.demand_charge_cny_per_mw > 0.0),
        green_import=told_apart,
        targets=targets,
        caps=caps,
        routes=routes,
        route_pair=route_pair,
    )


def _request_rows(problem: DispatchProblem) -> tuple[int, I8, I8, I8]:
    """Return rows of requests, the row of each demand, arcs kept and their rows.

    Two demands share a row where their arcs have the same groups, coefficients and open slots and
    leaving them unmet costs the same: the optimum is the same, and the split of the row is that of
    each of its demands.
    """
    requests = problem.requests
    order = np.lexsort((requests.arc_group, requests.arc_demand))
    first = np.searchsorted(requests.arc_demand[order], np.arange(len(requests.names) + 1))
    numbers = np.stack(
        [requests.arc_group, requests.arc_accelerator_s, requests.arc_it_mwh, requests.arc_cny]
    )
    seen: dict[bytes, int] = {}
    row_of_demand = np.zeros(len(requests.names), dtype=np.int64)
    arcs: list[I8] = []
    for demand in range(len(requests.names)):
        mine = order[first[demand] : first[demand + 1]]
        key = (
            requests.unmet_cny[demand].tobytes()
            + numbers[:, mine].tobytes()
            + requests.arc_open[:, mine].tobytes()
        )
        row = seen.setdefault(key, len(seen))
        row_of_demand[demand] = row
        if row == len(arcs):
            arcs.append(mine)
    kept = np.concatenate([*arcs, np.zeros(0, dtype=np.int64)])
    rows = np.repeat(np.arange(len(arcs)), [len(mine) for mine in arcs])
    return len(seen), row_of_demand, kept, rows
