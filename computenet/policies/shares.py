"""From scores to shares: what the built-in policies have in common."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from computenet.kernels.fill import fill_arcs
from computenet.policies.protocol import Plan, SystemView

__all__ = [
    "greedy_fill",
    "greedy_plan",
    "greedy_shares",
    "job_room",
    "job_use",
    "normal_rows",
    "request_capacity",
    "request_room",
    "sites_up",
]

F8 = NDArray[np.float64]
B1 = NDArray[np.bool_]


def normal_rows(weights: F8, open_arcs: B1) -> F8:
    """Return `weights` on open arcs scaled so that each row sums to 1.

    A row whose open arcs have no weight is spread evenly over them; a row without open arcs is 0.
    """
    kept = np.where(open_arcs, weights, 0.0)
    total = kept.sum(axis=1, keepdims=True)
    count = open_arcs.sum(axis=1, keepdims=True)
    even = open_arcs / np.maximum(count, 1)
    shares: F8 = np.where(total > 0.0, kept / np.where(total > 0.0, total, 1.0), even)
    return shares


def greedy_fill(score: F8, open_arcs: B1, need: F8, room: F8, use: F8) -> tuple[F8, F8]:
    """Return what a greedy filling places, ``(D, G)``, and what finds no room, ``(D,)``.

    Parameters are those of `greedy_shares`. A demand of zero counts as a very small one.
    """
    row, column = np.nonzero(open_arcs)
    best_first = np.argsort(score[row, column], kind="stable")
    row, column = row[best_first], column[best_first]
    placed = np.zeros(score.shape)
    # A demand of zero still has a place to go: where a little of it would go.
    left = np.maximum(need, 1e-9)
    fill_arcs(row, column, use[row, column], left, np.maximum(room, 0.0), placed)
    return placed, np.maximum(left, 0.0)


def greedy_shares(score: F8, open_arcs: B1, need: F8, room: F8, use: F8, capacity: F8) -> F8:
    """Return the shares of a greedy filling by score, lowest first.

    Demand that finds no room is spread over its open arcs in proportion to `capacity`.

    Parameters
    ----------
    score
        ``(D, G)``; ties go to the lower column.
    open_arcs
        ``(D, G)``.
    need
        ``(D,)`` demand.
    room
        ``(G,)`` room.
    use
        ``(D, G)`` room a unit of demand takes.
    capacity
        ``(G,)`` weights of what is left over.
    """
    placed, left = greedy_fill(score, open_arcs, need, room, use)
    spread = normal_rows(np.broadcast_to(capacity, score.shape), open_arcs)
    return normal_rows(placed + left[:, None] * spread, open_arcs)


def request_room(view: SystemView, headroom: float) -> F8:
    """Return the replica-seconds a second that groups may be filled with, ``(G,)``."""
    room: F8 = headroom * view.compiled.groups.replicas_real.astype(np.float64)
    return room


def request_capacity(view: SystemView) -> F8:
    """Return the requests a second each group could serve of each demand, ``(D, G)``."""
    replica_s = view.compiled.requests.replica_s
    able = np.isfinite(replica_s)
    capacity: F8 = np.where(
        able, view.compiled.groups.replicas_real / np.where(able, replica_s, 1.0), 0.0
    )
    return capacity


def job_room(view: SystemView, headroom: float) -> F8:
    """Return the accelerators of each pool that may be filled, less what waits there, ``(P,)``."""
    room: F8 = (
        headroom * view.compiled.pools.accelerators.astype(np.float64)
        - view.pool_waiting_accelerators
    )
    return room


def job_use(view: SystemView) -> F8:
    """Return accelerators kept busy by one reference accelerator's work, ``(Q, P)``."""
    speed = view.compiled.jobs.speed
    use = np.where(speed > 0.0, 1.0 / np.where(speed > 0.0, speed, 1.0), 1.0)
    regions = len(view.compiled.regions)
    every: F8 = np.tile(use, (regions, 1))
    return every


def greedy_plan(view: SystemView, requests: F8, jobs: F8, headroom: float) -> Plan:
    """Return the plan that fills groups and pools to `headroom` in order of score, lowest first.

    Parameters
    ----------
    requests
        ``(D, G)`` score of request arcs.
    jobs
        ``(Q, P)`` score of job arcs.
    """
    compiled = view.compiled
    return Plan(
        greedy_shares(
            requests,
            view.request_arc_open,
            view.request_rate_per_s,
            request_room(view, headroom),
            compiled.requests.replica_s,
            compiled.groups.replicas_real.astype(np.float64),
        ),
        greedy_shares(
            jobs,
            view.job_arc_open,
            view.job_load_accelerators,
            job_room(view, headroom),
            job_use(view),
            compiled.pools.accelerators.astype(np.float64),
        ),
    )


def sites_up(view: SystemView) -> B1:
    """Return which sites are up: something can be sent there, ``(I,)``."""
    compiled = view.compiled
    up = np.zeros(len(compiled.sites.ids), dtype=np.bool_)
    up[compiled.pools.site[view.job_arc_open.any(axis=0)]] = True
    up[compiled.pools.site[compiled.groups.pool[view.request_arc_open.any(axis=0)]]] = True
    return up
