"""What is built and bought in an expansion: halls, chips, plant; see :mod:`.expansion_model`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from computenet.optimization.expansion_making import Making, everywhere
from computenet.optimization.expansion_problem import ExpansionProblem

__all__ = ["add_chips", "add_halls", "add_plants", "site_chips"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]


def site_chips(problem: ExpansionProblem) -> tuple[I8, I8]:
    """Return (site, chip) pairs that have a fleet, or can be bought where halls may be."""
    chips, sites = problem.chips, problem.sites
    fleet = np.any(chips.fleet > 0.0, axis=2)
    sold = np.any(np.isfinite(chips.price) & (chips.supply > 0.0), axis=1)
    room = np.any(sites.halls + sites.most_halls > 0.0, axis=1)
    site, chip = np.nonzero((fleet | np.asarray(sold)[None, :]) & np.asarray(room)[:, None])
    return site.astype(np.int64), chip.astype(np.int64)


def add_halls(m: Making) -> None:
    """Constraints begun, halls; see the module."""
    s = m.p.sites
    n, every = len(s.names), np.arange(len(s.names))
    yearly = np.full(n, s.yearly)
    can = s.most_halls.max(axis=1) > 0.0
    # A site that is begun stays so: what opening costs is paid to the end.
    after = np.triu(np.ones((len(m.stages), len(m.stages)), dtype=np.bool_))
    begun = m.asset("begun", s.names, s.open_cost, yearly, everywhere(after, n),
                    upper=np.where(can, 1.0, 0.0)[:, None], integer=True)  # fmt: skip
    halls = m.asset("halls", s.names, s.hall_cost, yearly, everywhere(s.serves, n),
                    upper=s.most_halls)  # fmt: skip
    m.column("old", s.names, upper=s.halls)
    once = m.b.add_rows("begun once", (n,), upper=1.0, axes=(s.names,))
    m.b.add_terms(once.index(every[:, None]), begun.index(every[:, None], m.stages), 1.0)
    row = m.row("halls", "most new halls", s.names, upper=0.0)
    m.in_service(row, every, halls, everywhere(s.serves, n), 1.0)
    site, bought, now = np.nonzero(everywhere(after, n))
    m.b.add_terms(row.index(site, now), begun.index(site, bought), -s.most_halls[site, now])


def add_chips(m: Making, pair_site: I8, pair_chip: I8) -> None:
    """Constraints fleet, run, room, occupancy, supply."""
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
    run = m.row("run", "new chips in use", names, lower=0.0)
    m.same(run, every, used, 1.0)
    m.in_service(run, every, bought, serves, -1.0)
    sites = np.arange(n)
    held = m.row("room", "power of halls", s.names, upper=0.0)
    m.same(held, pair_site, used, kw[:, None])
    m.same(held, sites, m.columns["old"], -1.0)
    m.in_service(held, sites, m.columns["halls"], everywhere(s.serves, n), -1.0)
    if (s.occupancy > 0.0).any():
        full = m.row("occupancy", "rack occupancy", s.names, lower=0.0)
        m.same(full, pair_site, used, kw[:, None])
        m.same(full, sites, m.columns["old"], -s.occupancy[:, None])
        m.in_service(full, sites, m.columns["halls"], everywhere(s.serves, n), -s.occupancy)
    supply = m.row("supply", "supply of chips", c.names, upper=c.supply)
    m.same(supply, pair_chip, bought, 1.0)


def add_plants(m: Making) -> None:
    """Constraint plant, for pv, wind and batteries."""
    s, p = m.p.sites, m.p.plants
    n, every = len(s.names), np.arange(len(s.names))
    after = np.triu(np.ones((len(m.stages), len(m.stages)), dtype=np.bool_))
    for k, key in enumerate(("pv", "wind", "battery")):
        most = p.most[k]
        serves = everywhere(p.serves[k], n)
        built = m.asset(key, s.names, np.broadcast_to(p.cost[k], (n, len(m.stages))),
                        np.full(n, p.yearly[k]), serves, upper=most[:, None])  # fmt: skip
        row = m.row(key, f"most {key}", s.names, upper=np.where(s.is_open, most, 0.0)[:, None])
        m.in_service(row, every, built, serves, 1.0)
        site, bought, now = np.nonzero(everywhere(after, n) & ~s.is_open[:, None, None])
        m.b.add_terms(row.index(site, now), m.columns["begun"].index(site, bought), -most[site])
