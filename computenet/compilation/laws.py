"""Laws of demand as the few numbers that planning needs."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtri

from computenet.compiled import F8
from computenet.scenario.workload import JobClassSpec, ServiceClassSpec

__all__ = ["PROMPT_POINTS", "held_gang", "held_run_s", "prompt_quantiles"]

#: Points of probability at which prompts are told, in the middle of equal steps.
PROMPT_POINTS = 64


def _at(points: F8, quantiles: list[float]) -> F8:
    """Return values of a law told at equal steps of probability, straight in logarithms."""
    steps = np.linspace(0.0, 1.0, len(quantiles))
    values: F8 = np.exp(np.interp(points, steps, np.log(quantiles)))
    return values


def prompt_quantiles(item: ServiceClassSpec, *, reuse: bool) -> F8:
    """Return the tokens of a class's prompts that are computed, ``(PROMPT_POINTS,)``.

    Later turns of conversations carry what was said before: their mean is met, the shape is that
    of what is new.
    """
    points = (np.arange(PROMPT_POINTS) + 0.5) / PROMPT_POINTS
    law = item.input_tokens
    if law.quantiles is not None:
        tokens = _at(points, law.quantiles)
    else:
        sigma = math.sqrt(2.0 * math.log(law.mean / law.p50))
        tokens = law.p50 * np.exp(sigma * ndtri(points))
    tokens = np.minimum(tokens, float(law.most))
    scaled: F8 = tokens * (item.mean_prompt_tokens(reuse=reuse) / float(tokens.mean()))
    return scaled


def held_run_s(item: JobClassSpec) -> float:
    """Return the mean run time of a class's jobs weighed by itself, s: ``E[T^2] / E[T]``.

    It is the run time that an accelerator-second belongs to, so it tells for how long work placed
    now is held where it is.
    """
    points = (np.arange(4001) + 0.5) / 4001
    if item.run_time_quantiles_s is not None:
        times = _at(points, item.run_time_quantiles_s)
    else:
        times = item.run_time_median_s * np.exp(item.run_time_sigma * ndtri(points))
    times = np.minimum(times, item.run_time_most_s)
    return float((times**2).mean() / times.mean())


def held_gang(item: JobClassSpec) -> float:
    """Return the mean gang of a class's jobs weighed by itself, ``E[g^2] / E[g]``."""
    sizes = np.asarray(list(item.sizes), dtype=np.float64)
    weights = np.asarray(list(item.sizes.values()), dtype=np.float64)
    return float((weights * sizes**2).sum() / (weights * sizes).sum())
