"""The record itself."""

from __future__ import annotations

from computenet.policies.nearest import Nearest

__all__ = ["Replay"]


class Replay(Nearest):
    """The record itself: jobs start when and where a trace says; what it does not, nearest.

    Recorded starts and sites are part of the demand (`computenet.workload.replay`); this policy
    places the rest. A job waits longer than on record where its pool is full.

    Parameters
    ----------
    headroom
        As of policy ``nearest``, for what the record does not say.
    """
