"""How likely a request misses its service objective, by where it is sent and how full that is.

A replica takes prompts in one after the other, so the time to first token is the wait of an M/G/1
queue of prompts, plus the prompt itself, plus the network. The wait's tail is taken as exponential
with the mean of Pollaczek and Khinchine (exact in heavy traffic: Kingman, Proc. Camb. Phil. Soc.
57, 1961)::

    P(W > t) = rho exp(-t (1 - rho) / r),        r = E[S^2] / (2 E[S])
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from computenet.policies.protocol import SystemView

__all__ = ["excess_misses", "idle_misses", "mean_misses", "prefill_s"]

F8 = NDArray[np.float64]


def prefill_s(view: SystemView) -> F8:
    """Return the time a replica takes for a mean prompt, ``(D, G)``, s."""
    compiled = view.compiled
    mean = compiled.requests.prompt_tokens.mean(axis=1)
    each = mean[:, None] / compiled.groups.prefill_tok_s
    return np.tile(each, (len(compiled.regions), 1))


def idle_misses(view: SystemView) -> F8:
    """Return the probability of a miss at an idle replica, ``(D, G)``.

    The prompt alone takes too long, or an answer token does, or the group lies outside the
    latency circle; arcs that are closed miss for sure.
    """
    return _misses(view, np.zeros(len(view.compiled.groups.ids)))


def _misses(view: SystemView, rho: F8) -> F8:
    compiled = view.compiled
    requests, groups = compiled.requests, compiled.groups
    regions, classes = len(compiled.regions), len(requests.classes)
    service_s = requests.prompt_tokens[:, None, :] / groups.prefill_tok_s[None, :, None]  # K G q
    remaining_s = _mean_residual_s(view)
    out = np.empty((regions * classes, len(groups.ids)))
    for d in range(len(out)):
        left_s = requests.ttft_slo_ms[d] / 1e3 - view.rtt_s[d][:, None] - service_s[d % classes]
        tail = rho[:, None] * np.exp(
            -np.maximum(left_s, 0.0) * ((1.0 - rho) / remaining_s)[:, None]
        )
        out[d] = np.where(left_s < 0.0, 1.0, tail).mean(axis=1)
    token_ms = 1e3 / groups.request_tok_s
    fits = view.circle_ok & (token_ms[None, :] <= requests.tpot_slo_ms[:, None])
    missed: F8 = np.where(fits & view.request_arc_open, out, 1.0)
    return missed


def _mean_residual_s(view: SystemView) -> F8:
    """Return the mean residual prompt time ``E[S^2] / (2 E[S])`` of groups' usual mix, ``(G,)``."""
    compiled = view.compiled
    requests, groups = compiled.requests, compiled.groups
    rate = requests.mean_rate_per_s.reshape(len(compiled.regions), -1).sum(axis=0)  # (K,)
    served = requests.model_of_class[:, None] == groups.model[None, :]
    weight = np.where(served, rate[:, None], 0.0)
    first = (weight * requests.prompt_tokens.mean(axis=1)[:, None]).sum(axis=0)
    second = (weight * (requests.prompt_tokens**2).mean(axis=1)[:, None]).sum(axis=0)
    residual: F8 = np.where(first > 0.0, second / np.where(first > 0.0, first, 1.0), 1.0) / (
        2.0 * groups.prefill_tok_s
    )
    return residual


def mean_misses(view: SystemView, rho: F8) -> F8:
    """Return the probability of a miss at replicas of prompt load `rho` ``(G,)``, ``(D, G)``."""
    return _misses(view, np.clip(rho, 0.0, 1.0 - 1e-9))


def excess_misses(view: SystemView, levels: F8) -> F8:
    """Return misses that waiting adds, by group and load, ``(G, levels)``, per request.

    The usual mix of a group's demands, those within their circle.
    """
    compiled = view.compiled
    weight = np.where(
        view.circle_ok & view.request_arc_open, compiled.requests.mean_rate_per_s[:, None], 0.0
    )
    total = np.maximum(weight.sum(axis=0), 1e-30)
    idle = idle_misses(view)
    out = np.empty((len(compiled.groups.ids), len(levels)))
    for at, level in enumerate(levels):
        rho = np.full(len(compiled.groups.ids), level)
        out[:, at] = ((mean_misses(view, rho) - idle) * weight).sum(axis=0) / total
    return out
