"""What a matching says things are worth, as rows of the plans table."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from computenet.optimization.matching import Matching, MatchingProblem
from computenet.optimization.prices import PriceProbe, marginal_carbon
from computenet.policies.costs import job_energy_mwh, pue_factor, request_facility_mwh
from computenet.policies.protocol import PriceRow, SystemView
from computenet.policies.site_power import PowerSteps
from computenet.units import SECONDS_PER_HOUR

__all__ = ["carbon_kg", "plan_prices"]

F8 = NDArray[np.float64]


def plan_prices(
    view: SystemView,
    problem: MatchingProblem,
    answer: Matching,
    arc_kg: F8,
    excess_kg: F8 | None = None,
) -> tuple[PriceRow, ...]:
    """Return prices with their ranges around a solved epoch.

    - groups and pools: what one accelerator more for an hour would save, its power included;
    - sites: what one more megawatt of own plant, or without a higher peak, would save: of what
      requests and jobs would have from it the larger;
    - links: congestion rent of a gigabyte;
    - classes: how the total of carbon changes with one more request, or with one more accelerator
      at work for an hour, in the region with most of them.

    Parameters
    ----------
    problem, answer
        In CNY an hour, requests a second and accelerators.
    arc_kg
        ``(A,)`` kg CO2 an hour of a unit of flow.
    excess_kg
        ``(I, E)`` besides, of a megawatt in each step beyond a power limit.
    """
    probe = PriceProbe(problem, answer)
    groups = view.compiled.groups
    each = np.concatenate([groups.accelerators_per_replica, np.ones(len(view.compiled.pools.ids))])
    rows = list(_rows(probe.pools(), "pool", "", "CNY/accelerator-h", each))
    sites = probe.sites()
    sites = sites.groupby("site", sort=False, as_index=False)[
        ["price_cny", "low_cny", "high_cny"]
    ].max()  # of a megawatt at the annual PUE
    rows += _rows(sites, "site", "peak ", "CNY/MW-h", pue_factor(view)[: len(sites)])
    links = probe.links()
    rows += _rows(links, "link", "link ", "CNY/GB", np.full(len(links), 3600.0))
    rows += _carbon(view, problem, answer, arc_kg, excess_kg)
    return tuple(rows)


def _rows(table: pd.DataFrame, kind: str, prefix: str, unit: str, units: F8) -> Iterator[PriceRow]:
    for name, value, low, high, size in zip(
        table[kind], table["price_cny"], table["low_cny"], table["high_cny"], units, strict=True
    ):
        if np.isfinite(value):
            yield PriceRow(prefix + name, unit, *(float(x / size) for x in (value, low, high)))


def _carbon(
    view: SystemView,
    problem: MatchingProblem,
    answer: Matching,
    arc_kg: F8,
    excess_kg: F8 | None,
) -> Iterator[PriceRow]:
    compiled = view.compiled
    regions, classes = len(compiled.regions), len(compiled.requests.classes)
    demands = regions * classes
    units = (
        (compiled.requests.classes, problem.demand[:demands], 0, 3600.0, "kg/request"),
        (compiled.jobs.classes, problem.demand[demands:], demands, 1.0, "kg/accelerator-h"),
    )
    for names, demand, first, size, unit in units:
        if not names:
            continue
        largest = np.argmax(demand.reshape(regions, -1), axis=0) * len(names)
        at = first + largest + np.arange(len(names))
        found = marginal_carbon(problem, answer, arc_kg, at, excess_kg=excess_kg)
        values = found[["kg_per_unit", "low_kg", "high_kg"]].to_numpy(dtype=np.float64) / size
        for name, row in zip(names, values, strict=True):
            if np.isfinite(row).all():
                yield PriceRow(f"carbon {name}", unit, *(float(value) for value in row))


def carbon_kg(
    view: SystemView, problem: MatchingProblem, steps: PowerSteps | None
) -> tuple[F8, F8 | None]:
    """Return carbon of a unit of flow for an hour, and of a MW beyond a limit, kg CO2.

    Shapes are ``(A,)`` and ``(2 I, E)``.

    Own plant emits nothing; what is beyond it comes from the grid.
    """
    if steps is not None and steps.own:
        grid = np.tile(view.carbon_kg_per_mwh * pue_factor(view), 2)[:, None]
        return np.zeros(problem.n_arcs), steps.excess_grid * grid
    return _arc_kg(view, problem), None


def _arc_kg(view: SystemView, problem: MatchingProblem) -> F8:
    """Return the carbon of a unit of flow for an hour, all of it from the grid, ``(A,)``, kg."""
    compiled = view.compiled
    demands, groups = view.request_arc_open.shape
    site = compiled.pools.site
    kg = np.zeros(problem.n_arcs)
    of_request = problem.arc_demand < demands
    d, g = problem.arc_demand[of_request], problem.arc_pool[of_request]
    kg[of_request] = request_facility_mwh(view)[d, g]
    kg[of_request] *= view.carbon_kg_per_mwh[site[compiled.groups.pool[g]]]
    q, p = problem.arc_demand[~of_request] - demands, problem.arc_pool[~of_request] - groups
    kg[~of_request] = job_energy_mwh(view)[q, p] * view.carbon_kg_per_mwh[site[p]]
    hourly: F8 = SECONDS_PER_HOUR * kg
    return hourly
