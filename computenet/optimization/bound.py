"""The least a scenario can cost with perfect foresight: a linear model that every run satisfies.

The bound is for *the work the runs did*: runs of one scenario under different policies do different
amounts of work by the end, so the model has to do at least what every one of them did, and may do
it when and where it likes within what any run must keep to:

- no work before it is there: jobs after their submission, no faster than on the fastest
  accelerators; prompts and tokens after the arrival of their requests;
- no more accelerators, replicas, grid connection, generation and storage than there are;
- power, PUE, tariffs, demand charges and everything else on the bill as the simulator charges them.

What a run does besides is left out, and can only cost more: work lost to failures, restarts, the
writing of checkpoints, queues and gangs, latency circles, half-empty batches, reserves of idle
servers, a battery's rule. So every run is a feasible point of the model, at an objective no higher
than its cost: **bound <= cost of every run**. Latency circles and objectives are not imposed,
because no run has to keep them.

The value returned is not the solver's objective but the Lagrangian bound of its duals, computed
with numpy over finite column bounds (:meth:`computenet.optimization.sparse.SparseModel.dual_bound`):
it holds whatever the solver's tolerance is, also when it was stopped.

Sums of money are in CNY, energies in MWh, accelerator time in thousands of hours and tokens in
thousands of millions, which keeps the coefficients within a few orders of magnitude.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np

from computenet.compiled import F8, I8, CompiledScenario
from computenet.optimization.bound_periods import Periods, make_periods, slot_hours
from computenet.optimization.bound_power import Charges, add_meters, facility_load
from computenet.optimization.solvers import SolverError, solve
from computenet.optimization.sparse import Block, ModelBuilder, SparseModel
from computenet.units import SECONDS_PER_HOUR

__all__ = ["Bound", "BoundCase", "Parcels", "Work", "bound_model", "least_possible"]

#: Accelerator-hours and tokens in one unit of a column.
KILO, GIGA = 1e3, 1e9
#: Taken off a bound for the rounding of the accounts it is compared with, relative.
ROUNDING = 1e-9
#: Tokens of a step at which prompts are computed most cheaply; see `_token_rates`.
STEP_TOKENS = 2048


@dataclass(frozen=True, slots=True)
class Parcels:
    """Work of jobs whose data has the same way to go, axis ``N``.

    A parcel holds jobs of one class and one region with much the same data for their work.

    Attributes
    ----------
    job_class
        ``(N,)``.
    work_h
        ``(N,)`` useful reference accelerator-hours there are.
    excess_cny_per_h
        ``(N, I)`` least cost of moving the data of an accelerator-hour to a site, over that to the
        cheapest site.
    """

    job_class: I8
    work_h: F8
    excess_cny_per_h: F8


@dataclass(frozen=True, slots=True)
class Work:
    """What has to be done, and what there is to do; sums from the start to each slot's end.

    Attributes
    ----------
    jobs_h
        ``(C,)`` useful reference accelerator-hours that every run did.
    jobs_most_h
        ``(C, S)`` most that can be done by then.
    prefill_least, prefill_most, decode_least, decode_most
        ``(M, S)`` tokens of prompts, and tokens decoded, by model: what every run had done by
        then, and what had arrived.
    network_cny
        Least cost of the data that every run moved.
    parcels
        What more it costs to work elsewhere; ``None`` = nothing.
    """

    jobs_h: F8
    jobs_most_h: F8
    prefill_least: F8
    prefill_most: F8
    decode_least: F8
    decode_most: F8
    network_cny: float = 0.0
    parcels: Parcels | None = None

    def without(self) -> Work:
        """Return no work at all."""
        parcels = self.parcels
        return Work(
            *(np.zeros_like(getattr(self, name)) for name in (
                "jobs_h", "jobs_most_h", "prefill_least", "prefill_most", "decode_least",
                "decode_most",
            )),
            parcels=None if parcels is None else replace(parcels, work_h=0.0 * parcels.work_h),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class BoundCase:
    """A scenario and the work of its runs.

    Attributes
    ----------
    available
        ``(I, S)`` share of each slot in which the site was up.
    unserved_mwh
        ``(I, S)`` most load beyond the import limit in any run; it costs nothing.
    switch_off
        Whether idle accelerators of job pools may be off.
    """

    compiled: CompiledScenario
    charges: Charges
    work: Work
    available: F8
    unserved_mwh: F8
    switch_off: bool


@dataclass(frozen=True, slots=True)
class Bound:
    """A lower bound.

    Attributes
    ----------
    value
        CNY or kg; ``None`` where the solver gave nothing to make one of.
    status
        How the solve ended: ``optimal``, or why there is no value.
    relaxation_gap
        Relative distance of the value from the objective of the solver's solution.
    periods, seconds
        Periods of the model, wall time of building and solving.
    """

    value: float | None
    status: str
    relaxation_gap: float
    periods: int
    seconds: float


def least_possible(
    case: BoundCase,
    objective: str = "cost",
    *,
    solver: str = "highs-ipm",
    time_limit_s: float | None = 300.0,
    periods: Periods | None = None,
) -> Bound:
    """Return a lower bound on what any run that did the work cost, or emitted.

    Parameters
    ----------
    objective
        ``"cost"``, CNY, or ``"carbon"``, kg of location-based emissions.
    solver
        A name of `computenet.optimization.solvers.SOLVERS` that gives duals.
    time_limit_s
        Of the solver.
    periods
        Slots put together; chosen by default.
    """
    began = time.perf_counter()
    chosen = make_periods(case.compiled) if periods is None else periods
    model = bound_model(case, objective, chosen)
    value, status, gap = None, "", np.inf
    try:
        solution = solve(model, solver, time_limit_s=time_limit_s)
        status = str(solution.status)
        certified = model.dual_bound(solution.row_duals)
        if np.isfinite(certified) and np.isfinite(solution.row_duals).all():
            value = certified - ROUNDING * abs(certified)
            gap = (solution.objective - certified) / max(abs(certified), 1e-12)
    except SolverError as error:
        status = f"solver failed: {error}"
    return Bound(value, status, gap, chosen.count, time.perf_counter() - began)


def bound_model(case: BoundCase, objective: str, periods: Periods) -> SparseModel:
    """Return the model; its rows are stated where they are added."""
    if objective not in ("cost", "carbon"):
        raise ValueError(f"objective {objective!r} is neither cost nor carbon")
    carbon = objective == "carbon"
    compiled, builder = case.compiled, ModelBuilder()
    facility = facility_load(compiled, periods, case.available, case.switch_off)
    meters = add_meters(
        builder, compiled, case.charges, periods, facility, periods.total(case.unserved_mwh),
        carbon=carbon,
    )  # fmt: skip
    n = len(compiled.sites.ids)
    rows = builder.add_rows("facility load", (n, periods.count), lower=facility.idle)
    builder.add_terms(rows.index(), meters.load, 1.0)
    up_h = periods.total(case.available * slot_hours(compiled))  # (I, T)
    arcs = _add_jobs(builder, case, periods, up_h, facility.slope, facility.saving, rows)
    _add_serving(builder, case, periods, up_h, facility.slope, rows)
    offset = 0.0
    if not carbon:
        offset = case.work.network_cny
        _add_parcels(builder, case, periods, arcs)
        if case.charges.voucher_share > 0.0:
            _add_vouchers(builder, case.charges, meters.bill)
    return builder.build(offset)


@dataclass(frozen=True, slots=True)
class _Arcs:
    """Columns of work by class and pool, ``(A, T)``."""

    block: Block
    job_class: I8
    pool: I8


def _add_jobs(
    builder: ModelBuilder, case: BoundCase, periods: Periods, up_h: F8, slope: F8, saving: F8,
    rows: Block,
) -> _Arcs:  # fmt: skip
    """Add the work of jobs.

    ::

        sum_c y_cpt + off_pt <= accelerators_p x time up                   (pool, period)
        X_cb = X_c(b-1) + sum_(p, t in b) speed_cp y_cpt,  X_cb <= most_cb     (class, block)
        X_c at the end >= what every run did
    """
    compiled, work = case.compiled, case.work
    p, jobs = compiled.pools, compiled.jobs
    kind, pool = np.nonzero((jobs.speed > 0.0) & (p.accelerators > 0)[None, :])
    room = p.accelerators[:, None] * up_h[p.site] / KILO  # (P, T)
    count, blocks = periods.count, periods.blocks
    y = builder.add_columns("work of jobs", (len(kind), count), upper=room[pool])
    arc, when = np.ogrid[: len(kind), :count]
    site = p.site[pool]
    mwh = KILO * 1e-6 * (p.active_w[pool] * jobs.activity[kind])[:, None]
    builder.add_terms(rows.index(site[:, None], when), y.index(), -mwh * slope[site])
    taken = builder.add_rows("accelerators", room.shape, upper=room)
    builder.add_terms(taken.index(pool[:, None], when), y.index(), 1.0)
    if case.switch_off:
        off = builder.add_columns("off", room.shape, upper=room)
        builder.add_terms(taken.index(), off.index(), 1.0)
        still_mwh = (1.0 - compiled.energy.off_power_share) * (p.idle_w + p.overhead_w)
        still_mwh = (KILO * 1e-6 * still_mwh)[:, None] * saving[p.site]
        builder.add_terms(rows.index(p.site[:, None], when), off.index(), still_mwh)
    most = np.maximum(work.jobs_most_h[:, periods.last_slot], 0.0) / KILO
    least = np.zeros_like(most)
    least[:, -1] = np.minimum(work.jobs_h * (1.0 - ROUNDING) / KILO, most[:, -1])
    done = _cumulative(builder, "work done", least, most)
    builder.add_terms(
        done.index(kind[:, None], periods.block[None, :]), y.index(), -jobs.speed[kind, pool][:, None]
    )
    return _Arcs(y, kind, pool)


def _cumulative(
    builder: ModelBuilder, name: str, least: F8, most: F8, *, loose: bool = False
) -> Block:
    """Add sums to the end of every block within their bounds; return the rows of their growth.

    A row holds ``X_b - X_(b-1)``, which is what is done in the block, or where `loose` at most
    that; what is done goes in with a minus.
    """
    shape = least.shape
    x = builder.add_columns(name, shape, lower=np.minimum(least, most), upper=most)
    rows = builder.add_rows(name, shape, lower=-np.inf if loose else 0.0, upper=0.0)
    builder.add_terms(rows.index(), x.index(), 1.0)
    which, later = np.ogrid[: shape[0], 1 : shape[1]]
    builder.add_terms(rows.index(which, later), x.index(which, later - 1), -1.0)
    return rows


def _token_rates(compiled: CompiledScenario) -> tuple[F8, F8]:
    """Return most prompt and output tokens a second of a replica, two ``(G,)``.

    Under processor sharing these are the prefill rate and the decode rate of a full replica. Under
    continuous batching a step of `T` tokens takes at least
    ``h(T) = fixed + max(weights w(T), token T) + communication T``, and h(T) / T does not grow with
    T, so n prompt tokens take at least ``n h(B) / B`` with steps of at most B tokens, and m decoded
    ones ``m h(slots) / slots``.
    """
    groups = compiled.groups
    if not groups.blocks.any():
        return groups.prefill_tok_s, groups.decode_tok_s

    def rate(tokens: F8) -> F8:
        fixed, weights, token, communication, _, _, sparse = groups.step.T
        read = np.where(sparse < 1.0, 1.0 - (1.0 - np.minimum(sparse, 1.0)) ** tokens, 1.0)
        step_s = fixed + np.maximum(weights * read, token * tokens) + communication * tokens
        per_s: F8 = tokens / np.maximum(step_s, 1e-12)
        return per_s

    slots = groups.slots.astype(np.float64)
    return rate(np.maximum(float(STEP_TOKENS), slots)), rate(slots)


def _add_serving(
    builder: ModelBuilder, case: BoundCase, periods: Periods, up_h: F8, slope: F8, rows: Block
) -> None:
    """Add what replicas do: time f in prefill, and e besides, in thousands of accelerator-hours.

    ::

        f_gt + e_gt <= replicas x accelerators x time up                        (group, period)
        F_mb = F_m(b-1) + sum_(g, t in b) prefill rate x f_gt                   (model, block)
        D_mb <= D_m(b-1) + sum_(g, t in b) decode rate x (f_gt + e_gt)          (model, block)

    with F and D between what every run had done and what had arrived. A replica with a prompt
    decodes at the same time, so it is busy at least as long as it is in prefill and at least as
    long as its tokens take at the full rate; its load is ``decode activity x busy + (prefill
    activity - decode activity) x prefill``, which is ``prefill activity x f + decode activity x e``.
    """
    compiled, work = case.compiled, case.work
    groups, p, count = compiled.groups, compiled.pools, periods.count
    n = len(groups.ids)
    if n == 0:
        return
    site = p.site[groups.pool]
    each = groups.accelerators_per_replica.astype(np.float64)
    room = (groups.replicas_real * each)[:, None] * up_h[site] / KILO
    prompts = builder.add_columns("prefill", (n, count), upper=room)
    rest = builder.add_columns("decode", (n, count), upper=room)
    taken = builder.add_rows("replicas", (n, count), upper=room)
    _, when = np.ogrid[:n, :count]
    demand = compiled.requests
    for block, activity in (
        (prompts, demand.prefill_activity),
        (rest, demand.decode_activity),
    ):
        builder.add_terms(taken.index(), block.index(), 1.0)
        mwh = KILO * 1e-6 * activity * p.active_w[groups.pool]
        builder.add_terms(
            rows.index(site[:, None], when), block.index(), -mwh[:, None] * slope[site]
        )
    prefill, decode = _token_rates(compiled)
    scale = KILO * SECONDS_PER_HOUR / each / GIGA
    at = periods.last_slot
    shrink = (1.0 - ROUNDING) / GIGA
    where = (groups.model[:, None], periods.block[None, :])
    done = _cumulative(
        builder, "prompts", work.prefill_least[:, at] * shrink,
        work.prefill_most[:, at] / GIGA,
    )  # fmt: skip
    builder.add_terms(done.index(*where), prompts.index(), -(scale * prefill)[:, None])
    done = _cumulative(
        builder, "tokens", work.decode_least[:, at] * shrink,
        work.decode_most[:, at] / GIGA, loose=True,
    )  # fmt: skip
    for block in (prompts, rest):
        builder.add_terms(done.index(*where), block.index(), -(scale * decode)[:, None])


def _add_parcels(builder: ModelBuilder, case: BoundCase, periods: Periods, arcs: _Arcs) -> None:
    """Add the cost of working far from the data.

    ::

        sum_(p at i, t) speed_cp y_cpt = sum_(n of class c) w_ni       (class, site)
        sum_i w_ni <= work of the parcel                               (parcel)

    The data of a job is paid for as a whole, when it goes where the job runs, so at least in
    proportion to the work that is done there; the rest of it is counted at the cheapest site.
    """
    parcels, compiled = case.work.parcels, case.compiled
    if parcels is None or not (parcels.excess_cny_per_h > 0.0).any():
        return
    n, sites = parcels.excess_cny_per_h.shape
    amount = parcels.work_h / KILO
    there = np.isfinite(parcels.excess_cny_per_h)
    w = builder.add_columns(
        "work by data", (n, sites), cost=np.where(there, KILO * parcels.excess_cny_per_h, 0.0),
        upper=np.where(there, amount[:, None], 0.0),
    )  # fmt: skip
    whole = builder.add_rows("data", (n,), upper=amount)
    builder.add_terms(whole.index()[:, None], w.index(), 1.0)
    classes = len(compiled.jobs.classes)
    rows = builder.add_rows("work by site", (classes, sites), lower=0.0, upper=0.0)
    builder.add_terms(
        rows.index(parcels.job_class[:, None], np.arange(sites)[None, :]), w.index(), -1.0
    )
    site = compiled.pools.site[arcs.pool]
    speed = compiled.jobs.speed[arcs.job_class, arcs.pool]
    builder.add_terms(
        rows.index(arcs.job_class, site)[:, None], arcs.block.index(), speed[:, None]
    )


def _add_vouchers(
    builder: ModelBuilder, charges: Charges, bill: list[tuple[I8, F8, F8]]
) -> None:
    """Add what is left to pay: at least ``(1 - v) bill``, and at least ``bill - budget``."""
    columns, cost, upper = (np.concatenate(parts) for parts in zip(*bill, strict=True))
    largest = float(np.abs(cost) @ upper)
    left = builder.add_columns("to pay", (1,), cost=1.0, lower=-largest, upper=largest)
    rows = builder.add_rows(
        "vouchers", (2,), lower=np.asarray([0.0, -charges.voucher_budget_cny])
    )
    builder.add_terms(rows.index(), left.index(), 1.0)
    builder.add_terms(rows.index(0), columns, -(1.0 - charges.voucher_share) * cost)
    builder.add_terms(rows.index(1), columns, -cost)
