"""Least marginal cost first."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from computenet.compiled import CompiledScenario
from computenet.policies.costs import (
    job_energy_mwh,
    job_transfer_cny,
    outside_circle_last,
    request_facility_mwh,
)
from computenet.policies.protocol import Plan, SystemView
from computenet.policies.shares import greedy_plan


class Cheapest:
    """The cheapest site with room: energy at the coming epoch's price, and network.

    Parameters
    ----------
    headroom
        Share of a group's or pool's capacity that is filled before the next one is taken.
    respect_circle
        Whether requests stay within their latency circle while there is room in it.
    """

    def __init__(
        self,
        headroom: Annotated[float, Field(gt=0.0, le=1.0)] = 0.8,
        respect_circle: bool = True,
    ) -> None:
        self.headroom = headroom
        self.respect_circle = respect_circle

    def reset(self, compiled: CompiledScenario, seed: np.random.SeedSequence) -> None:
        """Forget everything: there is nothing to forget."""

    def plan(self, view: SystemView) -> Plan:
        """Fill groups and pools in order of marginal cost."""
        compiled = view.compiled
        price = view.price_cny_per_mwh[compiled.pools.site]
        requests = (
            request_facility_mwh(view) * price[compiled.groups.pool]
            + compiled.requests.transfer_cny
        )
        if self.respect_circle:
            requests = outside_circle_last(requests, view)
        jobs = job_energy_mwh(view) * price + job_transfer_cny(view)
        return greedy_plan(view, requests, jobs, self.headroom)
