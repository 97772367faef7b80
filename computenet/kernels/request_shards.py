"""Requests of a run shared by several workers: routed where they are drawn, served where they go.

Routing looks at the plan and at earlier requests of the same demand only, and a replica at the
requests that come to it only. So the work falls into two halves, each of which can be shared: every
worker routes the requests of *its demands* and puts them into boxes, one for each worker; every
worker takes the boxes with the requests of *its replicas*, brings them into order of time, and
serves them. Each replica sees the same requests in the same order as in a run on one core.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from computenet.kernels._jit import njit
from computenet.kernels.replica import arrive, run_replica
from computenet.kernels.replica_state import (
    SLOT,
    ReplicaFacts,
    RequestOut,
    RequestState,
    WaitArena,
)
from computenet.kernels.request_state import RequestChunk, RoutingPlan
from computenet.kernels.requests import RANDOM, choose_replica, close_slots, route_request

__all__ = [
    "ROUTED",
    "Fleet",
    "fill_boxes",
    "group_routed",
    "order_routed",
    "route_arrivals",
    "serve_routed",
]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
I4 = NDArray[np.int32]

#: A request on its way to a replica: `choice` is what is left of its uniform number; `replica` is
#: -1 where it is chosen when the request arrives.
ROUTED = np.dtype(
    [
        ("arrival_s", np.float64), ("choice", np.float64), ("demand", np.int32),
        ("group", np.int32), ("replica", np.int32), ("input", np.int32), ("output", np.int32),
        ("cached", np.int32),
    ]
)  # fmt: skip


class Fleet(NamedTuple):
    """All replicas of a run (axis N) and the worker of each; the same for every worker."""

    first_replica: I8  # (G + 1,)
    active: I8  # (G,) replicas that take new requests: the first so many
    worker: I4  # (N,)
    choice: I8  # (1,) as in `ReplicaFacts`


@njit
def route_arrivals(
    chunk: RequestChunk,
    segment: I8,
    cursor: I8,
    until_s: float,
    plan: RoutingPlan,
    fleet: Fleet,
    routed: Any,
    to: I4,
    box: I8,
    out: RequestOut,
) -> int:
    """Route the arrivals of a chunk before `until_s`; return how many have a group.

    Parameters
    ----------
    chunk, segment, cursor
        Arrivals; each of the segments ``segment[k] .. segment[k + 1] - 1`` is in order of time, and
        all of one demand lie in one segment. `cursor` is where each goes on; written.
    routed, to
        ``(n,)`` requests and the worker of each, in order of segments; written.
    box
        ``(W,)`` requests for each worker; written.
    """
    box[:] = 0
    m = 0
    for k in range(segment.shape[0] - 1):
        i = cursor[k]
        while i < segment[k + 1] and chunk.arrival_s[i] < until_s:
            d = chunk.demand[i]
            out.arrived[d] += 1
            g, u = route_request(d, chunk.choice[i], plan)
            if g < 0:
                out.dropped[d] += 1
                i += 1
                continue
            out.routed[d, g] += 1
            first, n = fleet.first_replica[g], fleet.active[g]
            chosen = -1
            worker = fleet.worker[first]
            if fleet.choice[0] == RANDOM or n == 1:
                chosen = first + min(int(u * n), n - 1)
                worker = fleet.worker[chosen]
            item = routed[m]
            item["arrival_s"] = chunk.arrival_s[i]
            item["choice"] = u
            item["demand"] = d
            item["group"] = g
            item["replica"] = chosen
            item["input"] = chunk.input_tokens[i]
            item["output"] = chunk.output_tokens[i]
            item["cached"] = chunk.cached_tokens[i]
            to[m] = worker
            box[worker] += 1
            m += 1
            i += 1
        cursor[k] = i
    return m


@njit
def fill_boxes(routed: Any, to: I4, count: int, place: I8, boxes: Any) -> None:
    """Copy the first `count` requests to their boxes; `place` is where each begins, and moves."""
    for i in range(count):
        at = place[to[i]]
        boxes[at] = routed[i]
        place[to[i]] = at + 1


@njit
def order_routed(
    routed: Any, count: int, begin_s: float, end_s: float, bucket: I8, order: I4
) -> None:
    """Write to `order` the first `count` requests by time, by demand, and as they stand.

    `bucket` is scratch of any length > 1.
    """
    buckets = bucket.shape[0] - 1
    scale = buckets / (end_s - begin_s)
    bucket[:] = 0
    for i in range(count):
        b = min(int((routed[i]["arrival_s"] - begin_s) * scale), buckets - 1)
        bucket[b + 1] += 1
    for b in range(buckets):
        bucket[b + 1] += bucket[b]
    for i in range(count):
        b = min(int((routed[i]["arrival_s"] - begin_s) * scale), buckets - 1)
        order[bucket[b]] = i
        bucket[b] += 1
    for i in range(1, count):
        item = order[i]
        time_s = routed[item]["arrival_s"]
        j = i
        while j > 0:
            other = order[j - 1]
            other_s = routed[other]["arrival_s"]
            if other_s < time_s:
                break
            if other_s == time_s:
                before, here = routed[other]["demand"], routed[item]["demand"]
                if before < here or (before == here and other < item):
                    break
            order[j] = other
            j -= 1
        order[j] = item


@njit
def group_routed(
    routed: Any, order: I4, count: int, local: I4, replicas: int, place: I8, into: I4
) -> None:
    """Write to `into` the first `count` of `order` by replica, and those of one as they stood.

    A replica's state then stays near while it is served. Where the choice of a replica looks at
    others, its group stands for it.

    Parameters
    ----------
    local, replicas
        Place of each of the run's replicas among the `replicas` of this worker.
    place
        Scratch of `replicas` and the number of groups, plus one.
    """
    place[:] = 0
    for k in range(count):
        item = routed[order[k]]
        chosen = item["replica"]
        key = local[chosen] if chosen >= 0 else replicas + item["group"]
        place[key + 1] += 1
    for key in range(place.shape[0] - 1):
        place[key + 1] += place[key]
    for k in range(count):
        item = routed[order[k]]
        chosen = item["replica"]
        key = local[chosen] if chosen >= 0 else replicas + item["group"]
        into[place[key]] = order[k]
        place[key] += 1


@njit
def serve_routed(
    routed: Any,
    order: I4,
    count: int,
    local: I4,
    plan: RoutingPlan,
    state: RequestState,
    facts: ReplicaFacts,
    arena: WaitArena,
    until_s: float,
    out: RequestOut,
) -> None:
    """Give requests, all before `until_s`, to their replicas, and close slots up to then.

    Those of one replica, or of one group where the choice looks at others, must be in order of
    time; all of them where a slot ends before `until_s`.

    `local` has the place of each of the run's replicas among those of this worker.
    """
    edge_s = (state.scalar[SLOT] + 1) * facts.slot_s[0]
    if state.scalar[SLOT] == out.integral.shape[1] - 1:
        edge_s = np.inf
    for k in range(count):
        item = routed[order[k]]
        now_s = item["arrival_s"]
        if now_s >= edge_s:
            edge_s = close_slots(now_s, plan, state, facts, arena, out)
        if item["replica"] >= 0:
            r = int(local[item["replica"]])
        else:
            r = choose_replica(
                item["group"], item["choice"], now_s, plan, state, facts, arena, out
            )  # fmt: skip
        # Ends at this very instant come before the arrival.
        run_replica(r, now_s, plan.rtt_s, plan.circle_ok, state, facts, arena, out, True)
        arrive(
            r, now_s, item["demand"], item["input"], item["output"], item["cached"], state, facts,
            arena, out,
        )  # fmt: skip
    if edge_s <= until_s:
        close_slots(until_s, plan, state, facts, arena, out)
