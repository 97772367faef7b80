"""What a serving engine costs a step, from model and device; one replica served alone.

A step of an engine is bound by reading weights or by computing, whichever takes longer, and adds
the reading of the key-value cache, the attention of prompts, the exchange between accelerators of
a tensor-parallel group (two all-reduces a layer, ring: ``2 (n - 1) / n`` of the activations) and an
overhead a layer (launches and synchronisation). Roofline: Williams, Waterman and Patterson, CACM
52(4), 2009; inference: Pope et al., MLSys 2023. Three constants a device are fitted to measured
runs where there are any; elsewhere they are the defaults below and the estimate is labelled so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from computenet.errors import InputError, Problem, nearest
from computenet.kernels.request_state import (
    EngineFacts,
    RequestChunk,
    RoutingPlan,
    grow_arena,
    make_arena,
    make_replica_facts,
    make_request_out,
    make_request_state,
)
from computenet.kernels.requests import advance_requests, close_requests
from computenet.serving import DECODE_EFFICIENCY, MEMORY_SHARE, PREFILL_EFFICIENCY

__all__ = [
    "BLOCK_TOKENS",
    "DEVICES",
    "LAWS",
    "LAYER_OVERHEAD_S",
    "MODELS",
    "STEP_TOKENS",
    "Device",
    "EngineLimits",
    "Served",
    "ServedModel",
    "cache_capacity_tokens",
    "find",
    "serve_alone",
    "sharing_rates",
    "step_costs",
]

T = TypeVar("T")
F8 = NDArray[np.float64]
I8 = NDArray[np.int64]

LAWS = ("processor-sharing", "continuous-batching")
#: Overhead of a layer in a step, s: both measured devices lie between 69 and 75 microseconds.
LAYER_OVERHEAD_S = 7e-5
#: Tokens of a block of cache (vLLM's default).
BLOCK_TOKENS = 16
#: Most tokens of a step (vLLM's default for serving) where nothing else is said.
STEP_TOKENS = 2048


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A language model.

    Attributes
    ----------
    parameters_b, active_parameters_b
        Parameters of the layers and the head, all and those one token uses, billions; the input
        embedding is looked up, not read.
    width, attention_width
        Size of the hidden state; query heads times their size.
    cache_kb_per_token
        Key-value cache of one token, kB.
    """

    name: str
    parameters_b: float
    active_parameters_b: float
    bytes_per_parameter: float
    layers: int
    width: int
    attention_width: int
    cache_kb_per_token: float
    source: str
    grade: str


@dataclass(frozen=True, slots=True)
class Device:
    """An accelerator, with the three constants of its engine.

    Attributes
    ----------
    link_gb_s
        What an accelerator sends to its neighbour in a group, GB/s.
    compute_efficiency, bandwidth_efficiency
        Shares of the peaks that an engine reaches.
    layer_overhead_s
        Overhead of a layer in a step, s.
    """

    name: str
    fp16_tflops: float
    memory_gb: float
    memory_bandwidth_tb_s: float
    link_gb_s: float
    source: str
    compute_efficiency: float = PREFILL_EFFICIENCY
    bandwidth_efficiency: float = DECODE_EFFICIENCY
    layer_overhead_s: float = LAYER_OVERHEAD_S
    grade: str = "estimated"


