"""The matching problem as one linear model, and the way back from its solution.

    min  sum_a c_a x_a + sum_d v_d u_d + sum_h g_h f_h + sum_pk e_pk w_pk + sum_ie z_ie o_ie
    s.t. demand     sum_(a of d) x_a + u_d = D_d
         capacity   sum_(a to p) k_a x_a <= C_p                      (without congestion)
                    sum_(a to p) k_a x_a - sum_k w_pk <= 0           (with it)
         segments   w_pk <= s_pk C_p
         site power sum_(a to pools of i) m_a x_a - sum_e o_ie <= P_i   (no o without a price)
         steps      o_ie <= O_ie
         pairs      sum_(a in q) b_a x_a - sum_(h of q) f_h = 0
         links      sum_(h over l) s_hl f_h <= B_l
         arcs       0 <= x_a <= X_a;   u, f, w, o >= 0;   u_d = 0 where v_d is infinite

`x` flow, `u` unmet demand, `f` traffic of a path, of which the share `s_hl` goes over a link, `w`
use of a segment of a pool, `o` power of a site beyond its limit, in steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from computenet.optimization.matching_problem import Congestion, LinkTraffic, MatchingProblem
from computenet.optimization.solvers import Status, relative_gap
from computenet.optimization.sparse import Block, ModelBuilder, SparseModel

__all__ = ["Matching", "MatchingModel", "MatchingPrices", "matching_model", "segment_limits"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class MatchingPrices:
    """Prices of the constraints: what the optimum rises by when one unit more is asked for.

    All are at least 0 but those of demand and pairs, where costs may be negative. An optimum may
    have many such vectors; this is the one the solver ended with
    (:mod:`computenet.optimization.prices` gives ranges).

    Attributes
    ----------
    demand_cny
        ``(D,)`` of a further unit of demand.
    pool_cny
        ``(P,)`` of a unit of capacity used, the congestion cost of the segment included.
    site_cny_per_mw
        ``(I,)`` of power.
    pair_cny_per_gb_s
        ``(Q,)`` of traffic between two places: the dearest path in use.
    link_cny_per_gb_s
        ``(L,)`` of traffic over a link.
    arc_cny
        ``(A,)`` of an arc's own limit; 0 where it has none.
    """

    demand_cny: F8
    pool_cny: F8
    site_cny_per_mw: F8
    pair_cny_per_gb_s: F8
    link_cny_per_gb_s: F8
    arc_cny: F8


@dataclass(frozen=True, slots=True)
class Matching:
    """A solved matching.

    Attributes
    ----------
    status
        How the solve ended; without a solution the arrays are NaN.
    method
        What solved it.
    flow, unmet
        ``(A,)`` and ``(D,)`` units.
    path_gb_s
        ``(H,)`` traffic of each path.
    segment_use
        ``(P, K)`` use of each congestion segment.
    objective, bound
        CNY; `bound` is a certified lower bound on the optimum.
    seconds
        Wall time.
    prices
        Prices of the constraints, as the method ended with; NaN where it gives none.
    explanation
        Why there is no solution, in a user's words; empty where there is one.
    rounds, columns
        Restricted models that column generation solved, and arcs in the last; else 0.
    """

    status: Status
    method: str
    flow: F8
    unmet: F8
    path_gb_s: F8
    segment_use: F8
    objective: float
    bound: float
    seconds: float
    prices: MatchingPrices
    explanation: str = ""
    rounds: int = 0
    columns: int = 0

    @property
    def solved(self) -> bool:
        """Whether there is a solution."""
        return self.status in (Status.OPTIMAL, Status.FEASIBLE)

    @property
    def gap(self) -> float:
        """Relative gap between objective and bound."""
        return relative_gap(self.objective, self.bound)


@dataclass(frozen=True, slots=True)
class MatchingModel:
    """The model and where its parts lie; blocks of absent parts are empty."""

    model: SparseModel
    flow: Block
    unmet: Block
    path: Block
    segment: Block
    demand: Block
    pool: Block
    site: Block
    pair: Block
    link: Block
    excess: Block

    def prices(self, row_duals: F8, reduced_costs: F8, arc_upper: F8 | None) -> MatchingPrices:
        """Return the prices in a solution's duals."""
        arc = np.zeros(self.flow.size)
        if arc_upper is not None:
            arc = np.maximum(-self.flow.of(reduced_costs), 0.0)
        return MatchingPrices(
            demand_cny=self.demand.of(row_duals),
            pool_cny=np.maximum(-self.pool.of(row_duals), 0.0),
            site_cny_per_mw=np.maximum(-self.site.of(row_duals), 0.0),
            pair_cny_per_gb_s=-self.pair.of(row_duals),
            link_cny_per_gb_s=np.maximum(-self.link.of(row_duals), 0.0),
            arc_cny=arc,
        )


