"""Request demands that may use the same groups, added up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from computenet.optimization.dispatch import RequestDemand
from computenet.policies.misses import idle_misses, prefill_s
from computenet.policies.protocol import SystemView
from computenet.policies.shares import sites_up

__all__ = ["MergedRequests", "merged_requests"]

I8 = NDArray[np.int64]

#: A request that is not served costs this many times one that misses its objective.
UNMET = 10.0


@dataclass(frozen=True, slots=True)
class MergedRequests:
    """Rows of demands of one class with the same open groups.

    Attributes
    ----------
    member
        ``(D,)`` row of each demand.
    rows
        Their number.
    arcs
        Rows and their arcs, at means by the demands' rates; the rates themselves are 0.
    """

    member: I8
    rows: int
    arcs: RequestDemand


def merged_requests(view: SystemView, miss_cny: float) -> MergedRequests:
    """Return the demands that a policy sees, those of one kind as one row.

    A demand uses the groups within its latency circle, or all that are open where there are none.

    Parameters
    ----------
    miss_cny
        What a request is worth that misses its objective, CNY.
    """
    compiled = view.compiled
    requests, groups, p = compiled.requests, compiled.groups, compiled.pools
    inside = view.request_arc_open & view.circle_ok
    arcs = np.where(inside.any(axis=1, keepdims=True), inside, view.request_arc_open)
    classes = len(requests.classes)
    kind: dict[tuple[int, bytes], int] = {}
    member = np.asarray(
        [kind.setdefault((d % classes, arcs[d].tobytes()), len(kind)) for d in range(len(arcs))]
    )
    weight = np.maximum(requests.mean_rate_per_s, 1e-12)
    total = np.bincount(member, weights=weight, minlength=len(kind))
    part = weight / total[member]
    cost = requests.transfer_cny + miss_cny * idle_misses(view)
    answer_s = requests.replica_s - prefill_s(view)
    use = np.maximum(prefill_s(view), answer_s) * groups.accelerators_per_replica
    shape = (len(kind), len(groups.ids))
    mean_cost, mean_use, mean_mwh = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for d, row in enumerate(member):
        on = arcs[d]
        mean_cost[row, on] += part[d] * cost[d, on]
        mean_use[row, on] += part[d] * use[d, on]
        mean_mwh[row, on] += part[d] * requests.energy_mwh[d, on]
    row, group = np.nonzero(mean_use > 0.0)
    unmet = np.full(len(kind), UNMET * max(miss_cny, float(cost.max(initial=1e-9))))
    names = [""] * len(kind)
    for (k, _), at in kind.items():
        names[at] = f"{requests.classes[k]} {at}"
    return MergedRequests(
        member,
        len(kind),
        RequestDemand(
            names=tuple(names),
            rate_per_s=np.zeros((1, len(kind))),
            unmet_cny=unmet,
            arc_demand=row.astype(np.int64),
            arc_group=group.astype(np.int64),
            arc_accelerator_s=mean_use[row, group],
            arc_it_mwh=mean_mwh[row, group],
            arc_cny=mean_cost[row, group],
            groups=groups.ids,
            group_pool=groups.pool.astype(np.int64),
            group_accelerators=(
                groups.replicas_real
                * groups.accelerators_per_replica
                * sites_up(view)[p.site[groups.pool]]
            ).astype(np.float64),
        ),
    )
