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
* budget     ``investment of stage y <= budget_y``
* carbon     ``sum_i L[i,y,carbon] <= cap_y``
* links      ``L[flat] = sum_t base_t U``, ``L[serving], L[moving] = sum_(c,t) draw_ct z`` over
  requests, jobs; ``L[pv], L[wind], L[battery] = on(P)``

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

from computenet.optimization.expansion_energy import CARBON, LINKS
from computenet.optimization.expansion_problem import ExpansionProblem
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


def _pairs(problem: ExpansionProblem) -> tuple[I8, I8]:
    """Return (site, chip) pairs that have a fleet, or can be bought where halls may be."""
    chips, sites = problem.chips, problem.sites
    fleet = np.any(chips.fleet > 0.0, axis=2)
    sold = np.any(np.isfinite(chips.price) & (chips.supply > 0.0), axis=1)
    room = np.any(sites.halls + sites.most_halls > 0.0, axis=1)
    site, chip = np.nonzero((fleet | np.asarray(sold)[None, :]) & np.asarray(room)[:, None])
    return site.astype(np.int64), chip.astype(np.int64)


class _Making:
    """The investment side in the making."""

    def __init__(self, builder: ModelBuilder, problem: ExpansionProblem) -> None:
        self.b, self.p = builder, problem
        self.stages = np.arange(len(problem.stages.years))
        self.names = problem.stages.names
        self.columns: dict[str, Block] = {}
        self.rows: dict[str, Block] = {}
        self.assets: dict[str, tuple[Block, F8, F8]] = {}
        self.most_used: F8 = np.zeros(0)

    def column(self, key: str, items: tuple[str, ...], **bounds: object) -> Block:
        """Add a variable of every item and stage."""
        shape, axes = (len(items), len(self.stages)), (items, self.names)
        block = self.b.add_columns(key, shape, axes=axes, **bounds)  # type: ignore[arg-type]
        self.columns[key] = block
        return block

    def row(self, key: str, name: str, items: tuple[str, ...], **bounds: object) -> Block:
        """Add a constraint of every item and stage."""
        shape, axes = (len(items), len(self.stages)), (items, self.names)
        block = self.b.add_rows(name, shape, axes=axes, **bounds)  # type: ignore[arg-type]
        self.rows[key] = block
        return block

    def asset(
        self, key: str, items: tuple[str, ...], price: F8, yearly: F8, serves: B1, **bounds: object
    ) -> Block:
        """Add what is bought: ``price`` and ``serves`` by item, ``(n, Y)`` and ``(n, Y, Y)``."""
        sold = np.isfinite(price)
        real = np.where(sold, price, 0.0)
        cost = yearly[:, None] * real * (serves @ self.p.stages.worth)
        upper = np.where(sold, np.asarray(bounds.pop("upper", np.inf)), 0.0)
        block = self.column(key, items, cost=cost, upper=upper, **bounds)
        self.assets[key] = (block, real, yearly)
        return block

    def in_service(self, row: Block, at: I8, block: Block, serves: B1, value: object) -> None:
        """Add ``value * on(block)[n, y]`` to ``row[at[n], y]``; ``serves`` is ``(n, Y, Y)``."""
        n, bought, now = np.nonzero(serves)
        values = np.broadcast_to(np.asarray(value, dtype=np.float64), serves.shape[:1])
        self.b.add_terms(row.index(at[n], now), block.index(n, bought), values[n])

    def same(self, row: Block, at: I8, block: Block, value: object) -> None:
        """Add ``value[n, y] * block[n, y]`` to ``row[at[n], y]``."""
        n = np.arange(len(at))[:, None]
        values = np.broadcast_to(np.asarray(value, dtype=np.float64), (len(at), len(self.stages)))
        self.b.add_terms(row.index(at[:, None], self.stages), block.index(n, self.stages), values)


def add_investment(builder: ModelBuilder, problem: ExpansionProblem) -> Investment:
    """Add the investment side to a model in the making; electricity is left to ``E``."""
    m = _Making(builder, problem)
    pair_site, pair_chip = _pairs(problem)
    _halls(m)
    _chips(m, pair_site, pair_chip)
    tasks = _tasks(m, pair_site, pair_chip)
    arcs = _arcs(m, pair_site, pair_chip, tasks)
    _plants(m)
    links = _traffic(m, arcs)
    _links(m, pair_site, pair_chip, tasks)
    _limits(m, pair_site, pair_chip)
    return Investment(
        m.columns, m.rows, pair_site, pair_chip, *tasks, *arcs, links, m.assets
    )  # fmt: skip


