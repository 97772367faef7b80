"""The work of a bound: jobs, replicas and data, in rows over the columns of load at the meters.

See :mod:`computenet.optimization.bound` for the model as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from computenet.compiled import F8, I8, CompiledScenario
from computenet.optimization.bound_case import ROUNDING, BoundCase
from computenet.optimization.bound_periods import Periods
from computenet.optimization.bound_power import Charges
from computenet.optimization.sparse import Block, ModelBuilder
from computenet.units import SECONDS_PER_HOUR

__all__ = ["Arcs", "add_jobs", "add_parcels", "add_serving", "add_vouchers", "token_rates"]

#: Accelerator-hours and tokens in one unit of a column.
KILO, GIGA = 1e3, 1e9
#: Tokens of a step at which prompts are computed most cheaply; see `token_rates`.
STEP_TOKENS = 2048


@dataclass(frozen=True, slots=True)
class Arcs:
    """Columns of work by class and pool, ``(A, T)``."""

    block: Block
    taken: Block  # rows of the pools' accelerators, (P, T)
    job_class: I8
    pool: I8


def add_jobs(
    builder: ModelBuilder, case: BoundCase, periods: Periods, up_h: F8, slope: F8, saving: F8,
    rows: Block,
) -> Arcs:  # fmt: skip
    """Add the work of jobs.

    ::

        sum_c y_cpt + off_pt + sum_(g at p) (f_gt + e_gt)
            <= accelerators_p x time up + overlap                          (pool, period)
        X_cb = X_c(b-1) + sum_(p, t in b) speed_cp y_cpt,  X_cb <= most_cb     (class, block)
        X_c at the end >= what every run did

    Jobs and replicas share what a pool has, as tidal sharing lends it; lending begins while the
    last requests of a replica run, and the overlap is the most that this came to in any run. What
    replicas do, f + e, comes in with `add_serving`.
    """
    compiled, work = case.compiled, case.work
    p, jobs = compiled.pools, compiled.jobs
    accelerators = p.accelerators + p.serving_accelerators
    kind, pool = np.nonzero((jobs.speed > 0.0) & (accelerators > 0)[None, :])
    room = accelerators[:, None] * up_h[p.site] / KILO  # (P, T)
    count = periods.count
    y = builder.add_columns("work of jobs", (len(kind), count), upper=room[pool])
    when = np.arange(count)[None, :]
    site = p.site[pool]
    mwh = KILO * 1e-6 * (p.active_w[pool] * jobs.activity[kind])[:, None]
    builder.add_terms(rows.index(site[:, None], when), y.index(), -mwh * slope[site])
    taken = builder.add_rows(
        "accelerators", room.shape, upper=room + periods.total(case.overlap_h) / KILO
    )
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
        done.index(kind[:, None], periods.block[None, :]),
        y.index(),
        -jobs.speed[kind, pool][:, None],
    )
    return Arcs(y, taken, kind, pool)


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


def token_rates(compiled: CompiledScenario) -> tuple[F8, F8]:
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


def add_serving(
    builder: ModelBuilder, case: BoundCase, periods: Periods, up_h: F8, slope: F8, rows: Block,
    shared: Block,
) -> None:  # fmt: skip
    """Add what replicas do: time f in prefill, and e besides, in thousands of accelerator-hours.

    ::

        f_gt + e_gt <= replicas x accelerators x time up                        (group, period)
        F_mb = F_m(b-1) + sum_(g, t in b) prefill rate x f_gt                   (model, block)
        D_mb <= D_m(b-1) + sum_(g, t in b) decode rate x (f_gt + e_gt)          (model, block)

    with F and D between what every run had done and what had arrived. A replica with a prompt
    decodes at the same time, so it is busy at least as long as it is in prefill and at least as
    long as its tokens take at the full rate; its load is ``decode activity x busy + (prefill
    activity - decode activity) x prefill``, or ``prefill activity x f + decode activity x e``.
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
        builder.add_terms(shared.index(groups.pool[:, None], when), block.index(), 1.0)
        mwh = KILO * 1e-6 * activity * p.active_w[groups.pool]
        builder.add_terms(
            rows.index(site[:, None], when), block.index(), -mwh[:, None] * slope[site]
        )
    prefill, decode = token_rates(compiled)
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


def add_parcels(builder: ModelBuilder, case: BoundCase, periods: Periods, arcs: Arcs) -> None:
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
    builder.add_terms(rows.index(arcs.job_class, site)[:, None], arcs.block.index(), speed[:, None])


def add_vouchers(builder: ModelBuilder, charges: Charges, bill: list[tuple[I8, F8, F8]]) -> None:
    """Add what is left to pay: at least ``(1 - v) bill``, and at least ``bill - budget``."""
    columns, cost, upper = (np.concatenate(parts) for parts in zip(*bill, strict=True))
    largest = float(np.abs(cost) @ upper)
    left = builder.add_columns("to pay", (1,), cost=1.0, lower=-largest, upper=largest)
    rows = builder.add_rows("vouchers", (2,), lower=np.asarray([0.0, -charges.voucher_budget_cny]))
    builder.add_terms(rows.index(), left.index(), 1.0)
    builder.add_terms(rows.index(0), columns, -(1.0 - charges.voucher_share) * cost)
    builder.add_terms(rows.index(1), columns, -cost)
