"""The dispatch model as a sparse linear programme.

Variables of slot `t` (lower-case; ``h`` = hours of the slot, all at least 0):

==================  ===========================================================================
``x[t,j,p]``        accelerators that work on stream j in pool p
``ontime, late``    ``B[t,j] = ontime + late``: work of stream j left at the end of the slot
``y[t,a], u[t,d]``  requests a second served on arc a; not served
``w[t,j,i]``        gigabytes of stream j shipped to site i
``f[t,j,i]``        gigabytes there at the end of the slot, of work not done
``m, gg[t,i]``      import, and the part of it bought as green, MW; ``gg`` where it is told apart
``gen[t,i]``        generation used, MW
``ch, dis, st``     charging, discharging, MW; stored at the end of the slot, MWh
``uns[t,i]``        load beyond what can be had, MW
``lent, up, down``  serving accelerators that jobs hold; lent, and given back, at the slot's start
``k[n,i]``          MW by which the highest import of month n exceeds what it was before
==================  ===========================================================================

Constraints, each named in :func:`build_model` where it is made:

* jobs        ``sum_j x[t,j,p] - lent[t,p] <= job_accelerators[t,p]``
* serving     ``sum_(a in p) s_a y[t,a] + U_p lent[t,p] <= U_p serving[t,p]``, ``U`` = utilisation
* lending     ``lent[t,p] <= max(serving[t,p] - reserve_p, 0)``;
  ``lent[t,p] - lent[t-1,p] = up[t,p] - down[t,p]``
* group       ``sum_(a in g) s_a y[t,a] <= U_p group_accelerators[t,g]``
* parallelism ``sum_p x[t,j,p] <= parallelism[t,j]``
* work        ``B[t,j] = B[t-1,j] + arrivals[t,j] - h sum_p speed_jp x[t,j,p]``,
  ``ontime[t,j] <= released and not due by the end of t``
* requests    ``sum_(a of d) y[t,a] + u[t,d] = rate[t,d]``
* data        ``f[t,j,i] <= f[t-1,j,i] + w[t,j,i] - gb_j h sum_(p at i) speed_jp x[t,j,p]``
* release     ``sum_i f[t,j,i] <= gb_j B[t,j]``: nothing is shipped for work not yet released
* link        ``sum_((j,i) over l) w[t,j,i] <= link_gb[t,l]``
* power       ``m + gen + dis - ch + uns = PUE (fixed + sum_jp mw_jp x + sum_a 3600 e_a y)``
* import      ``m <= limit``, ``gen <= generation``, ``gg <= green_limit``, ``gg <= m``
* store       ``st[t] = st[t-1] + h (eta ch - dis / eta)``, ``eta = sqrt(round trip)``,
  ``ch, dis <= battery_mw``, ``st <= battery_mwh``
* peak        ``m - k[month(t)] <= peak so far`` (0 in a month that begins in the window)
* green       ``sum_(t, i in z) h (gen + gg - g (gen + m)) + short_z >= g consumed_z - green_z``
* carbon      ``sum_(t, i in z) h ef m - over_z <= cap_z - carbon_z``; ``m - gg`` in place of ``m``
  where accounting is market-based

The objective is the sum of the terms of :mod:`computenet.optimization.dispatch_result`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from computenet.optimization.dispatch_blocks import Blocks, first_slot, pick
from computenet.optimization.dispatch_layout import Layout
from computenet.optimization.dispatch_problem import DispatchProblem
from computenet.optimization.dispatch_rules import add_data, add_peaks, add_zones
from computenet.optimization.sparse import Block, SparseModel
from computenet.units import KG_PER_TONNE, SECONDS_PER_HOUR, WATTS_PER_MW

__all__ = ["DispatchModel", "build_model"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class DispatchModel:
    """A model, its layout, and its blocks of columns and rows by name."""

    model: SparseModel
    layout: Layout
    columns: dict[str, Block]
    rows: dict[str, Block]


def build_model(problem: DispatchProblem, layout: Layout) -> DispatchModel:
    """Return the model of a window; its blocks have the same shapes for every window of a layout.

    Raises
    ------
    ValueError
        A coefficient or price is not a number.
    """
    build = Blocks(problem, layout)
    _power(build)
    _pools(build)
    _work(build)
    _requests(build)
    if layout.ship_stream.size:
        add_data(build)
    if layout.charged.size:
        add_peaks(build)
    if problem.green is not None:
        add_zones(build)
    return DispatchModel(build.builder.build(), layout, build.columns, build.rows)


def _power(b: Blocks) -> None:
    """Balance of every site and slot, import, generation, storage."""
    problem, layout = b.problem, b.layout
    power, green, sites = problem.power, problem.green, problem.fleet.sites
    n = len(sites)
    every = np.arange(n)
    price, emission = power.price_cny_per_mwh, np.zeros_like(power.price_cny_per_mwh)
    if green is not None:
        emission = green.emission_kg_per_mwh * (green.carbon_cny_per_t / KG_PER_TONNE)
    m = b.column("import", n, cost=b.h * (price + emission), upper=power.limit_mw)
    gen = b.column(
        "generation", n, cost=b.h * power.generation_cny_per_mwh, upper=power.generation_mw
    )
    hard = np.isinf(problem.unserved_cny_per_mwh)
    uns = b.column(
        "unserved", n, cost=0.0 if hard else b.h * problem.unserved_cny_per_mwh,
        upper=0.0 if hard else np.inf,
    )  # fmt: skip
    # The row is divided by PUE, so that what is decided has constant coefficients.
    balance = b.row("power", "power", sites, lower=power.fixed_mw, upper=power.fixed_mw)
    per_pue = 1.0 / power.pue
    for column in (m, gen, uns):
        b.terms(balance, every, column, per_pue)
    if layout.green_import.size:
        assert green is not None
        at = layout.green_import
        spared = emission[:, at] if green.market_based else 0.0
        gg = b.column(
            "green import", len(at), cost=b.h * (green.premium_cny_per_mwh[:, at] - spared),
            upper=green.green_limit_mw[:, at],
        )  # fmt: skip
        bought = b.row("bought", "green import is import", pick(sites, at), upper=0.0)
        b.terms(bought, np.arange(len(at)), gg, 1.0)
        b.builder.add_terms(bought.index(), m.index(b.t, at), -1.0)
    if layout.battery.size:
        _storage(b, balance, per_pue)


def _storage(b: Blocks, balance: Block, per_pue: F8) -> None:
    """Store: ``st[t] = st[t-1] + h (eta ch - dis / eta)``."""
    power, at = b.problem.power, b.layout.battery
    n = np.arange(len(at))
    eta = np.sqrt(power.battery_efficiency[at])
    ch = b.column("charge", len(at), upper=power.battery_mw[at])
    dis = b.column(
        "discharge", len(at), cost=b.h * power.cycle_cny_per_mwh[at], upper=power.battery_mw[at]
    )
    value = np.zeros((b.problem.slots, len(at)))
    value[-1] = -power.stored_cny_per_mwh[at]
    st = b.column("stored", len(at), cost=value, upper=power.battery_mwh[at])
    b.terms(balance, at, dis, per_pue[:, at])
    b.terms(balance, at, ch, -per_pue[:, at])
    start = first_slot(st.shape, np.minimum(b.problem.carry.stored_mwh, power.battery_mwh)[at])  # type: ignore[arg-type]
    store = b.row("store", "store", pick(b.problem.fleet.sites, at), lower=start, upper=start)
    b.chain(store, st)
    b.terms(store, n, ch, -b.h * eta)
    b.terms(store, n, dis, b.h / eta)


def _pools(b: Blocks) -> None:
    """Accelerators of jobs and of serving, and those lent between them."""
    problem, layout, fleet = b.problem, b.layout, b.problem.fleet
    share = fleet.serving_utilisation
    b.row("jobs", "accelerators for jobs", fleet.pools, upper=fleet.job_accelerators)
    serving = b.row(
        "serving", "accelerators for serving", fleet.pools,
        upper=share * fleet.serving_accelerators,
    )  # fmt: skip
    at = layout.tidal
    if not at.size:
        return
    n = len(at)
    spare = np.maximum(fleet.serving_accelerators - fleet.serving_reserve, 0.0)[:, at]
    lent = b.column("lent", n, upper=spare)
    up = b.column("up", n, cost=fleet.switch_cny[at])
    down = b.column("down", n, cost=fleet.switch_cny[at])
    b.terms(b.rows["jobs"], at, lent, -1.0)
    b.terms(serving, at, lent, share[at])
    start = first_slot((problem.slots, n), problem.carry.lent[at])
    switch = b.row("switch", "lent accelerators", pick(fleet.pools, at), lower=start, upper=start)
    b.chain(switch, lent)
    b.terms(switch, np.arange(n), up, -1.0)
    b.terms(switch, np.arange(n), down, 1.0)


def _work(b: Blocks) -> None:
    """Deferrable work and what is left of it."""
    problem, layout, work = b.problem, b.layout, b.problem.work
    streams = len(work.names)
    j, p = layout.work_stream, layout.work_pool
    done = b.h * work.speed[j, p]
    x = b.column("work", len(j))
    wait = b.h * work.waiting_cny + np.zeros((problem.slots, streams))
    wait[-1] += work.unfinished_cny
    dear = np.where(np.isinf(work.late_cny), problem.deadline_cny, work.late_cny)
    never = np.isinf(dear)
    ontime = b.column("on time", streams, cost=wait, upper=problem.not_due_accelerator_h)
    late = b.column(
        "late", streams, cost=wait + b.h * np.where(never, 0.0, dear),
        upper=np.where(never, 0.0, np.inf),
    )  # fmt: skip
    change = work.arrivals_accelerator_h + first_slot(
        (problem.slots, streams), problem.carry.backlog_accelerator_h
    )
    row = b.row("work", "work", work.names, lower=change, upper=change)
    b.chain(row, ontime)
    b.chain(row, late)
    b.terms(row, j, x, done)
    b.terms(b.rows["jobs"], p, x, 1.0)
    b.terms(b.rows["power"], problem.fleet.pool_site[p], x, -work.active_w[j, p] / WATTS_PER_MW)
    if layout.bounded:
        most = b.row("parallelism", "parallelism", work.names, upper=work.parallelism)
        b.terms(most, j, x, 1.0)


def _requests(b: Blocks) -> None:
    """Requests to groups, or unmet."""
    problem, layout, requests = b.problem, b.layout, b.problem.requests
    if not layout.rows:
        return
    arcs = layout.arcs
    rate = np.zeros((problem.slots, layout.rows))
    np.add.at(rate, (b.t, layout.row_of_demand), requests.rate_per_s)
    unmet_cny = np.zeros(layout.rows)
    unmet_cny[layout.row_of_demand] = requests.unmet_cny
    names = [""] * layout.rows
    for row, name in zip(layout.row_of_demand.tolist(), requests.names, strict=True):
        names[row] = names[row] or name
    seconds = b.h * SECONDS_PER_HOUR
    y = b.column(
        "requests", len(arcs), cost=seconds * requests.arc_cny[arcs],
        upper=np.where(requests.arc_open[:, arcs], np.inf, 0.0),
    )  # fmt: skip
    u = b.column("unmet", layout.rows, cost=seconds * unmet_cny)
    row = b.row("requests", "requests", tuple(names), lower=rate, upper=rate)
    b.terms(row, layout.arc_row, y, 1.0)
    b.terms(row, np.arange(layout.rows), u, 1.0)
    group = requests.arc_group[arcs]
    pool = requests.group_pool[group]
    b.terms(b.rows["serving"], pool, y, requests.arc_accelerator_s[arcs])
    site = problem.fleet.pool_site[pool]
    b.terms(b.rows["power"], site, y, -SECONDS_PER_HOUR * requests.arc_it_mwh[arcs])
    if layout.groups.size:
        share = problem.fleet.serving_utilisation[requests.group_pool[layout.groups]]
        most = b.row(
            "group", "accelerators of", pick(requests.groups, layout.groups),
            upper=share * requests.group_accelerators[:, layout.groups],
        )  # fmt: skip
        place = np.full(len(requests.groups), -1)
        place[layout.groups] = np.arange(len(layout.groups))
        inside = np.flatnonzero(place[group] >= 0)
        b.builder.add_terms(
            most.index(b.t, place[group[inside]]), y.index(b.t, inside),
            requests.arc_accelerator_s[arcs[inside]],
        )  # fmt: skip