def _everywhere(serves: B1, n: int) -> B1:
    return np.broadcast_to(serves, (n, *serves.shape))


def _halls(m: _Making) -> None:
    """Constraints begun, halls; see the module."""
    s = m.p.sites
    n, every = len(s.names), np.arange(len(s.names))
    yearly = np.full(n, s.yearly)
    can = s.most_halls.max(axis=1) > 0.0
    # A site that is begun stays so: what opening costs is paid to the end.
    after = np.triu(np.ones((len(m.stages), len(m.stages)), dtype=np.bool_))
    begun = m.asset("begun", s.names, s.open_cost, yearly, _everywhere(after, n),
                    upper=np.where(can, 1.0, 0.0)[:, None], integer=True)  # fmt: skip
    halls = m.asset("halls", s.names, s.hall_cost, yearly, _everywhere(s.serves, n),
                    upper=s.most_halls)  # fmt: skip
    m.column("old", s.names, upper=s.halls)
    once = m.b.add_rows("begun once", (n,), upper=1.0, axes=(s.names,))
    m.b.add_terms(once.index(every[:, None]), begun.index(every[:, None], m.stages), 1.0)
    row = m.row("halls", "most new halls", s.names, upper=0.0)
    m.in_service(row, every, halls, _everywhere(s.serves, n), 1.0)
    site, bought, now = np.nonzero(_everywhere(after, n))
    m.b.add_terms(row.index(site, now), begun.index(site, bought), -s.most_halls[site, now])


def _chips(m: _Making, pair_site: I8, pair_chip: I8) -> None:
    """Constraints fleet, room, occupancy, supply."""
    c, s = m.p.chips, m.p.sites
    names = tuple(f"{s.names[i]}/{c.names[t]}" for i, t in zip(pair_site, pair_chip, strict=True))
    every, n = np.arange(len(names)), len(s.names)
    serves = c.serves[pair_chip]
    kw = c.nameplate_kw[pair_chip]
    room = s.halls.max(axis=1) + s.most_halls.max(axis=1)
    most = room[pair_site] / np.maximum(kw, 1e-12)
    bought = m.asset("bought", names, c.price[pair_chip], c.yearly[pair_chip], serves,
                     upper=np.minimum(c.supply[pair_chip], most[:, None]))  # fmt: skip
    used = m.column("used", names, upper=most[:, None])
    m.most_used = most
    fleet = m.row("fleet", "chips there are", names, upper=c.fleet[pair_site, pair_chip])
    m.same(fleet, every, used, 1.0)
    m.in_service(fleet, every, bought, serves, -1.0)
    sites = np.arange(n)
    held = m.row("room", "power of halls", s.names, upper=0.0)
    m.same(held, pair_site, used, kw[:, None])
    m.same(held, sites, m.columns["old"], -1.0)
    m.in_service(held, sites, m.columns["halls"], _everywhere(s.serves, n), -1.0)
    if (s.occupancy > 0.0).any():
        full = m.row("occupancy", "rack occupancy", s.names, lower=0.0)
        m.same(full, pair_site, used, kw[:, None])
        m.same(full, sites, m.columns["old"], -s.occupancy[:, None])
        m.in_service(full, sites, m.columns["halls"], _everywhere(s.serves, n), -s.occupancy)
    supply = m.row("supply", "supply of chips", c.names, upper=c.supply)
    m.same(supply, pair_chip, bought, 1.0)


def _tasks(m: _Making, pair_site: I8, pair_chip: I8) -> tuple[I8, I8]:
    """Constraint chips, and the columns ``z``."""
    d = m.p.demand
    can = np.isfinite(d.need[:, pair_chip])
    kind, pair = (at.astype(np.int64) for at in np.nonzero(can))
    names = tuple(f"{d.classes[c]}@{p}" for c, p in zip(kind, pair, strict=True))
    most = m.most_used[pair] / np.maximum(d.room[kind], 1e-12)
    task = m.column("tasks", names, upper=most[:, None])
    pairs = tuple(str(k) for k in range(len(pair_site)))
    row = m.row("chips", "chips in use", pairs, upper=0.0)
    m.same(row, pair, task, d.room[kind][:, None])
    m.same(row, np.arange(len(pair_site)), m.columns["used"], -1.0)
    return kind, pair


