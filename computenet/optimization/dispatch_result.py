"""What a dispatch model decided: shares, accelerators, set-points, prices, and what gave way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from computenet.optimization.conflicts import Conflict
from computenet.optimization.dispatch_model import DispatchModel
from computenet.optimization.dispatch_problem import DispatchProblem
from computenet.optimization.solvers import Solution, Status, relative_gap

__all__ = ["Dispatch", "read_dispatch"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]

#: Slack below this share of what it relaxes, or of 1, is rounding.
ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Dispatch:
    """Decisions of a window. Without a solution every array is NaN; see `status` and `why`.

    Attributes
    ----------
    status
        How the solve ended: a limit that was reached is ``FEASIBLE`` or ``NO_SOLUTION``.
    why
        In words, where there is no solution or something gave way; else empty.
    objective_cny, bound_cny
        Value of the decisions, and a lower bound on any.
    seconds, iterations
        Of building and solving.
    warm
        Whether the solve went on from the basis of the window before.
    served_per_s
        ``(T, A)`` requests a second by arc.
    unmet_per_s
        ``(T, D)``.
    training
        ``(T, J, P)`` accelerators at work.
    backlog_accelerator_h, late_accelerator_h
        ``(T, J)`` work left, and the part that is late, at the end of the slot.
    shipped_gb, buffer_gb
        ``(T, J, I)``; what lies at the site at the end of the slot.
    import_mw, green_import_mw, generation_mw, unserved_mw
        ``(T, I)``; green import is part of import.
    charge_mw, discharge_mw, stored_mwh
        ``(T, I)``.
    lent
        ``(T, P)`` serving accelerators that jobs hold.
    compute_cny, serving_cny
        ``(T, P)`` what one more accelerator for jobs, for serving, would save in an hour.
    power_cny_per_mwh
        ``(T, I)`` what one more megawatt-hour of facility load would cost.
    link_cny_per_gb
        ``(T, L)`` what one more gigabyte of the link would save.
    green_cny_per_mwh, carbon_cny_per_t
        ``(Z,)`` what one more megawatt-hour of green energy asked for, one tonne less under the
        cap, would cost.
    relaxed
        Constraints that could not be met at less than the price of giving way, and by how much.

    Prices are duals of one optimal basis. Where several are optimal (a degenerate optimum) another
    basis may give others; each is a valid sub-gradient of the optimum.
    """

    status: Status
    why: str
    objective_cny: float
    bound_cny: float
    seconds: float
    iterations: int
    warm: bool
    served_per_s: F8
    unmet_per_s: F8
    training: F8
    backlog_accelerator_h: F8
    late_accelerator_h: F8
    shipped_gb: F8
    buffer_gb: F8
    import_mw: F8
    green_import_mw: F8
    generation_mw: F8
    unserved_mw: F8
    charge_mw: F8
    discharge_mw: F8
    stored_mwh: F8
    lent: F8
    compute_cny: F8
    serving_cny: F8
    power_cny_per_mwh: F8
    link_cny_per_gb: F8
    green_cny_per_mwh: F8
    carbon_cny_per_t: F8
    relaxed: tuple[Conflict, ...]

    @property
    def solved(self) -> bool:
        """Whether there is a solution."""
        return self.status in (Status.OPTIMAL, Status.FEASIBLE)

    @property
    def gap(self) -> float:
        """Relative gap between objective and bound."""
        return relative_gap(self.objective_cny, self.bound_cny)

    @property
    def setpoint_mw(self) -> F8:
        """Battery set-points ``(T, I)``: discharge, negative = charge."""
        net: F8 = self.discharge_mw - self.charge_mw
        return net

    @property
    def starts(self) -> F8:
        """Accelerators set to work beyond those of the slot before, ``(T, J, P)``."""
        before = np.concatenate([np.zeros_like(self.training[:1]), self.training[:-1]])
        more: F8 = np.maximum(self.training - before, 0.0)
        return more

    def request_shares(self, problem: DispatchProblem, slot: int = 0) -> F8:
        """Return the shares of each demand by group in a slot, ``(D, G)``.

        Rows add up to the share that is served, to 1 where nothing is left unmet. A demand without
        requests in the slot has the shares of the next slot in which it has some; a demand that
        never has any is all 0.
        """
        requests = problem.requests
        shape = (len(requests.names), len(requests.groups))
        shares, open_rows = np.zeros(shape), np.ones(shape[0], dtype=np.bool_)
        for t in range(slot, problem.slots):
            rate = requests.rate_per_s[t]
            now = open_rows & (rate > 0.0)
            arcs = now[requests.arc_demand]
            d = requests.arc_demand[arcs]
            np.add.at(shares, (d, requests.arc_group[arcs]), self.served_per_s[t, arcs] / rate[d])
            open_rows &= ~now
            if not open_rows.any():
                break
        clipped: F8 = np.clip(shares, 0.0, 1.0)
        return clipped


def read_dispatch(
    problem: DispatchProblem, built: DispatchModel, answer: Solution, warm: bool, why: str = ""
) -> Dispatch:
    """Return the decisions and prices that a solution of the model stands for."""
    layout, fleet, h = built.layout, problem.fleet, problem.hours[:, None]
    slots, sites, pools = problem.slots, len(fleet.sites), len(fleet.pools)
    streams = len(problem.work.names)
    data, green = problem.data, problem.green

    def column(key: str, *shape: int, at: tuple[I8, ...] = ()) -> F8:
        """Return a variable in its full shape: scattered to `at` where it has fewer columns."""
        if not answer.solved:
            return np.full(shape, np.nan)
        if key not in built.columns:
            return np.zeros(shape)
        values = np.maximum(built.columns[key].of(answer.x), 0.0)
        if not at:
            return values
        full = np.zeros(shape)
        index: tuple[slice | I8, ...] = (slice(None), *at)
        full[index] = values
        return full

    def dual(key: str, *shape: int) -> F8:
        if key not in built.rows:
            return np.full(shape, 0.0 if answer.solved else np.nan)
        return built.rows[key].of(answer.row_duals) + 0.0

    by_pool, by_site = (slots, pools), (slots, sites)
    pairs = (layout.ship_stream, layout.ship_site)
    green_mw = column("green import", *by_site, at=(layout.green_import,))
    late = column("late", slots, streams)
    served, unmet = _requests(problem, built, answer)
    zones = len(green.zones) if green else 1
    green_cny, carbon_cny = np.zeros(zones), np.zeros(zones)
    green_cny[layout.targets] = dual("green", len(layout.targets))
    carbon_cny[layout.caps] = -1000.0 * dual("carbon", len(layout.caps))
    # An accelerator more for serving is one for requests, and beyond the reserve one to lend.
    serving_cny = -dual("serving", *by_pool) * fleet.serving_utilisation
    if layout.tidal.size and answer.solved:
        lendable = np.maximum(-built.columns["lent"].of(answer.reduced_costs), 0.0)
        spare = (fleet.serving_accelerators > fleet.serving_reserve)[:, layout.tidal]
        serving_cny[:, layout.tidal] += np.where(spare, lendable, 0.0)
    battery = (layout.battery,)
    relaxed = _relaxed(problem, built, answer)
    if relaxed:
        shown = "; ".join(f"{item.constraint} by {item.excess:.6g}" for item in relaxed[:5])
        more = f"; and {len(relaxed) - 5} more" if len(relaxed) > 5 else ""
        why = "; ".join(text for text in (why, f"gave way: {shown}{more}") if text)
    return Dispatch(
        status=answer.status,
        why=why,
        objective_cny=answer.objective,
        bound_cny=answer.bound,
        seconds=answer.seconds,
        iterations=answer.iterations,
        warm=warm,
        served_per_s=served,
        unmet_per_s=unmet,
        training=column("work", slots, streams, pools, at=(layout.work_stream, layout.work_pool)),
        backlog_accelerator_h=column("on time", slots, streams) + late,
        late_accelerator_h=late,
        shipped_gb=column("shipped", slots, streams, sites, at=pairs),
        buffer_gb=column("buffer", slots, streams, sites, at=pairs),
        import_mw=column("import", *by_site),
        green_import_mw=green_mw,
        generation_mw=column("generation", *by_site),
        unserved_mw=column("unserved", *by_site),
        charge_mw=column("charge", *by_site, at=battery),
        discharge_mw=column("discharge", *by_site, at=battery),
        stored_mwh=column("stored", *by_site, at=battery),
        lent=column("lent", *by_pool, at=(layout.tidal,)),
        compute_cny=-dual("jobs", *by_pool) / h,
        serving_cny=serving_cny / h,
        power_cny_per_mwh=dual("power", *by_site) / (problem.power.pue * h),
        link_cny_per_gb=-dual("link", slots, len(data.links) if data else 0),
        green_cny_per_mwh=green_cny,
        carbon_cny_per_t=carbon_cny,
        relaxed=relaxed,
    )


def _requests(problem: DispatchProblem, built: DispatchModel, answer: Solution) -> tuple[F8, F8]:
    """Return requests served ``(T, A)`` and unmet ``(T, D)``: each demand has its row's split."""
    requests, layout = problem.requests, built.layout
    served = np.full((problem.slots, len(requests.arc_demand)), np.nan)
    unmet = np.full(requests.rate_per_s.shape, np.nan)
    if not answer.solved or not layout.rows:
        return served, unmet
    row = layout.row_of_demand
    rate = np.zeros((problem.slots, layout.rows))
    np.add.at(rate, (np.arange(problem.slots)[:, None], row), requests.rate_per_s)
    part = np.divide(
        requests.rate_per_s, rate[:, row], out=np.zeros_like(unmet), where=rate[:, row] > 0.0
    )
    y = np.maximum(built.columns["requests"].of(answer.x), 0.0)
    u = np.maximum(built.columns["unmet"].of(answer.x), 0.0)
    # Arcs of a demand, in the order of those of its row, which were kept from its first demand.
    order = np.lexsort((requests.arc_group, requests.arc_demand))
    first = np.searchsorted(layout.arc_row, np.arange(layout.rows))
    begin = np.searchsorted(requests.arc_demand[order], np.arange(len(requests.names)))
    d = requests.arc_demand[order]
    kept = first[row[d]] + np.arange(len(order)) - begin[d]
    served[:, order] = y[:, kept] * part[:, d]
    return served, u[:, row] * part


