"""The least that jobs can wait, from a fluid argument that needs no solver."""

from __future__ import annotations

import numpy as np

from computenet.compiled import F8, I8

__all__ = ["least_waiting_h", "ramps"]

#: Bins of run time at most, and how much longer the longest job of a bin may be than the shortest.
MOST_BINS, BIN_RATIO = 64, 1.1


def ramps(from_s: F8, weight: F8, at_s: F8, power: int = 1) -> F8:
    """Return ``sum_j weight_j max(t - from_j, 0)^power / power`` at times `at_s`, power 1 or 2."""
    order = np.argsort(from_s, kind="stable")
    starts, each = from_s[order], weight[order]
    zero = np.zeros(1)
    sums = [np.concatenate([zero, np.cumsum(each * starts**k)]) for k in range(power + 1)]
    n = np.searchsorted(starts, at_s, side="right")
    if power == 1:
        out: F8 = sums[0][n] * at_s - sums[1][n]
    else:
        out = 0.5 * (sums[0][n] * at_s**2 - 2.0 * sums[1][n] * at_s + sums[2][n])
    return np.maximum(out, 0.0)


def least_waiting_h(
    submit_s: F8,
    run_s: F8,
    accelerators: F8,
    job_class: I8,
    runs_in: np.ndarray,
    pool_accelerators: F8,
    up_s: F8,
    edges_s: F8,
) -> float:
    """Return the accelerator-hours that jobs wait at least, whoever schedules them.

    A job waits while it is submitted, not ended and holds nothing, up to the end of the run.

    Let job j ask for ``a_j`` accelerators from ``r_j`` on, ``p_j`` be its run time at the fastest
    pool, and ``phi_j(t)`` the share of it that would be done if all the time it holds accelerators
    counted as work at that pool. If ``D_j`` is the time it waits, ``phi_j`` reaches a share x at
    most ``D_j`` after the job alone would, whose share is ``psi_j(t) = min((t - r_j) / p_j, 1)``,
    so ::

        D_j >= integral (psi_j - phi_j) dt,   sum_j a_j D_j >= sum_j (1 / p_j) integral q_j dt,

    ``q_j = a_j p_j (psi_j - phi_j) >= 0``. Put jobs into bins of like p, take the longest p of a
    bin, and order the bins by ``w = 1 / p``, falling. With ``Q_k`` the sum of q over the k shortest
    bins, ``sum_j w_j q_j = sum_k (w_k - w_(k+1)) Q_k`` (Abel), and ``Q_k`` is no less than the
    backlog of one server with the capacity of all pools that run a class of these bins, fed with
    ``G_k = sum a_j p_j psi_j`` and serving nothing else (E. Reich, Annals of Mathematical
    Statistics 29(3), 1958)::

        Q_k(t) >= max over s <= t of G_k(t) - G_k(s) - C_k(s, t).

    It is looked at slot edges; from an edge on it falls no faster than the server works, and the
    integral over a slot uses that. Shortest first attains all these bounds at once where work may
    be divided at will (the c-mu rule), so the fluid bound cannot be better without a finer model.

    Parameters
    ----------
    submit_s, run_s, accelerators
        ``(n,)``; jobs of no run time do not count.
    job_class
        ``(n,)``.
    runs_in
        ``(C, P)`` whether a class runs in a pool.
    pool_accelerators
        ``(P,)``.
    up_s
        ``(P, S)`` seconds that each pool was up in each slot.
    edges_s
        ``(S + 1,)`` edges of the slots.
    """
    keep = (run_s > 0.0) & (submit_s < edges_s[-1])
    submit_s, run_s = submit_s[keep], run_s[keep]
    accelerators, job_class = accelerators[keep].astype(np.float64), job_class[keep]
    if not len(run_s):
        return 0.0
    span = np.log(run_s.max() / run_s.min())
    bins = int(np.clip(np.ceil(span / np.log(BIN_RATIO)), 1, MOST_BINS))
    number = np.minimum((np.log(run_s / run_s.min()) / max(span, 1e-12) * bins).astype(np.int64),
                        bins - 1)  # fmt: skip
    length = np.diff(edges_s)
    total, gangs, classes = 0.0, 0.0, np.zeros(len(runs_in), dtype=np.bool_)
    inflow, area = np.zeros(len(edges_s)), np.zeros(len(edges_s))
    filled = np.flatnonzero(np.bincount(number, minlength=bins))
    weight = np.asarray([1.0 / run_s[number == b].max() for b in filled])
    for k, b in enumerate(filled):
        here = number == b
        classes |= np.bincount(job_class[here], minlength=len(classes)) > 0
        begin, gang = submit_s[here], accelerators[here]
        end = begin + run_s[here]
        inflow = inflow + ramps(begin, gang, edges_s) - ramps(end, gang, edges_s)
        area = area + ramps(begin, gang, edges_s, 2) - ramps(end, gang, edges_s, 2)
        pools = runs_in[classes].any(axis=0)
        rate = float(pool_accelerators[pools].sum())
        served = (pool_accelerators[pools, None] * up_s[pools]).sum(axis=0)  # (S,)
        backlog = _backlog(inflow, served)
        # Inside a slot the server has done at most `rate` a second, and `served` by its end.
        brim_s = served / max(rate, 1e-12)
        done = served * length - 0.5 * served * np.minimum(brim_s, length)
        grown = np.diff(area) - inflow[:-1] * length
        gangs += float(gang.sum())
        doubt = 16.0 * np.finfo(np.float64).eps * gangs * edges_s[1:] ** 2
        waiting = np.maximum(length * backlog[:-1] + grown - done - doubt, 0.0).sum()
        after = weight[k + 1] if k + 1 < len(filled) else 0.0
        total += max(weight[k] - after, 0.0) * float(waiting)
    return float(total / 3600.0 * (1.0 - 1e-9))


def _backlog(inflow: F8, served: F8) -> F8:
    """Return what a server has left to do at every edge, ``(S + 1,)``."""
    net = inflow - np.concatenate([np.zeros(1), np.cumsum(served)])
    out: F8 = net - np.minimum.accumulate(net)
    return out
