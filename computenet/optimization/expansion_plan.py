"""What a capacity expansion returns: arrays by site and stage, and its cost added up anew."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from computenet.optimization.expansion_energy import SiteYear
from computenet.optimization.expansion_model import Investment
from computenet.optimization.expansion_problem import ExpansionProblem
from computenet.optimization.solvers import relative_gap

__all__ = ["COSTS", "FIGURES", "ExpansionPlan", "decode"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]

#: Relative difference of sums of the same costs that is rounding.
ROUNDING = 1e-12
#: Parts of the cost, in this order.
COSTS = (
    "opening", "halls", "chips", "pv", "wind", "battery", "waves", "network", "unmet demand",
    "grid energy", "peak charge", "green premium", "carbon", "generation of today", "battery wear",
    "unserved power", "green shortfall", "over the cap",
)  # fmt: skip
#: Figures of a year of electricity, in this order; energies in unit MWh, peak in unit kW.
FIGURES = (
    "import", "own", "today", "curtailed", "green", "charge", "discharge", "jobs", "it",
    "unserved", "peak", "emissions", "short", "over",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ExpansionPlan:
    """A plan, in the problem's units.

    Attributes
    ----------
    begun
        ``(I, Y)`` the first new halls are begun.
    halls, old
        ``(I, Y)`` new halls finished; today's halls in use.
    bought, used
        ``(I, T, Y)`` chips.
    tasks
        ``(C, I, T, Y)`` chips busy, mean.
    served, unmet
        ``(R, G, I, Y)`` and ``(R, G, Y)`` shares of demand.
    plants
        ``(3, I, Y)`` pv, wind, battery built.
    waves
        ``(L, Y)`` lit.
    links
        ``(I, Y, 7)``, see :mod:`.expansion_energy`.
    energy
        ``(I, Y, figures)``, see `FIGURES`.
    costs
        ``(Y, parts)`` of a year of each stage, not discounted, see `COSTS`.
    investment
        ``(Y, parts)`` paid in the stage; parts as far as ``waves``.
    objective, bound
        Present value of all, and what no plan can go below.
    method, seconds, rounds, status
        How it was found; ``optimal`` = within the gap asked for.
    """

    begun: F8
    halls: F8
    old: F8
    bought: F8
    used: F8
    tasks: F8
    served: F8
    unmet: F8
    plants: F8
    waves: F8
    links: F8
    energy: F8
    costs: F8
    investment: F8
    objective: float
    bound: float
    method: str
    seconds: float
    rounds: int
    status: str

    @property
    def gap(self) -> float:
        """Relative gap between objective and bound."""
        return relative_gap(self.objective, self.bound)


def _scatter(shape: tuple[int, ...], at: tuple[I8, ...], values: F8) -> F8:
    out = np.zeros(shape)
    out[at] = values
    return out


def decode(
    problem: ExpansionProblem,
    investment: Investment,
    x: F8,
    years: list[SiteYear],
    *,
    bound: float,
    method: str,
    seconds: float,
    rounds: int,
    status: str,
) -> ExpansionPlan:
    """Return the plan of a point of the investment side; its years are solved once more.

    Parameters
    ----------
    years
        By site and stage, stages run fastest.
    """
    inv, d = investment, problem.demand
    n, stages = len(problem.sites.names), len(problem.stages.names)
    kinds = len(problem.chips.names)

    def of(name: str) -> F8:
        # What a solver leaves below zero is rounding.
        return np.maximum(inv.columns[name].of(x), 0.0)

    pairs = (inv.pair_site, inv.pair_chip)
    served = _scatter((len(d.regions), len(d.streams), n, stages),
                      (inv.arc_region, inv.arc_stream, inv.arc_site), of("served"))  # fmt: skip
    tasks = np.zeros((len(d.classes), n, kinds, stages))
    tasks[inv.task_class, inv.pair_site[inv.task_pair], inv.pair_chip[inv.task_pair]] = of("tasks")
    links = np.stack(
        [
            of(f"link {name}")
            for name in ("flat", "serving", "moving", "pv", "wind", "battery", "carbon")
        ],
        axis=2,
    )
    figures, electricity = _years(problem, links, years)
    bought = _scatter((n, kinds, stages), pairs, of("bought"))
    plants = np.stack([of(name) for name in ("pv", "wind", "battery")])
    waves = _scatter((len(problem.links.names), stages), (inv.links,), np.rint(of("waves")))
    unmet = of("unmet").reshape(len(d.regions), len(d.streams), stages)
    paid, spent = _assets(problem, of("begun"), of("halls"), bought, plants, waves)
    transfers = (served * d.transfer_cost).sum(axis=(0, 1, 2))
    lost = (unmet * problem.stream_work).sum(axis=(0, 1)) * d.unmet_cost
    costs = np.concatenate(
        [paid, transfers[:, None], lost[:, None], electricity.sum(axis=0)], axis=1
    )
    objective = float(problem.stages.worth @ costs.sum(axis=1))
    if objective < bound <= objective + ROUNDING * abs(objective):
        bound = objective  # The two were added up in other orders.
    return ExpansionPlan(
        np.rint(of("begun")), of("halls"), of("old"), bought,
        _scatter((n, kinds, stages), pairs, of("used")), tasks, served, unmet, plants, waves, links,
        figures, costs, spent, objective, bound, method, seconds, rounds, status,
    )  # fmt: skip


def _assets(
    problem: ExpansionProblem, begun: F8, halls: F8, bought: F8, plants: F8, waves: F8
) -> tuple[F8, F8]:
    """Return what assets cost in a year of each stage, and what is spent on them, ``(Y, 7)``."""
    s, c, p, k = problem.sites, problem.chips, problem.plants, problem.links
    stages = len(problem.stages.names)
    after = np.triu(np.ones((stages, stages)))
    price = np.where(np.isfinite(c.price), c.price, 0.0)
    spent = np.stack(
        [
            (s.open_cost * begun).sum(axis=0),
            (s.hall_cost * halls).sum(axis=0),
            (price * bought).sum(axis=(0, 1)),
            *[(p.cost[kind] * plants[kind]).sum(axis=0) for kind in range(3)],
            (k.cost * waves).sum(axis=0),
        ]
    )
    by_chip = (price * bought).sum(axis=0)
    paid = np.stack(
        [
            s.yearly * (spent[0] @ after),
            s.yearly * (spent[1] @ s.serves),
            np.einsum("t,ta,tab->b", c.yearly, by_chip, c.serves.astype(np.float64)),
            *[p.yearly[kind] * (spent[3 + kind] @ p.serves[kind]) for kind in range(3)],
            k.yearly * (spent[6] @ k.serves),
        ]
    )
    return paid.T, spent.T


def _years(problem: ExpansionProblem, links: F8, years: list[SiteYear]) -> tuple[F8, F8]:
    """Return figures and cost parts of every year, ``(I, Y, ·)``."""
    e, w = problem.energy, problem.energy.hour_weight
    n, stages = links.shape[:2]
    figures, costs = np.zeros((n, stages, len(FIGURES))), np.zeros((n, stages, 9))
    for number, year in enumerate(years):
        i, y = divmod(number, stages)
        year.cost(links[i, y])
        v = {name: block.of(year.x) for name, block in year.block.hourly.items()}
        of = {name: float(block.of(year.x)) for name, block in year.block.yearly.items()}
        could = e.output[0, i] * links[i, y, 3] + e.output[1, i] * links[i, y, 4] + e.today[i]
        it = links[i, y, 0] + e.serving_shape * links[i, y, 1] + v["jobs"]
        emissions = float(w @ (e.emission[i, y] * v["import"]))
        energy = {name: float(w @ values) for name, values in v.items()}
        figures[i, y] = [
            energy["import"], energy["own"], energy["today"],
            float(w @ could) - energy["own"] - energy["today"], of["green"], energy["charge"],
            energy["discharge"], energy["jobs"], float(w @ it), energy["unserved"], of["peak"],
            emissions, of["short"], of["over"],
        ]  # fmt: skip
        costs[i, y] = [
            float(w @ (e.price[i, y] * v["import"])), e.peak_cost[i] * of["peak"],
            e.contract_cost * of["green"], e.carbon_cost[y] * emissions,
            e.today_cost[i] * energy["today"], e.cycle_cost * energy["discharge"],
            e.unserved_cost * energy["unserved"], e.short_cost * of["short"],
            e.over_cost * of["over"],
        ]  # fmt: skip
    return figures, costs