def _arcs(m: _Making, pair_site: I8, pair_chip: I8, tasks: tuple[I8, I8]) -> tuple[I8, I8, I8]:
    """Constraints demand, work, must run, coverage, and the columns ``X`` and ``u``."""
    d, s = m.p.demand, m.p.sites
    kind, pair = tasks
    streams, sites = len(d.streams), len(s.names)
    able = np.zeros((sites, streams), dtype=np.bool_)
    for g in range(streams):
        inside = np.flatnonzero(d.stream == g)
        runs = np.zeros((sites, len(d.classes)), dtype=np.bool_)
        runs[pair_site[pair], kind] = True
        able[:, g] = runs[:, inside].all(axis=1)
    work = m.p.stream_work
    asked = work.max(axis=2) > 0.0
    region, stream, site = (
        at.astype(np.int64) for at in np.nonzero(d.open_way & able.T[None] & asked[:, :, None])
    )
    worth = m.p.stages.worth
    x = m.column("served", tuple(str(k) for k in range(len(region))),
                 cost=d.transfer_cost[region, stream, site] * worth, upper=1.0)  # fmt: skip
    flat = tuple(f"{r}, {g}" for r in d.regions for g in d.streams)
    total = work.reshape(-1, len(m.stages))
    unmet = m.column("unmet", flat, cost=total * d.unmet_cost * worth, upper=1.0)
    every = np.arange(len(flat))
    row = m.row("demand", "demand", flat, lower=1.0, upper=1.0)
    m.same(row, region * streams + stream, x, 1.0)
    m.same(row, every, unmet, 1.0)
    done = m.row("work", "work", tuple(f"{c}@{i}" for c in d.classes for i in s.names), upper=0.0)
    for c, g in enumerate(d.stream.tolist()):
        at = np.flatnonzero(stream == g)
        m.b.add_terms(
            done.index(c * sites + site[at][:, None], m.stages), x.index(at[:, None], m.stages),
            d.work[region[at], c],
        )  # fmt: skip
    m.same(done, kind * sites + pair_site[pair], m.columns["tasks"],
           -1.0 / d.need[kind, pair_chip[pair]][:, None])  # fmt: skip
    limits = m.p.limits
    shares = work / np.maximum(work.sum(axis=0), 1e-300)
    if (limits.must_run > 0.0).any():
        must = m.row(
            "must run", "must-run demand", d.streams, upper=(1.0 - limits.must_run)[:, None]
        )
        m.same(must, every % streams, unmet, shares.reshape(-1, len(m.stages)))
    live = work.sum(axis=0) > 0.0
    near = m.row("coverage", "latency coverage", d.streams,
                 lower=np.where(live, limits.coverage[:, None], 0.0))  # fmt: skip
    close = d.covered[region, stream, site].astype(np.float64)
    m.same(near, stream, x, shares[region, stream] * close[:, None])
    return region, stream, site


def _plants(m: _Making) -> None:
    """Constraint plant, for pv, wind and batteries."""
    s, p = m.p.sites, m.p.plants
    n, every = len(s.names), np.arange(len(s.names))
    after = np.triu(np.ones((len(m.stages), len(m.stages)), dtype=np.bool_))
    for k, key in enumerate(("pv", "wind", "battery")):
        most = p.most[k]
        serves = _everywhere(p.serves[k], n)
        built = m.asset(key, s.names, np.broadcast_to(p.cost[k], (n, len(m.stages))),
                        np.full(n, p.yearly[k]), serves, upper=most[:, None])  # fmt: skip
        row = m.row(key, f"most {key}", s.names, upper=np.where(s.is_open, most, 0.0)[:, None])
        m.in_service(row, every, built, serves, 1.0)
        site, bought, now = np.nonzero(_everywhere(after, n) & ~s.is_open[:, None, None])
        m.b.add_terms(row.index(site, now), m.columns["begun"].index(site, bought), -most[site])


