"""Nearest first."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from computenet.compiled import CompiledScenario
from computenet.policies.protocol import Plan, SystemView
from computenet.policies.shares import greedy_plan


class Nearest:
    """The nearest site with room: least network time first.

    Parameters
    ----------
    headroom
        Share of a group's or pool's capacity that is filled before the next one is taken.
    """

    def __init__(self, headroom: Annotated[float, Field(gt=0.0, le=1.0)] = 0.8) -> None:
        self.headroom = headroom

    def reset(self, compiled: CompiledScenario, seed: np.random.SeedSequence) -> None:
        """Forget everything: there is nothing to forget."""

    def plan(self, view: SystemView) -> Plan:
        """Fill groups and pools in order of network time."""
        compiled = view.compiled
        oneway = np.repeat(compiled.jobs.oneway_ms, len(compiled.jobs.classes), axis=0)
        return greedy_plan(view, view.rtt_s, oneway[:, compiled.pools.site], self.headroom)
