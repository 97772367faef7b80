"""The investment side of a capacity expansion as a sparse model.

Variables, all at least 0 (site `i`, stage `y`, chip `t`, class `c`, stream `g`, region `r`):

==================  ===========================================================================
``b[i,y]``          binary: the first new halls of the site are begun
``H[i,y]``          power of new halls finished, ``old[i,y]`` of today's halls in use
``K[i,t,y]``        chips bought, ``U[i,t,y]`` in use
``z[c,i,t,y]``      chips busy on a class, mean
``X[r,g,i,y]``      share of the demand served at the site, ``u[r,g,y]`` not served
``P[k,i,y]``        pv, wind, battery built
``n[l,y]``          whole waves lit
``L[i,y,7]``        links to the hourly model, see :mod:`.expansion_energy`
``E[i,y]``          cost of the year's electricity
==================  ===========================================================================

With ``on(v)[y]`` = what of ``v`` is in service in stage y, each constraint by its name:

* begun      ``sum_y b[i,y] <= 1``
* halls      ``on(H)[i,y] <= most[i,y] on(b)[i,y]``, where ``on(b)`` sums the stages up to y
* today      ``old[i,y] <= halls of today``
* fleet      ``U[i,t,y] <= fleet[i,t,y] + on(K)[i,t,y]``
* run        ``U[i,t,y] >= on(K)[i,t,y]``: only what is left of today's fleet may be switched off
* room       ``sum_t nameplate_t U[i,t,y] <= old[i,y] + on(H)[i,y]``
* occupancy  ``sum_t nameplate_t U[i,t,y] >= occupancy_i (old[i,y] + on(H)[i,y])``
* chips      ``sum_c room_c z[c,i,t,y] <= U[i,t,y]``
* work       ``sum_r work[r,c,y] X[r,g(c),i,y] <= sum_t z[c,i,t,y] / need[c,t]``
* demand     ``sum_i X[r,g,i,y] + u[r,g,y] = 1``
* must run   ``sum_r work[r,g,y] u[r,g,y] <= (1 - must_run_g) sum_r work[r,g,y]``
* coverage   ``sum_(r,i covered) work[r,g,y] X[r,g,i,y] >= coverage_g sum_r work[r,g,y]``
* supply     ``sum_i K[i,t,y] <= supply[t,y]``
* hub share  ``sum_(i,t) (hub_i - share) pflops_t K[i,t,y] >= 0``
* plant      ``on(P)[k,i,y] <= most[k,i]``, times ``on(b)[i,y]`` at candidates
* traffic    ``sum_(r,g,i over l) traffic X <= capacity_l + wave on(n)[l,y]``
* budget     ``investment of stage y <= budget_y``, plus what it may be over
* carbon     ``sum_i L[i,y,carbon] <= cap_y``, plus what it may be over
* links      ``L[flat] = metered_y sum_t base_t U``, ``L[serving], L[moving] = metered_y
  sum_(c,t) draw_ct z`` over requests, jobs; ``L[pv], L[wind], L[battery] = on(P)``

What is bought in stage y at price p costs ``p yearly`` in every year it serves. With ``worth[y]``
the present value of 1 a year over stage y, the objective is::

    sum_y worth[y] ( sum_assets yearly on(price v)[y] + transfer cost X + unmet cost u + E )

Rows of work that no link can reach are left out, and so are links whose capacity exceeds all the
traffic that could ever take them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from computenet.optimization.expansion_assets import (
    add_chips,
    add_halls,
    add_plants,
    site_chips,
)
from computenet.optimization.expansion_energy import CARBON, LINKS
from computenet.optimization.expansion_making import Making, everywhere
from computenet.optimization.expansion_problem import ExpansionProblem
from computenet.optimization.expansion_service import add_arcs, add_tasks, add_traffic
from computenet.optimization.sparse import Block, ModelBuilder

__all__ = ["Investment", "add_investment"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
B1 = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Investment:
    """Blocks of columns of the investment side, and the arcs they stand for.

    Attributes
    ----------
    columns, rows
        Blocks by name, see the module.
    pair_site, pair_chip
        ``(N,)`` site and chip of the pairs that can ever hold a chip: axis of ``K`` and ``U``.
    task_class, task_pair
        ``(Z,)`` class and pair of the ``z``.
    arc_region, arc_stream, arc_site
        ``(A,)`` of the ``X``.
    links
        ``(M,)`` links that can fill, axis of ``n``.
    assets
        What is bought by name: its columns, prices ``(n, Y)``, and what is paid a year over them.
    """

    columns: dict[str, Block]
    rows: dict[str, Block]
    pair_site: I8
    pair_chip: I8
    task_class: I8
    task_pair: I8
    arc_region: I8
    arc_stream: I8
    arc_site: I8
    links: I8
    assets: dict[str, tuple[Block, F8, F8]]


def add_investment(builder: ModelBuilder, problem: ExpansionProblem) -> Investment:
    """Add the investment side to a model in the making; electricity is left to ``E``."""
    m = Making(builder, problem)
    pair_site, pair_chip = site_chips(problem)
    add_halls(m)
    add_chips(m, pair_site, pair_chip)
    tasks = add_tasks(m, pair_site, pair_chip)
    arcs = add_arcs(m, pair_site, pair_chip, tasks)
    add_plants(m)
    links = add_traffic(m, arcs)
    _add_links(m, pair_site, pair_chip, tasks)
    _limits(m, pair_site, pair_chip)
    return Investment(
        m.columns, m.rows, pair_site, pair_chip, *tasks, *arcs, links, m.assets
    )  # fmt: skip


def _add_links(m: Making, pair_site: I8, pair_chip: I8, tasks: tuple[I8, I8]) -> None:
    """Constraint links, and the columns ``L`` and ``E``."""
    s, d, c, p = m.p.sites, m.p.demand, m.p.chips, m.p.plants
    kind, pair = tasks
    n, every = len(s.names), np.arange(len(s.names))
    room = s.halls + s.most_halls.max(axis=1)[:, None]
    # What a site can draw and emit at most, so that every column has an end.
    w = m.p.energy.hour_weight
    dirty = (w * m.p.energy.emission * m.p.energy.pue).max(axis=2) * 24.0 * len(m.p.energy.days)
    m.dirtiest = room * 12.0 * dirty + 1.0
    ends = [room * 1.1, room * 1.1, room * 1.1, p.most[0][:, None], p.most[1][:, None],
            p.most[2][:, None], m.dirtiest]  # fmt: skip
    for number, name in enumerate(LINKS):
        m.column(f"link {name}", s.names, upper=ends[number])
        if number == CARBON:
            continue
        row = m.row(f"link {name}", f"{name} power", s.names, lower=0.0, upper=0.0)
        m.same(row, every, m.columns[f"link {name}"], -1.0)
        if name == "flat":
            m.same(row, pair_site, m.columns["used"], c.base_kw[pair_chip][:, None] * c.metered)
        elif name in ("serving", "moving"):
            mine = d.moves[kind] == (name == "moving")
            draw = np.where(mine, d.draw_kw[kind, pair_chip[pair]], 0.0)
            m.same(row, pair_site[pair], m.columns["tasks"], draw[:, None] * c.metered)
        else:
            k = ("pv", "wind", "battery").index(name)
            m.in_service(row, every, m.columns[name], everywhere(p.serves[k], n), 1.0)


def _limits(m: Making, pair_site: I8, pair_chip: I8) -> None:
    """Constraints hub share, budget, carbon."""
    limits, s, c = m.p.limits, m.p.sites, m.p.chips
    zero = np.zeros(len(pair_site), dtype=np.int64)
    if limits.hub_share > 0.0:
        row = m.row("hub share", "share of new compute in hubs", ("all",), lower=0.0)
        weight = (s.hub[pair_site] - limits.hub_share) * c.pflops[pair_chip]
        scale = max(float(np.abs(c.pflops).max(initial=0.0)), 1e-12)
        m.same(row, zero, m.columns["bought"], weight[:, None] / scale)
    if np.isfinite(limits.budget).any():
        row = m.row("budget", "budget", ("all",), upper=limits.budget[None])
        for block, price, _ in m.assets.values():
            m.same(row, np.zeros(block.shape[0], dtype=np.int64), block, price)
        if np.isfinite(limits.over_budget):
            over = m.column("over budget", ("all",), cost=limits.over_budget, upper=m.dearest)
            m.same(row, np.zeros(1, dtype=np.int64), over, -1.0)
    if np.isfinite(limits.carbon).any():
        row = m.row("carbon", "emissions", ("all",), upper=limits.carbon[None])
        every = np.zeros(len(s.names), dtype=np.int64)
        m.same(row, every, m.columns["link carbon"], 1.0)
        if np.isfinite(limits.over_carbon):
            most = m.dirtiest.sum(axis=0)
            over = m.column("over cap", ("all",), cost=limits.over_carbon, upper=most)
            m.same(row, np.zeros(1, dtype=np.int64), over, -1.0)
