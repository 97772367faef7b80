"""The dual of gang placement at given prices of servers, exact and smoothed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from computenet.kernels._jit import njit

__all__ = ["smooth_dual"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]

#: Shares below this are taken as none in the curvature.
_SMALL = 1e-8


@njit
def smooth_dual(
    job_first: I8, pool: I8, weight: I8, profit: F8, capacity: I8, price: F8, scale: F8,
    level: float, curved: bool, slope: F8, curvature: F8, share: F8, near: I8,
) -> tuple[float, float]:  # fmt: skip
    """Return the dual ``L`` at `price`, and ``L`` smoothed, with its derivatives.

    ``L(y) = sum_p y_p C_p + sum_j max(0, max_p v_jp - y_p w_jp)``; in the smoothed one the maximum
    over ``m`` terms is ``mu_j log sum exp(. / mu_j)``, larger by at most ``mu_j log m`` (Nesterov,
    *Smooth minimization of non-smooth functions*, 2005), with ``mu_j = level * scale_j``.

    Parameters
    ----------
    job_first, pool, weight, profit
        Arcs by job: ``(J + 1,)``, and ``(A,)`` each.
    capacity, price
        ``(P,)``.
    scale
        ``(J,)``; 0 leaves a job unsmoothed.
    level
        Of smoothing.
    curved
        Whether the second derivatives are wanted.
    slope, curvature
        ``(P,)`` and ``(P, P)``: derivatives of the smoothed dual, written.
    share, near
        ``(P,)`` working memory.
    """
    exact = 0.0
    for p in range(len(capacity)):
        slope[p] = capacity[p]
        exact += capacity[p] * price[p]
        if curved:
            for q in range(len(capacity)):
                curvature[p, q] = 0.0
    smooth = exact
    for j in range(len(job_first) - 1):
        first, count = job_first[j], job_first[j + 1] - job_first[j]
        top = 0.0
        for n in range(count):
            share[n] = profit[first + n] - price[pool[first + n]] * weight[first + n]
            top = max(top, share[n])
        exact += top
        smooth += top
        mu = level * scale[j]
        if mu <= 0.0:
            continue
        total = np.exp(-top / mu)
        some = 0
        for n in range(count):
            behind = (share[n] - top) / mu
            if behind > -36.0:  # below that exp() is lost in rounding
                x = np.exp(behind)
                total += x
                near[some] = n
                share[some] = x
                some += 1
        smooth += mu * np.log(total)
        for n in range(some):
            a = first + near[n]
            p = pool[a]
            x = share[n] / total * weight[a]
            slope[p] -= x
            if curved and x > _SMALL * weight[a]:
                curvature[p, p] += x * weight[a] / mu
                for m in range(n + 1):
                    b = first + near[m]
                    q = pool[b]
                    h = x * share[m] / total * weight[b] / mu
                    curvature[p, q] -= h
                    if m != n:
                        curvature[q, p] -= h
    return exact, smooth
