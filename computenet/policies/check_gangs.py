"""What is wrong with where a plan sends large jobs, those that wait and those that run."""

from __future__ import annotations

import numpy as np

from computenet.errors import Problem
from computenet.policies.protocol import Plan, SystemView

__all__ = ["check_gangs"]


def check_gangs(plan: Plan, view: SystemView) -> list[Problem]:
    """Return what is wrong with places of gangs."""
    problems = _check_running(plan, view)
    least, pool = plan.gang_least, plan.gang_pool
    if least is not None and not least >= 1.0:
        problems.append(Problem("plan.gang_least", least, "is out of range", "1 or more"))
    if pool is None:
        return problems
    count = 0 if view.gangs is None else len(view.gangs.demand)
    path = "plan.gang_pool"
    if not isinstance(pool, np.ndarray) or pool.dtype != np.int64 or pool.shape != (count,):
        problems.append(Problem(path, None, "is no array of int64", str((count,))))
    elif view.gangs is not None:
        given = np.flatnonzero(pool >= 0)
        inside = (pool >= -1) & (pool < len(view.compiled.pools.ids))
        if not inside.all():
            problems.append(Problem(path, None, "names no pool", "pools, or -1"))
        elif not view.gangs.fits[given, pool[given]].all():
            problems.append(Problem(path, None, "gives a job a pool that cannot run it"))
    return problems


def _check_running(plan: Plan, view: SystemView) -> list[Problem]:
    """Return what is wrong with where running gangs are sent."""
    pool, running, path = plan.running_pool, view.running, "plan.running_pool"
    if pool is None:
        return []
    if running is None:
        message = "comes from a policy without moves_gangs = True"
        return [Problem(path, None, message, "moves_gangs = True, or no running_pool")]
    count, pools = len(running.demand), view.compiled.pools.ids
    if not isinstance(pool, np.ndarray) or pool.dtype != np.int64 or pool.shape != (count,):
        kind = getattr(pool, "dtype", type(pool).__name__)
        given = f"{kind} {getattr(pool, 'shape', '')}".rstrip()
        return [Problem(path, given, "is no array of int64, one a running gang", str((count,)))]
    inside = (pool >= -1) & (pool < len(pools))
    if not inside.all():
        row = int(np.flatnonzero(~inside)[0])
        wanted = f"0 to {len(pools) - 1}, or -1 = stop"
        return [Problem(f"{path}[{row}]", int(pool[row]), "names no pool", wanted)]
    problems: list[Problem] = []
    moves = np.flatnonzero((pool >= 0) & (pool != running.pool))
    is_open = view.job_arc_open[running.demand[moves], pool[moves]]
    for may, message in (
        (running.fits[moves, pool[moves]], "sends a gang to a pool that cannot run it"),
        (is_open, "sends a gang to a pool that is down or out of reach"),
    ):
        if not may.all():
            row = int(moves[~may][0])
            problems.append(Problem(f"{path}[{row}]", pools[int(pool[row])], message))
    return problems
