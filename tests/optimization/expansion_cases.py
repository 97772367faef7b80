"""Small capacity expansions with numbers drawn at random, and round ones to check by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from computenet.optimization.expansion_problem import (
    ChipSupply,
    Demand,
    EnergyYear,
    ExpansionProblem,
    Limits,
    Links,
    Plants,
    Sites,
    Stages,
    annuity,
    in_service,
    present_value,
)


def stages(count: int, rate: float = 0.05, years: float = 1.0) -> Stages:
    """Return stages that follow one another, from a year after the base year on."""
    after = 1.0 + years * np.arange(count)
    span = np.full(count, years)
    names = tuple(str(2025 + int(at)) for at in after)
    return Stages(names, after, span, present_value(rate, after, span))


def random_problem(
    seed: int = 0, sites: int = 2, regions: int = 2, count: int = 2, days: int = 1
) -> ExpansionProblem:
    """Return a problem in which everything has a part: halls, chips, plant, waves, targets."""
    rng = np.random.default_rng(seed)
    when = stages(count)
    kinds, classes, hours = 2, 3, 24 * days
    hour = np.arange(hours) % 24
    names = tuple(f"s{i}" for i in range(sites))
    is_open = np.arange(sites) == 0
    halls = np.where(is_open[:, None], 20.0, 0.0) * np.ones((1, count))
    fleet = np.zeros((sites, kinds, count))
    fleet[0, 0] = np.linspace(15.0, 5.0, count)
    work = rng.uniform(2.0, 8.0, (regions, classes, 1)) * 1.5 ** np.arange(count)
    sun = np.clip(np.sin((hour - 6) / 12 * np.pi), 0.0, None)
    output = np.stack(
        [
            sun[None] * rng.uniform(0.5, 0.9, (sites, 1)),
            rng.uniform(0.0, 0.8, (sites, hours)),
        ]
    )
    price = rng.uniform(0.2, 0.7, (sites, 1, 1)) * (1.0 + 0.5 * rng.random((1, 1, hours)))
    open_way = np.ones((regions, 2, sites), dtype=np.bool_)
    covered = rng.random((regions, 2, sites)) < 0.7
    covered[:, :, 0] = True
    return ExpansionProblem(
        unit=1.0,
        stages=when,
        chips=ChipSupply(
            names=("a", "b"),
            nameplate_kw=np.array([1.0, 1.5]),
            base_kw=np.array([0.3, 0.4]),
            pflops=np.array([0.3, 0.8]),
            price=np.array([[100.0], [160.0]]) * 0.9 ** np.arange(count),
            supply=np.array([[np.inf], [30.0]]) * np.ones((1, count)),
            yearly=annuity(0.05, np.array([5.0, 5.0])) + 0.02,
            serves=np.stack([in_service(when.after_years, 5.0)] * kinds),
            fleet=fleet,
        ),
        demand=Demand(
            regions=tuple(f"r{r}" for r in range(regions)),
            classes=("chat", "batch", "train"),
            streams=("near", "far"),
            stream=np.array([0, 1, 1]),
            work=np.asarray(work),
            need=np.array([[1.0, 0.6], [1.0, 0.5], [1.0, 0.4]]),
            room=np.array([[2.0], [1.25], [1.25]]) * np.ones((1, count)),
            draw_kw=np.array([[0.5, 0.8], [0.6, 0.9], [0.7, 1.0]]),
            moves=np.array([False, True, True]),
            traffic=np.array([1.0, 4.0, 2.0]),
            transfer_cost=rng.uniform(0.0, 2.0, (regions, 2, sites, 1)) * np.ones((1, 1, 1, count)),
            open_way=open_way,
            covered=covered,
            unmet_cost=440.0,
        ),
        sites=Sites(
            names=names,
            halls=halls,
            most_halls=np.full((sites, count), 60.0),
            open_cost=np.where(is_open, 50.0, rng.uniform(50.0, 400.0, sites))[:, None]
            * np.ones((1, count)),
            hall_cost=rng.uniform(20.0, 40.0, (sites, 1)) * np.ones((1, count)),
            yearly=float(annuity(0.05, np.array(20.0))) + 0.02,
            serves=in_service(when.after_years, 20.0),
            is_open=is_open,
            hub=np.arange(sites) % 2 == 1,
            occupancy=np.full(sites, 0.5),
        ),
        links=Links(
            names=tuple(f"l{k}" for k in range(regions * sites)),
            capacity=np.full(regions * sites, 10.0),
            wave=15.0,
            cost=rng.uniform(5.0, 20.0, (regions * sites, 1)) * np.ones((1, count)),
            most_waves=50.0,
            yearly=0.15,
            serves=in_service(when.after_years, 10.0),
            way_start=np.arange(regions * sites + 1),
            way_link=np.arange(regions * sites),
        ),
        plants=Plants(
            cost=np.array([[3.0], [4.5], [2.0]]) * np.ones((1, count)),
            most=np.full((3, sites), 12.0),
            yearly=annuity(0.05, np.array([25.0, 20.0, 12.0])) + 0.02,
            serves=np.stack([in_service(when.after_years, life) for life in (25.0, 20.0, 12.0)]),
        ),
        energy=EnergyYear(
            days=tuple(f"d{k}" for k in range(days)),
            day_weight=np.full(days, 365.0 / days),
            serving_shape=1.0 + 0.4 * np.sin((hour - 9) / 12 * np.pi),
            pue=1.2 + 0.1 * rng.random((sites, 1, hours)) * np.ones((1, count, 1)),
            price=price * np.ones((1, count, 1)),
            emission=rng.uniform(0.3, 0.8, (sites, 1, 1)) * np.ones((1, count, hours)),
            output=output,
            today=np.where(is_open[:, None], 2.0 * sun, 0.0),
            today_cost=np.full(sites, 0.25),
            most_import=np.full((sites, hours), np.inf),
            peak_cost=np.full(sites, 0.45),
            battery_power=np.where(is_open, 1.0, 0.0),
            battery_energy=np.where(is_open, 2.0, 0.0),
            battery_hours=4.0,
            efficiency=0.88,
            cycle_cost=0.02,
            contract_share=np.full((sites, count), 0.5),
            contract_cost=0.015,
            green_share=np.where(np.arange(sites) % 2 == 1, 0.6, 0.0)[:, None]
            * np.ones((1, count)),
            flexible_share=0.3,
            flexible_room=1.25,
            unserved_cost=4000.0,
            short_cost=2000.0,
            over_cost=8000.0,
            carbon_cost=np.full(count, 0.05),
        ),
        limits=Limits(
            hub_share=0.5,
            coverage=np.array([0.6, 0.0]),
            must_run=np.array([0.9, 0.9]),
            budget=np.full(count, np.inf),
            carbon=np.full(count, np.inf),
        ),
    )


def with_limits(problem: ExpansionProblem, **limits: object) -> ExpansionProblem:
    """Return the problem with other targets."""
    return replace(problem, limits=replace(problem.limits, **limits))  # type: ignore[arg-type]
