"""Rows of the dispatch model for data, monthly peaks, green shares and carbon caps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from computenet.optimization.dispatch_blocks import Blocks, first_slot, pick
from computenet.optimization.sparse import Block

__all__ = ["add_data", "add_peaks", "add_zones"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]


def add_data(b: Blocks) -> None:
    """Data shipped, there, and used up by the work."""
    problem, layout, work, data = b.problem, b.layout, b.problem.work, b.problem.data
    assert data is not None
    j, i = layout.ship_stream, layout.ship_site
    pairs = len(j)
    here = data.here[j, i]
    w = b.column(
        "shipped", pairs, cost=data.price_cny_per_gb[j, i],
        upper=np.where(data.open[j, i] & ~here, np.inf, 0.0),
    )  # fmt: skip
    f = b.column(
        "buffer", pairs, cost=b.h * data.holding_cny_per_gb_h, upper=np.where(here, 0.0, np.inf)
    )
    names = tuple(
        f"{work.names[int(a)]} at {problem.fleet.sites[int(c)]}" for a, c in zip(j, i, strict=True)
    )
    start = first_slot((problem.slots, pairs), np.where(here, 0.0, problem.carry.buffer_gb[j, i]))
    row = b.row("data", "data", names, upper=np.where(here, np.inf, start))
    b.chain(row, f)
    b.terms(row, np.arange(pairs), w, -1.0)
    needs = np.flatnonzero(layout.ship_of_work >= 0)
    a, p = layout.work_stream[needs], layout.work_pool[needs]
    used = b.h * (data.gb_per_accelerator_h[a] * work.speed[a, p])
    b.builder.add_terms(
        row.index(b.t, layout.ship_of_work[needs]), b.columns["work"].index(b.t, needs), used
    )
    streams = np.unique(j)
    place = np.zeros(len(work.names), dtype=np.int64)
    place[streams] = np.arange(len(streams))
    release = b.row("release", "data of released work", pick(work.names, streams), upper=0.0)
    b.terms(release, place[j], f, 1.0)
    for left in ("on time", "late"):
        b.builder.add_terms(
            release.index(),
            b.columns[left].index(b.t, streams),
            -data.gb_per_accelerator_h[streams],
        )
    if data.links and layout.routes.size:
        link = b.row("link", "link", data.links, upper=data.link_gb)
        at = data.route_link[layout.routes]
        b.builder.add_terms(link.index(b.t, at), w.index(b.t, layout.route_pair), 1.0)


def add_peaks(b: Blocks) -> None:
    """Highest import of each month beyond what it was before the window."""
    problem, layout, power = b.problem, b.layout, b.problem.power
    at, months = layout.charged, layout.months
    share = np.zeros(months)
    share[: len(power.month_share)] = power.month_share
    k = b.builder.add_columns(
        "peak", (months, len(at)), cost=share[:, None] * power.demand_charge_cny_per_mw[at]
    )
    b.columns["peak"] = k
    so_far = np.where((power.month_of_slot == 0)[:, None], problem.carry.peak_mw[at], 0.0)
    row = b.row("peak", "peak of the month", pick(problem.fleet.sites, at), upper=so_far)
    b.builder.add_terms(row.index(), b.columns["import"].index(b.t, at), 1.0)
    b.builder.add_terms(
        row.index(), k.index(power.month_of_slot[:, None], np.arange(len(at))), -1.0
    )


def add_zones(b: Blocks) -> None:
    """Green share and carbon cap of zones, over the window and what was before it."""
    problem, layout, green, carry = b.problem, b.layout, b.problem.green, b.problem.carry
    assert green is not None
    m, gen = b.columns["import"], b.columns["generation"]

    def over_sites(row: Block, zones: I8, column: Block, sites: I8, values: F8) -> None:
        place = np.full(len(green.zones), -1)
        place[zones] = np.arange(len(zones))
        inside = np.flatnonzero(place[green.zone[sites]] >= 0)
        b.builder.add_terms(
            row.index(place[green.zone[sites[inside]]]), column.index(b.t, inside),
            np.broadcast_to(values, (problem.slots, len(sites)))[:, inside],
        )  # fmt: skip

    every = np.arange(len(problem.fleet.sites))
    told = layout.green_import
    if layout.targets.size:
        at = layout.targets
        g = green.share_min
        row = b.builder.add_rows(
            "green share", (len(at),), axes=(pick(green.zones, at),),
            lower=g[at] * carry.consumed_mwh[at] - carry.green_mwh[at],
        )  # fmt: skip
        b.rows["green"] = row
        of_site = g[green.zone]
        over_sites(row, at, gen, every, b.h * (1.0 - of_site))
        over_sites(row, at, m, every, -b.h * of_site)
        over_sites(row, at, b.columns["green import"], told, b.h)
        _slack(b, "green short", row, problem.green_short_cny_per_mwh, 1.0)
    if layout.caps.size:
        at = layout.caps
        row = b.builder.add_rows(
            "carbon cap", (len(at),), axes=(pick(green.zones, at),),
            upper=green.carbon_cap_kg[at] - carry.carbon_kg[at],
        )  # fmt: skip
        b.rows["carbon"] = row
        over_sites(row, at, m, every, b.h * green.emission_kg_per_mwh)
        if green.market_based:
            spared = -b.h * green.emission_kg_per_mwh[:, told]
            over_sites(row, at, b.columns["green import"], told, spared)
        _slack(b, "carbon over", row, problem.carbon_over_cny_per_kg, -1.0)


def _slack(b: Blocks, key: str, row: Block, price: float, sign: float) -> None:
    hard = np.isinf(price)
    column = b.builder.add_columns(
        key, row.shape, cost=0.0 if hard else price, upper=0.0 if hard else np.inf
    )
    b.columns[key] = column
    b.builder.add_terms(row.index(), column.index(), sign)
