"""What running large jobs and moving their data costs, pool by pool."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from computenet.policies.costs import held_price_cny_per_mwh, pue_now
from computenet.policies.outlook import OutlookName
from computenet.policies.protocol import SystemView
from computenet.units import KG_PER_TONNE, SECONDS_PER_HOUR, WATTS_PER_MW

__all__ = ["GangCosts", "fitting_speed", "gang_costs"]

F8 = NDArray[np.float64]
I4 = NDArray[np.int32]
I8 = NDArray[np.int64]
B1 = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class GangCosts:
    """Prices of pools, and of ways between places: the regions, then the sites.

    Attributes
    ----------
    mw
        ``(P,)`` facility power of a busy accelerator, MW.
    price_cny_per_mwh
        ``(P,)`` of energy over a job's stay, carbon included.
    place
        ``(P,)`` the place of each pool's site.
    transfer_cny_per_gb
        ``(R + I, R + I)``. What a job holds at a site is sent to another one from the region of its
        data, so a way between sites costs what the dearest region's costs.
    """

    mw: F8
    price_cny_per_mwh: F8
    place: I8
    transfer_cny_per_gb: F8

    @property
    def cny_per_s(self) -> F8:
        """What the energy of a busy accelerator costs in each pool, CNY/s."""
        cost: F8 = self.mw * self.price_cny_per_mwh / SECONDS_PER_HOUR
        return cost


def gang_costs(
    view: SystemView, kind: I8, carbon_cny_per_t: float, outlook: OutlookName
) -> GangCosts:
    """Return the costs for gangs of the classes `kind`, of the mean activity of those."""
    compiled = view.compiled
    pools, regions, sites = compiled.pools, len(compiled.regions), len(compiled.sites.ids)
    carbon = (carbon_cny_per_t + compiled.energy.carbon_cny_per_t) / KG_PER_TONNE
    price = held_price_cny_per_mwh(view, outlook)[kind].mean(axis=0)
    held = price + carbon * view.carbon_kg_per_mwh
    activity = float(compiled.jobs.activity[kind].mean())
    way = compiled.jobs.transfer_cny_per_gb
    transfer = np.zeros((regions + sites, regions + sites))
    transfer[:regions, regions:] = way
    transfer[regions:, regions:] = np.where(np.eye(sites, dtype=np.bool_), 0.0, way.max(axis=0))
    return GangCosts(
        mw=activity * pools.active_w * pue_now(view)[pools.site] / WATTS_PER_MW,
        price_cny_per_mwh=np.maximum(held, 0.0)[pools.site],
        place=(regions + pools.site).astype(np.int64),
        transfer_cny_per_gb=transfer,
    )


def fitting_speed(speed: F8, kind: I8, may: B1) -> tuple[F8, I4]:
    """Return speeds by (class, pools a gang may run in), 0 where not, and the row of each gang.

    Parameters
    ----------
    speed
        ``(C, P)``.
    kind, may
        ``(N,)`` class and ``(N, P)`` pools of each gang.
    """
    rows, of_gang = np.unique(
        np.column_stack([kind, may]).astype(np.int64), axis=0, return_inverse=True
    )
    return speed[rows[:, 0]] * rows[:, 1:], of_gang.ravel().astype(np.int32)
