"""At random: the baseline that a policy should beat."""

from __future__ import annotations

import numpy as np

from computenet.compiled import CompiledScenario
from computenet.policies.protocol import Plan, SystemView
from computenet.policies.shares import normal_rows


class Random:
    """Shares drawn anew at every epoch, evenly over all ways of dividing the demand."""

    def __init__(self) -> None:
        self._draw = np.random.default_rng(0)

    def reset(self, compiled: CompiledScenario, seed: np.random.SeedSequence) -> None:
        """Start the stream of random numbers again."""
        self._draw = np.random.default_rng(seed)

    def plan(self, view: SystemView) -> Plan:
        """Draw exponential weights, which normalised are uniform on the simplex."""
        return Plan(
            normal_rows(self._draw.exponential(size=view.rtt_s.shape), view.request_arc_open),
            normal_rows(self._draw.exponential(size=view.job_arc_open.shape), view.job_arc_open),
        )
