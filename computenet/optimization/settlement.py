"""Who pays whom when a matching is settled at its prices.

Every unit of demand `d` that is met pays the price of its row, ``y_d``. By complementary slackness
that is, on every arc in use, what the arc costs to run and the rents of what it goes through:

    y_d = c_a + k_a lambda_p + m_a sigma_i + b_a mu_q + z_a      (x_a > 0)
    sum_a b_a x_a mu_q = sum_h f_h (g_h + sum_(l in h) beta_l)

so payments and receipts are equal, and the operator of the market is left with nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from computenet.optimization.matching_limits import matching_loads
from computenet.optimization.matching_model import Matching
from computenet.optimization.matching_problem import MatchingProblem
from computenet.optimization.solvers import SolverError

__all__ = ["Settlement", "settle_matching"]

F8 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Settlement:
    """A settlement that adds up.

    Attributes
    ----------
    payers
        One row a (tenant, region): ``tenant``, ``region``, ``demand``, ``met``, ``unmet``,
        ``pays_cny``, and what that is made of: ``running_cny`` (energy, network, carbon and
        lateness, as the arcs were priced), ``pools_cny``, ``power_cny``, ``links_cny``,
        ``limits_cny`` (of arcs' own limits). ``mean_cny`` is the price of a unit met.
    receivers
        One row for whoever is paid: ``kind`` (``running``, ``pool``, ``site``, ``link``, ``path``,
        ``arc``), ``name``, ``receives_cny``, and ``rent_cny``, the part above costs.
    paid_cny, received_cny
        Sums; each is computed on its own.
    """

    payers: pd.DataFrame
    receivers: pd.DataFrame
    paid_cny: float
    received_cny: float

    @property
    def imbalance_cny(self) -> float:
        """What is paid and not received."""
        return self.paid_cny - self.received_cny


def settle_matching(
    problem: MatchingProblem,
    matching: Matching,
    *,
    tenant: Sequence[str | None] | None = None,
    region: Sequence[str] | None = None,
) -> Settlement:
    """Return the settlement of a matching at its own prices.

    Parameters
    ----------
    tenant, region
        ``(D,)`` labels of the demands; without them the demands' names, and nothing. Demands
        whose label is missing (``None``, NaN) stand together.

    Raises
    ------
    SolverError
        The matching has no prices.
    """
    p, prices, x = problem, matching.prices, matching.flow
    if not matching.solved or np.isnan(prices.demand_cny).any():
        raise SolverError("a matching without prices cannot be settled")
    met = np.bincount(p.arc_demand, x, minlength=p.n_demands)
    parts = {"running_cny": p.arc_cny, "pools_cny": p.arc_use * prices.pool_cny[p.arc_pool]}
    zero = np.zeros(p.n_arcs)
    parts["power_cny"] = zero
    if p.power is not None:
        site = p.power.pool_site[p.arc_pool]
        parts["power_cny"] = p.power.arc_mw * prices.site_cny_per_mw[site]
    parts["links_cny"] = zero
    if p.traffic is not None:
        pair = np.append(prices.pair_cny_per_gb_s, 0.0)  # the last: no link is used
        parts["links_cny"] = p.traffic.arc_gb_s * pair[p.traffic.arc_pair]
    parts["limits_cny"] = prices.arc_cny
    rows = pd.DataFrame({
        "tenant": [p.name("demand", d) for d in range(p.n_demands)] if tenant is None else tenant,
        "region": [""] * p.n_demands if region is None else region,
        "demand": p.demand,
        "met": met,
        "unmet": matching.unmet,
        "pays_cny": prices.demand_cny * met,
        **{name: _by_demand(p, x * each) for name, each in parts.items()},
    })  # fmt: skip
    payers = rows.groupby(["tenant", "region"], sort=True, dropna=False).sum().reset_index()
    payers["mean_cny"] = payers["pays_cny"] / payers["met"].where(payers["met"] > 0.0)
    receivers = _receivers(p, matching)
    return Settlement(
        payers, receivers, float(rows["pays_cny"].sum()), float(receivers["receives_cny"].sum())
    )


def _by_demand(p: MatchingProblem, values: F8) -> F8:
    return np.bincount(p.arc_demand, values, minlength=p.n_demands).astype(np.float64)


def _receivers(p: MatchingProblem, matching: Matching) -> pd.DataFrame:
    """Return who is paid, computed from the loads of what is paid for."""
    prices, loads = matching.prices, matching_loads(p, matching)
    running = float(p.arc_cny @ matching.flow)
    blocks: list[tuple[str, list[str], F8, F8 | float]] = [
        ("running", ["energy, network, carbon, lateness"], np.asarray([running]), 0.0)
    ]
    fullness: F8 | float = 0.0
    if p.congestion is not None:
        fullness = (p.congestion.extra_cny * matching.segment_use).sum(axis=1)
    pool = prices.pool_cny * loads.pool_use
    blocks.append(("pool", [p.name("pool", i) for i in range(len(pool))], pool, pool - fullness))
    if p.power is not None:
        site = prices.site_cny_per_mw * loads.site_mw
        bought = p.power.excess_paid_cny(loads.site_mw)
        blocks.append(("site", [p.name("site", i) for i in range(len(site))], site, site - bought))
    if p.traffic is not None:
        link = prices.link_cny_per_gb_s * loads.link_gb_s
        blocks.append(("link", [p.name("link", i) for i in range(len(link))], link, link))
        carried = float(p.traffic.path_cny @ matching.path_gb_s)
        blocks.append(("path", ["carriage"], np.asarray([carried]), 0.0))
    if p.arc_upper is not None:
        rent = float(prices.arc_cny @ matching.flow)
        blocks.append(("arc", ["limits of single arcs"], np.asarray([rent]), rent))
    return pd.concat(
        [
            pd.DataFrame({"kind": kind, "name": names, "receives_cny": paid, "rent_cny": rent})
            for kind, names, paid, rent in blocks
        ],
        ignore_index=True,
    )