def _relaxed(
    problem: DispatchProblem, built: DispatchModel, answer: Solution
) -> tuple[Conflict, ...]:
    """Return what gave way, the largest relative excess first."""
    if not answer.solved:
        return ()
    found: list[tuple[float, Conflict]] = []
    layout, power, green = built.layout, problem.power, problem.green

    def add(key: str, names: list[str], of: F8, unit: str) -> None:
        if key not in built.columns:
            return
        excess = built.columns[key].of(answer.x).ravel()
        share = excess / np.maximum(np.abs(of.ravel()), 1.0)
        found.extend(
            (float(share[n]), Conflict(f"{names[n]}, {unit}", float(excess[n])))
            for n in np.flatnonzero(share > ROUNDING).tolist()
        )

    slots = range(problem.slots)
    add(
        "unserved",
        [f"power [slot {t}, {site}]" for t in slots for site in problem.fleet.sites],
        np.where(np.isfinite(power.limit_mw), power.limit_mw, 0.0), "MW unserved",
    )  # fmt: skip
    if green is not None:
        add(
            "green short",
            [f"green share [{green.zones[int(z)]}]" for z in layout.targets],
            problem.carry.consumed_mwh[layout.targets], "MWh short",
        )  # fmt: skip
        add(
            "carbon over",
            [f"carbon cap [{green.zones[int(z)]}]" for z in layout.caps],
            green.carbon_cap_kg[layout.caps], "kg over",
        )  # fmt: skip
    hard = np.isinf(problem.work.late_cny)
    if hard.any():
        late = built.columns["late"].of(answer.x) * hard
        for t, j in np.argwhere(late > ROUNDING * np.maximum(problem.not_due_accelerator_h, 1.0)):
            name = f"deadline [slot {t}, {problem.work.names[j]}], accelerator-hours late"
            found.append((float(late[t, j]), Conflict(name, float(late[t, j]))))
    return tuple(conflict for _, conflict in sorted(found, key=lambda item: -item[0]))