_CARDS = "public model card and configuration"
MODELS = {
    item.name: item
    for item in (
        ServedModel("llama-3.1-8b", 7.505, 7.505, 2, 32, 4096, 4096, 131.072, _CARDS, "published"),
        ServedModel("llama-3.1-70b", 69.5, 69.5, 2, 80, 8192, 8192, 327.68, _CARDS, "published"),
        ServedModel("qwen3-8b", 7.57, 7.57, 2, 36, 4096, 4096, 147.456, _CARDS, "published"),
        ServedModel("qwen3-14b", 13.99, 13.99, 2, 40, 5120, 5120, 163.84, _CARDS, "published"),
        ServedModel("qwen3-32b", 31.98, 31.98, 2, 64, 5120, 8192, 262.144, _CARDS, "published"),
        ServedModel("qwen3-30b-a3b", 30.2, 3.0, 2, 48, 2048, 4096, 98.304, _CARDS, "published"),
        ServedModel("deepseek-r1", 670.0, 36.5, 1, 61, 7168, 24576, 70.272, _CARDS, "published"),
    )
}
_FIT = "three constants fitted to one measured vLLM 0.19 run (300 ShareGPT requests); peaks: vendor"
_SHEET = "vendor's data sheet; constants: defaults of published serving studies, not measured"
DEVICES = {
    item.name: item
    for item in (
        Device("rtx-4090", 165.2, 24, 1.008, 32, _FIT, 0.903, 0.942, 6.90e-5, "measured"),
        Device("rtx-pro-6000", 503.8, 96, 1.597, 64, _FIT, 0.412, 0.602, 7.52e-5, "measured"),
        Device("a100-80gb", 312, 80, 2.04, 300, _SHEET),
        Device("a800-80gb", 312, 80, 2.04, 200, _SHEET),
        Device("h100-sxm", 989, 80, 3.35, 450, _SHEET),
        Device("h800-sxm", 989, 80, 3.35, 200, _SHEET),
        Device("h20-96gb", 148, 96, 4.0, 450, _SHEET),
        Device("ascend-910b", 313, 64, 1.6, 196, _SHEET),
    )
}


def find(table: Mapping[str, T], name: str, option: str) -> T:
    """Return an entry of a table by name.

    Raises
    ------
    InputError
        There is none of that name.
    """
    if name not in table:
        raise InputError(
            [Problem(option, name, "is not in the table", ", ".join(table), nearest(name, table))]
        )
    return table[name]


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """Limits of an engine.

    Attributes
    ----------
    slots
        Most requests running at once.
    budget
        Most tokens of a step.
    cache_tokens
        Tokens that the key-value cache holds.
    lag
        Steps that decisions lag behind: 1 = scheduling while the step before runs.
    """

    slots: int
    budget: int
    cache_tokens: int
    lag: int = 1


@dataclass(frozen=True, slots=True)
class Served:
    """Requests that were answered, axis n, in order of arrival; s, TPOT NaN for one token."""

    arrival_s: F8
    ttft_s: F8
    tpot_s: F8
    e2e_s: F8
    dropped: int


def cache_capacity_tokens(model: ServedModel, device: Device, parallel: int) -> int:
    """Return the tokens of cache that fit beside the weights, in whole blocks.

    Raises
    ------
    InputError
        The model does not fit in memory.
    """
    weights_gb = model.parameters_b * model.bytes_per_parameter
    usable_gb = parallel * device.memory_gb * MEMORY_SHARE
    room_gb = usable_gb - weights_gb
    tokens = int(room_gb * 1e6 / model.cache_kb_per_token) // BLOCK_TOKENS * BLOCK_TOKENS
    if tokens < BLOCK_TOKENS:
        raise InputError(
            [
                Problem(
                    f"{model.name} on {parallel} x {device.name}",
                    f"{weights_gb:.1f} GB of weights",
                    f"does not fit in memory: {usable_gb:.1f} GB are usable "
                    f"({MEMORY_SHARE:.0%} of {parallel} x {device.memory_gb:g} GB)",
                    "more accelerators a replica, or a smaller model",
                )
            ],
            "model does not fit in memory",
        )
    return tokens


def step_costs(model: ServedModel, device: Device, parallel: int) -> F8:
    """Return what a step costs, ``(7,)``, in the order of `EngineFacts.step`, s.

    Fixed; weights; a token computed; a token exchanged; a token of cache read; a query-key pair of
    a prompt; and the share of the weights that one token reads.
    """
    bandwidth = parallel * device.memory_bandwidth_tb_s * 1e12 * device.bandwidth_efficiency
    flops = parallel * device.fp16_tflops * 1e12 * device.compute_efficiency
    weights = model.parameters_b * 1e9 * model.bytes_per_parameter
    exchanged = 2.0 * model.layers * model.width * 2.0 * (2.0 * (parallel - 1) / parallel)
    return np.asarray(
        [
            device.layer_overhead_s * model.layers,
            weights / bandwidth,
            2.0 * model.active_parameters_b * 1e9 / flops,
            exchanged / (device.link_gb_s * 1e9),
            model.cache_kb_per_token * 1e3 / bandwidth,
            4.0 * model.attention_width * model.layers / flops,
            min(model.active_parameters_b / model.parameters_b, 1.0),
        ]
    )