def segment_limits(congestion: Congestion, capacity: F8) -> F8:
    """Return the most use of each segment, ``(P, K)``; an empty segment of an endless pool is 0."""
    with np.errstate(invalid="ignore"):
        return np.asarray(
            np.where(congestion.share > 0.0, congestion.share * capacity[:, None], 0.0)
        )


def unmet_bounds(unmet_cny: F8) -> tuple[F8, F8]:
    """Return cost and upper bound of unmet demand; what must be met may not be left out."""
    must = np.isinf(unmet_cny)
    return np.where(must, 0.0, unmet_cny), np.where(must, 0.0, np.inf)


def matching_model(problem: MatchingProblem, arcs: I8 | None = None) -> MatchingModel:
    """Return the model on all arcs, or on those numbered in `arcs`; sizes are not checked here."""
    p = problem
    take = slice(None) if arcs is None else arcs
    of_demand, of_pool = p.arc_demand[take], p.arc_pool[take]
    builder = ModelBuilder()
    upper = np.inf if p.arc_upper is None else p.arc_upper[take]
    flow = builder.add_columns("flow", (len(of_pool),), cost=p.arc_cny[take], upper=upper)
    cost, most = unmet_bounds(p.unmet_cny)
    unmet = builder.add_columns("unmet", (p.n_demands,), cost=cost, upper=most)
    demand = builder.add_rows(
        "demand", (p.n_demands,), lower=p.demand, upper=p.demand, axes=(p.demand_names,)
    )
    pool = builder.add_rows("capacity", (p.n_pools,), upper=p.capacity, axes=(p.pool_names,))
    builder.add_terms(demand.index(of_demand), flow.index(), 1.0)
    builder.add_terms(demand.index(), unmet.index(), 1.0)
    builder.add_terms(pool.index(of_pool), flow.index(), p.arc_use[take])
    site = builder.add_rows(
        "site power", (0 if p.power is None else len(p.power.site_mw),),
        upper=np.inf if p.power is None else p.power.site_mw, axes=(p.site_names,),
    )  # fmt: skip
    excess = builder.add_columns("site excess", (0, 0))
    if p.power is not None:
        builder.add_terms(
            site.index(p.power.pool_site[of_pool]), flow.index(), p.power.arc_mw[take]
        )
        if p.power.excess_cny is not None:
            cost, most = p.power.excess_bounds()
            excess = builder.add_columns("site excess", cost.shape, cost=cost, upper=most)
            builder.add_terms(site.index()[:, None], excess.index(), -1.0)
    path, pair, link = _add_traffic(builder, p, flow, take)
    segment = _add_congestion(builder, p, pool)
    model = builder.build()
    if p.congestion is not None:
        model.row_upper[pool.slice] = 0.0
    return MatchingModel(model, flow, unmet, path, segment, demand, pool, site, pair, link, excess)


def _add_congestion(builder: ModelBuilder, p: MatchingProblem, pool: Block) -> Block:
    if p.congestion is None:
        return builder.add_columns("segment", (p.n_pools, 0))
    segment = builder.add_columns(
        "segment", p.congestion.share.shape, cost=p.congestion.extra_cny,
        upper=segment_limits(p.congestion, p.capacity), axes=(p.pool_names,),
    )  # fmt: skip
    builder.add_terms(pool.index()[:, None], segment.index(), -1.0)
    return segment


def _add_traffic(
    builder: ModelBuilder, p: MatchingProblem, flow: Block, take: slice | I8
) -> tuple[Block, Block, Block]:
    """Add the columns of paths and the rows of pairs and links."""
    traffic = p.traffic
    if traffic is None:
        return (
            builder.add_columns("path", (0,)),
            builder.add_rows("traffic of pair", (0,)),
            builder.add_rows("link", (0,)),
        )
    path = builder.add_columns("path", traffic.path_cny.shape, cost=traffic.path_cny)
    pair = builder.add_rows("traffic of pair", (traffic.n_pairs,), lower=0.0, upper=0.0)
    link = builder.add_rows(
        "link", traffic.link_gb_s.shape, upper=traffic.link_gb_s, axes=(p.link_names,)
    )
    of_pair = traffic.arc_pair[take]
    over = np.flatnonzero(of_pair >= 0)
    builder.add_terms(pair.index(of_pair[over]), flow.index(over), traffic.arc_gb_s[take][over])
    builder.add_terms(pair.index(traffic.path_pair), path.index(), -1.0)
    hop = path_of_hop(traffic)
    builder.add_terms(link.index(traffic.path_link), path.index(hop), traffic.hop_share)
    return path, pair, link


def path_of_hop(traffic: LinkTraffic) -> I8:
    """Return the path that each entry of ``path_link`` belongs to."""
    return np.repeat(np.arange(len(traffic.path_pair)), np.diff(traffic.path_start))
