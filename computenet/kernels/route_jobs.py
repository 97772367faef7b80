"""Which pool a job goes to: deficit credit by the plan's shares, weighed by expected work."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from computenet.kernels._jit import njit, njit_inline

__all__ = ["route_jobs"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
I4 = NDArray[np.int32]
B1 = NDArray[np.bool_]


@njit_inline
def _gang(job: int, p: int, accelerators: I8, whole_nodes: I4, per_server: I8) -> int:
    """Return what a job takes of a pool: its gang, or all servers that hold it."""
    gang = accelerators[job]
    if whole_nodes[job]:
        gang = (gang + per_server[p] - 1) // per_server[p] * per_server[p]
    return int(gang)


@njit
def route_jobs(
    first: int,
    last: int,
    demand: I4,
    kind: I4,
    allowed: B1,
    job_class: I4,
    accelerators: I8,
    whole_nodes: I4,
    per_server: I8,
    estimate_s: F8,
    share: F8,
    credit: F8,
    speed: F8,
    size: I8,
    up: I8,
    site: I4,
    region: I4,
    sites: int,
    pool: I4,
    route: I8,
    placed: I8,
) -> int:
    """Give each job of a range its pool and its route; return how many have one.

    A job of `x` expected accelerator-seconds adds ``share * x`` to the credits of its demand's
    row, goes to the pool with the largest credit among those that can run it, and that pool pays
    `x`. Where no pool of the row can, the largest pool that can takes it, one that is up before
    one that is down.

    Parameters
    ----------
    first, last
        Jobs ``first .. last - 1``, in order of submission.
    demand, job_class, estimate_s
        ``(n,)`` demand row, class, expected run time at speed 1.
    kind, allowed
        ``(n,)`` kind of accelerators asked for, -1 = any; ``(kinds, P)`` pools of each kind.
    accelerators, whole_nodes
        ``(n,)`` gang size and 1 = takes whole servers; the gang is rounded up to those of its pool
        (written).
    per_server
        ``(P,)`` accelerators of a server.
    share
        ``(Q, P)`` the plan.
    credit
        ``(Q, P)`` accelerator-seconds; written.
    speed
        ``(C, P)``; 0 = does not run there.
    size, up
        ``(C, P)`` accelerators that jobs of a class may have; ``(P,)`` 1 = up.
    site
        ``(P,)``.
    region
        ``(n,)`` where the data is.
    sites
        Number of sites.
    pool
        ``(n,)`` written; -1 = no pool is large enough or runs the class. A job that has a pool
        already keeps it.
    route
        ``(n,)`` written: ``region * I + site``.
    placed
        ``(n,)`` written: the jobs that have a pool, in order.
    """
    pools = size.shape[1]
    count = 0
    for job in range(first, last):
        q, c, k = demand[job], job_class[job], kind[job]
        work = accelerators[job] * estimate_s[job]
        best, most = pool[job], -np.inf
        if best < 0:
            for p in range(pools):
                if share[q, p] <= 0.0:
                    continue
                credit[q, p] += share[q, p] * work
                if (
                    credit[q, p] > most
                    and speed[c, p] > 0.0
                    and (k < 0 or allowed[k, p])
                    and _gang(job, p, accelerators, whole_nodes, per_server) <= size[c, p]
                ):
                    best, most = np.int32(p), credit[q, p]
            if best >= 0:
                credit[q, best] -= work
            else:
                for p in range(pools):
                    if (
                        speed[c, p] <= 0.0
                        or (k >= 0 and not allowed[k, p])
                        or _gang(job, p, accelerators, whole_nodes, per_server) > size[c, p]
                    ):
                        continue
                    if best < 0 or (up[p], size[c, p]) > (up[best], size[c, best]):
                        best = np.int32(p)
        pool[job] = best
        if best >= 0:
            accelerators[job] = _gang(job, best, accelerators, whole_nodes, per_server)
            r, i = region[job], site[best]
            route[job] = r * sites + i
            placed[count] = job
            count += 1
    return count
