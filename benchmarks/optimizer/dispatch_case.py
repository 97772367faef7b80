"""A made-up network of any size for the dispatch model: every kind of constraint is there.

Numbers are of the right order (MW, CNY per MWh, accelerators of 400 W), not data of a place.
"""

from __future__ import annotations

import numpy as np

from computenet.optimization.dispatch import (
    Carry,
    DataShipping,
    DispatchProblem,
    Fleet,
    GreenRules,
    RequestDemand,
    SitePower,
    TrainingWork,
)

__all__ = ["network"]


def network(
    sites: int, slots: int, streams: int = 10, demands: int = 20, seed: int = 0
) -> DispatchProblem:
    """Return a problem of two pools a site; slots of an hour; the carbon cap and share bind."""
    rng = np.random.default_rng(seed)
    pools = 2 * sites
    hour = np.arange(slots)
    day = hour % 24
    size = rng.uniform(2_000, 20_000, pools).round()
    serving = (0.4 * size).round()
    # Hours of the day at their price, cheaper in the west; sun by day, wind at any time.
    band = np.where((day >= 10) & (day < 22), 1.35, np.where(day < 8, 0.55, 1.0))
    price = rng.uniform(300, 700, sites) * band[:, None]
    capacity_mw = 0.0013 * (size[0::2] + size[1::2])
    sun = (
        np.maximum(np.sin(2 * np.pi * (day - 6) / 24), 0.0)[:, None]
        * rng.uniform(0.5, 1.0, (-(-slots // 24), sites)).repeat(24, axis=0)[:slots]
    )
    wind = np.clip(np.cumsum(rng.normal(0, 0.1, (slots, sites)), axis=0) + 0.3, 0.0, 1.0)
    generation = capacity_mw * (
        rng.uniform(0, 0.6, sites) * sun + rng.uniform(0, 0.4, sites) * wind
    )
    pool_site = np.arange(pools) // 2
    fleet = Fleet(
        tuple(f"s{i}" for i in range(sites)),
        tuple(f"p{p}" for p in range(pools)),
        pool_site,
        (size - serving) * np.ones((slots, 1)),
        serving * np.ones((slots, 1)),
        serving_utilisation=np.full(pools, 0.9),
        serving_reserve=0.2 * serving,
        switch_cny=np.where(np.arange(pools) % 2 == 0, 0.5, np.inf),
    )
    power = SitePower(
        fixed_mw=0.00025 * (size[0::2] + size[1::2]),
        pue=rng.uniform(1.1, 1.4, sites) + 0.05 * np.sin(2 * np.pi * (day - 9) / 24)[:, None],
        price_cny_per_mwh=price,
        limit_mw=0.8 * capacity_mw,
        generation_mw=generation,
        generation_cny_per_mwh=250.0,
        battery_mw=0.1 * capacity_mw,
        battery_mwh=0.2 * capacity_mw,
        battery_efficiency=0.86,
        cycle_cny_per_mwh=20.0,
        stored_cny_per_mwh=0.8 * price.min(axis=0),
        demand_charge_cny_per_mw=32_000.0,
        month_of_slot=np.zeros(1, dtype=np.int64),
        month_share=np.full(1, min(slots / 720.0, 1.0)),
    )
    green = GreenRules(
        share_min=0.6,
        premium_cny_per_mwh=30.0,
        green_limit_mw=0.35 * capacity_mw,
        emission_kg_per_mwh=rng.uniform(350, 800, sites),
        carbon_cny_per_t=60.0,
    )
    return DispatchProblem(
        np.ones(slots),
        fleet,
        power,
        _requests(rng, fleet, slots, demands, serving),
        *_work(rng, fleet, slots, streams, float((size - serving).sum())),
        green,
        Carry(
            backlog_accelerator_h=0.15 * float((size - serving).sum()) / streams * 24,
            stored_mwh=0.1 * capacity_mw,
            peak_mw=0.3 * capacity_mw,
        ),
    )


def _requests(
    rng: np.random.Generator, fleet: Fleet, slots: int, demands: int, serving: np.ndarray
) -> RequestDemand:
    pools = len(fleet.pools)
    day = np.arange(slots) % 24
    feasible = rng.random((demands, pools)) < 0.35
    feasible[np.arange(demands), rng.integers(0, pools, demands)] = True
    demand, group = np.nonzero(feasible)
    seconds = rng.uniform(0.5, 4.0, demands)
    share = rng.dirichlet(np.full(demands, 2.0)) * 0.5 * serving.sum() / seconds
    swing = 1.0 + 0.5 * np.sin(2 * np.pi * (day - 9) / 24)[:, None]
    return RequestDemand(
        tuple(f"d{d}" for d in range(demands)),
        share * swing * rng.uniform(0.95, 1.05, (slots, demands)),
        rng.uniform(0.02, 0.1, demands),
        demand,
        group,
        seconds[demand] * rng.uniform(0.8, 1.3, pools)[group],
        4e-4 / 3600.0 * seconds[demand],
        rng.uniform(0.0, 5e-4, len(demand)),
        groups=fleet.pools,
        group_pool=np.arange(pools),
    )


def _work(
    rng: np.random.Generator, fleet: Fleet, slots: int, streams: int, accelerators: float
) -> tuple[TrainingWork, DataShipping]:
    sites, pools = len(fleet.sites), len(fleet.pools)
    speed = rng.uniform(0.5, 1.2, (streams, pools)) * (rng.random((streams, pools)) < 0.7)
    mean = 0.5 * accelerators / streams
    arrivals = mean * rng.uniform(0.3, 1.7, (slots, streams))
    patience = rng.integers(4, 30, streams)
    due = np.zeros((slots, streams))
    backlog = 0.15 * accelerators / streams * 24
    for j in range(streams):
        if patience[j] < slots:
            due[patience[j] :, j] = arrivals[: slots - patience[j], j]
        wait = min(int(patience[j]), slots)
        due[:wait, j] += backlog / patience[j]
    links = 3 * sites // 2
    stream, site = np.divmod(np.arange(streams * sites), sites)
    hop = rng.integers(0, links, (2, streams * sites))
    hop[1] = np.where(hop[1] == hop[0], (hop[1] + 1) % links, hop[1])
    work = TrainingWork(
        tuple(f"j{j}" for j in range(streams)),
        arrivals,
        due,
        speed,
        np.full((streams, pools), 350.0),
        parallelism=rng.uniform(2.0, 6.0, streams) * mean,
        late_cny=rng.uniform(0.5, 2.0, streams),
        waiting_cny=0.01,
        unfinished_cny=0.9,
    )
    data = DataShipping(
        np.where(np.arange(streams) % 3 == 0, 0.0, rng.uniform(0.5, 4.0, streams)),
        here=rng.random((streams, sites)) < 0.2,
        price_cny_per_gb=rng.uniform(0.01, 0.05, (streams, sites)),
        holding_cny_per_gb_h=1.6e-4,
        links=tuple(f"l{k}" for k in range(links)),
        link_gb=np.full((slots, links), 2.0 * mean * streams / links),
        route_stream=np.tile(stream, 2),
        route_site=np.tile(site, 2),
        route_link=hop.ravel(),
    )
    return work, data
