"""What groups of replicas draw for the requests they are sent.

A replica draws the power of decoding whenever it has a request, and more while it takes a prompt
in. It has one with probability ``1 - exp(-lambda T)``, for requests that come at random at rate
`lambda` and stay for `T` (the empty probability of M/G/infinity, which needs only the mean stay;
Kleinrock, *Queueing Systems* I, 1975). Few requests a replica so cost nearly as much as many: the
cost of a group is concave in its load.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from computenet.policies.misses import prefill_s
from computenet.policies.protocol import SystemView

__all__ = ["replica_load", "stay_s"]

F8 = NDArray[np.float64]


def stay_s(view: SystemView) -> F8:
    """Return how long a mean request is at a replica where it does not wait, ``(D, G)``, s."""
    groups = view.compiled.groups
    answer_s = view.compiled.requests.replica_s - prefill_s(view)
    seconds: F8 = prefill_s(view) + answer_s * groups.decode_tok_s / groups.request_tok_s
    return seconds


def replica_load(view: SystemView, flow: F8, replicas: F8) -> F8:
    """Return the activity-weighted load of a replica of each group, ``(G,)``, 0 to 1.

    Parameters
    ----------
    flow
        ``(D, G)`` requests a second.
    replicas
        ``(G,)`` that serve them.
    """
    requests = view.compiled.requests
    sent = flow > 0.0
    count = np.maximum(replicas, 1e-30)
    prompts = (flow * prefill_s(view)).sum(axis=0) / count
    # Where a group does not serve a demand nothing is sent and a stay is endless.
    present = (flow * np.where(sent, stay_s(view), 0.0)).sum(axis=0) / count
    prompts = np.minimum(prompts, 1.0)
    busy = np.maximum(1.0 - np.exp(-present), prompts)
    load: F8 = requests.decode_activity * (busy - prompts) + requests.prefill_activity * prompts
    return load