def _traffic(m: _Making, arcs: tuple[I8, I8, I8]) -> I8:
    """Constraint traffic, and the columns ``n`` of links that can fill."""
    d, k = m.p.demand, m.p.links
    region, stream, site = arcs
    flow = np.zeros((len(d.regions), len(d.streams), len(m.stages)))
    for c, g in enumerate(d.stream.tolist()):
        flow[:, g] += d.work[:, c] * d.traffic[c]
    way = region * len(m.p.sites.names) + site
    count = np.diff(k.way_start)[way]
    arc = np.repeat(np.arange(len(way)), count)
    step = np.arange(len(arc)) - np.repeat(np.cumsum(count) - count, count)
    link = k.way_link[k.way_start[way][arc] + step]
    # All of a region's demand that may take the link, each stream counted once.
    seen = np.unique(np.stack([link, region[arc], stream[arc]]), axis=1)
    load = np.zeros((len(k.names), len(m.stages)))
    np.add.at(load, seen[0], flow[seen[1], seen[2]])
    full = np.flatnonzero((load > k.capacity[:, None]).any(axis=1))
    place = np.full(len(k.names), -1, dtype=np.int64)
    place[full] = np.arange(len(full))
    names = tuple(k.names[at] for at in full)
    serves = _everywhere(k.serves, len(full))
    need = np.maximum(load[full] - k.capacity[full][:, None], 0.0) / k.wave
    waves = m.asset("waves", names, k.cost[full], np.full(len(full), k.yearly), serves,
                    upper=np.minimum(np.ceil(need.max(axis=1, initial=0.0))[:, None], k.most_waves),
                    integer=True)  # fmt: skip
    row = m.row("traffic", "capacity of link", names, upper=k.capacity[full][:, None])
    m.in_service(row, np.arange(len(full)), waves, serves, -k.wave)
    on = place[link] >= 0
    m.b.add_terms(
        row.index(place[link[on]][:, None], m.stages),
        m.columns["served"].index(arc[on][:, None], m.stages),
        flow[region[arc[on]], stream[arc[on]]],
    )  # fmt: skip
    return full


def _links(m: _Making, pair_site: I8, pair_chip: I8, tasks: tuple[I8, I8]) -> None:
    """Constraint links, and the columns ``L`` and ``E``."""
    s, d, c, p = m.p.sites, m.p.demand, m.p.chips, m.p.plants
    kind, pair = tasks
    n, every = len(s.names), np.arange(len(s.names))
    room = s.halls + s.most_halls.max(axis=1)[:, None]
    # What a site can draw and emit at most, so that every column has an end.
    w = m.p.energy.hour_weight
    dirty = (w * m.p.energy.emission * m.p.energy.pue).max(axis=2) * 24.0 * len(m.p.energy.days)
    ends = [room * 1.1, room * 1.1, room * 1.1, p.most[0][:, None], p.most[1][:, None],
            p.most[2][:, None], room * 12.0 * dirty + 1.0]  # fmt: skip
    for number, name in enumerate(LINKS):
        m.column(f"link {name}", s.names, upper=ends[number])
        if number == CARBON:
            continue
        row = m.row(f"link {name}", f"{name} power", s.names, lower=0.0, upper=0.0)
        m.same(row, every, m.columns[f"link {name}"], -1.0)
        if name == "flat":
            m.same(row, pair_site, m.columns["used"], c.base_kw[pair_chip][:, None])
        elif name in ("serving", "moving"):
            mine = d.moves[kind] == (name == "moving")
            draw = np.where(mine, d.draw_kw[kind, pair_chip[pair]], 0.0)
            m.same(row, pair_site[pair], m.columns["tasks"], draw[:, None])
        else:
            k = ("pv", "wind", "battery").index(name)
            m.in_service(row, every, m.columns[name], _everywhere(p.serves[k], n), 1.0)


def _limits(m: _Making, pair_site: I8, pair_chip: I8) -> None:
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
    if np.isfinite(limits.carbon).any():
        row = m.row("carbon", "emissions", ("all",), upper=limits.carbon[None])
        every = np.zeros(len(s.names), dtype=np.int64)
        m.same(row, every, m.columns["link carbon"], 1.0)
