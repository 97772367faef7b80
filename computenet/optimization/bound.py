"""The least a scenario can cost with perfect foresight: a linear model that every run satisfies.

The bound is for *the work the runs did*: runs of one scenario under different policies do different
amounts of work by the end, so the model has to do at least what every one of them did, and may do
it when and where it likes within what any run must keep to:

- no work before it is there: jobs after their submission, no faster than on the fastest
  accelerators; prompts and tokens after the arrival of their requests;
- no more accelerators, replicas, grid connection, generation and storage than there are; jobs may
  have what replicas do not need (tidal sharing);
- power, PUE, tariffs, demand charges and everything else on the bill as the simulator charges them.

What a run does besides is left out, and can only cost more: work lost to failures, restarts, the
writing of checkpoints, queues and gangs, latency circles, half-empty batches, reserves of idle
servers, a battery's rule. So every run is a feasible point of the model, at an objective no higher
than its cost: **bound <= cost of every run**. Latency circles and objectives are not imposed,
because no run has to keep them.

The value returned is not the solver's objective but the Lagrangian bound of its duals, computed
with numpy over finite column bounds (`computenet.optimization.sparse.SparseModel.dual_bound`): it
holds whatever the solver's tolerance is, also when it was stopped.

Sums of money are in CNY, energies in MWh, accelerator time in thousands of hours and tokens in
thousands of millions, which keeps the coefficients within a few orders of magnitude.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from computenet.optimization.bound_case import ROUNDING, BoundCase, Parcels, Work
from computenet.optimization.bound_periods import Periods, make_periods, slot_hours
from computenet.optimization.bound_power import add_meters, facility_load
from computenet.optimization.bound_work import (
    add_jobs,
    add_parcels,
    add_serving,
    add_vouchers,
)
from computenet.optimization.solvers import SolverError, solve
from computenet.optimization.sparse import ModelBuilder, SparseModel

__all__ = ["Bound", "BoundCase", "Parcels", "Work", "bound_model", "least_possible"]


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
    solver: str = "highs",
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
            value = float(certified - ROUNDING * abs(certified))
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
    arcs = add_jobs(builder, case, periods, up_h, facility.slope, facility.saving, rows)
    add_serving(builder, case, periods, up_h, facility.slope, rows, arcs.taken)
    offset = 0.0
    if not carbon:
        offset = case.work.network_cny + case.work.bulk_cny
        add_parcels(builder, case, periods, arcs)
        if case.charges.voucher_share > 0.0:
            add_vouchers(builder, case.charges, meters.bill)
    return builder.build(offset)
