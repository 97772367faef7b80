"""Who is served where in an expansion, by which chips, over which links.

See :mod:`.expansion_model`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from computenet.optimization.expansion_making import Making, everywhere

__all__ = ["add_arcs", "add_tasks", "add_traffic"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]


def add_tasks(m: Making, pair_site: I8, pair_chip: I8) -> tuple[I8, I8]:
    """Constraint chips, and the columns ``z``."""
    d = m.p.demand
    can = np.isfinite(d.need[:, pair_chip])
    kind, pair = (at.astype(np.int64) for at in np.nonzero(can))
    names = tuple(f"{d.classes[c]}@{p}" for c, p in zip(kind, pair, strict=True))
    most = m.most_used[pair][:, None] / np.maximum(d.room[kind], 1e-12)
    task = m.column("tasks", names, upper=most)
    pairs = tuple(str(k) for k in range(len(pair_site)))
    row = m.row("chips", "chips in use", pairs, upper=0.0)
    m.same(row, pair, task, d.room[kind])
    m.same(row, np.arange(len(pair_site)), m.columns["used"], -1.0)
    return kind, pair


def add_arcs(m: Making, pair_site: I8, pair_chip: I8, tasks: tuple[I8, I8]) -> tuple[I8, I8, I8]:
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


def add_traffic(m: Making, arcs: tuple[I8, I8, I8]) -> I8:
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
    serves = everywhere(k.serves, len(full))
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
