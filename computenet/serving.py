"""How fast a replica serves a language model: a roofline estimate from device and model facts.

The estimate is stated per (model, accelerator) pair and graded *estimated*: real engines reach
the shares below on well-tuned pairs, and less on others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from computenet.errors import InputError, Problem

__all__ = [
    "DECODE_ACTIVITY",
    "PREFILL_ACTIVITY",
    "ReplicaRates",
    "decode_table",
    "divide_fleet",
    "replica_rates",
]

#: Share of the peak FLOPS that prefill reaches (published serving studies: 0.4 to 0.6).
PREFILL_EFFICIENCY = 0.45
#: Share of the peak memory bandwidth that decode reaches (0.5 to 0.7).
DECODE_EFFICIENCY = 0.6
#: Share of memory that weights and cache may use; the rest is activations and the runtime.
MEMORY_SHARE = 0.9
#: Share of the usable memory kept for the key-value cache when a replica is sized.
CACHE_SHARE = 0.25
#: Most requests an engine runs at once.
MOST_SLOTS = 128
#: Share of ``active_w`` drawn by a replica that only decodes, and while a prompt is in prefill
#: (shares of thermal design power measured by DynamoLLM and Splitwise, recalled).
DECODE_ACTIVITY = 0.6
PREFILL_ACTIVITY = 0.85


@dataclass(frozen=True, slots=True)
class ReplicaRates:
    """A replica: a tensor-parallel group of accelerators that serves one model.

    Attributes
    ----------
    accelerators
        Accelerators in the group, a power of two.
    slots
        Most requests running at once, from the memory left for the key-value cache.
    prefill_tok_s
        Prompt tokens a second of one request in prefill.
    request_tok_s
        Output tokens a second of one request running alone.
    decode_tok_s
        Output tokens a second of the whole replica with all slots decoding.
    """

    accelerators: int
    slots: int
    prefill_tok_s: float
    request_tok_s: float
    decode_tok_s: float


def replica_rates(
    *,
    parameters_b: float,
    active_parameters_b: float,
    bytes_per_parameter: float,
    cache_kb_per_token: float,
    context_tokens: float,
    fp16_tflops: float,
    memory_gb: float,
    memory_bandwidth_tb_s: float,
    path: str = "model",
    most_accelerators: int = 64,
) -> ReplicaRates:
    """Size a replica and estimate its rates.

    Weights must fit in ``MEMORY_SHARE (1 - CACHE_SHARE)`` of the group's memory. Prefill is
    bound by compute, ``n F e_p / 2 A`` tokens a second; a decode step with `m` requests reads the
    weights touched and every request's cache, ``t(m) = (W(m) + m c L) / (n B e_d)``, and a
    mixture-of-experts model touches ``W(m) = W (1 - (1 - A/P)^m)`` of its weights. Roofline:
    Williams, Waterman and Patterson, CACM 52(4), 2009; its use for decoding: Pope et al., MLSys
    2023.

    Parameters
    ----------
    parameters_b, active_parameters_b
        Parameters in all, and used for one token, billions.
    bytes_per_parameter
        Bytes of one stored parameter (2 for BF16, 1 for FP8).
    cache_kb_per_token
        Key-value cache of one token, kB.
    context_tokens
        Mean tokens a running request holds in the cache.
    fp16_tflops, memory_gb, memory_bandwidth_tb_s
        The accelerator: dense FP16 peak, memory, bandwidth.
    path
        Named in the error when the model does not fit.
    most_accelerators
        Largest group.

    Raises
    ------
    InputError
        The model does not fit in the memory of the largest group.
    """
    weights_gb = parameters_b * bytes_per_parameter
    usable_gb = memory_gb * MEMORY_SHARE
    count = 1
    while count * usable_gb * (1.0 - CACHE_SHARE) < weights_gb:
        count *= 2
        if count > most_accelerators:
            raise InputError(
                [
                    Problem(
                        path,
                        f"{weights_gb:.0f} GB of weights",
                        f"does not fit in {most_accelerators} accelerators of {memory_gb:g} GB",
                        f"at most {most_accelerators * usable_gb * (1 - CACHE_SHARE):.0f} GB",
                    )
                ],
                "model does not fit in memory",
            )
    flops = count * fp16_tflops * 1e12
    bandwidth_gb_s = count * memory_bandwidth_tb_s * 1000.0 * DECODE_EFFICIENCY
    cache_gb = cache_kb_per_token * context_tokens / 1e6
    room_gb = count * usable_gb - weights_gb
    slots = int(np.clip(room_gb / cache_gb, 1, MOST_SLOTS)) if cache_gb > 0 else MOST_SLOTS
    prefill_tok_s = flops * PREFILL_EFFICIENCY / (2.0 * active_parameters_b * 1e9)
    sparse = min(active_parameters_b / parameters_b, 1.0)

    def decode(running: float) -> float:
        touched = weights_gb * (1.0 - (1.0 - sparse) ** running)
        step_s = (touched + running * cache_gb) / bandwidth_gb_s
        return float(min(running / step_s, prefill_tok_s))

    return ReplicaRates(count, slots, prefill_tok_s, decode(1.0), decode(float(slots)))


def decode_table(
    slots: NDArray[np.int64],
    request_tok_s: NDArray[np.float64],
    decode_tok_s: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the decode rate of a replica with ``m`` requests decoding, ``(G, max slots + 1)``.

    ``r(m) = min(m cap, total)``: limited processor sharing with a cap on each request.
    """
    running = np.arange(int(slots.max(initial=1)) + 1, dtype=np.float64)
    table: NDArray[np.float64] = np.minimum(
        running[None, :] * request_tok_s[:, None], decode_tok_s[:, None]
    )
    return table


def divide_fleet(
    serving: NDArray[np.int64],
    share: NDArray[np.float64],
    accelerators: NDArray[np.int64],
    sampling: int,
) -> NDArray[np.int64]:
    """Divide serving accelerators among models in whole simulated replicas, ``(P, M)``.

    A simulated replica stands for `sampling` real ones. No pool gives more than it has; what a
    pool is too small to hold is carried over to the next one, largest pool first, so the national
    division among models is kept.

    Parameters
    ----------
    serving
        ``(P,)`` accelerators set aside.
    share
        ``(P, M)`` wanted division, rows sum to 1 or 0.
    accelerators
        ``(P, M)`` accelerators of one replica; 0 = the model does not fit.
    sampling
        Real replicas a simulated one stands for.
    """
    out = np.zeros(share.shape, dtype=np.int64)
    carry = np.zeros(share.shape[1])
    for pool in np.argsort(-serving, kind="stable"):
        unit = accelerators[pool] * sampling
        fits = unit > 0
        if not fits.any():
            continue
        wanted = share[pool] * serving[pool]
        target = wanted + carry
        count = np.zeros(len(unit), dtype=np.int64)
        count[fits] = np.maximum(np.minimum(wanted, target)[fits], 0.0) // unit[fits]
        left = int(serving[pool] - (count * unit).sum())
        target -= count * unit
        while True:
            able = fits & (unit <= left) & (target >= unit / 2.0)
            if not able.any():
                break
            best = int(np.argmax(np.where(able, target, -np.inf)))
            count[best] += 1
            target[best] -= unit[best]
            left -= int(unit[best])
        carry = target
        out[pool] = count
    return out
