"""What groups of replicas did in slots that were not simulated, from slots that were.

A group's figures depend above all on the work it is offered (requests a second by the plan's shares
times the seconds a replica takes for one), which is known in every slot. So a slot gets them from
the counted slots of the same group whose offered work is nearest: with ``N`` those neighbours,

``v(s) = w(s) sum_N v(n) / sum_N w(n)``,

a ratio estimate (Cochran, *Sampling Techniques*, 3rd ed. 1977, chapter 6) within a class of slots
of nearly equal load, which keeps the curvature of busy time over load. A group without offered work
in any counted slot takes the ratio of all groups of its model.
"""

from __future__ import annotations

import numpy as np

from computenet.compiled import B1, F8, I8

__all__ = ["impute"]

#: Most neighbours of a slot.
MOST_NEIGHBOURS = 32


def impute(values: F8, counted: B1, offered: F8, kind: I8) -> F8:
    """Return `values` with the columns that are not counted filled in.

    Parameters
    ----------
    values
        ``(V, G, S)`` figures by group and slot; columns that are not counted are ignored.
    counted
        ``(S,)`` slots that were simulated and counted.
    offered
        ``(G, S)`` replica-seconds of work offered.
    kind
        ``(G,)`` model of each group.

    Returns
    -------
    F8
        ``(V, G, S)``; without offered work anywhere in counted slots, zeros.
    """
    out = np.where(counted, values, 0.0)
    known, missing = np.flatnonzero(counted), np.flatnonzero(~counted)
    if len(known) == 0 or len(missing) == 0:
        return out
    neighbours = int(np.clip(np.sqrt(len(known)), 1, MOST_NEIGHBOURS))
    for g in range(values.shape[1]):
        mine, wanted = offered[g, known], offered[g, missing]
        order = np.argsort(mine, kind="stable")
        work = np.concatenate([[0.0], np.cumsum(mine[order])])
        sums = np.zeros((len(values), len(known) + 1))
        np.cumsum(values[:, g, known[order]], axis=1, out=sums[:, 1:])
        low, high = _nearest(mine[order], wanted, neighbours)
        base = work[high] - work[low]
        same = kind == kind[g]
        whole = float(offered[same][:, known].sum())
        pooled = (
            values[:, same][:, :, known].sum(axis=(1, 2)) / whole
            if whole > 0.0
            else np.zeros(len(values))
        )
        found = sums[:, high] - sums[:, low]
        ratio = np.where(base > 0.0, found / np.where(base > 0.0, base, 1.0), pooled[:, None])
        out[:, g, missing] = ratio * wanted
    return out


def _nearest(have: F8, wanted: F8, count: int) -> tuple[I8, I8]:
    """Return, for each wanted number, the range of the `count` nearest of some sorted numbers."""
    low = np.clip(np.searchsorted(have, wanted) - count, 0, len(have) - count)
    # Slide up while the next number above is nearer than the lowest taken.
    for _ in range(2 * count):
        above = low + count
        inside = above < len(have)
        gain = np.where(inside, have[np.minimum(above, len(have) - 1)] - wanted, np.inf)
        slide = gain < wanted - have[low]
        if not slide.any():
            break
        low = low + slide
    return low.astype(np.int64), (low + count).astype(np.int64)
