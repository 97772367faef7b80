"""Fair division of what is scarce: max-min, alpha-fair, and dominant resources.

All are computed exactly (up to rounding) by progressive filling; see
:mod:`computenet.kernels.fairness`. An allocation is *weighted max-min fair* if nobody can be given
more without taking from somebody whose amount per weight is not larger.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from computenet.errors import InputError, Problem
from computenet.kernels.fairness import fill_dominant_shares, fill_level
from computenet.optimization.fair_checks import check_values, require

__all__ = [
    "Allocation",
    "AlphaAllocation",
    "DominantShares",
    "alpha_fair",
    "dominant_resource_fair",
    "max_min",
]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]

#: Largest spread of logarithms of alpha-fair weights that float64 holds.
MOST_NATS = 600.0


@dataclass(frozen=True, slots=True)
class Allocation:
    """What each user gets of one resource.

    Attributes
    ----------
    amount
        ``(n,)``.
    level
        Amount per weight of those below their caps; infinite where all have their caps.
    steps
        Newton steps taken.
    """

    amount: F8
    level: float
    steps: int


@dataclass(frozen=True, slots=True)
class AlphaAllocation:
    """An alpha-fair allocation and how well it meets the conditions of optimality.

    Attributes
    ----------
    amount
        ``(n,)`` service of each user.
    price
        Multiplier of the resource; 0 where it is not scarce, infinite where there is none of it.
        With infinite alpha, 0.
    residual
        Largest relative violation of the Karush-Kuhn-Tucker conditions (see `alpha_fair`).
    """

    amount: F8
    price: float
    residual: float


@dataclass(frozen=True, slots=True)
class DominantShares:
    """Tasks of each user by dominant-resource fairness.

    Attributes
    ----------
    tasks
        ``(n,)``.
    share
        ``(n,)`` dominant share: the largest part of any resource that the user holds.
    level
        ``(n,)`` share per weight at which the user stopped.
    full
        ``(R,)`` whether the resource stopped somebody.
    steps
        Newton steps taken.
    """

    tasks: F8
    share: F8
    level: F8
    full: NDArray[np.bool_]
    steps: int


def max_min(capacity: float, cap: ArrayLike, weight: ArrayLike = 1.0) -> Allocation:
    """Divide one resource by weighted max-min fairness with caps (water-filling).

    ``x_i = min(cap_i, w_i t)`` with ``sum_i x_i = min(C, sum_i cap_i)`` (Bertsekas and Gallager,
    *Data Networks*, 1992, section 6.5.2, on one link).

    Parameters
    ----------
    capacity
        Amount to divide.
    cap
        ``(n,)`` most that each user takes; infinite = without end.
    weight
        ``(n,)`` over 0.

    Raises
    ------
    InputError
        A number that is negative or none, a weight that is not over 0, everything unlimited.
    """
    caps, weights = _users(cap, weight)
    problems = [
        *check_values("capacity", np.atleast_1d(np.float64(capacity)), infinite=True),
        *check_values("cap", caps, infinite=True),
        *check_values("weight", weights, positive=True),
    ]
    if not problems and np.isinf(capacity) and np.isinf(caps).any():
        problems.append(Problem("capacity", capacity, "is infinite, and so is a cap"))
    require(problems)
    level, steps = fill_level(float(capacity), weights, caps)
    amount = caps.copy() if np.isinf(level) else np.minimum(caps, weights * level)
    return Allocation(amount, float(level), int(steps))


def alpha_fair(
    capacity: float,
    cap: ArrayLike,
    weight: ArrayLike = 1.0,
    *,
    alpha: float,
    use: ArrayLike = 1.0,
) -> AlphaAllocation:
    """Divide one resource alpha-fairly (J. Mo and J. Walrand, *IEEE/ACM ToN* 8(5), 2000).

    Maximise ``sum_i w_i U(x_i)``, ``U(x) = x^(1-alpha)/(1-alpha)`` or ``log x`` for alpha = 1,
    subject to ``sum_i a_i x_i <= C`` and ``0 <= x_i <= cap_i``. With a multiplier ``p`` of the
    resource, optimality is ``x_i = min(cap_i, (w_i / (p a_i))^(1/alpha))`` and
    ``p (C - sum_i a_i x_i) = 0``, which is water-filling of ``a_i x_i`` with the weights
    ``a_i (w_i / a_i)^(1/alpha)``, so no iteration towards a tolerance is needed. Alpha = 1 is
    proportional fairness; infinite alpha is unweighted max-min of `x`, the limit.

    The residual of the result, from the weights as given, is the largest of: ``|a.x - C| / C``;
    ``|ln(p a_i x_i^alpha / w_i)| / alpha`` of users between 0 and their cap; and the same, where
    positive, of users at their cap. It is 0 where everybody has its cap.

    Parameters
    ----------
    capacity, cap, weight
        As in `max_min`; caps in units of service.
    alpha
        Over 0, may be infinite.
    use
        ``(n,)`` or one: resource that one unit of service takes, over 0.

    Raises
    ------
    InputError
        As `max_min`; or alpha is so small that weights differ by more than float64 holds.
    """
    caps, weights = _users(cap, weight)
    uses = np.broadcast_to(np.asarray(use, dtype=np.float64), caps.shape).astype(np.float64)
    problems = [
        *check_values("capacity", np.atleast_1d(np.float64(capacity)), infinite=True),
        *check_values("cap", caps, infinite=True),
        *check_values("weight", weights, positive=True),
        *check_values("use", uses, positive=True),
    ]
    if not alpha > 0.0:
        problems.append(Problem("alpha", alpha, "is not over 0", "a positive number or inf"))
    if not problems and np.isinf(capacity) and np.isinf(caps).any():
        problems.append(Problem("capacity", capacity, "is infinite, and so is a cap"))
    require(problems)
    if not caps.size:
        return AlphaAllocation(caps.copy(), 0.0, 0.0)
    # Weights are scaled to a largest of 1, so that no power overflows.
    log_share = np.log(weights / uses) / alpha if np.isfinite(alpha) else np.zeros_like(caps)
    top = float(log_share.max())
    if top - float(log_share.min()) > MOST_NATS:
        raise InputError(
            [Problem("alpha", alpha, "is too small for weights that differ so much", "larger")]
        )
    scaled = np.exp(log_share - top)
    level, _ = fill_level(float(capacity), uses * scaled, uses * caps)
    if np.isinf(level):
        return AlphaAllocation(caps.copy(), 0.0, 0.0)
    amount = np.minimum(caps, scaled * level)
    log_price = -np.inf
    if np.isfinite(alpha):
        # Of a resource of which there is nothing, the first bit is worth more than any price.
        log_price = alpha * (top - np.log(level)) if level > 0.0 else np.inf
    residual = _residual(capacity, caps, weights, uses, alpha, amount, level, log_price)
    return AlphaAllocation(amount, float(np.exp(log_price)), residual)


def _residual(
    capacity: float,
    caps: F8,
    weights: F8,
    uses: F8,
    alpha: float,
    amount: F8,
    level: float,
    log_price: float,
) -> float:
    """Return the largest violation of the conditions that `alpha_fair` lists."""
    spent = float(uses @ amount)
    excess = abs(spent - capacity) / capacity if capacity > 0.0 else spent
    got = amount > 0.0
    if level <= 0.0 or not got.any():
        return excess
    if np.isinf(alpha):
        apart = np.log(amount[got]) - np.log(level)
    else:
        value = np.log(weights[got]) - np.log(uses[got]) - log_price
        apart = np.log(amount[got]) - value / alpha
    inside = amount[got] < caps[got]
    off = np.abs(apart[inside]).max(initial=0.0)
    return float(max(excess, off, apart[~inside].max(initial=0.0)))


def dominant_resource_fair(
    demand: ArrayLike, capacity: ArrayLike, cap: ArrayLike = np.inf, weight: ArrayLike = 1.0
) -> DominantShares:
    """Divide several resources by weighted dominant-resource fairness with caps on tasks.

    A task of user `i` takes ``D_ir`` of each resource; its dominant share is ``s_i = max_r D_ir /
    C_r``. All ``x_i s_i / w_i`` rise together; a user stops at its cap or when a resource that it
    needs is full, and the others go on (Ghodsi, Zaharia, Hindman, Konwinski, Shenker and Stoica,
    *Dominant Resource Fairness*, NSDI 2011, section 4; users without a demand for the full
    resource go on as in Parkes, Procaccia and Shah, *Beyond Dominant Resource Fairness*, EC 2012).

    Parameters
    ----------
    demand
        ``(n, R)`` of each resource by one task.
    capacity
        ``(R,)``, finite.
    cap
        ``(n,)`` or one: most tasks; finite for users that need nothing.
    weight
        ``(n,)`` or one, over 0.

    Raises
    ------
    InputError
        A number that is negative or none, a weight that is not over 0, a user without needs or cap.
    """
    demands = np.atleast_2d(np.asarray(demand, dtype=np.float64))
    capacities = np.atleast_1d(np.asarray(capacity, dtype=np.float64))
    n, resources = demands.shape
    if capacities.shape != (resources,):
        raise InputError(
            [Problem("capacity", capacities.shape, "does not fit demand", f"({resources},)")]
        )
    caps = np.broadcast_to(np.asarray(cap, dtype=np.float64), n).astype(np.float64)
    weights = np.broadcast_to(np.asarray(weight, dtype=np.float64), n).astype(np.float64)
    problems = [
        *check_values("demand", demands),
        *check_values("capacity", capacities),
        *check_values("cap", caps, infinite=True),
        *check_values("weight", weights, positive=True),
    ]
    require(problems)
    positive = capacities > 0.0
    share = np.where(positive, demands / np.where(positive, capacities, 1.0), 0.0).max(
        axis=1, initial=0.0
    )
    needs = (demands > 0.0).any(axis=1)
    free = np.flatnonzero(~needs & np.isinf(caps))
    if free.size:
        raise InputError([Problem(f"cap[{free[0]}]", np.inf, "is infinite, but nothing is needed")])
    some = np.flatnonzero(needs)
    tasks, level = caps.copy(), np.zeros(n)
    speed = np.divide(weights[some], share[some], out=np.ones(len(some)), where=share[some] > 0.0)
    full = np.zeros(resources, dtype=np.int64)
    some_tasks, some_level = np.zeros(len(some)), np.zeros(len(some))
    steps = fill_dominant_shares(
        np.ascontiguousarray(demands[some]), capacities, speed, caps[some],
        np.zeros(len(some), dtype=np.int64), np.zeros(resources), np.zeros(resources), full,
        some_tasks, some_level,
    )  # fmt: skip
    tasks[some], level[some] = some_tasks, some_level
    nothing = ~positive & (demands[caps > 0.0] > 0.0).any(axis=0)
    return DominantShares(tasks, tasks * share, level, (full == 1) | nothing, int(steps))


# ---- checks -------------------------------------------------------------------------------


def _users(cap: ArrayLike, weight: ArrayLike) -> tuple[F8, F8]:
    caps, weights = np.broadcast_arrays(
        np.atleast_1d(np.asarray(cap, dtype=np.float64)), np.asarray(weight, dtype=np.float64)
    )
    return np.ascontiguousarray(caps), np.ascontiguousarray(weights)
