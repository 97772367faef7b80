"""A site's year of electricity in one stage: the hourly part of a capacity expansion.

Given the mean power of IT and what was built, the least cost of a year on representative days. The
*link* between investment and operation are seven numbers by site and stage, the only ones that
appear in both: power that is always there (``flat``), of requests (``serving``) and of jobs
(``moving``), own plant (``pv, wind, battery``), and the year's emissions (``carbon``).

Variables of hour `h`, all at least 0: import ``m``, own generation used ``r``, generation of today
used ``q``, charge ``c``, discharge ``d``, stored ``s``, power of jobs ``f``, power not had ``n``;
of the year: peak ``p``, energy bought green ``g``, green energy short ``x``, emissions over
``o``. With ``w[h]`` = days of the year the hour's day stands for, and

* balance   ``(m + r + q + d + n - c) / PUE[h] - f = flat + shape[h] serving``
* own       ``r <= pv[h] PV + wind[h] WIND``; ``q <= today[h]``
* store     ``s[h] = s[h-1] + e c - d / e``, ``e = sqrt(round trip)``, the day's first hour follows
  its last; ``c, d <= BATTERY + today's``; ``s <= hours BATTERY + today's``
* jobs      ``sum_day f >= 24 moving``; ``f <= room moving``; ``f >= (1 - flexible) moving``
* peak      ``m <= p``; grid ``m <= most_import``
* contract  ``g <= share sum w m``
* green     ``g + sum w (r + q) + x >= G sum w (m + r + q)``
* carbon    ``sum w emission m - o <= CARBON``

    cost = sum w ((price + carbon price emission) m + today_cost q + wear d + unserved n)
           + peak_cost p + premium g + short x + over o

``n``, ``x`` and ``o`` make the year feasible whatever was built; a plan that uses any of them is
not reported as one. They cost so much that work is left undone first, and ``n`` more than ``x``.
The value is convex in the seven numbers, and its gradient by them is the reduced costs of seven
columns that are fixed at their values (Benders, *Numerische Mathematik* 4, 1962; Geoffrion, JOTA
10, 1972).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from computenet.optimization.expansion_problem import ExpansionProblem
from computenet.optimization.solvers import HotModel, SolverError, Status
from computenet.optimization.sparse import Block, ModelBuilder

__all__ = ["LINKS", "EnergyBlock", "SiteYear", "YearCost", "add_energy"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]

#: What investment and operation share, in this order.
LINKS = ("flat", "serving", "moving", "pv", "wind", "battery", "carbon")
FLAT, SERVING, MOVING, SUN, AIR, STORE, CARBON = range(7)


@dataclass(frozen=True, slots=True)
class EnergyBlock:
    """Blocks of one site and stage: hourly by name, ``(H,)`` each, and of the year."""

    hourly: dict[str, Block]
    yearly: dict[str, Block]


class YearCost(NamedTuple):
    """Cost of a year at given links, its gradient by each of them ``(7,)``, and its misses.

    `missed` is the part of the cost that stands for power, green power and room under the cap that
    could not be had.
    """

    cost: float
    gradient: F8
    missed: float


def add_energy(
    builder: ModelBuilder,
    problem: ExpansionProblem,
    site: int,
    stage: int,
    links: I8,
    worth: float,
    carbon: bool,
) -> EnergyBlock:
    """Add the hourly model of a site and stage to a model in the making.

    Parameters
    ----------
    links
        ``(7,)`` columns of the numbers shared with the investment.
    worth
        Factor on the costs of a year.
    carbon
        Whether emissions are limited; without, the carbon row is left out.
    """
    e = problem.energy
    hours, w = e.hours, e.hour_weight
    h = np.arange(hours)
    hub = f"{problem.sites.names[site]}, {problem.stages.names[stage]}"
    price = e.price[site, stage] + e.carbon_cost[stage] * e.emission[site, stage]
    costs: dict[str, F8 | float] = {
        "import": w * price,
        "own": 0.0,
        "today": w * e.today_cost[site],
        "charge": 0.0,
        "discharge": w * e.cycle_cost,
        "stored": 0.0,
        "jobs": 0.0,
        "unserved": w * e.unserved_cost,
    }
    uppers = {"import": e.most_import[site], "today": e.today[site]}
    v = {
        name: builder.add_columns(
            name, (hours,), cost=worth * np.asarray(cost), upper=uppers.get(name, np.inf)
        )
        for name, cost in costs.items()
    }
    year = {
        name: builder.add_columns(name, (), cost=worth * cost)
        for name, cost in (
            ("peak", float(e.peak_cost[site])),
            ("green", e.contract_cost),
            ("short", e.short_cost),
            ("over", e.over_cost),
        )
    }

    def rows(name: str, terms: list[tuple[Block | int, object]], **bounds: object) -> None:
        made = builder.add_rows(f"{name} of {hub}", (hours,), **bounds)  # type: ignore[arg-type]
        for column, value in terms:
            at = column.index(h) if isinstance(column, Block) else column
            builder.add_terms(made.index(h), at, value)  # type: ignore[arg-type]

    supply = 1.0 / e.pue[site, stage]
    rows("power",
         [(v[name], supply) for name in ("import", "own", "today", "discharge", "unserved")]
         + [(v["charge"], -supply), (v["jobs"], -1.0), (int(links[FLAT]), -1.0),
            (int(links[SERVING]), -e.serving_shape)], lower=0.0, upper=0.0)  # fmt: skip
    rows("own generation",
         [(v["own"], 1.0), (int(links[SUN]), -e.output[0, site]),
          (int(links[AIR]), -e.output[1, site])], upper=0.0)  # fmt: skip
    for name in ("charge", "discharge"):
        rows(name, [(v[name], 1.0), (int(links[STORE]), -1.0)], upper=e.battery_power[site])
    rows("stored", [(v["stored"], 1.0), (int(links[STORE]), -e.battery_hours)],
         upper=e.battery_energy[site])  # fmt: skip
    keep = np.sqrt(e.efficiency)
    store = builder.add_rows(f"store of {hub}", (hours,), lower=0.0, upper=0.0)
    before = h // 24 * 24 + (h % 24 - 1) % 24
    for at, name, value in ((h, "stored", 1.0), (before, "stored", -1.0), (h, "charge", -keep),
                            (h, "discharge", 1.0 / keep)):  # fmt: skip
        builder.add_terms(store.index(h), v[name].index(at), value)
    moving = int(links[MOVING])
    rows("most power of jobs", [(v["jobs"], 1.0), (moving, -e.flexible_room)], upper=0.0)
    rows("least power of jobs", [(v["jobs"], 1.0), (moving, e.flexible_share - 1.0)], lower=0.0)
    day = builder.add_rows(f"jobs of the day of {hub}", (hours // 24,), lower=0.0)
    builder.add_terms(day.index(h // 24), v["jobs"].index(h), 1.0)
    builder.add_terms(day.index(), moving, -24.0)
    rows("peak", [(v["import"], 1.0), (int(year["peak"].first), -1.0)], upper=0.0)
    contract = builder.add_rows(f"green contracts of {hub}", (), upper=0.0)
    builder.add_terms(contract.index(), year["green"].index(), 1.0)
    builder.add_terms(contract.index(), v["import"].index(h), -e.contract_share[site, stage] * w)
    if e.green_share[site, stage] > 0.0:
        share = e.green_share[site, stage]
        green = builder.add_rows(f"green share of {hub}", (), lower=0.0)
        builder.add_terms(green.index(), v["import"].index(h), -share * w)
        for name in ("own", "today"):
            builder.add_terms(green.index(), v[name].index(h), (1.0 - share) * w)
        for name in ("green", "short"):
            builder.add_terms(green.index(), year[name].index(), 1.0)
    if carbon:
        cap = builder.add_rows(f"emissions of {hub}", (), upper=0.0)
        builder.add_terms(cap.index(), v["import"].index(h), w * e.emission[site, stage])
        builder.add_terms(cap.index(), year["over"].index(), -1.0)
        builder.add_terms(cap.index(), int(links[CARBON]), -1.0)
    return EnergyBlock(v, year)


class SiteYear:
    """The year of one site and stage, kept in HiGHS: solved again and again at other links.

    Parameters
    ----------
    problem, site, stage, carbon
        As for `add_energy`.
    """

    def __init__(self, problem: ExpansionProblem, site: int, stage: int, carbon: bool) -> None:
        builder = ModelBuilder()
        links = builder.add_columns("links", (len(LINKS),), lower=0.0, upper=0.0)
        self.block = add_energy(builder, problem, site, stage, links.index(), 1.0, carbon)
        self.model = builder.build()
        self._links, self._energy = links.index(), problem.energy
        self._hot = HotModel(self.model, method="simplex", presolve=False)
        self.x: F8 = np.zeros(self.model.n)

    def cost(self, links: F8) -> YearCost:
        """Return the least cost of the year at the links, ``(7,)``, and its gradient.

        Raises
        ------
        SolverError
            The solver fails; the model itself has a solution at any links of at least 0.
        """
        at = np.maximum(links, 0.0)
        self._hot.set_column_bounds(self._links, at, at)
        answer = self._hot.solve()
        if answer.status is not Status.OPTIMAL:
            raise SolverError(f"the year of a site has no solution: {answer.status}")
        self.x = answer.x
        e, yearly = self._energy, self.block.yearly
        missed = float(e.hour_weight @ self.block.hourly["unserved"].of(answer.x)) * e.unserved_cost
        missed += float(yearly["short"].of(answer.x)) * e.short_cost
        missed += float(yearly["over"].of(answer.x)) * e.over_cost
        return YearCost(answer.objective, answer.reduced_costs[self._links], missed)
