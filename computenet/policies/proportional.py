"""In proportion to capacity."""

from __future__ import annotations

import numpy as np

from computenet.compiled import CompiledScenario
from computenet.policies.protocol import Plan, SystemView
from computenet.policies.shares import normal_rows, request_capacity


class Proportional:
    """Shares in proportion to installed capacity, whatever it costs and however far it is."""

    def reset(self, compiled: CompiledScenario, seed: np.random.SeedSequence) -> None:
        """Forget everything: there is nothing to forget."""

    def plan(self, view: SystemView) -> Plan:
        """Weigh groups and pools by the work they could do."""
        compiled = view.compiled
        work = compiled.pools.accelerators * compiled.jobs.speed
        return Plan(
            normal_rows(request_capacity(view), view.request_arc_open),
            normal_rows(np.tile(work, (len(compiled.regions), 1)), view.job_arc_open),
        )
