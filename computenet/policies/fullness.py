"""What the fullness of groups and pools costs, as convex pieces of utilisation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from computenet.policies.misses import excess_misses, prefill_s
from computenet.policies.protocol import SystemView
from computenet.units import SECONDS_PER_HOUR

__all__ = ["LEVELS", "decode_s", "miss_slope", "queue_slope"]

F8 = NDArray[np.float64]

#: Utilisations between which the cost of fullness is taken as straight; more is not planned, since
#: a queue at the brim does not come down again.
LEVELS = np.asarray([0.0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])


def decode_s(view: SystemView) -> F8:
    """Return the time a full replica takes for the tokens of a mean answer, ``(D, G)``, s."""
    seconds: F8 = view.compiled.requests.replica_s - prefill_s(view)
    return seconds


def queue_slope(view: SystemView, late_cny_per_accelerator_h: float) -> F8:
    """Return what waiting adds by level of a pool, ``(P, levels - 1)``, CNY per accelerator.

    A pool of `n` accelerators is a queue of ``c = n / gang`` servers; its jobs wait
    ``rho^(sqrt(2 (c + 1)) - 1) / (c (1 - rho))`` of their run time (H. Sakasegawa, Ann. Inst.
    Statist. Math. 29, 1977).
    """
    compiled = view.compiled
    load = view.job_load_accelerators.reshape(len(compiled.regions), -1).sum(axis=0)
    gang = float(
        np.average(compiled.jobs.held_gang, weights=load)
        if load.sum() > 0.0
        else compiled.jobs.held_gang.max(initial=1.0)
    )
    servers = np.maximum(compiled.pools.accelerators / gang, 1.0)[:, None]
    rho = LEVELS[None, :]
    waits = rho ** (np.sqrt(2.0 * (servers + 1.0)) - 1.0) / (servers * (1.0 - rho))
    cost = late_cny_per_accelerator_h * rho * waits
    return _convex(cost)


def miss_slope(view: SystemView, miss_cny: float, burst_cv: float) -> F8:
    """Return what misses add by level of a group, CNY an hour per replica kept busy.

    Demand within an epoch is log-normal about its mean; beyond capacity every request misses.
    """
    compiled = view.compiled
    prompt, whole, rate = prefill_s(view), decode_s(view), compiled.requests.mean_rate_per_s
    inside = np.where(view.request_arc_open, rate[:, None], 0.0)
    use = np.where(inside > 0.0, np.maximum(prompt, whole), 0.0)
    busy = np.maximum((inside * use).sum(axis=0), 1e-30)  # (G,)
    of_prompts = np.where(inside > 0.0, inside * prompt, 0.0).sum(axis=0) / busy
    per_use = inside.sum(axis=0) / busy  # requests a replica-second
    sigma = np.sqrt(np.log1p(burst_cv**2))
    nodes, weights = np.polynomial.hermite_e.hermegauss(7)
    burst = np.exp(sigma * nodes - 0.5 * sigma**2)
    fine = np.linspace(0.0, 1.0, 21)
    table = excess_misses(view, fine)  # (G, 21) by prompt load
    cost = np.zeros((len(busy), len(LEVELS)))
    for factor, weight in zip(burst, weights / weights.sum(), strict=True):
        for at, level in enumerate(LEVELS):
            filled = level * factor
            if filled >= 1.0:
                missed = np.ones(len(busy))
            else:
                missed = np.asarray(
                    [np.interp(filled * part, fine, row)
                     for part, row in zip(of_prompts, table, strict=True)]
                )  # fmt: skip
            cost[:, at] += weight * factor * level * missed
    return _convex(SECONDS_PER_HOUR * miss_cny * per_use[:, None] * cost)


def _convex(cost: F8) -> F8:
    """Return the slopes of `cost` between `LEVELS`, never falling, ``(n, levels - 1)``."""
    slopes: F8 = np.maximum.accumulate(np.diff(cost, axis=1) / np.diff(LEVELS), axis=1)
    return np.maximum(slopes, 0.0)