def sharing_rates(
    step: F8, limits: EngineLimits, prompt_tokens: float, context_tokens: float
) -> tuple[float, F8, F8]:
    """Return the rates of processor sharing that a step's costs lead to.

    With `m` requests decoding a step takes ``t(m)`` and gives each a token, so ``r(m) = m / t(m)``.
    While prompts are taken in, steps are full: they take ``budget - m`` tokens of prompts in.

    Returns
    -------
    tuple
        Prompt tokens a second; rates ``(slots + 1,)`` without and with a prompt being taken in.
    """
    fixed, weights, token, exchange, cache, pair, sparse = step.tolist()
    m = np.arange(limits.slots + 1, dtype=np.float64)

    def linear(tokens: F8) -> F8:
        touched = weights * (1.0 - (1.0 - sparse) ** tokens) if sparse < 1.0 else weights
        spent: F8 = fixed + np.maximum(touched, token * tokens) + exchange * tokens
        return spent

    alone = linear(m) + cache * context_tokens * m
    full = (
        linear(np.full_like(m, limits.budget))
        + cache * context_tokens * m
        + pair * limits.budget * 0.5 * prompt_tokens
    )
    prefill = float(limits.budget / full[0])
    return prefill, m / alone, m / full


def serve_alone(
    arrival_s: F8,
    input_tokens: I8,
    output_tokens: I8,
    model: ServedModel,
    device: Device,
    parallel: int,
    limits: EngineLimits,
    law: str = "continuous-batching",
    cached_tokens: I8 | None = None,
) -> Served:
    """Serve requests, sorted by arrival, by one replica without network.

    Parameters
    ----------
    arrival_s, input_tokens, output_tokens
        ``(n,)`` requests.
    law
        One of `LAWS`.
    cached_tokens
        ``(n,)`` prompt tokens whose cache is there already.
    """
    n = len(arrival_s)
    step = step_costs(model, device, parallel)
    prompt = float(np.mean(input_tokens)) if n else 1.0
    context = prompt + (0.5 * float(np.mean(output_tokens)) if n else 0.0)
    prefill, alone, mixed = sharing_rates(step, limits, prompt, context)
    engine = None
    if law == "continuous-batching":
        blocks = np.asarray([limits.cache_tokens // BLOCK_TOKENS], dtype=np.int64)
        budget = np.asarray([limits.budget], dtype=np.int64)
        engine = EngineFacts(limits.lag, BLOCK_TOKENS, blocks, budget, step[None, :])
    facts = make_replica_facts(
        np.asarray([1]), np.asarray([limits.slots]), np.asarray([prefill]), alone[None, :],
        np.asarray([1.0]), np.asarray([1.0]), 1, 1e15, mixed_tok_s=mixed[None, :],
        cache_tokens=np.asarray([limits.cache_tokens]), block=BLOCK_TOKENS, engine=engine,
    )  # fmt: skip
    state = make_request_state(facts)
    out = make_request_out(1, 1, 1, record_rows=n)
    arena = grow_arena(make_arena(), state, n)
    none = np.zeros(n, dtype=np.int32)
    chunk = RequestChunk(
        np.ascontiguousarray(arrival_s, dtype=np.float64), none, input_tokens.astype(np.int32),
        output_tokens.astype(np.int32),
        none if cached_tokens is None else cached_tokens.astype(np.int32),
        np.zeros(n, dtype=np.float32), np.asarray([n], dtype=np.int64),
    )  # fmt: skip
    plan = RoutingPlan(
        np.asarray([0, 1]), np.zeros(1, dtype=np.int32), np.ones(1), np.ones(1), np.zeros((1, 1)),
        np.zeros((1, 1)), np.ones((1, 1), dtype=np.uint8), np.zeros(1, dtype=np.int64),
    )  # fmt: skip
    advance_requests(chunk, plan, state, facts, arena, np.inf, out)
    close_requests(plan, state, facts, arena, 1e15, out)
    record = out.record[: int(out.served[0])]
    record = record[np.argsort(record[:, 1], kind="stable")]
    return Served(record[:, 1], record[:, 2], record[:, 3], record[:, 4], int(out.dropped[0]))
