"""More to those with more to spare."""

from __future__ import annotations

import numpy as np

from computenet.compiled import CompiledScenario
from computenet.policies.protocol import Plan, SystemView
from computenet.policies.shares import normal_rows, request_capacity

#: Weight of a full group or pool, as a share of its capacity: it is never left out wholly.
LEAST = 0.01


class LeastLoaded:
    """Shares in proportion to what is free now, wherever it is."""

    def reset(self, compiled: CompiledScenario, seed: np.random.SeedSequence) -> None:
        """Forget everything: there is nothing to forget."""

    def plan(self, view: SystemView) -> Plan:
        """Weigh groups by free slots and pools by free accelerators, less what waits."""
        groups = view.compiled.groups
        slots = np.maximum(groups.replicas * groups.slots, 1).astype(np.float64)
        spare = np.maximum(1.0 - view.group_running / slots, LEAST)
        size = view.compiled.pools.accelerators.astype(np.float64)
        free = np.maximum(view.pool_free - view.pool_waiting_accelerators, LEAST * size)
        speed = np.tile(view.compiled.jobs.speed, (len(view.compiled.regions), 1))
        return Plan(
            normal_rows(request_capacity(view) * spare, view.request_arc_open),
            normal_rows(free * speed, view.job_arc_open),
        )
